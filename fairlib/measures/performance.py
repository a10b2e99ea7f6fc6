"""Evaluation tables of one model: tidy and aggregated, without anybody's row. Each function makes one table."""

import numpy as np
import pandas as pd
from sklearn.metrics import roc_curve

from .. import disclosure
from ..cards import Card
from ..cohort import Cohort
from ..fairness import SUMMARIES, confusion, ratios
from ..inference import auc, participant_draws, weighted_auc
from ..permutations import segment_gaps
from . import group_sizes, groups
from .describe import access
from .evaluated import Evaluated

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
    table = decision_metrics(of.cohort, of.score, of.decision, of.draws)
    if of.decided:
        table = table[~table["metric"].isin(["auc", "auprc"]) | (table["note"] != "")]
    return table.reset_index(drop=True)


def roc(of: Evaluated) -> pd.DataFrame:
    """ROC curves of everybody and of segments on a fixed grid: columns attribute, segment, fpr, tpr."""
    parts = [_roc(of.y[chosen], of.s[chosen], *name) for name, chosen in of.groups.items()]
    return pd.concat(parts, ignore_index=True)


def validation(of: Evaluated) -> pd.DataFrame:
    """AUC of each segment on validation people, for choosing. Without sizes: with those of the other splits, they would
    add up to groups that are suppressed."""
    records, score = [], of.score[of.cohort.rows("val")]
    for attribute, facts in of.card.attributes.items():
        for segment in group_sizes.reportable(of.held, attribute, facts.segments, of.rule, of.card.min_cell):
            chosen = (of.held[attribute] == segment).to_numpy()
            value = auc(of.held["y"].to_numpy()[chosen], score[chosen])
            records.append({"attribute": attribute, "segment": segment, "auc": value})
    return pd.DataFrame(records, columns=["attribute", "segment", "auc"])


def permutation_null(of: Evaluated) -> pd.DataFrame:
    """Per attribute with two reportable segments or more: the gap in AUC between best and worst, and the same gap after
    permuting segment labels among participants."""
    names, codes = [], []
    for name in dict.fromkeys(attribute for attribute, _ in of.groups):
        members = [chosen for (attribute, _), chosen in of.groups.items() if attribute == name]
        if len(members) > 1:
            names.append(name)
            codes.append(np.select(members, range(len(members)), -1))
    if not names:
        return pd.DataFrame(columns=["attribute", "gap", "permuted"])
    gaps, null = segment_gaps(of.y, of.s, of.frame["person"].to_numpy(), codes, PERMUTATIONS * of.draws)
    return pd.DataFrame({"attribute": names, "gap": gaps, "permuted": list(null.T.astype(np.float32))})


def intersections(of: Evaluated) -> pd.DataFrame:
    """AUC and error rate of people who share two segments: columns ``TABLE``."""
    decision = of.decision[of.cohort.rows("test")].astype(np.int64)
    return _intersections(of.y, of.s, decision, of.weights, of.frame, of.card, of.rule)


def decision_metrics(cohort: Cohort, score: np.ndarray, decision: np.ndarray, draws: int) -> pd.DataFrame:
    """The table ``metrics`` of any scores and decisions.

    decision: (n,) of 0 and 1, or the probability of a randomised decision; only test rows are read.
    """
    card, rows, rule = cohort.card, cohort.rows("test"), access(cohort)
    y, s, frame = (
        cohort.y[rows].astype(np.int64),
        score[rows],
        group_sizes.frame(cohort).iloc[rows].reset_index(drop=True),
    )
    decision = decision[rows].astype(np.float32)
    weights = participant_draws(cohort.person[rows], draws).weights
    base = {"scope": "overall", "attribute": "everybody", "segment": "everybody"}
    everybody = np.ones(len(rows), dtype=bool)
    overall = [*_performance(y, s, decision, weights, everybody), _precision(y, s, weights)]
    records = [base | group_sizes.size(frame) | {"note": ""} | row for row in overall]
    for attribute, facts in card.attributes.items():
        reasons = group_sizes.withheld_segments(frame, attribute, facts.segments, rule, card.min_cell)
        for segment in facts.segments:
            chosen = (frame[attribute] == segment).to_numpy()
            base = {"scope": "segment", "attribute": attribute, "segment": segment}
            if hidden := reasons.get(segment):
                records.append(base | group_sizes.size(frame[:0]) | {"note": hidden} | _undefined("auc", draws))
                continue
            if few := group_sizes.too_few(frame[chosen], card.min_cell):
                records.append(base | group_sizes.size(frame[chosen]) | {"note": few} | _undefined("auc", draws))
                continue
            found = _performance(y, s, decision, weights, chosen)
            records += [base | group_sizes.size(frame[chosen]) | {"note": ""} | row for row in found]
        privileged = (frame[attribute] == facts.privileged).to_numpy()
        unprivileged = (frame[attribute].notna() & (frame[attribute] != facts.privileged)).to_numpy()
        records += _ratio_rows(y, decision, weights, unprivileged, privileged, frame, attribute, rule, card)
    return pd.DataFrame(records)[TABLE]


