"""A cross-fitted study: each repeat deals the people to folds, and every fold is a study of its own."""

from dataclasses import dataclass, field, replace
from functools import cached_property, partial

import pandas as pd

from ..folds import Folds
from ..measures import compared, scored
from ..measures.compared import Compared
from ..strategies import POST_PROCESSED, SUPERVISED
from . import tables
from .results import closure_hash, fresh, key_hash, parquet, save
from .runs import Study
from .tables import TABLES


@dataclass(frozen=True)
class CrossFitted:
    """Answers like ``Study``; a "seed" is a repeat, and what is said of a model is said of its folds together.

    study: of the whole cohort, whose own split is not used; runs: the repeats, from 1. folds: 0 keeps the split of the
    card, so that a repeat is one training seed.
    """

    study: Study
    folds: int
    runs: tuple[int, ...]
    _kept: dict = field(default_factory=dict, compare=False, repr=False)

    label_sizes: tuple[int, ...] = ()

    @property
    def cohort(self):
        """Everybody."""
        return self.study.cohort

    @property
    def recipe(self):
        """How models are trained."""
        return self.study.recipe

    @property
    def manifest(self) -> dict:
        """That of the study, with the number of folds."""
        return self.study.manifest | {"folds": self.folds}

    @property
    def each(self) -> range:
        """The folds of a repeat."""
        return range(max(1, self.folds))

    def groups(self) -> set[str]:
        """The groups that explicit mitigations look after, in the first fold."""
        return self.fold(self.runs[0], 0).groups()

    def people(self) -> pd.DataFrame:
        """Who is scored."""
        return self.study.people()

    def seeds(self, strategy: str = SUPERVISED) -> tuple[int, ...]:
        """The repeats."""
        return self.runs

    def has(self, strategy: str, seeds: tuple[int, ...], labels: int | None = None) -> bool:
        """Whether results can be had: they can always be trained."""
        return True

    def trained(self, strategy: str, seed: int, labels: int | None = None) -> bool:
        """Whether fresh models of all folds lie in the results; nothing is trained."""
        return all(self.fold(seed, k).trained(strategy, self.seed(seed, k), labels) for k in self.each)

    @cached_property
    def _dealing(self) -> Folds:
        return Folds(self.cohort, self.folds)

    def fold(self, repeat: int, k: int) -> Study:
        """The study of one fold, ``k`` from 0: its people are the test split, and all that learns lies inside."""
        if not self.folds:
            return self.study
        if (repeat, k) not in self._kept:
            cohort = self.cohort.dealt(self._dealing.split(repeat, k))
            place, seed = f"repeat-{repeat}/fold-{k + 1}", self.seed(repeat, k)
            self._kept[repeat, k] = replace(self.study, cohort=cohort, place=place, runs=(seed,), _kept={})
        return self._kept[repeat, k]

    def seed(self, repeat: int, k: int) -> int:
        """The training seed of a fold."""
        return self._dealing.seed(repeat, k) if self.folds else repeat

    def of_fold(self, name: str, strategy: str, repeat: int, k: int, labels: int | None = None) -> pd.DataFrame:
        """A table of one fold; made, and the model trained, where it is not found."""
        return self.fold(repeat, k).table(name, strategy, self.seed(repeat, k), labels)

    def table(self, name: str, strategy: str = "", seed: int = 0, labels: int | None = None) -> pd.DataFrame:
        """A table of results by its name in ``tables.TABLES``, of one repeat.

        Of what each trained model leaves behind: all folds, with a column fold. About a model: of its cross-fitted
        scores. Of representations, which have no common scale over folds: of the first fold.
        """
        table = TABLES[name]
        if table.of == tables.COHORT:
            return self.study.table(name)
        if table.of == tables.FOLD:
            parts = [self.of_fold(name, strategy, seed, k, labels).assign(fold=k) for k in self.each]
            return pd.concat(parts, ignore_index=True)
        if table.of == tables.MODEL:
            return self._pooled(table, strategy, seed, labels)
        if table.of == tables.RUNS:
            return self._between_repeats(strategy, seed)
        return self.of_fold(name, strategy, seed, 0, labels)

    def _pooled(self, table: tables.Table, strategy: str, repeat: int, labels: int | None) -> pd.DataFrame:
        found = self.table("scores", strategy, repeat, labels)
        study, name = self.study, table.name
        folder = replace(study, place=f"repeat-{repeat}").folder(strategy, repeat)
        folder = folder / "tables" / (name if labels is None else f"{name}-labels-{labels}")
        key = {"code": closure_hash(table.make.__module__), "threshold": study.threshold, "draws": study.draws}
        key |= study.shown_key() | {"scores": key_hash({"scores": int(pd.util.hash_pandas_object(found).sum())})}
        if not fresh(folder, key):
            origin, decided = self.cohort.origin, strategy == POST_PROCESSED
            people = scored.rows(self.cohort)
            of = scored.pooled(people, found, self.cohort.card, origin, study.threshold, study.draws, decided)
            save(folder, key, {f"{name}.parquet": parquet(table.make(of))})
        return pd.read_parquet(folder / f"{name}.parquet")

    def _between_repeats(self, strategy: str, repeat: int) -> pd.DataFrame:
        """Two trained models of one strategy, of this repeat and of the one before, on people whom neither has seen."""
        if not self.folds:
            return self.study.table("cka_between", strategy, repeat)
        if repeat not in self.runs[1:]:
            return pd.DataFrame()
        before = self.runs[self.runs.index(repeat) - 1]
        one, other = self.fold(repeat, 0), self.fold(before, 0)
        split = one.cohort.split.copy()
        split[(split == "test") & (other.cohort.split != "test")] = "val"
        cohort = replace(one.cohort, split=split)
        places = ((other, self.seed(before, 0)), (one, self.seed(repeat, 0)))
        outputs = [partial(study.activations, strategy, seed) for study, seed in places]
        return compared.similarity(Compared(cohort, *outputs)).assign(other_seed=before)
