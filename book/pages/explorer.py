"""What a page holds on which a reader moves the threshold: rates, ratios and ROC curves of each model, aggregated.

The numbers are those of the tables ``thresholds``, ``roc`` and ``metrics`` (``evidence``), in thousandths to keep the
page small. The gate reads them here again before it lets them out: this is the only script that it accepts on a page
with real data.
"""

from collections.abc import Iterable
from typing import Annotated, Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError, field_validator

from fairlib.cards import Card
from fairlib.fairness import GROUP_RATES, METRICS, ODDS, RATES
from fairlib.measures.thresholds import GRID
from fairlib.strategies import StrategyName

#: Class of the script element with these numbers.
MARKER = "fairlib-explorer-data"
SCALE = 1000
#: Numbers are cut off here: a ratio of 10 is read as "10 or more", and no number looks like an identifier.
CAP = 9999
ROC_STEP = 2  # every second point of the curve's grid

Number = Annotated[int, Field(ge=-CAP, le=CAP)] | None
Curve = list[Number]
Interval = Annotated[list[Curve], Field(min_length=3, max_length=3)]  # estimate, low and high at each threshold
Name = Annotated[str, Field(max_length=60, pattern=r"\D|^.{1,4}$")]
Count = Annotated[str, Field(pattern=r"^\d{1,3}(,\d{3})*$")]


