"""How often the study's intervals hold the truth: the table that ``python -m tests.coverage`` leaves in the book.

Nothing is simulated here. A 95 % interval may hold the truth in 90 to 98 of 100 cohorts; what lies outside is named.
"""

import hashlib
from pathlib import Path

import pandas as pd

from fairlib.report.provenance import Provenance

from ..pages.provenance import collected
from .kept import Coverage

LOW, HIGH = 0.90, 0.98
#: What the study measures, in the order of the page; each holds the measures whose names begin so.
KINDS = (
    "AUC",
    "error rate",
    "selection",
    "parity",
    "average odds",
    "gap in AUC",
    "paired",
    "spread",
    "observed",
    "CKA",
)
SHORTFALL, EXCESS, FINE = "too seldom", "more often than asked", "as asked"


def load(path: Path | None = None) -> pd.DataFrame:
    """A kept table (default the book's), a row a measure, kind of interval and case.

    Columns as written, and ``coverage``: the share of defined intervals that hold the truth, and its ``verdict``.
    """
    table = pd.read_csv(path or Coverage().path)
    table["coverage"] = table["inside"] / (table["intervals"] - table["undefined"])
    table["verdict"] = table["coverage"].map(verdict)
    order = table["measure"].map(_place)
    return table.assign(order=order).sort_values(["order", "measure", "over", "case"]).drop(columns="order")


def verdict(coverage: float) -> str:
    """Where a share of intervals lies against 90 to 98 %; an undefined one is too seldom."""
    return EXCESS if coverage > HIGH else FINE if coverage >= LOW else SHORTFALL


def by_measure(table: pd.DataFrame) -> pd.DataFrame:
    """One row a measure and kind of interval: over all its cases together, the lowest and the highest, and counts.

    Columns: measure, over, cases, intervals, undefined, coverage, lowest, highest, below and above (shares of intervals
    that lie wholly below or above the truth), short and long (cases outside 90 to 98 %), verdict.
    """
    rows = table.groupby(["measure", "over"], sort=False)
    out = rows[["intervals", "inside", "undefined", "below", "above"]].sum()
    defined = out["intervals"] - out["undefined"]
    out = out.assign(coverage=out["inside"] / defined, below=out["below"] / defined, above=out["above"] / defined)
    out = out.assign(cases=rows.size(), lowest=rows["coverage"].min(), highest=rows["coverage"].max())
    out["short"] = rows["coverage"].agg(lambda values: (values < LOW).sum())
    out["long"] = rows["coverage"].agg(lambda values: (values > HIGH).sum())
    return out.assign(verdict=out["coverage"].map(verdict)).reset_index()


def made_of(p: Coverage) -> Provenance:
    """Provenance of the page: how many simulated cohorts, from which seed, and the code that was under test."""
    first = pd.read_csv(p.path).iloc[0]
    data = hashlib.sha256(p.path.read_bytes()).hexdigest()
    sources = f"{first['cohorts']} cohorts from seed {first['first_seed']}, by python -m tests.coverage"
    return collected(p, "simulated", sources, data, str(first["code"]))


def _place(measure: str) -> int:
    if "CKA" in measure:
        return len(KINDS)
    return next((i for i, kind in enumerate(KINDS) if measure.startswith(kind)), len(KINDS))
