"""Faults of cohorts in YAIB's layout."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from fairlib import readers
from tests.readers.faults.answers import Table, accepted, counted, refused
from tests.readers.faults.table import card
from tests.readers.small import yaib as small
from tests.readers.small.edits import OTHERS, append, cell, cut, drop_line, edit, not_utf8, only, pack, replace
from tests.readers.small.edits import mark_and_windows_lines as as_windows_saves
from tests.readers.small.yaib import EARLY, FIRST

PEOPLE, LAYOUT = "people.csv", "yaib.yaml"
HOUR = pd.Timedelta(hours=1)
#: A stay that is kept, and the row of dyn and outc where it begins.
STAY = FIRST + 2
BEGIN = int((small.frames()["dyn"]["stay_id"] < STAY).sum())


def change(name: str, edit: Callable[[pd.DataFrame], pd.DataFrame]):
    """Rewrite a parquet file after ``edit``."""

    def write(folder: Path) -> None:
        file = folder / f"{name}.parquet"
        edit(pd.read_parquet(file)).to_parquet(file, index=False)

    return write


def put(name: str, row: int, column: str, value: object):
    """Another value in a cell of a parquet file; its column becomes one of objects only where it must."""

    def into(table: pd.DataFrame) -> pd.DataFrame:
        cells = table[column].astype(object) if isinstance(value, str) else table[column].copy()
        cells.iloc[row] = value
        return table.assign(**{column: cells.astype(str) if isinstance(value, str) else cells})

    return change(name, into)


def times(change_of: Callable[[pd.Series], pd.Series], *names: str):
    """Other times in the tables."""

    def write(folder: Path) -> None:
        for name in names:
            change(name, lambda t: t.assign(time=change_of(t["time"])))(folder)

    return write


def without(name: str, column: str, *values: object):
    return change(name, lambda t: t[~t[column].isin(values)])


def gone(name: str):
    return lambda folder: (folder / name).unlink()


def layout(**changes):
    """Other keys in yaib.yaml."""
    return lambda folder: (folder / LAYOUT).write_text(yaml.safe_dump(small.LAYOUT | changes))


def until(folder: Path) -> None:
    """dyn with the window's hours only."""
    change("dyn", lambda t: t[t["time"] < small.WINDOW * HOUR])(folder)


def two_of_ethnicity(folder: Path) -> None:
    """The two stays of one person under two ethnicities."""
    lines = (folder / PEOPLE).read_text().splitlines()
    at = next(i for i, line in enumerate(lines) if line.endswith("S002,White"))
    edit(folder / PEOPLE, at + 1, lines[at].replace("White", "Black"))


def by_person(folder: Path) -> None:
    """sta names the person, and the table of people goes by person, one of them twice."""
    people = pd.read_csv(folder / PEOPLE)
    change("sta", lambda t: t.merge(people[["stay_id", "subject_id"]]))(folder)
    people = people.drop(columns="stay_id").drop_duplicates()
    people.to_csv(folder / PEOPLE, index=False)
    layout(people=[{"file": PEOPLE, "key": "subject_id", "to": "subject_id"}])(folder)


def two_rows_of_a_person(folder: Path) -> None:
    by_person(folder)
    append(folder / PEOPLE, "S002,Black\n")


TABLE = Table(
    "A cohort in YAIB's layout",
    "dyn, outc and sta, parquet files of one folder as YAIB writes them, a table of people, card.yaml and yaib.yaml.",
    small.write,
    readers.own,
)

