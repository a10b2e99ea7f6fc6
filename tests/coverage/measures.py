"""The study's own estimators on one simulated cohort: every interval it would show, beside the truth."""

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pandas as pd

from fairlib.cohort import Cohort
from fairlib.inference import auc, interval, participant_draws
from fairlib.measures import calibration, group_sizes, performance, recalibration
from fairlib.measures.evaluated import Evaluated
from fairlib.measures.segments import between, extremes, log_disparities
from fairlib.measures.summary import headline, summarise
from fairlib.seeds import generator

from . import people
from .people import CARD, MODELS, ODDS, PROTECTED, SEGMENTS, Runs, members

PEOPLE, DRAWS, RUNS = 700, 300, 3
ONE, MANY = "fixed scorer", f"{RUNS} training runs"
#: Training runs whose mean stands for the expectation over runs.
FRESH = 100_000


class Interval(NamedTuple):
    """One interval: what of, of which model and people, over what, and the truth."""

    measure: str
    case: str
    over: str
    low: float
    high: float
    truth: float


def truths(runs: dict[str, Runs]) -> dict[tuple, np.ndarray]:
    """(strategy, attribute, segment or "", metric) → the value of each run."""
    found = {}
    for name, own in runs.items():
        groups = [("everybody", "everybody"), *((a, s) for a, segments in SEGMENTS.items() for s in segments)]
        for attribute, segment in groups:
            found[name, attribute, segment, "auc"] = own.auc(members(attribute, segment))
            found[name, attribute, segment, "error_rate"] = own.error(members(attribute, segment))
        for attribute in SEGMENTS:
            found |= {(name, attribute, "", metric): value for metric, value in own.ratios(attribute).items()}
    return found


def intervals(cohort_seed: int, truth: dict[tuple, np.ndarray], people_: int = PEOPLE) -> Iterator[Interval]:
    """Every interval of one cohort; ``truth``: of ``truths`` on ``FRESH`` runs, the same for each cohort."""
    draw = generator(cohort_seed, "coverage")
    cohort, cell = people.cohort(people_, draw)
    runs = {name: model.runs(RUNS, draw) for name, model in MODELS.items()}
    scores = people.scores(cohort, cell, runs, draw)
    tables, validation = [], []
    for name, own in scores.items():
        for seed, score in enumerate(own):
            chances = people.probability(score)
            table = performance.metrics(Evaluated(cohort, chances, 0.5, DRAWS))
            tables.append(table.assign(strategy=name, seed=seed))
            validation.append(_validation(cohort, chances).assign(strategy=name, seed=seed))
    models = pd.concat(tables, ignore_index=True)
    fixed = {key: value[:1] for key, value in truths(runs).items()}
    yield from _of(models[models["seed"] == 0], fixed, ONE)
    yield from _of(models, truth, MANY)
    yield from _extremes(models, pd.concat(validation), truth)
    for name in MODELS:
        yield from _calibration(cohort, scores[name][0], name, runs[name].first())


#: Names of metrics in the study's tables, and here.
AREAS = {"auc": "AUC", "error_rate": "error rate"}
RATIOS = {"error_rate_ratio": "error rate ratio (by its log)", "disparate_impact": "selection rate ratio (by its log)"}


def _of(models: pd.DataFrame, truth: dict, over: str) -> Iterator[Interval]:
    """Areas, rates, ratios, spread between segments and paired differences."""
    for row in summarise(models).itertuples():
        values = truth.get((row.strategy, row.attribute, "" if row.scope == "ratio" else row.segment, row.metric))
        if values is None:  # a metric that this study leaves out
            continue
        case = f"{row.strategy}, {row.attribute}"
        if row.scope == "overall":
            yield Interval(AREAS[row.metric], row.strategy, over, row.low, row.high, values.mean())
        elif row.scope == "segment":
            measure = f"{AREAS[row.metric]} of a segment"
            yield Interval(measure, f"{case} {row.segment}", over, row.low, row.high, values.mean())
        elif row.metric == ODDS:
            yield Interval("average odds difference", case, over, row.low, row.high, values.mean())
        else:
            value = float(np.exp(np.log(values).mean()))
            yield Interval(RATIOS[row.metric], case, over, row.low, row.high, value)
            if row.metric == "error_rate_ratio":
                ends = (row.deviation_low, row.deviation_high)
                yield Interval("parity deviation |1 − r|", case, over, *ends, abs(1 - value))
    yield from _spread(models, truth, over)
    yield from _paired(models, truth, over)
    if over == ONE:
        yield from _percentiles(models, truth)


def _percentiles(models: pd.DataFrame, truth: dict) -> Iterator[Interval]:
    """The interval over participants alone whose lower end is the chance gate."""
    for row in models[(models["scope"] == "overall") & (models["metric"] == "auc")].itertuples():
        low, high = interval(np.asarray(row.replicates, dtype=float))
        value = truth[row.strategy, "everybody", "everybody", "auc"].mean()
        yield Interval("AUC, percentiles (chance gate)", row.strategy, ONE, low, high, value)


