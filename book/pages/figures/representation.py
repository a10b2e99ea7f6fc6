"""Where segments lie in a plane of the features. Regions only, never points."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from scipy.ndimage import gaussian_filter

from fairlib.report.style import INK, SEGMENT_MARKERS, SEGMENTS, SMALL, WIDTH, Drawn, axes
from fairlib.strategies import STRATEGY_NAMES
from fairlib.text import number


def embedding(tables: dict[str, pd.DataFrame]) -> Drawn:
    """F-embedding: outlines around the densest half of each segment (solid) and four fifths (dotted).

    tables: strategy → ``Study.embedding``. Bars along the edges: mean ± one standard deviation. Columns: two methods a
    model; rows: the outcome and each attribute with two shown segments; grey: four fifths of everybody.
    """
    first = next(iter(tables.values()))
    attributes = _compared(first) or ["everybody"]
    columns = [(strategy, method) for strategy in tables for method in ("PCA", "t-SNE")]
    size = (min(WIDTH, 1.7 * len(columns) + 1.2), 0.7 + 1.6 * len(attributes))
    figure, panels = axes(*size, len(attributes), len(columns), squeeze=False)
    for attribute, line in zip(attributes, panels, strict=True):
        for panel, (strategy, method) in zip(line, columns, strict=True):
            table = tables[strategy][tables[strategy]["method"] == method]
            _ground(panel, table[table["attribute"] == "everybody"].iloc[0])
            own = table[table["attribute"] == attribute] if attribute != "everybody" else table[:0]
            for place, (_, row) in enumerate(own.iterrows()):
                _outline(panel, row, place)
        line[0].set_ylabel(attribute)
        handles, labels = line[-1].get_legend_handles_labels()
        if handles:
            line[-1].legend(handles, labels, fontsize=SMALL, loc="upper left", bbox_to_anchor=(1, 1))
    for panel, (strategy, method) in zip(panels[0], columns, strict=True):
        panel.set_title(f"{STRATEGY_NAMES[strategy]}\n{method}", fontsize=8.5)
    handles = [
        Line2D([], [], color=INK, linewidth=1.1, label="the densest half"),
        Line2D([], [], color=INK, linewidth=1.1, linestyle=":", label="four fifths"),
        Patch(color="#EDEDED", label="four fifths of everybody"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3)
    return figure, _apart(tables)


def _compared(table: pd.DataFrame) -> list[str]:
    """Attributes with at least two groups."""
    counts = table.drop_duplicates(["attribute", "segment"])["attribute"].value_counts(sort=False)
    return [name for name, count in counts.items() if count > 1]


def _ground(panel: plt.Axes, everybody: pd.Series) -> None:
    extent = [everybody[name] for name in ("left", "right", "bottom", "top")]
    shade = np.where(_fine(everybody["region"]) > 0.5, 0.93, 1.0)
    panel.imshow(shade, extent=extent, origin="lower", cmap="gray", vmin=0, vmax=1)
    panel.set(xlim=extent[:2], ylim=extent[2:], aspect="auto", xticks=[], yticks=[])
    panel.grid(visible=False)


def _outline(panel: plt.Axes, row: pd.Series, place: int) -> None:
    colour, fine = SEGMENTS[place % len(SEGMENTS)], _fine(row["region"])
    left, right, bottom, top = (row[name] for name in ("left", "right", "bottom", "top"))
    x, y = (np.linspace(a, b, len(fine)) for a, b in ((left, right), (bottom, top)))
    for level, style in ((1.5, "-"), (0.5, ":")):
        if fine.max() > level > fine.min():
            panel.contour(x, y, fine, levels=[level], colors=[colour], linestyles=[style], linewidths=1.1)
    edge_x, edge_y = (a + (0.03 + 0.035 * place) * (b - a) for a, b in ((left, right), (bottom, top)))
    panel.plot([row["x"] - row["x_sd"], row["x"] + row["x_sd"]], [edge_y] * 2, color=colour, linewidth=1)
    panel.plot([edge_x] * 2, [row["y"] - row["y_sd"], row["y"] + row["y_sd"]], color=colour, linewidth=1)
    panel.plot(row["x"], row["y"], SEGMENT_MARKERS[place % 7], color=colour, markersize=4, label=row["segment"])


def _fine(region: np.ndarray) -> np.ndarray:
    """The grid of levels, enlarged and smoothed within its cells so that outlines are no stairs."""
    bins = round(len(region) ** 0.5)
    return gaussian_filter(np.kron(np.reshape(region, (bins, bins)), np.ones((6, 6))), 4)


def _apart(tables: dict[str, pd.DataFrame]) -> str:
    """Alt text: how far the segments' means lie apart along the first component, in standard deviations."""
    facts = []
    for strategy, table in tables.items():
        rows = table[table["method"] == "PCA"]
        spread = rows.loc[rows["attribute"] == "everybody", "x_sd"].iloc[0]
        for attribute in _compared(rows):
            own = rows[rows["attribute"] == attribute]
            apart = (own["x"].max() - own["x"].min()) / spread if spread > 0 else 0
            facts.append(f"{STRATEGY_NAMES[strategy]}, {attribute} {number(apart, 2)}")
    text = "Regions that hold the densest half of each segment in two principal components and in t-SNE"
    far = f" Largest distance between means along the first component, in standard deviations: {'; '.join(facts)}."
    return f"{text}, {len(tables)} models." + far * bool(facts)
