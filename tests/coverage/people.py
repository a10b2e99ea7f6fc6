"""Cohorts and scorers whose every metric is known: a normal model with several windows a person and training runs.

A window's score is N(level + distance · y, 1) before the logistic curve, so each rate and AUC of a training run is a
value of the normal distribution function. Windows of one person share part of their label and of their score. Training
runs differ in level and distance, everybody's and each segment's. Two models share most of a window's noise, so that
comparing them on the same people gains.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
import pandas as pd
from scipy.special import expit
from scipy.stats import norm

from fairlib import cards
from fairlib.cohort import Cohort

DATASET, PROTECTED = "challenge2012", ("gender", "age")
CARD = cards.load(DATASET)
#: Attribute → share of each segment, in the card's order; the smallest holds one person in ten.
SHARES = {"gender": (0.65, 0.35), "age": (0.55, 0.45), "icu_type": (0.4, 0.3, 0.2, 0.1)}
PREVALENCE = {"everybody": -0.9, "gender": (0, 0.2), "age": (0, 0.4), "icu_type": (0,) * 4}  # probits, added
THRESHOLD = 0.9  # decisions: score above it, which the logistic curve puts at 0.5
PERSON, OWN, RUN = 0.3, 0.4, 0.3  # variance of a score: the person's, the window's, the window's in one run
ALIKE = 0.5  # correlation of the latent labels of one person's windows
SEGMENTS = {name: CARD.attributes[name].segments for name in SHARES}
ODDS = "average_odds_difference"

#: Cells: every combination of segments, as numbers (cells, attributes), and their shares and prevalences (cells,).
CELLS = np.array(list(product(*(range(len(shares)) for shares in SHARES.values()))))
SHARE = np.prod([np.take(shares, CELLS[:, i]) for i, shares in enumerate(SHARES.values())], axis=0)
RATE = norm.cdf(PREVALENCE["everybody"] + sum(np.take(PREVALENCE[a], CELLS[:, i]) for i, a in enumerate(SHARES)))


@dataclass(frozen=True)
class Runs:
    """Training runs of a model: ``distance`` (runs, cells) of positives from negatives, ``level`` (runs,)."""

    distance: np.ndarray
    level: np.ndarray

    @cached_property
    def _rates(self) -> dict[str, np.ndarray]:
        """Share of all windows in each cell of the confusion table, (runs, cells)."""
        cut = THRESHOLD - self.level[:, None]
        hit, alarm = norm.sf(cut - self.distance), np.broadcast_to(norm.sf(cut), self.distance.shape)
        yes, no = SHARE * RATE, SHARE * (1 - RATE)
        return {"tp": yes * hit, "fn": yes * (1 - hit), "fp": no * alarm, "tn": no * (1 - alarm)}

    def auc(self, cells: np.ndarray) -> np.ndarray:
        """AUC among these cells, (runs,): negatives of all cells are alike, so it is a mean over positives."""
        positives = np.where(cells, SHARE * RATE, 0)
        return norm.cdf(self.distance / np.sqrt(2)) @ positives / positives.sum()

    def rate(self, above: str, below: str, cells: np.ndarray) -> np.ndarray:
        """A rate among these cells, (runs,), from names of counts such as ``"fp fn"``."""
        over, under = (
            sum(self._rates[name][:, cells].sum(axis=1) for name in names.split()) for names in (above, below)
        )
        return over / under

    def error(self, cells: np.ndarray) -> np.ndarray:
        return self.rate("fp fn", "tp fp tn fn", cells)

    def selection(self, cells: np.ndarray) -> np.ndarray:
        return self.rate("tp fp", "tp fp tn fn", cells)

    def ratios(self, attribute: str) -> dict[str, np.ndarray]:
        """Ratio metrics of an attribute, unprivileged over privileged, and the average odds difference, (runs,)."""
        p = members(attribute, CARD.attributes[attribute].privileged)
        odds = [self.rate("fp", "fp tn", g) + self.rate("tp", "tp fn", g) for g in (~p, p)]
        return {
            "error_rate_ratio": self.error(~p) / self.error(p),
            "disparate_impact": self.selection(~p) / self.selection(p),
            ODDS: (odds[0] - odds[1]) / 2,
        }

    def risk(self, low: float, high: float, cells: np.ndarray) -> float:
        """Share of positives among windows of these cells with a score between two cuts, of the first run."""
        inside = lambda distance: norm.cdf(high - self.level[0] - distance) - norm.cdf(low - self.level[0] - distance)
        yes, no = (SHARE * RATE * inside(self.distance[0]))[cells].sum(), (SHARE * (1 - RATE) * inside(0))[cells].sum()
        return float(yes / (yes + no))

    def first(self) -> "Runs":
        """The first run alone: a fixed scorer."""
        return Runs(self.distance[:1], self.level[:1])


@dataclass(frozen=True)
class Model:
    """How far apart a model puts positives and negatives, what segments lose, and how much training runs differ."""

    apart: float
    losses: dict[str, tuple[float, ...]]
    spread: float = 0.1

    def runs(self, count: int, draw: np.random.Generator) -> Runs:
        """Training runs; a segment's distance varies by itself only where the model treats segments differently."""
        distance = self.apart + self.spread * draw.normal(size=(count, 1)) + np.zeros(len(CELLS))
        for i, attribute in enumerate(SHARES):
            if attribute in self.losses:
                own = self.spread * draw.normal(size=(count, len(SHARES[attribute]))) - self.losses[attribute]
                distance = distance + own[:, CELLS[:, i]]
        return Runs(distance, self.spread * draw.normal(size=count))


