"""The confirmation: the primary pair and the controls, trained anew on all development people, every run tested on all
sealed people, whom no choice of the study has seen. ``book/protocol.md`` says what is computed.

Seed and validation eighth vary together over the runs; people are bootstrapped, runs are a random effect. One record is
kept per confirmation, and none is ever replaced.
"""

import importlib.metadata
import json
import platform
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from .. import readers
from ..cohort import Cohort
from ..folds import Folds
from ..measures.estimands import differences, levels, numbers
from ..measures.evidence import Evidence
from ..measures.margins import Margins
from ..measures.operating import PRIMARY as POINT
from ..measures.operating import SECONDARY
from ..measures.outoffold import OutOfFold
from ..measures.verdicts import secondary, verdicts
from ..recipes import TUNED_BY
from ..strategies import NAMED_RECIPE as RECIPE
from ..strategies import PRIMARY, SUPERVISED, UNTESTED
from .expected import core_minutes
from .parameters import FROZEN, FineTuning
from .results import closure_hash
from .sources import study_of, thin

#: Dataset → what its reader is told to read the sealed people; unasked it reads the development people.
SEALED = {"challenge2012": {"sets": ("c",)}, "challenge2019": {"sets": ("B",)}}
MODELS = (SUPERVISED, PRIMARY, *UNTESTED)
#: Of the protocol. It fixes signs of +1 for both attributes and the margins, which are the defaults of ``Margins``.
RUNS, DRAWS = 20, 2000
KEPT = FROZEN / "confirm"
#: Whose code decides a trained model, and whose the numbers.
CODE = ("fairlib.pretraining", "fairlib.finetuning", "fairlib.baselines", "fairlib.folds", "fairlib.measures.verdicts")
LIBRARIES = ("numpy", "pandas", "scipy", "scikit-learn", "torch")


@dataclass(frozen=True)
class Confirmation:
    """Development people, who train and validate, and sealed people, who are tested."""

    development: Cohort
    sealed: Cohort

    @cached_property
    def together(self) -> Cohort:
        """Everybody, the development people first, split as in run 1."""
        both = (self.development, self.sealed)
        fields = {name: np.concatenate([getattr(one, name) for one in both]) for name in ("x", "y", "person")}
        if all(one.measured is not None for one in both):
            fields["measured"] = np.concatenate([one.measured for one in both])
        for name in ("attributes", "attrition"):
            fields[name] = pd.concat([getattr(one, name) for one in both], ignore_index=True)
        split, sealed = self.split(1), self.sealed.sealed
        return replace(self.development, split=split, sealed=sealed, number=None, **fields)

    def split(self, run: int) -> np.ndarray:
        """(n,) "train" or, for an eighth of the development people, another in each run, "val"; the sealed "test"."""
        nobody = 1  # of one fold, numbered 0: all development people train or validate
        own = self._dealing.split(run, nobody)
        return np.concatenate([own, np.full(len(self.sealed), "test", dtype=own.dtype)])

    def of_run(self, run: int) -> Cohort:
        """Everybody, imputed and scaled with the training people of a run (from 1)."""
        return self.together.dealt(self.split(run))

    @cached_property
    def _dealing(self) -> Folds:
        return Folds(self.development, 1)


def opened(p: FineTuning) -> Confirmation:
    """Both parts of the dataset in ``p.source``. Raises ``ValueError`` for a dataset without sealed people."""
    if p.dataset not in SEALED:
        raise ValueError(f"{p.dataset} has no sealed part; there is one of {', '.join(SEALED)}")
    read = (readers.read(p.dataset, Path(p.source).expanduser(), **of) for of in ({}, SEALED[p.dataset]))
    return Confirmation(*(thin(cohort, p.chosen.windows, p.chosen.each) for cohort in read))


def announced(p: FineTuning, both: Confirmation, study, runs: int, folder: Path = KEPT) -> str:
    """What is about to happen, and what it costs, in words."""
    windows = int((both.split(1) == "train").sum())
    minutes = core_minutes(windows, both.sealed.x.shape[1:], study.recipe, MODELS, runs)
    known, people = len([*folder.glob(f"{p.dataset}-*.json")]), len(np.unique(both.sealed.person))
    what = f"{', '.join(both.sealed.sealed)} of {p.dataset}, {people:,} people"
    return (
        f"This looks at the sealed {what}, whom no choice of the study has seen. The look is spent when it ends: what"
        f" you choose afterwards cannot be confirmed by them again. {folder} holds {known} earlier record(s); this one"
        f" is added.\n{runs} runs × {len(MODELS)} models: about {max(1, round(minutes)):,} core-minutes for the"
        f" networks on this machine, less what an interrupted run left in {study.results}; controls and the bootstrap"
        " come on top. Stopped before the end, it has shown nothing."
    )


