"""One model on the people it is judged by: what every table about it shares, computed once and when first asked for."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from ..cards import Card
from ..cohort import Cohort, CohortError
from ..inference import participant_draws, weighted_auc
from . import describe, group_sizes

EVERYBODY = ("everybody", "everybody")


@dataclass(frozen=True)
class Tested:
    """People of whom every window was tested, by a model that was trained on others: a cohort without its signals.

    person, y: (n,); attributes: n rows; origin: "twin" or "real".
    """

    card: Card
    origin: str
    person: np.ndarray
    y: np.ndarray
    attributes: pd.DataFrame

    @property
    def split(self) -> np.ndarray:
        """(n,) all of them "test"."""
        return np.full(len(self.y), "test")

    def rows(self, split: str) -> np.ndarray:
        """Row numbers of a split: all windows are tested."""
        return np.flatnonzero(self.split == split)


@dataclass(frozen=True)
class Evaluated:
    """The scores of one model, and how they become decisions. Every table about a model is made of this.

    Attributes
    ----------
    score: (n,) predicted probabilities; only validation and test rows are read.
    threshold: decisions are ``score >= threshold``.
    draws: bootstrap draws of participants, the same for every model of this cohort.
    decided: the score is a decision itself, perhaps the probability of a randomised one: it ranks nobody.
    fold: (test windows,) of cross-fitted scores: which of the models gave each; None: there is one.
    risk: (test windows,) scores recalibrated on validation people; None: found here.
    """

    cohort: Cohort | Tested
    score: np.ndarray
    threshold: float
    draws: int
    decided: bool = False
    fold: np.ndarray | None = None
    risk: np.ndarray | None = None

    def __post_init__(self):
        rows = np.concatenate([self.cohort.rows(split) for split in ("val", "test")])
        if unknown := int((~np.isfinite(self.score[rows])).sum()):  # each would be a decision against somebody
            raise CohortError(
                f"{self.cohort.card.name}: {unknown:,} of {len(rows):,} validation and test windows have no finite"
                " score; score every window"
            )

    @property
    def rule(self) -> str:
        """The privacy rule that applies."""
        return describe.access(self.cohort)

    @cached_property
    def everyone(self) -> pd.DataFrame:
        """Person, label, split and attributes of every window."""
        return group_sizes.frame(self.cohort)

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The same of the test windows."""
        return self.everyone.iloc[self.cohort.rows("test")].reset_index(drop=True)

    @cached_property
    def held(self) -> pd.DataFrame:
        """The same of the validation windows."""
        return self.everyone.iloc[self.cohort.rows("val")].reset_index(drop=True)

    @cached_property
    def y(self) -> np.ndarray:
        """(test windows,) labels."""
        return self.frame["y"].to_numpy(dtype=np.int64)

    @property
    def s(self) -> np.ndarray:
        """(test windows,) scores."""
        return self.score[self.cohort.rows("test")]

    @property
    def decision(self) -> np.ndarray:
        """(n,) decisions of all windows: 0 or 1, or the probability of a randomised one."""
        return self.score if self.decided else self.score >= self.threshold

    @cached_property
    def weights(self) -> np.ndarray:
        """(draws, test windows) how often each bootstrap draw of participants takes a window."""
        return participant_draws(self.cohort.person[self.cohort.rows("test")], self.draws)

    @cached_property
    def groups(self) -> dict[tuple[str, str], np.ndarray]:
        """(attribute, segment) → (test windows,) boolean, of everybody and of segments that can be reported."""
        return {EVERYBODY: np.ones(len(self.frame), dtype=bool)} | self.reportable(self.frame)

    def folds(self, chosen: np.ndarray) -> list[np.ndarray]:
        """The windows of each model among ``chosen`` (test windows,) boolean, as row numbers of the chosen."""
        fold = np.zeros(int(chosen.sum()), dtype=int) if self.fold is None else self.fold[chosen]
        return [np.flatnonzero(fold == k) for k in np.unique(fold)]

    def auc(self, chosen: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """(draws,) AUC among the chosen under weights (draws, chosen): of each model, averaged by its pairs.

        Scores of two models have no common scale, so that only people who were scored by one are compared.
        """
        return self.averaged(chosen, weights, weighted_auc, lambda positive, negative: positive * negative)

    def averaged(self, chosen: np.ndarray, weights: np.ndarray, area: Callable, size: Callable) -> np.ndarray:
        """An area of each model, averaged with a weight that is a function of its positive and negative windows."""
        y, s, total, mass = self.y[chosen], self.s[chosen], 0.0, 0.0
        for rows in self.folds(chosen):
            w = weights[:, rows]
            own = size(*(w[:, y[rows] == label].sum(axis=1, dtype=np.float64) for label in (1, 0)))
            total = total + np.where(own > 0, own * area(y[rows], s[rows], w), 0)
            mass = mass + own
        return np.divide(total, mass, out=np.full(len(weights), np.nan), where=mass > 0)

    def reportable(self, frame: pd.DataFrame) -> dict[tuple[str, str], np.ndarray]:
        """(attribute, segment) → (n,) boolean, of segments of these windows whose numbers can be reported."""
        card, found = self.cohort.card, {}
        for name, facts in card.attributes.items():
            for segment in group_sizes.reportable(frame, name, facts.segments, self.rule, card.min_cell):
                found[name, segment] = (frame[name] == segment).to_numpy()
        return found
