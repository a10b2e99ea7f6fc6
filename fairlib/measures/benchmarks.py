"""What a disparity is compared with: a coin that flags as many people, and a calibrated score of the same accuracy.

A ratio between groups depends on their base rates and on how many people are flagged, whatever the model. A coin shows
what base rates alone do, and what chance adds. A calibrated score that ranks equally well in both groups shows what a
model does that treats nobody worse. Neither is parity, and without them nobody can read the level of a disparity.
"""

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import logit, ndtr, ndtri

from ..fairness import ERROR, SELECTION, Rate, confusion, log_ratio
from ..inference import central, half_width
from ..seeds import generator
from .evidence import SIDES, Evidence
from .operating import Point

#: Attribute → its unprivileged and its privileged people, two (n,) booleans; whose group is unknown is in neither.
Groups = dict[str, tuple[np.ndarray, np.ndarray]]
#: What one more decision "flag" adds to a count: for a person with the event, for one without.
FLAG = {"tp": (1, 0), "fp": (0, 1), "tn": (0, -1), "fn": (-1, 0)}
COLUMNS = ["benchmark", "attribute", "estimate", "low", "high"]
DISPARITY = "mean |log ratio|"


def coin(
    y: np.ndarray, groups: Groups, alert: float, rate: Rate = ERROR, fold: np.ndarray | None = None, tosses: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Log ratios between groups when the flagged people are drawn by lot: expectation (k,) and covariance (k, k).

    Parameters
    ----------
    y: (n,) of 0 and 1; groups: k attributes.
    alert: share flagged, in each ``fold`` (n,) separately, 0 to 1; without folds, of everyone.
    rate: whose ratio is meant, unprivileged over privileged.
    tosses: coins whose log ratios are averaged, as those of training runs are.

    The people are fixed, the flags are drawn without replacement (Cochran 1977, section 2.5), and the log is linearised
    at the expected counts (delta method). NaN where a group has nobody who can be counted.
    """
    y, fold = np.asarray(y), np.zeros(len(y)) if fold is None else np.asarray(fold)
    expected, slopes = [], []
    for unprivileged, privileged in groups.values():
        counted = [confusion(y[chosen], np.full(chosen.sum(), alert)) for chosen in (unprivileged, privileged)]
        expected.append(np.log(rate.of(counted[0])) - np.log(rate.of(counted[1])))
        slopes.append(unprivileged * _slope(y, rate, counted[0]) - privileged * _slope(y, rate, counted[1]))
    slopes, covariance = np.stack(slopes), np.zeros((len(groups), len(groups)))
    for own in (slopes[:, fold == k] for k in np.unique(fold)):
        covariance += alert * (1 - alert) * own.shape[1] * np.cov(own, ddof=1).reshape(covariance.shape)
    return np.array(expected), covariance / tosses


def _slope(y: np.ndarray, rate: Rate, counts: dict) -> np.ndarray:
    """(n,) change of the log rate of a group with these expected counts when one more of its people is flagged."""

    def change(names: tuple[str, ...]) -> np.ndarray:
        with_event, without = (sum(FLAG[name][k] for name in names) for k in (0, 1))
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(y == 1, with_event, without) / sum(counts[name] for name in names)

    return change(rate.numerator) - change(rate.denominator)


def mean_size(expected: np.ndarray, covariance: np.ndarray, draws: int = 100_000) -> tuple[float, float, float]:
    """Mean over attributes of the size of normal log ratios (k,): its expectation and two ends, between which it is
    with probability ``LEVEL``.

    The expectation is closed, that of folded normal variables (Leone, Nelson and Nottingham 1961); the range of their
    mean has no closed form and is drawn.
    """
    spread = np.sqrt(np.diag(covariance))
    with np.errstate(invalid="ignore", divide="ignore"):
        z = np.where(spread > 0, expected / spread, np.inf * np.sign(expected))
    folded = spread * np.sqrt(2 / np.pi) * np.exp(-(z**2) / 2) + np.abs(expected) * (2 * ndtr(np.abs(z)) - 1)
    if not np.isfinite(expected).all():
        return (float("nan"),) * 3
    drawn = generator(0, "coin").multivariate_normal(expected, covariance, draws)
    return (float(folded.mean()), *map(float, central(np.abs(drawn).mean(axis=1))))


def calibrated(
    y: np.ndarray, unprivileged: np.ndarray, privileged: np.ndarray, auc: float, alert: float, rate: Rate = ERROR
) -> float:
    """Log ratio of a calibrated score with this AUC in both groups when a share ``alert`` of both together is flagged.

    In each group a normal signal lies d′ = √2 Φ⁻¹(AUC) higher for people with the event; the score is the posterior
    risk given the signal and the group's own base rate, so one cut of the score is another cut of the signal in each
    group. Everything is closed but that cut, which is the root of an increasing function. NaN unless 0.5 < AUC < 1.
    """
    if not 0.5 < auc < 1:
        return float("nan")
    distance = np.sqrt(2) * ndtri(auc)
    base, size = (np.array([of(y[chosen]) for chosen in (unprivileged, privileged)]) for of in (np.mean, len))

    def shares(cut: float) -> tuple[np.ndarray, np.ndarray]:
        """Of people with and without the event in each group, the share above a risk with these log odds."""
        signal = (cut - logit(base)) / distance + distance / 2
        return ndtr(distance - signal), ndtr(-signal)

    def excess(cut: float) -> float:
        hit, false = shares(cut)
        return float(np.average(base * hit + (1 - base) * false, weights=size) - alert)

    hit, false = shares(brentq(excess, -100, 100))
    parts = {"tp": base * hit, "fn": base * (1 - hit), "fp": (1 - base) * false, "tn": (1 - base) * (1 - false)}
    return float(log_ratio(np.divide(*rate.of(parts))))


def beside(
    evidence: Evidence, model: str, point: Point, rate: Rate = ERROR, reference: str = "supervised"
) -> pd.DataFrame:
    """``table`` of the people of some out-of-fold scores, at the alert rate that ``model`` has at an operating point.

    The calibrated score has the AUC of ``reference``. A coin is tossed anew in each repeat, as a model is trained anew.
    """
    groups = {name: tuple(evidence.sides[name, side] for side in SIDES) for name in evidence.attributes}
    alert, of = evidence.rate(model, point, SELECTION).estimate, evidence.of
    return table(of.y, groups, evidence.auc(reference).estimate, alert, rate, of.fold[0], of.repeats)


def table(
    y: np.ndarray,
    groups: Groups,
    auc: float,
    alert: float,
    rate: Rate = ERROR,
    fold: np.ndarray | None = None,
    tosses: int = 1,
) -> pd.DataFrame:
    """Both benchmarks of each attribute's log ratio and of the mean of their sizes (``DISPARITY``).

    Returns ``COLUMNS``: the coin has a range of chance (``LEVEL``), the calibrated score, with the AUC of the
    supervised model, is one number.
    """
    expected, covariance = coin(y, groups, alert, rate, fold, tosses)
    half = half_width() * np.sqrt(np.diag(covariance))
    sizes = mean_size(expected, covariance)
    fair = np.array([calibrated(y, *pair, auc, alert, rate) for pair in groups.values()])
    rows = [("coin", *row) for row in zip(groups, expected, expected - half, expected + half, strict=True)]
    rows += [("coin", DISPARITY, *sizes)]
    rows += [("calibrated score", name, value, np.nan, np.nan) for name, value in zip(groups, fair, strict=True)]
    rows += [("calibrated score", DISPARITY, np.abs(fair).mean(), np.nan, np.nan)]
    return pd.DataFrame(rows, columns=COLUMNS)
