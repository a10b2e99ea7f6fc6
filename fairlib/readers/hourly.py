"""Hourly values of intensive-care stays → ``Cohort``: what the readers of the two challenges do alike."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ..cards import Card
from ..cohort import Cohort
from ..scaling import standardise
from . import counts as rows_of
from .units import Outside

#: Measured values are clipped to these quantiles of the training values (a temperature of -17.8 °C is 0 °F).
CLIP = (0.005, 0.995)


def cohort(
    card: Card,
    path: Path,
    steps: list[rows_of.Step],
    traps: Counter,
    values: np.ndarray,
    variables: Sequence[str],
    raw: pd.DataFrame,
    where: Callable[[str, int], str],
    y: np.ndarray,
    person: np.ndarray,
    split: np.ndarray,
    sealed: Sequence[str],
    unknown: dict[str, str] | None = None,
    **found: tuple[int, int | None],
) -> Cohort:
    """Values (n, hours, V) float32 in ``variables``' order, NaN where nothing was measured, and n stays → their cohort.

    Windows are (n, hours, 2 V): the variables (last value carried forward, before the first measurement the training
    median; clipped to ``CLIP`` and standardised with training statistics), then an observation mask each.

    path: the folder, for errors. steps: rows of the attrition table so far; traps: rows of the files that were odd.
    raw, where: see ``counts.segments``. sealed: parts that were read although they are kept for the confirmation.
    unknown: what else to say of an attribute's unknown values. found: counts of the cohort, see ``counts.beside_card``.

    Raises ``CohortError`` for values in another unit, and for an attribute that the card does not know.
    """
    n = len(values)
    empty = int((~np.isfinite(values).any(axis=(1, 2))).sum())
    steps = [*steps, ("stays without any measurement", empty, empty, "kept: every value imputed, every mask 0")]
    steps += [(trap, 0, 0, f"{count:,} rows") for trap, count in sorted(traps.items())]
    outside = Outside(variables)
    outside.look(values)
    steps.append(outside.step(person, path, "kept, clipped to the quantiles of the training stays"))
    attributes = rows_of.segments(card, raw, where)
    steps += rows_of.of_attributes(attributes, person, card, unknown)
    measured, masks = values.copy(), (~np.isnan(values)).astype(np.float32)
    note = f"{rows_of.beside_card(**found)}; clipped, imputed and scaled with statistics of"
    note += f" the training stays{standardise(values, split == 'train', variables, CLIP)}"
    steps.append(("cohort", n, n, note))
    x = np.concatenate([values, masks], axis=2)
    channels = (*variables, *(f"mask {variable}" for variable in variables))
    more = {"measured": measured, "clip": CLIP, "sealed": tuple(sealed)}
    return rows_of.cohort(card, [path], steps, x, y, person, attributes, split, channels, **more)
