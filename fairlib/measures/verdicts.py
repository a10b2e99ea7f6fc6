"""What a comparison shows, in the protocol's words. More than one verdict may hold.

Each is read from intervals of differences (SSL − supervised) and from nothing else. Non-inferiority is never corrected
towards no difference.
"""

import pandas as pd
from scipy.special import stdtr

from ..inference import holm
from .estimands import AUC, CLAIM, FNR_GAP, FPR_GAP, GROUP_ERROR, OVERALL, D
from .evidence import EVERYONE
from .margins import Margins
from .operating import PRIMARY, SECONDARY, Point

NON_INFERIOR, SENSITIVITY = "AUC non-inferior", "AUC non-inferior, smaller margin"
SUPPORTED, EXCLUDED = "claim supported", "claim excluded"
SMALLER, LARGER, EQUIVALENT = "disparity smaller", "disparity larger", "disparity equivalent"
TOO_LITTLE, PAPER = "too little data", "the paper's claim"
NO_LEVELLING, LEVELLING, OPEN = "levelling down: none", "levelling down: in", "levelling down: open"


def verdicts(table: pd.DataFrame, point: Point = PRIMARY, margins: Margins | None = None) -> pd.DataFrame:
    """Every verdict on one pair of models at one operating point: columns verdict, holds, and low and high of the
    interval that it was read from.

    table: of ``estimands.differences``. An undefined interval (NaN) supports nothing.
    """
    margins = margins or Margins()
    auc, difference, claim = (_row(table, name, at) for name, at in ((AUC, ""), (D, point.name), (CLAIM, point.name)))
    within = -margins.equivalence < difference.low90 and difference.high90 < margins.equivalence
    found = {
        NON_INFERIOR: (auc.low > margins.auc, auc.low, auc.high),
        SENSITIVITY: (auc.low > margins.auc_sensitivity, auc.low, auc.high),
        SUPPORTED: (claim.high < 0, claim.low, claim.high),
        EXCLUDED: (claim.low > 0, claim.low, claim.high),
        SMALLER: (difference.high < 0, difference.low, difference.high),
        LARGER: (difference.low > 0, difference.low, difference.high),
        EQUIVALENT: (within, difference.low90, difference.high90),
    }
    nothing = not any(found[name][0] for name in (SUPPORTED, EXCLUDED, SMALLER, LARGER, EQUIVALENT))
    found[TOO_LITTLE] = (nothing, difference.low, difference.high)
    # Both must hold, so neither needs a correction for the other (intersection–union).
    found[PAPER] = (found[SUPPORTED][0] and found[NON_INFERIOR][0], claim.low, claim.high)
    found |= _levelling(table[(table["estimand"] == GROUP_ERROR) & (table["point"] == point.name)], margins.group)
    rows = [(name, bool(holds), float(low), float(high)) for name, (holds, low, high) in found.items()]
    return pd.DataFrame(rows, columns=["verdict", "holds", "low", "high"])


def _levelling(groups: pd.DataFrame, margin: float) -> dict[str, tuple[bool, float, float]]:
    """Levelling down: none, in each group whose error rises, or open; the ends are those of the group or the widest."""
    widest = (groups["low"].min(), groups["high"].max())
    none, worse = len(groups) > 0 and bool((groups["high"] < margin).all()), groups[groups["low"] > 0]
    return (
        {NO_LEVELLING: (none, *widest)}
        | {f"{LEVELLING} {row.group}": (True, row.low, row.high) for row in worse.itertuples()}
        | {OPEN: (not none and worse.empty, *widest)}
    )


def _row(table: pd.DataFrame, estimand: str, point: str):
    """The row of an estimand over all attributes; NaN throughout where no attribute can be judged."""
    rows = table[(table["estimand"] == estimand) & (table["point"] == point)]
    rows = rows[rows["group"].isin([EVERYONE[1], OVERALL])]
    return next(rows.reindex(rows.index if len(rows) else [-1]).itertuples())


def secondary(table: pd.DataFrame) -> pd.DataFrame:
    """The protocol's secondary comparisons with p, and p adjusted for all of them (Holm): D at the other operating
    points, gaps in FNR and FPR at the primary one. Whatever else a table holds is exploratory, and has no p.

    table: of ``estimands.differences``. Columns point, estimand, estimate, low, high, p, p_holm.
    """
    family = [(D, point.name) for point in SECONDARY] + [(name, PRIMARY.name) for name in (FNR_GAP, FPR_GAP)]
    rows = pd.DataFrame([_row(table, *one)._asdict() for one in family])
    p = 2 * stdtr(rows["freedom"], -(rows["estimate"] / rows["se"]).abs())
    rows = rows.assign(estimand=[name for name, _ in family], point=[at for _, at in family], p=p, p_holm=holm(p))
    return rows[["point", "estimand", "estimate", "low", "high", "p", "p_holm"]]
