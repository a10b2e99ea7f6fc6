"""Episodes of the mimic3-benchmarks: text of irregular rows → hourly grid → the 76 channels of the benchmark.

Two steps, so that another source (the raw MIMIC-III tables) can fill the same grid: ``parse`` and ``read_grid`` fill a
grid of the last value an hour, ``to_channels`` imputes, encodes and normalises it. What the benchmark does is described
in Harutyunyan et al., Sci Data 2019;6:96 and its repository (YerevaNN/mimic3-benchmarks, MIT); the facts needed here
(categories, normal values, stored means and standard deviations) are in ``mimic_channels.json``.
"""

from collections.abc import Callable
from functools import lru_cache
from itertools import accumulate
from pathlib import Path

import numpy as np

from ..cohort import CohortError
from . import files as files_of
from .files import shown

VARIABLES = files_of.facts("mimic_channels.json")["variables"]
HEADER = ("Hours", *(variable["name"] for variable in VARIABLES))
HOURS = 48
#: Tolerance of the benchmark: rows have -1e-6 < Hours < 48 + 1e-6, and a value at hour t falls in bin floor(t - 1e-6).
EPS = 1e-6
#: Column numbers (in the 17 variables) of the continuous and of the categorical variables.
CONTINUOUS = [j for j, variable in enumerate(VARIABLES) if "categories" not in variable]
CATEGORICAL = [j for j, variable in enumerate(VARIABLES) if "categories" in variable]
WIDTHS = [len(variable.get("categories", "1")) for variable in VARIABLES]
#: First channel of each variable, then the first mask channel.
STARTS = list(accumulate(WIDTHS, initial=0))
AGAIN = "copy the episode or extract it again"
#: The 76 channels: 17 variables in alphabetical order, categorical ones as one-hot blocks, then 17 masks.
CHANNELS = (
    *(f"{v['name']}->{c}" if c else v["name"] for v in VARIABLES for c in v.get("categories", [""])),
    *(f"mask->{variable['name']}" for variable in VARIABLES),
)


@lru_cache(maxsize=200_000)  # measured values repeat; a remembered text costs a fifth of a parsed one
def number(cell: str) -> float:
    """Text → finite number; raises ``ValueError``."""
    value = float(cell)
    if not abs(value) <= files_of.LARGEST_FLOAT or "_" in cell or not cell.isascii():
        raise ValueError(cell)
    return value


def _codes(categories: list[str]) -> dict[str, float]:
    """Category text → its position. Scores may be written as '15' or, by pandas, as '15.0': both are accepted."""
    codes = {category: float(code) for code, category in enumerate(categories)}
    for category in categories:
        if category.replace(".0", "").isdigit():
            codes |= dict.fromkeys((str(int(float(category))), str(float(category))), codes[category])
    return codes


#: For each of the 17 variables: text of a cell → value or category code; ValueError or KeyError if it is neither.
CONVERT: list[Callable[[str], float]] = [
    _codes(variable["categories"]).__getitem__ if "categories" in variable else number for variable in VARIABLES
]
NORMAL = np.array([convert(str(variable["normal"])) for convert, variable in zip(CONVERT, VARIABLES, strict=True)])
MEAN, SD = (np.array([VARIABLES[j][name] for j in CONTINUOUS]) for name in ("mean", "sd"))


def parse(text: str, file: str) -> tuple[list[int], list[float]]:
    """One episode → positions in its flattened (48, 17) grid and the last value of each; codes for categories.

    Raises ``CohortError`` naming file, line, column and value for anything the format does not allow.
    """
    lines = text.splitlines()
    try:
        columns = list(zip(*(line.split(",") for line in lines), strict=True))
        hours = [number(cell) for cell in columns[0][1:]]
        if tuple(column[0] for column in columns) != HEADER or hours != sorted(hours):
            raise ValueError
        if not -EPS < hours[0] <= hours[-1] < HOURS + EPS:
            raise ValueError
        # int() rounds towards zero, so that t = 0 falls in bin 0; min() guards t = 48 + 1e-6 against rounding
        bins = [len(VARIABLES) * min(int(hour - EPS), HOURS - 1) for hour in hours]
        positions, values = [], []
        for j, (convert, (_, *cells)) in enumerate(zip(CONVERT, columns[1:], strict=True)):
            last = {start: convert(cell) for start, cell in zip(bins, cells, strict=True) if cell}
            positions += [start + j for start in last]
            values += last.values()
    except (ValueError, KeyError, IndexError):
        raise CohortError(f"{file}{_fault(lines)}") from None
    return positions, values


