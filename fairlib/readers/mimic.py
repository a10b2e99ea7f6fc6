"""MIMIC-III in-hospital mortality: output folder of the mimic3-benchmarks and the hospital's tables → ``Cohort``.

A folder with the raw tables instead (CHARTEVENTS and others) is read by ``mimic_raw``, with equal windows.

Layout: ``in-hospital-mortality/`` with ``train_listfile.csv``, ``val_listfile.csv``, ``test_listfile.csv`` and the
folders ``train`` (validation stays included) and ``test`` of ``<subject>_episode<k>_timeseries.csv``; beside it, or in
a folder of their own, the MIMIC-III tables ADMISSIONS, PATIENTS and, if there, ICUSTAYS. The twin looks alike.
Source: YerevaNN/mimic3-benchmarks (Harutyunyan et al., Sci Data 2019;6:96).
"""

import re
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from .. import cards
from ..cohort import SPLITS, Cohort, CohortError, attrition_table
from . import counts as rows_of
from . import files as files_of
from . import mimic_raw
from . import mimic_tables as tables_of
from .benchmark_episodes import CHANNELS, HEADER, HOURS, VARIABLES, read_grid, to_channels
from .recognise import hint
from .units import Outside

TASK = "in-hospital-mortality"
STAY = re.compile(r"(\d{1,18})_episode(\d{1,9})_timeseries\.csv", re.ASCII)
#: Stays discretised at once: bounds the memory beside the result.
BLOCK = 1024
#: Written by ``fairlib.twins.mimic``: these files are synthetic.
TWIN_MARK = "TWIN.json"


def read(
    path: Path | str,
    tables: Path | str | None = None,
    origin: str | None = None,
    fio2: str = "benchmark",
    split_lists: Path | str | None = None,
) -> Cohort:
    """Read the benchmark's output in ``path`` (the folder that holds ``in-hospital-mortality``, or that folder).

    Without that, but with CHARTEVENTS or ICUSTAYS there, the raw tables are read; ``fio2`` and ``split_lists`` are for
    them alone (``mimic_raw.read``).

    ``tables``: folder of ADMISSIONS and PATIENTS (``.csv`` or ``.csv.gz``), searched first; then ``path`` and its
    parent. With ICUSTAYS there, each episode gets the attributes of its own admission; without, an attribute is used
    only where all admissions of the person agree on it.
    ``origin``: "twin" or "real"; by default "twin" where a TWIN.json lies in ``path``.

    Returns windows (n, 48, 76) float32 as the benchmark's discretiser and normaliser make them
    (``benchmark_episodes``), in the order of the train, validation and test lists; ``person`` is the subject id.
    Raises ``CohortError`` naming file, line, column and value for anything the format does not allow.
    """
    path = Path(path)
    if not path.is_dir():
        raise CohortError(f"{path} is not a folder; give the folder that holds {TASK}, the output of mimic3-benchmarks")
    folder = path / TASK if (path / TASK).is_dir() else path
    origin = _origin(path, folder, origin)
    if folder == path and not any(path.glob("*listfile.csv")) and mimic_raw.holds_tables(path):
        return mimic_raw.read(path, tables, origin, fio2, split_lists)
    if fio2 != "benchmark" or split_lists is not None:
        raise CohortError(f"{path} holds the benchmark's output: fio2 and split_lists are for the raw tables only")
    stays = _read_lists(folder)
    files = _find_episodes(folder, stays)
    attributes, steps = _attributes([*([Path(tables)] if tables else []), path, path.parent], stays)
    x, outside = np.empty((len(files), HOURS, len(CHANNELS)), dtype=np.float32), Outside(HEADER[1:])
    for start in tqdm(
        range(0, len(files), BLOCK), desc="episodes", unit="block", mininterval=2, disable=len(files) < BLOCK
    ):
        grid = read_grid(files[start : start + BLOCK])
        outside.look(grid)
        x[start : start + BLOCK] = to_channels(grid)
    blank = int((x[:, :, -len(VARIABLES) :].max(axis=(1, 2)) == 0).sum())
    steps.append(("stays whose rows are all empty", blank, blank, "kept: every value imputed, every mask 0"))
    person = stays["subject"].to_numpy()
    steps.append(outside.step(person, folder, "kept, as in the benchmark"))
    if events := tables_of.find_table("CHARTEVENTS", [path]):
        steps.append((f"events in {events.name}", 0, 0, f"not read: {TASK} beside it is"))
    expected = cards.load("mimic").expected
    note = rows_of.beside_card(
        stays=(len(stays), expected["total"]),
        deaths=(int(stays["label"].sum()), expected["total deaths"]),
        people=(stays["subject"].nunique(), expected["subjects"]),
    )
    note += "; normalised with the benchmark's stored statistics"
    steps.append(("cohort", len(stays), stays["subject"].nunique(), note))
    return Cohort(
        x=x,
        y=stays["label"].to_numpy(np.int8),
        person=person,
        attributes=attributes,
        split=stays["split"].to_numpy(str),
        channels=CHANNELS,
        card=cards.load("mimic"),
        origin=origin,
        attrition=attrition_table(_count_lists(folder, stays) + steps),
    )


