"""Fine-tuning with gradual unfreezing: a classifier on a pre-trained, partly frozen encoder, or from scratch."""

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import trange

from .encoder import LAYERS, Classifier, Encoder, freeze, initialise, maximum_over_time, seed_dropout
from .optimisation import OPTIMISERS, products
from .recipes import FineTuning, Recipe
from .seeds import generator

if TYPE_CHECKING:
    from .strategies import Strategy

#: Outputs of frozen convolutions are kept when they fit in this many bytes, else computed again in each batch.
CACHE_BYTES = 2**30


@dataclass(frozen=True)
class Windows:
    """Labelled windows: ``x`` (n, timesteps, channels) float32, indexable by row numbers; ``y`` (n,) of 0 and 1."""

    x: np.ndarray
    y: np.ndarray

    def __len__(self) -> int:
        return len(self.y)


class ClassWeighted:
    """How labels are learned: every window once an epoch, in random order, with balanced class weights.

    The loss of a batch is Σ wᵢℓᵢ / batch size (Keras; torch's ``weight=`` with a mean divides by Σw instead). Others
    that serve groups alike are in ``mitigation``.
    """

    def __init__(self, y: np.ndarray):
        self.weights = class_weights(y)[torch.from_numpy(y.astype(np.int64))]  # (n,) one a window

    def order(self, batches: np.random.Generator) -> np.ndarray:
        """Row numbers of one epoch, (n,)."""
        return batches.permutation(len(self.weights))

    def loss(self, losses: Tensor, rows: np.ndarray) -> Tensor:
        """The loss of a batch from those of its windows, (b,)."""
        return (self.weights[rows].to(losses.device) * losses).sum() / len(rows)


def class_weights(y: np.ndarray) -> Tensor:
    """Balanced weights n / (2 nₖ) of the classes 0 and 1, from the training labels."""
    counts = np.bincount(y, minlength=2)
    if 0 in counts:
        raise ValueError(f"training labels hold only class {int(counts.argmax())}: a classifier needs both")
    return torch.tensor(len(y) / (2 * counts), dtype=torch.float32)


def fit(
    train: Windows,
    validation: Windows,
    strategy: "Strategy",
    recipe: Recipe,
    seed: int,
    encoder: Encoder | None = None,
    device: str = "cpu",
    objective: ClassWeighted | None = None,
) -> tuple[Classifier, list[dict]]:
    """Train one model and keep the first epoch with the lowest monitored validation loss.

    The monitored loss is the *unweighted* validation cross-entropy plus the L2 terms, whatever is learned.

    Parameters
    ----------
    strategy: a network of ``strategies.MODELS``.
    encoder: the pre-trained encoder; required by strategies that start from one, refused by the others.
    objective: how batches are drawn and weighted, for these training labels; None: ``ClassWeighted``.

    Returns the model (on the CPU, evaluation mode) and one record an epoch (epoch, training_loss, monitored, steps).
    """
    settings, n = recipe.training(strategy.name), len(train)
    schedule = settings.schedule
    model = _build(train.x.shape[2], strategy, settings, recipe, seed, encoder).to(device)
    seed_dropout(model, generator(seed, "fine-tuning", "dropout"))
    # With dropout active, only the output of a frozen *first* convolution is constant, since dropout comes after it.
    constant = strategy.frozen_prefix if recipe.evaluate_frozen else min(strategy.frozen_prefix, 1)
    inputs, done = _reuse_frozen(model, train.x, constant)
    held, held_done = _reuse_frozen(model, validation.x, strategy.frozen_prefix)  # validated without dropout anyway
    held = Windows(held, validation.y)
    objective = objective or ClassWeighted(train.y)
    labels = torch.from_numpy(train.y.astype(np.int64)).to(device)
    optimiser = OPTIMISERS[settings.optimiser](_regularised(model, settings), schedule.learning_rate)
    batches, step = generator(seed, "fine-tuning", "batches"), 0
    history, best, best_state, waited = [], np.inf, None, 0
    progress = trange(schedule.run_epochs(n), desc=f"{strategy.name}, seed {seed}", unit="epoch", mininterval=2)
    for epoch in progress:
        model.train()
        order, total = objective.order(batches), 0.0
        for start in range(0, n, schedule.batch_size):
            rows = order[start : start + schedule.batch_size]
            with products(recipe.precision, device):
                output = model(torch.from_numpy(inputs[rows]).to(device), done)
            target = labels[torch.from_numpy(rows).to(device)]
            loss = objective.loss(F.cross_entropy(output.float(), target, reduction="none"), rows)
            for group in optimiser.param_groups:
                group["lr"] = schedule.rate(step, n)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            total, step = total + float(loss.detach()) * len(rows), step + 1
        monitored = monitored_loss(model, held, settings, held_done)
        if not np.isfinite(monitored):
            raise FloatingPointError(
                f"{strategy.name}, seed {seed}: validation loss became {monitored} in epoch {epoch}"
            )
        history.append({"epoch": epoch, "training_loss": total / n, "monitored": monitored, "steps": step})
        progress.set_postfix(monitored=f"{monitored:.4f}")
        if monitored < best:
            best, best_state, waited = monitored, copy.deepcopy(model.state_dict()), 0
        else:
            waited += 1
            if settings.patience is not None and waited >= settings.patience:
                break
    model.load_state_dict(best_state)
    return model.cpu().eval(), history


