"""Frozen results of real runs, kept in the book."""

import json
import platform
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from .. import __version__
from ..measures import describe
from ..strategies import LABELLED, NAMED, NETWORKS
from .parameters import FROZEN, PROFILES
from .results import checksum, code_hash, replace_file
from .runs import EVALUATION, REPRESENTATION, Study

#: The models whose features are drawn in a plane; of the others that table is not frozen, as no page shows it.
SHOWN = ("supervised", NAMED)


@dataclass(frozen=True)
class Frozen:
    """Aggregated, gate-passed results of a real run, kept in the book; answers like ``Study``, but trains nothing."""

    folder: Path
    recipe_name: str

    @cached_property
    def manifest(self) -> dict:
        """What was run: recipe values, data fingerprint, code, versions, threshold and draws."""
        recipe = self.recipe_name.split("/")[0]
        return json.loads((self.folder / recipe / "manifest.json").read_text(encoding="utf-8"))

    @property
    def fingerprint(self) -> str:
        return self.manifest["data"]

    def seeds(self, strategy: str = "supervised") -> tuple[int, ...]:
        """Seeds with results."""
        found = (self.folder / self.recipe_name / strategy).glob("seed-*")
        return tuple(sorted(int(path.name.removeprefix("seed-")) for path in found))

    def has(self, strategy: str, seeds: tuple[int, ...]) -> bool:
        """Whether results of all these seeds were frozen."""
        return set(seeds) <= set(self.seeds(strategy))

    def trained(self, strategy: str, seed: int) -> bool:
        """Whether results of this model were frozen."""
        return self.has(strategy, (seed,))

    @property
    def label_sizes(self) -> tuple[int, ...]:
        """Numbers of labelled people a group with results."""
        found = (self.folder / self.recipe_name).glob("labels-*")
        return tuple(sorted(int(path.name.removeprefix("labels-")) for path in found))

    def with_labels(self, people: int) -> "Frozen":
        """The results with so many labelled people a group."""
        return replace(self, recipe_name=f"{self.recipe_name.split('/')[0]}/labels-{people}")

    def cohort_tables(self) -> dict[str, pd.DataFrame]:
        return {path.stem: pd.read_parquet(path) for path in sorted((self.folder / "cohort").glob("*.parquet"))}

    def losses(self, seed: int) -> np.ndarray:
        return self._table("pretraining", seed, "losses")["loss"].to_numpy()

    def evaluation(self, strategy: str, seed: int, threshold: float, draws: int) -> dict[str, pd.DataFrame]:
        """Tables of one model: ``metrics``, and the others unless it has none or was frozen before they existed."""
        if threshold != self.manifest["threshold"]:
            raise ValueError(
                f"frozen results hold the threshold {self.manifest['threshold']} only; another one ({threshold}) needs"
                " the predictions: give source=FOLDER with the official files"
            )
        folder = self.folder / self.recipe_name / strategy / f"seed-{seed}"
        kept = [name for name in EVALUATION if name == "metrics" or (folder / f"{name}.parquet").exists()]
        return {name: self._table(strategy, seed, name) for name in kept}

    def similarity(self, strategy: str, seed: int) -> pd.DataFrame:
        return self._table(strategy, seed, "cka")

    # Not every table is kept of every model, and earlier versions kept fewer: None where it is missing.

    def similarity_draws(self, strategy: str, seed: int) -> pd.DataFrame | None:
        return self._table_if(strategy, seed, "cka_draws")

    def similarity_released(self, strategy: str, seed: int) -> pd.DataFrame | None:
        return self._table_if(strategy, seed, "cka_released")

    def between_seeds(self, strategy: str, seeds: tuple[int, ...]) -> pd.DataFrame | None:
        tables = [self._table_if(strategy, seed, "cka_between") for seed in seeds[1:]]
        kept = [table for table in tables if table is not None]
        return pd.concat(kept, ignore_index=True) if kept else None

    def representation(self, strategy: str, seed: int) -> dict[str, pd.DataFrame] | None:
        tables = {name: self._table_if(strategy, seed, name) for name in REPRESENTATION}
        return None if any(table is None for table in tables.values()) else tables

    def embedding(self, strategy: str, seed: int) -> pd.DataFrame | None:
        return self._table_if(strategy, seed, "embedding")

    def _table_if(self, name: str, seed: int, table: str) -> pd.DataFrame | None:
        path = self.folder / self.recipe_name / name / f"seed-{seed}" / f"{table}.parquet"
        return pd.read_parquet(path) if path.exists() else None

    def _table(self, name: str, seed: int, table: str) -> pd.DataFrame:
        return pd.read_parquet(self.folder / self.recipe_name / name / f"seed-{seed}" / f"{table}.parquet")


