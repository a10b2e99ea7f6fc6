"""Privacy of the attrition table: no count that is withheld follows from a total, a neighbour or another table.

A reader's rows are totals (what was read, what remains), counts of what was left out, counts of what was kept but is
incomplete, and the sizes of splits and cohort. Sizes are shown elsewhere too, and what was read is the cohort and all
that was left out: one small count gives every total away, and every total gives the small count away. So totals go.
"""

import re

import pandas as pd

from ..cohort import SPLITS
from ..text import count

#: What a reader's note may count; small numbers of them are withheld.
COUNTED = "rows|stays|deaths|people|windows|records|admissions|epochs|participants|surveys|nights|days|values|asleep"
COUNTED += "|depressed"
#: How the note of a row begins whose counts are withheld though they may be large.
WITHHELD = "withheld"
WHY = f"{WITHHELD}: a small count could be computed from it"
#: A total of people of whom something is known: the others of the cohort are unknown.
KNOWN = "participants with demographics"
REMAIN = r"[\d,]+ stays remain"


def withhold(table: pd.DataFrame, rule: str, minimum: int, sizes: pd.DataFrame, segments: pd.DataFrame) -> pd.DataFrame:
    """The attrition table as it may be shown: small counts missing, and all from which they could be computed.

    Where a count of what was read or left out is small, the totals of the reader are withheld, and how many remain
    after a step. Rows of splits follow ``sizes`` and unknown segments follow ``segments`` (of
    ``evidence.cohort_tables``): what is withheld there is withheld here. A row that is withheld though its counts may
    be large has a note that begins with ``WITHHELD``.
    """
    if rule == "synthetic":
        return table
    out = table.copy()
    for column in ("windows", "people"):
        out[column] = out[column].where(~out[column].between(1, minimum - 1))
    few = rf"(?<![\d,.])(?:{'|'.join(map(str, range(1, minimum)))}) (?={COUNTED})"
    out["note"] = out["note"].str.replace(few, f"fewer than {minimum} ", regex=True)
    small = out[["windows", "people"]].isna().any(axis=1) | out["note"].str.contains(f"fewer than {minimum} ")
    counts = table[["windows", "people"]].sum(axis=1) > 0  # rows that only count rows of a file are in no total
    kinds = pd.Series(map(_kind, table["step"], table["note"]), table.index, dtype=object)
    hidden, unknown = _hidden(sizes, segments, table)
    total = kinds == "total"
    if (small & counts & kinds.isin(["left out", "total"])).any():
        hidden |= set(out.index[total & counts])
        out["note"] = out["note"].str.replace(REMAIN, f"how many remain is {WITHHELD}", regex=True)
    elif unknown:
        hidden |= set(out.index[table["step"] == KNOWN])
    for row in hidden:
        for column in ("windows", "people"):
            out.loc[row, column] = 0 if table.loc[row, column] == 0 else None
        named = "" if re.search(r"\d|remain", table.loc[row, "note"]) else table.loc[row, "note"]
        out.loc[row, "note"] = f"{WHY}; {named}" if named else WHY
    out["note"] = [_without_card(*notes, minimum) for notes in zip(out["note"], table["note"], strict=True)]
    return out


def nearly(here: float, whole: float, minimum: int) -> bool:
    """Whether so few are lacking that their number is a small count."""
    return 1 <= abs(whole - here) < minimum


def _kind(step: str, note: str) -> str:
    if step == "cohort" or _split(step):
        return "size"
    if step.startswith("left out") or note.startswith("left out") or note.endswith("left out"):
        return "left out"
    return "kept" if note.startswith(("kept", "none", "on the card")) else "total"


def _split(step: str) -> str | None:
    """The split whose size a row tells, if any."""
    return next((name for name in SPLITS if step == name or step.startswith(f"{name} list")), None)


def _hidden(sizes: pd.DataFrame, segments: pd.DataFrame, table: pd.DataFrame) -> tuple[set, bool]:
    """Rows that tell what the tables of sizes or of segments withhold; and whether unknown people are withheld."""
    splits = set(sizes.loc[sizes["people"].isna(), "split"])
    unknown = segments[(segments["split"] == "all") & (segments["segment"] == "unknown") & segments["people"].isna()]
    told = table["step"].map(_split).isin(splits) | table["step"].isin(unknown["attribute"] + " unknown")
    if len(unknown):
        told |= table["note"].str.startswith("kept, all unknown") & (table["people"] > 0)
    return set(table.index[told]), len(unknown) > 0


def _without_card(note: str, before: str, minimum: int) -> str:
    """A note without the card's counts where those that are here are nearly all: the few others were left out."""
    found = re.match(r"you have (.*?), the card says ([^;]*)", before)
    if not found:
        return note
    here, whole = (
        [int(number.replace(",", "")) for number in re.findall(r"[\d,]*\d", part)] for part in found.groups()
    )
    if any(nearly(*pair, minimum) for pair in zip(here, whole, strict=False)):
        return re.sub(r", the card says [^;]*", ", nearly as many as the card says", note)
    return note


def counted(row: dict, column: str, minimum: int) -> str:
    """A count of an attrition row in words: nothing for none, under the threshold, withheld, or the number."""
    if pd.isna(row[column]) and row["note"].startswith(WITHHELD):
        return WITHHELD
    return "" if row[column] == 0 else count(row[column], minimum)
