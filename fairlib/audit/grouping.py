"""Groups by the values of columns that no data card explains; what is assumed of them is said in sentences."""

from pathlib import Path

import numpy as np
import pandas as pd

from ..cards import NOTHING, RESERVED, Card
from ..cohort import CohortError
from ..readers import files, spelling, table_channels

MOST_GROUPS = 20  # a column with more texts names people, not groups
MOST_NUMBERS = 10  # a column with more different numbers is cut at its median
SMALL = Card.model_fields["min_cell"].default
TODO = "correct it, or leave the column out"


def by_values(file: Path, raw: pd.DataFrame, notes: list[str]) -> dict[str, pd.Series]:
    """Column → categorical groups, a cut at the median for numbers; ``notes`` gets a sentence per assumption.

    raw: texts, the index named and counting as in the file. Raises ``CohortError`` for what a spreadsheet damaged, ages
    that nobody has, and groups that only the case of their letters tells apart.
    """
    found = {}
    for name, values in raw.items():
        values = _known(name, values, notes)
        different = values.nunique()
        if name in RESERVED:
            notes.append(f"Column {name} is not used: it tells no group.")
        elif table_channels.is_index(name, values):
            notes.append(f"Column {name} is not used: it is the number of a row.")
        elif different and values.dropna().map(lambda text: spelling.no_number(text) == spelling.DATE).all():
            notes.append(f"Column {name} is not used: dates are no groups.")
        elif different > MOST_NUMBERS and (number := _numbers(file, name, values)) is not None:
            found[name] = _cut(name, number, notes)
        elif different > MOST_GROUPS:
            notes.append(f"Column {name} is not used: {different:,} different texts are no groups.")
        else:
            _refuse_odd(file, name, values)
            codes = [text for text in values.dropna().unique() if spelling.is_missing(text)]
            if codes:
                notes.append(f"{name} {', '.join(sorted(codes))} is a group here; empty the cells if it means unknown.")
            found[name] = pd.Series(pd.Categorical(values.reset_index(drop=True)))
    return found


def _known(name: str, values: pd.Series, notes: list[str]) -> pd.Series:
    """Values without those that say that nothing is known; "none" is an answer."""
    texts = [text for text in values.dropna().unique() if text.lower() != "none"]
    nothing = {text for text in texts if text.lower() in NOTHING or spelling.is_missing(text, codes=False)}
    rows = values.isin(nothing)
    if rows.any():
        notes.append(f"{_many(rows)} rows have {', '.join(sorted(nothing))} as {name}: taken as unknown.")
    return values.mask(rows)


def _many(rows: pd.Series) -> str:
    return f"{rows.sum():,}" if rows.sum() >= SMALL else f"Fewer than {SMALL}"


def _numbers(file: Path, name: str, values: pd.Series) -> pd.Series | None:
    """(n, 2) from where to where each number lies, NaN where it is unknown; None where a value is no number."""
    exact, odd = files.as_number(values)
    ends = {text: spelling.bounds(text) for text in values[odd].unique()}
    if exact.isna().all() or not all(ends.values()):
        return None
    if files.AGE & set(name.lower().split("_")):
        bad = exact.notna() & ~exact.between(*files.YEARS)
        files.refuse(file, bad, name, values, f"years from {files.YEARS[0]} to {files.YEARS[1]}", files.EMPTY)
    ranges = np.array([ends.get(text) or (np.nan, np.nan) for text in values])
    low, high = (exact.where(exact.notna(), ranges[:, end]) for end in (0, 1))
    return pd.DataFrame({"low": low, "high": high}).reset_index(drop=True)


def _cut(name: str, number: pd.DataFrame, notes: list[str]) -> pd.Series:
    finite = number["low"].where(np.isfinite(number["low"]), number["high"])
    cut = float(finite.median())
    notes.append(f"{name} is cut at its median, {cut:g}; a data card can cut it elsewhere.")
    both = (number["low"] < cut) & (number["high"] >= cut)
    if both.any():
        notes.append(f"{_many(both)} rows may lie on either side of it: their {name} is unknown.")
    codes = np.where(number["low"].isna() | both, -1, number["low"] >= cut)
    return pd.Series(pd.Categorical.from_codes(codes, [f"below {cut:g}", f"{cut:g} or more"]))


def _refuse_odd(file: Path, name: str, values: pd.Series) -> None:
    """Raise for values that a spreadsheet made, and for two groups that are one but for case or signs."""
    for text in values.dropna().unique():
        if why := spelling.damage(text):
            files.refuse(file, values == text, name, values, f"a group, not {why}", TODO)
    texts = pd.Series(values.dropna().unique(), dtype=str)
    same = texts.str.casefold()
    if (twice := same.duplicated()).any():
        pair = texts[same == same[twice].iloc[0]].map(files.shown)
        raise CohortError(
            f"{file}, column {name}: {' and '.join(pair)} differ only in case; write each group in one way"
        )
