"""Out-of-fold scores: what every estimand of the study is computed from, and all that is kept of open data.

Each repeat deals participants to folds; each fold is scored by models that were trained without it. One *run* is one
trained model: a fold of a repeat. With the card's own split (``folds = 0``) there is one fold, the test set, and a
repeat is a training seed.
"""

from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from ..cards import Card
from ..cohort import CohortError
from ..inference import participant_draws


class Run(NamedTuple):
    """One trained model: its repeat, its fold, and the windows (rows) that it scores."""

    repeat: int
    fold: int
    rows: np.ndarray


@dataclass(frozen=True)
class OutOfFold:
    """Scores of several models on people whom they were not trained on.

    Attributes
    ----------
    y: (n,) int8 labels, 1 is the positive class.
    person: (n,) integer codes of participants.
    attributes: n rows, one categorical column per attribute of the card; unknown values are missing.
    card: the facts of the dataset.
    fold: (repeats, n) int16, the fold in which a window is tested in each repeat; −1 where it is not tested.
    score: model → (repeats, n) float32, NaN where not tested; a larger score means the positive class.
    risk: model → (repeats, n) float32 in [0, 1], the score recalibrated on validation people inside the fold; may lack
        models, or be empty.
    cut: model → frame with columns repeat, fold, point, threshold: thresholds from validation people; may be empty.

    Raises ``CohortError`` where the scores cannot be used; the message says what was found.
    """

    y: np.ndarray
    person: np.ndarray
    attributes: pd.DataFrame
    card: Card
    fold: np.ndarray
    score: dict[str, np.ndarray]
    risk: dict[str, np.ndarray] = field(default_factory=dict)
    cut: dict[str, pd.DataFrame] = field(default_factory=dict)

    def __post_init__(self):
        self._check_shapes()
        self._check_folds()
        self._check_segments()
        for kind in (self.score, self.risk):
            for name, values in kind.items():
                self._check_scores(name, values)

    def _refuse(self, what: str):
        raise CohortError(f"{self.card.name}: {what}")

    def _check_shapes(self):
        for name in ("person", "attributes"):
            if (size := len(getattr(self, name))) != len(self.y):
                self._refuse(f"{name} has {size} rows, the labels have {len(self.y)}")
        if self.fold.ndim != 2 or self.fold.shape[1] != len(self.y):
            self._refuse(f"fold has shape {self.fold.shape}, expected (repeats, {len(self.y)})")
        if not self.score:
            self._refuse("there is no model")
        for name, values in (self.score | self.risk).items():
            if len(values) != len(self.fold):
                self._refuse(
                    f"model {name!r} has {len(values)} repeats, the folds have {len(self.fold)}: every model"
                    " needs the same runs"
                )
            if values.shape != self.fold.shape:
                self._refuse(f"scores of {name!r} have shape {values.shape}, the folds have {self.fold.shape}")
        if odd := sorted(set(np.unique(self.y).tolist()) - {0, 1}):
            self._refuse(f"labels must be 0 or 1, found {odd[:5]}")

    def _check_folds(self):
        for label, those in ((1, "with an event"), (0, "without an event")):
            people = len(np.unique(self.person[self.y == label]))
            if people < self.folds:
                self._refuse(f"{self.folds} folds need as many people {those}, found {people}; use fewer folds")
        for repeat, fold in enumerate(self.fold):
            tested = fold >= 0
            pairs = np.unique(np.stack([self.person[tested], fold[tested]]), axis=1)
            if shared := pairs.shape[1] - len(np.unique(pairs[0])):
                self._refuse(
                    f"{shared} participant(s) are tested in two folds of repeat {repeat}; one person's windows"
                    " belong into one fold, or models are tested on people whom they know"
                )
            for number in range(self.folds):
                classes = np.unique(self.y[fold == number])
                if not len(classes):
                    self._refuse(f"repeat {repeat} has nobody in fold {number}, other repeats have; deal all alike")
                if len(classes) < 2:
                    self._refuse(f"fold {number} of repeat {repeat} has one class only; use fewer folds, or stratify")

    def _check_segments(self):
        """Every attribute needs people on both sides, unless nothing at all is known of it."""
        for name, facts in self.card.attributes.items():
            values = self.attributes[name].dropna()
            privileged = int((values == facts.privileged).sum())
            if len(values) and privileged in (0, len(values)):
                side = f"other than {facts.privileged!r}" if privileged else repr(facts.privileged)
                self._refuse(
                    f"nobody is in a segment of {name} {side}, so there is nothing to compare; leave the"
                    " attribute out of the card, or set it to missing"
                )

    def _check_scores(self, name: str, values: np.ndarray):
        for run in self.runs():
            own, where = values[run.repeat, run.rows], f"in fold {run.fold} of repeat {run.repeat}"
            if bad := int((~np.isfinite(own)).sum()):
                self._refuse(f"{name!r} has {bad} scores that are NaN or infinite {where}")
            if own.min() == own.max():
                self._refuse(f"{name!r} gives everyone the same score {where}: it ranks nobody; train it again")

    @property
    def repeats(self) -> int:
        """Number of dealings (of training seeds, with the card's split)."""
        return len(self.fold)

    @property
    def folds(self) -> int:
        """Number of folds in a repeat."""
        return int(self.fold.max()) + 1

    def runs(self) -> list[Run]:
        """Every trained model of one name, by repeat and then fold."""
        return [
            Run(repeat, number, np.flatnonzero(fold == number))
            for repeat, fold in enumerate(self.fold)
            for number in range(self.folds)
        ]

    def draws(self, count: int = 1000, seed: int = 0) -> np.ndarray:
        """Weights (count, n) float32 of a bootstrap of *people*: all windows and all repeats of a person together."""
        return participant_draws(self.person, count, seed)

    def frame(self) -> pd.DataFrame:
        """Person, label (``y``) and attributes of each window."""
        base = pd.DataFrame({"person": self.person, "y": self.y})
        return pd.concat([base, self.attributes.reset_index(drop=True)], axis=1)

    def only(self, rows: np.ndarray) -> "OutOfFold":
        """The windows of a boolean mask (n,) alone, such as those of one half of the people; checked again."""
        kept = {
            name: {model: values[:, rows] for model, values in getattr(self, name).items()}
            for name in ("score", "risk")
        }
        attributes = self.attributes[rows].reset_index(drop=True)
        own = {"y": self.y[rows], "person": self.person[rows], "attributes": attributes, "fold": self.fold[:, rows]}
        return replace(self, **own, **kept)
