"""Stage 5: T-conditioned, gaps beside chance, spread between segments, intersections, and |log r| compared."""

import pandas as pd

from fairlib.report.columns import Column, ranged, typed
from fairlib.strategies import STRATEGY_NAMES
from fairlib.text import LEVEL_WORDS

from ..columns import DRAWN


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
