"""Every table of results, one row each: of what it is made, by which function, and which models have it.

``Study.table`` finds or makes a table, ``Frozen.table`` reads it, ``freeze`` walks the rows. What a result depends on
is the import closure of the function that makes it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from ..measures import calibration, compared, describe, features, performance, pretrained, probes, scored, thresholds
from ..measures.evaluated import Evaluated
from ..strategies import ALL, MITIGATIONS, NETWORKS, PRIMARY, SUPERVISED

COHORT, PRETRAINING, MODEL, PAIR, RUNS = "cohort", "pretraining", "model", "pair", "runs"
FOLD, FEATURES, FITTED = "fold", "features", "fitted"


@dataclass(frozen=True)
class Table:
    """One table of results.

    Attributes
    ----------
    of: what ``make`` is handed. "cohort": the cohort. "pretraining": cohort, recipe, loss of each step. "model": a
        model and the people it is judged by (``Evaluated``). "fold": the same of one trained model, also where a model
        is judged by several (cross-fitting). "features": cohort, test rows, features of one network;
        "fitted": cohort, and such rows and features of validation and of test people. "pair": the supervised model and
        another of the same run; "runs": a model and the same of the run before (``Compared``).
    make: that → a tidy frame, aggregated, without anybody's row.
    models: the models of which the book keeps it.
    """

    name: str
    of: Literal["cohort", "pretraining", "model", "fold", "features", "fitted", "pair", "runs"]
    make: Callable[..., pd.DataFrame]
    models: tuple[str, ...] = ()


#: Pre-training is kept like a model of this name.
PRETRAINED = "pretraining"
TABLES = {
    table.name: table
    for table in (
        Table("sizes", COHORT, describe.sizes),
        Table("segments", COHORT, describe.segments),
        Table("attrition", COHORT, describe.attrition),
        Table("typical_window", COHORT, describe.typical_window),
        Table("shape", COHORT, describe.shape),
        Table("tested", COHORT, scored.tested),
        Table("losses", PRETRAINING, pretrained.losses, (PRETRAINED,)),
        Table("views", PRETRAINING, pretrained.views, (PRETRAINED,)),
        Table("scores", FOLD, scored.scores, (*ALL, *MITIGATIONS)),
        Table("cuts", FOLD, scored.cuts, ALL),
        Table("validation", FOLD, scored.validation, ALL),
        Table("metrics", MODEL, performance.metrics, (*ALL, *MITIGATIONS)),
        Table("roc", MODEL, performance.roc, ALL),
        Table("permutation_null", MODEL, performance.permutation_null, ALL),
        Table("calibration", MODEL, calibration.curve, ALL),
        Table("calibration_in_the_large", MODEL, calibration.in_the_large, ALL),
        Table("intersections", MODEL, performance.intersections, ALL),
        Table("thresholds", MODEL, thresholds.at_thresholds, ALL),
        Table("probes", FITTED, probes.probes, NETWORKS),
        Table("tests", FEATURES, features.tests, NETWORKS),
        Table("distances", FEATURES, features.distances, NETWORKS),
        Table("embedding", FEATURES, features.embedding, (SUPERVISED, PRIMARY)),
        Table("cka", PAIR, compared.similarity, NETWORKS[1:]),
        Table("cka_draws", PAIR, compared.draws, (PRIMARY,)),
        Table("cka_released", PAIR, compared.as_released, (PRIMARY,)),
        Table("cka_between", RUNS, compared.similarity, NETWORKS),
    )
}


def of(*kinds: str) -> tuple[str, ...]:
    """Names of the tables of these kinds."""
    return tuple(name for name, table in TABLES.items() if table.of in kinds)


def evaluation(of_model: Evaluated) -> dict[str, pd.DataFrame]:
    """Every table about one trained model and the people it is judged by: name → frame."""
    return {name: TABLES[name].make(of_model) for name in of(MODEL, FOLD)}
