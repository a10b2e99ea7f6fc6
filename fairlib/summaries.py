"""Evidence of many models → one estimate each with its interval, over participants and training runs."""

import numpy as np
import pandas as pd

from .evidence import ZERO_RATE
from .fairness import RATES, log_ratio, parity_deviation
from .inference import deviation_interval, interval, seed_interval

KEYS = ["strategy", "scope", "attribute", "segment", "metric"]


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


def _gather(study, strategies, seeds, table, threshold, draws) -> pd.DataFrame:
    parts = [
        study.evaluation(strategy, seed, threshold, draws)[table].assign(strategy=strategy, seed=seed)
        for strategy in strategies
        for seed in seeds
    ]
    return pd.concat(parts, ignore_index=True)


def summarise(models: pd.DataFrame) -> pd.DataFrame:
    """One row a strategy, group and metric: mean over seeds with its 95 % interval, sizes beside it.

    Ratios are averaged as logs; ``deviation`` and its interval follow from the averaged ratio, so they agree.
    """
    records = []
    for key, rows in models.groupby(KEYS, sort=False):
        record = dict(zip(KEYS, key, strict=True))
        estimates, replicates = rows["estimate"].to_numpy(dtype=float), np.stack(rows["replicates"])
        if record["metric"] in RATES and record["scope"] == "ratio":
            mean, low, high = seed_interval(log_ratio(estimates), log_ratio(replicates))
            record |= {"deviation": parity_deviation(np.exp(mean))}
            record |= dict(zip(("deviation_low", "deviation_high"), deviation_interval(low, high), strict=True))
            mean, low, high = np.exp([mean, low, high])
        else:
            mean, low, high = seed_interval(estimates, replicates)
            if record["scope"] != "ratio":  # areas, shares and rates lie between 0 and 1, and so do their intervals
                low, high = np.clip([low, high], 0, 1)
        first = rows.iloc[0]
        undefined = float((~np.isfinite(replicates)).mean())
        record |= {"mean": mean, "low": low, "high": high, "seeds": len(rows), "undefined_draws": undefined}
        records.append(record | {name: first[name] for name in ("people", "windows", "events", "note")})
    return pd.DataFrame(records)


def headline(models: pd.DataFrame, attributes: list[str], metric: str) -> pd.DataFrame:
    """AUC and mean parity deviation over protected attributes of each strategy, and each minus supervised, paired.

    The parity deviation is that of each trained model, then averaged over seeds. Columns: strategy, then mean, low and
    high of ``auc``, ``deviation``, ``auc_difference`` and ``deviation_difference``.
    """
    values = {}
    for strategy, rows in models.groupby("strategy", sort=False):
        overall = rows[(rows["scope"] == "overall") & (rows["metric"] == "auc")]
        chosen = rows[(rows["scope"] == "ratio") & (rows["metric"] == metric) & rows["attribute"].isin(attributes)]
        values[strategy] = {
            "auc": (overall["estimate"].to_numpy(dtype=float), np.stack(overall["replicates"])),
            "deviation": _mean_deviation(chosen, metric),
        }
    records = []
    for strategy, found in values.items():
        record = {"strategy": strategy, "seeds": len(found["auc"][0])}
        for name, (estimates, replicates) in found.items():
            _put(record, name, seed_interval(estimates, replicates))
            if strategy != "supervised" and "supervised" in values:
                against, against_replicates = values["supervised"][name]
                difference = (np.nan,) * 3
                if len(against) == len(estimates):
                    difference = seed_interval(estimates - against, replicates - against_replicates)
                _put(record, f"{name}_difference", difference)
        record["deviation_low"] = float(np.clip(record["deviation_low"], 0, None))  # keeps NaN
        record["auc_low"], record["auc_high"] = np.clip([record["auc_low"], record["auc_high"]], 0, 1)
        record["auc_people_low"] = interval(found["auc"][1].mean(axis=0))[0]  # participants only: the chance gate
        records.append(record)
    return pd.DataFrame(records)


def at_chance(headline_row: pd.Series) -> bool:
    """Whether a model may be at chance: the lower participant bound of its AUC is ≤ 0.5. Its ratios say nothing."""
    return not headline_row["auc_people_low"] > 0.5


def verdict(low: float, high: float, less: str = "lower", more: str = "higher") -> str:
    """A difference in words that hold whatever the numbers say."""
    if not (np.isfinite(low) and np.isfinite(high)):
        return "not known"
    return less if high < 0 else more if low > 0 else "not distinguishable"


def _mean_deviation(rows: pd.DataFrame, metric: str) -> tuple[np.ndarray, np.ndarray]:
    """Mean over attributes, for each seed and draw; attributes that are withheld or too small count for no strategy."""
    deviation = parity_deviation if metric in RATES else np.abs
    rows = rows[rows["note"].isin(["", ZERO_RATE])]
    if rows.empty:
        return np.array([np.nan]), np.full((1, 1), np.nan)
    by_seed = rows.groupby("seed", sort=False)
    estimates = by_seed["estimate"].apply(lambda values: np.mean(deviation(values.to_numpy(dtype=float))))
    replicates = [np.mean(deviation(np.stack(part["replicates"])), axis=0) for _, part in by_seed]
    return estimates.to_numpy(), np.stack(replicates)


def _put(record: dict, name: str, values: tuple[float, float, float]) -> None:
    record |= {name: values[0], f"{name}_low": values[1], f"{name}_high": values[2]}
