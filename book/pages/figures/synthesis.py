"""Across datasets: F-size-gap, from published rows and from our runs."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from fairlib.report.style import CONTROL, SSL, SUPERVISED, WIDTH, Drawn, axes, legend_below
from fairlib.text import LEVEL_WORDS, number

MODELS = {"Supervised": (SUPERVISED, "-"), "SSL": (SSL["frozen_0"], "--")}
SHAPES = "osD^vP*X"
NOISE, GAP = "noise alone, on average", "|AUC of the segment − AUC of everybody|"


def size_gap(rows: pd.DataFrame, curves: pd.DataFrame) -> Drawn:
    """F-size-gap, published: |Δ AUC| of each segment against its share of windows, with lowess curves, and against its
    test windows, with what noise alone gives.

    rows: ``synthesis.published_rows``; curves: ``synthesis.fit`` against "share".
    """
    figure, panels = axes(WIDTH, 4.3, 1, 2, sharey=True)
    for panel, x in zip(panels, ("share", "log_windows"), strict=True):
        _points(panel, rows, x)
    _curves(panels[0], curves)
    _noise(panels[1], rows)
    _count_axis(panels[1], rows)
    panels[0].set(xlabel="share of the attribute's windows (all the data)", ylabel=GAP)
    panels[0].set_ylim(0, 1.05 * rows["gap"].max())
    legend_below(figure, *panels)
    small = rows.nsmallest(10, "test_windows")["gap"].mean()
    beyond = [f"{name} {(own['gap'] > own['bound']).sum()} of {len(own)}" for name, own in rows.groupby("dataset")]
    facts = [
        f"Mean gap: {_means(rows)}",
        f"The ten rows with fewest test windows have a mean gap of {number(small)}",
        f"The lowess curve of SSL lies below that of the supervised model at {_share_below(curves)} of the sizes",
        f"Beyond the {LEVEL_WORDS} bound of noise: {', '.join(beyond)}",
    ]
    size = f"Absolute gap in AUC of {len(rows)} published segment rows against segment size"
    return figure, ". ".join([size, *facts]) + "."


def _means(rows: pd.DataFrame) -> str:
    """The mean gaps of both models and of noise, in words."""
    means = rows.groupby("model")["gap"].mean()
    both = f"supervised {number(means['Supervised'])}, SSL {number(means['SSL'])}"
    return f"{both}, noise alone {number(rows['expected'].mean())}"


def _share_below(curves: pd.DataFrame) -> str:
    """At how many of the sizes the curve of SSL is the lower one."""
    lines = curves.pivot_table(index="x", columns="curve", values="value")
    return f"{100 * (lines['SSL'] < lines['Supervised']).mean():.0f} %"


def _points(panel: Axes, rows: pd.DataFrame, x: str) -> None:
    """One marker a segment and model: colour and filling say the model, shape the dataset."""
    for shape, (dataset, part) in zip(SHAPES, rows.groupby("dataset", sort=False), strict=False):
        for model, own in part.groupby("model", sort=False):
            colour = MODELS[model][0]
            face = colour if model == "Supervised" else "none"
            label = f"{dataset.replace(', recipe', ',')}, {model if model == 'SSL' else 'supervised'}"
            look = {"markerfacecolor": face, "markeredgecolor": colour, "markersize": 5, "alpha": 0.8}
            panel.plot(own[x], own["gap"], shape, linestyle="none", label=label, **look)


def _curves(panel: Axes, curves: pd.DataFrame) -> None:
    for name, own in curves.groupby("curve", sort=False):
        colour, line = MODELS.get(name, (CONTROL, ":"))
        label = NOISE if name == "noise" else f"lowess, {name if name == 'SSL' else 'supervised'}"
        panel.plot(own["x"], own["value"], line, color=colour, linewidth=2.2, label=label)
        if name != "noise":
            panel.fill_between(own["x"], own["low"], own["high"], color=colour, alpha=0.13, linewidth=0)


def _noise(panel: Axes, rows: pd.DataFrame) -> None:
    """What noise alone gives at the sizes of each dataset's segments: its average, and its bound."""
    for dataset, own in rows.groupby("dataset", sort=False):
        sizes = own.groupby("log_windows")[["expected", "bound"]].mean()
        first = dataset == rows["dataset"].iloc[0]
        panel.plot(sizes.index, sizes["expected"], ":", color=CONTROL, linewidth=2.2, label=NOISE * first)
        label = f"{LEVEL_WORDS} bound of noise" * first
        panel.plot(sizes.index, sizes["bound"], "-", color=CONTROL, linewidth=0.9, label=label)


def _count_axis(panel: Axes, rows: pd.DataFrame) -> None:
    """Ticks of a logarithmic axis as plain counts."""
    low, high = rows["log_windows"].min() - 0.1, rows["log_windows"].max() + 0.1
    steps = (1,) if high - low > 2 else (1, 2, 3, 5)
    counts = [step * 10**decade for decade in range(int(low), int(high) + 1) for step in steps]
    if high - low < 0.7:  # hardly a decade: round numbers in between
        counts = [int(value) for value in MaxNLocator(8, integer=True).tick_values(10**low, 10**high)]
    counts = [count for count in counts if 10**low <= count <= 10**high]
    panel.set_xticks(np.log10(counts), [f"{count:,}" if count < 10_000 else f"{count / 1000:g}k" for count in counts])
    panel.set(xlim=(low, high), xlabel="windows in the test data")
