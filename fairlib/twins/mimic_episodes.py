"""Signals of the MIMIC twin: severity, signal quality and charting → texts of episode CSVs, rows at irregular times.

A value at hour t is  baseline + person offset + z · (shift + drift · t / 48) + measurement noise.  Person offset and
noise are wider by the factor ``noise`` of the person's segments (a badly fitted sensor is off in both ways). Charting
times come every hour, and between the hours more often for the severely ill; a segment's missingness removes whole
times.

Baselines are the benchmark's normal values, measurement rates roughly its printed mask means; spreads and effects
of severity are round clinical assumptions of ours, so that severity shows in many variables and in none alone.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import expit

from ..readers.benchmark_episodes import HEADER, HOURS
from .people import Scorer, facts


class Signal(NamedTuple):
    """In the variable's unit: baseline, sd between people, sd of noise, effect of z at 0 h, and added over 48 h;
    rate: chance of being measured at a charting time; digits after the point; range of what a device can show."""

    baseline: float
    person: float
    noise: float
    shift: float
    drift: float
    rate: float
    digits: int
    low: float
    high: float

    def value(self, z: np.ndarray, noise: np.ndarray, offset: np.ndarray, trend: np.ndarray, rng) -> np.ndarray:
        """Values at ``trend`` (share of 48 hours passed), as the equation above says; offset: the person's, N(0, 1)."""
        spread = noise * (self.person * offset + self.noise * rng.standard_normal(trend.shape))
        return self.baseline + z * (self.shift + self.drift * trend) + spread

    def shown(self, value: np.ndarray) -> np.ndarray:
        """What the device shows, as a whole number of its last digit."""
        return np.rint(np.clip(value, self.low, self.high) * 10**self.digits)


FACTS = facts("mimic_signals")
SIGNALS = {name: Signal(*values) for name, values in FACTS["signals"].items()}
EYE, MOTOR, TOTAL, VERBAL = (
    f"Glascow coma scale {part}" for part in ("eye opening", "motor response", "total", "verbal response")
)
REFILL = "Capillary refill rate"
#: Texts of the two record systems by score, 1 first; the verbal score of a person with a breathing tube comes last.
TEXTS = FACTS["texts"]
#: Consciousness (0: the median person; sd 1) above which the score is one point higher.
STEPS = {EYE: [-2.4, -1.9, -1.1], MOTOR: [-3.4, -3.0, -2.7, -2.2, -1.6], VERBAL: [-2.6, -2.2, -1.8, -0.9]}
#: Half-hour slots: the even ones hold the hourly charting.
SLOTS = 2 * HOURS
BLOCK = 512
#: The hour of the fixed scorer, and its rule: tachycardia is a bad sign.
READ = 24
SCORER = Scorer(f"last heart rate charted in hour {READ}", "beats per minute", 100, 8, SIGNALS["Heart Rate"].baseline)


def texts(stays: pd.DataFrame, rng: np.random.Generator) -> Iterator[str]:
    """The CSV of each stay. Columns used: z, noise, charted, system, and person (a seed of what a person keeps).

    Stays of one person share their offsets from the baseline.
    """
    offsets = rng.standard_normal((int(stays["person"].max()) + 1, len(SIGNALS) + 1))
    for start in range(0, len(stays), BLOCK):
        block = stays.iloc[start : start + BLOCK]
        yield from _block(block, offsets[block["person"]], rng)


