"""Your own data: a folder of ``card.yaml`` and three tables → ``Cohort``. A new dataset needs no code.

Layout, each table ``.csv`` (UTF-8, commas) or ``.parquet``:

* ``card.yaml``: the data card, as in ``data_cards``. Its attributes name the columns of people that are used.
* ``windows``: long form, one row a time step: person, window, time, then one column a channel. ``time`` is a number or
  an ISO date, ascending within a window, one of the card's steps apart; windows with other steps are counted. Every
  window has the card's number of steps. A column that is the label, an attribute or the number of a row is refused: a
  model would learn from it.
* ``labels``: window, label (0 or 1) [, split (train, val or test)] [, person, as in windows].
* ``people``: person, then a column of raw values for each attribute of the card.

``python -m fairlib new FOLDER`` writes an example. A missing value (an empty cell; in a channel also NA, NaN or null)
takes the last value before it in its window, else the median of the measured training values.
"""

from array import array
from pathlib import Path

import numpy as np
import pandas as pd
from pyarrow import ArrowException

from .. import cards
from ..cohort import SPLITS, Cohort, CohortError
from ..scaling import standardise
from . import counts as rows_of
from . import files as files_of
from . import table_channels as channels_of
from . import table_times as times_of
from .files import shown
from .recognise import hint
from .spelling import plain
from .splits import by_person

KEYS = {"windows": ["person", "window", "time"], "labels": ["window", "label"], "people": ["person"]}
#: What a column beside the keys may be called in labels, and its other uses.
SPLIT = "split"
AGAIN, EMPTY = times_of.AGAIN, files_of.EMPTY
MISSING = ["", "NA", "NaN", "nan", "null", "NULL"]


def read(path: Path | str, card: cards.Card | None = None) -> Cohort:
    """Read a folder in the layout above.

    ``card``: of an official dataset whose files are such tables; by default the folder brings its own.
    It is a twin where the card's access is synthetic or a TWIN.json lies beside it.

    Returns windows (n, timesteps, channels) float32 in the order of ``labels``, imputed as above, standardised with
    mean and standard deviation of the measured training values. Without a column ``split``, participants are split by
    ``splits.by_person``. Raises ``CohortError`` naming file, line, column and value for anything that does not fit.
    """
    path, steps = Path(path), []
    if not path.is_dir():
        raise CohortError(f"{path} is not a folder; `python -m fairlib new {path}` writes a template")
    if not card and not cards.has_own(path):
        like = [f.name for f in path.iterdir() if f.is_file() and f.name.lower() in ("card.yaml", "card.yml")]
        advice = f"rename {like[0]} to it" if like else "`python -m fairlib new DIR` writes a template"
        raise CohortError(f"{path / cards.CARD} is missing{hint(path, 'table')}; {advice}")
    card = card or cards.own(path)
    files = {name: _find(path, name) for name in KEYS}
    for file in files.values():
        if file.suffix == ".csv" and file.is_file() and not files_of.has_end(file):
            steps.append((f"last line of {file.name} without an end", 0, 0, "kept as it is; is the file whole?"))
    labels = _labels(files["labels"], steps)
    windows, channels = _windows(files["windows"], card, steps)
    labels = _match(labels, windows, files, steps)
    channels_of.refuse_labels(files["windows"], windows, channels, labels)
    values = _grid(windows, channels, labels["window"], card, files["windows"])
    person = windows.drop_duplicates("window").set_index("window")["person"][labels["window"]].to_numpy(str)
    y = labels["label"].to_numpy(np.int8)
    empty = np.isnan(values).all(axis=(1, 2))
    note = "kept: every value imputed" if empty.any() else "none"
    steps.append(("windows without any value", int(empty.sum()), len(set(person[empty])), note))
    split = _split(labels, person, y, files["labels"])
    attributes = _attributes(files["people"], person, card, steps)
    steps.append(channels_of.far(values, split == "train", channels, person))
    measured = values.copy()
    note = f"{100 * float(np.isnan(values).mean()):.1f} % of the values missing and imputed; scaled with training"
    note += f" statistics{standardise(values, split == 'train', channels)}"
    people = len(set(person))
    beside = rows_of.beside_card(
        windows=(len(y), card.expected.get("total")), people=(people, card.expected.get("people", card.people))
    )
    how = "as given" if SPLIT in labels else "by a hash of person"
    steps.append(("cohort", len(y), people, f"{beside}; {int(y.sum()):,} windows positive; split {how}; {note}"))
    arrays = (values, y, person, attributes, split, tuple(channels))
    return rows_of.cohort(card, [path], steps, *arrays, measured=measured)


