"""Each sentence says what its verdict says, and no more."""

import inspect
import re

import pytest

from fairlib.measures import verdicts
from fairlib.report import plain

ONE, OTHER = "the first model", "the second model"
FACTS = {"low": -62.4, "high": 57.4, "detectable": 24.0, "claim": 30.0, "margin": 1.05}
DISPARITY = (
    verdicts.SUPPORTED,
    verdicts.EXCLUDED,
    verdicts.SMALLER,
    verdicts.LARGER,
    verdicts.EQUIVALENT,
    verdicts.TOO_LITTLE,
    verdicts.PAPER,
)


def test_nothing_but_text():
    assert "fairlib" not in re.findall(r"^(?:from|import) (\w+)", inspect.getsource(plain), re.M)


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (-62.4, 57.4, "anything from 62 % less to 57 % more"),
        (-100, 490, "anything from 100 % less to 490 % more"),
        (-40.2, -12.6, "between 13 and 40 % less"),
        (-40.2, -0.2, "up to 40 % less"),
        (12.6, 40.2, "between 13 and 40 % more"),
        (0.1, 40.2, "up to 40 % more"),
        (-7, 0, "anything from 7 % less to 0 % more"),
    ],
)
def test_the_compatible_range(low, high, words):
    assert plain.compatible(low, high) == words


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (
            0.001,
            0.02,
            "The first model ranks cases better than the second model; a loss of AUC of 0.02 or more is not comp",
        ),
        (
            -0.019,
            0.02,
            "The first model ranks cases about as well as the second model; a loss of AUC of 0.02 or more is not",
        ),
        (
            -0.015,
            -0.003,
            "The first model ranks cases less well than the second model; a loss of AUC of 0.02 or more is n",
        ),
        (-0.02, 0.02, "The first model may lose 0.02 or more of the AUC of the second model: this is not excluded"),
        (
            -0.05,
            -0.01,
            "The first model ranks cases less well, and may lose 0.02 or more of the AUC of the second model",
        ),
        (-0.05, -0.03, "The first model ranks cases less well than the second model, by more than the margin of 0.02"),
    ],
)
def test_accuracy_by_the_place_of_its_interval(low, high, words):
    """At every end of the margin; non-inferiority is said exactly where the verdict says it."""
    text = plain.accuracy(ONE, OTHER, low, high, -0.02)
    assert text.startswith(words)
    assert ("not compatible" in text) == (low > -0.02)
    assert f"{low:+.3f}".replace("-", "−") in text
    assert text.endswith(".")


@pytest.mark.parametrize("name", DISPARITY)
def test_each_verdict_on_disparity_has_its_own_sentence(name):
    text = plain.disparity(name, ONE, OTHER, FACTS)
    assert text.endswith(".")
    assert not text.endswith("..")
    others = [plain.disparity(other, ONE, OTHER, FACTS) for other in DISPARITY if other != name]
    assert text not in others
    if name in (verdicts.SUPPORTED, verdicts.EXCLUDED, verdicts.PAPER):
        assert "30 %" in text
    assert ("excluded" in text) == (name == verdicts.EXCLUDED)
    assert ("has less disparity" in text) == (name == verdicts.SMALLER)
    assert ("has more disparity" in text) == (name == verdicts.LARGER)
    assert ("equivalent" in text and "1.05" in text) == (name == verdicts.EQUIVALENT)
    assert ("too little data" in text) == (name == verdicts.TOO_LITTLE)


def test_too_little_data_says_what_is_still_possible_and_what_could_have_been_found():
    text = plain.disparity(verdicts.TOO_LITTLE, ONE, OTHER, FACTS)
    assert "anything from 62 % less to 57 % more disparity" in text
    assert "finds a change of 24 % in four of five cases" in text
    assert "Even if the disparity vanished" in plain.disparity(
        verdicts.TOO_LITTLE, ONE, OTHER, FACTS | {"detectable": 143}
    )


def test_levelling_down_in_words():
    names = (verdicts.NO_LEVELLING, verdicts.OPEN)
    none, is_open = (plain.levelling(name, ONE, OTHER, -0.03, 0.0144, 0.02) for name in names)
    assert none.startswith("A rise of the error rate by 2 percentage points or more with the first model is excluded")
    assert "higher by up to 1.4 percentage points is compatible" in is_open
    worse = plain.levelling(f"{verdicts.LEVELLING} Female × >=65", ONE, OTHER, 0.031, 0.131, 0.02)
    assert worse.startswith("The first model errs more often than the second model for the group Female × >=65: by 3.1")
    assert "3.1 to 13.1 percentage points (interval)" in worse
    nobody = plain.levelling(verdicts.OPEN, ONE, OTHER, float("nan"), float("nan"), 0.02)
    assert "nan" not in nobody
    assert "No group that was named beforehand has enough people" in nobody


def test_few_runs_are_said():
    assert plain.intervals(20, 10) == "Intervals are over people and 20 training runs per model."
    assert "over people alone: 9 training runs per model are fewer than the 10" in plain.intervals(9, 10)
    assert "1 training run per" in plain.intervals(1, 10)
