"""Pre-training: an encoder learns without labels, by the pretext that the recipe names."""

import warnings
from collections.abc import Sequence

import numpy as np
import torch
from tqdm import trange

from .channels import masks_of
from .encoder import Encoder, check_length
from .optimisation import OPTIMISERS, products
from .pretexts import PRETEXTS, collapsed, nt_xent, spread
from .recipes import Recipe
from .seeds import generator

__all__ = ["nt_xent", "pretrain"]
#: Windows whose features are looked at when pre-training has ended.
LOOKED_AT = 512


def pretrain(
    x, recipe: Recipe, seed: int, device: str = "cpu", channels: Sequence[str] = ()
) -> tuple[Encoder, np.ndarray]:
    """Pre-train an encoder on unlabelled windows.

    Parameters
    ----------
    x: (n, timesteps, channels) float32, an array or anything that returns one when indexed with row numbers.
    recipe: its ``pretraining`` part and ``padding`` are used.
    seed: decides initial weights, order of batches and views, each from a generator of its own.
    channels: their names, which say which ones are observation masks; empty: none is.

    Returns the encoder (on the CPU, evaluation mode) and the loss of each step, (steps,). Warns, with the spread of its
    features, where they say the same of every window. Raises ``ValueError`` for windows too short for the padding, or
    names that do not fit; ``FloatingPointError`` for a loss that is not finite.
    """
    settings, schedule, n = recipe.pretraining, recipe.pretraining.schedule, len(x)
    pretext, width = PRETEXTS[settings.pretext], x.shape[2]
    check_length(x.shape[1], recipe.padding)
    if len(channels) not in (0, width):
        raise ValueError(f"{len(channels)} names of channels were given for windows of {width} channels")
    mask_of = masks_of(channels or ("",) * width)
    weights, batches, views = (generator(seed, "pretraining", part) for part in ("weights", "batches", "views"))
    encoder = Encoder(width, recipe.padding, dropout=0.0, generator=weights).to(device)
    head = pretext.head(width, weights).to(device)
    optimiser = OPTIMISERS[settings.optimiser]([*encoder.parameters(), *head.parameters()], schedule.learning_rate)
    per_epoch, losses = schedule.steps_per_epoch(n), []
    for step in trange(schedule.steps(n), desc=f"pre-training, seed {seed}", unit="step", mininterval=2):
        if step % per_epoch == 0:
            order = batches.permutation(n)
        start = step % per_epoch * schedule.batch_size
        batch = x[order[start : start + schedule.batch_size]]
        prepared = pretext.prepare(batch, settings, views, mask_of)
        inputs, *rest = (torch.from_numpy(part).to(device) for part in prepared)
        with products(recipe.precision, device):
            output = pretext.predict(encoder, head, inputs)
        loss = settings.loss_factor * pretext.loss(output.float(), settings, *rest)
        optimiser.param_groups[0]["lr"] = schedule.rate(step, n)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
        if not np.isfinite(losses[-1]):
            raise FloatingPointError(f"pre-training loss became {losses[-1]} at step {step} (seed {seed})")
    encoder = encoder.cpu().eval()
    _look(encoder, x[np.arange(min(n, LOOKED_AT))], f"{settings.pretext}, seed {seed}")
    return encoder, np.asarray(losses, dtype=np.float32)


@torch.inference_mode()
def _look(encoder: Encoder, x: np.ndarray, what: str) -> None:
    """Warn of an encoder that says the same of every window."""
    features = encoder(torch.from_numpy(x)).numpy()
    if len(x) > 1 and collapsed(features):
        warnings.warn(
            f"pre-training by {what} has collapsed: the features of {len(x)} windows differ by {spread(features):.2%}"
            " of their size",
            stacklevel=3,
        )
