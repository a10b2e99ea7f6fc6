"""Fairness measures: rates per group, their ratios, parity deviation (the paper's equation 4).

A rate is a rate, a ratio a ratio: every ratio is unprivileged / privileged, so above 1 the unprivileged group has more
of it. Definitions agree with AIF360's and fairlearn's for a binary attribute.
"""

import warnings
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

FAIR_DEVIATION = 0.2  # "fair" below this in the paper
FAIR_DIFFERENCE = 0.1  # the same for the average odds difference


class UndefinedRatio(UserWarning):
    """A ratio has a zero denominator and is NaN."""


class Rate(NamedTuple):
    """A rate of one group's decisions: a name, and which of its counts tp, fp, tn, fn are above and below the line."""

    name: str
    numerator: tuple[str, ...]
    denominator: tuple[str, ...]

    def of(self, counts: dict[str, np.ndarray]) -> np.ndarray:
        """The rate of a group with these counts, scalars or one a draw; NaN where nobody is in the denominator."""
        above, below = (sum(counts[name] for name in names) for names in (self.numerator, self.denominator))
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(np.asarray(below) > 0, above / np.asarray(below, dtype=np.float64), np.nan)


ERROR = Rate("error rate", ("fp", "fn"), ("tp", "fp", "tn", "fn"))
FALSE_NEGATIVE = Rate("false negative rate", ("fn",), ("tp", "fn"))
FALSE_POSITIVE = Rate("false positive rate", ("fp",), ("fp", "tn"))
TRUE_POSITIVE = Rate("true positive rate", ("tp",), ("tp", "fn"))
FALSE_DISCOVERY = Rate("false discovery rate", ("fp",), ("tp", "fp"))
FALSE_OMISSION = Rate("false omission rate", ("fn",), ("fn", "tn"))
SELECTION = Rate("selection rate", ("tp", "fp"), ("tp", "fp", "tn", "fn"))


@dataclass(frozen=True)
class Metric:
    """A group-fairness metric, unprivileged compared with privileged: all that is said about it anywhere.

    ``rates``: of a ratio (parity 1) the one whose ratio it is; of a difference (parity 0) those whose differences are
    averaged, or the sizes of these where it is not ``signed``. ``threshold``: at this distance from parity it stops to
    count as fair. ``leaves``: where it is in the metric tree, each with what matters ("representation", "errors"), what
    a positive decision is ("punitive", "assistive", "both", or "" if that does not matter), for whom, and what is
    counted.
    """

    short: str
    rates: tuple[Rate, ...]
    parity: int
    threshold: float
    leaves: tuple[tuple[str, str, str, str], ...]
    signed: bool = True

    @property
    def log_threshold(self) -> float:
        """The threshold of a ratio's log, the same in both directions: the symmetric form of the four-fifths rule."""
        return float(np.log(1 / (1 - self.threshold)))

    def between(self, unprivileged: dict[str, np.ndarray], privileged: dict[str, np.ndarray]) -> np.ndarray:
        """The metric from the confusion counts of two groups, scalars or one a draw; NaN for a zero denominator."""
        pairs = [(rate.of(unprivileged), rate.of(privileged)) for rate in self.rates]
        if self.parity == 1:
            ((u, p),) = pairs
            with np.errstate(invalid="ignore", divide="ignore"):
                return np.where(p > 0, u / p, np.nan)
        changes = [u - p for u, p in pairs]
        return sum(changes if self.signed else map(np.abs, changes)) / len(changes)


def _ratio(short: str, rate: Rate, *leaves: tuple[str, str, str, str]) -> Metric:
    return Metric(short, (rate,), 1, FAIR_DEVIATION, leaves)


_ODDS = (FALSE_POSITIVE, TRUE_POSITIVE)
#: The registry: whatever the cards allow, tables and figures show, and the metric tree leads to is one row of it.
METRICS = {
    "error_rate_ratio": _ratio(
        "ERR",
        ERROR,
        ("errors", "punitive", "everyone", "wrong, among all"),
        ("errors", "assistive", "everyone", "wrong, among all"),
    ),
    "false_negative_rate_ratio": _ratio(
        "FNRR", FALSE_NEGATIVE, ("errors", "assistive", "those in need", "missed, with the event")
    ),
    "false_positive_rate_ratio": _ratio(
        "FPRR", FALSE_POSITIVE, ("errors", "punitive", "those without the event", "flagged, without the event")
    ),
    "false_discovery_rate_ratio": _ratio(
        "FDRR", FALSE_DISCOVERY, ("errors", "punitive", "those flagged", "wrong, among the flagged")
    ),
    "false_omission_rate_ratio": _ratio(
        "FORR", FALSE_OMISSION, ("errors", "assistive", "those not flagged", "missed, among the not flagged")
    ),
    "disparate_impact": _ratio("DIR", SELECTION, ("representation", "", "", "selected, among all")),
    "average_odds_difference": Metric(
        "AOD", _ODDS, 0, FAIR_DIFFERENCE, (("errors", "both", "everyone", "both errors, each in its own group"),)
    ),
    "average_abs_odds_difference": Metric(
        "AAOD", _ODDS, 0, FAIR_DIFFERENCE, (("errors", "both", "everyone", "sizes of both differences"),), signed=False
    ),
}
RATES = {name: row.rates[0] for name, row in METRICS.items() if row.parity == 1}  # the rate behind each ratio
SHORT = {name: METRICS[name].short for name in RATES}
ODDS = tuple(name for name in METRICS if name not in RATES)  # metrics that are differences


