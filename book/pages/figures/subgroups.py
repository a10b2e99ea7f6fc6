"""Stage 5: calibration by segment."""

import numpy as np
import pandas as pd

from fairlib.report import style
from fairlib.report.style import SEGMENTS, WIDTH, Drawn, axes
from fairlib.strategies import STRATEGY_NAMES
from fairlib.text import signed

ENDS, POINTS = ("observed", "low", "high"), 40


def calibration(table: pd.DataFrame, attribute: str, names: tuple[str, ...]) -> Drawn:
    """Observed against predicted risk of each segment of an attribute, one panel per strategy: the mean over runs with
    its band over people, and each run thinly.

    table: ``calibration`` of each model, with columns strategy and seed.
    """
    rows = table[(table["attribute"] == attribute) & table["strategy"].isin(names)]
    edge = float(np.clip(1.1 * rows[["predicted", "observed", "high"]].max().max(), 0.1, 1))
    figure, panels = axes(min(WIDTH, 3.6 * len(names)), 3.7, 1, len(names), sharey=True, squeeze=False)
    facts = []
    for panel, strategy in zip(panels[0], names, strict=True):
        panel.plot([0, edge], [0, edge], color=style.PALE, linewidth=0.8)
        for i, (segment, part) in enumerate(rows[rows["strategy"] == strategy].groupby("segment", sort=False)):
            runs = [one.sort_values("predicted") for _, one in part.groupby("seed", sort=False)]
            ends = max(one["predicted"].iloc[0] for one in runs), min(one["predicted"].iloc[-1] for one in runs)
            at = np.linspace(*ends, POINTS)
            mean, low, high = (
                np.mean([np.interp(at, one["predicted"], one[of]) for one in runs], axis=0) for of in ENDS
            )
            for one in runs if len(runs) > 1 else ():
                panel.plot(one["predicted"], one["observed"], color=SEGMENTS[i], linewidth=0.6, alpha=0.35)
            panel.fill_between(at, low, high, color=SEGMENTS[i], alpha=0.15, linewidth=0)
            panel.plot(at, mean, style.SEGMENT_LINES[i % 4], color=SEGMENTS[i], linewidth=2, label=segment)
            off = np.average(part["predicted"] - part["observed"], weights=part["windows"])
            facts.append(f"{STRATEGY_NAMES[strategy]}, {segment}: predicted minus observed {signed(off)}")
        panel.set(xlim=(0, edge), ylim=(0, edge), title=STRATEGY_NAMES[strategy])
        panel.set_xlabel("predicted risk (recalibrated on validation)")
        panel.legend(loc="upper left")
    panels[0, 0].set_ylabel("observed share of positive windows")
    return figure, f"Calibration curves per segment of {attribute}, over the points shown. " + "; ".join(facts) + "."
