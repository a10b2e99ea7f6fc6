"""Where a study's evidence comes from: a synthetic twin, the official files, or the frozen results of a real run."""

import json
import platform
import shutil
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from . import __version__, cards, evidence, readers
from .cohort import Cohort
from .cohort_files import load_cohort, save_cohort
from .parameters import FROZEN, PROFILES, Parameters
from .precision import usable
from .recipes import RECIPES
from .results import SOURCES, checksum, code_hash, fresh, key_hash, replace_file, seal, writing
from .study import EVALUATION, LABELLED, NAMED, NETWORKS, REPRESENTATION, Study

IDENTIFIERS = "identifiers.txt"
#: The models whose features are drawn in a plane; of the others that table is not frozen, as no page shows it.
SHOWN = ("supervised", NAMED)


def open_study(p: Parameters) -> "Study | Frozen":
    """The study that a notebook's parameters ask for: data read, models found or made when first needed."""
    torch.set_num_threads(p.threads)
    if p.source == "frozen":
        return Frozen(FROZEN / p.dataset, p.recipe)
    folder = Path(p.results_dir) / p.dataset / p.label
    device = _device(p.device)
    recipe = replace(RECIPES[p.recipe].scaled(p.chosen.steps), precision=usable(p.precision, device))
    cohort = _read(p, folder)
    if cohort.origin == "real":
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o700)  # models and predictions of real people are for the eyes of whoever trains them
            # For the gate, which searches the pages for them; never leaves the results folder.
            known = "\n".join(map(str, np.unique(cohort.person)))
            replace_file(folder / IDENTIFIERS, lambda path: path.write_text(known + "\n"))
            (folder / IDENTIFIERS).chmod(0o600)
    return Study(cohort, recipe, folder, device, permutations=p.chosen.draws - 1)


def _read(p: Parameters, folder: Path) -> Cohort:
    if p.source != "twin":
        cohort = readers.read(p.dataset, Path(p.source).expanduser())
        return _thinned(cohort, p)
    from . import twins

    data, kept, chosen = folder / "data", folder / "cohort", p.chosen
    facts = {path.name: checksum(path) for path in sorted(Path(__file__).parent.rglob("*.json"))}  # channels, counts
    key = {"spec": twins.sized(p.dataset, chosen.windows, chosen.each), "seed": 0, "facts": key_hash(facts)}
    read = key | {"windows": chosen.windows, "each": chosen.each, "code": key_hash(SOURCES)}
    read |= {"card": key_hash(cards.load(p.dataset).model_dump(mode="json"))}
    key |= {"code": code_hash("twins")}
    if not fresh(data, key):  # damaged files are mended, also those that nobody reads
        with writing(folder):
            shutil.rmtree(data, ignore_errors=True)
            twins.write(p.dataset, data, key["spec"], seed=0)
            seal(data, key)
    if fresh(kept, read):
        return load_cohort(kept)
    cohort = _thinned(readers.read(p.dataset, data), p)
    if chosen.windows:  # one of the original's size fills the disk twice, and is read by long jobs only
        save_cohort(kept, read, cohort)
    return cohort


def _thinned(cohort: Cohort, p: Parameters) -> Cohort:
    return cohort if p.chosen.windows is None else thin(cohort, p.chosen.windows, p.chosen.each)


def thin(cohort: Cohort, windows: int, each: int = 12) -> Cohort:
    """About ``windows`` windows of a cohort for a quick look, of as many people as possible, both outcomes in a split.

    First about ``each`` windows a participant, evenly spaced: neighbours tell little more, and people are the sample
    size. If that is still too many (by more than a tenth), the first participants of each split, with all that is left.
    """
    people = pd.DataFrame({"person": cohort.person, "y": cohort.y, "split": cohort.split})
    if len(people) <= 1.1 * windows:
        return cohort
    step = max(1, round(len(people) / people["person"].nunique() / each))
    order = people.groupby("person").cumcount()
    start = people.groupby("person")["y"].transform("size").sub(1).clip(upper=step // 2)
    people = people[order % step == start % step]
    note = f"one window in {step} of each participant" if step > 1 else ""
    share = windows / len(people)
    if share < 1 / 1.1:
        groups = people.groupby("person").agg({"y": "max", "split": "first"}).groupby(["split", "y"])
        kept = np.concatenate([part.index[: max(4, round(share * len(part)))] for _, part in groups])
        people = people[people["person"].isin(kept)]
        note += "; " * bool(note) + "first people of each split"
    rows = people.index.to_numpy()
    return cohort.part(rows, cohort.x[rows], ("thinned for this profile", note))


def _device(wanted: str) -> str:
    if wanted != "auto":
        return wanted
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


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
    rule = evidence.access(study.cohort)
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
