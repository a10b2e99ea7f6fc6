"""Recalibration inside a fold, and the calibration gap between two groups that is left after it.

Training weighs the classes, so raw scores lie far above observed rates for everyone. One logistic curve, the same for
everyone, is fitted on the validation people of a fold and maps the scores of its test people to risks.
"""

import numpy as np
from scipy.special import expit, logit

from .cells import cells
from .evidence import SIDES, Evidence, divide
from .measured import Measured, measured

EDGE = 1e-6  # scores of exactly 0 or 1 have no log odds


def recalibrate(score: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Intercept a and slope b of logit(risk) = a + b · logit(score), fitted on validation windows (Platt 1999).

    score: (n,) of 0 to 1; y: (n,) of both 0 and 1. The slope is all but unpenalised (C = 10⁴): it is finite where a
    score separates the classes.
    """
    from sklearn.linear_model import LogisticRegression  # here, since pages on kept risks start without it

    model = LogisticRegression(C=1e4, tol=1e-8).fit(_odds(score)[:, None], y)
    return float(model.intercept_[0]), float(model.coef_[0, 0])


def recalibrated(score: np.ndarray, a: float, b: float) -> np.ndarray:
    """Risks of scores of any shape, with the curve of ``recalibrate``."""
    return expit(a + b * _odds(score))


def _odds(score: np.ndarray) -> np.ndarray:
    return logit(np.clip(np.asarray(score, dtype=np.float64), EDGE, 1 - EDGE))


def offset(y: np.ndarray, risk: np.ndarray, chosen: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Calibration-in-the-large of one segment: mean risk minus observed rate under each weighting.

    y, risk, chosen: (n,); weights: (draws, n) → (draws,), NaN for a draw without anyone of the segment.
    """
    own, off = weights[:, chosen], risk[chosen] - y[chosen]
    with np.errstate(invalid="ignore", divide="ignore"):
        return own @ off.astype(own.dtype) / own.sum(axis=1)


def calibration_gap(evidence: Evidence, model: str, attribute: str) -> Measured:
    """``offset`` of the unprivileged minus that of the privileged: above 0 their risk is overstated more.

    Out-of-fold risks, pooled over the folds of a repeat; mean over repeats. The difference of two models is paired. A
    risk is the probability of a randomised decision, whose false alarms minus misses are the offset.
    """
    risk = evidence.of.risk[model]
    counts = [cells(evidence, evidence.sides[attribute, side], lambda r, rows: risk[r, rows, None]) for side in SIDES]

    def off(tp, fn, fp, tn):
        return divide(fp - fn, tp + fn + fp + tn)

    return measured(lambda *c: off(*c[:4]) - off(*c[4:]), *np.concatenate(counts)[..., 0])
