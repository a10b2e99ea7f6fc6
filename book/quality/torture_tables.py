"""What the study survives, as small tables of text and one sentence."""

import pandas as pd

from fairlib import cards
from fairlib.text import count

from .torture import OTHERS, PARTS

SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def readers(table: pd.DataFrame) -> pd.DataFrame:
    """One row a reader. table: of ``torture.readers``."""
    out = table.map(count).rename_axis(columns=None)
    out.insert(0, "reader", [OTHERS.get(name) or cards.load(name).called for name in table.index])
    out.insert(1, "broken files", table.sum(axis=1).map(count))
    return out.reset_index(drop=True)


def part(table: pd.DataFrame, *names: str) -> pd.DataFrame:
    """One row a count of the named parts, and of what where they differ. table: of ``torture.load``."""
    rows = table[table["part"].isin(names)]
    out = pd.DataFrame({"of": rows["case"], "what": rows["what"], "count": rows["value"].map(_value)})
    return out if rows["case"].nunique() > 1 else out.drop(columns="of")


def finding(table: pd.DataFrame) -> str:
    """What was found, in words that hold whatever the numbers say. table: of ``torture.load``."""
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


def _value(value: float) -> str:
    if value == int(value):
        return count(value)
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{mantissa}\u00a0×\u00a010{str(int(exponent)).translate(SUPERSCRIPTS)}"
