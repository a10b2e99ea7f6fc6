"""Notebook contracts: typed parameters, checked before torch or data are loaded.

papermill only warns about a parameter it does not know; here a wrong name or value stops the notebook at once, with a
sentence that says what to write instead.
"""

import difflib
import shlex
import warnings
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, ClassVar, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from .. import cards, twins
from ..strategies import MitigationName, RecipeName, StrategyName
from . import frozen
from .profiles import PROFILES, Profile

ROOT = Path(__file__).parents[2]
FROZEN = ROOT / "book" / "frozen"

#: For the name on the card of the folder given as source.
OWN = "table"
#: Names of recipes in version 0.1.
BEFORE = {"described": "paper_text", "released": "paper_code"}


class ParameterError(ValueError):
    """A notebook was given a parameter it does not have, or a value it cannot use."""


def _renamed(recipe: object) -> object:
    """A recipe by its name; version 0.1 called two of them otherwise, which is said once more and then refused."""
    if recipe in BEFORE:
        warnings.warn(
            f"recipe {recipe!r} is called {BEFORE[recipe]!r} now; the old name will be refused by the next version",
            FutureWarning,
            stacklevel=2,
        )
    return BEFORE.get(recipe, recipe) if isinstance(recipe, str) else recipe


class Contract(BaseModel):
    """What every notebook takes: a dataset, and where it lies."""

    model_config = ConfigDict(extra="forbid", strict=True)
    notebook: ClassVar[str] = ""

    dataset: str
    source: str = ""

    @model_validator(mode="after")
    def _dataset_known(self):
        if self.dataset in (official := cards.all()):
            return self
        if self.source in ("", "twin", "frozen") or not cards.has_own(self.source):
            near = difflib.get_close_matches(self.dataset, [*official, OWN], n=1)
            raise ValueError(
                f"parameter 'dataset' is {self.dataset!r}: it should be {', '.join(map(repr, official))}, or {OWN!r}"
                f" for your own data, with source the folder that holds its {cards.CARD}"
                + (f" (did you mean {near[0]!r}?)" if near else "")
            )
        name = cards.own(self.source).name
        if self.dataset not in (OWN, name):
            raise ValueError(f"parameter 'dataset' is {self.dataset!r}: the card in source is named {name!r}")
        self.dataset = name
        return self

    @property
    def card(self) -> cards.Card:
        """The card of the dataset, an official one or that in the folder given as source."""
        return cards.of(self.dataset, self.source)

    def command(self) -> str:
        """The papermill command that repeats this run, with every parameter that differs from its default."""
        parts = [f"papermill notebooks/{self.notebook}.ipynb out.ipynb", f"-p dataset {self.dataset}"]
        yaml_parts = []
        for name, value in self.model_dump(exclude_defaults=True, exclude={"dataset"}).items():
            if isinstance(value, list):
                yaml_parts.append(f"{name}: [{', '.join(map(str, value))}]")
            elif name == "source" and value not in ("twin", "frozen"):
                parts.append("-p source DIR")
            else:
                parts.append(f"-p {name} {shlex.quote(str(value))}")
        return " ".join(parts + [f'-y "{{{", ".join(yaml_parts)}}}"'] * bool(yaml_parts))


class DataCard(Contract):
    """The card's page reads no data, so only a card of one's own has a source."""

    notebook: ClassVar[str] = "data_card"

    @model_validator(mode="after")
    def _source_holds_a_card(self):
        if self.source and self.dataset in cards.all():
            raise ValueError(
                f"source {self.source!r}: the card of {self.dataset} is in data_cards, so leave source out; with"
                f" dataset {OWN!r} it is the folder of your own {cards.CARD}"
            )
        return self