def _intersections(y, s, decision, weights, frame, card: Card, rule: str) -> pd.DataFrame:
    """AUC and error rate of people who share two segments."""
    records, ones = [], np.ones((1, len(y)), dtype=np.float32)
    for attribute, segment, chosen, note in groups.intersections(frame, card, rule):
        base = {"scope": "intersection", "attribute": attribute, "segment": segment, "note": note}
        base |= group_sizes.size(frame[:0] if note.startswith("withheld") else frame[chosen])
        if note:
            records.append(base | _undefined("auc", len(weights)))
            continue
        own, point, drawn = (y[chosen], s[chosen]), ones[:, chosen], weights[:, chosen]
        wrong = (y[chosen] != decision[chosen]).astype(np.float32)
        for metric, of in (
            ("auc", lambda w, own=own: weighted_auc(*own, w)),
            ("error_rate", lambda w, wrong=wrong: _share(w, wrong)),
        ):
            records.append(
                base | {"metric": metric, "estimate": float(of(point)[0]), "replicates": np.float32(of(drawn))}
            )
    return pd.DataFrame(records, columns=TABLE)


def _share(weights: np.ndarray, flags: np.ndarray) -> np.ndarray:
    """Share of flagged windows under each weighting; NaN where nobody is drawn."""
    total = weights.sum(axis=1)
    return np.where(total > 0, weights @ flags / np.maximum(total, 1), np.nan)


def _performance(y, s, decision, weights, chosen) -> list[dict]:
    """AUC, accuracy, balanced accuracy, F1 and the error rates of one group, each with its replicates."""
    y, s, decision, weights = y[chosen], s[chosen], decision[chosen], weights[:, chosen]
    ones = np.ones((1, len(y)), dtype=np.float32)
    counts, drawn = (confusion(y, decision, w) for w in (ones, weights))

    def row(metric, value, replicates):
        return {"metric": metric, "estimate": float(np.squeeze(value)), "replicates": np.float32(replicates)}

    out = [row("auc", weighted_auc(y, s, ones), weighted_auc(y, s, weights))]
    return out + [row(metric, of(counts), of(drawn)) for metric, of in SUMMARIES.items()]


def _precision(y, s, weights) -> dict:
    """Average precision (AUPRC): sorted once, positives' precision under each weighting; ties share one threshold."""
    order = np.argsort(-s, kind="stable")
    ends = np.flatnonzero(np.r_[s[order][1:] != s[order][:-1], True])  # last row of each group of ties
    w = np.vstack([np.ones(len(y), dtype=np.float32), weights])[:, order].astype(np.float64)
    positive = np.cumsum(w * y[order], axis=1)[:, ends]
    flagged = np.cumsum(w, axis=1)[:, ends]
    with np.errstate(invalid="ignore", divide="ignore"):
        gained = np.diff(positive, axis=1, prepend=0) / positive[:, -1:]
        value = np.nansum(gained * positive / np.where(flagged > 0, flagged, np.nan), axis=1)
    value = np.where(positive[:, -1] > 0, value, np.nan)
    return {"metric": "auprc", "estimate": float(value[0]), "replicates": np.float32(value[1:])}


def _ratio_rows(y, decision, weights, unprivileged, privileged, frame, attribute, rule, card: Card) -> list[dict]:
    """The ratio metrics of one attribute: all unprivileged people with a known value over the privileged ones.

    Where they are suppressed, or people too few, one row of the card's metric says why.
    """
    minimum, undefined = card.min_cell, _undefined(card.metric.metric, len(weights))
    base = {"scope": "ratio", "attribute": attribute, "segment": "unprivileged / privileged"}
    groups = [
        (group_sizes.size(frame[group])["people"], group_sizes.people(frame[group]))
        for group in (unprivileged, privileged)
    ]
    hidden = [disclosure.withheld(n, with_["people_1"], rule, minimum, with_["people_0"]) for n, with_ in groups]
    known = unprivileged | privileged
    if any(hidden):
        note = next(reason for reason in hidden if reason)
        return [base | group_sizes.size(frame[:0]) | {"note": note} | undefined]
    few = next((reason for g in (unprivileged, privileged) if (reason := group_sizes.too_few(frame[g], minimum))), "")
    if few:
        return [base | group_sizes.size(frame[known]) | {"note": few} | undefined]
    point, drawn = (
        ratios(*(confusion(y[group], decision[group], w[:, group]) for group in (unprivileged, privileged)))
        for w in (np.ones((1, len(y)), dtype=np.float32), weights)
    )
    unknown, sizes, note = frame[~known], group_sizes.size(frame[known]), ""
    if rule == "restricted" and len(unknown):  # everybody minus the known must not give a small count
        counts = group_sizes.people(unknown)
        if disclosure.withheld(
            group_sizes.size(unknown)["people"], counts["people_1"], rule, minimum, counts["people_0"]
        ):
            sizes, note = group_sizes.size(frame[:0]), SIZES_HIDDEN
    return [
        base
        | sizes
        | {"note": note if np.isfinite(point[metric][0]) else ZERO_RATE}
        | {"metric": metric, "estimate": float(point[metric][0]), "replicates": np.float32(drawn[metric])}
        for metric in point
    ]


def _roc(y, s, attribute: str, segment: str) -> pd.DataFrame:
    """The curve on a fixed grid of false positive rates, so that no single score can be read from it."""
    fpr, tpr, _ = roc_curve(y, s)
    tpr = np.interp(ROC_GRID, fpr, tpr)
    return pd.DataFrame({"attribute": attribute, "segment": segment, "fpr": ROC_GRID, "tpr": tpr.astype(np.float32)})


def _undefined(metric: str, draws: int) -> dict:
    return {"metric": metric, "estimate": np.nan, "replicates": np.full(draws, np.nan, dtype=np.float32)}
