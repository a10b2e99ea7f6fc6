"""CKA of three layers with three others, all pairs; and conditioned on segments with half-samples.

"definition" is METHOD equations 2 and 3 letter by letter: every Gram matrix made anew for every pair, every product in
full, and only its trace used. Float32 activations after ReLU with a shared part; the error of both is against ours
in float64 (which tests hold to the definition in float64).
"""

import numpy as np

from fairlib.measures.half_samples import subsample_table
from fairlib.similarity import cka_table, gram
from tests.measures.halves import half_samples

from .turns import gemm, in_turns, rows

WIDTHS, SEGMENTS, DRAWS = (1536, 3072, 4608), 20, 200
SIZES = {672: 5, 3670: 2, 7340: 1}  # people → rounds


def layers(people: int) -> list[list[np.ndarray]]:
    """Activations of three layers, of two models."""
    draw = np.random.default_rng(0)
    shared = draw.standard_normal((people, 64), dtype=np.float32)

    def layer(width: int) -> np.ndarray:
        own = draw.standard_normal((people, width), dtype=np.float32)
        return np.maximum(shared @ draw.standard_normal((64, width), dtype=np.float32) / 8 + own, 0)

    return [[layer(width) for width in WIDTHS] for _ in range(2)]


def definition(left: list[np.ndarray], right: list[np.ndarray]) -> np.ndarray:
    """(3, 3) CKA values."""

    def hsic(x, y):
        k, l, one = x @ x.T, y @ y.T, np.ones(len(x), x.dtype)  # noqa: E741
        np.fill_diagonal(k, 0)
        np.fill_diagonal(l, 0)
        n = len(x)
        product = k @ l
        middle = float(one @ k @ one) * float(one @ l @ one) / ((n - 1) * (n - 2))
        return (np.trace(product, dtype=float) + middle - 2 / (n - 2) * float(one @ product @ one)) / (n * (n - 3))

    return np.array([[hsic(x, y) / np.sqrt(hsic(x, x) * hsic(y, y)) for y in right] for x in left])


def ours(left: list[np.ndarray], right: list[np.ndarray]) -> np.ndarray:
    return cka_table([gram(x) for x in left], [gram(y) for y in right])


def conditioned(people: int = 3670) -> list[dict]:
    """Segments of unequal size and half-samples of each from shared Gram matrices, beside those matrices."""
    both, draw = layers(people), np.random.default_rng(1)
    sizes = np.linspace(people // 20, people // 2, SEGMENTS).astype(int)
    segments = [np.sort(draw.choice(people, size, replace=False)) for size in sizes]
    halves = [half_samples(size, DRAWS, draw) for size in sizes]
    grams = [[gram(x) for x in side] for side in both]

    def of_segments():
        for chosen, weights in zip(segments, halves, strict=True):
            subsample_table(*([k[chosen][:, chosen] for k in side] for side in grams), weights)

    calls = {"six Gram matrices": lambda: [[gram(x) for x in side] for side in both], "ours": of_segments}
    return rows("conditioned CKA, 20 segments, 200 half-samples", f"n = {people:,}", in_turns(calls, 3), 2)


def measure() -> list[dict]:
    """Rows of ``bench.csv``, on all threads of the linear algebra library."""
    found = []
    for people, rounds in SIZES.items():
        both = layers(people)
        truth = ours(*([x.astype(np.float64) for x in side] for side in both))
        errors = {}
        calls = {
            "definition": lambda both=both, errors=errors: errors.update(definition=definition(*both)),
            "ours": lambda both=both, errors=errors: errors.update(ours=ours(*both)),
        }
        limit = gemm(2)
        seconds = in_turns(calls, rounds, warm=rounds > 1)  # the largest takes minutes, and is warm from those before
        for row in rows("CKA, nine pairs of layers", f"n = {people:,}", seconds, 2, limit=limit):
            found.append(row | {"error": float(np.abs(errors[row["variant"]] - truth).max())})
    return found + conditioned()
