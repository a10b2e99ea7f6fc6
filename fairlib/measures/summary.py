"""Evidence of many models → one estimate each with its interval, over participants and training runs."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from ..fairness import METRICS, RATES, disparity, log_ratio
from ..inference import (
    Estimate,
    absolute_interval,
    deviation_interval,
    false_discovery,
    holm,
    interval,
    paired,
    seed_interval,
    seed_test,
    undefined_share,
)
from ..strategies import UNTESTED
from .performance import REPORTABLE

KEYS = ["strategy", "scope", "attribute", "segment", "metric"]


def summarise(models: pd.DataFrame) -> pd.DataFrame:
    """One row a strategy, group and metric: mean over seeds with its interval, and sizes.

    Ratios are averaged as logs; ``deviation`` and its interval follow from the averaged ratio, so they agree. Of the
    average odds difference it is the absolute value. ``p`` of a ratio or difference: of parity; ``q``: the same after
    controlling the false discovery rate over all rows that are ratios or differences, one screen.
    """
    records = []
    for key, rows in models.groupby(KEYS, sort=False):
        record = dict(zip(KEYS, key, strict=True))
        estimates, replicates = rows["estimate"].to_numpy(dtype=float), np.stack(rows["replicates"])
        if record["metric"] in RATES and record["scope"] == "ratio":
            estimates, replicates = log_ratio(estimates), log_ratio(replicates)  # undefined where a rate is 0, too
            found = seed_interval(estimates, replicates)
            record["p"] = seed_test(estimates, replicates)
            ends = deviation_interval(found.low, found.high)
            found = Estimate(*np.exp(found))
        else:
            found = seed_interval(estimates, replicates)
            ends = absolute_interval(found.low, found.high)
            # An absolute value is above 0 by noise alone: the signed difference is what can be tested.
            tested = record["scope"] == "ratio" and METRICS[record["metric"]].signed
            record["p"] = seed_test(estimates, replicates) if tested else np.nan
            if record["scope"] not in ("ratio", "calibration"):  # areas, shares and rates lie between 0 and 1
                found = found.within(0, 1)
        if record["scope"] == "ratio":
            record |= Estimate(disparity(record["metric"], found.mean), *ends).columns("deviation")
        first = rows.iloc[0]
        undefined = undefined_share(replicates)
        record |= found._asdict() | {"seeds": len(rows), "undefined_draws": undefined}
        records.append(record | {name: first[name] for name in ("people", "windows", "events", "note")})
    out = pd.DataFrame(records)
    return out.assign(q=false_discovery(out["p"]))


def headline(
    models: pd.DataFrame, attributes: list[str], metric: str, accuracy: str = "auc", corrected: bool = True
) -> pd.DataFrame:
    """AUC and mean parity deviation over protected attributes of each strategy, and each minus supervised, paired.

    The parity deviation (of AOD its absolute value) is that of each trained model, then averaged over seeds. Columns:
    strategy, then mean, low and high of ``auc``, ``deviation``, ``auc_difference`` and ``deviation_difference``; ``_p``
    of the differences of all models but controls is corrected for all of them together (Holm). ``undefined_draws`` is
    the share of draws in which a ratio has a zero denominator, ``constant_decisions`` the number of trained models that
    decide the same for everybody. Another ``accuracy`` than "auc", such as "balanced_accuracy" where decisions have no
    score behind them, takes its place and its name. ``corrected=False`` leaves ``_p`` as they are, for a caller with a
    larger family.
    """
    values = {}
    for strategy, rows in models.groupby("strategy", sort=False):
        overall = rows[(rows["scope"] == "overall") & (rows["metric"] == accuracy)]
        chosen = rows[(rows["scope"] == "ratio") & (rows["metric"] == metric) & rows["attribute"].isin(attributes)]
        values[strategy] = {
            accuracy: (overall["estimate"].to_numpy(dtype=float), np.stack(overall["replicates"])),
            "deviation": mean_over_attributes(chosen, lambda value: disparity(metric, value)),
        }
    records, selected = [], models[(models["scope"] == "overall") & (models["metric"] == "selection_rate")]
    for strategy, found in values.items():
        record = {"strategy": strategy, "seeds": len(found[accuracy][0])}
        for name, (estimates, replicates) in found.items():
            most = None if name == "deviation" else 1
            record |= seed_interval(estimates, replicates).within(0, most).columns(name)
            if strategy != "supervised" and "supervised" in values:
                change = paired(found[name], values["supervised"][name])
                record |= seed_interval(*change).columns(f"{name}_difference")
                record[f"{name}_difference_p"] = np.nan if strategy in UNTESTED else seed_test(*change)
        record["people_low"] = interval(found[accuracy][1].mean(axis=0))[0]  # participants only: the chance gate
        record["undefined_draws"] = undefined_share(found["deviation"][1])
        shares = selected.loc[selected["strategy"] == strategy, "estimate"]
        records.append(record | {"constant_decisions": int(shares.isin([0, 1]).sum())})
    return holm_adjusted(pd.DataFrame(records)) if corrected else pd.DataFrame(records)


def holm_adjusted(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of ``headline`` with their p-values corrected as one family (Holm)."""
    tests = [name for name in rows if name.endswith("_difference_p")]
    corrected = holm(rows[tests].to_numpy().ravel()).reshape(len(rows), len(tests))
    return rows.assign(**dict(zip(tests, corrected.T, strict=True)))


def at_chance(headline_row: pd.Series) -> bool:
    """Whether the lower participant bound of a model's accuracy, such as its AUC, is ≤ 0.5 or unknown."""
    return not headline_row.people_low > 0.5


def one_decision(headline_row: pd.Series) -> bool:
    """Whether one of the trained models decides the same for everybody: its errors are then the outcomes themselves.

    Its AUC may be high all the same.
    """
    return bool(getattr(headline_row, "constant_decisions", 0) > 0)


def left_out(headline_row: pd.Series) -> bool:
    """Whether nothing is concluded from a model's ratios: for one reason or the other, or both."""
    return at_chance(headline_row) or one_decision(headline_row)


def verdict(low: float, high: float) -> str:
    """A difference in words that hold whatever the numbers say."""
    if not (np.isfinite(low) and np.isfinite(high)):
        return "not known"
    return "lower" if high < 0 else "higher" if low > 0 else "not distinguishable"


def mean_over_attributes(rows: pd.DataFrame, of: Callable) -> tuple[np.ndarray, np.ndarray]:
    """Mean of a disparity over attributes: (seeds,) and (seeds, draws); attributes that are suppressed or too small
    count for no strategy.

    rows: of one strategy and metric; of: disparity of an array of its values.
    """
    rows = rows[rows["note"].isin(REPORTABLE)]
    if rows.empty:
        return np.array([np.nan]), np.full((1, 1), np.nan)
    by_seed = rows.groupby("seed", sort=False)
    estimates = by_seed["estimate"].apply(lambda values: np.mean(of(values.to_numpy(dtype=float))))
    replicates = [np.mean(of(np.stack(part["replicates"])), axis=0) for _, part in by_seed]
    return estimates.to_numpy(), np.stack(replicates)
