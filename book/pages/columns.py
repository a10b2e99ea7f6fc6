"""Columns that several tables share."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from fairlib.report.columns import SIZES, Column, ranged
from fairlib.text import ACCURACY_NAMES, count, disparity_name

from .marks import named

#: On how many training runs a number rests, and on how many bootstrap draws it is undefined.
DRAWN = {"seeds": Column("seeds or repeats", "count"), "undefined_draws": Column("undefined draws", "percent")}


def between(summary: pd.DataFrame, metrics: Iterable[str], attributes: list[str]) -> pd.DataFrame:
    """Rows of ``summaries.summarise`` about metrics between the groups of attributes."""
    chosen = summary["metric"].isin(metrics) & summary["attribute"].isin(attributes)
    return summary[(summary["scope"] == "ratio") & chosen]


def who(row: pd.Series, minimum: int) -> str:
    """The sizes of a row in words."""
    people, windows, events = (count(row[name] if row[name] >= minimum else None, minimum or None) for name in SIZES)
    return f"{people} people, {windows} windows, {events} of them positive"


def compared(rows: pd.DataFrame, accuracy: str) -> pd.DataFrame:
    """Rows of ``summaries.headline`` with marked names, and differences that are missing where nothing is compared."""
    ends = [f"{of}_difference{end}" for of in (accuracy, "deviation") for end in ("", "_low", "_high", "_p")]
    names = [named(row["strategy"], pd.Series(row)) for row in rows.to_dict("records")]
    return rows.assign(strategy=names, **{name: np.nan for name in ends if name not in rows})


def comparison(metric: str, accuracy: str) -> dict[str, Column]:
    """How the columns of ``compared`` are set."""
    columns = {}
    for name, title in ((accuracy, ACCURACY_NAMES[accuracy]), ("deviation", disparity_name(metric))):
        of = f"{name}_difference"
        # |1 − r| of a model is above 0 by noise alone, so its bootstrap interval would exclude parity too often.
        level = Column(title, "number") if name == "deviation" else ranged(name, title)
        columns |= {name: level, of: ranged(of, f"{title}, minus supervised", "signed")}
        columns[f"{of}_p"] = Column(f"p (Holm), {title}", "p")
    return columns | DRAWN