class Part(BaseModel):
    """A part of the numbers; what is not named here has no place on a page."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Group(Part):
    """How many there are of a group in the test split."""

    people: Count
    windows: Count
    events: Count

    def small(self, minimum: int) -> bool:
        """Whether fewer than ``minimum`` people, or windows with or without the outcome, are in it."""
        people, windows, events = (int(count.replace(",", "")) for count in (self.people, self.windows, self.events))
        return min(people, events, windows - events) < minimum


class Model(Part):
    """One trained model; of ``roc`` true positive rates on an even grid of false positive rates."""

    rates: dict[Name, dict[Name, dict[Literal[tuple(GROUP_RATES)], Interval]]]
    ratios: dict[Name, dict[Literal[tuple(METRICS)], Interval]]
    roc: dict[Name, dict[Name, Curve]]


class Explorer(Part):
    """All numbers of the page of one study."""

    kind: Literal["thresholds"] = "thresholds"
    min_cell: PositiveInt  # that of the data card; 1 where nobody is real
    metric: Literal[tuple(METRICS)]
    privileged: dict[Name, Name]
    groups: dict[Name, dict[Name, Group]]
    models: dict[StrategyName, dict[Annotated[str, Field(pattern=r"^\d{1,4}$")], Model]]
    grid: list[float] = list(GRID)

    @field_validator("grid")
    @classmethod
    def _of_the_study(cls, grid: list[float]) -> list[float]:
        if grid != list(GRID):
            raise ValueError("thresholds other than those of fairlib.measures.thresholds")
        return grid

    @field_validator("models")
    @classmethod
    def _curves_of_the_grid(cls, models: dict) -> dict:
        for model in (one for seeds in models.values() for one in seeds.values()):
            intervals = [list(of.values()) for part in model.rates.values() for of in part.values()]
            intervals += [list(of.values()) for of in model.ratios.values()]
            if any(len(curve) != len(GRID) for of in intervals for interval in of for curve in interval):
                raise ValueError("curves need one value a threshold")
        return models


def collect(
    study, card: Card, access: str, strategies: Iterable[str], seeds: Iterable[int], draws: int
) -> Explorer | None:
    """The numbers of all these models; None for restricted data, which have none at other thresholds.

    access: of the data that the study read, "synthetic" for a twin.

    Groups under the card's ``min_cell`` are left out: everybody too, where the whole test split is that small. None, if
    no group is left. Models whose results were frozen before the table existed are left out.
    """
    metric, minimum = card.metric.metric, 1 if access == "synthetic" else card.min_cell
    shown, models, groups = [*RATES, *([metric] if metric in ODDS else [])], {}, {}
    for strategy in strategies:
        for seed in seeds if study.has(strategy, tuple(seeds)) else ():
            tables = study.evaluation(strategy, seed, 0.5, draws)
            table = tables.get("thresholds")
            if table is None or table.empty:
                continue
            groups = groups or _groups(tables["metrics"], table, minimum)
            models.setdefault(strategy, {})[str(seed)] = _model(table, tables["roc"], shown, groups)
    if not groups:
        return None
    privileged = {name: facts.privileged for name, facts in card.attributes.items() if name in groups}
    return Explorer(min_cell=minimum, metric=metric, privileged=privileged, groups=groups, models=models)


def _model(table: pd.DataFrame, roc: pd.DataFrame, shown: list[str], groups: dict[str, dict[str, Group]]) -> Model:
    rates, ratios, curves = {}, {}, {}
    for (scope, attribute, segment, metric), rows in table.groupby(
        ["scope", "attribute", "segment", "metric"], sort=False
    ):
        values = [thousandths(rows[name]) for name in ("estimate", "low", "high")]
        if scope == "segment" and segment in groups.get(attribute, ()):
            rates.setdefault(attribute, {}).setdefault(segment, {})[metric] = values
        elif scope == "ratio" and metric in shown:
            ratios.setdefault(attribute, {})[metric] = values
    for (attribute, segment), rows in roc.groupby(["attribute", "segment"], sort=False):
        if segment in groups.get(attribute, ()):
            curves.setdefault(attribute, {})[segment] = thousandths(rows["tpr"].iloc[::ROC_STEP])
    return Model(rates=rates, ratios=ratios, roc=curves)


def _groups(metrics: pd.DataFrame, table: pd.DataFrame, minimum: int) -> dict[str, dict[str, Group]]:
    """Sizes of the groups that have rates, without small ones."""
    sizes = metrics.drop_duplicates(["attribute", "segment"]).set_index(["attribute", "segment"])
    found = table[table["scope"] == "segment"].drop_duplicates(["attribute", "segment"])
    out = {}
    for name in zip(found["attribute"], found["segment"], strict=True):
        counts = {what: f"{int(sizes.loc[name, what]):,}" for what in Group.model_fields}
        if not (group := Group(**counts)).small(minimum):
            out.setdefault(name[0], {})[name[1]] = group
    return out


def thousandths(values: Iterable[float]) -> list[int | None]:
    """Numbers as whole thousandths, cut off at ``CAP``; None where undefined or withheld."""
    scaled = np.clip(np.round(np.asarray(values, dtype=float) * SCALE), -CAP, CAP)
    return [None if np.isnan(value) else int(value) for value in scaled]


def findings(text: str, access: str) -> list[str]:
    """Why these numbers must not be published, in sentences; none if they are what ``collect`` makes.

    Of data that is not synthetic, a group may be shown from the number on that the page took from the data card.
    """
    if access == "synthetic":
        return []
    if access == "restricted":
        return ["numbers at many thresholds: of restricted data, single people could be read from their steps"]
    try:
        found = Explorer.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        return [f"numbers of an explorer that are not as book.pages.explorer makes them: {first['msg']}"]
    groups = [group for part in found.groups.values() for group in part.values()]
    unknown = {
        (attribute, segment)
        for seeds in found.models.values()
        for model in seeds.values()
        for of in (model.rates, model.roc)
        for attribute, part in of.items()
        for segment in part
        if segment not in found.groups.get(attribute, {})
    }
    small = any(group.small(found.min_cell) for group in groups)
    return ["an explorer of groups that are small or without a size"] * bool(unknown or small)


def left_out(metrics: pd.DataFrame) -> str:
    """Segments of the table ``metrics`` without numbers, as a sentence; "" if there are none."""
    rows = metrics[(metrics["scope"] == "segment") & (metrics["note"] != "")]
    names = dict.fromkeys(f"{row.attribute} {row.segment}" for row in rows.itertuples())
    return f"Left out, with too few people or outcomes to show or to judge: {', '.join(names)}." if names else ""
