"""The data behind a figure or table as a CSV that the page itself holds: a link without a server or another file."""

import re
from urllib.parse import quote

import numpy as np
import pandas as pd

from . import columns
from .provenance import ORIGINS, Provenance

#: Rows of real data at most: what is aggregated has fewer.
MAX_ROWS = 3000
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would compute a text that begins so
LICENCE = "numbers CC BY 4.0; the data they were computed from keep their own licence"


def link(frame: pd.DataFrame, title: str, made: Provenance) -> str:
    """HTML of a link that saves the frame as a CSV, with a header that says what it is and what made it.

    Numbers have six figures; of restricted data they are written as the page shows them.

    Raises ``ValueError`` for rows that cannot be aggregates: too many of real data, or lists in a cell.
    """
    if made.access != "synthetic" and len(frame) > MAX_ROWS:
        raise ValueError(f"data of {title!r}: {len(frame):,} rows of real data, more than {MAX_ROWS:,}; aggregate them")
    if lists := [name for name in frame if frame[name].map(lambda cell: isinstance(cell, list | np.ndarray)).any()]:
        raise ValueError(f"data of {title!r}: column {lists[0]!r} holds lists, such as replicates; leave it out")
    facts = [title, f"{ORIGINS[made.origin][0]}: {made.title}", made.line(), made.command, LICENCE]
    head = "".join(f"# {' '.join(fact.split())}\n" for fact in facts)
    if made.access == "restricted":
        frame = columns.written(frame).map(lambda cell: cell.replace("\u00a0", " "))
    text = head + frame.map(shielded).to_csv(index=False, float_format="%.6g", lineterminator="\n")
    name = re.sub(r"\W+", "-", title.lower()).strip("-")[:60]
    href = f"data:text/csv;charset=utf-8,{quote(text)}"
    return f'<a class="fairlib-data" download="{name}.csv" href="{href}">Data (CSV)</a>'


def shielded(cell: object) -> object:
    """A cell of a CSV that no spreadsheet takes for a formula; numbers stay numbers."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell
