"""Out-of-fold scores → numbers with their uncertainty: what of whom at which operating point.

Areas are computed within a fold and averaged with the weight of their pairs (of their events); rates come from the
counts of a whole repeat; both are then averaged over repeats.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache

import numpy as np

from ..fairness import ERROR, Rate, log_ratio
from ..inference import weighted_auc
from ..permutations import label_sources
from ..seeds import generator
from . import group_sizes, groups
from .measured import Measured, measured
from .operating import Point, flagged, ranking, threshold_of
from .outoffold import OutOfFold
from .performance import average_precision

EVERYONE = ("everyone", "everyone")
SIDES = ("unprivileged", "privileged")
COUNTS = ("tp", "fn", "fp", "tn")  # in pairs with a common total


@dataclass(frozen=True, eq=False)
class Evidence:
    """The numbers of all models of some out-of-fold scores, over the same draws of people.

    ``count``: bootstrap draws. Counts and areas are made once, when first asked for. A group is a pair: attribute and
    side, or attributes and segments of a named group.
    """

    of: OutOfFold
    count: int = 1000

    @cached_property
    def weights(self) -> np.ndarray:
        """(1 + draws, n) float32: the data itself, then its draws."""
        return np.vstack([np.ones((1, len(self.of.y)), dtype=np.float32), self.of.draws(self.count)])

    @cached_property
    def sides(self) -> dict[tuple[str, str], np.ndarray]:
        """(attribute, side) → (n,) boolean, of the protected attributes that can be judged: on both sides at least the
        card's ``min_cell`` people have an event, and as many have none."""
        frame, card, found = self.of.frame(), self.of.card, {}
        for name in card.protected():
            privileged = (frame[name] == card.attributes[name].privileged).to_numpy()
            both = dict(zip(SIDES, (frame[name].notna().to_numpy() & ~privileged, privileged), strict=True))
            if not any(group_sizes.too_few(frame[chosen], card.min_cell) for chosen in both.values()):
                found |= {(name, side): chosen for side, chosen in both.items()}
        return found

    @property
    def attributes(self) -> list[str]:
        """Names of the protected attributes that can be judged."""
        return list(dict.fromkeys(name for name, _ in self.sides))

    @cached_property
    def named(self) -> dict[tuple[str, str], np.ndarray]:
        """(attributes, segments) → (n,) boolean: the named groups are pairs of segments of two protected attributes.

        Groups that are suppressed, or too small to judge, are left out.
        """
        found = groups.intersections(self.of.frame(), self.of.card, self.of.card.access)
        return {(pair, segments): chosen for pair, segments, chosen, note in found if not note}

    @cached_property
    def members(self) -> dict[tuple[str, str], np.ndarray]:
        """Every group → (n,) boolean."""
        return {EVERYONE: np.ones(len(self.of.y), dtype=bool)} | self.sides | self.named

    @property
    def events_per_fold(self) -> int:
        """Windows with an event in the fold that has the fewest."""
        return min(int(self.of.y[rows].sum()) for _, _, rows in self.of.runs())

    # ------------------------------------------------------------------------------------------------- what is counted

    def drawn(self, of: Callable, axis: int) -> np.ndarray:
        """What ``of`` makes of the weights (draws, n), whose draws it keeps along this axis: here of all at once."""
        return of(self.weights)

    def total(self, rows: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Sums of values (m, k) of some rows (m,) under the weights: (1 + draws, k)."""
        return self.weights[:, rows] @ values.astype(np.float32)

    @cached_property
    def ranked(self) -> Callable:
        """Model → the rows of each run, from the highest score to the lowest."""
        ties = generator(0, "ties").permutation(len(self.of.y))  # the same for every model, run and draw
        return cache(
            lambda model: [
                rows[ranking(self.of.score[model][repeat, rows], ties[rows])] for repeat, _, rows in self.of.runs()
            ]
        )

    def decided(self, model: str, point: Point, weights: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Of each run: its rows (m,), and their flagged weight under weights (draws, n): (draws, m)."""
        for (repeat, fold, rows), ranked in zip(self.of.runs(), self.ranked(model), strict=True):
            if point.kind == "threshold" or point.validation:
                cut = threshold_of(point, self.of.cut.get(model), repeat, fold)
                yield rows, weights[:, rows] * (self.of.score[model][repeat, rows] >= cut)
            else:
                yield ranked, flagged(point, self.of.y[ranked], weights[:, ranked])

    @cached_property
    def counts(self) -> Callable:
        """(model, point) → its tp, fn, fp and tn: (repeats, folds, 1 + draws, groups), groups as in ``members``."""
        return cache(self._count)

    @cached_property
    def _cells(self) -> np.ndarray:
        """Who is in which group, with the event and then without it: (n, 2 · groups) float32."""
        masks, event = np.stack([*self.members.values()], axis=1), (self.of.y == 1)[:, None]
        return np.hstack([masks & event, masks & ~event]).astype(np.float32)

    @cached_property
    def _whole(self) -> np.ndarray:
        """The weight of each cell, whatever is decided: (repeats, folds, 1 + draws, 2 · groups)."""
        return self._by_run([self.total(rows, self._cells[rows]) for _, _, rows in self.of.runs()])

    @cached_property
    def _ranked_cells(self) -> Callable:
        return lru_cache(maxsize=1)(lambda model, run: self._cells[self.ranked(model)[run]])

    def _count(self, model: str, point: Point) -> dict[str, np.ndarray]:
        if point.kind == "threshold" or point.validation:  # no draw changes who is flagged
            once = self.decided(model, point, np.ones((1, len(self.of.y)), dtype=np.float32))
            yes = self._by_run([self.total(rows, self._cells[rows] * chosen.T) for rows, chosen in once])
        else:

            def hits(weights: np.ndarray) -> np.ndarray:
                runs = enumerate(self.decided(model, point, weights))
                return self._by_run([chosen @ self._ranked_cells(model, run) for run, (_, chosen) in runs])

            yes = self.drawn(hits, -2)
        found = [*np.split(yes, 2, axis=-1), *np.split(np.maximum(self._whole - yes, 0), 2, axis=-1)]
        return dict(zip(("tp", "fp", "fn", "tn"), found, strict=True))

    def counts_of(self, model: str, point: Point, group: tuple[str, str]) -> list[np.ndarray]:
        """tp, fn, fp and tn of one group: (repeats, folds, 1 + draws) each."""
        place = [*self.members].index(group)
        return [self.counts(model, point)[name][..., place] for name in COUNTS]

    @cached_property
    def areas(self) -> Callable:
        """(model, group) → pairs won within each fold, and pairs lost: (repeats, folds, 1 + draws) each."""
        return cache(lambda model, group: self._weighed(model, self.members[group], weighted_auc, _pairs))

    def _weighed(self, model: str, chosen: np.ndarray, area: Callable, size: Callable) -> tuple[np.ndarray, np.ndarray]:
        """The weight of each run times its area, and the rest of the weight."""

        def weighed(weights: np.ndarray) -> np.ndarray:
            parts = []
            for (repeat, _, _), ranked in zip(self.of.runs(), self.ranked(model), strict=True):
                rows = ranked[chosen[ranked]][::-1]  # what is sorted is soon sorted
                y, own = self.of.y[rows], weights[:, rows]
                parts.append(_area(area, size(own, y), y, self.of.score[model][repeat, rows], own))
            return np.stack([self._by_run(each) for each in zip(*parts, strict=True)])

        return tuple(self.drawn(weighed, -1))

    def _by_run(self, parts: list[np.ndarray]) -> np.ndarray:
        """One array per run → (repeats, folds, …)."""
        return np.stack(parts).reshape(self.of.repeats, self.of.folds, *parts[0].shape)

    # ------------------------------------------------------------------------------------------------ what is measured

    def auc(self, model: str, group: tuple[str, str] = EVERYONE) -> Measured:
        """Area under the ROC curve."""
        return measured(share, *self.areas(model, group))

    def auprc(self, model: str) -> Measured:
        """Average precision."""
        return self._auprc(model)

    @cached_property
    def _auprc(self) -> Callable:
        whole = self.members[EVERYONE]
        return cache(lambda model: measured(share, *self._weighed(model, whole, average_precision, _events)))

    def rate(self, model: str, point: Point, rate: Rate = ERROR, group: tuple[str, str] = EVERYONE) -> Measured:
        """A rate of one group."""
        return measured(lambda *c: rate_of(rate, c), *self.counts_of(model, point, group))

    def log_ratio(self, model: str, point: Point, attribute: str, rate: Rate = ERROR) -> Measured:
        """Signed log of a rate of the unprivileged over that of the privileged; NaN where one of them is 0."""
        return self._between(
            lambda *c: log_ratio(divide(rate_of(rate, c[:4]), rate_of(rate, c[4:]))), model, point, attribute
        )

    def gap(self, model: str, point: Point, attribute: str, rate: Rate) -> Measured:
        """Signed difference of a rate, unprivileged minus privileged."""
        return self._between(lambda *c: rate_of(rate, c[:4]) - rate_of(rate, c[4:]), model, point, attribute)

    def _between(self, of: Callable, model: str, point: Point, attribute: str) -> Measured:
        return measured(of, *(each for side in SIDES for each in self.counts_of(model, point, (attribute, side))))

    def auc_gap(self, model: str, attribute: str) -> Measured:
        """Signed difference in AUC, unprivileged minus privileged."""
        areas = (each for side in SIDES for each in self.areas(model, (attribute, side)))
        return measured(lambda a, b, c, d: share(a, b) - share(c, d), *areas)


class Permuted(Evidence):
    """The same numbers where the draws are permutations of segment labels among participants, with all their windows.

    It is the noise that a level contains: whoever has which label says nothing about outcome, score or error. Decisions
    stay as they are, and so do the attributes' ties to each other. Numbers of groups between sides only.
    """

    @cached_property
    def weights(self) -> np.ndarray:
        """(1, n): nobody is drawn anew."""
        return np.ones((1, len(self.of.y)), dtype=np.float32)

    @cached_property
    def labels(self) -> dict[tuple[str, str], np.ndarray]:
        """(attribute, side) → (1 + draws, n) boolean, the data first."""
        person = self.of.person
        sources = [np.arange(len(person))[None], *label_sources(person, np.zeros(len(person)), self.count)]
        return {group: np.concatenate([chosen[rows] for rows in sources]) for group, chosen in self.sides.items()}

    def counts_of(self, model: str, point: Point, group: tuple[str, str]) -> list[np.ndarray]:
        parts = []
        for rows, chosen in self.decided(model, point, self.weights):
            inside, y, yes = self.labels[group][:, rows].astype(np.float32), self.of.y[rows], chosen[0]
            each = np.stack([y * yes, y * (1 - yes), (1 - y) * yes, (1 - y) * (1 - yes)], axis=1)
            parts.append(inside @ each.astype(np.float32))
        return [*np.moveaxis(self._by_run(parts), -1, 0)]

    @cached_property
    def areas(self) -> Callable:
        return cache(self._permuted_areas)

    def _permuted_areas(self, model: str, group: tuple[str, str]) -> tuple[np.ndarray, np.ndarray]:
        parts = []
        for repeat, _, rows in self.of.runs():
            y, inside = self.of.y[rows], self.labels[group][:, rows].astype(np.float32)
            parts.append(_area(weighted_auc, _pairs(inside, y), y, self.of.score[model][repeat, rows], inside))
        return tuple(self._by_run(each) for each in zip(*parts, strict=True))


def _area(area: Callable, size: np.ndarray, y, score, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    won = np.where(size > 0, area(y, score, weights), 0) * size
    return won, size - won


def _events(weights: np.ndarray, y: np.ndarray) -> np.ndarray:
    return weights[:, y == 1].sum(axis=1, dtype=np.float64)


def _pairs(weights: np.ndarray, y: np.ndarray) -> np.ndarray:
    return _events(weights, y) * _events(weights, 1 - y)


def divide(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Elementwise; NaN for a denominator of 0."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(below > 0, above / below, np.nan)


def share(yes: np.ndarray, no: np.ndarray) -> np.ndarray:
    return divide(yes, yes + no)


def rate_of(rate: Rate, counts: tuple[np.ndarray, ...]) -> np.ndarray:
    """A rate from counts in the order of ``COUNTS``."""
    return rate.of(dict(zip(COUNTS, counts, strict=True)))
