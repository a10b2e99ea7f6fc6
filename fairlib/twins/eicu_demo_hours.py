"""Hours of the eICU demo's twin: severity, signal quality and charting → rows of ``dyn``, one an hour.

A value is made as in ``mimic_episodes``: baseline + person offset + z · (shift + drift · t / 48) + measurement noise. A
variable is ever measured in a stay with its share in the open demo, and then at its rate in each hour that is charted;
variables of one device or one blood sample come in the same stays. Stays of one person share their offsets.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from .mimic_episodes import Signal
from .people import Scorer, facts

FACTS = facts("eicu_demo_signals")
SIGNALS = {name: Signal(*values) for name, values in FACTS["signals"].items()}
#: Variable → the first of those that are measured in the same stays, which has the share.
LEADER = {name: name for name in SIGNALS} | {name: group[0] for group in FACTS["together"] for name in group}
EVER = FACTS["ever measured"]
#: A variable that is ordered for the severely ill is measured in more of their stays: log odds per unit of z.
ORDERED = 0.4
BLOCK = 500
#: The hour of the fixed scorer, the last of the window, and its rule: tachycardia is a bad sign.
READ = 11
SCORER = Scorer(f"heart rate of hour {READ}", "beats per minute", 100, 8, SIGNALS["hr"].baseline)


def dyn(stays: pd.DataFrame, rng: np.random.Generator) -> Iterator[pd.DataFrame]:
    """Rows of dyn, block by block. Columns used: stay_id, z, noise, charted, last (hour), and person (from 0)."""
    offsets = rng.standard_normal((int(stays["person"].max()) + 1, len(SIGNALS)))
    for start in range(0, len(stays), BLOCK):
        block = stays.iloc[start : start + BLOCK]
        yield _block(block, offsets[block["person"]], rng)


def _block(stays: pd.DataFrame, offsets: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    z, noise, charted = (stays[name].to_numpy()[:, None] for name in ("z", "noise", "charted"))
    hour = np.arange(int(stays["last"].max()) + 1)
    shape, trend = (len(stays), len(hour)), np.minimum(hour / 48, 1)[None] * np.ones((len(stays), 1))
    there, slot = hour <= stays["last"].to_numpy()[:, None], rng.random(shape) < charted
    row, at = np.nonzero(there)
    table = {"stay_id": stays["stay_id"].to_numpy(np.int32)[row], "time": at.astype("timedelta64[h]")}
    measured: dict[str, np.ndarray] = {}
    for i, (name, signal) in enumerate(SIGNALS.items()):
        first = LEADER[name]
        if first not in measured:
            measured[first] = rng.random((len(stays), 1)) < _chance(first, z)
        seen = slot & measured[first] & (rng.random(shape) < signal.rate)
        value = signal.shown(signal.value(z, noise, offsets[:, i : i + 1], trend, rng)) / 10**signal.digits
        table[name] = np.where(seen, value, np.nan)[there]
    frame = pd.DataFrame(table)
    return frame.assign(time=frame["time"].astype("timedelta64[s]"))  # as R writes it


def _chance(name: str, z: np.ndarray) -> np.ndarray:
    return expit(logit(EVER[name]) + (ORDERED if EVER[name] < 0.9 else 0) * z)


def heart_rate(stays: pd.DataFrame, rng: np.random.Generator) -> np.ndarray:
    """Fresh draws of what ``SCORER`` reads: the heart rate of hour ``READ``, (n,), NaN where none is charted."""
    z, noise, charted = (stays[name].to_numpy()[:, None] for name in ("z", "noise", "charted"))
    shape, signal = (len(stays), 1), SIGNALS["hr"]
    seen = (rng.random(shape) < charted * signal.rate) & (rng.random(shape) < _chance("hr", z))
    value = signal.value(z, noise, rng.standard_normal(shape), np.full(shape, READ / 48), rng)
    return np.where(seen, signal.shown(value) / 10**signal.digits, np.nan)[:, 0]
