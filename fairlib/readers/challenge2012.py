"""PhysioNet/CinC Challenge 2012: tarballs or extracted folders of one text file a stay → ``Cohort``.

Layout: ``set-a.tar.gz`` (or a folder ``set-a``) with ``<RecordID>.txt`` of rows ``Time,Parameter,Value``, beside
``Outcomes-a.txt``, and likewise set b. Set c is sealed: kept for the confirmation, and read only where it is named.
Source: https://physionet.org/content/challenge-2012/1.0.0/.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from .. import cards
from ..cohort import Cohort, CohortError
from . import challenge2012_files as files_of
from . import counts as rows_of
from . import hourly
from .challenge2012_files import VARIABLES
from .hourly import CLIP as CLIP
from .splits import by_person

#: Attribute of the card → descriptor that holds it.
NAMED = {"gender": "Gender", "age": "Age", "icu_type": "ICUType"}
#: Where else ages may be cut than on the card: lower ends of bands, in years.
AGE_BANDS = (0, 50, 65, 75)


def read(path: Path | str, sets: Sequence[str] = files_of.DEVELOPMENT) -> Cohort:
    """Read sets in ``path`` into a cohort; a TWIN.json there makes it a twin.

    sets: names of those to read; of a and b those that are there, of any other choice all. A cohort with set c says so.

    Returns windows (n, 48, 72): 36 variables at 1-hour steps (last value in the hour, carried forward, before the first
    measurement the training median; clipped and standardised with training statistics), then their 36 observation
    masks (1 = measured in this hour).

    Raises ``CohortError`` naming file, line and value for anything the format does not allow.
    """
    path = Path(path)
    found, steps = files_of.find_sets(path, sets)
    card, counts, grids, raw, labels, split = cards.load("challenge2012"), Counter(), [], [], [], []
    known: set[str] = set()
    for name in found:
        outcomes = files_of.read_outcomes(path / f"Outcomes-{name}.txt")
        records = dict(files_of.records(path, name, len(outcomes), counts))
        files_of.match(path, name, records, outcomes)
        if again := sorted(records.keys() & known):
            raise CohortError(
                f"{path}: record {again[0]} is in set-{name} and in another set ({len(again)} such case(s)); keep it in"
                " one"
            )
        known |= records.keys()
        for record, text in tqdm(records.items(), desc=f"set {name}", unit="stay", mininterval=2):
            grid, descriptors = files_of.parse(text, f"set-{name}/{record}.txt", record, counts)
            grids.append(grid)
            raw.append(descriptors | {"file": f"set-{name}/{record}.txt"})
        deaths = np.array([outcomes[record] for record in records], dtype=np.int8)
        labels.append(deaths)
        split.append(by_person(np.array(list(records)), deaths))
        has = {part: card.expected[f"set-{name}{part}"] for part in ("", " deaths")}
        note = rows_of.beside_card(stays=(len(records), has[""]), deaths=(int(deaths.sum()), has[" deaths"]))
        seal = "sealed; " * (name in files_of.SEALED)
        steps.append((f"set {name}: record files with an outcome", len(records), len(records), seal + note))
    frame = pd.DataFrame(raw)
    person, whole = frame.pop("RecordID").to_numpy(), sum(card.expected[f"set-{name}"] for name in set(sets))
    return hourly.cohort(
        *(card, path, steps, counts, np.stack(grids), VARIABLES, frame),
        lambda name, row: f"{frame['file'][row]}, {NAMED[name]}",
        *(np.concatenate(labels), person, np.concatenate(split)),
        [f"set {name}" for name in found if name in files_of.SEALED],
        stays=(len(person), whole),
    )


def finer(path: Path | str, sets: Sequence[str] = files_of.DEVELOPMENT) -> pd.DataFrame:
    """Attributes in finer bands than the card's, by person: a column ``age band``, its lower end (missing: unknown)."""
    path, found = Path(path), {}
    for name in files_of.find_sets(path, sets)[0]:
        outcomes = files_of.read_outcomes(path / f"Outcomes-{name}.txt")
        for record, text in files_of.records(path, name, len(outcomes), Counter()):
            found[int(record)] = files_of.parse(text, record, record, Counter())[1]["age"]
    ages = pd.Series(found, dtype=float)
    lower = np.array(AGE_BANDS, dtype=float)[np.searchsorted(AGE_BANDS, ages, side="right") - 1]
    return pd.DataFrame({"age band": np.where(ages.notna(), lower, np.nan)}, index=ages.index)
