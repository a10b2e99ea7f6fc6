"""Tables of many models in one frame."""

import pandas as pd

from ..cards import Card
from ..measures.outoffold import OutOfFold
from ..measures.scored import together

COHORT = ("sizes", "segments", "attrition", "typical_window", "shape")


def collect(study, name: str, strategies: tuple[str, ...], seeds: tuple[int, ...], labels: int | None = None):
    """One table of every model (``tables.TABLES``) in one long frame, with columns strategy and seed.

    study: ``Study`` or ``Frozen``; labels: of models trained with so many labelled people a group.
    """
    found = [
        study.table(name, strategy, seed, labels).assign(strategy=strategy, seed=seed)
        for strategy in strategies
        for seed in seeds
    ]
    found = [table for table in found if len(table)] or found[:1]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame()


def collect_roc(study, strategies: tuple[str, ...], seeds: tuple[int, ...]) -> pd.DataFrame:
    """ROC curves averaged over seeds at each false positive rate."""
    curves = collect(study, "roc", strategies, seeds)
    return curves.groupby(["strategy", "attribute", "segment", "fpr"], as_index=False, sort=False)["tpr"].mean()


def cohort_tables(study) -> dict[str, pd.DataFrame]:
    """What stage 1 says of a cohort: name of the table → frame."""
    return {name: study.table(name) for name in COHORT}


def out_of_fold(study, card: Card, strategies: tuple[str, ...], seeds: tuple[int, ...]) -> OutOfFold:
    """Scores of several models on the people whom they were not trained on.

    study: ``CrossFitted``, ``Frozen``, or a ``Study`` of the card's split, whose test people are one fold.
    """
    found = {}
    for name in ("scores", "cuts"):
        tables = {strategy: [study.table(name, strategy, seed) for seed in seeds] for strategy in strategies}
        found[name] = {
            s: [table if "fold" in table else table.assign(fold=0) for table in t] for s, t in tables.items()
        }
    access = study.manifest["access"]
    return together(study.people(), found["scores"], found["cuts"], card.model_copy(update={"access": access}))
