"""What was planted in each twin, what can be detected, and what was found."""

import numpy as np
import pandas as pd

from fairlib.measures.planted import AUC_GAP
from fairlib.report import style
from fairlib.report.style import CHANCE_EDGE, COLOURS, INK, MARKERS, SHADE, SMALL, WIDTH, Drawn, axes
from fairlib.strategies import STRATEGY_NAMES
from fairlib.text import signed

from ..tables.planted import PAIR

EDGES = (-0.6, 0.3)


def against_found(rows: pd.DataFrame) -> Drawn:
    """F-planted: a panel a twin, a line a segment; the truth as a cross, found differences in AUC as dots.

    Shaded: smaller than detectable. Filled: dial turned; hollow: dial at zero, where the truth is 0. rows: of
    ``tables.planted.gather``.
    """
    rows = rows[(rows["measure"] == AUC_GAP) & (rows["model"].isin(PAIR) | rows["model"].isna())]
    figure, panels = axes(WIDTH, 6.4, 2, 2, sharex=True)
    facts = []
    for panel, (twin, own) in zip(panels.flat, rows.groupby("twin", sort=False), strict=False):
        expected = own[own["dial"] == "turned"].drop_duplicates(["attribute", "segment"])
        names = [f"{row.segment}\n{row.planted}" for row in expected.itertuples()]
        at = np.arange(len(names))
        panel.barh(
            at, 2 * expected["detectable"], left=-expected["detectable"], height=0.8, label="not detectable", **SHADE
        )
        panel.axvline(0, color=CHANCE_EDGE, linewidth=0.8)
        panel.plot(expected["truth"], at, "x", color=INK, markersize=8, label="truth", zorder=4)
        style.lines(panel, names, fontsize=SMALL)
        panel.set_xlim(*EDGES)
        for i, ((model, dial), found) in enumerate(own.dropna(subset="model").groupby(["model", "dial"], sort=False)):
            place, colour = at + 0.18 * (i - 1.5), COLOURS[model]
            style.intervals(panel, place, found["low"], found["high"], colour, EDGES)
            look = {"color": colour, "markerfacecolor": colour if dial == "turned" else "white", "markersize": 4}
            panel.plot(found["mean"], place, MARKERS[model], label=f"{STRATEGY_NAMES[model]}, dial {dial}", **look)
        panel.set_title(twin if own["model"].notna().any() else f"{twin}\n(not computed yet)")
        facts += [_told(twin, row, own) for row in expected.itertuples()]
    for panel in panels[1]:
        panel.set_xlabel("ΔAUC, segment − privileged")
    style.legend_below(figure, *panels.flat)
    return figure, f"Planted and found differences in AUC in {rows['twin'].nunique()} twins. {'; '.join(facts)}."


def _told(twin: str, row, own: pd.DataFrame) -> str:
    here = own[(own["attribute"] == row.attribute) & (own["segment"] == row.segment) & (own["dial"] == "turned")]
    found = [f"{STRATEGY_NAMES[r.model]} {signed(r.mean, 2)}" for r in here.dropna(subset="model").itertuples()]
    return f"{twin}, {row.segment}: truth {signed(row.truth, 2)}, found {', '.join(found) or 'not computed yet'}"
