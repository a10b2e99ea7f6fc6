"""CHARTEVENTS and LABEVENTS of MIMIC-III → the last value an hour of the 17 variables, in one streamed pass of DuckDB.

The rules are those of the mimic3-benchmarks, "Event cleaning, exactly" (YerevaNN/mimic3-benchmarks at ea0314c, MIT;
Harutyunyan et al., Sci Data 2019;6:96). Two of them look odd and are kept, because the published results rest on them:

* the source reads all values of a subject as text as soon as one of them is not a number. Then values of heart rate,
  respiratory rate and mean pressure charted at one time are ordered as text ("98" after "102"), and fractions of
  inspired oxygen are divided by 100 even where they are fractions already;
* of several values at one time the largest is kept, whatever the order of the rows.
"""

import tempfile
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
from tqdm import tqdm

from ..cohort import CohortError
from .benchmark_episodes import CATEGORICAL, CHANNELS, CONVERT, EPS, HOURS, VARIABLES, to_channels
from .counts import Step
from .files import facts, shown
from .mimic_csv import AGAIN, explain, source
from .units import Outside

ITEMS = facts("mimic_items.json")["items"]
NAMES = [variable["name"] for variable in VARIABLES]
#: What DuckDB may use before it writes to the temporary folder ($TMPDIR), which is emptied again.
MEMORY = "1500MB"
#: Stays discretised at once: bounds the memory beside the result.
BLOCK = 2048
#: The coma scale: categories by their text (the fifth category, capillary refill, is cleaned to 0 and 1).
SCALES = [NAMES[j] for j in CATEGORICAL if NAMES[j].startswith("Glascow")]
#: The variables whose values the source leaves as they are read: as text, ordered as text.
UNCLEANED = ("Heart Rate", "Mean blood pressure", "Respiratory rate", *SCALES)
HOUR = 3_600_000_000  # microseconds
#: Between these are the first 48 hours, with the benchmark's tolerance.
START, END = round(-EPS * HOUR), round((HOURS + EPS) * HOUR)
#: Why an event is left out, in the order of the tests; the number is its place here.
REASONS = (
    "used",
    "another item: not behind the 17 variables",
    "no VALUE",
    "no HADM_ID",
    "HADM_ID is not of a stay kept so far",
    "ICUSTAY_ID names another stay than the HADM_ID",
    "of a stay under 48 h or without a diagnosis",
    "outside the first 48 h of the stay",
    "VALUE is text that the rules of the variable do not know",
)

# DuckDB does not know how long a CSV is, and would put the events, not the small tables, into memory to join them.
STREAM = "SET disabled_optimizers = 'join_order, build_side_probe_side';"

# ``text``: how the value is cleaned where the source has read it as text. Only oxygen and the laboratory differ.
CLEAN = r"""
CREATE MACRO clean(name, v, value, unit, label, text) AS CASE name
    WHEN 'Capillary refill rate' THEN CASE
        WHEN value IN ('Normal <3 secs', 'Brisk') THEN 0 WHEN value IN ('Abnormal >3 secs', 'Delayed') THEN 1 END
    WHEN 'Systolic blood pressure' THEN
        coalesce(v, try_cast(regexp_extract(value, '^(\d+)/(\d+)$', 1) AS DOUBLE))
    WHEN 'Diastolic blood pressure' THEN
        coalesce(v, try_cast(regexp_extract(value, '^(\d+)/(\d+)$', 2) AS DOUBLE))
    WHEN 'Fraction inspired oxygen' THEN
        CASE WHEN NOT contains(unit, 'torr') AND (text OR v > 1) THEN v / 100 ELSE v END
    WHEN 'Oxygen saturation' THEN CASE WHEN v <= 1 THEN v * 100 ELSE v END
    WHEN 'Temperature' THEN CASE WHEN v >= 79 THEN (v - 32) * 5 / 9 ELSE v END
    WHEN 'Weight' THEN CASE
        WHEN contains(unit, 'oz') OR contains(label, 'oz') THEN v / 16 * 0.453592::DOUBLE
        WHEN contains(unit, 'lb') OR contains(label, 'lb') THEN v * 0.453592::DOUBLE
        ELSE v END
    WHEN 'Height' THEN
        CASE WHEN contains(unit, 'in') OR contains(label, 'in') THEN round_even(v * 2.54::DOUBLE, 0) ELSE v END
    ELSE v END;
CREATE MACRO cleaned(name, parsed, value, unit, label, text) AS clean(
    name, CASE WHEN isfinite(parsed) AND NOT contains(value, '_') AND NOT (
        text AND name IN ('Glucose', 'pH', 'Oxygen saturation')
        AND NOT regexp_full_match(value, '(\d+(\.\d*)?|\.\d+)')) THEN parsed END,
    value, lower(coalesce(unit, '')), label, text);
CREATE TABLE cell (
    why TINYINT, subject_id BIGINT, stay INTEGER, variable TINYINT, microseconds BIGINT,
    rows BIGINT, from_text DOUBLE, from_number DOUBLE, label VARCHAR, text BOOLEAN
);
"""

