"""Forest plots: one row per comparison, its interval and the number in words, with the protocol's margins."""

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from fairlib.audit.equal_rates import CALIBRATION_GAP, EQUAL_MIX, EQUAL_MIX_LOG, MARGINS
from fairlib.measures.estimands import AUC, AUC_GAP, AUPRC, FNR_GAP, FPR_GAP, GROUP_ERROR, OVERALL, D
from fairlib.measures.groups import BETWEEN
from fairlib.measures.operating import PRIMARY
from fairlib.report.style import (
    CHANCE,
    CHANCE_EDGE,
    COLOURS,
    INK,
    MARKERS,
    WIDTH,
    Drawn,
    axes,
    intervals,
    legend_below,
    lines,
)
from fairlib.strategies import STRATEGY_NAMES
from fairlib.text import LEVEL_WORDS, readable, with_interval

ROW = 0.27  # inches
#: Panels: title, estimands, and the ends of a margin (a line each, or a band) in units of the axis.
PANELS = (
    ("Δ AUC, AUPRC, AUC gap", (AUC, AUPRC, AUC_GAP), (MARGINS.auc,)),
    (f"Δ {D}", (D,), (-MARGINS.equivalence, MARGINS.equivalence)),
    ("Δ gap in a rate, at 20 % alerts", (FNR_GAP, FPR_GAP), ()),
    ("Δ error rate of a group, at 20 % alerts", (GROUP_ERROR,), (MARGINS.group,)),
    ("Δ calibration gap, after recalibration", (CALIBRATION_GAP,), ()),
    ("Δ log error rate ratio, at equal case mix", (EQUAL_MIX_LOG, EQUAL_MIX), ()),
)
WORDS = {AUC_GAP: "AUC gap, mean over attributes", FNR_GAP: "FNR gap", FPR_GAP: "FPR gap"}


def rows_of(found: pd.DataFrame) -> pd.DataFrame:
    """The comparisons that are drawn: columns panel, label, estimate, low, high, levels, runs; one or more per panel.

    found: ``estimands.differences`` of a pair.
    """
    parts = []
    for title, estimands, _ in PANELS:
        own = found[found["estimand"].isin(estimands)]
        if D in estimands:
            own = own[own["group"] == OVERALL]
            row = own["point"]
        else:
            own = own[own["point"].isin(["", PRIMARY.name])]
            named = own["estimand"].replace(WORDS)
            of_group = own["estimand"].isin([GROUP_ERROR, CALIBRATION_GAP, EQUAL_MIX_LOG, EQUAL_MIX])
            row = named.where(~of_group, own["group"].str.replace(BETWEEN, " and "))
        parts.append(own.assign(panel=title, label=row.map(readable)))
    columns = ["panel", "label", "estimate", "low", "high", "level_one", "level_other", "runs"]
    return pd.concat(parts, ignore_index=True)[columns]


