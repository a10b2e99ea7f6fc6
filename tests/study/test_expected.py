"""The expected cost: arithmetic with an injected clock; real training beside it is in ``tests/bench/expected.py``."""

import itertools

import pytest

from fairlib import cards
from fairlib.readers import template
from fairlib.recipes import RECIPES
from fairlib.strategies import ALL
from fairlib.study import expected
from fairlib.study.expected import BATCHES, core_minutes, of_source, paces, steps
from fairlib.study.profiles import PROFILES


def second_per_step():
    """A clock for which every timed stretch of ``BATCHES`` steps takes as many seconds."""
    return itertools.count(0, BATCHES).__next__


def test_every_network_and_their_shared_pretraining_are_timed(capfd):
    found = paces((12, 3), RECIPES["tuned"], ALL, second_per_step())
    networks = [name for name in ALL if name not in ("logistic_regression", "gradient_boosting")]
    assert found == dict.fromkeys(["pre-training", *networks], 1)
    assert list(paces((12, 3), RECIPES["tuned"], ["supervised"], second_per_step())) == ["supervised"]
    assert capfd.readouterr().err == ""  # no progress bars


def test_steps_are_those_of_the_recipe():
    assert steps(5600, RECIPES["tuned"], ["supervised", "frozen_0"]) == {
        "pre-training": 1500,
        "supervised": 69 * 44,  # whole epochs of 44 batches, at least 3,000 steps
        "frozen_0": 35 * 44,
    }


def test_minutes_are_seconds_times_steps_times_runs(monkeypatch):
    monkeypatch.setattr(expected, "paces", paces)
    models = ("supervised", "frozen_0", "logistic_regression")
    found = core_minutes(5600, (12, 3), RECIPES["tuned"], models, 20, second_per_step())
    assert found == pytest.approx(20 * (1500 + 69 * 44 + 35 * 44) / 60)


def test_the_sentence_counts_folds_or_seeds():
    """One network of 0.06 s a step: 8,000 windows, of which a fold trains on 4/5 · 7/8, a split on 70 %: 44 batches."""
    text = expected.sentence(8000, (48, 72), True, PROFILES["paper"], "tuned")
    assert f"tuned: about {round(20 * 69 * 44 * 0.06 / 60)} core-minutes for 8 networks × 5 folds, repeats: 4" in text
    text = expected.sentence(8000, (48, 72), False, PROFILES["paper"], "tuned")
    assert f"tuned: about {round(5 * 69 * 44 * 0.06 / 60)} core-minutes for 8 networks × 5 seeds" in text
    assert expected.sentence(8000, (48, 72), False, PROFILES["smoke"]).startswith("paper_text: about 1 core-minutes")


def test_official_data_are_known_by_their_card_and_own_ones_are_read(tmp_path):
    assert of_source("challenge2012", tmp_path) == (8000, (48, 72), True)
    assert of_source("mimic", tmp_path) == (cards.load("mimic").expected["total"], (48, 76), False)
    folder = template.write(tmp_path / "data", people=120, split=True)
    windows, shape, crossfitted = of_source("table", folder)
    assert (shape, crossfitted) == ((6, 3), True)
    assert windows == 240
