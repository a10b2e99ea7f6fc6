"""Readers: the official files of a dataset → ``Cohort``. They know file formats and nothing of models.

Each module has ``read(path, **options) -> Cohort``. Nothing is dropped in silence: what a reader leaves out is counted
in ``Cohort.attrition``.
"""

import importlib
from pathlib import Path

from ..cohort import Cohort, CohortError

DATASETS = ("challenge2012", "mimic")


def read(dataset: str, path: Path, **options) -> Cohort:
    """Read the official files of a dataset by its name."""
    if dataset not in DATASETS:
        raise CohortError(f"no reader for dataset {dataset!r}; there are readers for {', '.join(DATASETS)}")
    return importlib.import_module(f"{__name__}.{dataset}").read(path, **options)
