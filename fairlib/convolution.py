"""The convolution of the encoder: over time, or over frequencies where windows are wide."""

from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

#: From so many channels on, and up to so many timesteps, a convolution goes over frequencies. For conv1 that is 2.3 to
#: 4 times as fast on a CPU (``make bench``), also on narrower inputs; those keep the direct path, so
#: that results frozen from them can be made again to the bit.
WIDE, LONG = 128, 256


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
