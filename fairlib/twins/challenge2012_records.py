"""Records of the Challenge 2012 twin: severity, signal quality and charting → texts of rows ``Time,Parameter,Value``.

A value is made as in ``mimic_episodes``: baseline + person offset + z · (shift + drift · t / 48) + measurement noise,
at one random minute of each hour. A variable is ever measured in a stay with its published probability, and then at its
rate in each hour that is charted; variables of one device or one blood sample come together. Baselines, spreads, rates
and effects are round clinical assumptions of ours. About 240 rows a stay, half of the original.

The traps of the original are there, in every set: descriptors that other rows of 00:00 interrupt, rows without a
parameter, pairs of time and parameter that repeat, Weight as descriptor and as time series.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from ..readers.challenge2012_files import HOURS, VARIABLES
from .mimic_episodes import Signal
from .people import Scorer, facts

FACTS = facts("challenge2012_signals")
SIGNALS = {name: Signal(*values) for name, values in FACTS["signals"].items()}
#: Measured in the same stays: by one device, or in one sample. The first has the probability.
TOGETHER = FACTS["together"]
#: Ever measured, where the published counts say nothing: our round figures. All others: as creatinine.
ROUND = FACTS["ever measured"]
#: A variable that is ordered for the severely ill is measured in more of their stays: log odds per unit of z.
ORDERED = 0.4
INTERRUPTED, UNNAMED, REPEATED = 0.025, 0.13, 0.004
BLOCK = 500
#: The hour of the fixed scorer, and its rule: tachycardia is a bad sign.
READ = 24
SCORER = Scorer(f"last heart rate charted in hour {READ}", "beats per minute", 100, 8, SIGNALS["HR"].baseline)


def texts(stays: pd.DataFrame, ever: dict[str, float], rng: np.random.Generator) -> Iterator[str]:
    """The record file of each stay. Columns used: z, noise, charted, and the six descriptors as texts."""
    for start in range(0, len(stays), BLOCK):
        yield from _block(stays.iloc[start : start + BLOCK], ever, rng)


def chances(ever: dict[str, float]) -> dict[str, float]:
    """Chance of each variable of being ever measured in a stay."""
    leader = {name: group[0] for group in TOGETHER for name in group}
    known = ROUND | ever
    return {name: known.get(leader.get(name, name), known["Creatinine"]) for name in VARIABLES}


def _block(stays: pd.DataFrame, ever: dict[str, float], rng: np.random.Generator) -> Iterator[str]:
    z, noise, charted = (stays[name].to_numpy()[:, None] for name in ("z", "noise", "charted"))
    n, leader = len(stays), {name: group[0] for group in TOGETHER for name in group}
    minute = 60 * np.arange(HOURS) + rng.integers(0, 60, (n, HOURS))
    trend, slot = minute / (60 * HOURS), rng.random((n, HOURS)) < charted
    measured: dict[str, np.ndarray] = {}
    rows = []  # of (stay, minute, text)
    for name, chance in chances(ever).items():
        first, signal = leader.get(name, name), SIGNALS[name]
        if first not in measured:
            ordered = ORDERED if chance < 0.9 else 0
            measured[first] = rng.random((n, 1)) < expit(logit(chance) + ordered * z)
        seen = slot & measured[first] & (rng.random((n, HOURS)) < signal.rate)
        value = signal.value(z, noise, rng.standard_normal((n, 1)), trend, rng)
        whole = signal.shown(value[seen])
        again = rng.random(len(whole)) < (0 if name == "MechVent" else REPEATED)  # the later row counts
        stay, at = np.nonzero(seen)[0], minute[seen]
        parts = ((stay, at, whole), (stay[again], at[again], whole[again] + 1))
        rows += [(s, m, _rows(name, w, 10**signal.digits)) for s, m, w in parts]
    weighed = stays["Weight"].to_numpy(object) != "-1"
    seen = slot & weighed[:, None] & (rng.random((n, HOURS)) < 0.1)
    stay = np.nonzero(seen)[0]
    rows.append((stay, minute[seen], "Weight," + stays["Weight"].to_numpy(object)[stay]))
    stay = np.flatnonzero(rng.random(n) < UNNAMED)
    albumin = np.rint(10 * np.clip(rng.normal(3, 0.5, len(stay)), 1, 5))
    rows.append((stay, rng.integers(0, 60 * HOURS, len(stay)), _rows("", albumin, 10)))
    stay, at, text = (np.concatenate([part[i] for part in rows]) for i in range(3))
    order = np.lexsort((at, stay))
    clock = np.array([f"{m // 60:02d}:{m % 60:02d}," for m in range(60 * HOURS)], dtype=object)
    lines = (clock[at] + text)[order].tolist()
    ends = np.cumsum(np.bincount(stay, minlength=n))
    interrupted = rng.random(n) < INTERRUPTED
    heads = stays[["RecordID", "Age", "Gender", "Height", "ICUType", "Weight"]]
    for i, cells in enumerate(heads.itertuples(index=False)):
        head = [f"00:00,{name},{cell}" for name, cell in zip(heads.columns, cells, strict=True)]
        if interrupted[i]:
            head.insert(3, "00:00,Urine,0")
        yield "\n".join(["Time,Parameter,Value", *head, *lines[ends[i - 1] if i else 0 : ends[i]], ""])


def heart_rate(stays: pd.DataFrame, ever: dict[str, float], rng: np.random.Generator) -> np.ndarray:
    """Fresh draws of what ``SCORER`` reads: the last heart rate of hour ``READ``, (n,), NaN where none is charted."""
    z, noise, charted = (stays[name].to_numpy()[:, None] for name in ("z", "noise", "charted"))
    n, signal = len(stays), SIGNALS["HR"]
    trend = (60 * READ + rng.integers(0, 60, (n, 1))) / (60 * HOURS)
    seen = (rng.random((n, 1)) < charted * signal.rate) & (rng.random((n, 1)) < chances(ever)["HR"])
    shown = signal.shown(signal.value(z, noise, rng.standard_normal((n, 1)), trend, rng))
    shown += rng.random((n, 1)) < REPEATED
    return np.where(seen, shown / 10**signal.digits, np.nan)[:, 0]


def _rows(name: str, whole: np.ndarray, divisor: int) -> np.ndarray:
    """``parameter,value`` for each value whole / divisor; formats each different value once."""
    values, where = np.unique(whole, return_inverse=True)
    return np.array([f"{name},{value / divisor:.6g}" for value in values], dtype=object)[where]
