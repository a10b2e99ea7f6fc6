"""Contrasts over several models or groups, with intervals over people and runs: two claims are judged by them."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from ..cards import Card
from ..fairness import disparity
from ..inference import Estimate, paired, seed_interval
from ..measures.summary import mean_over_attributes
from ..strategies import PRIMARY, SUPERVISED, self_supervised

ENDS = ("frozen_0", "frozen_3")  # the ends of gradual unfreezing: everything trains, nothing of the encoder does


class Contrast(NamedTuple):
    """Two means and their difference, one − other."""

    one: float
    other: float
    change: Estimate
    rows: int  # trained models, or groups, behind it


def named_ssl(names: tuple[str, ...]) -> str | None:
    """The SSL model named beforehand; where it was not trained, the first that was."""
    ssl = [name for name in names if self_supervised(name)]
    return PRIMARY if PRIMARY in ssl else next(iter(ssl), None)


def measured(models: pd.DataFrame, card: Card, strategy: str) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """AUC and mean disparity over protected attributes of each trained model: (seeds,), (seeds, draws)."""
    rows, metric = models[models["strategy"] == strategy], card.metric.metric
    overall = rows[(rows["scope"] == "overall") & (rows["metric"] == "auc")]
    of = (rows["scope"] == "ratio") & (rows["metric"] == metric) & rows["attribute"].isin(card.protected())
    areas = overall["estimate"].to_numpy(dtype=float), np.stack(overall["replicates"]).astype(float)
    return {"auc": areas, "deviation": mean_over_attributes(rows[of], lambda value: disparity(metric, value))}


def u_shape(models: pd.DataFrame, card: Card, names: tuple[str, ...]) -> tuple[Contrast, dict[str, float]] | None:
    """Mean disparity of partly frozen SSL models minus that of the two ends, and of each; None where some are missing.

    models: ``performance.metrics`` with columns strategy and seed.
    """
    partly = tuple(name for name in names if self_supervised(name) and name not in ENDS)
    if not partly or not set(ENDS) <= set(names):
        return None
    shared = set.intersection(*(set(models.loc[models["strategy"] == name, "seed"]) for name in (*partly, *ENDS)))
    models = models[models["seed"].isin(shared)]  # some were trained in more repeats than others
    means, sides = {}, []
    for group in (partly, ENDS):
        found = [measured(models, card, name)["deviation"] for name in group]
        means |= {name: one[0].mean() for name, one in zip(group, found, strict=True)}
        sides.append(tuple(np.mean(each, axis=0) for each in zip(*found, strict=True)))
    one, other = (side[0].mean() for side in sides)
    return Contrast(one, other, seed_interval(*paired(*sides)), len(means)), means


def gaps(models: pd.DataFrame, card: Card, ssl: str) -> Contrast:
    """Mean |Δ| in AUC over groups in a single run, of SSL and of supervised, and their difference."""
    areas, values, groups = models[models["metric"] == "auc"], {}, 0
    for strategy in (SUPERVISED, ssl):
        means, drawn = [], []
        for _, part in areas[areas["strategy"] == strategy].groupby("seed"):
            everybody = part[part["scope"] == "overall"].iloc[0]
            segments = part[part["attribute"].isin(card.protected()) & part["estimate"].notna()]
            means.append(np.abs(segments["estimate"] - everybody["estimate"]).mean())
            drawn.append(np.abs(np.stack(segments["replicates"]) - everybody["replicates"]).mean(axis=0))
            groups = len(segments)
        values[strategy] = (np.array(means), np.stack(drawn))
    change = seed_interval(*paired(values[ssl], values[SUPERVISED]))
    return Contrast(values[ssl][0].mean(), values[SUPERVISED][0].mean(), change, groups)


def table(models: pd.DataFrame, card: Card, names: tuple[str, ...]) -> pd.DataFrame:
    """Both as rows: claim, one, other, difference, low, high, rows; those that can be computed."""
    found, ssl = {}, named_ssl(names)
    if (shape := u_shape(models, card, names)) is not None:
        found["u_shape"] = shape[0]
    segments = models[models["attribute"].isin(card.protected()) & (models["metric"] == "auc")]
    if ssl and segments["estimate"].notna().any():
        found["gaps"] = gaps(models, card, ssl)
    rows = [
        {"claim": claim, "one": of.one, "other": of.other, "difference": of.change.mean, "low": of.change.low}
        | {"high": of.change.high, "rows": of.rows}
        for claim, of in found.items()
    ]
    return pd.DataFrame(rows, columns=["claim", "one", "other", "difference", "low", "high", "rows"])
