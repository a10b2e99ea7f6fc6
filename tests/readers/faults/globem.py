"""Faults of folders in GLOBEM's layout."""

import shutil
from collections.abc import Callable
from pathlib import Path

from fairlib.readers import globem
from fairlib.readers.globem_features import channels
from fairlib.readers.globem_files import FOLDERS
from tests.readers.faults.answers import Table, accepted, counted, refused
from tests.readers.small import globem as small
from tests.readers.small.edits import (
    OTHERS,
    append,
    cell,
    cut,
    edit,
    mark_and_windows_lines,
    not_utf8,
    only,
    pack,
    replace,
)

YEAR = "INS-W_1"
RAPIDS, LABELS, PLATFORM = (f"{YEAR}/{name}" for name in (small.RAPIDS, small.DEP, small.PLATFORM))
PEOPLE = "demographics.csv"
FIRST = channels()[0]


def write(folder: Path) -> Path:
    return small.write(folder, years=(1,))


def old(name: str, before: str, after: str | bytes):
    """Another text in a file, once."""
    return lambda folder: replace(folder / name, before, after, 1)


def at(name: str, line: int, column: str, value: str):
    return lambda folder: cell(folder / name, line, column, value)


def header_twice(name: str):
    """The second column under the first one's name too."""

    def change(folder: Path) -> None:
        header = (folder / name).read_text().splitlines()[0].split(",")
        edit(folder / name, 1, ",".join([header[0], header[0], *header[2:]]))

    return change


def another_institution(folder: Path) -> None:
    shutil.copytree(folder / YEAR, folder / "INS-X_2")
    for name in (small.RAPIDS, small.DEP, small.PLATFORM):
        file = folder / "INS-X_2" / name
        file.write_text(file.read_text().replace("INS-W_", "INS-X_"))


def column(name: str, change: Callable[[str], str]):
    """Other values in a column of the features."""

    def write(folder: Path) -> None:
        lines = [line.split(",") for line in (folder / RAPIDS).read_text().splitlines()]
        at = lines[0].index(name)
        for cells in lines[1:]:
            cells[at] = change(cells[at])
        (folder / RAPIDS).write_text("\n".join(map(",".join, lines)) + "\n")

    return write


def turned(folder: Path) -> None:
    """Days in the opposite order."""
    header, *rows = (folder / RAPIDS).read_text().splitlines()
    (folder / RAPIDS).write_text("\n".join([header, *rows[::-1]]) + "\n")


FIRST_DAY, SECOND_DAY = "2018-04-01", "2018-04-02"
#: A day of another participant.
DAY = "INS-W_199,2018-04-09" + ",1" * 1390 + "\n"

TABLE = Table(
    "GLOBEM",
    "Study years `INS-W_1` to `INS-W_4` with `SurveyData`, `FeatureData` and `ParticipantsInfoData`; `demographics.csv`"
    " if you have it.",
    write,
    globem.read,
)

fault = TABLE.of_kind("missing file")
fault(
    "the folder is not there",
    shutil.rmtree,
    refused("DIR is not a folder; give the folder that holds INS-W_1, INS-W_2"),
    (lambda f: only(f, "notes.txt"), refused("DIR holds no study year of GLOBEM. A study year is a folder")),
)
fault(
    "the features are missing",
    lambda f: (f / RAPIDS).unlink(),
    refused("FeatureData holds neither rapids.csv nor location.csv; copy rapids.csv, or all of location.csv"),
)
fault(
    "the labels or the platforms are missing",
    lambda f: (f / LABELS).unlink(),
    refused("dep_weekly.csv is missing; copy it again from PhysioNet"),
    (lambda f: (f / PLATFORM).unlink(), refused("platform.csv is missing; copy it again")),
)
fault(
    "`demographics.csv` is missing",
    lambda f: (f / PEOPLE).unlink(),
    counted("gender unknown", "kept, gender missing; no demographics.csv, which the authors of GLOBEM give on"),
    (lambda f: [(f / PEOPLE).unlink(), (f / PEOPLE).symlink_to("/none")], refused("demographics.csv is miss")),
)

