"""The cases of the study with all their trained models, for the page across datasets. Nothing is trained here."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from fairlib import cards
from fairlib.audit import equal_rates
from fairlib.inference import interval
from fairlib.measures import segments
from fairlib.measures import summary as summaries
from fairlib.report.provenance import Provenance
from fairlib.strategies import LABELLED, MODELS, NAMED_RECIPE, PRIMARY, STRATEGY_NAMES
from fairlib.study.collect import cohort_tables, collect
from fairlib.study.frozen import Frozen
from fairlib.study.model_inputs import BOTH, MASKS, VALUES, WORDS
from fairlib.study.parameters import Evaluation, ParameterError, check
from fairlib.study.pretraining_people import EVERYONE, words
from fairlib.study.sources import open_study
from fairlib.text import readable, recipe_name

from . import cka_gaps
from .contracts import Synthesis
from .provenance import collected, of_study

if TYPE_CHECKING:
    from fairlib.study.runs import Study

SHOWN = 50  # CKA of a segment of fewer test participants is not shown


@dataclass(frozen=True)
class Case:
    """One dataset with one recipe: the models that were found, and what is missing."""

    p: Evaluation
    study: "Study | Frozen"
    card: cards.Card
    made: Provenance
    models_found: tuple[tuple[str, int], ...]
    missing: tuple[str, ...]
    people: tuple[int, ...] = ()  # labelled people a group: sizes of data efficiency

    @property
    def title(self) -> str:
        """How the case is called in tables."""
        kind = " twin" if self.made.origin == "twin" else ""
        some = f", pre-training on {readable(words(self.p.pretrain_on))}" * (self.p.pretrain_on != EVERYONE)
        some += f", {WORDS[self.p.inputs]}" * (self.p.inputs != BOTH)
        return f"{self.card.called}{kind}, recipe {recipe_name(self.p.recipe)}{some}"

    @property
    def strategies(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(strategy for strategy, _ in self.models_found))

    @property
    def ssl(self) -> str | None:
        """The SSL model named beforehand; where it was not trained, the first that was."""
        names = [name for name in self.strategies if name.startswith("frozen_")]
        return PRIMARY if PRIMARY in names else next(iter(names), None)

    @property
    def paired_seeds(self) -> tuple[int, ...]:
        """Seeds of which both the supervised and the named SSL model were found."""
        return tuple(s for name, s in self.models_found if name == self.ssl and ("supervised", s) in self.models_found)

    @property
    def label_sizes(self) -> tuple[int, ...]:
        """Labelled people a group for which both compared models were found, of every paired seed."""
        pairs = [(name, seed) for name in ("supervised", self.ssl) for seed in self.paired_seeds]
        return tuple(n for n in self.people if pairs and all(self.study.trained(*pair, n) for pair in pairs))

    @cached_property
    def models(self) -> pd.DataFrame:
        """Metrics of every model found, as ``summaries.collect`` gives them."""
        return self._metrics(self.models_found)

    @cached_property
    def summary(self) -> pd.DataFrame:
        return summaries.summarise(self.models)

    @cached_property
    def headline(self) -> pd.DataFrame:
        return summaries.headline(self.models, self.card.protected(), self.card.metric.metric)

    @cached_property
    def compared(self) -> pd.DataFrame:
        """What claims are judged by: of cross-fitted models at equal alert rates, of others ``headline``."""
        own = self.study.manifest.get("folds") and equal_rates.of_study(
            self.study, self.card, self.p.wanted, self.made.seeds, self.p.draws
        )
        return own.headline if own else self.headline

    @cached_property
    def sizes(self) -> dict[str, pd.DataFrame]:
        return cohort_tables(self.study)

    def each_model(self) -> pd.DataFrame:
        """One row a model of ``models_found``: strategy, seed, ``train`` (training windows), ``people`` (labelled
        people a group; missing: everybody has labels), AUC with its interval over people, disparity, ``at_chance`` and
        ``one_decision``."""
        return self._each(self.models)

    def every_model(self) -> pd.DataFrame:
        """The same of all that were trained: those with explicit mitigations and those with few labels follow."""
        parts = [self.each_model()]
        for n in (None, *self.people):
            wanted = [name for name in self.p.mitigations if MODELS[name].trains] if n is None else LABELLED
            found = [(name, seed) for name in wanted for seed in self.made.seeds if self.study.trained(name, seed, n)]
            if found:
                parts.append(self._each(self._metrics(found, n), n))
        return pd.concat(parts, ignore_index=True)

    def _metrics(self, found: Iterable[tuple[str, int]], labels: int | None = None) -> pd.DataFrame:
        tables = (
            self.study.table("metrics", name, seed, labels).assign(strategy=name, seed=seed) for name, seed in found
        )
        return pd.concat(tables, ignore_index=True)

    def _each(self, models: pd.DataFrame, people: int | None = None) -> pd.DataFrame:
        metric, protected = self.card.metric.metric, self.card.protected()
        train = self.sizes["sizes"].set_index("split").loc["train", "windows"]
        records = []
        for (strategy, seed), rows in models.groupby(["strategy", "seed"], sort=False):
            auc = rows[(rows["scope"] == "overall") & (rows["metric"] == "auc")].iloc[0]
            headline = summaries.headline(rows, protected, metric).iloc[0]
            low, high = interval(np.asarray(auc["replicates"], dtype=float))
            record = {"strategy": strategy, "seed": int(seed), "train": train, "people": people or np.nan}
            record |= {"auc": auc["estimate"], "low": low, "high": high, "deviation": headline["deviation"]}
            record |= {"at_chance": summaries.at_chance(headline), "one_decision": summaries.one_decision(headline)}
            records.append(record)
        return pd.DataFrame(records)

    def similarity_gaps(self) -> tuple[pd.DataFrame, cka_gaps.Ratio | None]:
        """Sizes of the differences in CKA between the extremes of the supervised model, as on the page of stage 4.

        Columns: attribute, best, worst, size, auc_gap (on test people). The ratio of the largest to the smallest is
        None with fewer than two attributes.
        """
        seeds, reference = self.paired_seeds, ("supervised",)
        models = self.models[(self.models["strategy"] == "supervised") & self.models["seed"].isin(seeds)]
        validation = collect(self.study, "validation", reference, seeds)
        extremes = segments.extremes(models, validation, reference)
        enough = [row.attribute for row in extremes.itertuples() if min(row.best_people, row.worst_people) >= SHOWN]
        if len(set(enough) & set(self.card.protected())) < 2:
            return pd.DataFrame(columns=["attribute", "best", "worst", "size", "auc_gap"]), None
        tables = [self.study.table("cka", self.ssl, seed) for seed in seeds]
        pairs = cka_gaps.pairs(extremes, tables[0], self.card.protected())
        drawn = [self.study.table("cka_draws", self.ssl, seed) for seed in seeds]
        found, ratio = cka_gaps.sizes(drawn, pairs)
        apart = extremes.set_index("attribute")["gap"] if len(extremes) else pd.Series(dtype=float)
        return found.assign(auc_gap=found["attribute"].map(apart)), ratio


def gather(p: Synthesis, twins: bool = True) -> tuple[list[Case], list[str]]:
    """Every case with at least the supervised model, and sentences on what is missing; ``twins``: them too."""
    cases, lacks = [], []
    for dataset, asked in p.chosen.items():
        if asked.source == "twin" and not twins:
            continue
        for recipe in asked.recipes:
            try:
                case = open_case(p.evaluation(dataset, recipe), tuple(asked.people))
            except (ParameterError, OSError) as error:
                lacks.append(f"{dataset}, recipe {recipe}: {error}")
                continue
            lacks += [f"{case.title}: {what}" for what in case.missing]
            if "supervised" in case.strategies:
                cases.append(case)
    return cases, lacks


def open_case(p: Evaluation, people: tuple[int, ...] = ()) -> Case:
    """A case with the models that lie in the results. people: labelled people a group, of data efficiency."""
    study = open_study(p)
    made = of_study(p, study)
    wanted = [(name, seed) for name in p.wanted for seed in made.seeds]
    found = tuple((name, seed) for name, seed in wanted if study.trained(name, seed))
    lost = {}
    for name, seed in wanted:
        if (name, seed) not in found:
            lost.setdefault(name, []).append(str(seed))
    told = ", ".join(f"{STRATEGY_NAMES[name]} ({', '.join(seeds)})" for name, seeds in lost.items())
    missing = (f"not trained yet (seeds or repeats in brackets): {told}",) if lost else ()
    return Case(p, study, p.card, made, found, missing, tuple(sorted({*people, *study.label_sizes})))


def with_other_inputs(cases: list[Case]) -> list[Case]:
    """The same frozen cases where models saw the values alone or the masks alone, as far as they were kept."""
    found = []
    for case in cases:
        for inputs in (VALUES, MASKS) if case.p.source == "frozen" and case.p.inputs == BOTH else ():
            with suppress(ParameterError):
                found.append(open_case(check(Evaluation, case.p.model_dump() | {"inputs": inputs})))
    return found


def scored(cases: list[Case], draws: int = equal_rates.DRAWS) -> list[tuple[Case, equal_rates.Scored]]:
    """The cases whose models can be compared at equal alert rates, with their scores; the named recipe's first.
    draws: of people, at most."""
    first = sorted(cases, key=lambda case: (list(cards.all()).index(case.p.dataset), case.p.recipe != NAMED_RECIPE))
    found = [
        (case, equal_rates.of_study(case.study, case.card, case.p.wanted, case.made.seeds, draws)) for case in first
    ]
    return [(case, own) for case, own in found if own is not None]


def by_dataset(cases: list[Case], scored: list) -> dict[str, list[tuple[Case, equal_rates.Scored | None]]]:
    """Dataset → its cases with scores; where there are none, its first case with None."""
    found = {case.p.dataset: [(case, None)] for case in cases[::-1]}
    return found | {name: own for name in found if (own := [pair for pair in scored if pair[0].p.dataset == name])}


def made_of(p: Synthesis, cases: list[Case], origin: str) -> Provenance:
    """Provenance of something made of several cases."""
    parts = []
    for case in cases:
        seeds = ", ".join(map(str, case.made.seeds))
        called = "repeats" if case.study.manifest.get("folds") else "seeds"
        parts.append(f"{case.title} (profile {case.made.profile}, {called} {seeds})")
    data = sha256("".join(case.made.data for case in cases).encode()).hexdigest()
    return collected(p, origin, "; ".join(parts), data)
