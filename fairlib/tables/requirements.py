"""Stage 1: T-requirements, T-datasets and the attrition table."""

import pandas as pd

from ..attrition import WITHHELD
from ..cards import Card
from .text import count, percent

REQUIREMENTS = {
    "protected_attributes": "Protected attributes",
    "large_size": "Large size",
    "multimodal": "Multimodal",
    "open_benchmark": "Open benchmark",
}


def requirements(card: Card) -> pd.DataFrame:
    """T-requirements: the four requirements, judged by rule from the card's facts, with the card's evidence.

    At least two protected attributes; at least 1,000 people; at least two modalities; a named benchmark, and files that
    others can get (openly, or by an application that is open to researchers).
    """
    holds = {
        "protected_attributes": len(card.protected()) >= 2,
        "large_size": card.people >= 1000,
        "multimodal": len(card.windows.modalities) >= 2,
        "open_benchmark": bool(card.benchmark),
    }
    partly = {"open_benchmark"} if card.access == "restricted" else set()
    return pd.DataFrame(
        [
            {
                "requirement": title,
                "holds": ("partly" if name in partly else "yes") if holds[name] else "no",
                "evidence": getattr(card.requirements, name).evidence,
            }
            for name, title in REQUIREMENTS.items()
        ]
    )


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


def counted(row: dict, column: str, minimum: int) -> str:
    """A count of an attrition row in words: nothing for none, under the threshold, withheld, or the number."""
    if pd.isna(row[column]) and row["note"].startswith(WITHHELD):
        return WITHHELD
    return "" if row[column] == 0 else count(row[column], minimum)


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
