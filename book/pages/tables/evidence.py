"""Stage 5 at equal alert rates: what could be found, what was found, and what stands beside it."""

import pandas as pd

from fairlib.measures.estimands import AUC, OVERALL, SINGLE, D, own_rows
from fairlib.measures.operating import PRIMARY, Point
from fairlib.report import comparisons
from fairlib.report.columns import Column, ranged, typed
from fairlib.strategies import SUPERVISED
from fairlib.text import LEVEL_WORDS, recipe_name

from ..marks import named

#: What columns of percentages are of.
PERCENT_NOTE = "Percentages are of the supervised model's level."


def verdicts(found: pd.DataFrame, held: pd.DataFrame, point: Point = PRIMARY) -> pd.DataFrame:
    """T-verdicts; found: ``estimands.differences`` of the pair; held: ``verdicts.verdicts`` of it."""
    return comparisons.verdicts(found, held, "supervised", point)


def differences(found: pd.DataFrame) -> pd.DataFrame:
    """``comparisons.differences`` of one model and the supervised one."""
    return comparisons.differences(found, named(found["one"].iloc[0]), named(SUPERVISED))


def every_model(found: pd.DataFrame, point: Point = PRIMARY) -> pd.DataFrame:
    """T-models: each model of each recipe minus the supervised one of that recipe, in AUC and in disparity.

    found: ``estimands.differences`` of many models, with a column recipe.
    """
    keys, parts = ["recipe", "one"], []
    for name, estimand, at in (("auc", AUC, ""), ("d", D, point.name)):
        rows = own_rows(found, estimand=estimand, point=at)
        rows = rows[rows["group"].isin([OVERALL, "everyone"])]
        own = ["level_one", "estimate", "low", "high"]
        parts.append(rows[[*keys, *own, *["runs"] * (name == "d")]].rename(columns={n: f"{name}_{n}" for n in own}))
    rows = parts[0].merge(parts[1], on=keys)
    return typed(
        rows.assign(recipe=rows["recipe"].map(recipe_name), model=[named(name) for name in rows["one"]]),
        ["recipe", "model"],
        auc_level_one=Column("AUC", "number"),
        auc_estimate=Column(f"Δ AUC ({LEVEL_WORDS} CI)", "signed", 3, "auc_low", "auc_high"),
        d_level_one=Column("disparity D", "number"),
        d_estimate=Column(f"Δ D ({LEVEL_WORDS} CI)", "signed", 3, "d_low", "d_high"),
        runs=Column("training runs", "count"),
    )


def joint_test(tested: pd.DataFrame) -> pd.DataFrame:
    """The joint test of a specification curve; tested: ``speccurve.joint_test``."""
    return typed(
        tested,
        ["statistic"],
        observed=Column(form="signed"),
        null_median=Column("median without any effect", "signed"),
        null_upper=Column("95th percentile without any effect", "signed"),
        p=Column("p", "p"),
    )


def levels(found: pd.DataFrame) -> pd.DataFrame:
    """Mean |log error rate ratio| of each model beside permuted labels, a coin and a calibrated score: no interval.

    found: ``equal_rates.Scored.levels``.
    """
    rows = found[found["estimand"].isin([D, SINGLE])]
    group = rows["group"].where(rows["estimand"] == D, "mean, single trained model")
    return typed(
        rows.assign(model=[named(name) for name in rows["model"]], group=group),
        ["model", "group"],
        estimate=Column("mean |log error rate ratio|", "number"),
        null_mean=Column("permuted labels, mean", "number"),
        null_bound=Column("permuted labels, 95th percentile", "number"),
        coin=ranged("coin", f"coin ({LEVEL_WORDS} range)"),
        calibrated=Column("calibrated score", "number"),
    )
