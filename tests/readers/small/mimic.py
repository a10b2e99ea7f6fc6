"""A small output folder of the mimic3-benchmarks, with the hospital's tables beside it."""

from pathlib import Path

import numpy as np

# FORMAT.md, section timeseries.csv and the table of channels, typed out again: column, normal value, categories in
# channel order, or the stored mean and standard deviation as printed there.
TABLE = [
    ("Capillary refill rate", "0.0", ["0.0", "1.0"]),
    ("Diastolic blood pressure", "59.0", (61.1747, 211.11)),
    ("Fraction inspired oxygen", "0.21", (0.291638, 0.169005)),
    (
        "Glascow coma scale eye opening",
        "4 Spontaneously",
        [
            "To Pain",
            "3 To speech",
            "1 No Response",
            "4 Spontaneously",
            "None",
            "To Speech",
            "Spontaneously",
            "2 To pain",
        ],
    ),
    (
        "Glascow coma scale motor response",
        "6 Obeys Commands",
        [
            "1 No Response",
            "3 Abnorm flexion",
            "Abnormal extension",
            "No response",
            "4 Flex-withdraws",
            "Localizes Pain",
            "Flex-withdraws",
            "Obeys Commands",
            "Abnormal Flexion",
            "6 Obeys Commands",
            "5 Localizes Pain",
            "2 Abnorm extensn",
        ],
    ),
    ("Glascow coma scale total", "15", ["11", "10", "13", "12", "15", "14", "3", "5", "4", "7", "6", "9", "8"]),
    (
        "Glascow coma scale verbal response",
        "5 Oriented",
        [
            "1 No Response",
            "No Response",
            "Confused",
            "Inappropriate Words",
            "Oriented",
            "No Response-ETT",
            "5 Oriented",
            "Incomprehensible sounds",
            "1.0 ET/Trach",
            "4 Confused",
            "2 Incomp sounds",
            "3 Inapprop words",
        ],
    ),
    ("Glucose", "128.0", (137.495, 57.1666)),
    ("Heart Rate", "86", (86.2587, 19.4063)),
    ("Height", "170.0", (169.793, 5.99642)),
    ("Mean blood pressure", "77.0", (78.8177, 175.581)),
    ("Oxygen saturation", "98.0", (98.2863, 1167.12)),
    ("Respiratory rate", "19", (19.2776, 6.65641)),
    ("Systolic blood pressure", "118.0", (120.317, 21.9231)),
    ("Temperature", "36.6", (36.9324, 9.4673)),
    ("Weight", "81.0", (81.902, 20.5304)),
    ("pH", "7.4", (7.22786, 1.90062)),
]
HEADER = ["Hours", *(name for name, _, _ in TABLE)]


def episode_text(seed: int, rows: int = 60) -> str:
    """A random episode: irregular hours, some at bin edges, several rows in an hour, many empty cells."""
    rng = np.random.default_rng(seed)
    hours = np.sort(np.concatenate([rng.uniform(0, 48, rows), rng.integers(0, 49, 8)]))
    lines = [",".join(HEADER)]
    for hour in hours:
        cells = [repr(float(hour))]
        for name, normal, kind in TABLE:
            if rng.random() < 0.7:
                cells.append("")
            elif isinstance(kind, list):
                cells.append(str(rng.choice(kind)))
            else:
                value = float(normal) * rng.uniform(0.95, 1.05)
                cells.append(repr(round(min(value, 100) if name == "Oxygen saturation" else value, 3)))
        lines.append(",".join(cells))
    return "\n".join(lines) + "\n"


SUBJECTS = {"train": [11, 12, 13, 11], "val": [21, 22], "test": [31, 32]}  # 11 has two episodes
PEOPLE = [11, 12, 13, 21, 22, 31, 32]


def write(root: Path) -> Path:
    """The lists, eight episodes and the tables, all of it fine."""
    task = root / "in-hospital-mortality"
    lists, seed = {}, 0
    for split, subjects in SUBJECTS.items():
        for i, subject in enumerate(subjects):
            name = f"{subject}_episode{subjects[:i].count(subject) + 1}_timeseries.csv"
            lists.setdefault(split, []).append(f"{name},{i % 2}")
            file = task / ("test" if split == "test" else "train") / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(episode_text(seed := seed + 1))
        (task / f"{split}_listfile.csv").write_text("\n".join(["stay,y_true", *lists[split], ""]))
    write_table(root, "PATIENTS", "SUBJECT_ID,GENDER,DOB", [f"{p},{'MF'[p % 2]},2080-06-15 00:00:00" for p in PEOPLE])
    columns = "SUBJECT_ID,HADM_ID,ADMITTIME,ETHNICITY,INSURANCE,LANGUAGE,DIAGNOSIS"
    rows = [f'{p},{p}00,2140-06-15 10:00:00,WHITE,Private,ENGL,"PAIN, CHEST"' for p in PEOPLE]
    rows.append("22,2201,2141-06-15 10:00:00,UNKNOWN/NOT SPECIFIED,Private,ENGL,FALL")
    # subject 11: the second admission is 5 years later, with another insurance and over 65
    write_table(root, "ADMISSIONS", columns, [*rows, "11,1101,2145-06-15 10:00:00,WHITE,Medicare,ENGL,FALL"])
    return root


def write_table(root: Path, name: str, header: str, rows: list[str]) -> None:
    (root / f"{name}.csv").write_text("\n".join([header, *rows, ""]))


def write_stays(root: Path, extra: list[str]) -> None:
    header = "SUBJECT_ID,HADM_ID,ICUSTAY_ID,FIRST_CAREUNIT,LAST_CAREUNIT,FIRST_WARDID,LAST_WARDID,INTIME,OUTTIME"
    rows = [f"{p},{p}00,{p}000,MICU,MICU,50,50,2140-06-15 12:00:00,2140-06-19 12:00:00" for p in PEOPLE if p != 11]
    write_table(root, "ICUSTAYS", header, [*extra, *rows])
