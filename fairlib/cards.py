"""Data cards: one YAML file a dataset, the single source of its facts for readers, notebooks and book."""

from functools import cache
from pathlib import Path
from typing import Literal

import pandas as pd
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

FOLDER = Path(__file__).parent.parent / "data_cards"
#: In a folder of data that brings its own card (``readers.table``).
CARD = "card.yaml"
#: What programs write for a missing value; no code of a group.
NOTHING = ("nan", "null", "none", "n/a", "#n/a")
_registered: dict[str, "Card"] = {}


class CardError(ValueError):
    """A data card is missing, incomplete or contradicts the data."""


class Part(BaseModel):
    """A section of a card; unknown keys are refused, so that a typing error cannot pass as a fact."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Attribute(Part):
    """A protected attribute (or a care segment, which is case mix) and how raw values become segments.

    Either ``cut`` (a number: segments "below" and "at or above") or ``values`` / ``prefixes`` of the raw text.
    ``missing`` values are unknown and stay missing; other values become ``otherwise``, or are an error without one.
    With ``otherwise``, case does not matter: who wrote "white" for "WHITE" does not become one of the others.
    """

    kind: Literal["protected attribute", "care segment"] = "protected attribute"
    privileged: str
    segments: list[str]
    cut: float | None = None
    values: dict[str, str] = {}
    prefixes: dict[str, str] = {}
    missing: list[str] = []
    otherwise: str | None = None
    note: str = ""

    @model_validator(mode="after")
    def _known_segments(self):
        named = {self.privileged, *self.values.values(), *self.prefixes.values()} | ({self.otherwise} - {None})
        if unknown := sorted(named - set(self.segments)):
            raise ValueError(f"segment {unknown[0]!r} is used but not listed in segments")
        if self.cut is not None and len(self.segments) != 2:
            raise ValueError("an attribute with a cut has two segments: below, at or above")
        return self

    def segment(self, raw: pd.Series, name: str) -> pd.Categorical:
        """Map raw values to segments; raises ``CardError`` naming a value that the card does not know."""
        if self.cut is not None:
            text = raw.astype("string").str.strip()
            known = text.notna() & ~text.isin(["", *self.missing])
            numbers = pd.to_numeric(text.where(known), errors="coerce").astype(float)
            if (odd := text[known & ~(numbers.abs() < float("inf"))]).size:
                raise CardError(
                    f"{name}: {odd.iloc[0][:40]!r} is no number; correct it, or list it as missing in the card"
                )
            labels = numbers.map(lambda v: None if pd.isna(v) else self.segments[int(v >= self.cut)])
            return pd.Categorical(labels, categories=self.segments)
        text = raw.astype("string").str.strip()
        found = {value: self._segment_of(value, name) for value in text.dropna().unique()}
        return pd.Categorical(text.map(found), categories=self.segments)

    def _segment_of(self, value: str, name: str) -> str | None:
        if value == "" or value in self.missing:
            return None
        if value in self.values:
            return self.values[value]
        for prefix, segment in self.prefixes.items():
            if value.startswith(prefix):
                return segment
        known = [*self.values, *self.prefixes]
        if self.otherwise is None:
            raise CardError(
                f"{name}: value {value[:40]!r} is not in the data card (known: {', '.join(known)}); correct it or the"
                " card"
            )
        if value.lower() in NOTHING:
            raise CardError(f"{name}: value {value!r} looks like a missing one; empty the cell, or add it to the card")
        for exact in (*self.missing, *self.values):
            if value.lower() == exact.lower():
                return self._segment_of(exact, name)
        if like := [prefix for prefix in self.prefixes if value.lower().startswith(prefix.lower())]:
            return self.prefixes[like[0]]
        return self.otherwise


class Task(Part):
    question: str
    positive: str
    positive_is: Literal["good news", "bad news"]


class WindowShape(Part):
    timesteps: int
    step: str
    channels: int
    modalities: list[str]


class Requirement(Part):
    evidence: str


class Requirements(Part):
    """The four requirements of stage 1, with the evidence for each; the verdict is computed (``tables.stage1``)."""

    protected_attributes: Requirement
    large_size: Requirement
    multimodal: Requirement
    open_benchmark: Requirement


class MetricChoice(Part):
    """Answers to the questions of the metric tree, and the metric that follows."""

    metric: Literal["error_rate_ratio", "average_odds_difference"]
    representation_or_errors: str
    punitive_or_assistive: str
    for_whom: str


class DataFile(Part):
    """A file of the dataset that a reader looks for in the folder it is given.

    ``found_by``: patterns with ``*`` and ``?``; by default the path itself. Any case, also packed as .gz.
    ``way``: one of several ways to have the data, each of which is enough; "" where every way needs the file.
    """

    path: str
    holds: str
    needed: bool = True
    way: str = ""
    found_by: list[str] = []

    @property
    def patterns(self) -> list[str]:
        return self.found_by or [self.path]


class Obtaining(Part):
    """How others get the data. Such facts go stale, so ``sources`` name who said what, and when."""

    ask: str
    steps: list[str]
    takes: str = Field(description="how long; says so where it is an estimate, or where nobody states it")
    costs: str
    agreement: str
    publish: str
    size: str
    files: list[DataFile]
    sources: list[str]
    as_of: str


class Card(Part):
    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$", description="names a folder of results too")
    title: str
    access: Literal["synthetic", "open", "restricted"]
    homepage: str
    licence: str
    citation: str
    benchmark: str
    task: Task
    windows: WindowShape
    people: int
    expected: dict[str, int] = Field(description="counts of the full dataset, for comparison")
    attributes: dict[str, Attribute]
    requirements: Requirements
    metric: MetricChoice
    known_biases: list[str]
    obtain: Obtaining | None = None
    min_cell: int = 11

    def protected(self) -> list[str]:
        """Names of the protected attributes, care segments left out."""
        return [name for name, attribute in self.attributes.items() if attribute.kind == "protected attribute"]

    def segment(self, raw: pd.DataFrame) -> pd.DataFrame:
        """Raw attribute columns → categorical segments; columns the data lacks become all missing."""
        empty = pd.Series(pd.NA, index=raw.index, dtype="string")
        return pd.DataFrame(
            {name: attribute.segment(raw.get(name, empty), name) for name, attribute in self.attributes.items()}
        )


class _OnceLoader(yaml.SafeLoader):
    """YAML in which a key stands once: of two lines ``access:`` the last would count, in silence."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep) for key, _ in node.value]
        if again := [key for i, key in enumerate(keys) if key in keys[:i]]:
            raise ValueError(f"key {again[0]!r} stands twice, the second time in line {_line_of(node, again[0])}")
        return super().construct_mapping(node, deep)