class Parameters(Contract):
    """What every notebook that reads data takes."""

    source: str = "twin"
    profile: Literal["smoke", "quick", "paper"] = "quick"
    recipe: RecipeName = "paper_text"
    recipes: list[RecipeName] = []
    seeds: list[int] = []
    results_dir: str = "results"
    threads: int = Field(default=1, ge=1, le=256)
    device: Literal["auto", "cpu", "cuda", "mps"] = "cpu"
    precision: Literal["float32", "bf16"] = "float32"

    @field_validator("recipe", "recipes", mode="before")
    @classmethod
    def _names_of_before(cls, value):
        return [_renamed(one) for one in value] if isinstance(value, list) else _renamed(value)

    @field_validator("seeds")
    @classmethod
    def _distinct(cls, seeds: list[int]) -> list[int]:
        if len(set(seeds)) != len(seeds) or any(seed < 0 for seed in seeds):
            raise ValueError("seeds must be different whole numbers, 0 or above")
        return seeds

    @model_validator(mode="after")
    def _source_exists(self):
        if self.source == "twin" and self.dataset not in twins.known():
            raise ValueError(
                f"source 'twin': there is no twin of {self.dataset} yet; give 'frozen' (the results kept in the book)"
                " or the folder of the official files"
            )
        if self.source == "frozen" and not (FROZEN / self.dataset).is_dir():
            kept = ", ".join(sorted(path.name for path in FROZEN.glob("*") if path.is_dir())) or "none"
            raise ValueError(f"source 'frozen': no frozen results of {self.dataset} in {FROZEN} (kept: {kept})")
        if self.source == "frozen":
            recipes = frozen.manifest(FROZEN / self.dataset)["recipes"]
            for recipe in self.shown:
                if recipe not in recipes:
                    raise ValueError(
                        f"recipe {recipe!r}: no frozen results of {self.dataset} with it (kept: {', '.join(recipes)});"
                        " give another recipe, or the folder of the official files as source"
                    )
                kept = recipes[recipe]["kept"]["0"]["supervised"]
                if lost := sorted(set(self.seeds) - set(kept)):
                    raise ValueError(
                        f"seeds: no frozen results of seed {lost[0]} for {self.dataset}, recipe {recipe};"
                        f" kept are {kept}"
                    )
        if self.source not in ("twin", "frozen") and not Path(self.source).expanduser().is_dir():
            raise ValueError(f"source {self.source!r} is neither 'twin', 'frozen' nor an existing folder")
        return self

    @property
    def shown(self) -> tuple[str, ...]:
        """The recipes that the page shows side by side: those asked for, or the one."""
        return tuple(dict.fromkeys(self.recipes)) or (self.recipe,)

    @property
    def label(self) -> str:
        """Folder name below the dataset: keeps twin and real results, and profiles, apart."""
        origin = self.source if self.source in ("twin", "frozen") else "real"
        return f"{origin}-{self.profile}"

    @property
    def chosen(self) -> Profile:
        """The profile, with the seeds that were asked for in its place."""
        profile = PROFILES[self.profile]
        return replace(profile, seeds=tuple(self.seeds) or profile.seeds)


class DatasetRequirements(Parameters):
    notebook: ClassVar[str] = "1_dataset_requirements"


class PreTraining(Parameters):
    notebook: ClassVar[str] = "2_pre_training"


class Models(Parameters):
    """What every notebook about trained models takes."""

    strategies: list[StrategyName] = []

    @property
    def wanted(self) -> tuple[str, ...]:
        """The strategies asked for, or the profile's."""
        return tuple(self.strategies) or self.chosen.strategies


class FineTuning(Models):
    notebook: ClassVar[str] = "3_fine_tuning"
    people: list[Annotated[int, Field(ge=1)]] = []


class RepresentationSimilarity(Models):
    notebook: ClassVar[str] = "4_representation_similarity"

    @model_validator(mode="after")
    def _something_to_compare(self):
        if not set(self.wanted) - {"supervised", "logistic_regression"}:
            raise ValueError(
                "strategies: nothing to compare with the supervised model (which is always there); add a network such"
                " as 'frozen_0'"
            )
        return self


class Evaluation(Models):
    notebook: ClassVar[str] = "5_evaluation"
    threshold: float = Field(default=0.5, gt=0, lt=1)
    mitigations: list[MitigationName] = list(MitigationName.__args__)

    @property
    def wanted(self) -> tuple[str, ...]:
        """The strategies asked for, or the profile's; the supervised model is the reference of every comparison."""
        return tuple(dict.fromkeys(("supervised", *super().wanted)))

    @model_validator(mode="after")
    def _frozen_threshold(self):
        if self.source == "frozen" and self.threshold != 0.5:
            raise ValueError(
                f"threshold {self.threshold}: frozen results hold 0.5 only; another one needs the predictions: give the"
                " folder of the official files as source"
            )
        return self


class Explorer(Models):
    """The page on which a reader moves the threshold: it reads what stage 5 left."""

    notebook: ClassVar[str] = "explorer"


class OfTwin(Contract):
    """A page about the model of a twin: nothing is trained, no data is read."""

    @model_validator(mode="after")
    def _twin_exists(self):
        if self.dataset not in twins.known():
            raise ValueError(f"dataset {self.dataset!r}: there are twins of {', '.join(twins.known())}")
        return self


class Dial(OfTwin):
    """The page on which a reader turns a knob of a twin."""

    notebook: ClassVar[str] = "dial"

    source: Literal["twin"] = "twin"
    draws: int = Field(default=60_000, ge=5_000, le=10_000_000)
    windows: list[Annotated[int, Field(ge=200, le=100_000)]] = [300, 1000, 4000]

    @field_validator("windows")
    @classmethod
    def _some_sizes(cls, windows: list[int]) -> list[int]:
        if not windows or sorted(set(windows)) != windows:
            raise ValueError("windows must be different whole numbers, smallest first")
        return windows


class Twin(OfTwin):
    """The page about a twin's model; its source is a spec."""

    notebook: ClassVar[str] = "twin"

    draws: int = Field(default=100_000, ge=10_000, le=10_000_000)
    cohorts: int = Field(default=5, ge=1, le=100)
    windows: int = Field(default=4000, ge=500, le=100_000)

    @model_validator(mode="after")
    def _spec_exists(self):
        if self.source and not Path(self.source).expanduser().is_file():
            raise ValueError(
                f"source {self.source!r} is no file; give a YAML file with the knobs that differ, or nothing"
            )
        return self


