"""A simultaneous band around a curve: it contains the whole curve at ``LEVEL``, not each point by itself."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from ..inference import LEVEL, half_width
from ..seeds import generator
from .estimands import D, folded
from .evidence import Evidence
from .measured import Measured
from .operating import Point

ALERT_RATES = tuple(k / 100 for k in range(10, 41))  # shares flagged


class Band(NamedTuple):
    """Ends of a band (points,), and how many standard errors they are from the curve."""

    low: np.ndarray
    high: np.ndarray
    critical: float


def run_deviations(values: np.ndarray, variance: np.ndarray | None = None) -> np.ndarray:
    """Deviations of single trained models, (runs, points), whose squares add up to the variance of their mean.

    values: (runs, points), the curve of each.
    variance: (points,) what training runs give the variance of the mean where it is known better than from the spread
    of ``values``, which may contain people's variance too; the deviations are scaled to it.
    """
    runs = len(values)
    off = (values - values.mean(axis=0)) / np.sqrt(max(1, runs * (runs - 1)))
    if variance is None:
        return off
    spread = (off**2).sum(axis=0)
    return off * np.sqrt(np.divide(variance, spread, out=np.zeros_like(spread), where=spread > 0))


def with_runs(replicates: np.ndarray, deviations: np.ndarray, *names: str) -> np.ndarray:
    """Replicates of people (draws, points) in which training runs are drawn with replacement too.

    deviations: (runs, points) of ``run_deviations``. A run that is drawn k times moves all points by k − 1 times its
    own deviations. names: of what shares its runs, such as a dataset; others draw theirs independently.
    """
    runs = len(deviations)
    drawn = generator(0, "runs", *names).multinomial(runs, np.full(runs, 1 / runs), len(replicates))
    return replicates + (drawn - 1) @ deviations


def band(
    estimate: np.ndarray, replicates: np.ndarray, deviations: np.ndarray | None = None, freedom: float = np.inf
) -> Band:
    """The sup-t band of a curve (Montiel Olea and Plagborg-Møller 2019).

    Parameters
    ----------
    estimate: (points,) the curve, a mean over training runs.
    replicates: (draws, points) the same of each bootstrap draw of people; draws with an undefined point are left out.
    deviations: (runs, points) of ``run_deviations``; none where people are the only uncertainty.
    freedom: degrees of freedom of the standard errors (Satterthwaite).

    Each point keeps its own standard error; the band is as many of them wide as the largest standardised deviation
    along the curve reaches in a share ``LEVEL`` of draws, of people and of runs. NaN where fewer than half of the draws
    are defined.
    """
    defined = replicates[np.isfinite(replicates).all(axis=1)]
    if len(defined) < max(20, len(replicates) / 2):
        return Band(*np.full((2, len(estimate)), np.nan), float("nan"))
    runs = np.zeros((1, len(estimate))) if deviations is None else deviations
    off, people = defined - defined.mean(axis=0), defined.var(axis=0, ddof=1)
    off, error = with_runs(off, runs), np.sqrt(people + (runs**2).sum(axis=0))
    largest = np.divide(np.abs(off), error, out=np.zeros_like(off), where=error > 0).max(axis=1)
    critical = float(np.quantile(largest, LEVEL) * stdtrit(freedom, (1 + LEVEL) / 2) / half_width())
    return Band(estimate - critical * error, estimate + critical * error, critical)


def of_numbers(numbers: list[Measured]) -> tuple[np.ndarray, np.ndarray]:
    """Bootstrap draws of people (draws, points) and deviations of runs (runs, points) of numbers of the same runs."""
    variance = np.array([number.over_runs for number in numbers])
    runs = np.stack([number.runs.ravel() for number in numbers], axis=1)
    return np.stack([number.draws for number in numbers], axis=1), run_deviations(runs, variance)


def curve(numbers: dict[float, Measured], name: str = "alert_rate") -> pd.DataFrame:
    """A number at each of several operating points, with pointwise intervals and the simultaneous band.

    numbers: alert rate → the number there, such as the difference in disparity between two models; the same runs and
    draws at each. Columns: ``name``, estimate, low, high, band_low, band_high.
    """
    values = list(numbers.values())
    freedom = min(value.freedom for value in values)
    found = band(np.array([value.estimate for value in values]), *of_numbers(values), freedom)
    low, high = np.transpose([value.interval() for value in values])
    out = {name: list(numbers), "estimate": [value.estimate for value in values], "low": low, "high": high}
    return pd.DataFrame(out | {"band_low": found.low, "band_high": found.high})


def over_alert_rates(evidence: Evidence, one: str, other: str, estimand: str = D) -> pd.DataFrame:
    """``curve`` of the difference in disparity between two models, one − other, at each of ``ALERT_RATES``."""
    points = {rate: Point("alert rate", rate) for rate in ALERT_RATES}
    return curve(
        {
            rate: folded(evidence, one, point, estimand) - folded(evidence, other, point, estimand)
            for rate, point in points.items()
        }
    )