def _line_of(node: yaml.MappingNode, key: object) -> int:
    return [part for part, _ in node.value if part.value == str(key)][-1].start_mark.line + 1


def parse(path: Path) -> Card:
    """Read and validate one card."""
    try:
        content = yaml.load(Path(path).read_text(encoding="utf-8-sig"), Loader=_OnceLoader)
        if not isinstance(content, dict):
            raise ValueError("it holds no keys")
        return Card(**content)
    except FileNotFoundError as error:
        known = ", ".join(sorted(p.stem for p in FOLDER.glob("*.yaml")))
        raise CardError(f"no data card {path}; cards exist for: {known}") from error
    except ValidationError as error:
        what = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'card'}: {e['msg']}" for e in error.errors()[:5])
        raise CardError(f"{path} is not a valid data card: {what}") from error
    except UnicodeDecodeError as error:
        raise CardError(f"{path}: byte {error.start} is not UTF-8 text; save it as UTF-8") from error
    except (OSError, TypeError, ValueError, yaml.YAMLError) as error:
        raise CardError(f"{path} is not a valid data card: {error}") from error


def load(dataset: str) -> Card:
    """The card of a dataset by name, e.g. ``load("mimic")``; official, or of a folder registered before."""
    return _registered[dataset] if dataset in _registered else _official(dataset)


def register(folder: Path | str) -> Card:
    """The card in a folder of data, which ``load`` finds by its name from now on.

    Raises ``CardError`` if it takes an official dataset's name: results and privacy rules would be mixed up.
    """
    path = Path(folder).expanduser() / CARD
    card = parse(path)
    if (FOLDER / f"{card.name}.yaml").exists():
        raise CardError(f"{path}: {card.name!r} is the name of an official dataset; give your data another name")
    _registered[card.name] = card
    return card


@cache
def _official(dataset: str) -> Card:
    return parse(FOLDER / f"{dataset}.yaml")
