"""Faults of MIMIC-III's raw tables."""

import re
from pathlib import Path

from fairlib.readers import mimic
from tests.readers.faults.answers import Table, accepted, counted, refused
from tests.readers.small import mimic_raw as small
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

EVENTS, LABS, STAYS, PATIENTS = "CHARTEVENTS.csv", "LABEVENTS.csv", "ICUSTAYS.csv", "PATIENTS.csv"
ADMISSIONS, LAB_HEADER = "ADMISSIONS.csv", "ROW_ID,SUBJECT_ID,HADM_ID,ITEMID,CHARTTIME,VALUE,VALUENUM,VALUEUOM,FLAG"


def write(folder: Path) -> Path:
    small.write(folder)
    (folder / "testset.csv").write_text("116,1\n117,1\n")
    (folder / "valset.csv").write_text("109,1\n110,1\n")
    rows = [f"{p},{p}0,4019" for p in small.PEOPLE] + ["108,1081,4019"]
    small.write_table(folder, "DIAGNOSES_ICD", "SUBJECT_ID,HADM_ID,ICD9_CODE", rows)
    return folder


def at(name: str, line: int, column: str, value: str):
    """Another cell in a table."""
    return lambda folder: cell(folder / name, line, column, value)


def listed(text: str | bytes | None):
    """Another list of validation people, or none."""

    def change(folder: Path) -> None:
        if text is None:
            (folder / "valset.csv").unlink()
        else:
            (folder / "valset.csv").write_bytes(text if isinstance(text, bytes) else text.encode())

    return change


def values(item: int, old: str, new: str):
    """Another VALUE in every event of an item that has the old one."""
    row = re.compile(rf',({item},[^,]*),"?{re.escape(old)}"?,,')

    def change(folder: Path) -> None:
        text, times = row.subn(rf",\1,{new},,", (folder / EVENTS).read_text())
        assert times, old
        (folder / EVENTS).write_text(text)

    return change


def turned(folder: Path) -> None:
    """Events in the opposite order."""
    header, *rows = (folder / EVENTS).read_text().splitlines()
    (folder / EVENTS).write_text("\n".join([header, *rows[::-1]]) + "\n")


def short_stays(folder: Path) -> None:
    text = (folder / STAYS).read_text()
    (folder / STAYS).write_text(re.sub(r",(4\.0|8|9|2\.0)\n", ",1.5\n", text))


def header_only(name: str):
    return lambda folder: (folder / name).write_text((folder / name).read_text().splitlines()[0] + "\n")


def append_column(file: Path, name: str, value: str) -> None:
    header, *rows = file.read_text().splitlines()
    file.write_text("\n".join([f"{name},{header}", *(f"{value},{row}" for row in rows)]) + "\n")


def renamed(name: str, column: str):
    """A column under a name that nobody knows."""

    def change(folder: Path) -> None:
        header = (folder / name).read_text().splitlines()[0].split(",")
        edit(folder / name, 1, ",".join("X" if c == column else c for c in header))

    return change


TABLE = Table(
    "MIMIC-III: raw tables",
    "ADMISSIONS, PATIENTS, ICUSTAYS, CHARTEVENTS and LABEVENTS, as on PhysioNet; DIAGNOSES_ICD and the official lists"
    " `testset.csv` and `valset.csv` if they are there.",
    write,
    mimic.read,
)

fault = TABLE.of_kind("missing file")
fault(
    "a table is missing",
    lambda f: (f / LABS).unlink(),
    refused("DIR has no LABEVENTS.csv or LABEVENTS.csv.gz; copy it there from PhysioNet. Needed are ADMISSIONS"),
    *tuple(
        (lambda f, n=name: (f / n).unlink(), refused(f"no {name} or {name}.gz"))
        for name in (EVENTS, STAYS, PATIENTS, ADMISSIONS)
    ),
)
fault(
    "DIAGNOSES_ICD is missing",
    lambda f: (f / "DIAGNOSES_ICD.csv").unlink(),
    counted("left out: no coded diagnosis", "not tested: DIAGNOSES_ICD is not in the folder"),
)
fault(
    "one of the two lists is missing",
    listed(None),
    refused("valset.csv is missing; the official split needs both testset.csv and valset.csv"),
    (lambda f: (f / "testset.csv").unlink(), refused("testset.csv is missing", "both")),
)
fault(
    "both lists are missing",
    lambda f: [(f / name).unlink() for name in ("testset.csv", "valset.csv")],
    counted("train", "split by a hash of SUBJECT_ID"),
)
fault(
    "a row is missing in a table",
    lambda f: drop_line(f / PATIENTS, "102,"),
    refused("PATIENTS.csv has no row for SUBJECT_ID 102, which is in ICUSTAYS.csv (1 such case(s))"),
    (lambda f: drop_line(f / ADMISSIONS, "103,1030,"), refused("ADMISSIONS.csv has no row for HADM_ID 1030")),
    (at(STAYS, 4, "SUBJECT_ID", "104"), refused("HADM_ID 1030 is of SUBJECT_ID 104, in ADMISSIONS.csv of")),
)

