"""How often the study's intervals hold the truth, from the table that ``python -m tests.coverage`` leaves here.

A 95 % interval may hold the truth in 90 to 98 of 100 cohorts; what lies outside is named. Of cross-fitted intervals,
which ``python -m tests.coverage_crossfit`` counts, 93 to 97 are asked for, beyond the error of so many cohorts.
"""

import numpy as np
import pandas as pd
from matplotlib.ticker import PercentFormatter

from fairlib.report.style import CONTROL, SEGMENTS, WIDTH, Drawn, axes, legend_below, lines, parity_band
from fairlib.text import percent

LOW, HIGH = 0.90, 0.98
ASKED = (0.93, 0.97)  # of cross-fitted intervals
SHORTFALL, EXCESS, FINE = "too seldom", "more often than asked", "as asked"


def judged(table: pd.DataFrame) -> pd.DataFrame:
    """The kept table, a row a case, with ``coverage``, the share of defined intervals that hold the truth, and its
    ``verdict``; where no interval is defined, that is too seldom."""
    coverage = table["inside"] / (table["intervals"] - table["undefined"])
    verdict = [EXCESS if share > HIGH else FINE if share >= LOW else SHORTFALL for share in coverage]
    return table.assign(coverage=coverage, verdict=verdict)


def by_measure(table: pd.DataFrame) -> pd.DataFrame:
    """One row a measure and kind of interval: over all its cases together, and the lowest and the highest of them.

    table: of ``judged``. Columns: measure, over, intervals, inside, undefined, below and above (shares of defined
    intervals that lie wholly below or above the truth), cases, coverage, lowest, highest.
    """
    rows = table.groupby(["measure", "over"], sort=False)
    out = rows[["intervals", "inside", "undefined", "below", "above"]].sum()
    defined = out["intervals"] - out["undefined"]
    out = out.assign(coverage=out["inside"] / defined, below=out["below"] / defined, above=out["above"] / defined)
    each = rows["coverage"]
    return out.assign(cases=rows.size(), lowest=each.min(), highest=each.max()).reset_index()


def dots(table: pd.DataFrame) -> Drawn:
    """One line per measure, one dot per case: filled for one scorer, open over training runs. table: of ``judged``."""
    names = list(dict.fromkeys(table["measure"]))
    figure, panel = axes(WIDTH, 1.2 + 0.25 * len(names))
    parity_band(panel, LOW, HIGH)
    panel.axvline(0.95, color=CONTROL, linewidth=1)
    looks = zip((SEGMENTS[1], SEGMENTS[0]), "Do", (-0.15, 0.15), strict=True)
    for (over, own), (colour, marker, shift) in zip(table.groupby("over"), looks, strict=False):
        place = own["measure"].map(names.index) + shift
        style = {"color": colour, "marker": marker, "linestyle": "none", "markersize": 4, "alpha": 0.7}
        panel.plot(own["coverage"], place, label=over, **style)
    lines(panel, names)
    panel.xaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
    panel.set_xlabel("share of intervals that hold the truth; shaded: 90 to 98 %")
    legend_below(figure, panel)
    worst, best = (table.loc[table["coverage"].agg(which)] for which in ("idxmin", "idxmax"))
    return figure, (
        f"Coverage of {len(names)} measures in {len(table)} cases; from {percent(worst['coverage'])}"
        f" ({worst['measure']}, {worst['case']}) to {percent(best['coverage'])} ({best['measure']}, {best['case']})."
    )


def finding(table: pd.DataFrame) -> str:
    """What was found, in words that hold whatever the numbers say. table: of ``judged``."""
    counts = table["verdict"].value_counts()
    text = (
        f"Of {len(table)} cases, the 95 % intervals hold the truth in {percent(LOW)} to {percent(HIGH)} of cohorts for"
        f" {counts.get(FINE, 0)}, more often for {counts.get(EXCESS, 0)}, and less often for {counts.get(SHORTFALL, 0)}"
    )
    short = table[table["verdict"] == SHORTFALL]
    named = [f"{row.measure} ({row.case}, {row.over}): {percent(row.coverage)}" for row in short.itertuples()]
    return f"{text}{': ' if named else ''}{'; '.join(named)}."


