"""One fold of the frozen results, trained again and compared with what is kept of it."""

import json
import platform
from collections.abc import Iterable
from typing import TYPE_CHECKING

import pandas as pd

from ..inference import auc
from .frozen import Frozen, FrozenError, entry, manifest
from .parts import TRAINING
from .results import closure_hash
from .tables import TABLES

if TYPE_CHECKING:
    from .crossfitted import CrossFitted

#: The largest difference of a score, risk or threshold, all between 0 and 1, that is rounding. On one machine, with
#: the same number of threads, all are equal; a fold of logistic regression kept by another machine differed by 9e-7.
TOLERANCE = 1e-5
#: What is compared: a table of one fold, its column of numbers, and what tells its rows apart.
COMPARED = (("scores", "score", "row"), ("scores", "risk", "row"), ("cuts", "threshold", "point"))


def asked(kept: Frozen, models: Iterable[str], repeat: int, fold: int) -> dict:
    """How a fold, from 1, was trained, as parameters of a study. Raises ``FrozenError`` where it is not kept."""
    made = manifest(kept.folder)["recipes"].get(entry(kept.recipe, kept.pretext, kept.pretrain_on, kept.inputs), {})
    if "folds" not in made:  # version 0.1 kept no scores
        raise FrozenError(f"{kept.folder} holds no scores of recipe {kept.recipe}, so no fold of it can be compared")
    for model in models:
        if repeat not in (repeats := kept.seeds(model)):
            raise FrozenError(f"{model}: repeat {repeat} is not kept, but {', '.join(map(str, repeats)) or 'none'}")
    if fold not in range(1, 1 + max(1, made["folds"])):
        raise FrozenError(f"fold {fold} is not kept; give one from 1 to {max(1, made['folds'])}")
    return {name: made[name] for name in ("profile", "folds", "threads")} | {"seeds": [repeat]}


def compare(kept: Frozen, study: "CrossFitted", model: str, repeat: int, fold: int) -> pd.DataFrame:
    """Train the fold, from 1, in the results folder of ``study``, and compare it with what is kept.

    Returns a row per kind of number (score, recalibrated risk, threshold): what, n, and the largest absolute
    difference; of scores also auc_kept and auc_here. Raises ``FrozenError`` where data, settings or test people are not
    those of the kept results.
    """
    made, now, found = kept.manifest, json.loads(json.dumps(study.manifest)), []
    for part, words in (("data", "the files, or what is read of them,"), ("recipe", f"the settings of {kept.recipe}")):
        if made[part] != now[part]:
            raise FrozenError(f"{words} are not those of the kept results, which version {made['version']} made")
    for table, column, key in (row for row in COMPARED if model in TABLES[row[0]].models):
        before = kept.table(table, model, repeat)
        both = before[before["fold"] == fold - 1], study.of_fold(table, model, repeat, fold - 1)
        old, new = (frame.set_index(key)[column].sort_index().astype(float) for frame in both)
        if not old.index.equals(new.index):
            raise FrozenError(f"fold {fold} tests other people than the kept one: the code that deals them has changed")
        if old.isna().all() and new.isna().all():  # a model that only decides has no risk
            continue
        found.append({"what": column, "n": len(old), "difference": (old - new).abs().max(skipna=False)})
        if column == "score":
            y = kept.people().set_index("row").loc[old.index, "y"].to_numpy()
            found[-1] |= {"auc_kept": auc(y, old.to_numpy()), "auc_here": auc(y, new.to_numpy())}
    return pd.DataFrame(found)


def agrees(found: pd.DataFrame) -> bool:
    """Whether no difference that ``compare`` found is above the tolerance."""
    return bool((found["difference"] <= TOLERANCE).all())


def sentences(kept: Frozen, found: pd.DataFrame) -> str:
    """What ``compare`` found, a line each, with versions, changed code, and whether all agrees."""
    import torch

    made = kept.manifest
    other = [name for name in TRAINING if made["trained_by"][name] != closure_hash(name)]
    said = [f"kept: Python {made['python']}, torch {made['torch']}; threads: {made['threads']}"]
    said += [f"here: Python {platform.python_version()}, torch {torch.__version__}"]
    said += [f"the code that trains has changed since: {', '.join(other)}"] * bool(other)
    said += [f"{row.what}, {row.n:,} compared: largest difference {row.difference:.2g}" for row in found.itertuples()]
    said += [f"AUC: {found['auc_kept'][0]:.6f} kept, {found['auc_here'][0]:.6f} here"]
    said += [f"{'all agree' if agrees(found) else 'NOT ALL agree'} within {TOLERANCE:g}"]
    return "\n".join(f"  {line}" for line in said)
