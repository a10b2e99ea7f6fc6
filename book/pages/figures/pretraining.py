"""Stage 2: F-views and the loss curve."""

import numpy as np
import pandas as pd

from fairlib.cards import Card
from fairlib.report.style import SEGMENT_LINES, SEGMENTS, WIDTH, Drawn, axes, legend_below
from fairlib.seeds import generator
from fairlib.text import number
from fairlib.views import compose


def views(tables: dict[str, pd.DataFrame], recipe, card: Card) -> Drawn:
    """F-views: a typical window in four measured channels, and two views of it."""
    window, averaged = tables["typical_window"], int(tables["shape"].iloc[0]["averaged"])
    chosen = list(window)
    x = window[chosen].to_numpy(dtype=np.float32)[None]
    made = recipe.pretraining.views
    # Where a view flips signs at random, show a draw in which the two differ: that is what the encoder must ignore.
    draws = [_two_views(x, made, seed) for seed in range(20)]
    first, second = next((pair for pair in draws if np.sign(pair[0][0, -1, 0]) != np.sign(pair[1][0, -1, 0])), draws[0])
    source = "a window" if averaged == 1 else f"average of {averaged:,} windows"
    drawn = [(source, x), ("view 1", first), ("view 2", second)]
    longest = max(map(len, chosen))
    columns = 4 if longest <= 18 else 2 if longest <= 40 else 1
    figure, panels = axes(WIDTH, 2.6 + 0.2 * (4 // columns), 1, 3, sharey=True)
    for panel, (title, values) in zip(panels, drawn, strict=True):
        for i, name in enumerate(chosen):
            panel.plot(values[0, :, i], color=SEGMENTS[i], linestyle=SEGMENT_LINES[i], linewidth=1.2, label=name)
        panel.set_title(title)
        panel.set_xlabel(f"time in steps of {card.windows.step}")
    panels[0].set_ylabel("standardised value")
    legend_below(figure, panels[0], columns=columns)
    what = "one synthetic window" if averaged == 1 else f"the average of {averaged:,} windows"
    steps = " then ".join(name for name, _ in made)
    return (
        figure,
        f"Four channels of {what} and two views of it, made by {steps}; the views differ in size and sign only.",
    )


def _two_views(x: np.ndarray, views: tuple, seed: int) -> tuple[np.ndarray, np.ndarray]:
    draw = generator(seed, "figure views")
    return compose(x, views, draw), compose(x, views, draw)


def losses(curves: dict[int, np.ndarray]) -> Drawn:
    """Pre-training loss against the optimiser step, one line a seed, smoothed by a running median of 25 steps."""
    figure, panel = axes(WIDTH, 2.8)
    for i, (seed, values) in enumerate(curves.items()):
        width = min(25, max(1, len(values) // 4))
        smooth = pd.Series(values).rolling(width, min_periods=1, center=True).median()
        look = {"color": SEGMENTS[i % len(SEGMENTS)], "linestyle": SEGMENT_LINES[i % 4]}
        panel.plot(smooth, label=f"seed {seed}", **look)
    panel.set_xlabel("optimiser step")
    panel.set_ylabel("NT-Xent loss")
    legend_below(figure, panel, columns=5)
    ends = "; ".join(f"seed {s}: {number(v[:10].mean(), 2)} to {number(v[-10:].mean(), 2)}" for s, v in curves.items())
    return figure, f"Pre-training loss over {len(values):,} steps, mean of the first ten steps to the last ten: {ends}."
