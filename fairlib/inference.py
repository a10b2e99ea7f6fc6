"""How sure we are: resampling of *participants*, with all their windows, the same draws for every model and seed."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri, stdtr, stdtrit

from .seeds import generator

LEVEL = 0.95  # of every interval and band, and of the bounds of permutation nulls
BLOCK = 2**18  # weights handled at a time: what fits into a cache is faster than what fits into memory


class Estimate(NamedTuple):
    """A mean and its interval, NaN where undefined."""

    mean: float
    low: float
    high: float

    def columns(self, name: str) -> dict[str, float]:
        """The estimate as columns of a table: ``name``, ``name_low`` and ``name_high``."""
        return {name: self.mean, f"{name}_low": self.low, f"{name}_high": self.high}

    def within(self, least: float, most: float | None = None) -> "Estimate":
        """The same with ends clipped to the values that are possible."""
        return Estimate(self.mean, *np.clip(self[1:], least, most))


def participant_draws(person: np.ndarray, draws: int = 1000, seed: int = 0) -> np.ndarray:
    """How often each window counts in each bootstrap draw, (draws, n) float32.

    Participants are drawn with replacement, and bring all of their windows. The draws depend on the participants and
    the seed only, so every model sees the same ones and differences between models are paired.
    """
    _, index = np.unique(person, return_inverse=True)
    people = int(index.max()) + 1
    draw, weights = generator(seed, "participants"), np.empty((draws, len(index)), dtype=np.float32)
    for row in weights:
        row[:] = np.bincount(draw.integers(0, people, people), minlength=people)[index]
    return weights


def weighted_auc(y: np.ndarray, score: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """AUC under many weightings at once: labels and scores (n,), weights (draws, n) → (draws,).

    The negatives are sorted once; then each positive beats the negatives below it, and half of those tied with it. NaN
    for a draw without both classes. Raises ``ValueError`` for labels other than 0 and 1, and scores that are NaN.
    """
    y, score = np.asarray(y), np.asarray(score)
    if not ((y == 0) | (y == 1)).all() or np.isnan(score).any():
        raise ValueError("an AUC needs labels of 0 and 1, and a score of everyone (none is NaN)")
    positive, negative = np.flatnonzero(y == 1), np.flatnonzero(y != 1)
    negative = negative[np.argsort(score[negative], kind="stable")]
    below, upto = (np.searchsorted(score[negative], score[positive], side) for side in ("left", "right"))
    tied, block = bool((below != upto).any()), max(1, BLOCK // max(1, len(y)))
    out = np.full(len(weights), np.nan)
    for start in range(0, len(weights), block):
        w = weights[start : start + block]
        p = np.take(w, positive, axis=1).astype(np.float64)
        n = np.zeros((len(w), len(negative) + 1))
        np.cumsum(np.take(w, negative, axis=1), axis=1, out=n[:, 1:])
        wins = np.einsum("ij,ij->i", p, np.take(n, below, axis=1))
        if tied:
            wins = (wins + np.einsum("ij,ij->i", p, np.take(n, upto, axis=1))) / 2
        pairs = p.sum(axis=1) * n[:, -1]
        np.divide(wins, pairs, out=out[start : start + block], where=pairs > 0)
    return out


def auc(y: np.ndarray, score: np.ndarray) -> float:
    """Area under the ROC curve; NaN where only one class is present."""
    if len(y) == 0:
        return float("nan")
    return float(weighted_auc(y, score, np.ones((1, len(y)), dtype=np.float32))[0])


def central(draws: np.ndarray, axis: int | None = None) -> np.ndarray:
    """The two percentiles between which ``LEVEL`` of the draws are, (2, …); undefined draws (NaN) are left out."""
    return np.nanquantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=axis)


def upper(null: np.ndarray) -> float:
    """The percentile below which ``LEVEL`` of the draws of a null are; NaN if none is defined."""
    null = null[np.isfinite(null)]
    return float(np.quantile(null, LEVEL)) if len(null) else float("nan")


def half_width() -> float:
    """Half the width of a normal interval in standard deviations, 1.96 at 95 %; |z| is below it so often."""
    return float(ndtri((1 + LEVEL) / 2))


def interval(replicates: np.ndarray) -> tuple[float, float]:
    """Percentile interval of bootstrap replicates (draws,); undefined draws are left out, NaN if most are."""
    defined = replicates[np.isfinite(replicates)]
    if len(defined) < max(20, len(replicates) / 2):
        return (float("nan"), float("nan"))
    low, high = central(defined)
    return (float(low), float(high))


def seed_interval(estimates: np.ndarray, replicates: np.ndarray) -> Estimate:
    """Mean over seeds and its interval, over participants *and* training runs.

    estimates: (seeds,), one value a trained model; replicates: (seeds, draws), the same participant draws for each.
    The variance of the mean is that of the seed-averaged replicates plus between-seed variance / seeds; few seeds are
    not bootstrapped but enter through a t quantile (Satterthwaite degrees of freedom).
    """
    return interval_over_runs(estimates, _people_variance(replicates))


def interval_over_runs(estimates: np.ndarray, people: float) -> Estimate:
    """``seed_interval`` where the variance over participants of the mean is known: ``people``."""
    mean, runs, freedom = _over_runs(estimates, people)
    half = stdtrit(freedom, (1 + LEVEL) / 2) * np.sqrt(people + runs)
    return Estimate(mean, float(mean - half), float(mean + half))


def skewed_seed_interval(estimates: np.ndarray, replicates: np.ndarray) -> Estimate:
    """As ``seed_interval``, for a measure whose draws are skewed, such as a variance near 0.

    Over participants the ends are percentiles of the seed-averaged replicates; training runs widen each side as they
    would a normal one of that width. Of one run: the percentiles.
    """
    mean, runs, freedom = _over_runs(estimates, _people_variance(replicates))
    low, high = interval(np.atleast_2d(replicates).mean(axis=0))
    normal, t = half_width(), stdtrit(freedom, (1 + LEVEL) / 2)
    below, above = t / normal * np.hypot(np.maximum([mean - low, high - mean], 0), normal * np.sqrt(runs))
    return Estimate(mean, float(mean - below), float(mean + above))


def paired(one: tuple[np.ndarray, np.ndarray], other: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Difference of two models' (seeds,) estimates and (seeds, draws) replicates; NaN without the same seeds."""
    if len(one[0]) != len(other[0]):
        return np.array([np.nan]), np.full((1, 1), np.nan)
    return one[0] - other[0], one[1] - other[1]


