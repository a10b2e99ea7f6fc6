"""What an audit draws: ratios of groups next to a coin and a calibrated score, and curves by group."""

import numpy as np
import pandas as pd
from matplotlib.ticker import FuncFormatter, NullFormatter

from ..cards import Card
from ..fairness import RATES
from ..report.style import (
    CHANCE,
    INK,
    PALE,
    SEGMENT_LINES,
    SEGMENT_MARKERS,
    SEGMENTS,
    WIDTH,
    Drawn,
    axes,
    intervals,
    legend_below,
    lines,
)
from ..strategies import STRATEGY_NAMES
from ..text import LEVEL_WORDS, number, with_interval

MOST_ROWS, MOST_RATIOS, MOST_LINES, COLUMNS = 24, 60, 6, 3
EDGES = (1 / 4, 4)


def ratios(rows: pd.DataFrame) -> Drawn:
    """A row per comparison: the ratio of each model with its interval, the range of a coin, and a calibrated score.

    rows: error rate ratios at one operating point, of ``numbers.estimates``.
    """
    keys, models = ["attribute", "group", "reference"], list(dict.fromkeys(rows["model"]))
    labels = rows[keys].drop_duplicates().head(MOST_ROWS)
    figure, panel = axes(WIDTH, 1.4 + 0.42 * len(labels))
    panel.set_xscale("log")
    panel.set_xlim(*EDGES)
    panel.axvline(1, color=PALE, linewidth=0.9)
    said = []
    for place, key in enumerate(labels.itertuples(index=False)):
        own = rows[(rows[keys] == list(key)).all(axis=1)]
        first = own.iloc[0]
        panel.barh(place, first.coin_high - first.coin_low, 0.8, first.coin_low, color=CHANCE, zorder=0)
        panel.plot(first.calibrated, place, "|", color=INK, markersize=14)
        for row in own.itertuples():
            at = models.index(row.model)
            y, colour = place + 0.2 * (at - (len(models) - 1) / 2), SEGMENTS[at % len(SEGMENTS)]
            intervals(panel, y, row.low, row.high, colour, EDGES)
            panel.plot(np.clip(row.value, *EDGES), y, SEGMENT_MARKERS[at % len(SEGMENT_MARKERS)], color=colour)
            said.append(
                f"{row.model}, {key.group} over {key.reference}: {with_interval(row.value, row.low, row.high, 2)}"
            )
    for at, model in enumerate(models):
        look = {"color": SEGMENTS[at % len(SEGMENTS)], "marker": SEGMENT_MARKERS[at % len(SEGMENT_MARKERS)]}
        panel.plot([], [], linestyle="none", label=model, **look)
    panel.plot([], [], color=CHANCE, linewidth=8, label=f"coin ({LEVEL_WORDS} range)")
    panel.plot([], [], "|", color=INK, markersize=12, label="calibrated score")
    lines(panel, [f"{row.group} over {row.reference}" for row in labels.itertuples()])
    panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    panel.xaxis.set_minor_formatter(NullFormatter())
    panel.set_xticks([0.25, 0.5, 0.8, 1, 1.25, 2, 4])
    panel.set_xlabel("error rate ratio (right: more errors than the reference)")
    legend_below(figure, panel)
    return figure, f"Error rate ratios with {LEVEL_WORDS} intervals. {'; '.join(said)}."


def curves(rows: pd.DataFrame, panel_of: str, line_of: str, x: str, y: str, words: tuple[str, str, str]) -> Drawn:
    """Small panels of lines; rows: one per point; words: what is drawn, and of both axes."""
    names, kinds = list(dict.fromkeys(rows[panel_of])), list(dict.fromkeys(rows[line_of]))[:MOST_LINES]
    down = -(-len(names) // COLUMNS)
    figure, panels = axes(WIDTH, 0.9 + 2.2 * down, down, COLUMNS, squeeze=False, sharey=True)
    said = []
    for panel, name in zip(panels.flat, names, strict=False):
        for at, kind in enumerate(kinds):
            own = rows[(rows[panel_of] == name) & (rows[line_of] == kind)]
            panel.plot(own[x], own[y], SEGMENT_LINES[at % len(SEGMENT_LINES)], color=SEGMENTS[at], label=kind)
            if len(own):
                said.append(f"{name}, {kind}: {number(own[y].iloc[0])} to {number(own[y].iloc[-1])}")
        panel.set_title(name)
        panel.set_xlabel(words[1])
    for panel in panels.flat[len(names) :]:
        panel.remove()
    best = rows[y].max()
    panels[0, 0].set(ylabel=words[2], ylim=(max(rows[y].min(), -0.25 * best), 1.1 * best))
    legend_below(figure, panels[0, 0])
    return figure, f"{words[0]}, from the lowest to the highest {words[1]}. {'; '.join(said)}."


def areas(compared: pd.DataFrame) -> Drawn:
    """AUC of each model with its interval; compared: of a bundle."""
    rows = [(STRATEGY_NAMES[row.strategy], row.auc, row.auc_low, row.auc_high) for row in compared.itertuples()]
    return _forest(rows, "AUC", (0.0, 1.0), 0.5, False)


def disparities(performance: pd.DataFrame, card: Card) -> Drawn | None:
    """The ratio of the card's metric of each attribute and model, with its interval; None where none is shown.

    performance: of a bundle. A metric that is a difference is left to its table.
    """
    own = performance[(performance["scope"] == "ratio") & (performance["metric"] == card.metric.metric)]
    own = own[(own["mean"] > 0) & (own["low"] > 0)].head(MOST_RATIOS)
    if own.empty or card.metric.metric not in RATES:
        return None
    rows = [
        (f"{row.attribute}, {STRATEGY_NAMES[row.strategy]}", row.mean, row.low, row.high) for row in own.itertuples()
    ]
    return _forest(rows, f"{card.metric.metric.replace('_', ' ')}, unprivileged over privileged", EDGES, 1.0, True)


def _forest(rows: list[tuple], words: str, edges: tuple[float, float], line: float, log: bool) -> Drawn:
    """A row per name: a value with its interval; ``line``: where nothing is found."""
    figure, panel = axes(WIDTH, 1.0 + 0.32 * len(rows))
    panel.axvline(line, color=PALE, linewidth=0.9)
    for place, (_, value, low, high) in enumerate(rows):
        intervals(panel, place, low, high, SEGMENTS[0], edges)
        panel.plot(np.clip(value, *edges), place, "o", color=SEGMENTS[0])
    if log:
        panel.set_xscale("log")
        panel.set_xticks([0.25, 0.5, 0.8, 1, 1.25, 2, 4])
        panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        panel.xaxis.set_minor_formatter(NullFormatter())
    panel.set_xlim(*edges)
    lines(panel, [name for name, *_ in rows])
    panel.set_xlabel(words)
    said = "; ".join(f"{name}: {with_interval(*numbers, 2)}" for name, *numbers in rows)
    return figure, f"{words} with {LEVEL_WORDS} intervals. {said}."
