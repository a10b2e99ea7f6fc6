"""Stage 5 at equal alert rates: what its pages compute from out-of-fold scores before they draw it and say it."""

from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from ..cards import Card
from ..cohort import CohortError
from ..fairness import ERROR, SELECTION
from ..measures import bands, benchmarks, casemix, chosen, estimands, netbenefit, verdicts
from ..measures.estimands import OVERALL, D, folded, own_rows
from ..measures.evidence import EVERYONE, SIDES, Evidence
from ..measures.margins import Margins
from ..measures.measured import Measured
from ..measures.operating import PRIMARY, PUBLISHED, SECONDARY, Point
from ..measures.outoffold import OutOfFold
from ..measures.recalibration import calibration_gap
from ..strategies import BASELINES, SSL, SUPERVISED, of_family, self_supervised
from ..strategies import PRIMARY as NAMED
from ..study.collect import out_of_fold
from ..study.frozen import JUDGED_BY, Frozen

DRAWS = 2000  # of people, as the protocol says, for the pair
SKETCHED = 500  # for curves, and for models besides the pair
CALIBRATION_GAP = "calibration gap after recalibration"
EQUAL_MIX, EQUAL_MIX_LOG = f"{D} at equal case mix", "log error rate ratio at equal case mix"
MARGINS = Margins()
ENDS = {"": "estimate", "_low": "low", "_high": "high"}


