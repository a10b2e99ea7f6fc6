"""A small cohort of one's own in YAIB's layout: hourly labels, and a table of people beside it."""

from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from fairlib.readers import template

WINDOW, STAYS, FIRST = 4, 60, 500
VARIABLES = {"hr": (80, 10), "temp": (37, 0.5), "crea": (1, 0.2)}
#: Of the first stays: one that ends before hour 4, and one with a true label before it.
SHORT, EARLY = FIRST, FIRST + 1
LAYOUT = {
    "person": "subject_id",
    "people": [{"file": "people.csv"}],
    "label": {"rule": "onset", "lead": 6},
}
ETHNICITY = {
    "privileged": "White",
    "segments": ["White", "Black"],
    "values": {"White": "White", "Black": "Black"},
    "missing": ["Unknown"],
}


def card(**changes) -> str:
    """The text of a card for the cohort."""
    numbers = {"people": 39, "windows": STAYS - 2, "timesteps": WINDOW, "access": "open", "name": "my_cohort"}
    content = yaml.safe_load(template.CARD.substitute(numbers))
    content["windows"]["channels"] = 2 * len(VARIABLES)
    content["expected"] = {"total": STAYS - 2, "total positive": 19}
    content["attributes"]["sex"] |= {"values": {"Male": "male", "Female": "female"}, "missing": []}
    content["attributes"]["ethnicity"] = ETHNICITY
    return yaml.safe_dump(content | changes, sort_keys=False)


def frames(seed=0) -> dict[str, pd.DataFrame]:
    """dyn, outc, sta and people of ``STAYS`` stays; every third is positive, and every third person has two stays."""
    draw, stays = np.random.default_rng(seed), np.arange(FIRST, FIRST + STAYS)
    lengths = np.where(stays == SHORT, WINDOW, draw.integers(WINDOW + 1, 12, STAYS))
    stay = np.repeat(stays, lengths)
    hour = np.concatenate([np.arange(length) for length in lengths])
    dyn = pd.DataFrame({"stay_id": stay, "time": pd.to_timedelta(hour, unit="h")})
    for name, (middle, spread) in VARIABLES.items():
        values = (middle + spread * draw.normal(size=len(dyn))).round(2)
        dyn[name] = np.where(draw.random(len(dyn)) < 0.6, values, np.nan)
    onset = np.where(stays % 3 == 0, WINDOW, 99)
    onset[1] = 2
    onset[0] = 99
    outc = dyn[["stay_id", "time"]].assign(label=hour >= np.repeat(onset, lengths))
    sta = pd.DataFrame({"stay_id": stays, "age": draw.integers(40, 91, STAYS).astype(float)})
    person = np.arange(STAYS) * 2 // 3  # of three stays two are one person's
    sta["sex"] = np.where(person % 2, "Male", "Female")
    ethnicity = np.where(person % 4 == 0, "Black", "White")
    people = pd.DataFrame({"stay_id": stays, "subject_id": [f"S{n:03d}" for n in person], "ethnicity": ethnicity})
    return {"dyn": dyn, "outc": outc, "sta": sta, "people": people}


def write(folder: Path, tables: dict[str, pd.DataFrame] | None = None, **layout) -> Path:
    """Write the cohort; layout: other keys of yaib.yaml."""
    folder.mkdir(exist_ok=True, parents=True)
    for name, table in (frames() if tables is None else tables).items():
        if name == "people":
            table.to_csv(folder / "people.csv", index=False)
        else:
            table.to_parquet(folder / f"{name}.parquet", index=False)
    (folder / "card.yaml").write_text(card(), encoding="utf-8")
    (folder / "yaib.yaml").write_text(yaml.safe_dump(LAYOUT | layout), encoding="utf-8")
    return folder
