"""A file's bytes, text or table, or the sentence that says why it cannot be read: the same in every reader."""

import csv
import gzip
import io
import json
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow
from pyarrow import parquet as pq

from ..cards import Card
from ..cohort import CohortError
from . import spelling

#: Beside files that a twin wrote: they are synthetic.
MARK = "TWIN.json"
#: So much of a faulty value is quoted in an error.
QUOTED = 40
#: No packed file of a dataset that is read whole is larger; one that claims to be would fill the memory.
LARGEST = 4 << 30
#: Words in the name of an attribute that is an age, and the years it may hold.
AGE, YEARS = {"age", "years"}, (0, 120)
#: What to do about a cell that cannot be.
EMPTY = "correct or empty the cell"
#: Characters of what a library says.
LONGEST = 200
#: What separates cells where commas do not.
MARKS = {";": "semicolons", "\t": "tabs", "|": "bars"}
#: How files begin that are no text, whatever their names say, and what to do.
KINDS = {
    b"PK\3\4": "is a workbook of a spreadsheet (or a zip file), not text; save the sheet as CSV UTF-8, or unpack it",
    b"\xd0\xcf\x11\xe0": "is a workbook of an old spreadsheet, not text; save the sheet as CSV UTF-8",
    b"\x1f\x8b": "is packed by gzip; unpack it",
    b"PAR1": "is a Parquet file; name it .parquet",
    b"\xff\xfe": "is UTF-16 text, as spreadsheets save “Unicode text”; save it as UTF-8",
    b"\xfe\xff": "is UTF-16 text; save it as UTF-8",
}
#: Beyond it, a float32 is infinite.
LARGEST_FLOAT = float(np.finfo(np.float32).max)


def facts(name: str) -> dict:
    """What the JSON file of this name beside the readers says."""
    return json.loads(Path(__file__).with_name(name).read_text(encoding="utf-8"))


def content(file: Path, again: str, name: str | None = None) -> bytes:
    """The bytes of a file, unpacked if its name ends in ``.gz``.

    ``again``: what to do about a damaged file, the end of the sentence. ``name``: how to call it, by default its path.
    Raises ``CohortError`` for a file that is missing, empty, no file, not allowed to be read, or cut off.
    """
    name = name or str(file)
    try:
        data = file.read_bytes()
    except FileNotFoundError:
        raise CohortError(f"{name} is missing; {again}") from None
    except OSError as error:
        raise unreadable(name, error, again) from error
    if not data:
        raise CohortError(f"{name} is empty (0 bytes); {again}")
    if file.suffix.lower() == ".gz":
        try:
            with gzip.GzipFile(fileobj=io.BytesIO(data)) as packed:
                data = packed.read(LARGEST + 1)
        except (EOFError, OSError, zlib.error) as error:
            raise unreadable(name, error, again) from error
        if not data:
            raise CohortError(f"{name} is empty (0 bytes once unpacked); {again}")
        if len(data) > LARGEST:
            raise CohortError(f"{name} unpacks to more than {LARGEST:,} bytes, which no official file does; {again}")
    return data


def text(file: Path, again: str, name: str | None = None, ended: bool = False) -> str:
    """The text of a file in UTF-8, with or without a byte order mark; raises as ``content`` does.

    ``ended``: the official file ends with a line break, so one without was cut off, perhaps within a number.
    """
    found = decoded(content(file, again, name), name or str(file), again)
    if ended and not found.endswith(("\n", "\r")):
        raise CohortError(f"{name or file}: the last line has no end, so the file is cut off; {again}")
    return found


def decoded(data: bytes, name: str, again: str) -> str:
    """Bytes → text in UTF-8. Raises ``CohortError`` for another kind of file, and with the place of the first byte that
    is not text."""
    refuse_other_kind(data, name)
    try:
        found = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CohortError(f"{name}: byte {error.start} is not UTF-8 text; {again}") from error
    if "\0" in found:
        raise CohortError(f"{name}: byte {data.index(0)} is NUL, which no text holds; {again}")
    return found


