"""The chapter on the released analysis: what it ran, and what that changes."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from fairlib.inference import central
from fairlib.report.style import (
    BARS,
    COLOURS,
    CONTROL,
    INK,
    MARKERS,
    OURS,
    RELEASED,
    SHADE,
    SMALL,
    Drawn,
    axes,
    legend_below,
    lines,
)
from fairlib.strategies import STRATEGY_NAMES
from fairlib.text import LEVEL_WORDS, OF_100, count, number

from . import audit
from .published import held_out

SUPERVISED, SSL = COLOURS["supervised"], COLOURS["frozen_0"]
TRAININGS = {
    "pre-training": (COLOURS["frozen_1_first"], "-"),
    "fine-tuning of SSL": (SSL, "--"),
    "supervised": (SUPERVISED, "-."),
}


def learning_rates() -> Drawn:
    """D13: learning rate against epochs of each dataset, until it reaches 0; the axis of epochs is logarithmic."""
    rows = audit.schedules()
    figure, panels = axes(height=3.0, columns=3, sharey=True)
    facts = []
    for panel, (dataset, own) in zip(panels, rows.groupby("dataset", sort=False), strict=True):
        panel.axvspan(0.001, 1, color="#F3F3F3", linewidth=0)
        for row in own.itertuples():
            colour, line = TRAININGS[row.training]
            steps = np.unique(np.geomspace(1, row.zero_step, 200).astype(int))
            rate = [row.schedule.rate(int(step), row.windows) for step in steps]
            end = row.zero_step / row.steps_per_epoch
            panel.plot(steps / row.steps_per_epoch, rate, line, color=colour, linewidth=2, label=row.training)
            panel.plot([end, row.epochs], [0, 0], line, color=colour, linewidth=1, alpha=0.6)
            panel.plot(end, 0, "o", color=colour, markersize=7, zorder=3, clip_on=False)
            facts.append(f"{dataset}, {row.training} after {number(end, 2)} epochs")
        panel.set_xscale("log")
        panel.set_xlim(0.003, 200)
        panel.set_xticks([0.01, 0.1, 1, 10, 100], ["0.01", "0.1", "1", "10", "100"])
        panel.minorticks_off()
        panel.set_title(f"{dataset}\n{count(own['windows'].iloc[0])} training windows")
        panel.set_xlabel("epochs (logarithmic)")
        panel.text(0.8, 0.112, "first epoch", fontsize=SMALL, color=CONTROL, ha="right", va="top")
    panels[0].set_ylabel("learning rate")
    panels[0].set_ylim(-0.003, 0.113)
    legend_below(figure, panels[0])
    epochs = rows["epochs"].iloc[0]
    return figure, f"Released schedules, set to {epochs} epochs. The learning rate is 0: {'; '.join(facts)}."


def globem_chance(coin: np.ndarray) -> Drawn:
    """D24: GLOBEM's AUC beside what no information gives, and its parity deviation beside a coin's.

    coin: ``simulations.globem_coin``.
    """
    figure, panels = axes(height=3.3, columns=2, gridspec_kw={"width_ratios": [1, 1.15]})
    windows, share = held_out("GLOBEM")
    positive = round(windows * share)
    low, high = audit.chance_interval(positive, windows - positive)
    panels[0].axvspan(low, high, **SHADE | {"zorder": 1}, label=f"{OF_100} models that know nothing")
    panels[0].axvline(0.5, color=CONTROL, linewidth=1)
    found = audit.globem_auc()
    for y, (strategy, area) in enumerate(found.items()):
        panels[0].plot(area, y, MARKERS[strategy], color=COLOURS[strategy])
    lines(panels[0], [STRATEGY_NAMES[strategy] for strategy in found.index])
    panels[0].set_xlim(0.42, 0.58)
    panels[0].set_xticks([0.45, 0.5, 0.55])
    panels[0].set_xlabel("AUC, ROC figure as published")
    means = audit.globem_deviation()
    panels[1].hist(coin, bins=30, **BARS, label="a coin, simulated")
    for model, value in means.items():
        colour, line = (SUPERVISED, "-.") if model == "supervised" else (SSL, "-")
        panels[1].axvline(value, color=colour, linewidth=2, linestyle=line)
    panels[1].plot([], [], "-", color=SSL, label="six SSL models, as published")
    panels[1].plot([], [], "-.", color=SUPERVISED, label="supervised, as published")
    panels[1].set_yticks([])
    panels[1].set_xlabel("mean parity deviation, 6 ratios × 3 attributes")
    legend_below(figure, *panels, columns=2)
    within = [low <= value <= high for value in found]
    inside = central(coin)
    ssl = means.drop("supervised")
    return figure, (
        f"{sum(within)} of {len(within)} published AUC of GLOBEM lie in {number(low)} to {number(high)}, where {OF_100}"
        f" models that know nothing lie. A coin has a mean parity deviation of {number(np.median(coin))}, {LEVEL_WORDS}"
        f" range {number(inside[0])} to {number(inside[1])}; the published SSL models {number(ssl.min())} to"
        f" {number(ssl.max())}, the supervised one {number(means['supervised'])}."
    )


def cka_traps(sizes: pd.DataFrame, windows: pd.DataFrame, repeats: pd.DataFrame) -> Drawn:
    """D33, D34: what the number of rows, of windows a person, and repeated rows do to CKA; all simulated."""
    figure, panels = axes(height=3.1, columns=3)
    ticks = sorted(sizes["rows"].unique())
    for name, colour, marker in (("biased", RELEASED, "s"), ("unbiased", OURS, "o")):
        by = sizes.groupby("rows")[name]
        spread = (by.quantile(0.9) - by.quantile(0.1)) / 2
        panels[0].errorbar(range(len(ticks)), by.mean(), spread, color=colour, marker=marker, capsize=3, label=name)
    panels[0].set_xticks(range(len(ticks)), [count(tick) for tick in ticks])
    panels[0].set_xlabel("rows of a segment")
    panels[0].set_title("unequal sizes, one truth")
    panels[0].legend()
    panels[0].set_ylabel("CKA")
    by = windows.groupby("each")["cka"]
    _levels(panels[1], [count(each) for each in by.groups], [own.to_numpy() for _, own in by])
    panels[1].set_xlabel("windows of each of 60 people")
    panels[1].set_title("nothing shared but people")
    _levels(panels[2], [name.replace(" ", "\n", 1) for name in repeats], [repeats[name].to_numpy() for name in repeats])
    panels[2].set_title("unrelated features")
    for panel in panels[1:]:
        panel.axhline(0, color=CONTROL, linewidth=1)
    means = sizes.groupby("rows")[["biased", "unbiased"]].mean()
    ends = {name: f"{number(means[name].iloc[0])} to {number(means[name].iloc[-1])}" for name in means}
    first, last = by.mean().iloc[0], by.mean().iloc[-1]
    rest = ", ".join(f"{name} {number(value)}" for name, value in repeats.mean().items())
    return figure, (
        f"From {count(ticks[0])} to {count(ticks[-1])} rows of one truth, biased CKA goes from {ends['biased']} and"
        f" unbiased CKA from {ends['unbiased']}. Features that share only people have an unbiased CKA of"
        f" {number(first)} with one window each and {number(last)} with {count(by.mean().index[-1])}. Unrelated"
        f" features: {rest}."
    )


def _levels(panel: Axes, labels: list[str], values: list[np.ndarray]) -> None:
    """Each draw as a faint dot, the mean as a bar."""
    for x, own in enumerate(values):
        panel.plot(np.linspace(x - 0.18, x + 0.18, len(own)), own, ".", color=OURS, alpha=0.35)
        panel.plot([x - 0.3, x + 0.3], [own.mean()] * 2, color=INK, linewidth=2)
    panel.set_xticks(range(len(labels)), labels)