# One row of ``pair`` is a kept stay (by its admission) beside one stay of the cohort of the same person: the same one
# (own), or another whose INTIME to OUTTIME may hold an event of the first. The NA words are those of pandas. Values are
# cleaned inside a CASE: only for the few rows that may be used.
SCAN = """
INSERT INTO cell
WITH event AS (
    SELECT subject_id, hadm_id, {icustay_id} AS icustay_id, itemid, charttime, value, valueuom,
        try_cast(value AS DOUBLE) AS parsed,
        value IS NULL OR ((parsed IS NULL OR isnan(parsed)) AND value IN (
            'NA', 'N/A', 'NaN', 'nan', '-NaN', '-nan', 'NULL', 'null', 'n/a', '#N/A', '#NA')) AS empty
    FROM {source}
), placed AS (
    SELECT *, home IS NOT NULL AND (icustay_id IS NULL OR icustay_id = home) AS valid,
        epoch_us(charttime) - epoch_us(intime) AS elapsed,
        CASE WHEN variable IS NULL THEN 1 WHEN empty THEN 2 WHEN hadm_id IS NULL THEN 3 WHEN home IS NULL THEN 4
            WHEN NOT valid THEN 5 WHEN stay IS NULL THEN 6
            WHEN elapsed IS NULL OR elapsed <= {start} OR elapsed >= {end} THEN 7 ELSE 0 END AS early
    FROM event LEFT JOIN item USING (itemid) LEFT JOIN pair USING (subject_id, hadm_id)
    WHERE own IS NOT false OR (variable IS NOT NULL AND charttime BETWEEN intime AND outtime)
), judged AS (
    SELECT *, CASE WHEN early = 0 THEN cleaned(name, parsed, value, valueuom, item_label, true) END AS from_text,
        CASE WHEN early = 0 THEN cleaned(name, parsed, value, valueuom, item_label, false) END AS from_number,
        CASE WHEN early = 0 AND from_text IS NULL AND from_number IS NULL AND NOT category THEN 8 ELSE early END AS why
    FROM placed
)
SELECT why, subject_id, CASE WHEN why = 0 THEN stay END, CASE WHEN why IN (0, 8) THEN variable END,
    CASE WHEN why = 0 THEN elapsed END, count(*) FILTER (own IS NOT false),
    max(from_text), max(from_number), max(CASE WHEN why = 0 AND uncleaned THEN value END),
    bool_or(valid AND NOT empty AND parsed IS NULL)
FROM judged GROUP BY ALL
"""

# A view, so that a block of stays is all that is ever held: both tables together, each subject read as the source does.
CHOSEN = """
CREATE TABLE reading AS SELECT subject_id, bool_or(text) AS text FROM cell GROUP BY subject_id;
CREATE MACRO number_of(text, uncleaned, label, from_text, from_number) AS CASE
    WHEN NOT text THEN from_number WHEN uncleaned THEN try_cast(label AS DOUBLE) ELSE from_text END;
CREATE VIEW chosen AS
WITH merged AS (
    SELECT subject_id, stay, variable, microseconds, max(from_text) AS from_text, max(from_number) AS from_number,
        max(label) AS label
    FROM cell WHERE why = 0 GROUP BY ALL
)
SELECT stay, merged.variable, microseconds,
    CASE WHEN category AND NOT text AND from_number IS NOT NULL THEN from_number::VARCHAR
        WHEN category THEN label END AS label,
    CASE WHEN NOT category THEN number_of(text, uncleaned, label, from_text, from_number) END AS number
FROM merged JOIN reading USING (subject_id) JOIN variable USING (variable)
"""

