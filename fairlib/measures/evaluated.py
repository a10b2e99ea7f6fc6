"""One model on the people it is judged by: what every table about it shares, computed once and when first asked for."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from ..cohort import Cohort
from ..inference import participant_draws
from . import describe, group_sizes

EVERYBODY = ("everybody", "everybody")


@dataclass(frozen=True)
class Evaluated:
    """The scores of one model, and how they become decisions. Every table about a model is made of this.

    Attributes
    ----------
    score: (n,) predicted probabilities; only validation and test rows are read.
    threshold: decisions are ``score >= threshold``.
    draws: bootstrap draws of participants, the same for every model of this cohort.
    decided: the score is a decision itself, perhaps the probability of a randomised one: it ranks nobody.
    """

    cohort: Cohort
    score: np.ndarray
    threshold: float
    draws: int
    decided: bool = False

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

    def reportable(self, frame: pd.DataFrame) -> dict[tuple[str, str], np.ndarray]:
        """(attribute, segment) → (n,) boolean, of segments of these windows whose numbers can be reported."""
        card, found = self.cohort.card, {}
        for name, facts in card.attributes.items():
            for segment in group_sizes.reportable(frame, name, facts.segments, self.rule, card.min_cell):
                found[name, segment] = (frame[name] == segment).to_numpy()
        return found
