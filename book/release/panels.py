"""The paper's own figures, panel by panel, next to ours on the same axes: published numbers left, our runs right.

Every panel says whether it is published, real or a twin. The pictures are not copied: each is drawn from numbers, with
their source in the tables of this folder.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fairlib.fairness import FAIR_DEVIATION, RATES, disparity
from fairlib.report.style import (
    COLOURS,
    CONTROL,
    MARKERS,
    PALE,
    SEGMENTS,
    SHADE,
    SMALL,
    SSL,
    SUPERVISED,
    WIDTH,
    Drawn,
    axes,
    intervals,
    legend_below,
    lines,
    parity_band,
)
from fairlib.strategies import STRATEGIES, STRATEGY_NAMES
from fairlib.study.labels import curve as label_curve
from fairlib.text import LEVEL_WORDS, count, number, signed

from ..pages.cases import Case
from . import audit, candidates, published

DATASETS = {"MIMIC": "MIMIC-III", "MESA": "MESA", "GLOBEM": "GLOBEM"}
ORDER = list(STRATEGIES)  # from all layers training to none
MODELS = {"Supervised": (SUPERVISED, "o", "-"), "SSL": (SSL["frozen_0"], "s", "--")}


def name(case: Case) -> str:
    """A case of ours with its origin, for the title of a panel."""
    return f"{case.title.replace('recipe ', '')} · {'twin' if case.made.origin == 'twin' else 'real'}"


def _two_columns(left: Sequence[str], right: Sequence[str], height: float) -> tuple[Figure, list[Axes], list[Axes]]:
    """Published panels in the left column and ours in the right one, all with the same axes; titles are set."""
    rows = max(len(left), len(right))
    figure, panels = axes(WIDTH, 0.7 + height * rows, rows, 2, sharex=True, sharey=True, squeeze=False)
    for column, titles in zip(panels.T, (left, right), strict=True):
        for panel, title in zip(column, titles, strict=False):
            panel.set_title(title)
        for panel in column[len(titles) :]:
            panel.set_visible(False)
        if len(titles):
            column[len(titles) - 1].tick_params(labelbottom=True)
    return figure, list(panels[: len(left), 0]), list(panels[: len(right), 1])


def _published(table: str) -> dict[str, pd.DataFrame]:
    """Rows of a published table by the title of their panel, a row a strategy in the order of unfreezing."""
    rows = published.table(table).set_index("strategy")
    return {f"{title} · published": rows[rows["dataset"] == key].loc[ORDER] for key, title in DATASETS.items()}


def roc(cases: list[Case], margin: float) -> Drawn:
    """F-roc: the areas under the curves of the ROC figure, all 21, and ours with their intervals.

    The curves themselves are not released. margin: how far below the supervised model still counts as on par.
    """
    left = _published("paper_auc")
    ours = {name(case): case.headline.set_index("strategy").reindex(ORDER) for case in cases}
    figure, *columns = _two_columns(list(left), list(ours), 1.75)
    facts = []
    for panel, (title, rows) in zip([*columns[0], *columns[1]], (left | ours).items(), strict=True):
        bar = rows.loc["supervised", "auc"]
        panel.axvspan(bar - margin, bar, **SHADE, label=f"at most {margin} below supervised")
        panel.axvline(0.5, color=PALE, linewidth=0.8)
        for y, (strategy, row) in enumerate(rows.iterrows()):
            look = {"color": COLOURS[strategy], "markersize": 5}
            if "auc_low" in rows:
                intervals(panel, y, row["auc_low"], row["auc_high"], COLOURS[strategy], (0.44, 0.9))
            panel.plot(row["auc"], y, MARKERS[strategy], **look)
            panel.annotate(number(row["auc"]), (0.985, y), xycoords=("axes fraction", "data"), ha="right", va="center")
        near = (bar - rows["auc"].drop("supervised") <= margin + 1e-9).sum()
        values = rows["auc"].drop("supervised")
        facts.append(
            f"{title}: supervised {number(bar)}, SSL {number(values.min())} to {number(values.max())}, of which"
            f" {near} of {len(values)} are at most {margin} lower"
        )
        lines(panel, [STRATEGY_NAMES[strategy] for strategy in ORDER], fontsize=SMALL)
        panel.set(xlim=(0.44, 0.95), xlabel="")
        panel.grid(axis="y", visible=False)
    for column, what in zip(columns, ("AUC", f"AUC, {LEVEL_WORDS} interval over people and runs"), strict=True):
        column[-1].set_xlabel(what)
    legend_below(figure, columns[0][0])
    return figure, f"AUC of all models of the ROC figure, published and ours. {'. '.join(facts)}."


def deviations(models: pd.DataFrame, attributes: list[str]) -> pd.DataFrame:
    """|1 − ratio| of the six ratio metrics and the attributes of every trained model: strategy, deviation."""
    rows = models[(models["scope"] == "ratio") & models["metric"].isin(RATES) & models["attribute"].isin(attributes)]
    values = [disparity(metric, value) for metric, value in zip(rows["metric"], rows["estimate"], strict=True)]
    return rows[["strategy"]].assign(deviation=values).dropna()


def parity(cases: list[Case]) -> Drawn:
    """F-parity-all: the boxes of the parity figure, all 21, and ours: over ratio metrics, attributes and runs.

    Strategies are in the order of unfreezing, so that a U-shape shows as a belly of the boxes between nothing and all
    frozen.
    """
    left = {
        title: [
            {"whislo": row.lower_whisker, "q1": row.q1, "med": row.median, "q3": row.q3, "whishi": row.upper_whisker}
            | {"fliers": [float(value) for value in row.outliers.split()]}
            for row in rows.itertuples()
        ]
        for title, rows in _published("paper_parity").items()
    }
    ours = {name(case): _boxes(deviations(case.models, case.card.protected())) for case in cases}
    figure, *columns = _two_columns(list(left), list(ours), 1.75)
    facts, edge = [], 1.25
    for panel, (title, boxes) in zip([*columns[0], *columns[1]], (left | ours).items(), strict=True):
        parity_band(panel, 0, FAIR_DEVIATION)
        for y, (strategy, box) in enumerate(zip(ORDER, boxes, strict=True)):
            if not box:
                continue
            look = {"color": COLOURS[strategy]}
            shown = box | {"fliers": [value for value in box["fliers"] if value <= edge]}
            panel.bxp(
                [shown], [y], orientation="horizontal", widths=0.6, manage_ticks=False,
                boxprops=look, whiskerprops=look, capprops=look, medianprops=look | {"linewidth": 2.5},
                flierprops={"marker": "|", "markeredgecolor": COLOURS[strategy], "markersize": 6},
            )  # fmt: skip
            shown = box | {"fliers": [value for value in box["fliers"] if value <= edge]}
            beyond = len(box["fliers"]) - len(shown["fliers"])
            words = number(box["med"]) + f" (+{beyond})" * bool(beyond)
            panel.annotate(words, (0.985, y), xycoords=("axes fraction", "data"), ha="right", va="center")
        known = {strategy: box for strategy, box in zip(ORDER, boxes, strict=True) if box}
        listed = ", ".join(f"{STRATEGY_NAMES[key]} {number(box['med'])}" for key, box in known.items())
        facts.append(f"{title}, medians: {listed}")
        lines(panel, [STRATEGY_NAMES[strategy] for strategy in ORDER], fontsize=SMALL)
        panel.set(xlim=(0, edge + 0.45), xticks=[0, 0.25, 0.5, 0.75, 1, 1.25])
        panel.grid(axis="y", visible=False)
    for column in columns:
        column[-1].set_xlabel("parity deviation |1 − ratio|\nnumbers: median (values beyond the axis)")
    return figure, f"Boxes of the parity figure, published and ours, shaded below {FAIR_DEVIATION}. {'. '.join(facts)}."


def _boxes(rows: pd.DataFrame) -> list[dict]:
    """A box by strategy; {} for one without values."""
    found = dict(list(rows.groupby("strategy")["deviation"]))
    return [box(found[strategy].to_numpy(dtype=float)) if strategy in found else {} for strategy in ORDER]


def box(values: np.ndarray) -> dict:
    """Quartiles, whiskers (1.5 interquartile ranges, as in the paper) and outliers, named as in matplotlib."""
    q1, median, q3 = np.quantile(values, [0.25, 0.5, 0.75])
    inside = (values >= q1 - 1.5 * (q3 - q1)) & (values <= q3 + 1.5 * (q3 - q1))
    ends = {"whislo": values[inside].min(), "whishi": values[inside].max(), "fliers": values[~inside]}
    return {"q1": q1, "med": median, "q3": q3} | ends


def size_gap(rows: pd.DataFrame, curves: pd.DataFrame, ours: pd.DataFrame) -> Drawn:
    """F-size-gap: the segment-size figure as published (quadratic) and as captioned (lowess), with noise; right, ours.

    rows: ``noise.published_rows``; curves: ``noise.fit`` of them against "share"; ours: ``noise.own_rows``, real data.
    """
    figure, panels = axes(WIDTH, 4.0, 1, 2, sharex=True, sharey=True)
    bent = {}
    for panel, table in zip(panels, (rows, ours), strict=True):
        for model, (colour, marker, _) in MODELS.items():
            own = table[table["model"] == model]
            face = colour if model == "Supervised" else "none"
            look = {"markerfacecolor": face, "markeredgecolor": colour, "linestyle": "none", "markersize": 4.5}
            panel.plot(own["share"], own["gap"], marker, label=f"{_called(model)}, segments", **look)
        panel.set(xlabel="share of the attribute's windows")
    for model, (colour, _, line) in MODELS.items():
        own, smooth = rows[rows["model"] == model], curves[curves["curve"] == model]
        fitted = np.polynomial.Polynomial.fit(own["share"], own["gap"], 2)(smooth["x"].to_numpy())
        bent[model] = fitted
        panels[0].plot(smooth["x"], fitted, line, color=colour, linewidth=2.4, label=f"{_called(model)}, quadratic")
        panels[0].plot(
            smooth["x"], smooth["value"], line, color=colour, linewidth=1, alpha=0.8, label=f"{_called(model)}, lowess"
        )
    smooth = curves[curves["curve"] == "noise"]
    panels[0].plot(smooth["x"], smooth["value"], ":", color=CONTROL, linewidth=2.2, label="noise alone, on average")
    sizes = ours.groupby(["attribute", "segment"])[["share", "expected"]].mean()
    panels[1].plot(sizes["share"], sizes["expected"], "_", color=CONTROL, markersize=13, markeredgewidth=2)
    panels[0].set(ylabel="|AUC of the segment − AUC of everyone|", title="all three datasets · published")
    panels[0].set_ylim(0, 1.05 * rows["gap"].max())
    panels[1].set_title("Challenge 2012, all recipes · real" if len(ours) else "no segment of ours can be judged")
    legend_below(figure, panels[0])
    lower = (bent["SSL"] < bent["Supervised"]).mean()
    wide = curves.pivot_table(index="x", columns="curve", values="value")
    return figure, (
        f"Gap in AUC against the share of a segment. Published, {len(rows)} rows: the quadratic of SSL is below that of"
        f" the supervised model at {100 * lower:.0f} % of the sizes, lowess at"
        f" {100 * (wide['SSL'] < wide['Supervised']).mean():.0f} %. Mean gap {_means(rows)}. Ours, {len(ours)} points:"
        f" mean gap {_means(ours)}."
    )


def size_gap_by_dataset(rows: pd.DataFrame) -> Drawn:
    """F-size-gap by dataset: the published rows of each, the quadratic of each model, and what noise alone gives."""
    figure, panels = axes(WIDTH, 3.2, 1, 3)
    facts = []
    for panel, (key, title) in zip(panels, DATASETS.items(), strict=True):
        own = rows[rows["dataset"] == key].sort_values("share")
        for model, (colour, marker, line) in MODELS.items():
            part = own[own["model"] == model]
            face = colour if model == "Supervised" else "none"
            panel.plot(part["share"], part["gap"], marker, markerfacecolor=face, markeredgecolor=colour, markersize=5)
            at = np.linspace(part["share"].min(), part["share"].max(), 50)
            fitted = np.polynomial.Polynomial.fit(part["share"], part["gap"], 2)(at)
            panel.plot(at, fitted, line, color=colour, linewidth=1.8, label=f"{_called(model)}, quadratic")
        means = own.groupby("share")["expected"].mean()
        panel.plot(
            means.index, means, "_", color=CONTROL, markersize=11, markeredgewidth=2, label="noise alone, on average"
        )
        change = own.pivot_table(index=["attribute", "segment"], columns="model", values="gap")
        change = (change["SSL"] - change["Supervised"]).mean()
        panel.set_title(f"{title} · published\nSSL − supervised: {signed(change)}")
        panel.set(ylim=(0, 1.08 * own["gap"].max()), xlabel="share of the attribute's windows")
        facts.append(f"{title}: mean gap {_means(own)}; SSL minus supervised {signed(change)}")
    panels[0].set_ylabel("|AUC of the segment − AUC of everyone|")
    legend_below(figure, panels[0])
    return figure, f"The published segment-size rows by dataset, each on its own scale. {'. '.join(facts)}."


def _called(model: str) -> str:
    return "SSL" if model == "SSL" else "supervised"


def _means(rows: pd.DataFrame) -> str:
    means = rows.groupby("model")["gap"].mean().reindex(MODELS)
    both = f"supervised {number(means['Supervised'])}, SSL {number(means['SSL'])}"
    return f"{both}, noise alone {number(rows['expected'].mean())}"


def efficiency(cases: list[Case]) -> Drawn:
    """F-efficiency: AUC and mean parity deviation against the number of labels, published and ours."""
    table = published.table("data_efficiency").assign(at=lambda t: t["windows_per_code"])
    table["strategy"] = table["model"].replace({"ssl_frozen1_middle": "frozen_1_middle"})
    sides = {"MIMIC-III · published": table.assign(mean=table["value"])}
    for case in cases:
        found = label_curve(case.study, ("supervised", case.ssl), case.paired_seeds, case.label_sizes, case.card)
        if len(found):
            sides[name(case)] = pd.concat(
                found.rename(columns={"people": "at", of: "mean", f"{of}_low": "low", f"{of}_high": "high"}).assign(
                    metric=of
                )
                for of in ("auc", "deviation")
            )
    figure, panels = axes(WIDTH, 4.6, 2, len(sides), sharey="row", sharex="col", squeeze=False)
    facts = []
    for column, (title, rows) in zip(panels.T, sides.items(), strict=True):
        column[0].set_title(title)
        for panel, metric in zip(column, ("auc", "deviation"), strict=True):
            for strategy in dict.fromkeys(rows["strategy"]):
                own = rows[(rows["metric"] == metric) & (rows["strategy"] == strategy)].sort_values("at")
                look = {"color": COLOURS[strategy], "marker": MARKERS[strategy]}
                panel.plot(own["at"], own["mean"], label=STRATEGY_NAMES[strategy], **look)
                panel.vlines(own["at"], own["low"], own["high"], color=COLOURS[strategy], linewidth=1)
                ends = f"{number(own['mean'].iloc[0])} to {number(own['mean'].iloc[-1])}"
                facts.append(f"{title}, {metric.replace('auc', 'AUC')}, {STRATEGY_NAMES[strategy]} {ends}")
            panel.set_xscale("log")
            ticks = sorted(set(rows["at"]))[:: 1 if title != "MIMIC-III · published" else 2]
            panel.set_xticks(ticks, [str(tick) for tick in ticks])
            panel.minorticks_off()
        what = "windows of each ethnicity code, at most" if "published" in title else "labelled people in each group"
        column[1].set_xlabel(what)
    panels[0, 0].set_ylabel("AUC")
    panels[1, 0].set_ylabel("mean parity deviation")
    panels[1, 0].set_ylim(bottom=0)
    legend_below(figure, panels[0, 0])
    return figure, f"Few labels, from the smallest to the largest number. {'; '.join(facts)}."


def u_shapes(cases: list[Case]) -> Drawn:
    """Mean disparity of the SSL models against what trains: published left (bounded, or printed), ours right."""
    trainable = audit.numbers("D27", "trainable parameters", "MIMIC").drop("supervised").sort_values()
    ssl, places = list(trainable.index), np.arange(len(trainable))
    figure, panels = axes(WIDTH, 4.0, 1, 2, sharey=True)
    bounds, facts = candidates.mean_deviations(), []
    for shift, (key, title), colour, marker in zip((-0.15, 0, 0.15), DATASETS.items(), SEGMENTS, "osD", strict=False):
        own = bounds.loc[key].loc[ssl]
        panels[0].vlines(places + shift, own["low"], own["high"], color=colour, linewidth=4, alpha=0.6)
        panels[0].plot(places + shift, own.mean(axis=1), marker, color=colour, markersize=4, label=title)
        facts.append(f"{title}, published, middle of the bounds: {_listed(own.mean(axis=1))}")
    for case, colour, marker in zip(cases, SEGMENTS[3:], "^vP", strict=False):
        own = case.headline.set_index("strategy")["deviation"].reindex(ssl)
        panels[1].plot(places, own, f"{marker}-", color=colour, linewidth=0.8, label=name(case))
        facts.append(f"{name(case)}: {_listed(own)}")
    labels = [STRATEGY_NAMES[key].removeprefix("SSL, ").replace(" and ", " +\n") for key in ssl]
    for panel, title in zip(panels, ("published · bars: bounds of the mean", "ours · mean over runs"), strict=True):
        panel.set_xticks(places, labels, fontsize=SMALL, rotation=35, ha="right")
        panel.set(title=title, xlabel="fewest to most trainable parameters")
        panel.grid(axis="x", visible=False)
    panels[0].set(ylabel="mean parity deviation", ylim=(0, None))
    legend_below(figure, *panels)
    ends = f"{count(trainable.iloc[0])} to {count(trainable.iloc[-1])}"
    return figure, f"Mean disparity of SSL models, from {ends} trainable parameters. {'; '.join(facts)}."


def _listed(values: pd.Series) -> str:
    return ", ".join(f"{STRATEGY_NAMES[key].removeprefix('SSL, ')} {number(value)}" for key, value in values.items())
