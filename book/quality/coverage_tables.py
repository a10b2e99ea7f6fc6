"""How often intervals hold the truth, as small tables of text and one sentence."""

import pandas as pd

from fairlib.text import count, number, percent

from .coverage import EXCESS, FINE, HIGH, LOW, SHORTFALL


def measures(table: pd.DataFrame) -> pd.DataFrame:
    """One row a measure. table: of ``coverage.by_measure``."""
    return pd.DataFrame(
        {
            "measure": table["measure"],
            "interval over": table["over"],
            "cases": table["cases"].map(str),
            "intervals": table["intervals"].map(count),
            "hold the truth": table["coverage"].map(percent),
            "lowest case": table["lowest"].map(percent),
            "highest case": table["highest"].map(percent),
            "wholly below": table["below"].map(percent),
            "wholly above": table["above"].map(percent),
            "undefined": table["undefined"].map(count),
        }
    )


def cases(table: pd.DataFrame) -> pd.DataFrame:
    """One row a case. table: rows of ``coverage.load``."""
    return pd.DataFrame(
        {
            "measure": table["measure"],
            "interval over": table["over"],
            "case": table["case"],
            "truth": table["truth"].map(number),
            "mean width": table["width"].map(number),
            "intervals": table["intervals"].map(count),
            "hold the truth": table["coverage"].map(percent),
            "verdict": table["verdict"],
        }
    )


def finding(table: pd.DataFrame) -> str:
    """What was found, in words that hold whatever the numbers say. table: of ``coverage.load``."""
    counts = table["verdict"].value_counts()
    text = (
        f"Of {len(table)} cases, the 95 % intervals hold the truth in {percent(LOW)} to {percent(HIGH)} of cohorts for"
        f" {counts.get(FINE, 0)}, more often for {counts.get(EXCESS, 0)}, and less often for {counts.get(SHORTFALL, 0)}"
    )
    short = table[table["verdict"] == SHORTFALL]
    named = [f"{row.measure} ({row.case}, {row.over}): {percent(row.coverage)}" for row in short.itertuples()]
    return f"{text}{': ' if named else ''}{'; '.join(named)}."
