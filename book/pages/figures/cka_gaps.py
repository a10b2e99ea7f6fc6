"""How large is large: CKA between training runs as a yardstick, and differences beside what chance gives."""

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from book.pages.cka_gaps import PUBLISHED, Ratio
from fairlib.inference import central
from fairlib.report import style
from fairlib.report.style import COLOURS, MARKERS, SEGMENTS, WIDTH, Drawn, axes, legend_below
from fairlib.strategies import STRATEGY_NAMES, self_supervised
from fairlib.text import OF_100, number, p_value, percent, signed


def yardstick(tables: dict[str, pd.DataFrame], between: dict[str, pd.DataFrame]) -> Drawn:
    """Same-layer CKA with the supervised model (filled), and of each model between its own training runs (open)."""
    names = list(dict.fromkeys((*between, *tables)))
    figure, panels = axes(WIDTH, 1.3 + 0.28 * len(names), 1, 3, sharey=True)
    facts = []
    for layer, panel in enumerate(panels, start=1):
        band = _layer(between.get("supervised"), layer)
        if len(band):
            panel.axvspan(band.min() - 0.004, band.max() + 0.004, **style.SHADE)
        for i, name in enumerate(names):
            for found, filled, shift in ((tables.get(name), True, -0.13), (between.get(name), False, 0.13)):
                values = _layer(found, layer)
                marker = MARKERS[name].upper() if MARKERS[name] == "x" else MARKERS[name]  # one that can be open
                look = {"color": COLOURS[name], "marker": marker, "linestyle": "none", "markersize": 5}
                panel.plot(values, np.full(len(values), i + shift), fillstyle="full" if filled else "none", **look)
                if layer == 3 and len(values):
                    what = "with supervised" if filled else "between its own runs"
                    facts.append(f"{STRATEGY_NAMES[name]} {what} {number(values.mean(), 2)}")
        panel.set(title=f"conv{layer} with conv{layer}", xlabel="CKA")
    look = {"color": style.INK, "marker": "s", "linestyle": "none"}
    panels[0].plot([], [], fillstyle="full", label="with the supervised model", **look)
    panels[0].plot([], [], fillstyle="none", label="between its own training runs", **look)
    legend_below(figure, panels[0])
    style.lines(panels[0], [STRATEGY_NAMES[name] for name in names])
    return figure, f"CKA between models and between training runs of one model. Means for conv3: {'; '.join(facts)}."


def yardstick_words(tables: dict[str, pd.DataFrame], between: dict[str, pd.DataFrame]) -> str:
    """Which SSL models differ from the supervised one no more than training runs of one model do, at conv3."""
    mean = {name: _layer(table, 3).mean() for name, table in between.items() if len(_layer(table, 3))}
    judged = [name for name in tables if name in mean and "supervised" in mean and self_supervised(name)]
    if not judged:
        return "No self-supervised model has two training runs to compare with."
    alike = [name for name in judged if _layer(tables[name], 3).mean() >= min(mean[name], mean["supervised"])]
    names = "; ".join(STRATEGY_NAMES[name] for name in alike)
    told = f" ({names}): there, the paradigm explains nothing" if alike else ""
    return (
        f"At conv3, {len(alike)} of {len(judged)} self-supervised models have a CKA with the supervised one that is no"
        f" lower than between training runs of one of the two models{told}."
    )


def _layer(table: pd.DataFrame | None, layer: int) -> np.ndarray:
    """Everybody's CKA of a layer with the same one; none without a table."""
    if table is None or table.empty:
        return np.empty(0)
    same = (table["layer_supervised"] == layer) & (table["layer_other"] == layer)
    return table.loc[same & (table["attribute"] == "everybody"), "cka"].dropna().to_numpy()


def gaps(table: pd.DataFrame) -> Drawn:
    """Best minus worst segment for the same layer in both models: dot with interval; grey, what chance gives."""
    rows = table[table["layer_supervised"] == table["layer_other"]]
    names = list(dict.fromkeys(rows["attribute"]))
    figure, panels = axes(WIDTH, 1.3 + 0.42 * len(names), 1, 3, sharey=True)
    facts = []
    for layer, panel in enumerate(panels, start=1):
        own = rows[rows["layer_supervised"] == layer].reset_index(drop=True)
        for i, row in own.iterrows():
            width = row["null_high"] - row["null_low"]
            panel.barh(i, width, 0.42, row["null_low"], label="permuted labels", **style.BARS)
            panel.hlines(i, row["low"], row["high"], color=SEGMENTS[0])
            panel.plot(row["gap"], i, "o", color=SEGMENTS[0], label="measured, with its interval")
        panel.axvline(0, color=style.CONTROL, linewidth=1)
        panel.xaxis.set_major_locator(MaxNLocator(4))
        panel.set(title=f"conv{layer} with conv{layer}", xlabel="difference in CKA")
        facts += [
            f"{r.attribute} conv{layer} {signed(r.gap, 2)}, p (max-T) {p_value(r.p_family)}" for r in own.itertuples()
        ]
    first = rows.drop_duplicates("attribute").itertuples()
    style.lines(panels[0], [f"{r.attribute}:\n{r.best} − {r.worst}" for r in first])
    legend_below(figure, panels[0])
    return figure, f"Differences in CKA, best minus worst segment, beside permuted labels: {'; '.join(facts)}."


def ratio(found: Ratio) -> Drawn:
    """Largest over smallest difference: distribution under permuted labels, ours, and the published ×13."""
    figure, panel = axes(WIDTH, 2.9)
    null = found.null[np.isfinite(found.null)]
    edges = np.geomspace(1, max(2 * PUBLISHED, found.observed * 1.3, np.quantile(null, 0.99)), 36)
    panel.hist(np.clip(null, None, edges[-1]), bins=edges, label="permuted labels", **style.BARS)
    panel.axvline(found.observed, color=SEGMENTS[0], label=f"ours ×{number(found.observed, 1)}")
    panel.axvline(PUBLISHED, color=style.SUPERVISED, linestyle="--", label=f"published: up to ×{PUBLISHED:.0f}")
    panel.set_xscale("log")
    panel.set_xticks([1, 2, 5, 10, 20], ["×1", "×2", "×5", "×10", "×20"])
    panel.minorticks_off()
    panel.set(xlabel="largest difference in CKA over the smallest, over attributes", ylabel="permutations")
    legend_below(figure, panel)
    low, high, middle = (*central(null), np.median(null))
    return figure, (
        f"Under permuted labels the ratio has median ×{number(middle, 1)} and lies between ×{number(low, 1)} and"
        f" ×{number(high, 1)} in {OF_100}; {percent(found.beyond(PUBLISHED))} reach ×{PUBLISHED:.0f}."
        f" Ours is ×{number(found.observed, 1)}."
    )
