"""Differences in conditioned CKA between the best- and the worst-served segment, and what chance makes of them.

The paper reports differences "up to ×13" larger for some attributes than for others. A ratio of two small differences
is large by noise alone, so here the same ratio is taken after each permutation of the segment labels.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from statsmodels.stats.multitest import multipletests

from fairlib.inference import central, half_width, interval_over_runs, max_t, seed_interval, upper
from fairlib.measures.cka import KEYS

PUBLISHED = 13.0
Pairs = dict[str, tuple[str, str]]  # attribute → best- and worst-served segment


def pairs(extremes: pd.DataFrame, table: pd.DataFrame, protected: list[str]) -> Pairs:
    """The extremes of one strategy (``comparisons.extremes``) among segments whose CKA is shown in ``table``."""
    shown = set(zip(table["attribute"], table["segment"], strict=True))
    found = {row.attribute: (row.best_segment, row.worst_segment) for row in extremes.itertuples()}
    return {
        attribute: pair
        for attribute, pair in found.items()
        if attribute in protected and all((attribute, segment) in shown for segment in pair)
    }


def layer_gaps(tables: list[pd.DataFrame], chosen: Pairs) -> pd.DataFrame:
    """Signed difference in CKA, best minus worst, for each attribute and pair of layers, averaged over seeds.

    tables: one a seed, from ``Study.similarity_draws``. Columns: attribute, best, worst, layer_supervised, layer_other,
    gap with its interval over participants (half-samples; the segments are different people) and training runs,
    ``null_low`` and ``null_high``, between which a share ``LEVEL`` of permuted gaps is, the two-sided ``p``, and
    ``p_family`` (max-T over all rows). NaN without permutations.
    """
    records, nulls = [], []
    for attribute, pair in chosen.items():
        layers, gaps = _differences(tables, attribute, pair, "cka")
        replicates, permuted = (_differences(tables, attribute, pair, name)[1] for name in ("halves", "permuted"))
        for i, layer in enumerate(layers):
            row = {"attribute": attribute, "best": pair[0], "worst": pair[1]} | dict(zip(KEYS[2:], layer, strict=True))
            value, low, high = seed_interval(gaps[:, i], replicates[:, i])
            null = permuted[:, i].mean(axis=0)
            ends = central(null) if np.isfinite(null).any() else (np.nan, np.nan)
            row |= {"gap": value, "low": low, "high": high, "null_low": ends[0], "null_high": ends[1]}
            records.append(row | {"p": _p(np.abs(value), np.abs(null))})
            nulls.append(np.abs(null))
    table = pd.DataFrame(records)
    return table.assign(p_family=max_t(table["gap"].abs(), np.stack(nulls, axis=1))) if records else table


@dataclass(frozen=True)
class Ratio:
    """The largest size of a difference over the smallest, over attributes, and the same after each permutation."""

    observed: float
    null: np.ndarray
    matched: float = float("nan")  # observed, on as many people of both segments

    def beyond(self, value: float) -> float:
        """Share of permutations whose ratio is at least ``value``."""
        return float((self.null >= value).mean()) if len(self.null) else float("nan")

    @property
    def p(self) -> float:
        """p-value of the observed ratio under permuted labels, one-sided."""
        return _p(self.observed, self.null)


def sizes(tables: list[pd.DataFrame], chosen: Pairs) -> tuple[pd.DataFrame, Ratio | None]:
    """The size of each attribute's difference: mean |best − worst| over the pairs of layers, signs averaged over seeds.

    Columns: attribute, best, worst, size with its interval over participants (half-samples) and training runs (not
    below 0; each pair of layers keeps the sign of its mean), ``matched`` (the size on as many people of both segments),
    ``null_median`` and ``null_bound`` (a share ``LEVEL`` of permutations, which keep the sizes of segments, is below:
    the size is positive by noise alone), p, and p adjusted for the number of attributes (Benjamini-Yekutieli). The
    ratio is None with fewer than two attributes.
    """
    records, nulls = [], []
    for attribute, pair in chosen.items():
        names = ("cka", "halves", "permuted", "matched")
        gaps, replicates, permuted, matched = (_differences(tables, attribute, pair, name)[1] for name in names)
        signs = np.where(gaps.mean(axis=0) < 0, -1, 1)  # (pairs,)
        drawn = np.einsum("slh,l->sh", replicates, signs) / len(signs)
        value, low, high = seed_interval((gaps * signs).mean(axis=1), drawn)
        null = np.abs(permuted.mean(axis=0)).mean(axis=0)
        middle = np.nanmedian(null) if len(null) else np.nan
        row = (attribute, *pair, value, *np.maximum((low, high), 0), np.abs(matched.mean(axis=0)).mean())
        records.append((*row, middle, upper(null), _p(value, null)))
        nulls.append(null)
    columns = ["attribute", "best", "worst", "size", "low", "high", "matched", "null_median", "null_bound", "p"]
    table = pd.DataFrame(records, columns=columns)
    known = table["p"].notna()
    table["p_adjusted"] = np.nan
    if known.any():
        table.loc[known, "p_adjusted"] = multipletests(table.loc[known, "p"], method="fdr_by")[1]
    if len(table) < 2:
        return table, None
    null = np.stack(nulls)
    observed, matched = (float(table[name].max() / table[name].min()) for name in ("size", "matched"))
    return table, Ratio(observed, null.max(axis=0) / null.min(axis=0), matched)


def over_runs(table: pd.DataFrame) -> pd.DataFrame:
    """Mean over seeds of ``Study.similarity`` tables, with its interval over participants and training runs.

    table: those of all seeds. All seeds share their half-samples, so the mean varies no more over participants than a
    single value does on average.
    """
    records = []
    for key, own in table.groupby(KEYS, sort=False):
        people = (((own["high"] - own["low"]) / (2 * half_width())) ** 2).mean()
        found = interval_over_runs(own["cka"].to_numpy(), people)
        sizes = {"people": own["people"].iloc[0], "matched": own["matched"].mean(), "seeds": len(own)}
        ends = {"cka": found.mean, "low": found.low, "high": found.high}
        records.append(dict(zip(KEYS, key, strict=True)) | ends | sizes)
    return pd.DataFrame(records)


def _differences(tables: list[pd.DataFrame], attribute: str, pair: tuple[str, str], column: str):
    """Pairs of layers, and best minus worst in each table for each, (tables, pairs) or (tables, pairs, draws)."""
    found = []
    for table in tables:
        rows = table[table["attribute"] == attribute].set_index(["segment", *KEYS[2:]])[column]
        best, worst = (rows.loc[segment].sort_index() for segment in pair)
        found.append(np.stack(best) - np.stack(worst))
    return list(best.index), np.stack(found).astype(np.float64)


def _p(value: float, null: np.ndarray) -> float:
    """One-sided permutation p-value; the observed labelling counts as one of them."""
    null = null[np.isfinite(null)]
    return float((1 + (null >= value).sum()) / (1 + len(null))) if len(null) and np.isfinite(value) else float("nan")
