"""A step of pre-training without its data: two views of 128 windows through encoder and head, NT-Xent, gradients, SGD.

"naive" is the same model with an eager Conv1d on (batch, channels, timesteps); "direct" ours with every convolution as
a 1 × k conv2d in channels-last order. "ours" takes wide inputs over frequencies; "ours, bf16" rounds products. The FLOP
are those of the direct convolution, padded taps included: going over frequencies needs less, and may pass the limit.
"""

import numpy as np
import torch
import torch.nn.functional as F

from fairlib import encoder as encoders
from fairlib.encoder import LAYERS, Convolution, Encoder, ProjectionHead
from fairlib.precision import products
from fairlib.simclr import nt_xent

from .turns import gemm, in_turns, rows

SHAPES, BATCH = ((48, 76), (101, 5), (28, 1390)), 128


def naive(self: Convolution, x: torch.Tensor) -> torch.Tensor:
    """A convolution as most would write it."""
    y = F.conv1d(F.pad(x.transpose(1, 2), self.pad), self.weight.squeeze(2), self.bias)
    return y.transpose(1, 2)


def flop(timesteps: int, channels: int) -> float:
    """FLOP of a step: forward, weight gradient, and input gradient of all but the first layer, of both views."""
    widths = [channels, *(filters for filters, _ in LAYERS)]
    layers = [timesteps * k * before * after for before, (after, k) in zip(widths, LAYERS, strict=False)]
    head = 96 * 256 + 256 * 128 + 128 * 50
    return BATCH * 4 * (3 * (sum(layers) + head) - layers[0])


def variants(timesteps: int, channels: int) -> dict:
    """The same step in four ways, on the same weights."""
    draw, ours, wide = np.random.default_rng(0), Convolution.forward, encoders.WIDE
    model, head = Encoder(channels, dropout=0.0, generator=draw), ProjectionHead(draw)
    optimiser = torch.optim.SGD([*model.parameters(), *head.parameters()], lr=0.01)
    views = torch.from_numpy(draw.standard_normal((2 * BATCH, timesteps, channels), dtype=np.float32))

    def step(forward=ours, frequencies_from=wide, precision="float32"):
        Convolution.forward, encoders.WIDE = forward, frequencies_from
        try:
            with products(precision, "cpu"):
                projections = head(model(views))
            loss = nt_xent(*projections.float().chunk(2))
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
        finally:
            Convolution.forward, encoders.WIDE = ours, wide

    return {
        "naive": lambda: step(naive),
        "direct": lambda: step(frequencies_from=10**9),
        "ours": step,
        "ours, bf16": lambda: step(precision="bf16"),
    }


def measure(rounds: int = 10) -> list[dict]:
    """Rows of ``bench.csv``: each shape on two threads and on one."""
    found = []
    for threads in (2, 1):
        for shape in SHAPES:
            limit = gemm(threads)
            seconds = in_turns(variants(*shape), rounds)
            facts = {"windows": BATCH, "flop": flop(*shape), "limit": limit}
            found += rows("pre-training step", str(shape), seconds, threads, **facts)
    return found
