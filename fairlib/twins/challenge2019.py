"""Challenge 2019 twin: synthetic stays of hospital A in the official layout, an archive of one ``.psv`` a stay.

Written: ``training_setA.tar.gz`` and TWIN.json, which says that all is synthetic, and states spec, seed, planted
disparities and realised counts. The model is that of ``people``; shares and rates of sepsis are the counts in
``challenge2019_published.json``, signals those of ``challenge2019_signals.json``, made as in ``mimic_episodes``, one
value an hour. Assumptions of ours: attributes independent of each other, ages within a segment, onsets, lengths of
stay, and the effects of severity.

The traps of the original are there: records that begin after hour 1, a variable that nobody has, missing units, and
stays that the study leaves out, which come on top of ``windows``. Hospital B is sealed, so the twin has none.
"""

import functools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from ..readers.challenge2019_files import COLUMNS, HOURS, VARIABLES
from ..seeds import generator
from . import folder, people, population
from .challenge2012_records import BLOCK, ORDERED
from .mimic_episodes import Signal
from .people import Planted, Scorer, Spec

PUBLISHED, FACTS = people.facts("challenge2019_published"), people.facts("challenge2019_signals")
SIGNALS = {name: Signal(*values) for name, values in FACTS["signals"].items()}
#: Variable → the first of those that are measured in the same stays.
LEADER = {name: group[0] for group in FACTS["together"] for name in group}
#: Above the official numbers (p000001 to p120000), so that no synthetic record can be taken for a real one.
FIRST_RECORD = 900_001
#: The fixed scorer, and its rule: tachycardia is a bad sign.
SCORER = Scorer(f"heart rate charted in hour {HOURS}", "beats per minute", 100, 8, SIGNALS["HR"].baseline)
#: The segment whose knob a dial turns: large, and with a rate of the outcome above the others'.
TURNED = ("gender", "Male")


@dataclass(frozen=True)
class TwinSpec(Spec):
    """The twin's defaults: a few modest planted disparities; units, zeros and ranges in ``people.KNOBS``."""

    noise: Planted = field(default_factory=lambda: {"gender": {"Female": 0.5}})
    missingness: Planted = field(default_factory=lambda: {"age": {">=65": 0.3}})
    label_noise: Planted = field(default_factory=lambda: {"age": {">=65": 0.15}})


#: ``write(path, spec=None, seed=0)``: a twin of ``spec.windows`` stays in the cohort.
write = functools.partial(folder.write, "challenge2019")


def files(path: Path, spec: TwinSpec, seed: int) -> dict[str, object]:
    """Write the files into an empty folder; returns realised counts, of the stays in the cohort."""
    stays, rng = _stays(spec, seed), generator(seed, "twin", "challenge2019", "signals")
    named = zip(stays["person"] + ".psv", _texts(stays, rng), strict=True)
    rows = folder.tarball(path / "training_setA.tar.gz", "training_setA", named)
    studied = stays[: spec.windows]
    wrong = studied["label"] != studied["outcome"]
    realised = folder.counts(
        "challenge2019", studied.assign(windows=1, people=1, sepsis=studied["label"], wrong=wrong), "sepsis"
    )
    left_out = len(stays) - len(studied)
    return realised | {"stays left out by the study": left_out, "rows per record": round(rows / len(stays), 1)}


def tables() -> dict[str, pd.Series]:
    """Published shares of the segments, as ``people.population`` takes them."""
    return people.shares(PUBLISHED["counts"])


def rates() -> tuple[dict[str, dict[str, float]], float]:
    """Share of stays with sepsis in each segment, and of everybody."""
    counts = PUBLISHED["counts"]
    segments = {name: {s: k / counts[name][s] for s, k in part.items()} for name, part in PUBLISHED["positive"].items()}
    return segments, PUBLISHED["sepsis"] / PUBLISHED["windows"]


def fresh(spec: TwinSpec, n: int, rng: np.random.Generator) -> pd.DataFrame:
    """n fresh draws of the model for ``truth``: person, segments, z, label, best (score), reading (of ``SCORER``)."""
    stays, signal = _drawn(spec, n, rng), SIGNALS["HR"]
    best = people.best_score(stays, people.chance(stays, stays["z"], spec))
    z, noise = (stays[name].to_numpy()[:, None] for name in ("z", "noise"))
    value = signal.value(z, noise, rng.standard_normal((n, 1)), np.full((n, 1), _trend(HOURS)), rng)[:, 0]
    seen = rng.random(n) < stays["charted"] * signal.rate * FACTS["ever measured"]["HR"]
    return stays.assign(person=np.arange(n), best=best, reading=np.where(seen, signal.shown(value), np.nan))


