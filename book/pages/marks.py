"""Why a model is left out of conclusions: marks in tables, and words."""

from collections.abc import Mapping

import pandas as pd

from fairlib.measures.summary import at_chance, one_decision
from fairlib.strategies import STRATEGY_NAMES

NO_BETTER, ONE_DECISION = "no better than chance", "one decision for everybody in a run or more"
NOBODY: Mapping[str, pd.Series] = {}  # is left out
SAYS_NOTHING = "The disparity of such a model says nothing."


def named(strategy: str, row: pd.Series | None = None) -> str:
    """A strategy in words, with the marks of ``marks_note`` if its row of ``summaries.headline`` asks for them."""
    marks = "" if row is None else "‡" * at_chance(row) + "§" * one_decision(row)
    return STRATEGY_NAMES[strategy] + f"\u00a0{marks}" * bool(marks)


def marks_note(accuracy: str = "auc") -> str:
    """What the marks of ``named`` mean where models are judged by this accuracy."""
    judged = "No" if accuracy == "auc" else "Decisions are no"
    mark = f"‡ {judged} better than chance: the interval over people includes 0.5."
    return f"{mark} § {ONE_DECISION[0].upper()}{ONE_DECISION[1:]}. {SAYS_NOTHING}"


def why_left_out(row: pd.Series) -> str:
    """Why nothing is concluded from a model's ratios, to follow "it"; "" if there is no reason.

    row: of ``summaries.headline``; without an AUC only the decisions are known.
    """
    reasons = [f"{'is' if 'auc' in row else 'makes decisions that are'} {NO_BETTER}"] * at_chance(row)
    if one_decision(row):
        reasons.append(f"gives everyone the same decision in {row.constant_decisions:.0f} of {row.seeds:.0f} runs")
    return " and ".join(reasons)


def briefly(row: pd.Series | None) -> str:
    """The same as ``why_left_out`` for the legend of a figure."""
    if row is None:
        return ""
    reasons = ["no better than chance" if "auc" in row else "decisions no better than chance"] * at_chance(row)
    return "; ".join(reasons + ["one decision for everybody"] * one_decision(row))
