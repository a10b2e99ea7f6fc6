"""Stage 3: F-roc, and F-efficiency of our own runs."""

import pandas as pd

from fairlib.report.style import COLOURS, LINES, MARKERS, PALE, WIDTH, Drawn, axes, legend_below, legend_beside
from fairlib.strategies import STRATEGY_NAMES
from fairlib.text import LEVEL_WORDS, disparity_name, number


def roc(curves: pd.DataFrame, summary: pd.DataFrame) -> Drawn:
    """F-roc: ROC curves of all models, AUC [interval] in the legend."""
    curves = curves[curves["attribute"] == "everybody"]
    scores = summary[(summary["scope"] == "overall") & (summary["metric"] == "auc")].set_index("strategy")
    figure, panel = axes(WIDTH, 3.7)
    panel.plot([0, 1], [0, 1], color=PALE, linewidth=0.8, label="chance 0.5")
    facts = []
    for strategy, part in curves.groupby("strategy", sort=False):
        mean, low, high = scores.loc[strategy, ["mean", "low", "high"]]
        label = f"{STRATEGY_NAMES[strategy]}\n{number(mean)} [{number(low)}, {number(high)}]"
        panel.plot(part["fpr"], part["tpr"], color=COLOURS[strategy], linestyle=LINES[strategy], label=label)
        facts.append(f"{STRATEGY_NAMES[strategy]} {number(mean)}")
    panel.set(xlabel="false positive rate", ylabel="true positive rate", aspect="equal")
    legend_beside(panel, title=f"AUC [{LEVEL_WORDS} interval]", alignment="left")
    return figure, "ROC curves on held-out people. Area under the curve: " + ", ".join(facts) + "."


def efficiency(curve: pd.DataFrame, whole: pd.DataFrame, metric: str) -> Drawn:
    """F-efficiency: AUC and disparity against the number of labelled people a group, with the interval of AUC.

    curve: of ``efficiency.curve``; whole: ``summaries.headline`` of the same models with all labels, drawn as lines.
    """
    figure, panels = axes(WIDTH, 3.3, 1, 2)
    titles, facts = {"auc": "AUC", "deviation": f"mean {disparity_name(metric)}"}, []
    names = list(dict.fromkeys(curve["strategy"]))
    for panel, (column, title) in zip(panels, titles.items(), strict=True):
        for i, name in enumerate(names):
            own, look = curve[curve["strategy"] == name], {"color": COLOURS[name], "linestyle": LINES[name]}
            at = own["people"] * 1.04 ** (i - (len(names) - 1) / 2)  # side by side on the log axis
            panel.plot(at, own[column], marker=MARKERS[name], label=STRATEGY_NAMES[name], **look)
            if column == "auc":  # |1 − r| is above 0 by noise alone, so it has no interval of its own
                panel.vlines(at, own["auc_low"], own["auc_high"], color=COLOURS[name], linewidth=1)
            for value in whole.loc[whole["strategy"] == name, column]:
                panel.axhline(value, linewidth=0.8, alpha=0.6, **look)
            ends = ", ".join(f"{n} people {number(v, 2)}" for n, v in zip(own["people"], own[column], strict=True))
            facts.append(f"{title}, {STRATEGY_NAMES[name]}: {ends}")
        panel.set_xscale("log")
        panel.set_xticks(sorted(set(curve["people"])), [str(n) for n in sorted(set(curve["people"]))])
        panel.minorticks_off()
        panel.set(xlabel="labelled training people in each group\n(thin lines: all labels)", ylabel=title)
    panels[1].set_ylim(bottom=0)
    legend_below(figure, panels[0], columns=2)
    return figure, f"Data efficiency. {'; '.join(facts)}."
