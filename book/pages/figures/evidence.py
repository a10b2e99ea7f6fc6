"""Stage 5 at equal alert rates: F-answer, F-operating-points, and decision curves by group."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.lines import Line2D

from fairlib.audit.equal_rates import MARGINS, own_rows
from fairlib.measures.estimands import AUC, D
from fairlib.measures.evidence import EVERYONE, SIDES
from fairlib.measures.netbenefit import ALL
from fairlib.measures.operating import PRIMARY
from fairlib.report import style
from fairlib.report.style import (
    COLOURS,
    INK,
    LINES,
    MARKERS,
    PALE,
    WIDTH,
    Drawn,
    axes,
    intervals,
    legend_below,
    parity_band,
)
from fairlib.strategies import STRATEGY_NAMES, SUPERVISED, UNTESTED, self_supervised
from fairlib.text import LEVEL_WORDS, number, percent, recipe_name, signed, with_interval

RECIPE_MARKERS = "osD^v"
MOST_PANELS = 8
ENDS = ("estimate", "low", "high")


def points(found: pd.DataFrame) -> pd.DataFrame:
    """A row per recipe and model: the difference to the supervised model in AUC (x) and in D at 20 % alerts (y).

    found: ``estimands.differences`` of many models, with a column recipe.
    """
    keys, parts = ["recipe", "one"], []
    for axis, rows in (("x", own_rows(found, estimand=AUC)), ("y", own_rows(found, estimand=D, point=PRIMARY.name))):
        rows = rows[rows["group"].isin(["everyone", "mean over attributes"])]
        parts.append(
            rows[[*keys, *ENDS, "level_other"]].set_axis([*keys, *(f"{axis}_{n}" for n in (*ENDS, "of"))], axis=1)
        )
    return parts[0].merge(parts[1], on=keys).rename(columns={"one": "model"})


def answer(rows: pd.DataFrame, recipe: str, named: str, at_chance: frozenset = frozenset()) -> Drawn:
    """F-answer: paired difference in AUC against that in disparity at 20 % alerts, a mark per model and recipe.

    rows: of ``points``; recipe, named: the pair that is labelled, against the supervised model of this recipe, whose
    level gives the claimed 30 %. at_chance: (recipe, model) that are no better than chance; these are hollow.
    """
    recipes, own = list(dict.fromkeys(rows["recipe"])), rows[(rows["recipe"] == recipe) & (rows["model"] == named)]
    claimed, within = -(1 - MARGINS.claim) * own["y_of"].iloc[0], MARGINS.equivalence
    figure, panel = axes(WIDTH, 4.6)
    edges = [_reach(rows, own, axis, least) for axis, least in (("x", MARGINS.auc), ("y", claimed))]
    panel.set(xlim=edges[0], ylim=edges[1])
    parity_band(panel, -within, within, upright=True)
    for draw in (panel.axvline, panel.axhline):
        draw(0, color=PALE, linewidth=0.8, zorder=1)
    margin = {"linestyle": "--", "linewidth": 1, "zorder": 1}
    panel.axvline(MARGINS.auc, color=INK, **margin)
    panel.axhline(claimed, color=style.SUPERVISED, **margin)
    panel.text(MARGINS.auc, edges[1][1], f" margin {signed(MARGINS.auc, 2)}", va="top", fontsize=style.SMALL)
    note = {"va": "bottom", "ha": "right", "fontsize": style.SMALL}
    panel.text(edges[0][1], claimed, "claimed: 30 % less ", color=style.SUPERVISED, **note)
    panel.text(edges[0][1], within, f"equivalent within ±{number(within)} ", **note)
    for row in rows.itertuples():
        _cross(panel, row, row.recipe == recipe and row.model == named, (row.recipe, row.model) in at_chance, recipes)
    for row in own.itertuples():
        box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1}
        left = (rows["x_estimate"] > row.x_estimate).sum() > (rows["x_estimate"] < row.x_estimate).sum()  # fewer marks
        place = (row.x_estimate, row.y_estimate), (-9 if left else 9, -16)
        look = {"textcoords": "offset points", "bbox": box, "ha": "right" if left else "left"}
        panel.annotate(STRATEGY_NAMES[row.model], *place, **look)
    hollow = "hollow: controls, and models no better than chance"
    panel.set_xlabel(f"difference in AUC to supervised (right: more accurate)\n{hollow}")
    panel.set_ylabel("difference in disparity at 20 % alerts\n(low: less disparity)")
    _legend(figure, rows, recipes)
    return figure, _said(rows, own, claimed)


def _reach(rows: pd.DataFrame, own: pd.DataFrame, axis: str, least: float) -> tuple[float, float]:
    """Ends of an axis: all marks, the interval of the named pair, and the margin on both sides of 0."""
    seen = pd.concat([rows[f"{axis}_estimate"], own[f"{axis}_low"], own[f"{axis}_high"], pd.Series([least, -least])])
    room = 0.08 * (seen.max() - seen.min())
    return seen.min() - room, seen.max() + room


def _cross(panel: Axes, row, named: bool, hollow: bool, recipes: list[str]) -> None:
    """One model: its mark, and both intervals; faint for all but the named pair."""
    colour = COLOURS[row.model]
    line, edges = to_rgba(colour, 1 if named else 0.3), (panel.get_xlim(), panel.get_ylim())
    intervals(panel, row.y_estimate, row.x_low, row.x_high, line, edges[0])
    intervals(panel, row.x_estimate, row.y_low, row.y_high, line, edges[1], upright=True)
    marker = _marker(row.model, row.recipe, recipes)
    fill = {"markerfacecolor": "white" if hollow or row.model in UNTESTED else colour, "markersize": 9 if named else 6}
    panel.plot(row.x_estimate, row.y_estimate, marker, color=colour, zorder=3, **fill)


def _marker(model: str, recipe: str, recipes: list[str]) -> str:
    """Shapes tell recipes, or models where there is one recipe."""
    return (
        RECIPE_MARKERS[recipes.index(recipe)] if len(recipes) > 1 else MARKERS[model].replace("x", "X")
    )  # one that can be hollow


def _legend(figure, rows: pd.DataFrame, recipes: list[str]) -> None:
    """Colours tell models, shapes as ``_marker`` says."""
    handles = []
    for name in dict.fromkeys(rows["model"]):
        marker = "o" if len(recipes) > 1 else _marker(name, recipes[0], recipes)
        look = {"color": COLOURS[name], "markerfacecolor": "white" if name in UNTESTED else COLOURS[name]}
        handles.append(Line2D([], [], marker=marker, linestyle="none", label=STRATEGY_NAMES[name], **look))
    if len(recipes) > 1:
        for marker, name in zip(RECIPE_MARKERS, recipes, strict=False):
            handles.append(
                Line2D([], [], marker=marker, color=INK, linestyle="none", label=f"recipe {recipe_name(name)}")
            )
    figure.legend(handles=handles, loc="outside lower center", ncols=3)


def _said(rows: pd.DataFrame, own: pd.DataFrame, claimed: float) -> str:
    text = [f"Difference in AUC and in disparity at 20 % alerts of {len(rows)} models to the supervised one"]
    for row in own.itertuples():
        both = (with_interval(*(getattr(row, f"{a}_{end}") for end in ENDS), sign=True) for a in "xy")
        text.append("{}: AUC {}, disparity {}".format(STRATEGY_NAMES[row.model], *both))
    ssl = rows[[self_supervised(name) for name in rows["model"]]]
    beyond = (ssl["y_high"] < 0).sum(), (ssl["x_low"] > MARGINS.auc).sum()
    counts = f"{beyond[0]} have less disparity by their interval, and {beyond[1]} a non-inferior AUC"
    text.append(f"Of {len(ssl)} self-supervised models, {counts}. The claimed difference is {signed(claimed)}")
    return ". ".join(text) + "."


def operating_points(rates: pd.DataFrame, published: pd.DataFrame, one: str) -> Drawn:
    """F-operating-points: disparity over alert rates; above its level, below the difference with its bands.

    rates: ``equal_rates.Scored.over_rates``; published: ``as_published``, both models at threshold 0.5.
    """
    at, fine = 100 * rates["alert_rate"], {"linestyle": "-.", "linewidth": 1.1}
    figure, panels = axes(WIDTH, 6.2, 2, 1, sharex=True, height_ratios=[1, 1])
    above, below = panels
    above.fill_between(at, rates["coin_low"], rates["coin_high"], color=style.CHANCE, alpha=0.6, linewidth=0, zorder=0)
    above.plot(at, rates["coin"], color=style.CHANCE_EDGE, linestyle=":", label=f"coin ({LEVEL_WORDS} range shaded)")
    above.plot(at, rates["calibrated"], color=INK, label="calibrated score, same AUC in all groups", **fine)
    for name, column in ((SUPERVISED, "level_other"), (one, "level_one")):
        above.plot(at, rates[column], color=COLOURS[name], linestyle=LINES[name], label=STRATEGY_NAMES[name])
    for row in published.dropna().itertuples():
        label = f"{STRATEGY_NAMES[row.model]} at threshold 0.5: {percent(row.alert_rate)} flagged"
        look = {"color": COLOURS[row.model], "markeredgecolor": INK, "markersize": 8, "linestyle": "none"}
        above.plot(100 * row.alert_rate, row.level, MARKERS[row.model], label=label, clip_on=False, **look)
    above.set(ylabel="disparity\n(mean |log error rate ratio|)")
    above.set_ylim(bottom=0)
    look = {"color": COLOURS[one], "label": f"{LEVEL_WORDS} simultaneous band"}
    below.fill_between(at, rates["band_low"], rates["band_high"], alpha=0.15, linewidth=0, **look)
    for end, label in (("low", f"{LEVEL_WORDS} interval at each rate"), ("high", "")):
        below.plot(at, rates[end], color=COLOURS[one], linewidth=0.8, linestyle="--", label=label)
    below.plot(at, rates["estimate"], color=COLOURS[one], label=f"{STRATEGY_NAMES[one]} − supervised")
    claimed = -(1 - MARGINS.claim) * rates["level_other"]
    below.plot(at, claimed, color=style.SUPERVISED, label="claimed: 30 % less", **fine)
    for panel in panels:
        panel.axvline(20, color=PALE, linewidth=0.8, zorder=0)
    below.axhline(0, color=INK, linewidth=0.8)
    below.set(xlabel="share flagged (alert rate), %", ylabel="difference in disparity\n(below 0: SSL has less)")
    legend_below(figure, *panels, columns=2)
    return figure, _told(rates, published, one)


def _told(rates: pd.DataFrame, published: pd.DataFrame, one: str) -> str:
    text = []
    for row in rates[rates["alert_rate"].isin([0.1, 0.2, 0.3, 0.4])].itertuples():
        models = f"supervised {number(row.level_other, 2)}, {STRATEGY_NAMES[one]} {number(row.level_one, 2)}"
        change = with_interval(row.estimate, row.band_low, row.band_high, 2, sign=True)
        text.append(f"{percent(row.alert_rate)} alerts: {models}, coin {number(row.coin, 2)}, difference {change}")
    shares = (f"{STRATEGY_NAMES[row.model]} flags {percent(row.alert_rate)}" for row in published.itertuples())
    away = ((rates["band_low"] > 0) | (rates["band_high"] < 0)).sum()
    return (
        f"Disparity over alert rates, differences with the simultaneous band. {'; '.join(text)}. The band excludes 0 at"
        f" {away} of {len(rates)} rates. At threshold 0.5 {' and '.join(shares)}."
    )


def decision_curves(found: pd.DataFrame, names: tuple[str, ...]) -> Drawn:
    """Net benefit over risk thresholds, a panel per group: everyone, and the named groups or, if these are many or too
    small, both sides of each attribute.

    found: ``netbenefit.curves``; names: models, the reference first.
    """
    groups = list(dict.fromkeys(zip(found["attribute"], found["segment"], strict=True)))
    sides = [group for group in groups if group[1] in SIDES]
    crossed = [group for group in groups if group not in (EVERYONE, *sides)]
    groups = [EVERYONE, *(crossed if 0 < len(crossed) <= MOST_PANELS else sides)]
    rows = -(-len(groups) // 3)
    figure, panels = axes(WIDTH, 0.8 + 2.1 * rows, rows, 3, squeeze=False)
    facts, middle = [], found["threshold"].unique()[found["threshold"].nunique() // 2]
    for panel, (attribute, segment) in zip(panels.flat, groups, strict=False):
        own = own_rows(found, attribute=attribute, segment=segment)
        levels, change = own_rows(own, minus=""), own_rows(own, model=names[1], minus=names[0])
        for name in names:
            curve, look = own_rows(levels, model=name), {"color": COLOURS[name], "linestyle": LINES[name]}
            panel.plot(100 * curve["threshold"], curve["estimate"], label=STRATEGY_NAMES[name], **look)
        everyone = own_rows(levels, model=ALL)
        look = {"color": style.CHANCE_EDGE, "linestyle": ":", "label": "flag everyone"}
        panel.plot(100 * everyone["threshold"], everyone["estimate"], **look)
        panel.axhline(0, color=INK, linewidth=0.8, label="flag no one")
        best = max(levels["estimate"].max(), 0.01)
        title = segment if attribute == segment else f"{attribute}:\n{segment}"
        panel.set(title=title, xlabel="risk threshold, %", ylim=(-0.25 * best, 1.1 * best))
        for row in change[change["threshold"] == middle].itertuples():
            facts.append(f"{title} {with_interval(row.estimate, row.low, row.high, sign=True)}".replace("\n", " "))
    for panel in panels.flat[len(groups) :]:
        panel.remove()
    for panel in panels[:, 0]:
        panel.set_ylabel("net benefit")
    legend_below(figure, panels[0, 0])
    return figure, (
        f"Decision curves of {len(groups)} groups. {STRATEGY_NAMES[names[1]]} minus {STRATEGY_NAMES[names[0]]} at a"
        f" risk of {percent(middle)}: {'; '.join(facts)}."
    )
