"""Readers: the official files of a dataset → ``Cohort``. They know file formats and nothing of models.

Each module has ``read(path, **options) -> Cohort``. Nothing is dropped in silence: what a reader leaves out is counted
in ``Cohort.attrition``.
"""

import importlib
from pathlib import Path

from .. import cards
from ..cohort import Cohort, CohortError
from .recognise import hint

DATASETS = ("challenge2012", "mimic", "mesa", "globem")


def read(dataset: str, path: Path, **options) -> Cohort:
    """Read the official files of a dataset by its name; any other name: a folder that brings its own ``card.yaml``."""
    own = dataset not in DATASETS
    if own and not (Path(path) / cards.CARD).is_file():
        raise CohortError(
            f"no reader for dataset {dataset!r}; there are readers for {', '.join(DATASETS)}, and any folder with a"
            f" {cards.CARD} can be read"
        )
    if other := hint(path, "table" if own else dataset):
        raise CohortError(f"{path} holds no files of {dataset}{other}")
    return importlib.import_module(f"{__name__}.{'table' if own else dataset}").read(path, **options)
