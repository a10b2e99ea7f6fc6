"""Data efficiency: how accuracy and disparity change with the number of *people* who have labels.

Groups cross all protected attributes (``mitigation.crossed``), and each gives the same number of people. Labels shrink
alike in training and validation; the self-supervised model pre-trains on all training windows, since it needs no
labels. The test split stays whole. Smaller sets are part of larger ones, so that sizes compare.
"""

import numpy as np
import pandas as pd

from ..cards import Card
from ..cohort import Cohort, CohortError
from ..measures.groups import crossed
from ..measures.summary import headline, holm_adjusted
from ..seeds import generator
from ..windows import rows_of
from .collect import collect


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


def curve(study, models: tuple[str, ...], seeds, people, card: Card) -> pd.DataFrame:
    """``summary.headline`` of the named models for each number of labelled people a group, with a column ``people``.

    models: the first two are compared; of those without results (``Frozen``) such a seed, and of the others such a
    model, is left out. ``_p`` is adjusted for all numbers of people together (Holm).
    """
    parts = []
    for n in sorted(set(people)):
        kept = tuple(seed for seed in seeds if all(study.has(name, (seed,), n) for name in models[:2]))
        if kept:
            shown = tuple(name for name in models if study.has(name, kept, n))
            models_found = collect(study, "metrics", shown, kept, n)
            found = headline(models_found, card.protected(), card.metric.metric, corrected=False)
            parts.append(found.assign(people=n))
    return holm_adjusted(pd.concat(parts, ignore_index=True)) if parts else pd.DataFrame()
