"""Files of the MESA twin: nights → actigraphy tables, Profusion exports, the overlap table and the dataset tables."""

from pathlib import Path

import numpy as np
import pandas as pd

from .mesa_nights import MARGIN, MINUTE, Nights, stages

DAY = 24 * 60 * MINUTE
#: Version of NSRR's dataset tables whose layout is written.
VERSION = "0.6.0"
RACE = {"White": "white", "Black": "black or african american", "Hispanic": "hispanic", "Asian": "asian"}
HARMONIZED = (
    *("mesaid", "examnumber", "nsrr_age", "nsrr_age_gt89", "nsrr_sex", "nsrr_race", "nsrr_ahi_hp3u"),
    *("nsrr_ahi_hp3r_aasm15", "nsrr_ahi_hp4u_aasm15", "nsrr_ahi_hp4r", "nsrr_ttldursp_f1", "nsrr_phrnumar_f1"),
    "nsrr_flag_spsw",
)
#: The device's own rule, roughly: awake above this count.
WAKE_COUNT = 20


def write_files(folder: Path, persons: pd.DataFrame, nights: Nights, rng: np.random.Generator) -> None:
    """All files of NSRR's layout that the study reads; persons in the order of the nights."""
    actigraphy, overlap = folder / "actigraphy", folder / "overlap"
    scored, datasets = folder / "polysomnography" / "annotations-events-profusion", folder / "datasets"
    for place in (actigraphy, overlap, scored, datasets):
        place.mkdir(parents=True)
    start = rng.integers(20 * 60 * MINUTE, 23 * 60 * MINUTE, len(persons))  # epoch of the day: between 20:00 and 23:00
    weekday, stage = rng.integers(1, 8, len(persons)), stages(nights)
    for i, person in enumerate(persons["mesaid"]):
        table = _actigraphy(person, nights, i, start[i], weekday[i])
        _write(actigraphy / f"mesa-sleep-{person:04d}.csv", table)
        if persons["polysomnography"].iloc[i]:
            text = _profusion(stage[i, nights.inside[i]])
            (scored / f"mesa-sleep-{person:04d}-profusion.xml").write_bytes(text.encode())
    there = persons["polysomnography"].to_numpy()
    clock = _clock(start[there] + MARGIN)
    table = pd.DataFrame({"mesaid": persons["mesaid"][there], "line": MARGIN + 1, "linetime": clock})
    _write(overlap / "mesa-actigraphy-psg-overlap.csv", table.assign(starttime_psg=clock).sort_values("mesaid"))
    persons = persons.sort_values("mesaid")
    _write(datasets / f"mesa-sleep-dataset-{VERSION}.csv", persons[["mesaid"]])
    values = {
        "mesaid": persons["mesaid"],
        "examnumber": 5,
        "nsrr_age": persons["years"].astype(int),
        "nsrr_age_gt89": np.where(persons["years"] >= 90, "yes", "no"),
        "nsrr_sex": persons["sex"].str.lower(),
        "nsrr_race": persons["race"].map(RACE),
    }
    table = pd.DataFrame(values).reindex(columns=list(HARMONIZED))
    _write(datasets / f"mesa-sleep-harmonized-dataset-{VERSION}.csv", table)


def _actigraphy(person: int, nights: Nights, i: int, start: int, weekday: int) -> pd.DataFrame:
    """The table of one person: a row an epoch; empty activity and light where they are lost."""
    rows = nights.recorded[i]
    inside, kept, label = nights.inside[i, rows], nights.kept[i, rows], nights.label[i, rows]
    activity, light = nights.activity[i, rows], nights.light[i, rows]
    line = np.arange(1, len(activity) + 1)
    days = (start + line - 1) // DAY  # midnights passed
    bed = np.where(label, "REST-S", "REST")
    table = {
        "mesaid": person,
        "line": line,
        "linetime": _clock(start + line - 1),
        "offwrist": np.isnan(activity).astype(int),
        "activity": pd.array(activity).astype("Int64"),
        "marker": 0,
        **dict(zip(("whitelight", "redlight", "greenlight", "bluelight"), light.T, strict=True)),
        "wake": (~(activity <= WAKE_COUNT)).astype(int),
        "interval": np.where(inside, np.where(kept, bed, "EXCLUDED"), "ACTIVE"),
        "dayofweek": (weekday - 1 + days) % 7 + 1,
        "daybymidnight": 1 + days,
        "daybynoon": 1,
    }
    return pd.DataFrame(table)


def _profusion(stage: np.ndarray) -> str:
    """A Profusion export with the sleep stages alone."""
    scored = "\n".join(f"<SleepStage>{code}</SleepStage>" for code in stage)
    head = '<?xml version="1.0" encoding="UTF-8"?>\n<CMPStudyConfig>\n<EpochLength>30</EpochLength>\n<ScoredEvents />\n'
    return f"{head}<SleepStages>\n{scored}\n</SleepStages>\n</CMPStudyConfig>\n"


def _clock(epoch: np.ndarray) -> np.ndarray:
    """HH:MM:SS of epochs counted from a midnight."""
    every = [f"{e // 120:02d}:{e // 2 % 60:02d}:{30 * (e % 2):02d}" for e in range(DAY)]
    return np.array(every)[np.asarray(epoch) % DAY]


def _write(file: Path, table: pd.DataFrame) -> None:
    table.to_csv(file, index=False, lineterminator="\n")
