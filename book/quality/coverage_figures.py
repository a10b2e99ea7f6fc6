"""Coverage: how often intervals hold the truth, a dot a case."""

import pandas as pd
from matplotlib.ticker import PercentFormatter

from fairlib.report.style import CONTROL, SEGMENTS, WIDTH, Drawn, axes, legend_below, parity_band
from fairlib.text import percent

from .coverage import HIGH, LOW


def dots(table: pd.DataFrame) -> Drawn:
    """A line a measure, a dot a case: filled for one scorer, open over training runs. table: of ``coverage.load``."""
    names = list(dict.fromkeys(table["measure"]))
    figure, panel = axes(WIDTH, 1.2 + 0.25 * len(names))
    parity_band(panel, LOW, HIGH)
    panel.axvline(0.95, color=CONTROL, linewidth=1)
    kinds = list(dict.fromkeys(table["over"]))
    for over, colour, marker, shift in zip(
        sorted(kinds), (SEGMENTS[1], SEGMENTS[0]), "Do", (-0.15, 0.15), strict=False
    ):
        own = table[table["over"] == over]
        place = own["measure"].map(names.index) + shift
        style = {"color": colour, "marker": marker, "linestyle": "none", "markersize": 4, "alpha": 0.7}
        panel.plot(own["coverage"], place, label=over, **style)
    panel.set_yticks(range(len(names)), names)
    panel.set_ylim(len(names) - 0.5, -0.5)
    panel.xaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
    panel.set_xlabel("share of intervals that hold the truth; shaded: 90 to 98 %")
    legend_below(figure, panel)
    worst, best = (table.loc[table["coverage"].agg(which)] for which in ("idxmin", "idxmax"))
    return figure, (
        f"Coverage of {len(names)} measures in {len(table)} cases; from {percent(worst['coverage'])}"
        f" ({worst['measure']}, {worst['case']}) to {percent(best['coverage'])} ({best['measure']}, {best['case']})."
    )
