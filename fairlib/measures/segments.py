"""Comparisons of segments and of paradigms, from the evidence of many models: one tidy table each.

Extremes are chosen on validation people and shown on test people; gaps stand beside the gaps that chance gives; spread
between segments is shown without its noise; and the disparity of SSL is compared with supervised's, pair by pair.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from ..fairness import RATES, SHORT, log_ratio
from ..inference import (
    holm,
    interval,
    max_t,
    paired,
    seed_interval,
    seed_test,
    skewed_seed_interval,
    undefined_share,
    upper,
)
from ..strategies import UNTESTED, self_supervised
from .performance import REPORTABLE
from .summary import mean_over_attributes

SIZES = ["people", "windows", "events"]
#: The mean over all self-supervised models that are not left out of conclusions.
ALL_SSL = "all"


def extremes(models: pd.DataFrame, validation: pd.DataFrame, names: tuple[str, ...]) -> pd.DataFrame:
    """T-conditioned: per strategy and attribute the segments served best and worst, and their AUC on test people.

    They are chosen by the mean AUC over seeds on ``validation``, never on the test people: without it there is no row.
    Columns for ``best``, ``worst`` and their paired ``gap``: mean, low and high; segments and sizes of both.
    """
    rows = models[(models["metric"] == "auc") & (models["scope"] == "segment") & (models["note"] == "")]
    records = []
    for strategy in names:
        for attribute, own in rows[rows["strategy"] == strategy].groupby("attribute", sort=False):
            choosing = validation[(validation["strategy"] == strategy) & (validation["attribute"] == attribute)]
            shown = choosing[choosing["segment"].isin(own["segment"])]
            mean = shown.groupby("segment", sort=False)["auc"].mean().dropna()
            if len(mean) < 2:
                continue
            record = {"strategy": strategy, "attribute": attribute, "seeds": own["seed"].nunique()}
            sides = {}
            for side, segment in (("best", mean.idxmax()), ("worst", mean.idxmin())):
                part = own[own["segment"] == segment]
                sides[side] = (part["estimate"].to_numpy(dtype=float), np.stack(part["replicates"]).astype(float))
                record |= {f"{side}_segment": segment} | {f"{side}_{size}": part[size].iloc[0] for size in SIZES}
            for name, values in (sides | {"gap": paired(sides["best"], sides["worst"])}).items():
                mean = seed_interval(*values)
                record |= (mean.within(0, 1) if name in sides else mean).columns(name)  # areas lie between 0 and 1
            record["undefined_draws"] = max(undefined_share(drawn) for _, drawn in sides.values())
            records.append(record)
    return pd.DataFrame(records)


def gaps(permuted: pd.DataFrame, names: tuple[str, ...], protected: list[str]) -> pd.DataFrame:
    """The largest gap in AUC on test people, and the gaps after permuting segment labels among participants.

    Per strategy and attribute: ``gap`` (mean over seeds), ``null_mean`` and ``null_bound`` (a share ``LEVEL`` of the
    permutations is below), ``p`` (this gap alone) and ``p_family`` (max-T over the models that are compared and the
    ``protected`` attributes; controls and care segments are shown and not tested: NaN), ``permutations`` and those
    ``undefined``.
    """
    if permuted.empty:
        return permuted
    keys, records, draws = ["strategy", "attribute"], [], []
    for (strategy, attribute), rows in permuted[permuted["strategy"].isin(names)].groupby(keys, sort=False):
        null = np.stack(rows["permuted"]).astype(float).mean(axis=0)  # the same permutations for every seed
        gap, known = float(rows["gap"].mean()), null[np.isfinite(null)]
        record = {"strategy": strategy, "attribute": attribute, "gap": gap}
        record["null_mean"] = known.mean() if len(known) else np.nan
        record |= {"null_bound": upper(known), "p": (1 + (known >= gap - 1e-12).sum()) / (1 + len(known))}
        record |= {"permutations": len(null), "undefined": len(null) - len(known), "seeds": len(rows)}
        records.append(record)
        draws.append(null)
    out = pd.DataFrame(records)
    if not records:
        return out
    family = (~out["strategy"].isin(UNTESTED) & out["attribute"].isin(protected)).to_numpy()
    p = np.full(len(out), np.nan)
    p[family] = max_t(out["gap"][family], np.stack(draws, axis=1)[:, family])
    return out.assign(p_family=p)


def between(models: pd.DataFrame, names: tuple[str, ...]) -> pd.DataFrame:
    """Standard deviation of AUC and error rate between the segments of an attribute, noise taken out.

    Per strategy, attribute and metric: ``naive`` (as measured) and ``sd`` with low and high (double-corrected, 0 where
    noise explains all), number of segments, sizes, seeds and the share of undefined draws. Variances are averaged over
    seeds before the root is taken; over participants the ends are percentiles of the double-corrected draws, as in the
    paper: normal ones would miss above, since the draws are skewed.
    """
    wanted = models["metric"].isin(["auc", "error_rate"]) & models["strategy"].isin(names)
    rows, records = models[(models["scope"] == "segment") & (models["note"] == "") & wanted], []
    for (strategy, attribute, metric), own in rows.groupby(["strategy", "attribute", "metric"], sort=False):
        seeds = [part for _, part in own.groupby("seed", sort=False)]
        if len(seeds[0]) < 2:
            continue
        found = [between_groups(part["estimate"].to_numpy(), np.stack(part["replicates"]).T) for part in seeds]
        replicates = np.stack([one.replicates for one in found])
        mean = skewed_seed_interval(np.array([one.variance for one in found]), replicates)
        record = {"strategy": strategy, "attribute": attribute, "metric": metric, "segments": len(seeds[0])}
        record |= {"naive": float(np.sqrt(np.mean([one.naive for one in found]))), "seeds": len(seeds)}
        record |= dict(zip(("sd", "low", "high"), np.sqrt(np.clip(mean, 0, None)), strict=True))
        record |= {size: int(seeds[0][size].sum()) for size in SIZES}
        records.append(record | {"undefined_draws": undefined_share(replicates)})
    return pd.DataFrame(records)


def log_disparities(models: pd.DataFrame, attributes: list[str], metric: str, included: list[str]) -> pd.DataFrame:
    """Mean |log r| over attributes, SSL minus supervised, paired over participants and seeds.

    |log r| is the same whichever group is the reference, |1 − r| is not. For a metric that is a difference of rates, r
    is the error rate ratio. ``included``: strategies that are not left out; the row ``ALL_SSL`` is the mean over the
    self-supervised ones among them, formed inside each draw; controls follow it. Columns: supervised, ssl, difference
    with low and high (participants and training runs), people_low and people_high (participants alone), p (Holm over
    the self-supervised strategies; their mean is a comparison of its own, controls are not tested), metric, attributes,
    seeds, undefined_draws. Empty without a supervised model to judge by.
    """
    metric = metric if metric in RATES else "error_rate_ratio"
    rows = models[(models["scope"] == "ratio") & (models["metric"] == metric) & models["attribute"].isin(attributes)]
    shown = rows.loc[rows["note"].isin(REPORTABLE), "attribute"].nunique()
    found = {
        name: mean_over_attributes(own, lambda value: np.abs(log_ratio(value)))
        for name, own in rows.groupby("strategy", sort=False)
        if name in included
    }
    names = [name for name in found if self_supervised(name)]
    if "supervised" not in found or not names:
        return pd.DataFrame()
    if len(names) > 1 and len({len(found[name][0]) for name in names}) == 1:
        found[ALL_SSL] = tuple(np.mean([found[name][i] for name in names], axis=0) for i in (0, 1))
        names.append(ALL_SSL)
    names += [name for name in found if name in UNTESTED]
    records = []
    for name in names:
        change = paired(found[name], found["supervised"])
        record = {"strategy": name, "supervised": found["supervised"][0].mean(), "ssl": found[name][0].mean()}
        mean, ends = seed_interval(*change), interval(change[1].mean(axis=0))
        record |= {"difference": mean.mean, "low": mean.low, "high": mean.high}
        record |= {"people_low": ends[0], "people_high": ends[1]}
        p = np.nan if name in UNTESTED else seed_test(*change)
        record |= {"p": p, "metric": SHORT[metric], "attributes": shown}
        records.append(record | {"seeds": len(change[0]), "undefined_draws": undefined_share(change[1])})
    out = pd.DataFrame(records)
    single = (out["strategy"] != ALL_SSL).to_numpy()
    return out.assign(p=np.where(single, holm(np.where(single, out["p"], np.nan)), out["p"]))


class Between(NamedTuple):
    """Variance of a measure between groups.

    ``naive``: of the measured values; ``noise``: what sampling adds to it on average; ``variance``: naive − noise, may
    be below 0; ``replicates``: (draws,) bootstrap draws of ``variance``, NaN where a group was undefined.
    """

    naive: float
    noise: float
    variance: float
    replicates: np.ndarray


def between_groups(estimates: np.ndarray, replicates: np.ndarray) -> Between:
    """Double-corrected variance between the groups of one attribute.

    Parameters
    ----------
    estimates: (groups,) a measure of each group, such as its AUC or error rate.
    replicates: (draws, groups) the same under bootstrap draws of participants, all groups in one draw.

    The paper takes the mean of the groups' binomial variances as noise. Here it is the mean variance between groups of
    the draws' deviations from their mean: the same for independent groups, and right too where people have several
    windows, where one person's windows lie in two groups, and for measures that are no shares. NaN for fewer than two
    groups, an undefined group, or fewer than 20 defined draws.
    """
    estimates, replicates = np.asarray(estimates, dtype=np.float64), np.asarray(replicates, dtype=np.float64)
    defined = np.isfinite(replicates).all(axis=1)
    if len(estimates) < 2 or not np.isfinite(estimates).all() or defined.sum() < 20:
        return Between(np.nan, np.nan, np.nan, np.full(len(replicates), np.nan))
    drawn, out = replicates[defined], np.full(len(replicates), np.nan)
    noise = (drawn - drawn.mean(axis=0)).var(axis=1, ddof=1).mean() * len(drawn) / (len(drawn) - 1)
    naive = estimates.var(ddof=1)
    out[defined] = drawn.var(axis=1, ddof=1) - 2 * noise
    return Between(float(naive), float(noise), float(naive - noise), out)
