"""Predictions → numbers with their intervals, as tidy frames: the study's estimands, for any groups and models."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
from scipy.sparse import csr_array
from scipy.special import stdtr

from ..fairness import METRICS, RATES, SELECTION, SUMMARIES, log_ratio
from ..inference import half_width, holm, participant_draws
from ..measures import benchmarks, calibration, casemix, estimands, group_sizes, groups, netbenefit, verdicts
from ..measures.cells import cells
from ..measures.estimands import AUC, AUC_GAP, AUPRC, OVERALL
from ..measures.evidence import COUNTS, EVERYONE, Evidence, divide, rate_of
from ..measures.measured import DETECTABLE, Measured, measured
from ..measures.operating import PRIMARY, PUBLISHED, SECONDARY, Point
from ..measures.performance import ZERO_RATE
from ..seeds import generator
from .predictions import Predictions

DRAWS, WEIGHTS = 1000, 10**8  # of people; fewer where draws × rows would be more than so many weights
BLOCK = 2**22  # weights that are handled at a time
SAMPLED, SKETCHED = 20_000, 500  # rows at most by which case mix is compared, and draws
RISKS = 8  # thresholds of net benefit
SCORE_POINTS = (PRIMARY, *SECONDARY, PUBLISHED)
ESTIMATE = ["model", "metric", "attribute", "group", "reference", "operating_point"]
ESTIMATE += ["value", "low", "high", "n", "events", "note"]
#: The metric of the declared family of tests.
FAMILY = "error_rate_ratio"
CHANCE, FOLDED = "model no better than chance", "no interval: a mean of sizes is above 0 by noise alone"
EQUAL_MIX = "error_rate_ratio_at_equal_case_mix"


@dataclass(frozen=True)
class _Drawn:
    """Weights (draws, n) of rows that are asked for, made of weights of people."""

    people: np.ndarray
    person: np.ndarray

    def __getitem__(self, place: tuple) -> np.ndarray:
        return self.people[:, self.person[place[1]]]


@dataclass(frozen=True, eq=False)
class Audited(Evidence):
    """Evidence of predictions, whose draws are kept per person: rows of one person have one weight."""

    by: Predictions = None

    @cached_property
    def people(self) -> np.ndarray:
        """(1 + draws, people) float32: the data itself, then its draws; the same draws as ``OutOfFold.draws``."""
        people = self.of.person.max() + 1
        return np.vstack([np.ones((1, people), dtype=np.float32), participant_draws(np.arange(people), self.count)])

    @property
    def weights(self) -> np.ndarray:
        return self.people[:, self.of.person]

    def drawn(self, of: Callable, axis: int) -> np.ndarray:
        blocks = np.array_split(self.people, max(1, -(-self.people.shape[0] * len(self.of.y) // BLOCK)))
        with ThreadPoolExecutor(2) as pool:
            return np.concatenate([*pool.map(lambda block: of(_Drawn(block, self.of.person)), blocks)], axis=axis)

    def total(self, rows: np.ndarray, values: np.ndarray) -> np.ndarray:
        shape = (self.people.shape[1], len(rows))
        of_person = csr_array((np.ones(len(rows), np.float32), (self.of.person[rows], np.arange(len(rows)))), shape)
        return self.people @ (of_person @ values.astype(np.float32))

    @cached_property
    def hidden(self) -> dict[tuple[str, str], str]:
        """(attribute, group) → why its numbers are suppressed, or rest on too few people; "" where they are shown."""
        frame, card, found = self.by.frame, self.by.card, {}
        for name, facts in card.attributes.items():
            why = group_sizes.withheld_segments(frame, name, facts.segments, card.access, card.min_cell)
            for group in facts.segments:
                own = frame[(frame[name] == group).to_numpy()]
                found[name, group] = why.get(group) or group_sizes.too_few(own, card.min_cell)
        return found

    @cached_property
    def sides(self) -> dict[tuple[str, str], np.ndarray]:
        shown = {
            name for name, (of, *pair) in self.by.contrasts.items() if not any(self.hidden[of, one] for one in pair)
        }
        return {key: chosen for key, chosen in Evidence.sides.func(self).items() if key[0] in shown}

    @cached_property
    def crossed(self) -> list[tuple[str, str, np.ndarray, str]]:
        """``groups.intersections`` of the attributes as they are; pairs of groups that nobody is in are left out."""
        found = groups.intersections(self.by.frame, self.by.card, self.by.card.access)
        return [row for row in found if row[2].any()]

    @cached_property
    def named(self) -> dict[tuple[str, str], np.ndarray]:
        return {(pair, segments): chosen for pair, segments, chosen, note in self.crossed if not note}

    @cached_property
    def singles(self) -> dict[tuple[str, str], np.ndarray]:
        """(attribute, group) → (n,) boolean of the groups that are shown."""
        return {key: (self.by.groups[key[0]] == key[1]).to_numpy() for key, why in self.hidden.items() if not why}

    @cached_property
    def members(self) -> dict[tuple[str, str], np.ndarray]:
        return {EVERYONE: np.ones(len(self.of.y), dtype=bool)} | self.singles | self.named

    @cached_property
    def same(self) -> dict[tuple[str, str], tuple[str, str]]:
        """(contrast, side) → the group that it is in ``members``."""
        contrasts = self.by.contrasts.items()
        found = {(name, "unprivileged"): (of, group) for name, (of, group, _) in contrasts}
        return found | {(name, "privileged"): (of, reference) for name, (of, _, reference) in contrasts}

    def counts_of(self, model: str, point: Point, group: tuple[str, str]) -> list[np.ndarray]:
        return super().counts_of(model, point, self.same.get(group, group))

    @cached_property
    def areas(self) -> Callable:
        found = Evidence.areas.func(self)
        return lambda model, group: found(model, self.same.get(group, group))

    def points(self, model: str) -> tuple[Point, ...]:
        """Where a model is judged: what was decided, or the protocol's points, and 0.5 where its scores are risks."""
        if model in self.by.decided:
            return (PUBLISHED,)
        return SCORE_POINTS if model in self.of.risk else SCORE_POINTS[:-1]

    def point_name(self, model: str, point: Point) -> str:
        """As tables call it."""
        return "as decided" if model in self.by.decided else point.name

    @cached_property
    def pairs(self) -> list[tuple[str, str, str]]:
        """(attributes, group, reference) of every comparison that is shown: of groups, and of intersections of groups
        with that of the references."""
        shown = [found for name, found in self.by.contrasts.items() if name in self.attributes]
        facts = self.by.card.attributes
        for attributes, group in self.named:
            first = groups.BETWEEN.join(facts[name].privileged for name in attributes.split(groups.BETWEEN))
            if group != first and (attributes, first) in self.named:
                shown.append((attributes, group, first))
        return shown

    @cached_property
    def at_chance(self) -> frozenset[str]:
        """Models whose AUC, by its interval over people, may be 0.5: their disparities say nothing."""
        ranking = [name for name in self.of.score if name not in self.by.decided]
        return frozenset(name for name in ranking if not self.auc(name).interval()[0] > 0.5)


