"""Faults of folders in NSRR's layout of MESA Sleep."""

import re
import shutil
from pathlib import Path

from fairlib.readers import mesa
from tests.readers.faults.answers import Table, accepted, counted, refused
from tests.readers.small import mesa as small
from tests.readers.small.edits import (
    OTHERS,
    append,
    cell,
    cut,
    drop_line,
    edit,
    mark_and_windows_lines,
    not_utf8,
    only,
    pack,
    replace,
)
from tests.readers.small.mesa import LENGTH, OVERLAP, PEOPLE, START, night_file, profusion, stage_file, stages_of

NIGHT = "actigraphy/mesa-sleep-0003.csv"
STAGES = f"{mesa.STAGES}/mesa-sleep-0003-profusion.xml"
HARMONIZED = "datasets/mesa-sleep-harmonized-dataset-0.6.0.csv"


def night(line: int, column: str, value: str):
    """Another cell in the actigraphy of participant 3."""
    return lambda folder: cell(night_file(folder), line, column, value)


def stages(text: str):
    return lambda folder: stage_file(folder).write_text(text)


def at(name: str, line: int, column: str, value: str):
    return lambda folder: cell(folder / name, line, column, value)


def in_minutes(folder: Path) -> None:
    """An actigraphy with an epoch a minute."""
    file = night_file(folder)
    lines = file.read_text().splitlines()
    rows = [line.split(",") for line in lines[1:]]
    for i, row in enumerate(rows):
        row[2] = f"{20 + i // 60:02d}:{i % 60:02d}:00"
    file.write_text("\n".join([lines[0], *map(",".join, rows)]) + "\n")


def jump(folder: Path) -> None:
    """An hour is missing on the clock from line 60 on, not in the numbers."""
    file = night_file(folder)
    lines = file.read_text().splitlines()
    later = [
        re.sub(r",(\d\d):(\d\d:\d\d),", lambda m: f",{int(m[1]) + 1:02d}:{m[2]},", line, count=1) for line in lines
    ]
    file.write_text("\n".join([*lines[:60], *later[60:]]) + "\n")


def packed_twice(folder: Path) -> None:
    content = night_file(folder).read_bytes()
    pack(night_file(folder))
    night_file(folder).write_bytes(content)


def overlaps_later(folder: Path) -> None:
    lines = [f"{person},5000,20:05:30,20:05:28" for person in PEOPLE]
    (folder / OVERLAP).write_text("\n".join(["mesaid,line,linetime,starttime_psg", *lines, ""]))


TABLE = Table(
    "MESA Sleep",
    "NSRR's folders `actigraphy`, `overlap`, `polysomnography/annotations-events-profusion` and `datasets`.",
    small.write,
    mesa.read,
)

fault = TABLE.of_kind("missing file")
fault(
    "the folder is not there",
    shutil.rmtree,
    refused("DIR is not a folder; give NSRR's folder of MESA Sleep"),
    (lambda f: only(f, "notes.txt"), refused("DIR has no folder actigraphy; give NSRR's folder")),
    (lambda f: only(f, "actigraphy/x", f"{mesa.STAGES}/x"), refused("actigraphy holds no mesa-sleep-XXXX")),
)
fault(
    "no polysomnography of a participant",
    lambda f: stage_file(f).unlink(),
    counted("no polysomnography", "left out: no file in polysomnography", people=1),
)
fault(
    "no actigraphy of a participant",
    lambda f: night_file(f).unlink(),
    counted("participants with actigraphy", "you have 11 participants, the card says 2,159 participants"),
    (lambda f: night_file(f).unlink(), counted("no actigraphy", "left out: a file in polysomnography", people=1)),
)
fault(
    "a night's file under another name",
    lambda f: night_file(f).rename(f / "actigraphy/mesa-sleep-3.csv"),
    counted("files under another name", "not read: 1, such as actigraphy/mesa-sleep-3.csv; name them as NSRR does"),
    (lambda f: night_file(f).rename(f / "actigraphy/mesa-sleep-0003 (1).csv"), counted("no actigraphy", people=1)),
    (lambda f: stage_file(f).rename(f"{stage_file(f)}.zip"), counted("files under another name", ".xml.zip")),
)
fault(
    "a participant is not in the overlap table",
    lambda f: drop_line(f / OVERLAP, "3,"),
    counted("not in the overlap table", "left out: no row in the overlap table", people=1),
)
fault(
    "the overlap table or the harmonized dataset is missing",
    lambda f: (f / OVERLAP).unlink(),
    refused("mesa-actigraphy-psg-overlap.csv is missing: it says where in", "starts; copy it again from NSRR"),
    (lambda f: (f / HARMONIZED).unlink(), refused("datasets holds no mesa-sleep-harmonized-dataset-X.Y.Z")),
)
fault(
    "a participant is not in the harmonized dataset",
    lambda f: drop_line(f / HARMONIZED, "555,"),
    counted("sex unknown", "kept, sex missing", windows=LENGTH, people=1),
)

