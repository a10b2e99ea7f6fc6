"""Stage 3: F-roc (METHOD §4)."""

import pandas as pd

from ..tables.text import STRATEGY_NAMES, number
from .style import COLOURS, LINES, Drawn, axes


def roc(curves: pd.DataFrame, summary: pd.DataFrame) -> Drawn:
    """F-roc: ROC curves of all models, AUC [95 % interval] in the legend."""
    curves = curves[curves["attribute"] == "everybody"]
    scores = summary[(summary["scope"] == "overall") & (summary["metric"] == "auc")].set_index("strategy")
    figure, panel = axes(7.6, 4.4)
    panel.plot([0, 1], [0, 1], color="#999999", linewidth=0.8, label="chance 0.5")
    facts = []
    for strategy, part in curves.groupby("strategy", sort=False):
        mean, low, high = scores.loc[strategy, ["mean", "low", "high"]]
        label = f"{STRATEGY_NAMES[strategy]}: {number(mean)} [{number(low)}, {number(high)}]"
        panel.plot(part["fpr"], part["tpr"], color=COLOURS[strategy], linestyle=LINES[strategy], label=label)
        facts.append(f"{STRATEGY_NAMES[strategy]} {number(mean)}")
    panel.set_xlabel("false positive rate")
    panel.set_ylabel("true positive rate")
    panel.set_aspect("equal")
    panel.legend(loc="center left", bbox_to_anchor=(1.02, 0.5), fontsize=8)
    return figure, "ROC curves on the test split. Area under the curve: " + ", ".join(facts) + "."
