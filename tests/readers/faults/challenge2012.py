"""Faults of Challenge 2012 folders."""

import shutil
import tarfile
from pathlib import Path

from fairlib.readers import challenge2012
from tests.readers.faults.answers import Table, accepted, counted, refused
from tests.readers.small import challenge2012 as small
from tests.readers.small.challenge2012 import FIRST, HEADER, OUTCOMES
from tests.readers.small.edits import (
    OTHERS,
    append,
    cut,
    drop_line,
    edit,
    mark_and_windows_lines,
    not_utf8,
    only,
    replace,
)

RECORD, LABELS = f"set-a/{FIRST}.txt", "Outcomes-a.txt"
OUTSIDE = "values outside the usual range"


def write(folder: Path) -> Path:
    return small.write(folder, *small.with_rows(("04:00", "HR", 20)), layout="folder")


def to_archive(folder: Path) -> Path:
    """The set as an archive, as it is downloaded."""
    archive = folder / "set-a.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for file in sorted((folder / "set-a").iterdir()):
            small.add(tar, f"set-a/{file.name}", file.read_bytes())
            file.unlink()
    (folder / "set-a").rmdir()
    return archive


def row(text: str):
    """Add a row to the first record."""
    return lambda folder: append(folder / RECORD, f"{text}\n")


def descriptor(name: str, value: object):
    """Another value of a descriptor in the first record."""

    def change(folder: Path) -> None:
        lines = (folder / RECORD).read_text().splitlines()
        at = next(i for i, line in enumerate(lines) if line.startswith(f"00:00,{name},"))
        edit(folder / RECORD, at + 1, f"00:00,{name},{value}")

    return change


def everywhere(*rows: str):
    """Add rows in turn to all records."""

    def change(folder: Path) -> None:
        for i, file in enumerate(sorted((folder / "set-a").iterdir())):
            append(file, f"{rows[i % len(rows)]}\n")

    return change


def another_set(folder: Path) -> None:
    texts, deaths = small.stays()
    small.write(folder, texts, deaths, "b")


def all_men(folder: Path) -> None:
    for file in (folder / "set-a").iterdir():
        file.write_text(file.read_text().replace("00:00,Gender,0", "00:00,Gender,1"))


