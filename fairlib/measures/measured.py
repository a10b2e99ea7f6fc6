"""One number of the study with everything that its interval needs, and the interval.

Its variance has two sources. *People*: the bootstrap of the averaged cross-fitted estimate, in which all repeats of a
person are drawn together. *Runs*: trained models differ; the variance between fold-level values, less people's part.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from ..inference import LEVEL

#: Fewer runs say too little about how much runs differ: the interval is then one of people alone.
LEAST_RUNS = 10
#: Where the corrected t interval differs by more than this factor, both are shown.
APART = 1.2
#: The smallest difference that is found in four of five studies, in standard errors: 1.96 + 0.84.
DETECTABLE = 2.8


@dataclass(frozen=True)
class Measured:
    """A number, and the same under bootstrap draws of people and for each run.

    Attributes
    ----------
    estimate: the value.
    draws: (draws,) its bootstrap replicates, NaN where undefined.
    runs: (repeats, folds) the value of each run, to first order: what it adds to the estimate, as a value of its own.
    run_draws: (repeats, folds, draws) the same under the draws.

    Differences and multiples of numbers are numbers again, paired by run and draw.
    """

    estimate: float
    draws: np.ndarray
    runs: np.ndarray
    run_draws: np.ndarray

    def _each(self, of: Callable, *others: "Measured") -> "Measured":
        names = ("estimate", "draws", "runs", "run_draws")
        return Measured(*(of(*(getattr(one, name) for one in (self, *others))) for name in names))

    def __add__(self, other: "Measured") -> "Measured":
        return self._each(lambda a, b: a + b, other)

    def __sub__(self, other: "Measured") -> "Measured":
        return self._each(lambda a, b: a - b, other)

    def __mul__(self, factor: float) -> "Measured":
        return self._each(lambda a: a * factor)

    def __abs__(self) -> "Measured":
        """The size. Runs keep the sign of the estimate: what was averaged over runs first is folded last."""
        sign = np.sign(self.estimate)
        return Measured(abs(self.estimate), np.abs(self.draws), self.runs * sign, self.run_draws * sign)

    @property
    def undefined(self) -> float:
        """Share of draws that are undefined, and left out."""
        return float(1 - np.isfinite(self.draws).mean())

    @property
    def people(self) -> float:
        """Variance over people; NaN if the estimate or most draws are undefined."""
        defined = self.draws[np.isfinite(self.draws)]
        enough = np.isfinite(self.estimate) and len(defined) >= max(20, len(self.draws) / 2)
        return float(defined.var(ddof=1)) if enough else float("nan")

    @property
    def between(self) -> float:
        """Variance between fold-level values, people's part in it included."""
        return float(self.runs.var(ddof=1)) if self.runs.size > 1 else float("nan")

    @property
    def over_runs(self) -> float:
        """σ²_run / runs: what differences between trained models add to the variance of the mean; 0 for few runs.

        People's part in the variance between fold-level values is the same variance of the draws' deviations from their
        mean, which counts people who are tested in several repeats as what they are.
        """
        if self.runs.size < LEAST_RUNS:
            return 0.0
        draws = self.run_draws.reshape(self.runs.size, -1)
        draws = draws[:, np.isfinite(draws).all(axis=0)]
        if draws.shape[1] < 20 or not np.isfinite(self.between):
            return float("nan")
        noise = (draws - draws.mean(axis=1, keepdims=True)).var(axis=0, ddof=1).mean()
        return max(0.0, self.between - float(noise)) / self.runs.size

    @property
    def se(self) -> float:
        """Standard error over people and runs."""
        return float(np.sqrt(self.people + self.over_runs))

    @property
    def freedom(self) -> float:
        """Satterthwaite's degrees of freedom: only the variance between runs is estimated from few."""
        if not self.over_runs > 0:
            return float("inf")
        return float((self.runs.size - 1) * (self.se**2 / (self.between / self.runs.size)) ** 2)

    def interval(self, level: float = LEVEL, runs: bool = True) -> tuple[float, float]:
        """The two ends of the interval over people and runs, or over people alone."""
        se, freedom = (self.se, self.freedom) if runs else (np.sqrt(self.people), np.inf)
        half = stdtrit(freedom, (1 + level) / 2) * se
        return float(self.estimate - half), float(self.estimate + half)

    def corrected(self) -> tuple[float, float]:
        """The interval of the corrected t test of repeated cross-validation; NaN where there is one fold.

        Variance (1/rK + 1/(K − 1)) · S² for r repeats of K folds, t with rK − 1 degrees of freedom (Bouckaert and Frank
        2004). It knows nothing of people: a check of the other one.
        """
        repeats, folds = self.runs.shape
        if folds < 2:
            return (float("nan"), float("nan"))
        half = np.sqrt((1 / (repeats * folds) + 1 / (folds - 1)) * self.between)
        half *= stdtrit(repeats * folds - 1, (1 + LEVEL) / 2)
        return float(self.estimate - half), float(self.estimate + half)

    def columns(self, checked: bool = False) -> dict[str, float]:
        """What a table shows of the number, as columns: estimate, se, freedom, ends at 95 and 90 %, ends over people
        alone, what could be detected, share of runs in the variance, sizes; and, if it is to be ``checked``, the
        corrected ends where they differ by a fifth in length."""
        (low, high), (low90, high90) = self.interval(), self.interval(0.90)
        people, corrected = self.interval(runs=False), (np.nan, np.nan)
        if checked and high > low:
            ends = self.corrected()
            longer = (ends[1] - ends[0]) / (high - low)
            corrected = ends if longer > APART or longer < 1 / APART else corrected
        out = {"estimate": self.estimate, "se": self.se, "freedom": self.freedom, "low": low, "high": high}
        out |= {"low90": low90, "high90": high90, "people_low": people[0], "people_high": people[1]}
        out |= {"corrected_low": corrected[0], "corrected_high": corrected[1]}
        out |= {"detectable": DETECTABLE * self.se, "runs_share": self.over_runs / self.se**2 if self.se else np.nan}
        return out | {"runs": self.runs.size, "undefined_draws": self.undefined}


