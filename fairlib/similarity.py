"""Representation similarity: unbiased CKA, conditioned on segments, from one Gram matrix a layer.

A segment, or a subsample of people, is a sub-block of the Gram matrix of everybody, and tr(KL) is an elementwise sum:
nothing here costs n³. Rows must be independent: one window a participant (``one_window_each``), or the estimate is
biased upward.

Source: Kornblith et al. 2019 (arXiv:1905.00414); unbiased HSIC of Song et al. 2012 (JMLR 13), as in Nguyen et al. 2021.
"""

import hashlib
import warnings
from collections import Counter

import numpy as np

from .seeds import generator

Gram = np.ndarray  # (n, n), zero diagonal
#: Beyond so many rows ``cka`` goes over batches: two float32 Gram matrices of 16,384 rows are 2 GiB.
MAX_ROWS = 16_384
#: Rows this many times farther from the middle than the median row are no part of the centre.
FAR = 4
#: Rows of which the middle is taken.
SAMPLE = 15
#: Squared lengths of rows whose products, squared and summed, float32 holds.
TINY, HUGE = 1e-14, 1e14
#: Where squares of a float32 Gram matrix are more than so many times what is left of them, half-samples lose 1e-4.
CANCELS = 1000


def gram(x: np.ndarray) -> Gram:
    """Gram matrix XXᵀ with zero diagonal of activations (n, ...), flattened per row and centred by column.

    Centring changes nothing (the unbiased estimator is exactly invariant to it) but keeps float32 precise. Rows far
    from the others have no part in the centre: they would pull it away from all rows, and every product of two rows
    that lie together would be a small difference of large numbers. float64 where products leave float32's range.
    """
    x = np.asarray(x)
    x = x.reshape(len(x), -1)
    x = x.astype(np.result_type(x.dtype, np.float32), copy=False)
    if len(x) < 4:
        raise ValueError(f"CKA needs at least 4 rows, got {len(x)}")
    middle, away, length = _away(x)
    if not TINY < np.median(length) <= length.max() < HUGE:  # or NaN
        if not np.isfinite(x).all():
            raise ValueError("activations hold NaN or infinite values")
        x = x.astype(np.float64)
        middle, away, length = _away(x)
    near = length <= FAR**2 * np.median(length)
    if near.all():
        middle = x.mean(axis=0, dtype=np.float64).astype(x.dtype)
        np.subtract(x, middle, out=away)
    else:
        away -= (near / near.sum()).astype(x.dtype) @ away
    largest = np.maximum(away.max(axis=0), -away.min(axis=0))
    away[:, largest <= 16 * np.finfo(x.dtype).eps * np.abs(middle)] = 0  # constant, but for rounding
    k = away @ away.T
    np.fill_diagonal(k, 0)
    return k


