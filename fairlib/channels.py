"""Which channels are observation masks: the names of the channels say so.

An observation mask is 1 where its variable was measured and 0 where the value was imputed. The readers name it
``mask X`` or, as the MIMIC benchmark does, ``mask->X``, where X is a channel or a variable of several: ``X->category``.
"""

from collections.abc import Sequence

import numpy as np

PREFIXES = ("mask ", "mask->")


def masks_of(channels: Sequence[str]) -> np.ndarray:
    """(C,) int: for each channel the index of the mask of its variable, -1 where it has none, as masks themselves.

    >>> masks_of(("HR", "age", "Eyes->open", "Eyes->closed", "mask HR", "mask->Eyes"))
    array([ 4, -1,  5,  5, -1, -1])
    """
    place = {name: index for index, name in enumerate(channels)}
    found = ([place.get(prefix + name.split("->")[0], -1) for prefix in PREFIXES] for name in channels)
    return np.array([max(indices) for indices in found], dtype=np.int64)


def are_masks(mask_of: np.ndarray) -> np.ndarray:
    """(C,) bool: whether a channel is the mask of another; ``mask_of`` as ``masks_of`` returns it."""
    return np.isin(np.arange(len(mask_of)), mask_of)


def measured(x: np.ndarray, mask_of: np.ndarray) -> np.ndarray:
    """(n, timesteps, C) bool: values that were measured. A channel without a mask always is; a mask itself never.

    x: (n, timesteps, C). A mask above 0 says measured, so masks may be standardised.
    """
    return (mask_of < 0) & ~are_masks(mask_of) | (mask_of >= 0) & (x[:, :, mask_of] > 0)
