"""Across datasets: segment size against performance gap (Figure 6), and the gap that sampling noise alone gives.

A small segment shows a large gap even where a model is equally good for everybody, since its AUC rests on few people.
So every gap is shown next to the one that noise would give.
"""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import ndtri, owens_t
from statsmodels.nonparametric.smoothers_lowess import lowess

from fairlib.inference import central, half_width
from fairlib.seeds import generator

MEAN_ABSOLUTE = float(np.sqrt(2 / np.pi))  # of a standard normal z
FRACTION = 2 / 3  # share of the points behind each point of a lowess curve
MODELS = ("Supervised", "SSL")


def auc_variance(auc: ArrayLike, positives: ArrayLike, negatives: ArrayLike) -> np.ndarray:
    """Sampling variance of an AUC for independent windows whose scores are normal with equal variance in both classes.

    The exact variance of the rank statistic (Bamber, J Math Psychol 1975), which needs the chance that two positives
    outrank one negative; here that is a bivariate normal probability. The usual approximation of Hanley and McNeil
    (exponential scores) was about a quarter too large against our participants' bootstrap; this one agrees with it.
    Arrays or numbers of one shape; NaN where a class is missing.
    """
    auc, p, n = (np.asarray(value, dtype=np.float64) for value in (auc, positives, negatives))
    two = auc - 2 * owens_t(ndtri(auc), np.sqrt(1 / 3))
    with np.errstate(invalid="ignore", divide="ignore"):
        value = (auc * (1 - auc) + (p + n - 2) * (two - auc**2)) / (p * n)
    return np.where((p > 0) & (n > 0), value, np.nan)


def gap_deviation(auc: ArrayLike, positives, negatives, all_positives, all_negatives) -> np.ndarray:
    """Standard deviation of Δ = AUC(segment) − AUC(everybody) if the model is as good for the segment as for everybody.

    The segment is part of everybody, and to first order the covariance of the two AUCs is the variance of everybody's;
    so the variance of Δ is that of the segment minus that of everybody.
    """
    variance = auc_variance(auc, positives, negatives) - auc_variance(auc, all_positives, all_negatives)
    return np.sqrt(np.clip(variance, 0, None))


def with_noise(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows with what noise alone gives: ``expected`` (mean |Δ|) and ``bound`` (|Δ| is below it in a share ``LEVEL``).

    Columns needed: overall_auc, positives, negatives, all_positives, all_negatives.
    """
    columns = ("overall_auc", "positives", "negatives", "all_positives", "all_negatives")
    deviation = gap_deviation(*(rows[column] for column in columns))
    return rows.assign(gap=rows["delta"].abs(), expected=MEAN_ABSOLUTE * deviation, bound=half_width() * deviation)


def fit(rows: pd.DataFrame, x: str, draws: int, seed: int = 0) -> pd.DataFrame:
    """Lowess curves of the gap against ``x`` for both models and for noise, with bootstrap bands.

    Segments are resampled, and both models go with their segment; ``expected`` is smoothed in the same way, so that
    the curves can be compared. Columns: curve ("Supervised", "SSL", "noise"), x, value, low, high.
    """
    keys = ["dataset", "attribute", "segment"]
    table = rows.pivot_table(index=keys, columns="model", values="gap").dropna()
    sides = rows.groupby(keys)[[x, "expected"]].mean().loc[table.index]
    at = sides[x].to_numpy()
    curves = {name: table[name].to_numpy() for name in MODELS} | {"noise": sides["expected"].to_numpy()}
    grid = np.linspace(at.min(), at.max(), 60)
    draw, out = generator(seed, "segments"), []
    chosen = draw.integers(0, len(at), (draws, len(at)))
    for name, y in curves.items():
        spread = np.stack([_smooth(at[rows_], y[rows_], grid) for rows_ in chosen])
        low, high = central(spread, axis=0)
        line = {"curve": name, "x": grid, "value": _smooth(at, y, grid), "low": low, "high": high}
        out.append(pd.DataFrame(line))
    return pd.concat(out, ignore_index=True)


def _smooth(x: np.ndarray, y: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Lowess at the grid's points inside the data; NaN outside, where it would extrapolate."""
    if len(np.unique(x)) < 5:
        return np.full(len(grid), np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        value = lowess(y, x, frac=FRACTION, it=0, xvals=grid)
    return np.where((grid >= x.min()) & (grid <= x.max()), value, np.nan)


def published_rows(segments: pd.DataFrame, held_out) -> pd.DataFrame:
    """Figure 6's published segments with the counts that noise needs.

    segments: ``published.segments()``; held_out: dataset → (test windows, positive share). Positives in a segment are
    taken in everybody's proportion, since most are not printed, and windows as independent: where one person has many
    (MESA, GLOBEM), real noise is larger, so the baseline is a lower bound.
    """
    total = segments["dataset"].map(lambda name: held_out(name)[0])
    share = segments["dataset"].map(lambda name: held_out(name)[1])
    windows = segments["test_windows"]
    counts = {"positives": share * windows, "negatives": (1 - share) * windows}
    counts |= {"all_positives": share * total, "all_negatives": (1 - share) * total}
    return with_noise(segments.assign(**counts, log_windows=np.log10(windows)))


def own_rows(summary: pd.DataFrame, dataset: str, strategies: dict[str, str], attributes: list[str]) -> pd.DataFrame:
    """Segment gaps of one case: ``strategies`` maps "Supervised" and "SSL" to the strategies shown.

    summary: of ``summaries.summarise``; attributes: the protected ones, since gaps of care segments are case mix.
    Segments that are not reportable are not in it. Returns columns dataset, model, attribute, segment,
    delta, gap, expected, bound, test_windows, log_windows and the counts.
    """
    parts = []
    for model, strategy in strategies.items():
        rows = summary[(summary["strategy"] == strategy) & (summary["metric"] == "auc")]
        rows = rows.assign(negatives=rows["windows"] - rows["events"])
        everybody = rows[rows["scope"] == "overall"].iloc[0]
        own = rows[(rows["scope"] == "segment") & rows["mean"].notna() & rows["attribute"].isin(attributes)]
        own = own.rename(columns={"windows": "test_windows", "events": "positives"})
        of_all = {"overall_auc": "mean", "all_positives": "events", "all_negatives": "negatives"}
        own = own.assign(
            model=model,
            delta=own["mean"] - everybody["mean"],
            log_windows=np.log10(own["test_windows"].astype(float)),
            share=own["test_windows"] / everybody["windows"],
            **{name: everybody[column] for name, column in of_all.items()},
        )
        parts.append(own.assign(dataset=dataset))
    return with_noise(pd.concat(parts, ignore_index=True))