# A value whose text the rules know only as a number is found out last, once it is known how its subject is read.
COUNT = """
WITH judged AS (
    SELECT CASE WHEN why = 0 AND NOT category
            AND number_of(reading.text, uncleaned, label, from_text, from_number) IS NULL
        THEN 8 ELSE why END AS reason, subject_id, stay, variable, rows
    FROM cell LEFT JOIN variable USING (variable) LEFT JOIN reading USING (subject_id) WHERE rows > 0
)
SELECT reason, CASE WHEN reason = 8 THEN variable END, sum(rows)::BIGINT, count(DISTINCT subject_id),
    count(DISTINCT CASE WHEN reason = 0 THEN stay END)
FROM judged GROUP BY ALL ORDER BY ALL
"""


def extract(files: dict[str, Path], stays: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, list[Step], Outside]:
    """Windows of the stays of a cohort, from the tables of events.

    ``files``: CHARTEVENTS and LABEVENTS. ``stays``: one row a kept stay with SUBJECT_ID, HADM_ID, ICUSTAY_ID, INTIME,
    OUTTIME, and STAY, its number in the cohort from 0, or missing where it is too short for it.

    Returns windows (m, 48, 76) float32 of the stays with a measurement, normalised (``benchmark_episodes``); which of
    the cohort's stays they are, boolean (n,); attrition rows that count every event read, by the reason it is left
    out; and the count of values outside their usual range.
    Raises ``CohortError`` naming file, line, column and value for anything the format does not allow.
    """
    with tempfile.TemporaryDirectory(prefix="fairlib-") as scratch:
        config = {"memory_limit": MEMORY, "temp_directory": scratch, "preserve_insertion_order": False}
        with duckdb.connect(config=config) as base:
            base.execute(STREAM + CLEAN)
            _tables(base, stays)
            has, cells = {}, 0
            for name, file in tqdm(files.items(), desc="events", unit="table", mininterval=2):
                _scan(base, name, file)
                before, cells = cells, _cells(base, int(stays["STAY"].count()))
                has[name] = cells > before
            base.execute(CHOSEN)
            _codes(base)
            outside = Outside(NAMES)
            x, measured = _windows(base, int(stays["STAY"].count()), outside)
            person = stays.dropna(subset="STAY").sort_values("STAY")["SUBJECT_ID"].to_numpy()
            lacking = [_lacking(name, measured & ~found, person) for name, found in has.items()]
            return x, measured, _count(base) + lacking, outside


def _tables(base: duckdb.DuckDBPyConnection, stays: pd.DataFrame) -> None:
    """The small tables: the 17 variables, their item ids, and pairs of kept stays and stays of the cohort."""
    variable = pd.DataFrame({"variable": range(len(NAMES)), "name": NAMES})
    variable["category"], variable["uncleaned"] = variable["name"].isin(SCALES), variable["name"].isin(UNCLEANED)
    items = [(number, name, label.lower()) for name in NAMES for number, _, label in ITEMS[name]]
    item = pd.DataFrame(items, columns=["itemid", "name", "item_label"]).merge(variable, on="name")
    kept = stays[["SUBJECT_ID", "HADM_ID", "ICUSTAY_ID"]].rename(columns={"ICUSTAY_ID": "HOME"})
    other = stays.dropna(subset="STAY")[["SUBJECT_ID", "ICUSTAY_ID", "INTIME", "OUTTIME", "STAY"]]
    pair = kept.merge(other, on="SUBJECT_ID")
    pair["OWN"] = pair["HOME"] == pair.pop("ICUSTAY_ID")
    alone = kept[stays["STAY"].isna()].assign(OWN=True)  # counted, but not in the cohort
    pair = pd.concat([pair, alone], ignore_index=True).astype({"STAY": "Int32"})
    for name, table in (("variable", variable), ("item", item), ("pair", pair)):
        base.register(f"{name}_frame", table)
        base.execute(f"CREATE TABLE {name} AS SELECT * FROM {name}_frame")


