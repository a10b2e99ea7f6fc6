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
D, SIGNED, CLAIM = "mean |log error rate ratio|", "signed log error rate ratio", "claimed contrast"
SINGLE = "mean |log error rate ratio| of a single trained model"
AUC, AUPRC, AUC_GAP, FNR_GAP, FPR_GAP = "AUC", "AUPRC", "AUC gap", "FNR gap", "FPR gap"
GROUP_ERROR = "error rate of a named group"
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


def levels(evidence: Evidence, models: list[str], points: list[Point], permutations: int = 1000) -> pd.DataFrame:
    """Every number of each model: columns model, point, estimand, group, those of ``Measured.columns``, and of what is
    folded ``null_mean`` and ``null_bound`` (mean and 95th percentile of what permuted labels give) instead of ends."""
    permuted, records = Permuted(evidence.of, permutations), []

    def add(estimand: str, group: str, number: Measured, point: str = "") -> None:
        records.append({"model": model, "point": point, "estimand": estimand, "group": group} | number.columns())

    def fold(estimand: str, point: Point | None) -> None:
        key = {"model": model, "point": point.name if point else "", "estimand": estimand}
        for name in evidence.attributes:
            own, null = (FOLDED[estimand](each, model, point, name) for each in (evidence, permuted))
            records.append(key | {"group": name} | own.columns() | _null(np.abs(null.draws)))
        value, null = (folded(each, model, point, estimand) for each in (evidence, permuted))
        records.append(
            key | {"group": OVERALL, "estimate": value.estimate, "runs": value.runs.size} | _null(null.draws)
        )

    for model in models:
        add(AUC, EVERYONE[1], evidence.auc(model))
        add(AUPRC, EVERYONE[1], evidence.auprc(model))
        if not evidence.attributes:
            continue
        fold(AUC_GAP, None)
        for point in points:
            for rate in RATES:
                add(rate.name, EVERYONE[1], evidence.rate(model, point, rate), point.name)
            for estimand in (D, FNR_GAP, FPR_GAP):
                fold(estimand, point)
            values, null = (single(each, model, point) for each in (evidence, permuted))
            key = {"model": model, "point": point.name, "estimand": SINGLE, "group": OVERALL}
            records.append(key | {"estimate": values[0]} | _null(null[1:]))
            for group in evidence.named:
                add(GROUP_ERROR, group[1], evidence.rate(model, point, ERROR, group), point.name)
    return pd.DataFrame(records)


def _null(draws: np.ndarray) -> dict[str, float]:
    return {"null_mean": float(np.nanmean(draws)), "null_bound": upper(draws)}


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
    of the other model's level ``percent_low``, ``percent_high`` (the range that is still compatible) and
    ``detectable_percent``. ``CLAIM`` is D_one − 0.70 · D_other as one contrast. ``signs``: attribute → +1 or −1, fixed
    in the protocol, for ``SIGNED``; +1 where nothing is said.
    """
    signs, records = dict.fromkeys(evidence.attributes, 1) | (signs or {}), []

    def add(estimand: str, group: str, point: Point | None, of: Callable, *rest, share: float = 1.0) -> None:
        """``of``: evidence, model, then the rest → number."""
        a, b = (of(evidence, model, *rest) for model in (one, other))
        found = (a - b * share).columns()
        record = {"one": one, "other": other, "point": point.name if point else "", "estimand": estimand}
        record |= {"group": group, "level_one": a.estimate, "level_other": b.estimate} | found
        scale = 100 / b.estimate if b.estimate > 0 else np.nan
        percent = {"percent_low": "low", "percent_high": "high", "detectable_percent": "detectable"}
        records.append(record | {name: scale * found[of] for name, of in percent.items()})

    add(AUC, EVERYONE[1], None, Evidence.auc)
    add(AUPRC, EVERYONE[1], None, Evidence.auprc)
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
