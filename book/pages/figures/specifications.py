"""F-spec-curve: every specification of the same question, sorted, with its choices below."""

import numpy as np
import pandas as pd

from fairlib.report.style import INK, PALE, SEGMENTS, WIDTH, Drawn, axes
from fairlib.text import OF_100, p_value, percent, readable, signed

#: What may differ between specifications, in the order of the panels.
CHOICES = ("dataset", "recipe", "pretext", "inputs", "strategy", "metric", "attribute", "point", "age cut", "scale")
LEAST, MOST = 0.03, 0.9  # opacity of a mark: few specifications are told apart, many show as a shade


def spec_curve(specifications: pd.DataFrame, tested: pd.DataFrame) -> Drawn:
    """F-spec-curve: difference in disparity of each specification, sorted, with its interval; below, what was chosen.

    specifications: a row each, with columns estimate, low, high, any of ``CHOICES`` as text, and ``paper`` (boolean:
    the paper's own specification). A choice that is the same in all rows gets no panel. tested:
    ``speccurve.joint_test``.
    """
    rows = specifications.sort_values("estimate", ignore_index=True)
    choices = [name for name in CHOICES if name in rows and rows[name].nunique() > 1]
    options = {name: list(dict.fromkeys(specifications[name])) for name in choices}
    heights = [9, *(len(values) + 0.6 for values in options.values())]
    figure, panels = axes(
        WIDTH, 0.5 + 0.17 * sum(heights), len(heights), 1, sharex=True, height_ratios=heights, squeeze=False
    )
    curve, paper = panels[0, 0], np.flatnonzero(rows["paper"])
    beyond = (rows["low"] > 0) | (rows["high"] < 0)
    curve.vlines(rows.index, rows["low"], rows["high"], color=PALE, linewidth=0.6, alpha=0.6)
    for chosen, colour in ((~beyond, PALE), (beyond, SEGMENTS[0])):
        label = "interval excludes 0" if colour != PALE else "interval includes 0"
        curve.plot(rows.index[chosen], rows["estimate"][chosen], ".", color=colour, markersize=3, label=label)
    if len(paper):
        look = {"color": SEGMENTS[1], "markersize": 6, "label": "the paper's own choices"}
        curve.plot(paper, rows["estimate"][paper], "D", **look)
    curve.axhline(0, color=INK, linewidth=0.8)
    curve.set_ylabel("difference in\ndisparity")
    for panel, (name, values) in zip(panels[1:, 0], options.items(), strict=True):
        place = rows[name].map(values.index)
        look = {"color": INK, "markersize": 5, "alpha": float(np.clip(120 / len(rows), LEAST, MOST))}
        panel.plot(rows.index, place, "|", **look)
        panel.plot(paper, place[paper], "D", color=SEGMENTS[1], markersize=4)
        panel.set_yticks(range(len(values)), [readable(str(value)) for value in values])
        panel.set(ylim=(len(values) - 0.4, -0.6))
        panel.set_ylabel(name, rotation=0, ha="right", va="center", labelpad=12)
        panel.tick_params(axis="y", length=0)
        panel.grid(visible=False)
    panels[-1, 0].set_xlabel("specifications, sorted by their difference (SSL − supervised)")
    figure.legend(*curve.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    figure.align_ylabels()
    test = tested.set_index("statistic")
    middle, share = (test.loc[name] for name in ("median effect", "share significant"))
    own = "; ".join(signed(value) for value in rows["estimate"][paper]) or "not among them"
    ends = f"from {signed(rows['estimate'].min())} to {signed(rows['estimate'].max())}"
    found = f"{percent(share.observed)} have the predominant sign and |t| above 1.96"
    return figure, (
        f"{len(rows)} specifications, {ends}. Median {signed(middle.observed)} (joint test: p {p_value(middle.p)});"
        f" {found}, where no effect gives up to {percent(share.null_upper)} in {OF_100} draws (p {p_value(share.p)})."
        f" The paper's own choices: {own}."
    )
