"""Linear probes: whether the outcome and protected attributes can be read off the features of a network."""

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ..cohort import Cohort
from ..inference import (
    false_discovery,
    paired,
    participant_draws,
    seed_interval,
    seed_test,
    undefined_share,
    weighted_auc,
)
from ..seeds import generator
from .features import FIT, OUTCOME, groups


def probes(
    cohort: Cohort,
    fitted: tuple[np.ndarray, np.ndarray],
    tested: tuple[np.ndarray, np.ndarray],
    draws: int = 200,
    shuffles: int = 20,
) -> pd.DataFrame:
    """How well a linear probe reads the outcome and each segment, against all other known segments, from the features.

    Parameters
    ----------
    fitted, tested: (rows, features (n, 96)) of validation and of test participants, one window each.
    shuffles: probes fitted on permuted labels; the largest of their AUCs is what chance reaches once in about as many.

    Returns one row a target: AUC on test people, its participant ``replicates``, ``chance`` (largest of the shuffled
    ones), the people of the segment in the test split. Of two segments only the first: the other is its mirror image.
    """
    (fit_rows, fit_x), (rows, x) = fitted, tested
    weights = participant_draws(cohort.person[rows], draws)
    found, draw, records = groups(cohort, rows), generator(0, "probes"), []
    for (attribute, segment), chosen in found.items():
        names = [name for other, name in found if other == attribute]
        if len(names) < 2 or (len(names) == 2 and segment == names[1]):
            continue
        label, fit_label = (_labels(cohort, part, attribute, segment) for part in (rows, fit_rows))
        known, fit_known = np.isfinite(label), np.isfinite(fit_label)
        target = fit_label[fit_known]
        if min(target.sum(), (1 - target).sum()) < FIT or (label == 0).sum() < FIT:
            continue

        def read(wanted: np.ndarray, known=known, fit_known=fit_known) -> np.ndarray:
            probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000))
            return probe.fit(fit_x[fit_known], wanted).decision_function(x[known])

        y, score = label[known], read(target)
        one = np.ones((1, len(y)), dtype=np.float32)
        chance = [weighted_auc(y, read(draw.permutation(target)), one)[0] for _ in range(shuffles)]
        estimate, replicates = float(weighted_auc(y, score, one)[0]), weighted_auc(y, score, weights[:, known])
        records.append((attribute, segment, len(chosen), estimate, float(max(chance)), np.float32(replicates)))
    return pd.DataFrame(records, columns=["attribute", "segment", "people", "estimate", "chance", "replicates"])


def summarise_probes(tables: dict[str, list[pd.DataFrame]]) -> pd.DataFrame:
    """AUC of each probe over participants and training runs, and its paired difference from the supervised model's.

    tables: strategy → one table a seed, the same seeds for each. Columns: strategy, attribute, segment, people, mean,
    low, high, chance (the largest over seeds), q (of an AUC of 0.5, with the false discovery rate controlled over the
    table), difference, difference_low, difference_high (NaN for supervised) and their difference_q.
    """
    values, records, nothing = {}, [], (np.empty(0), np.empty(0))
    for strategy, runs in tables.items():
        for (attribute, segment), rows in pd.concat(runs).groupby(["attribute", "segment"], sort=False):
            found = (rows["estimate"].to_numpy(dtype=float), np.stack(rows["replicates"]).astype(float))
            values[strategy, attribute, segment] = found
            record = {"strategy": strategy, "attribute": attribute, "segment": segment, "people": rows["people"].max()}
            record |= seed_interval(*found)._asdict() | {"undefined_draws": undefined_share(found[1])}
            record |= {"chance": rows["chance"].max(), "q": seed_test(found[0] - 0.5, found[1] - 0.5)}
            reference = values.get(("supervised", attribute, segment), nothing)
            change = paired(found, nothing if strategy == "supervised" else reference)
            record |= seed_interval(*change).columns("difference")
            records.append(record | {"difference_q": seed_test(*change), "seeds": len(found[0])})
    out = pd.DataFrame(records)
    return out.assign(**{name: false_discovery(out[name]) for name in ("q", "difference_q")}) if records else out


def _labels(cohort: Cohort, rows: np.ndarray, attribute: str, segment: str) -> np.ndarray:
    """(n,) 1 in the segment, 0 in another, NaN where the attribute is unknown."""
    if attribute == "outcome":
        return (cohort.y[rows] == OUTCOME[segment]).astype(float)
    values = cohort.attributes[attribute].iloc[rows]
    return np.where(values.isna(), np.nan, (values == segment).to_numpy().astype(float))
