"""What pre-training sees and learns: two views of a typical window, and the loss of each step."""

import numpy as np
import pandas as pd

from ..cohort import Cohort
from ..recipes import Recipe
from ..seeds import generator
from ..views import compose
from .describe import typical_window


def losses(cohort: Cohort, recipe: Recipe, curve: np.ndarray) -> pd.DataFrame:
    """The pre-training loss of each step: one column, loss. curve: (steps,)."""
    return pd.DataFrame({"loss": curve})


def views(cohort: Cohort, recipe: Recipe, curve: np.ndarray) -> pd.DataFrame:
    """The typical window of the cohort and two views of it, as this recipe makes them: columns panel ("window",
    "view 1" or "view 2"), step, and one a channel."""
    return of_window(typical_window(cohort), recipe.pretraining.views)


def of_window(window: pd.DataFrame, steps: tuple) -> pd.DataFrame:
    """``views`` of a window (timesteps, channels) by the named steps of a recipe."""
    x = window.to_numpy(dtype=np.float32)[None]
    # Where a view flips signs at random, show a draw in which the two differ: that is what the encoder must ignore.
    draws = []
    for seed in range(20):
        draw = generator(seed, "figure views")
        draws.append([compose(x, steps, draw) for _ in range(2)])
    first, second = next((pair for pair in draws if np.sign(pair[0][0, -1, 0]) != np.sign(pair[1][0, -1, 0])), draws[0])
    panels = {"window": x, "view 1": first, "view 2": second}
    parts = {name: pd.DataFrame(values[0], columns=window.columns) for name, values in panels.items()}
    return pd.concat(parts, names=["panel", "step"]).reset_index()
