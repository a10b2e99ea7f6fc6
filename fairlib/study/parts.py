"""Finished folds of a long computation: one file each, written once and committed as it comes, packed when all are
there. No weight, no embedding, no identifier is in it."""

import io
import json
import platform
import time
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from ..strategies import MODELS
from . import frozen, tables
from .frozen import FOLD_KEYS, SPECIAL, FrozenError, keyed
from .results import MANIFEST, closure_hash, key_hash, replace_file
from .tables import PRETRAINED, TABLES

if TYPE_CHECKING:
    from .crossfitted import CrossFitted

FOLDER, PEOPLE = "parts", "people.zip"
#: Whose code decides what a trained model is.
TRAINING = ("fairlib.pretraining", "fairlib.finetuning", "fairlib.baselines", "fairlib.folds")
#: What is looked at in the first fold of a repeat only: representations of several folds have no common scale.
FIRST = (tables.FEATURES, tables.FITTED, tables.PAIR, tables.RUNS)
#: Wherein all parts of a recipe agree, and how it is said of one that does not.
DIFFERS = {
    "trained_by": "by other code",
    "recipe": "with other settings",
    "data": "on other data",
    "folds": "in more or fewer folds",
}


def name(study: "CrossFitted", strategy: str, repeat: int, k: int, labels: int | None = None) -> str:
    """The file of one model and fold."""
    few = f"-labels-{labels}" if labels else ""
    return f"{study.study.entry}-{strategy}{few}-repeat-{repeat}-fold-{k + 1}.zip"


def missing(
    folder: Path, study: "CrossFitted", models: Iterable[str], labels: int | None = None
) -> list[tuple[int, int, str]]:
    """(repeat, fold, model) without a part; first folds first, which share more, then repeat by repeat.

    Raises ``FrozenError`` for a part of other data, settings or code: results of two versions are never mixed.
    """
    found = []
    for k, repeat in sorted(((k, r) for k in study.each for r in study.runs), key=lambda at: (at[0] > 0, at[1])):
        for model in models:
            path = folder / FOLDER / name(study, model, repeat, k, labels)
            if not path.exists():
                found.append((repeat, k, model))
            elif manifest(path)["model"] != _model(study, model, repeat, k, labels):
                raise FrozenError(
                    f"{path} was made by other code, settings or data than today's; go back to its code, or remove all"
                    f" parts of recipe {study.study.entry} and train them again"
                )
    return found


def write(
    folder: Path,
    study: "CrossFitted",
    strategy: str,
    repeat: int,
    k: int,
    labels: int | None = None,
    only: Iterable[str] = TABLES,
) -> Path:
    """Train one model of one fold where it is not found, and keep its tables: of one with few labels its scores.

    ``only`` these. Refuses all but open data and twins.
    """
    import torch  # here, so that pages on kept parts start without it

    made, start, content = _allowed(study).manifest, time.perf_counter(), {}
    some = {key: getattr(study.study, key) for key in SPECIAL if key in made}
    kinds = (tables.FOLD, *(FIRST if k == 0 else ()))
    wanted = [(name, strategy) for name, table in TABLES.items() if table.of in kinds and strategy in table.models]
    if labels:
        wanted = [("scores", strategy)]
    elif k == 0 and MODELS[strategy].pretrained:
        wanted += [(name, PRETRAINED) for name in tables.of(tables.PRETRAINING)]
    for table, model in (pair for pair in wanted if pair[0] in only):
        if TABLES[table].of == tables.RUNS:
            frame = study.table(table, model, repeat)
        else:
            frame = study.of_fold(table, model, repeat, k, labels)
        keys = (study.recipe.name, study.recipe.pretraining.pretext, model, repeat, k, labels or 0)
        content[table] = keyed(frame, [*FOLD_KEYS, *some], (*keys, *some.values()))
    facts = {"dataset": study.cohort.dataset, "made": made, "strategy": strategy, "repeat": repeat, "fold": k}
    facts |= {"labels": labels or 0}
    facts |= {"model": _model(study, strategy, repeat, k, labels), "seconds": round(time.perf_counter() - start, 1)}
    facts |= {"recipe": study.study.entry, "trained_by": {name: closure_hash(name) for name in TRAINING}}
    facts |= {"python": platform.python_version(), "torch": torch.__version__, "threads": torch.get_num_threads()}
    path = folder / FOLDER / name(study, strategy, repeat, k, labels)
    replace_file(path, lambda target: _zip(target, content, facts))
    return path