def _fault(lines: list[str]) -> str:
    """Where and why an episode cannot be parsed; slow and careful, runs only after ``parse`` gave up."""
    if (found := tuple(lines[0].split(","))) != HEADER:
        wrong = next((i for i, name in enumerate(found) if i >= len(HEADER) or name != HEADER[i]), len(found))
        have, want = (shown(names[wrong]) if wrong < len(names) else "nothing" for names in (found, HEADER))
        return f", line 1: column {wrong + 1} of the header must be {want}, found {have}; is this an episode file?"
    if len(lines) == 1:
        return " holds a header and no rows; the benchmark keeps only stays with a measurement, so extract it again"
    latest = -EPS
    for n, line in enumerate(lines[1:], start=2):
        cells = line.split(",")
        if len(cells) != len(HEADER):
            return f", line {n}: expected {len(HEADER)} cells, found {len(cells)}; the file is cut off or damaged"
        at = f", line {n}, column Hours"
        try:
            hour = number(cells[0])
        except ValueError:
            return f"{at}: {shown(cells[0])} is not a finite number; correct it or extract the stay again"
        if not -EPS < hour < HOURS + EPS:
            return f"{at}: {cells[0]} lies outside the first 48 hours; cut the episode at 48 hours"
        if hour < latest:
            return f"{at}: {cells[0]} is earlier than the line before; sort the rows by Hours"
        latest = hour
        for variable, convert, cell in zip(VARIABLES, CONVERT, cells[1:], strict=True):
            at = f", line {n}, column {variable['name']}"
            try:
                convert(cell or str(variable["normal"]))
            except ValueError:
                return f"{at}: {shown(cell)} is not a finite number; correct or empty the cell"
            except KeyError:
                known = ", ".join(variable["categories"])
                return f"{at}: unknown category {shown(cell)}; the benchmark knows {known}"
    raise AssertionError("parse refused an episode in which no fault can be found")


def read_grid(files: list[Path]) -> np.ndarray:
    """Episode files → grid (n, 48, 17) float64 of the last value in each hour, NaN where nothing was measured."""
    grid = np.full((len(files), HOURS * len(VARIABLES)), np.nan)
    for row, file in zip(grid, files, strict=True):
        name = f"{file.parent.name}/{file.name}"
        positions, values = parse(files_of.text(file, AGAIN, name, ended=True), name)
        row[positions] = values
    return grid.reshape(len(files), HOURS, len(VARIABLES))


def to_channels(grid: np.ndarray) -> np.ndarray:
    """Grid (n, 48, 17), NaN where nothing was measured → (n, 48, 76) float32 in the order of ``CHANNELS``.

    The benchmark's discretiser with 1-hour steps, 'previous', start 'zero': the last value of an earlier hour is
    carried forward, before the first one the normal value stands; one-hot for categories, imputed ones included; masks
    are 1 where a value was measured. Then z-scores with the benchmark's stored statistics, for the 12 continuous
    channels only.
    """
    n, steps, _ = grid.shape
    measured = ~np.isnan(grid)
    latest = np.maximum.accumulate(np.where(measured, np.arange(steps)[None, :, None], -1), axis=1)
    filled = np.take_along_axis(grid, np.maximum(latest, 0), axis=1)
    filled = np.where(latest >= 0, filled, NORMAL)
    x = np.empty((n, steps, len(CHANNELS)), dtype=np.float32)
    x[:, :, [STARTS[j] for j in CONTINUOUS]] = (filled[:, :, CONTINUOUS] - MEAN) / SD
    for j in CATEGORICAL:
        x[:, :, STARTS[j] : STARTS[j + 1]] = filled[:, :, j, None] == np.arange(WIDTHS[j])
    x[:, :, STARTS[-1] :] = measured
    return x