def _away(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A middle of the rows that a few far ones do not move, (p,); the rows less it, (n, p); their squared lengths."""
    middle = np.median(x[:: -(-len(x) // SAMPLE)], axis=0)
    with np.errstate(over="ignore", invalid="ignore"):
        away = x - middle
        return middle, away, np.einsum("ij,ij->i", away, away)


def hsic(k: Gram, l: Gram) -> float:  # noqa: E741 - the field's own names
    """Unbiased HSIC of two Gram matrices with zero diagonals (the paper's equation 2); can be negative."""
    return _hsic(k, l, _row_sums(k), _row_sums(l))


def _row_sums(k: Gram) -> np.ndarray:
    """(n,) in float64: as slow as a trace, so made once a matrix and not once a pair."""
    return k.sum(axis=1, dtype=np.float64)


def _hsic(k: Gram, l: Gram, rows_k: np.ndarray, rows_l: np.ndarray) -> float:  # noqa: E741
    if k.shape != l.shape or len(k) < 4:
        raise ValueError(f"need two n×n matrices with n > 3, got {k.shape} and {l.shape}")
    trace = np.einsum("ij,ij->i", k, l).sum(dtype=np.float64)  # rows in their own precision: nothing n × n is made
    return float(_combine(trace, rows_k.sum(), rows_l.sum(), rows_k @ rows_l, len(k)))


def cka(x: np.ndarray, y: np.ndarray, max_rows: int = MAX_ROWS, seed: int = 0) -> float:
    """Unbiased CKA of activations (n, ...) of the same n > 3 rows (the paper's equation 3); up to about 1, may be < 0.

    Beyond ``max_rows`` rows each HSIC is the mean over random batches of at most so many, which is as unbiased, and
    memory stays that of one batch: O(max_rows²). ``seed`` deals the batches.

    NaN, with a warning that says why, where a self-HSIC is not positive (a constant layer, or too few rows to tell).

    Source of the mean over batches: Nguyen et al. 2021 (arXiv:2010.15327), equation 2.
    """
    x, y = np.asarray(x), np.asarray(y)
    if len(x) != len(y):
        raise ValueError(f"need activations of the same rows, got {len(x)} and {len(y)}")
    if max_rows < 8:  # so that no batch has fewer than the four rows that CKA needs
        raise ValueError(f"max_rows must be at least 8, got {max_rows}")
    batches = [slice(None)]
    if len(x) > max_rows:
        batches = np.array_split(generator(seed, "CKA batches").permutation(len(x)), -(-len(x) // max_rows))
    found = []
    for rows in batches:
        k, l = gram(x[rows]), gram(y[rows])  # noqa: E741
        of_k, of_l = _row_sums(k), _row_sums(l)
        found.append((_hsic(k, l, of_k, of_l), _hsic(k, k, of_k, of_k), _hsic(l, l, of_l, of_l)))
    return _ratio(*np.mean(found, axis=0))


def cka_table(left: list[Gram], right: list[Gram], rows: np.ndarray | None = None) -> np.ndarray:
    """CKA of every layer on the left with every layer on the right, (len(left), len(right)).

    rows: row numbers of a segment; default everybody.
    """
    block = (lambda k: k) if rows is None else (lambda k: k[np.ix_(rows, rows)])
    left, right = ([(k, _row_sums(k)) for k in map(block, side)] for side in (left, right))
    own_left, own_right = ([_hsic(k, k, sums, sums) for k, sums in side] for side in (left, right))
    return np.array(
        [
            [_ratio(_hsic(k, l, of_k, of_l), a, b) for (l, of_l), b in zip(right, own_right, strict=True)]  # noqa: E741
            for (k, of_k), a in zip(left, own_left, strict=True)
        ]
    )


def coarse(k: Gram) -> bool:
    """Whether float32 is too coarse for this block of a Gram matrix: its rows lie together, and far from the centre.

    What they have in common cancels, and takes the digits with it; then the Gram matrix must be made in float64.
    """
    if k.dtype != np.float32:
        return False
    sums = _row_sums(k)
    squares = np.einsum("ij,ij->i", k, k).sum(dtype=np.float64)
    return _hsic(k, k, sums, sums) * len(k) * (len(k) - 3) * CANCELS < squares


def one_window_each(person: np.ndarray, seed: int, draw: int = 0) -> np.ndarray:
    """Row numbers of one random window of each participant, chosen by a hash of the participant's id.

    The choice for a person depends on nobody else, so runs on subsets of people line up.
    """
    chosen: dict[object, tuple[bytes, int]] = {}
    seen: Counter = Counter()
    for row, who in enumerate(person):
        rank = hashlib.sha256(f"{seed}:{draw}:{who}:{seen[who]}".encode()).digest()  # the person's own k-th window
        seen[who] += 1
        if who not in chosen or rank < chosen[who][0]:
            chosen[who] = (rank, row)
    return np.sort(np.fromiter((row for _, row in chosen.values()), dtype=np.int64))


def _combine(trace, sum_k, sum_l, product, n):
    """The paper's equation 2 from tr(KL), 1ᵀK1, 1ᵀL1, 1ᵀKL1 and n; works on arrays."""
    return (trace + sum_k * sum_l / ((n - 1) * (n - 2)) - 2 / (n - 2) * product) / (n * (n - 3))


def _ratio(kl: float, kk: float, ll: float) -> float:
    if kk <= 0 or ll <= 0:
        warnings.warn(
            "CKA is undefined: the self-similarity HSIC(K, K) of a layer is not positive (a constant layer, or too few"
            " rows)",
            stacklevel=3,
        )
        return float("nan")
    return kl / float(np.sqrt(kk * ll))
