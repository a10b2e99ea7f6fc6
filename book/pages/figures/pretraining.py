"""Stage 2: F-views and the loss curve."""

import numpy as np
import pandas as pd

from fairlib.cards import Card
from fairlib.report.style import SEGMENT_LINES, SEGMENTS, WIDTH, Drawn, axes, legend_below
from fairlib.text import number


def views(table: pd.DataFrame, steps: list[str], averaged: int, card: Card) -> Drawn:
    """F-views: a typical window in four measured channels, and two views of it.

    table: "views" of the results; steps: names of what makes a view, in order; averaged: windows in the typical one.
    """
    chosen = [name for name in table if name not in ("panel", "step") and table[name].notna().any()]
    titles = {"window": "a window" if averaged == 1 else f"average of {averaged:,} windows"}
    longest = max(map(len, chosen))
    columns = 4 if longest <= 18 else 2 if longest <= 40 else 1
    figure, panels = axes(WIDTH, 2.6 + 0.2 * (4 // columns), 1, 3, sharey=True)
    for panel, (kind, part) in zip(panels, table.groupby("panel", sort=False), strict=True):
        for i, name in enumerate(chosen):
            look = {"color": SEGMENTS[i], "linestyle": SEGMENT_LINES[i], "linewidth": 1.2}
            panel.plot(part[name].to_numpy(), label=name, **look)
        panel.set(title=titles.get(kind, kind), xlabel=f"time in steps of {card.windows.step}")
    panels[0].set_ylabel("standardised value")
    legend_below(figure, panels[0], columns=columns)
    what = "one synthetic window" if averaged == 1 else f"the average of {averaged:,} windows"
    made = f"made by {' then '.join(steps)}; the views differ in size and sign only"
    return figure, f"Four channels of {what} and two views of it, {made}."


def losses(curves: dict[int, np.ndarray]) -> Drawn:
    """Pre-training loss against the optimiser step, one line a seed, smoothed by a running median of 25 steps."""
    figure, panel = axes(WIDTH, 2.8)
    for i, (seed, values) in enumerate(curves.items()):
        width = min(25, max(1, len(values) // 4))
        smooth = pd.Series(values).rolling(width, min_periods=1, center=True).median()
        look = {"color": SEGMENTS[i % len(SEGMENTS)], "linestyle": SEGMENT_LINES[i % 4]}
        panel.plot(smooth, label=f"seed {seed}", **look)
    panel.set(xlabel="optimiser step", ylabel="NT-Xent loss")
    legend_below(figure, panel, columns=5)
    ends = "; ".join(f"seed {s}: {number(v[:10].mean(), 2)} to {number(v[-10:].mean(), 2)}" for s, v in curves.items())
    return figure, f"Pre-training loss over {len(values):,} steps, mean of the first ten steps to the last ten: {ends}."
