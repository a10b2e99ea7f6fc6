"""Two models on the same windows: what the tables on their representations share, computed once when asked for."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from ..cohort import Cohort
from ..similarity import cka_table, gram, one_window_each
from . import cka, describe

#: Rows of a cohort → outputs of the three convolutions of a model, each (n, timesteps', filters).
Activations = Callable[[np.ndarray], list[np.ndarray]]


@dataclass(frozen=True)
class Compared:
    """A supervised model and another, or two training runs of one model.

    permutations: of segment labels among participants, for differences in CKA.
    """

    cohort: Cohort
    one: Activations
    other: Activations
    permutations: int = 0

    @cached_property
    def table(self) -> pd.DataFrame:
        """CKA of each pair of layers on held-out windows, one a participant, averaged over draws of that window."""
        test = self.cohort.rows("test")
        people, tables = self.cohort.person[test], []
        if len(np.unique(people)) < cka.fewest(self.cohort):
            return cka.unknown(len(self.one(test[:1])))
        for draw in range(1 if len(np.unique(people)) == len(people) else 5):  # one: nothing to draw
            rows = test[one_window_each(people, seed=0, draw=draw)]
            outputs = [of(rows) for of in (self.one, self.other)]
            grams = [[gram(layer) for layer in layers] for layers in outputs]
            if cka.need_float64(self.cohort, [*grams[0], *grams[1]], rows):
                grams = [[gram(layer.astype(np.float64)) for layer in layers] for layers in outputs]
            tables.append(cka.similarity_table(self.cohort, *grams, rows, permutations=self.permutations))
        return cka.average_draws(tables)


def similarity(of: Compared) -> pd.DataFrame:
    """CKA of each layer of the one with each layer of the other, for everybody and per segment, with intervals."""
    return of.table.drop(columns=cka.DRAWS)


def draws(of: Compared) -> pd.DataFrame:
    """The same on half-samples and under permuted segment labels, as ``cka_gaps`` takes it."""
    return of.table[cka.DRAWN]


def as_released(of: Compared) -> pd.DataFrame:
    """CKA as the release took it, for comparison: the first training windows of each segment.

    Columns: attribute, segment, windows and people (of restricted data missing), layer_supervised, layer_other, cka.
    """
    chosen, records = cka.first_windows(of.cohort), []
    every = np.unique(np.concatenate([*chosen.values()]))  # segments overlap: each window goes through once
    outputs = [model(every) for model in (of.one, of.other)]
    for (attribute, segment), rows in chosen.items():
        row = {"attribute": attribute, "segment": segment, "windows": np.nan, "people": np.nan}
        if describe.access(of.cohort) != "restricted":
            row |= {"windows": len(rows), "people": len(np.unique(of.cohort.person[rows]))}
        place = np.searchsorted(every, rows)
        values = cka_table(*([gram(layer[place]) for layer in layers] for layers in outputs))
        for (i, j), value in np.ndenumerate(values):
            records.append(row | {"layer_supervised": i + 1, "layer_other": j + 1, "cka": value})
    return pd.DataFrame(records)