def write_people(
    folder: Path, study: "CrossFitted", only: Iterable[str] = TABLES, more: pd.DataFrame | None = None
) -> None:
    """Keep the tables about the cohort, ``only`` these, once, and of all channels, whichever models see; who is tested
    with ``more`` columns, by person, such as those of ``readers.finer``. Raises ``FrozenError`` where those of other
    people lie there; refuses all but open data and twins."""
    path = folder / FOLDER / PEOPLE
    of = _allowed(study).study.whole or study.study
    if path.exists() and manifest(path)["data"] != of.fingerprint:
        raise FrozenError(f"{path} is of other data than what is read now; pack the parts beside it, or remove them")
    if not path.exists():
        content = {name: of.table(name) for name in tables.of(tables.COHORT) if name in only}
        if more is not None and len(content.get("tested", ())):
            own = more.reindex(of.cohort.person).set_axis(of.cohort.number)
            content["tested"] = content["tested"].join(own, on="row")
        replace_file(path, lambda target: _zip(target, content, {"data": of.fingerprint}))


def pack(folder: Path) -> Path:
    """Parts → one Parquet a table and the manifest, in ``folder``; what was packed of other models before stays, and
    the parts are removed. A recipe of version 0.1, which had one split, gives way as a whole when parts of it come.

    Raises ``FrozenError`` where folds of a repeat are missing, or parts are of different code, settings or data.
    """
    paths = sorted((folder / FOLDER).glob("*.zip"))
    facts = {path: manifest(path) for path in paths if path.name != PEOPLE}
    if not facts:
        raise FrozenError(f"{folder / FOLDER} holds no parts to pack; make some with: python -m fairlib.study freeze")
    before = frozen.manifest(folder) if (folder / MANIFEST).exists() else {"recipes": {}, "files": {}}
    anew = {fact["recipe"] for fact in facts.values()}
    recipes = {name: made for name, made in before["recipes"].items() if "folds" in made or name not in anew}
    gone, folds = before["recipes"].keys() - recipes, {}
    for path, fact in facts.items():
        made = fact["made"] | {name: fact[name] for name in ("python", "torch", "threads", "trained_by")}
        known = recipes.setdefault(fact["recipe"], made | {"kept": {}, "seconds": {}})
        for what, word in DIFFERS.items():
            if known[what] != made[what]:
                raise FrozenError(f"{path} was trained {word} than the rest of {fact['recipe']}; train it again")
        seconds = known["seconds"]
        seconds[fact["strategy"]] = round(seconds.get(fact["strategy"], 0) + fact["seconds"], 1)
        place = (fact["recipe"], fact["labels"], fact["strategy"], fact["repeat"])
        folds.setdefault(place, set()).add(fact["fold"])
    for (recipe, labels, strategy, repeat), found in folds.items():
        if lost := set(range(max(1, recipes[recipe]["folds"]))) - found:
            raise FrozenError(
                f"{recipe}, {strategy}, repeat {repeat}: fold {min(lost) + 1} has no part; train it first"
            )
        kept = recipes[recipe]["kept"].setdefault(str(labels), {})
        kept[strategy] = sorted({*kept.get(strategy, []), repeat})
    content: dict[str, dict] = {}
    model_keys = [*FOLD_KEYS, *(key for key in SPECIAL if any(key in made for made in recipes.values()))]
    for path in paths:
        for table, frame in frames(path):  # models of one fold share its pre-training, and each part brings it
            frame = _filled(frame, model_keys) if "recipe" in frame else frame
            key = tuple(frame[model_keys].iloc[0]) if "recipe" in frame and len(frame) else path
            content.setdefault(table, {})[key] = frame
    files = dict(before["files"])
    for table, found in content.items():
        some = [frame for frame in found.values() if len(frame)] or [*found.values()]  # nothing has no dtypes
        path, new = folder / f"{table}.parquet", pd.concat(some, ignore_index=True)
        keys = model_keys if TABLES[table].of != tables.COHORT else None
        old = _kept(path, gone, keys) if path.name in files and keys else new[:0]
        again = pd.MultiIndex.from_frame(old[keys]).isin(pd.MultiIndex.from_frame(new[keys])) if len(old) else []
        both = pd.concat([old[~again], new], ignore_index=True) if len(old) else new
        files[path.name] = frozen.write(both.sort_values(keys, kind="stable") if keys else both, path)
    if all("folds" in made for made in recipes.values()):  # what is said of a model is computed from its scores
        files = {name: sum_ for name, sum_ in files.items() if TABLES[Path(name).stem].of != tables.MODEL}
    name = next(iter(facts.values()))["dataset"]
    whole = {"dataset": name, "recipes": recipes, "files": files}
    replace_file(folder / MANIFEST, lambda path: path.write_text(json.dumps(whole, indent=1, sort_keys=True)))
    frozen.manifest_changed()
    for path in (*paths, *(path for path in folder.glob("*.parquet") if path.name not in files)):
        path.unlink()
    return folder


