"""The protocol's estimands as tidy tables: levels of each model, differences of two, and the verdicts on them.

D, the disparity, is the mean over protected attributes of |mean over runs of the log error rate ratio|: averaged over
repeats first, folded last. Its level contains noise, so it is compared with what permuted labels give, and has no
interval; differences between models have one, paired over people and runs.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from ..fairness import ERROR, FALSE_NEGATIVE, FALSE_POSITIVE, SELECTION, log_ratio
from ..inference import upper
from .evidence import EVERYONE, SIDES, Evidence, Permuted, divide, rate_of
from .margins import Margins
from .measured import Measured, mean
from .operating import PRIMARY, SECONDARY, Point

RATES = (ERROR, FALSE_NEGATIVE, FALSE_POSITIVE, SELECTION)
OVERALL = "mean over attributes"
LOG_RATIO = "log error rate ratio"
D, SIGNED, CLAIM = "mean |log error rate ratio|", "signed log error rate ratio", "claimed contrast"
SINGLE = "mean |log error rate ratio| of a single trained model"
AUC, AUPRC, AUC_GAP, FNR_GAP, FPR_GAP = "AUC", "AUPRC", "AUC gap", "FNR gap", "FPR gap"
GROUP_ERROR = "error rate of a named group"
#: Average precision in a fold of fewer events is too high, by about half a standard error at 60 events (the coverage
#: study); a difference between models is not.
PRECISE = 150
CHECKED = (AUC, ERROR.name)  # beside the corrected t interval
#: What is averaged over repeats, folded, and averaged over attributes: name → of evidence, model, point, attribute.
FOLDED: dict[str, Callable] = {
    D: lambda e, model, point, name: e.log_ratio(model, point, name),
    FNR_GAP: lambda e, model, point, name: e.gap(model, point, name, FALSE_NEGATIVE),
    FPR_GAP: lambda e, model, point, name: e.gap(model, point, name, FALSE_POSITIVE),
    AUC_GAP: lambda e, model, point, name: e.auc_gap(model, name),
}


def folded(evidence: Evidence, model: str, point: Point | None, estimand: str = D) -> Measured:
    """Mean over attributes of the size of what was averaged over repeats: D, or the mean gap in a rate or AUC."""
    return mean([abs(FOLDED[estimand](evidence, model, point, name)) for name in evidence.attributes])


def signed(evidence: Evidence, model: str, point: Point, signs: dict[str, int]) -> Measured:
    """Mean over attributes of s · log error rate ratio, linear since the protocol fixes the signs s (+1 or −1)."""
    return mean([evidence.log_ratio(model, point, name) * signs[name] for name in evidence.attributes])


def single(evidence: Evidence, model: str, point: Point) -> np.ndarray:
    """What a single trained model does: mean over runs and attributes of |log ratio| in its own fold, (1 + draws,).

    It contains the noise of one fold, and belongs beside what permuted labels give.
    """
    out = []
    for name in evidence.attributes:
        u, p = (evidence.counts_of(model, point, (name, side)) for side in SIDES)
        out.append(np.abs(log_ratio(divide(rate_of(ERROR, u), rate_of(ERROR, p)))).mean(axis=(0, 1)))
    return np.mean(out, axis=0)


def numbers(evidence: Evidence, models: list[str], points: list[Point]) -> pd.DataFrame:
    """What has an interval of its own: columns model, point, estimand, group, and those of ``Measured.columns``.

    Areas, rates, errors of named groups, and of each attribute the signed log error rate ratio and gaps, unprivileged
    over or minus privileged. AUPRC has no interval where a fold has fewer than ``PRECISE`` events.
    """
    records = []

    def add(estimand: str, group: str, point: Point | None, number: Measured) -> None:
        key = {"model": model, "point": point.name if point else "", "estimand": estimand, "group": group}
        records.append(key | number.columns(estimand in CHECKED))

    for model in models:
        add(AUC, EVERYONE[1], None, evidence.auc(model))
        add(AUPRC, EVERYONE[1], None, evidence.auprc(model))
        if evidence.events_per_fold < PRECISE:
            records[-1] |= dict.fromkeys(["low", "high", "low90", "high90", "people_low", "people_high"], np.nan)
        for name in evidence.attributes:
            add(AUC_GAP, name, None, evidence.auc_gap(model, name))
        for point in points:
            for rate in RATES:
                add(rate.name, EVERYONE[1], point, evidence.rate(model, point, rate))
            for group in evidence.named:
                add(GROUP_ERROR, group[1], point, evidence.rate(model, point, ERROR, group))
            for estimand in (LOG_RATIO, FNR_GAP, FPR_GAP):
                for name in evidence.attributes:
                    add(
                        estimand,
                        name,
                        point,
                        FOLDED[D if estimand == LOG_RATIO else estimand](evidence, model, point, name),
                    )
    return pd.DataFrame(records)


def levels(evidence: Evidence, models: list[str], points: list[Point], permutations: int = 1000) -> pd.DataFrame:
    """What is folded has no interval, but stands beside what permuted labels give.

    Columns model, point, estimand, group (an attribute, or the mean over them), estimate, and of the permutations
    ``null_mean`` and ``null_bound`` (95th percentile). A level at ``null_mean`` is what a model without any disparity
    has. ``SINGLE`` is what a single trained model does, not their average. Empty where no attribute can be judged.
    """
    both, records = (evidence, Permuted(evidence.of, permutations)), []
    wanted = [(AUC_GAP, None)] + [(name, point) for point in points for name in (D, FNR_GAP, FPR_GAP, SINGLE)]
    for model in models if evidence.attributes else []:
        for estimand, point in wanted:
            if estimand == SINGLE:
                found = {OVERALL: [(values[0], values[1:]) for values in (single(e, model, point) for e in both)]}
            else:
                parts = {
                    name: [abs(FOLDED[estimand](e, model, point, name)) for e in both] for name in evidence.attributes
                }
                parts[OVERALL] = [mean(list(own)) for own in zip(*parts.values(), strict=True)]
                found = {name: [(one.estimate, one.draws) for one in own] for name, own in parts.items()}
            for group, ((value, _), (_, null)) in found.items():
                record = {"model": model, "point": point.name if point else "", "estimand": estimand, "group": group}
                record |= {"estimate": float(value), "null_mean": float(np.nanmean(null)), "null_bound": upper(null)}
                records.append(record)
    return pd.DataFrame(records)


def differences(
    evidence: Evidence,
    one: str,
    other: str,
    points: tuple[Point, ...] = (PRIMARY, *SECONDARY),
    signs: dict[str, int] | None = None,
    margins: Margins | None = None,
) -> pd.DataFrame:
    """``one`` − ``other`` in every estimand, paired over people and runs.

    Columns: one, other, point, estimand, group, level_one, level_other, those of ``Measured.columns``, and in percent
    of the other model's level ``percent_low``, ``percent_high`` (the range that is still compatible; nothing falls by
    more than 100 %) and ``detectable_percent``. ``CLAIM`` is D_one − 0.70 · D_other as one contrast. ``signs``:
    attribute → +1 or −1, fixed in the protocol, for ``SIGNED``; +1 where nothing is said.
    """
    signs, records = dict.fromkeys(evidence.attributes, 1) | (signs or {}), []

    def add(estimand: str, group: str, point: Point | None, of: Callable, *rest, share: float = 1.0) -> None:
        """``of``: evidence, model, then the rest → number."""
        a, b = (of(evidence, model, *rest) for model in (one, other))
        found = (a - b * share).columns(estimand in CHECKED)
        record = {"one": one, "other": other, "point": point.name if point else "", "estimand": estimand}
        record |= {"group": group, "level_one": a.estimate, "level_other": b.estimate} | found
        scale = 100 / b.estimate if b.estimate > 0 and estimand not in (CLAIM, SIGNED) else np.nan
        percent = {"percent_low": float(np.maximum(-100, scale * found["low"])), "percent_high": scale * found["high"]}
        records.append(record | percent | {"detectable_percent": scale * found["detectable"]})

    add(AUC, EVERYONE[1], None, lambda e, model: e.auc(model))
    add(AUPRC, EVERYONE[1], None, lambda e, model: e.auprc(model))
    if evidence.attributes:
        add(AUC_GAP, OVERALL, None, folded, None, AUC_GAP)
    for point in points:
        for rate in RATES:
            add(rate.name, EVERYONE[1], point, Evidence.rate, point, rate)
        for group in evidence.named:
            add(GROUP_ERROR, group[1], point, Evidence.rate, point, ERROR, group)
        if not evidence.attributes:
            continue
        for estimand in (D, FNR_GAP, FPR_GAP):
            add(estimand, OVERALL, point, folded, point, estimand)
        add(CLAIM, OVERALL, point, folded, point, share=(margins or Margins()).claim)
        add(SIGNED, OVERALL, point, signed, point, signs)
        for name in evidence.attributes:
            add(D, name, point, _one_attribute, point, name)
    return pd.DataFrame(records)


def _one_attribute(evidence: Evidence, model: str, point: Point, attribute: str) -> Measured:
    return abs(evidence.log_ratio(model, point, attribute))


def own_rows(table: pd.DataFrame, **where: str) -> pd.DataFrame:
    """The rows of a table with these values, such as ``estimand=D, point="alert rate 0.20"``."""
    for name, value in where.items():
        table = table[table[name] == value]
    return table