fault = TABLE.of_kind("missing column")
fault(
    "a column is missing",
    lambda f: replace(f / NIGHT, "activity", "counts"),
    refused(f"{NIGHT}: column activity is missing, found 'mesaid,line"),
    (lambda f: replace(f / HARMONIZED, "nsrr_race", "race"), refused(".csv: column nsrr_race is missing")),
)
fault(
    "cells are missing in a row",
    lambda f: cut(f / NIGHT, 0.25),
    refused(f"{NIGHT}, line", "expected 15 cells, found", "cut off?"),
)

fault = TABLE.of_kind("wrong header case")
fault(
    "a header in another case",
    lambda f: replace(f / NIGHT, small.COLUMNS, small.COLUMNS.upper()),
    accepted("case does not matter"),
)
fault(
    "a folder or the overlap table in another case",
    lambda f: (f / "actigraphy").rename(f / "Actigraphy"),
    refused("actigraphy is missing, but Actigraphy is there; rename it, case counts"),
    (lambda f: (f / OVERLAP).rename(f / OVERLAP.upper().replace("OVERLAP/", "overlap/")), refused("rename it, case")),
    (lambda f: (f / "datasets").rename(f / "DATASETS"), refused("datasets is missing, but DATASETS is there")),
)

fault = TABLE.of_kind("duplicate keys")
fault(
    "an epoch twice",
    night(9, "line", "7"),
    refused(f"{NIGHT}, line 9, column line: epoch 7 appears twice; epochs must be in order, once"),
)
fault(
    "a participant twice in the overlap table",
    lambda f: edit(f / OVERLAP, 4, "3,11,20:05:30,20:05:28"),
    refused("overlap.csv, line 4: mesaid 3 appears twice; keep one row of it"),
)
fault(
    "a participant twice, with different values, in the harmonized dataset",
    lambda f: append(f / HARMONIZED, "1,5,80,no,male,white\n"),
    refused("0.6.0.csv, line 14: mesaid 1 has another age, sex or race than in an earlier line"),
)
fault(
    "the same row twice in the harmonized dataset",
    lambda f: append(f / HARMONIZED, (f / HARMONIZED).read_text().splitlines()[1] + "\n"),
    counted("rows that repeat a participant", "left out: the same row of", people=1),
)
fault(
    "a column twice",
    lambda f: replace(f / NIGHT, "marker", "line", 1),
    refused(f"{NIGHT}: column line is there twice"),
)

fault = TABLE.of_kind("overlapping participants")
fault(
    "two files of one participant",
    packed_twice,
    refused("actigraphy holds mesa-sleep-0003.csv and mesa-sleep-0003.csv.gz of one participant; remove one"),
)
fault(
    "another participant's rows in a file",
    night(20, "mesaid", "4"),
    refused(f"{NIGHT}, line 20, column mesaid: expected 3, as the file is named, found 4"),
)

fault = TABLE.of_kind("times out of order")
fault(
    "an epoch before that of the line above",
    night(9, "line", "3"),
    refused(f"{NIGHT}, line 9, column line: epoch 3 comes after 7; epochs must be in order, once"),
)
fault(
    "a jump of the clock",
    jump,
    counted("epochs after a jump of the clock", "kept: epochs are placed by their number", windows=1, people=1),
    (night(9, "linetime", "soon"), counted("epochs after a jump of the clock", windows=2, people=1)),
)

