"""How numbers look in tables and sentences."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ..fairness import ODDS
from ..summaries import at_chance, one_decision

STRATEGY_NAMES = {
    "supervised": "supervised",
    "frozen_0": "SSL, nothing frozen",
    "frozen_1_middle": "SSL, middle frozen",
    "frozen_1_first": "SSL, first frozen",
    "frozen_2_first_middle": "SSL, first and middle frozen",
    "frozen_2_first_last": "SSL, first and last frozen",
    "frozen_3": "SSL, all frozen",
    "random_frozen_3": "control: random encoder, frozen",
    "logistic_regression": "control: logistic regression",
    "reweighed": "mitigation: reweighing",
    "group_balanced": "mitigation: group-balanced sampling",
    "group_dro": "mitigation: GroupDRO",
    "post_processed": "mitigation: thresholds per group",
}
NOT_SURE, ONE_DECISION = "not surely better than chance", "the same decision for everybody in a run or more"
NOBODY: Mapping[str, pd.Series] = {}  # is left out
SAYS_NOTHING = "The disparity of such a model says nothing."
ACCURACY_NAMES = {"auc": "AUC", "balanced_accuracy": "balanced accuracy"}


def named(strategy: str, row: pd.Series | None = None) -> str:
    """A strategy in words, with the marks of ``marks_note`` if its row of ``summaries.headline`` asks for them."""
    marks = "" if row is None else "‡" * at_chance(row) + "§" * one_decision(row)
    return STRATEGY_NAMES[strategy] + f"\u00a0{marks}" * bool(marks)


def marks_note(accuracy: str = "auc") -> str:
    """What the marks of ``named`` mean where models are judged by this accuracy."""
    judged = "Not" if accuracy == "auc" else "Decisions that are not"
    return f"‡ {judged} surely better than chance. § {ONE_DECISION[0].upper()}{ONE_DECISION[1:]}. {SAYS_NOTHING}"


def why_left_out(row: pd.Series) -> str:
    """Why nothing is concluded from a model's ratios, to follow "it"; "" if there is no reason.

    row: of ``summaries.headline``; without an AUC only the decisions are known.
    """
    reasons = [f"{'is' if 'auc' in row else 'makes decisions that are'} {NOT_SURE}"] * at_chance(row)
    if one_decision(row):
        reasons.append(f"gives everybody the same decision in {row.constant_decisions:.0f} of {row.seeds:.0f} runs")
    return " and ".join(reasons)


def briefly(row: pd.Series | None) -> str:
    """The same as ``why_left_out`` for the legend of a figure."""
    if row is None:
        return ""
    reasons = ["perhaps chance" if "auc" in row else "decisions perhaps chance"] * at_chance(row)
    return "; ".join(reasons + ["one decision for all"] * one_decision(row))


def disparity_name(metric: str) -> str:
    """What the distance of a metric from parity is called."""
    return "|AOD|" if metric in ODDS else "parity deviation"


def number(value: float, digits: int = 3) -> str:
    """A number, or a dash where it is unknown."""
    return "–" if value is None or not np.isfinite(value) else minus(f"{value:.{digits}f}")


def signed(value: float, digits: int = 3) -> str:
    """A difference with its sign; 0 has none."""
    if value is None or not np.isfinite(value):
        return "–"
    text = f"{value:+.{digits}f}"
    return text[1:] if float(text) == 0 else minus(text)


def minus(text: str) -> str:
    """With a true minus: as wide as a plus, so columns line up, and read aloud as one."""
    return text.replace("-", "−")


def readable(text: str) -> str:
    """With the signs of print instead of a data card's; for what is shown, never for keys."""
    return text.replace(">=", "≥").replace("<=", "≤")


def with_interval(value: float, low: float, high: float, digits: int = 3, sign: bool = False) -> str:
    """``0.829 [0.801, 0.856]``; a dash where the value is unknown."""
    form = signed if sign else number
    if not np.isfinite(value):
        return "–"
    return f"{form(value, digits)} [{form(low, digits)},\u00a0{form(high, digits)}]"  # an interval stays on one line


def p_value(value: float) -> str:
    """A p-value; below 0.001 only that."""
    return "<0.001" if np.isfinite(value) and value < 0.001 else number(value)


def count(value: float, minimum: int | None = None) -> str:
    """A count with thousands separators; a withheld count shows the threshold it stayed under."""
    if value is None or pd.isna(value):
        return "–" if minimum is None else f"<{minimum}"
    return f"{int(value):,}"


def percent(value: float) -> str:
    return "–" if not np.isfinite(value) else f"{100 * value:.1f} %"