def _block(stays: pd.DataFrame, offsets: np.ndarray, rng: np.random.Generator) -> Iterator[str]:
    z, noise, charted = (stays[name].to_numpy()[:, None] for name in ("z", "noise", "charted"))
    n = len(stays)
    minute = 30 * np.arange(SLOTS) + rng.integers(0, 30, (n, SLOTS))
    slot = _is_charted(z, charted, np.arange(SLOTS), rng)
    slot[:, 0] |= ~slot.any(axis=1)  # every stay has a charting time: the benchmark keeps no stay without a measurement
    tube = rng.random((n, 1)) < expit(-0.6 + 0.8 * z)
    cells = np.full((n, SLOTS, len(HEADER)), "", dtype=object)
    trend = minute / (60 * HOURS)
    for j, (name, signal) in enumerate(SIGNALS.items()):
        seen = slot & (rng.random((n, SLOTS)) < signal.rate)
        if name == "Fraction inspired oxygen":
            seen &= tube
        if name == "Heart Rate":
            seen = slot
        value = signal.value(z, noise, offsets[:, j, None], trend, rng)
        cells[:, :, HEADER.index(name)][seen] = _decimal(signal.shown(value[seen]), 10**signal.digits)
    spread = noise * (0.8 * offsets[:, -1, None] + 0.4 * rng.standard_normal((n, SLOTS)))
    consciousness = spread - z * (0.4 + 0.6 * trend)
    _write_coma_scale(cells, stays["system"].to_numpy(), consciousness, tube, slot & (rng.random((n, SLOTS)) < 0.3))
    seen = slot & (rng.random((n, SLOTS)) < 0.003)
    delayed = rng.random((n, SLOTS)) < expit(-2 + z)
    cells[:, :, HEADER.index(REFILL)][seen] = np.where(delayed, "1.0", "0.0")[seen]
    cells[:, :, 0] = _decimal(minute.ravel(), 60).reshape(n, SLOTS)
    head = ",".join(HEADER)
    for rows, kept in zip(cells, slot, strict=True):
        yield "\n".join([head, *map(",".join, rows[kept].tolist()), ""])


def _is_charted(z: np.ndarray, charted: np.ndarray, slots: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Which half-hour slots of a stay have a charting time: z and charted (n, 1), slots (s,) → (n, s)."""
    often = np.where(slots % 2 == 0, 0.97, np.clip(0.3 + 0.1 * z, 0.05, 0.9))
    return rng.random((len(z), len(slots))) < often * charted


def heart_rate(stays: pd.DataFrame, rng: np.random.Generator) -> np.ndarray:
    """Fresh draws of what ``SCORER`` reads: the last heart rate of hour ``READ``, (n,), NaN where none is charted."""
    z, noise, charted = (stays[name].to_numpy()[:, None] for name in ("z", "noise", "charted"))
    slots, signal = np.array([2 * READ, 2 * READ + 1]), SIGNALS["Heart Rate"]
    trend = (30 * slots + rng.integers(0, 30, (len(z), 2))) / (60 * HOURS)
    seen, offset = _is_charted(z, charted, slots, rng), rng.standard_normal((len(z), 1))
    shown = signal.shown(signal.value(z, noise, offset, trend, rng)) / 10**signal.digits
    return np.where(seen[:, 1], shown[:, 1], np.where(seen[:, 0], shown[:, 0], np.nan))


def _write_coma_scale(
    cells: np.ndarray, system: np.ndarray, level: np.ndarray, tube: np.ndarray, seen: np.ndarray
) -> None:
    """Texts of the scores in the stay's record system; only CareVue holds the total, as in the original."""
    scores = {part: np.searchsorted(steps, level) for part, steps in STEPS.items()}  # 0 is one point
    total = (scores[EYE] + scores[MOTOR] + np.where(tube, 0, scores[VERBAL]) + 3).astype(str)
    scores[VERBAL] = np.where(tube, len(STEPS[VERBAL]) + 1, scores[VERBAL])
    for name, parts in TEXTS.items():
        here = seen & (system == name)[:, None]
        for part, words in parts.items():
            cells[:, :, HEADER.index(part)][here] = np.array(words, dtype=object)[scores[part][here]]
    here = seen & (system == "carevue")[:, None]
    cells[:, :, HEADER.index(TOTAL)][here] = total[here]


def _decimal(whole: np.ndarray, divisor: int) -> np.ndarray:
    """Text of whole / divisor, shortest that reads back to the same number; formats each different value once."""
    values, where = np.unique(whole, return_inverse=True)
    return np.array([repr(float(value) / divisor) for value in values], dtype=object)[where]