def _find(folder: Path, name: str) -> Path:
    names = (f"{name}.csv", f"{name}.parquet")
    file = files_of.only([folder / wanted for wanted in names if (folder / wanted).exists()])
    if file is None:
        like = [found.name for found in folder.iterdir() if found.name.lower().partition(".")[0] == name]
        what = "rename or unpack" if like and like[0].lower() in (*names, f"{name}.csv.gz") else "save as one of them"
        advice = f"; {what} {like[0]}" if like else hint(folder, "table")
        raise CohortError(f"{folder} holds neither {' nor '.join(names)}{advice}")
    if file.is_file() and file.stat().st_size == 0:
        raise CohortError(f"{file} is empty (0 bytes); {AGAIN}")
    return file


def rows(file: Path, keys: list[str], measured: bool = False) -> pd.DataFrame:
    """A table, CSV or Parquet, as text; where channels are ``measured``, only person and window are text.

    keys: columns that must be there and, but for the label, filled. The index is the line or the row in the file.
    Raises ``CohortError`` for what is no such table.
    """
    try:
        if file.suffix == ".parquet":
            table = files_of.parquet(file, AGAIN)
            table = table.reset_index(drop=table.index.names == [None])  # a key that was kept as the index is a column
            columns, index = [plain(str(name)) for name in table], table.index.rename("row")
        else:
            columns, lines = _header(file)
        if twice := sorted({column for column in columns if columns.count(column) > 1}):
            raise CohortError(f"{file} has two columns {twice[0]!r}; rename one")
        for column in keys:
            need(file, column, columns, "")
        if file.suffix != ".parquet":
            kinds = dict.fromkeys(keys[:2], str) if measured else str
            missing = {c: MISSING if measured and c not in keys else [""] for c in columns}
            options = {"dtype": kinds, "keep_default_na": False, "na_values": missing, "index_col": False}
            options |= {"names": columns, "header": 0, "skip_blank_lines": False, "low_memory": False}
            table = pd.read_csv(file, encoding="utf-8-sig", **options)
            index = pd.Index(lines[1:] if len(lines) == len(table) + 1 else table.index + 2, name="line")
    except (pd.errors.ParserError, pd.errors.EmptyDataError, ArrowException, OSError, OverflowError) as error:
        raise CohortError(f"{file} is no readable table: {files_of.short(error)}; {AGAIN}") from error
    table = table.set_axis(columns, axis=1).set_axis(index).dropna(how="all")  # blank lines
    for column in keys[:2] if measured else table.columns:
        table[column] = files_of.as_text(table[column])
    for column in keys:
        if (empty := table[column].isna()).any() and column != "label":
            raise CohortError(f"{files_of.at(file, table, empty)}: {column} is empty; every row needs one")
        if column in ("person", "window"):
            files_of.refuse_damaged(file, column, table[column])
    if table.empty:
        raise CohortError(f"{file} has a header and no row; {AGAIN}")
    return table


def _header(file: Path) -> tuple[list[str], array]:
    """The names in the first line of a CSV, and the line at which each row begins. Every row is looked at: a cell too
    many or too few is refused."""
    starts, header = array("q"), None
    try:
        with file.open("rb") as data:
            files_of.refuse_other_kind(data.read(4), str(file))
        with file.open(encoding="utf-8-sig", newline="") as lines:
            for line, row in files_of.cells(lines, str(file), f"correct the row, or {AGAIN}"):
                header = row if header is None else header
                starts.append(line)
                if any("\0" in cell for cell in row):
                    raise CohortError(f"{file}, line {line}: a NUL byte, which no text holds; {AGAIN}")
    except UnicodeDecodeError as error:
        raise CohortError(f"{file}: byte {error.start} is not UTF-8 text; save it as UTF-8, or {AGAIN}") from error
    names = [plain(name) for name in header or []]
    if not any(names) or names.count("") > 1:
        raise CohortError(f"{file}, line 1 does not name the columns; delete what stands above their names, or {AGAIN}")
    return [name or f"Unnamed: {at}" for at, name in enumerate(names)], starts