def seed_test(estimates: np.ndarray, replicates: np.ndarray) -> float:
    """Two-sided p-value that the mean over seeds is 0, from the error and quantile of ``seed_interval``; may be NaN."""
    people = _people_variance(replicates)
    mean, runs, freedom = _over_runs(estimates, people)
    if people + runs == 0:
        return float(mean == 0)
    return float(2 * stdtr(freedom, -abs(mean) / np.sqrt(people + runs)))


def _people_variance(replicates: np.ndarray) -> float:
    """Variance over participants of the mean over seeds, from replicates (seeds, draws); NaN if most are undefined."""
    averaged = np.atleast_2d(replicates).mean(axis=0)
    defined = averaged[np.isfinite(averaged)]
    return float(defined.var(ddof=1)) if len(defined) >= max(20, len(averaged) / 2) else float("nan")


def _over_runs(estimates: np.ndarray, people: float) -> tuple[float, float, float]:
    """Mean over seeds, the variance that training runs give it, and degrees of freedom; NaN where undefined."""
    estimates = np.atleast_1d(estimates)
    mean, seeds = float(np.mean(estimates)), len(estimates)
    runs = float(estimates.var(ddof=1)) / seeds if seeds > 1 else 0.0
    if not np.isfinite(mean + people):
        return (mean, float("nan"), float("nan"))
    return (mean, runs, np.inf if runs == 0 else (seeds - 1) * ((people + runs) / runs) ** 2)


def undefined_share(replicates: np.ndarray) -> float:
    """Share of draws that an interval leaves out, from replicates (seeds, draws): undefined for one seed or more."""
    return float((~np.isfinite(np.atleast_2d(replicates))).any(axis=0).mean())


def deviation_interval(low: float, high: float) -> tuple[float, float]:
    """Interval of |1 − r| from an interval of log r: it starts at 0 where log r may be 0.

    |1 − r| itself cannot be bootstrapped honestly: resampling noise alone keeps it away from 0.
    """
    return absolute_interval(*(np.exp(end) - 1 if np.isfinite(end) else np.nan for end in (low, high)))


def absolute_interval(low: float, high: float) -> tuple[float, float]:
    """Interval of an absolute value from an interval of the value."""
    if not (np.isfinite(low) and np.isfinite(high)):
        return (float("nan"), float("nan"))
    ends = np.abs([low, high])
    return (0.0 if low <= 0 <= high else float(ends.min()), float(ends.max()))


ALPHA = 0.05


def holm(p: ArrayLike) -> np.ndarray:
    """Holm-adjusted p-values of a family (m,); undefined ones (NaN) stay NaN and do not count as tests.

    >>> holm([0.01, 0.04, 0.03, float("nan")]).tolist()
    [0.03, 0.06, 0.06, nan]
    """
    return _adjusted(p, "holm")


def false_discovery(p: ArrayLike) -> np.ndarray:
    """Benjamini–Hochberg adjusted p-values of a screen (m,), NaN as in ``holm``.

    >>> false_discovery([0.01, 0.04, 0.03]).round(6).tolist()
    [0.03, 0.04, 0.04]
    """
    return _adjusted(p, "fdr_bh")


def _adjusted(p: ArrayLike, method: str) -> np.ndarray:
    from statsmodels.stats.multitest import multipletests  # here, since most pages start without it, a second earlier

    p = np.asarray(p, dtype=np.float64)
    known, out = np.isfinite(p), np.full(p.shape, np.nan)
    if known.any():
        out[known] = multipletests(p[known], method=method)[1]
    return out


def max_t(observed: ArrayLike, null: np.ndarray) -> np.ndarray:
    """Adjusted p-values of a family of permutation tests from its largest statistic (Westfall and Young 1993).

    Parameters
    ----------
    observed: (family,) statistics, larger is more extreme.
    null: (permutations, family) the same statistics after each permutation, one permutation for the whole family.

    Each statistic is standardised by its own permutations (the observed value among them, which keeps the test exact),
    or the one with the widest spread would decide for all. Permutations with an undefined member are left out; a family
    that keeps none, or an undefined statistic, is NaN.
    """
    observed = np.asarray(observed, dtype=np.float64)
    out, known = np.full(observed.shape, np.nan), np.isfinite(observed)
    null = np.asarray(null, dtype=np.float64)[:, known]
    null = null[np.isfinite(null).all(axis=1)]
    if known.any() and len(null):
        rows = np.vstack([observed[known], null])
        spread = rows.std(axis=0)
        z = (rows - rows.mean(axis=0)) / np.where(spread > 0, spread, 1)
        out[known] = (z.max(axis=1)[:, None] >= z[0]).mean(axis=0)
    return out
