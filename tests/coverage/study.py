"""The coverage study: many cohorts, every interval, how often it holds the truth; one small table that the book keeps.

``python -m tests.coverage`` computes it anew. The slow test recomputes the first cohorts and compares.
"""

import csv
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from fairlib import __version__
from fairlib.seeds import generator
from fairlib.study.results import source_hash

from . import gaussian, measures, people
from .measures import FRESH, Interval

COHORTS = 250
MEASURES = ("summary", "segments", "calibration", "half_samples", "cka")
#: What is under test: a change to one of these asks for a new table.
TESTED = ("fairlib.inference", "fairlib.similarity", *(f"fairlib.measures.{name}" for name in MEASURES))
TESTED = (*TESTED, "book.pages.cka_gaps")
KEYS = ["measure", "over", "case"]


def expected() -> dict:
    """Truths over fresh training runs: of metrics, and of gaps in CKA (a tenth of the runs: they differ less)."""
    draw = generator(0, "coverage", "fresh runs")
    return {
        "people": measures.truths({name: model.runs(FRESH, draw) for name, model in people.MODELS.items()}),
        "features": gaussian.gaps(gaussian.mixes(FRESH // 10, draw)),
    }


def intervals(seed: int, truth: dict) -> list[Interval]:
    """Every interval of the cohort of metrics and of the cohort of features with this seed."""
    return [*measures.intervals(seed, truth["people"]), *gaussian.intervals(seed, truth["features"])]


def tabulate(found: Iterable[tuple[int, Interval]]) -> pd.DataFrame:
    """One row a measure, kind of interval and case, from (cohort, interval).

    Columns: cohorts, intervals (a cohort has several calibration bins), undefined, inside (intervals that hold the
    truth), below and above (intervals that lie wholly on that side of it), truth and width (means).
    """
    table = pd.DataFrame([(seed, *one) for seed, one in found], columns=["cohort", *Interval._fields])
    slack = 1e-9  # an end that is 0 holds a truth of 0
    defined = table["low"].notna() & table["high"].notna()
    table["below"] = defined & (table["high"] < table["truth"] - slack)
    table["above"] = defined & (table["low"] > table["truth"] + slack)
    table["inside"] = defined & ~table["below"] & ~table["above"]
    table["undefined"], table["width"] = ~defined, table["high"] - table["low"]
    rows = table.groupby(KEYS, sort=True)
    out = rows[["inside", "below", "above", "undefined"]].sum().join(rows[["truth", "width"]].mean().round(4))
    out.insert(0, "intervals", rows.size())
    out.insert(0, "cohorts", rows["cohort"].nunique())
    return out.reset_index()


def write(table: pd.DataFrame, path: Path) -> None:
    """The table with its code, as CSV."""
    code = f"{__version__}+{source_hash(*TESTED)[:8]}"
    table.assign(first_seed=0, code=code).to_csv(path, index=False, quoting=csv.QUOTE_NONNUMERIC)
