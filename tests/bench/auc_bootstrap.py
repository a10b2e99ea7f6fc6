"""500 bootstrap draws of the AUC, ours against scikit-learn's function in a loop, one thread.

Ours draws participants and weighs them, the draws included. The loop is that of the study's release: draw rows, look
for both classes, call ``roc_auc_score`` twice; "one call" leaves the second out. At the larger size the loops make a
tenth of the draws, times ten.
"""

import numpy as np
from sklearn.metrics import roc_auc_score

from fairlib.inference import participant_draws, weighted_auc

from .turns import in_turns, rows

SIZES, DRAWS = (3_236, 100_000), 500


def sample(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels with 12 % events, and scores of four digits, so that ties are among them."""
    draw = np.random.default_rng(0)
    y = (draw.random(n) < 0.12).astype(int)
    return y, np.round(1 / (1 + np.exp(-(draw.normal(size=n) + 1.2 * y))), 4)


def loop(y: np.ndarray, score: np.ndarray, draws: int, calls: int) -> list[float]:
    """As most would write it."""
    draw, values = np.random.default_rng(1), []
    for _ in range(draws):
        chosen = draw.integers(0, len(y), len(y))
        if len(np.unique(y[chosen])) < 2:
            continue
        for _ in range(calls):
            value = roc_auc_score(y[chosen], score[chosen])
        values.append(value)
    return values


def ours(y: np.ndarray, score: np.ndarray, draws: int = DRAWS) -> np.ndarray:
    return weighted_auc(y, score, participant_draws(np.arange(len(y)), draws))


def measure(rounds: int = 3) -> list[dict]:
    """Rows of ``bench.csv``; ``error`` is the largest difference to scikit-learn on the same four draws."""
    found = []
    for n in SIZES:
        y, score = sample(n)
        scale = 10 if n > 10_000 else 1
        calls = {
            "loop": lambda y=y, s=score, d=DRAWS // scale: loop(y, s, d, 2),
            "loop, one call": lambda y=y, s=score, d=DRAWS // scale: loop(y, s, d, 1),
            "ours": lambda y=y, s=score: ours(y, s),
        }
        seconds = in_turns(calls, rounds)
        seconds = {name: [s * (1 if name == "ours" else scale) for s in spent] for name, spent in seconds.items()}
        weights = participant_draws(np.arange(n), 4)
        oracle = [roc_auc_score(y, score, sample_weight=w) for w in weights]
        error = float(np.abs(weighted_auc(y, score, weights) - oracle).max())
        found += rows("AUC, 500 bootstrap draws", f"n = {n:,}", seconds, 1, error=error)
    return found


def sizes() -> list[dict]:
    """Rows of ``growth.csv``."""
    found = []
    for n in (1_000, 3_000, 10_000, 30_000, 100_000):
        y, score = sample(n)
        spent = in_turns({"ours": lambda y=y, s=score: ours(y, s, 100)}, 3)["ours"]
        found.append({"step": "AUC, 100 bootstrap draws", "unit": "people", "n": n, "seconds": float(np.median(spent))})
    return found
