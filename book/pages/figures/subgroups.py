"""Stage 5: calibration by segment, intersections of two attributes, and gaps beside those that chance gives."""

import numpy as np
import pandas as pd

from fairlib.report.style import (
    CHANCE,
    CHANCE_EDGE,
    COLOURS,
    INK,
    MARKERS,
    PALE,
    SEGMENT_MARKERS,
    SEGMENTS,
    WIDTH,
    Drawn,
    axes,
    legend_below,
)
from fairlib.strategies import STRATEGY_NAMES
from fairlib.text import LEVEL_WORDS, OF_100, number, signed


def calibration(table: pd.DataFrame, attribute: str, names: tuple[str, ...]) -> Drawn:
    """Observed against predicted risk of each segment of an attribute, one panel a strategy; all seeds' bins are drawn.

    table: ``calibration`` of each model, with columns strategy and seed.
    """
    rows = table[(table["attribute"] == attribute) & table["strategy"].isin(names)]
    edge = float(np.clip(1.1 * rows[["predicted", "observed", "high"]].max().max(), 0.1, 1))
    figure, panels = axes(min(WIDTH, 3.6 * len(names)), 3.7, 1, len(names), sharey=True, squeeze=False)
    facts = []
    for panel, strategy in zip(panels[0], names, strict=True):
        panel.plot([0, edge], [0, edge], color=PALE, linewidth=0.8)
        for i, (segment, part) in enumerate(rows[rows["strategy"] == strategy].groupby("segment", sort=False)):
            look = {"color": SEGMENTS[i], "markersize": 4.5}
            spread = [part["observed"] - part["low"], part["high"] - part["observed"]]
            panel.errorbar(
                part["predicted"],
                part["observed"],
                np.clip(spread, 0, None),
                fmt="none",
                ecolor=SEGMENTS[i],
                alpha=0.5,
            )
            for seed, (_, one) in enumerate(part.groupby("seed", sort=False)):
                label = segment if seed == 0 else None
                panel.plot(
                    one["predicted"], one["observed"], f"{SEGMENT_MARKERS[i]}:", linewidth=0.8, label=label, **look
                )
            off = np.average(part["predicted"] - part["observed"], weights=part["windows"])
            facts.append(f"{STRATEGY_NAMES[strategy]}, {segment}: predicted minus observed {signed(off)}")
        panel.set(xlim=(0, edge), ylim=(0, edge), xlabel="predicted risk (recalibrated on validation)")
        panel.set_title(STRATEGY_NAMES[strategy])
        panel.legend(loc="upper left")
    panels[0, 0].set_ylabel("observed share of positive windows")
    return figure, f"Calibration curves per segment of {attribute}, over the points shown. " + "; ".join(facts) + "."


def gaps(table: pd.DataFrame) -> Drawn:
    """Best minus worst AUC of each attribute on test people (marker) beside the gaps after permutation (bar).

    table: of ``comparisons.gaps``.
    """
    attributes, names = list(dict.fromkeys(table["attribute"])), list(dict.fromkeys(table["strategy"]))
    figure, panel = axes(WIDTH, 1.3 + 0.6 * len(attributes))
    facts = []
    for i, strategy in enumerate(names):
        own = table[table["strategy"] == strategy].set_index("attribute").reindex(attributes)
        at = np.arange(len(attributes)) + (i - (len(names) - 1) / 2) * 0.6 / len(names)
        label = f"{OF_100} permutations stay below" if i == 0 else None
        panel.barh(
            at, own["null_bound"], 0.5 / len(names), color=CHANCE, edgecolor=CHANCE_EDGE, linewidth=0.6, label=label
        )
        label = "mean of permutations" if i == 0 else None
        panel.plot(own["null_mean"], at, "|", color=INK, markersize=9, label=label)
        panel.plot(own["gap"], at, MARKERS[strategy], color=COLOURS[strategy], label=STRATEGY_NAMES[strategy])
        facts += [
            f"{STRATEGY_NAMES[strategy]}, {name}: gap {number(row.gap)}, by chance below {number(row.null_bound)}"
            for name, row in own.dropna(subset="gap").iterrows()
        ]
    panel.set_yticks(range(len(attributes)), attributes)
    panel.set_ylim(len(attributes) - 0.5, -0.5)
    panel.set_xlim(left=0)
    panel.set_xlabel("AUC of the best-served minus the worst-served segment, test people")
    legend_below(figure, panel, columns=2)
    return figure, "Gaps between segments beside the gaps that permuted labels give. " + "; ".join(facts) + "."


def intersections(summary: pd.DataFrame, pair: str, names: tuple[str, ...]) -> Drawn:
    """Error rate of people who share two segments, with intervals; dotted: everybody's.

    summary: of ``summaries.summarise`` of the tables ``intersections`` and ``metrics`` together.
    """
    rows = summary[(summary["metric"] == "error_rate") & (summary["attribute"] == pair) & summary["mean"].notna()]
    segments = list(dict.fromkeys(rows["segment"]))
    figure, panel = axes(WIDTH, 1.2 + 0.42 * max(2, len(segments)))
    facts = []
    for i, strategy in enumerate(names):
        own = rows[rows["strategy"] == strategy].set_index("segment").reindex(segments)
        at = np.arange(len(segments)) + (i - (len(names) - 1) / 2) * 0.3
        panel.hlines(at, own["low"], own["high"], color=COLOURS[strategy], linewidth=1.4)
        panel.plot(own["mean"], at, MARKERS[strategy], color=COLOURS[strategy], label=STRATEGY_NAMES[strategy])
        everybody = summary[(summary["strategy"] == strategy) & (summary["scope"] == "overall")]
        everybody = float(everybody.loc[everybody["metric"] == "error_rate", "mean"].iloc[0])
        panel.axvline(everybody, color=COLOURS[strategy], linestyle=":", linewidth=1)
        listed = ", ".join(f"{name} {number(value, 2)}" for name, value in own["mean"].dropna().items())
        facts.append(
            f"{STRATEGY_NAMES[strategy]}: everybody {number(everybody, 2)}, {listed or 'no intersection to judge'}"
        )
    sizes = rows.drop_duplicates("segment").set_index("segment")["people"]
    panel.set_yticks(range(len(segments)), [f"{name} (n = {int(sizes[name]):,})" for name in segments])
    panel.set_ylim(max(1, len(segments)) - 0.5, -0.5)
    panel.set_xlim(left=0)
    panel.set_xlabel(f"error rate with {LEVEL_WORDS} interval; dotted: everybody")
    legend_below(figure, panel, columns=2)
    return figure, f"Error rates at intersections of {pair}. " + "; ".join(facts) + "."