def by_estimand(table: pd.DataFrame) -> pd.DataFrame:
    """One row an estimand over the cells of ``coverage_crossfit.csv`` (scenario × model × point × group) that have
    intervals: how many, their mean coverage, the lowest and the highest with its scenario, and the mean length."""
    known = table[table["coverage"].notna()]
    rows = known.groupby("estimand", sort=False)
    ends = {name: known.loc[rows["coverage"].agg(which)] for name, which in (("low", "idxmin"), ("high", "idxmax"))}
    out = pd.DataFrame({"cells": rows.size(), "mean": rows["coverage"].mean(), "length": rows["length"].mean()})
    for name, own in ends.items():
        own = own.set_index("estimand")
        out = out.assign(**{name: own["coverage"], f"{name}_where": own["scenario"]})
    return out.reset_index()


def cells(table: pd.DataFrame) -> Drawn:
    """One line per estimand, one dot per cell with its Monte-Carlo interval. table: ``coverage_crossfit.csv``."""
    known = table[table["coverage"].notna()]
    names = list(dict.fromkeys(known["estimand"]))
    figure, panel = axes(WIDTH, 1.2 + 0.4 * len(names))
    parity_band(panel, *ASKED)
    panel.axvline(0.95, color=CONTROL, linewidth=1)
    place = known.groupby("estimand").cumcount() / known.groupby("estimand")["coverage"].transform("size")
    place = known["estimand"].map(names.index) + 0.7 * (place - 0.5)
    reach = [2 * known["error"], np.minimum(2 * known["error"], 1 - known["coverage"])]  # a share is at most 1
    panel.errorbar(known["coverage"], place, xerr=reach, fmt="o", color=SEGMENTS[0], markersize=2.5, elinewidth=0.4)
    lines(panel, names)
    panel.xaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
    panel.set_xlabel("share of intervals that hold the truth, ± 2 Monte-Carlo errors; shaded: 93 to 97 %")
    return figure, f"Coverage of {len(names)} cross-fitted estimands in {len(known)} cells: {_span(known)}."


def _span(known: pd.DataFrame) -> str:
    """Mean, lowest and highest coverage in words."""
    worst, best = (known.loc[known["coverage"].agg(which)] for which in ("idxmin", "idxmax"))
    return (
        f"{percent(known['coverage'].mean())} on average, from {percent(worst['coverage'])} ({worst['estimand']},"
        f" {worst['scenario']}) to {percent(best['coverage'])}"
    )


def below_asked(table: pd.DataFrame) -> pd.DataFrame:
    """The cells whose coverage is below what is asked for by more than two Monte-Carlo errors."""
    return table[table["coverage"] + 2 * table["error"] < ASKED[0]]


def wrong_verdicts(table: pd.DataFrame) -> pd.DataFrame:
    """One row a verdict that can be wrong, of ``coverage_crossfit_verdicts.csv``: how often it is given though not true
    in the scenario where that happens most often, and how often it is given where it is true in most cohorts."""
    known = table[table["wrong"].notna()]
    worst = known.loc[known.groupby("verdict", sort=False)["wrong"].idxmax()].set_index("verdict")
    right = known[known["true"] > 0.5].groupby("verdict")["given"].max()
    return worst.assign(right=right).reset_index()[["verdict", "scenario", "wrong", "error", "cohorts", "right"]]


def crossed_finding(table: pd.DataFrame, verdicts: pd.DataFrame) -> str:
    """What was found, in words that hold whatever the numbers say."""
    known, short = table[table["coverage"].notna()], below_asked(table)
    worst = wrong_verdicts(verdicts).sort_values("wrong").iloc[-1]
    named = "; ".join(f"{row.estimand}, {row.group}, {row.scenario}" for row in short.itertuples())
    return (
        f"Cross-fitted intervals hold the truth in {_span(known)}. {len(short)} of {len(known)} cells are below"
        f" {percent(ASKED[0])} by more than two Monte-Carlo errors{': ' * bool(named)}{named}. The verdict that is"
        f" wrong most often is “{worst['verdict']}” ({percent(worst['wrong'])} of {worst['cohorts']} cohorts, scenario"
        f" “{worst['scenario']}”)."
    )
