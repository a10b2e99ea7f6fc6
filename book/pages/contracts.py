"""Contracts of the pages that are not a stage of one dataset: cards, twins, charts, and the pages across datasets."""

import shlex
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from fairlib import cards, twins
from fairlib.strategies import MitigationName, PretextName, RecipeName
from fairlib.study import parameters
from fairlib.study.model_inputs import BOTH, Inputs
from fairlib.study.parameters import CONTRIBUTED, FROZEN, OWN, ROOT, Contract, Evaluation, Models


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


class OfTwins(BaseModel):
    """A page over several twins."""

    model_config = ConfigDict(extra="forbid", strict=True)
    notebook: ClassVar[str]

    def command(self) -> str:
        """The papermill command that repeats this page."""
        parts = [f"papermill notebooks/{self.notebook}.ipynb out.ipynb"]
        given = self.model_dump(exclude_defaults=True)
        parts += [
            f"-p {name} {shlex.quote(str(value))}" for name, value in given.items() if not isinstance(value, list)
        ]
        lists = {name: value for name, value in given.items() if isinstance(value, list)}
        text = yaml.safe_dump(lists, default_flow_style=True, width=10_000).strip()
        return " ".join([*parts, *[f'-y "{text}"'] * bool(lists)])


class Dial(OfTwins):
    """The page on which a reader turns a knob of a twin."""

    notebook: ClassVar[str] = "dial"

    datasets: list[str] = []
    draws: int = Field(default=60_000, ge=5_000, le=10_000_000)
    windows: list[Annotated[int, Field(ge=200, le=100_000)]] = Field(default=[300, 4000])

    @property
    def chosen(self) -> tuple[str, ...]:
        """The twins asked for, or all."""
        return tuple(dict.fromkeys(self.datasets)) or tuple(twins.known())

    @field_validator("datasets")
    @classmethod
    def _twins_exist(cls, datasets: list[str]) -> list[str]:
        if lost := [name for name in datasets if name not in twins.known()]:
            raise ValueError(
                f"datasets: there is no twin of {lost[0]!r}; there are twins of {', '.join(twins.known())}"
            )
        return datasets

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


class Planted(OfTwins):
    """The page over all twins: what was planted in them and what is found in the scores that are kept of them."""

    notebook: ClassVar[str] = "planted"

    kept: str = ""
    draws: int = Field(default=1000, ge=100, le=100_000)
    cohorts: int = Field(default=100, ge=10, le=10_000)

    @property
    def folder(self) -> Path:
        """Where a twin has a folder ``<dataset>-<dial>``, as ``fairlib.study freeze --dial`` writes it."""
        return Path(self.kept) if self.kept else FROZEN / "twins"


class PretrainingPeople(Planted):
    """The page on who is in the pre-training: it reads frozen results, of real data and of twins."""

    notebook: ClassVar[str] = "pretraining_people"

    @property
    def folder(self) -> Path:
        """Where a dataset has a folder, and ``twins`` has one per twin and position of its dial."""
        return Path(self.kept) if self.kept else FROZEN


class Case(BaseModel):
    """One line of ``notebooks/study.yaml``: where a dataset's results come from."""

    model_config = ConfigDict(extra="forbid", strict=True)

    source: str = "twin"
    profile: Literal["smoke", "quick", "paper"] = "quick"
    recipes: list[RecipeName] = ["paper_text"]
    pretext: PretextName = "simclr"
    pretrain_on: str = "all"
    inputs: Inputs = BOTH
    seeds: list[int] = []
    folds: int | None = None
    repeats: int | None = None
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
        frozen = case.source == "frozen"  # in the folds, and of the seeds, with which they were made
        seeds = [] if frozen or case.repeats else case.seeds
        dealt = set() if frozen else {"folds", "repeats"}
        own = case.model_dump(include={"source", "profile", "mitigations", "pretext", "pretrain_on", "inputs"} | dealt)
        given = {"dataset": dataset, "recipe": recipe, "seeds": seeds, "draws": self.draws, **own}
        return parameters.check("5_evaluation", given | {"results_dir": self.results_dir, "threads": self.threads})

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


class Answer(Synthesis):
    """The page behind the front page: every model and every specification of the real data."""

    notebook: ClassVar[str] = "answer"

    draws: int = Field(default=2000, ge=100, le=100_000)


class ContributedCase(BaseModel):
    """The page of one case that others contributed: it reads what ``python -m fairlib import`` kept."""

    model_config = ConfigDict(extra="forbid", strict=True)
    notebook: ClassVar[str] = "contributed"

    case: str = ""
    kept: str = ""

    @property
    def folder(self) -> Path:
        """Where contributed cases lie."""
        return Path(self.kept) if self.kept else CONTRIBUTED

    @model_validator(mode="after")
    def _case_is_there(self):
        known = sorted(path.name for path in self.folder.glob("[!.]*") if path.is_dir())
        if self.case and self.case not in known:
            raise ValueError(f"case {self.case!r} is not in {self.folder} ({', '.join(known) or 'none is kept'})")
        return self

    def command(self) -> str:
        """The papermill command that repeats this page."""
        kept = f" -p kept {shlex.quote(self.kept)}" if self.kept else ""
        return f"papermill notebooks/{self.notebook}.ipynb out.ipynb -p case {self.case}{kept}"


class PaperFigures(Synthesis):
    """The paper's figures, panel by panel, next to the same cases."""

    notebook: ClassVar[str] = "paper_figures"


class BesidePaper(parameters.Parameters):
    """Your run beside the paper: a dataset of the paper, read and trained as the release did."""

    notebook: ClassVar[str] = "beside_paper"

    dataset: Literal["mimic", "mesa", "globem"]
    source: str = "twin"
    recipe: parameters.Recipe = "paper_code"

    @property
    def options(self) -> dict[str, str | bool]:
        """The published arrays and split: MIMIC's lists are the official ones in any case."""
        return {"mesa": {"released": True}, "globem": {"split": "released"}}.get(self.dataset, {})

    @property
    def label(self) -> str:
        """Models of another split lie in a folder of their own."""
        return f"{super().label}{'-released' * bool(self.options)}"


def _study_cases() -> dict[str, Case]:
    text = (ROOT / "notebooks" / "study.yaml").read_text(encoding="utf-8")
    return {name: Case(**case) for name, case in yaml.safe_load(text)["cases"].items()}


_OTHERS = (DataCard, Twin, Dial, Planted, PretrainingPeople, Explorer, Synthesis, Answer, ReleaseAudit, PaperFigures)
_OTHERS += (BesidePaper, ContributedCase)
CONTRACTS = parameters.CONTRACTS | {contract.notebook: contract for contract in _OTHERS}


def check(notebook: str, namespace: dict[str, Any]) -> Any:
    """``fairlib.study.parameters.check`` for every notebook of the book."""
    return parameters.check(CONTRACTS[notebook], namespace)