def scored(both: Confirmation, study, runs: int) -> Iterator[dict[str, np.ndarray]]:
    """Run by run, scores of the sealed windows by each model; trained where they are not found in the results."""
    for run in range(1, runs + 1):
        own = replace(study, cohort=both.of_run(run), runs=(run,), _kept={})
        tested = own.cohort.rows("test")
        yield {model: own.scores(model, run)[tested] for model in MODELS}


def out_of_fold(sealed: Cohort, runs: list[dict[str, np.ndarray]]) -> OutOfFold:
    """Each run as a repeat that tests everybody in its fold 0."""
    person = np.unique(sealed.person, return_inverse=True)[1]
    fold = np.zeros((len(runs), len(sealed)), dtype=np.int16)
    scores = {model: np.stack([run[model] for run in runs]) for model in runs[0]}
    return OutOfFold(sealed.y, person, sealed.attributes, sealed.card, fold, scores)


def found(of: OutOfFold, draws: int = DRAWS) -> dict[str, pd.DataFrame]:
    """The protocol's tables: verdicts, secondary, differences of the primary pair, numbers and levels of all models."""
    evidence, points = Evidence(of, draws), [POINT, *SECONDARY]
    table = differences(evidence, PRIMARY, SUPERVISED)
    return {
        "verdicts": verdicts(table),
        "secondary": secondary(table),
        "differences": table,
        "numbers": numbers(evidence, list(of.score), points),
        "levels": levels(evidence, list(of.score), points, draws - 1),
    }


def record(
    p: FineTuning, both: Confirmation, study, runs: int, tables: dict[str, pd.DataFrame], seconds: float
) -> dict:
    """Everything that is kept: what was done, with what, and the tables (null: undefined or infinite)."""
    parts = {"development": both.development, "sealed": both.sealed}
    return {
        "dataset": p.dataset,
        "uses": [f"the sealed {name}" for name in both.sealed.sealed],
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "for_tests_only": p.profile != "paper" or runs != RUNS or study.cohort.origin == "twin",
        "runs": runs,
        "draws": study.draws,
        "margins": vars(Margins()),
        "recipe_from": TUNED_BY,
        "made": study.manifest,
        "data": {name: part.fingerprint() for name, part in parts.items()},
        "people": {name: len(np.unique(part.person)) for name, part in parts.items()},
        "events": {name: int(part.y.sum()) for name, part in parts.items()},
        "code": {name: closure_hash(name) for name in CODE},
        "python": platform.python_version(),
        "libraries": {name: importlib.metadata.version(name) for name in LIBRARIES},
        "threads": p.threads,
        "seconds": round(seconds, 1),
    } | {name: json.loads(table.to_json(orient="records", double_precision=15)) for name, table in tables.items()}


def keep(made: dict, folder: Path = KEPT) -> Path:
    """Add a record beside those that are there; the path of its file."""
    folder.mkdir(parents=True, exist_ok=True)
    taken = [int(path.stem.rpartition("-")[2]) for path in folder.glob(f"{made['dataset']}-*.json")]
    path = folder / f"{made['dataset']}-{max(taken, default=0) + 1}.json"
    with path.open("x", encoding="utf-8") as file:  # refuses one that is there
        file.write(json.dumps(made, indent=1) + "\n")
    return path


def confirm(p: FineTuning, runs: int = RUNS, folder: Path = KEPT) -> Path:
    """Announce, train what is missing, test all sealed people, and keep a record; the path of its file.

    Raises ``ValueError`` where the settings of the protocol are not found yet, so that no look is spent on others.
    """
    start, both = time.perf_counter(), opened(p)
    if p.profile == "paper" and both.sealed.origin == "real" and TUNED_BY != "search":
        raise ValueError(f"the search of recipe {RECIPE} is not over; finish it first: python -m fairlib.study tune")
    study = study_of(p, both.together, Path(p.results_dir) / p.dataset / f"confirm-{p.profile}")
    study = replace(study, draws=DRAWS if p.profile == "paper" else study.draws)
    print(announced(p, both, study, runs, folder), flush=True)
    scores = []
    for run, own in enumerate(scored(both, study, runs), start=1):
        scores.append(own)
        print(f"run {run} of {runs} is trained", flush=True)
    tables = found(out_of_fold(both.sealed, scores), study.draws)
    path = keep(record(p, both, study, runs, tables, time.perf_counter() - start), folder)
    for row in tables["verdicts"].itertuples():
        print(f"{row.verdict}: {'yes' if row.holds else 'no'} [{row.low:.3f}, {row.high:.3f}]")
    return path
