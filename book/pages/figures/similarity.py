"""F-cka and F-cka-conditioned: heat maps of representation similarity."""

from textwrap import fill

import numpy as np
import pandas as pd

from fairlib.report.style import INK, SEGMENT_MARKERS, SEGMENTS, SMALL, WIDTH, Drawn, axes, intervals, legend_below
from fairlib.strategies import STRATEGY_NAMES
from fairlib.text import number, signed

from ..cka_gaps import over_runs


def matrix(
    table: pd.DataFrame, attribute: str = "everybody", segment: str = "everybody", value: str = "cka"
) -> np.ndarray:
    """(3, 3): layers of the supervised model by layers of the other, averaged over seeds."""
    rows = table[(table["attribute"] == attribute) & (table["segment"] == segment)]
    return rows.pivot_table(index="layer_supervised", columns="layer_other", values=value, dropna=False).to_numpy()


def heat_maps(tables: dict[str, pd.DataFrame]) -> Drawn:
    """F-cka: CKA of the supervised model's layers with those of each other model, everybody in the test split."""
    columns = 4
    rows = -(-len(tables) // columns)
    figure, panels = axes(WIDTH, 0.5 + 1.75 * rows, rows, columns, squeeze=False)
    facts = []
    for panel in panels.flat[len(tables) :]:
        panel.set_visible(False)
    for panel, (strategy, table) in zip(panels.flat, tables.items(), strict=False):
        values = matrix(table)
        image = panel.imshow(values, vmin=0, vmax=1, cmap="cividis")
        _write(panel, values, lambda v: "white" if v < 0.55 else "black", ticks="123")  # longer ones would touch
        panel.set_title(fill(STRATEGY_NAMES[strategy].removeprefix("control: "), 16), fontsize=SMALL)
        facts.append(f"{STRATEGY_NAMES[strategy]} {', '.join(number(v, 2) for v in np.diag(values))}")
    figure.colorbar(image, ax=panels, shrink=0.7, label="CKA")
    figure.supylabel("convolution of the supervised model")
    figure.supxlabel("convolution of the other model")
    same = "CKA heat maps against the supervised model. Same-layer values for conv1, conv2, conv3"
    return figure, f"{same}: {'; '.join(facts)}."


def conditioned(table: pd.DataFrame, strategy: str) -> Drawn:
    """F-cka-conditioned: same-layer CKA of each segment with its interval over participants and training runs."""
    rows = over_runs(table[table["layer_supervised"] == table["layer_other"]])
    groups = list(dict.fromkeys(zip(rows["attribute"], rows["segment"], strict=True)))
    figure, panels = axes(WIDTH, 1.5 + 0.26 * len(groups), 1, 3, sharey=True)
    attributes = list(dict.fromkeys(attribute for attribute, _ in groups))
    lowest = min(0.0, float(np.nanmin(rows[["cka", "matched"]])))
    edges = (lowest - 0.05, 1.05)  # CKA is 1 at most; with few runs, intervals are far wider
    for layer, panel in enumerate(panels, start=1):
        for i, (attribute, segment) in enumerate(groups):
            row = rows[(rows["attribute"] == attribute) & (rows["segment"] == segment)]
            row = row[row["layer_supervised"] == layer].iloc[0]
            place = attributes.index(attribute)
            colour, marker = SEGMENTS[place % len(SEGMENTS)], SEGMENT_MARKERS[place % len(SEGMENT_MARKERS)]
            intervals(panel, i, row["low"], row["high"], colour, edges)
            panel.plot(row["cka"], i, marker, color=colour)
            panel.plot(row["matched"], i, "|", color=INK, markersize=10, label="at equal size of segments")
        panel.set(xlim=edges, title=f"conv{layer} with conv{layer}", xlabel="CKA")
    legend_below(figure, panels[0])
    panels[0].set_yticks(range(len(groups)), [f"{a}: {s}" if a != s else a for a, s in groups])
    panels[0].invert_yaxis()
    last = rows[rows["layer_supervised"] == 3]
    facts = "; ".join(f"{r.attribute} {r.segment} {number(r.cka, 2)}" for r in last.itertuples())
    return figure, f"CKA of the supervised model with {STRATEGY_NAMES[strategy]} per segment; conv3: {facts}."


def difference(table: pd.DataFrame, pairs: dict[str, tuple[str, str]]) -> Drawn:
    """Best minus worst segment: signed difference of size-matched CKA for each pair of layers."""
    figure, panels = axes(WIDTH, 2.5, 1, max(len(pairs), 1), squeeze=False)
    maps = {
        a: matrix(table, a, best, "matched") - matrix(table, a, worst, "matched") for a, (best, worst) in pairs.items()
    }
    limit = max([0.05, *(float(np.nanmax(np.abs(values))) for values in maps.values())])
    facts = []
    for panel, (attribute, values) in zip(panels[0], maps.items(), strict=False):
        image = panel.imshow(values, vmin=-limit, vmax=limit, cmap="PuOr")
        _write(panel, values, lambda v: "white" if abs(v) > 0.7 * limit else "black", sign=True)
        panel.set_title(f"{attribute}: {pairs[attribute][0]} − {pairs[attribute][1]}", fontsize=8.5)
        facts.append(f"{attribute} {signed(np.nanmin(values), 2)} to {signed(np.nanmax(values), 2)}")
    if maps:
        figure.colorbar(image, ax=panels, shrink=0.8, label="difference in CKA")
    figure.supylabel("supervised")
    figure.supxlabel("layer of the other model")
    return figure, "Signed differences in CKA, best-served minus worst-served segment, range: " + "; ".join(facts) + "."


def _write(panel, values: np.ndarray, colour, sign: bool = False, ticks=("conv1", "conv2", "conv3")) -> None:
    for i, j in np.ndindex(values.shape):
        if np.isfinite(values[i, j]):
            text = signed(values[i, j], 2) if sign else number(values[i, j], 2)
            panel.text(j, i, text, ha="center", va="center", fontsize=SMALL, color=colour(values[i, j]))
    panel.set_xticks(range(3), ticks, fontsize=SMALL)
    panel.set_yticks(range(3), ticks, fontsize=SMALL)
    panel.grid(visible=False)
