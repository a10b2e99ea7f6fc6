"""SimCLR pre-training: an encoder learns, without labels, to recognise two views of the same window."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import trange

from .encoder import Encoder, ProjectionHead
from .optimisation import OPTIMISERS, products
from .recipes import Recipe
from .seeds import generator
from .views import compose


def nt_xent(z1: Tensor, z2: Tensor, temperature: float = 0.1) -> Tensor:
    """Normalised temperature-scaled cross-entropy (the paper's equation 1), the mean over all 2N anchors.

    Parameters
    ----------
    z1, z2: (N, d) projections of two views of the same N windows; need not be normalised.
    temperature: T > 0; similarities are cosines divided by T.

    Source: Chen et al. 2020, *A Simple Framework for Contrastive Learning*, arXiv:2002.05709, equation 1.
    """
    if z1.shape != z2.shape or z1.ndim != 2:
        raise ValueError(f"both views need the same shape (N, d), got {tuple(z1.shape)} and {tuple(z2.shape)}")
    if temperature <= 0:
        raise ValueError(f"temperature must be positive, got {temperature}")
    n = len(z1)
    z = F.normalize(torch.cat([z1, z2]), dim=1)  # (2N, d)
    similarity = z @ z.T / temperature
    similarity = similarity.masked_fill(torch.eye(2 * n, dtype=torch.bool, device=z.device), -torch.inf)
    partner = torch.arange(2 * n, device=z.device).roll(n)
    return F.cross_entropy(similarity, partner)


def pretrain(x, recipe: Recipe, seed: int, device: str = "cpu") -> tuple[Encoder, np.ndarray]:
    """Pre-train an encoder on unlabelled windows.

    Parameters
    ----------
    x: (n, timesteps, channels) float32, an array or anything that returns one when indexed with row numbers.
    recipe: its ``pretraining`` part and ``padding`` are used.
    seed: decides initial weights, order of batches and views, each from a generator of its own.

    Returns the encoder (on the CPU, evaluation mode) and the loss of each step, (steps,).
    """
    settings, schedule, n = recipe.pretraining, recipe.pretraining.schedule, len(x)
    weights, batches, views = (generator(seed, "pretraining", part) for part in ("weights", "batches", "views"))
    encoder = Encoder(x.shape[2], recipe.padding, dropout=0.0, generator=weights).to(device)
    head = ProjectionHead(weights).to(device)
    optimiser = OPTIMISERS[settings.optimiser]([*encoder.parameters(), *head.parameters()], schedule.learning_rate)
    per_epoch, losses = schedule.steps_per_epoch(n), []
    for step in trange(schedule.steps(n), desc=f"pre-training, seed {seed}", unit="step", mininterval=2):
        if step % per_epoch == 0:
            order = batches.permutation(n)
        start = step % per_epoch * schedule.batch_size
        batch = x[order[start : start + schedule.batch_size]]
        both = np.concatenate([compose(batch, settings.views, views) for _ in range(2)])
        with products(recipe.precision, device):
            projections = head(encoder(torch.from_numpy(both).to(device)))  # one forward for both views
        loss = settings.loss_factor * nt_xent(*projections.float().chunk(2), settings.temperature)
        optimiser.param_groups[0]["lr"] = schedule.rate(step, n)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
        if not np.isfinite(losses[-1]):
            raise FloatingPointError(f"pre-training loss became {losses[-1]} at step {step} (seed {seed})")
    return encoder.cpu().eval(), np.asarray(losses, dtype=np.float32)
