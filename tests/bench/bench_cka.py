"""Conditioned CKA of 20 segments × 200 half-samples × 9 pairs of layers, against the Grams and the definition.

Not a test: ``python tests/bench/bench_cka.py [--people 3670] [--rounds 3] [--threads 2]``. In turns: the six Gram
matrices (layers as wide as MIMIC's), all conditioned values from them, and METHOD equations 2 and 3 letter by letter on
one half-sample of the middle segment, times the number of half-samples and segments. Prints seconds, ours in units of
the Grams (to be at most 1.5), and the largest difference between the two (the definition, uncentred float32, errs).
"""

import argparse
import os
import time

WIDTHS, SEGMENTS, DRAWS = (1536, 3072, 4608), 20, 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=3670)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(options.threads))  # before numpy

    import numpy as np

    from fairlib.similarity import gram, half_samples, subsample_table

    draw, people = np.random.default_rng(0), options.people
    shared = draw.standard_normal((people, 64), dtype=np.float32)

    def layer(width: int) -> np.ndarray:
        own = draw.standard_normal((people, width), dtype=np.float32)
        return np.maximum(shared @ draw.standard_normal((64, width), dtype=np.float32) / 8 + own, 0)

    layers = [[layer(width) for width in WIDTHS] for _ in range(2)]
    sizes = np.linspace(people // 20, people // 2, SEGMENTS).astype(int)
    segments = [np.sort(draw.choice(people, size, replace=False)) for size in sizes]
    halves = [half_samples(size, DRAWS, draw) for size in sizes]

    def conditioned(grams):
        blocks = ([[k[rows][:, rows] for k in side] for side in grams] for rows in segments)
        return [subsample_table(*block, weights) for block, weights in zip(blocks, halves, strict=True)]

    def definition():
        return _definition(layers, segments[SEGMENTS // 2][halves[SEGMENTS // 2][:, 0] == 1])

    seconds = {"six Grams": [], "conditioned, ours": [], "conditioned, definition": []}
    for _ in range(options.rounds):
        times = [time.perf_counter()]
        grams = [[gram(x) for x in side] for side in layers]
        times.append(time.perf_counter())
        ours = conditioned(grams)
        times.append(time.perf_counter())
        theirs = definition()
        times.append(time.perf_counter())
        for name, spent in zip(seconds, np.diff(times), strict=True):
            seconds[name].append(spent * (DRAWS * SEGMENTS if name.endswith("definition") else 1))
    print(f"{people} people, {SEGMENTS} segments of {sizes[0]} to {sizes[-1]}, {DRAWS} half-samples, 9 pairs,", end=" ")
    print(f"{options.threads} thread(s); seconds, best / median of {options.rounds} rounds in turns")
    for name, spent in seconds.items():
        print(f"{name:26}{min(spent):10.2f} / {np.median(spent):.2f}")
    best = {name: np.median(spent) for name, spent in seconds.items()}
    print(f"ours / Grams {best['conditioned, ours'] / best['six Grams']:.2f} (at most 1.5)", end=", ")
    print(f"definition / ours {best['conditioned, definition'] / best['conditioned, ours']:,.0f}", end=", ")
    print(f"largest difference {np.abs(ours[SEGMENTS // 2][:, :, 0] - theirs).max():.1e}")


def _definition(layers, rows):
    """Equation 3 for each pair of layers, (3, 3): every Gram made anew, every product in full."""
    import numpy as np

    def hsic(x, y):
        k, l, one = x @ x.T, y @ y.T, np.ones(len(x), np.float32)  # noqa: E741
        np.fill_diagonal(k, 0)
        np.fill_diagonal(l, 0)
        n = len(x)
        product = k @ l
        middle = (one @ k @ one).astype(float) * (one @ l @ one).astype(float) / ((n - 1) * (n - 2))
        return (np.trace(product, dtype=float) + middle - 2 / (n - 2) * float(one @ product @ one)) / (n * (n - 3))

    left, right = ([x[rows] for x in side] for side in layers)
    return np.array([[hsic(x, y) / np.sqrt(hsic(x, x) * hsic(y, y)) for y in right] for x in left])


if __name__ == "__main__":
    main()
