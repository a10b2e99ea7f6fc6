"""The gap between two groups at equal case mix: both are weighted to one distribution of a reference risk.

Older people are more often ill, and errors are more frequent where risks are near the threshold. So groups that a model
treats the same, person by person, still have unlike error rates. Pfohl et al. 2025 (arXiv 2506.04193) compare groups
under weights that give them the same distribution of a variable, so that what is left is not due to it. Our variable is
one reference per window, the out-of-fold score of a logistic regression, the same for every model that is judged. It is
taken as the window's rank in its fold: models of different folds have different scales, which would blur it.

What is computed: windows are sorted into ``BINS`` bins of the reference, with equal shares of both groups together.
Each group is weighted so that its share in every bin is that of both groups together (direct standardisation). Bins
without anyone of one group are left out of both. The weights then enter any rate or ratio in place of the bootstrap
weights. Decisions stay what they were. What is left may be the model, or case mix that the reference misses.
"""

import numpy as np
from scipy.stats import rankdata

from ..fairness import ERROR, Rate, log_ratio
from .evidence import SIDES, Evidence, divide, rate_of
from .measured import Measured, mean, measured
from .operating import Point

BINS = 20


def equal_case_mix(
    reference: np.ndarray, unprivileged: np.ndarray, privileged: np.ndarray, weights: np.ndarray, bins: int = BINS
) -> np.ndarray:
    """Factors (draws, n) to the weights under which both groups have one distribution of the reference risk.

    Parameters
    ----------
    reference: (n,) risks or ranks that no judged model made, such as those of a cross-fitted logistic regression.
    unprivileged, privileged: (n,) boolean, no window in both; windows of neither get factor 0.
    weights: (draws, n) participant draws: each draw is standardised anew.

    Each group keeps its total weight, and windows in bins where the other group has nobody get factor 0.
    """
    both = unprivileged | privileged
    edges = np.quantile(reference[both], np.linspace(0, 1, bins + 1)[1:-1])
    member = np.searchsorted(edges, reference, side="right")[:, None] == np.arange(bins)
    groups = [(chosen[:, None] & member).astype(weights.dtype) for chosen in (unprivileged, privileged)]
    sizes = [weights @ cells for cells in groups]  # (draws, bins) each
    shared = (sizes[0] > 0) & (sizes[1] > 0)
    target = np.where(shared, sizes[0] + sizes[1], 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        target = target / target.sum(axis=1, keepdims=True)
        factors = [np.where(shared, target * size.sum(axis=1, keepdims=True) / size, 0) for size in sizes]
    return sum(factor @ cells.T for factor, cells in zip(factors, groups, strict=True))


def overlap(reference: np.ndarray, unprivileged: np.ndarray, privileged: np.ndarray, bins: int = BINS) -> float:
    """Share of both groups' windows that can be compared: those in bins where each group has somebody, 0 to 1."""
    factors = equal_case_mix(reference, unprivileged, privileged, np.ones((1, len(reference))), bins)
    return float((factors[0] > 0).sum() / (unprivileged | privileged).sum())


def log_ratio_at_equal_case_mix(
    evidence: Evidence,
    model: str,
    point: Point,
    attribute: str,
    reference: str = "logistic_regression",
    rate: Rate = ERROR,
) -> Measured:
    """Signed log ratio of a rate between the groups of an attribute, both weighted to one distribution of the rank that
    ``reference`` gives; as ``Evidence.log_ratio`` in all else."""
    of, weights, rank = evidence.of, evidence.weights, np.zeros(evidence.of.fold.shape)
    for repeat, _, rows in of.runs():
        rank[repeat, rows] = rankdata(of.score[reference][repeat, rows]) / len(rows)
    sides = [evidence.sides[attribute, side] for side in SIDES]
    factors = [equal_case_mix(own, *sides, weights) for own in rank]
    parts = []
    for run, (rows, flagged) in zip(of.runs(), evidence.decided(model, point, weights), strict=True):
        factor, y = factors[run.repeat][:, rows], of.y[rows].astype(np.float32)
        yes, no = flagged * factor, (weights[:, rows] - flagged) * factor
        cells = [(yes, y), (no, y), (yes, 1 - y), (no, 1 - y)]  # tp, fn, fp, tn
        parts.append([chosen @ (label * side[rows]) for side in sides for chosen, label in cells])
    counts = np.moveaxis(np.array(parts).reshape(of.repeats, of.folds, 8, -1), 2, 0)
    return measured(lambda *c: log_ratio(divide(rate_of(rate, c[:4]), rate_of(rate, c[4:]))), *counts)


def folded_at_equal_case_mix(evidence: Evidence, model: str, point: Point, **options) -> Measured:
    """D at equal case mix: mean over attributes of the size of ``log_ratio_at_equal_case_mix``."""
    own = (log_ratio_at_equal_case_mix(evidence, model, point, name, **options) for name in evidence.attributes)
    return mean([abs(number) for number in own])
