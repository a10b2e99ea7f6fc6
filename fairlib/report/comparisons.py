"""Two models compared, as tables and in sentences: what could have been found, what was found, and the verdicts."""

import numpy as np
import pandas as pd

from ..measures.estimands import AUC, CLAIM, GROUP_ERROR, OVERALL, D, own_rows
from ..measures.groups import BETWEEN
from ..measures.margins import Margins
from ..measures.measured import LEAST_RUNS
from ..measures.operating import PRIMARY, Point
from ..measures.verdicts import (
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
from ..text import LEVEL_WORDS, readable
from . import plain
from .columns import Column, typed

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
NO_PERCENT = ["percent_low", "percent_high", "detectable_percent"]


def verdicts(found: pd.DataFrame, held: pd.DataFrame, other: str, point: Point = PRIMARY) -> pd.DataFrame:
    """Each verdict that holds, the smallest difference that could have been found, and what was.

    found: ``estimands.differences`` of the pair; held: ``verdicts.verdicts`` of it; other: the model that one is
    compared with, in a word.
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
    on = rows["estimand"].replace(titles(other))
    on = on.where(rows["estimand"] != GROUP_ERROR, "error rate, " + rows["group"].astype(str))
    return typed(
        rows.assign(on=on),
        ["verdict"],
        on=Column("quantity"),
        **DETECTABLE,
        estimate=Column(f"difference to {other} (interval)", "signed", 3, "low", "high"),
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


def differences(found: pd.DataFrame, one: str, other: str) -> pd.DataFrame:
    """Levels of two models, the smallest difference that could be found between them, and what was found.

    found: rows of ``estimands.differences`` of one pair; one, other: what the models are called. With p-values where it
    has a column ``p_holm``; with the corrected t interval where that of an estimand differs from ours by a fifth,
    unless the runs are few: then all intervals are over people alone.
    """
    rows = found.assign(point=found["point"].replace("", "–"), group=found["group"].replace("everyone", "–"))
    rows["estimand"] = rows["estimand"].replace(titles(other))
    checked = rows["corrected_low"].notna().any() and rows["runs"].min() >= LEAST_RUNS
    corrected = {
        "corrected_low": Column("corrected t interval", "signed", then=" to {corrected_high}"),
        "corrected_high": Column(form="signed"),
    }
    return typed(
        rows,
        ["estimand", "group", "point"],
        level_other=Column(other, "number"),
        level_one=Column(one, "number"),
        **DETECTABLE,
        estimate=Column(f"difference ({LEVEL_WORDS} CI)", "signed", 3, "low", "high"),
        **PERCENT,
        **(corrected if checked else {}),
        **({"p_holm": Column("p (Holm)", "p")} if "p_holm" in rows else {}),
    )


def titles(other: str) -> dict[str, str]:
    """Estimands that a reader does not know by their names → what they are."""
    return {CLAIM: f"D − 0.70 · D({other})", D: f"disparity D, {D}"}


def sentences(
    found: pd.DataFrame, held: pd.DataFrame, one: str, other: str, margins: Margins, point: Point = PRIMARY
) -> list[str]:
    """A plain sentence on accuracy, one per verdict on disparity that holds, and those on the named groups.

    found, held: as in ``verdicts``; one, other: the models in words. Decisions, which rank nobody, have no accuracy.
    """
    rows = found[found["group"].isin([OVERALL, "everyone"])]
    (d,) = own_rows(rows, estimand=D, point=point.name).to_dict("records")
    facts = {"low": d["percent_low"], "high": d["percent_high"], "detectable": d["detectable_percent"]}
    facts |= {"claim": 100 * (1 - margins.claim), "margin": np.exp(margins.equivalence)}
    areas = own_rows(rows, estimand=AUC).itertuples()
    told = [plain.accuracy(one, other, area.low, area.high, margins.auc) for area in areas]
    for row in held[held["holds"]].itertuples():
        if row.verdict.startswith(OPEN.partition(":")[0]):
            name = readable(row.verdict).replace(BETWEEN, " and ")
            told.append(plain.levelling(name, one, other, row.low, row.high, margins.group))
        elif row.verdict not in (NON_INFERIOR, SENSITIVITY):
            told.append(plain.disparity(row.verdict, one, other, facts))
    return told
