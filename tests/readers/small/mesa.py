"""A small folder in NSRR's layout of MESA Sleep: twelve nights of 130 epochs."""

from pathlib import Path

import numpy as np

from fairlib.readers import mesa

COLUMNS = (
    "mesaid,line,linetime,offwrist,activity,marker,whitelight,redlight,greenlight,bluelight,wake,interval,dayofweek,"
    "daybymidnight,daybynoon"
)
PEOPLE = (1, 3, 12, 40, 41, 77, 90, 101, 240, 555, 1203, 6814)
START, LENGTH, AFTER = 11, 130, 20
OVERLAP, PROFUSION = mesa.OVERLAP, mesa.STAGES


def actigraphy(person: int) -> str:
    """Text of one table: some values missing, a stretch excluded for person 40."""
    draw = np.random.default_rng(person)
    rows = [COLUMNS]
    for line in range(1, START + LENGTH + AFTER):
        off = draw.random() < 0.05
        count = "" if off else str(int(draw.gamma(0.5, 40)))
        lux = ["", "", "", ""] if off or draw.random() < 0.05 else [f"{v:.2f}" for v in draw.gamma(0.3, 20, 4)]
        interval = "EXCLUDED" if person == 40 and 60 <= line < 75 else "REST-S" if line % 2 else "ACTIVE"
        cells = [person, line, f"{20 + line // 120:02d}:{line // 2 % 60:02d}:{line % 2 * 30:02d}", int(off), count, 0]
        rows.append(",".join(map(str, [*cells, *lux, int(count != "" and int(count) > 20), interval, 3, 1, 1])))
    return "\n".join(rows) + "\n"


def profusion(stages) -> str:
    inner = "\n".join(f"<SleepStage>{stage}</SleepStage>" for stage in stages)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<CMPStudyConfig><EpochLength>30</EpochLength><ScoredEvents>'
        "<ScoredEvent><Name>Arousal</Name><Start>8.5</Start></ScoredEvent></ScoredEvents>"
        f"<SleepStages>{inner}</SleepStages></CMPStudyConfig>\n"
    )


def stages_of(person: int) -> list[int]:
    draw = np.random.default_rng(person + 10_000)
    return [int(code) for code in np.repeat(draw.choice([0, 0, 0, 1, 2, 3, 4, 5], LENGTH // 5), 5)]


def write(root: Path) -> Path:
    """All that the reader needs."""
    for place in ("actigraphy", "overlap", PROFUSION, "datasets"):
        (root / place).mkdir(parents=True)
    for person in PEOPLE:
        (root / "actigraphy" / f"mesa-sleep-{person:04d}.csv").write_text(actigraphy(person))
        (root / PROFUSION / f"mesa-sleep-{person:04d}-profusion.xml").write_text(profusion(stages_of(person)))
    lines = [f"{person},{START},20:05:30,20:05:28" for person in PEOPLE]
    (root / OVERLAP).write_text("\n".join(["mesaid,line,linetime,starttime_psg", *lines, ""]))
    sexes, races = ["male", "female"], ["white", "asian", "black or african american", "hispanic", "not reported"]
    rows = [f"{p},5,{54 + 3 * i},no,{sexes[i % 2]},{races[i % 5]}" for i, p in enumerate(PEOPLE)]
    head = "mesaid,examnumber,nsrr_age,nsrr_age_gt89,nsrr_sex,nsrr_race"
    (root / "datasets" / "mesa-sleep-harmonized-dataset-0.6.0.csv").write_text("\n".join([head, *rows, ""]))
    (root / "datasets" / "mesa-sleep-dataset-0.6.0.csv").write_text("\n".join(["mesaid", *map(str, PEOPLE), ""]))
    return root


def night_file(root: Path, person: int = 3) -> Path:
    return root / "actigraphy" / f"mesa-sleep-{person:04d}.csv"


def stage_file(root: Path, person: int = 3) -> Path:
    return root / PROFUSION / f"mesa-sleep-{person:04d}-profusion.xml"
