"""The tables of a cohort in YAIB's layout → checked values: hours of variables, and what is known of each stay.

Every fault is a ``CohortError`` naming file, row, column and value. Rows of a parquet file are counted from 0.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from pyarrow import parquet

from .. import cards
from ..cohort import CohortError
from . import files as files_of
from . import table_channels as channels_of
from .recognise import hint
from .yaib_layout import LAYOUT, STAY, TIME, Layout, Table

AGAIN = "export the cohort with YAIB again"
TABLES = ("dyn", "outc", "sta")
#: Rows of dyn that are looked at together: the memory beside the windows.
ROWS = 500_000
#: Where a column stands: attribute's column → its file, and the row or line of each stay.
Places = dict[str, tuple[Path, pd.Index]]


def find(folder: Path, dataset: str) -> dict[str, Path]:
    """The files of the three tables."""
    if not folder.is_dir():
        what = f" is no folder of {', '.join(f'{name}.parquet' for name in TABLES)}, a cohort as YAIB writes it"
        raise CohortError(f"{folder}{what}{hint(folder.parent, dataset)}; give the folder above it")
    found = {name: folder / f"{name}.parquet" for name in TABLES}
    there = [name for name, file in found.items() if file.exists()]
    for file in found.values():
        files_of.refuse_other_case(file, "unpack it")
        if not file.exists():
            holds = f"{' and '.join(there)}.parquet but" if there else "neither dyn.parquet nor outc.parquet,"
            raise CohortError(f"{folder} holds {holds} not {file.name}{hint(folder, dataset)}; {AGAIN}")
        if file.is_file() and not file.stat().st_size:
            raise CohortError(f"{file} is empty (0 bytes); {AGAIN}")
    return found


def columns(file: Path) -> list[str]:
    """Names of the columns of a parquet file, or of a CSV, packed or not."""
    if file.suffix != ".parquet":
        return files_of.header(file, AGAIN)
    try:
        names = parquet.read_schema(file).names
    except Exception as error:  # a damaged one may break any line of the library
        raise CohortError(f"{file} is no readable table: {files_of.short(error)}; {AGAIN}") from error
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise CohortError(f"{file} has two columns {twice[0]!r}; rename one")
    return names


def table(file: Path, wanted: list[str]) -> pd.DataFrame:
    """Some columns of a parquet file, the index counting its rows, the stay as text."""
    there = columns(file)
    for name in wanted:
        if name not in there:
            like = [found for found in there if found.strip().lower() == name]
            todo = f"rename {like[0]!r}, case counts" if like else f"found {files_of.shown(', '.join(there))}; {AGAIN}"
            raise CohortError(f"{file} has no column {name!r}; {todo}")
    found = files_of.parquet(file, AGAIN, wanted).reset_index(drop=True).rename_axis("row")
    if found.empty:
        raise CohortError(f"{file} has a header and no row; {AGAIN}")
    found[STAY] = files_of.as_text(found[STAY])
    files_of.refuse(file, found[STAY].isna(), STAY, found[STAY], "the number of a stay", AGAIN)
    return found


def variables(file: Path, card: cards.Card, own: bool) -> list[str]:
    """Names of the variables of dyn, half as many as the card has channels; none is the label or an attribute."""
    names = [name for name in columns(file) if name not in (STAY, TIME)]
    todo = f"leave it out of {file.name}" + f", and write windows.channels: {2 * len(names) - 2} in {cards.CARD}" * own
    for name in names:
        if why := channels_of.no_measurement(name, card):
            raise CohortError(f"{file}, column {name!r}: {why}; {todo}")
    if 2 * len(names) != card.windows.channels:
        raise CohortError(
            f"{file} has {len(names)} variables, which with their masks are {2 * len(names)} channels; the card says"
            f" {card.windows.channels}; " + (f"correct windows.channels in {cards.CARD}" if own else AGAIN)
        )
    return names


def grid(file: Path, names: list[str], stays: pd.Index, stay: pd.Series, hour: np.ndarray, window: int) -> np.ndarray:
    """(stays, window, variables) float32 with NaN where nothing was measured.

    stay, hour: of each row of dyn. It is read in blocks, so that hours after the window take no memory.
    """
    out = np.full((len(stays), window, len(names)), np.nan, dtype=np.float32)
    code, start, todo = stays.get_indexer(stay), 0, "correct or empty the cell"
    for block in _blocks(file, names):
        block.index = pd.RangeIndex(start, start + len(block), name="row")
        stays_of, hours_of = code[block.index], hour[block.index]
        inside = (stays_of >= 0) & (hours_of < window)
        for column, name in enumerate(names):
            cells = block[name]
            number = pd.to_numeric(cells, errors="coerce").astype("Float64").astype(float)
            files_of.refuse(file, number.isna() & cells.notna(), name, cells, "a number", todo)
            far = number.abs() > files_of.LARGEST_FLOAT
            files_of.refuse(file, far, name, number, "a finite number", todo)
            out[stays_of[inside], hours_of[inside], column] = number.to_numpy()[inside]
        start += len(block)
    return out


def _blocks(file: Path, names: list[str]):
    try:
        for batch in parquet.ParquetFile(file).iter_batches(ROWS, columns=names):
            batch.validate(full=True)
            yield batch.to_pandas()
    except CohortError:
        raise
    except Exception as error:  # as in ``columns``
        raise CohortError(f"{file} is no readable table: {files_of.short(error)}; {AGAIN}") from error


def facts(path: Path, sta: Path, layout: Layout, wanted: list[str], stays: pd.Index) -> tuple[pd.DataFrame, Places]:
    """The wanted columns as text for each stay, missing where no table has its row or the cell is empty.

    wanted: columns of any table; the first that has one counts. Raises ``CohortError`` for a column that none has, and
    for a table with two rows of one key.
    """
    known, places, files = pd.DataFrame({STAY: stays}), {}, []
    for one in (Table(file=sta.name), *layout.people):
        file = sta if one.file == sta.name else _person_file(path, one.file)
        files.append(file)
        there = columns(file)
        links = {other.to for other in layout.people}
        needed = [name for name in dict.fromkeys([*wanted, *links]) if name in there and name not in known]
        rows = _text(file, one.key, needed)
        if one.to not in known:
            raise CohortError(f"{file} goes by column {one.to!r}, which no table before it has; correct {LAYOUT}")
        files_of.refuse_repeated(file, rows[[one.key]])
        found = pd.Index(rows[one.key]).get_indexer(known[one.to])
        if (found < 0).all():
            raise CohortError(
                f"{file} holds none of the stays: {one.key} is written like {files_of.shown(rows[one.key].iloc[0])}"
                f" there, and {one.to} like {files_of.shown(known[one.to].iloc[0])} here; they must be the same"
            )
        for name in needed:
            known[name] = rows[name].to_numpy(object)[found]
            known.loc[found < 0, name] = pd.NA
            places[name] = file, rows.index[found]
    for name in wanted:
        if name not in known:
            raise CohortError(
                f"no column {name!r} in {', '.join(str(file) for file in files)}; add it to one of them, or say in"
                f" {LAYOUT} which column it is"
            )
    return known, places


def _person_file(path: Path, name: str) -> Path:
    """A table of people, packed or not."""
    plain = path / name.removesuffix(".gz")
    file = files_of.only([place for place in (plain, Path(f"{plain}.gz")) if place.exists()])
    if file is None:
        files_of.refuse_other_case(plain)
        raise CohortError(f"{path / name} is missing, a table of people; copy it there, or correct {LAYOUT}")
    return file


def _text(file: Path, key: str, needed: list[str]) -> pd.DataFrame:
    """Key and needed columns as text, missing where empty or NA; the index is the row (parquet) or the line (CSV)."""
    names = list(dict.fromkeys([key, *needed]))
    if file.suffix == ".parquet":
        there = columns(file)
        if key not in there:
            raise CohortError(f"{file} has no column {key!r}; found {files_of.shown(', '.join(there))}")
        rows = files_of.parquet(file, AGAIN, names).reset_index(drop=True).rename_axis("row")
    else:
        rows = files_of.table(file, tuple(names), AGAIN, "the table", str).rename_axis("line")
    rows = rows.apply(files_of.as_text).replace("NA", pd.NA)  # as R writes a gap
    if rows.empty:
        raise CohortError(f"{file} has a header and no row; {AGAIN}")
    files_of.refuse(file, rows[key].isna(), key, rows[key], "a key in every row", AGAIN)
    return rows
