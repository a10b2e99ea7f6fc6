"""MESA's windows of 101 epochs, one an epoch: lazily, beside shifted columns that are concatenated.

"shift and concatenate" is what most would write: for each participant 101 shifted copies of each channel, padded,
joined to what is there. The reference does so too and needs 19.8 s for 50 participants, 100.3 s for 200, growing with
their square (its figures, not measured here).
"""

import tracemalloc

import numpy as np
import pandas as pd

from fairlib.readers.mesa import CHANNELS, PADDING, TIMESTEPS
from fairlib.windows import LazyWindows

from .turns import in_turns, rows

EPOCHS, BATCH = 1246, 1024


def nights(people: int) -> list[np.ndarray]:
    draw = np.random.default_rng(0)
    return [draw.random((EPOCHS, len(CHANNELS)), dtype=np.float32) for _ in range(people)]


def lazy(given: list[np.ndarray]) -> LazyWindows:
    return LazyWindows.centred(given, TIMESTEPS, PADDING)


def every_window(given: list[np.ndarray]) -> int:
    """Build, and look at every window once, as an epoch of training does."""
    x = lazy(given)
    return sum(x[first : first + BATCH].shape[0] for first in range(0, len(x), BATCH))


def shifted(given: list[np.ndarray]) -> np.ndarray:
    """(windows, timesteps, channels), all of them in memory."""
    every = np.empty((0, TIMESTEPS, len(CHANNELS)), dtype=np.float32)
    half = TIMESTEPS // 2
    for night in given:
        frame = pd.DataFrame(night)
        columns = [frame.shift(-step, fill_value=PADDING).to_numpy() for step in range(-half, half + 1)]
        every = np.concatenate([every, np.stack(columns, axis=1)])
    return every


def measure() -> list[dict]:
    """Rows of ``bench.csv``."""
    given = nights(50)
    assert np.array_equal(lazy(given)[:], shifted(given))
    calls = {
        "shift and concatenate": lambda: shifted(given),
        "ours": lambda: lazy(given),
        "ours, every window gathered once": lambda: every_window(given),
    }
    seconds = in_turns(calls, 3)
    return rows("MESA windows", "50 participants", seconds, 1, memory=memory(given))


def memory(given: list[np.ndarray]) -> float:
    """Bytes that the windows hold, in units of the raw nights."""
    tracemalloc.start()
    x = lazy(given)
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return held / sum(night.nbytes for night in given) + 0 * len(x)


def sizes() -> list[dict]:
    """Rows of ``growth.csv``: 50 to 1,800 participants."""
    found = []
    for people in (50, 100, 200, 400, 900, 1800):
        given = nights(people)
        calls = {"MESA windows: build": lambda given=given: lazy(given)}
        calls["MESA windows: gather all"] = lambda given=given: every_window(given)
        for name, spent in in_turns(calls, 3).items():
            found.append({"step": name, "unit": "participants", "n": people, "seconds": float(np.median(spent))})
    return found
