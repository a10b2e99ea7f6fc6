"""What several test modules share: where the published facts lie, small cohorts, tiny recipes."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import settings

from fairlib import cards
from fairlib.cohort import Cohort, attrition_table
from fairlib.recipes import RECIPES
from fairlib.scaling import standardise
from fairlib.schedules import Schedule

ROOT = Path(__file__).parent.parent
torch.set_num_threads(1)
#: The files that take longest come first: no worker is left alone with one of them at the end.
LONGEST = [
    "test_study_and_book",
    "test_truth",
    "test_torture",
    "test_build",
    "test_solver",
    "test_study",
    "test_folders",
    "test_claims",
    "test_recipes",
    "test_errands_strategy",
    "test_own_data",
    "test_figures",
    "test_course",
    "test_cohort_files",
    "test_wheel",
]
settings.register_profile("unhurried", deadline=None)  # a busy machine is no fault
settings.load_profile("unhurried")


def pytest_collection_modifyitems(items):
    """The order in which workers are given files; within a file nothing changes."""
    items.sort(key=lambda item: LONGEST.index(item.path.stem) if item.path.stem in LONGEST else len(LONGEST))


@pytest.fixture(scope="session", autouse=True)
def _few_draws():
    """A twin's truth from fewer draws: tests write many twins. ``twins/test_truth.py`` asks for a million."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fairlib.twins.truth.DRAWS", 20_000)
        yield


@pytest.fixture(scope="session", autouse=True)
def _cost_is_not_timed():
    """What ``check`` prints of costs without training a step; ``study/test_expected.py`` has the function itself."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fairlib.study.expected.paces", lambda shape, recipe, models, clock=None: {"supervised": 0.06})
        yield


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with the published facts, beside the repository or at FAIRLIB_SHARED; not part of a clone."""
    folder = Path(os.environ.get("FAIRLIB_SHARED", ROOT.parent / "shared"))
    if not (folder / "published").is_dir():
        pytest.skip(f"no published facts in {folder}: set FAIRLIB_SHARED to compare with them")
    return folder


@pytest.fixture(scope="session")
def make_cohort():
    """A small cohort of a dataset's card: ``people`` × ``windows`` windows of 10 steps × 3 channels, some signal.

    gaps: share of the values of the first two channels that were not measured; without, nobody can be dealt to folds.
    Keywords name an attribute and give its value for each person, instead of a random segment.
    """

    def made(
        dataset="challenge2012", origin="real", people=300, windows=1, seed=0, card=None, gaps=0, **given
    ) -> Cohort:
        draw = np.random.default_rng(seed)
        severity = draw.normal(size=people)
        label = (severity + draw.normal(size=people) > 0.5).astype(np.int8)
        columns = {}
        for name, facts in cards.load(dataset).attributes.items():
            segments = draw.choice(np.array(facts.segments, dtype=object), people)
            segments[draw.random(people) < 0.05] = None
            columns[name] = pd.Categorical(given.get(name, segments), categories=facts.segments)
        row = np.repeat(np.arange(people), windows)
        x = draw.normal(size=(len(row), 10, 3)).astype(np.float32)
        x[:, :, 0] += severity[row, None]
        split = np.array(["train"] * 5 + ["val"] * 2 + ["test"] * 3)[row % 10]
        channels = ("pulse", "sodium", "age of a value")
        measured = x[:, :, :2].copy() if gaps else None
        if gaps:
            measured[draw.random(measured.shape) < gaps] = np.nan
            x[:, :, :2] = measured
            standardise(x[:, :, :2], split == "train", channels)
        return Cohort(
            x=x,
            y=label[row],
            person=10_000 + row,
            attributes=pd.DataFrame(columns).iloc[row].reset_index(drop=True),
            split=split,
            channels=channels,
            card=card or cards.load(dataset),
            origin=origin,
            attrition=attrition_table([("read", len(row), people, "all"), ("left out", 4, 3, "4 rows without a time")]),
            measured=measured,
        )

    return made


@pytest.fixture(scope="session")
def tiny():
    """A recipe with every schedule replaced by a few epochs of 16 windows, and with changes to its fine-tuning."""

    def made(name="paper_text", epochs=1, rate=0.1, evaluate_frozen=False, **changes):
        recipe, schedule = RECIPES[name], Schedule(epochs, 16, rate)
        return replace(
            recipe,
            pretraining=replace(recipe.pretraining, schedule=schedule),
            finetuning=replace(recipe.finetuning, schedule=schedule, **changes),
            supervised=replace(recipe.supervised, schedule=schedule, **changes),
            evaluate_frozen=evaluate_frozen,
        )

    return made
