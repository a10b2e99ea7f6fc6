"""Fairness measures: rates per group, their ratios, parity deviation (the paper's equation 4).

A rate is a rate, a ratio a ratio: every ratio is unprivileged / privileged, so above 1 the unprivileged group has more
of it. Definitions agree with AIF360's and fairlearn's for a binary attribute.
"""

import warnings

import numpy as np
from numpy.typing import ArrayLike

#: Ratio metrics: name → (numerator counts, denominator counts) of the rate, from a group's tp, fp, tn, fn.
RATES = {
    "error_rate_ratio": (("fp", "fn"), ("tp", "fp", "tn", "fn")),
    "false_negative_rate_ratio": (("fn",), ("tp", "fn")),
    "false_positive_rate_ratio": (("fp",), ("fp", "tn")),
    "false_discovery_rate_ratio": (("fp",), ("tp", "fp")),
    "false_omission_rate_ratio": (("fn",), ("fn", "tn")),
    "disparate_impact": (("tp", "fp"), ("tp", "fp", "tn", "fn")),
}
SHORT = dict(zip(RATES, ("ERR", "FNRR", "FPRR", "FDRR", "FORR", "DIR"), strict=True))
ODDS = ("average_odds_difference", "average_abs_odds_difference")
METRICS = (*RATES, *ODDS)
FAIR_DEVIATION = 0.2  # "fair" below this in the paper
FAIR_DIFFERENCE = 0.1  # the same for the average odds difference
FAIR_LOG_RATIO = float(np.log(1.25))  # the symmetric form of the four-fifths rule


class UndefinedRatio(UserWarning):
    """A ratio has a zero denominator and is NaN."""


