"""Stage 1: sizes, segments, attrition and a typical window of a cohort, without a row of anyone."""

import numpy as np
import pandas as pd

from ..channels import are_masks, masks_of
from ..cohort import SPLITS, Cohort
from . import group_sizes
from .attrition import withhold


def access(cohort: Cohort) -> str:
    """The privacy rule that applies: a twin is synthetic whatever its original is."""
    return "synthetic" if cohort.origin == "twin" else cohort.card.access


def card_key(cohort: Cohort) -> dict:
    """What the tables take from the data card, for a manifest key: segments, the privileged one, cell size, metric."""
    card = cohort.card
    groups = {name: [facts.privileged, *facts.segments] for name, facts in card.attributes.items()}
    return {"groups": groups, "min_cell": card.min_cell, "metric": card.metric.metric}


def sizes(cohort: Cohort) -> pd.DataFrame:
    """People, windows and positive windows of each split and of all; small ones suppressed."""
    frame, rule = group_sizes.frame(cohort), access(cohort)
    splits = [(name, frame[frame["split"] == name]) for name in SPLITS]
    table = pd.DataFrame([{"segment": name} | group_sizes.counts(part) for name, part in splits])
    table = group_sizes.suppress(table, rule, cohort.card.min_cell).drop(columns="note")
    everybody = pd.DataFrame([{"split": "all", **group_sizes.size(frame)}])
    return pd.concat([table.rename(columns={"segment": "split"}), everybody], ignore_index=True)


def segments(cohort: Cohort) -> pd.DataFrame:
    """Sizes of each segment, by split where the access rule allows it; small ones suppressed."""
    card, frame, rule, records = cohort.card, group_sizes.frame(cohort), access(cohort), []
    # Restricted: all minus training minus test people would be the validation people of a segment.
    parts = ("all",) if rule == "restricted" else ("all", "train", "test")
    for attribute, facts in card.attributes.items():
        for name in parts:
            part = frame if name == "all" else frame[frame["split"] == name]
            for segment, chosen in group_sizes.parts(part, attribute, facts.segments):
                row = {"attribute": attribute, "split": name, "segment": segment}
                records.append(row | group_sizes.counts(chosen))
    return group_sizes.suppress(pd.DataFrame(records), rule, card.min_cell)


def attrition(cohort: Cohort) -> pd.DataFrame:
    """What the reader kept and left out, and why; no suppressed count follows from another."""
    rule, minimum = access(cohort), cohort.card.min_cell
    return withhold(cohort.attrition, rule, minimum, sizes(cohort), segments(cohort))


def typical_window(cohort: Cohort) -> pd.DataFrame:
    """(timesteps, four channels): a synthetic window of a twin, or the average of positive training windows."""
    return _typical_window(cohort)[0]


def shape(cohort: Cohort) -> pd.DataFrame:
    """One row: timesteps and channels of a window, and how many windows the typical one averages."""
    averaged = _typical_window(cohort)[1]
    return pd.DataFrame([{"timesteps": cohort.x.shape[1], "channels": cohort.x.shape[2], "averaged": averaged}])


def cohort_tables(cohort: Cohort) -> dict[str, pd.DataFrame]:
    """All of stage 1."""
    return {of.__name__: of(cohort) for of in (sizes, segments, attrition, typical_window, shape)}


def _typical_window(cohort: Cohort) -> tuple[pd.DataFrame, int]:
    """Four measured channels that change most over time, and how many windows they average.

    Averages of real windows keep two decimals: with more, sums over people whose values are seldom measured would give
    a single person's values away.
    """
    rule, minimum, train = access(cohort), cohort.card.min_cell, cohort.rows("train")
    rows = train[cohort.y[train] == 1]
    rows = rows[:1] if rule == "synthetic" else rows[:2000] if len(rows) >= 10 * minimum else train[:2000]
    mask_of = masks_of(cohort.channels)
    category = (mask_of >= 0) & np.array(["->" in name for name in cohort.channels])  # of a scale, with its mask
    measured = np.flatnonzero(~are_masks(mask_of) & ~category)
    mean = cohort.x[rows].mean(axis=0)[:, measured]
    if rule != "synthetic":
        mean = mean.round(2)
    spread = np.subtract(*np.percentile(mean, [90, 10], axis=0))  # not moved by a value that stands out alone
    chosen = np.sort(np.argsort(-spread, kind="stable")[:4])
    return pd.DataFrame(mean[:, chosen], columns=[cohort.channels[measured[i]] for i in chosen]), len(rows)
