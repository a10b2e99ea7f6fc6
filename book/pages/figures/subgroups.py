"""Stage 5: calibration by segment."""

import numpy as np
import pandas as pd

from fairlib.report import style
from fairlib.report.style import SEGMENT_MARKERS, SEGMENTS, WIDTH, Drawn, axes
from fairlib.strategies import STRATEGY_NAMES
from fairlib.text import signed


def calibration(table: pd.DataFrame, attribute: str, names: tuple[str, ...]) -> Drawn:
    """Observed against predicted risk of each segment of an attribute, one panel a strategy; all seeds' bins are drawn.

    table: ``calibration`` of each model, with columns strategy and seed.
    """
    rows = table[(table["attribute"] == attribute) & table["strategy"].isin(names)]
    edge = float(np.clip(1.1 * rows[["predicted", "observed", "high"]].max().max(), 0.1, 1))
    figure, panels = axes(min(WIDTH, 3.6 * len(names)), 3.7, 1, len(names), sharey=True, squeeze=False)
    facts = []
    for panel, strategy in zip(panels[0], names, strict=True):
        panel.plot([0, edge], [0, edge], color=style.PALE, linewidth=0.8)
        for i, (segment, part) in enumerate(rows[rows["strategy"] == strategy].groupby("segment", sort=False)):
            spread = np.clip([part["observed"] - part["low"], part["high"] - part["observed"]], 0, None)
            panel.errorbar(part["predicted"], part["observed"], spread, fmt="none", ecolor=SEGMENTS[i], alpha=0.5)
            look = {"color": SEGMENTS[i], "markersize": 4.5, "linewidth": 0.8}
            for seed, (_, one) in enumerate(part.groupby("seed", sort=False)):
                label = segment if seed == 0 else None
                panel.plot(one["predicted"], one["observed"], f"{SEGMENT_MARKERS[i]}:", label=label, **look)
            off = np.average(part["predicted"] - part["observed"], weights=part["windows"])
            facts.append(f"{STRATEGY_NAMES[strategy]}, {segment}: predicted minus observed {signed(off)}")
        panel.set(xlim=(0, edge), ylim=(0, edge), title=STRATEGY_NAMES[strategy])
        panel.set_xlabel("predicted risk (recalibrated on validation)")
        panel.legend(loc="upper left")
    panels[0, 0].set_ylabel("observed share of positive windows")
    return figure, f"Calibration curves per segment of {attribute}, over the points shown. " + "; ".join(facts) + "."
