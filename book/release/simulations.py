"""Small simulations with a known truth, one for each trap that the audit found. No person's data, nothing trained."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy import stats

from fairlib.fairness import RATES, parity_deviation, ratios
from fairlib.inference import auc, central, half_width, participant_draws, weighted_auc
from fairlib.recipes import RECIPES
from fairlib.seeds import generator
from fairlib.similarity import cka
from fairlib.views import compose

from . import audit, published

VIEWS = {
    "released: both negated": RECIPES["paper_code"].pretraining.views,
    "described: each with probability ½": RECIPES["paper_text"].pretraining.views,
}
#: Privileged group first, as printed.
GLOBEM_GROUPS = {"gender": ("Male", "not Male"), "race": ("White", "not White"), "disability": ("No", "Yes")}


# Training ------------------------------------------------------------------------------------------------------------


def _smooth(draw: np.random.Generator, windows: int) -> np.ndarray:
    """Standardised random walks of 48 steps and 8 channels, (windows, 48, 8) float32."""
    x = draw.normal(size=(windows, 48, 8)).cumsum(axis=1)
    return ((x - x.mean(axis=(0, 1))) / x.std(axis=(0, 1))).astype(np.float32)


def view_agreement(windows: int = 400) -> pd.DataFrame:
    """How alike the two views of a window are (D12): recipe, correlation, flipped (the first view is negated)."""
    draw, parts = generator(0, "views"), []
    x = _smooth(draw, windows)
    for name, views in VIEWS.items():
        one, other = (compose(x, views, draw) for _ in range(2))
        flipped = (one * x).sum(axis=(1, 2)) < 0
        parts.append(pd.DataFrame({"recipe": name, "correlation": _rows_correlate(one, other), "flipped": flipped}))
    return pd.concat(parts, ignore_index=True)


def _rows_correlate(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    one, other = (part.reshape(len(part), -1) for part in (one, other))
    one, other = (part - part.mean(axis=1, keepdims=True) for part in (one, other))
    return (one * other).sum(axis=1) / np.sqrt((one**2).sum(axis=1) * (other**2).sum(axis=1))


# Evaluation ----------------------------------------------------------------------------------------------------------


def globem_coin(draws: int) -> np.ndarray:
    """The coin with GLOBEM's printed groups, labels and share of predicted positives."""
    pairs = []
    for attribute, groups in GLOBEM_GROUPS.items():
        counts = [audit.numbers("D24", f"{what}, {attribute}") for what in ("windows", "positive windows")]
        pairs.append([tuple(int(count[group]) for count in counts) for group in groups])
    rate = audit.numbers("D24", "predictions").sum() / audit.size("GLOBEM", "test")
    return coin_deviation(pairs, rate, draws)


def coin_deviation(groups: list[list[tuple[int, int]]], rate: float, draws: int) -> np.ndarray:
    """Mean parity deviation over six ratios and all attributes of a coin that says yes with probability ``rate`` (D24).

    groups: for each attribute (windows, positive windows) of the privileged group and of the others. The attributes are
    drawn apart, since who belongs to two groups at once is not printed: that is in the spread of the mean, not in its
    middle.

    Returns (draws,), without draws in which a ratio has a zero denominator.
    """
    draw, deviations = generator(0, "coin"), []
    for pair in groups:
        counts = []
        for windows, positive in pair:
            tp, fp = draw.binomial(positive, rate, draws), draw.binomial(windows - positive, rate, draws)
            counts.append({"tp": tp, "fp": fp, "tn": windows - positive - fp, "fn": positive - tp})
        privileged, others = counts
        found = ratios(others, privileged)
        deviations += [parity_deviation(found[name]) for name in RATES]
    means = np.mean(deviations, axis=0)
    return means[np.isfinite(means)]


def published_extremes(draws: int) -> pd.DataFrame:
    """``audit.extremes`` with what chance gives the same segments.

    Further columns: low, middle, high (median and central range), again (mean on new data).
    """
    rows, records = audit.extremes(), []
    for row in rows.itertuples():
        found, again = extremes_by_chance(row.windows, published.held_out(row.dataset)[1], row.overall, draws)
        low, high = central(found)
        records.append({"low": low, "middle": np.median(found), "high": high, "again": again.mean()})
    return rows.join(pd.DataFrame(records))


def extremes_by_chance(windows: tuple[int, ...], rate: float, overall: float, draws: int) -> tuple[np.ndarray, ...]:
    """Best minus worst AUC over segments of these sizes, of a model that serves everybody alike (D20).

    rate: positive share; overall: its AUC everywhere. Scores are normal, windows independent.

    Returns (draws,) on the data that chose the two segments, and (draws,) of the same two segments on new data.
    """
    draw, shift = generator(0, "extremes"), np.sqrt(2) * stats.norm.ppf(overall)
    found = np.empty((2, draws, len(windows)))
    for column, n in enumerate(windows):
        positive = min(n - 1, max(1, round(rate * n)))
        labels = np.arange(n) < positive
        for again in range(2):
            scores = draw.normal(size=(draws, n)) + shift * labels
            ranks = (scores.argsort(axis=1) < positive) @ np.arange(1.0, n + 1)  # of the positive ones, summed
            wins = ranks - positive * (positive + 1) / 2
            found[again, :, column] = wins / (positive * (n - positive))
    rows = np.arange(draws)
    best, worst = found[0].argmax(axis=1), found[0].argmin(axis=1)
    return tuple(found[again, rows, best] - found[again, rows, worst] for again in range(2))