def _spread(models: pd.DataFrame, truth: dict, over: str) -> Iterator[Interval]:
    """Standard deviation between segments, double-corrected."""
    for row in between(models, tuple(MODELS)).itertuples():
        values = np.stack([truth[row.strategy, row.attribute, s, row.metric] for s in SEGMENTS[row.attribute]])
        value = float(np.sqrt(values.var(axis=0, ddof=1).mean()))
        measure, case = f"spread of {AREAS[row.metric]} between segments", f"{row.strategy}, {row.attribute}"
        yield Interval(measure, case, over, row.low, row.high, value)


def _paired(models: pd.DataFrame, truth: dict, over: str) -> Iterator[Interval]:
    """Self-supervised minus supervised: AUC, mean parity deviation, mean |log r|."""
    row = headline(models, list(PROTECTED), "error_rate_ratio").set_index("strategy").loc["frozen_0"]
    logs = log_disparities(models, list(PROTECTED), "error_rate_ratio", list(MODELS)).iloc[0]

    def change(of, *keys) -> float:
        ssl, supervised = (np.mean([of(truth[name, *key]) for key in keys]) for name in ("frozen_0", "supervised"))
        return float(ssl - supervised)

    errors = [(attribute, "", "error_rate_ratio") for attribute in PROTECTED]
    area = change(lambda value: value, ("everybody", "everybody", "auc"))
    deviation, log = change(lambda r: np.abs(1 - r), *errors), change(lambda r: np.abs(np.log(r)), *errors)
    found = [("AUC", row["auc_difference_low"], row["auc_difference_high"], area)]
    found += [("mean |1 − r|", row["deviation_difference_low"], row["deviation_difference_high"], deviation)]
    found += [("mean |log r|", logs["low"], logs["high"], log)]
    if over == ONE:
        found += [("mean |log r|, participants alone", logs["people_low"], logs["people_high"], log)]
    for what, low, high, value in found:
        yield Interval(f"paired difference in {what}", "frozen_0 − supervised", over, low, high, value)


def _extremes(models: pd.DataFrame, validation: pd.DataFrame, truth: dict) -> Iterator[Interval]:
    """The gap between the segments that validation people show as best and worst."""
    for row in extremes(models, validation, tuple(MODELS)).itertuples():
        best, worst = (
            truth[row.strategy, row.attribute, s, "auc"].mean() for s in (row.best_segment, row.worst_segment)
        )
        case = f"{row.strategy}, {row.attribute}"
        yield Interval("gap in AUC, extremes of validation", case, MANY, row.gap_low, row.gap_high, best - worst)


def _validation(cohort: Cohort, chances: np.ndarray) -> pd.DataFrame:
    """AUC of each segment on validation people, as ``evaluation_tables`` keeps it."""
    frame, y = cohort.attributes.iloc[cohort.rows("val")], cohort.y[cohort.rows("val")]
    records = [
        {"attribute": a, "segment": s, "auc": auc(y[chosen], chances[cohort.rows("val")][chosen])}
        for a, segments in SEGMENTS.items()
        for s in segments
        for chosen in [(frame[a] == s).to_numpy()]
    ]
    return pd.DataFrame(records)


def _calibration(cohort: Cohort, score: np.ndarray, name: str, runs: Runs) -> Iterator[Interval]:
    """Observed rate in each bin of each segment; truth: the rate between the same cuts of the score."""
    held, rows = cohort.rows("val"), cohort.rows("test")
    curve = recalibration.recalibrate(people.probability(score[held]), cohort.y[held])
    risk = recalibration.recalibrated(people.probability(score[rows]), *curve)
    frame, score = group_sizes.frame(cohort).iloc[rows].reset_index(drop=True), score[rows]
    groups = {("everybody", "everybody"): np.full(len(rows), True)}
    groups |= {(a, s): (frame[a] == s).to_numpy() for a, segments in SEGMENTS.items() for s in segments}
    weights = participant_draws(cohort.person[rows], DRAWS)
    table = calibration.table(risk, frame, weights, groups, "synthetic", CARD.min_cell)
    for (attribute, segment), own in table.groupby(["attribute", "segment"], sort=False):
        chosen = groups[attribute, segment]
        y, person = (frame.loc[chosen, column].to_numpy() for column in ("y", "person"))
        number = calibration.bins(risk[chosen], y, person, CARD.min_cell)
        ends = [(score[chosen][number == b].min(), score[chosen][number == b].max()) for b in own["bin"]]
        cuts = [-np.inf, *((one[1] + following[0]) / 2 for one, following in pairwise(ends)), np.inf]
        for row, (low, high) in zip(own.itertuples(), pairwise(cuts), strict=True):
            value = runs.risk(low, high, members(attribute, segment))
            case = f"{name}, {attribute} {segment}"
            yield Interval("observed rate in a calibration bin", case, ONE, row.low, row.high, value)
