"""A small page's scores: several models, two repeats of two folds, one of them with fewer runs."""

from functools import cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
from scipy.special import expit

from book.pages import cases
from fairlib.audit.equal_rates import Scored
from fairlib.measures.outoffold import OutOfFold
from fairlib.seeds import generator
from fairlib.study.frozen import Frozen
from tests.measures.scores import CARD, out_of_fold

NAMES = ("supervised", "frozen_1_middle", "frozen_0", "logistic_regression")


def scores(
    people: int = 600, repeats: int = 2, windows: int = 1, noise: float = 1.0, names=NAMES, **parts
) -> OutOfFold:
    """Scores between 0 and 1 of which those of older people are worse, with risks. ``windows``: of each person."""
    one = out_of_fold(people, folds=2, repeats=repeats, **parts)
    draw, again = generator(1, "tests", "pages"), np.repeat(np.arange(people), windows)
    y, fold = one.y[again], one.fold[:, again]
    old = (one.attributes["age"] == ">=65").to_numpy()[again]
    kinds = [y + noise * (1 + old) * draw.normal(size=fold.shape) for _ in names]
    found = {name: expit(each - 0.5).astype(np.float32) for name, each in zip(names, kinds, strict=True)}
    attributes = one.attributes.iloc[again].reset_index(drop=True)
    return OutOfFold(y, one.person[again], attributes, CARD, fold, found, dict(found))


@cache
def scored() -> Scored:
    """All models with two repeats; with a draw count that tests can wait for."""
    return Scored("frozen_1_middle", (scores(),), 60)


@cache
def rates() -> pd.DataFrame:
    return scored().over_rates()


def case_of(recipe="tuned", dataset="challenge2012", inputs="both"):
    """A case of frozen results that nobody opens: what its pages need to say of it."""
    p = SimpleNamespace(dataset=dataset, recipe=recipe, pretext="simclr", pretrain_on="all", inputs=inputs)
    return cases.Case(p, Frozen(Path(dataset), recipe), CARD, None, (), ())
