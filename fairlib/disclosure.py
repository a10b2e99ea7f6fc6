"""Privacy by the card's ``access``: the numbers of small segments are suppressed in every table."""

from collections.abc import Iterable

import pandas as pd

#: Columns that name a row; all others of a table are numbers about people.
NAMES = ("dataset", "source", "recipe", "strategy", "seed", "split", "scope", "metric", "attribute", "segment")


def withheld(people: float, events: float, access: str, minimum: int, non_events: float | None = None) -> str | None:
    """Why the numbers of a segment must not be shown, or None if they may be.

    Parameters
    ----------
    people, events: participants in the segment, and those with an event; missing counts are suppressed.
    access: "synthetic", "open" or "restricted", as on the data card.
    minimum: smallest count that may be shown (``min_cell`` of the card); zero counts as small, since "nobody died" says
        something about everybody in the segment.
    non_events: participants without an event, if it is not ``people - events``.
    """
    if access not in ("synthetic", "open", "restricted"):
        raise ValueError(f"access must be synthetic, open or restricted, got {access!r}")
    if access == "synthetic":
        return None
    non_events = people - events if non_events is None else non_events
    if people >= minimum and events >= minimum and non_events >= minimum:
        return None
    return f"withheld: fewer than {minimum} people or events"


def suppress(
    table: pd.DataFrame,
    access: str,
    minimum: int,
    people: str = "people",
    events: str = "events",
    non_events: str | None = None,
    values: Iterable[str] | None = None,
    label: str = "note",
) -> pd.DataFrame:
    """A copy of a table of segments in which suppressed rows keep their names only.

    Parameters
    ----------
    non_events: column of participants without an event, where one may have both; default people − events.
    values: columns to empty beside ``people`` and ``events``; None: every column not in ``NAMES``.
    label: column that receives the reason ("" for rows that are shown).

    For restricted data, suppression is complementary: rows that share every name but the segment (of one attribute, one
    split …) add up to a total, so a single suppressed segment could be recomputed from the others. The next smallest
    segments are suppressed too (secondary suppression), until all suppressed ones together are not a small count.

    Raises ``ValueError`` if a segment appears twice in such a group: the names are incomplete, and the rule would fail.
    """
    out = table.reset_index(drop=True)
    counts = out[[people, events]].astype(float)
    counts["without"] = counts[people] - counts[events] if non_events is None else out[non_events].astype(float)
    reasons = [withheld(n, k, access, minimum, m) for n, k, m in counts.itertuples(index=False)]
    notes = pd.Series(reasons, index=out.index, dtype=object)
    if access == "restricted":
        names = [name for name in NAMES if name in out and name != "segment"]
        for _, group in out.groupby(names, dropna=False, observed=True) if names else [((), out)]:
            if "segment" in out and group["segment"].duplicated().any():
                raise ValueError(
                    f"a segment appears twice under one {' and '.join(names)}; tell the rows apart by name"
                )
            _complement(counts.loc[group.index], notes, minimum)
    if values is None:
        values = [name for name in out if name not in (*NAMES, people, events, non_events, label)]
    hidden = notes.notna()
    for name in {people, events, non_events or people}:
        out[name] = out[name].astype(float).where(~hidden)
    for name in values:
        out[name] = out[name].where(~hidden)
    out[label] = notes.where(hidden, out.get(label, ""))
    return out.set_axis(table.index)


def _complement(counts: pd.DataFrame, notes: pd.Series, minimum: int) -> None:
    """Secondary suppression: further rows of a group in ``notes``, smallest first, until they protect each other."""
    hidden = [row for row in counts.index if notes[row] is not None]
    if not hidden:
        return
    shown = list(counts.drop(hidden).sort_values(counts.columns[0], kind="stable").index)
    while shown and _small(counts.loc[hidden].sum(), minimum):
        hidden.append(shown.pop(0))
    # The same reason for all: which of them is the small one is not said.
    notes[hidden] = f"withheld: fewer than {minimum} people or events, or next to such a segment"


def _small(total: pd.Series, minimum: int) -> bool:
    return withheld(total.iloc[0], total.iloc[1], "restricted", minimum, total.iloc[2]) is not None
