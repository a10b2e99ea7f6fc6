"""What a page with controls may hold behind its chart: names and aggregated numbers, as JSON (``show.chart``)."""

from collections.abc import Iterable
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

#: Class of the script element with these numbers.
MARKER = "fairlib-chart-data"
SCALE = 1000
#: Numbers are cut off here: a ratio of 10 is read as "10 or more", and no number looks like an identifier.
CAP = 9999

Number = Annotated[int, Field(ge=-CAP, le=CAP)] | None
Name = Annotated[str, Field(max_length=60, pattern=r"\D|^.{1,4}$")]
Curve = Annotated[list[Number], Field(max_length=101)]


class Part(BaseModel):
    """A part of the numbers; what is not named here has no place on a page."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Row(Part):
    """Curves with their names, such as attribute, group and measure, in the order that the chart expects.

    curves: in thousandths, None where undefined or withheld; one, or three: estimate, low and high.
    """

    of: Annotated[list[Name], Field(max_length=3)]
    curves: Annotated[list[Curve], Field(min_length=1, max_length=3)]


class Block(Part):
    """All rows of one pick, such as a recipe, a model and a run."""

    of: Annotated[list[Name], Field(max_length=3)]
    rows: list[Row]


class Numbers(Part):
    """All numbers behind a chart.

    Attributes
    ----------
    chart: which one (``book.pages.explorer_chart``).
    smallest: fewest people, or windows with or without the outcome, of any group that is shown.
    choices: control → what can be picked with it; the first is picked at first.
    groups: attribute → its groups in their order, each with a colour.
    """

    chart: Literal["thresholds", "dial"]
    smallest: int
    choices: dict[Name, list[Name]]
    groups: dict[Name, list[Name]]
    blocks: list[Block]


def thousandths(values: Iterable[float]) -> list[int | None]:
    """Numbers as whole thousandths, cut off at ``CAP``; None where undefined or withheld."""
    scaled = np.clip(np.round(np.asarray(values, dtype=float) * SCALE), -CAP, CAP)
    return [None if np.isnan(value) else int(value) for value in scaled]
