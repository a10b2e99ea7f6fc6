"""Stage 1: F-segments and F-label-bias."""

import numpy as np
import pandas as pd

from fairlib.cards import Card
from fairlib.report import style
from fairlib.report.style import INK, SEGMENTS, SMALL, WIDTH, Drawn, axes, parity_band
from fairlib.text import count, number


def segments(tables: dict[str, pd.DataFrame], card: Card) -> Drawn:
    """F-segments: windows per segment of each attribute; segments under the threshold are named, not drawn."""
    rows = tables["segments"]
    rows = rows[rows["split"] == "all"]
    names = list(card.attributes)
    bars = [(rows["attribute"] == attribute).sum() for attribute in names]
    options = {"squeeze": False, "sharex": True, "height_ratios": [count_ + 0.4 for count_ in bars]}
    figure, panels = axes(WIDTH, 0.6 + 0.24 * sum(bars) + 0.3 * len(bars), len(names), 1, **options)
    facts = []
    for panel, attribute in zip(panels[:, 0], names, strict=True):
        part = rows[(rows["attribute"] == attribute) & ~((rows["segment"] == "unknown") & (rows["windows"] == 0))]
        labels = [s + (" (reference)" if s == card.attributes[attribute].privileged else "") for s in part["segment"]]
        values = part["windows"].to_numpy(dtype=float)
        for i, value in enumerate(values):
            look = {"color": SEGMENTS[i % len(SEGMENTS)], "edgecolor": "white", "hatch": style.HATCHES[i % 7]}
            if part["segment"].iloc[i] == "unknown":
                look = {"color": style.CHANCE, "edgecolor": style.CHANCE_EDGE}
            panel.barh(i, np.nan_to_num(value), height=0.72, **look)
            panel.text(np.nan_to_num(value), i, f" {count(value, card.min_cell)}", va="center", fontsize=SMALL)
        panel.set_yticks(range(len(labels)), labels)
        panel.tick_params(axis="y", length=0)
        panel.invert_yaxis()
        kind = " (care segment)" * (card.attributes[attribute].kind == "care segment")
        panel.set_title(attribute + kind, loc="left", pad=3)
        panel.margins(x=0.1)
        panel.grid(axis="y", visible=False)
        shown = part.dropna(subset="windows")
        facts.append(f"{attribute}: " + ", ".join(f"{r.segment} {count(r.windows)}" for r in shown.itertuples()))
    panels[-1, 0].set_xlabel("windows")
    panels[-1, 0].xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    return figure, "Bar charts of the number of windows in each segment. " + "; ".join(facts) + "."


def label_bias(tables: dict[str, pd.DataFrame], card: Card) -> Drawn:
    """F-label-bias: share of positive labels, unprivileged over privileged, per attribute; fair band 0.8 to 1.25."""
    rows = tables["segments"]
    rows = rows[(rows["split"] == "all") & (rows["segment"] != "unknown")].dropna(subset="windows")
    ratios = {}
    for attribute, facts in card.attributes.items():
        part = rows[rows["attribute"] == attribute]
        sums = part.groupby(part["segment"] == facts.privileged)[["events", "windows"]].sum()
        rate = (sums["events"] / sums["windows"]).reindex([True, False])
        ratios[attribute] = rate[False] / rate[True] if rate[True] else np.nan
    figure, panel = axes(WIDTH, 0.8 + 0.42 * len(ratios))
    parity_band(panel, 0.8, 1.25)
    panel.axvline(1, color=INK, linewidth=0.8)
    for i, ratio in enumerate(ratios.values()):
        within = 0.8 <= ratio <= 1.25
        panel.plot(ratio, i, "o" if within else "D", color=SEGMENTS[not within], markersize=7)
        panel.annotate(number(ratio, 2), (ratio, i), (8, 0), textcoords="offset points", va="center")
    style.lines(panel, [f"{a}: all others / {card.attributes[a].privileged}" for a in ratios])
    panel.set_xlim(min(0.7, panel.get_xlim()[0]), max(1.4, panel.get_xlim()[1] * 1.05))
    panel.set_xlabel(f"ratio of the share of positive labels ({card.task.positive}); shaded: 0.8 to 1.25")
    text = "; ".join(f"{attribute} {number(ratio, 2)}" for attribute, ratio in ratios.items())
    return figure, f"Ratio of positive-label rates, unprivileged over privileged, with the band 0.8 to 1.25: {text}."
