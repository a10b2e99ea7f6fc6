"""Small out-of-fold scores with known structure, for the tests of what is computed from them."""

import numpy as np
import pandas as pd

from fairlib import cards
from fairlib.measures.outoffold import OutOfFold
from fairlib.seeds import generator

CARD = cards.load("challenge2012")
MODELS = ("supervised", "frozen_1_middle")


def deal(strata: np.ndarray, folds: int, repeats: int, draw: np.random.Generator) -> np.ndarray:
    """Folds (repeats, n) of one-window people: each stratum is dealt in turn, in random order."""
    fold = np.empty((repeats, len(strata)), dtype=np.int16)
    for row in fold:
        order = np.lexsort((draw.random(len(strata)), strata))
        row[order] = np.arange(len(strata)) % folds
    return fold


def out_of_fold(people: int = 200, folds: int = 5, repeats: int = 2, seed: int = 0, **parts) -> OutOfFold:
    """Scores that know something of the label, for one-window people; ``parts`` replace fields."""
    draw = generator(seed, "tests", "out of fold")
    y = (draw.random(people) < 0.3).astype(np.int8)
    attributes = {
        name: pd.Categorical.from_codes(draw.integers(0, len(own.segments), people), own.segments)
        for name, own in CARD.attributes.items()
    }
    strata = 4 * y + 2 * attributes["gender"].codes + attributes["age"].codes
    score = {name: (y + draw.normal(size=(repeats, people))).astype(np.float32) for name in MODELS}
    fold = deal(strata, folds, repeats, draw) if folds else np.zeros((repeats, people), dtype=np.int16)
    own = {"y": y, "person": np.arange(people), "attributes": pd.DataFrame(attributes), "fold": fold, "score": score}
    return OutOfFold(card=CARD, **(own | parts))