fault = TABLE.of_kind("missing column")
fault(
    "a column is missing",
    renamed(EVENTS, "VALUEUOM"),
    refused(
        "CHARTEVENTS.csv: column VALUEUOM is missing, found '", "this needs the comma-separated MIMIC-III v1.4 table"
    ),
    *tuple(
        (renamed(name, column), refused(f"{name}: column {column} is missing"))
        for name, column in [
            *[(EVENTS, c) for c in small.CHART.split(",")[1:] if c not in ("VALUENUM", "VALUEUOM")],
            *[(LABS, "HADM_ID"), (LABS, "VALUEUOM"), (STAYS, "LOS"), (PATIENTS, "DOD")],
            *[(ADMISSIONS, "DEATHTIME"), (ADMISSIONS, "DISCHTIME")],
        ]
    ),
)
fault(
    "semicolons between the cells",
    lambda f: replace(f / EVENTS, ",", ";"),
    refused("CHARTEVENTS.csv: cells are separated by semicolons; save it with commas between cells, and points in"),
    (lambda f: replace(f / STAYS, ",", "\t"), refused("ICUSTAYS.csv: cells are separated by tabs")),
)
fault(
    "columns that nobody needs, or in another order",
    lambda f: [append_column(f / name, "EXTRA", "x") for name in (EVENTS, LABS, STAYS)],
    accepted("they are found by their names"),
)
fault(
    "cells are missing in a row",
    lambda f: edit(f / EVENTS, 7, (f / EVENTS).read_text().splitlines()[6].removesuffix(",mmHg")),
    refused("CHARTEVENTS.csv, line 7: expected 9 cells, found 8; the file is cut off or damaged"),
    (at(EVENTS, 7, "VALUEUOM", "mmHg,x,y"), refused("line 7: expected 9 cells, found")),
    (at(STAYS, 7, "LOS", "4.0,x"), refused("ICUSTAYS.csv, line 7: expected 11 cells, found 12")),
)

fault = TABLE.of_kind("wrong header case")
fault(
    "names and headers in another case",
    lambda f: [(f / EVENTS).rename(f / "chartevents.CSV"), edit(f / LABS, 1, LAB_HEADER.lower())],
    accepted("MIMIC-III has both"),
)

fault = TABLE.of_kind("duplicate keys")
fault(
    "a person, an admission or a stay twice",
    at(ADMISSIONS, 3, "HADM_ID", "1010"),
    refused("ADMISSIONS.csv, line 3: HADM_ID 1010 appears twice; keep one row of it"),
    (at(STAYS, 4, "ICUSTAY_ID", "10200"), refused("ICUSTAYS.csv, line 4: ICUSTAY_ID 10200 appears twice")),
    (at(PATIENTS, 3, "SUBJECT_ID", "101"), refused("PATIENTS.csv, line 3: SUBJECT_ID 101 appears twice")),
    (lambda f: replace(f / EVENTS, "VALUENUM", "value"), refused("column VALUE is there twice")),
)
fault(
    "an event twice",
    lambda f: append(f / EVENTS, (f / EVENTS).read_text().splitlines()[1] + "\n"),
    accepted("of several values at one time the largest counts, as in the benchmark"),
)
fault(
    "a table twice, packed and not",
    lambda f: (f / "labevents.csv.gz").write_bytes(b"x"),
    refused("DIR holds LABEVENTS.csv and labevents.csv.gz; remove the one that is not meant"),
)