def need(file: Path, column: str, columns: list[str], why: str) -> None:
    """Raise ``CohortError`` where a column is missing; why: who wants it."""
    if column not in columns:
        like = [found for found in columns if found.lower() == column.lower()]
        advice = f"rename {like[0]!r}, case counts" if like else f"found: {', '.join(columns)}"
        raise CohortError(f"{file} has no column {column!r}{why}; {advice}")


def _labels(file: Path, steps: list) -> pd.DataFrame:
    table = rows(file, KEYS["labels"])
    for column in table.columns:
        if column != SPLIT and column.lower() == SPLIT:  # else the split would be made anew, in silence
            raise CohortError(f"{file} has a column {column!r}; rename it to {SPLIT!r}, case counts")
    _count_unused(file, table, [*KEYS["labels"], SPLIT, "person"], steps)
    files_of.refuse_repeated(file, table[["window"]])
    words = table["label"].str.lower().replace({"true": "1", "false": "0"})
    number = pd.to_numeric(words, errors="coerce").astype("Float64").astype(float)
    todo = "write 1 for what the card calls positive, 0 for its opposite, nothing where it is not known"
    files_of.refuse(file, ~number.isin([0, 1]) & table["label"].notna(), "label", table["label"], "0 or 1", todo)
    if SPLIT in table:
        odd, todo = ~table[SPLIT].isin(SPLITS), "write one of them in every row"
        files_of.refuse(file, odd, SPLIT, table[SPLIT], ", ".join(SPLITS), todo)
    return table.assign(label=number)


def _windows(file: Path, card: cards.Card, steps: list) -> tuple[pd.DataFrame, list[str]]:
    """Rows of the long table, checked, with float32 channels; and the channels' names."""
    table = rows(file, KEYS["windows"], measured=True)
    channels = [str(column) for column in table.columns if column not in KEYS["windows"]]
    channels_of.refuse(file, table, channels, card)
    if len(channels) != card.windows.channels:
        raise CohortError(
            f"{file} has {len(channels)} channel columns ({', '.join(channels)}), the card says"
            f" {card.windows.channels}; correct windows.channels in {cards.CARD}, or the table"
        )
    for channel in channels:
        number, odd = files_of.as_number(table[channel], MISSING)
        files_of.refuse(file, odd, channel, table[channel], "a number", EMPTY)
        files_of.refuse(file, number.abs() > files_of.LARGEST_FLOAT, channel, number, "a finite number", EMPTY)
        table[channel] = number.astype(np.float32)
    owners = table[["person", "window"]].drop_duplicates()
    if (shared := owners.duplicated("window")).any():
        raise CohortError(
            f"{files_of.at(file, owners, shared)}: window {owners.loc[shared, 'window'].iloc[0]} belongs to two people;"
            " give each window an id of its own"
        )
    times, step = times_of.read(file, table[KEYS["windows"]], card)
    steps.append(step)
    return table.assign(time=times), channels


def _match(labels: pd.DataFrame, windows: pd.DataFrame, files: dict[str, Path], steps: list) -> pd.DataFrame:
    """Labels of the windows that are used; what is left out is counted."""
    there = windows[["window", "person"]].drop_duplicates()
    steps.append(("windows read", len(there), there["person"].nunique(), files["windows"].name))
    for what, out in (
        ("windows without a row in labels", there[~there["window"].isin(labels["window"])]),
        ("windows with an empty label", there[there["window"].isin(labels.loc[labels["label"].isna(), "window"])]),
    ):
        steps.append((what, len(out), out["person"].nunique(), "left out: no label"))
    lonely = ~labels["window"].isin(there["window"])
    steps.append(("labels without a window", int(lonely.sum()), 0, "left out: no signals"))
    if labels["label"].isna().all():
        raise CohortError(f"{files['labels']}, column label: every cell is empty; no window has a label")
    kept = labels[~lonely & labels["label"].notna()].reset_index(drop=True)
    if kept.empty:
        raise CohortError(
            f"{files['labels']} and {files['windows'].name} share no labelled window; their window ids must be the same"
        )
    files_of.refuse_alike(files["labels"], labels["window"], files["windows"].name, there["window"])
    if "person" in kept:
        given, person = kept["person"], there.set_index("window")["person"][kept["window"]].set_axis(kept.index)
        rows_at = labels.index[~lonely & labels["label"].notna()]
        odd = (given.notna() & (given != person)).to_numpy()
        wanted = f"{person[odd].iloc[0]!r}, whose window it is in {files['windows'].name}" if odd.any() else ""
        files_of.refuse(files["labels"], odd, "person", given.set_axis(rows_at), wanted, "correct one of the tables")
    return kept