#: Supervised errs more on women and in small units; the other model is no worse for anybody's gender or unit.
MODELS = {
    "supervised": Model(1.7, {"gender": (0, 0.5), "age": (0, 0.1), "icu_type": (0, 0.2, 0.4, 0.6)}),
    "frozen_0": Model(1.5, {"age": (0, 0.3)}),
}


def members(attribute: str, segment: str) -> np.ndarray:
    """Which cells belong to a segment, (cells,) boolean."""
    if attribute == "everybody":
        return np.full(len(CELLS), True)
    return CELLS[:, list(SHARES).index(attribute)] == SEGMENTS[attribute].index(segment)


def cohort(people: int, draw: np.random.Generator) -> tuple[Cohort, np.ndarray]:
    """A cohort of ``people`` test and half as many validation people with one to four windows, and cells (n,)."""
    split = np.repeat(["train", "val", "test"], [40, people // 2, people])
    who = np.repeat(np.arange(len(split)), draw.integers(1, 5, len(split)))
    cell = draw.choice(len(CELLS), len(split), p=SHARE)[who]
    latent = np.sqrt(ALIKE) * draw.normal(size=len(split))[who] + np.sqrt(1 - ALIKE) * draw.normal(size=len(who))
    attributes = {
        name: pd.Categorical.from_codes(CELLS[cell, i], categories=SEGMENTS[name]) for i, name in enumerate(SHARES)
    }
    y = (latent < norm.ppf(RATE[cell])).astype(np.int8)
    x = np.zeros((len(who), 1, 1), dtype=np.float32)  # nothing is trained
    return Cohort(x, y, who, pd.DataFrame(attributes), split[who], ("none",), CARD, "twin"), cell


def scores(cohort: Cohort, cell: np.ndarray, runs: dict[str, Runs], draw: np.random.Generator) -> dict[str, np.ndarray]:
    """Scores of each model's runs before the logistic curve, (runs, n)."""
    _, who = np.unique(cohort.person, return_inverse=True)
    shared = np.sqrt(PERSON) * draw.normal(size=who.max() + 1)[who] + np.sqrt(OWN) * draw.normal(size=len(who))
    return {
        name: own.level[:, None]
        + own.distance[:, cell] * cohort.y
        + shared
        + np.sqrt(RUN) * draw.normal(size=(len(own.level), len(who)))
        for name, own in runs.items()
    }


def probability(score: np.ndarray) -> np.ndarray:
    """What a model gives out: decisions at 0.5 are those at ``THRESHOLD``."""
    return expit(score - THRESHOLD)
