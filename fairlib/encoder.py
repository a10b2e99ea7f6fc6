"""The convolutional encoder, its two heads, and which of its layers each strategy trains.

Everything is laid out (batch, timesteps, channels) and stays so: a convolution over time is a 1×k Conv2d on a view of
the same memory in channels-last order, about 1.7 times as fast on a CPU as Conv1d on (batch, channels, timesteps). Very
wide inputs (GLOBEM's 1390 channels) go over frequencies instead, which needs a fifth of the arithmetic.
"""

from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .convolution import Convolution

if TYPE_CHECKING:
    from .strategies import Strategy

LAYERS = ((32, 24), (64, 16), (96, 8))  # (filters, kernel) of conv1, conv2, conv3
FEATURES = LAYERS[-1][0]
#: Timesteps that padding "valid" needs, since each kernel takes all but one of its own away: 46.
VALID_STEPS = 1 + sum(kernel - 1 for _, kernel in LAYERS)


def check_length(timesteps: int, padding: str) -> None:
    """Refuse windows that padding "valid" would leave nothing of: ``ValueError``."""
    if padding == "valid" and timesteps < VALID_STEPS:
        raise ValueError(
            f"padding 'valid' needs windows of at least {VALID_STEPS} timesteps, these have {timesteps}: use 'same'"
        )


class Dropout(nn.Module):
    """Inverted dropout whose mask comes from a named numpy generator.

    On a CPU, torch draws dropout in one thread and it costs as much as the rest of a training step; 16 random bits a
    value, compared with a threshold, cost a third of that. The rate is therefore rounded to 1/65,536.
    """

    def __init__(self, rate: float):
        super().__init__()
        if not 0 <= rate < 1:
            raise ValueError(f"dropout rate must lie in [0, 1), got {rate}")
        self.rate = rate
        self.generator: np.random.Generator | None = None  # set by the training loop; a trained model needs none

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.rate == 0:
            return x
        if not x.is_cpu:
            return F.dropout(x, self.rate)
        if self.generator is None:
            raise RuntimeError("dropout has no generator: training code must call seed_dropout(model, generator) first")
        threshold = round(self.rate * 65536)
        bits = np.frombuffer(self.generator.bytes(2 * x.numel()), dtype=np.uint16).reshape(x.shape)
        keep = np.multiply(bits >= threshold, np.float32(65536 / (65536 - threshold)), dtype=np.float32)
        return x * torch.from_numpy(keep)


def seed_dropout(model: nn.Module, generator: np.random.Generator) -> None:
    """Let every dropout layer of ``model`` draw from ``generator``."""
    for module in model.modules():
        if isinstance(module, Dropout):
            module.generator = generator


class Encoder(nn.Module):
    """Three convolutions, then the maximum over time: (batch, timesteps, channels) → (batch, 96).

    Parameters
    ----------
    channels: number of input channels.
    padding: "same" (default) or "valid" (what the saved MIMIC and MESA models of the paper used; needs ≥ 46 timesteps).
    dropout: rate after each convolution, active in training mode only.
    generator: source of the initial weights (Glorot uniform, biases 0, as Keras; PyTorch's own default differs).
    """

    def __init__(
        self,
        channels: int,
        padding: str = "same",
        dropout: float = 0.1,
        generator: np.random.Generator | None = None,
    ):
        super().__init__()
        if padding not in ("same", "valid"):
            raise ValueError(f"padding must be 'same' or 'valid', got {padding!r}")
        self.padding = padding
        widths = [channels, *(filters for filters, _ in LAYERS)]
        self.convolutions = nn.ModuleList(
            Convolution(before, filters, kernel, padding)
            for before, (filters, kernel) in zip(widths, LAYERS, strict=False)
        )
        self.dropout = Dropout(dropout)
        self.evaluated = 0  # leading layers kept in evaluation mode: the option "frozen prefix in evaluation mode"
        initialise(self, generator)

    def forward(self, x: Tensor, done: int = 0) -> Tensor:
        """Features of windows; ``x`` may be the output of the first ``done`` convolutions (see ``prefix``).

        4: of all convolutions and the maximum over time, that is the features themselves.
        """
        if done > len(self.convolutions):
            return x
        if done == 0:
            check_length(x.shape[1], self.padding)
        for i in range(done, len(self.convolutions)):
            x = self.convolutions[i](self._drop(x if i == done else F.relu(x), i))
        # The last ReLU comes after the maximum, where it has less to do: the order changes neither value nor gradient.
        return F.relu(maximum_over_time(self._drop(x, len(self.convolutions))))

    def prefix(self, x: Tensor, layers: int) -> Tensor:
        """Output of the first ``layers`` convolutions after ReLU and before dropout: constant while they are frozen."""
        check_length(x.shape[1], self.padding)
        for i, convolution in enumerate(self.convolutions[:layers]):
            x = F.relu(convolution(self._drop(x, i)))
        return x

    def activations(self, x: Tensor) -> list[Tensor]:
        """Output of each convolution after ReLU, each (batch, timesteps', filters); for representation similarity."""
        check_length(x.shape[1], self.padding)
        outputs = []
        for convolution in self.convolutions:
            x = F.relu(convolution(x))
            outputs.append(x)
        return outputs

    def _drop(self, x: Tensor, layer: int) -> Tensor:
        return x if layer <= self.evaluated else self.dropout(x)


def maximum_over_time(x: Tensor) -> Tensor:
    """(batch, timesteps, features) → (batch, features); gradients go to the first index (amax would split ties)."""
    if x.is_cpu:  # the same numbers, four times as fast; on CUDA its gradient has no deterministic form
        return F.adaptive_max_pool2d(x.unsqueeze(1).permute(0, 3, 1, 2), 1).flatten(1)
    return x.max(dim=1).values


class ProjectionHead(nn.Sequential):
    """96 → 256 → 128 → 50, used in pre-training only and then thrown away."""

    def __init__(self, generator: np.random.Generator | None = None):
        super().__init__(nn.Linear(FEATURES, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 50))
        initialise(self, generator)


class Classifier(nn.Module):
    """An encoder with a head 96 → 128 → ReLU → dropout → 2 logits."""

    def __init__(self, encoder: Encoder, dropout: float = 0.6, generator: np.random.Generator | None = None):
        super().__init__()
        head = nn.Sequential(nn.Linear(FEATURES, 128), nn.ReLU(), Dropout(dropout), nn.Linear(128, 2))
        initialise(head, generator)
        self.encoder, self.head = encoder, head

    def forward(self, x: Tensor, done: int = 0) -> Tensor:
        return self.head(self.encoder(x, done))


def initialise(module: nn.Module, generator: np.random.Generator | None) -> None:
    """Glorot-uniform kernels and zero biases, drawn in the order of the layers."""
    generator = generator or np.random.default_rng()
    for name, parameter in module.named_parameters():
        if name.endswith("bias"):
            nn.init.zeros_(parameter)
            continue
        receptive = parameter[0, 0].numel()
        limit = (6 / ((parameter.shape[0] + parameter.shape[1]) * receptive)) ** 0.5
        values = generator.uniform(-limit, limit, tuple(parameter.shape)).astype(np.float32)
        with torch.no_grad():
            parameter.copy_(torch.from_numpy(values))


def freeze(model: Classifier, strategy: "Strategy") -> None:
    """Let only the convolutions that ``strategy`` trains receive gradients."""
    for convolution, trains in zip(model.encoder.convolutions, strategy.trains, strict=True):
        convolution.requires_grad_(trains)


def trainable_parameters(model: nn.Module) -> int:
    """Number of parameters that an optimiser would change."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
