"""Two models' features of normal people, whose conditioned CKA is known in closed form, segment by segment.

Features X ~ N(0, I) of the first model, Y = XA + noise of the second, the noise larger in some segments. CKA of the
population is ‖Σxy‖² / (‖Σxx‖ ‖Σyy‖), Frobenius norms. Windows of one person share half of their variance; some people
change their age segment between windows. Training runs differ in A.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from book.pages.cka_gaps import layer_gaps
from fairlib.cohort import Cohort
from fairlib.measures.cka import average_draws, similarity_table
from fairlib.seeds import generator
from fairlib.similarity import gram, one_window_each

from .measures import MANY, ONE, RUNS, Interval
from .people import CARD, SEGMENTS

PEOPLE, WIDTHS, SHARED, SPREAD = 300, (8, 6), 0.5, 0.3
#: Windows are drawn anew so often, and halves so often, for each table.
WINDOWS, HALVES = 3, 200
NOISE = {"Male": 1.0, "Female": 2.0}
SHARE = {"gender": (0.7, 0.3), "age": (0.5, 0.5), "icu_type": (0.4, 0.3, 0.2, 0.1)}
AGEING = 0.05  # of people are older in their last window
PAIR = {"gender": ("Male", "Female"), "age": ("<65", ">=65")}
BASE = generator(0, "coverage", "features").normal(size=WIDTHS) / 2


def cka(mix: np.ndarray, noises: list[tuple[float, float]]) -> float:
    """Closed form for a mixture of people with different noise: (share, noise standard deviation) each."""
    variance = sum(share * noise**2 for share, noise in noises)
    norms = [np.linalg.norm(a) for a in (mix, np.eye(WIDTHS[0]), mix.T @ mix + variance * np.eye(WIDTHS[1]))]
    return float(norms[0] ** 2 / (norms[1] * norms[2]))


def truth(mix: np.ndarray, segment: str) -> float:
    """CKA of a segment; everybody and the segments of other attributes hold both genders in their shares."""
    if segment in NOISE:
        return cka(mix, [(1.0, NOISE[segment])])
    return cka(mix, list(zip(SHARE["gender"], NOISE.values(), strict=True)))


def mixes(count: int, draw: np.random.Generator) -> np.ndarray:
    """A of training runs, (count, *WIDTHS)."""
    return BASE + SPREAD * draw.normal(size=(count, *WIDTHS))


def cohort(draw: np.random.Generator, people: int = PEOPLE) -> Cohort:
    """People with one to four windows, all of them tested but twenty."""
    who = np.repeat(np.arange(people + 20), draw.integers(1, 5, people + 20))
    values = {a: draw.choice(np.array(SEGMENTS[a], dtype=object), people + 20, p=SHARE[a])[who] for a in SHARE}
    last = np.r_[who[1:] != who[:-1], True] & (draw.random(people + 20) < AGEING)[who]
    values["age"] = np.where(last, ">=65", values["age"])
    attributes = {a: pd.Categorical(own, categories=SEGMENTS[a]) for a, own in values.items()}
    split = np.select([who < 10, who < 20], ["train", "val"], "test")
    y = (draw.random(people + 20) < 0.3)[who].astype(np.int8)
    y[[np.flatnonzero(split == name)[i] for name in ("train", "val") for i in (0, 1)]] = [0, 1, 0, 1]
    x = np.zeros((len(who), 1, 1), dtype=np.float32)
    return Cohort(x, y, who, pd.DataFrame(attributes), split, ("none",), CARD, "twin")


def features(cohort: Cohort, mixes: np.ndarray, draw: np.random.Generator) -> tuple[np.ndarray, list[np.ndarray]]:
    """Features (n, width) of the first model, and of the second in each training run."""
    n, people = len(cohort), cohort.person.max() + 1

    def normal(width: int) -> np.ndarray:
        shared = draw.normal(size=(people, width))[cohort.person]
        return np.sqrt(SHARED) * shared + np.sqrt(1 - SHARED) * draw.normal(size=(n, width))

    x, noise = normal(WIDTHS[0]), cohort.attributes["gender"].map(NOISE).to_numpy(dtype=float)[:, None]
    return x, [x @ mix + noise * normal(WIDTHS[1]) for mix in mixes]


def gaps(mixes: np.ndarray) -> dict[str, float]:
    """Mean over training runs of the gap between the two segments of each attribute."""
    return {
        a: float(np.mean([truth(mix, best) - truth(mix, worst) for mix in mixes])) for a, (best, worst) in PAIR.items()
    }


def intervals(cohort_seed: int, expected: dict[str, float]) -> Iterator[Interval]:
    """Intervals of CKA for everybody and each segment (first run), and of the gaps between segments over all runs.

    expected: ``gaps`` of many runs, whose mean stands for the expectation over runs.
    """
    draw = generator(cohort_seed, "coverage", "features")
    own, mix = cohort(draw), mixes(RUNS, draw)
    x, others = features(own, mix, draw)
    test, tables = own.rows("test"), [[] for _ in range(RUNS)]
    for window in range(WINDOWS):
        rows = test[one_window_each(own.person[test], seed=0, draw=window)]
        left = [gram(x[rows])]
        for table, y in zip(tables, others, strict=True):
            table.append(similarity_table(own, left, [gram(y[rows])], rows, HALVES))
    for row in tables[0][0].itertuples():
        case = f"{row.attribute} {row.segment}".removeprefix("everybody ")
        yield Interval("conditioned CKA, one window a person", case, ONE, row.low, row.high, truth(mix[0], row.segment))
    averaged = [average_draws(table) for table in tables]
    for row in averaged[0].itertuples():
        case = f"{row.attribute} {row.segment}".removeprefix("everybody ")
        yield Interval("conditioned CKA", case, ONE, row.low, row.high, truth(mix[0], row.segment))
    for over, used, values in ((ONE, averaged[:1], gaps(mix[:1])), (MANY, averaged, expected)):
        for row in layer_gaps(used, PAIR).itertuples():
            yield Interval("gap in conditioned CKA", row.attribute, over, row.low, row.high, values[row.attribute])
