"""Stage 5 at equal alert rates: what could be found, what was found, and what stands beside it."""

import pandas as pd

from fairlib.measures.chosen import Chosen
from fairlib.measures.estimands import AUC, CLAIM, GROUP_ERROR, OVERALL, SINGLE, D
from fairlib.measures.measured import LEAST_RUNS
from fairlib.measures.operating import PRIMARY, Point
from fairlib.measures.verdicts import (
    EQUIVALENT,
    EXCLUDED,
    LARGER,
    LEVELLING,
    NO_LEVELLING,
    NON_INFERIOR,
    OPEN,
    PAPER,
    SENSITIVITY,
    SMALLER,
    SUPPORTED,
    TOO_LITTLE,
)
from fairlib.report.columns import Column, ranged, typed
from fairlib.strategies import STRATEGY_NAMES, SUPERVISED
from fairlib.text import LEVEL_WORDS, recipe_name

from ..equal_rates import own_rows
from ..marks import named

#: Verdict → the estimand that it is read from.
READ_FROM = dict.fromkeys((NON_INFERIOR, SENSITIVITY), AUC) | dict.fromkeys((SUPPORTED, EXCLUDED, PAPER), CLAIM)
READ_FROM |= dict.fromkeys((SMALLER, LARGER, EQUIVALENT, TOO_LITTLE), D)
#: The range that is still compatible, in percent of the supervised level.
PERCENT = {
    "percent_low": Column("compatible range, %", "signed", 0, then=" to {percent_high}"),
    "percent_high": Column(form="signed", digits=0),
}
#: What could have been found stands before what was.
DETECTABLE = {
    "detectable": Column("smallest detectable difference", "number"),
    "detectable_percent": Column("the same, %", "number", 0),
}
#: What both columns of percentages are of.
PERCENT_NOTE = "Percentages are of the supervised model's level."
TITLES = {CLAIM: "D − 0.70 · D(supervised)", D: f"disparity D, {D}"}
NO_PERCENT = ["percent_low", "percent_high", "detectable_percent"]


def verdicts(found: pd.DataFrame, held: pd.DataFrame, point: Point = PRIMARY) -> pd.DataFrame:
    """T-verdicts: each verdict that holds, the smallest difference that could have been found, and what was.

    found: ``estimands.differences`` of the pair; held: ``verdicts.verdicts`` of it.
    """
    records = []
    for row in held[held["holds"]].itertuples():
        contrast = _contrast(found, row.verdict, row.high, point)
        percent = contrast
        if contrast["estimand"] == CLAIM:  # a contrast has no level of its own: the range is that of D
            (percent,) = own_rows(found, estimand=D, point=point.name, group=OVERALL).to_dict("records")
        record = contrast | {name: percent[name] for name in NO_PERCENT}
        if contrast["estimand"] != GROUP_ERROR:  # of all groups together: the row is about one, with its own ends
            record |= {"low": row.low, "high": row.high}
        records.append(record | {"verdict": row.verdict})
    rows = pd.DataFrame(records)
    on = rows["estimand"].replace(TITLES)
    on = on.where(rows["estimand"] != GROUP_ERROR, "error rate, " + rows["group"].astype(str))
    return typed(
        rows.assign(on=on),
        ["verdict"],
        on=Column("quantity"),
        **DETECTABLE,
        estimate=Column("difference to supervised (interval)", "signed", 3, "low", "high"),
        **PERCENT,
    )


def _contrast(found: pd.DataFrame, verdict: str, high: float, point: Point) -> dict:
    """The row of ``found`` that a verdict is about; of a verdict on all named groups that with the highest end."""
    if (estimand := READ_FROM.get(verdict)) is not None:
        at = "" if estimand == AUC else point.name
        rows = own_rows(found, estimand=estimand, point=at)
        return rows[rows["group"].isin([OVERALL, "everyone"])].iloc[0].to_dict()
    groups = own_rows(found, estimand=GROUP_ERROR, point=point.name)
    if verdict not in (NO_LEVELLING, OPEN):
        groups = own_rows(groups, group=verdict.removeprefix(f"{LEVELLING} "))
    blank = dict.fromkeys([*DETECTABLE, *NO_PERCENT, "estimate", "low", "high"], float("nan"))
    blank |= {"estimand": GROUP_ERROR, "group": "no group large enough"}
    return groups.sort_values("high").iloc[-1].to_dict() if len(groups) else blank


def differences(found: pd.DataFrame) -> pd.DataFrame:
    """Levels of two models, the smallest difference that could be found between them, and what was found.

    found: rows of ``estimands.differences`` of one pair. With p-values where it has a column ``p_holm``; with the
    corrected t interval where that of an estimand differs from ours by a fifth, unless the runs are few: then all
    intervals are over people alone.
    """
    one = found["one"].iloc[0]
    rows = found.assign(point=found["point"].replace("", "–"), group=found["group"].replace("everyone", "–"))
    rows["estimand"] = rows["estimand"].replace(TITLES)
    checked = rows["corrected_low"].notna().any() and rows["runs"].min() >= LEAST_RUNS
    corrected = {
        "corrected_low": Column("corrected t interval", "signed", then=" to {corrected_high}"),
        "corrected_high": Column(form="signed"),
    }
    return typed(
        rows,
        ["estimand", "group", "point"],
        level_other=Column(named(SUPERVISED), "number"),
        level_one=Column(named(one), "number"),
        **DETECTABLE,
        estimate=Column(f"difference ({LEVEL_WORDS} CI)", "signed", 3, "low", "high"),
        **PERCENT,
        **(corrected if checked else {}),
        **({"p_holm": Column("p (Holm)", "p")} if "p_holm" in rows else {}),
    )


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


def best(found: Chosen) -> pd.DataFrame:
    """“Up to 30 %”: which strategy each half chooses, how often draws choose each, and what the choice gains."""
    rows = pd.DataFrame({"strategy": [STRATEGY_NAMES[name] for name in found.shares], "share": found.shares.values()})
    halves = [[STRATEGY_NAMES[name] for name in found.strategies].count(name) for name in rows["strategy"]]
    last = {"strategy": "gain of the chosen model over supervised", "share": float("nan")} | found.gain.columns()
    return typed(
        pd.concat([rows.assign(halves=halves), pd.DataFrame([last])], ignore_index=True),
        ["strategy"],
        halves=Column("halves that choose it", "count"),
        share=Column("draws that choose it", "percent"),
        detectable=DETECTABLE["detectable"],
        estimate=Column(f"difference in disparity ({LEVEL_WORDS} CI)", "signed", 3, "low", "high"),
    )
