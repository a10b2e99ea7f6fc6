"""One visual language: colour-blind-safe colours with named roles, each with a marker or line style as a second cue."""

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.figure import Figure

Drawn = tuple[Figure, str]  # a figure and its alt text

# Okabe and Ito's palette, by role.
SUPERVISED, CONTROL = "#D55E00", "#6B6B6B"
SSL = {
    "frozen_0": "#0072B2",
    "frozen_1_middle": "#56B4E9",
    "frozen_1_first": "#009E73",
    "frozen_2_first_middle": "#CC79A7",
    "frozen_2_first_last": "#E69F00",
    "frozen_3": "#3B3B98",
}
COLOURS = {"supervised": SUPERVISED, **SSL, "random_frozen_3": CONTROL, "logistic_regression": "#000000"}
MARKERS = dict(zip(COLOURS, "osD^v<>xP", strict=True))
LINES = dict(
    zip(COLOURS, ["-", "-", "--", "-.", ":", (0, (5, 1)), (0, (1, 1)), (0, (3, 5)), (0, (4, 2, 1, 2))], strict=True)
)
# Explicit mitigations of the supervised model: stars in shades of its role.
MITIGATIONS = {"reweighed": "#8C2D04", "group_balanced": "#B8860B", "group_dro": "#7A0177", "post_processed": "#4D4D4D"}
COLOURS |= MITIGATIONS
MARKERS |= dict(zip(MITIGATIONS, "*pXh", strict=True))
SEGMENTS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#6B6B6B"]
HATCHES = ["", "//", "..", "xx", "\\\\", "oo", "--"]
FAIR_BAND = "#E8F1EC"

mpl.use("agg")
mpl.rcParams.update(
    {
        "figure.dpi": 100,
        "figure.facecolor": "white",
        "font.size": 10,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": "#E6E6E6",
        "legend.frameon": False,
        "svg.hashsalt": "fairlib",
    }
)


def axes(width: float = 7.2, height: float = 4.0, rows: int = 1, columns: int = 1, **options):
    """A figure and its axes with constrained layout."""
    return plt.subplots(rows, columns, figsize=(width, height), layout="constrained", **options)
