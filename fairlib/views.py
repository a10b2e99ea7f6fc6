"""Views: the random changes of a window that SimCLR asks the encoder to ignore.

Each view takes a batch (n, timesteps, channels), float32, and a generator, and returns a new batch of the same shape.
"""

import numpy as np

Batch = np.ndarray


def scaling(x: Batch, generator: np.random.Generator, sd: float = 0.1) -> Batch:
    """Multiply each channel of each window by one factor drawn from N(1, sd), constant over time."""
    factors = generator.standard_normal((len(x), 1, x.shape[2]), dtype=np.float32)
    return x * (1 + np.float32(sd) * factors)


def negation(x: Batch, generator: np.random.Generator, probability: float = 0.5) -> Batch:
    """Flip the sign of a whole window with the given probability (1: always, as the released scripts do)."""
    flipped = generator.random((len(x), 1, 1)) < probability
    return x * np.where(flipped, np.float32(-1), np.float32(1))


def jitter(x: Batch, generator: np.random.Generator, sd: float = 0.1) -> Batch:
    """Add noise N(0, sd) to every value."""
    return x + np.float32(sd) * generator.standard_normal(x.shape, dtype=np.float32)


def channel_mask(x: Batch, generator: np.random.Generator, share: float = 0.2) -> Batch:
    """Set each channel of each window to 0 with this probability, over the whole window."""
    return x * (generator.random((len(x), 1, x.shape[2])) >= share)


def time_mask(x: Batch, generator: np.random.Generator, shortest: int = 8, longest: int = 20) -> Batch:
    """Set all channels to 0 during one stretch of each window, from ``shortest`` to ``longest`` timesteps."""
    steps = x.shape[1]
    length = np.minimum(generator.integers(shortest, longest + 1, (len(x), 1)), steps)
    first = np.floor(generator.random((len(x), 1)) * (steps - length + 1))
    time = np.arange(steps)
    return x * ~((time >= first) & (time < first + length))[:, :, None]


VIEWS = {
    "scaling": scaling,
    "negation": negation,
    "jitter": jitter,
    "channel_mask": channel_mask,
    "time_mask": time_mask,
}


def compose(x: Batch, views: tuple[tuple[str, dict], ...], generator: np.random.Generator) -> Batch:
    """Apply named views in order, e.g. ``(("scaling", {"sd": 0.1}), ("negation", {"probability": 0.5}))``."""
    for name, options in views:
        x = VIEWS[name](x, generator, **options)
    return x