@torch.inference_mode()
def logits(model: Classifier, x, done: int = 0, batch_size: int = 512) -> Tensor:
    """Logits (n, 2) of windows (n, timesteps, channels), in evaluation mode; ``done`` as in ``Encoder.forward``."""
    device = next(model.parameters()).device
    model.eval()
    starts = range(0, len(x), batch_size)
    parts = (torch.from_numpy(np.ascontiguousarray(x[s : s + batch_size])).to(device) for s in starts)
    return torch.cat([model(part, done).cpu() for part in parts])


def scores(model: Classifier, x) -> np.ndarray:
    """Predicted probability of the positive class, (n,) float32 in [0, 1]."""
    return F.softmax(logits(model, x), dim=1)[:, 1].numpy()


def monitored_loss(model: Classifier, validation: Windows, settings: FineTuning, done: int = 0) -> float:
    """Unweighted mean cross-entropy on the validation windows, plus the L2 terms of all kernels."""
    labels = torch.from_numpy(validation.y.astype(np.int64))
    penalty = sum(
        group["weight_decay"] / 2 * float(weight.detach().square().sum())
        for group in _regularised(model, settings)
        for weight in group["params"]
    )
    return float(F.cross_entropy(logits(model, validation.x, done), labels)) + penalty


def _build(
    channels: int, strategy: "Strategy", settings: FineTuning, recipe: Recipe, seed: int, encoder: Encoder | None
) -> Classifier:
    if strategy.pretrained != (encoder is not None):
        raise ValueError("this strategy needs a pre-trained encoder" if strategy.pretrained else "starts from scratch")
    weights = generator(seed, "fine-tuning", "weights")
    own = Encoder(channels, recipe.padding, settings.conv_dropout, weights)
    if encoder is not None:
        own.load_state_dict(encoder.state_dict())
    elif strategy.frozen_prefix == len(LAYERS):  # the control: not the draw from which the supervised model starts
        initialise(own, generator(seed, "random encoder", "weights"))
    model = Classifier(own, settings.head_dropout, weights)
    if settings.head_normal_sd is not None:
        hidden = model.head[0].weight
        values = weights.normal(0, settings.head_normal_sd, tuple(hidden.shape)).astype(np.float32)
        with torch.no_grad():
            hidden.copy_(torch.from_numpy(values))
    freeze(model, strategy)
    if recipe.evaluate_frozen:
        own.evaluated = strategy.frozen_prefix
    return model


def _regularised(model: Classifier, settings: FineTuning) -> list[dict]:
    """Parameter groups: L2 of λ on the kernels of the convolutions and of the hidden layer, none elsewhere."""
    convolutions = [convolution.weight for convolution in model.encoder.convolutions]
    hidden = [model.head[0].weight]
    penalised = {id(weight) for weight in (*convolutions, *hidden)}
    rest = [parameter for parameter in model.parameters() if id(parameter) not in penalised]
    return [
        {"params": convolutions, "weight_decay": 2 * settings.conv_l2},
        {"params": hidden, "weight_decay": 2 * settings.head_l2},
        {"params": rest, "weight_decay": 0.0},
    ]


@torch.inference_mode()
def _reuse_frozen(model: Classifier, x, layers: int) -> tuple[np.ndarray, int]:
    """Compute once what never changes: the output of ``layers`` frozen convolutions; of all three, the features.

    Returns the inputs of training, and how much of the encoder they have passed (``done`` of ``Encoder.forward``).
    """
    encoder, device = model.encoder.eval(), next(model.parameters()).device
    every = layers == len(LAYERS)
    size = len(x) * (1 if every else x.shape[1]) * LAYERS[layers - 1][0] * 4
    if layers == 0 or size > CACHE_BYTES:
        return x, 0
    batches = (torch.from_numpy(np.ascontiguousarray(x[s : s + 512])).to(device) for s in range(0, len(x), 512))
    outputs = (encoder.prefix(batch, layers) for batch in batches)
    parts = [(maximum_over_time(output) if every else output).cpu().numpy() for output in outputs]
    return np.concatenate(parts), layers + every
