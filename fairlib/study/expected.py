"""What training will cost, before anything starts: a few steps on random windows, times the steps there will be."""

import contextlib
import io
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from .. import cards
from ..folds import VALIDATION
from ..readers.files import MARK
from ..readers.splits import TRAIN
from ..recipes import RECIPES, Recipe
from ..strategies import MODELS, NETWORKS
from ..text import count
from .profiles import Profile

PRETRAINING = "pre-training"
HEAD = "What training will cost on this machine (controls and tables come on top; several cores share it)"
#: Batches that are timed, after one that is not: the first step of a process prepares much.
BATCHES = 2


def paces(
    shape: tuple[int, int], recipe: Recipe, models: Iterable[str], clock: Callable[[], float] = time.process_time
) -> dict[str, float]:
    """Seconds per training step on this machine: of each network among the models, its validation and frozen layers
    included, and of "pre-training" where one needs it.

    shape: timesteps and channels of a window; clock: seconds of CPU, which a busy machine does not stretch as it does
    minutes.
    """
    from ..encoder import Encoder
    from ..finetuning import Windows, fit
    from ..pretraining import pretrain

    parts = ("pretraining", "finetuning", "supervised")
    once = {
        name: replace(getattr(recipe, name).schedule, epochs=1, decay_steps=None, minimum_steps=0) for name in parts
    }
    short = replace(recipe, **{name: replace(getattr(recipe, name), schedule=one) for name, one in once.items()})
    draw = np.random.default_rng(0)

    def windows(size: int) -> Windows:
        return Windows(draw.standard_normal((size, *shape), dtype=np.float32), np.arange(size) % 2)

    def train(name: str, batches: int) -> None:
        if name == PRETRAINING:
            pretrain(windows(batches * once["pretraining"].batch_size).x, short, seed=0)
            return
        size = batches * recipe.training(name).schedule.batch_size
        encoder = Encoder(shape[1], recipe.padding) if MODELS[name].pretrained else None
        fit(windows(size), windows(max(2, size // (VALIDATION - 1))), MODELS[name], short, seed=0, encoder=encoder)

    found = {}
    with contextlib.redirect_stderr(io.StringIO()):  # progress bars
        for name in _trained(models):
            if name in (PRETRAINING, "supervised"):
                train(name, 1)
            start = clock()
            train(name, BATCHES)
            found[name] = (clock() - start) / BATCHES
    return found


def steps(windows: int, recipe: Recipe, models: Iterable[str]) -> dict[str, int]:
    """Training steps of one run with so many training windows: of what is in ``paces``."""
    schedules = {
        name: recipe.pretraining.schedule if name == PRETRAINING else recipe.training(name).schedule
        for name in _trained(models)
    }
    return {
        name: one.steps(windows) if name == PRETRAINING else one.run_epochs(windows) * one.steps_per_epoch(windows)
        for name, one in schedules.items()
    }


def core_minutes(
    windows: int,
    shape: tuple[int, int],
    recipe: Recipe,
    models: Iterable[str],
    runs: int,
    clock: Callable[[], float] = time.process_time,
) -> float:
    """Minutes of one core for training the networks among the models ``runs`` times on so many training windows."""
    models = tuple(models)
    pace, needed = paces(shape, recipe, models, clock), steps(windows, recipe, models)
    return runs * sum(pace[name] * needed[name] for name in pace) / 60


def sentence(
    windows: int,
    shape: tuple[int, int],
    crossfitted: bool,
    profile: Profile,
    recipe: str = "paper_text",
    clock: Callable[[], float] = time.process_time,
) -> str:
    """The expected cost of a study of so many windows in words, with the profile's repeats or, without folds, seeds."""
    windows, folds = min(windows, profile.windows or windows), profile.folds if crossfitted else 1
    share = (1 - 1 / folds) * (1 - 1 / VALIDATION) if crossfitted else TRAIN
    chosen = RECIPES[recipe].scaled(profile.steps)
    networks = [name for name in profile.strategies if name in NETWORKS]
    runs = folds * profile.repeats if crossfitted else len(profile.seeds)
    minutes = core_minutes(round(share * windows), shape, chosen, networks, runs, clock)
    dealt = f"{folds} folds, repeats: {profile.repeats}" if crossfitted else f"{runs} seeds"
    return f"{recipe}: about {count(max(1, round(minutes)))} core-minutes for {len(networks)} networks × {dealt}"


def of_source(dataset: str, source: Path | str) -> tuple[int, tuple[int, int], bool]:
    """Windows, shape and whether people are cross-fitted: of an official dataset by its card, which is not read; of
    data of one's own by reading them."""
    if dataset in cards.all():
        card = cards.load(dataset)
        crossfitted = card.access == "open" and not (Path(source) / MARK).exists()
        return card.expected["total"], (card.windows.timesteps, card.windows.channels), crossfitted
    from .. import readers
    from .parameters import Parameters
    from .sources import crossfits

    cohort = readers.read(dataset, source)
    return len(cohort), cohort.x.shape[1:], crossfits(Parameters(dataset=dataset, source=str(source)), cohort)


def _trained(models: Iterable[str]) -> list[str]:
    """The networks among the models, after the pre-training that some of them share."""
    found = [name for name in models if name in NETWORKS]
    return [PRETRAINING] * any(MODELS[name].pretrained for name in found) + found