fault = TABLE.of_kind("times outside the stay")
fault(
    "polysomnography longer than the actigraphy",
    lambda f: stage_file(f).write_text(profusion(stages_of(3) + [0] * 30)),
    counted("epochs without actigraphy", "left out: the actigraphy has no epoch at that time", windows=10),
)
fault(
    "no polysomnography during the actigraphy",
    overlaps_later,
    refused("DIR: none of 12 participants with actigraphy has a usable night", "epochs without actigraphy"),
)
fault(
    "polysomnography over 16 hours",
    stages(profusion([2] * 1921)),
    counted("polysomnography over 16 hours", "left out: more than 1,920 epochs", windows=1921, people=1),
)

fault = TABLE.of_kind("unknown category")
fault(
    "an unknown interval",
    night(20, "interval", "NAP"),
    refused(f"{NIGHT}, line 20, column interval: expected one of ACTIVE, REST, REST-S, EXCLUDED, found 'NAP'"),
)
fault(
    "no interval",
    lambda f: [cell(f / NIGHT, line, "interval", "") for line in (20, 21)],
    accepted("it is not excluded"),
)
fault(
    "an unknown sleep stage",
    stages(profusion([0, 1, 12])),
    refused("SleepStage 3 is '12'; expected 0 (wake), 1 to 5 (sleep) or 6 to 9 (unscored)"),
    *tuple((stages(profusion([0, value])), refused(f"SleepStage 2 is {str(value)!r}")) for value in ("REM", -1, "")),
)
fault(
    "a stage of 6 to 9: movement or unscored",
    stages(profusion([*stages_of(3)[:-2], 6, 9])),
    counted("epochs without a clear stage", "counts as sleep, as in the benchmark", windows=2, people=1),
)
fault(
    "a sex or a race that the card does not know",
    at(HARMONIZED, 3, "nsrr_race", "martian"),
    refused("0.6.0.csv, line 3, column nsrr_race: value 'martian' is not in the data card"),
    (at(HARMONIZED, 3, "nsrr_sex", "m"), refused("line 3, column nsrr_sex: value 'm' is not in")),
)

fault = TABLE.of_kind("non-numeric text")
fault(
    "text where a number belongs",
    night(20, "activity", "many"),
    refused(f"{NIGHT}, line 20, column activity: expected a number or nothing, found 'many'"),
    *(
        (night(20, column, value), refused(f"line 20, column {column}: expected a number or no", f"{value!r}"))
        for column, value in (
            *(("redlight", "nan"), ("whitelight", "inf"), ("activity", "1e400"), ("bluelight", "1e39")),
            *(("greenlight", "1;5"), ("activity", "\u0663")),
        )
    ),
    (night(9, "line", ""), refused("line 9, column line: expected a whole number from 1, found nothing")),
    (night(9, "line", "8.5"), refused("line 9", "whole number", "8.5")),
    (at(OVERLAP, 4, "line", "eleven"), refused("line 4, column line: expected a number", "'eleven'")),
    (at(OVERLAP, 4, "line", "0"), refused("line 4, column line: expected a whole number from 1, found 0")),
    (at(OVERLAP, 4, "line", "1e30"), refused("line 4, column line: expected a whole number from 1")),
)
fault(
    "no value: off wrist or invalid",
    night(20, "activity", ""),
    counted("epochs without activity", "kept: off wrist or invalid"),
)

fault = TABLE.of_kind("empty segment")
fault(
    "a segment without anybody",
    lambda f: replace(f / HARMONIZED, "asian", "white"),
    counted("race: nobody in Asian", "on the card, not in the data; not judged"),
)

fault = TABLE.of_kind("mixed units")
fault(
    "stages of another length than 30 seconds",
    lambda f: replace(f / STAGES, "<EpochLength>30<", "<EpochLength>20<"),
    refused("0003-profusion.xml: EpochLength is 20, expected 30 seconds"),
)
fault(
    "an actigraphy with an epoch a minute",
    in_minutes,
    refused(f"{NIGHT}, line 3, column linetime: '20:01:00' comes after '20:00:00', and so in most lines; expected"),
)
fault(
    "a negative count or light",
    night(START + 2, "activity", "-5"),
    counted("epochs with negative values", "kept: negative counts or light are taken as missing", windows=1),
)
fault(
    "a count or a light that no device shows",
    night(START + 2, "activity", "9223372036854775808"),
    counted("values outside the usual range", "kept: 1 values of activity (0 to 50,000 counts)", windows=1, people=1),
)
fault(
    "an age that nobody here has",
    at(HARMONIZED, 2, "nsrr_age", "540"),
    refused("0.6.0.csv, line 2, column nsrr_age: expected years from 18 to 120, found 540"),
)

