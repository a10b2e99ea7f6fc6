"""The names of recipes and models, and how much of everything a run takes."""

from dataclasses import dataclass
from typing import Literal

RecipeName = Literal["released", "described", "tuned"]
StrategyName = Literal[
    "supervised",
    "frozen_0",
    "frozen_1_middle",
    "frozen_1_first",
    "frozen_2_first_middle",
    "frozen_2_first_last",
    "frozen_3",
    "random_frozen_3",
    "logistic_regression",
]
ALL: tuple[str, ...] = StrategyName.__args__
#: Explicit mitigations (``mitigation``), to set beside SSL.
MitigationName = Literal["reweighed", "group_balanced", "group_dro", "post_processed"]


@dataclass(frozen=True)
class Profile:
    """How much of everything: ``smoke`` for tests, ``quick`` for a first look or a lecture, ``paper`` for real."""

    windows: int | None  # at most this many windows; None: all (twins: the size of the original data)
    steps: float  # share of the recipe's training steps
    seeds: tuple[int, ...]
    strategies: tuple[str, ...]
    draws: int  # bootstrap draws of participants; one less permutations of segment labels, for differences in CKA
    each: int = 12  # where there are too many windows: about so many a participant, since people are the sample size


PROFILES = {
    "smoke": Profile(280, 0.01, (1,), ("supervised", "frozen_0", "frozen_3", "logistic_regression"), 100, each=4),
    "quick": Profile(3000, 0.05, (1, 2), ALL, 200),
    "paper": Profile(None, 1.0, (1, 2, 3, 4, 5), ALL, 500),
}
