"""Notebook contracts: typed parameters, checked before torch or data are loaded.

papermill only warns about a parameter it does not know; here a wrong name or value stops the notebook at once, with a
sentence that says what to write instead.
"""

import difflib
import shlex
import warnings
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

from .. import cards, twins
from ..door import place
from ..strategies import BASELINES, SUPERVISED, MitigationName, PretextName, RecipeName, StrategyName
from ..twins import planted
from .model_inputs import BOTH, Inputs
from .pretraining_people import EVERYONE, conditions
from .profiles import PROFILES, Profile

ROOT = Path(__file__).parents[2]
FROZEN = ROOT / "book" / "frozen"
CONTRIBUTED = ROOT / "book" / "contributed"  # results that others computed, a folder per case

#: For the name on the card of the folder given as source.
OWN = "table"
#: Names of recipes in version 0.1.
BEFORE = {"described": "paper_text", "released": "paper_code"}


class ParameterError(ValueError):
    """A notebook was given a parameter it does not have, or a value it cannot use."""


def _near(name: str, known: Iterable[str], words: str) -> str:
    """The words with the closest of the known names in them; nothing where none is close."""
    return "".join(words.format(close) for close in difflib.get_close_matches(name, known, n=1))


def _renamed(recipe: object) -> object:
    """A recipe by its name; version 0.1 called two of them otherwise, which is said once more and then refused."""
    if not isinstance(recipe, str) or recipe not in BEFORE:
        return recipe
    words = f"recipe {recipe!r} is called {BEFORE[recipe]!r} now; the old name will be refused by the next version"
    warnings.warn(words, FutureWarning, stacklevel=2)
    return BEFORE[recipe]


Recipe = Annotated[RecipeName, BeforeValidator(_renamed)]


