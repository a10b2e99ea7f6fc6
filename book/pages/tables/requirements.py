"""Stage 1: T-requirements, T-datasets and the attrition table."""

import pandas as pd

from fairlib.measures.attrition import counted
from fairlib.text import count, percent


def sizes(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """T-datasets for one dataset: windows, people, positive labels per split, and the window's shape."""
    shape = tables["shape"].iloc[0]
    rows = tables["sizes"]
    return pd.DataFrame(
        {
            "split": rows["split"],
            "windows": rows["windows"].map(count),
            "people": rows["people"].map(count),
            "positive": rows["events"].map(count),
            "prevalence": (rows["events"] / rows["windows"]).map(percent),
            "window": f"{shape['timesteps']} steps × {shape['channels']} channels",
        }
    )


def attrition(tables: dict[str, pd.DataFrame], minimum: int) -> pd.DataFrame:
    """What the reader kept and left out, and why; counts under the threshold show as such."""
    rows = tables["attrition"].copy()
    for column in ("windows", "people"):
        rows[column] = [counted(row, column, minimum) for row in tables["attrition"].to_dict("records")]
    return rows


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
