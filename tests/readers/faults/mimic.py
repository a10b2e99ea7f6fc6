"""Faults of the output of the mimic3-benchmarks, with the hospital's tables."""

import shutil
from pathlib import Path

from fairlib.readers import mimic
from tests.readers.faults.answers import Table, accepted, counted, refused
from tests.readers.small import mimic as small
from tests.readers.small.edits import (
    OTHERS,
    cell,
    drop_line,
    edit,
    mark_and_windows_lines,
    not_utf8,
    only,
    pack,
    replace,
)
from tests.readers.small.mimic import HEADER

TASK = "in-hospital-mortality"
EPISODE = f"{TASK}/train/12_episode1_timeseries.csv"
NAME = "train/12_episode1_timeseries.csv"
SPANISH = "32,3200,2140-06-15 10:00:00,WHITE,Private,SPAN"


def write(folder: Path) -> Path:
    small.write(folder)
    stay = "MICU,MICU,50,50"
    stays = [
        f"11,1100,11000,{stay},2140-06-15 12:00:00,2140-06-19 12:00:00",
        f"11,1101,11010,{stay},2145-06-15 12:00:00,2145-06-19 12:00:00",
    ]
    small.write_stays(folder, stays)
    replace(folder / "ADMISSIONS.csv", "32,3200,2140-06-15 10:00:00,WHITE,Private,ENGL", SPANISH)
    return folder


def episode(column: str, value: str):
    """Another value in line 30 of an episode."""
    return lambda folder: cell(folder / EPISODE, 30, column, value)


def episodes(column: str, value: str, every: int = 1):
    """Another value of every so many rows of all episodes, of those that hold one."""

    def change(folder: Path) -> None:
        at = HEADER.index(column)
        for file in sorted((folder / TASK).glob("*/*_timeseries.csv")):
            header, *rows = (line.split(",") for line in file.read_text().splitlines())
            measured = [row for row in rows if row[at]]
            for row in measured[::every]:
                row[at] = value
            file.write_text("\n".join(",".join(row) for row in [header, *rows]) + "\n")

    return change


def content(data: bytes):
    return lambda folder: (folder / EPISODE).write_bytes(data)


def listed(split: str, line: int, text: str):
    """Another line in a list."""
    return lambda folder: edit(folder / TASK / f"{split}_listfile.csv", line, text)


def table(name: str, line: int, text: str):
    """Another line in a table."""
    return lambda folder: edit(folder / f"{name}.csv", line, text)


def in_table(name: str, line: int, column: str, value: str):
    return lambda folder: cell(folder / f"{name}.csv", line, column, value)


def no_lists(folder: Path) -> None:
    for file in (folder / TASK).glob("*_listfile.csv"):
        file.unlink()
    (folder / TASK / "train" / "listfile.csv").write_text("stay,y_true\n")


TABLE = Table(
    "MIMIC-III: output of the benchmark",
    "The folder `in-hospital-mortality` of mimic3-benchmarks, beside ADMISSIONS, PATIENTS and ICUSTAYS.",
    write,
    mimic.read,
)

fault = TABLE.of_kind("missing file")
fault(
    "the folder is not there",
    shutil.rmtree,
    refused("DIR is not a folder; give the folder that holds in-hospital-mortality"),
)
fault(
    "an episode of a list is missing",
    lambda f: (f / EPISODE).unlink(),
    refused("train_listfile.csv, line 3: 12_episode1_timeseries.csv is not in", "train (1 such stay(s))"),
    (listed("test", 2, "99_episode1_timeseries.csv,1"), refused("test_listfile.csv, line 2: 99_episode1")),
)
fault(
    "a list is missing",
    lambda f: (f / TASK / "val_listfile.csv").unlink(),
    refused("val_listfile.csv is missing; give the folder that holds in-hospital-mortality"),
)
fault(
    "the lists were never split",
    no_lists,
    refused("run the benchmark's split step: python -m mimic3models.split_train_val"),
)
fault(
    "ADMISSIONS or PATIENTS is missing",
    lambda f: (f / "ADMISSIONS.csv").unlink(),
    refused("ADMISSIONS.csv or ADMISSIONS.csv.gz is in none of DIR, DIR/..; it holds the protected attributes"),
)
fault(
    "ICUSTAYS is missing",
    lambda f: (f / "ICUSTAYS.csv").unlink(),
    counted("insurance unknown", "no ICUSTAYS: used only where all admissions of the person agree", people=1),
)
fault(
    "a row is missing in a table",
    table("PATIENTS", 3, "99,M,2080-06-15 00:00:00"),
    refused("PATIENTS.csv has no row for SUBJECT_ID 12, who is in the lists (1 such case(s))"),
    (lambda f: drop_line(f / "ADMISSIONS.csv", "12,"), refused("ADMISSIONS.csv has no row for SUBJECT_ID")),
    (lambda f: drop_line(f / "ADMISSIONS.csv", "11,1101"), refused("no row for HADM_ID 1101, which is in")),
    (lambda f: drop_line(f / "ICUSTAYS.csv", "12,"), refused("gives subject 12 0 episode(s), not 1")),
)

