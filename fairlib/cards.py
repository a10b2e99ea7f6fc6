"""Data cards: one YAML file a dataset, the single source of its facts for readers, notebooks and book."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Literal

import pandas as pd
import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    NonNegativeInt,
    PositiveInt,
    ValidationError,
    field_validator,
    model_validator,
)

from .fairness import METRICS

HERE = Path(__file__).parent
#: The official cards: inside the package where it is installed, beside it in a clone.
FOLDER = next(folder for folder in (HERE / "data_cards", HERE.parent / "data_cards") if folder.is_dir())
#: In a folder of data that brings its own card (``readers.table``).
CARD = "card.yaml"
#: What programs write for a missing value; no code of a group.
NOTHING = ("nan", "null", "none", "n/a", "#n/a")
#: How tables call people whose segment is not known.
UNKNOWN = "unknown"
#: Columns that tables of people already have.
RESERVED = {"person", "window", "label", "y", "split", "everybody"}
#: Names that data of one's own cannot have: the book and the results have folders of these names, and "table" stands
#: for every folder with a card.
TAKEN = ("course", "frozen", "jobs", "logs", "table")
#: What pydantic expects, in words of people who write cards.
PLAIN = {
    "string_type": "a text",
    "string_pattern_mismatch": "small letters, digits and _, the first a letter",
    "int_type": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "list_type": "a list such as [one, two]",
    "tuple_type": "two numbers such as [0.05, 0.4]",
    "too_long": "two numbers such as [0.05, 0.4]",
    "model_type": "keys of its own",
    "dict_type": "keys of its own",
    "too_short": "at least one",
}


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
    cut: FiniteFloat | None = None
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
        if len(set(self.segments)) != len(self.segments) or len(self.segments) < 2:
            raise ValueError(f"segments must be two or more different ones, got {', '.join(self.segments) or 'none'}")
        if UNKNOWN in self.segments:
            raise ValueError(
                f"no segment can be called {UNKNOWN!r}: list its raw values in missing, and they stay unknown"
            )
        mapped = bool(self.values or self.prefixes or self.otherwise)
        if (self.cut is not None) == mapped:
            raise ValueError("give either a cut, or values (or prefixes) that say which segment a raw value belongs to")
        if self.cut is not None and len(self.segments) != 2:
            raise ValueError("an attribute with a cut has two segments: below, at or above")
        return self

    def segment(self, raw: pd.Series, name: str) -> pd.Categorical:
        """Map raw values to segments; raises ``CardError`` naming a value that the card does not know."""
        text = raw.astype("string").str.strip()
        if self.cut is not None:
            known = text.notna() & ~text.isin(["", *self.missing])
            numbers = pd.to_numeric(text.where(known), errors="coerce").astype(float)
            if (odd := text[known & ~(numbers.abs() < float("inf"))]).size:
                raise CardError(
                    f"{name}: {odd.iloc[0][:40]!r} is no number; correct it, or list it as missing in the card"
                )
            labels = numbers.map(lambda v: None if pd.isna(v) else self.segments[int(v >= self.cut)])
            return pd.Categorical(labels, categories=self.segments)
        found = {value: self._segment_of(value, name) for value in text.dropna().unique()}
        return pd.Categorical(text.map(found), categories=self.segments)

    def _segment_of(self, value: str, name: str) -> str | None:
        if exact := self._known(value, str):
            return exact[0]
        if self.otherwise is None:
            known = [*self.values, *self.prefixes]
            raise CardError(
                f"{name}: value {value[:40]!r} is not in the data card (known: {', '.join(known)}); correct it or the"
                " card"
            )
        if value.lower() in NOTHING:
            raise CardError(f"{name}: value {value!r} looks like a missing one; empty the cell, or add it to the card")
        return [*self._known(value, str.lower), self.otherwise][0]

    def _known(self, value: str, case: Callable[[str], str]) -> list[str | None]:
        """The segments of the raw values, and then of the prefixes, that this value is in the given case."""
        named = [*dict.fromkeys(["", *self.missing]).items(), *self.values.items()]
        found = [segment for raw, segment in named if case(raw) == case(value)]
        return found + [s for prefix, s in self.prefixes.items() if case(value).startswith(case(prefix))]


class Task(Part):
    question: str
    positive: str
    positive_is: Literal["good news", "bad news"]


class WindowShape(Part):
    timesteps: PositiveInt
    step: str
    channels: PositiveInt
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

    metric: Literal[tuple(METRICS)]
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
    short: str = Field(default="", description="for links and tables; the title where there is none")
    access: Literal["synthetic", "open", "restricted"]
    homepage: str
    licence: str
    citation: str
    benchmark: str
    task: Task
    windows: WindowShape
    people: PositiveInt
    expected: dict[str, NonNegativeInt] = Field(description="counts of the full dataset, for comparison")
    attributes: dict[str, Attribute] = Field(min_length=1)
    requirements: Requirements
    metric: MetricChoice
    thresholds: tuple[FiniteFloat, FiniteFloat] = Field(
        default=(0.05, 0.4), description="risks, lowest and highest, from which on somebody might act; for net benefit"
    )
    known_biases: list[str]
    obtain: Obtaining | None = None
    min_cell: PositiveInt = 11

    @model_validator(mode="after")
    def _own_columns(self):
        if taken := sorted(RESERVED & set(self.attributes)):
            raise ValueError(f"no attribute can be called {taken[0]!r}; call the column in people something else")
        return self

    @field_validator("thresholds")
    @classmethod
    def _risks(cls, found):
        if not 0 < found[0] < found[1] < 1:
            raise ValueError(f"two risks between 0 and 1, the lower one first, found {found[0]:g} and {found[1]:g}")
        return found

    @property
    def called(self) -> str:
        """How links and tables call the dataset."""
        return self.short or self.title

    def protected(self) -> list[str]:
        """Names of the protected attributes, care segments left out."""
        return [name for name, attribute in self.attributes.items() if attribute.kind == "protected attribute"]

    def segment(self, raw: pd.DataFrame) -> pd.DataFrame:
        """Raw attribute columns → categorical segments; columns the data lacks become all missing."""
        empty = pd.Series(pd.NA, index=raw.index, dtype="string")
        return pd.DataFrame(
            {name: attribute.segment(raw.get(name, empty), name) for name, attribute in self.attributes.items()}
        )


def parse(path: Path) -> Card:
    """Read and validate one card."""
    try:
        content = read(path)
        if not isinstance(content, dict):
            raise ValueError("it holds no keys")
        return Card(**content)
    except FileNotFoundError as error:
        known = ", ".join(sorted(p.stem for p in FOLDER.glob("*.yaml")))
        raise CardError(f"no data card {path}; cards exist for: {known}") from error
    except ValidationError as error:
        what = "; ".join(_said(fault) for fault in error.errors()[:5])
        raise CardError(f"{path} is not a valid data card: {what}") from error
    except UnicodeDecodeError as error:
        raise CardError(f"{path}: byte {error.start} is not UTF-8 text; save it as UTF-8") from error
    except (OSError, TypeError, ValueError) as error:
        raise CardError(f"{path} is not a valid data card: {error}") from error


def _said(fault: dict) -> str:
    """A fault that pydantic found, in words of people who write cards."""
    where = ".".join(part for part in map(str, fault["loc"]) if part != "[key]")
    kind = fault["type"].replace("_parsing", "_type")
    if kind in ("missing", "extra_forbidden"):
        return f"{where}: this key is {'missing' if kind == 'missing' else 'not known'}"
    if kind == "value_error":
        return f"{where or 'card'}: {fault['ctx']['error']}"
    expected = PLAIN.get(kind) or fault["msg"].partition(", unable")[0].removeprefix("Input should be ")
    found = repr(fault["input"])[:60] if fault["input"] else "nothing"
    return f"{where}: expected {expected}, found {found}"


def all() -> dict[str, Card]:
    """Every official dataset, name → card, by name: what exists is what lies in ``FOLDER``."""
    return {path.stem: _official(path) for path in sorted(FOLDER.glob("*.yaml"))}


def load(dataset: str) -> Card:
    """The card of an official dataset by its name, e.g. ``load("mimic")``."""
    return _official(FOLDER / f"{dataset}.yaml")


def of(dataset: str, source: Path | str) -> Card:
    """The card of an official dataset; of any other name, the card in the folder ``source``."""
    return own(source) if dataset not in all() and has_own(source) else load(dataset)


def has_own(folder: Path | str) -> bool:
    """Whether a folder of data brings its own card."""
    return (Path(folder).expanduser() / CARD).is_file()


def own(folder: Path | str) -> Card:
    """The card in a folder of data.

    Raises ``CardError`` if it has the name of an official dataset or one of ``TAKEN``: results and privacy rules would
    be mixed up.
    """
    path = Path(folder).expanduser() / CARD
    card = parse(path)
    if card.name in TAKEN:
        raise CardError(
            f"{path}: the study itself uses the name {card.name!r}; give your data another name (not"
            f" {', '.join(TAKEN)}, nor that of an official dataset)"
        )
    if card.name in all():
        raise CardError(f"{path}: {card.name!r} is the name of an official dataset; give your data another name")
    return card


@cache
def _official(path: Path) -> Card:
    card = parse(path)
    if card.name != path.stem:
        raise CardError(f"{path}: the card is named {card.name!r}; give file and card the same name")
    return card


def requirements(card: Card) -> pd.DataFrame:
    """T-requirements: the four requirements, judged by rule from the card's facts, with the card's evidence.

    At least two protected attributes; at least 1,000 people; at least two modalities; a named benchmark, and files that
    others can get (openly, or by an application that is open to researchers).
    """
    holds = {
        "protected_attributes": len(card.protected()) >= 2,
        "large_size": card.people >= 1000,
        "multimodal": len(card.windows.modalities) >= 2,
        "open_benchmark": bool(card.benchmark),
    }
    verdicts = {name: "yes" if fulfilled else "no" for name, fulfilled in holds.items()}
    if card.benchmark and card.access == "restricted":
        verdicts["open_benchmark"] = "partly"
    names = [name.replace("_", " ").capitalize() for name in verdicts]
    evidence = [getattr(card.requirements, name).evidence for name in verdicts]
    return pd.DataFrame({"requirement": names, "holds": verdicts.values(), "evidence": evidence})


NULL, TEXT, INT, FLOAT = (f"tag:yaml.org,2002:{kind}" for kind in ("null", "str", "int", "float"))


class PlainYamlError(ValueError):
    """A file is no YAML; the message says in which line, and what is wrong there."""


def read(file: Path | str, numbers: bool = False) -> object:
    """What a YAML file holds: dicts, lists and texts, None where nothing stands, and numbers if they are asked for.

    Raises ``PlainYamlError``, ``OSError`` or ``UnicodeDecodeError``.
    """
    text = Path(file).read_text(encoding="utf-8-sig")
    try:
        return yaml.load(text, Loader=_Numbers if numbers else _Texts)
    except yaml.MarkedYAMLError as error:
        advice = "; a text that holds ': ' or ' #' needs quotation marks" if "mapping values" in error.problem else ""
        raise PlainYamlError(f"line {error.problem_mark.line + 1}: {error.problem}{advice}") from error
    except yaml.YAMLError as error:  # a character that no text holds
        raise PlainYamlError(" ".join(str(error).split())) from error
    except RecursionError as error:
        raise PlainYamlError("lists or keys lie in each other more deeply than anybody writes") from error


def _only(*kinds: str) -> dict:
    """Of the types that YAML guesses from how a value looks, these alone."""
    guessed = yaml.SafeLoader.yaml_implicit_resolvers.items()
    return {first: [rule for rule in rules if rule[0] in kinds] for first, rules in guessed}


class _Texts(yaml.SafeLoader):
    yaml_implicit_resolvers = _only(NULL)

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                key.tag = TEXT
                if key.value in seen:
                    line = key.start_mark.line + 1
                    raise PlainYamlError(f"key {key.value!r} stands twice, the second time in line {line}")
                seen.add(key.value)
        return super().construct_mapping(node, deep)


class _Numbers(_Texts):
    yaml_implicit_resolvers = _only(NULL, INT, FLOAT)