def mean(numbers: list[Measured]) -> Measured:
    """Mean of numbers, such as over attributes."""
    return sum(numbers[1:], numbers[0]) * (1 / len(numbers))


def measured(of: Callable, *counts: np.ndarray) -> Measured:
    """A number from counts that add up over the folds of a repeat: of their totals, then mean over repeats.

    Parameters
    ----------
    of: pooled counts → value, elementwise.
    counts: (repeats, folds, 1 + draws) each, the data first, then its draws; in pairs that share their total, such as
        tp and fn (people with an event), or pairs won and lost.

    The value of a run is Tukey's jackknife pseudo-value, K·(all folds) − (K − 1)·(all folds but this): for a rate or an
    area with folds of one size that of the fold itself, and defined where a fold alone has no error in a group. Folds
    are dealt by outcome, so their composition is no noise: draws of a run are brought to the totals of the data.
    """
    counts = [each.astype(np.float64) for each in counts]
    value = of(*(each.sum(axis=1) for each in counts)).mean(axis=0)
    counts = [each for pair in zip(counts[::2], counts[1::2], strict=True) for each in _as_dealt(*pair)]
    totals, folds = [each.sum(axis=1, keepdims=True) for each in counts], counts[0].shape[1]
    if folds > 1:
        left = of(*(total - each for total, each in zip(totals, counts, strict=True)))
        runs = folds * of(*totals) - (folds - 1) * left
    else:
        runs = of(*totals)
    return Measured(float(value[0]), value[1:], runs[..., 0], runs[..., 1:])


def _as_dealt(yes: np.ndarray, no: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both counts of every draw, scaled to the total of the data."""
    total = yes + no
    scale = np.divide(total[..., :1], total, out=np.zeros_like(total), where=total > 0)
    return yes * scale, no * scale
