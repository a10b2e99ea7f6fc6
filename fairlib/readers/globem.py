"""GLOBEM weekly depression: the study years' folders (``INS-W_1`` to ``INS-W_4``, or the open sample) → ``Cohort``.

Each row of ``SurveyData/dep_weekly.csv`` is the label of one window: the 28 calendar days of features that end on its
date. Source: Xu et al., GLOBEM Dataset (NeurIPS 2022 Datasets and Benchmarks) and the platform's data preparation
(github.com/UW-EXP/GLOBEM). The twin looks alike.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from .. import cards
from ..cohort import SPLITS, Cohort, CohortError
from . import counts as rows_of
from . import globem_features as features
from .files import refuse_alike, refuse_repeated, shown
from .globem_files import Days, Year, days_of, find_years, read_days, read_table, refuse
from .splits import by_person

#: Participants of a study year with fewer windows are left out, as the platform does.
MIN_WINDOWS = 2
LABELS = {"true": 1, "1": 1, "1.0": 1, "false": 0, "0": 0, "0.0": 0}
DEMOGRAPHICS = ("gender", "race", "disability")
#: The provider's normalisation by participant is cut off at minus and plus this.
NORMALISED = 2


def read(path: Path | str, split: str = "person") -> Cohort:
    """Read all study years in ``path``; a TWIN.json beside them makes them a twin.

    As the platform's ``np_norm``, the first half of the channels is normalised within each window, the second half is
    the provider's normalisation by participant; a gap takes the channel's median over the window, 0 where it has none.
    Protected attributes are in the ``demographics.csv`` that the authors give on request: the one in ``path``, or those
    in the years' ``ParticipantsInfoData``. Without it, only the platform of the phone is known.

    ``split``: "person" (70 / 15 / 15 % of the participants in the order of a hash of their id, among those with mostly
        depressed and with mostly other weeks) or "released" (years 1-3; first and second half of year 4's rows, but
        the participant at this cut is whole, in the half with most of their windows, since nobody is in two splits).

    Returns windows (n, 28, 1390) float32, in the order of years and of their label files; ``person`` is the
    participant id. The data holds 700 ids of, by its authors, 497 people: who came back in another year cannot be told.
    Raises ``CohortError`` naming file, line, column and value for anything the format does not allow.
    """
    path = Path(path)
    if split not in ("person", "released"):
        raise CohortError(f"split must be 'person' or 'released', got {split!r}")
    years, names = find_years(path), features.channels()
    steps, found = [], []
    labels = {year: _read_labels(year, steps) for year in years}
    x = np.empty((sum(map(len, labels.values())), features.DAYS, len(names)), dtype=np.float32)
    n, missing = 0, 0
    for year in tqdm(years, desc="GLOBEM", unit="year", mininterval=2):
        windows, days = labels[year], read_days(year.folder / "FeatureData", names)
        _refuse_other_ids(year, windows["pid"], days.pid)
        rows = features.window_rows(days.pid, days.day, windows["pid"], windows["day"].to_numpy("datetime64[D]"))
        kept = _with_data(windows, rows, year, steps)
        steps += _count_days(days, windows, names, year)
        missing += features.fill(x[n : n + kept.sum()], days.values, rows[kept])
        n += int(kept.sum())
        found.append(windows[kept].assign(year=year.number, platform=_platforms(year, windows["pid"][kept])))
    windows = pd.concat(found, ignore_index=True)
    if not n:
        counts = "; ".join(f"{step}: {rows}" for step, rows, _, _ in steps if rows)
        raise CohortError(
            f"{path}: no label keeps a window ({counts or 'no labels'}); do SurveyData and FeatureData belong together?"
        )
    attributes = _attributes(path, years, windows, steps)
    y, person = windows["label"].to_numpy(np.int8), windows["pid"].to_numpy(str)
    # Participants with mostly depressed weeks, and the others, are split alike: so each split holds both classes.
    mostly = (windows.groupby("pid")["label"].transform("mean") >= 0.5).to_numpy()
    parts = by_person(person, mostly) if split == "person" else _split_released(windows, path, steps)
    words = {"windows": "windows", "positive": "depressed", "people": "participants"}
    notes = {"total": f"; {100 * missing / x[:n].size:.1f} % of the values missing and imputed"}
    card, place = cards.load("globem"), years[0].folder.parent
    sizes = rows_of.of_splits(card, parts, person, y, words, notes)
    steps += sizes if split == "released" else sizes[-1:]  # another split is not the study's
    return rows_of.cohort(card, [place], steps, x[:n], y, person, attributes, parts, names)


def _refuse_other_ids(year: Year, pid: pd.Series, of_features: np.ndarray) -> None:
    """Raise where labels and features of a year write their participants in two ways, so that windows would be lost."""
    survey, known = year.folder / "SurveyData" / "dep_weekly.csv", pd.unique(of_features)
    if len(pid) and not pid.isin(known).any():
        raise CohortError(
            f"{survey} and {year.folder / 'FeatureData'} have no participant in common: they are written like"
            f" {shown(pid.iloc[0])} there, and like {shown(known[0])} here; their ids must be the same"
        )
    refuse_alike(survey, pid, year.folder / "FeatureData", known)


def _step(steps: list, name: str, rows: pd.DataFrame, note: str) -> None:
    steps.append((name, len(rows), rows["pid"].nunique(), note))


def _read_labels(year: Year, steps: list) -> pd.DataFrame:
    """One row a label in file order: pid, day, label; what is left out is added to the attrition ``steps``."""
    file = year.folder / "SurveyData" / "dep_weekly.csv"
    table = read_table(file, ("pid", "date", "dep"))
    refuse(file, table["pid"] == "", "pid", table["pid"], "a participant")
    known = table["dep"].str.lower().map(LABELS)
    refuse(file, known.isna() & (table["dep"] != ""), "dep", table["dep"], "True or False")
    table = table.assign(day=days_of(file, table["date"]), label=known)
    _step(steps, f"{year.name}: weekly labels", table, f"rows of {file.name}")
    empty = table["label"].isna()
    _step(steps, f"{year.name}: labels without a value", table[empty], "left out: dep is empty")
    table = table[~empty]
    again = table.duplicated(["pid", "day"], keep="last")
    note = "left out: the last of a day is kept, as in the platform"
    _step(steps, f"{year.name}: repeated labels", table[again], note)
    return table.loc[~again, ["pid", "day", "label"]].reset_index(drop=True)


def _with_data(windows: pd.DataFrame, rows: np.ndarray, year: Year, steps: list) -> np.ndarray:
    """(n,) which labels keep their window: a day of features in it, and a participant with two such windows."""
    filled = (rows >= 0).any(axis=1)
    _step(steps, f"{year.name}: labels without any day of features", windows[~filled], "left out")
    enough = windows["pid"].map(windows["pid"][filled].value_counts()).ge(MIN_WINDOWS).to_numpy()
    note = f"left out: the platform wants {MIN_WINDOWS}"
    _step(steps, f"{year.name}: participants with fewer than {MIN_WINDOWS} windows", windows[filled & ~enough], note)
    kept = windows[filled & enough]
    says = cards.load("globem").expected.get(f"year {year.number} participants")
    note = rows_of.beside_card(participants=(kept["pid"].nunique(), says)) if says else "no such year on the card"
    _step(steps, f"{year.name}: windows", kept, note)
    return filled & enough


def _count_days(days: Days, windows: pd.DataFrame, names: tuple[str, ...], year: Year) -> list[rows_of.Step]:
    """Attrition rows: who has features and no label, and days whose normalised features are beyond the provider's."""
    alone = set(days.pid) - set(windows["pid"])
    beyond = (np.abs(days.values[:-1, len(names) // 2 :]) > NORMALISED).any(axis=1)
    note = f"kept: {int(beyond.sum()):,} days with a _norm feature beyond -{NORMALISED} to {NORMALISED}; other units?"
    return [
        (f"{year.name}: participants with features and no label", 0, len(alone), "left out: no label"),
        (f"{year.name}: features beyond their range", 0, len(set(days.pid[beyond])), note if beyond.any() else "none"),
    ]


def _platforms(year: Year, pid: pd.Series) -> pd.Series:
    """The first platform named for each participant (``ios;android`` is ios), missing where there is no row."""
    file = year.folder / "ParticipantsInfoData" / "platform.csv"
    table = read_table(file, ("pid", "platform"))
    refuse_repeated(file, table[["pid"]])
    refuse_alike(file, table["pid"], year.folder / "SurveyData", pid)
    first = table["platform"].str.split(";").str[0].str.strip().str.lower()
    known = ["", *cards.load("globem").attributes["platform"].values]
    refuse(file, ~first.isin(known), "platform", first, "ios or android")
    return pid.map(first.set_axis(table["pid"]))


def _attributes(path: Path, years: list[Year], windows: pd.DataFrame, steps: list) -> pd.DataFrame:
    """Segments of each window: platform, and those of the demographics file, joined on the number in the id."""
    raw, card = windows[["platform"]].copy(), cards.load("globem")
    there = _demographics_in([path]) or _demographics_in([year.folder / "ParticipantsInfoData" for year in years])
    if there:
        where = ", ".join(map(str, there))
        table = pd.concat([_read_demographics(file) for file in there])
        if (again := table.index.duplicated()).any():
            raise CohortError(f"{where}: PID {table.index[again][0]} is in several files; keep one of them")
        number = windows["pid"].str.extract(r"(?<!\d)([0-9]{1,9})$")[0].astype("Int64")
        _refuse_shared(windows["pid"], number, where)
        raw = raw.join(table.reindex(number).set_axis(raw.index))
        found = windows["pid"][number.isin(table.index)]
        if found.empty:
            raise CohortError(
                f"{where} has no row of a participant: PID is a number such as {table.index[0]} there, and participants"
                f" are written like {shown(windows['pid'].iloc[0])}; is it of this institution?"
            )
        note = rows_of.beside_card(participants=(found.nunique(), card.expected["participants with demographics"]))
        _step(steps, "participants with demographics", windows.loc[found.index], note)
    attributes = rows_of.segments(card, raw, lambda name, row: f"{raw['place'][row]}{name}")
    missing = "; no demographics.csv, which the authors of GLOBEM give on request"
    more = {} if there else dict.fromkeys(DEMOGRAPHICS, missing)
    steps += rows_of.of_attributes(attributes, windows["pid"].to_numpy(str), card, more)
    return attributes


def _refuse_shared(pid: pd.Series, number: pd.Series, where: str) -> None:
    """Demographics are joined on the number in an id, so that it must be of one participant."""
    ids = pd.DataFrame({"pid": pid, "number": number}).dropna().drop_duplicates()
    if (again := ids["number"].duplicated()).any():
        same = ids.loc[ids["number"] == ids.loc[again, "number"].iloc[0], "pid"]
        raise CohortError(
            f"{where}: PID {ids.loc[again, 'number'].iloc[0]} may be of {' or '.join(same)}; read one institution at a"
            " time, each with its own demographics"
        )


def _demographics_in(folders: list[Path]) -> list[Path]:
    """The demographics files there; one under another name is refused, since without it everybody is unknown."""
    files = [file for folder in folders if folder.is_dir() for file in sorted(folder.iterdir())]
    found = [file for file in files if file.name.lower() in ("demographics.csv", "demographics.csv.gz")]
    if other := [file for file in found if file.name != "demographics.csv"]:
        raise CohortError(f"{other[0]} is there; unpack or rename it to demographics.csv, as it is read")
    return found


def _read_demographics(file: Path) -> pd.DataFrame:
    """Raw codes by participant number; whole numbers as pandas writes them beside gaps ("2.0") become "2"."""
    table = read_table(file, ("pid", *DEMOGRAPHICS))
    refuse(file, ~table["pid"].str.fullmatch(r"[0-9]{1,9}(\.0)?"), "PID", table["pid"], "a whole number")
    table["pid"] = table["pid"].str.removesuffix(".0").astype("Int64")
    refuse_repeated(file, table[["pid"]].rename(columns=str.upper))
    codes = table.set_index("pid").apply(lambda column: column.str.removesuffix(".0").replace("nan", ""))
    return codes.assign(place=[f"{file}, line {line}, column " for line in table.index])


def _split_released(windows: pd.DataFrame, path: Path, steps: list) -> np.ndarray:
    """The study's split: years 1 to 3 for training; year 4 is cut in the middle of its rows (published finding D5).

    The cut may go through the windows of one participant, who then is in one half only. Raises where others, or this
    one in another year, are in two splits.
    """
    year = windows["year"].to_numpy()
    if not (set(year) <= {1, 2, 3, 4} and 4 in year and min(year) < 4):
        found = ", ".join(map(str, sorted(set(year))))
        raise CohortError(
            f"{path}: the released split trains on years 1 to 3 and cuts year 4 in half; found only year(s) {found}."
            " Add the missing years, or use split='person'"
        )
    split = np.full(len(windows), "train", dtype="<U5")
    last = np.flatnonzero(year == 4)
    cut = len(last) // 2
    split[last[:cut]], split[last[cut:]] = "val", "test"
    pid = windows["pid"].to_numpy(str)[last]
    moved, note = last[:0], "none"
    if pid[cut - 1] == pid[cut]:
        at_cut = last[pid == pid[cut]]
        whole = "val" if 2 * np.sum(split[at_cut] == "val") >= len(at_cut) else "test"
        moved = at_cut[split[at_cut] != whole]
        split[moved] = whole
        note = f"moved to {whole}: the cut through the rows of year 4 would have their participant in two splits"
    _step(steps, "windows at the cut", windows.iloc[moved], note)
    several = windows["pid"].groupby([windows["pid"], split]).size().groupby("pid").size()
    if len(several := several[several > 1]):
        held = ", ".join(s for s in SPLITS if s in split[windows["pid"] == several.index[0]])
        raise CohortError(
            f"{path}: the released split puts {len(several)} participant(s) into more than one split"
            f" ({several.index[0]} into {held}), since it cuts year 4 by rows; use split='person'"
        )
    return split
