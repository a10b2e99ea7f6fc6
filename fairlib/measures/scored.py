"""What one trained model leaves behind: scores of the people it tests, and what was learned on its validation people.

Of open data the scores may be kept without identifiers, so that any later question, and any reader, can recompute every
interval; of other data they stay in the results folder.
"""

import numpy as np
import pandas as pd

from ..cards import Card
from ..inference import auc
from ..seeds import generator
from .evaluated import Evaluated, Tested
from .operating import PRIMARY, SECONDARY, thresholds
from .outoffold import OutOfFold
from .recalibration import recalibrate, recalibrated

Repeats = dict[str, list[pd.DataFrame]]
SCORED = ("score", "risk")


def scores(of: Evaluated) -> pd.DataFrame:
    """Scores of the test windows: columns row (their number), score, and risk, the score recalibrated on validation
    people (missing for a model that only decides)."""
    risk = np.full(len(of.s), np.nan)
    if not of.decided:
        risk = recalibrated(of.s, *recalibrate(of.score[of.cohort.rows("val")], of.held["y"].to_numpy()))
    row = of.cohort.number[of.cohort.rows("test")].astype(np.int32)
    return pd.DataFrame({"row": row, "score": np.float32(of.s), "risk": np.float32(risk)}).sort_values("row")


def cuts(of: Evaluated) -> pd.DataFrame:
    """Thresholds found on validation people, columns point and threshold, of every operating point that is a rate."""
    return thresholds(of.held["y"].to_numpy(), of.score[of.cohort.rows("val")], (PRIMARY, *SECONDARY))


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


def together(people: pd.DataFrame, scores: Repeats, cuts: Repeats, card: Card) -> OutOfFold:
    """The ``OutOfFold`` of several models.

    people: of ``tested``; scores, cuts: model → the table of each repeat, with a column fold. Windows that some model
    was not tested on, as when a study was stopped, are left out.
    """
    rows = people["row"].to_numpy()
    for frame in (frame for found in scores.values() for frame in found):
        rows = np.intersect1d(rows, frame["row"])
    people = people.set_index("row").loc[rows]
    kept = {name: [frame.set_index("row").loc[rows] for frame in found] for name, found in scores.items()}
    fold = np.stack([frame["fold"].to_numpy(np.int16) for frame in next(iter(kept.values()))])
    score, risk = ({m: np.stack([f[of].to_numpy() for f in found]) for m, found in kept.items()} for of in SCORED)
    risk = {name: values for name, values in risk.items() if np.isfinite(values).all()}
    cut = {m: pd.concat([f.assign(repeat=i) for i, f in enumerate(own)], ignore_index=True) for m, own in cuts.items()}
    attributes = people.drop(columns=["person", "y"]).reset_index(drop=True)  # those of the card, and finer bands
    arrays = (people["y"].to_numpy(np.int8), people["person"].to_numpy(), attributes, card, fold)
    return OutOfFold(*arrays, score, risk, cut)
