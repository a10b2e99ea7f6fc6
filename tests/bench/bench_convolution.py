"""Training steps a second, ours against naive eager Conv1d, interleaved; prints a table with the GEMM limit beside it.

Not a test: ``python tests/bench/bench_convolution.py [--threads 2] [--rounds 10]``. One call is a step of pre-training
without its data: two views of 128 windows through encoder and head, NT-Xent, gradients, plain SGD. "naive" is the same
model with Conv1d on (batch, channels, timesteps), "direct" ours with every convolution as a 1 x k conv2d; ours takes
wide inputs over frequencies. The limit is that of the float32 GEMM of this minute, by the direct convolution's
arithmetic (padded taps included): going over frequencies may pass it, since it needs less.
"""

import argparse
import time

import numpy as np
import torch
import torch.nn.functional as F

from fairlib import encoder as encoders
from fairlib.encoder import LAYERS, Convolution, Encoder, ProjectionHead
from fairlib.simclr import nt_xent

SHAPES, BATCH = ((48, 76), (101, 5), (28, 1390)), 128


def naive(self: Convolution, x: torch.Tensor) -> torch.Tensor:
    """A convolution as most would write it."""
    y = F.conv1d(F.pad(x.transpose(1, 2), self.pad), self.weight.squeeze(2), self.bias)
    return y.transpose(1, 2)


def step(model: Encoder, head: ProjectionHead, views: torch.Tensor, optimiser: torch.optim.Optimizer) -> None:
    loss = nt_xent(*head(model(views)).chunk(2))
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    optimiser.step()


def work(timesteps: int, channels: int) -> float:
    """FLOP of one window's step: forward, weight gradient, and input gradient of all but the first layer."""
    widths = [channels, *(filters for filters, _ in LAYERS)]
    layers = [timesteps * k * before * after for before, (after, k) in zip(widths, LAYERS, strict=False)]
    head = 96 * 256 + 256 * 128 + 128 * 50
    return 4 * (3 * (sum(layers) + head) - layers[0])


def gemm() -> float:
    """FLOP a second of a float32 GEMM, the best of five."""
    a, best = torch.randn(2048, 2048), np.inf
    for _ in range(5):
        start = time.perf_counter()
        a @ a
        best = min(best, time.perf_counter() - start)
    return 2 * 2048**3 / best


def measure(timesteps: int, channels: int, rounds: int) -> dict[str, list[float]]:
    """Seconds of each step, variant by variant, in turns."""
    ours, wide = Convolution.forward, encoders.WIDE
    variants = {"naive": (naive, wide), "direct": (ours, 10**9), "ours": (ours, wide)}
    draw = np.random.default_rng(0)
    model, head = Encoder(channels, dropout=0.0, generator=draw), ProjectionHead(draw)
    optimiser = torch.optim.SGD([*model.parameters(), *head.parameters()], lr=0.01)
    views = torch.from_numpy(draw.standard_normal((2 * BATCH, timesteps, channels), dtype=np.float32))
    seconds = {name: [] for name in variants}
    for turn in range(rounds + 1):
        for name, (Convolution.forward, encoders.WIDE) in variants.items():
            start = time.perf_counter()
            step(model, head, views, optimiser)
            if turn:  # the first warms up
                seconds[name].append(time.perf_counter() - start)
    Convolution.forward, encoders.WIDE = ours, wide
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(f"{options.threads} thread(s), windows a second, best / median of {options.rounds} rounds in turns")
    print("shape          naive             direct            ours              ours/naive  limit")
    for timesteps, channels in SHAPES:
        limit = gemm() / work(timesteps, channels)
        seconds = measure(timesteps, channels, options.rounds)
        cells = {name: (BATCH / min(s), BATCH / np.median(s)) for name, s in seconds.items()}
        rates = "".join(f"{best:7,.0f} / {median:7,.0f} " for best, median in cells.values())
        gain = np.median(seconds["naive"]) / np.median(seconds["ours"])
        print(f"({timesteps}, {channels})".ljust(12), rates, f"{gain:10.2f} {limit:8,.0f}")


if __name__ == "__main__":
    main()
