"""A template for your own data: a folder in the layout of ``readers.table``, filled with a small made-up example; or
the card and the layout of a cohort that YAIB wrote.

The example has one severity a window, as the twins do: it raises heart rate and skin temperature, lowers steps, and
decides the label. The heart rate of people from 65 on is noisier, which is its planted disparity.
"""

from pathlib import Path
from string import Template

import numpy as np
import pandas as pd
from scipy.special import expit

from .. import cards
from ..cohort import CohortError
from ..seeds import generator
from . import yaib_files
from .yaib_layout import LABEL, LAYOUT, STAY, TIME

CARD, COHORT_CARD, COHORT_LAYOUT = (
    Template(Path(__file__).with_name(f"template{name}.yaml").read_text(encoding="utf-8"))
    for name in ("_card", "_yaib_card", "_yaib")
)
#: The example of the book: ``write(folder, **EXAMPLE)``.
EXAMPLE = {"people": 150, "windows": 2, "timesteps": 24, "access": "synthetic", "name": "example_table", "split": True}


#: Hours of the window in a new card of a cohort.
HOURS = 24


def is_cohort(folder: Path | str) -> bool:
    """Whether a folder holds what YAIB writes, and no card yet."""
    return (Path(folder) / "dyn.parquet").exists() and not (Path(folder) / cards.CARD).exists()


def describe(folder: Path | str) -> Path:
    """Write card.yaml and yaib.yaml for the cohort in ``folder``, with its numbers and the label rule that fits.

    Sex and age of ``sta`` are the attributes, and each stay is a person, until the two files say more. Raises
    ``CohortError`` for a cohort that cannot be read, and where there is a yaib.yaml already.
    """
    folder = Path(folder)
    files = yaib_files.find(folder, "table")
    if (folder / LAYOUT).exists():
        raise CohortError(f"{folder / LAYOUT} is there already; remove it, so that nothing is overwritten")
    timed = TIME in yaib_files.columns(files["outc"])
    outc = yaib_files.table(files["outc"], [STAY, LABEL])
    variables = len(yaib_files.columns(files["dyn"])) - 2
    if outc[LABEL].isin([0, 1]).all():
        label = "{rule: onset, lead: 6}" if timed else "{rule: stay}"
    else:
        label = f"{{rule: {'hour' if timed else 'stay'}, above: {outc[LABEL].median():g}}}"
    numbers = {"timesteps": HOURS, "channels": 2 * variables, "variables": variables, "stays": outc[STAY].nunique()}
    for name, text in ((cards.CARD, COHORT_CARD), (LAYOUT, COHORT_LAYOUT)):
        (folder / name).write_bytes(text.substitute(numbers, label=label).encode())
    return folder


def write(
    folder: Path | str,
    people: int = 40,
    windows: int = 2,
    timesteps: int = 6,
    access: str = "restricted",
    name: str = "my_data",
    split: bool = False,
    seed: int = 0,
) -> Path:
    """Write card.yaml, windows.csv, labels.csv and people.csv for ``people`` × ``windows`` made-up windows.

    ``access`` is the strictest unless told otherwise, so that a card that is filled in half protects real people.
    ``split``: give labels.csv a column split, with 40 % of the people in test, so that segments of few are judged.
    Raises ``CohortError`` for a folder that holds anything already. The same arguments give the same bytes.
    """
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise CohortError(f"{folder} is not empty; give a new folder, so that nothing is overwritten")
    draw = generator(seed, "template")
    n = people * windows
    person = np.array([f"p{i:03d}" for i in range(1, people + 1)])
    age, sex = draw.integers(30, 95, people), draw.choice(["M", "F", "?", ""], people, p=[0.47, 0.47, 0.03, 0.03])
    row = np.repeat(np.arange(people), windows)
    window = np.char.add(np.char.add(person[row], "-"), (np.arange(n) % windows + 1).astype(str))
    severity = draw.normal(size=n)
    label = (draw.random(n) < expit(2.5 * severity - 0.8)).astype(int)
    hour = np.tile(np.arange(timesteps), (n, 1))
    blur = np.where(age[row] >= 65, 2.5, 1.0)[:, None]
    daily = np.sin(2 * np.pi * (hour - 8) / 24)
    day, effect = draw.normal(size=(3, n, timesteps)), severity[:, None]
    heart = 68 + 8 * daily + 5 * effect + blur * (4 * day[0] + 3 * draw.normal(size=(n, 1)))
    steps = np.maximum(0, 300 * (1 + daily) * np.exp(0.4 * day[1] - 0.4 * effect))
    skin = 33.5 + 0.25 * effect + 0.4 * day[2]
    cells = {"heart_rate": np.rint(heart), "steps": np.rint(steps), "skin_temperature": skin.round(1)}
    table = {"person": np.repeat(person[row], timesteps), "window": np.repeat(window, timesteps), "time": hour.ravel()}
    for channel, values in cells.items():
        seen = draw.random(values.size) > 0.03  # a few values are missing, as they are in life
        table[channel] = pd.Series(values.ravel()).where(seen)
        if channel != "skin_temperature":
            table[channel] = table[channel].astype("Int64")
    numbers = {"people": people, "windows": n, "timesteps": timesteps, "access": access, "name": name}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / cards.CARD).write_bytes(CARD.substitute(numbers).encode())
    labels = {"window": window, "label": label}
    if split:
        labels["split"] = np.array(["train"] * 9 + ["val"] * 3 + ["test"] * 8)[row % 20]
    tables = {"windows": table, "labels": labels, "people": {"person": person, "sex": sex, "age": age}}
    for file, columns in tables.items():
        pd.DataFrame(columns).to_csv(folder / f"{file}.csv", index=False, lineterminator="\n")
    return folder
