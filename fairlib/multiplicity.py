"""Many tests at once: corrected p-values for families of comparisons.

Holm's step-down procedure bounds the chance of any false alarm and is used where a family is judged; the false
discovery rate of Benjamini and Hochberg bounds the share of false alarms and is used for screens. Both from
statsmodels. Where the tests are permutations, the largest statistic of the family is its own reference (max-T).
"""

import numpy as np
from numpy.typing import ArrayLike
from statsmodels.stats.multitest import multipletests

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
