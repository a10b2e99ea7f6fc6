"""The search for the recipe ``tuned``: successive halving by validation AUC, with the same budget for both sides.

Each side, supervised and SSL, has 32 tries, drawn once from a space of settings; the first is what ``tuned`` was
before. All are trained with an eighth of the steps, the best 8 with three eighths, and the best 2 at full length with
three seeds each, of which the best mean wins. An SSL try spends half of its steps on pre-training and half on
fine-tuning the model that comparisons name. No study uses the seeds, and the test split is never read.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import astuple, dataclass

import numpy as np
import pandas as pd

from ..cohort import Cohort
from ..finetuning import Windows, fit, scores
from ..folds import Folds
from ..inference import auc
from ..pretraining import pretrain
from ..recipes import tuned
from ..search import FINAL_SEEDS, FINAL_TRIES, START, STEPS, TIME_MASKS
from ..seeds import generator
from ..strategies import MODELS, PRIMARY, SUPERVISED

SIDES = tuple(START)
#: Tries, training steps (of both halves of an SSL try together), seeds. Even numbers near 1/8 and 3/8 of the whole.
RUNGS = (
    (32, 376, FINAL_SEEDS[:1]),
    (8, 1128, FINAL_SEEDS[:1]),
    (FINAL_TRIES, STEPS, FINAL_SEEDS),
)
#: What a setting may be: one of a list, each equally likely.
TRAINING = {
    "conv_dropout": (0.0, 0.1, 0.2, 0.5),
    "head_dropout": (0.1, 0.3, 0.5, 0.6),
    "conv_l2": (0.0, 1e-4, 1e-3),
    "head_l2": (0.0, 1e-3, 1e-2),
}
PRETRAINING = {
    "temperature": (0.07, 0.1, 0.2, 0.5),
    "scaling": (0.1, 0.3),
    "jitter": (0.0, 0.1, 0.3),
    "channel_mask": (0.0, 0.1, 0.2, 0.4),
    "time_mask": tuple(TIME_MASKS),
    "negation": (0.0, 0.0, 0.0, 0.5),
}
#: Optimisers, each equally likely, and the range of their learning rates, drawn on a logarithmic scale.
TRAINING_RATES = {"adadelta": (0.1, 1.0), "adam": (1e-4, 3e-3), "adamw": (1e-4, 3e-3), "sgd": (0.01, 0.3)}
PRETRAINING_RATES = {"sgd": (0.03, 0.3), "adamw": (3e-4, 3e-3)}
#: Where the settings were searched.
SEARCHED_ON = "challenge2012"
COLUMNS = ("try", "rung", "seed", "steps", "settings", "validation_auc", "seconds")


def dealing(cohort: Cohort) -> np.ndarray:
    """The split (n,) of the search: a dealing that no result uses, see the protocol."""
    return Folds(cohort, 5).split(repeat=0, k=0)


@dataclass(frozen=True)
class Tried:
    """One trained model of the search: a row of ``COLUMNS``. settings: as JSON."""

    number: int
    rung: int
    seed: int
    steps: int
    settings: str
    validation_auc: float
    seconds: float


def candidates(side: str) -> list[dict]:
    """The settings of the 32 tries of a side, the same on every machine; rates have two digits."""
    draw, found = generator(0, "tuning", side), [START[side]]
    while len(found) < RUNGS[0][0]:
        settings = _optimiser(draw, TRAINING_RATES) | _choices(draw, TRAINING)
        if side == "ssl":
            chosen = _optimiser(draw, PRETRAINING_RATES)
            settings |= {f"pretraining_{name}": value for name, value in chosen.items()} | _choices(draw, PRETRAINING)
        found.append(settings)
    return found


def tune(cohort: Cohort, side: str, known: list[dict] = (), rungs: tuple = RUNGS) -> Iterator[Tried]:
    """Train the tries of a side rung by rung, and yield each model as soon as its validation AUC is known.

    cohort: of its splits only "train" and "val" are read. known: rows of a search that was stopped (``COLUMNS`` as
    text), which are not trained again. rungs: shorter ones for tests. A try whose loss is no longer finite gets an AUC
    of 0. Raises ``ValueError`` for a side that does not exist, and for known rows of another search.
    """
    if side not in SIDES:
        raise ValueError(f"unknown side {side!r}, expected one of {', '.join(SIDES)}")
    tries = [json.dumps(settings) for settings in candidates(side)]
    before = {(row.number, row.rung, row.seed): row for row in map(_row, known)}
    train, validation = (Windows(cohort.x[rows], cohort.y[rows]) for rows in map(cohort.rows, ("train", "val")))
    going = list(range(len(tries)))
    for rung, (count, steps, seeds) in enumerate(rungs, start=1):
        areas = {}
        for number in (going := sorted(going[:count])):
            for seed in seeds:
                row = before.get((number, rung, seed))
                if row is None:
                    start, settings = time.perf_counter(), json.loads(tries[number])
                    area = _judge(side, settings, steps, seed, train, validation, cohort.channels)
                    seconds = round(time.perf_counter() - start, 1)
                    row = Tried(number, rung, seed, steps, tries[number], round(area, 6), seconds)
                elif (row.settings, row.steps) != (tries[number], steps):
                    raise ValueError(
                        f"try {number} of rung {rung} ({side}) was kept with other settings or steps than this search"
                        " has: move the file of kept tries away to search anew"
                    )
                areas.setdefault(number, []).append(row.validation_auc)
                yield row
        going.sort(key=lambda number, areas=areas: -np.mean(areas[number]))  # stable: of equals the first try


def table(tried: list[Tried]) -> pd.DataFrame:
    """Columns ``COLUMNS``."""
    return pd.DataFrame([astuple(row) for row in tried], columns=COLUMNS)


def _row(known: dict) -> Tried:
    kinds = (int, int, int, int, str, float, float)
    return Tried(*(kind(known[name]) for kind, name in zip(kinds, COLUMNS, strict=True)))


def _optimiser(draw: np.random.Generator, rates: dict) -> dict:
    name = list(rates)[draw.integers(len(rates))]
    low, high = np.log(rates[name])
    return {"optimiser": name, "rate": float(f"{np.exp(low + draw.random() * (high - low)):.2g}")}


def _choices(draw: np.random.Generator, space: dict) -> dict:
    return {name: values[draw.integers(len(values))] for name, values in space.items()}


def _judge(side: str, settings: dict, steps: int, seed: int, train: Windows, validation: Windows, channels) -> float:
    recipe, encoder = tuned(**START | {side: settings}, steps=steps), None
    try:
        if side == "ssl":
            encoder = pretrain(train.x, recipe, seed, channels=channels)[0]
        model, _ = fit(train, validation, MODELS[PRIMARY if encoder else SUPERVISED], recipe, seed, encoder)
    except FloatingPointError:
        return 0.0
    return float(auc(validation.y, scores(model, validation.x)))
