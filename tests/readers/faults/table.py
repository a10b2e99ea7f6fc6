"""Faults of a table of one's own."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import yaml

from fairlib.readers import table, template
from tests.readers.faults.answers import Table, accepted, counted, refused
from tests.readers.small.edits import (
    OTHERS,
    append,
    cell,
    cut,
    drop_line,
    mark_and_windows_lines,
    not_utf8,
    only,
    pack,
    replace,
)

WINDOWS, LABELS, PEOPLE, CARD = "windows.csv", "labels.csv", "people.csv", "card.yaml"


def change(name: str, edit: Callable[[pd.DataFrame], pd.DataFrame]):
    """Rewrite a CSV after ``edit`` of its table of texts."""

    def write(folder: Path) -> None:
        frame = edit(pd.read_csv(folder / name, dtype=str, keep_default_na=False))
        frame.to_csv(folder / name, index=False)

    return write


def at(name: str, line: int, column: str, value: str):
    return lambda folder: cell(folder / name, line, column, value)


def card(**changes):
    """Other values in the card; of a section, only those given."""

    def write(folder: Path) -> None:
        content = yaml.safe_load((folder / CARD).read_text(encoding="utf-8"))
        for key, value in changes.items():
            content[key] = content[key] | value if isinstance(value, dict) else value
        (folder / CARD).write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")

    return write


def attribute(name: str, like: str = "", **changes):
    """Other values in an attribute of the card, or another attribute ``like`` one that is there."""

    def write(folder: Path) -> None:
        content = yaml.safe_load((folder / CARD).read_text(encoding="utf-8"))
        content["attributes"][name] = content["attributes"][like or name] | changes
        (folder / CARD).write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")

    return write


def recode(folder: Path) -> None:
    """M → No, F → 1 in people.csv: codes that plain YAML takes for something else."""
    change(PEOPLE, lambda t: t.assign(sex=t["sex"].replace({"M": "No", "F": "1"})))(folder)


def content(name: str, data: bytes):
    return lambda folder: (folder / name).write_bytes(data)


def as_parquet(folder: Path, name: str = WINDOWS) -> Path:
    file = folder / name
    parquet = file.with_suffix(".parquet")
    pd.read_csv(file).to_parquet(parquet)
    file.unlink()
    return parquet


def with_labels(name: str, write: Callable[[str], str] = str):
    """The label of each window as a channel, which the card counts."""

    def edit(folder: Path) -> None:
        labels = pd.read_csv(folder / LABELS, dtype=str).set_index("window")["label"].map(write)
        change(WINDOWS, lambda t: t.assign(**{name: t["window"].map(labels)}))(folder)
        card(windows={"channels": 4})(folder)

    return edit


TABLE = Table(
    "Your own table",
    "A folder of `card.yaml`, `windows.csv`, `labels.csv` and `people.csv` (or `.parquet`).",
    template.write,
    table.read,
)

fault = TABLE.of_kind("missing file")
fault(
    "the folder is not there",
    shutil.rmtree,
    refused("DIR is not a folder; `python -m fairlib new DIR` writes a template"),
)
fault(
    "a file is missing",
    lambda f: (f / WINDOWS).unlink(),
    refused("DIR holds neither windows.csv nor windows.parquet"),
    *tuple(
        (lambda f, n=name: (f / f"{n}.csv").unlink(), refused(f"neither {name}.csv nor {name}.parquet"))
        for name in ("labels", "people")
    ),
)
fault(
    "the card is missing",
    lambda f: (f / CARD).unlink(),
    refused("card.yaml is missing; `python -m fairlib new DIR` writes a template"),
)
fault(
    "a window without a label",
    lambda f: drop_line(f / LABELS, "p001-1,"),
    counted("windows without a row in labels", "left out: no label", windows=1, people=1),
    (at(LABELS, 2, "label", ""), counted("windows with an empty label", "left out: no label", windows=1)),
)
fault(
    "a label without a window",
    lambda f: append(f / LABELS, "p999-1,1\n"),
    counted("labels without a window", "left out: no signals", windows=1),
)
fault(
    "a row of `people.csv` without a window",
    lambda f: append(f / PEOPLE, "p999,M,40\n"),
    counted("people of people.csv without a window", "left out: no labelled window", windows=0, people=1),
)
fault(
    "a person without a row in `people.csv`",
    lambda f: drop_line(f / PEOPLE, "p002,"),
    counted("people without a row in people.csv", "kept, all unknown", windows=2, people=1),
)

fault = TABLE.of_kind("missing column")
fault(
    "a column is missing",
    change(WINDOWS, lambda t: t.drop(columns="person")),
    refused("windows.csv has no column 'person'; found: window, time, heart_rate"),
    (change(PEOPLE, lambda t: t.drop(columns="sex")), refused("no column 'sex', an attribute of card.yaml")),
    (
        content(PEOPLE, b"person;sex;age\np001;M;44\n"),
        refused("people.csv: cells are separated by semicolons; save it with commas between cells, and points in"),
    ),
)
fault(
    "semicolons and decimal commas, as spreadsheets write them where commas are decimal",
    lambda f: replace(f / WINDOWS, ",", ";"),
    refused(
        "windows.csv: cells are separated by semicolons; save it with commas between cells, and points in decimals"
    ),
    (
        lambda f: replace(f / PEOPLE, "person,", "sep=,\nperson,"),
        refused("people.csv, line 1: 'sep=,' is a note to a spreadsheet; delete the line"),
    ),
    (
        lambda f: replace(f / PEOPLE, "person,", "All people,,\nperson,"),
        refused("people.csv, line 1 does not name the columns; delete what stands above their names"),
    ),
)
fault(
    "a channel too few or too many",
    change(WINDOWS, lambda t: t.drop(columns="steps")),
    refused("windows.csv has 2 channel columns (heart_rate, skin_temperature), the card says 3"),
)
fault(
    "a row with a cell too few or too many",
    lambda f: append(f / PEOPLE, "p041,M\n"),
    refused("people.csv, line 42: expected 3 cells, found 2; cut off? correct the row"),
    (lambda f: append(f / PEOPLE, "p041,M,44,7\n"), refused("line 42: expected 3 cells", "found 4")),
)
fault(
    "a column that the card does not name",
    change(PEOPLE, lambda t: t.assign(notes="x")),
    counted("columns of people.csv that are not used", "not used: notes"),
    (change(LABELS, lambda t: t.assign(why="x")), counted("columns of labels.csv that are not used", "why")),
)

fault = TABLE.of_kind("wrong header case")
fault(
    "a header in another case",
    change(WINDOWS, lambda t: t.rename(columns={"time": "Time"})),
    refused("windows.csv has no column 'time'; rename 'Time', case counts"),
    (change(LABELS, lambda t: t.rename(columns={"label": "LABEL"})), refused("rename 'LABEL', case counts")),
    (change(LABELS, lambda t: t.assign(Split="train")), refused("labels.csv has a column 'Split'; rename it")),
)
fault(
    "a file name in another case",
    lambda f: (f / PEOPLE).rename(f / "People.csv"),
    refused("DIR holds neither people.csv nor people.parquet; rename or unpack People.csv"),
    (lambda f: (f / PEOPLE).rename(f / "people.xlsx"), refused("people.parquet; save as one of them people.xlsx")),
)

fault = TABLE.of_kind("duplicate keys")
fault(
    "a time twice in a window",
    change(WINDOWS, lambda t: pd.concat([t, t.iloc[[7]]])),
    refused("windows.csv, line 482: window p001-2, time 1 appears twice; keep one row of it"),
)
fault(
    "a window twice in `labels.csv`, a person twice in `people.csv`",
    change(LABELS, lambda t: pd.concat([t, t.iloc[[7]]])),
    refused("labels.csv, line 82: window p004-2 appears twice"),
    (change(PEOPLE, lambda t: pd.concat([t, t.iloc[[7]]])), refused("line 42: person p008 appears twice")),
    (content(PEOPLE, b"person,sex,sex,age\np001,M,M,44\n"), refused("people.csv has two columns 'sex'")),
)
fault(
    "an id in two spellings, or changed by a spreadsheet",
    change(PEOPLE, lambda t: t.assign(person=["P001", *t["person"][1:]])),
    refused(
        "people.csv and windows write ids in two ways, such as 'P001' and 'p001' (1 such ids); write each id in one"
    ),
    (
        change(LABELS, lambda t: t.assign(window=["p1-1", *t["window"][1:]])),
        refused("labels.csv and windows.csv write ids in two ways, such as 'p1-1' and 'p001-1'"),
    ),
    (
        change(PEOPLE, lambda t: t.assign(person=["7", "7.0", *t["person"][2:]])),
        refused("people.csv, column person: '7' and '7.0' are one number (2 such ids); write each id in one way"),
    ),
    (
        change(PEOPLE, lambda t: t.assign(person=["1.23E+15", *t["person"][1:]])),
        refused("people.csv, line 2, column person: '1.23E+15' looks like a number that a spreadsheet rounded"),
    ),
)
fault(
    "other Unicode forms, signs that nobody sees, spaces of other widths",
    change(PEOPLE, lambda t: t.assign(person=t["person"] + "\u200b", sex="\u00a0" + t["sex"])),
    accepted("one text, as it looks"),
)
fault(
    "a table twice, as .csv and .parquet",
    content("windows.parquet", b"PAR1"),
    refused("DIR holds windows.csv and windows.parquet; remove the one that is not meant"),
)
fault(
    "a key twice in the card",
    lambda f: append(f / CARD, "access: open\n"),
    refused("card.yaml is not a valid data card: key 'access' stands twice, the second time in line"),
)

fault = TABLE.of_kind("overlapping participants")
fault(
    "a person in two splits",
    change(LABELS, lambda t: t.assign(split=["train", "test"] * 40)),
    refused("labels.csv, column split: person p001 is in more than one split (40 such case(s)); split by person"),
)
fault(
    "a window of two people",
    at(WINDOWS, 11, "person", "p009"),
    refused("windows.csv, line 11: window p001-2 belongs to two people; give each window an id of its own"),
)

fault = TABLE.of_kind("times out of order")
fault(
    "a time that goes back",
    change(WINDOWS, lambda t: t.iloc[[1, 0, *range(2, 480)]]),
    refused("windows.csv, line 3, column time: window p001-1 goes back in time; sort the rows by window and time"),
)

fault(
    "rows that are not one step apart",
    change(WINDOWS, lambda t: t.assign(time=[500 if cell == "5" else cell for cell in t["time"]])),
    counted("windows with other time steps", "kept in their order: some rows are less than half of", windows=80),
)
fault(
    "dates that contradict the card's step",
    change(WINDOWS, lambda t: t.assign(time=[f"2024-01-01 00:0{cell}" for cell in t["time"]])),
    refused("windows.csv, column time: rows of a window are usually 1 minute apart, and the card says 1 hour; correct"),
)
fault(
    "local times when summer time ends",
    change(WINDOWS, lambda t: t.assign(time=[f"2024-10-27 0{'012234'[int(cell)]}:00" for cell in t["time"]])),
    refused(
        "line 5: window p001-1, time 2024-10-27 02:00 appears twice", "an hour when summer time ends, so write them"
    ),
)

fault = TABLE.of_kind("times outside the stay")
fault(
    "a window with too few or too many rows",
    change(WINDOWS, lambda t: t.drop(index=3)),
    refused("windows.csv: window p001-1 has 5 time steps, the card says 6 (1 such window(s)); add rows"),
)

fault = TABLE.of_kind("unknown category")
fault(
    "a value that the card does not know",
    at(PEOPLE, 5, "sex", "X"),
    refused("people.csv, line 5, column sex: value 'X' is not in the data card (known: M, F)"),
)
fault(
    "a label other than 0 and 1",
    at(LABELS, 6, "label", "2"),
    refused("labels.csv, line 6, column label: expected 0 or 1, found '2'"),
    (at(LABELS, 6, "label", "yes"), refused("found 'yes'; write 1 for what the card calls positive")),
    (at(LABELS, 6, "label", "-9"), refused("found '-9'")),
)
fault(
    "a word for nothing, or what a spreadsheet made, where the card has an `otherwise`",
    lambda f: [
        attribute("sex", otherwise="female")(f),
        change(PEOPLE, lambda t: t.assign(sex=["not reported", *t["sex"][1:]]))(f),
    ],
    refused(
        "people.csv, line 2, column sex: value 'not reported' looks like a missing one; correct or empty the cell, or"
    ),
    (
        lambda f: [
            attribute("sex", otherwise="female")(f),
            change(PEOPLE, lambda t: t.assign(sex=["14-Oct", *t["sex"][1:]]))(f),
        ],
        refused("value '14-Oct' looks like a date that a spreadsheet made of another text, such as 10-14"),
    ),
)
fault(
    "a split in `people.csv`, or people in `labels.csv` who contradict `windows.csv`",
    change(PEOPLE, lambda t: t.assign(split="train")),
    refused("people.csv has a column 'split', which is read from labels; move it there, or remove it"),
    (
        change(LABELS, lambda t: t.assign(person="p002")),
        refused("labels.csv, line 2, column person: expected 'p001', whose window it is in windows.csv, found 'p002'"),
    ),
)
fault(
    "a split of another name",
    change(LABELS, lambda t: t.assign(split="training")),
    refused("labels.csv, line 2, column split: expected train, val, test, found 'training'"),
    (change(LABELS, lambda t: t.assign(split="")), refused("expected train, val, test, found nothing")),
)
fault(
    "an empty value, or one that the card calls missing",
    at(PEOPLE, 5, "sex", ""),
    counted("sex unknown", "kept, sex missing"),
)

fault = TABLE.of_kind("non-numeric text")
fault(
    "text where a number belongs",
    at(WINDOWS, 11, "heart_rate", "72 bpm"),
    refused("windows.csv, line 11, column heart_rate: expected a number, found '72 bpm'; correct or empty the cell"),
    (at(WINDOWS, 11, "steps", '"7,5"'), refused("found '7,5', with a comma: decimals need a point, thousands no sign")),
    (at(WINDOWS, 11, "steps", "many"), refused("line 11, column steps: expected a number, found 'many'")),
    (at(PEOPLE, 5, "age", "old"), refused("people.csv, line 5, column age: 'old' is no number")),
    (at(PEOPLE, 5, "age", "inf"), refused("people.csv, line 5, column age: 'inf' is no number")),
)
fault(
    "a number that is not finite",
    at(WINDOWS, 11, "steps", "inf"),
    refused("windows.csv, line 11, column steps: expected a finite number, found inf"),
    (at(WINDOWS, 11, "steps", "1e39"), refused("line 11, column steps: expected a finite number, found 1e+39")),
)
fault(
    "a time that is none",
    at(WINDOWS, 11, "time", "noon"),
    refused("windows.csv, line 11, column time: expected a number or an ISO date, found 'noon'"),
    (at(WINDOWS, 11, "time", "1e400"), refused("column time: expected a number or an ISO date, found inf")),
    (at(WINDOWS, 11, "time", ""), refused("windows.csv, line 11: time is empty; every row needs one")),
    (at(WINDOWS, 11, "person", ""), refused("windows.csv, line 11: person is empty")),
)

fault = TABLE.of_kind("empty segment")
fault(
    "a segment without anybody",
    change(PEOPLE, lambda t: t.assign(age="40")),
    counted("age: nobody in >=65", "on the card, not in the data; not judged"),
)

fault = TABLE.of_kind("mixed units")
fault(
    "some values in another unit",
    at(WINDOWS, 11, "skin_temperature", "92.3"),
    counted("values far from the others", "kept: 1 values of skin_temperature, beyond 10 interquartile ranges"),
)
fault(
    "all values in another unit",
    change(WINDOWS, lambda t: t.assign(heart_rate=[v and str(2 * int(v)) for v in t["heart_rate"]])),
    accepted("each channel is scaled, so that its unit does not matter"),
)
fault(
    "ages as ranges, such as > 89",
    change(PEOPLE, lambda t: t.assign(age=[f"> {a}" if int(a) >= 65 else f"under {a}" for a in t["age"]])),
    accepted("at or above the cut, or below it"),
    (
        at(PEOPLE, 5, "age", "60-69"),
        refused("people.csv, line 5, column age: '60-69' may lie on either side of the cut at 65; give the number"),
    ),
)
fault(
    "an age that nobody has",
    at(PEOPLE, 5, "age", "-40"),
    refused("people.csv, line 5, column age: expected years from 0 to 120, found '-40'"),
    (at(PEOPLE, 5, "age", "1950"), refused("expected years from 0 to 120, found '1950'")),
)

fault = TABLE.of_kind("gz cut in half")
fault(
    "a packed file",
    lambda f: pack(f / WINDOWS),
    refused("DIR holds neither windows.csv nor windows.parquet; rename or unpack windows.csv.gz"),
)
fault("a `.parquet` cut in half", lambda f: cut(as_parquet(f), 0.5), refused("windows.parquet is no readable table"))

fault = TABLE.of_kind("folder of the wrong dataset")
fault(
    "a folder of MESA",
    lambda f: only(f, *OTHERS["mesa"]),
    refused("card.yaml is missing; this looks like MESA, read it with dataset 'mesa'"),
    *tuple(
        (lambda f, n=name: only(f, *OTHERS[n]), refused(f"read it with dataset {name!r}"))
        for name in ("challenge2012", "mimic", "globem")
    ),
)

fault = TABLE.of_kind("0-byte file")
fault(
    "a file of 0 bytes",
    content(WINDOWS, b""),
    refused("windows.csv is empty (0 bytes); copy or export it again"),
    (content(CARD, b""), refused("card.yaml is not a valid data card: it holds no keys")),
)
fault(
    "a header and nothing else",
    change(LABELS, lambda t: t.iloc[:0]),
    refused("labels.csv has a header and no row"),
    (content(PEOPLE, b"\n\n"), refused("people.csv, line 1 does not name the columns")),
)

fault = TABLE.of_kind("non-UTF-8 text")
fault(
    "text that is not UTF-8",
    lambda f: not_utf8(f / LABELS),
    refused("labels.csv: byte", "is not UTF-8 text; save it as UTF-8"),
    (
        lambda f: (f / PEOPLE).write_text((f / PEOPLE).read_text(), "utf-16"),
        refused("people.csv is UTF-16 text, as spreadsheets save “Unicode text”; save it as UTF-8"),
    ),
    (content(PEOPLE, b"PK\3\4xl/workbook"), refused("people.csv is a workbook of a spreadsheet (or a zip file), not")),
    (lambda f: not_utf8(f / CARD), refused("card.yaml: byte", "is not UTF-8 text; save it as UTF-8")),
)
fault(
    "saved by a Windows program (byte order mark, CR LF)",
    lambda f: [mark_and_windows_lines(f / name) for name in (WINDOWS, LABELS, PEOPLE, CARD)],
    accepted("read as it is meant"),
)

fault = TABLE.of_kind("counts of the card")
fault(
    "fewer windows than the card expects",
    lambda f: drop_line(f / LABELS, "p001-1,"),
    counted("cohort", "you have 79 windows and 40 people, the card says 80 windows and 40 people"),
    (lambda f: None, counted("cohort", "you have 80 windows and 40 people, as the card says")),
)

fault = TABLE.of_kind("anything else")
fault(
    "a key of the card is missing, unknown or wrong",
    lambda f: drop_line(f / CARD, "access:"),
    refused("card.yaml is not a valid data card: access: this key is missing"),
    (card(colour="red"), refused("colour: this key is not known")),
    (card(name="mimic"), refused("'mimic' is the name of an official dataset; give your data another name")),
    (card(name="table"), refused("the study itself uses the name 'table'; give your data another name")),
    (card(name="course"), refused("(not course, frozen, jobs, logs, table, nor that of an official dataset)")),
    (card(name="../elsewhere"), refused("not a valid data card: name: expected small letters, digits and _")),
    (card(access="secret"), refused("access: expected 'synthetic', 'open' or 'restricted', found 'secret'")),
    (card(title=None), refused("title: expected a text, found nothing")),
    (card(people="1,200"), refused("people: expected a whole number, found '1,200'")),
    (card(people=0), refused("people: expected greater than 0, found '0'")),
    (card(min_cell=0), refused("min_cell: expected greater than 0")),
    (card(attributes={"age": {}}), refused("attributes.age.privileged: this key is missing")),
    (lambda f: (f / CARD).rename(f / "card.yml"), refused("card.yaml is missing; rename card.yml to it")),
)
fault(
    "an attribute of the card that makes no sense",
    attribute("sex", privileged="man"),
    refused("card.yaml is not a valid data card: attributes.sex: segment 'man' is used but not listed in segments"),
    (attribute("sex", segments=["male", "male", "female"]), refused("segments must be two or more different")),
    (attribute("sex", segments=["male", "female", "unknown"]), refused("no segment can be called 'unknown'")),
    (attribute("sex", values={}), refused("sex: give either a cut, or values")),
    (attribute("age", values={"old": ">=65"}), refused("age: give either a cut, or values")),
    (attribute("age", cut="old"), refused("attributes.age.cut: expected a number, found 'old'")),
    (attribute("age", cut=float("nan")), refused("attributes.age.cut: expected a number, found")),
    (attribute("person", like="sex"), refused("no attribute can be called 'person'")),
)
fault(
    "a card that is no YAML",
    lambda f: replace(f / CARD, "title: Bad days", "title: Bad: days"),
    refused("card.yaml is not a valid data card: line 5: mapping values are not allowed here; a text that holds ': '"),
    (lambda f: replace(f / CARD, "  question:", "\tquestion:"), refused("line 16: found character", "\\t")),
)
fault(
    "codes of the card without quotation marks, such as 1 or No",
    lambda f: [replace(f / CARD, "{M: male, F: female}", "{No: male, 1: female}"), recode(f)],
    accepted("read as they are written"),
)
fault(
    "the last line without an end",
    lambda f: (f / PEOPLE).write_text((f / PEOPLE).read_text().rstrip("\n")),
    counted("last line of people.csv without an end", "kept as it is; is the file whole?", windows=0, people=0),
)
fault(
    "labels of other windows",
    change(LABELS, lambda t: t.assign(window="x" + t["window"])),
    refused("labels.csv and windows.csv share no labelled window; their window ids must be the same"),
    (change(LABELS, lambda t: t.assign(label="")), refused("labels.csv, column label: every cell is empty")),
)
fault(
    "people with other ids",
    change(PEOPLE, lambda t: t.assign(person=t["person"] + ".0")),
    refused("people.csv holds none of the people in windows: they are written like 'p001' there, and like 'p001.0'"),
)
fault(
    "all labels alike",
    change(LABELS, lambda t: t.assign(label="0")),
    refused("my_data: the train split holds only class 0; both classes are needed in each split"),
)
fault(
    "a quotation mark without its partner",
    lambda f: replace(f / PEOPLE, "p002", '"p002'),
    refused("people.csv, line 41: unexpected end of data; correct the row, or copy or export it again"),
)
fault(
    "a NUL byte",
    lambda f: replace(f / PEOPLE, "p002", "p\x0002"),
    refused("people.csv, line 3: a NUL byte, which no text holds"),
    (content(PEOPLE, b"\0" * 1000), refused("people.csv, line 1: a NUL byte")),
)
fault(
    "a window without any value",
    change(WINDOWS, lambda t: t.assign(**{c: t[c].where(t["window"] != "p001-1", "") for c in t.columns[3:]})),
    counted("windows without any value", "kept: every value imputed", windows=1, people=1),
)
fault(
    "a channel that no training person has",
    change(WINDOWS, lambda t: t.assign(steps="NA")),
    counted("cohort", "never measured in training: steps"),
)
fault(
    "the label or an attribute among the channels",
    with_labels("label"),
    refused(
        "windows.csv, column 'label': it has the name of the label, which is no measurement; leave it out of"
        " windows.csv, and write windows.channels: 3 in card.yaml"
    ),
    (with_labels(" Label_"), refused("column 'Label_': it has the name of the label")),
    (change(WINDOWS, lambda t: t.assign(SEX=1)), refused("column 'SEX': it has the name of attribute 'sex' of card")),
)
fault(
    "the label under another name",
    with_labels("bad_day", lambda label: "7" if label == "1" else "2.5"),
    refused(
        "windows.csv, column 'bad_day': it is 7 wherever the label is 1 and 2.5 wherever it is 0, so that it tells"
    ),
)
fault(
    "the number of a row, as pandas and R write it",
    lambda f: pd.read_csv(f / WINDOWS, dtype=str).to_csv(f / WINDOWS),
    refused("windows.csv, column 'Unnamed: 0': it is the number of a row, as programs write it", "channels: 3 in"),
    (change(WINDOWS, lambda t: t.assign(index=range(9, 489))), refused("column 'index': it is the number of a row")),
    (change(WINDOWS, lambda t: t.rename(columns={"steps": ""})), refused("column 'Unnamed: 4': it has no name")),
)
