"""Stage 1: T-requirements, T-datasets and the attrition table."""

import pandas as pd

from fairlib.measures.attrition import counted
from fairlib.report.columns import Column, typed


def sizes(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """T-datasets for one dataset: windows, people, positive labels per split, and the window's shape."""
    shape = tables["shape"].iloc[0]
    rows = tables["sizes"]
    window = f"{shape['timesteps']} steps × {shape['channels']} channels"
    return typed(
        rows.assign(prevalence=rows["events"] / rows["windows"], window=window),
        ["split"],
        windows=Column(form="count"),
        people=Column(form="count"),
        events=Column("positive", "count"),
        prevalence=Column(form="percent"),
        window=Column(),
    )


def attrition(tables: dict[str, pd.DataFrame], minimum: int) -> pd.DataFrame:
    """What the reader kept and left out, and why; what is no number is told: under the threshold, or withheld."""
    rows = tables["attrition"]
    told = {f"no_{c}": [counted(row, c, minimum) for row in rows.to_dict("records")] for c in ("windows", "people")}
    numbers = rows.assign(**told, **{c: rows[c].where(rows[c] != 0) for c in ("windows", "people")})
    counts = {c: Column(form="count", instead=f"no_{c}") for c in ("windows", "people")}
    return typed(numbers, ["step"], **counts, note=Column())


def unknown(segments: pd.DataFrame) -> str:
    """Which attributes have no segment that can be shown, and what follows; "" where there is none.

    segments: of ``evidence.cohort_tables``.
    """
    known = segments[(segments["split"] == "all") & (segments["segment"] != "unknown")]
    shown = known.assign(any=known["windows"].fillna(0) > 0)
    empty = ~shown.groupby("attribute", sort=False)["any"].any()
    if not empty.any():
        return ""
    judged = ", ".join(empty.index[~empty]) or "none"
    return (
        f"Nobody, or too few people, have a known {', '.join(empty.index[empty])}. The notebooks show no segment, ratio"
        f" or gap of it. What is left: {judged}. The attrition table says whether a file is missing."
    )