fault = TABLE.of_kind("missing file")
fault("the folder is not there", shutil.rmtree, refused("DIR is not a folder; "))
fault(
    "outc but no dyn",
    gone("dyn.parquet"),
    refused("DIR holds outc and sta.parquet but not dyn.parquet; export the cohort with YAIB again"),
    (gone("outc.parquet"), refused("DIR holds dyn and sta.parquet but not outc.parquet")),
    (gone("sta.parquet"), refused("DIR holds dyn and outc.parquet but not sta.parquet")),
    (layout(cohort="yaib"), refused("yaib is no folder of dyn.parquet, outc.parquet, sta.parquet", "give the folder")),
)
fault("no table of people", gone(PEOPLE), refused("people.csv is missing, a table of people; copy it there"))
fault(
    "a stay of `outc` is not in `dyn`, or the other way round",
    without("dyn", "stay_id", STAY),
    counted("stays of outc without a row in dyn", "left out: no measurements", windows=1, people=1),
    (without("outc", "stay_id", STAY), counted("stays of dyn without a row in outc", "left out: no label", windows=1)),
    (without("sta", "stay_id", STAY), counted("age unknown", "kept, age missing", windows=1, people=1)),
)
fault(
    "a stay without a person",
    lambda f: drop_line(f / PEOPLE, f"{STAY},"),
    counted("stays without a person", "left out: no subject_id, so nobody knows whose", windows=1, people=0),
    (lambda f: cell(f / PEOPLE, 4, "subject_id", ""), counted("stays without a person", windows=1)),
    (lambda f: cell(f / PEOPLE, 4, "subject_id", "NA"), counted("stays without a person", windows=1)),
    (
        lambda f: [append(f / PEOPLE, "x1,S1,White\n"), *[drop_line(f / PEOPLE, f"{n},") for n in range(500, 560)]],
        refused("people.csv holds none of the stays: stay_id is written like 'x1' there, and stay_id like '500' here"),
    ),
)

fault = TABLE.of_kind("missing column")
fault(
    "a column of `dyn` or `outc`",
    change("outc", lambda t: t.drop(columns="label")),
    refused("outc.parquet has no column 'label'; found 'stay_id, time'; export"),
    (change("dyn", lambda t: t.drop(columns="time")), refused("dyn.parquet has no column 'time'")),
    (change("dyn", lambda t: t.drop(columns="stay_id")), refused("dyn.parquet has no column 'stay_id'")),
)
fault(
    "no column for an attribute or the person",
    change("sta", lambda t: t.drop(columns="age")),
    refused("no column 'age' in sta.parquet, people.csv; add it to one of them, or say in yaib.yaml which"),
    (layout(person="uniquepid"), refused("no column 'uniquepid' in sta.parquet, people.csv")),
    (layout(people=[{"file": PEOPLE, "key": "id"}]), refused("people.csv: column id is missing, found")),
    (
        layout(people=[{"file": PEOPLE, "to": "subject_id"}]),
        refused("people.csv goes by column 'subject_id', which no table before it has; correct yaib.yaml"),
    ),
    (
        layout(columns={"sex": "gender"}),
        refused("no column 'gender' in sta.parquet, people.csv"),
    ),
)

fault = TABLE.of_kind("wrong header case")
fault(
    "a column in another case",
    change("outc", lambda t: t.rename(columns={"label": "Label"})),
    refused("outc.parquet has no column 'label'; rename 'Label', case counts"),
)
fault(
    "a file name in another case",
    lambda f: (f / "dyn.parquet").rename(f / "DYN.parquet"),
    refused("dyn.parquet is missing, but DYN.parquet is there; rename it, case counts"),
    (lambda f: (f / PEOPLE).rename(f / "People.csv"), refused("people.csv is missing, but People.csv is there")),
)

fault = TABLE.of_kind("duplicate keys")
fault(
    "two rows of one hour",
    change("dyn", lambda t: pd.concat([t, t.iloc[[7]]])),
    refused(f"dyn.parquet, row {len(small.frames()['dyn'])}: stay_id {EARLY}, time 0 days 03:00:00 appears twice"),
    (change("outc", lambda t: pd.concat([t, t.iloc[[7]]])), refused("outc.parquet, row", "appears twice")),
)
fault(
    "two rows of one stay in `sta`, or in a table of people",
    change("sta", lambda t: pd.concat([t, t.iloc[[0]]])),
    refused(f"sta.parquet, row 60: stay_id {FIRST} appears twice; keep one row of it"),
    (lambda f: append(f / PEOPLE, f"{FIRST},S000,Black\n"), refused("people.csv, line 62: stay_id 500 appears twice")),
)
fault(
    "a column twice, in a table of people",
    lambda f: replace(f / PEOPLE, "ethnicity", "subject_id", 1),
    refused("people.csv: column subject_id is there twice"),
)

