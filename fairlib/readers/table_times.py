"""Times of one's own windows: numbers or dates, in order, and as far apart as the card says."""

import re
from pathlib import Path

import numpy as np
import pandas as pd

from .. import cards
from ..cohort import CohortError
from . import counts as rows_of
from . import files as files_of

AGAIN = "copy or export it again"
#: Seconds of the units in which a card says its step, largest first.
SECONDS = {"week": 604_800, "day": 86_400, "hour": 3600, "minute": 60, "second": 1}
_STEP = re.compile(r"(?:(\d+(?:\.\d+)?)|(half)(?: an?)?)?\W*(week|day|dai|d|hour|h|minute|min|second|sec|s)(?:s|ly)?")
#: Rows are one step apart if they are so many steps apart: clocks of devices are not exact.
NEAR = (0.5, 1.5)
#: Parts of a second that dates are counted in.
_PARTS = {"s": 1, "ms": 1e3, "us": 1e6, "ns": 1e9}
AUTUMN = (
    "; local times repeat an hour when summer time ends, so write them in UTC, or with their offset as in"
    " 2024-10-27T02:00+01:00"
)


def read(file: Path, table: pd.DataFrame, card: cards.Card) -> tuple[pd.Series, rows_of.Step]:
    """Times of the rows as numbers; and an attrition row: windows whose rows are not one step apart.

    table: person, window and time of each row. Raises ``CohortError`` for a time that is none, that is in a window
    twice or goes back, and for dates that are usually not as far apart as the card's step.
    """
    said = table["time"]
    number, parts = _numbers(file, said)
    hint = AUTUMN if parts else ""
    files_of.refuse_repeated(file, table[["window"]].assign(time=number), table[["window"]].assign(time=said), hint)
    apart = number.groupby(table["window"], sort=False).diff()
    if (late := apart < 0).any():
        raise CohortError(
            f"{files_of.at(file, table, late)}, column time: window {table.loc[late, 'window'].iloc[0]} goes back in"
            f" time; sort the rows by window and time{hint}"
        )
    return number, _one_step(file, table, apart, parts, card)


def seconds(step: str) -> float | None:
    """How long a step is that a card names in words; None where the words say no length.

    >>> seconds("1 hour"), seconds("30 s"), seconds("half an hour"), seconds("daily"), seconds("a heartbeat")
    (3600.0, 30.0, 1800.0, 86400.0, None)
    """
    found = _STEP.fullmatch(step.strip().lower())
    if not found:
        return None
    unit = next(length for name, length in SECONDS.items() if name[0] == found[3][0])
    return (float(found[1]) if found[1] else 0.5 if found[2] else 1.0) * unit


def _numbers(file: Path, column: pd.Series) -> tuple[pd.Series, float]:
    """Times as numbers, and how many of them a second has; 0 where only whoever wrote them knows."""
    number = pd.to_numeric(column, errors="coerce") if not pd.api.types.is_datetime64_any_dtype(column) else column
    if number.isna().all():
        number = pd.to_datetime(column, errors="coerce", format="ISO8601", utc=True)
    odd = number.isna() | number.isin([np.inf, -np.inf])
    files_of.refuse(file, odd, "time", column, "a number or an ISO date", f"correct it, or {AGAIN}")
    if pd.api.types.is_datetime64_any_dtype(number):
        return number.astype("int64"), _PARTS[number.dt.unit]
    return number.astype(float), 0


def _one_step(file: Path, table: pd.DataFrame, apart: pd.Series, parts: float, card: cards.Card) -> rows_of.Step:
    """Attrition row: windows with rows that are not one step apart. The step is the card's where times are dates, else
    the usual one. apart: time since the row before in its window."""
    usual, wanted = apart.median(), seconds(card.windows.step)
    step = wanted * parts if wanted and parts else usual
    if parts and not pd.isna(usual) and not NEAR[0] <= usual / step <= NEAR[1]:
        raise CohortError(
            f"{file}, column time: rows of a window are usually {_words(usual / parts)} apart, and the card says"
            f" {card.windows.step}; correct windows.step in {cards.CARD}, or the times"
        )
    odd = table[~apart.between(NEAR[0] * step, NEAR[1] * step) & apart.notna()]
    what = card.windows.step if parts and wanted else "the usual step"
    note = f"kept in their order: some rows are less than half of {what} apart, or more than one and a half"
    return (
        "windows with other time steps",
        odd["window"].nunique(),
        odd["person"].nunique(),
        note if len(odd) else "none",
    )


def _words(length: float) -> str:
    """Seconds in the largest unit that they fill."""
    unit = next((name for name, of in SECONDS.items() if length >= of), "second")
    return f"{length / SECONDS[unit]:.3g} {unit}{'' if length == SECONDS[unit] else 's'}"