def interval_widths(each: tuple[int, ...] = (1, 10, 100, 1000), people: int = 363, draws: int = 30) -> pd.DataFrame:
    """Width of the interval of an AUC by a bootstrap of windows and of people, with so many windows each (D23).

    Of the variance of a score, a fifth belongs to the person, two fifths to a stretch of 50 windows with one label
    (windows that overlap, sleep that goes on), and the rest to the window. ``true`` is the width that new people give.
    """
    records, wide = [], 2 * half_width()
    for windows in each:
        draw = generator(0, "intervals", str(windows))
        person, y, score = _nights(draw, people, windows)
        record = {"each": windows}
        for name, unit in (("people", person), ("windows", np.arange(len(y)))):
            record[name] = wide * float(np.std(weighted_auc(y, score, participant_draws(unit, draws))))
        fresh = [auc(*_nights(draw, people, windows)[1:]) for _ in range(draws)]
        records.append(record | {"true": wide * float(np.std(fresh))})
    return pd.DataFrame(records)


def _nights(draw: np.random.Generator, people: int, each: int, stretch: int = 50) -> tuple[np.ndarray, ...]:
    """Persons, labels and scores; the AUC over all windows is about 0.8, as in MESA."""
    person = np.repeat(np.arange(people), each)
    stretches = person * (each // stretch + 1) + np.tile(np.arange(each) // stretch, people)
    _, stretches = np.unique(stretches, return_inverse=True)
    many = stretches.max() + 1
    y = (draw.random(many) < 0.58).astype(int)[stretches]
    noise = np.sqrt(0.2) * draw.normal(size=people)[person] + np.sqrt(0.4) * draw.normal(size=many)[stretches]
    return person, y, noise + np.sqrt(0.4) * draw.normal(size=len(person)) + 1.18 * y


# CKA (D33, D34) ------------------------------------------------------------------------------------------------------


def biased_cka(x: np.ndarray, y: np.ndarray) -> float:
    """CKA with the plug-in estimate of HSIC, Σ K∘L of centred Gram matrices with their diagonals: biased upward."""
    x, y = (part - part.mean(axis=0) for part in (x, y))
    return float(((x.T @ y) ** 2).sum() / np.sqrt(((x.T @ x) ** 2).sum() * ((y.T @ y) ** 2).sum()))


def _features(draw: np.random.Generator, rows: int) -> tuple[np.ndarray, ...]:
    """Two sets of 100 features that share half of their variance; it falls off as it does in a network."""
    spread = (1 / np.sqrt(np.arange(1, 101))).astype(np.float32)
    common, *own = (draw.normal(size=(rows, 100)) for _ in range(3))
    return tuple(((np.sqrt(0.5) * common + np.sqrt(0.5) * z) * spread).astype(np.float32) for z in own)


def cka_by_size(sizes=(122, 336, 1252, 3670), draws=(40, 24, 8, 3)) -> pd.DataFrame:
    """Both estimates of one and the same CKA at sizes of published segments, a row a draw: rows, biased, unbiased."""
    draw, records = generator(0, "cka sizes"), []
    for rows, times in zip(sizes, draws, strict=True):
        for _ in range(times):
            x, y = _features(draw, rows)
            records.append({"rows": rows, "biased": biased_cka(x, y), "unbiased": cka(x, y)})
    return pd.DataFrame(records)


def cka_by_windows(each=(1, 2, 5, 10), people: int = 60, draws: int = 20) -> pd.DataFrame:
    """Unbiased CKA of features that have nothing in common but the people they come from: columns each, cka."""
    draw, records = generator(0, "cka people"), []
    for windows in each:
        person = np.repeat(np.arange(people), windows)
        for _ in range(draws):
            x, y = (draw.normal(size=(people, 50))[person] + draw.normal(size=(len(person), 50)) for _ in range(2))
            records.append({"each": windows, "cka": cka(x, y)})
    return pd.DataFrame(records)


def cka_of_repeats(rows: int = 100, draws: int = 40) -> pd.DataFrame:
    """Unbiased CKA of unrelated features: as they are, each row twice (D34), and a row bootstrap. One row a draw."""
    draw, records = generator(0, "cka repeats"), []
    for _ in range(draws):
        x, y = (draw.normal(size=(rows, 50)) for _ in range(2))
        again = draw.integers(0, rows, rows)
        record = {"each row once": cka(x, y), "each row twice": cka(np.tile(x, (2, 1)), np.tile(y, (2, 1)))}
        records.append(record | {"row bootstrap": cka(x[again], y[again])})
    return pd.DataFrame(records)


# All of them, at the sizes that the release prints -------------------------------------------------------------------


@dataclass(frozen=True)
class Simulated:
    """Everything that the page draws at random."""

    coin: np.ndarray
    extremes: pd.DataFrame
    views: pd.DataFrame = field(default_factory=view_agreement)
    widths: pd.DataFrame = field(default_factory=interval_widths)
    sizes: pd.DataFrame = field(default_factory=cka_by_size)
    windows: pd.DataFrame = field(default_factory=cka_by_windows)
    repeats: pd.DataFrame = field(default_factory=cka_of_repeats)


def simulate(draws: int) -> Simulated:
    """All simulations; draws: of the coin and of the extremes."""
    return Simulated(globem_coin(draws), published_extremes(draws))
