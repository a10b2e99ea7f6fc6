"""The specification curve's joint test: would so many analyses look like this if none of them had an effect?

One question can be analysed in many reasonable ways. They share people and models, so their results are alike, and
counting significant ones proves nothing. The test asks how large the median effect, and the share of significant ones,
would be if every specification had no effect and only people and training runs were drawn anew (Simonsohn, Simmons and
Nelson 2020).
"""

import numpy as np
import pandas as pd

from ..inference import half_width
from .bands import with_runs

COLUMNS = ["statistic", "observed", "null_median", "null_upper", "p"]


def statistics(estimate: np.ndarray, se: np.ndarray) -> np.ndarray:
    """Median effect, and share of specifications that have the predominant sign and |t| > 1.96: (2, …).

    estimate: (specifications, …), with trailing axes for draws; se: (specifications,). The predominant sign is that of
    most estimates, negative where as many are positive.
    """
    t = estimate / se.reshape(-1, *[1] * (estimate.ndim - 1))
    sign = np.where((estimate > 0).mean(axis=0) > 0.5, 1, -1)
    return np.stack([np.median(estimate, axis=0), (sign * t > half_width()).mean(axis=0)])


def drawn_anew(drawn: list[tuple[np.ndarray, np.ndarray]], dataset: str) -> np.ndarray:
    """Replicates (specifications, draws) of the numbers of one dataset, people and training runs drawn anew together.

    drawn: of each specification its draws of people (draws,) and deviations of runs (runs,), see ``bands.of_numbers``.
    Specifications of as many runs share them: the draws of their runs are the same.
    """
    people, runs = zip(*drawn, strict=True)
    sizes, out = np.array([len(each) for each in runs]), np.stack(people)
    for size in np.unique(sizes):
        own = np.flatnonzero(sizes == size)
        out[own] = with_runs(out[own].T, np.stack([runs[at] for at in own], axis=1), dataset, str(size)).T
    return out


def joint_test(specifications: pd.DataFrame, replicates: np.ndarray) -> pd.DataFrame:
    """Both statistics of the curve, what they are under no effect, and their p-values.

    Parameters
    ----------
    specifications: a row per specification, with columns estimate and se (of people and runs); others are not read.
    replicates: (specifications, draws) the same estimates where people of each dataset and training runs are drawn
        anew (``drawn_anew``): one draw of a dataset for all of its specifications.

    Each specification's replicates are recentred at 0, which makes them draws under no effect that keep how alike the
    specifications are. p is the share of draws (the data among them) with a statistic as extreme as observed, for the
    median in either direction. Draws with an undefined specification are left out; specifications without estimate or
    error are refused (``ValueError``): untrained cells are listed beside the curve, not tested.

    Returns ``COLUMNS``, a row per statistic; null_upper is the 95th percentile, for the median of its size.
    """
    estimate, se = (specifications[name].to_numpy(dtype=np.float64) for name in ("estimate", "se"))
    if not (np.isfinite(estimate).all() and np.isfinite(se).all() and (se > 0).all()):
        raise ValueError(
            "every specification needs an estimate and a standard error above 0; list untrained ones apart"
        )
    defined = replicates[:, np.isfinite(replicates).all(axis=0)]
    observed = statistics(estimate, se)
    null = statistics(defined - defined.mean(axis=1, keepdims=True), se)
    rows = []
    for name, value, drawn in zip(("median effect", "share significant"), observed, np.abs(null), strict=True):
        p = (1 + (drawn >= abs(value)).sum()) / (1 + len(drawn))
        rows.append((name, value, np.median(drawn), np.quantile(drawn, 0.95), p))
    return pd.DataFrame(rows, columns=COLUMNS)