def confusion(y_true: ArrayLike, y_pred: ArrayLike, weights: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """Counts tp, fp, tn, fn of labels and decisions (n,); with ``weights`` (draws, n) one count a draw.

    A decision between 0 and 1 is the probability of a randomised one, and counts are expected ones.
    """
    y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
    counts = {
        "tp": y_true * y_pred,
        "fp": (1 - y_true) * y_pred,
        "tn": (1 - y_true) * (1 - y_pred),
        "fn": y_true * (1 - y_pred),
    }
    if weights is None:
        return {name: np.float64(each.sum()) for name, each in counts.items()}
    return {name: weights @ each.astype(weights.dtype) for name, each in counts.items()}


def ratios(unprivileged: dict[str, np.ndarray], privileged: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """All metrics from the confusion counts of two groups; scalars or one value a draw; NaN for a zero denominator."""
    return {name: metric.between(unprivileged, privileged) for name, metric in METRICS.items()}


def title(metric: str) -> str:
    """A metric in words, its short name in brackets: ``selection rate ratio (DIR)``."""
    name = f"{RATES[metric].name} ratio" if metric in RATES else metric.replace("_", " ")
    return f"{name} ({METRICS[metric].short})"


def definition(metric: str) -> str:
    """A metric in words, and how it is computed."""
    if metric in RATES:
        own = RATES[metric].name
        return f"{title(metric)}: {own} of the unprivileged over that of the privileged"
    row = METRICS[metric]
    size = "" if row.signed else "absolute "
    return f"{title(metric)}: mean {size}difference in {' and '.join(rate.name for rate in row.rates)}"


def ratio_metrics(y_true: ArrayLike, y_pred: ArrayLike, privileged: ArrayLike) -> dict[str, float]:
    """Group-fairness metrics of decisions, unprivileged over privileged.

    Parameters
    ----------
    y_true, y_pred: (n,) of 0 and 1.
    privileged: (n,) boolean; leave out rows whose group is unknown before calling.

    Returns a dict of floats, a value for each of ``METRICS``: ratios (0 to ∞, 1 is parity), the average odds difference
    and its absolute form (−1 to 1 and 0 to 1, 0 is parity). NaN, with an ``UndefinedRatio`` warning that names the
    reason, for a zero denominator.

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
    for part in METRICS[metric].rates:
        for name, counts in (("unprivileged", unprivileged), ("privileged", privileged)):
            if np.isnan(part.of(counts)):
                return f"nobody in the {name} group is in the denominator of its {part.name}"
        if metric in RATES and part.of(privileged) == 0:
            return f"the privileged group's {part.name} is 0"
    return "the rates are undefined"


def parity_deviation(ratio: ArrayLike) -> np.ndarray | float:
    """|1 − ratio| (the paper's equation 4): 0 is parity, "fair" below 0.2 in the paper; NaN stays NaN.

    Asymmetric: 2 and ½ are the same disparity seen from two sides, yet score 1 and 0.5. See ``log_ratio``.
    """
    deviation = np.abs(1 - np.asarray(ratio, dtype=np.float64))
    return float(deviation) if deviation.ndim == 0 else deviation


def disparity(metric: str, value: ArrayLike) -> np.ndarray | float:
    """Distance from parity: the parity deviation of a ratio, the absolute value of a difference."""
    return np.abs(np.asarray(value, dtype=np.float64) - METRICS[metric].parity)[()]


def log_ratio(ratio: ArrayLike) -> np.ndarray:
    """Signed log ratio: 0 is parity, symmetric in the two groups; ±∞ (a rate of 0) is NaN."""
    with np.errstate(divide="ignore", invalid="ignore"):
        value = np.log(np.asarray(ratio, dtype=np.float64))
    return np.where(np.isfinite(value), value, np.nan)


#: Rates that are shown of each group: name in tables → rate.
GROUP_RATES = {part.name.replace(" ", "_"): part for part in (ERROR, FALSE_NEGATIVE, FALSE_POSITIVE, SELECTION)}
#: Further metrics of one group, from its confusion counts.
SUMMARIES = {
    "accuracy": lambda c: 1 - ERROR.of(c),
    "balanced_accuracy": lambda c: 1 - (FALSE_NEGATIVE.of(c) + FALSE_POSITIVE.of(c)) / 2,
    "f1": lambda c: 2 * c["tp"] / np.maximum(2 * c["tp"] + c["fp"] + c["fn"], 1),
} | {name: part.of for name, part in GROUP_RATES.items()}
