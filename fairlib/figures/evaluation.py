"""Stage 5: F-roc-conditioned, F-parity-domain, F-parity-all, and accuracy against disparity (METHOD §4)."""

from collections.abc import Collection

import numpy as np
import pandas as pd

from ..fairness import FAIR_DEVIATION, FAIR_DIFFERENCE, FAIR_LOG_RATIO, RATES, SHORT
from ..summaries import at_chance
from ..tables.text import ACCURACY_NAMES, STRATEGY_NAMES, count, disparity_name, number
from .style import COLOURS, FAIR_BAND, MARKERS, SEGMENTS, Drawn, axes


def roc_conditioned(curves: pd.DataFrame, summary: pd.DataFrame, attribute: str, names: tuple[str, ...]) -> Drawn:
    """F-roc-conditioned: the ROC curve of each segment of an attribute, one panel a strategy."""
    figure, panels = axes(3.6 * len(names), 3.7, 1, len(names), sharey=True, squeeze=False)
    facts = []
    for panel, strategy in zip(panels[0], names, strict=True):
        own = curves[(curves["strategy"] == strategy) & (curves["attribute"] == attribute)]
        scores = summary[(summary["strategy"] == strategy) & (summary["attribute"] == attribute)]
        scores = scores[scores["metric"] == "auc"].set_index("segment")
        panel.plot([0, 1], [0, 1], color="#999999", linewidth=0.8)
        for i, (segment, part) in enumerate(own.groupby("segment", sort=False)):
            label = f"{segment} {number(scores.loc[segment, 'mean'], 2)} ({_sizes(scores.loc[segment])})"
            panel.plot(
                part["fpr"], part["tpr"], color=SEGMENTS[i], linestyle=["-", "--", ":", "-."][i % 4], label=label
            )
            facts.append(f"{STRATEGY_NAMES[strategy]}, {label}")
        panel.set_title(STRATEGY_NAMES[strategy], fontsize=9)
        panel.set_xlabel("false positive rate")
        if len(own):
            panel.legend(loc="lower right", fontsize=8, title="AUC (people, positive windows)", title_fontsize=8)
    panels[0, 0].set_ylabel("true positive rate")
    return figure, f"ROC curves per segment of {attribute} with their areas: " + "; ".join(facts) + "."


def _sizes(row: pd.Series) -> str:
    """People and positive windows; of restricted data they may be withheld."""
    return f"{count(row['people'])}, {count(row['events'])}"


def parity_domain(summary: pd.DataFrame, metric: str, attributes: list[str], chance: Collection[str] = ()) -> Drawn:
    """F-parity-domain: the domain metric per attribute, a marker a strategy, 95 % intervals.

    Left its distance from parity (|1 − r|; of AOD the absolute value), right the same with its direction (log r; AOD).
    chance: strategies that may be at chance, which are hollow: their disparity says nothing.
    """
    rows = summary[
        (summary["scope"] == "ratio") & (summary["metric"] == metric) & summary["attribute"].isin(attributes)
    ]
    bound, short, ratio = _bound(metric), SHORT.get(metric, "AOD"), metric in RATES
    with np.errstate(divide="ignore", invalid="ignore"):
        signed = [np.log(rows[end]) if ratio else rows[end] for end in ("mean", "low", "high")]
    rows = rows.assign(signed=signed[0], signed_low=signed[1], signed_high=signed[2])
    figure, panels = axes(8.6, 2.0 + 1.5 * len(attributes), 1, 2, sharey=True)
    band = FAIR_LOG_RATIO if ratio else bound
    sides = (("deviation", 0, bound), ("signed", -band, band))
    for panel, (column, start, end) in zip(panels, sides, strict=True):
        panel.axvspan(start, end, color=FAIR_BAND, zorder=0)
        edge = float(np.nanmax([3 * end, *(1.4 * rows[column].abs())]))  # longer intervals end in an arrow
        _strategies(panel, rows, column, attributes, edge, chance)
        panel.set_xlim(-edge if start else 0, edge)
    for i, attribute in enumerate(attributes):
        if rows.loc[rows["attribute"] == attribute, "deviation"].isna().all():
            panels[0].text(0, i, " withheld, or too few to judge", va="center", fontsize=8, color="#555555")
    sizes = [_sizes(rows[rows["attribute"] == attribute].iloc[0]) for attribute in attributes]
    ticks = [f"{attribute}\n({size})" for attribute, size in zip(attributes, sizes, strict=True)]
    panels[0].set_yticks(range(len(attributes)), ticks)
    panels[0].set_ylim(len(attributes) - 0.5, -0.5)
    name = f"parity deviation |1 − {short}|" if ratio else f"|{short}|, where 0 is parity"
    panels[0].set_xlabel(f"{name}\nshaded: below {bound}; in brackets: people, positive windows")
    panels[1].axvline(0, color="black", linewidth=0.8)
    name = f"log {short}: right, more for the unprivileged" if ratio else f"{short}: right, unprivileged flagged more"
    panels[1].set_xlabel(f"{name}\nshaded: ±{number(band, 2)}")
    figure.legend(*panels[1].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=8)
    parts = []
    for attribute in attributes:
        own = rows[rows["attribute"] == attribute].dropna(subset="deviation")
        listed = ", ".join(
            f"{_marked(r.strategy, chance)} {number(r.deviation, 2)} ({r.signed:+.2f})" for r in own.itertuples()
        )
        parts.append(f"{attribute}: {listed or 'withheld, or too few to judge'}")
    name = f"Parity deviation of {short} (signed log ratio)" if ratio else f"Absolute value of {short} (signed)"
    return figure, f"{name} per attribute and strategy. " + "; ".join(parts) + "."


