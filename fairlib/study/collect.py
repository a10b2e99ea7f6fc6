"""Results of many models in one frame."""

import pandas as pd


def collect(study, strategies: tuple[str, ...], seeds: tuple[int, ...], threshold: float, draws: int) -> pd.DataFrame:
    """The metrics of every model in one long table, with columns strategy and seed."""
    return _gather(study, strategies, seeds, "metrics", threshold, draws)


def collect_roc(
    study, strategies: tuple[str, ...], seeds: tuple[int, ...], threshold: float, draws: int
) -> pd.DataFrame:
    """ROC curves averaged over seeds at each false positive rate."""
    curves = _gather(study, strategies, seeds, "roc", threshold, draws)
    keys = ["strategy", "attribute", "segment", "fpr"]
    return curves.groupby(keys, as_index=False, sort=False)["tpr"].mean()


def collect_table(
    study, strategies: tuple[str, ...], seeds: tuple[int, ...], table: str, threshold: float, draws: int
) -> pd.DataFrame:
    """One table of ``study.EVALUATION`` of every model; without columns where results were frozen before it existed.

    A strategy that lacks it for one of the seeds is left out: its seeds must be those of its metrics.
    """
    return _gather(study, strategies, seeds, table, threshold, draws)


def _gather(study, strategies, seeds, table, threshold, draws) -> pd.DataFrame:
    parts = []
    for strategy in strategies:
        found = [study.evaluation(strategy, seed, threshold, draws).get(table) for seed in seeds]
        if all(part is not None for part in found):
            parts += [p.assign(strategy=strategy, seed=seed) for p, seed in zip(found, seeds, strict=True)]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
