"""Learning-rate schedules in optimiser steps, and the two optimisers with the constants of the study."""

import math
import warnings
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

import torch


@dataclass(frozen=True)
class Schedule:
    """How long training lasts, in epochs and optimiser steps, and how the learning rate falls to 0 on a cosine."""

    epochs: int
    batch_size: int
    learning_rate: float
    decay_steps: int | None = None  # steps after which the rate is 0; None: exactly the run
    minimum_steps: int = 0

    def steps_per_epoch(self, windows: int) -> int:
        """The last, partial batch is kept."""
        return math.ceil(windows / self.batch_size)

    def run_epochs(self, windows: int) -> int:
        """Epochs worth running: at least ``minimum_steps``, and none after the learning rate has reached 0."""
        per_epoch = self.steps_per_epoch(windows)
        epochs = max(self.epochs, math.ceil(self.minimum_steps / per_epoch))
        return epochs if self.decay_steps is None else min(epochs, math.ceil(self.decay_steps / per_epoch))

    def steps(self, windows: int) -> int:
        """Optimiser steps of the run that can change a weight: none after the learning rate has reached 0."""
        steps = self.run_epochs(windows) * self.steps_per_epoch(windows)
        return steps if self.decay_steps is None else min(steps, self.decay_steps)

    def rate(self, step: int, windows: int) -> float:
        """Learning rate of the 0-based ``step``; clamped at 0 as in Keras (torch's CosineAnnealingLR rises again)."""
        decay = self.decay_steps or self.run_epochs(windows) * self.steps_per_epoch(windows)
        return self.learning_rate * 0.5 * (1 + math.cos(math.pi * min(step, decay) / decay))

    def scaled(self, factor: float) -> "Schedule":
        """The same shape of training in ``factor`` times the steps, for quick looks."""
        return replace(
            self,
            epochs=max(1, round(self.epochs * factor)),
            decay_steps=self.decay_steps and max(1, round(self.decay_steps * factor)),
            minimum_steps=round(self.minimum_steps * factor),
        )


def sgd(parameters, rate: float) -> torch.optim.Optimizer:
    """Plain SGD, no momentum."""
    return torch.optim.SGD(parameters, lr=rate)


def adadelta(groups: list[dict], rate: float) -> torch.optim.Optimizer:
    """Adadelta with Keras's constants (ρ 0.95, ε 1e-7; torch's own defaults differ)."""
    return torch.optim.Adadelta(groups, lr=rate, rho=0.95, eps=1e-7)


def adam(groups, rate: float) -> torch.optim.Optimizer:
    """Adam with torch's defaults; an L2 in ``groups`` is part of the gradient, as for the others."""
    return torch.optim.Adam(groups, lr=rate)


def adamw(groups, rate: float) -> torch.optim.Optimizer:
    """Adam with decoupled weight decay: 1e-2 where ``groups`` name none."""
    return torch.optim.AdamW(groups, lr=rate)


OPTIMISERS = {"sgd": sgd, "adadelta": adadelta, "adam": adam, "adamw": adamw}


FLOAT32, BF16 = "float32", "bf16"


def usable(precision: str, device: str) -> str:
    """``precision`` where this machine gains from it; else "float32", with a warning that says why."""
    if precision == BF16 and not _fast(device):
        warnings.warn(
            f"precision 'bf16' is not faster on this machine ({device}: no AMX, no bfloat16 tensor cores): training in"
            " float32",
            stacklevel=2,
        )
        return FLOAT32
    return precision


def products(precision: str, device: str) -> AbstractContextManager:
    """Context in which matrix products and convolutions are made in ``precision``."""
    return torch.autocast(torch.device(device).type, torch.bfloat16, enabled=precision == BF16)


def _fast(device: str) -> bool:
    kind = torch.device(device).type
    if kind == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return kind == "cpu" and torch.cpu.get_capabilities().get("amx_bf16", False)