def _marked(strategy: str, chance: Collection[str]) -> str:
    return STRATEGY_NAMES[strategy] + " (perhaps chance)" * (strategy in chance)


def _strategies(panel, rows: pd.DataFrame, column: str, attributes: list[str], edge: float, chance) -> None:
    """Markers and intervals of each strategy, attribute by attribute; intervals beyond the edge end in an arrow."""
    names = list(dict.fromkeys(rows["strategy"]))
    for i, strategy in enumerate(names):
        own = rows[rows["strategy"] == strategy].set_index("attribute").reindex(attributes)
        at = np.arange(len(attributes)) + (i - (len(names) - 1) / 2) * 0.8 / len(names)
        panel.hlines(at, own[f"{column}_low"], own[f"{column}_high"], color=COLOURS[strategy], linewidth=1.4)
        for side, beyond in ((1, own[f"{column}_high"] > edge), (-1, own[f"{column}_low"] < -edge)):
            if beyond.any():
                ends, arrow = np.full(beyond.sum(), side * edge), "<>"[side > 0]
                panel.plot(ends, at[beyond], arrow, color=COLOURS[strategy], markersize=4, clip_on=False)
        fill = "white" if strategy in chance else COLOURS[strategy]
        look = {"color": COLOURS[strategy], "markerfacecolor": fill, "label": _marked(strategy, chance)}
        panel.plot(own[column], at, MARKERS[strategy], **look)


def _bound(metric: str) -> float:
    return FAIR_DEVIATION if metric in RATES else FAIR_DIFFERENCE


def parity_all(summary: pd.DataFrame, attributes: list[str], chance: Collection[str] = ()) -> Drawn:
    """F-parity-all: parity deviation of all ratio metrics, a box a strategy, with the threshold 0.2.

    chance: strategies that may be at chance, which are hollow: their disparity says nothing.
    """
    rows = summary[
        (summary["scope"] == "ratio") & summary["metric"].isin(SHORT) & summary["attribute"].isin(attributes)
    ]
    rows = rows.dropna(subset="deviation")
    names = list(dict.fromkeys(rows["strategy"]))
    figure, panel = axes(7.6, 4.2)
    for i, strategy in enumerate(names):
        values = rows.loc[rows["strategy"] == strategy, "deviation"].to_numpy()
        look = {"orientation": "horizontal", "widths": 0.5, "showfliers": False, "medianprops": {"color": "black"}}
        panel.boxplot(values, positions=[i], **look)
        fill = "white" if strategy in chance else COLOURS[strategy]
        points = {"color": COLOURS[strategy], "markerfacecolor": fill, "alpha": 0.7, "markersize": 5}
        panel.plot(values, np.full(len(values), i), MARKERS[strategy], **points)
    panel.axvline(FAIR_DEVIATION, color="black", linestyle="--", linewidth=0.9, label=f"threshold {FAIR_DEVIATION}")
    panel.set_yticks(range(len(names)), [_marked(name, chance) for name in names])
    panel.invert_yaxis()
    panel.set_xlim(left=0)
    panel.set_xlabel("parity deviation of the six ratio metrics, each protected attribute a point")
    panel.legend()
    medians = rows.groupby("strategy", sort=False)["deviation"].median()
    text = ", ".join(f"{_marked(name, chance)} {number(value, 2)}" for name, value in medians.items())
    return figure, f"Box plots of parity deviation over ratio metrics and attributes. Medians: {text}."


def trade_off(headline: pd.DataFrame, metric: str, accuracy: str = "auc") -> Drawn:
    """Mean parity deviation (or absolute AOD) against AUC of each strategy, with 95 % intervals in both directions.

    Models that are not surely better than chance are hollow: their disparity says nothing.
    """
    figure, panel = axes(7.6, 4.0 + 0.16 * max(0, len(headline) - 9))
    panel.axhspan(0, _bound(metric), color=FAIR_BAND, zorder=0)
    for row in headline.itertuples():
        spread = [
            [[getattr(row, n) - getattr(row, f"{n}_low")], [getattr(row, f"{n}_high") - getattr(row, n)]]
            for n in (accuracy, "deviation")
        ]
        panel.errorbar(
            getattr(row, accuracy),
            row.deviation,
            xerr=spread[0],
            yerr=spread[1],
            fmt=MARKERS[row.strategy],
            color=COLOURS[row.strategy],
            markerfacecolor="white" if at_chance(row) else COLOURS[row.strategy],
            label=STRATEGY_NAMES[row.strategy] + " (perhaps chance)" * at_chance(row),
            linewidth=1,
        )
    panel.set_ylim(bottom=0)
    panel.set_xlabel(f"{ACCURACY_NAMES[accuracy]} on the test split (higher is more accurate)")
    panel.set_ylabel(f"mean {disparity_name(metric)}\n(lower is closer to parity)")
    panel.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize=8)
    facts = "; ".join(
        f"{STRATEGY_NAMES[r.strategy]}: {ACCURACY_NAMES[accuracy]} {number(getattr(r, accuracy))},"
        f" {disparity_name(metric)} {number(r.deviation, 2)}"
        for r in headline.itertuples()
    )
    return figure, f"Accuracy against disparity of each strategy. {facts}."
