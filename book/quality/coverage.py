"""How often the study's intervals hold the truth, from the table that ``python -m tests.coverage`` leaves here.

A 95 % interval may hold the truth in 90 to 98 of 100 cohorts; what lies outside is named.
"""

import pandas as pd
from matplotlib.ticker import PercentFormatter

from fairlib.report.style import CONTROL, SEGMENTS, WIDTH, Drawn, axes, legend_below, lines, parity_band
from fairlib.text import percent

LOW, HIGH = 0.90, 0.98
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