fault = TABLE.of_kind("missing column")
fault(
    "another header in an episode",
    content(b"Hours,Pulse\n1,2\n"),
    refused(f"{NAME}, line 1: column 2 of the header must be 'Capillary refill rate', found 'Pulse'"),
    (content(",".join([*HEADER, "Extra"]).encode() + b"\n"), refused("line 1: column 19", "'Extra'")),
    (listed("train", 1, "stay,period_length,y_true"), refused("train_listfile.csv, line 1: expected")),
)
fault(
    "cells are missing in a row",
    content(",".join(HEADER).encode() + b"\n0.5,,\n"),
    refused(f"{NAME}, line 2: expected 18 cells, found 3; the file is cut off or damaged"),
)
fault(
    "a column of a table is missing",
    lambda f: replace(f / "PATIENTS.csv", "GENDER", "SEX"),
    refused("PATIENTS.csv: column GENDER is missing, found '", "this needs the comma-separated MIMIC-III v1.4 table"),
    (lambda f: replace(f / "ADMISSIONS.csv", "ETHNICITY", "RACE"), refused("column ETHNICITY is missing")),
)

fault = TABLE.of_kind("wrong header case")
fault(
    "names and headers of tables in another case, zipped or not",
    lambda f: [
        replace(f / "PATIENTS.csv", "GENDER", "gender"),
        (f / "PATIENTS.csv").rename(f / "patients.csv"),
        pack(f / "ADMISSIONS.csv"),
    ],
    accepted("MIMIC-III has both"),
)
fault(
    "a header of an episode in another case",
    lambda f: replace(f / EPISODE, "Hours,", "hours,"),
    refused(f"{NAME}, line 1: column 1 of the header must be 'Hours', found 'hours'"),
)

fault = TABLE.of_kind("duplicate keys")
fault(
    "a stay twice in a list",
    listed("train", 4, "12_episode1_timeseries.csv,1"),
    refused("train_listfile.csv, line 4: stay 12_episode1_timeseries.csv appears twice; keep one row of it"),
)
fault(
    "a person or an admission twice in a table",
    table("PATIENTS", 3, "11,M,2080-06-15 00:00:00"),
    refused("PATIENTS.csv, line 3: SUBJECT_ID 11 appears twice; keep one row of it"),
    (in_table("ADMISSIONS", 3, "HADM_ID", "1100"), refused("line 3: HADM_ID 1100 appears twice")),
    (lambda f: replace(f / "PATIENTS.csv", "DOB", "GENDER"), refused("column GENDER is there twice")),
)
fault(
    "a table twice, packed and not",
    lambda f: (f / "admissions.csv.gz").write_bytes(b"x"),
    refused("DIR holds ADMISSIONS.csv and admissions.csv.gz; remove the one that is not meant"),
)

fault = TABLE.of_kind("overlapping participants")
fault(
    "a person in two lists",
    listed("val", 2, "12_episode1_timeseries.csv,1"),
    refused("val_listfile.csv, line 2: subject 12 is in train_listfile.csv too; a person may be in one split only"),
    (listed("test", 2, "12_episode2_timeseries.csv,1"), refused("subject 12 is in train_listfile.csv too")),
)

fault = TABLE.of_kind("times out of order")
fault(
    "a time before that of the line above",
    episode("Hours", "0.0"),
    refused(f"{NAME}, line 30, column Hours: 0.0 is earlier than the line before; sort the rows by Hours"),
)

fault = TABLE.of_kind("times outside the stay")
fault(
    "a time after 48 hours",
    episode("Hours", "48.1"),
    refused(f"{NAME}, line 30, column Hours: 48.1 lies outside the first 48 hours"),
    (episode("Hours", "-0.5"), refused("column Hours: -0.5 lies outside")),
)
fault(
    "born after the admission",
    in_table("PATIENTS", 3, "DOB", "2180-06-15 00:00:00"),
    refused("ADMISSIONS.csv, line 3: ADMITTIME lies before the DOB of SUBJECT_ID 12 in PATIENTS.csv"),
)