def forest(rows: pd.DataFrame, one: str, other: str) -> Drawn:
    """A panel per kind of difference, one − other, each with its own axis; margins of the protocol are dashed.

    rows: of ``rows_of``.
    """
    shown = [panel for panel in PANELS if (rows["panel"] == panel[0]).any()]
    counts = [int((rows["panel"] == title).sum()) for title, *_ in shown]
    figure, panels = axes(
        WIDTH,
        ROW * sum(counts) + 0.75 * len(shown),
        len(shown),
        1,
        squeeze=False,
        height_ratios=[n + 0.6 for n in counts],
    )
    for panel, (title, _, margins) in zip(panels[:, 0], shown, strict=True):
        own = rows[rows["panel"] == title]
        at = np.arange(len(own))
        ends = np.abs([*own["low"], *own["high"], *margins])
        reach = 1.1 * float(np.nanmax(ends)) if np.isfinite(ends).any() else 1.0
        panel.axvline(0, color=INK, linewidth=0.8)
        for margin in margins:
            panel.axvline(margin, color=CHANCE_EDGE, linestyle=(0, (4, 2)), linewidth=1)
        if len(margins) == 2:
            panel.axvspan(*margins, color=CHANCE, zorder=0)
        intervals(panel, at, own["low"], own["high"], INK, (-reach, reach))
        panel.plot(own["estimate"], at, "o", color=INK, markersize=5)
        for y, row in zip(at, own.itertuples(), strict=True):
            told = with_interval(row.estimate, row.low, row.high, sign=True)
            panel.text(1.02, y, told, transform=panel.get_yaxis_transform(), va="center")
        lines(panel, list(own["label"]))
        panel.set_xlim(-reach, reach)
        panel.xaxis.set_major_locator(MaxNLocator(5))
        panel.set_title(title, loc="left")
    first = rows.iloc[0]
    alt = (
        f"Forest plot of differences between {one} and {other} with {LEVEL_WORDS} intervals: {len(rows)} rows in"
        f" {len(shown)} panels; dashed lines are the protocol's margins. {first['label']}:"
        f" {with_interval(first['estimate'], first['low'], first['high'], sign=True)}."
    )
    return figure, alt


def areas_of(summary: pd.DataFrame, names: tuple[str, ...]) -> pd.DataFrame:
    """AUC of everyone, of each segment and of each pair of segments: columns model, attribute, segment, sizes,
    estimate, low, high, runs; without those that are not judged. summary: ``summaries.summarise``."""
    own = summary[(summary["metric"] == "auc") & summary["strategy"].isin(names) & np.isfinite(summary["mean"])]
    own = own.rename(columns={"strategy": "model", "mean": "estimate", "seeds": "runs"})
    columns = ["model", "attribute", "segment", "people", "windows", "events", "estimate", "low", "high", "runs"]
    return own[columns].reset_index(drop=True)


def areas(rows: pd.DataFrame) -> Drawn:
    """AUC within each segment, a row each, its models side by side; rows: of ``areas_of``."""
    names = list(dict.fromkeys(rows["model"]))
    groups = pd.MultiIndex.from_frame(rows[["attribute", "segment"]])
    labels = groups.unique()
    figure, panel = axes(WIDTH, ROW * (len(labels) + 1) * max(1.0, 0.45 * len(names)) + 0.8)
    reach = float(np.nanmin(rows["low"])) - 0.01, min(1.0, float(np.nanmax(rows["high"])) + 0.01)
    for i, name in enumerate(names):
        chosen = (rows["model"] == name).to_numpy()
        own, at = rows[chosen], labels.get_indexer(groups[chosen]) + 0.22 * (i - (len(names) - 1) / 2)
        intervals(panel, at, own["low"], own["high"], COLOURS[name], reach)
        panel.plot(own["estimate"], at, MARKERS[name], color=COLOURS[name], markersize=5, label=STRATEGY_NAMES[name])
    lines(panel, [readable(segment.replace(BETWEEN, " and ")) for _, segment in labels])
    panel.set(xlim=reach, xlabel=f"AUC ({LEVEL_WORDS} CI)")
    legend_below(figure, panel)
    least = rows.loc[rows["estimate"].idxmin()]
    alt = (
        f"AUC of {len(names)} models within {len(labels)} groups, with {LEVEL_WORDS} intervals. Lowest:"
        f" {STRATEGY_NAMES[least['model']]} in {readable(least['segment'])},"
        f" {with_interval(least['estimate'], least['low'], least['high'])}."
    )
    return figure, alt


def not_judged(rows: pd.DataFrame, model: str) -> str:
    """How many groups have no AUC, in a sentence; "" where all have one. rows: of ``metrics`` or ``intersections``."""
    own = rows[(rows["strategy"] == model) & (rows["metric"] == "auc") & (rows["note"].fillna("") != "")]
    groups = own[["attribute", "segment"]].drop_duplicates()
    return f"{len(groups)} groups with too few people or outcomes are not judged." if len(groups) else ""
