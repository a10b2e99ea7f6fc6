"""Behaviour of the GLOBEM twin: severity of each week → feature rows, one a participant and day.

A feature in a segment of the day has the value  level + spread · (effect · z + n · (person + own causes + day)):
z is the severity of the week; the *own causes* of a feature type vary from week to week (an examination, bad weather)
and are shared by its features; the *day* is shared by the features of a type in half, and each feature's own in half;
n is the factor ``noise`` of the person's segments. Whole days of a sensor are lost: a share of them for everybody, and
more by a segment's missingness. The ``_norm`` columns are made as the provider makes them.

Levels, spreads, losses and the directions of effects are round assumptions of ours (people who feel worse move less,
visit fewer places, use the phone more, sleep less and wake more); an effect is a fraction of a feature's spread.
"""

import re

import numpy as np
import pandas as pd

from ..readers.globem_features import channels, normalise
from .people import Scorer, facts

PLAIN = channels()[: len(channels()) // 2]
#: Weeks of a study year with data, and the days of the week (0: Monday) that may have a questionnaire.
WEEKS, QUESTIONNAIRES = 11, (2, 6)
#: Standard deviations of a feature, in its spread: between people, of its type's weekly causes, of a day.
PERSON, CAUSES, DAY = 0.8, 0.4, 0.8
#: Correlation of z (and of the weekly causes) from one week to the next; share of z that is the person's own level
#: (both normalisations take a person's level out of the features, so that a large share could not be learnt).
MEMORY, LEVEL = 0.6, 0.1
FACTS = facts("globem_signals")


#: What the file says of each.
WORN, EXISTS, EFFECTS = (FACTS[name] for name in ("worn", "exists", "effects"))
#: The fixed scorer: who walks less than usual feels worse; where nothing was recorded, it says: as usual.
SCORER = Scorer(
    "mean of the whole-day step features of the questionnaire's day, each from its level", "spreads", -0.15, -0.2, 0.0
)


def severity(n: int, rng: np.random.Generator) -> np.ndarray:
    """(n, weeks) severity z of each person and week: N(0, 1), a level of the person and an autoregressive part."""
    return np.sqrt(LEVEL) * rng.standard_normal((n, 1)) + np.sqrt(1 - LEVEL) * _autoregressive((n, WEEKS), rng)


def rows(people: pd.DataFrame, z: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    """Feature rows of some people: column day (0, 1, …), person (row of ``people``) and the 1390 channels.

    people: columns noise and charted. z: (people, weeks). Days without any sensor are left out.
    """
    each = zip(people["noise"], people["charted"], z, strict=True)
    return pd.concat([_person(i, *one, rng) for i, one in enumerate(each)], ignore_index=True)


def _person(number: int, noise: float, charted: float, z: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    days, week = 7 * WEEKS, np.repeat(np.arange(WEEKS), 7)
    own = rng.standard_normal((days, len(PLAIN)))
    values = PERSON * rng.standard_normal(len(PLAIN)) + DAY * np.sqrt(0.5) * own
    lost = np.zeros(values.shape, dtype=bool)
    for kind, there in WORN.items():
        causes = CAUSES * _autoregressive((1, WEEKS), rng)[0]
        shared = causes[week] + DAY * np.sqrt(0.5) * rng.standard_normal(days)
        values[:, kind == KINDS] += shared[:, None]
        lost[:, kind == KINDS] = (rng.random(days) >= there * charted)[:, None]
    for kind, segment, there in EXISTS:
        lost[:, (kind == KINDS) & (segment == PARTS)] |= (rng.random(days) >= there)[:, None]
    values = _shown(EFFECT * z[week, None] + noise * values, slice(None))
    normal = np.round(normalise_known(values, lost), 2)
    cells = np.where(np.tile(lost, 2), np.nan, np.hstack([values, normal]))
    frame = pd.DataFrame(cells, columns=list(channels()))
    frame.insert(0, "person", number)
    frame.insert(1, "day", np.arange(days))
    return frame[~lost.all(axis=1)]


def _shown(deviation: np.ndarray, features) -> np.ndarray:
    """Deviations from the levels, in spreads, → values as they stand in the files: rounded, none below 0."""
    values, digit = LEVELS[features] + SPREADS[features] * deviation, 10 ** DIGITS[features]
    return np.maximum(0, np.round(values * digit) / digit)


def steps(people: pd.DataFrame, z: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Fresh draws of what ``SCORER`` reads, for people and the severity z of one week: (n,), NaN where lost."""
    n, noise, charted = len(people), people["noise"].to_numpy(), people["charted"].to_numpy()
    person, day = rng.standard_normal((2, n, len(STEPS)))
    own = PERSON * person + DAY * np.sqrt(0.5) * day
    shared = CAUSES * rng.standard_normal(n) + DAY * np.sqrt(0.5) * rng.standard_normal(n)
    values = _shown(EFFECT[STEPS] * z[:, None] + noise[:, None] * (own + shared[:, None]), STEPS)
    return np.where(rng.random(n) < WORN["f_steps"] * charted, reading(values), np.nan)


def reading(values: np.ndarray) -> np.ndarray:
    """What ``SCORER`` reads of the values of ``STEPS`` on some days, (n, features): high for days of much walking."""
    return ((values - LEVELS[STEPS]) / SPREADS[STEPS] * -np.sign(EFFECT[STEPS])).mean(axis=1)


def normalise_known(values: np.ndarray, lost: np.ndarray) -> np.ndarray:
    """The provider's normalisation by participant, over the days that are known: (days, features) → the same shape."""
    out = np.zeros(values.shape)
    patterns, group = np.unique(lost, axis=1, return_inverse=True)  # features lost on the same days go together
    for i, pattern in enumerate(patterns.T):
        if not pattern.all():
            out[np.ix_(~pattern, group == i)] = normalise(values[np.ix_(~pattern, group == i)], axis=0)
    return out


def _autoregressive(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    out = rng.standard_normal(shape)
    for week in range(1, shape[1]):
        out[:, week] = MEMORY * out[:, week - 1] + np.sqrt(1 - MEMORY**2) * out[:, week]
    return out


def _scale(name: str) -> list:
    """Level and spread of a feature in its unit, and digits after the point."""
    return next(scale for names, *scale in FACTS["scales"] if re.search(names, name))


def _effect(kind: str, name: str) -> float:
    size, others = EFFECTS[kind]
    return -size if re.search(others, name) else size


KINDS, NAMES, PARTS = (np.array(part) for part in zip(*(name.split(":") for name in PLAIN), strict=True))
EFFECT = np.array([_effect(kind, name) for kind, name in zip(KINDS, NAMES, strict=True)])
LEVELS, SPREADS, DIGITS = (np.array(part) for part in zip(*map(_scale, NAMES), strict=True))
#: The features that ``SCORER`` reads.
STEPS = np.flatnonzero((KINDS == "f_steps") & (PARTS == "allday"))
