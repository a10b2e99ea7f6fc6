"""“Up to 30 %”: what the best of several strategies is worth to people on whom it was not chosen.

The best of six is better than the reference even where all seven are the same: a choice on the same people as are
judged reports noise. So people are halved by a hash. On one half the strategy with the smallest disparity is chosen, on
the other it is compared with the reference; then the halves change roles, and the mean of both is the answer.
"""

import hashlib
from typing import NamedTuple

import numpy as np

from .estimands import folded
from .evidence import Evidence
from .measured import Measured, mean
from .operating import Point
from .outoffold import OutOfFold


class Chosen(NamedTuple):
    """What the chosen strategy gains over the reference (a difference in disparity, below 0 is less), and its names.

    ``strategies``: of the first and the second half; ``shares``: strategy → how often a draw chose it, 0 to 1.
    """

    gain: Measured
    strategies: tuple[str, str]
    shares: dict[str, float]


def halves(person: np.ndarray) -> np.ndarray:
    """(n,) whether a window is in the first half: by the hash of its participant's code, whatever the order."""
    codes, where = np.unique(person, return_inverse=True)
    first = [hashlib.sha256(f"half {code}".encode()).digest()[0] % 2 == 0 for code in codes]
    return np.array(first)[where]


def best_of(levels: tuple[dict[str, Measured], dict[str, Measured]], reference: str = "supervised") -> Chosen:
    """Choose on one half, judge on the other, and the reverse.

    levels: of each half, model → its disparity on that half's people (0 is parity), with the same runs and number of
    draws. Every bootstrap draw chooses for itself, so the interval contains the uncertainty of the choice.
    """
    names = [name for name in levels[0] if name != reference]
    gains, picks, drawn = [], [], []
    for on, judged in (levels, levels[::-1]):
        picks.append(int(np.argmin([on[name].estimate for name in names])))
        draws = np.stack([on[name].draws for name in names])
        drawn.append(np.argmin(np.where(np.isfinite(draws), draws, np.inf), axis=0))
        gains.append(_taken([judged[name] - judged[reference] for name in names], picks[-1], drawn[-1]))
    often = np.bincount(np.concatenate(drawn), minlength=len(names)) / sum(map(len, drawn))
    return Chosen(mean(gains), tuple(names[pick] for pick in picks), dict(zip(names, often.tolist(), strict=True)))


def best(
    of: OutOfFold, strategies: list[str], point: Point, reference: str = "supervised", count: int = 1000
) -> Chosen:
    """``best_of`` strategies in D (``estimands.folded``) at an operating point, each half being flagged by itself."""
    first = halves(of.person)
    parts = [Evidence(of.only(rows), count) for rows in (first, ~first)]
    models = [reference, *strategies]
    return best_of(tuple({name: folded(part, name, point) for name in models} for part in parts), reference)


def _taken(gains: list[Measured], pick: int, drawn: np.ndarray) -> Measured:
    """The gain of the picked strategy; in each draw that of the strategy which this draw picked."""
    each = np.arange(len(drawn))
    draws = np.stack([gain.draws for gain in gains])[drawn, each]
    run_draws = np.moveaxis(np.stack([gain.run_draws for gain in gains]), -1, 1)[drawn, each]
    return Measured(gains[pick].estimate, draws, gains[pick].runs, np.moveaxis(run_draws, 0, -1))
