"""A study whose people are drawn in an order that nobody knows: what a bundle is computed from.

Bootstrap draws come from a known seed and from the order of people. Pages may show intervals of such draws, since they
stay in the enclave. What leaves is drawn from people in a random order that is never kept. Then two people of the same
groups are alike: whichever of them had the event, the bundle is the same (``tests/attacks/test_replicates.py``).
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..cards import Card
from ..measures.scored import pooled
from ..strategies import POST_PROCESSED
from ..study.tables import MODEL, TABLES


@dataclass(frozen=True)
class Unordered:
    """Answers like the study, but numbers about models are computed anew, and not kept.

    order: (people,) their new numbers, 0 to people − 1, each once.
    """

    study: object
    card: Card
    order: np.ndarray

    def __getattr__(self, name: str):
        return getattr(self.study, name)

    def people(self) -> pd.DataFrame:
        """Who is scored, with their new numbers."""
        found = self.study.people()
        return found.assign(person=self.order[found["person"]])

    def table(self, name: str, strategy: str = "", seed: int = 0, labels: None = None) -> pd.DataFrame:
        """A table by its name in ``tables.TABLES``, of models trained with all labels."""
        if TABLES[name].of != MODEL:
            return self.study.table(name, strategy, seed)
        found, made = self.study.table("scores", strategy, seed), self.study.manifest
        settings = (made["origin"], made["threshold"], made["draws"], strategy == POST_PROCESSED)
        found = found if "fold" in found else found.assign(fold=0)
        return TABLES[name].make(pooled(self.people(), found, self.card, *settings))


def unordered(study, card: Card) -> Unordered:
    """The study with people in a random order, from the randomness of the machine: no seed brings it back."""
    return Unordered(study, card, np.random.default_rng().permutation(study.people()["person"].max() + 1))