fault = TABLE.of_kind("gz cut in half")
fault(
    "a `.gz` cut in half",
    lambda f: pack(f / NIGHT, 0.5),
    refused(f"{NIGHT}.gz is truncated or damaged"),
    (lambda f: pack(f / STAGES, 0.5), refused("0003-profusion.xml.gz is truncated or damaged")),
)
fault(
    "all packed, none cut",
    lambda f: [pack(file) for file in (f / NIGHT, f / STAGES, f / OVERLAP, f / HARMONIZED)],
    accepted("both forms are read"),
)

fault = TABLE.of_kind("folder of the wrong dataset")
fault(
    "a folder of MIMIC-III",
    lambda f: only(f, *OTHERS["mimic"]),
    refused("DIR has no folder actigraphy; this looks like MIMIC-III, read it with dataset 'mimic'"),
    *tuple(
        (lambda f, n=name: only(f, *OTHERS[n]), refused(f"read it with dataset {name!r}"))
        for name in ("challenge2012", "globem", "table")
    ),
)

fault = TABLE.of_kind("0-byte file")
fault(
    "a file of 0 bytes",
    lambda f: (f / NIGHT).write_bytes(b""),
    refused(f"{NIGHT} is empty (0 bytes)"),
    (lambda f: (f / STAGES).write_bytes(b""), refused("0003-profusion.xml is empty (0 bytes)")),
)
fault(
    "a header and nothing else, an export without stages",
    lambda f: (f / NIGHT).write_text(f"{small.COLUMNS}\n"),
    refused(f"{NIGHT} holds a header and no rows"),
    (stages(profusion([])), refused("0003-profusion.xml holds no SleepStage")),
)

fault = TABLE.of_kind("non-UTF-8 text")
fault(
    "text that is not UTF-8",
    lambda f: not_utf8(f / NIGHT),
    refused(f"{NIGHT}: byte", "is not UTF-8 text"),
    (lambda f: replace(f / STAGES, "Arousal", b"Ar\xffusal"), refused("damaged or no UTF-8 text")),
)
fault(
    "saved by a Windows program (byte order mark, CR LF)",
    lambda f: [mark_and_windows_lines(f / name) for name in (NIGHT, OVERLAP, HARMONIZED, STAGES)],
    accepted("read as it is meant"),
    (lambda f: replace(f / NIGHT, "\n", b"\r"), accepted()),
)

fault = TABLE.of_kind("counts of the card")
fault(
    "fewer participants than the study",
    lambda f: None,
    counted("test", "you have 245 windows, 2 participants and", "the card says 452,015 windows, 363 participants"),
    (lambda f: None, counted("cohort", "you have 1,545 windows, 12 participants", "1,817 participants")),
)

fault = TABLE.of_kind("anything else")
fault(
    "an export of stages cut off, or of another kind",
    lambda f: cut(f / STAGES, 0.5),
    refused("0003-profusion.xml is truncated, damaged or no UTF-8 text"),
    (stages("<PSGAnnotation></PSGAnnotation>"), refused("expected a Profusion export", "'PSGAnnotation'")),
    (stages(profusion(["1</SleepStage>2<SleepStage>3"])), refused("SleepStages holds '2' between its epochs")),
    (lambda f: replace(f / STAGES, "<SleepStages>", "<SleepStages/><SleepStages>"), refused("2 lists SleepStages")),
)
fault(
    "a participant who never sleeps",
    stages(profusion([0] * LENGTH)),
    counted("participants without sleep", "left out: no epoch of sleep, as in the benchmark", people=1),
)
fault(
    "a participant whose epochs are all excluded",
    lambda f: (f / NIGHT).write_text(re.sub("ACTIVE|REST-S", "EXCLUDED", (f / NIGHT).read_text())),
    counted("participants without epochs", "left out: no epoch remains", people=1),
)
fault(
    "a NUL byte",
    lambda f: replace(f / NIGHT, "ACTIVE", "ACT\0VE", 1),
    refused(f"{NIGHT}: byte", "is NUL, which no text holds"),
)
fault(
    "a quotation mark without its partner",
    lambda f: replace(f / NIGHT, "REST-S", '"REST-S', 1),
    refused(f"{NIGHT}, line"),
)