def freeze(
    study: Study,
    dataset: str,
    strategies: tuple[str, ...],
    seed: int,
    profile: str,
    folder: Path = FROZEN,
    people: tuple[int, ...] = (),
) -> Path:
    """Keep the aggregated results of one seed of a real run in the book: no row, no weight, no prediction.

    people: numbers of labelled people a group for data efficiency.

    Refuses restricted data, whose results stay in the enclave, and twins, which are made again in a minute.
    """
    rule = describe.access(study.cohort)
    if rule != "open":
        raise PermissionError(f"{dataset}: only results of open data are kept in the book, this data is {rule}")
    target, draws = folder / dataset / study.recipe.name, PROFILES[profile].draws
    for name, table in study.cohort_tables().items():
        replace_file(
            folder / dataset / "cohort" / f"{name}.parquet", lambda path, t=table: t.to_parquet(path, index=False)
        )
    tables = {("pretraining", "losses"): pd.DataFrame({"loss": study.losses(seed)})}
    for strategy in strategies:
        for name, table in study.evaluation(strategy, seed, 0.5, draws).items():
            tables[strategy, name] = table
        if strategy in NETWORKS and strategy != "supervised":
            tables[strategy, "cka"] = study.similarity(strategy, seed)
        if strategy == NAMED:
            tables[strategy, "cka_draws"] = study.similarity_draws(strategy, seed)
            tables[strategy, "cka_released"] = study.similarity_released(strategy, seed)
        if strategy in SHOWN:
            tables[strategy, "embedding"] = study.embedding(strategy, seed)
        if strategy in NETWORKS:
            tables |= {(strategy, name): table for name, table in study.representation(strategy, seed).items()}
            before = [s for s in Frozen(folder / dataset, study.recipe.name).seeds(strategy) if s < seed]
            if before and study.trained(strategy, before[-1]):
                tables[strategy, "cka_between"] = study.between_seeds(strategy, (before[-1], seed))
    for n in people:
        few = study.with_labels(n)
        for strategy in LABELLED:
            found = few.evaluation(strategy, seed, 0.5, draws)
            tables[f"labels-{n}/{strategy}", "metrics"] = found["metrics"]
    for (strategy, name), table in tables.items():
        path = target / strategy / f"seed-{seed}" / f"{name}.parquet"
        write = _compact(table).to_parquet
        replace_file(path, lambda p, w=write: w(p, index=False, compression="zstd", use_dictionary=False))
    manifest = {
        "dataset": dataset,
        "origin": study.cohort.origin,
        "access": rule,
        "profile": profile,
        "recipe": study.recipe.as_dict(),
        "data": study.fingerprint,
        "code": code_hash(),
        "version": __version__,
        "threshold": 0.5,
        "draws": draws,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
    }
    kept = sorted(path for path in (*target.rglob("*.parquet"), *(folder / dataset / "cohort").glob("*.parquet")))
    manifest["files"] = {path.relative_to(folder / dataset).as_posix(): checksum(path) for path in kept}
    replace_file(target / "manifest.json", lambda path: path.write_text(json.dumps(manifest, indent=1, sort_keys=True)))
    return target


def _compact(table: pd.DataFrame) -> pd.DataFrame:
    """Lists of draws (float32) rounded to 13 bits, within 1 in 8,000: far below their noise, and half the file."""
    lists = [name for name in table if len(table) and isinstance(table[name].iloc[0], np.ndarray)]
    return table.assign(**{name: [_rounded(values) for values in table[name]] for name in lists})


def _rounded(values: np.ndarray) -> np.ndarray:
    mantissa, exponent = np.frexp(values)
    return np.ldexp(np.round(mantissa * 2**13), exponent - 13).astype(np.float32)
