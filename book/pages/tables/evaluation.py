"""Stage 5: segment tables, the domain metric, and the headline of one dataset."""

import numpy as np
import pandas as pd

from fairlib.cards import Card
from fairlib.fairness import definition
from fairlib.report.columns import typed

from ..columns import compared, comparison


def metric_choice(card: Card) -> pd.DataFrame:
    """The card's answers to the questions of the metric tree, and the metric that follows."""
    choice = card.metric
    rows = {
        "Do representation or errors matter?": choice.representation_or_errors,
        "Is the outcome punitive or assistive?": choice.punitive_or_assistive,
        "For whom?": choice.for_whom,
        "Metric": definition(choice.metric),
    }
    return pd.DataFrame({"question": rows.keys(), "answer": rows.values()})


def _drawn(rows: pd.DataFrame) -> pd.Series:
    """On how many draws a number is undefined; missing where the number itself is."""
    return rows["undefined_draws"].where(np.isfinite(rows["mean"]))


def headline(rows: pd.DataFrame, metric: str, accuracy: str = "auc") -> pd.DataFrame:
    """T-headline of one dataset: AUC and mean parity deviation (or |AOD|), and the paired difference to supervised."""
    return typed(compared(rows, accuracy), ["strategy"], **comparison(metric, accuracy))
