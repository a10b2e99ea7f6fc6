"""Twins: synthetic people, written as the official raw files of a dataset, for the same reader as real ones.

Each module has ``write(path, spec=None, seed=0) -> Path`` and a ``TwinSpec`` with its knobs; ``people`` is the
generative model that they share. A twin shows that the study runs, and what it can detect; it is no evidence about
real people.
"""

import importlib
from pathlib import Path

from .people import Spec, SpecError

TWINS = ("mimic", "challenge2012", "mesa", "globem")


def write(dataset: str, path: Path | str, spec: Spec | dict | Path | None = None, seed: int = 0) -> Path:
    """Write the twin of a dataset by its name; a ``spec`` may be partial (a dict or a YAML file)."""
    if dataset not in TWINS:
        raise SpecError(f"no twin for dataset {dataset!r}; there are twins for {', '.join(TWINS)}")
    return importlib.import_module(f"{__name__}.{dataset}").write(path, spec, seed)
