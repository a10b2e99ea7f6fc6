"""The convolutional encoder, its two heads, and which of its layers each strategy trains.

Everything is laid out (batch, timesteps, channels) and stays so: a convolution over time is a 1×k Conv2d on a view of
the same memory in channels-last order, about 1.7 times as fast on a CPU as Conv1d on (batch, channels, timesteps). Very
wide inputs (GLOBEM's 1390 channels) go over frequencies instead, which needs a fifth of the arithmetic.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

LAYERS = ((32, 24), (64, 16), (96, 8))  # (filters, kernel) of conv1, conv2, conv3
FEATURES = LAYERS[-1][0]
#: From so many channels on, and up to so many timesteps, a convolution goes over frequencies. For conv1 that is 2.3 to
#: 4 times as fast on a CPU (``make bench``), also on narrower inputs; those keep the direct path, so
#: that results frozen from them can be made again to the bit.
WIDE, LONG = 128, 256


@dataclass(frozen=True)
class Strategy:
    """How much supervision: which convolutions train, and what they start from. The classifier always trains."""

    trains: tuple[bool, bool, bool]
    pretrained: bool

    @property
    def frozen_prefix(self) -> int:
        """Number of leading convolutions that never change, 0 to 3."""
        return next((i for i, trains in enumerate(self.trains) if trains), len(self.trains))


STRATEGIES = {
    "supervised": Strategy((True, True, True), pretrained=False),
    "frozen_0": Strategy((True, True, True), pretrained=True),
    "frozen_1_middle": Strategy((True, False, True), pretrained=True),
    "frozen_1_first": Strategy((False, True, True), pretrained=True),
    "frozen_2_first_middle": Strategy((False, False, True), pretrained=True),
    "frozen_2_first_last": Strategy((False, True, False), pretrained=True),
    "frozen_3": Strategy((False, False, False), pretrained=True),
}
#: The control that isolates pre-training: the same frozen architecture, never pre-trained.
CONTROLS = {"random_frozen_3": Strategy((False, False, False), pretrained=False)}


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


class Convolution(nn.Module):
    """Convolution over time, stride 1: (batch, timesteps, channels) → (batch, timesteps', filters)."""

    def __init__(self, channels: int, filters: int, kernel: int, padding: str):
        super().__init__()
        self.kernel = kernel
        # Keras puts the odd zero of "same" padding on the right: (11, 12) for a kernel of 24.
        self.pad = ((kernel - 1) // 2, kernel // 2) if padding == "same" else (0, 0)
        self.weight = nn.Parameter(torch.empty(filters, channels, 1, kernel, memory_format=torch.channels_last))
        self.bias = nn.Parameter(torch.zeros(filters))

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[1] + sum(self.pad) < self.kernel:
            raise ValueError(
                f"{x.shape[1]} timesteps are shorter than the kernel of {self.kernel}: use padding='same' for this data"
            )
        if x.shape[2] >= WIDE and x.shape[1] <= LONG:
            return self._over_frequencies(x)
        x = F.pad(x, (0, 0, *self.pad))
        image = x.unsqueeze(1).permute(0, 3, 1, 2)  # (batch, channels, 1, timesteps), the same memory, channels last
        return F.conv2d(image, self.weight, self.bias).permute(0, 2, 3, 1).squeeze(1)

    def _over_frequencies(self, x: Tensor) -> Tensor:
        """The same by the convolution theorem: a matrix product (batch, channels) × (channels, filters) a frequency.

        Complex numbers are pairs of real ones, so everything is a matrix product; timesteps are few, and an FFT slower.
        """
        bases = (torch.from_numpy(basis).to(x.device, x.dtype) for basis in _bases(x.shape[1], self.kernel, self.pad))
        windows, taps, back = bases
        (batch, timesteps, channels), filters = x.shape, len(self.bias)
        weight = torch.einsum("fipk,ock->fipoc", taps, self.weight.squeeze(2)).reshape(-1, 2 * filters, channels)
        if torch.is_autocast_enabled(x.device.type):
            # Rounded products are so quick that copies would cost more: time comes first once, and so do frequencies.
            rounded = torch.get_autocast_dtype(x.device.type)
            x = x.transpose(0, 1).to(rounded, memory_format=torch.contiguous_format).view(timesteps, -1)
            x = torch.matmul(windows, x).view(-1, batch, channels)
        else:
            x = torch.matmul(windows, x).transpose(0, 1)
        y = (x @ weight.mT).view(-1, 2, batch, 2, filters).sum(1)  # what real and imaginary parts add to either part
        return torch.einsum("fpt,fbpo->bto", back, y) + self.bias


@cache
def _bases(timesteps: int, kernel: int, pad: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fourier matrices: of windows (2 frequencies, timesteps), of taps, and back to time (frequencies, 2, timesteps').

    Taps (frequencies, 2, 2, kernel) lead from a window's real or imaginary part to those of its product with the
    conjugate: a convolution of neural networks does not turn its kernel round. Periodic over the timesteps and the
    longer padding, the fewest at which no tap meets the other end of a window.
    """
    period = timesteps + max(pad)
    angle = 2 * np.pi / period * np.outer(np.arange(period // 2 + 1), np.arange(period))
    real, imaginary = np.cos(angle), -np.sin(angle)
    wave = np.stack([real, imaginary], axis=1)  # (frequencies, 2, period)
    taps = np.stack([real, -imaginary, imaginary, real], axis=1)[:, :, :kernel].reshape(len(wave), 2, 2, kernel)
    once = np.arange(period // 2 + 1) % (period / 2) == 0  # all other frequencies stand for their mirror image too
    back = wave * np.where(once, 1, 2)[:, None, None] / period
    out = np.arange(timesteps + sum(pad) - kernel + 1) - pad[0]
    return wave[:, :, :timesteps].reshape(-1, timesteps), taps, back[:, :, out % period]


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
        for i in range(done, len(self.convolutions)):
            x = self.convolutions[i](self._drop(x if i == done else F.relu(x), i))
        # The last ReLU comes after the maximum, where it has less to do: the order changes neither value nor gradient.
        return F.relu(maximum_over_time(self._drop(x, len(self.convolutions))))

    def prefix(self, x: Tensor, layers: int) -> Tensor:
        """Output of the first ``layers`` convolutions after ReLU and before dropout: constant while they are frozen."""
        for i, convolution in enumerate(self.convolutions[:layers]):
            x = F.relu(convolution(self._drop(x, i)))
        return x

    def activations(self, x: Tensor) -> list[Tensor]:
        """Output of each convolution after ReLU, each (batch, timesteps', filters); for representation similarity."""
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


def freeze(model: Classifier, strategy: Strategy) -> None:
    """Let only the convolutions that ``strategy`` trains receive gradients."""
    for convolution, trains in zip(model.encoder.convolutions, strategy.trains, strict=True):
        convolution.requires_grad_(trains)


def trainable_parameters(model: nn.Module) -> int:
    """Number of parameters that an optimiser would change."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