@dataclass(frozen=True, eq=False)
class Scored:
    """The out-of-fold scores of a page, and what is computed from them when it is first asked for.

    one: the self-supervised model of the pair; it is compared with the supervised one.
    parts: first the models that have every run, the pair among them; then, where some have fewer, these and the others
    over the runs that all of them have.
    """

    one: str
    parts: tuple[OutOfFold, ...]
    draws: int = DRAWS

    @property
    def of(self) -> OutOfFold:
        """Scores of the models with every run."""
        return self.parts[0]

    @property
    def pair(self) -> tuple[str, str]:
        """The supervised model and the one that is compared with it."""
        return (SUPERVISED, self.one)

    @property
    def runs(self) -> int:
        """Trained models behind each number of the pair."""
        return len(self.of.runs())

    @cached_property
    def evidence(self) -> Evidence:
        """Of the pair, with the protocol's draws."""
        return Evidence(self.of, self.draws)

    @cached_property
    def sketches(self) -> list[Evidence]:
        """Of all models, with fewer draws; one a part."""
        return [Evidence(part, min(SKETCHED, self.draws)) for part in self.parts]

    @cached_property
    def found(self) -> pd.DataFrame:
        """``estimands.differences`` of the pair, also at the published threshold."""
        return estimands.differences(self.evidence, self.one, SUPERVISED, (PRIMARY, *SECONDARY, PUBLISHED))

    @cached_property
    def verdicts(self) -> pd.DataFrame:
        """``verdicts.verdicts`` of the pair at the primary alert rate."""
        return verdicts.verdicts(self.found, PRIMARY, MARGINS)

    @property
    def main(self) -> pd.DataFrame:
        """The rows of ``found`` about everyone, with p of the secondary comparisons after Holm's correction."""
        rows = self.found[self.found["group"].isin([EVERYONE[1], OVERALL])]
        rows = rows[rows["point"].isin(["", PRIMARY.name]) | (rows["estimand"] == D)]
        rows = rows[~rows["estimand"].isin([rate.name for rate in estimands.RATES])]
        holm = verdicts.secondary(self.found)[["point", "estimand", "p_holm"]]
        return rows.merge(holm, on=["point", "estimand"], how="left")

    @property
    def groups(self) -> pd.DataFrame:
        """The rows of ``found`` about errors at the primary alert rate: of everyone, and of each named group."""
        rows = own_rows(self.found, point=PRIMARY.name)
        return rows[rows["estimand"].isin([ERROR.name, estimands.GROUP_ERROR])]

    @cached_property
    def sketch_of(self) -> dict[str, Evidence]:
        """Model → the evidence with most of its runs."""
        return {name: sketch for sketch in self.sketches[::-1] for name in sketch.of.score}

    @cached_property
    def each(self) -> pd.DataFrame:
        """``estimands.differences`` of every model to the supervised one at the primary alert rate and the published
        threshold; of the pair at all points."""
        others = {name: sketch for name, sketch in self.sketch_of.items() if name not in (SUPERVISED, self.one)}
        found = [estimands.differences(of, name, SUPERVISED, (PRIMARY, PUBLISHED)) for name, of in others.items()]
        return pd.concat([self.found, *found], ignore_index=True)

    def without_judges(self) -> pd.DataFrame:
        """The differences of the pair in AUC and D without the people by whom the recipe's settings were chosen; empty
        where nobody says who that was."""
        if JUDGED_BY not in self.of.attributes:
            return pd.DataFrame()
        judged = self.of.attributes[JUDGED_BY].fillna(False).to_numpy(dtype=bool)
        names = {name: values for name, values in self.of.score.items() if name in self.pair}
        of = replace(self.of, score=names, risk={}).only(~judged)
        rows = estimands.differences(Evidence(of, self.draws), self.one, SUPERVISED, (PRIMARY,))
        return rows[rows["estimand"].isin([estimands.AUC, D]) & rows["group"].isin([EVERYONE[1], OVERALL])]

    @cached_property
    def headline(self) -> pd.DataFrame:
        """Each model's AUC and disparity at the primary alert rate, and both minus supervised: columns as of
        ``summaries.headline``, where ``deviation`` is D. Equal alert rates leave no one-sided decisions."""
        own = self.each[self.each["point"].isin(["", PRIMARY.name]) & self.each["group"].isin([EVERYONE[1], OVERALL])]
        records = {}
        for name, estimand in (("auc", estimands.AUC), ("deviation", D)):
            for row in own_rows(own, estimand=estimand).to_dict("records"):
                first = records.setdefault(SUPERVISED, {"strategy": SUPERVISED})
                first[name] = row["level_other"]
                ends = {f"{name}_difference{end}": row[column] for end, column in ENDS.items()}
                record = records.setdefault(row["one"], {"strategy": row["one"]})
                record |= {name: row["level_one"], "seeds": row["runs"]} | ends
        lows = {name: of.auc(name).interval(runs=False)[0] for name, of in self.sketch_of.items()}
        rows = pd.DataFrame([*records.values()])
        return rows.assign(people_low=rows["strategy"].map(lows), constant_decisions=0, undefined_draws=0.0)

    @cached_property
    def at_chance(self) -> frozenset[str]:
        """Models that are no better than chance: the interval of their AUC over people includes 0.5."""
        lows = {name: of.auc(name).interval(runs=False)[0] for name, of in self.sketch_of.items()}
        return frozenset(name for name, low in lows.items() if not low > 0.5)

    @property
    def judged(self) -> bool:
        """Whether the pair's disparity says something: groups are large enough, and neither model is at chance."""
        return bool(self.evidence.attributes) and not {*self.pair} & self.at_chance

    def levels(self, names: list[str], point: Point) -> pd.DataFrame:
        """``estimands.levels`` of these models at an operating point beside permuted labels and, of D, what a coin and
        a calibrated score have where they flag as many as the model; empty where no attribute can be judged."""
        found, sketch = [], self.sketches[0]
        for name in names if sketch.attributes else []:
            beside = self._benchmarks(sketch.rate(name, point, SELECTION).estimate).assign(estimand=D)
            own = estimands.levels(sketch, [name], [point], sketch.count)
            found.append(own.merge(beside, on=["group", "estimand"], how="left"))
        return pd.concat(found, ignore_index=True) if found else pd.DataFrame()

    def _benchmarks(self, alert: float) -> pd.DataFrame:
        """D of a coin (expectation, range) and a calibrated score at an alert rate: each attribute, their mean."""
        sketch, of = self.sketches[0], self.of
        groups = {name: tuple(sketch.sides[name, side] for side in SIDES) for name in sketch.attributes}
        expected, covariance = benchmarks.coin(of.y, groups, alert, ERROR, of.fold[0], of.repeats)
        area = sketch.auc(SUPERVISED).estimate
        fair = np.abs([benchmarks.calibrated(of.y, *pair, area, alert) for pair in groups.values()])
        chosen = [*([place] for place in range(len(groups))), [*range(len(groups))]]
        sizes = [benchmarks.mean_size(expected[own], covariance[np.ix_(own, own)]) for own in chosen]
        out = pd.DataFrame(sizes, columns=["coin", "coin_low", "coin_high"])
        return out.assign(group=[*groups, OVERALL], calibrated=[*fair, fair.mean()])

    def over_rates(self) -> pd.DataFrame:
        """Over ``bands.ALERT_RATES``: columns of ``bands.curve`` about the difference in D, and the levels beside it.

        ``level_one``, ``level_other``; ``coin`` with ``coin_low`` and ``coin_high``, ``calibrated``.
        """
        sketch, rows = self.sketches[0], []
        curve = bands.over_alert_rates(sketch, self.one, SUPERVISED)
        for alert in curve["alert_rate"]:
            level = {
                f"level_{of}": folded(sketch, name, Point("alert rate", alert)).estimate
                for of, name in (("one", self.one), ("other", SUPERVISED))
            }
            rows.append(level | self._benchmarks(alert).iloc[-1].to_dict())
        return pd.concat([curve, pd.DataFrame(rows)], axis=1)

    def as_published(self) -> pd.DataFrame:
        """Both models at threshold 0.5: columns model, alert_rate (the share that each flags there) and level (D)."""
        sketch, records = self.sketches[0], []
        for name in self.pair:
            level, alert = folded(sketch, name, PUBLISHED), sketch.rate(name, PUBLISHED, SELECTION)
            records.append({"model": name, "alert_rate": alert.estimate, "level": level.estimate})
        return pd.DataFrame(records)

    def adjusted(self) -> pd.DataFrame:
        """After recalibration and at equal case mix: rows and columns as in ``estimands.differences``."""
        records, both = [], (self.one, SUPERVISED)

        def add(estimand: str, group: str, one: Measured, other: Measured, point: str = "") -> None:
            record = {"one": self.one, "other": SUPERVISED, "point": point, "estimand": estimand, "group": group}
            record |= {"level_one": one.estimate, "level_other": other.estimate} | (one - other).columns()
            records.append(record | dict.fromkeys(["percent_low", "percent_high", "detectable_percent"], np.nan))

        for name in self.evidence.attributes if set(both) <= self.of.risk.keys() else []:
            add(CALIBRATION_GAP, name, *(calibration_gap(self.evidence, model, name) for model in both))
        if BASELINES[0] in self.of.score and self.evidence.attributes:
            sketch = self.sketches[0]
            for name in sketch.attributes:
                pair = (casemix.log_ratio_at_equal_case_mix(sketch, model, PRIMARY, name) for model in both)
                add(EQUAL_MIX_LOG, name, *pair, PRIMARY.name)
            pair = (casemix.folded_at_equal_case_mix(sketch, model, PRIMARY) for model in both)
            add(EQUAL_MIX, OVERALL, *pair, PRIMARY.name)
        return pd.DataFrame(records)

    @property
    def recalibrated(self) -> tuple[str, ...]:
        """The pair and logistic regression, as far as their scores became risks on validation people."""
        return tuple(name for name in (*self.pair, BASELINES[0]) if name in self.of.risk)

    def decision_curves(self) -> pd.DataFrame:
        """``netbenefit.curves`` of ``recalibrated``; empty where the pair has no risks, or they must not be shown."""
        if not {*self.pair} <= {*self.recalibrated}:
            return pd.DataFrame(columns=netbenefit.KEYS)
        return netbenefit.curves(self.sketches[0], list(self.recalibrated[1:]))

    def best(self) -> chosen.Chosen | None:
        """“Up to 30 %”: the best of all self-supervised models; None where there are fewer than two, or where half of
        the people are too few to judge what all of them are judged by."""
        part = self.parts[-1]
        names = [name for name in part.score if self_supervised(name)]
        with suppress(CohortError):
            first = chosen.halves(part.person)
            halves = [Evidence(part.only(rows), 1).attributes for rows in (first, ~first)]
            if len(names) > 1 and halves[0] and halves == [self.evidence.attributes] * 2:
                return chosen.best(part, names, PRIMARY, SUPERVISED, min(SKETCHED, self.draws))
        return None