def _origin(path: Path, folder: Path, origin: str | None) -> str:
    twin = any((place / TWIN_MARK).exists() for place in {path, folder, folder.parent})
    if twin and origin == "real":
        raise CohortError(f"{path} holds {TWIN_MARK}: its files are synthetic and cannot be read as real")
    return origin or ("twin" if twin else "real")


def _read_lists(folder: Path) -> pd.DataFrame:
    """One row a stay: file, subject, episode, label, split; in the order of the lists."""
    rows, split_of, line_of = [], {}, {}
    for split in SPLITS:
        file = folder / f"{split}_listfile.csv"
        if not file.exists():
            raise CohortError(_no_list(folder, file))
        again = "copy it again, or run the benchmark's split step again"
        lines = files_of.text(file, again, ended=True).splitlines()
        if not lines or lines[0] != "stay,y_true":
            found = files_of.shown(lines[0]) if lines else "nothing"
            raise CohortError(f"{file}, line 1: expected 'stay,y_true', found {found}; is this a list of {TASK}?")
        for number, line in enumerate(lines[1:], start=2):
            name, _, label = line.partition(",")
            stay = STAY.fullmatch(name)
            if stay is None:
                raise CohortError(
                    f"{file}, line {number}: expected <subject>_episode<k>_timeseries.csv, found"
                    f" {files_of.shown(name)}; correct or remove the line"
                )
            if label not in ("0", "1"):
                raise CohortError(
                    f"{file}, line {number}, column y_true: the label must be 0 or 1, found"
                    f" {files_of.shown(label)}; use the benchmark's official lists"
                )
            subject = int(stay[1])
            first = split_of.setdefault(subject, split)
            if first != split:
                raise CohortError(
                    f"{file}, line {number}: subject {subject} is in {first}_listfile.csv too; a person may be"
                    " in one split only, use the benchmark's official lists"
                )
            if line_of.setdefault(name, number) != number:  # the same stay in two lists is a subject in two splits
                raise CohortError(
                    f"{file}, line {number}: {name} is listed twice, first in line {line_of[name]}; remove one"
                )
            rows.append((name, subject, int(stay[2]), int(label), split))
        if len(lines) == 1:
            raise CohortError(f"{file} lists no stay; run the benchmark's split step again")
    return pd.DataFrame(rows, columns=["file", "subject", "episode", "label", "split"])


def _no_list(folder: Path, file: Path) -> str:
    if (folder / "train" / "listfile.csv").exists():
        return (
            f"{file} is missing, though {folder.name}/train/listfile.csv is there; run the benchmark's split step:"
            f" python -m mimic3models.split_train_val {folder}"
        )
    return (
        f"{file} is missing; give the folder that holds {TASK}, the output of mimic3-benchmarks, or that of the raw"
        f" tables (CHARTEVENTS and others){hint(folder, 'mimic')}"
    )


def _find_episodes(folder: Path, stays: pd.DataFrame) -> list[Path]:
    """The file of each stay; validation stays lie in ``train``."""
    places = ["test" if split == "test" else "train" for split in stays["split"]]
    there = {place: {file.name for file in (folder / place).glob("*_timeseries.csv")} for place in ("train", "test")}
    lost = [i for i, (place, name) in enumerate(zip(places, stays["file"], strict=True)) if name not in there[place]]
    if lost:
        stay = stays.iloc[lost[0]]
        line = int((stays["split"][: lost[0]] == stay["split"]).sum()) + 2
        raise CohortError(
            f"{folder / f'{stay.split}_listfile.csv'}, line {line}: {stay.file} is not in {folder / places[lost[0]]}"
            f" ({len(lost)} such stay(s)); copy the folder again, or run the benchmark's extraction again"
        )
    return [folder / place / name for place, name in zip(places, stays["file"], strict=True)]