def confusion(y_true: ArrayLike, y_pred: ArrayLike, weights: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """Counts tp, fp, tn, fn of labels and decisions (n,); with ``weights`` (draws, n) one count a draw.

    A decision between 0 and 1 is the probability of a randomised one, and counts are expected ones.
    """
    y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
    cells = {
        "tp": y_true * y_pred,
        "fp": (1 - y_true) * y_pred,
        "tn": (1 - y_true) * (1 - y_pred),
        "fn": y_true * (1 - y_pred),
    }
    if weights is None:
        return {name: np.float64(cell.sum()) for name, cell in cells.items()}
    return {name: weights @ cell.astype(weights.dtype) for name, cell in cells.items()}


def rate(counts: dict[str, np.ndarray], metric: str) -> np.ndarray:
    """The rate behind a ratio metric for one group; NaN where nobody is in the denominator."""
    above, below = (sum(counts[cell] for cell in cells) for cells in RATES[metric])
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(np.asarray(below) > 0, above / np.asarray(below, dtype=np.float64), np.nan)


def ratios(unprivileged: dict[str, np.ndarray], privileged: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """All metrics from the confusion counts of two groups; scalars or one value a draw; NaN for a zero denominator."""
    out = {}
    with np.errstate(invalid="ignore", divide="ignore"):
        for metric in RATES:
            u, p = rate(unprivileged, metric), rate(privileged, metric)
            out[metric] = np.where(p > 0, u / p, np.nan)
        false_positive = rate(unprivileged, "false_positive_rate_ratio") - rate(privileged, "false_positive_rate_ratio")
        # A difference in true positive rates is minus the difference in false negative rates.
        true_positive = rate(privileged, "false_negative_rate_ratio") - rate(unprivileged, "false_negative_rate_ratio")
    out["average_odds_difference"] = (false_positive + true_positive) / 2
    out["average_abs_odds_difference"] = (np.abs(false_positive) + np.abs(true_positive)) / 2
    return out


def ratio_metrics(y_true: ArrayLike, y_pred: ArrayLike, privileged: ArrayLike) -> dict[str, float]:
    """Group-fairness metrics of decisions, unprivileged over privileged.

    Parameters
    ----------
    y_true, y_pred: (n,) of 0 and 1.
    privileged: (n,) boolean; leave out rows whose group is unknown before calling.

    Returns a dict of floats: the six ratios (0 to ∞, 1 is parity), the average odds difference and its absolute form
    (−1 to 1 and 0 to 1, 0 is parity). NaN, with an ``UndefinedRatio`` warning that names the reason, for a zero
    denominator.

    >>> metrics = ratio_metrics([0, 0, 1, 1, 0, 0, 1, 1], [0, 1, 1, 1, 0, 0, 0, 1], [1, 1, 1, 1, 0, 0, 0, 0])
    >>> metrics["error_rate_ratio"], metrics["disparate_impact"]
    (1.0, 0.3333333333333333)
    """
    y_true, y_pred, privileged = np.asarray(y_true), np.asarray(y_pred), np.asarray(privileged)
    if not (y_true.shape == y_pred.shape == privileged.shape and y_true.ndim == 1):
        raise ValueError(
            f"labels, decisions and groups need one shape (n,): {y_true.shape}, {y_pred.shape}, {privileged.shape}"
        )
    for name, values in (("y_true", y_true), ("y_pred", y_pred), ("privileged", privileged)):
        if not np.isin(values, (0, 1)).all():
            raise ValueError(
                f"{name} must hold 0 and 1 only; scores need a threshold first, unknown groups must be left out"
            )
    group = privileged.astype(bool)
    u, p = confusion(y_true[~group], y_pred[~group]), confusion(y_true[group], y_pred[group])
    out = {name: float(value) for name, value in ratios(u, p).items()}
    for name, value in out.items():
        if np.isnan(value):
            warnings.warn(f"{name} is undefined: {undefined_reason(u, p, name)}", UndefinedRatio, stacklevel=2)
    return out


def undefined_reason(unprivileged: dict, privileged: dict, metric: str) -> str:
    """Why a metric of two groups' counts is NaN, in words."""
    parts = [metric] if metric in RATES else ["false_positive_rate_ratio", "false_negative_rate_ratio"]
    for part in parts:
        for name, counts in (("unprivileged", unprivileged), ("privileged", privileged)):
            if np.isnan(rate(counts, part)):
                return f"nobody in the {name} group is in the denominator of its {_rate_name(part)}"
        if metric in RATES and rate(privileged, part) == 0:
            return f"the privileged group's {_rate_name(part)} is 0"
    return "the rates are undefined"


def _rate_name(metric: str) -> str:
    return "selection rate" if metric == "disparate_impact" else metric.removesuffix("_ratio").replace("_", " ")


def parity_deviation(ratio: ArrayLike) -> np.ndarray | float:
    """|1 − ratio| (the paper's equation 4): 0 is parity, "fair" below 0.2 in the paper; NaN stays NaN.

    Asymmetric: 2 and ½ are the same disparity seen from two sides, yet score 1 and 0.5. See ``log_ratio``.
    """
    deviation = np.abs(1 - np.asarray(ratio, dtype=np.float64))
    return float(deviation) if deviation.ndim == 0 else deviation


def disparity(metric: str, value: ArrayLike) -> np.ndarray | float:
    """Distance from parity: the parity deviation of a ratio, the absolute value of a difference."""
    return parity_deviation(value) if metric in RATES else np.abs(np.asarray(value, dtype=np.float64))[()]


def log_ratio(ratio: ArrayLike) -> np.ndarray:
    """Signed log ratio: 0 is parity, symmetric in the two groups; ±∞ (a rate of 0) is NaN."""
    with np.errstate(divide="ignore", invalid="ignore"):
        value = np.log(np.asarray(ratio, dtype=np.float64))
    return np.where(np.isfinite(value), value, np.nan)


#: Further metrics of one group, from its confusion counts.
SUMMARIES = {
    "accuracy": lambda c: 1 - rate(c, "error_rate_ratio"),
    "balanced_accuracy": lambda c: (
        1 - (rate(c, "false_negative_rate_ratio") + rate(c, "false_positive_rate_ratio")) / 2
    ),
    "f1": lambda c: 2 * c["tp"] / np.maximum(2 * c["tp"] + c["fp"] + c["fn"], 1),
    "error_rate": lambda c: rate(c, "error_rate_ratio"),
    "false_negative_rate": lambda c: rate(c, "false_negative_rate_ratio"),
    "false_positive_rate": lambda c: rate(c, "false_positive_rate_ratio"),
    "selection_rate": lambda c: rate(c, "disparate_impact"),
}