def refuse_other_kind(data: bytes, name: str) -> None:
    """Raise for what begins as a workbook, a packed file or text in UTF-16 does."""
    for beginning, what in KINDS.items():
        if data.startswith(beginning):
            raise CohortError(f"{name} {what}")


def has_end(file: Path) -> bool:
    """Whether the last line ends with a line break; True for an empty file."""
    with file.open("rb") as stream:
        stream.seek(0, io.SEEK_END)
        stream.seek(max(0, stream.tell() - 1))
        return stream.read() in (b"\n", b"\r", b"")


def header(file: Path, again: str, longest: int = -1) -> list[str]:
    """The names in the first line, of ``longest`` bytes at most, of a file too large to be held."""
    try:
        with gzip.open(file, "rb") if (packed := file.suffix.lower() == ".gz") else file.open("rb") as stream:
            first = re.match(rb"[^\r]*", stream.readline(longest))[0]  # an old Macintosh ends lines with CR
            line = decoded(first, f"{file}, line 1", again)
    except (EOFError, OSError, zlib.error) as error:
        raise unreadable(str(file), error, again) from error
    if not line.strip():
        raise CohortError(f"{file} is empty; {again}")
    if not packed and not has_end(file):  # a packed one has a checksum instead
        raise CohortError(f"{file}: the last line has no end, so the file is cut off; {again}")
    return [name.strip() for name in next(cells([line], str(file), again))[1]]


def table(
    file: Path, columns: tuple[str, ...], again: str, official: str, case: Callable[[str], str], ended: bool = False
) -> pd.DataFrame:
    """The named columns as text, "" where empty; the index is the line in the file.

    ``official``: what this needs, in words. ``case``: ``str.upper`` or ``str.lower``, in which names are compared.
    """
    rows = cells(io.StringIO(text(file, again, ended=ended), newline=""), str(file), again)
    header = [case(name.strip()) for name in next((row for _, row in rows if row), [])]
    if not any(header):
        raise CohortError(f"{file} is empty; {again}")
    where = {name: place(header, name, str(file), official) for name in columns}
    lines, chosen = [], []
    for line, row in rows:
        if row:
            lines.append(line)
            chosen.append([row[i] for i in where.values()])
    if not lines:
        raise CohortError(f"{file} holds a header and no rows; {again}")
    return pd.DataFrame(chosen, index=lines, columns=list(columns), dtype=str)


def parquet(file: Path, again: str, columns: list[str] | None = None) -> pd.DataFrame:
    """A parquet file, all of it or some columns. Raises ``CohortError`` where it cannot be read."""
    try:
        texts = [field.name for field in pq.read_schema(file) if not pyarrow.types.is_primitive(field.type)]
        texts = [name for name in texts if columns is None or name in columns]
        pq.read_table(file, columns=texts).validate(full=True)  # else it breaks where a text is first looked at
        return pd.read_parquet(file, columns=columns)
    except Exception as error:  # a damaged one may break any line of the two libraries that read it
        raise CohortError(f"{file} is no readable table: {short(error)}; {again}") from error


def short(error: Exception) -> str:
    """What a library says, on one line and not too long."""
    said = " ".join(str(error).split()) or type(error).__name__
    return said if len(said) <= LONGEST else f"{said[:LONGEST]} …"


def as_text(column: pd.Series) -> pd.Series:
    """Cells as text in one spelling (``spelling.plain``), missing where empty.

    Whole numbers of a parquet as such: pandas keeps 1 beside a gap as 1.0.
    """
    if pd.api.types.is_float_dtype(column) and ((column % 1 == 0) & (column.abs() < 2**53) | column.isna()).all():
        column = column.astype("Int64")
    column = column.astype("string").str.strip()
    odd = {text: spelling.plain(text) for text in column.dropna().unique() if spelling.UNUSUAL.search(text)}
    return (column.replace(odd) if odd else column).replace("", pd.NA)