def audited(by: Predictions, draws: int = DRAWS) -> Audited:
    """The evidence of some predictions; of many rows with fewer draws, so that it takes a minute at most."""
    return Audited(by.of, int(np.clip(WEIGHTS // len(by.of.y), 100, draws)) if draws > 100 else draws, by)


def sizes(e: Audited) -> pd.DataFrame:
    """Groups and intersections of groups: columns attribute, group, people, windows (rows), events, note."""
    rows, frame = [], e.by.frame
    found = [(*key, (frame[key[0]] == key[1]).to_numpy(), why) for key, why in e.hidden.items()]
    for attribute, group, chosen, note in [(*EVERYONE, e.members[EVERYONE], ""), *found, *e.crossed]:
        record = {"attribute": attribute, "group": group}
        of = group_sizes.size(frame[chosen]) if "withheld" not in note else {}
        rows.append(record | {name: of.get(name, np.nan) for name in ("people", "windows", "events")} | {"note": note})
    return pd.DataFrame(rows)


def estimates(e: Audited) -> pd.DataFrame:
    """Every number of a model: columns ``ESTIMATE``, and of disparities also ``detectable`` (the smallest ratio above 1
    that four of five such audits would find), p, p_holm, and of error rate ratios coin with its ends, and calibrated.

    Metrics are named as in ``fairness``; a ratio is that of the group over the reference, with an interval from its
    log. n and events count rows of the group. The declared family of tests: error rate ratios of single attributes, of
    all models, at the first operating point.
    """
    size = sizes(e).set_index(["attribute", "group"])
    rows = []
    for model in e.of.score:
        rows += _of_groups(e, model)
        rows += _of_pairs(e, model)
    frame = pd.DataFrame(rows)
    keys = pd.MultiIndex.from_frame(frame[["attribute", "group"]])
    frame["n"], frame["events"] = (size[name].reindex(keys).to_numpy() for name in ("windows", "events"))
    frame["p_holm"] = holm(frame["p"])
    return frame


def _row(e: Audited, model: str, metric: str, group: tuple[str, str], point: Point | None = None, **more) -> dict:
    at = e.point_name(model, point) if point else ""
    base = {"model": model, "metric": metric, "attribute": group[0], "group": group[1], "reference": ""}
    unknown = dict.fromkeys(["value", "low", "high", "detectable", "p", "coin", "coin_low", "coin_high", "calibrated"])
    return base | {"operating_point": at} | dict.fromkeys(unknown, np.nan) | {"note": ""} | more


def _share(value: float) -> float:
    return float(np.clip(value, 0, 1))


def _with_ends(number: Measured, of: Callable = float) -> dict[str, float]:
    return dict(zip(("value", "low", "high"), map(of, (number.estimate, *number.interval())), strict=True))


def _of_groups(e: Audited, model: str) -> Iterator[dict]:
    """Areas and rates of everyone, each group and each intersection; why some are not shown."""
    for group in e.members:
        if model not in e.by.decided:
            yield _row(e, model, "auc", group, **_with_ends(e.auc(model, group), _share))
            if group == EVERYONE:
                yield _row(e, model, "auprc", group, **_with_ends(e.auprc(model), _share))
        for point in e.points(model):
            counts = e.counts_of(model, point, group)
            for metric, of in SUMMARIES.items():
                number = measured(lambda *c, of=of: of(dict(zip(COUNTS, c, strict=True))), *counts)
                yield _row(e, model, metric, group, point, **_with_ends(number, _share))
        if model in e.of.risk:
            yield _row(e, model, "predicted_minus_observed", group, **_with_ends(_offset(e, model, group)))
    for group, why in [*e.hidden.items(), *(((a, b), why) for a, b, _, why in e.crossed)]:
        if why:
            yield _row(e, model, "error_rate", group, note=why)


def _offset(e: Audited, model: str, group: tuple[str, str]) -> Measured:
    """Calibration-in-the-large: mean risk minus observed rate."""
    risk = e.of.risk[model]
    counts = cells(e, e.members[group], lambda repeat, rows: risk[repeat, rows, None])[..., 0]
    return measured(lambda tp, fn, fp, tn: divide(fp - fn, tp + fn + fp + tn), *counts)


def _of_pairs(e: Audited, model: str) -> Iterator[dict]:
    """Ratios and differences between each group and the reference, with what a coin and a calibrated score have."""
    area = np.nan if model in e.by.decided else e.auc(_first(e, model)).estimate
    for point in e.points(model):
        alert = e.rate(model, point, SELECTION).estimate
        for attribute, group, reference in e.pairs:
            both = (attribute, group), (attribute, reference)
            counts = [each for one in both for each in e.counts_of(model, point, one)]
            more = {"reference": reference, "note": CHANCE * (model in e.at_chance)}
            for metric, facts in METRICS.items():
                if metric in RATES:
                    number = measured(
                        lambda *c, rate=RATES[metric]: log_ratio(divide(rate_of(rate, c[:4]), rate_of(rate, c[4:]))),
                        *counts,
                    )
                    found = _with_ends(number, np.exp) | {"detectable": np.exp(DETECTABLE * number.se)}
                    found |= {} if np.isfinite(number.estimate) else {"note": ZERO_RATE}
                else:
                    between = lambda *c, facts=facts: facts.between(*(dict(zip(COUNTS, of)) for of in (c[:4], c[4:])))  # noqa: B905
                    found = _with_ends(measured(between, *counts))
                    found |= {} if facts.signed else {"low": np.nan, "high": np.nan, "note": FOLDED}
                if metric == FAMILY:
                    found |= _benchmarks(e, both, alert, area)
                    if point == e.points(model)[0] and attribute in e.by.card.attributes and number.se > 0:
                        found["p"] = float(2 * stdtr(number.freedom, -abs(number.estimate) / number.se))
                yield _row(e, model, metric, both[0], point, **more | found)


def _first(e: Audited, model: str) -> str:
    """The model that a model is compared with: the first one that gives scores too, or decisions too."""
    return next(name for name in e.of.score if (name in e.by.decided) == (model in e.by.decided))


def _benchmarks(e: Audited, both: tuple, alert: float, area: float) -> dict[str, float]:
    """The error rate ratio of a coin that flags as many, with its range, and of a calibrated score of the first model's
    AUC."""
    y, pair = e.of.y, tuple(e.members[one] for one in both)
    expected, covariance = benchmarks.coin(y, {"": pair}, alert)
    half = half_width() * np.sqrt(covariance[0, 0])
    ends = np.exp(expected[0] + np.array([0, -half, half]))
    fair = np.exp(benchmarks.calibrated(y, *pair, area, alert)) if np.isfinite(area) else np.nan
    return dict(zip(("coin", "coin_low", "coin_high"), map(float, ends), strict=True)) | {"calibrated": float(fair)}


def comparisons(e: Audited) -> Iterator[tuple[str, str, Point, pd.DataFrame, pd.DataFrame]]:
    """Each further model, the one it is compared with, the point, ``estimands.differences`` with p of the protocol's
    secondary family (Holm), and ``verdicts`` at that point; decisions have no AUC. None where a model is at chance."""
    for model in e.of.score:
        if (first := _first(e, model)) == model:
            continue
        points = tuple(point for point in e.points(model) if point in e.points(first))
        found = estimands.differences(e, model, first, points)
        if model in e.by.decided:
            found = found[~found["estimand"].isin([AUC, AUPRC, AUC_GAP])].assign(p_holm=np.nan)
        else:
            held = verdicts.secondary(found)[["point", "estimand", "p_holm"]].assign(group=OVERALL)
            found = found.merge(held, on=["point", "estimand", "group"], how="left")
        held = verdicts.verdicts(found, points[0])
        held = held[(held["verdict"] != verdicts.PAPER) & (not {model, first} & e.at_chance)]
        yield model, first, points[0], found, held.reset_index(drop=True)


def reliability(e: Audited, model: str) -> pd.DataFrame:
    """``calibration.table`` of everyone and of each group, of scores as they are."""
    shown = {EVERYONE: e.members[EVERYONE]} | e.singles
    rule, least = e.by.card.access, e.by.card.min_cell
    return calibration.table(e.of.risk[model][0], e.by.frame, _Drawn(e.people[1:], e.of.person), shown, rule, least)


def net_benefit(e: Audited) -> pd.DataFrame:
    """Net benefit of models whose scores are risks, for everyone and each group: columns ``ESTIMATE``, where the
    operating point is a risk within the thresholds of the card. Restricted data have none."""
    at, rows = np.linspace(*e.by.card.thresholds, RISKS).round(4), []
    names = [*e.of.risk, netbenefit.ALL] if e.of.risk and e.by.card.access != "restricted" else []
    for name in names:
        for group in [EVERYONE, *e.singles]:
            for risk, number in zip(at, netbenefit.net_benefit(e, name, group, at), strict=True):
                rows.append(_row(e, name, "net_benefit", group, **_with_ends(number)))
                rows[-1]["operating_point"] = f"risk {risk:.2f}"
    return pd.DataFrame(rows, columns=[name for name in ESTIMATE if name not in ("n", "events")])


def case_mix(e: Audited) -> pd.DataFrame:
    """Error rate ratios at equal case mix, columns ``ESTIMATE``, of every further model that gives scores: groups are
    weighted to one distribution of the rank that the first model gives. Of many rows a sample of people is compared."""
    scores, rows, of = [name for name in e.of.score if name not in e.by.decided], [], e.of
    if len(scores) < 2:
        return pd.DataFrame()
    people = of.person.max() + 1
    some = generator(0, "case mix").permutation(people)[: round(min(1, SAMPLED / len(of.y)) * people)]
    rows_of = np.isin(of.person, some)
    there = [name for name in e.attributes if of.attributes[name][rows_of].nunique() == 2]
    card = of.card.model_copy(update={"attributes": {name: of.card.attributes[name] for name in there}})
    sample = Evidence(replace(of, card=card, attributes=of.attributes[there]).only(rows_of), min(e.count, SKETCHED))
    for model in scores[1:]:
        for name in sample.attributes:
            number = casemix.log_ratio_at_equal_case_mix(sample, model, PRIMARY, name, scores[0])
            attribute, group, reference = e.by.contrasts[name]
            row = _row(e, model, EQUAL_MIX, (attribute, group), PRIMARY, **_with_ends(number, np.exp))
            rows.append(row | {"reference": reference})
    return pd.DataFrame(rows, columns=[name for name in ESTIMATE if name not in ("n", "events")])