fault = TABLE.of_kind("missing column")
fault(
    "a column is missing",
    old(RAPIDS, ":phone_locations_doryab_avgspeed:night", ":speed:night"),
    refused("rapids.csv: column f_loc:phone_locations_doryab_avgspeed:night is missing (1 of 1,392 needed"),
    (
        old(LABELS, "dep", "depressed"),
        refused("dep_weekly.csv: column dep is missing, found 'pid,date", "needs GLOBEM's"),
    ),
    (lambda f: replace(f / RAPIDS, ",", ";"), refused("rapids.csv: cells are separated by semicolons")),
    (old(PLATFORM, "platform", "phone"), refused("platform.csv: column platform is missing")),
    (old(PEOPLE, "race", "ethnicity"), refused("demographics.csv: column race is missing")),
)
fault(
    "a cell is missing in a row",
    old(LABELS, "2018-04-10,True", "2018-04-10"),
    refused("dep_weekly.csv, line 2: expected 3 cells, found 2"),
    (lambda f: append(f / RAPIDS, "INS-W_100,2018-06-01,1\n"), refused("line 182: expected 1392 cells, found 3")),
)

fault(
    "participants of a year written in two ways",
    lambda f: replace(f / LABELS, "INS-W_", "ins-w_"),
    refused("dep_weekly.csv and INS-W_1/FeatureData have no participant in common: they are written like 'ins-w_100'"),
    (old(LABELS, "INS-W_100", "INS-W-100"), refused("write ids in two ways, such as 'INS-W-100' and 'INS-W_100'")),
)

fault = TABLE.of_kind("wrong header case")
fault(
    "a header in another case",
    lambda f: [
        edit(f / name, 1, (f / name).read_text().splitlines()[0].upper()) for name in (RAPIDS, LABELS, PLATFORM, PEOPLE)
    ],
    accepted("case does not matter"),
)
fault(
    "`demographics.csv` under another name",
    lambda f: (f / PEOPLE).rename(f / "Demographics.CSV"),
    refused("Demographics.CSV is there; unpack or rename it to demographics.csv, as it is read"),
    (lambda f: pack(f / PEOPLE), refused("demographics.csv.gz is there; unpack or rename it")),
)
fault(
    "a file or folder in another case",
    lambda f: (f / RAPIDS).rename(f / RAPIDS.replace("rapids", "RAPIDS")),
    refused("rapids.csv is missing, but RAPIDS.csv is there; rename it, case counts"),
    (lambda f: (f / LABELS).rename(f / LABELS.replace("dep", "Dep")), refused("but Dep_weekly.csv is there")),
    (
        lambda f: [(f / YEAR / name).rename(f / YEAR / name.lower()) for name in FOLDERS],
        refused("INS-W_1/SurveyData is missing, but surveydata is there; rename it, case counts"),
    ),
)

fault = TABLE.of_kind("duplicate keys")
fault(
    "two labels of one day",
    lambda f: append(f / LABELS, "INS-W_100,2018-04-30,False\n"),
    counted("INS-W_1: repeated labels", "left out: the last of a day is kept, as in the platform", windows=1),
)
fault(
    "a day twice in the features",
    old(RAPIDS, SECOND_DAY, FIRST_DAY),
    refused("rapids.csv, line 3: pid INS-W_100, day 2018-04-01 appears twice; keep one row of it"),
)
fault(
    "a participant twice",
    old(PLATFORM, "INS-W_101", "INS-W_100"),
    refused("platform.csv, line 3: pid INS-W_100 appears twice; keep one row of it"),
    (old(PEOPLE, "\n101,", "\n100,"), refused("demographics.csv, line 3: PID 100 appears twice")),
)
fault(
    "a column twice",
    header_twice(LABELS),
    refused("dep_weekly.csv: column pid is there twice; this needs GLOBEM's own file with its header"),
    (header_twice(RAPIDS), refused("rapids.csv: column pid is there twice")),
)
fault(
    "two studies of one year",
    lambda f: shutil.copytree(f / YEAR, f / "INS-X_1"),
    refused("DIR holds INS-W_1 and INS-X_1: two studies of year 1; keep one"),
)

fault = TABLE.of_kind("overlapping participants")
fault(
    "one number in `demographics.csv` for participants of two institutions",
    another_institution,
    refused("demographics.csv: PID 100 may be of INS-W_100 or INS-X_100; read one institution at a time"),
)

fault = TABLE.of_kind("times out of order")
fault("days of features in any order", turned, accepted("days are joined by date"))

