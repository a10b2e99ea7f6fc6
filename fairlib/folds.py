"""Cross-fitting: every person is tested once a repeat, by models that were trained on other people.

People are dealt by a hash of their identifier and the repeat, so nobody chooses who is tested by whom, and the same
people fall into the same folds on every machine. Outcome and protected attributes are spread evenly.
"""

import hashlib
from functools import cached_property

import numpy as np
import pandas as pd

from .cohort import Cohort, CohortError

#: One in so many training people of a fold is a validation person.
VALIDATION = 8


class Folds:
    """How the people of a cohort are dealt to ``folds`` folds; all windows of a person share one.

    Raises ``CohortError`` where there are more folds than people with, or without, a positive window.
    """

    def __init__(self, cohort: Cohort, folds: int):
        self.folds, self._cohort = folds, cohort
        rarer = self._people["outcome"].value_counts().reindex([0, 1], fill_value=0)
        if folds > rarer.min():
            which = "with" if rarer[1] <= rarer[0] else "without"
            raise CohortError(
                f"{cohort.dataset}: {folds} folds, but only {rarer.min()} people {which} a positive window; each fold"
                " needs one at least: ask for fewer folds"
            )

    def deal(self, repeat: int) -> np.ndarray:
        """The fold, 0 to ``folds`` − 1, that tests each window in this repeat, (n,) int16."""
        return self._dealt(repeat)[self._codes]

    def split(self, repeat: int, k: int) -> np.ndarray:
        """The part of each window, "train", "val" or "test" (n,), when fold ``k`` is tested; an eighth of the others
        are validation people."""
        fold, part = self._dealt(repeat), np.full(len(self._people), "train", dtype="<U5")
        others = np.flatnonzero(fold != k)
        part[others[self._order(f"{repeat} {k} validation", others)[::VALIDATION]]] = "val"
        part[fold == k] = "test"
        return part[self._codes]

    def seed(self, repeat: int, k: int) -> int:
        """The training seed of fold ``k`` (from 0) in a repeat (from 1): seed and dealing vary together."""
        return self.folds * (repeat - 1) + k + 1

    def _dealt(self, repeat: int) -> np.ndarray:
        """The fold of each person."""
        fold = np.empty(len(self._people), dtype=np.int16)
        fold[self._order(f"{repeat}", np.arange(len(fold)))] = np.arange(len(fold)) % self.folds
        return fold

    def _order(self, salt: str, rows: np.ndarray) -> np.ndarray:
        """These people by outcome and group, within them by a hash: dealt in turn, each stratum is spread evenly."""
        people = self._people.iloc[rows]
        digest = [hashlib.sha256(f"{name}|{salt}".encode()).hexdigest() for name in people.index]
        return np.lexsort([digest, people["group"], people["outcome"]])

    @cached_property
    def _codes(self) -> np.ndarray:
        return self._people.index.get_indexer(self._cohort.person.astype(str))

    @cached_property
    def _people(self) -> pd.DataFrame:
        """One row a person: whether a window of theirs is positive, and the number of their group of attributes."""
        cohort = self._cohort
        crossed = cohort.attributes[cohort.card.protected()].astype("string").fillna("").agg(", ".join, axis=1)
        frame = pd.DataFrame({"person": cohort.person.astype(str), "outcome": cohort.y, "group": crossed.to_numpy(str)})
        people = frame.groupby("person").agg({"outcome": "max", "group": "first"})
        return people.assign(group=np.unique(people["group"], return_inverse=True)[1])
