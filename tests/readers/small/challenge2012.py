"""Small sets of Challenge 2012 in the official layout."""

import io
import tarfile
from pathlib import Path

import numpy as np

HEADER = "Time,Parameter,Value"
OUTCOMES = "RecordID,SAPS-I,SOFA,Length_of_stay,Survival,In-hospital_death"
FIRST = 100001
#: Centre and spread of the variables that the stays measure.
MEASURED = {"HR": (25, 4), "Na": (140, 6), "pH": (7.4, 0.1), "Urine": (70, 20)}


def record(number, rows=(), age=70, gender=1, icu=3, weight=80):
    """Text of one record; ``rows`` are (time, parameter, value)."""
    fixed = [
        ("RecordID", number),
        ("Age", age),
        ("Gender", gender),
        ("Height", -1),
        ("ICUType", icu),
        ("Weight", weight),
    ]
    lines = [f"00:00,{name},{value}" for name, value in fixed] + [f"{t},{p},{v}" for t, p, v in rows]
    return "\n".join([HEADER, *lines]) + "\n"


def stays(n=40, first=FIRST, seed=0):
    """Texts and deaths of n valid stays with random measurements; every fourth dies."""
    generator, texts, deaths = np.random.default_rng(seed), {}, {}
    for number in range(first, first + n):
        minutes = np.sort(generator.integers(0, 48 * 60 + 1, size=12))
        names = generator.choice([*MEASURED], size=12)
        values = [
            MEASURED[name][0] + MEASURED[name][1] * v for name, v in zip(names, generator.normal(size=12), strict=True)
        ]
        rows = [(f"{m // 60:02d}:{m % 60:02d}", p, round(v, 2)) for m, p, v in zip(minutes, names, values, strict=True)]
        age, gender, icu = generator.integers(16, 91), generator.integers(0, 2), generator.integers(1, 5)
        texts[str(number)] = record(number, rows, age, gender, icu)
        deaths[str(number)] = int(number % 4 == 0)
    return texts, deaths


def write(folder, texts, deaths, name="a", layout="tar", reverse=False):
    """Write one set in the official layout."""
    folder.mkdir(exist_ok=True)
    rows = [f"{number},1,1,5,-1,{death}" for number, death in deaths.items()]
    (folder / f"Outcomes-{name}.txt").write_text("\n".join([OUTCOMES, *rows]) + "\n")
    files = [(number, text if isinstance(text, bytes) else text.encode()) for number, text in texts.items()]
    files = files[::-1] if reverse else files
    if layout == "folder":
        (folder / f"set-{name}").mkdir()
        for number, content in files:
            (folder / f"set-{name}" / f"{number}.txt").write_bytes(content)
        return folder
    with tarfile.open(folder / f"set-{name}.tar.gz", "w:gz") as tar:
        top = tarfile.TarInfo(f"set-{name}")
        top.type = tarfile.DIRTYPE
        tar.addfile(top)
        for number, content in files:
            add(tar, f"set-{name}/{number}.txt", content)
    return folder


def add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))


def append(archive: Path, name: str, content: bytes) -> None:
    """Put another file into an archive."""
    packed = io.BytesIO()
    with tarfile.open(archive) as old, tarfile.open(fileobj=packed, mode="w:gz") as new:
        for member in old:
            new.addfile(member, old.extractfile(member) if member.isfile() else None)
        add(new, name, content)
    archive.write_bytes(packed.getvalue())


def with_rows(*rows, **descriptors):
    """Valid stays, the first of which has these rows and descriptors."""
    texts, deaths = stays()
    texts[str(FIRST)] = record(FIRST, rows, **descriptors)
    return texts, deaths
