"""Are values in the unit that the format gives? A number does not say, so values are compared with usual ranges.

A value outside is kept, as in the official pipelines, and counted. If most values of a variable are outside, and would
be usual in another unit that people write, the reader stops: nobody guesses. The ranges (``usual_ranges.json``) are
wide and ours. Weights in pounds, for one, are seen only where most of them are beyond the kilograms of anybody.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..cohort import CohortError
from .counts import Step
from .files import facts

_FACTS = facts("usual_ranges.json")
#: Variable → unit, lowest and highest usual value.
USUAL = _FACTS["ranges"]
#: Variable → other units, each with the factor and the offset that turn its values into the usual unit.
OTHER = _FACTS["other units"]
#: Of fewer values, nothing can be said about most of them.
ENOUGH = 20


class Outside:
    """Counts, block by block, the measured values outside the usual range; ``variables`` name the last axis."""

    def __init__(self, variables: Sequence[str]):
        self.variables = variables
        nothing = ("", -np.inf, np.inf)  # categories, and variables that may be anything
        self.units, low, high = zip(*(USUAL.get(name, nothing) for name in variables), strict=True)
        self.low, self.high = np.array(low, dtype=np.float64), np.array(high, dtype=np.float64)
        self.measured, self.outside = np.zeros((2, len(variables)), dtype=np.int64)
        self.converted = {(j, unit): 0 for j, name in enumerate(variables) for unit, *_ in OTHER.get(name, [])}
        self.example: dict[int, float] = {}
        self.windows: list[np.ndarray] = []

    def look(self, grid: np.ndarray) -> None:
        """Count the next windows (n, steps, variables); NaN is not measured."""
        odd = (grid < self.low) | (grid > self.high)
        self.measured += (~np.isnan(grid)).sum(axis=(0, 1))
        self.outside += odd.sum(axis=(0, 1))
        self.windows.append(odd.any(axis=(1, 2)))
        for j in np.flatnonzero(odd.any(axis=(0, 1))):
            values = grid[:, :, j][odd[:, :, j]]
            self.example.setdefault(int(j), float(values[0]))
            for unit, factor, offset in OTHER.get(self.variables[j], []):
                right = values * factor + offset
                self.converted[j, unit] += int(((right >= self.low[j]) & (right <= self.high[j])).sum())

    def step(self, person: np.ndarray, place: Path, kept: str = "kept") -> Step:
        """The attrition row, once all windows were seen; ``person`` in their order, ``place`` for the error.

        Raises ``CohortError`` where more than half of a variable's values are outside, but usual in another unit.
        """
        for (j, unit), usual in self.converted.items():
            if 2 * usual > self.measured[j] >= ENOUGH:
                raise CohortError(
                    f"{place}: {self.outside[j]:,} of {self.measured[j]:,} values of {self.variables[j]} lie outside"
                    f" {self._range(j)}, such as {self.example[j]:g}. They look like {unit}; convert them first"
                )
        rows = np.concatenate(self.windows)
        found = [j for j in np.argsort(-self.outside, kind="stable") if self.outside[j]]
        named = [f"{self.outside[j]:,} values of {self.variables[j]} ({self._range(j)})" for j in found[:6]]
        named += [f"and {len(found) - 6} more variables"] * (len(found) > 6)
        note = f"{kept}: {', '.join(named)}" if found else "none"
        return "values outside the usual range", int(rows.sum()), len(np.unique(person[rows])), note

    def _range(self, j: int) -> str:
        return f"{self.low[j]:,g} to {self.high[j]:,g} {self.units[j]}".strip()
