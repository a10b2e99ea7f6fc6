"""The grid behind the recipe ``tuned``: chosen by validation AUC alone, with the same budget for SSL and supervised.

Eight ways to train the supervised model come first; the best one is how every model of ``tuned`` is trained or
fine-tuned. Then eight ways to pre-train. Each is judged by the mean validation AUC of the two ends of the ladder,
nothing frozen and everything frozen. One training seed, which the study does not use. The test split is never read.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..cohort import Cohort
from ..finetuning import Windows, fit, scores
from ..inference import auc
from ..pretraining import pretrain
from ..recipes import PRETRAINING_GRID, RECIPES, TRAINING_GRID, Recipe, of_grid
from ..strategies import MODELS

#: Not among the seeds of any profile.
SEED = 1000
ENDS = ("frozen_0", "frozen_3")


@dataclass(frozen=True)
class Tried:
    """One way of the grid and its validation AUC."""

    part: str
    way: str
    validation_auc: float


def tune(cohort: Cohort, steps: float = 1.0, known: dict[tuple[str, str], float] | None = None) -> Iterator[Tried]:
    """Train every way of the grid and yield each as soon as it is known, training first.

    steps: share of the training steps, for tests. known: (part, way) → validation AUC of ways tried before (a run that
    was stopped goes on), which are not trained again.
    """
    known = known or {}
    train, validation = (Windows(cohort.x[rows], cohort.y[rows]) for rows in map(cohort.rows, ("train", "val")))
    found = {}
    for way, settings in TRAINING_GRID.items():
        recipe = of_grid(RECIPES["paper_text"].pretraining, settings).scaled(steps)
        found[way] = known.get(("training", way)) or _judge(train, validation, ("supervised",), recipe)
        yield Tried("training", way, found[way])
    training = TRAINING_GRID[max(found, key=found.get)]
    for way, settings in PRETRAINING_GRID.items():
        recipe = of_grid(settings, training).scaled(steps)
        value = known.get(("pre-training", way)) or _judge(train, validation, ENDS, recipe)
        yield Tried("pre-training", way, value)


def table(tried: list[Tried]) -> pd.DataFrame:
    """Columns part, way, validation_auc (four decimals)."""
    return pd.DataFrame(tried).round({"validation_auc": 4})


def _judge(train: Windows, validation: Windows, strategies: tuple[str, ...], recipe: Recipe) -> float:
    encoder = None if strategies == ("supervised",) else pretrain(train.x, recipe, SEED)[0]
    areas = []
    for strategy in strategies:
        model, _ = fit(train, validation, MODELS[strategy], recipe, SEED, encoder)
        areas.append(auc(validation.y, scores(model, validation.x)))
    return float(np.mean(areas))
