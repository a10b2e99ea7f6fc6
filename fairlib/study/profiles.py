"""The names of recipes and models, and how much of everything a run takes."""

from dataclasses import dataclass

from ..strategies import ALL


@dataclass(frozen=True)
class Profile:
    """How much of everything: ``smoke`` for tests, ``quick`` for a first look or a lecture, ``paper`` for real."""

    windows: int | None  # at most this many windows; None: all (twins: the size of the original data)
    steps: float  # share of the recipe's training steps
    seeds: tuple[int, ...]
    strategies: tuple[str, ...]
    draws: int  # bootstrap draws of participants; one less permutations of segment labels, for differences in CKA
    folds: int = 5  # of cross-fitting, where the data are cross-fitted
    repeats: int = 1  # of it
    each: int = 12  # where there are too many windows: about so many a participant, since people are the sample size


PROFILES = {
    "smoke": Profile(
        280, 0.01, (1,), ("supervised", "frozen_0", "frozen_3", "logistic_regression"), 100, folds=2, each=4
    ),
    "quick": Profile(3000, 0.05, (1, 2), ALL, 200),
    "paper": Profile(None, 1.0, (1, 2, 3, 4, 5), ALL, 500, repeats=4),
}
