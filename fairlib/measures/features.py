"""What the 96 features of a model tell about people: linear probes, projections, tests and distances.

Held-out participants, one window each. Everything returned is an aggregate of a segment of at least 50 people, or of at
least 20 with one outcome: no row, no feature, no point of a plot. Readable is not unfair: an attribute that bears on
the outcome is readable from a good model.
"""

import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter, uniform_filter
from scipy.spatial.distance import cdist
from scipy.stats import ks_2samp
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from statsmodels.stats.multitest import multipletests

from .. import disclosure
from ..cohort import Cohort
from ..inference import max_t, upper
from ..permutations import label_sources
from .cka import PEOPLE, shown_segments
from .describe import access

COMPONENTS = 3
#: t-SNE of more people takes minutes and shows nothing more.
EMBEDDED = 1500
#: Cells a side of the grid on which regions are drawn, and how many standard deviations it reaches to either side.
BINS, REACH = 24, 2.5


def groups(cohort: Cohort, rows: np.ndarray) -> dict[tuple[str, str], np.ndarray]:
    """(attribute, segment) → positions of its people; "outcome" comes first, as if it were an attribute."""
    card, y = cohort.card, cohort.y[rows]
    found = {("outcome", name): np.flatnonzero(y == value) for name, value in OUTCOME.items()}
    few = min(map(len, found.values()))
    if few < FIT or disclosure.withheld(len(y), int(y.sum()), access(cohort), card.min_cell):
        found = {}
    return found | shown_segments(cohort, rows)


def components(x: np.ndarray, count: int = COMPONENTS) -> np.ndarray:
    """(n, count) principal components of features (n, 96), each with its largest loading positive."""
    pca = PCA(min(count, *x.shape), svd_solver="full").fit(x.astype(np.float64))
    loadings = pca.components_[np.arange(len(pca.components_)), np.abs(pca.components_).argmax(axis=1)]
    return pca.transform(x.astype(np.float64)) * np.where(loadings < 0, -1, 1)


def tests(cohort: Cohort, rows: np.ndarray, x: np.ndarray) -> pd.DataFrame:
    """Kolmogorov-Smirnov tests of the first components: segments against the privileged one, and the two outcomes.

    Columns: attribute, segment, against, component, people, statistic (largest distance between the two distribution
    functions, 0 to 1), p, and p adjusted over the whole table (Benjamini-Yekutieli: the tests depend on each other).
    """
    found, projected, records = groups(cohort, rows), components(x), []
    attributes = cohort.card.attributes
    for (attribute, segment), chosen in found.items():
        against = "negative" if attribute == "outcome" else attributes[attribute].privileged
        if segment == against or (attribute, against) not in found:
            continue
        for component, values in enumerate(projected.T, start=1):
            test = ks_2samp(values[chosen], values[found[attribute, against]])
            records.append((attribute, segment, against, component, len(chosen), test.statistic, test.pvalue))
    columns = ["attribute", "segment", "against", "component", "people", "statistic", "p"]
    table = pd.DataFrame(records, columns=columns)
    adjusted = multipletests(table["p"], method="fdr_by")[1] if len(table) else []
    return table.assign(p_adjusted=adjusted)


def distances(cohort: Cohort, rows: np.ndarray, x: np.ndarray, permutations: int = 200) -> pd.DataFrame:
    """City-block distances between and within segments, in units of the model's own spread, so that models compare.

    The medoid is the member with the smallest sum of distances to the others. One row a pair of segments of an
    attribute: ``medoids``, the distance between their medoids (of a segment with itself: mean distance of the others to
    the medoid); ``mean``, over all pairs of different people; ``chance``, below which a share ``LEVEL`` of medoid
    distances is after permuting segment labels, and ``p`` of the medoid distance by the same permutations, corrected
    for all pairs of different segments (max-T); ``spread``, the mean distance between any two people, in units of the
    features.
    """
    apart = cdist(x.astype(np.float64), x.astype(np.float64), "cityblock")
    spread, records, nulls = apart.sum() / (len(x) * (len(x) - 1)), [], {}
    found = groups(cohort, rows)
    sources = np.vstack(list(label_sources(cohort.person[rows], cohort.y[rows], permutations)))
    medoid = {key: _medoids(apart, np.isin(np.arange(len(x)), chosen)[None])[0] for key, chosen in found.items()}
    dealt = {key: _medoids(apart, np.isin(sources, chosen)) for key, chosen in found.items() if key[0] != "outcome"}
    for i, ((attribute, segment), chosen) in enumerate(found.items()):
        for other in [name for to, name in list(found)[i:] if to == attribute]:
            there, same = found[attribute, other], segment == other
            block = apart[np.ix_(chosen, there)]
            between = block.sum() / (len(chosen) * (len(there) - same))
            centres = apart[medoid[attribute, segment], medoid[attribute, other]]
            if same:
                centres = apart[medoid[attribute, segment], chosen].sum() / (len(chosen) - 1)
            chance = np.nan
            if not same and attribute != "outcome":
                nulls[len(records)] = null = apart[dealt[attribute, segment], dealt[attribute, other]]
                chance = upper(null)
            shown = (centres / spread, between / spread, chance / spread, spread)
            records.append((attribute, segment, other, len(chosen), *shown))
    columns = ["attribute", "segment", "other", "people", "medoids", "mean", "chance", "spread"]
    table = pd.DataFrame(records, columns=columns).assign(p=np.nan)
    if nulls:
        where = list(nulls)
        table.loc[where, "p"] = max_t(table.loc[where, "medoids"] * spread, np.stack(list(nulls.values()), axis=1))
    return table


