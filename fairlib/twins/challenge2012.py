"""Challenge 2012 twin: synthetic stays in the official layout, tarballs of record files beside their outcomes.

Written: ``set-a.tar.gz`` and ``Outcomes-a.txt``, sets b and c where a twin has more than 4,000 and 8,000 stays, and
TWIN.json, which says that all is synthetic, and states spec, seed, planted disparities and realised counts. The model
is that of ``people``; shares and death rates are the published counts in ``challenge2012_published.json``. Assumptions
of ours: attributes independent of each other, ages uniform within a published band, lengths of stay, scores, and all
that ``challenge2012_records`` says of signals.
"""

import functools
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from .. import cards
from ..readers.challenge2012_files import OUTCOME_COLUMNS
from ..seeds import generator
from . import challenge2012_records, folder, people, population
from .people import UNKNOWN, Planted, Spec, SpecError

PUBLISHED = people.facts("challenge2012_published")
SET = 4000
#: Above the official numbers (132539 to 163037), so that no synthetic record can be taken for a real one.
FIRST_RECORD = 900_001
SCORER = challenge2012_records.SCORER
#: The segment whose knob a dial turns: large, and with a published rate of the outcome unlike the others'.
TURNED = ("age", ">=65")


@dataclass(frozen=True)
class TwinSpec(Spec):
    """The twin's defaults: a few modest planted disparities; units, zeros and ranges in ``people.KNOBS``."""

    noise: Planted = field(default_factory=lambda: {"gender": {"Female": 0.5}})
    missingness: Planted = field(default_factory=lambda: {"age": {">=65": 0.3}})
    label_noise: Planted = field(default_factory=lambda: {"age": {">=65": 0.15}})

    def __post_init__(self):
        super().__post_init__()
        if self.windows > 3 * SET:
            raise SpecError(f"windows must be at most {3 * SET}, three sets of {SET}, got {self.windows}")


#: ``write(path, spec=None, seed=0)``: a twin of ``spec.windows`` stays.
write = functools.partial(folder.write, "challenge2012")


def files(path: Path, spec: TwinSpec, seed: int) -> dict[str, object]:
    """Write the files into an empty folder; returns realised counts."""
    stays, rows, rng = _stays(spec, seed), 0, generator(seed, "twin", "challenge2012", "signals")
    for name, part in stays.groupby("set"):
        records = challenge2012_records.texts(part, PUBLISHED["ever measured"], rng)
        named = zip(part["RecordID"].astype(str) + ".txt", records, strict=True)
        rows += folder.tarball(path / f"set-{name}.tar.gz", f"set-{name}", named)
        folder.save(part[list(OUTCOME_COLUMNS)], path / f"Outcomes-{name}.txt")
    wrong = stays["label"] != stays["outcome"]
    counted = stays.assign(windows=1, people=1, deaths=stays["label"], wrong=wrong)
    realised = folder.counts("challenge2012", counted, "deaths", {"sets": "set"})
    return realised | {"rows per record": round(rows / len(stays), 1)}


def tables() -> dict[str, pd.Series]:
    """Published shares of the segments, as ``people.population`` takes them."""
    return {name: table["people"] for name, table in _published().items()}


def rates() -> tuple[dict[str, dict[str, float]], float]:
    """Share of deaths in each segment, and of everybody."""
    segments = {name: table["rate"].to_dict() for name, table in _published().items()}
    return segments, PUBLISHED["deaths"] / PUBLISHED["windows"]


def _published() -> dict[str, pd.DataFrame]:
    """Attribute → table of segments with people and death rate, all sets together."""
    card, out = cards.load("challenge2012"), {}
    for name in card.attributes:
        counts = pd.DataFrame(PUBLISHED[name]).T
        rates = pd.DataFrame(PUBLISHED[f"{name} death rates"]).T.reindex(counts.index)
        table = pd.DataFrame({"people": counts.sum(axis=1), "deaths": (counts * rates).sum(axis=1)})
        if name == "age":
            table = _at_65(table)
        else:
            segments = pd.Series(card.attributes[name].segment(pd.Series(table.index), name)).astype(object)
            table = table.groupby(segments.fillna(UNKNOWN).to_numpy(), sort=False).sum()
        overall = PUBLISHED["deaths"] / PUBLISHED["windows"]  # of the few whose attribute is unknown
        table["rate"] = (table["deaths"] / table["people"]).where(table["deaths"] > 0, overall)
        out[name] = table
    return out