fault = TABLE.of_kind("overlapping participants")
fault(
    "a person in both lists",
    listed("117,1\n"),
    refused("valset.csv: subject 117 is in testset.csv too; a person may be in one split"),
    (listed("101,1\n101,0\n"), refused("line 2: subject 101 is listed twice")),
    (listed("101,2\n"), refused("line 1: expected <SUBJECT_ID>,0 or <SUBJECT_ID>,1, found '101,2'")),
    (listed("subject,y\n"), refused("line 1: expected", "'subject,y'")),
    (listed("101,0\n"), refused("marks nobody with 1")),
    (listed(""), refused("valset.csv is empty (0 bytes)")),
    (listed(b"\xff"), refused("valset.csv: byte 0 is not UTF-8")),
    (listed("109,1\n"), refused("the val split holds only class 0")),
)

fault(
    "a list of other people",
    listed("9001,1\n9002,1\n"),
    refused("valset.csv marks none of the 18 people of the cohort with 1; copy the lists of this release"),
    (lambda f: (f / "testset.csv").write_text("9001,1\n"), refused("testset.csv marks none of the 18 people")),
)

fault = TABLE.of_kind("times out of order")
fault("events in any order", turned, accepted("they are ordered by CHARTTIME"))
fault(
    "a stay or an admission that ends before it begins",
    at(STAYS, 4, "OUTTIME", "2140-06-01 00:00:00"),
    counted("OUTTIME before INTIME, or DISCHTIME before ADMITTIME", "kept, as in the benchmark", windows=1, people=1),
    (
        at(ADMISSIONS, 4, "DISCHTIME", "2139-06-01 00:00:00"),
        counted("OUTTIME before INTIME, or DISCHTIME before ADMITTIME", "label 0", windows=1, people=1),
    ),
)

fault = TABLE.of_kind("times outside the stay")
fault(
    "an event before the stay or after 48 hours",
    lambda f: None,
    counted("events: outside the first 48 h of the stay", "rows left out"),
)
fault(
    "a time of death outside the admission",
    at(ADMISSIONS, 4, "DEATHTIME", "2139-01-01 00:00:00"),
    counted("DEATHTIME outside the admission", "kept: label 0 by the benchmark's rule", windows=1, people=1),
)
fault(
    "born after the admission",
    at(PATIENTS, 3, "DOB", "2180-06-15 00:00:00"),
    counted("left out: under 18 years", "stays remain", windows=2),
    (at(ADMISSIONS, 4, "ADMITTIME", "2040-06-15 00:00:00"), refused("ADMITTIME lies before the DOB of")),
)

fault = TABLE.of_kind("unknown category")
fault(
    "an unknown text of the coma scale",
    at(EVENTS, 13, "VALUE", "Wide open"),
    refused("CHARTEVENTS, column VALUE: unknown category 'Wide open' of Glascow coma scale eye opening"),
    (at(EVENTS, 16, "VALUE", "16"), refused("unknown category '16' of Glascow coma scale total")),
)
fault(
    "a gender or an insurance that the card does not know",
    at(ADMISSIONS, 2, "INSURANCE", "Magic"),
    refused("ADMISSIONS.csv, line 2, column INSURANCE: value 'Magic' is not in the data card"),
)

fault = TABLE.of_kind("non-numeric text")
fault(
    "a wrong id or date",
    at(EVENTS, 6, "HADM_ID", "one"),
    refused("CHARTEVENTS.csv, line 6, column HADM_ID: expected a whole number, found 'one'"),
    *tuple(
        (at(name, line, column, value), refused(f"{name}, line {line}, column {column}: ", f"'{value}"))
        for name, line, column, value in [
            (EVENTS, 5, "CHARTTIME", "2140-26-15 12:00:00"),
            (EVENTS, 6, "SUBJECT_ID", "x101"),
            (LABS, 3, "CHARTTIME", "yesterday"),
            (STAYS, 4, "LOS", "four"),
            (STAYS, 4, "INTIME", "214O-06-15 12:00:00"),
            (STAYS, 4, "INTIME", "-2140-06-15 12:00:00"),
            (ADMISSIONS, 4, "DEATHTIME", "dead"),
            (PATIENTS, 11, "DOD", "summer"),
        ]
    ),
)
fault(
    "a VALUE that its variable does not know",
    lambda f: None,
    counted("events: VALUE is text that the rules of the variable do not know (pH)", "17 rows left out"),
    (at(LABS, 2, "VALUE", "+120"), counted("events: used", "680 rows used")),
)

