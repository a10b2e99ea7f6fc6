"""PhysioNet/CinC Challenge 2019: archives or folders of one ``.psv`` a stay → ``Cohort``.

Layout: ``training_setA`` (a folder, .zip or .tar.gz, alone, in ``training`` or in the project's ZIP file) with
``p000001.psv`` … of one row an hour, and likewise ``training_setB``. Hospital B is sealed: kept for the confirmation,
and read only where it is named. Source: https://physionet.org/content/challenge-2019/1.0.0/.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from .. import cards
from ..cohort import Cohort, CohortError
from . import challenge2019_files as files_of
from . import counts as rows_of
from . import hourly
from .challenge2019_files import DEVELOPMENT, HOURS, SEALED, VARIABLES
from .splits import by_person


def read(path: Path | str, sets: Sequence[str] = DEVELOPMENT) -> Cohort:
    """Read hospitals in ``path`` into a cohort; a TWIN.json there makes it a twin.

    sets: names of the hospitals, "A" unless others are named. A cohort with hospital B says so.

    The cohort: stays whose last hour (ICULOS) is 24 or later, and whose label is 0 in each row until then. A stay is
    positive if its label is 1 later; the label is shifted by design, to six hours before the clinical onset.

    Returns windows (n, 24, 68): 34 variables at 1-hour steps, hour 1 first, and their observation masks, prepared as
    ``hourly.cohort`` says. Hours before the first row of a record were not measured.

    Raises ``CohortError`` naming file, line and value for anything the format does not allow.
    """
    path = Path(path)
    card, traps, windows, parts, split = cards.load("challenge2019"), Counter(), [], [], []
    places, steps = files_of.find_sets(path, sets)
    known: set[str] = set()
    for name, place in places.items():
        with tqdm(desc=f"hospital {name}", unit="stay", mininterval=2) as bar:
            chosen, stays = [], []
            for grids, block in files_of.blocks(place, name, traps):
                chosen.append(grids[_studied(block)])
                stays.append(block)
                bar.update(len(block))
        stays = pd.concat(stays, ignore_index=True)
        if again := sorted(known & set(stays["person"])):
            raise CohortError(
                f"{place}: record {again[0]} is in another hospital too ({len(again)} such case(s)); keep it in one"
            )
        known |= set(stays["person"])
        steps += _steps(name, stays, card)
        stays = stays[_studied(stays)].reset_index(drop=True)
        order = np.argsort(stays["person"].to_numpy(str))  # whatever the order of an archive
        windows.append(np.concatenate(chosen)[order])
        parts.append(stays.iloc[order].assign(hospital=name))
        split.append(by_person(parts[-1]["person"].to_numpy(str), parts[-1]["sepsis"].to_numpy()))
    stays = pd.concat(parts, ignore_index=True)
    n, late = len(stays), stays["first"]
    for words, rows in (("begins after hour 1", late > 1), (f"begins after hour {HOURS}", late > HOURS)):
        steps.append((f"stays whose record {words}", int(rows.sum()), int(rows.sum()), "kept, masks 0 until then"))
    y, alone = stays["sepsis"].to_numpy(np.int8), tuple(places) == DEVELOPMENT
    return hourly.cohort(
        *(card, path, steps, traps, np.concatenate(windows), VARIABLES, _attributes(stays, len(places) > 1)),
        lambda name, row: f"{stays['file'][row]}, {name}",
        *(y, stays["person"].to_numpy(str), np.concatenate(split)),
        [f"hospital {name}" for name in places if name in SEALED],
        {"hospital": "; it is an attribute where two hospitals are read"} if len(places) == 1 else None,
        stays=(n, card.expected["total"] if alone else n),
        with_sepsis=(int(y.sum()), card.expected["total sepsis"] if alone else None),
    )


def _studied(stays: pd.DataFrame) -> pd.Series:
    """Which stays are in the cohort."""
    return (stays["last"] >= HOURS) & ~stays["early"]


def _steps(name: str, stays: pd.DataFrame, card: cards.Card) -> list[rows_of.Step]:
    """What a hospital holds beside the card, and what is left out of the cohort."""
    parts = {"stays": ("", len(stays)), "hours": (" hours", int(stays["hours"].sum()))}
    parts["with sepsis"] = (" sepsis", int(stays["sepsis"].sum()))
    pairs = {words: (count, card.expected[f"hospital {name}{part}"]) for words, (part, count) in parts.items()}
    seal, short = "sealed; " * (name in SEALED), stays["last"] < HOURS
    left = [
        (f"stays shorter than {HOURS} hours", short, "left out: the window is not complete"),
        (f"stays with label 1 until hour {HOURS}", ~short & stays["early"], "left out: nothing is left to predict"),
    ]
    return [
        (f"hospital {name}: record files", len(stays), len(stays), seal + rows_of.beside_card(**pairs)),
        *((f"hospital {name}: {words}", int(rows.sum()), int(rows.sum()), note) for words, rows, note in left),
    ]


def _attributes(stays: pd.DataFrame, several: bool) -> pd.DataFrame:
    """Raw attributes as the card knows them; the hospital where several are read."""
    unit = np.select([stays["Unit1"] == 1, stays["Unit2"] == 1], ["Unit1", "Unit2"], "")
    raw = pd.DataFrame({"gender": stays["Gender"].map({0: "0", 1: "1"}), "age": stays["Age"], "unit": unit})
    return raw.assign(hospital=stays["hospital"]) if several else raw