def _grid(windows: pd.DataFrame, channels: list[str], wanted: pd.Series, card: cards.Card, file: Path) -> np.ndarray:
    """(n, timesteps, channels) with NaN where a value is missing, windows in the order ``wanted``."""
    code = pd.Index(wanted).get_indexer(windows["window"])
    found, steps = np.bincount(code[code >= 0], minlength=len(wanted)), card.windows.timesteps
    if (odd := found != steps).any():
        first = wanted.iloc[int(odd.argmax())]
        raise CohortError(
            f"{file}: window {first} has {found[odd][0]} time steps, the card says {steps} ({int(odd.sum())} such"
            " window(s)); add rows with empty cells for steps that were not measured, or leave the window's label empty"
        )
    order = np.argsort(code, kind="stable")[int((code < 0).sum()) :]
    return windows[channels].to_numpy(np.float32)[order].reshape(len(wanted), steps, len(channels))


def _split(labels: pd.DataFrame, person: np.ndarray, y: np.ndarray, file: Path) -> np.ndarray:
    if "split" not in labels:
        return by_person(person, y)
    given = pd.DataFrame({"person": person, "split": labels["split"]}).drop_duplicates()
    if (shared := given.duplicated("person")).any():
        who = given.loc[shared, "person"].iloc[0]
        raise CohortError(
            f"{file}, column split: person {who} is in more than one split ({int(shared.sum())} such case(s)); split by"
            " person, or remove the column and have it done by a hash"
        )
    return labels["split"].to_numpy(str)


def _attributes(file: Path, person: np.ndarray, card: cards.Card, steps: list) -> pd.DataFrame:
    """Segments of each window's person; unknown people, unknown values and empty segments are counted."""
    table = rows(file, KEYS["people"])
    files_of.refuse_repeated(file, table[["person"]])
    table = table.rename(columns={plain(name): name for name in card.attributes})
    for column in table.columns:
        if column.lower() == SPLIT:  # else the split would be made anew, in silence
            raise CohortError(f"{file} has a column {column!r}, which is read from labels; move it there, or remove it")
    for name in card.attributes:
        need(file, name, list(table.columns), f", an attribute of {cards.CARD}")
    _count_unused(file, table, ["person", *card.attributes], steps)
    known = table["person"].to_numpy(str)
    lost, alone = ~np.isin(person, known), ~np.isin(known, person)
    if lost.all():
        raise CohortError(
            f"{file} holds none of the people in windows: they are written like {shown(person[0])} there, and like"
            f" {shown(known[0])} here; their ids must be the same"
        )
    files_of.refuse_alike(file, known, "windows", person)
    steps.append((f"people of {file.name} without a window", 0, int(alone.sum()), "left out: no labelled window"))
    steps.append((f"people without a row in {file.name}", int(lost.sum()), len(set(person[lost])), "kept, all unknown"))
    segments = rows_of.segments(card, table, lambda name, row: f"{file}, {table.index.name} {row}, column {name}")
    for name in card.attributes:
        files_of.refuse_years(file, card, name, table[name])
    segments = segments.set_index(table["person"].to_numpy(str)).reindex(person).reset_index(drop=True)
    steps += rows_of.of_attributes(segments, person, card)
    return segments


def _count_unused(file: Path, table: pd.DataFrame, used: list[str], steps: list) -> None:
    if unused := [str(column) for column in table.columns if column not in used]:
        steps.append((f"columns of {file.name} that are not used", 0, 0, f"not used: {', '.join(unused)}"))
