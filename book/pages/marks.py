"""Why a model is left out of conclusions: marks in tables, and words."""

from collections.abc import Mapping

import pandas as pd

from fairlib.measures.summary import at_chance, one_decision
from fairlib.strategies import STRATEGY_NAMES

NOT_SURE, ONE_DECISION = "not surely better than chance", "the same decision for everybody in a run or more"
NOBODY: Mapping[str, pd.Series] = {}  # is left out
SAYS_NOTHING = "The disparity of such a model says nothing."


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