fault = TABLE.of_kind("empty segment")
fault(
    "a segment without anybody",
    lambda f: None,
    counted("ethnicity: nobody in Asian", "on the card, not in the data; not judged"),
)

fault = TABLE.of_kind("mixed units")
fault(
    "a temperature in °F, a weight in pounds, where the unit is told",
    values(678, "37.1", "98.78"),
    accepted("converted by the benchmark's rules"),
)
fault(
    "some values in another unit than they tell",
    values(763, "80", "176"),
    counted("values outside the usual range", "kept, as in the benchmark, after its conversions: ", "of Weight"),
)
fault(
    "most values in another unit than they tell",
    lambda f: [values(678, old, new)(f) for old, new in (("98.6", "590.3"), ("37.1", "590.5"))],
    refused("values of Temperature lie outside 25 to 45 °C, such as", "They look like K; convert them first"),
)

fault = TABLE.of_kind("gz cut in half")
fault(
    "a plain table of events cut at the end of a line",
    lambda f: (f / EVENTS).write_text("".join((f / EVENTS).read_text().splitlines(keepends=True)[:200])),
    counted("stays without an event of CHARTEVENTS", "kept: measured in the other table; is CHARTEVENTS whole?"),
    (
        lambda f: (f / LABS).write_text("".join((f / LABS).read_text().splitlines(keepends=True)[:20])),
        counted("stays without an event of LABEVENTS", "is LABEVENTS whole?"),
    ),
)
fault(
    "a `.gz` cut in half",
    lambda f: pack(f / EVENTS, 0.5),
    refused("CHARTEVENTS.csv.gz is truncated or damaged"),
    (lambda f: pack(f / LABS, 0.99), refused("LABEVENTS.csv.gz is truncated or damaged")),
    (lambda f: pack(f / STAYS, 0.5), refused("ICUSTAYS.csv.gz is truncated or damaged")),
    (lambda f: (f / LABS).rename(f / "LABEVENTS.csv.gz"), refused("LABEVENTS.csv.gz is truncated or dam")),
)

fault = TABLE.of_kind("folder of the wrong dataset")
fault(
    "a folder of Challenge 2012",
    lambda f: only(f, *OTHERS["challenge2012"]),
    refused("this looks like Challenge 2012, read it with dataset 'challenge2012'"),
    *tuple(
        (lambda f, n=name: only(f, *OTHERS[n]), refused(f"read it with dataset {name!r}"))
        for name in ("mesa", "globem", "table")
    ),
)

fault = TABLE.of_kind("0-byte file")
fault(
    "a file of 0 bytes",
    lambda f: (f / EVENTS).write_bytes(b""),
    refused("CHARTEVENTS.csv is empty"),
    (lambda f: (f / STAYS).write_bytes(b""), refused("ICUSTAYS.csv is empty (0 bytes)")),
    (lambda f: (f / LABS).write_bytes(b"\n"), refused("LABEVENTS.csv is empty")),
)
fault(
    "a header and nothing else",
    header_only(EVENTS),
    refused("CHARTEVENTS.csv holds a header and no rows"),
    *tuple((header_only(n), refused(f"{n} holds a header and no rows")) for n in (LABS, STAYS, "DIAGNOSES_ICD.csv")),
)

fault = TABLE.of_kind("non-UTF-8 text")
fault(
    "text that is not UTF-8",
    lambda f: replace(f / EVENTS, "bpm", b"\xff"),
    refused("CHARTEVENTS.csv", "not UTF-8 text"),
    (lambda f: replace(f / EVENTS, "ROW_ID", b"\xff"), refused("CHARTEVENTS.csv, line 1: byte 0 is not")),
    (lambda f: replace(f / LABS, "mg/dL", b"\xffg"), refused("LABEVENTS.csv", "not UTF-8 text")),
    (lambda f: not_utf8(f / STAYS), refused("ICUSTAYS.csv: byte", "not UTF-8 text")),
)
fault(
    "saved by a Windows program (byte order mark, CR LF)",
    lambda f: [mark_and_windows_lines(f / name) for name in (EVENTS, LABS, STAYS, "valset.csv")],
    accepted("read as it is meant"),
)