fault = TABLE.of_kind("unknown category")
fault(
    "an unknown text of the coma scale",
    episode("Glascow coma scale eye opening", "Wide open"),
    refused(f"{NAME}, line 30, column Glascow coma scale eye opening: unknown category 'Wide open'"),
    (episode("Glascow coma scale total", "16"), refused("unknown category '16'")),
    (episode("Capillary refill rate", "2.0"), refused("unknown category '2.0'")),
)
fault(
    "a gender or an insurance that the card does not know",
    in_table("ADMISSIONS", 3, "INSURANCE", "Magic"),
    refused("ADMISSIONS.csv, line 3, column INSURANCE: value 'Magic' is not in the data card"),
    (in_table("PATIENTS", 3, "GENDER", "X"), refused("PATIENTS.csv, line 3, column GENDER: value 'X' is")),
)
fault(
    "an ethnicity or a language in another case",
    in_table("ADMISSIONS", 3, "ETHNICITY", "white"),
    accepted("it is the same"),
    (in_table("ADMISSIONS", 3, "LANGUAGE", "engl"), accepted()),
)
fault(
    "an ethnicity or a language that the card does not name",
    lambda f: replace(f / "ADMISSIONS.csv", "SPAN", "elvish"),
    accepted("it is in the segment Other, as the card says"),
)
fault(
    "an ethnicity or a language that says missing",
    in_table("ADMISSIONS", 3, "ETHNICITY", "nan"),
    refused(
        "ADMISSIONS.csv, line 3, column ETHNICITY: value 'nan' looks like a missing one; correct or empty the cell"
    ),
)
fault(
    "a label other than 0 and 1",
    listed("train", 3, "12_episode1_timeseries.csv,2"),
    refused(
        "train_listfile.csv, line 3, column y_true: expected 0 or 1, found '2'; use the benchmark's official lists"
    ),
    (listed("train", 3, "12_episode1_timeseries.csv"), refused("line 3: expected 2 cells, found 1")),
    (
        listed("train", 3, "episode.csv,1"),
        refused("line 3, column stay: expected <subject>_episode<k>", "'episode.csv'"),
    ),
)

fault = TABLE.of_kind("non-numeric text")
fault(
    "text where a number belongs",
    episode("Heart Rate", "fast"),
    refused(f"{NAME}, line 30, column Heart Rate: 'fast' is not a finite number; correct or empty the cell"),
    *tuple(
        (episode(column, value), refused(f"line 30, column {column}: {value!r} is not a finite number"))
        for column, value in [("Heart Rate", v) for v in ("nan", "1_0", "\u0663", "1e39")]
        + [("Weight", "inf"), ("Weight", "1e999"), ("Hours", "soon"), ("Hours", "nan"), ("Hours", "")]
    ),
)
fault(
    "a wrong id or date in a table",
    in_table("PATIENTS", 3, "DOB", "long ago"),
    refused("PATIENTS.csv, line 3, column DOB: expected a date (YYYY-MM-DD HH:MM:SS), found 'long ago'"),
    (in_table("PATIENTS", 3, "DOB", "-2080-06-15 00:00:00"), refused("column DOB: expected a date")),
    (in_table("PATIENTS", 3, "DOB", "15/06/2080"), refused("column DOB: expected a date")),
    (in_table("PATIENTS", 3, "SUBJECT_ID", "twelve"), refused("expected a whole number, found 'twelve'")),
    (in_table("PATIENTS", 3, "SUBJECT_ID", "9" * 25), refused("expected a whole number, found '9999")),
    (in_table("ADMISSIONS", 3, "ADMITTIME", ""), refused("line 3, column ADMITTIME", "found ''")),
    (in_table("ADMISSIONS", 3, "HADM_ID", "0x10"), refused("line 3, column HADM_ID", "'0x10'")),
)

fault = TABLE.of_kind("empty segment")
fault(
    "a segment without anybody",
    lambda f: None,
    counted("ethnicity: nobody in Asian", "on the card, not in the data; not judged"),
)

fault = TABLE.of_kind("mixed units")
fault(
    "some temperatures in °F",
    episodes("Temperature", "98.6", every=10),
    counted("values outside the usual range", "kept, as in the benchmark: ", "of Temperature (25 to 45 °C)"),
)
fault(
    "most temperatures in °F",
    episodes("Temperature", "98.6"),
    refused("values of Temperature lie outside 25 to 45 °C, such as 98.6. They look like °F; convert them first"),
    (episodes("Height", "67"), refused("values of Height lie outside 100 to 230 cm, such as 67")),
    (episodes("Weight", "176"), refused("values of Weight lie outside 20 to 150 kg, such as 176")),
)

