"""What the study survives: the table that ``make torture`` leaves in the book. Nothing is broken here."""

import hashlib
from pathlib import Path

import pandas as pd

from fairlib.report.provenance import Provenance

from ..pages.provenance import collected
from .kept import Torture

#: What a whole run tries.
PARTS = ("readers", "kills", "damage", "disk", "workflow", "repeated", "offline")
#: How a reader may answer a broken file: refused, read as before, read and counted, read with other values.
ANSWERS = ("refused", "read as before", "read, and counted", "read with other values")
#: Readers that are not named after a data card.
OTHERS = {"mimic_raw": "MIMIC-III, raw tables", "table": "your own table"}


def load(path: Path | None = None) -> pd.DataFrame:
    """A kept table (default the book's), a row a count: part, case, what, value, code."""
    return pd.read_csv(path or Torture().path)


def readers(table: pd.DataFrame) -> pd.DataFrame:
    """One row a reader, a column an answer: how many broken files got it."""
    rows = table[table["part"] == "readers"]
    wide = rows.pivot_table(index="case", columns="what", values="value", aggfunc="sum", fill_value=0)
    return wide.reindex(index=rows["case"].unique(), columns=list(ANSWERS), fill_value=0).astype(int)


def made_of(p: Torture) -> Provenance:
    """Provenance of the page: its table, and the code that was under test."""
    code = "+".join(sorted(set(load(p.path)["code"])))
    data = hashlib.sha256(p.path.read_bytes()).hexdigest()
    return collected(p, "broken", "by make torture", data, hashlib.sha256(code.encode()).hexdigest()[:8])
