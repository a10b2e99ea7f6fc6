"""Thirty epochs of fine-tuning on windows of MIMIC's shape, validation included: each strategy, and all layers frozen.

The alternative is a loop as most would write it: Conv1d, dropout of torch, every layer computed in every batch.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from fairlib.encoder import LAYERS, STRATEGIES, Encoder
from fairlib.finetuning import Windows, class_weights, fit
from fairlib.optimisation import Schedule, adadelta
from fairlib.recipes import RECIPES, replace

from .turns import gemm, in_turns, rows

SHAPE, TRAIN, VALIDATION, EPOCHS, BATCH = (48, 76), 2048, 512, 30, 128


def some_windows(n: int, seed: int) -> Windows:
    draw = np.random.default_rng(seed)
    return Windows(draw.standard_normal((n, *SHAPE), dtype=np.float32), np.arange(n) % 2)


def recipe(evaluate_frozen: bool = False, epochs: int = EPOCHS):
    """``described``, for so many epochs."""
    schedule = Schedule(epochs, BATCH, 0.1)
    parts = {
        name: replace(getattr(RECIPES["described"], name), schedule=schedule) for name in ("finetuning", "supervised")
    }
    return replace(RECIPES["described"], evaluate_frozen=evaluate_frozen, **parts)


class Naive(nn.Module):
    """The classifier with plain modules, (batch, channels, timesteps) inside."""

    def __init__(self, trains: tuple[bool, ...]):
        super().__init__()
        widths = [SHAPE[1], *(filters for filters, _ in LAYERS)]
        self.convolutions = nn.ModuleList(
            nn.Conv1d(before, after, k, padding="same") for before, (after, k) in zip(widths, LAYERS, strict=False)
        )
        self.head = nn.Sequential(nn.Linear(96, 128), nn.ReLU(), nn.Dropout(0.6), nn.Linear(128, 2))
        for convolution, learns in zip(self.convolutions, trains, strict=True):
            convolution.requires_grad_(learns)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.transpose(1, 2)
        for convolution in self.convolutions:
            x = F.dropout(F.relu(convolution(x)), 0.1, self.training)
        return self.head(x.amax(2))


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


def measure(rounds: int = 3) -> list[dict]:
    """Rows of ``bench.csv``: seconds for thirty epochs, on one thread as the study trains."""
    train, validation, encoder = some_windows(TRAIN, 1), some_windows(VALIDATION, 2), Encoder(SHAPE[1])
    limit = gemm(1)

    def ours(strategy: str, evaluate_frozen: bool = False, epochs: int = EPOCHS):
        start = encoder if STRATEGIES[strategy].pretrained else None
        return lambda: fit(train, validation, strategy, recipe(evaluate_frozen, epochs), 1, start)

    facts = {"windows": EPOCHS * TRAIN, "limit": limit}
    found = []
    each = in_turns({name: ours(name, epochs=3) for name in STRATEGIES}, rounds)
    found += rows("fine-tuning, by strategy", str(SHAPE), each, 1, **facts | {"windows": 3 * TRAIN})
    for strategy in ("supervised", "frozen_3"):
        trains = STRATEGIES[strategy].trains
        calls = {
            "naive": lambda trains=trains: naive(train, validation, trains, 3),
            "ours": ours(strategy, epochs=3),
        }
        seconds = in_turns(calls, rounds)
        found += rows(f"fine-tuning, {strategy}", str(SHAPE), seconds, 1, **facts | {"windows": 3 * TRAIN})
    # Features are computed once, so that the gain is that of a whole training.
    calls = {
        "naive": lambda: naive(train, validation, STRATEGIES["frozen_3"].trains, EPOCHS),
        "ours, features computed once": ours("frozen_3", evaluate_frozen=True),
    }
    return found + rows("fine-tuning, all frozen, 30 epochs", str(SHAPE), in_turns(calls, 1), 1, **facts)