def _kept(path: Path, gone: set[str], keys: list[str]) -> pd.DataFrame:
    """What was packed before, without the recipes that are gone."""
    old = pd.read_parquet(path)
    return _filled(old[~old["recipe"].isin(gone)], keys)


def _filled(table: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """With the columns of ``keys`` that it lacks: rows of version 0.1 are of its only fold, and they, and most others,
    of what is usual."""
    older = {"pretext": frozen.USUAL, "fold": 0} | SPECIAL
    return table.assign(**{key: value for key, value in older.items() if key in keys and key not in table})


def manifest(path: Path) -> dict:
    """What a part says of itself. Raises ``FrozenError`` where it is damaged."""
    try:
        with zipfile.ZipFile(path) as file:
            if damaged := file.testzip():
                raise FrozenError(f"{path}: {damaged} in it is damaged; bring it back: git checkout -- {path}")
            return json.loads(file.read(MANIFEST))
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise FrozenError(f"{path} cannot be read ({error}); bring it back: git checkout -- {path}") from error


def frames(path: Path) -> Iterator[tuple[str, pd.DataFrame]]:
    """The tables of a part: name, frame."""
    with zipfile.ZipFile(path) as file:
        for member in file.namelist():
            if member != MANIFEST:
                yield member.removesuffix(".parquet"), pd.read_parquet(io.BytesIO(file.read(member)))


def _allowed(study: "CrossFitted") -> "CrossFitted":
    if study.study.shown_key()["access"] == "restricted":
        raise PermissionError(
            f"{study.cohort.dataset}: only results of open data and twins are kept in the book, this data is"
            " restricted; its scores never leave the results folder"
        )
    return study


def _model(study: "CrossFitted", strategy: str, repeat: int, k: int, labels: int | None) -> str:
    fold, seed = study.fold(repeat, k), study.seed(repeat, k)
    return key_hash((fold.with_labels(labels, seed) if labels else fold).model_key(strategy, seed))


def _zip(path: Path, content: dict[str, pd.DataFrame], facts: dict) -> None:
    """Stored without the time of writing: the same results are the same bytes, but for the seconds it took."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as file:
        for table, frame in content.items():
            buffer = io.BytesIO()
            frame.to_parquet(buffer, index=False, compression="zstd", compression_level=9)
            file.writestr(zipfile.ZipInfo(f"{table}.parquet"), buffer.getvalue())
        file.writestr(zipfile.ZipInfo(MANIFEST), json.dumps(facts, indent=1, sort_keys=True))
