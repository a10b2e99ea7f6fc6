"""Files of the MESA twin: nights → actigraphy tables, Profusion exports, the overlap table and the dataset tables."""

from pathlib import Path

import numpy as np
import pandas as pd

from . import folder
from .mesa_nights import MARGIN, MINUTE, Nights, stages
from .people import facts

DAY = 24 * 60 * MINUTE
#: Version of NSRR's dataset tables whose layout is written.
VERSION = "0.6.0"
FACTS = facts("mesa_tables")
#: The device's own rule, roughly: awake above this count.
WAKE_COUNT = 20


def write_files(path: Path, persons: pd.DataFrame, nights: Nights, rng: np.random.Generator) -> None:
    """All files of NSRR's layout that the study reads; persons in the order of the nights."""
    actigraphy, overlap = path / "actigraphy", path / "overlap"
    scored, datasets = path / "polysomnography" / "annotations-events-profusion", path / "datasets"
    for place in (actigraphy, overlap, scored, datasets):
        place.mkdir(parents=True)
    start = rng.integers(20 * 60 * MINUTE, 23 * 60 * MINUTE, len(persons))  # epoch of the day: between 20:00 and 23:00
    weekday, stage = rng.integers(1, 8, len(persons)), stages(nights)
    for i, person in enumerate(persons["mesaid"]):
        table = _actigraphy(person, nights, i, start[i], weekday[i])
        folder.save(table, actigraphy / f"mesa-sleep-{person:04d}.csv")
        if persons["polysomnography"].iloc[i]:
            text = _profusion(stage[i, nights.inside[i]])
            (scored / f"mesa-sleep-{person:04d}-profusion.xml").write_bytes(text.encode())
    there = persons["polysomnography"].to_numpy()
    clock = _clock(start[there] + MARGIN)
    table = pd.DataFrame({"mesaid": persons["mesaid"][there], "line": MARGIN + 1, "linetime": clock})
    table = table.assign(starttime_psg=clock).sort_values("mesaid")
    folder.save(table, overlap / "mesa-actigraphy-psg-overlap.csv")
    persons = persons.sort_values("mesaid")
    folder.save(persons[["mesaid"]], datasets / f"mesa-sleep-dataset-{VERSION}.csv")
    values = {
        "mesaid": persons["mesaid"],
        "examnumber": 5,
        "nsrr_age": persons["years"].astype(int),
        "nsrr_age_gt89": np.where(persons["years"] >= 90, "yes", "no"),
        "nsrr_sex": persons["sex"].str.lower(),
        "nsrr_race": persons["race"].map(FACTS["race"]),
    }
    table = pd.DataFrame(values).reindex(columns=FACTS["harmonized"])
    folder.save(table, datasets / f"mesa-sleep-harmonized-dataset-{VERSION}.csv")


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
