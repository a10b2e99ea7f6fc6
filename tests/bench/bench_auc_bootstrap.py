"""Bootstrap of the AUC, ours against scikit-learn's function in a loop, in turns; prints a table and what to beat.

Not a test: ``python tests/bench/bench_auc_bootstrap.py [--rounds 5] [--resamples 500]``. Ours draws participants and
weighs them (``participant_draws``, ``weighted_auc``), the draws included. The loop is that of the study's release: draw
rows, look for both classes, call ``roc_auc_score`` twice; "one call" leaves the second call out. At the larger size the
loop runs a tenth of the resamples, times ten. Before timing, both are checked against each other on the same draws.
One thread. Wanted (issue): 30 times the loop at 3,236 people, 12 times at 100,000.
"""

import argparse
import time

import numpy as np
from sklearn.metrics import roc_auc_score

from fairlib.inference import participant_draws, weighted_auc

SIZES = {3_236: 30, 100_000: 12}  # people → how many times faster than the loop is wanted


def sample(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels with 12 % events, and scores of four digits, so that ties are among them."""
    draw = np.random.default_rng(0)
    y = (draw.random(n) < 0.12).astype(int)
    return y, np.round(1 / (1 + np.exp(-(draw.normal(size=n) + 1.2 * y))), 4)


def loop(y: np.ndarray, score: np.ndarray, resamples: int, calls: int) -> list[float]:
    """As most would write it."""
    draw, values = np.random.default_rng(1), []
    for _ in range(resamples):
        rows = draw.integers(0, len(y), len(y))
        if len(np.unique(y[rows])) < 2:
            continue
        for _ in range(calls):
            value = roc_auc_score(y[rows], score[rows])
        values.append(value)
    return values


def ours(y: np.ndarray, score: np.ndarray, resamples: int) -> np.ndarray:
    return weighted_auc(y, score, participant_draws(np.arange(len(y)), resamples).weights)


def same(y: np.ndarray, score: np.ndarray) -> float:
    """Largest difference to scikit-learn on the same four draws."""
    weights = participant_draws(np.arange(len(y)), 4).weights
    oracle = [roc_auc_score(y, score, sample_weight=w) for w in weights]
    return float(np.abs(weighted_auc(y, score, weights) - oracle).max())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--resamples", type=int, default=500)
    options = parser.parse_args()
    print(f"{options.resamples} resamples, seconds best / median of {options.rounds} rounds in turns, one thread")
    print(
        "people     loop               loop, one call     ours               loop/ours  one call/ours wanted difference"
    )
    for n, wanted in SIZES.items():
        y, score = sample(n)
        scale = 10 if n > 10_000 else 1
        fewer = max(1, options.resamples // scale)
        variants = {
            "loop": (lambda y=y, s=score, f=fewer: loop(y, s, f, 2), scale),
            "one call": (lambda y=y, s=score, f=fewer: loop(y, s, f, 1), scale),
            "ours": (lambda y=y, s=score: ours(y, s, options.resamples), 1),
        }
        seconds = {name: [] for name in variants}
        for turn in range(options.rounds + 1):
            for name, (run, times) in variants.items():
                start = time.perf_counter()
                run()
                if turn:  # the first warms up
                    seconds[name].append(times * (time.perf_counter() - start))
        cells = "".join(f"{min(s):8.3f} / {np.median(s):7.3f} " for s in seconds.values())
        gain = [np.median(seconds[name]) / np.median(seconds["ours"]) for name in ("loop", "one call")]
        print(f"{n:<8,}", cells, f"{gain[0]:9.1f} {gain[1]:14.1f} {wanted:7} {same(y, score):11.1e}")


if __name__ == "__main__":
    main()
