"""Faults of Challenge 2019 folders."""

import shutil
import tarfile
import zipfile
from pathlib import Path

from fairlib.readers import challenge2019
from tests.readers.faults.answers import Table, accepted, counted, refused
from tests.readers.small import challenge2019 as small
from tests.readers.small.challenge2012 import add, append
from tests.readers.small.challenge2019 import COLUMNS, HEADER
from tests.readers.small.edits import OTHERS, cut, drop_line, edit, mark_and_windows_lines, not_utf8, only, replace

SET = "training_setA"
RECORD = f"{SET}/p000001.psv"
OUTSIDE = "values outside the usual range"


def write(folder: Path) -> Path:
    return small.write(folder, small.with_record(measured={(4, "HR"): 20, (30, "HR"): 80}))


def read(folder: Path):
    """All hospitals that lie there: hospital B must be named."""
    both = (folder / "training_setB").exists()
    return challenge2019.read(folder, **({"sets": ("A", "B")} if both else {}))


def cell(column: str, value: object, row: int | None = None):
    """Another value of a column in a row (from 1) of the first record, or in all of them."""

    def change(folder: Path) -> None:
        lines = [line.split("|") for line in (folder / RECORD).read_text().splitlines()]
        for i, cells in enumerate(lines):
            if i and row in (None, i):
                cells[COLUMNS.index(column)] = str(value)
        (folder / RECORD).write_text("".join("|".join(cells) + "\n" for cells in lines))

    return change


def everywhere(column: str, value: object, share: int = 1):
    """The value in the first hour of every stay, or one in ``share``."""

    def change(folder: Path) -> None:
        for file in sorted((folder / SET).iterdir())[::share]:
            cells = file.read_text().splitlines()[1].split("|")
            cells[COLUMNS.index(column)] = str(value)
            edit(file, 2, "|".join(cells))

    return change


def column_gone(folder: Path) -> None:
    lines = [line.split("|") for line in (folder / RECORD).read_text().splitlines()]
    (folder / RECORD).write_text("".join("|".join(line[:7] + line[8:]) + "\n" for line in lines))


def column_more(folder: Path) -> None:
    lines = (folder / RECORD).read_text().splitlines()
    (folder / RECORD).write_text("".join(f"{line}|{'Race' if not i else 'NaN'}\n" for i, line in enumerate(lines)))


def rows(*order: int):
    """The rows (from 1) of the first record in this order, and then the rest."""

    def change(folder: Path) -> None:
        head, *lines = (folder / RECORD).read_text().splitlines()
        chosen = [lines[i - 1] for i in order] + lines[len(set(order)) :]
        (folder / RECORD).write_text("\n".join([head, *chosen]) + "\n")

    return change


def to_archive(folder: Path, layout="tar") -> Path:
    """The hospital as an archive, as it is downloaded."""
    texts = {file.stem: file.read_text() for file in (folder / SET).iterdir()}
    shutil.rmtree(folder / SET)
    small.write(folder, texts, layout=layout)
    return next(folder.glob(f"{SET}.*"))


