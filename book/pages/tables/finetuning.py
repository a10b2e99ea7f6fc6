"""Stage 3: T-strategies and T-performance."""

import numpy as np
import pandas as pd

from fairlib.recipes import GRID_FILE
from fairlib.strategies import STRATEGY_NAMES
from fairlib.text import count, disparity_name, number, p_value, percent, with_interval

from ..marks import named


def strategies(models: dict) -> pd.DataFrame:
    """T-strategies: which convolutions train (●) or are frozen (○), what they start from, trainable parameters.

    models: of the study's manifest, so that they are those that were trained.
    """
    records = []
    for name, facts in models["networks"].items():
        records.append(
            {
                "strategy": name,
                "in words": STRATEGY_NAMES[name],
                "conv1,\u00a02,\u00a03": " ".join("●" if trains else "○" for trains in facts["trains"]),
                "starts from": "pre-trained encoder" if facts["pretrained"] else "random weights",
                "trainable parameters": count(facts["trainable"]),
            }
        )
    return pd.DataFrame(records)


def performance(summary: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """T-performance: AUC, AUPRC, accuracy, balanced accuracy and F1 with intervals, and a note on who is in it."""
    overall = summary[summary["scope"] == "overall"]
    columns = {"auc": "AUC", "auprc": "AUPRC", "accuracy": "accuracy", "balanced_accuracy": "balanced acc.", "f1": "F1"}
    records = []
    for strategy, rows in overall.groupby("strategy", sort=False):
        rows = rows.set_index("metric")
        record = {"strategy": STRATEGY_NAMES[strategy]}
        for metric, title in columns.items():
            record[title] = with_interval(*rows.loc[metric, ["mean", "low", "high"]])
        records.append(record)
    first = overall.iloc[0]
    note = f"{count(first['people'])} people, {count(first['windows'])} windows, {count(first['events'])} of them"
    note += f" positive; {first['seeds']} training runs a strategy."
    if (most := overall["undefined_draws"].max()) > 0:
        note += f" Draws in which a value is undefined: at most {percent(most)}."
    return pd.DataFrame(records), note


def efficiency(curve: pd.DataFrame, metric: str) -> pd.DataFrame:
    """F-efficiency in numbers: AUC and disparity by labelled people a group, SSL minus supervised paired."""
    records = []
    for row in curve.to_dict("records"):
        record = {"labelled people a group": count(row["people"])}
        record["strategy"] = named(row["strategy"], pd.Series(row))
        for name, title in (("auc", "AUC"), ("deviation", disparity_name(metric))):
            record[title] = with_interval(*(row[f"{name}{end}"] for end in ("", "_low", "_high")))
            ends = [row.get(f"{name}_difference{end}", np.nan) for end in ("", "_low", "_high")]
            record[f"{title}, minus supervised"] = with_interval(*ends, sign=True)
            record[f"p (Holm), {title}"] = p_value(row.get(f"{name}_difference_p", np.nan))
        records.append(record | {"seeds": str(row["seeds"]), "undefined draws": percent(row["undefined_draws"])})
    return pd.DataFrame(records)


def grid() -> pd.DataFrame:
    """Every way that was tried for the recipe ``tuned``, and its validation AUC; the best of each part is marked."""
    tried = pd.read_csv(GRID_FILE)
    best = tried.groupby("part")["validation_auc"].transform("max") == tried["validation_auc"]
    chosen = best.map({True: "chosen", False: "–"})
    return tried.assign(validation_auc=tried["validation_auc"].map(number), chosen=chosen).rename(
        columns={
            "part": "of",
            "way": "optimiser, rate, and what differs",
            "validation_auc": "validation AUC",
        }
    )