fault = TABLE.of_kind("gz cut in half")
fault(
    "a `.gz` cut in half",
    lambda f: pack(f / "ADMISSIONS.csv", 0.5),
    refused("ADMISSIONS.csv.gz is truncated or damaged"),
)

fault = TABLE.of_kind("folder of the wrong dataset")
fault(
    "a folder of GLOBEM",
    lambda f: only(f, *OTHERS["globem"]),
    refused("train_listfile.csv is missing", "this looks like GLOBEM, read it with dataset 'globem'"),
)

fault = TABLE.of_kind("0-byte file")
fault(
    "a file of 0 bytes",
    content(b""),
    refused(f"{NAME} is empty (0 bytes); copy the episode or extract it again"),
    (lambda f: (f / TASK / "val_listfile.csv").write_bytes(b""), refused("val_listfile.csv is empty; copy it again")),
    (lambda f: (f / "ADMISSIONS.csv").write_bytes(b""), refused("ADMISSIONS.csv is empty (0 bytes)")),
    (lambda f: (f / "ADMISSIONS.csv").write_bytes(b"\n"), refused("ADMISSIONS.csv is empty")),
)
fault(
    "a header and nothing else",
    content(",".join(HEADER).encode() + b"\n"),
    refused(f"{NAME} holds a header and no rows"),
    (lambda f: (f / TASK / "val_listfile.csv").write_text("stay,y_true\n"), refused("holds a header and no rows")),
    (
        lambda f: (f / "PATIENTS.csv").write_text("SUBJECT_ID,GENDER,DOB\n"),
        refused("PATIENTS.csv holds a header and no rows"),
    ),
)

fault = TABLE.of_kind("non-UTF-8 text")
fault(
    "text that is not UTF-8",
    lambda f: not_utf8(f / EPISODE),
    refused(f"{NAME}: byte", "is not UTF-8 text"),
    (lambda f: not_utf8(f / "ADMISSIONS.csv"), refused("ADMISSIONS.csv: byte", "is not UTF-8 text")),
    (lambda f: not_utf8(f / TASK / "val_listfile.csv"), refused("val_listfile.csv: byte", "UTF-8 text")),
)
fault(
    "saved by a Windows program (byte order mark, CR LF)",
    lambda f: [
        mark_and_windows_lines(f / name)
        for name in (EPISODE, "ADMISSIONS.csv", "PATIENTS.csv", "ICUSTAYS.csv", f"{TASK}/val_listfile.csv")
    ],
    accepted("read as it is meant"),
)

fault = TABLE.of_kind("counts of the card")
fault(
    "fewer stays than the benchmark",
    lambda f: None,
    counted("test list: stays with an episode file", "you have 2 stays and 1 deaths, the card says 3,236 stays"),
    (lambda f: None, counted("cohort", "you have 8 stays, 4 deaths and 7 people, the card says 21,139")),
)

fault = TABLE.of_kind("anything else")
fault(
    "the last line without an end",
    lambda f: (f / EPISODE).write_text((f / EPISODE).read_text().rstrip("\n")),
    refused(f"{NAME}: the last line has no end, so the file is cut off"),
)
fault(
    "a row of a table with a cell too many or too few",
    lambda f: replace(f / "PATIENTS.csv", "12,M,", "12,M,,"),
    refused("PATIENTS.csv, line 3: expected 3 cells, found 4"),
    (lambda f: replace(f / "PATIENTS.csv", "12,M,", "12,"), refused("line 3: expected 3 cells, found 2")),
)
fault(
    "a quotation mark without its partner",
    lambda f: replace(f / "ADMISSIONS.csv", 'CHEST"', "CHEST", 1),
    refused("ADMISSIONS.csv, line"),
)
fault(
    "an episode in no list",
    lambda f: (f / TASK / "train" / "99_episode1_timeseries.csv").write_text("not listed"),
    counted("episode files in no list", "left out: the lists decide", windows=1, people=1),
)
fault(
    "CHARTEVENTS beside the benchmark's output",
    lambda f: (f / "CHARTEVENTS.csv").write_text("x\n"),
    counted("events in CHARTEVENTS.csv", "not read: in-hospital-mortality beside it is"),
)
fault(
    "a stay whose rows are all empty",
    lambda f: (f / EPISODE).write_text(",".join(HEADER) + "\n0.5" + "," * 17 + "\n"),
    counted("stays whose rows are all empty", "kept: every value imputed, every mask 0", windows=1),
)
fault(
    "a split in which nobody dies",
    lambda f: replace(f / TASK / "val_listfile.csv", ".csv,1", ".csv,0"),
    refused("the val split holds only class 0; both classes are needed in each split"),
)