def _drawn(spec: TwinSpec, n: int, rng: np.random.Generator) -> pd.DataFrame:
    """n stays, each of another person: segments, knobs' effects, severity z, outcome and label."""
    stays = population("challenge2019", spec, n, rng)
    stays["z"] = rng.standard_normal(n)
    stays["outcome"], stays["label"] = people.label(stays, stays["z"], spec, rng)
    return stays


def _stays(spec: TwinSpec, seed: int) -> pd.DataFrame:
    """One row a stay, first the ``spec.windows`` of the cohort: segments, severity, knobs' effects, label, the columns
    of the files that do not change, first and last hour, and the hour from which the label is 1, 0 for never."""
    rng = generator(seed, "twin", "challenge2019", "people")
    short, early = (
        round(spec.windows * count / PUBLISHED["windows"]) for count in PUBLISHED["left out"].values()
    )  # in this order
    stays = _drawn(spec, n := spec.windows + short + early, rng)
    at = np.arange(n)
    left, soon = at >= spec.windows, at >= spec.windows + short
    onset = HOURS + 1 + rng.gamma(1, 20, n).astype(int)
    onset = np.where(soon, rng.integers(5, HOURS + 1, n), np.where(~left & (stays["label"] == 1), onset, 0))
    last = HOURS + rng.gamma(1.2, 14, n).astype(int)
    last = np.where(onset > 0, np.maximum(onset, HOURS) + rng.integers(3, 10, n), last)
    stays["last"] = np.where(left & ~soon, rng.integers(8, HOURS, n), last)
    stays["first"] = np.where(rng.random(n) < PUBLISHED["begins after hour 1"], rng.integers(2, 9, n), 1)
    stays["onset"], stays["person"] = onset, [f"p{FIRST_RECORD + i}" for i in at]
    old = (stays["age"] == ">=65").to_numpy()
    stays["Age"] = np.where(old, 65 + 24 * rng.beta(1, 1.4, n), 18 + 46.9 * rng.beta(2, 1, n)).round(2)
    stays["Gender"] = (stays["gender"] == "Male").astype(int)
    for column, segment in (("Unit1", "Medical"), ("Unit2", "Surgical")):
        known = (stays["unit"] == segment).astype(int).astype(str)
        stays[column] = known.where(stays["unit"] != people.UNKNOWN, "NaN")
    return stays.assign(HospAdmTime=-rng.gamma(0.5, 60, n).round(2))


def _texts(stays: pd.DataFrame, rng: np.random.Generator) -> Iterator[str]:
    """The record file of each stay."""
    for start in range(0, len(stays), BLOCK):
        yield from _block(stays.iloc[start : start + BLOCK], rng)


def _block(stays: pd.DataFrame, rng: np.random.Generator) -> Iterator[str]:
    z, noise, charted = (stays[name].to_numpy()[:, None] for name in ("z", "noise", "charted"))
    shape = n, hours = len(stays), int(stays["last"].max())
    trend, slot = np.broadcast_to(_trend(np.arange(1, hours + 1)), shape), rng.random(shape) < charted
    cells, measured = np.full((*shape, len(VARIABLES)), "NaN", dtype=object), {}
    for j, name in enumerate(VARIABLES):
        leader, signal = LEADER.get(name, name), SIGNALS[name]
        if leader not in measured:
            chance = FACTS["ever measured"][leader]
            ordered = ORDERED if chance < 0.9 else 0
            measured[leader] = rng.random((n, 1)) < expit(logit(chance) + ordered * z)
        seen = slot & measured[leader] & (rng.random(shape) < signal.rate)
        value = signal.value(z, noise, rng.standard_normal((n, 1)), trend, rng)
        whole, where = np.unique(signal.shown(value[seen]), return_inverse=True)
        cells[:, :, j][seen] = np.array([f"{v / 10**signal.digits:.6g}" for v in whole], dtype=object)[where]
    fixed = stays[["Age", "Gender", "Unit1", "Unit2", "HospAdmTime"]].astype(str).agg("|".join, axis=1)
    spans = zip(fixed, stays["first"], stays["last"], stays["onset"], cells, strict=True)
    for person, first, last, onset, own in spans:
        rows = [
            f"{'|'.join(own[hour - 1])}|{person}|{hour}|{int(0 < onset <= hour)}" for hour in range(first, last + 1)
        ]
        yield "\n".join(["|".join(COLUMNS), *rows, ""])


def _trend(hour: np.ndarray | int) -> np.ndarray | float:
    """How far a stay has come, for ``Signal.value``: the share of 48 hours, 1 from then on."""
    return np.minimum(hour / 48, 1)
