"""PhysioNet/CinC Challenge 2012: tarballs or extracted folders of one text file a stay → ``Cohort``.

Layout: ``set-a.tar.gz`` (or a folder ``set-a``) with ``<RecordID>.txt`` of rows ``Time,Parameter,Value``, beside
``Outcomes-a.txt``; any subset of the sets a, b, c. Source: https://physionet.org/content/challenge-2012/1.0.0/.
"""

import hashlib
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from .. import cards
from ..cohort import Cohort, CohortError, attrition_table
from . import challenge2012_files as files_of
from . import counts as rows_of
from .challenge2012_files import HOURS as HOURS  # also for the twin
from .challenge2012_files import OUTCOME_COLUMNS as OUTCOME_COLUMNS
from .challenge2012_files import VARIABLES
from .units import Outside

#: Measured values are clipped to these quantiles of the training values (a temperature of -17.8 °C is 0 °F).
CLIP = (0.005, 0.995)
#: Written by ``fairlib.twins.challenge2012``: these files are synthetic.
TWIN_MARK = "TWIN.json"
#: Attribute of the card → descriptor that holds it.
NAMED = {"gender": "Gender", "age": "Age", "icu_type": "ICUType"}


def read(path: Path | str, sets: tuple[str, ...] | None = None, origin: str | None = None) -> Cohort:
    """Read the sets found in ``path`` (or the named ``sets``, e.g. ``("a", "b")``) into a cohort.

    ``origin``: "twin" or "real"; by default "twin" where a TWIN.json lies in ``path``.

    Returns windows (n, 48, 72): 36 variables at 1-hour steps (last value in the hour, carried forward, before the first
    measurement the training median; clipped and standardised with training statistics), then their 36 observation
    masks (1 = measured in this hour).

    Raises ``CohortError`` naming file, line and value for anything the format does not allow.
    """
    path = Path(path)
    found, steps = files_of.find_sets(path, sets)
    twin = (path / TWIN_MARK).exists()
    if twin and origin == "real":
        raise CohortError(f"{path} holds {TWIN_MARK}: its files are synthetic and cannot be read as real")
    card, counts, grids, raw, labels, split = cards.load("challenge2012"), Counter(), [], [], [], []
    known: set[str] = set()
    for name in found:
        outcomes = files_of.read_outcomes(path / f"Outcomes-{name}.txt")
        records = dict(files_of.records(path, name, len(outcomes), counts))
        files_of.match(path, name, records, outcomes)
        if not records:
            raise CohortError(
                f"{path}: set-{name} and Outcomes-{name}.txt hold no record at all; fetch the files again"
            )
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
        split.append(_split(list(records), deaths))
        has = {part: card.expected[f"set-{name}{part}"] for part in ("", " deaths")}
        note = rows_of.beside_card(stays=(len(records), has[""]), deaths=(int(deaths.sum()), has[" deaths"]))
        steps.append((f"set {name}: record files with an outcome", len(records), len(records), note))
    values, split = np.stack(grids), np.concatenate(split)
    frame = pd.DataFrame(raw)
    n, person = len(values), frame.pop("RecordID").to_numpy()
    empty = int((~np.isfinite(values).any(axis=(1, 2))).sum())
    steps.append(("stays without any measurement", empty, empty, "kept: every value imputed, every mask 0"))
    for trap, count in sorted(counts.items()):
        steps.append((trap, 0, 0, f"{count:,} rows"))
    outside = Outside(VARIABLES)
    outside.look(values)
    steps.append(outside.step(person, path, "kept, clipped to the quantiles of the training stays"))
    attributes = rows_of.segments(card, frame, lambda name, row: f"{frame['file'][row]}, {NAMED[name]}")
    steps += rows_of.of_attributes(attributes, person, card)
    x, statistics_note = _standardise(values, split == "train")
    note = rows_of.beside_card(stays=(n, card.expected["total"]))
    steps.append(("cohort", n, n, f"{note}; {statistics_note}"))
    return Cohort(
        x=x,
        y=np.concatenate(labels),
        person=person,
        attributes=attributes,
        split=split,
        channels=(*VARIABLES, *(f"mask {variable}" for variable in VARIABLES)),
        card=card,
        origin=origin or ("twin" if twin else "real"),
        attrition=attrition_table(steps),
    )


def _split(records: list[str], deaths: np.ndarray) -> np.ndarray:
    """70 % train, 15 % val, 15 % test within each outcome, ordered by a hash of the RecordID.

    The hash makes the split of a set independent of which other sets are there, and of the order of the files.
    """
    split = np.empty(len(records), dtype=object)
    order = np.argsort([hashlib.sha256(record.encode()).hexdigest() for record in records], kind="stable")
    for outcome in (0, 1):
        rows = order[deaths[order] == outcome]
        first, second = round(0.70 * len(rows)), round(0.85 * len(rows))
        split[rows[:first]], split[rows[first:second]], split[rows[second:]] = "train", "val", "test"
    return split.astype(str)


def _standardise(values: np.ndarray, train: np.ndarray) -> tuple[np.ndarray, str]:
    """Clip, impute and scale with statistics of the measured *training* values; append the masks."""
    observed = np.isfinite(values)
    x = np.empty((*values.shape[:2], 2 * values.shape[2]), dtype=np.float32)
    x[:, :, values.shape[2] :] = observed
    rows = np.arange(values.shape[1])[None, :, None]
    latest = np.maximum.accumulate(np.where(observed, rows, -1), axis=1)  # hour of the last measurement, -1: none yet
    unmeasured = []
    for column, variable in enumerate(VARIABLES):
        known = values[train, :, column][observed[train, :, column]].astype(np.float64)
        if known.size == 0:
            unmeasured.append(variable)
            known = np.zeros(1)
        low, high = np.quantile(known, CLIP)
        clipped = np.clip(known, low, high)
        mean, sd, median = clipped.mean(), clipped.std() or 1.0, np.median(known)
        filled = np.take_along_axis(values[:, :, column], np.maximum(latest[:, :, column], 0), axis=1)
        filled = np.where(latest[:, :, column] >= 0, np.clip(filled, low, high), median)
        x[:, :, column] = (filled - mean) / sd
    note = "clipped, imputed and scaled with statistics of the training stays"
    if unmeasured:
        note += f"; never measured in training: {', '.join(unmeasured)}"
    return x, note