fault = TABLE.of_kind("overlapping participants")
fault(
    "one person under two ethnicities, in two stays",
    two_of_ethnicity,
    counted("ethnicity: stays of people with two", "kept, each stay as it is recorded; correct", windows=2, people=1),
)
fault(
    "one person under two ethnicities, in a table of people",
    two_rows_of_a_person,
    refused("people.csv, line 42: subject_id S002 appears twice; keep one row of it"),
    (by_person, accepted("one row a person")),
)

fault = TABLE.of_kind("times out of order")
fault("rows in another order", change("dyn", lambda t: t.iloc[::-1]), accepted("each row says its hour"))

fault = TABLE.of_kind("times outside the stay")
fault(
    "a time before admission",
    put("dyn", BEGIN, "time", -HOUR),
    refused(f"dyn.parquet, row {BEGIN}, column time: expected hours from 0 on, found", "leave out what is before"),
    (put("outc", BEGIN, "time", -HOUR), refused(f"outc.parquet, row {BEGIN}, column time: expected hours from 0 on")),
)
fault(
    "a time that is no whole hour, or missing",
    put("dyn", BEGIN + 1, "time", 1.5 * HOUR),
    refused(f"dyn.parquet, row {BEGIN + 1}, column time: expected whole hours since admission, found", "01:30:00"),
    (put("dyn", BEGIN + 1, "time", pd.NaT), refused("column time: expected whole hours since admission, found")),
    (put("outc", BEGIN + 1, "time", 1.5 * HOUR), refused("outc.parquet, row", "whole hours")),
)
fault(
    "labels after the last hour of `dyn`",
    until,
    counted("stays with labels after the last hour of dyn", "kept: the label counts", windows=58),
)
fault(
    "a label that turns true after the window's end, and after the horizon",
    lambda f: [layout(label={"rule": "onset", "horizon": 2})(f), label_from(STAY, 6)(f)],
    counted("stays with onset at hour 6 or later", "kept, negative: after the horizon", windows=1, people=1),
)
fault(
    "a label that is true before the window's end, or a stay that ends there",
    lambda f: label_from(STAY, 3)(f),
    counted("stays with onset before hour 10", "left out: the label is true before hour 4", windows=2),
    (lambda f: None, counted("stays with onset before hour 10", windows=1, people=1)),
    (lambda f: None, counted("stays that end before hour 4", "left out: nothing is known", windows=1, people=1)),
)
fault(
    "an hour without a row",
    change("dyn", lambda t: t.drop(index=BEGIN + 1)),
    counted("hours of windows without a row in dyn", "1 hours: taken as not measured"),
)
fault(
    "a rule for one label a stay, and a label an hour",
    layout(label={"rule": "stay"}),
    refused("outc.parquet has a column 'time', and the label rule is 'stay'; correct the rule in yaib.yaml"),
    (change("outc", lambda t: t.drop(columns="time")), refused("has no column 'time', and the label rule is 'onset'")),
)

