"""Valid folders of each reader, as small as they may be, so that thousands of broken copies take minutes.

They come from the folders of ``tests.readers``, with fewer rows, participants and features; some of them twice, in the
two forms in which a dataset may lie on a disk.
"""

import gzip
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pytest

from fairlib.cohort import Cohort
from fairlib.readers import globem_features, globem_files, template
from tests.readers.fault_page import TABLES
from tests.readers.small import challenge2012, challenge2019, mesa
from tests.readers.small.mesa import PEOPLE, night_file, stage_file


class Target(NamedTuple):
    """A reader, and functions that write a valid folder for it."""

    read: Callable[[Path], Cohort]
    writers: tuple[Callable[[Path], object], ...]


def _first_lines(file: Path, keep: Callable[[int, str], bool]) -> None:
    """Keep the lines (from 0, with their text) for which ``keep`` is true, and the header."""
    lines = file.read_text().splitlines()
    file.write_text("\n".join(line for i, line in enumerate(lines) if not i or keep(i, line)) + "\n")


def _mimic(folder: Path) -> None:
    TABLES["mimic"].write(folder)
    for file in folder.rglob("*_timeseries.csv"):
        _first_lines(file, lambda i, _: i % 6 == 1)


def _mimic_raw(folder: Path) -> None:
    TABLES["mimic_raw"].write(folder)
    _first_lines(folder / "CHARTEVENTS.csv", lambda i, _: i % 5 == 1)


def _mesa(folder: Path) -> None:
    mesa.write(folder)
    for person in PEOPLE[5:]:
        night_file(folder, person).unlink()
        stage_file(folder, person).unlink()
    for file in (folder / mesa.OVERLAP, *(folder / "datasets").iterdir()):
        _first_lines(file, lambda _, line: int(line.split(",")[0]) in PEOPLE[:5])


def _challenge2012(layout: str) -> Callable[[Path], object]:
    return lambda folder: challenge2012.write(folder, *challenge2012.stays(24), layout=layout)


def _challenge2019(layout: str) -> Callable[[Path], object]:
    return lambda folder: challenge2019.write(folder, challenge2019.stays(24), layout=layout)


def _table(folder: Path) -> None:
    template.write(folder, people=24, windows=1, timesteps=4)


def _parquet(folder: Path) -> None:
    _table(folder)
    for file in folder.glob("*.csv"):
        pd.read_csv(file).to_parquet(file.with_suffix(".parquet"), index=False)
        file.unlink()


def _packed(write: Callable[[Path], object], *patterns: str) -> Callable[[Path], None]:
    """The same folder with the files of these patterns packed."""

    def written(folder: Path) -> None:
        write(folder)
        for file in [file for pattern in patterns for file in sorted(folder.rglob(pattern))]:
            file.with_name(f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes(), mtime=0))
            file.unlink()

    return written


TARGETS = {
    "mimic": Target(TABLES["mimic"].read, (_mimic, _packed(_mimic, "[A-Z]*.csv"))),
    "mimic_raw": Target(TABLES["mimic_raw"].read, (_mimic_raw, _packed(_mimic_raw, "[A-Z]*.csv"))),
    "mesa": Target(TABLES["mesa"].read, (_mesa, _packed(_mesa, "*.csv", "*.xml"))),
    "globem": Target(TABLES["globem"].read, (TABLES["globem"].write,)),
    "challenge2012": Target(TABLES["challenge2012"].read, (_challenge2012("folder"), _challenge2012("tar"))),
    "challenge2019": Target(TABLES["challenge2019"].read, tuple(map(_challenge2019, ("folder", "tar", "zip")))),
    "table": Target(TABLES["table"].read, (_table, _parquet)),
    "yaib": Target(TABLES["yaib"].read, (TABLES["yaib"].write, _packed(TABLES["yaib"].write, "people.csv"))),
}


@contextmanager
def few_features() -> Iterator[None]:
    """GLOBEM with the first feature of two sensors: 20 channels instead of 1,390."""
    few = [kind | {"features": kind["features"][:1]} for kind in globem_features.TYPES][:2]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(globem_features, "TYPES", few)
        patch.setattr(globem_files, "FILES", {kind["type"]: kind["file"] for kind in few})
        yield