def _medoids(apart: np.ndarray, members: np.ndarray) -> np.ndarray:
    """Medoid of each of many groups: distances (n, n), members (groups, n) boolean → (groups,) positions."""
    return np.where(members, members.astype(np.float64) @ apart, np.inf).argmin(axis=1)


def embedding(cohort: Cohort, rows: np.ndarray, x: np.ndarray) -> pd.DataFrame:
    """Where each group lies in the plane of two principal components and of t-SNE, as regions of a smoothed density.

    Returns one row a method and group: ``people``; the grid's ``left``, ``right``, ``bottom``, ``top``; ``region``, a
    list of BINS² (row by row from the bottom): 2 in the cells that hold the densest half of its people, 1 up to four
    fifths, else 0; mean and standard deviation along both axes. In real data a cell is 0 where fewer people than the
    card's smallest cell are near. There are no counts, so nothing can be subtracted.
    """
    smallest, least = (1, 10) if cohort.origin == "twin" else (cohort.card.min_cell, PEOPLE)
    if len(x) < least:
        return pd.DataFrame()
    chosen = np.unique(np.linspace(0, len(x) - 1, min(len(x), EMBEDDED)).astype(int))
    found = {("everybody", "everybody"): np.arange(len(x)), **groups(cohort, rows)}
    stochastic = TSNE(init="pca", perplexity=min(30, (len(chosen) - 1) / 3), random_state=0, n_jobs=1)
    planes = {
        "PCA": (np.arange(len(x)), components(x, 2)),
        "t-SNE": (chosen, stochastic.fit_transform(x[chosen].astype(np.float32))),
    }
    records = []
    for method, (where, plane) in planes.items():
        middle, reach = plane.mean(axis=0), REACH * plane.std(axis=0)  # not the extremes, which are somebody's
        (left, bottom), (right, top) = middle - reach, middle + reach
        for (attribute, segment), members in found.items():
            points = plane[np.isin(where, members)]
            if len(points) < FIT and attribute != "everybody":
                continue
            record = {"method": method, "attribute": attribute, "segment": segment, "people": len(members)}
            record |= {"left": left, "right": right, "bottom": bottom, "top": top}
            counts = np.histogram2d(*points.T, bins=BINS, range=[(left, right), (bottom, top)])[0].T
            record |= {"region": regions(counts, smallest).ravel()}
            moments = (points.mean(axis=0), points.std(axis=0))
            records.append(record | dict(zip(("x", "y", "x_sd", "y_sd"), np.ravel(moments), strict=True)))
    return pd.DataFrame(records)


def regions(counts: np.ndarray, smallest: int) -> np.ndarray:
    """2 in the cells of a grid that hold the densest half of a smoothed density, 1 up to four fifths, else 0, int8.

    counts: (BINS, BINS) people in each cell, over ±REACH standard deviations of everybody. The bandwidth is Scott's.
    Cells with fewer than ``smallest`` people within one bandwidth to each side are 0 whatever their rank.
    """
    bandwidth = max(counts.sum(), 1) ** (-1 / 6) * BINS / (2 * REACH)
    density = gaussian_filter(counts, bandwidth, mode="constant")
    side = 2 * round(bandwidth) + 1
    near = uniform_filter(counts, side, mode="constant") * side**2
    order = np.argsort(-density, axis=None, kind="stable")
    before = np.empty(density.size)
    before[order] = np.r_[0, np.cumsum(density.ravel()[order])[:-1]]
    share = before.reshape(density.shape) / max(density.sum(), 1e-12)
    level = np.where(share < 0.5, 2, np.where(share < 0.8, 1, 0))
    return np.where(near > smallest - 0.5, level, 0).astype(np.int8)


#: A probe is fitted with so many validation people on either side, at least.
FIT = 20


OUTCOME = {"positive": 1, "negative": 0}