fault = TABLE.of_kind("unknown category")
fault(
    "a value that the card does not know",
    lambda f: cell(f / PEOPLE, 4, "ethnicity", "Martian"),
    refused("people.csv, line 4, column ethnicity: value 'Martian' is not in the data card (known: White, Black)"),
    (put("sta", 2, "sex", "X"), refused("sta.parquet, row 2, column sex: value 'X' is not in the data card")),
)
fault(
    "a value that the card calls missing, or none",
    lambda f: cell(f / PEOPLE, 4, "ethnicity", "Unknown"),
    counted("ethnicity unknown", "kept, ethnicity missing", windows=1, people=1),
    (lambda f: cell(f / PEOPLE, 4, "ethnicity", ""), counted("ethnicity unknown", windows=1)),
)
fault(
    "a label other than true and false",
    change("outc", lambda t: t.assign(label=t["label"] * 2)),
    refused("outc.parquet, row 6, column label: expected 0 or 1, false or true, found 2; say in yaib.yaml above which"),
    (
        change("outc", lambda t: t.assign(label=t["label"].astype(float).where(t.index != BEGIN))),
        refused(f"outc.parquet, row {BEGIN}, column label: expected a label an hour, found nothing"),
    ),
    (change("outc", lambda t: t.assign(label=t["label"].astype(int))), accepted("0 and 1")),
)

fault = TABLE.of_kind("non-numeric text")
fault(
    "text where a number belongs",
    put("dyn", BEGIN, "hr", "fast"),
    refused(f"dyn.parquet, row {BEGIN}, column hr: expected a number, found 'fast'; correct or empty the cell"),
    (put("sta", 2, "age", "old"), refused("sta.parquet, row 2, column age: 'old' is no number")),
)
fault(
    "a number that is not finite",
    put("dyn", BEGIN, "hr", np.inf),
    refused(f"dyn.parquet, row {BEGIN}, column hr: expected a finite number, found inf"),
    (put("dyn", BEGIN, "hr", 1e39), refused("column hr: expected a finite number, found 1e+39")),
)

fault = TABLE.of_kind("empty segment")
fault(
    "a segment without anybody",
    change("sta", lambda t: t.assign(age=50.0)),
    counted("age: nobody in >=65", "on the card, not in the data; not judged"),
)

