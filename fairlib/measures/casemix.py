"""The gap between two groups at equal case mix: both are weighted to one distribution of a reference risk.

Older people are more often ill, and errors are more frequent where risks are near the threshold. So groups that a model
treats the same, person by person, still have unlike error rates. Pfohl et al. 2025 (arXiv 2506.04193) compare groups
under weights that give them the same distribution of a variable, so that what is left is not due to it. Our variable is
one reference risk per window, the out-of-fold risk of a logistic regression, the same for every model that is judged.

What is computed: windows are sorted into ``BINS`` bins of the reference risk, with equal shares of both groups
together. Each group is weighted so that its share in every bin is that of both groups together (direct
standardisation). Bins without anyone of one group are left out of both. The weights then enter any rate, ratio or
calibration in place of the bootstrap weights. Decisions stay what they were. What is left may be the model, or case mix
that the reference misses.
"""

import numpy as np

BINS = 20


def equal_case_mix(
    reference: np.ndarray, unprivileged: np.ndarray, privileged: np.ndarray, weights: np.ndarray, bins: int = BINS
) -> np.ndarray:
    """Weights (draws, n) under which both groups have one distribution of the reference risk.

    Parameters
    ----------
    reference: (n,) risks that no judged model made, for instance of a cross-fitted logistic regression.
    unprivileged, privileged: (n,) boolean, no window in both; windows of neither get weight 0.
    weights: (draws, n) participant draws: each draw is standardised anew.

    Each group keeps its total weight, but for what lies in bins where the other has nobody.
    """
    both = unprivileged | privileged
    edges = np.quantile(reference[both], np.linspace(0, 1, bins + 1)[1:-1])
    member = np.searchsorted(edges, reference, side="right")[:, None] == np.arange(bins)
    groups = [chosen[:, None] & member for chosen in (unprivileged, privileged)]
    sizes = [weights @ cells.astype(weights.dtype) for cells in groups]  # (draws, bins) each
    shared = (sizes[0] > 0) & (sizes[1] > 0)
    target = np.where(shared, sizes[0] + sizes[1], 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        target = target / target.sum(axis=1, keepdims=True)
        factors = [np.where(shared, target * size.sum(axis=1, keepdims=True) / size, 0) for size in sizes]
    return weights * sum(factor @ cells.T.astype(weights.dtype) for factor, cells in zip(factors, groups, strict=True))


def overlap(reference: np.ndarray, unprivileged: np.ndarray, privileged: np.ndarray, bins: int = BINS) -> float:
    """Share of both groups' windows that can be compared: those in bins where each group has somebody, 0 to 1."""
    weights = equal_case_mix(reference, unprivileged, privileged, np.ones((1, len(reference))), bins)
    return float((weights[0] > 0).sum() / (unprivileged | privileged).sum())
