"""What the paper's release prints about an item of the catalogue, to stand beside ours."""

import numpy as np
import pandas as pd

from fairlib.report import show
from fairlib.study.parameters import Contract
from fairlib.text import count, number, with_interval

from . import published
from .published import of_release

TITLES = {
    "F-segments": "windows per segment, before any split",
    "F-label-bias": "ratio of positive labels",
    "T-performance": "performance on test windows",
    "T-conditioned": "best and worst segment",
    "F-cka": "CKA with the supervised model, same layers",
    "T-distances": "distances between segments in the 96 features",
    "F-embedding": "tests of projections",
}


def beside(item: str, dataset: str) -> tuple[pd.DataFrame, str]:
    """The published values of one item on one dataset, as text, and a title; an empty table where none is printed."""
    rows = published.table("beside")
    rows = rows[(rows["item"] == item) & (rows["dataset"].str.lower() == dataset)]
    values = []
    for row in rows.itertuples():
        form = count if row.value == int(row.value) else number
        values.append(with_interval(row.value, row.low, row.high) if np.isfinite(row.low) else form(row.value))
    table = rows.rename(columns={"subject": "of"}).assign(published=values)
    table = table[["of", "measure", "published", "source", "note"]]
    return table if rows["note"].any() else table.drop(columns="note"), f"Published: {TITLES[item]}"


def show_published(item: str, p: Contract) -> None:
    """Show on a notebook's page what the release prints about an item; nothing where it prints nothing."""
    table, title = beside(item, p.dataset)
    if len(table):
        show.table(table, title, of_release(p))