def place(header: list[str], name: str, file: str, official: str) -> int:
    """Where a column is. Raises ``CohortError`` if it is not there, or twice."""
    if header.count(name) != 1:
        fault = "is there twice" if name in header else f"is missing, found {shown(','.join(header))}"
        raise CohortError(f"{file}: column {name} {fault}; this needs {official} with its header")
    return header.index(name)


def cells(lines: Iterable[str], name: str, again: str) -> Iterator[tuple[int, list[str]]]:
    """Line at which it begins, and cells, of each row of comma-separated text; [] for a blank line.

    Raises ``CohortError`` where cells are separated by other signs, where quotation marks do not fit, or where a row
    has not as many cells as the first one.
    """
    rows, wanted, line = csv.reader(lines, strict=True), 0, 1
    try:
        for row in rows:
            if row and not wanted:
                wanted = len(row)
                refuse_marks(row, name)
            if row and len(row) != wanted:
                raise CohortError(f"{name}, line {line}: expected {wanted} cells, found {len(row)}; cut off? {again}")
            yield line, row
            line = rows.line_num + 1
    except csv.Error as error:
        raise CohortError(f"{name}, line {rows.line_num}: {error}; {again}") from error


def refuse_marks(header: list[str], name: str) -> None:
    """Raise where cells of a header are separated by something else, or a spreadsheet's own first line is there."""
    text = ",".join(header)
    if re.fullmatch("sep=.?", text.strip(), re.IGNORECASE):
        raise CohortError(f"{name}, line 1: {shown(text)} is a note to a spreadsheet; delete the line")
    for mark, said in MARKS.items():
        if text.count(mark) >= len(header):
            raise CohortError(
                f"{name}: cells are separated by {said}; save it with commas between cells, and points in decimals"
            )


def shown(value: object) -> str:
    """A faulty value in an error, not longer than need be."""
    if pd.api.types.is_scalar(value) and pd.isna(value):
        return "nothing"
    if pd.api.types.is_number(value):
        return f"{value:g}"
    text = str(value)
    return repr(text[:QUOTED] + "…" * (len(text) > QUOTED))


def at(file: Path, table: pd.DataFrame | pd.Series, bad: pd.Series | np.ndarray) -> str:
    """Where the first bad row of a table is, in words; its index holds the line, or what the index's name says."""
    return f"{file}, {table.index.name or 'line'} {table.index[int(np.argmax(bad))]}"


def refuse(file: Path, bad: pd.Series | np.ndarray, column: str, values: pd.Series, wanted: str, todo: str) -> None:
    """Raise ``CohortError`` for the first bad one of the ``values`` of a column, if there is one."""
    if np.any(bad):
        value = values.iloc[int(np.argmax(bad))]
        hint = spelling.no_number(value) if isinstance(value, str) and "number" in wanted else ""
        said = f"expected {wanted}, found {shown(value)}{hint}; {todo}"
        raise CohortError(f"{at(file, values, bad)}, column {column}: {said}")


def as_number(column: pd.Series, missing: Iterable[str] = ("",)) -> tuple[pd.Series, pd.Series]:
    """Cells as float64, NaN where one is not a number; and which cells hold something else than a number.

    A printed minus is one, and signs that nobody sees do not count. missing: what says that there is no value.
    """
    number = pd.to_numeric(column, errors="coerce").astype("Float64").astype(float)
    odd = number.isna() & column.notna()
    if odd.any():
        texts = column[odd].map(lambda cell: spelling.plain(str(cell)).replace("\u2212", "-"))
        number[odd] = pd.to_numeric(texts, errors="coerce").astype(float)
        odd = number.isna() & column.notna() & ~texts.isin([*missing]).reindex(column.index, fill_value=False)
    return number, odd


