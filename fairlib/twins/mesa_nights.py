"""Nights of the MESA twin: rest, signal quality and lost epochs → sleep and wake, activity and light, every 30 seconds.

The latent z of an epoch is  a course of the night + the person's + a slow wander,  whose squared weights add up to 1:
over the epochs of all nights z is N(0, 1), as ``people`` has it. The outcome, asleep, is Bernoulli(sigmoid(a + b z));
its draws wander too, a few minutes long, so that sleep and wake come in bouts. Signals follow the true state (one moves
because one is awake): log activity and log light have a level a state, an offset a person and a wandering noise, both
wider by the factor ``noise`` of the person's segments; what rounds to zero is zero. Losses come in stretches.

Levels, spreads and durations are round assumptions of ours: nights start and end awake, bouts of wake are short.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.signal import lfilter
from scipy.special import log_ndtr, ndtr, ndtri

from .people import Spec

MINUTE = 2  # epochs
#: Squared weights of z.
COURSE, PERSON, WANDER = 0.65, 0.10, 0.25
#: Correlation times in minutes: of the wander of z, and of the draws of the outcome.
REST, BOUT = 20, 6
#: Share of epochs lost in everybody's recording, and how long a stretch of them is, in minutes.
LOST, STRETCH = 0.02, 10
#: Epochs of actigraphy before and after the polysomnography.
MARGIN = 40


class Signal(NamedTuple):
    """In natural logarithms: level asleep and awake, sd between people, sd and minutes of the noise; highest value."""

    asleep: float
    awake: float
    person: float
    noise: float
    minutes: float
    highest: float


ACTIVITY = Signal(-1.2, 2.8, 0.4, 1.2, 3, 1000)
LIGHT = Signal(-2.5, 1.0, 0.8, 1.2, 25, 500)
#: microW/cm2 of a band at one lux of white light.
BANDS = (0.16, 0.09, 0.07)


@dataclass(frozen=True)
class Nights:
    """Arrays (people, epochs), ``MARGIN`` epochs of actigraphy before and after; what lies outside a night is padding.

    recorded: of the actigraphy. inside: of the polysomnography. kept: inside, and not excluded. asleep: the true state;
    label: the recorded one. depth: margin of the outcome, above 0 asleep. activity: counts, light: (people, epochs, 4)
    lux and microW/cm2, both NaN where lost.
    """

    recorded: np.ndarray
    inside: np.ndarray
    kept: np.ndarray
    asleep: np.ndarray
    label: np.ndarray
    depth: np.ndarray
    activity: np.ndarray
    light: np.ndarray


def draw(persons: pd.DataFrame, spec: Spec, pace: float, rng: np.random.Generator) -> Nights:
    """Nights of ``persons`` (columns used: epochs, excluded, log_odds, rate, noise, charted, redrawn).

    ``pace``: durations are multiplied by it (1: a night of the published length).
    """
    names = ("epochs", "excluded", "log_odds", "rate", "noise", "charted", "redrawn")
    epochs, cut, log_odds, rate, noise, charted, redrawn = (persons[name].to_numpy()[:, None] for name in names)
    n, length = len(persons), int(epochs.max()) + 2 * MARGIN
    time = np.arange(length) - MARGIN
    inside, recorded = (time >= 0) & (time < epochs), time < epochs + MARGIN

    def wander(minutes: float) -> np.ndarray:
        return _wander(rng, (n, length), minutes * MINUTE * pace)

    z = np.sqrt(COURSE) * _course(time, epochs, rng) + np.sqrt(PERSON) * rng.standard_normal((n, 1))
    z += np.sqrt(WANDER) * wander(REST)
    draws = wander(BOUT)
    threshold = log_ndtr(draws) - log_ndtr(-draws)  # logistic: above it, asleep with probability sigmoid(a + b z)
    depth = np.where(inside, log_odds + spec.severity * z - threshold, -1.0)
    asleep = depth > 0
    redraws = rng.random((2, n, length))
    label = inside & np.where(redraws[0] < redrawn, redraws[1] < rate, asleep)
    first = np.floor(rng.random((n, 1)) * (epochs - cut + 1))
    kept = inside & ~((time >= first) & (time < first + cut))
    deepest = np.where(kept, depth, -np.inf).argmax(axis=1)  # the benchmark drops a night without any sleep
    label[np.arange(n), deepest] |= ~(label & kept).any(axis=1)
    activity, white = (_signal(signal, asleep, noise, wander, rng) for signal in (ACTIVITY, LIGHT))
    bands = np.exp(noise[:, :, None] * 0.2 * rng.standard_normal((n, length, len(BANDS)))) * BANDS
    light = np.concatenate([white[:, :, None], white[:, :, None] * bands], axis=2)
    lost = ndtr(wander(STRETCH)) > charted * (1 - LOST)
    dark = lost | (ndtr(wander(STRETCH)) > 1 - LOST / 2)  # the light sensor fails alone, too
    return Nights(
        recorded=recorded,
        inside=inside,
        kept=kept,
        asleep=asleep,
        label=label,
        depth=depth,
        activity=np.where(lost, np.nan, np.floor(activity)),
        light=np.where(dark[:, :, None], np.nan, np.round(light, 2)),
    )


def _course(time: np.ndarray, epochs: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Rest over the night, N(0, 1) over its epochs: from deeply awake up to the person's deepest time, and back."""
    deepest = rng.uniform(0.3, 0.7, (len(epochs), 1))
    passed = np.clip((time + 0.5) / epochs, 1e-4, 1 - 1e-4)
    return ndtri(np.where(passed < deepest, passed / deepest, (1 - passed) / (1 - deepest)))


def _wander(rng: np.random.Generator, shape: tuple[int, int], epochs: float) -> np.ndarray:
    """N(0, 1) at each epoch, with correlation exp(-distance / epochs) along the last axis (first-order, stationary)."""
    keep = np.exp(-1 / epochs)
    steps = rng.standard_normal(shape)
    steps[:, 1:] *= np.sqrt(1 - keep**2)
    return lfilter([1.0], [1.0, -keep], steps, axis=1)


def _signal(signal: Signal, asleep: np.ndarray, noise: np.ndarray, wander, rng: np.random.Generator) -> np.ndarray:
    offset = signal.person * rng.standard_normal((len(asleep), 1)) + signal.noise * wander(signal.minutes)
    level = np.where(asleep, signal.asleep, signal.awake) + noise * offset
    return np.minimum(np.exp(np.minimum(level, 20)), signal.highest)


def stages(nights: Nights) -> np.ndarray:
    """Sleep stage of each epoch, 0 to 5: deeper rest, deeper stages, REM towards the end of a cycle of 90 minutes."""
    time = np.arange(nights.depth.shape[1]) - MARGIN
    cycle = (time % (90 * MINUTE)) / (90 * MINUTE)
    asleep = np.where((cycle > 0.8) & (nights.depth > 1), 5, 1 + (nights.depth > 1) + (nights.depth > 7))
    return np.where(nights.label, asleep, 0).astype(np.int8)
