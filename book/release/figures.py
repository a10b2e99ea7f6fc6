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
from fairlib.text import LEVEL_WORDS, OF_100, count, number, percent, signed

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


def views(agreement: pd.DataFrame) -> Drawn:
    """D12: correlation between the two views of a window. agreement: ``simulations.view_agreement``."""
    figure, panels = axes(height=2.8, columns=2, sharex=True, sharey=True)
    facts = []
    recipes = agreement.groupby("recipe", sort=False)
    for panel, colour, (name, own) in zip(panels, (RELEASED, OURS), recipes, strict=True):
        share = np.full(len(own), 1 / len(own))
        panel.hist(own["correlation"], bins=np.linspace(-1, 1, 41), color=colour, weights=share)
        panel.set_title(f"{name}\n{percent(own['flipped'].mean())} of the inputs have their sign turned")
        panel.set_xlabel("correlation between the two views")
        opposite = (own["correlation"] < 0).mean()
        facts.append(f"{name}: median {number(own['correlation'].median())}, {percent(opposite)} of pairs are opposite")
    panels[0].set_xticks([-1, -0.5, 0, 0.5, 1])
    panels[0].set_ylabel("share of windows")
    return figure, f"Correlation between two views of simulated windows. {'. '.join(facts)}."


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


def interval_widths(widths: pd.DataFrame) -> Drawn:
    """D23: width of an interval by resampling windows and people. widths: ``simulations.interval_widths``."""
    figure, panel = axes(height=3.3)
    for name, label, colour, look in (
        ("true", "what new people would give", CONTROL, "d:"),
        ("people", "bootstrap of people", OURS, "o-"),
        ("windows", "bootstrap of windows", RELEASED, "s--"),
    ):
        panel.plot(widths["each"], widths[name], look, color=colour, label=label)
    mesa = audit.mesa_auc()
    printed = mesa["high"] - mesa["low"]
    each = audit.size("MESA", "test") / audit.size("MESA", "test", "unique_subjects")
    panel.plot(each, printed, "*", color=RELEASED, markersize=13, label="MESA, as published")
    panel.set_xscale("log")
    panel.set_yscale("log")
    ticks = [*widths["each"].iloc[:-1], round(each)]
    panel.set_xticks(ticks, [count(tick) for tick in ticks])
    panel.minorticks_off()
    panel.set_yticks([0.003, 0.01, 0.03, 0.1], ["0.003", "0.01", "0.03", "0.1"])
    panel.set_xlabel("windows of each of 363 people")
    panel.set_ylabel(f"width of the {LEVEL_WORDS} interval of the AUC")
    panel.legend(loc="lower left")
    last = widths.iloc[-1]
    return figure, (
        f"With {count(last['each'])} simulated windows a person, a bootstrap of windows gives an interval"
        f" {number(last['windows'], 4)} wide, a bootstrap of people {number(last['people'], 4)}, and new people"
        f" {number(last['true'], 4)}. The published interval of MESA, with {count(each)} windows a person, is"
        f" {number(printed, 4)} wide."
    )


def extremes(found: pd.DataFrame) -> Drawn:
    """D20: published distance of best and worst segment beside what chance gives. found:
    ``simulations.published_extremes``."""
    figure, panel = axes(height=4.2)
    keys = list(found.groupby(["dataset", "attribute"], sort=False))[::-1]
    looks = {
        "Supervised": {"marker": "o", "color": SUPERVISED},
        "SSL": {"marker": "s", "markeredgecolor": SSL, "markerfacecolor": "none"},
    }
    for y, (_, own) in enumerate(keys):
        first = own.iloc[0]
        panel.barh(y, first["high"] - first["low"], 0.4, first["low"], **BARS, label=f"chance, {LEVEL_WORDS} range")
        panel.plot(first["middle"], y, "|", color=CONTROL, markersize=12, zorder=2)
        for row in own.itertuples():
            panel.plot(row.gap, y, linestyle="none", markersize=7, zorder=3, **looks[row.model])
    for model, name in (("Supervised", "supervised"), ("SSL", "SSL")):
        panel.plot([], [], linestyle="none", label=f"{name}, as published", **looks[model])
    names = [f"{name}, {of.lower()}\n{len(own.iloc[0]['windows'])} segments" for (name, of), own in keys]
    panel.set_yticks(range(len(names)), names)
    panel.set_xlim(0, None)
    panel.set_xlabel("AUC of the best segment − AUC of the worst, on the data that chose them")
    legend_below(figure, panel)
    beyond = found[found["gap"] > found["high"]]
    each = [f"{row.dataset} {row.attribute.lower()}, {row.model}" for row in beyond.itertuples()]
    return figure, (
        f"Distance of best and worst segment of {len(found)} published models and attributes. Chance gives more than 0"
        f" everywhere, on average {number(found['middle'].mean())}; the same two segments on new data"
        f" {number(found['again'].mean())}. Beyond the {LEVEL_WORDS} range of chance: {'; '.join(each) or 'none'}."
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


def clipped() -> Drawn:
    """D37: published differences of CKA of the two clipped maps, in colours from 0 to 1 and around 0."""
    pairs = list(audit.differences(clipped=True).groupby("pair", sort=False))
    figure, panels = axes(height=2.7 * len(pairs), rows=len(pairs), columns=2)
    facts = []
    for row, (pair, own) in zip(np.atleast_2d(panels), pairs, strict=True):
        limit = own["value"].abs().max()
        grid = own.pivot_table(index="layer_y", columns="layer_x", values="value", sort=False)
        for panel, title, low, high, colours in (
            (row[0], "coloured as published, 0 to 1", 0, 1, "Blues"),
            (row[1], "coloured around 0", -limit, limit, "PuOr_r"),
        ):
            panel.imshow(grid, vmin=low, vmax=high, cmap=colours)
            for (y, x), value in np.ndenumerate(grid.to_numpy()):
                dark = abs(value) > 0.65 * high
                panel.text(x, y, signed(value, 2), ha="center", va="center", color="white" if dark else "black")
            panel.set_xticks(range(3), grid.columns)
            panel.set_yticks(range(3), grid.index)
            panel.set_title(f"{pair}\n{title}")
            panel.grid(False)
        facts.append(f"{pair}: {(own['value'] < 0).sum()} of {len(own)} differences are negative")
    alt = f"Published differences of CKA between two segments. {'; '.join(facts)}, which a scale from 0 colours like 0."
    return figure, alt
