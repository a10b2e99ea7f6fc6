"""Evaluation tables of one model: tidy and aggregated, without anybody's row. Each function makes one table."""

import numpy as np
import pandas as pd

from ..fairness import SUMMARIES, confusion, ratios
from ..permutations import segment_gaps
from . import group_sizes, groups
from .evaluated import EVERYBODY, Evaluated

ZERO_RATE = "a rate in it is 0 or undefined"
SIZES_HIDDEN = "sizes withheld: few people are unknown"
#: Notes of ratios that are reported; others are suppressed, or rest on too few people.
REPORTABLE = ("", ZERO_RATE, SIZES_HIDDEN)
ROC_GRID = np.linspace(0, 1, 101)
PERMUTATIONS = 2  # of segment labels, for each bootstrap draw
TABLE = ["scope", "attribute", "segment", "metric", "estimate", "people", "windows", "events", "note", "replicates"]


def metrics(of: Evaluated) -> pd.DataFrame:
    """Areas, rates and ratios on the test split, overall, per segment and between segments: columns ``TABLE``;
    replicates is a list of ``draws`` values. Decisions have no areas under a curve, for they rank nobody."""
    everybody, card = np.ones(len(of.y), dtype=bool), of.cohort.card
    records = _rows(of, "overall", *EVERYBODY, everybody, "")
    weights = np.vstack([np.ones((1, len(of.y)), dtype=np.float32), of.weights])
    precision = of.averaged(everybody, weights, average_precision, lambda positive, negative: positive)
    records.append(records[0] | _row("auprc", float(precision[0]), precision[1:]))
    for attribute, facts in card.attributes.items():
        reasons = group_sizes.withheld_segments(of.frame, attribute, facts.segments, of.rule, card.min_cell)
        for segment in facts.segments:
            chosen = (of.frame[attribute] == segment).to_numpy()
            note = reasons.get(segment) or group_sizes.too_few(of.frame[chosen], card.min_cell)
            records += _rows(of, "segment", attribute, segment, chosen, note)
        records += _ratio_rows(of, attribute)
    table = pd.DataFrame(records)[TABLE]
    if of.decided:
        table = table[~table["metric"].isin(["auc", "auprc"]) | (table["note"] != "")]
    return table.reset_index(drop=True)


def roc(of: Evaluated) -> pd.DataFrame:
    """ROC curves of everybody and of segments: columns attribute, segment, fpr, tpr. They are on a fixed grid of false
    positive rates, so that no single score can be read from them."""
    from sklearn.metrics import roc_curve  # here, so that pages that only read a table start without it

    parts = []
    for (attribute, segment), chosen in of.groups.items():
        y, s, curves, pairs = of.y[chosen], of.s[chosen], [], []
        for rows in of.folds(chosen):
            if pair := int(y[rows].sum()) * int((1 - y[rows]).sum()):
                fpr, tpr, _ = roc_curve(y[rows], s[rows])
                curves.append(np.interp(ROC_GRID, fpr, tpr))
                pairs.append(pair)
        tpr = np.average(curves, axis=0, weights=pairs).astype(np.float32)
        parts.append(pd.DataFrame({"attribute": attribute, "segment": segment, "fpr": ROC_GRID, "tpr": tpr}))
    return pd.concat(parts, ignore_index=True)


def permutation_null(of: Evaluated) -> pd.DataFrame:
    """Per attribute with two reportable segments or more: the gap in AUC between best and worst, and the same gap after
    permuting segment labels among participants."""
    codes = {}
    for name in of.cohort.card.attributes:
        members = [chosen for (attribute, _), chosen in of.groups.items() if attribute == name]
        if len(members) > 1:
            codes[name] = np.select(members, range(len(members)), -1)
    if not codes:
        return pd.DataFrame(columns=["attribute", "gap", "permuted"])
    person = of.frame["person"].to_numpy()
    # Scores of two models have no common scale; their ranks among the people of a fold have.
    score = of.s if of.fold is None else pd.Series(of.s).groupby(of.fold).rank(pct=True).to_numpy()
    gaps, null = segment_gaps(of.y, score, person, [*codes.values()], PERMUTATIONS * of.draws)
    return pd.DataFrame({"attribute": [*codes], "gap": gaps, "permuted": list(null.T.astype(np.float32))})


def intersections(of: Evaluated) -> pd.DataFrame:
    """AUC and error rate of people who share two segments: columns ``TABLE``."""
    records = []
    for attribute, segment, chosen, note in groups.intersections(of.frame, of.cohort.card, of.rule):
        found = _rows(of, "intersection", attribute, segment, chosen, note)
        records += [row for row in found if row["metric"] in ("auc", "error_rate")]
    return pd.DataFrame(records, columns=TABLE)


