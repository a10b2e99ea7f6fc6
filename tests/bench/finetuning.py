"""Fine-tuning, validation included: each strategy at the shapes of the three datasets, and all layers frozen.

The alternative is a loop as most would write it: Conv1d, dropout of torch, every layer computed in every batch.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from fairlib.encoder import Encoder
from fairlib.finetuning import Windows, class_weights, fit
from fairlib.optimisation import adadelta
from fairlib.recipes import RECIPES, replace
from fairlib.schedules import Schedule
from fairlib.strategies import MODELS, STRATEGIES

from . import pretraining
from .turns import gemm, in_turns, rows

SHAPE, TRAIN, VALIDATION, EPOCHS, BATCH = (48, 76), 2048, 512, 30, 128


def some_windows(n: int, seed: int, shape: tuple[int, int] = SHAPE) -> Windows:
    draw = np.random.default_rng(seed)
    return Windows(draw.standard_normal((n, *shape), dtype=np.float32), np.arange(n) % 2)


def recipe(evaluate_frozen: bool = False, epochs: int = EPOCHS):
    """``paper_text``, for so many epochs."""
    schedule = Schedule(epochs, BATCH, 0.1)
    parts = {
        name: replace(getattr(RECIPES["paper_text"], name), schedule=schedule) for name in ("finetuning", "supervised")
    }
    return replace(RECIPES["paper_text"], evaluate_frozen=evaluate_frozen, **parts)


class Naive(nn.Module):
    """The classifier with plain modules."""

    def __init__(self, trains: tuple[bool, ...]):
        super().__init__()
        self.encoder = pretraining.Naive(SHAPE[1], dropout=0.1)
        self.head = nn.Sequential(nn.Linear(96, 128), nn.ReLU(), nn.Dropout(0.6), nn.Linear(128, 2))
        for convolution, learns in zip(self.encoder.convolutions, trains, strict=True):
            convolution.requires_grad_(learns)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.encoder(x))


def naive(train: Windows, validation: Windows, trains: tuple[bool, ...], epochs: int) -> None:
    """The same training, plainly."""
    model, weight = Naive(trains), class_weights(train.y)
    optimiser = adadelta([parameter for parameter in model.parameters() if parameter.requires_grad], 0.1)
    x, y = torch.from_numpy(train.x), torch.from_numpy(train.y)
    held, truth = torch.from_numpy(validation.x), torch.from_numpy(validation.y)
    for _ in range(epochs):
        model.train()
        for batch in torch.randperm(len(x)).split(BATCH):
            loss = F.cross_entropy(model(x[batch]), y[batch], weight)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            float(loss.detach())
        model.eval()
        with torch.inference_mode():
            float(F.cross_entropy(model(held), truth))


def ours(strategy: str, train: Windows, validation: Windows, epochs: int, evaluate_frozen: bool = False):
    """A call that trains one model."""
    encoder = Encoder(train.x.shape[2]) if STRATEGIES[strategy].pretrained else None
    return lambda: fit(train, validation, MODELS[strategy], recipe(evaluate_frozen, epochs), 1, encoder)


def measure(rounds: int = 3) -> list[dict]:
    """Rows of ``bench.csv``, on one thread as the study trains: three epochs, and thirty of all layers frozen."""
    limit, found = gemm(1), []
    for shape in pretraining.SHAPES:
        train, validation = some_windows(TRAIN // 2, 1, shape), some_windows(VALIDATION // 2, 2, shape)
        calls = {name: ours(name, train, validation, epochs=3) for name in STRATEGIES}
        found += rows("fine-tuning, by strategy", str(shape), in_turns(calls, rounds), 1, windows=3 * len(train))
    train, validation = some_windows(TRAIN, 1), some_windows(VALIDATION, 2)
    facts = {"windows": 3 * TRAIN, "limit": limit}
    for strategy in ("supervised", "frozen_3"):
        trains = STRATEGIES[strategy].trains
        calls = {
            "naive": lambda trains=trains: naive(train, validation, trains, 3),
            "ours": ours(strategy, train, validation, epochs=3),
        }
        found += rows(f"fine-tuning, {strategy}", str(SHAPE), in_turns(calls, rounds), 1, **facts)
    # Features are computed once, so that the gain is that of a whole training.
    calls = {
        "naive": lambda: naive(train, validation, STRATEGIES["frozen_3"].trains, EPOCHS),
        "ours, features computed once": ours("frozen_3", train, validation, EPOCHS, evaluate_frozen=True),
    }
    facts["windows"] = EPOCHS * TRAIN
    return found + rows("fine-tuning, all frozen, 30 epochs", str(SHAPE), in_turns(calls, 1), 1, **facts)