fault = TABLE.of_kind("mixed units")
fault(
    "times as numbers, which have no unit",
    times(lambda t: t // HOUR, "dyn", "outc"),
    refused("dyn.parquet, column time: expected durations since admission, found int64; a number does not tell"),
    (times(lambda t: (t // HOUR).astype(str), "dyn", "outc"), refused("expected durations since admission")),
    (times(lambda t: t.astype("timedelta64[ms]"), "dyn", "outc"), accepted("a duration says its unit")),
)
fault(
    "hours saved as minutes or seconds, or minutes as hours",
    times(lambda t: t / 60, "dyn", "outc"),
    refused("dyn.parquet, row 1, column time: expected whole hours since admission, found", "another unit of time?"),
    (times(lambda t: t * 60, "dyn", "outc"), refused("column time: rows of a stay are 60 hours apart, expected 1")),
    (times(lambda t: t * 60, "outc"), refused("outc.parquet, column time: rows of a stay are 60 hours apart")),
)
fault(
    "all temperatures in °F",
    change("dyn", lambda t: t.assign(temp=t["temp"] * 1.8 + 32)),
    refused("values of temp lie outside 25 to 45 °C", "They look like °F; convert them first"),
    (
        put("dyn", BEGIN, "temp", 98.6),
        counted("values outside the usual range", "kept, clipped", "1 values of temp (25 to 45 °C)", windows=1),
    ),
)
fault(
    "an age that nobody has",
    put("sta", 2, "age", 400.0),
    refused("sta.parquet, row 2, column age: expected years from 0 to 120, found '400'; correct or empty the cell"),
)

fault = TABLE.of_kind("gz cut in half")
fault("a table of people cut in half", lambda f: pack(f / PEOPLE, 0.5), refused("people.csv.gz is truncated"))
fault(
    "a `.parquet` cut in half",
    lambda f: cut(f / "dyn.parquet", 0.5),
    refused("dyn.parquet is no readable table"),
    (lambda f: cut(f / "sta.parquet", 0.9), refused("sta.parquet is no readable table")),
    (lambda f: (f / "outc.parquet").write_bytes(b"PAR1" * 9), refused("outc.parquet is no readable table")),
)
fault("a packed table of people", lambda f: pack(f / PEOPLE), accepted("read as it is"))

fault = TABLE.of_kind("folder of the wrong dataset")
fault(
    "a folder of MESA",
    lambda f: only(f, *OTHERS["mesa"]),
    refused("card.yaml is missing; this looks like MESA, read it with dataset 'mesa'"),
)
fault(
    "a cohort without its card",
    gone("card.yaml"),
    refused("card.yaml is missing", "`python -m fairlib new DIR` writes"),
)

fault = TABLE.of_kind("0-byte file")
fault(
    "a file of 0 bytes",
    lambda f: (f / "dyn.parquet").write_bytes(b""),
    refused("dyn.parquet is empty (0 bytes); export the cohort with YAIB again"),
    (lambda f: (f / PEOPLE).write_bytes(b""), refused("people.csv is empty")),
)
fault(
    "a table without rows",
    change("outc", lambda t: t.iloc[:0]),
    refused("outc.parquet has a header and no row"),
    (change("sta", lambda t: t.iloc[:0]), refused("sta.parquet has a header and no row")),
)

fault = TABLE.of_kind("non-UTF-8 text")
fault(
    "text that is not UTF-8",
    lambda f: not_utf8(f / PEOPLE),
    refused("people.csv: byte", "is not UTF-8 text"),
    (lambda f: not_utf8(f / LAYOUT), refused("yaib.yaml is no readable YAML")),
)
fault(
    "saved by a Windows program (byte order mark, CR LF)",
    lambda f: [as_windows_saves(f / name) for name in (PEOPLE, LAYOUT)],
    accepted("read as it is meant"),
)

fault = TABLE.of_kind("counts of the card")
fault(
    "fewer stays than the card expects",
    without("outc", "stay_id", STAY),
    counted("cohort", "you have 57 stays, 19 positive and 38 people, the card says 58 stays, 19 positive and 39"),
    (lambda f: None, counted("cohort", "you have 58 stays, 19 positive and 39 people, as the card says")),
)

fault = TABLE.of_kind("anything else")
fault(
    "the label or an attribute among the variables",
    change("dyn", lambda t: t.rename(columns={"crea": "label"})),
    refused("dyn.parquet, column 'label': it has the name of the label, which is no measurement; leave it out of dyn"),
    (change("dyn", lambda t: t.rename(columns={"crea": "Age"})), refused("column 'Age': it has the name of attribute")),
)
fault(
    "another number of variables than the card says",
    change("dyn", lambda t: t.drop(columns="crea")),
    refused("dyn.parquet has 2 variables, which with their masks are 4 channels; the card says 6; correct"),
)
fault(
    "a key of yaib.yaml is missing, unknown or wrong",
    lambda f: (f / LAYOUT).write_text("person: subject_id\n"),
    refused("yaib.yaml does not say how the cohort lies: label: this key is missing"),
    (layout(colour="red"), refused("colour: this key is not known")),
    (layout(label={"rule": "first"}), refused("label.rule: expected 'stay', 'onset' or 'hour', found 'first'")),
    (layout(label={"rule": "onset", "horizon": 0}), refused("label.horizon: expected greater than 0")),
    (lambda f: (f / LAYOUT).write_text("a: b: c\n"), refused("yaib.yaml is no readable YAML: line 1")),
)
fault(
    "no stay is left",
    card(windows={"timesteps": 40}),
    refused("DIR: no stay is left (stays that end before hour 40: 60); look at the label rule in yaib.yaml"),
)


def label_from(stay: int, hour: int):
    """The label of a stay turns true at an hour."""

    def edit(table: pd.DataFrame) -> pd.DataFrame:
        at = (table["stay_id"] == stay) & (table["time"] >= hour * HOUR)
        return table.assign(label=table["label"] | at)

    return change("outc", edit)
