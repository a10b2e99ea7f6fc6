"""Twins: synthetic people, written as the official raw files of a dataset, for the same reader as real ones.

Each module has ``write(path, spec=None, seed=0) -> Path`` (``folder.write`` of its dataset) and a ``TwinSpec`` with its
knobs; ``people`` is the generative model that they share. A twin shows that the study runs, and what it can detect; it
is no evidence about real people.
"""

import functools
import importlib
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd

from .. import cards
from . import people
from .people import Spec, SpecError


def known() -> list[str]:
    """The official datasets that have a twin: a module here is named after their card."""
    return [name for name in cards.all() if find_spec(f"{__name__}.{name}")]


def write(dataset: str, path: Path | str, spec: Spec | dict | Path | None = None, seed: int = 0, **options) -> Path:
    """Write the twin of a dataset by its name; a ``spec`` may be partial (a dict or a YAML file).

    options: of ``folder.write``.
    """
    return module(dataset).write(path, spec, seed, **options)


def load_spec(dataset: str, spec: Spec | dict | Path | str | None = None) -> Spec:
    """The spec of a dataset's twin: its defaults, or with what a dict or a YAML file changes.

    Raises ``SpecError`` for knobs, attributes and segments that it does not have, with the nearest that it has.
    """
    spec = people.load(module(dataset).TwinSpec, spec)
    people.check(spec, attributes(dataset))
    return spec


def attributes(dataset: str) -> dict[str, list[str]]:
    """The attributes of a dataset that its twin has, in the order of the card: name → segments."""
    made = module(dataset).tables()
    return {name: facts.segments for name, facts in cards.load(dataset).attributes.items() if name in made}


def sized(dataset: str, windows: int | None, each: int) -> dict:
    """The spec of a twin for a study of about ``windows`` windows; None: a twin of the original's size.

    each: about how many windows the study takes of a participant, where it has to leave some out.
    """
    wanted = windows or cards.load(dataset).expected["total"]
    own = getattr(module(dataset), "sized", None)
    return own(wanted, each) if own else {"windows": wanted}


def module(dataset: str) -> ModuleType:
    """The module of a dataset's twin.

    It has ``TwinSpec``, ``PUBLISHED`` and ``files`` for ``folder.write``, ``tables`` and ``rates`` for ``population``,
    ``fresh`` and ``SCORER`` for ``truth``, ``TURNED`` for the dial, and perhaps its own ``sized``.
    """
    if dataset not in known():
        raise SpecError(f"no twin for dataset {dataset!r}; there are twins for {', '.join(known())}")
    return importlib.import_module(f"{__name__}.{dataset}")


def population(dataset: str, spec: Spec, n: int, rng: np.random.Generator) -> pd.DataFrame:
    """n people of a twin's population, as ``people.draw`` gives them."""
    return people.draw(*_cells(dataset, spec.severity, spec.prevalence), spec, n, rng)


@functools.lru_cache(maxsize=64)
def _cells(dataset: str, severity: float, prevalence: float) -> tuple[pd.DataFrame, np.ndarray]:
    """Combinations of segments and their log odds of the outcome: the same for every cohort of such a spec."""
    twin = module(dataset)
    cells = people.population(twin.tables())
    return cells, people.outcome_log_odds(cells, *twin.rates(), severity, prevalence)
