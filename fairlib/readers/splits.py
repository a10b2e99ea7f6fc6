"""A split for data that brings none: by participant, by a hash, in each outcome."""

import hashlib

import numpy as np
import pandas as pd

TRAIN, VAL = 0.70, 0.15


def by_person(person: np.ndarray, y: np.ndarray) -> np.ndarray:
    """70 % train, 15 % val, 15 % test of the participants with a positive window, and of those without.

    Ordered by a hash of the participant's identifier: whoever is in the data, and in whatever order, the same people
    come first. Three or more participants of a kind are in all three splits.

    >>> by_person(np.array(["a", "b", "b", "c"]), np.array([1, 1, 0, 1])).tolist()
    ['test', 'val', 'val', 'train']
    """
    outcome = pd.Series(y).groupby(np.asarray(person).astype(str)).max()
    order = sorted(outcome.index, key=lambda name: hashlib.sha256(name.encode()).hexdigest())
    split = {}
    for value in (0, 1):
        names = [name for name in order if outcome[name] == value]
        first, second = round(TRAIN * len(names)), round((TRAIN + VAL) * len(names))
        if len(names) >= 3:
            first = min(first, len(names) - 2)
            second = min(max(second, first + 1), len(names) - 1)
        split |= {name: "train" if i < first else "val" if i < second else "test" for i, name in enumerate(names)}
    return np.array([split[str(name)] for name in person], dtype=str)
