"""Coverage: how often intervals hold the truth, a dot a case."""

import pandas as pd

from ..coverage import HIGH, LOW
from ..tables.text import percent
from .style import CONTROL, FAIR_BAND, SEGMENTS, SUPERVISED, Drawn, axes


def dots(table: pd.DataFrame) -> Drawn:
    """A line a measure, a dot a case: filled for one scorer, open over training runs. table: of ``coverage.load``."""
    names = list(dict.fromkeys(table["measure"]))
    figure, panel = axes(7.4, 1.0 + 0.27 * len(names))
    panel.axvspan(LOW, HIGH, color=FAIR_BAND, zorder=0)
    panel.axvline(0.95, color=CONTROL, linewidth=1)
    kinds = list(dict.fromkeys(table["over"]))
    for over, colour, marker, shift in zip(sorted(kinds), (SUPERVISED, SEGMENTS[0]), "Do", (-0.15, 0.15), strict=False):
        own = table[table["over"] == over]
        place = own["measure"].map(names.index) + shift
        style = {"color": colour, "marker": marker, "linestyle": "none", "markersize": 4, "alpha": 0.7}
        panel.plot(own["coverage"], place, label=over, **style)
    panel.set_yticks(range(len(names)), names, fontsize=8)
    panel.set_ylim(len(names) - 0.5, -0.5)
    panel.set_xlabel("share of intervals that hold the truth (band: 90 to 98 %)")
    figure.legend(loc="outside upper right", ncols=2)
    worst, best = (table.loc[table["coverage"].agg(which)] for which in ("idxmin", "idxmax"))
    return figure, (
        f"Coverage of {len(names)} measures in {len(table)} cases; from {percent(worst['coverage'])}"
        f" ({worst['measure']}, {worst['case']}) to {percent(best['coverage'])} ({best['measure']}, {best['case']})."
    )