def _at_65(bands: pd.DataFrame) -> pd.DataFrame:
    """Bands of ages → the card's two segments, ages being uniform within a band."""
    low, high = (np.array([int(band.split("-")[i]) for band in bands.index]) for i in (0, 1))
    under = np.clip((65 - low) / (high + 1 - low), 0, 1)
    return pd.DataFrame({"<65": bands.T @ under, ">=65": bands.T @ (1 - under)}).T


def fresh(spec: TwinSpec, n: int, rng: np.random.Generator) -> pd.DataFrame:
    """n fresh draws of the model for ``truth``: person, segments, z, label, best (score), reading (of ``SCORER``)."""
    stays = _drawn(spec, n, rng)
    best = people.best_score(stays, people.chance(stays, stays["z"], spec))
    reading = challenge2012_records.heart_rate(stays, PUBLISHED["ever measured"], rng)
    return stays.assign(person=np.arange(n), best=best, reading=reading)


def _drawn(spec: TwinSpec, n: int, rng: np.random.Generator) -> pd.DataFrame:
    """n stays, each of another person: segments, knobs' effects, severity z, outcome and label."""
    stays = population("challenge2012", spec, n, rng)
    stays["z"] = rng.standard_normal(n)
    stays["outcome"], stays["label"] = people.label(stays, stays["z"], spec, rng)
    return stays


def _stays(spec: TwinSpec, seed: int) -> pd.DataFrame:
    """One row a stay: segments, severity, knobs' effects, label, descriptors and outcomes as in the files."""
    rng = generator(seed, "twin", "challenge2012", "people")
    stays = _drawn(spec, spec.windows, rng)
    n, z = len(stays), stays["z"].to_numpy()
    stays["RecordID"] = FIRST_RECORD + np.arange(n)
    stays["set"] = np.array(list("abc"))[np.arange(n) // SET]
    card = cards.load("challenge2012").attributes
    for column, name in (("Gender", "gender"), ("ICUType", "icu_type")):
        code = {segment: code for code, segment in card[name].values.items()}
        stays[column] = stays[name].map(code).fillna("-1")
    stays["Age"] = _ages(stays["age"].to_numpy(), rng)

    def unless_unknown(values: np.ndarray, name: str) -> np.ndarray:
        return np.where(rng.random(n) < PUBLISHED["unknown"][name] / PUBLISHED["windows"], "-1", values.astype(str))

    man = (stays["gender"] == "Male").to_numpy()
    stays["Height"] = unless_unknown(np.clip(np.rint(rng.normal(162 + 13 * man, 8)), 130, 210).astype(int), "Height")
    stays["Weight"] = unless_unknown(np.clip(np.rint(rng.normal(73 + 12 * man, 17)), 35, 220).astype(int), "Weight")
    for name, mean, effect, highest in (("SAPS-I", 14, 4, 34), ("SOFA", 6, 3, 22)):
        score = np.rint(np.clip(mean + effect * z + rng.normal(0, 2.5, n), 0, highest)).astype(int)
        stays[name] = unless_unknown(score, name)
    stay = 2 + np.rint(rng.gamma(1.3, 8, n)).astype(int)
    died = stays["label"].to_numpy() == 1
    later = np.where(rng.random(n) < 0.3, stay + rng.integers(1, 900, n), -1)  # after the stay, or unknown
    stays["Length_of_stay"] = stay
    stays["Survival"] = np.where(died, stay - rng.integers(0, 2, n) * (stay > 2), later)
    stays["In-hospital_death"] = stays["label"]
    return stays


def _ages(segment: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Whole years by the published bands, within the person's segment."""
    years, weight = [], []
    for band, counts in PUBLISHED["age"].items():
        low, high = map(int, band.split("-"))
        years += range(low, high + 1)
        weight += [sum(counts) / (high + 1 - low)] * (high + 1 - low)
    years, weight = np.array(years), np.array(weight)
    ages = np.empty(len(segment), dtype=int)
    for name, chosen in (("<65", years < 65), (">=65", years >= 65)):
        here = segment == name
        ages[here] = rng.choice(years[chosen], here.sum(), p=weight[chosen] / weight[chosen].sum())
    return ages
