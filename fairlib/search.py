"""What the search for the recipe ``tuned`` starts from, and what it found: settings of both sides, as plain values.

``study.tuning`` searches and ``recipes`` makes the recipe.
"""

import csv
import json
from pathlib import Path

#: Training steps of every model: the supervised one's; half of them pre-train and half fine-tune an SSL model.
STEPS = 3000
#: Stretches of time that a view hides, as shares of the window.
TIME_MASKS = {"none": (), "1/6 to 5/12": (1 / 6, 5 / 12), "1/12 to 1/4": (1 / 12, 1 / 4)}
_RATE, _DROPOUT = {"optimiser": "adadelta", "rate": 1.0}, {"conv_dropout": 0.1, "head_dropout": 0.3}
_TRAINING = {**_RATE, **_DROPOUT, "conv_l2": 1e-4, "head_l2": 1e-3}
_PRETRAINING = {"pretraining_optimiser": "sgd", "pretraining_rate": 0.1, "temperature": 0.1}
_VIEWS = {"scaling": 0.1, "jitter": 0.1, "channel_mask": 0.2, "time_mask": "1/6 to 5/12", "negation": 0.0}
#: What ``tuned`` was before the search, and the first try of each side.
START = {"supervised": _TRAINING, "ssl": _TRAINING | _PRETRAINING | _VIEWS}
#: How the search ends: its best tries train at full length, each with these seeds, which no profile has.
FINAL_TRIES, FINAL_SEEDS = 2, (1000, 1001, 1002)
#: What was tried on each side, a row for each trained model; written by ``python -m fairlib.study tune``.
FILES = {side: Path(__file__).with_name(f"tuned_{side}.csv") for side in START}


def tried(side: str) -> list[dict]:
    """The rows of a side so far: the columns of ``study.tuning.COLUMNS``, as text."""
    with FILES[side].open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def winner(rows: list[dict]) -> dict | None:
    """The settings with the highest mean validation AUC over the seeds of the last rung; None while it is not over."""
    last = [row for row in rows if int(row["steps"]) == STEPS]
    if len(last) < FINAL_TRIES * len(FINAL_SEEDS):
        return None
    areas: dict[str, float] = {}
    for row in last:
        areas[row["settings"]] = areas.get(row["settings"], 0) + float(row["validation_auc"])
    return json.loads(max(areas, key=areas.get))


_WINNERS = {side: winner(tried(side)) for side in START}
#: Where the settings of ``tuned`` come from: "search", or "start" while a side is not searched to its end.
TUNED_BY = "search" if all(_WINNERS.values()) else "start"
FOUND = _WINNERS if TUNED_BY == "search" else START