def flip(folder: Path) -> None:
    archive = to_archive(folder)
    content = bytearray(archive.read_bytes())
    content[len(content) // 2] ^= 0x55
    archive.write_bytes(bytes(content))


def archive_and_folder(folder: Path) -> None:
    kept = {file: file.read_bytes() for file in (folder / "set-a").iterdir()}
    to_archive(folder)
    (folder / "set-a").mkdir()
    for file, content in kept.items():
        file.write_bytes(content)


def several(*changes):
    return lambda folder: [change(folder) for change in changes]


TABLE = Table(
    "Challenge 2012",
    "Sets as archives or as folders of one text file a stay, with their outcomes.",
    write,
    challenge2012.read,
)

fault = TABLE.of_kind("missing file")
fault(
    "the folder is not there",
    shutil.rmtree,
    refused("DIR is not a folder; give the folder that holds set-a.tar.gz and Outcomes-a.txt"),
)
fault(
    "no set is there",
    lambda f: only(f, "notes.txt"),
    refused("neither set-a.tar.gz nor a folder set-a; ", "fetch challenge2012 DIR"),
)
fault(
    "a set without its outcomes",
    lambda f: (f / LABELS).unlink(),
    refused("holds set-a but not Outcomes-a.txt, its labels"),
)
fault(
    "outcomes without their set",
    lambda f: (f / "Outcomes-b.txt").write_text(f"{OUTCOMES}\n{FIRST},1,1,5,-1,0\n"),
    refused("holds Outcomes-b.txt but neither set-b.tar.gz nor a folder set-b, its records"),
)
fault(
    "a stay in the outcomes has no record",
    lambda f: (f / RECORD).unlink(),
    refused(f"Outcomes-a.txt lists {FIRST}, but set-a holds no such record (1 such"),
)
fault(
    "a record has no row in the outcomes",
    lambda f: drop_line(f / LABELS, str(FIRST)),
    refused(f"set-a holds record {FIRST}, but Outcomes-a.txt has no row for it"),
)

fault = TABLE.of_kind("missing column")
fault(
    "another header in a record",
    lambda f: edit(f / RECORD, 1, "Time;Parameter;Value"),
    refused(f"{RECORD}, line 1: expected 'Time,Parameter,Value', found 'Time;Parameter;Value'"),
)
fault(
    "another header in the outcomes",
    lambda f: edit(f / LABELS, 1, "RecordID,In-hospital_death"),
    refused("Outcomes-a.txt: column SAPS-I is missing, found 'RecordID,In-hospital_death'"),
)
fault(
    "a descriptor is missing",
    lambda f: drop_line(f / RECORD, "00:00,Gender"),
    refused(f"{RECORD}: descriptor Gender is missing at 00:00"),
    (lambda f: (f / RECORD).write_text(f"{HEADER}\n"), refused("descriptor RecordID is missing at 00:00")),
)
fault(
    "a cell is missing",
    row("05:00,HR"),
    refused(f"{RECORD}, line 9: expected 'HH:MM,Parameter,number', found '05:00,HR'"),
    (row("05:00,HR,80,1"), refused("line 9: expected 'HH:MM,Parameter,number'")),
    (row("05.00,HR,80"), refused("line 9: expected 'HH:MM,Parameter,number'")),
    (row(""), refused("line 9: expected 'HH:MM,Parameter,number', found ''")),
    (
        lambda f: edit(f / LABELS, 2, f"{FIRST},1,1,5,-1"),
        refused("line 2: expected 6 cells, found 5; cut off?"),
    ),
)

fault = TABLE.of_kind("wrong header case")
fault(
    "a header or a parameter in another case",
    lambda f: edit(f / RECORD, 1, HEADER.lower()),
    refused(f"{RECORD}, line 1: expected 'Time,Parameter,Value', found 'time,parameter,value'"),
    (row("05:00,hr,80"), refused("line 9: 'hr' is an unknown parameter")),
)
fault(
    "a file name in another case",
    lambda f: (f / LABELS).rename(f / "outcomes-A.txt"),
    refused("Outcomes-a.txt is missing, but outcomes-A.txt is there; rename it, case counts"),
    (lambda f: (f / "set-a").rename(f / "Set-a"), refused("set-a is missing, but Set-a is there; rename it")),
)

fault = TABLE.of_kind("duplicate keys")
fault(
    "a stay twice in the outcomes",
    lambda f: append(f / LABELS, f"{FIRST},1,1,5,-1,0\n"),
    refused(f"Outcomes-a.txt, line 42: RecordID {FIRST} appears twice"),
)
fault(
    "a record twice in an archive",
    lambda f: small.append(to_archive(f), f"set-a/copy/{FIRST}.txt", small.record(FIRST).encode()),
    refused(f"set-a.tar.gz: record {FIRST} is in the archive twice; fetch it again"),
)
fault(
    "a descriptor twice",
    lambda f: replace(f / RECORD, "00:00,ICUType,3\n", "00:00,ICUType,3\n00:00,Age,30\n"),
    refused(f"{RECORD}, line 7: 'Age' appears twice, or later than 00:00"),
)
fault(
    "a parameter twice at one time",
    row("04:00,HR,20"),
    counted("repeated (time, parameter): the last value kept", "1 rows"),
)
fault(
    "a set as archive and as folder",
    archive_and_folder,
    counted("set a: archive", "not read: the folder set-a beside it is", windows=0, people=0),
)

fault = TABLE.of_kind("overlapping participants")
fault("a record in two sets", another_set, refused(f"record {FIRST} is in set-b and in another set (40 such case(s))"))

fault = TABLE.of_kind("times out of order")
fault(
    "a time before that of the line above",
    row("03:59,HR,80"),
    refused(f"{RECORD}, line 9: time 03:59 is earlier than the line before; sort the rows by time"),
)

fault = TABLE.of_kind("times outside the stay")
fault(
    "a time after 48 hours",
    row("48:01,HR,80"),
    refused(f"{RECORD}, line 9: time 48:01 lies outside the first 48 hours"),
    (row("05:60,HR,80"), refused("time 05:60 lies outside the first 48 hours")),
    (row("-1:00,HR,80"), refused("found '-1:00,HR,80'")),
)

fault = TABLE.of_kind("unknown category")
fault(
    "a code of gender or unit that the card does not know",
    descriptor("Gender", 3),
    refused(f"{RECORD}, Gender: value '3' is not in the data card (known: 1, 0)"),
    (descriptor("Gender", 0.5), refused("Gender: value '0.5' is not in the data card")),
    (descriptor("ICUType", 9), refused(f"{RECORD}, ICUType: value '9' is not in the data card")),
    (descriptor("ICUType", 2.7), refused("ICUType: value '2.7' is not in the data card")),
)
fault(
    "an unknown parameter",
    row("05:00,Hart rate,80"),
    refused(f"{RECORD}, line 9: 'Hart rate' is an unknown parameter"),
    (row("05:00,Hart rate,-1"), refused("'Hart rate' is an unknown parameter")),
)
fault(
    "an outcome other than 0 and 1",
    lambda f: edit(f / LABELS, 2, f"{FIRST},1,1,5,-1,2"),
    refused("Outcomes-a.txt, line 2, column In-hospital_death: expected 0 or 1, found '2'"),
    (lambda f: edit(f / LABELS, 2, f"{FIRST},1,1,5,-1,NaN"), refused("line 2, column In-hospital_death", "'NaN'")),
    (lambda f: edit(f / LABELS, 2, ",1,1,5,-1,0"), refused("line 2, column RecordID: expected digits, found ''")),
)

fault = TABLE.of_kind("non-numeric text")
fault(
    "text where a number belongs",
    row("05:00,HR,high"),
    refused(f"{RECORD}, line 9: expected 'HH:MM,Parameter,number', found '05:00,HR,high'"),
    *tuple(
        (row(text), refused("line 9: expected 'HH:MM,Parameter,number'"))
        for text in ("05:00,HR,", "1_0:00,HR,80", "10:00,HR,8_0", "10:00,HR,\u0668\u0660", "+10:00,HR,80")
    ),
)
fault(
    "a number that is not finite",
    row("05:00,HR,inf"),
    refused(f"{RECORD}, line 9: HR is inf; a measurement must be a finite number"),
    *tuple((row(f"05:00,HR,{v}"), refused(f"HR is {v}; a meas")) for v in ("NaN", "1e39", "-1e999")),
)

fault = TABLE.of_kind("empty segment")
fault(
    "a segment without anybody",
    all_men,
    counted("gender: nobody in Female", "on the card, not in the data; not judged"),
)

fault = TABLE.of_kind("mixed units")
fault(
    "some temperatures in °F",
    everywhere("48:00,Temp,37", "48:00,Temp,37", "48:00,Temp,98.6"),
    counted(OUTSIDE, "kept, clipped to the quantiles", "13 values of Temp (25 to 45 °C)", windows=13),
)
fault(
    "most temperatures in °F",
    everywhere("48:00,Temp,98.6"),
    refused(
        "DIR: 40 of 40 values of Temp lie outside 25 to 45 °C, such as 98.6. They look like °F; convert them first"
    ),
    (everywhere("48:00,FiO2,40"), refused("40 of 40 values of FiO2 lie outside 0.2 to 1 as a fraction")),
)
fault(
    "height in inches, weight in pounds",
    several(descriptor("Height", 70), descriptor("Weight", 176)),
    accepted("neither is used"),
)
fault(
    "an age that nobody has",
    descriptor("Age", 400),
    refused(f"{RECORD}: Age is 400; expected years from 0 to 120, or -1 for unknown"),
    (descriptor("Age", -40), refused("Age is -40")),
)

fault = TABLE.of_kind("gz cut in half")
fault(
    "an archive cut in half",
    lambda f: cut(to_archive(f)),
    refused("set-a.tar.gz is truncated or damaged after", "download it again"),
    *((lambda f, s=s: cut(to_archive(f), s), refused("truncated or damaged")) for s in (0, 0.02, 0.99)),
    (flip, refused("set-a")),
)

fault = TABLE.of_kind("folder of the wrong dataset")
fault(
    "a folder of MESA",
    lambda f: only(f, *OTHERS["mesa"]),
    refused("holds neither set-a.tar.gz nor a folder set-a; this looks like MESA, read it with dataset 'mesa'"),
)

fault = TABLE.of_kind("0-byte file")
fault(
    "a file of 0 bytes",
    lambda f: (f / LABELS).write_bytes(b""),
    refused("Outcomes-a.txt is empty (0 bytes)"),
    (lambda f: (f / RECORD).write_bytes(b""), refused(f"{RECORD} is empty (0 bytes)")),
)

fault = TABLE.of_kind("non-UTF-8 text")
fault(
    "text that is not UTF-8",
    lambda f: not_utf8(f / RECORD),
    refused(f"{RECORD}: byte", "is not UTF-8 text"),
    (lambda f: replace(f / LABELS, "SOFA", b"SOF\xc0"), refused("Outcomes-a.txt: byte 19 is not UTF-8")),
    (lambda f: (f / RECORD).write_text(HEADER, "utf-16"), refused(f"{RECORD} is UTF-16 text")),
)
fault(
    "saved by a Windows program (byte order mark, CR LF)",
    several(lambda f: mark_and_windows_lines(f / RECORD), lambda f: mark_and_windows_lines(f / LABELS)),
    accepted("read as it is meant"),
)

fault = TABLE.of_kind("counts of the card")
fault(
    "fewer stays than the official set",
    lambda f: None,
    counted("set a: record files with an outcome", "you have 40 stays and 10 deaths, the card says 4,000 stays"),
    (lambda f: None, counted("cohort", "you have 40 stays, the card says 8,000 stays", windows=40)),
    (lambda f: (f / LABELS).write_text(f"{OUTCOMES}\n"), refused("Outcomes-a.txt holds a header and no rows")),
)

fault = TABLE.of_kind("anything else")
fault(
    "a record under another number",
    lambda f: (f / RECORD).write_text(small.record(FIRST + 7)),
    refused(f"{RECORD}: RecordID {FIRST + 7} does not match the file name"),
)
fault(
    "the last line without an end",
    lambda f: replace(f / RECORD, "HR,20\n", "HR,2"),
    refused(f"{RECORD}: the last line has no end, so the file is cut off"),
)
fault(
    "a NUL byte", lambda f: replace(f / RECORD, "HR", "H\0"), refused(f"{RECORD}: byte", "is NUL, which no text holds")
)
fault(
    "a file that is much too large",
    lambda f: (f / RECORD).write_text("x" * 1_000_001),
    refused(f"{RECORD} is no record of the challenge (1,000,001 bytes)"),
    (
        lambda f: small.append(to_archive(f), "set-a/1.txt", b"x" * 1_000_001),
        refused("set-a/1.txt is no record of the challenge (1,000,001 bytes)"),
    ),
)
fault(
    "hidden and other files in a set",
    lambda f: (f / "set-a" / f"._{FIRST}.txt").write_bytes(b"\x00\x05\x16\x07"),
    counted("other files in a set: not read", "1 rows"),
)
fault(
    "-1, the format's word for unknown",
    several(descriptor("Gender", -1), row("05:00,HR,-1")),
    counted("measurements of -1 (unknown): kept missing", "1 rows"),
    (descriptor("Gender", -1), counted("gender unknown", "kept, gender missing", windows=1, people=1)),
)
fault("a row without a parameter", row("05:00,,1.9"), counted("rows without a parameter name: dropped", "1 rows"))
fault(
    "a stay without any measurement",
    lambda f: drop_line(f / RECORD, "04:00"),
    counted("stays without any measurement", "kept: every value imputed, every mask 0", windows=1),
)
fault(
    "nobody dies",
    lambda f: (f / LABELS).write_text((f / LABELS).read_text().replace("-1,1\n", "-1,0\n")),
    refused("the train split holds only class 0; both classes are needed in each split"),
)
fault(
    "a file in place of a folder",
    several(to_archive, lambda f: (f / "set-a").write_text("x")),
    refused("set-a is a file, not a folder of records"),
)
