"""One visual language: type, grid, and colours with named roles, each with a marker or line style as a second cue.

Colours keep a contrast of 3 to 1 on white and stay apart under the three kinds of colour blindness
(``tests/report/test_style.py``); ``book/_static/fairlib.css`` names the same roles for pages.
"""

from itertools import cycle
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .. import strategies

mpl.use("agg")
plt.style.use(Path(__file__).with_name("fairlib.mplstyle"))  # type and grid; its colours are those below

Drawn = tuple[Figure, str]  # a figure and its alt text

WIDTH = 7.2  # inches: at 96 pixels an inch the column of the book, so letters have one size on all figures
SMALL = 8  # points; nothing is smaller

SUPERVISED, CONTROL, SIMPLE = "#A93400", "#666666", "#000000"
#: Colours of a family of models, in the order of ``strategies.MODELS``; further models begin again.
FAMILIES = {
    strategies.SUPERVISED: [SUPERVISED],
    strategies.SSL: ["#0062C4", "#2898E8", "#008A52", "#C96FB0", "#A58D00", "#24249A"],
    strategies.CONTROL: [CONTROL, SIMPLE, "#482454"],
    strategies.MITIGATION: ["#6B4A00", "#004D40", "#7A0177", "#4D4D4D"],
}
COLOURS = {
    name: colour
    for family, colours in FAMILIES.items()
    for name, colour in zip(strategies.of_family(family), cycle(colours), strict=False)
}
SSL = {name: COLOURS[name] for name in strategies.of_family(strategies.SSL)}
MARKERS = dict(zip(strategies.MODELS, cycle("osD^v<>xPd*pXh"), strict=False))
_STYLES = ["-", (0, (9, 2)), "--", "-.", ":", (0, (5, 1)), (0, (1, 1)), (0, (3, 5)), (0, (4, 2, 1, 2))]
LINES = dict(zip(strategies.ALL, cycle([*_STYLES, (0, (8, 2, 1, 2))]), strict=False))

SEGMENTS = mpl.rcParams["axes.prop_cycle"].by_key()["color"]
SEGMENT_MARKERS, SEGMENT_LINES = "osD^v<>", ["-", "--", ":", "-."]
HATCHES = ["", "//", "..", "xx", "\\\\", "oo", "--"]

OURS, RELEASED = SEGMENTS[0], SEGMENTS[3]  # the chapter on the release: as described, as the scripts run
FAIR_BAND, FAIR_EDGE = "#EAF3EE", "#5F8A72"  # where a disparity counts as small
CHANCE, CHANCE_EDGE = "#DADADA", "#767676"  # what chance gives: permuted labels, models that know nothing
SHADE = {"facecolor": CHANCE, "edgecolor": CHANCE_EDGE, "zorder": 0}
BARS = {"color": CHANCE, "edgecolor": CHANCE_EDGE, "linewidth": 0.6}
INK, PALE = mpl.rcParams["text.color"], mpl.rcParams["axes.edgecolor"]


def axes(width: float = WIDTH, height: float = 4.0, rows: int = 1, columns: int = 1, **options):
    """A figure and its axes with constrained layout."""
    return plt.subplots(rows, columns, figsize=(width, height), layout="constrained", **options)


def lines(panel: Axes, labels: list[str], **options) -> None:
    """A line a label, the first on top; options: of the labels."""
    panel.set_yticks(range(len(labels)), labels, **options)
    panel.set_ylim(len(labels) - 0.5, -0.5)


def parity_band(panel: Axes, low: float, high: float, upright: bool = False) -> None:
    """Where a disparity counts as small; the edges are drawn, since a shade this light is not seen by everybody.

    upright: along the vertical axis.
    """
    span = panel.axhspan if upright else panel.axvspan
    span(low, high, facecolor=FAIR_BAND, edgecolor=FAIR_EDGE, linewidth=0.8, zorder=0)


def intervals(panel: Axes, at, low, high, colour: str, edges: tuple[float, float], upright: bool = False) -> None:
    """Intervals at ``at``, all (n,); one that reaches beyond the edges of the panel ends there in an arrow.

    upright: they run along the vertical axis.
    """
    at, low, high = (np.atleast_1d(np.asarray(values, dtype=float)) for values in (at, low, high))
    draw = panel.vlines if upright else panel.hlines
    draw(at, np.maximum(low, edges[0]), np.minimum(high, edges[1]), color=colour, linewidth=1.3)
    for beyond, edge, arrow in ((low < edges[0], edges[0], "v<"), (high > edges[1], edges[1], "^>")):
        ends = np.full(beyond.sum(), edge)
        place = (at[beyond], ends) if upright else (ends, at[beyond])
        look = {"color": colour, "markersize": 4, "linestyle": "none", "clip_on": False}
        (line,) = panel.plot(*place, arrow[not upright], **look)
        line.set_in_layout(False)  # half an arrow outside the panel is no reason to shrink it


def legend_below(figure: Figure, *panels: Axes, columns: int = 3) -> None:
    """One legend under all panels, never over data; what several panels name stands once."""
    found = {}
    for panel in panels:
        found |= {label: handle for handle, label in zip(*panel.get_legend_handles_labels(), strict=True)}
    if found:
        figure.legend(found.values(), found.keys(), loc="outside lower center", ncols=columns)


def legend_beside(panel: Axes, **options) -> None:
    """The legend to the right of a panel, never over data."""
    panel.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), **options)
