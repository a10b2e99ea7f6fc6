"""Frozen results of real runs, kept in the book: one Parquet a table and dataset, and a manifest of what was run."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from .. import cards
from ..measures.scored import pooled
from ..strategies import POST_PROCESSED, SUPERVISED
from . import model_inputs, pretraining_people
from .results import MANIFEST, checksum, replace_file
from .tables import FOLD, MODEL, TABLES

#: What tells the models in a table apart, in this order; ``labels``: labelled people a group, 0 where all have labels.
KEYS = ["recipe", "strategy", "seed", "labels"]
#: The same of cross-fitted models: ``seed`` is the repeat. Those of ``SPECIAL`` follow where a model needs them.
FOLD_KEYS = ["recipe", "pretext", "strategy", "seed", "fold", "labels"]
#: What most models share, so that a column says it only where one of them differs; and what it is then for the others.
SPECIAL = {pretraining_people.KEY: pretraining_people.EVERYONE, model_inputs.KEY: model_inputs.BOTH}
#: The pretext unless another is named.
USUAL = "simclr"

#: In the table of who is tested: whether the settings of ``tuned`` were chosen by these people.
JUDGED_BY = "chose settings"
#: Tables that out-of-fold scores are made of.
SCORES = ("tested", "scores", "cuts")


class FrozenError(OSError):
    """A frozen file is missing or damaged; the message says which, and what to do."""


@dataclass(frozen=True)
class Frozen:
    """Aggregated, gate-passed results of a real run; answers like ``Study``, but trains nothing.

    folder: ``book/frozen/<dataset>``; draws: bootstrap draws of people, at most as many as when it was made.
    """

    folder: Path
    recipe: str
    pretext: str = USUAL
    pretrain_on: str = SPECIAL[pretraining_people.KEY]
    draws: int | None = None
    inputs: str = SPECIAL[model_inputs.KEY]

    @property
    def manifest(self) -> dict:
        """What was run: recipe values, networks, data fingerprint, code, versions, threshold and draws."""
        return manifest(self.folder)["recipes"][entry(self.recipe, self.pretext, self.pretrain_on, self.inputs)]

    def groups(self) -> None:
        """Frozen results do not say which groups mitigations looked after."""

    def people(self) -> pd.DataFrame:
        """Who was scored, with random numbers for people; never shown."""
        return self.table("tested")

    def seeds(self, strategy: str = SUPERVISED, labels: int | None = None) -> tuple[int, ...]:
        """Seeds with results."""
        return tuple(self.manifest["kept"].get(str(labels or 0), {}).get(strategy, ()))

    @property
    def label_sizes(self) -> tuple[int, ...]:
        """Numbers of labelled people a group with results."""
        return tuple(sorted(int(size) for size in self.manifest["kept"] if size != "0"))

    def has(self, strategy: str, seeds: tuple[int, ...], labels: int | None = None) -> bool:
        """Whether results of all these seeds were frozen."""
        return set(seeds) <= set(self.seeds(strategy, labels))

    def trained(self, strategy: str, seed: int, labels: int | None = None) -> bool:
        """Whether results of this model were frozen."""
        return self.has(strategy, (seed,), labels)

    def table(self, name: str, strategy: str = "", seed: int = 0, labels: int | None = None) -> pd.DataFrame:
        """A table by its name in ``tables.TABLES``; empty where this model has none. Raises ``FrozenError``.

        Of a cross-fitted study, what is said of a model is computed from its out-of-fold scores.
        """
        if "folds" in self.manifest and TABLES[name].of == MODEL:
            return self._pooled(name, strategy, seed, labels).copy()
        table = _read(self.folder, name, self.recipe)
        if "strategy" not in table:
            return table.copy()
        strategy = strategy or "pretraining"
        chosen = (table["strategy"] == strategy) & (table["seed"] == seed) & (table["labels"] == (labels or 0))
        chosen &= table["pretext"] == self.pretext if "pretext" in table else True
        for key, usual in SPECIAL.items():
            chosen &= table.get(key, usual) == getattr(self, key)
        own = KEYS if TABLES[name].of == FOLD else [*KEYS, "fold"]
        keys = [key for key in (*own, "pretext", *SPECIAL) if key in table]
        return table[chosen].drop(columns=keys).reset_index(drop=True)

    @cache  # noqa: B019 (one object a page)
    def _pooled(self, name: str, strategy: str, seed: int, labels: int | None) -> pd.DataFrame:
        made, card, found = self.manifest, cards.load(self.folder.name), self.table("scores", strategy, seed, labels)
        if found.empty or strategy not in TABLES[name].models:
            return pd.DataFrame()
        draws = min(made["draws"], self.draws or made["draws"])
        settings = (made["origin"], made["threshold"], draws, strategy == POST_PROCESSED)
        return TABLES[name].make(pooled(self.table("tested"), found, card, *settings))


def entry(recipe: str, pretext: str, pretrain_on: str = Frozen.pretrain_on, inputs: str = Frozen.inputs) -> str:
    """The name of a recipe with a pretext, some channels and some people in the manifest, as ``Study.entry`` says
    it."""
    recipe = recipe if pretext == USUAL else f"{recipe}-{pretext}"
    return pretraining_people.named(model_inputs.named(recipe, inputs), pretrain_on)


def manifest(folder: Path) -> dict:
    """The manifest of the frozen results of a dataset."""
    try:
        return json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise FrozenError(f"{folder / MANIFEST} cannot be read ({error}); {_remedy(folder)}") from error


def _remedy(path: Path) -> str:
    return f"bring it back: git checkout -- {path}"


@cache
def _read(folder: Path, name: str, recipe: str) -> pd.DataFrame:
    """A table, the rows of one recipe; its checksum is that of the manifest."""
    path, file = folder / f"{name}.parquet", f"{name}.parquet"
    wanted = manifest(folder)["files"].get(file)
    if wanted is None:
        raise FrozenError(f"{folder} holds no table {name!r}; its manifest lists those that were frozen")
    if not path.is_file():
        raise FrozenError(f"{path} is missing; {_remedy(path)}")
    if checksum(path) != wanted:
        raise FrozenError(f"{path} is damaged: its checksum is not that of the manifest; {_remedy(path)}")
    table = pd.read_parquet(path)
    return table[table["recipe"] == recipe].reset_index(drop=True) if "recipe" in table else table


def manifest_changed() -> None:
    """Forget tables that were read, or computed, before they were packed anew."""
    _read.cache_clear()
    Frozen._pooled.cache_clear()


def keyed(table: pd.DataFrame, keys: list[str], values: tuple) -> pd.DataFrame:
    """A table with the columns that tell models apart, in front."""
    own = table.drop(columns=[name for name in keys if name in table])
    return pd.concat([pd.DataFrame(dict(zip(keys, values, strict=True)), index=table.index), compact(own)], axis=1)


def write(frame: pd.DataFrame, path: Path) -> str:
    """Write a frozen table; returns its checksum."""
    replace_file(path, lambda target: frame.to_parquet(target, index=False, compression="zstd", compression_level=9))
    return checksum(path)


def compact(table: pd.DataFrame) -> pd.DataFrame:
    """Lists of draws (float32) rounded to 13 bits, within 1 in 8,000: far below their noise, and half the file."""
    lists = [name for name in table if len(table) and isinstance(table[name].iloc[0], np.ndarray)]
    return table.assign(**{name: [_rounded(values) for values in table[name]] for name in lists})


def _rounded(values: np.ndarray) -> np.ndarray:
    if values.dtype.kind != "f":
        return values
    mantissa, exponent = np.frexp(values)
    return np.ldexp(np.round(mantissa * 2**13), exponent - 13).astype(np.float32)
