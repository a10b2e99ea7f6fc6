"""MIMIC-III in-hospital mortality: output folder of the mimic3-benchmarks and the hospital's tables → ``Cohort``.

A folder with the raw tables instead (CHARTEVENTS and others) is read by ``mimic_raw``, with equal windows.

Layout: ``in-hospital-mortality/`` with ``train_listfile.csv``, ``val_listfile.csv``, ``test_listfile.csv`` and the
folders ``train`` (validation stays included) and ``test`` of ``<subject>_episode<k>_timeseries.csv``; beside it, or in
a folder of their own, the MIMIC-III tables ADMISSIONS, PATIENTS and, if there, ICUSTAYS. The twin looks alike.
Source: YerevaNN/mimic3-benchmarks (Harutyunyan et al., Sci Data 2019;6:96).
"""

from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from .. import cards
from ..cohort import SPLITS, Cohort, CohortError
from . import counts as rows_of
from . import files as files_of
from . import mimic_raw
from . import mimic_tables as tables_of
from .benchmark_episodes import CHANNELS, HEADER, HOURS, VARIABLES, read_grid, to_channels
from .recognise import hint
from .units import Outside

TASK = "in-hospital-mortality"
STAY = r"^(?P<subject>[0-9]{1,18})_episode(?P<episode>[0-9]{1,9})_timeseries\.csv$"
AGAIN = "copy it again, or run the benchmark's split step again"
RELEASE = "use the tables of the release that the benchmark was run on"
#: Stays discretised at once: bounds the memory beside the result.
BLOCK = 1024


def read(path: Path | str) -> Cohort:
    """Read the benchmark's output in ``path`` (the folder that holds ``in-hospital-mortality``, or that folder).

    Without that, but with CHARTEVENTS or ICUSTAYS there, the raw tables are read (``mimic_raw.read``).

    ADMISSIONS and PATIENTS (``.csv`` or ``.csv.gz``) are looked for in ``path``, then in its parent. With ICUSTAYS
    there, each episode gets the attributes of its own admission; without, an attribute is used only where all
    admissions of the person agree on it. A TWIN.json beside them makes it a twin.

    Returns windows (n, 48, 76) float32 as the benchmark's discretiser and normaliser make them
    (``benchmark_episodes``), in the order of the train, validation and test lists; ``person`` is the subject id.
    Raises ``CohortError`` naming file, line, column and value for anything the format does not allow.
    """
    path = Path(path)
    if not path.is_dir():
        raise CohortError(f"{path} is not a folder; give the folder that holds {TASK}, the output of mimic3-benchmarks")
    folder = path / TASK if (path / TASK).is_dir() else path
    places = [path, folder, folder.parent]  # where a twin says so
    if folder == path and not any(path.glob("*listfile.csv")) and mimic_raw.holds_tables(path):
        return mimic_raw.read(path, places)
    stays = _read_lists(folder)
    files, others = _find_episodes(folder, stays)
    attributes, steps = _attributes([path, path.parent], stays)
    x, outside = np.empty((len(files), HOURS, len(CHANNELS)), dtype=np.float32), Outside(HEADER[1:])
    blocks = range(0, len(files), BLOCK)
    for start in tqdm(blocks, desc="episodes", unit="block", mininterval=2, disable=len(files) < BLOCK):
        grid = read_grid(files[start : start + BLOCK])
        outside.look(grid)
        x[start : start + BLOCK] = to_channels(grid)
    blank = int((x[:, :, -len(VARIABLES) :].max(axis=(1, 2)) == 0).sum())
    steps.append(("stays whose rows are all empty", blank, blank, "kept: every value imputed, every mask 0"))
    person = stays["subject"].to_numpy()
    steps.append(outside.step(person, folder, "kept, as in the benchmark"))
    if events := tables_of.find_table("CHARTEVENTS", [path]):
        steps.append((f"events in {events.name}", 0, 0, f"not read: {TASK} beside it is"))
    y, split = stays["label"].to_numpy(np.int8), stays["split"].to_numpy(str)
    notes = {"total": "; normalised with the benchmark's stored statistics"}
    *lists, total = rows_of.of_splits(cards.load("mimic"), split, person, y, tables_of.WORDS, notes)
    lists = [(f"{name} list: stays with an episode file", *rest) for name, *rest in lists]
    steps = [*lists, others, *steps, total]
    return rows_of.cohort(cards.load("mimic"), places, steps, x, y, person, attributes, split, CHANNELS)