class Contract(BaseModel):
    """What every notebook takes: a dataset, and where it lies."""

    model_config = ConfigDict(extra="forbid", strict=True)
    notebook: ClassVar[str] = ""

    dataset: str
    source: str = ""

    @field_validator("source")
    @classmethod
    def _a_place(cls, source: str) -> str:
        if source not in ("", "twin", "frozen"):
            place(source)
        return source

    @model_validator(mode="after")
    def _dataset_known(self):
        if self.dataset in (official := cards.all()):
            return self
        if self.dataset == OWN and self.source in ("", "twin", "frozen"):
            given = f" is {self.source!r}" if self.source and "source" in self.model_fields_set else " is missing"
            raise ValueError(
                f"parameter 'source'{given}: for dataset {OWN!r} it is the folder that holds your {cards.CARD}"
            )
        if self.dataset == OWN and not cards.has_own(self.source):
            raise ValueError(
                f"parameter 'source' is {self.source!r}: there is no {cards.CARD} in it; `python -m fairlib new DIR`"
                " writes one"
            )
        if self.source in ("", "twin", "frozen") or not cards.has_own(self.source):
            raise ValueError(
                f"parameter 'dataset' is {self.dataset!r}: it should be {', '.join(map(repr, official))}, or {OWN!r}"
                f" for your own data, with source the folder that holds its {cards.CARD}"
                f"{_near(self.dataset, [*official, OWN], ' (did you mean {!r}?)')}"
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
        left_out = {"dataset", *["recipe"] * bool(getattr(self, "recipes", []))}
        for name, value in self.model_dump(exclude_defaults=True, exclude=left_out).items():
            if isinstance(value, list):
                yaml_parts.append(f"{name}: [{', '.join(map(str, value))}]")
            elif name == "source" and value not in ("twin", "frozen"):
                parts.append("-p source DIR")
            else:
                parts.append(f"-p {name} {shlex.quote(str(value))}")
        return " ".join(parts + [f'-y "{{{", ".join(yaml_parts)}}}"'] * bool(yaml_parts))


class Parameters(Contract):
    """What every notebook that reads data takes."""

    source: str = "twin"
    profile: Literal["smoke", "quick", "paper"] = "quick"
    recipe: Recipe = "paper_text"
    recipes: list[Recipe] = []
    pretext: PretextName = "simclr"
    pretrain_on: str = EVERYONE
    inputs: Inputs = BOTH
    seeds: list[int] = []
    folds: int | None = Field(default=None, ge=0, le=100)
    repeats: int | None = Field(default=None, ge=1, le=1000)
    results_dir: str = "results"
    threads: int = Field(default=1, ge=1, le=256)
    device: Literal["auto", "cpu", "cuda", "mps"] = "cpu"
    precision: Literal["float32", "bf16"] = "float32"

    @model_validator(mode="after")
    def _first_recipe(self):
        """Of several recipes the first is the page's own."""
        self.recipe = self.shown[0]
        return self

    @field_validator("seeds")
    @classmethod
    def _distinct(cls, seeds: list[int]) -> list[int]:
        if len(set(seeds)) != len(seeds) or any(seed < 0 for seed in seeds):
            raise ValueError("seeds must be different whole numbers, 0 or above")
        return seeds

    @field_validator("results_dir")
    @classmethod
    def _expanded(cls, folder: str) -> str:
        return str(place(folder))

    @model_validator(mode="after")
    def _people_on_the_card(self):
        conditions(self.pretrain_on, self.card)
        return self

    @model_validator(mode="after")
    def _masks_for_masked(self):
        if self.pretext == "masked" and self.inputs != BOTH:
            raise ValueError(
                f"inputs {self.inputs!r}: the pretext 'masked' predicts measured values, and the observation masks say"
                f" which these are; give inputs {BOTH!r}, or another pretext"
            )
        return self

    @model_validator(mode="after")
    def _several_folds(self):
        if self.folds == 1:
            raise ValueError(
                "folds: 1 fold would be tested by models trained on nobody; give 2 or more, or 0: the split"
            )
        if self.repeats and self.folds == 0:
            raise ValueError("repeats: there is nothing to repeat without folds; leave it out, or give folds")
        if self.repeats and self.seeds:
            raise ValueError("repeats: seeds already name the repeats to run; give one of the two")
        return self

    @model_validator(mode="after")
    def _source_exists(self):
        if self.source == "twin" and self.dataset not in twins.known():
            raise ValueError(
                f"source 'twin': there is no twin of {self.dataset} yet; give 'frozen' (the results kept in the book)"
                " or the folder of the official files"
            )
        if self.source == "frozen" and not (FROZEN / self.dataset).is_dir():
            kept = ", ".join(sorted(path.parent.name for path in FROZEN.glob("*/manifest.json"))) or "none"
            raise ValueError(f"source 'frozen': no frozen results of {self.dataset} in {FROZEN} (kept: {kept})")
        if self.source == "frozen":
            from . import frozen  # here, since it loads much, and parameters are checked before

            if self.folds is not None or self.repeats:
                raise ValueError(
                    "folds: frozen results have those with which they were made; leave folds and repeats out"
                )
            recipes = frozen.manifest(FROZEN / self.dataset)["recipes"]
            for recipe in (frozen.entry(recipe, self.pretext, self.pretrain_on, self.inputs) for recipe in self.shown):
                if recipe not in recipes:
                    raise ValueError(
                        f"recipe {recipe!r}: no frozen results of {self.dataset} with it (kept: {', '.join(recipes)});"
                        " give another recipe, or the folder of the official files as source"
                    )
                kept = recipes[recipe]["kept"].get("0", {}).get(SUPERVISED, [])
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
    def each(self) -> dict[str, Self]:
        """The recipes of the page → the parameters with that recipe alone."""
        return {name: self.model_copy(update={"recipe": name, "recipes": []}) for name in self.shown}

    @property
    def label(self) -> str:
        """Folder name below the dataset: keeps twin and real results, and profiles, apart."""
        origin = self.source if self.source in ("twin", "frozen") else "real"
        return f"{origin}-{self.profile}"

    @property
    def options(self) -> dict[str, str | bool]:
        """Options of the dataset's reader, such as another split; none but where a page asks for them."""
        return {}

    @property
    def chosen(self) -> Profile:
        """The profile, with the seeds, folds and repeats that were asked for in their place."""
        profile = PROFILES[self.profile]
        asked = {"seeds": tuple(self.seeds), "folds": self.folds, "repeats": self.repeats}
        return replace(profile, **{name: value for name, value in asked.items() if value})


class DatasetRequirements(Parameters):
    notebook: ClassVar[str] = "1_dataset_requirements"


class PreTraining(Parameters):
    notebook: ClassVar[str] = "2_pre_training"


class Models(Parameters):
    """What every notebook about trained models takes."""

    strategies: list[StrategyName] = []
    draws: int = Field(default=2000, ge=100, le=100_000)

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
        if not set(self.wanted) - {SUPERVISED, *BASELINES}:
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


class JudgedTwin(FineTuning):
    """The training of a twin at the size that can judge what is planted in it (``twins.planted``); no notebook's."""

    notebook: ClassVar[str] = "freeze"
    source: Literal["twin"] = "twin"
    recipe: Recipe = "tuned"
    profile: Literal["smoke", "quick", "paper"] = "paper"
    dial: Literal[planted.DIAL]

    @model_validator(mode="after")
    def _five_runs(self):
        folds = planted.TWINS[self.dataset].folds
        self.folds = folds if self.folds is None else self.folds
        self.seeds = self.seeds or ([1] if self.folds else list(range(1, planted.RUNS + 1)))
        return self

    @property
    def label(self) -> str:
        """Both positions of the dial have a folder of their own."""
        return f"{super().label}-{self.dial}"


#: Contracts of the five stages; ``book.pages.contracts`` adds those of other pages.
CONTRACTS = {
    c.notebook: c for c in (DatasetRequirements, PreTraining, FineTuning, RepresentationSimilarity, Evaluation)
}


def check(notebook: str | type[BaseModel], namespace: dict[str, Any]) -> Any:
    """Hand the variables of a notebook's parameters cell (``globals()``) to its contract; notebook: its name, or the
    contract itself.

    Call it before importing anything else: every public variable counts as a parameter.

    >>> check("2_pre_training", {"dataset": "mimic", "profil": "smoke"})
    Traceback (most recent call last):
    fairlib.study.parameters.ParameterError: 2_pre_training has no parameter 'profil'; did you mean 'profile'? ...
    """
    contract = CONTRACTS[notebook] if isinstance(notebook, str) else notebook
    notebook = contract.notebook
    own = {"In", "Out", "exit", "quit", "open", "get_ipython", "check"}  # what IPython and the calling cell put there
    given = {
        name: value
        for name, value in namespace.items()
        if not name.startswith("_") and name not in own and not isinstance(value, ModuleType)
    }
    known = list(contract.model_fields)
    for name in given:
        if name not in known:
            hint = _near(name, known, "did you mean {!r}?") or "leave it out."
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
        text += _near(first["input"], options, " (did you mean {!r}?)")
    return text
