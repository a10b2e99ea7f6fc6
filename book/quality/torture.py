"""What the study survives, from the table that ``make torture`` leaves here: a row a count."""

import pandas as pd

from fairlib import cards
from fairlib.text import count

#: What a whole run tries.
PARTS = ("readers", "kills", "damage", "disk", "workflow", "repeated", "offline")
#: How a reader may answer a broken file.
ANSWERS = ["refused", "read as before", "read, and counted", "read with other values"]
#: Readers of data that bring their own card.
OWN = {"table": "your own table", "yaib": "your own cohort in YAIB's layout"}
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def readers(table: pd.DataFrame) -> pd.DataFrame:
    """One row a reader, a column an answer: how many broken files got it, and of how many ("files")."""
    rows = table[table["part"] == "readers"]
    wide = rows.pivot_table(index="case", columns="what", values="value", aggfunc="sum", fill_value=0, sort=False)
    wide = wide.reindex(columns=ANSWERS, fill_value=0).rename(index=_title)
    return wide.assign(files=wide.sum(axis=1)).rename_axis(index="reader").reset_index()


def _title(reader: str) -> str:
    """What a reader reads, in words: the title of its dataset's card."""
    dataset, _, raw = reader.partition("_")
    return OWN.get(dataset) or cards.load(dataset).title + ", raw tables" * bool(raw)


def written(value: float) -> str:
    """A count, or a small difference as a power of ten."""
    if value == int(value):
        return count(value)
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{mantissa}\u00a0×\u00a010{str(int(exponent)).translate(SUPERSCRIPTS)}"


def finding(table: pd.DataFrame) -> str:
    """What was found, in words that hold whatever the numbers say. table: as kept."""
    broken = table.loc[table["part"] == "readers", "value"].sum()
    kills = table.loc[table["what"] == "kills", "value"].sum()
    differ = table.loc[table["what"].str.startswith("files that differ"), "value"].sum()
    missing = [name for name in PARTS if not (table["part"] == name).any()]
    return (
        f"{count(broken)} broken files were read, each with an answer in words or a cohort that was checked. After"
        f" {count(kills)} kills, {count(differ)} files differed from those of an undisturbed run."
        + f" Not run yet with this code: {', '.join(missing)}."
        * bool(missing)
    )
