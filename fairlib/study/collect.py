"""Tables of many models in one frame."""

import pandas as pd

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
