"""A large ``.csv`` or ``.csv.gz`` of MIMIC-III as a source for DuckDB: any header case, and errors in plain words."""

import glob
import re
from pathlib import Path

from . import files as files_of

TYPES = {"CHARTTIME": "TIMESTAMP", "VALUE": "VARCHAR", "VALUEUOM": "VARCHAR"}  # ids: whole numbers
#: What DuckDB says of a cell that it cannot read, and what it wanted, in words.
CELL = re.compile(r'converting column "(\w+)"\. Could not convert string "(.*?)" to \'(\w+)\'', re.DOTALL)
WANTED = {"BIGINT": "a whole number", "INT64": "a whole number", "TIMESTAMP": "a date (YYYY-MM-DD HH:MM:SS)"}
#: No header of MIMIC-III is nearly as long.
LONGEST = 10_000
AGAIN, OFFICIAL = "copy it again from PhysioNet", "the comma-separated MIMIC-III v1.4 table"


#: What DuckDB says of rows that cannot be told apart, and what it means.
UNREADABLE = {
    "unterminated quote": "a quotation mark has no partner",
    "Maximum line size": "the line is longer than any of MIMIC-III, as if a line break or a quotation mark were lost",
    "invalid state": "lines end in different ways (CR LF and LF), or stray quotation marks",
}


def source(file: Path, columns: tuple[str, ...]) -> str:
    """``read_csv(...)`` of the named columns, under their names in lower case; the others are not even parsed.

    Raises ``CohortError`` if the header cannot be read, or lacks a column or has it twice.
    """
    header = [name.upper() for name in files_of.header(file, AGAIN, LONGEST)]
    for name in columns:
        files_of.place(header, name, str(file), OFFICIAL)
    types = ", ".join(
        f"'{name.lower()}': '{TYPES.get(name, 'BIGINT')}'" if name in columns else f"'other{i}': 'VARCHAR'"
        for i, name in enumerate(header)
    )
    place = glob.escape(str(file)).replace("'", "''")  # DuckDB reads [, ? and * in a path as a pattern
    packed = "gzip" if file.suffix.lower() == ".gz" else "none"
    return (
        f"read_csv('{place}', auto_detect = false, header = true, delim = ',', quote = '\"', escape = '\"',"
        f" compression = '{packed}', columns = {{{types}}})"
    )


def explain(file: Path, error: str) -> str:
    """What DuckDB found wrong with a file, without the row that it quotes."""
    where = f", line {found[1]}" if (found := re.search(r"CSV Error on Line: (\d+)", error)) else ""
    if found := CELL.search(error):
        wanted, value = WANTED.get(found[3], f"a value of type {found[3]}"), files_of.shown(found[2])
        where += f", column {found[1].upper()}"
        return f"{file}{where}: expected {wanted}, found {value}; correct the table, or {AGAIN}"
    if "Out of Memory" in error or "No space left" in error:
        return f"{file} needs more memory, or space in the temporary folder ($TMPDIR), than there is; free some"
    if "GZIP" in error.upper():
        return f"{file} is truncated or damaged ({error.splitlines()[0]}); {AGAIN}"
    if "nicode" in error or "utf-8" in error:
        return f"{file}{where}: not UTF-8 text; {AGAIN}"
    if found := re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", error):
        return f"{file}{where}: expected {found[1]} cells, found {found[2]}; the file is cut off or damaged, {AGAIN}"
    why = next((why for said, why in UNREADABLE.items() if said.lower() in error.lower()), error.splitlines()[0])
    return f"{file}{where} cannot be read ({why}); {AGAIN}"
