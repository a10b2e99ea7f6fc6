"""Readers: the official files of a dataset → ``Cohort``. They know file formats and nothing of models.

Each module named as a data card has ``read(path, **options) -> Cohort`` for that dataset's files. Nothing is dropped in
silence: what a reader leaves out is counted in ``Cohort.attrition``.
"""

import importlib
from importlib.util import find_spec
from pathlib import Path

import pandas as pd

from .. import cards
from ..cohort import Cohort, CohortError
from .recognise import OWN, hint
from .yaib_layout import LAYOUT


def read(dataset: str, path: Path | str, **options) -> Cohort:
    """Read the files of an official dataset by its name; any other name: a folder that brings its own ``card.yaml``.

    A dataset that no module is named after lies in three tables, as data of one's own does (``table``).
    """
    card = cards.all().get(dataset)
    if not card and not cards.has_own(path):
        raise CohortError(
            f"no reader for dataset {dataset!r}; there are readers for {', '.join(cards.all())}, and any folder with a"
            f" {cards.CARD} can be read"
        )
    if other := hint(path, dataset if card else OWN):
        raise CohortError(f"{path} holds no files of {dataset}{other}")
    if card and find_spec(f"{__name__}.{dataset}"):
        return importlib.import_module(f"{__name__}.{dataset}").read(path, **options)
    return own(path, card, **options)


def own(path: Path | str, card: cards.Card | None = None, **options) -> Cohort:
    """Read a folder that brings its own card: a cohort of YAIB where a ``yaib.yaml`` says so, else three tables."""
    name = "yaib" if cards.has_own(path) and (Path(path) / LAYOUT).is_file() else OWN
    return importlib.import_module(f"{__name__}.{name}").read(path, card=card, **options)


def finer(dataset: str, path: Path | str) -> pd.DataFrame:
    """Attributes in finer bands than on the card, by person, where a reader knows them; else no column."""
    module = find_spec(f"{__name__}.{dataset}") and importlib.import_module(f"{__name__}.{dataset}")
    return module.finer(path) if hasattr(module, "finer") else pd.DataFrame()
