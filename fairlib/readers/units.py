"""Are values in the unit that the format gives? A number does not say, so values are compared with usual ranges.

A value outside is kept, as in the official pipelines, and counted. If most values of a variable are outside, they are
in another unit (or another variable), and the reader stops: nobody guesses. The ranges (``usual_ranges.json``) are wide
and ours. Weights in pounds, for one, are seen only where most of them are.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..cohort import CohortError
from .counts import Step

#: Variable → unit, lowest and highest usual value.
USUAL = json.loads(Path(__file__).with_name("usual_ranges.json").read_text(encoding="utf-8"))["ranges"]
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
        self.example: dict[int, float] = {}
        self.windows: list[np.ndarray] = []

    def look(self, grid: np.ndarray) -> None:
        """Count the next windows (n, steps, variables); NaN is not measured."""
        odd = (grid < self.low) | (grid > self.high)
        self.measured += (~np.isnan(grid)).sum(axis=(0, 1))
        self.outside += odd.sum(axis=(0, 1))
        self.windows.append(odd.any(axis=(1, 2)))
        for j in np.flatnonzero(odd.any(axis=(0, 1))):
            self.example.setdefault(int(j), float(grid[:, :, j][odd[:, :, j]][0]))

    def step(self, person: np.ndarray, place: Path, kept: str = "kept") -> Step:
        """The attrition row, once all windows were seen; ``person`` in their order, ``place`` for the error.

        Raises ``CohortError`` where more than half of a variable's values are outside.
        """
        for j in np.flatnonzero((2 * self.outside > self.measured) & (self.measured >= ENOUGH)):
            raise CohortError(
                f"{place}: {self.outside[j]:,} of {self.measured[j]:,} values of {self.variables[j]} lie outside"
                f" {self._range(j)}, such as {self.example[j]:g}; are they in another unit? Convert them to"
                f" {self.units[j]}"
            )
        rows = np.concatenate(self.windows)
        found = [j for j in np.argsort(-self.outside, kind="stable") if self.outside[j]]
        named = [f"{self.outside[j]:,} values of {self.variables[j]} ({self._range(j)})" for j in found[:6]]
        named += [f"and {len(found) - 6} more variables"] * (len(found) > 6)
        note = f"{kept}: {', '.join(named)}" if found else "none"
        return "values outside the usual range", int(rows.sum()), len(np.unique(person[rows])), note

    def _range(self, j: int) -> str:
        return f"{self.low[j]:g} to {self.high[j]:g} {self.units[j]}".strip()
