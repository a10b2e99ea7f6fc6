"""A step of pre-training without its data: two views of 128 windows through encoder and head, NT-Xent, gradients, SGD.

"naive" is the same architecture as most would write it: Conv1d on (batch, channels, timesteps), amax over time;
"direct" ours with every convolution as a 1 × k conv2d in channels-last order. "ours" takes wide inputs over
frequencies; "ours, bf16" rounds products. The FLOP are those of the direct convolution, padded taps included: going
over frequencies needs less, and may pass the limit.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from fairlib import convolution as convolutions
from fairlib.encoder import LAYERS, Encoder, ProjectionHead
from fairlib.optimisation import products
from fairlib.pretraining import nt_xent

from .turns import gemm, in_turns, rows

SHAPES, BATCH = ((48, 76), (101, 5), (28, 1390)), 128


class Naive(nn.Module):
    """The encoder with plain modules, (batch, channels, timesteps) inside."""

    def __init__(self, channels: int, dropout: float = 0.0):
        super().__init__()
        widths = [channels, *(filters for filters, _ in LAYERS)]
        self.convolutions = nn.ModuleList(
            nn.Conv1d(before, after, k, padding="same") for before, (after, k) in zip(widths, LAYERS, strict=False)
        )
        self.dropout = dropout

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.transpose(1, 2).contiguous()
        for convolution in self.convolutions:
            x = F.dropout(F.relu(convolution(x)), self.dropout, self.training)
        return x.amax(2)


def flop(timesteps: int, channels: int) -> float:
    """FLOP of a step: forward, weight gradient, and input gradient of all but the first layer, of both views."""
    widths = [channels, *(filters for filters, _ in LAYERS)]
    layers = [timesteps * k * before * after for before, (after, k) in zip(widths, LAYERS, strict=False)]
    head = 96 * 256 + 256 * 128 + 128 * 50
    return BATCH * 4 * (3 * (sum(layers) + head) - layers[0])


def variants(timesteps: int, channels: int) -> dict:
    """The same step in four ways."""
    draw, wide = np.random.default_rng(0), convolutions.WIDE
    encoder, plain, head = Encoder(channels, dropout=0.0, generator=draw), Naive(channels), ProjectionHead(draw)
    optimiser = torch.optim.SGD([*encoder.parameters(), *plain.parameters(), *head.parameters()], lr=0.01)
    views = torch.from_numpy(draw.standard_normal((2 * BATCH, timesteps, channels), dtype=np.float32))

    def step(model=encoder, frequencies_from=wide, precision="float32"):
        convolutions.WIDE = frequencies_from
        try:
            with products(precision, "cpu"):
                projections = head(model(views))
            loss = nt_xent(*projections.float().chunk(2))
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
        finally:
            convolutions.WIDE = wide

    return {
        "naive": lambda: step(plain),
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