fault = TABLE.of_kind("times outside the stay")
fault(
    "a label without a day of features in its four weeks",
    lambda f: append(f / LABELS, "INS-W_100,2118-04-10,True\n"),
    counted("INS-W_1: labels without any day of features", "left out", windows=1, people=1),
)
fault(
    "a participant with features and no label",
    lambda f: append(f / RAPIDS, DAY),
    counted("INS-W_1: participants with features and no label", "left out: no label", people=1),
)
fault(
    "a participant with a single label",
    lambda f: [append(f / RAPIDS, DAY), append(f / LABELS, "INS-W_199,2018-04-10,False\n")],
    counted("INS-W_1: participants with fewer than 2 windows", "left out: the platform wants 2", windows=1),
)

fault = TABLE.of_kind("unknown category")
fault(
    "a label other than True and False",
    old(LABELS, "True", "maybe"),
    refused("dep_weekly.csv, line 2, column dep: expected True or False, found 'maybe'"),
    (old(LABELS, "INS-W_100,", ","), refused("line 2, column pid: expected a participant, found ''")),
)
fault(
    "no label",
    old(LABELS, "True", ""),
    counted("INS-W_1: labels without a value", "left out: dep is empty", windows=1, people=1),
)
fault(
    "an unknown platform",
    old(PLATFORM, "ios", "windows"),
    refused("platform.csv, line 2, column platform: expected ios or android, found 'windows'"),
)
fault(
    "a code in `demographics.csv` that the card does not know",
    old(PEOPLE, "101,2.0", "101,7.0"),
    refused("demographics.csv, line 3, column gender: value '7' is not in the data card (known: 1, 2, 3, 4)"),
    (old(PEOPLE, "101,2.0,19.0,White", "101,2.0,19.0,Martian"), refused("line 3, column race: value 'Mart")),
)
fault(
    "a participant without a row in `demographics.csv`",
    lambda f: None,
    counted("participants with demographics", "you have 5 participants, the card says 699 participants"),
)

fault = TABLE.of_kind("non-numeric text")
fault(
    "text where a number belongs",
    old(RAPIDS, f"{SECOND_DAY},", f"{SECOND_DAY},many"),
    refused("rapids.csv, line 3, column f_loc:", "expected a number, found 'many"),
    (at(RAPIDS, 3, "date", "soon"), refused("rapids.csv, line 3, column date: expected a date (YYYY-MM-DD)")),
    (at(RAPIDS, 3, "pid", ""), refused("rapids.csv, line 3, column pid: expected a participant")),
    (at(LABELS, 2, "date", "10.04.2018"), refused("line 2, column date: expected a date", "'10.04.2018'")),
    (at(LABELS, 2, "date", "2018-02-30"), refused("line 2, column date: ", "'2018-02-30'")),
    (old(PEOPLE, "\n101,", "\n\u0661,"), refused("line 3, column PID: expected a whole number, found '\u0661'")),
    (old(PEOPLE, "\n101,", "\nINS-W_101,"), refused("line 3, column PID: expected a whole number", "101'")),
)
fault(
    "a number that is not finite",
    lambda f: cell(f / RAPIDS, 3, FIRST, "1e999"),
    refused("rapids.csv, line 3, column f_loc:", "expected a finite number, found inf"),
    (lambda f: cell(f / RAPIDS, 3, FIRST, "1e39"), refused("expected a finite number, found 1e+39")),
)
fault("an empty feature, `NaN` or `NULL`", lambda f: None, counted("cohort", "% of the values missing and imputed"))

fault = TABLE.of_kind("empty segment")
fault(
    "a segment without anybody",
    lambda f: None,
    counted("gender: nobody in Transgender", "on the card, not in the data; not judged"),
)

fault = TABLE.of_kind("mixed units")
fault(
    "a feature in another unit throughout",
    column(FIRST, lambda value: value and f"{4 * float(value)}"),
    accepted("each window is scaled by its own spread"),
)
fault(
    "a normalised feature in raw units",
    column(channels()[-1], lambda value: "431.5"),
    counted("INS-W_1: features beyond their range", "days with a _norm feature beyond -2 to 2; other units?"),
)

fault = TABLE.of_kind("gz cut in half")
fault(
    "a packed file, cut or not",
    lambda f: pack(f / RAPIDS, 0.5),
    refused("rapids.csv is missing, but rapids.csv.gz is there; unpack it, GLOBEM's files are not packed"),
    (lambda f: pack(f / LABELS), refused("dep_weekly.csv is missing, but dep_weekly.csv.gz is there")),
)
fault(
    "a file cut in half",
    lambda f: cut(f / RAPIDS, 0.5),
    refused("rapids.csv: the last line has no end, so the file is cut off"),
)

