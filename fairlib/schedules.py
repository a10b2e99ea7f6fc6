"""How long training lasts, and its learning rate: data of a recipe, read without PyTorch."""

import math
from dataclasses import dataclass, replace


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
