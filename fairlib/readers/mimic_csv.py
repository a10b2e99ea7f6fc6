"""A large ``.csv`` or ``.csv.gz`` of MIMIC-III as a source for DuckDB: any header case, and errors in plain words."""

import csv
import glob
import gzip
import re
import zlib
from pathlib import Path

from ..cohort import CohortError

TYPES = {"CHARTTIME": "TIMESTAMP", "VALUE": "VARCHAR", "VALUEUOM": "VARCHAR"}  # ids: whole numbers
WANTED = {"BIGINT": "a whole number", "INT64": "a whole number", "TIMESTAMP": "a date (YYYY-MM-DD HH:MM:SS)"}
#: No header of MIMIC-III is nearly as long.
LONGEST = 10_000
AGAIN = "copy it again from PhysioNet"


def source(file: Path, columns: tuple[str, ...]) -> str:
    """``read_csv(...)`` of the named columns, under their names in lower case; the others are not even parsed.

    Raises ``CohortError`` if the header cannot be read, or lacks a column or has it twice.
    """
    header = [name.strip().upper() for name in _header(file)]
    for name in columns:
        if header.count(name) != 1:
            fault = "is missing" if name not in header else "is there twice"
            raise CohortError(f"{file}: column {name} {fault}; this needs the MIMIC-III v1.4 table with its header")
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


def _header(file: Path) -> list[str]:
    try:
        with gzip.open(file, "rb") if file.suffix.lower() == ".gz" else file.open("rb") as stream:
            line = stream.readline(LONGEST).decode("utf-8")
    except UnicodeDecodeError as error:
        raise CohortError(f"{file}, line 1: not UTF-8 text (byte {error.start}); {AGAIN}") from error
    except (EOFError, OSError, zlib.error) as error:
        raise CohortError(f"{file} is truncated or damaged ({error}); {AGAIN}") from error
    if not line.strip():
        raise CohortError(f"{file} is empty; {AGAIN}")
    return next(csv.reader([line]))


def explain(file: Path, error: str) -> str:
    """What DuckDB found wrong with a file, without the row that it quotes."""
    where = f", line {found[1]}" if (found := re.search(r"CSV Error on Line: (\d+)", error)) else ""
    if found := re.search(
        r'converting column "(\w+)"\. Could not convert string "(.*?)" to \'(\w+)\'', error, re.DOTALL
    ):
        column, value, kind = found.groups()
        wanted = WANTED.get(kind, f"a value of type {kind}")
        return (
            f"{file}{where}, column {column.upper()}: expected {wanted}, found {value!r}; correct the table, or {AGAIN}"
        )
    if "Out of Memory" in error or "No space left" in error:
        return f"{file} needs more memory, or space in the temporary folder ($TMPDIR), than there is; free some"
    if "GZIP" in error.upper():
        return f"{file} is truncated or damaged ({error.splitlines()[0]}); {AGAIN}"
    if "nicode" in error or "utf-8" in error:
        return f"{file}{where} is not UTF-8 text; {AGAIN}"
    if found := re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", error):
        return f"{file}{where}: expected {found[1]} cells, found {found[2]}; the file is cut off or damaged, {AGAIN}"
    return f"{file}{where} cannot be read ({error.splitlines()[0]}); {AGAIN}"
