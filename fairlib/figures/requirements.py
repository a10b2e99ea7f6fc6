"""Stage 1: F-segments and F-label-bias (METHOD §4)."""

import numpy as np
import pandas as pd

from ..cards import Card
from ..tables.text import count, number
from .style import FAIR_BAND, HATCHES, SEGMENTS, Drawn, axes


def segments(tables: dict[str, pd.DataFrame], card: Card) -> Drawn:
    """F-segments: windows per segment of each attribute; segments under the threshold are named, not drawn."""
    rows = tables["segments"]
    rows = rows[rows["split"] == "all"]
    names = list(card.attributes)
    bars = [(rows["attribute"] == attribute).sum() for attribute in names]
    options = {"squeeze": False, "height_ratios": [count_ + 1 for count_ in bars]}
    figure, panels = axes(7.4, 0.6 + 0.27 * (sum(bars) + 2 * len(bars)), len(names), 1, **options)
    facts = []
    for panel, attribute in zip(panels[:, 0], names, strict=True):
        part = rows[(rows["attribute"] == attribute) & ~((rows["segment"] == "unknown") & (rows["windows"] == 0))]
        labels = [s + (" (reference)" if s == card.attributes[attribute].privileged else "") for s in part["segment"]]
        values = part["windows"].to_numpy(dtype=float)
        for i, value in enumerate(values):
            unknown = part["segment"].iloc[i] == "unknown"
            colour = "#BBBBBB" if unknown else SEGMENTS[i % len(SEGMENTS)]
            panel.barh(
                i, np.nan_to_num(value), color=colour, hatch=HATCHES[i % len(HATCHES)], edgecolor="white", height=0.7
            )
            panel.text(np.nan_to_num(value), i, f" {count(value, card.min_cell)}", va="center", fontsize=8)
        panel.set_yticks(range(len(labels)), labels, fontsize=8)
        panel.invert_yaxis()
        kind = card.attributes[attribute].kind
        panel.set_title(f"{attribute}" + (" (care segment)" if kind == "care segment" else ""), loc="left", fontsize=9)
        panel.margins(x=0.12)
        panel.grid(axis="y", visible=False)
        shown = part.dropna(subset="windows")
        facts.append(f"{attribute}: " + ", ".join(f"{r.segment} {count(r.windows)}" for r in shown.itertuples()))
    panels[-1, 0].set_xlabel("windows")
    return figure, "Bar charts of the number of windows in each segment. " + "; ".join(facts) + "."


def label_bias(tables: dict[str, pd.DataFrame], card: Card) -> Drawn:
    """F-label-bias: share of positive labels, unprivileged over privileged, per attribute; fair band 0.8 to 1.25."""
    rows = tables["segments"]
    rows = rows[(rows["split"] == "all") & (rows["segment"] != "unknown")].dropna(subset="windows")
    ratios = {}
    for attribute, facts in card.attributes.items():
        part = rows[rows["attribute"] == attribute]
        privileged = part["segment"] == facts.privileged
        rate = {
            who: part.loc[chosen, "events"].sum() / part.loc[chosen, "windows"].sum() if chosen.any() else np.nan
            for who, chosen in (("p", privileged), ("u", ~privileged))
        }
        ratios[attribute] = rate["u"] / rate["p"] if rate["p"] else np.nan
    figure, panel = axes(7.2, 0.9 + 0.5 * len(ratios))
    panel.axvspan(0.8, 1.25, color=FAIR_BAND, zorder=0, label="0.8 to 1.25")
    panel.axvline(1, color="black", linewidth=0.8)
    for i, ratio in enumerate(ratios.values()):
        panel.plot(ratio, i, "D", color=SEGMENTS[0] if 0.8 <= ratio <= 1.25 else SEGMENTS[1], markersize=8)
        panel.text(ratio, i - 0.18, number(ratio, 2), ha="center", va="bottom", fontsize=8)
    panel.set_yticks(range(len(ratios)), [f"{a}: all others / {card.attributes[a].privileged}" for a in ratios])
    panel.set_ylim(len(ratios) - 0.5, -0.7)
    panel.set_xlabel(f"ratio of the share of positive labels ({card.task.positive})")
    panel.legend(loc="lower right")
    text = "; ".join(f"{attribute} {number(ratio, 2)}" for attribute, ratio in ratios.items())
    return figure, f"Ratio of positive-label rates, unprivileged over privileged, with the band 0.8 to 1.25: {text}."