def of_study(study, card: Card, names: tuple[str, ...], seeds: tuple[int, ...], draws: int = DRAWS) -> Scored | None:
    """The scores of a study's models; None where a pair cannot be compared.

    That is so where the results were kept without scores, where either model of the pair was not trained or gives
    everyone the same score, or where a fold has too few people with either outcome.
    """
    if isinstance(study, Frozen) and "folds" not in study.manifest:  # version 0.1 kept none
        return None
    usable: dict[tuple[int, ...], list[str]] = {}
    for name in names:
        own = tuple(seed for seed in seeds if study.has(name, (seed,)))
        with suppress(CohortError, ValueError):
            out_of_fold(study, card, (name,), own)
            usable.setdefault(own, []).append(name)
    every = usable.pop(tuple(seeds), [])
    pairs = [name for name in (NAMED, *of_family(SSL)) if name in every]
    if SUPERVISED not in every or not pairs:
        return None
    parts = [out_of_fold(study, card, tuple(every), seeds)]
    if fewer := [name for models in usable.values() for name in models]:
        common = tuple(seed for seed in seeds if all(seed in own for own in usable))
        parts.append(out_of_fold(study, card, (*every, *fewer), common))
    most = DRAWS if study.manifest.get("folds") else study.manifest["draws"]
    return Scored(pairs[0], tuple(parts), min(draws, most))
