"""MESA twin: synthetic nights in NSRR's official layout of MESA Sleep.

Written: ``actigraphy``, ``overlap``, ``polysomnography/annotations-events-profusion`` and ``datasets``, and TWIN.json,
which says that all is synthetic, and states spec, seed, planted disparities and realised counts. The model is that of
``people``: each epoch is a draw whose latent z is how deeply the night rests, and whose outcome is sleep. Shares are
the published counts in ``mesa_published.json``. Assumptions of ours: independent attributes, ages within a segment,
recordings without polysomnography, excluded stretches, and all that ``mesa_nights`` says of nights and signals.
"""

import functools
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from ..seeds import generator
from . import folder, mesa_nights, people, population
from .mesa_files import write_files
from .mesa_nights import Nights
from .people import Planted, Scorer, Spec

PUBLISHED = people.facts("mesa_published")
#: Epochs a night, as published; fewer where few windows are asked for, so that there are people enough to compare.
NIGHT = round(PUBLISHED["windows"] / PUBLISHED["people"])
SHORTEST, LONGEST, FEW = 5, 1500, 20
#: Four-digit ids above MESA's 6,814 participants, so that no synthetic person can be taken for a real one.
FIRST_PERSON = 7001
#: Share of nights with a stretch that the scorer excluded, and its length as a share of the night.
EXCLUDED, STRETCH = 0.1, 0.05
#: The fixed scorer: who does not move sleeps; where nothing was recorded, it says so too.
SCORER = Scorer("log(1 + activity count) of the epoch itself", "log counts", 1.1, -0.5, 0.0)
#: The segment whose knob a dial turns: large, and with a published rate of the outcome unlike the others'.
TURNED = ("sex", "Female")
#: Epochs a night in the draws for ``truth``: shorter nights, of more people, make its values more precise.
SHORT = 20


@dataclass(frozen=True)
class TwinSpec(Spec):
    """The MESA twin's defaults: 40 nights, a few modest planted disparities; units and ranges in ``people.KNOBS``.

    windows: epochs that a reader keeps, of all nights together. severity: log odds of sleep per unit of z.
    people: nights, each of windows / people epochs (a shorter night runs faster); None: nights of the published
    length, or 40 shorter ones, of 20 epochs at least. missingness: here the share of epochs lost.
    """

    windows: int = 40 * NIGHT
    severity: float = 6.0
    people: int | None = None
    noise: Planted = field(default_factory=lambda: {"race": {"Black": 0.5}})
    missingness: Planted = field(default_factory=lambda: {"race": {"Black": 0.1}})
    label_noise: Planted = field(default_factory=lambda: {"age": {">=65": 0.1}})

    def __post_init__(self):
        super().__post_init__()
        if self.people is not None:
            note = f" for {self.windows} windows (nights of {SHORTEST} to {LONGEST} epochs)"
            low, high = -(-self.windows // LONGEST), self.windows // SHORTEST
            people.refuse_other("people", self.people, low, high, note, whole=True)

    @property
    def nights(self) -> int:
        """How many people have a night."""
        published = round(self.windows * PUBLISHED["people"] / PUBLISHED["windows"])
        return self.people or max(published, min(40, self.windows // FEW))


#: ``write(path, spec=None, seed=0)``: a twin of ``spec.windows`` epochs.
write = functools.partial(folder.write, "mesa")


def files(path: Path, spec: TwinSpec, seed: int) -> dict[str, object]:
    """Write the files into an empty folder; returns realised counts."""
    persons, nights = draw(spec, seed)
    write_files(path, persons, nights, generator(seed, "twin", "mesa", "files"))
    scored = persons["polysomnography"]
    recorded = nights.kept & scored.to_numpy()[:, None]
    per_person = {"windows": recorded, "asleep": recorded & nights.label}
    per_person["wrong"] = recorded & (nights.label != nights.asleep)
    counted = persons.assign(people=scored, **{name: epochs.sum(axis=1) for name, epochs in per_person.items()})
    return folder.counts("mesa", counted, "asleep") | {
        "people without polysomnography": int((~scored).sum()),
        "epochs excluded": int(persons.loc[scored, "excluded"].sum()),
    }


def sized(windows: int, each: int) -> dict[str, int]:
    """Knobs of size for a study of ``windows`` windows, ``each`` of a night: nights of full length, people enough."""
    people = min(PUBLISHED["people"], max(1, round(windows / each)))
    return {"people": people, "windows": round(people * PUBLISHED["windows"] / PUBLISHED["people"])}


def tables() -> dict[str, pd.Series]:
    """Published shares of the segments, as ``people.population`` takes them."""
    return people.shares(PUBLISHED["counts"])


def rates() -> tuple[dict[str, dict[str, float]], float]:
    """Share of sleep in each segment, and of everybody; see the notes of ``mesa_published.json``."""
    overall = PUBLISHED["asleep"] / PUBLISHED["windows"]
    shift = logit(overall) + logit(PUBLISHED["wake"])
    segments = PUBLISHED["wake by segment"].items()
    return {n: {s: float(expit(shift - logit(wake))) for s, wake in part.items()} for n, part in segments}, overall


def draw(spec: TwinSpec, seed: int) -> tuple[pd.DataFrame, Nights]:
    """One row a person, in the order of the nights (extra people, without polysomnography, last), and the nights."""
    rng = generator(seed, "twin", "mesa", "people")
    extra = max(1, round(spec.nights * (PUBLISHED["actigraphy files"] / PUBLISHED["people"] - 1)))
    persons = population("mesa", spec, spec.nights + extra, rng)
    persons["polysomnography"] = np.arange(len(persons)) < spec.nights
    persons["mesaid"] = FIRST_PERSON + rng.permutation(len(persons))
    old = (persons["age"] == ">=65").to_numpy()
    # 54 and above, as the sleep exam of MESA; nsrr_age records people over 89 as 90
    persons["years"] = np.where(old, np.minimum(65 + rng.gamma(2, 4.5, len(old)), 90), 54 + 11 * rng.random(len(old)))
    share = np.clip(1 + 0.1 * rng.standard_normal(spec.nights), 0.8, 1.2)
    kept = np.diff(np.rint(np.cumsum(share) / share.sum() * spec.windows).astype(int), prepend=0)
    stretch = np.where(rng.random(spec.nights) < EXCLUDED, np.ceil(STRETCH * kept), 0).astype(int)
    persons["excluded"] = np.append(stretch, np.zeros(extra, dtype=int))
    persons["epochs"] = np.append(kept + stretch, rng.choice(kept, extra))
    pace = min(1.0, spec.windows / spec.nights / NIGHT)
    return persons, mesa_nights.draw(persons, spec, pace, generator(seed, "twin", "mesa", "nights"))


def fresh(spec: TwinSpec, n: int, rng: np.random.Generator) -> pd.DataFrame:
    """n fresh draws of the model for ``truth``: person, segments, z, label, best (score), reading (of ``SCORER``).

    A draw is an epoch; signals show the true state, so that the best scorer knows it, and z is it, 1 or 0.
    """
    short = replace(spec, windows=n, people=max(1, n // SHORT))
    persons, nights = draw(short, int(rng.integers(2**31)))
    row, epoch = np.nonzero(nights.kept & persons["polysomnography"].to_numpy()[:, None])
    epochs = persons.iloc[row].reset_index(drop=True).assign(person=row, label=nights.label[row, epoch].astype(np.int8))
    z = nights.asleep[row, epoch].astype(float)
    return epochs.assign(z=z, best=people.best_score(epochs, z), reading=np.log1p(nights.activity[row, epoch]))
