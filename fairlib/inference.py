"""How sure we are: resampling of *participants*, with all their windows, the same draws for every model and seed."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from .seeds import generator

LEVEL = 0.95


@dataclass(frozen=True)
class Draws:
    """Bootstrap draws of participants: how often each window counts in each draw, (draws, n) float32."""

    weights: np.ndarray

    def __len__(self) -> int:
        return len(self.weights)


def participant_draws(person: np.ndarray, draws: int = 1000, seed: int = 0) -> Draws:
    """Draw participants with replacement; a participant brings all of their windows.

    The draws depend on the participants and the seed only, so every model sees the same ones and differences between
    models are paired.
    """
    _, index = np.unique(person, return_inverse=True)
    people = int(index.max()) + 1
    counts = generator(seed, "participants").multinomial(people, np.full(people, 1 / people), size=draws)
    return Draws(counts.astype(np.float32)[:, index])


def weighted_auc(y: np.ndarray, score: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """AUC under many weightings at once: labels and scores (n,), weights (draws, n) → (draws,).

    The scores are sorted once; a tie counts one half. NaN for a draw without both classes.
    """
    y, score = np.asarray(y), np.asarray(score)
    order = np.argsort(score, kind="stable")
    ordered = score[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])  # first row of each group of ties
    w, positive = weights[:, order].astype(np.float64), y[order] == 1
    p = np.add.reduceat(w * positive, starts, axis=1)
    n = np.add.reduceat(w * ~positive, starts, axis=1)
    below = np.cumsum(n, axis=1) - n / 2
    pairs = p.sum(axis=1) * n.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(pairs > 0, (p * below).sum(axis=1) / pairs, np.nan)


def auc(y: np.ndarray, score: np.ndarray) -> float:
    """Area under the ROC curve; NaN where only one class is present."""
    if len(y) == 0:
        return float("nan")
    return float(weighted_auc(y, score, np.ones((1, len(y)), dtype=np.float32))[0])


def interval(replicates: np.ndarray, level: float = LEVEL) -> tuple[float, float]:
    """Percentile interval of bootstrap replicates (draws,); undefined draws are left out, NaN if most are."""
    defined = replicates[np.isfinite(replicates)]
    if len(defined) < max(20, len(replicates) / 2):
        return (float("nan"), float("nan"))
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return (float(low), float(high))


def seed_interval(estimates: np.ndarray, replicates: np.ndarray, level: float = LEVEL) -> tuple[float, float, float]:
    """Mean over seeds and its interval, over participants *and* training runs.

    estimates: (seeds,), one value a trained model; replicates: (seeds, draws), the same participant draws for each.
    The variance of the mean is that of the seed-averaged replicates plus between-seed variance / seeds; few seeds are
    not bootstrapped but enter through a t quantile (Satterthwaite degrees of freedom).

    Returns (mean, low, high), NaN where undefined.
    """
    estimates, replicates = np.atleast_1d(estimates), np.atleast_2d(replicates)
    mean = float(np.mean(estimates))
    averaged = replicates.mean(axis=0)
    averaged = averaged[np.isfinite(averaged)]
    if not np.isfinite(mean) or len(averaged) < max(20, replicates.shape[1] / 2):
        return (mean, float("nan"), float("nan"))
    people, runs, seeds = averaged.var(ddof=1), 0.0, len(estimates)
    if seeds > 1:
        runs = estimates.var(ddof=1) / seeds
    total = people + runs
    freedom = np.inf if runs == 0 else (seeds - 1) * (total / runs) ** 2
    half = stats.t.ppf((1 + level) / 2, freedom) * np.sqrt(total)
    return (mean, float(mean - half), float(mean + half))


def deviation_interval(low: float, high: float) -> tuple[float, float]:
    """Interval of |1 − r| from an interval of log r: it starts at 0 where log r may be 0.

    |1 − r| itself cannot be bootstrapped honestly: resampling noise alone keeps it away from 0.
    """
    if not (np.isfinite(low) and np.isfinite(high)):
        return (float("nan"), float("nan"))
    ends = np.abs(1 - np.exp([low, high]))
    return (0.0 if low <= 0 <= high else float(ends.min()), float(ends.max()))