def _rows(of: Evaluated, scope: str, attribute: str, segment: str, chosen: np.ndarray, note: str) -> list[dict]:
    """AUC, accuracy, balanced accuracy, F1 and the error rates of one group, each with its replicates; of one that is
    suppressed or too small, a row that says why (``note``)."""
    sizes = group_sizes.size(of.frame[:0] if note.startswith("withheld") else of.frame[chosen])
    base = {"scope": scope, "attribute": attribute, "segment": segment, **sizes, "note": note}
    if note:
        return [base | _undefined("auc", of.draws)]
    ones = np.ones((1, chosen.sum()), dtype=np.float32)
    counts, drawn = _counts(of, chosen)
    found = {"auc": (of.auc(chosen, ones), of.auc(chosen, of.weights[:, chosen]))}
    found |= {metric: (rate(counts), rate(drawn)) for metric, rate in SUMMARIES.items()}
    return [base | _row(metric, float(np.squeeze(value)), drawn) for metric, (value, drawn) in found.items()]


def _counts(of: Evaluated, chosen: np.ndarray) -> list[dict[str, np.ndarray]]:
    """Confusion counts of one group: (1,) of the data itself, and (draws,) of its bootstrap draws."""
    decision = of.decision[of.cohort.rows("test")][chosen].astype(np.float32)
    ones = np.ones((1, chosen.sum()), dtype=np.float32)
    return [confusion(of.y[chosen], decision, weights) for weights in (ones, of.weights[:, chosen])]


def average_precision(y: np.ndarray, s: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Average precision (AUPRC) under many weightings at once: labels and scores (n,), weights (draws, n) → (draws,).

    Scores are sorted once; tied ones share one threshold. NaN for a draw without an event.
    """
    order = np.argsort(-s, kind="stable")
    ends = np.flatnonzero(np.r_[s[order][1:] != s[order][:-1], True])  # last row of each group of ties
    event = np.flatnonzero(y[order] == 1)
    last = ends[np.searchsorted(ends, event)]  # whoever is flagged at an event's threshold is above this row
    w = np.take(weights, order, axis=1)
    own = w[:, event].astype(np.float64)
    found = np.cumsum(own, axis=1)
    flagged = np.cumsum(w, axis=1, dtype=np.float64)[:, last]
    with np.errstate(invalid="ignore", divide="ignore"):
        precision = np.where(own > 0, found[:, np.searchsorted(event, last, "right") - 1] / flagged, 0)
        return (own * precision).sum(axis=1) / own.sum(axis=1)


def _ratio_rows(of: Evaluated, attribute: str) -> list[dict]:
    """The ratio metrics of one attribute: all unprivileged people with a known value over the privileged ones.

    Where they are suppressed, or people too few, one row of the card's metric says why.
    """
    minimum, values = of.cohort.card.min_cell, of.frame[attribute]
    known = values.notna().to_numpy()
    privileged = (values == of.cohort.card.attributes[attribute].privileged).to_numpy()
    sides = (known & ~privileged, privileged)
    base = {"scope": "ratio", "attribute": attribute, "segment": "unprivileged / privileged"}
    hidden = [group_sizes.withheld(of.frame[side], of.rule, minimum) for side in sides]
    few = [group_sizes.too_few(of.frame[side], minimum) for side in sides]
    if note := next(filter(None, (*hidden, *few)), ""):
        sizes = group_sizes.size(of.frame[:0] if any(hidden) else of.frame[known])
        return [base | sizes | {"note": note} | _undefined(of.cohort.card.metric.metric, of.draws)]
    unprivileged, privileged = (_counts(of, side) for side in sides)
    point, drawn = map(ratios, unprivileged, privileged)
    unknown, sizes, note = of.frame[~known], group_sizes.size(of.frame[known]), ""
    # Everybody minus the known must not give a small count.
    if of.rule == "restricted" and len(unknown) and group_sizes.withheld(unknown, of.rule, minimum):
        sizes, note = group_sizes.size(of.frame[:0]), SIZES_HIDDEN
    rows = [_row(metric, float(value[0]), drawn[metric]) for metric, value in point.items()]
    return [base | sizes | row | {"note": note if np.isfinite(row["estimate"]) else ZERO_RATE} for row in rows]


def _row(metric: str, estimate: float, replicates: np.ndarray) -> dict:
    return {"metric": metric, "estimate": estimate, "replicates": np.float32(replicates)}


def _undefined(metric: str, draws: int) -> dict:
    return _row(metric, np.nan, np.full(draws, np.nan))