class Case(BaseModel):
    """One line of ``notebooks/study.yaml``: where a dataset's results come from."""

    model_config = ConfigDict(extra="forbid", strict=True)

    source: str = "twin"
    profile: Literal["smoke", "quick", "paper"] = "quick"
    recipes: list[RecipeName] = ["paper_text"]
    seeds: list[int] = []
    people: list[int] = []
    mitigations: list[MitigationName] = list(MitigationName.__args__)


class Synthesis(BaseModel):
    """The page across datasets: it reads what the other notebooks left, and trains nothing."""

    model_config = ConfigDict(extra="forbid", strict=True)
    notebook: ClassVar[str] = "6_synthesis"

    cases: dict[str, Case] = {}
    results_dir: str = "results"
    threads: int = Field(default=1, ge=1, le=256)
    draws: int = Field(default=1000, ge=100, le=100_000)

    @property
    def chosen(self) -> dict[str, Case]:
        """The cases asked for, or those of ``notebooks/study.yaml``."""
        return self.cases or _study_cases()

    def evaluation(self, dataset: str, recipe: str) -> "Evaluation":
        """The parameters with which stage 5 was run for a case; ``ParameterError`` where there is no such run."""
        case = self.chosen[dataset]
        seeds = [] if case.source == "frozen" else case.seeds
        own = case.model_dump(include={"source", "profile", "mitigations"})
        given = {"dataset": dataset, "recipe": recipe, "seeds": seeds, **own}
        return check("5_evaluation", given | {"results_dir": self.results_dir, "threads": self.threads})

    def command(self) -> str:
        """The papermill command that repeats this page; folders of files are named DIR."""
        parts = [f"papermill notebooks/{self.notebook}.ipynb out.ipynb"]
        for name in ("results_dir", "threads", "draws"):
            if (value := getattr(self, name)) != type(self).model_fields[name].default:
                parts.append(f"-p {name} {shlex.quote(str(value))}")
        if self.cases and self.cases != _study_cases():
            cases = {name: case.model_dump() for name, case in self.cases.items()}
            for case in cases.values():
                case["source"] = case["source"] if case["source"] in ("twin", "frozen") else "DIR"
            text = yaml.safe_dump({"cases": cases}, default_flow_style=True, width=10_000, sort_keys=False).strip()
            parts.append(f'-y "{text}"')
        return " ".join(parts)


class ReleaseAudit(Synthesis):
    """The chapter on the released analysis: published numbers, simulations, and the recipes of the same cases."""

    notebook: ClassVar[str] = "release_audit"

    draws: int = Field(default=300, ge=100, le=100_000)


def _study_cases() -> dict[str, Case]:
    text = (ROOT / "notebooks" / "study.yaml").read_text(encoding="utf-8")
    return {name: Case(**case) for name, case in yaml.safe_load(text)["cases"].items()}


CONTRACTS = {
    c.notebook: c
    for c in (DataCard, Twin, Dial, DatasetRequirements, PreTraining, FineTuning, RepresentationSimilarity, Evaluation)
} | {c.notebook: c for c in (Explorer, Synthesis, ReleaseAudit)}


def check(notebook: str, namespace: dict[str, Any]) -> Contract | Synthesis:
    """Hand the variables of a notebook's parameters cell (``globals()``) to its contract.

    Call it before importing anything else: every public variable counts as a parameter.

    >>> check("2_pre_training", {"dataset": "mimic", "profil": "smoke"})
    Traceback (most recent call last):
    fairlib.study.parameters.ParameterError: 2_pre_training has no parameter 'profil'; did you mean 'profile'? ...
    """
    contract = CONTRACTS[notebook]
    own = {"In", "Out", "exit", "quit", "open", "get_ipython", "check"}  # what IPython and the calling cell put there
    given = {
        name: value
        for name, value in namespace.items()
        if not name.startswith("_") and name not in own and not isinstance(value, ModuleType)
    }
    known = list(contract.model_fields)
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else "leave it out."
            raise ParameterError(f"{notebook} has no parameter {name!r}; {hint} It takes: {', '.join(known)}")
    try:
        return contract(**given)
    except ValidationError as error:
        raise ParameterError(f"{notebook}: {_sentence(error, given)}") from None


def _sentence(error: ValidationError, given: dict) -> str:
    """The first finding in words."""
    first = error.errors()[0]
    if first["type"] == "missing":
        return f"parameter {first['loc'][0]!r} is missing"
    if not first["loc"]:
        return first["msg"].removeprefix("Value error, ")
    name = first["loc"][0]
    value, message = given.get(name), first["msg"].removeprefix("Value error, ")
    text = f"parameter {name!r} is {value!r}: {message[0].lower()}{message[1:]}"
    if first["type"] == "list_type":  # papermill's -p makes text of a list
        text += f'; give it with -y "{{{name}: [{str(value).strip("[]")}]}}"'
    if first["type"] == "literal_error" and isinstance(first["input"], str):
        options = first["ctx"]["expected"].replace(" or ", ", ").replace("'", "").split(", ")
        near = difflib.get_close_matches(first["input"], options, n=1)
        text += f" (did you mean {near[0]!r}?)" if near else ""
    return text
