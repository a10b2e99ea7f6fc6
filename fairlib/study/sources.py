"""Where a study's evidence comes from: a synthetic twin, the official files, or the frozen results of a real run."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from .. import readers
from ..cohort import Cohort, CohortError
from ..recipes import RECIPES
from .cohort_files import load_cohort, save_cohort
from .frozen import Frozen
from .model_inputs import narrowed
from .parameters import FROZEN, JudgedTwin, ParameterError, Parameters
from .pretraining_people import selected
from .results import checksum, code_hash, fresh, key_hash, replace_file, seal, writing

if TYPE_CHECKING:
    from .crossfitted import CrossFitted
    from .runs import Study

HERE = Path(__file__).parents[1]
IDENTIFIERS = "identifiers.txt"
#: Test people with the rarer outcome under which a split is too small to judge: with 100, the standard error of an AUC
#: is about 0.02.
ENOUGH = 100


def open_study(p: Parameters) -> "Study | CrossFitted | Frozen":
    """The study that a notebook's parameters ask for: data read, models found or made when first needed."""
    if p.source == "frozen":
        return Frozen(FROZEN / p.dataset, p.recipe, p.pretext, p.pretrain_on, getattr(p, "draws", None), p.inputs)
    folder = Path(p.results_dir) / p.dataset / p.label
    cohort = _read(p, folder)
    study = study_of(p, cohort, folder)
    if not crossfits(p, cohort):
        return study
    from .crossfitted import CrossFitted

    return CrossFitted(study, p.chosen.folds, tuple(p.seeds) or tuple(range(1, p.chosen.repeats + 1)))


def study_of(p: Parameters, cohort: Cohort, folder: Path) -> "Study":
    """The study of a cohort with these parameters, whose results lie in ``folder``: closed to others if it is real."""
    import torch  # here, so that pages on frozen results start without it

    from ..optimisation import usable
    from .runs import Study

    torch.set_num_threads(p.threads)
    device = _device(p.device)
    recipe = RECIPES[p.recipe].with_pretext(p.pretext).scaled(p.chosen.steps)
    recipe = replace(recipe, precision=usable(p.precision, device))
    refuse_too_few(cohort, crossfits(p, cohort))
    selected(cohort, recipe, p.pretrain_on)  # people who are too few are refused before anything is trained
    if cohort.origin == "real":
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o700)  # models and predictions of real people are for the eyes of whoever trains them
            # For the gate, which searches the pages for them; never leaves the results folder.
            known = "\n".join(map(str, np.unique(cohort.person)))
            replace_file(folder / IDENTIFIERS, lambda path: path.write_text(known + "\n"))
            (folder / IDENTIFIERS).chmod(0o600)
    whole = Study(
        cohort,
        recipe,
        folder,
        device,
        permutations=p.chosen.draws - 1,
        threshold=getattr(p, "threshold", 0.5),
        draws=p.chosen.draws,
        runs=p.chosen.seeds,
        profile=p.profile,
        pretrain_on=p.pretrain_on,
    )
    return narrowed(whole, p.inputs)


def crossfits(p: Parameters, cohort: Cohort) -> bool:
    """Whether people are cross-fitted: as asked for; else where the files leave it open and real people are few.

    That is so for open data, and for data of one's own whose test people are too few to judge. Official splits stay.
    """
    if p.folds is not None:
        return p.folds > 0
    if cohort.measured is None or cohort.origin == "twin":
        return False
    return cohort.card.access == "open" or few_tested(cohort)


def refuse_too_few(cohort: Cohort, crossfitted: bool) -> None:
    """Restricted data of whose tested people not even a number of all may be shown are a ``CohortError``."""
    tested = cohort.person if crossfitted else cohort.person[cohort.rows("test")]
    people, least = len(np.unique(tested)), cohort.card.min_cell
    if cohort.origin == "real" and cohort.card.access == "restricted" and people < least:
        raise CohortError(
            f"{cohort.dataset}: {people} people are tested, and of fewer than {least} people of restricted data no"
            " number may be shown; give more people, or folds where the files allow them, so that everyone is tested"
        )


def few_tested(cohort: Cohort) -> bool:
    """Whether the test split holds fewer than ``ENOUGH`` people with, or without, a positive window."""
    test = cohort.rows("test")
    return min(len(np.unique(cohort.person[test][cohort.y[test] == label])) for label in (0, 1)) < ENOUGH


def _read(p: Parameters, folder: Path) -> Cohort:
    if p.source != "twin":
        cohort = readers.read(p.dataset, Path(p.source).expanduser(), **p.options)
        return thin(cohort, p.chosen.windows, p.chosen.each)
    from .. import twins
    from ..twins import planted

    data, kept, chosen = folder / "data", folder / "cohort", p.chosen
    spec, windows = twins.sized(p.dataset, chosen.windows, chosen.each), chosen.windows
    if isinstance(p, JudgedTwin):
        spec, windows = planted.knobs(p.dataset, p.dial) | (spec if windows else {}), windows or planted.MOST
    facts = {path.name: checksum(path) for path in sorted(HERE.rglob("*.json"))}  # channels, counts
    key = {"spec": spec, "seed": 0, "facts": key_hash(facts)}
    read = key | {"windows": windows, "each": chosen.each, "code": code_hash("fairlib.readers", "fairlib.twins")}
    read |= {"card": key_hash(p.card.model_dump(mode="json"))}
    key |= {"code": code_hash("fairlib.twins")}
    if not fresh(data, key):  # damaged files are mended, also those that nobody reads
        with writing(folder):
            shutil.rmtree(data, ignore_errors=True)
            twins.write(p.dataset, data, key["spec"], seed=0, with_truth=False)
            seal(data, key)
    if fresh(kept, read):
        return load_cohort(kept)
    cohort = thin(readers.read(p.dataset, data, **p.options), windows, chosen.each)
    if windows:  # one of the original's size fills the disk twice, and is read by long jobs only
        save_cohort(kept, read, cohort)
    return cohort


def thin(cohort: Cohort, windows: int | None, each: int = 12) -> Cohort:
    """About ``windows`` windows of a cohort (None: all) for a quick look, of as many people as possible.

    Both outcomes stay in each split. First about ``each`` windows a participant, evenly spaced: neighbours tell little
    more, and people are the sample size. If that is still too many (by more than a tenth), the first participants of
    each split, with all that is left.
    """
    people = pd.DataFrame({"person": cohort.person, "y": cohort.y, "split": cohort.split})
    if windows is None or len(people) <= 1.1 * windows:
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
    import torch

    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if wanted == "auto":
        return next(name for name, usable in there.items() if usable)
    if not there[wanted]:
        has = ", ".join(name for name, usable in there.items() if usable)
        raise ParameterError(
            f"parameter 'device' is {wanted!r}: this machine, or its build of PyTorch, has none (usable: {has}); give"
            " 'auto' or one that is usable"
        )
    return wanted