def _count_lists(folder: Path, stays: pd.DataFrame) -> list[tuple[str, int, int, str]]:
    """Attrition rows: stays of each list beside the counts of the full benchmark, and files in no list."""
    expected, steps = cards.load("mimic").expected, []
    for split in SPLITS:
        chosen = stays[stays["split"] == split]
        deaths = int(chosen["label"].sum()), expected[f"{split} deaths"]
        note = rows_of.beside_card(stays=(len(chosen), expected[split]), deaths=deaths)
        steps.append((f"{split} list: stays with an episode file", len(chosen), chosen["subject"].nunique(), note))
    spare = {file.name for place in ("train", "test") for file in (folder / place).glob("*_timeseries.csv")}
    spare -= set(stays["file"])
    people = len({name.partition("_")[0] for name in spare})
    steps.append(("episode files in no list", len(spare), people, "left out: the lists decide"))
    return steps


def _attributes(folders: list[Path], stays: pd.DataFrame) -> tuple[pd.DataFrame, list[tuple[str, int, int, str]]]:
    """The segments of each stay, and attrition rows that count unknown ones."""
    found = {name: tables_of.find_table(name, folders) for name in ("ADMISSIONS", "PATIENTS", "ICUSTAYS")}
    for name in ("ADMISSIONS", "PATIENTS"):
        if found[name] is None:
            places = ", ".join(str(folder) for folder in folders)
            raise CohortError(
                f"{name}.csv or {name}.csv.gz is in none of {places}; it holds the protected attributes, give"
                " its folder as tables="
            )
    patients = tables_of.unique(
        tables_of.read_table(found["PATIENTS"], tables_of.PATIENTS), "SUBJECT_ID", found["PATIENTS"]
    )
    admissions = tables_of.read_table(found["ADMISSIONS"], tables_of.ADMISSIONS)
    admissions = tables_of.unique(admissions, "HADM_ID", found["ADMISSIONS"])
    for name, table in (("PATIENTS", patients), ("ADMISSIONS", admissions)):
        lost = stays.loc[~stays["subject"].isin(table["SUBJECT_ID"]), "subject"].unique()
        if len(lost):
            raise CohortError(
                f"{found[name]} has no row for SUBJECT_ID {lost[0]}, who is in the lists ({len(lost)} such"
                " person(s)); use the tables of the release that the benchmark was run on"
            )
    admissions = admissions[admissions["SUBJECT_ID"].isin(stays["subject"])]
    segments = tables_of.admission_segments(admissions, patients, found)
    if found["ICUSTAYS"] is None:
        people, ambiguous = tables_of.unambiguous(segments)
        chosen = people.loc[stays["subject"]]
        rule = "no ICUSTAYS: used only where all admissions of the person agree"
    else:
        rows = tables_of.read_table(found["ICUSTAYS"], tables_of.ICUSTAYS)
        own = _admission_of(stays, rows, patients, found["ICUSTAYS"])
        if len(lost := own[~np.isin(own, segments.index)]):
            raise CohortError(
                f"{found['ADMISSIONS']} has no row for HADM_ID {lost[0]}, which is in {found['ICUSTAYS'].name}"
                f" ({len(lost)} such case(s)); use tables of one release"
            )
        chosen = segments.loc[own].drop(columns="SUBJECT_ID")
        ambiguous, rule = {}, "of the episode's own admission, by ICUSTAYS"
    more = {}
    for name in chosen:
        more[name] = f"; {rule}"
        if name in ambiguous:
            unclear = stays["subject"].isin(ambiguous[name])
            more[name] += f"; admissions disagree for {int(unclear.sum()):,} stays"
    chosen = chosen.reset_index(drop=True)
    return chosen, rows_of.of_attributes(chosen, stays["subject"].to_numpy(), cards.load("mimic"), more)


def _admission_of(stays: pd.DataFrame, rows: pd.DataFrame, patients: pd.DataFrame, file: Path) -> np.ndarray:
    """HADM_ID of each stay, by its number among the stays that the benchmark keeps."""
    kept = tables_of.episode_admissions(rows[rows["SUBJECT_ID"].isin(stays["subject"])], patients)
    numbered = kept.set_index(["SUBJECT_ID", "EPISODE"])["HADM_ID"]
    found = numbered.reindex(pd.MultiIndex.from_frame(stays[["subject", "episode"]]))
    lost = np.flatnonzero(found.isna())
    if len(lost):
        stay = stays.iloc[lost[0]]
        has = int((kept["SUBJECT_ID"] == stay["subject"]).sum())
        raise CohortError(
            f"{stay['file']}: by the benchmark's rules {file} gives subject {stay['subject']} {has} episode(s),"
            f" not {stay['episode']}; use the tables of the release that the benchmark was run on"
        )
    return found.to_numpy(np.int64)
