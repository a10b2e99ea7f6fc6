"""Pretexts: what an encoder is asked to do without labels. One row each; encoder, steps and batches are the same.

``simclr`` recognises two views of the same window among all others. ``vicreg`` makes two views alike and, instead of
comparing windows, keeps features spread and uncorrelated. ``masked`` predicts what was hidden from the rest.

PyTorch is imported where something is computed: names and titles are read without it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .channels import measured
from .views import compose

if TYPE_CHECKING:
    from torch import Tensor, nn

    from .encoder import Encoder
    from .recipes import PreTraining

#: Weights of invariance, variance and covariance in VICReg, and the ε under its square root.
VICREG, EPSILON = (25.0, 25.0, 1.0), 1e-4
#: What the masked pretext hides: a fifth of the variables, and one stretch of all.
HIDING = (("channel_mask", {"share": 0.2}), ("time_mask", {"shortest": 1 / 6, "longest": 5 / 12}))
#: Features whose spread over windows is below this share of their size say the same of every window.
COLLAPSED = 0.01

# Losses --------------------------------------------------------------------------------------------------------------


def nt_xent(z1: "Tensor", z2: "Tensor", temperature: float = 0.1) -> "Tensor":
    """Normalised temperature-scaled cross-entropy (the paper's equation 1), the mean over all 2N anchors.

    Parameters
    ----------
    z1, z2: (N, d) projections of two views of the same N windows; need not be normalised.
    temperature: T > 0; similarities are cosines divided by T.

    Source: Chen et al. 2020, *A Simple Framework for Contrastive Learning*, arXiv:2002.05709, equation 1.
    """
    import torch
    import torch.nn.functional as F

    _same_shape(z1, z2)
    if temperature <= 0:
        raise ValueError(f"temperature must be positive, got {temperature}")
    n = len(z1)
    z = F.normalize(torch.cat([z1, z2]), dim=1)  # (2N, d)
    similarity = z @ z.T / temperature
    similarity = similarity.masked_fill(torch.eye(2 * n, dtype=torch.bool, device=z.device), -torch.inf)
    partner = torch.arange(2 * n, device=z.device).roll(n)
    return F.cross_entropy(similarity, partner)


def vicreg(z1: "Tensor", z2: "Tensor") -> "Tensor":
    """Variance-invariance-covariance regularisation: 25 · invariance + 25 · variance + 1 · covariance.

    Invariance is the mean squared difference of the two views. Variance is the mean of max(0, 1 - √(variance + ε)) over
    dimensions, covariance the sum of squared off-diagonal covariances divided by d; both are added over the two views.

    z1, z2: (N, d) projections of two views of the same N windows. A single window has no variance: only invariance
    counts.

    Source: Bardes, Ponce and LeCun 2022, *VICReg*, arXiv:2105.04906, equations 1 to 6, invariance as in algorithm 1 (a
    mean over dimensions too).
    """
    import torch

    _same_shape(z1, z2)
    (n, d), (invariance, variance, covariance) = z1.shape, VICREG
    loss = invariance * (z1 - z2).square().mean()
    for z in (z1, z2) if n > 1 else ():
        centred = z - z.mean(dim=0)
        products = centred.T @ centred / (n - 1)
        spread = products.diagonal()
        loss = loss + variance * torch.relu(1 - (spread + EPSILON).sqrt()).mean()
        loss = loss + covariance * (products.square().sum() - spread.square().sum()) / d
    return loss


def hidden_error(predicted: "Tensor", x: "Tensor", counts: "Tensor") -> "Tensor":
    """Mean squared error over the cells that count (bool), 0 where there is none; all (n, timesteps, channels)."""
    return ((predicted - x).square() * counts).sum() / counts.sum().clamp(min=1)


def _same_shape(z1: "Tensor", z2: "Tensor") -> None:
    if z1.shape != z2.shape or z1.ndim != 2:
        raise ValueError(f"both views need the same shape (N, d), got {tuple(z1.shape)} and {tuple(z2.shape)}")


# How a batch becomes inputs, and what is predicted from them ---------------------------------------------------------


def two_views(
    batch: np.ndarray, settings: "PreTraining", draw: np.random.Generator, mask_of: np.ndarray
) -> tuple[np.ndarray, ...]:
    """(2n, timesteps, channels): one view of every window, then another; one forward pass serves both."""
    return (np.concatenate([compose(batch, settings.views, draw, mask_of) for _ in range(2)]),)


def hidden(
    batch: np.ndarray, settings: "PreTraining", draw: np.random.Generator, mask_of: np.ndarray
) -> tuple[np.ndarray, ...]:
    """The batch with what the views hide set to 0, the batch itself, and the cells that count in the loss.

    Only views that hide have an effect. Cells count where they are hidden, measured, and no mask.
    """
    shown = compose(np.ones_like(batch), settings.views, draw, mask_of) != 0
    return batch * shown, batch, ~shown & measured(batch, mask_of)


def _projection(channels: int, weights: np.random.Generator) -> "nn.Module":
    from .encoder import ProjectionHead

    return ProjectionHead(weights)


def _decoder(channels: int, weights: np.random.Generator) -> "nn.Module":
    """96 → channels, the same at every timestep."""
    from torch import nn

    from .encoder import FEATURES, initialise

    decoder = nn.Linear(FEATURES, channels)
    initialise(decoder, weights)
    return decoder


def _project(encoder: "Encoder", head: "nn.Module", x: "Tensor") -> "Tensor":
    return head(encoder(x))


def _decode(encoder: "Encoder", head: "nn.Module", x: "Tensor") -> "Tensor":
    """A prediction for each timestep, so from the last convolution: the features are a maximum over time."""
    if encoder.padding != "same":
        raise ValueError(
            f"the pretext 'masked' predicts every timestep: it needs padding 'same', not {encoder.padding!r}"
        )
    return head(encoder.prefix(x, len(encoder.convolutions)))


# The rows ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Pretext:
    """One pretext.

    Attributes
    ----------
    prepare: (batch, settings, generator, mask_of) → inputs of the encoder, and what else the loss needs.
    head: (channels, generator) → the network on top of the encoder, thrown away after pre-training.
    predict: (encoder, head, inputs) → its output.
    loss: (output in float32, settings, whatever else was prepared) → a number.
    views: instead of those of the recipe; None: those of the recipe.
    """

    title: str
    prepare: Callable
    head: Callable
    predict: Callable
    loss: Callable
    views: Sequence | None = None


PRETEXTS = {
    "simclr": Pretext(
        "SimCLR", two_views, _projection, _project, lambda z, settings: nt_xent(*z.chunk(2), settings.temperature)
    ),
    # A weighted mean of its terms: the paper trains with LARS, whose steps do not grow with the loss; those of SGD do.
    "vicreg": Pretext(
        "VICReg", two_views, _projection, _project, lambda z, settings: vicreg(*z.chunk(2)) / sum(VICREG)
    ),
    "masked": Pretext(
        "masked prediction", hidden, _decoder, _decode, lambda y, settings, *rest: hidden_error(y, *rest), HIDING
    ),
}

# Collapse ------------------------------------------------------------------------------------------------------------


def spread(features: np.ndarray) -> float:
    """Standard deviation of features (n, d) over windows, as a share of their size (both root mean squares); 0: all
    windows look the same. Features that are all 0 have a spread of 0."""
    size = np.sqrt(np.square(features, dtype=np.float64).mean())
    return float(np.sqrt(features.var(axis=0, dtype=np.float64).mean()) / size) if size else 0.0


def collapsed(features: np.ndarray) -> bool:
    """Whether features (n, d) say the same of every window: a spread below 0.01."""
    return spread(features) < COLLAPSED
