"""Stage 5: F-roc-conditioned, F-parity-domain, F-parity-all, and accuracy against disparity."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from fairlib.fairness import FAIR_DEVIATION, METRICS, RATES
from fairlib.measures.summary import left_out as is_left_out
from fairlib.report import style
from fairlib.report.style import COLOURS, INK, MARKERS, WIDTH, Drawn, axes, intervals, legend_below, parity_band
from fairlib.strategies import STRATEGY_NAMES
from fairlib.text import ACCURACY_NAMES, count, disparity_name, number, signed

from ..columns import between
from ..marks import NOBODY, briefly


def roc_conditioned(curves: pd.DataFrame, summary: pd.DataFrame, attribute: str, names: tuple[str, ...]) -> Drawn:
    """F-roc-conditioned: the ROC curve of each segment of an attribute, one panel a strategy."""
    figure, panels = axes(min(WIDTH, 3.6 * len(names)), 3.7, 1, len(names), sharey=True, squeeze=False)
    facts = []
    for panel, strategy in zip(panels[0], names, strict=True):
        own = curves[(curves["strategy"] == strategy) & (curves["attribute"] == attribute)]
        scores = summary[(summary["strategy"] == strategy) & (summary["attribute"] == attribute)]
        scores = scores[scores["metric"] == "auc"].set_index("segment")
        panel.plot([0, 1], [0, 1], color=style.PALE, linewidth=0.8)
        for i, (segment, part) in enumerate(own.groupby("segment", sort=False)):
            area = number(scores.loc[segment, "mean"], 2)
            look = {"color": style.SEGMENTS[i], "linestyle": style.SEGMENT_LINES[i % 4]}
            panel.plot(part["fpr"], part["tpr"], label=f"{segment}: {area} ({_sizes(scores.loc[segment])})", **look)
            facts.append(f"{STRATEGY_NAMES[strategy]}, {segment} {area}")
        panel.set(title=STRATEGY_NAMES[strategy], xlabel="false positive rate")
        if len(own):
            panel.legend(loc="lower right", title="AUC (people, positive windows)")
    panels[0, 0].set_ylabel("true positive rate")
    return figure, f"ROC curves per segment of {attribute} with their areas: " + "; ".join(facts) + "."


def parity_domain(
    summary: pd.DataFrame, metric: str, attributes: list[str], left_out: Mapping[str, pd.Series] = NOBODY
) -> Drawn:
    """F-parity-domain: the domain metric per attribute, a marker a strategy, with intervals.

    Left its distance from parity (|1 − r|; of AOD the absolute value), right the same with its direction (log r; AOD).
    left_out: rows of ``summaries.headline`` that are, by strategy; these are hollow: their disparity says nothing.
    """
    rows = between(summary, [metric], attributes)
    facts, ratio = METRICS[metric], metric in RATES
    bound, short = facts.threshold, facts.short
    with np.errstate(divide="ignore", invalid="ignore"):
        ends = rows[["mean", "low", "high"]].transform(np.log) if ratio else rows[["mean", "low", "high"]]
    rows = rows.join(ends.set_axis(["signed", "signed_low", "signed_high"], axis=1))
    names = list(dict.fromkeys(rows["strategy"]))
    judged = [not rows.loc[rows["attribute"] == name, "deviation"].isna().all() for name in attributes]
    heights = np.where(judged, 0.14 * len(names) + 0.15, 0.3)  # inches; an attribute that is not judged needs a line
    at = np.cumsum(heights) - heights / 2
    figure, panels = axes(WIDTH, 2.1 + sum(heights), 1, 2, sharey=True)
    band = facts.log_threshold if ratio else bound
    sides = (("deviation", 0, bound), ("signed", -band, band))
    for panel, (column, start, end) in zip(panels, sides, strict=True):
        parity_band(panel, start, end)
        edge = float(np.nanmax([3 * end, *(1.4 * rows[column].abs())]))
        panel.set_xlim(-edge if start else 0, edge)
        for i, strategy in enumerate(names):
            own = rows[rows["strategy"] == strategy].set_index("attribute").reindex(attributes)
            places, colour = at + 0.14 * (i - (len(names) - 1) / 2), COLOURS[strategy]
            intervals(panel, places, own[f"{column}_low"], own[f"{column}_high"], colour, panel.get_xlim())
            fill = "white" if strategy in left_out else colour
            look = {"color": colour, "markerfacecolor": fill, "label": _marked(strategy, left_out, "\n")}
            panel.plot(own[column], places, MARKERS[strategy], **look)
        panel.grid(axis="y", visible=False)
        for line in np.cumsum(heights)[:-1]:
            panel.axhline(line, color="#E6E6E6", linewidth=0.7)
    for place, shown in zip(at, judged, strict=True):
        if not shown:
            panels[0].text(0, place, "  withheld, or too few to judge", va="center", fontsize=8.5)
    by_attribute = [rows[rows["attribute"] == name] for name in attributes]
    panels[0].set_yticks(at, [f"{own['attribute'].iloc[0]}\n({_sizes(own.iloc[0])})" for own in by_attribute])
    panels[0].tick_params(axis="y", length=0)
    name = f"parity deviation |1 − {short}|" if ratio else f"|{short}|, where 0 is parity"
    note = f"shaded: below {bound}; arrow: a longer interval\nin brackets: people, positive windows"
    panels[0].set(ylim=(sum(heights), 0), xlabel=f"{name}\n{note}")
    panels[1].axvline(0, color=INK, linewidth=0.8)
    name = f"log {short}\nright: more for the unprivileged" if ratio else f"{short}\nright: unprivileged flagged more"
    panels[1].set_xlabel(f"{name}\nshaded: ±{number(band, 2)}")
    legend_below(figure, panels[1])
    parts = [f"{own['attribute'].iloc[0]}: {_spread(own, bound, left_out)}" for own in by_attribute]
    name = f"Parity deviation of {short} (signed log ratio)" if ratio else f"Absolute value of {short} (signed)"
    return figure, f"{name} per attribute. " + "; ".join(parts) + "."


def _sizes(row: pd.Series) -> str:
    """People and positive windows; of restricted data they may be withheld."""
    return f"{count(row['people'])}, {count(row['events'])}"


def _marked(strategy: str, left_out: Mapping[str, pd.Series], before: str = " ") -> str:
    why = briefly(left_out.get(strategy))
    return STRATEGY_NAMES[strategy] + f"{before}({why})" * bool(why)


def _spread(rows: pd.DataFrame, bound: float, left_out: Mapping[str, pd.Series]) -> str:
    """The supervised model and the two that lie furthest apart, in words, for one attribute."""
    rows = rows.dropna(subset="deviation").sort_values("deviation")
    if rows.empty:
        return "withheld, or too few to judge"
    shown = pd.concat([rows[rows["strategy"] == "supervised"], rows.iloc[[0, -1]]]).drop_duplicates("strategy")
    values = [(_marked(r.strategy, left_out), number(r.deviation, 2), signed(r.signed, 2)) for r in shown.itertuples()]
    listed = ", ".join(f"{name} {deviation} ({direction})" for name, deviation, direction in values)
    return f"{(rows['deviation'] < bound).sum()} of {len(rows)} models below {bound}; {listed}"


def parity_all(summary: pd.DataFrame, attributes: list[str], left_out: Mapping[str, pd.Series] = NOBODY) -> Drawn:
    """F-parity-all: parity deviation of all ratio metrics, a box a strategy, with the threshold 0.2.

    left_out: rows of ``summaries.headline`` that are, by strategy; these are hollow: their disparity says nothing.
    """
    rows = between(summary, RATES, attributes).dropna(subset="deviation")
    names = list(dict.fromkeys(rows["strategy"]))
    figure, panel = axes(WIDTH, 1.0 + 0.33 * len(names))
    parity_band(panel, 0, FAIR_DEVIATION)
    for i, strategy in enumerate(names):
        values = rows.loc[rows["strategy"] == strategy, "deviation"].to_numpy()
        look = {"orientation": "horizontal", "widths": 0.55, "showfliers": False, "medianprops": {"color": INK}}
        panel.boxplot(values, positions=[i], **look)
        fill = "white" if strategy in left_out else COLOURS[strategy]
        points = {"color": COLOURS[strategy], "markerfacecolor": fill, "alpha": 0.7, "markersize": 5}
        panel.plot(values, np.full(len(values), i), MARKERS[strategy], **points)
    panel.set_yticks(range(len(names)), [_marked(name, left_out, "\n") for name in names])
    panel.invert_yaxis()
    panel.set_xlim(left=0)
    panel.grid(axis="y", visible=False)
    what = f"parity deviation of {len(RATES)} ratio metrics, each protected attribute a point"
    panel.set_xlabel(f"{what}\nshaded: below {FAIR_DEVIATION}")
    medians = rows.groupby("strategy", sort=False)["deviation"].median()
    text = ", ".join(f"{_marked(name, left_out)} {number(value, 2)}" for name, value in medians.items())
    return figure, f"Box plots of parity deviation over ratio metrics and attributes. Medians: {text}."


def trade_off(headline: pd.DataFrame, metric: str, accuracy: str = "auc") -> Drawn:
    """Mean parity deviation (or absolute AOD) against AUC of each strategy, with the interval of its AUC.

    A deviation is above 0 by noise alone, so it has no interval of its own. Models that are left out of conclusions are
    hollow, since their disparity says nothing; the intervals of their AUC are in the table.
    """
    figure, panel = axes(WIDTH, 4.0 + 0.12 * max(0, len(headline) - 9))
    parity_band(panel, 0, METRICS[metric].threshold, upright=True)
    x, y = headline[accuracy], headline["deviation"]
    sides = (max(0.0, min(0.45, x.min() - 0.1)), min(1.0, x.max() + 0.12)), (0.0, max(0.4, 1.6 * y.max()))
    for _, own in headline.iterrows():
        strategy = own["strategy"]
        colour, hollow = COLOURS[strategy], is_left_out(own)
        if not hollow:
            intervals(panel, own["deviation"], own[f"{accuracy}_low"], own[f"{accuracy}_high"], colour, sides[0])
        look = {"color": colour, "markerfacecolor": "white" if hollow else colour}
        label = _marked(strategy, {strategy: own}, "\n")
        panel.plot(own[accuracy], own["deviation"], MARKERS[strategy], label=label, **look)
    panel.set(xlim=sides[0], ylim=sides[1], ylabel=f"mean {disparity_name(metric)} (low: closer to parity)")
    panel.set_xlabel(f"{ACCURACY_NAMES[accuracy]} on held-out people (right: more accurate)")
    style.legend_beside(panel)
    return figure, f"Accuracy against disparity of {len(headline)} models. {_best(headline, metric, accuracy)}"


def _best(headline: pd.DataFrame, metric: str, accuracy: str) -> str:
    """In words: the supervised model, the most accurate, the closest to parity, and how many are ahead of the first."""
    accurate, disparity = ACCURACY_NAMES[accuracy], disparity_name(metric)
    own = headline[headline["strategy"] == "supervised"]
    shown, facts = {"": own, "Most accurate: ": headline.nlargest(1, accuracy)}, []
    shown["Closest to parity: "] = headline.nsmallest(1, "deviation")
    for what, rows in shown.items():
        for r in rows.to_dict("records"):
            values = f"{accurate} {number(r[accuracy])}, {disparity} {number(r['deviation'], 2)}"
            facts.append(f"{what}{STRATEGY_NAMES[r['strategy']]}, {values}")
    for first in own.to_dict("records"):
        ahead = (headline[accuracy] > first[accuracy]).sum(), (headline["deviation"] < first["deviation"]).sum()
        facts.append(f"Ahead of supervised: {ahead[0]} with a higher {accurate}, {ahead[1]} with a smaller {disparity}")
    return f"{'. '.join(facts)}."
