"""What one trained model leaves behind: scores of the people it tests, and what was learned on its validation people.

Of open data the scores may be kept without identifiers, so that any later question, and any reader, can recompute every
interval; of other data they stay in the results folder.
"""

import numpy as np
import pandas as pd

from ..inference import auc
from ..seeds import generator
from .calibration import recalibration
from .evaluated import Evaluated, Tested

#: Shares of people that are flagged, and the sensitivity that is asked for, each with its name.
ALERT_RATES = {"alert rate 10 %": 0.10, "alert rate 20 %": 0.20, "alert rate 30 %": 0.30}
SENSITIVITIES = {"sensitivity 0.80": 0.80}


def scores(of: Evaluated) -> pd.DataFrame:
    """Scores of the test windows: columns row (their number), score, and risk, the score recalibrated on validation
    people (missing for a model that only decides)."""
    risk = np.full(len(of.s), np.nan)
    if not of.decided:
        risk = recalibration(of.held["y"].to_numpy(), of.score[of.cohort.rows("val")])(of.s)
    row = of.cohort.number[of.cohort.rows("test")].astype(np.int32)
    return pd.DataFrame({"row": row, "score": np.float32(of.s), "risk": np.float32(risk)}).sort_values("row")


def cuts(of: Evaluated) -> pd.DataFrame:
    """Thresholds found on validation people: columns point, threshold. At or above it lie so many of all, or of those
    with the event."""
    score, y = of.score[of.cohort.rows("val")].astype(np.float64), of.held["y"].to_numpy()
    found = {name: np.quantile(score, 1 - rate) for name, rate in ALERT_RATES.items()}
    found |= {name: np.quantile(score[y == 1], 1 - rate) for name, rate in SENSITIVITIES.items()}
    return pd.DataFrame({"point": [*found], "threshold": np.array([*found.values()])})


def validation(of: Evaluated) -> pd.DataFrame:
    """AUC of each segment on validation people, for choosing. Without sizes: with those of the other splits, they would
    add up to groups that are suppressed."""
    y, score = of.held["y"].to_numpy(), of.score[of.cohort.rows("val")]
    records = [(*names, auc(y[chosen], score[chosen])) for names, chosen in of.reportable(of.held).items()]
    return pd.DataFrame(records, columns=["attribute", "segment", "auc"])


def tested(cohort) -> pd.DataFrame:
    """Who the scores are of: columns row, person (a random number), y, and one an attribute; of restricted data nobody.

    It is kept beside the scores and never shown.
    """
    found = rows(cohort)
    return found[:0] if cohort.origin != "twin" and cohort.card.access == "restricted" else found


def rows(cohort) -> pd.DataFrame:
    """The same, whatever the access: for computing, not for keeping."""
    _, code = np.unique(cohort.person, return_inverse=True)
    person = generator(0, "numbers of people").permutation(code.max() + 1)[code]
    found = pd.DataFrame({"row": cohort.number.astype(np.int32), "person": person.astype(np.int32), "y": cohort.y})
    values = cohort.attributes.reset_index(drop=True)
    return pd.concat([found, values], axis=1).sort_values("row", ignore_index=True)


def pooled(people: pd.DataFrame, of: pd.DataFrame, card, origin: str, threshold: float, draws: int, decided: bool):
    """The ``Evaluated`` of a cross-fitted model: every window scored by the model that did not see its person.

    people: of ``tested``; of: ``scores`` of all folds of one repeat, with a column fold. Windows that no fold tests are
    left out, as when a study was stopped.
    """
    both = people.merge(of, on="row", validate="one_to_one").sort_values("row")
    arrays = (both["person"].to_numpy(), both["y"].to_numpy(np.int8))
    cohort = Tested(card, origin, *arrays, both[list(card.attributes)].reset_index(drop=True))
    risk = None if decided else both["risk"].to_numpy()
    return Evaluated(cohort, both["score"].to_numpy(), threshold, draws, decided, both["fold"].to_numpy(), risk)