def flip(folder: Path) -> None:
    archive = to_archive(folder)
    content = bytearray(archive.read_bytes())
    content[len(content) // 2] ^= 0x55
    archive.write_bytes(bytes(content))


def renamed(folder: Path) -> None:
    """A name in a ZIP file that differs from the one in its directory, by a byte that is no text."""
    replace(to_archive(folder, "zip"), b"p000001.psv", b"p00\x8f001.psv", 1)


def twice(folder: Path) -> None:
    append(to_archive(folder), f"{SET}/copy/p000001.psv", small.record().encode())


def empty_in_archive(folder: Path) -> None:
    append(to_archive(folder), f"{SET}/p999999.psv", b"")


def beside(folder: Path) -> None:
    """The archive beside the folder."""
    small.write(folder, small.stays(), layout="zip")


def project(folder: Path) -> None:
    """The project's ZIP file: both hospitals, and other files."""
    texts = {file.stem: file.read_text() for file in (folder / SET).iterdir()}
    shutil.rmtree(folder / SET)
    with zipfile.ZipFile(folder / "early-prediction-of-sepsis-1.0.0.zip", "w") as packed:
        packed.writestr("a/LICENSE.txt", "x")
        for stem, text in texts.items():
            packed.writestr(f"a/training/{SET}/{stem}.psv", text)
        packed.writestr("a/training/training_setB/p100001.psv", "not even opened")


def link(folder: Path) -> None:
    archive = to_archive(folder)
    member = tarfile.TarInfo(f"{SET}/p999999.psv")
    member.type, member.linkname = tarfile.SYMTYPE, "nowhere"
    with tarfile.open(archive) as old:
        texts = {m.name: old.extractfile(m).read() for m in old}
    with tarfile.open(archive, "w:gz") as new:
        new.addfile(member)
        for name, content in texts.items():
            add(new, name, content)


def every_file(change):
    return lambda folder: [file.write_text(change(file.read_text())) for file in (folder / SET).iterdir()]


def all_men(text: str) -> str:
    lines = [line.split("|") for line in text.splitlines()]
    at = COLUMNS.index("Gender")
    return "".join("|".join([*c[:at], "1" if i else c[at], *c[at + 1 :]]) + "\n" for i, c in enumerate(lines))


TABLE = Table(
    "Challenge 2019",
    "A hospital as an archive or as a folder of one `.psv` file a stay.",
    write,
    read,
)

fault = TABLE.of_kind("missing file")
fault(
    "the folder is not there",
    shutil.rmtree,
    refused("DIR is not a folder; give the folder that holds training_setA.zip"),
)
fault(
    "no hospital is there",
    lambda f: only(f, "notes.txt"),
    refused("holds no training_setA, neither as .zip or .tar.gz nor as a folder; ", "fetch challenge2019 DIR"),
)
fault(
    "a folder without records",
    lambda f: [file.unlink() for file in (f / SET).iterdir()],
    refused("training_setA holds no record of hospital A, such as p000001.psv"),
)

fault = TABLE.of_kind("missing column")
fault(
    "a column is missing",
    column_gone,
    refused(f"{RECORD}, line 1: column EtCO2 is missing; the 41 official columns are needed"),
)
fault(
    "a column too many",
    column_more,
    refused(f"{RECORD}, line 1: column 'Race' is not of the format; the 41 official columns are needed"),
    (lambda f: replace(f / RECORD, "HR|O2Sat", "O2Sat|HR", 1), refused("line 1: the columns are in another order")),
    (lambda f: replace(f / RECORD, "|", ",", -1), refused("line 1: column HR is missing, found 'HR,O2Sat")),
)
fault(
    "a cell is missing",
    lambda f: edit(f / RECORD, 3, "80|97"),
    refused(f"{RECORD}, line 3: expected 41 cells, found 2"),
    (lambda f: edit(f / RECORD, 3, ""), refused("line 3: expected 41 cells, found 1")),
    (lambda f: edit(f / RECORD, 3, "|".join(["1"] * 42)), refused("line 3: expected 41 cells, found 42")),
)

fault = TABLE.of_kind("wrong header case")
fault(
    "a header in another case",
    lambda f: replace(f / RECORD, "HR|", "hr|", 1),
    refused(f"{RECORD}, line 1: column HR is missing, found 'hr'"),
)
fault("a folder in another case", lambda f: (f / SET).rename(f / SET.upper()), accepted("read as it is meant"))

fault = TABLE.of_kind("duplicate keys")
fault(
    "an hour twice",
    rows(1, 2, 2),
    refused(f"{RECORD}, line 4, column ICULOS: expected each hour once, found 2; keep one row of it"),
)
fault("a record twice in an archive", twice, refused("training_setA.tar.gz: record p000001 is there twice; keep one"))
fault(
    "a hospital as archive and as folder",
    beside,
    counted("hospital A: training_setA.zip", "not read: training_setA is, which lies beside it", windows=0, people=0),
)

fault = TABLE.of_kind("overlapping participants")
fault(
    "a stay in both hospitals",
    lambda f: small.write(f, {"p000001": small.record()}, "B"),
    refused("training_setB: record p000001 is in another hospital too (1 such case(s)); keep it in one"),
)

fault = TABLE.of_kind("times out of order")
fault(
    "an hour before that of the line above",
    rows(1, 3, 2),
    refused(f"{RECORD}, line 4, column ICULOS: expected hours in ascending order, found 2; sort the rows by ICULOS"),
)

fault = TABLE.of_kind("times outside the stay")
fault(
    "an hour before the stay, or none",
    cell("ICULOS", 0, 1),
    refused(f"{RECORD}, line 2, column ICULOS: expected a whole hour from 1 on, found 0"),
    (cell("ICULOS", 1.5, 1), refused("expected a whole hour from 1 on, found 1.5")),
    (cell("ICULOS", "NaN", 1), refused("expected a whole hour from 1 on, found nothing")),
)
fault(
    "a stay shorter than the window",
    lambda f: (f / RECORD).write_text(small.record(range(1, 24))),
    counted("hospital A: stays shorter than 24 hours", "left out: the window is not complete", windows=1, people=1),
)
fault(
    "a record that begins later",
    lambda f: (f / RECORD).write_text(small.record(range(5, 31), measured={(5, "HR"): 80})),
    counted("stays whose record begins after hour 1", "kept, masks 0 until then", windows=1, people=1),
)

fault = TABLE.of_kind("unknown category")
fault(
    "a code other than 0 and 1",
    cell("Gender", 2),
    refused(f"{RECORD}, line 2, column Gender: expected 0, 1 or NaN for unknown, found 2"),
    (cell("Gender", 0.5), refused("column Gender: expected 0, 1 or NaN for unknown, found 0.5")),
    (cell("Unit1", 3), refused("column Unit1: expected 0, 1 or NaN for unknown, found 3")),
    (cell("SepsisLabel", 2, 30), refused("line 31, column SepsisLabel: expected 0 or 1, found 2")),
    (cell("SepsisLabel", "NaN", 30), refused("line 31, column SepsisLabel: expected 0 or 1, found nothing")),
)
fault(
    "Unit1 and Unit2 both 1",
    cell("Unit1", 1),
    refused(f"{RECORD}, line 2, column Unit2: expected 0 where Unit1 is 1, since a stay has one unit, found 1"),
)
fault(
    "a person who changes within a stay",
    cell("Gender", 0, 7),
    refused(f"{RECORD}, line 8, column Gender: expected the same value in each row of a stay, found 0"),
    (cell("Age", 60, 7), refused("line 8, column Age: expected the same value in each row of a stay, found 60")),
    (cell("Age", "NaN", 7), refused("line 8, column Age: expected the same value in each row", "found nothing")),
)

fault = TABLE.of_kind("non-numeric text")
fault(
    "text where a number belongs",
    cell("HR", "high", 2),
    refused(f"{RECORD}, line 3, column HR: expected a number or NaN, found 'high'; correct the cell"),
    *((cell("HR", v, 2), refused("line 3, column HR: expected a number")) for v in ("", "8_0", "nan", "80,5", "٨٠")),
)
fault(
    "a number that is not finite",
    cell("HR", "inf", 2),
    refused(f"{RECORD}, line 3, column HR: expected a number or NaN, found 'inf'"),
    *((cell("HR", v, 2), refused("column HR: expected a number or NaN")) for v in ("1e39", "-1e999", "-inf")),
)

fault = TABLE.of_kind("empty segment")
fault(
    "a segment without anybody",
    every_file(all_men),
    counted("gender: nobody in Female", "on the card, not in the data; not judged"),
)
fault("a stay without an age", cell("Age", "NaN"), counted("age unknown", "kept, age missing", windows=1, people=1))

fault = TABLE.of_kind("mixed units")
fault(
    "some temperatures in °F",
    everywhere("Temp", 98.6, 4),
    counted(OUTSIDE, "kept, clipped to the quantiles", "10 values of Temp (25 to 45 °C)", windows=10),
)
fault(
    "most values in another unit",
    everywhere("FiO2", 40),
    refused("DIR: 40 of 40 values of FiO2 lie outside 0.2 to 1 as a fraction, such as 40. They look like percent"),
    (everywhere("Hgb", 110), refused("40 of 40 values of Hgb", "They look like g/L")),
)
fault(
    "an age that nobody has",
    cell("Age", 200),
    refused(f"{RECORD}, line 2, column Age: expected years above 0 up to 120, or NaN for unknown, found 200"),
    (cell("Age", 0), refused("column Age: expected years above 0 up to 120, or NaN for unknown, found 0")),
    (cell("Age", -3), refused("found -3")),
)

fault = TABLE.of_kind("gz cut in half")
fault(
    "an archive cut in half",
    lambda f: cut(to_archive(f)),
    refused("training_setA.tar.gz is truncated or damaged after", "get the official file again"),
    *((lambda f, s=s: cut(to_archive(f), s), refused("truncated or damaged")) for s in (0, 0.02, 0.99)),
    *((lambda f, s=s: cut(to_archive(f, "zip"), s), refused("training_setA.zip is truncated")) for s in (0, 0.5)),
    (flip, refused("training_setA")),
    (renamed, refused("training_setA.zip is truncated or damaged after")),
)

fault = TABLE.of_kind("folder of the wrong dataset")
fault(
    "a folder of MESA",
    lambda f: only(f, *OTHERS["mesa"]),
    refused("holds no training_setA", "this looks like MESA, read it with dataset 'mesa'"),
)

fault = TABLE.of_kind("0-byte file")
fault(
    "a file of 0 bytes",
    lambda f: (f / RECORD).write_bytes(b""),
    refused(f"{RECORD} is empty (0 bytes)"),
    (empty_in_archive, refused(f"{SET}/p999999.psv is empty (0 bytes)")),
)
fault(
    "a header without rows",
    lambda f: (f / RECORD).write_text(f"{HEADER}\n"),
    refused(f"{RECORD} holds a header and no rows"),
)

fault = TABLE.of_kind("non-UTF-8 text")
fault(
    "text that is not UTF-8",
    lambda f: not_utf8(f / RECORD),
    refused(f"{RECORD}: byte", "is not UTF-8 text"),
    (lambda f: (f / RECORD).write_text(HEADER, "utf-16"), refused(f"{RECORD} is UTF-16 text")),
    (lambda f: replace(f / RECORD, "HR|", "HR\xe9|".encode("latin-1"), 1), refused(f"{RECORD}: byte 2 is not UTF-8")),
)
fault(
    "saved by a Windows program (byte order mark, CR LF)",
    lambda f: mark_and_windows_lines(f / RECORD),
    accepted("read as it is meant"),
)

fault = TABLE.of_kind("counts of the card")
fault(
    "fewer stays than the official hospital",
    lambda f: None,
    counted("hospital A: record files", "you have 40 stays, 1,202 hours and 9 with sepsis, the card says 20,336 stays"),
    (lambda f: None, counted("cohort", "you have 40 stays and 9 with sepsis, the card says 16,068 stays", windows=40)),
)

fault = TABLE.of_kind("anything else")
fault(
    "a label that returns to 0",
    lambda f: (cell("SepsisLabel", 1, 27)(f), cell("SepsisLabel", 0, 28)(f)),
    refused(f"{RECORD}, line 29, column SepsisLabel: expected 1 to the end of the record once it is 1, found 0"),
)
fault(
    "a label within the first 24 hours",
    lambda f: (f / RECORD).write_text(small.record(onset=24)),
    counted("hospital A: stays with label 1 until hour 24", "left out: nothing is left to predict", windows=1),
)
fault(
    "the last line without an end",
    lambda f: (f / RECORD).write_bytes((f / RECORD).read_bytes()[:-1]),
    refused(f"{RECORD}: the last line has no end, so the file is cut off"),
)
fault("a NUL byte", lambda f: replace(f / RECORD, "NaN", "N\0N", 1), refused(f"{RECORD}: byte", "is NUL"))
fault(
    "a file that is much too large",
    lambda f: (f / RECORD).write_text("x" * 1_000_001),
    refused(f"{RECORD} is not a record of the challenge (1,000,001 bytes)"),
    (lambda f: append(to_archive(f), f"{SET}/p1.psv", b"x" * 1_000_001), refused(f"{SET}/p1.psv is not a record")),
)
fault(
    "hidden and other files among the records",
    lambda f: (f / SET / "._p000001.psv").write_bytes(b"\x00\x05\x16\x07"),
    counted("other files in an archive or folder: not read", "1 rows"),
    (link, counted("other files in an archive or folder: not read", "1 rows")),
)
fault(
    "both hospitals in the project's ZIP file",
    project,
    counted("records of another hospital in an archive: not read", "1 rows"),
    (project, counted("hospital B: sealed, not read", "it lies in the folder; read is hospital A")),
)
fault(
    "a stay without any measurement",
    lambda f: drop_line(f / RECORD, "20|"),
    counted("stays without any measurement", "kept: every value imputed, every mask 0", windows=1),
)
fault(
    "nobody has sepsis",
    every_file(lambda text: text.replace("|1\n", "|0\n")),
    refused("the train split holds only class 0; both classes are needed in each split"),
)
