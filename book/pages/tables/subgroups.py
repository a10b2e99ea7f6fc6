"""Stage 5: T-conditioned, gaps beside chance, spread between segments, intersections, and |log r| compared."""

import pandas as pd

from fairlib.measures.segments import ALL_SSL
from fairlib.report.columns import Column, beside, ranged, typed
from fairlib.strategies import STRATEGY_NAMES
from fairlib.text import LEVEL_WORDS

from ..columns import DRAWN, sizes, without_withheld


def conditioned(extremes: pd.DataFrame, gaps: pd.DataFrame) -> pd.DataFrame:
    """T-conditioned: the segments served best and worst by each strategy, and the largest gap beside chance.

    extremes, gaps: of ``comparisons``; ``gaps`` may be empty.
    """
    columns, hidden = {}, {}
    for side in ("best", "worst"):
        size = f"({{{side}_people}} people, {{{side}_windows}} windows, {{{side}_events}} pos.)"
        columns[f"{side}_segment"] = Column(side, then=f" {{{side}}} {size}")
        hidden |= {side: ranged(side)}
        hidden |= {f"{side}_{what}": Column(form="count") for what in ("people", "windows", "events")}
    columns["gap"] = ranged("gap", form="signed")
    rows = extremes
    if len(gaps) and len(extremes):
        chance = gaps.rename(columns={"gap": "largest"})
        own = ["largest", "null_mean", "null_bound", "p", "p_family", "undefined"]
        rows = extremes.merge(chance[["strategy", "attribute", *own]], on=["strategy", "attribute"], how="left")
        columns["largest"] = Column("largest gap", "number")
        columns["null_mean"] = Column(f"by chance: mean, {LEVEL_WORDS}", "number", then=", {null_bound}")
        columns["p"] = Column("p, this gap alone", "p")
        columns["p_family"] = Column("p (max\u2011T)", "p")
        columns["undefined"] = Column("undefined permutations", "count")
    rows = rows.replace({"strategy": STRATEGY_NAMES})
    return typed(rows, ["strategy", "attribute"], **columns, **DRAWN, **hidden)


def between(table: pd.DataFrame) -> pd.DataFrame:
    """Standard deviation between segments, as measured and without its noise (``comparisons.between``)."""
    titles = {"auc": "AUC", "error_rate": "error rate"}
    who = sizes()
    return typed(
        table.replace({"strategy": STRATEGY_NAMES, "metric": titles}),
        ["strategy", "attribute", "metric"],
        metric=Column("measure"),
        segments=Column(form="count"),
        naive=Column("as measured", "number"),
        sd=Column("without noise", "number", low="low", high="high"),
        people=who["people"],
        events=who["events"],
        **DRAWN,
    )


def intersections(summary: pd.DataFrame, pair: str, names: tuple[str, ...], minimum: int) -> pd.DataFrame:
    """People, AUC and error rate of each intersection of two attributes; what is withheld or too small is named.

    summary: of ``summaries.summarise`` of the table ``intersections``.
    """
    rows = summary[summary["attribute"] == pair]
    shown = {
        f"{metric}_{strategy}": ranged(f"{metric}_{strategy}", f"{title}, {STRATEGY_NAMES[strategy]}", digits=2)
        for metric, title in (("auc", "AUC"), ("error_rate", "error rate"))
        for strategy in names
    }
    rows = rows.assign(
        name=rows["metric"] + "_" + rows["strategy"],
        undefined_draws=rows.groupby("segment")["undefined_draws"].transform("max"),
    )
    table = without_withheld(beside(rows, ["segment"], "name", shown))
    table["note"] = table["note"].str.split(":").str[0]
    return typed(table, segment=Column(pair), **sizes(minimum), **shown, **DRAWN, note=Column())


def log_disparities(table: pd.DataFrame) -> pd.DataFrame:
    """Mean |log r| of SSL and of controls minus supervised, with both intervals (``comparisons.log_disparities``)."""
    names = {**STRATEGY_NAMES, ALL_SSL: "mean of the SSL models"}
    return typed(
        table.replace({"strategy": names}).assign(same=table["difference"]),
        ["strategy"],
        supervised=Column(form="number"),
        ssl=Column("this model", "number"),
        difference=Column("difference [participants]", "signed", low="people_low", high="people_high"),
        same=Column("difference [participants and runs]", "signed", low="low", high="high"),
        p=Column(form="p"),
        attributes=Column(form="count"),
        **DRAWN,
    )
