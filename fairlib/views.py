"""Views: the random changes of a window that an encoder is asked to ignore, or to undo.

Each view takes a batch (n, timesteps, channels), float32, and a generator, and returns a new batch of the same shape.

Observation masks: ``mask_of`` (``channels.masks_of``) says which channel is the mask of which; None: no channel is one.
A mask says what was measured, so views that change values leave it alone, unless ``masks=True`` asks for it as the two
recipes of the paper do. Views that hide something hide the value and its mask together.
"""

import numpy as np

from .channels import are_masks

Batch, Draw = np.ndarray, np.random.Generator
MaskOf = np.ndarray | None


def scaling(x: Batch, generator: Draw, sd: float = 0.1, masks: bool = False, mask_of: MaskOf = None) -> Batch:
    """Multiply each channel of each window by one factor drawn from N(1, sd), constant over time.

    Masks stay as they are unless ``masks``.
    """
    factors = generator.standard_normal((len(x), 1, x.shape[2]), dtype=np.float32)
    return x * np.where(_changes(masks, mask_of), 1 + np.float32(sd) * factors, np.float32(1))


def negation(x: Batch, generator: Draw, probability: float = 0.5, masks: bool = False, mask_of: MaskOf = None) -> Batch:
    """Flip the sign of a whole window with the given probability (1: always, as the released scripts do).

    Masks stay as they are unless ``masks``, which makes -1 of 1.
    """
    flipped = generator.random((len(x), 1, 1)) < probability
    return x * np.where(flipped & _changes(masks, mask_of), np.float32(-1), np.float32(1))


def jitter(x: Batch, generator: Draw, sd: float = 0.1, masks: bool = False, mask_of: MaskOf = None) -> Batch:
    """Add noise N(0, sd) to every value. Masks stay as they are unless ``masks``."""
    noise = np.float32(sd) * generator.standard_normal(x.shape, dtype=np.float32)
    return x + noise * _changes(masks, mask_of)


def channel_mask(x: Batch, generator: Draw, share: float = 0.2, mask_of: MaskOf = None) -> Batch:
    """Set each variable of each window to 0 with this probability, over the whole window, together with its mask."""
    drawn, own = generator.random((len(x), 1, x.shape[2])), np.arange(x.shape[2])
    decides = own if mask_of is None else np.where(mask_of < 0, own, mask_of)  # one draw a variable: that of its mask
    return x * (drawn[:, :, decides] >= share)


def time_mask(
    x: Batch, generator: Draw, shortest: float = 1 / 6, longest: float = 5 / 12, mask_of: MaskOf = None
) -> Batch:
    """Set all channels, masks among them, to 0 during one stretch of each window.

    shortest, longest: its length as a share of the window, above 0 and at most 1 (8 to 20 hours of 48 unless given);
    lengths are whole timesteps, at least one. Raises ``ValueError`` for other shares.
    """
    if not 0 < shortest <= longest <= 1:
        raise ValueError(f"a time mask needs shares of the window, 0 < shortest ≤ longest ≤ 1: {shortest}, {longest}")
    steps = x.shape[1]
    least, most = (max(1, round(share * steps)) for share in (shortest, longest))
    length = generator.integers(least, most + 1, (len(x), 1))
    first = np.floor(generator.random((len(x), 1)) * (steps - length + 1))
    time = np.arange(steps)
    return x * ~((time >= first) & (time < first + length))[:, :, None]


VIEWS = {view.__name__: view for view in (scaling, negation, jitter, channel_mask, time_mask)}


def compose(x: Batch, views: tuple[tuple[str, dict], ...], generator: Draw, mask_of: MaskOf = None) -> Batch:
    """Apply named views in order, e.g. ``(("scaling", {"sd": 0.1}), ("negation", {"probability": 0.5}))``."""
    for name, options in views:
        x = VIEWS[name](x, generator, mask_of=mask_of, **options)
    return x


def _changes(masks: bool, mask_of: MaskOf) -> np.ndarray | np.bool_:
    """Which channels a view of values changes."""
    return np.True_ if masks or mask_of is None else ~are_masks(mask_of)
