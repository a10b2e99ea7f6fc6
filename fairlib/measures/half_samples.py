"""Half-samples of participants for CKA: all models and all window draws share them."""

import numpy as np

from ..inference import central
from ..similarity import Gram, _combine

CHUNK = 256


def subsample_table(left: list[Gram], right: list[Gram], weights: np.ndarray) -> np.ndarray:
    """CKA of every layer on the left with every layer on the right, on many subsamples of rows at once.

    weights: (n, draws) of 0 and 1, one column a subsample. Repeated rows (weights above 1) are refused: they put
    self-similarity off the diagonal and bias CKA upward, so a bootstrap does not work here.

    Returns (len(left), len(right), draws), NaN where a self-HSIC is not positive. Each product with the weights is
    made once, whatever the number of pairs; a table of all segments costs about as much as the Gram matrices.
    """
    if not np.isin(weights, (0, 1)).all():
        raise ValueError("weights must be 0 or 1: CKA cannot be bootstrapped with repeated rows, use half-samples")
    w = np.ascontiguousarray(weights, dtype=left[0].dtype)
    size = w.sum(axis=0, dtype=np.float64)
    if (size < 4).any():
        raise ValueError("every subsample needs at least 4 rows")
    grams = [*left, *right]
    rows = [(k @ w) * w for k in grams]
    sums = [row.sum(axis=0, dtype=np.float64) for row in rows]

    def of(i: int, j: int) -> np.ndarray:
        product = sum(_by_column(rows[i][s : s + CHUNK], rows[j][s : s + CHUNK]) for s in range(0, len(w), CHUNK))
        return _combine(_traces(grams[i], grams[j], w), sums[i], sums[j], product, size)

    own = [np.maximum(of(i, i), 0) for i in range(len(grams))]
    out = np.empty((len(left), len(right), w.shape[1]))
    for i, j in np.ndindex(out.shape[:2]):
        scale = own[i] * own[len(left) + j]
        with np.errstate(invalid="ignore", divide="ignore"):
            out[i, j] = np.where(scale > 0, of(i, len(left) + j) / np.sqrt(scale), np.nan)
    return out


def _traces(k: Gram, l: Gram, w: np.ndarray) -> np.ndarray:  # noqa: E741
    """tr(KL) of each subsample, (draws,): the sum of K∘L over its rows and columns, K and L being symmetric."""
    total = np.zeros(w.shape[1])
    for s in range(0, len(k), CHUNK):
        e = min(s + CHUNK, len(k))
        product = k[s:e, :e] * l[s:e, :e]
        part = product[:, s:] @ w[s:e]
        if s:
            part += 2 * (product[:, :s] @ w[:s])  # the mirror image is never made
        total += _by_column(part, w[s:e])
    return total


def _by_column(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Column sums of a∘b, (columns,): of a few hundred rows, so that float32 loses nothing that matters."""
    return np.einsum("ij,ij->j", a, b).astype(np.float64)


def lowest(order: np.ndarray, count: int) -> np.ndarray:
    """(n, draws) of 0 and 1: in each column, ``count`` ones where ``order`` (n, draws) is lowest.

    Of random numbers and ``n // 2``, half of the rows without replacement. The spread of an estimate over such
    half-samples equals its sampling spread at size n (delete-half jackknife).
    """
    return (order.argsort(axis=0).argsort(axis=0) < count).astype(np.float32)


def half_sample_interval(estimate: float, draws: np.ndarray) -> tuple[float, float]:
    """Interval for a CKA value: estimate plus the quantiles of the half-sample deviations from their own mean."""
    draws = draws[np.isfinite(draws)]
    if len(draws) < 20:
        return (np.nan, np.nan)
    low, high = central(draws - draws.mean())
    return (estimate + low, estimate + high)
