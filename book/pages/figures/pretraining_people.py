"""The named pair by who is in the pre-training."""

import numpy as np
import pandas as pd

from fairlib.measures.estimands import AUC
from fairlib.report import style
from fairlib.report.style import CHANCE_EDGE, COLOURS, INK, MARKERS, SMALL, WIDTH, Drawn, axes
from fairlib.strategies import PRIMARY as NAMED
from fairlib.text import with_interval


def forest(rows: pd.DataFrame) -> Drawn:
    """A panel per quantity, a line per choice of people: the difference SSL − supervised with its interval.

    Dashed: the difference with everyone in the pre-training. rows: of ``tables.pretraining_people.gather``, of one
    dataset.
    """
    quantities, names = rows["quantity"].unique(), list(rows["who"].unique())
    height = -(-len(quantities) // 2)
    figure, panels = axes(WIDTH, 0.6 + height * (0.9 + 0.24 * len(names)), height, 2, squeeze=False, sharey=True)
    facts = []
    for panel, quantity in zip(panels.flat, quantities, strict=False):
        own = rows[rows["quantity"] == quantity]
        at = [names.index(name) for name in own["who"]]
        panel.axvline(0, color=INK, linewidth=0.8)
        for usual in own.loc[own["usual"], "estimate"]:
            panel.axvline(usual, color=CHANCE_EDGE, linestyle="--", label="with everyone in the pre-training")
        style.intervals(panel, at, own["low"], own["high"], COLOURS[NAMED], (-np.inf, np.inf))
        panel.plot(
            own["estimate"], at, MARKERS[NAMED], color=COLOURS[NAMED], linestyle="none", label="SSL − supervised"
        )
        style.lines(panel, names, fontsize=SMALL)
        panel.set_title(quantity)
        panel.set_xlabel(f"{'right' if quantity == AUC else 'left'}: SSL is better", fontsize=SMALL)
        told = (f"{row.who} {with_interval(row.estimate, row.low, row.high, sign=True)}" for row in own.itertuples())
        facts.append(f"{quantity}: {'; '.join(told)}")
    for panel in panels.flat[len(quantities) :]:
        panel.remove()
    style.legend_below(figure, *panels.flat[: len(quantities)])
    return figure, f"Difference SSL − supervised by who is in the pre-training. {'. '.join(facts)}."