def _scan(base: duckdb.DuckDBPyConnection, name: str, file: Path) -> None:
    """One pass over a table of events; LABEVENTS has no ICUSTAY_ID."""
    stay = "icustay_id" if name == "CHARTEVENTS" else "NULL::BIGINT"
    columns = ("SUBJECT_ID", "HADM_ID", "ITEMID", "CHARTTIME", "VALUE", "VALUEUOM")
    columns += ("ICUSTAY_ID",) if name == "CHARTEVENTS" else ()
    query = SCAN.format(icustay_id=stay, source=source(file, columns), start=START, end=END)
    try:
        groups = base.execute(query).fetchone()
    except duckdb.Error as error:
        raise CohortError(explain(file, str(error))) from error
    if groups == (0,):
        raise CohortError(f"{file} holds a header and no rows; {AGAIN}")


def _codes(base: duckdb.DuckDBPyConnection) -> None:
    """Table of the category texts that occur, with their codes; the benchmark stops at any other text, and so do we."""
    rows, found = [], base.execute("SELECT DISTINCT variable, label FROM chosen WHERE label IS NOT NULL")
    for variable, label in found.fetchall():
        try:
            rows.append((variable, label, CONVERT[variable](label)))
        except KeyError:
            known = ", ".join(VARIABLES[variable]["categories"])
            raise CohortError(
                f"CHARTEVENTS, column VALUE: unknown category {shown(label)} of {NAMES[variable]}; the benchmark knows"
                f" {known}. Correct the text, or remove these rows"
            ) from None
    base.register("code", pd.DataFrame(rows, columns=["variable", "label", "code"]))


def _windows(base: duckdb.DuckDBPyConnection, n: int, outside: Outside) -> tuple[np.ndarray, np.ndarray]:
    """Blocks of stays → grid of the last value an hour → channels; stays without a measurement are left out."""
    has = "FROM chosen WHERE (label IS NOT NULL OR number IS NOT NULL)"
    measured = np.zeros(n, dtype=bool)
    measured[base.execute(f"SELECT DISTINCT stay {has}").fetchnumpy()["stay"]] = True
    x, done = np.empty((int(measured.sum()), HOURS, len(CHANNELS)), dtype=np.float32), 0
    for start in tqdm(range(0, n, BLOCK), desc="stays", unit="block", mininterval=2, disable=n < BLOCK):
        rows = base.execute(
            "SELECT stay, variable, microseconds, coalesce(code, number) AS value FROM"
            f" (SELECT * {has} AND stay >= $1 AND stay < $2) LEFT JOIN code USING (variable, label)"
            " ORDER BY microseconds",
            [start, start + BLOCK],
        ).fetchnumpy()
        grid = np.full((min(BLOCK, n - start), HOURS, len(VARIABLES)), np.nan)
        bins = np.minimum((rows["microseconds"] / HOUR - EPS).astype(int), HOURS - 1)  # towards 0: t = 0 in bin 0
        grid[rows["stay"] - start, bins, rows["variable"]] = rows["value"]  # rows in order of time: the last one stays
        grid = grid[measured[start : start + BLOCK]]
        outside.look(grid)
        x[done : (done := done + len(grid))] = to_channels(grid)
    return x, measured


def _cells(base: duckdb.DuckDBPyConnection, n: int) -> np.ndarray:
    """(n,) how many cells of the grid each stay has so far."""
    found = base.execute("SELECT stay, count(*) AS cells FROM cell WHERE why = 0 GROUP BY stay").fetchnumpy()
    out = np.zeros(n, dtype=np.int64)
    out[found["stay"].astype(int)] = found["cells"]
    return out


def _lacking(name: str, rows: np.ndarray, person: np.ndarray) -> Step:
    """Attrition row: stays that only the other table knows, as when this one was cut off at the end of a line."""
    note = f"kept: measured in the other table; is {name} whole?" if rows.any() else "none"
    return f"stays without an event of {name}", int(rows.sum()), len(np.unique(person[rows])), note


def _count(base: duckdb.DuckDBPyConnection) -> list[Step]:
    """Attrition rows: every event read is counted once, under the first reason that applies."""
    steps = []
    for why, variable, rows, people, stays in base.execute(COUNT).fetchall():
        name = "" if variable is None else f" ({NAMES[variable]})"
        note = f"{rows:,} rows {'used' if why == 0 else 'left out'}"
        steps.append((f"events: {REASONS[why]}{name}", stays, people, note))
    return steps
