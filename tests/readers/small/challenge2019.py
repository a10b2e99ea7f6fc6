"""Small hospitals of Challenge 2019 in the official layout."""

import tarfile
import zipfile
from pathlib import Path

import numpy as np

from tests.readers.small.challenge2012 import add

HEADER = (
    "HR|O2Sat|Temp|SBP|MAP|DBP|Resp|EtCO2|BaseExcess|HCO3|FiO2|pH|PaCO2|SaO2|AST|BUN|Alkalinephos|Calcium|Chloride"
    "|Creatinine|Bilirubin_direct|Glucose|Lactate|Magnesium|Phosphate|Potassium|Bilirubin_total|TroponinI|Hct|Hgb|PTT"
    "|WBC|Fibrinogen|Platelets|Age|Gender|Unit1|Unit2|HospAdmTime|ICULOS|SepsisLabel"
)
COLUMNS = HEADER.split("|")
#: Number of the first stay of each hospital.
FIRST = {"A": 1, "B": 100_001}
#: Centre and spread of the variables that the stays measure.
MEASURED = {"HR": (85, 10), "Temp": (37, 0.5), "Lactate": (2, 0.5), "SBP": (120, 15)}


def record(hours=range(1, 31), onset=None, age=70, gender=1, unit=(0, 1), measured=None):
    """Text of one stay with rows at these hours; label 1 from hour ``onset``; measured: (hour, variable) → value."""
    lines = [HEADER]
    for hour in hours:
        cells = dict.fromkeys(COLUMNS, "NaN") | {"Age": age, "Gender": gender, "Unit1": unit[0], "Unit2": unit[1]}
        cells |= {"HospAdmTime": -3.5, "ICULOS": hour, "SepsisLabel": int(onset is not None and hour >= onset)}
        cells |= {name: value for (at, name), value in (measured or {}).items() if at == hour}
        lines.append("|".join(str(cells[column]) for column in COLUMNS))
    return "\n".join(lines) + "\n"


def stays(n=40, hospital="A", seed=0):
    """Name → text of n valid stays of the cohort with random measurements; every fourth has sepsis."""
    generator, texts = np.random.default_rng(seed), {}
    for i in range(n):
        measured = {
            (int(hour), name): round(float(MEASURED[name][0] + MEASURED[name][1] * generator.normal()), 2)
            for hour, name in zip(generator.integers(1, 31, 20), generator.choice([*MEASURED], 20), strict=True)
        }
        unit = [(1, 0), (0, 1), ("NaN", "NaN")][generator.integers(3)]
        age, gender, onset = round(float(generator.uniform(18, 90)), 2), i % 2, (26 + i % 3) if i % 4 == 0 else None
        texts[f"p{FIRST[hospital] + i:06d}"] = record(range(1, 29 + i % 5), onset, age, gender, unit, measured)
    return texts


def write(folder: Path, texts, hospital="A", layout="folder", at="", reverse=False) -> Path:
    """Write one hospital in the official layout, at a depth ``at``, as a folder, "zip" or "tar"."""
    name, place = f"training_set{hospital}", folder / at
    place.mkdir(parents=True, exist_ok=True)
    files = sorted(texts.items(), reverse=reverse)
    if layout == "folder":
        (place / name).mkdir()
        for stem, text in files:
            (place / name / f"{stem}.psv").write_text(text)
    elif layout == "zip":
        with zipfile.ZipFile(place / f"{name}.zip", "w", zipfile.ZIP_DEFLATED) as packed:
            for stem, text in files:
                packed.writestr(f"training/{stem}.psv", text)
    else:
        with tarfile.open(place / f"{name}.tar.gz", "w:gz") as tar:
            for stem, text in files:
                add(tar, f"{name}/{stem}.psv", text.encode())
    return folder


def with_record(**changes):
    """Valid stays, the first of which is this record."""
    return stays() | {"p000001": record(**changes)}
