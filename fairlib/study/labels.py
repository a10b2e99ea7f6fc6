"""Data efficiency: how accuracy and disparity change with the number of *people* who have labels.

Groups cross all protected attributes (``mitigation.crossed``), and each gives the same number of people. Labels shrink
alike in training and validation; the self-supervised model pre-trains on all training windows, since it needs no
labels. The test split stays whole. Smaller sets are part of larger ones, so that sizes compare.
"""

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..cards import Card
from ..cohort import Cohort, CohortError
from ..measures.groups import crossed
from ..measures.summary import headline, holm_adjusted
from ..seeds import generator
from ..windows import rows_of
from .collect import collect

if TYPE_CHECKING:
    from .runs import Study


def labelled(cohort: Cohort, people: int, seed: int) -> Cohort:
    """The cohort with ``people`` labelled training people of each group, and a like share of validation people.

    Which people is decided by ``seed``; a group that has fewer gives all. Raises ``CohortError`` where so few people
    leave one outcome only.
    """
    frame = pd.DataFrame({"person": cohort.person, "split": cohort.split, "group": crossed(cohort)})
    once = frame.drop_duplicates("person").reset_index(drop=True)
    once["rank"] = generator(seed, "labelled people").permutation(len(once))
    once["place"] = once.groupby(["split", "group"])["rank"].rank()
    size = once["split"].value_counts()
    wanted = once["split"].map({"train": people, "val": np.ceil(people * size["val"] / size["train"])})
    chosen = once["place"] <= wanted
    kept = (frame["split"] == "test") | frame["person"].isin(once.loc[chosen, "person"])
    rows = np.flatnonzero(kept)
    try:
        return cohort.part(rows, rows_of(cohort.x, rows), (f"{people} labelled people a group", "test people all kept"))
    except CohortError as error:
        raise CohortError(f"{people} labelled people a group are too few: {error}") from error


@dataclass(frozen=True)
class Labelled:
    """A study in which ``people`` of each group have labels, other people for each seed."""

    study: "Study"
    people: int
    _made: dict[int, "Study"] = field(default_factory=dict, compare=False, repr=False)

    def _own(self, seed: int) -> "Study":
        """The study of one seed, made once: its data is hashed for every model."""
        if seed not in self._made:
            cohort = labelled(self.study.cohort, self.people, seed)
            results = self.study.results / f"labels-{self.people}"
            self._made[seed] = replace(self.study, cohort=cohort, results=results, unlabelled=self.study)
        return self._made[seed]

    def evaluation(self, strategy: str, seed: int, threshold: float, draws: int) -> dict[str, pd.DataFrame]:
        """The table ``metrics`` of one model, trained or found in the results."""
        return self._own(seed).evaluation(strategy, seed, threshold, draws)

    def trained(self, strategy: str, seed: int) -> bool:
        """Whether a fresh trained model lies in the results; nothing is trained."""
        return self._own(seed).trained(strategy, seed)

    def has(self, strategy: str, seeds: tuple[int, ...]) -> bool:
        """Whether its results can be had: always, since it can be trained."""
        return True


def curve(study, models: tuple[str, ...], seeds, people, card: Card, draws: int) -> pd.DataFrame:
    """``summaries.headline`` of the named models for each number of labelled people a group, with a column ``people``.

    models: the first two are compared; of those without results (``sources.Frozen``) such a seed, and of the others
    such a model, is left out. ``_p`` is corrected for all numbers of people together (Holm).
    """
    parts = []
    for n in sorted(set(people)):
        own = study.with_labels(n)
        kept = tuple(seed for seed in seeds if all(own.has(name, (seed,)) for name in models[:2]))
        if kept:
            shown = tuple(name for name in models if own.has(name, kept))
            models_found = collect(own, shown, kept, 0.5, draws)
            found = headline(models_found, card.protected(), card.metric.metric, corrected=False)
            parts.append(found.assign(people=n))
    if not parts:
        return pd.DataFrame()
    out = pd.concat(parts, ignore_index=True)
    return holm_adjusted(out)
