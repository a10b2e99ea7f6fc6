"""Channels of one's own data: which columns of windows must be none, and values far from the others."""

import re
from pathlib import Path

import numpy as np
import pandas as pd

from .. import cards
from ..channels import are_masks, masks_of
from ..cohort import CohortError
from . import counts as rows_of

#: A value more than so many interquartile ranges from the training median is far from the others.
FAR = 10
#: Columns of the tables that are no measurement, and what they are.
NAMES = {"label": "the label", "split": "the split", "person": "the person", "window": "the window", "time": "the time"}
#: What programs call the number of a row that they write beside a table, and a column without a name.
INDEX = {"index", "level0", "indexlevel0", "row", "rownumber", "rownames", "rowid"}
UNNAMED = re.compile(r"(unnamed\d*)?")


def refuse(file: Path, table: pd.DataFrame, channels: list[str], card: cards.Card) -> None:
    """A ``CohortError`` where a channel by its name is the label, a key, the split or an attribute, or a row number.

    Case, spaces and signs do not count in names: ``Label``, `` label_``.
    """
    bad = {}
    for channel in channels:
        name = _plain(channel)
        if why := no_measurement(channel, card):
            bad[channel] = why
        elif _counts_rows(table[channel], loosely=_is_index(channel)):
            bad[channel] = "it is the number of a row, as programs write it beside a table, and no measurement"
        elif UNNAMED.fullmatch(name):
            bad[channel] = "it has no name; give it one if it is a measurement, else"
    for mask in np.flatnonzero(are_masks(masks_of(channels))):
        if not table[channels[mask]].isin([0, 1]).all():  # else the study would take it for what was measured
            raise CohortError(
                f"{file}, column {channels[mask]!r}: it has the name of an observation mask, which is 1 where its"
                " variable was measured and 0 elsewhere, and holds something else; rename it if it is a measurement"
            )
    _say(file, bad, channels)


def is_index(name: str, column: pd.Series) -> bool:
    """Whether a column beside people's attributes counts rows: by its name, or since it runs from 0 or 1."""
    first = pd.to_numeric(column[:1], errors="coerce").isin([0, 1]).all()
    return _counts_rows(column, True) if _is_index(name) else bool(first) and _counts_rows(column, False)


def no_measurement(channel: str, card: cards.Card) -> str:
    """Why a channel by its name is none, "" where it may be one."""
    known = {_plain(name): f"attribute {name!r} of {cards.CARD}" for name in card.attributes} | NAMES
    found = known.get(_plain(channel))
    return f"it has the name of {found}, which is no measurement" if found else ""


def refuse_labels(file: Path, windows: pd.DataFrame, channels: list[str], labels: pd.DataFrame) -> None:
    """A ``CohortError`` where a channel is the label under another name: one value in all windows of each class.

    Cells may be empty, but not in more than half of the windows: few values can agree by chance.
    """
    y = windows["window"].map(labels.set_index("window")["label"]).to_numpy()
    bad = {}
    for channel in channels:
        values = windows[channel].to_numpy()
        seen = ~np.isnan(values) & ~np.isnan(y)
        found = [values[seen & (y == outcome)] for outcome in (0, 1)]
        if any(len(own) == 0 or own.min() != own.max() for own in found) or found[0][0] == found[1][0]:
            continue
        if 2 * windows.loc[seen, "window"].nunique() > len(labels):
            no, yes = (f"{own[0]:g}" for own in found)
            bad[channel] = f"it is {yes} wherever the label is 1 and {no} wherever it is 0, so that it tells the label"
    _say(file, bad, channels)


def _say(file: Path, bad: dict[str, str], channels: list[str]) -> None:
    for channel, why in bad.items():
        others = f" ({len(bad)} such columns: {', '.join(map(repr, bad))})" if len(bad) > 1 else ""
        raise CohortError(
            f"{file}, column {channel!r}: {why}{'' if why.endswith('else') else ';'} leave it out of {file.name}, and"
            f" write windows.channels: {len(channels) - len(bad)} in {cards.CARD}{others}"
        )


def _is_index(name: str) -> bool:
    return _plain(name) in INDEX or bool(UNNAMED.fullmatch(_plain(name)))


def _plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name).casefold()


def _counts_rows(column: pd.Series, loosely: bool) -> bool:
    """Whether the column counts the rows of the file; loosely: of a larger file, or before its rows were sorted."""
    number = pd.to_numeric(column, errors="coerce").astype(float)
    if len(number) < 2 or number.isna().any():
        return False
    return bool((number.diff()[1:] == 1).all() or (loosely and (number % 1 == 0).all() and number.is_unique))


def far(values: np.ndarray, train: np.ndarray, channels: list[str], person: np.ndarray) -> rows_of.Step:
    """Attrition row: values far from the others of their channel, as another unit in some of the files makes them."""
    odd = np.zeros(values.shape, dtype=bool)
    for column in range(values.shape[2]):
        seen = values[train, :, column]
        low, middle, high = np.nanquantile(seen, (0.25, 0.5, 0.75)) if (~np.isnan(seen)).any() else (0, 0, 0)
        if high > low:
            odd[:, :, column] = np.abs(values[:, :, column] - middle) > FAR * (high - low)
    found = {name: int(odd[:, :, column].sum()) for column, name in enumerate(channels)}
    named = ", ".join(f"{number:,} values of {name}" for name, number in found.items() if number)
    rows = odd.any(axis=(1, 2))
    note = f"kept: {named}, beyond {FAR} interquartile ranges of the median; mixed units?" if named else "none"
    return "values far from the others", int(rows.sum()), len(set(person[rows])), note
