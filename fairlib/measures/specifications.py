"""Every reasonable way to ask one question of the same scores: does a strategy change the disparity between groups?

A specification is a choice of metric, attribute, operating point and scale; ``speccurve`` tests all of them together.
"""

from collections.abc import Iterator
from itertools import product

import numpy as np
import pandas as pd

from ..fairness import RATES, SHORT, Rate, log_ratio
from .bands import of_numbers
from .estimands import OVERALL
from .evidence import EVERYONE, SIDES, Evidence, divide, rate_of
from .measured import Measured, mean, measured
from .operating import PRIMARY, PUBLISHED, SECONDARY, Point

POINTS = (PRIMARY, *SECONDARY, PUBLISHED)
#: How far two rates are apart: of the unprivileged, the privileged and everyone → a signed number, 0 at parity. To
#: first order all three are the same number, so that they can share an axis.
SCALES = {
    "|log ratio|": lambda u, p, everyone: log_ratio(divide(u, p)),
    "|1 − ratio|": lambda u, p, everyone: divide(u, p) - 1,
    "|difference| / overall rate": lambda u, p, everyone: divide(u - p, everyone),
}
#: What the paper prints: the mean over attributes of |1 − error rate ratio| at a threshold of 0.5.
PUBLISHED_SCALE = "|1 − ratio|"

#: Bootstrap draws of people (draws,) and deviations of runs (runs,) of a number, as ``bands.of_numbers`` says them.
Drawn = tuple[np.ndarray, np.ndarray]


def distance(evidence: Evidence, model: str, point: Point, rate: Rate, scale: str, attribute: str) -> Measured:
    """How far the two sides of an attribute are apart in a rate: averaged over repeats first, folded last."""
    of = SCALES[scale]
    groups = (*((attribute, side) for side in SIDES), EVERYONE)
    counts = [each for group in groups for each in evidence.counts_of(model, point, group)]
    return abs(measured(lambda *c: of(*(rate_of(rate, c[k : k + 4]) for k in (0, 4, 8))), *counts))


def specifications(
    evidence: Evidence,
    strategies: list[str],
    reference: str = "supervised",
    points: tuple[Point, ...] = POINTS,
    only: str = "",
) -> Iterator[tuple[dict, Drawn]]:
    """Each specification of each strategy: its choices with the difference to the reference model, and its draws.

    Choices: strategy, metric, attribute (``OVERALL``: the mean over all that can be judged), point, scale; then
    estimate, se, low and high of strategy − reference, over people and runs. Those that are undefined are left out, as
    where a group has no error. only: an attribute; the others are left out, but for their share in the mean.
    """
    wanted = [name for name in evidence.attributes if only in ("", name)]
    wanted += [OVERALL] * (len(evidence.attributes) > 1)
    for point, metric, scale in product(points, RATES, SCALES):
        found = {
            model: {name: distance(evidence, model, point, RATES[metric], scale, name) for name in evidence.attributes}
            for model in (reference, *strategies)
        }
        for model, attribute in product(strategies, wanted):
            one, other = (
                mean([*found[name].values()]) if attribute == OVERALL else found[name][attribute]
                for name in (model, reference)
            )
            number = one - other
            low, high = number.interval()
            if np.isfinite(low) and number.se > 0:
                choices = {"strategy": model, "metric": SHORT[metric], "attribute": attribute, "point": point.name}
                people, runs = of_numbers([number])
                ends = {"estimate": number.estimate, "se": number.se, "low": low, "high": high}
                yield choices | {"scale": scale} | ends, (people[:, 0].astype(np.float32), runs[:, 0])


def recut(attributes: pd.DataFrame, name: str, unprivileged: pd.Series) -> pd.DataFrame:
    """The attributes with another cut between the two segments of one: ``unprivileged`` (n,) boolean, missing unknown.

    The segments keep their names; whoever shows them says where the cut is.
    """
    segments = attributes[name].cat.categories
    other = {True: segments[1], False: segments[0]}
    return attributes.assign(**{name: pd.Categorical(unprivileged.map(other), segments)})