def _read_lists(folder: Path) -> pd.DataFrame:
    """One row a stay: file, subject, episode, label, split; in the order of the lists."""
    lists, split_of = [], {}
    for split in SPLITS:
        file = folder / f"{split}_listfile.csv"
        if not file.exists():
            raise CohortError(_no_list(folder, file))
        if (header := files_of.header(file, AGAIN)) != ["stay", "y_true"]:
            found = files_of.shown(",".join(header))
            raise CohortError(f"{file}, line 1: expected 'stay,y_true', found {found}; is this a list of {TASK}?")
        table = files_of.table(file, ("stay", "y_true"), AGAIN, f"a list of {TASK}", str, ended=True)
        stay, label = table["stay"], table["y_true"]
        parts = stay.str.extract(STAY)
        files_of.refuse(file, parts["subject"].isna(), "stay", stay, "<subject>_episode<k>_timeseries.csv", AGAIN)
        files_of.refuse(file, ~label.isin(["0", "1"]), "y_true", label, "0 or 1", "use the benchmark's official lists")
        files_of.refuse_repeated(file, table[["stay"]])
        lists.append(parts.astype(np.int64).assign(file=stay, label=label.astype(int), split=split))
        subject = lists[-1]["subject"]
        first = subject.map(split_of)
        if (both := first.notna()).any():
            raise CohortError(
                f"{files_of.at(file, table, both)}: subject {subject[both].iloc[0]} is in"
                f" {first[both].iloc[0]}_listfile.csv too; a person may be in one split only, use the benchmark's"
                " official lists"
            )
        split_of |= dict.fromkeys(subject, split)
    return pd.concat(lists, ignore_index=True)


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


def _find_episodes(folder: Path, stays: pd.DataFrame) -> tuple[list[Path], rows_of.Step]:
    """The file of each stay, validation stays in ``train``; and an attrition row: files in no list."""
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
    spare = set.union(*there.values()) - set(stays["file"])
    people = len({name.partition("_")[0] for name in spare})
    files = [folder / place / name for place, name in zip(places, stays["file"], strict=True)]
    return files, ("episode files in no list", len(spare), people, "left out: the lists decide")


def _attributes(folders: list[Path], stays: pd.DataFrame) -> tuple[pd.DataFrame, list[tuple[str, int, int, str]]]:
    """The segments of each stay, and attrition rows that count unknown ones."""
    found = {name: tables_of.find_table(name, folders) for name in ("ADMISSIONS", "PATIENTS", "ICUSTAYS")}
    for name in ("ADMISSIONS", "PATIENTS"):
        if found[name] is None:
            places = ", ".join(str(folder) for folder in folders)
            raise CohortError(
                f"{name}.csv or {name}.csv.gz is in none of {places}; it holds the protected attributes, copy it there"
            )
    patients = tables_of.read_table(found["PATIENTS"], tables_of.PATIENTS, "SUBJECT_ID")
    admissions = tables_of.read_table(found["ADMISSIONS"], tables_of.ADMISSIONS, "HADM_ID")
    for name, table in (("PATIENTS", patients), ("ADMISSIONS", admissions)):
        tables_of.refuse_lost(
            found[name], "SUBJECT_ID", stays["subject"], table["SUBJECT_ID"], "who is in the lists", RELEASE
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
        tables_of.refuse_lost(
            found["ADMISSIONS"], "HADM_ID", pd.Series(own), segments.index, f"which is in {found['ICUSTAYS'].name}"
        )
        chosen = segments.loc[own].drop(columns="SUBJECT_ID")
        ambiguous, rule = {}, "of the episode's own admission, by ICUSTAYS"
    more = dict.fromkeys(chosen, f"; {rule}")
    for name, subjects in ambiguous.items():
        more[name] += f"; admissions disagree for {int(stays['subject'].isin(subjects).sum()):,} stays"
    chosen = chosen.reset_index(drop=True)
    return chosen, rows_of.of_attributes(chosen, stays["subject"].to_numpy(), cards.load("mimic"), more)


def _admission_of(stays: pd.DataFrame, rows: pd.DataFrame, patients: pd.DataFrame, file: Path) -> np.ndarray:
    """HADM_ID of each stay, by its number among the stays that the benchmark keeps."""
    kept = tables_of.episode_admissions(rows[rows["SUBJECT_ID"].isin(stays["subject"])], patients)
    numbered = kept.set_index(["SUBJECT_ID", "EPISODE"])["HADM_ID"]
    found = numbered.reindex(pd.MultiIndex.from_frame(stays[["subject", "episode"]]))
    if len(lost := np.flatnonzero(found.isna())):
        stay = stays.iloc[lost[0]]
        has = int((kept["SUBJECT_ID"] == stay["subject"]).sum())
        raise CohortError(
            f"{stay['file']}: by the benchmark's rules {file} gives subject {stay['subject']} {has} episode(s),"
            f" not {stay['episode']}; {RELEASE}"
        )
    return found.to_numpy(np.int64)
