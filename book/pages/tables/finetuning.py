"""Stage 3: T-strategies and T-performance."""

import json
from collections.abc import Callable

import pandas as pd

from fairlib.report.columns import Column, beside, ranged, typed
from fairlib.search import START, tried
from fairlib.strategies import STRATEGY_NAMES
from fairlib.text import percent

from ..columns import compared, comparison, who


def strategies(models: dict) -> pd.DataFrame:
    """T-strategies: which convolutions train (●) or are frozen (○), what they start from, trainable parameters.

    models: of the study's manifest, so that they are those that were trained.
    """
    table = pd.DataFrame.from_dict(models["networks"], orient="index").rename_axis("strategy").reset_index()
    return typed(
        table.assign(
            words=table["strategy"].map(STRATEGY_NAMES),
            trains=table["trains"].map(lambda layers: " ".join("●" if trains else "○" for trains in layers)),
            start=table["pretrained"].map({True: "pre-trained encoder", False: "random weights"}),
        ),
        ["strategy"],
        words=Column("in words"),
        trains=Column("conv1,\u00a02,\u00a03"),
        start=Column("starts from"),
        trainable=Column("trainable parameters", "count"),
    )


def performance(summary: pd.DataFrame, minimum: int = 0) -> tuple[pd.DataFrame, str]:
    """T-performance: AUC, AUPRC, accuracy, balanced accuracy and F1 with intervals, and a note on who is in it."""
    overall = summary[summary["scope"] == "overall"]
    columns = {"auc": "AUC", "auprc": "AUPRC", "accuracy": "accuracy", "balanced_accuracy": "balanced acc.", "f1": "F1"}
    table = beside(overall, ["strategy"], "metric", columns).replace({"strategy": STRATEGY_NAMES})
    shown = {metric: ranged(metric, title) for metric, title in columns.items()}
    runs = sorted(set(overall["seeds"]), reverse=True)
    note = f"{who(overall.iloc[0], minimum)}; {' or '.join(map(str, runs))} seeds or repeats per strategy."
    if (most := overall["undefined_draws"].max()) > 0:
        note += f" Draws in which a value is undefined: at most {percent(most)}."
    return typed(table, ["strategy"], **shown), note


def efficiency(curve: pd.DataFrame, metric: str) -> pd.DataFrame:
    """F-efficiency in numbers: AUC and disparity by labelled people a group, SSL minus supervised paired."""
    rows = compared(curve.rename(columns={"people": "labelled"}), "auc")
    heads = {"labelled": Column("labelled people a group", "count")}
    return typed(rows, ["labelled", "strategy"], **heads, **comparison(metric, "auc"))


#: Rows of a side: the last rung and the one before.
FURTHEST = 10


def tries(read: Callable[[str], list[dict]] = tried) -> pd.DataFrame:
    """The tries of each side of the search for ``tuned`` that came furthest, ``FURTHEST`` at most: settings, and
    validation AUC as a mean over seeds. ``fairlib/tuned_*.csv`` hold every try.

    read: side → what was tried. Empty before the search.
    """
    rows = pd.concat([pd.DataFrame(read(side)).assign(side=side) for side in START], ignore_index=True)
    if rows.empty:
        return rows
    numbers = ["try", "rung", "steps", "validation_auc"]
    rows[numbers] = rows[numbers].apply(pd.to_numeric)
    table = rows.groupby(["side", "rung", "try", "steps", "settings"], as_index=False)["validation_auc"].mean()
    table = table.sort_values(["side", "rung", "validation_auc"], ascending=[False, False, False], kind="stable")
    table = table.groupby("side", sort=False).head(FURTHEST)
    return typed(
        table.assign(
            side=table["side"].map({"supervised": "supervised", "ssl": "SSL"}),
            settings=table["settings"].map(_in_words),
        ),
        ["side", "rung", "try"],
        steps=Column("training steps", "count"),
        settings=Column("settings"),
        validation_auc=Column("validation AUC", "number"),
    )


def _in_words(settings: str) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in json.loads(settings).items())