fault = TABLE.of_kind("counts of the card")
fault(
    "fewer stays than the benchmark",
    lambda f: None,
    counted("test", "you have 2 stays and 1 deaths, the card says 3,236 stays and 374 deaths", windows=2),
    (lambda f: None, counted("cohort", "you have 19 stays, 7 deaths and 18 people, the card says 21,139")),
)

fault = TABLE.of_kind("anything else")
fault(
    "a table cut off in a line",
    lambda f: cut(f / LABS, 0.5),
    refused("LABEVENTS.csv: the last line has no end, so the file is cut off"),
    (lambda f: cut(f / STAYS, 0.99), refused("ICUSTAYS.csv: the last line has no end")),
)
fault(
    "stays and events of different people",
    lambda f: [replace(f / name, ",214", ",213") for name in (EVENTS, LABS)],
    refused("CHARTEVENTS.csv and LABEVENTS.csv hold no measurement of a stay in ICUSTAYS.csv"),
)
fault(
    "a stay without a diagnosis, as the benchmark leaves out",
    lambda f: replace(f / "DIAGNOSES_ICD.csv", "112,1120,4019", "112,1120,"),
    counted("left out: no coded diagnosis (DIAGNOSES_ICD)", "stays remain", windows=2, people=2),
)
fault(
    "a diagnosis that D_ICD_DIAGNOSES does not know, as the benchmark leaves out",
    lambda f: [
        replace(f / "DIAGNOSES_ICD.csv", "112,1120,4019", "112,1120,04019"),
        (f / "D_ICD_DIAGNOSES.csv").write_text("ROW_ID,ICD9_CODE,SHORT_TITLE\n1,4019,Hypertension\n"),
    ],
    counted("left out: no coded diagnosis (DIAGNOSES_ICD in D_ICD_DIAGNOSES)", "stays remain", windows=2, people=2),
)
fault(
    "a care unit or a ward is empty",
    lambda f: replace(f / STAYS, "112,1120,11200,MICU,MICU", "112,1120,11200,,"),
    counted("left out: care unit or ward changed", "stays remain", windows=3, people=3),
    (
        lambda f: replace(f / STAYS, "112,1120,11200,MICU,MICU,50,50", "112,1120,11200,MICU,MICU,,"),
        counted("left out: care unit or ward changed", "stays remain", windows=3, people=3),
    ),
)
fault(
    "no stay of 48 hours",
    short_stays,
    refused("ICUSTAYS.csv holds no stay of 48 h that the benchmark's rules keep", "left out: under 48 h (LOS)"),
    (
        lambda f: (f / "DIAGNOSES_ICD.csv").write_text("HADM_ID,ICD9_CODE\n1,4019\n"),
        refused("ICUSTAYS.csv holds no stay", "20 left out: no coded diagnosis (DIAGNOSES_ICD)"),
    ),
)
fault(
    "a quotation mark without its partner",
    at(EVENTS, 6, "VALUE", '"ab'),
    refused("CHARTEVENTS.csv, line 6 cannot be read (a quotation mark has no partner); copy it again from PhysioNet"),
    (at(LABS, 3, "VALUE", '"1"20'), refused("LABEVENTS.csv, line 3 cannot be read (a quotation mark has no partner)")),
    (at(EVENTS, 6, "VALUE", "x" * 3_000_000), refused("line 6 cannot be read (the line is longer than any of")),
)
fault(
    "a line break or a comma within quotation marks",
    at(EVENTS, 12, "VALUE", '"4,\n5"'),
    counted("events: VALUE is text that the rules of the variable do not know (Fraction inspired oxygen)", "1 rows"),
)
fault(
    "lines that end in different ways",
    lambda f: replace(f / EVENTS, "\n", "\r\n", 9),
    refused("CHARTEVENTS.csv cannot be read (lines end in different ways (CR LF and LF), or stray quotation marks)"),
)
fault(
    "a folder in place of a file",
    lambda f: [(f / STAYS).unlink(), (f / STAYS).mkdir()],
    refused("ICUSTAYS.csv is a folder, not a file"),
    (lambda f: [(f / EVENTS).unlink(), (f / EVENTS).mkdir()], refused("CHARTEVENTS.csv is a folder")),
)
