"""Stage 1: sizes, segments, attrition and a typical window of a cohort, without a row of anyone."""

import numpy as np
import pandas as pd

from .. import cards
from ..cohort import SPLITS, Cohort
from . import attrition, group_sizes


def access(cohort: Cohort) -> str:
    """The privacy rule that applies: a twin is synthetic whatever its original is."""
    return "synthetic" if cohort.origin == "twin" else cards.load(cohort.dataset).access


def card_key(cohort: Cohort) -> dict:
    """What the tables take from the data card, for a manifest key: segments, the privileged one, cell size, metric."""
    card = cards.load(cohort.dataset)
    groups = {name: [facts.privileged, *facts.segments] for name, facts in card.attributes.items()}
    return {"groups": groups, "min_cell": card.min_cell, "metric": card.metric.metric}


def cohort_tables(cohort: Cohort) -> dict[str, pd.DataFrame]:
    """Stage 1: sizes per split, sizes per segment (small counts suppressed), attrition, and a typical window.

    The typical window is one synthetic window of a twin, or the average of the positive training windows of real data.
    """
    card, frame, rule = cards.load(cohort.dataset), group_sizes.frame(cohort), access(cohort)
    # Restricted: all minus training minus test people would be the validation people of a segment.
    parts = ("all",) if rule == "restricted" else ("all", "train", "test")
    splits = [(name, frame[frame["split"] == name]) for name in SPLITS]
    sizes = pd.DataFrame(
        [{"segment": name, **group_sizes.size(part), **group_sizes.people(part)} for name, part in splits]
    )
    sizes = group_sizes.suppress(sizes, rule, card.min_cell).drop(columns="note").rename(columns={"segment": "split"})
    sizes = pd.concat([sizes, pd.DataFrame([{"split": "all", **group_sizes.size(frame)}])], ignore_index=True)
    segments = []
    for attribute in card.attributes:
        for name in parts:
            part = frame if name == "all" else frame[frame["split"] == name]
            for segment in [*card.attributes[attribute].segments, None]:
                chosen = part[part[attribute].isna() if segment is None else part[attribute] == segment]
                row = {
                    "attribute": attribute,
                    "split": name,
                    "segment": segment or "unknown",
                    **group_sizes.size(chosen),
                }
                segments.append(row | group_sizes.people(chosen))
    segments = pd.DataFrame(segments)
    segments = segments[(segments["segment"] != "unknown") | (segments["windows"] > 0)]  # nobody unknown: no such group
    segments = group_sizes.suppress(segments.reset_index(drop=True), rule, card.min_cell)
    typical, averaged = _typical_window(cohort, rule, card.min_cell)
    shape = pd.DataFrame([{"timesteps": cohort.x.shape[1], "channels": cohort.x.shape[2], "averaged": averaged}])
    return {
        "sizes": sizes,
        "segments": segments,
        "attrition": attrition.withhold(cohort.attrition, rule, card.min_cell, sizes, segments),
        "typical_window": typical,
        "shape": shape,
    }


def _typical_window(cohort: Cohort, rule: str, minimum: int) -> tuple[pd.DataFrame, int]:
    """Four measured channels that change most over time, and how many windows they average.

    Averages of real windows keep two decimals: with more, sums over people whose values are seldom measured would give
    a single person's values away.
    """
    train = cohort.rows("train")
    rows = train[cohort.y[train] == 1]
    rows = rows[:1] if rule == "synthetic" else rows[:2000] if len(rows) >= 10 * minimum else train[:2000]
    measured = [i for i, name in enumerate(cohort.channels) if "mask" not in name and "->" not in name]
    mean = cohort.x[rows].mean(axis=0)[:, measured]
    if rule != "synthetic":
        mean = mean.round(2)
    spread = np.subtract(*np.percentile(mean, [90, 10], axis=0))  # not moved by a value that stands out alone
    chosen = np.sort(np.argsort(-spread, kind="stable")[:4])
    return pd.DataFrame(mean[:, chosen], columns=[cohort.channels[measured[i]] for i in chosen]), len(rows)