fault = TABLE.of_kind("folder of the wrong dataset")
fault(
    "a folder of MESA",
    lambda f: only(f, *OTHERS["mesa"]),
    refused("DIR holds no study year of GLOBEM; this looks like MESA, read it with dataset 'mesa'"),
    *tuple(
        (lambda f, n=name: only(f, *OTHERS[n]), refused(f"read it with dataset {name!r}"))
        for name in ("challenge2012", "mimic", "table")
    ),
)

fault = TABLE.of_kind("0-byte file")
fault(
    "a file of 0 bytes",
    lambda f: (f / RAPIDS).write_bytes(b""),
    refused("rapids.csv is empty; copy it again from PhysioNet"),
    (lambda f: (f / RAPIDS).write_bytes(b"\n"), refused("rapids.csv is empty")),
    (lambda f: (f / LABELS).write_bytes(b""), refused("dep_weekly.csv is empty (0 bytes)")),
    (lambda f: (f / PLATFORM).write_bytes(b"\n"), refused("platform.csv is empty")),
)
fault(
    "a header and nothing else",
    lambda f: (f / LABELS).write_text("pid,date,dep\n"),
    refused("dep_weekly.csv holds a header and no rows"),
    (
        lambda f: (f / RAPIDS).write_text((f / RAPIDS).read_text().splitlines()[0] + "\n"),
        refused("rapids.csv holds a header and no rows"),
    ),
)

fault = TABLE.of_kind("non-UTF-8 text")
fault(
    "text that is not UTF-8",
    lambda f: not_utf8(f / LABELS),
    refused("dep_weekly.csv: byte", "is not UTF-8 text"),
    (old(RAPIDS, "INS-W_101", b"INS-W_\xe91"), refused("rapids.csv", "not UTF-8")),
    (old(RAPIDS, "pid", b"p\xff"), refused("rapids.csv, line 1: byte 1 is not UTF-8")),
    (old(RAPIDS, "2018-04-03,", b"2018-04-03,\xff"), refused("rapids.csv")),
    (lambda f: not_utf8(f / PLATFORM), refused("platform.csv: byte", "is not UTF-8")),
)
fault(
    "saved by a Windows program (byte order mark, CR LF)",
    lambda f: [mark_and_windows_lines(f / name) for name in (RAPIDS, LABELS, PLATFORM, PEOPLE)],
    accepted("read as it is meant"),
    (lambda f: [replace(f / name, "\n", b"\r") for name in (RAPIDS, LABELS)], accepted()),
)

fault = TABLE.of_kind("counts of the card")
fault(
    "fewer participants than the full data",
    lambda f: None,
    counted("INS-W_1: windows", "you have 6 participants, the card says 153 participants", windows=18),
    (lambda f: None, counted("cohort", "you have 18 windows, 9 depressed and 6 participants, the card says")),
)

fault = TABLE.of_kind("anything else")
fault(
    "a study year under another name",
    lambda f: (f / YEAR).rename(f / "INS-W_1 copy"),
    refused("INS-W_1 copy looks like a study year, but is not named <institution>_<year>"),
)
fault(
    "labels and features of different people",
    lambda f: replace(f / LABELS, "INS-W_", "INS-W_9"),
    refused("INS-W_1/FeatureData have no participant in common: they are written like 'INS-W_9100' there, and like"),
    (
        lambda f: [replace(f / LABELS, value, "") for value in ("True", "False")],
        refused("no label keeps a window", "INS-W_1: labels without a value: 18"),
    ),
)
fault(
    "a NUL byte",
    old(RAPIDS, "INS-W_101", "INS-W_1\0001"),
    refused("rapids.csv, line 32, column pid: expected a participant, found 'INS-W_1\\x001'"),
    (old(LABELS, "INS-W_101", "INS-W_1\0001"), refused("dep_weekly.csv: byte", "is NUL")),
)
fault(
    "blanks around names and values",
    lambda f: [replace(f / name, ",", " , ") for name in (LABELS, PLATFORM)],
    accepted("they are stripped"),
    (lambda f: replace(f / RAPIDS, "INS-W_101,", " INS-W_101 ,"), accepted()),
    (lambda f: replace(f / PLATFORM, "ios", "ios ; android"), accepted()),
)
fault(
    "a folder in place of a file",
    lambda f: [(f / RAPIDS).unlink(), (f / RAPIDS).mkdir()],
    refused("rapids.csv is a folder, not a file"),
)
