"""The expected cost beside a training of profile ``smoke``: ``python -m tests.bench.expected``; the two should differ
by less than a factor of 2."""

import contextlib
import io
import time

import numpy as np
import torch

from fairlib.encoder import Encoder
from fairlib.finetuning import Windows, fit
from fairlib.pretraining import pretrain
from fairlib.recipes import RECIPES
from fairlib.strategies import MODELS, NETWORKS
from fairlib.study.expected import core_minutes
from fairlib.study.profiles import PROFILES

WINDOWS, SHAPE = 1000, (48, 72)


def real(windows: int, recipe, models) -> float:
    """Minutes of CPU that training these networks once takes, the shared pre-training included."""
    draw = np.random.default_rng(1)
    x, y = draw.standard_normal((windows, *SHAPE), dtype=np.float32), np.arange(windows) % 2
    held = Windows(x[: windows // 7], y[: windows // 7])
    start = time.process_time()
    with contextlib.redirect_stderr(io.StringIO()):
        pretrain(x, recipe, seed=1)
        for name in models:
            encoder = Encoder(SHAPE[1], recipe.padding) if MODELS[name].pretrained else None
            fit(Windows(x, y), held, MODELS[name], recipe, 1, encoder)
    return (time.process_time() - start) / 60


def main() -> None:
    torch.set_num_threads(1)
    for name, recipe in RECIPES.items():
        short = recipe.scaled(PROFILES["smoke"].steps)
        told, took = core_minutes(WINDOWS, SHAPE, short, NETWORKS, 1), real(WINDOWS, short, NETWORKS)
        print(f"{name}: expected {told:.2f} core-minutes, took {took:.2f}, ratio {told / took:.2f}")


if __name__ == "__main__":
    main()