def refuse_years(file: Path, card: Card, name: str, values: pd.Series) -> None:
    """Raise ``CohortError`` for the first value of an attribute that is an age, by its name, which nobody has."""
    if card.attributes[name].cut is not None and AGE & set(name.lower().split("_")):
        years = pd.to_numeric(values, errors="coerce")
        odd = years.notna() & ~years.between(*YEARS)
        refuse(file, odd, name, values, f"years from {YEARS[0]} to {YEARS[1]}", EMPTY)


def refuse_repeated(file: Path, keys: pd.DataFrame, said: pd.DataFrame | None = None, hint: str = "") -> None:
    """Raise ``CohortError`` for the first row whose key appeared before; said: the keys as they are in the file."""
    again = keys.duplicated().to_numpy()
    if again.any():
        first = (keys if said is None else said).iloc[int(again.argmax())]
        key = ", ".join(f"{name} {str(value).removesuffix(' 00:00:00')}" for name, value in first.items())
        many = f" ({again.sum()} such rows)" if again.sum() > 1 else ""
        raise CohortError(f"{at(file, keys, again)}: {key} appears twice{many}; keep one row of it{hint}")


def refuse_damaged(file: Path, name: str, ids: pd.Series) -> None:
    """Raise for ids that a spreadsheet changed, and for two that are one number, such as 7, 07 and 7.0."""
    text = ids.drop_duplicates()
    for value, row in zip(text.dropna(), text.dropna().index, strict=True):
        why = "a number that a spreadsheet rounded" if spelling.is_rounded(value) else spelling.damage(value)
        if why:
            found = f"{shown(value)} looks like {why}, so that people cannot be told apart"
            raise CohortError(f"{file}, {ids.index.name} {row}, column {name}: {found}; export the ids as text again")
    number = text[text.str.fullmatch(r"\d+(\.0+)?").fillna(False)]
    number = number.str.replace(r"\.0+$", "", regex=True).str.lstrip("0")
    if (same := number.duplicated(keep=False)).any():
        first = [shown(value) for value in text[number.index[number == number[same].iloc[0]]]]
        raise CohortError(
            f"{file}, column {name}: {' and '.join(first[:2])} are one number ({int(same.sum())} such ids); write each"
            " id in one way"
        )


def refuse_alike(file: Path, ids: Iterable[str], other: Path | str, known: Iterable[str]) -> None:
    """Raise where ids of a file are in the other one too, but for their spelling."""
    ids, known = set(ids), set(known)
    if pairs := spelling.alike(sorted(ids - known), known):
        here, there = map(shown, pairs[0])
        raise CohortError(
            f"{file} and {other} write ids in two ways, such as {here} and {there} ({len(pairs)} such ids); write each"
            " id in one way"
        )


def refuse_other_case(place: Path, packed: str = "rename it, case counts") -> None:
    """Raise where a file or folder that is missing is there in another case or packed; ``packed``: what to do then."""
    todo = {place.name.lower(): "rename it, case counts", f"{place.name.lower()}.gz": packed}
    for near in place.parent.iterdir() if place.parent.is_dir() and not place.exists() else ():
        if near.name.lower() in todo and near.exists():
            raise CohortError(f"{place} is missing, but {near.name} is there; {todo[near.name.lower()]}")


def unreadable(name: str, error: Exception, again: str) -> CohortError:
    """The error to raise for what the operating system or the unpacking says."""
    if isinstance(error, IsADirectoryError):
        return CohortError(f"{name} is a folder, not a file; {again}")
    if isinstance(error, PermissionError):
        return CohortError(f"{name} may not be read by you ({error.strerror}); ask for access, or {again}")
    return CohortError(f"{name} is truncated or damaged ({error}); {again}")


def only(found: list[Path]) -> Path | None:
    """The file that is there, None without one. Raises ``CohortError`` for two, since they may differ."""
    if len(found) > 1:
        names = " and ".join(sorted(file.name for file in found))
        raise CohortError(f"{found[0].parent} holds {names}; remove the one that is not meant")
    return found[0] if found else None
