"""Planted against found: the truth has a closed form, and out-of-fold scores give what scikit-learn gives."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from fairlib import cards
from fairlib.measures import planted as measures
from fairlib.measures.estimands import AUC_GAP, LOG_RATIO
from fairlib.measures.outoffold import OutOfFold
from fairlib.twins import planted


def test_labels_drawn_anew_take_their_share_of_the_auc():
    """A label is drawn anew with probability r, whatever the severity: AUC = (1 − r) A + r/2, the gap is r (½ − A)."""
    found = measures.expected("mimic", draws=150_000, cohorts=10).set_index(["segment", "measure"])
    for segment, redrawn in planted.TWINS["mimic"].label_noise["ethnicity"].items():
        gap = redrawn * (0.5 - planted.TWINS["mimic"].auc)
        assert found.loc[(segment, AUC_GAP), "truth"] == pytest.approx(gap, abs=0.012)
    assert (found.loc["Female", "truth"] == 0).all()
    assert set(found.loc["Female", "planted"]) == {"none"}


@pytest.mark.parametrize("dataset", [name for name in planted.TWINS if name != "mesa"])  # whose draws take longer
def test_what_is_planted_is_about_twice_what_can_be_detected(dataset):
    found = measures.expected(dataset, draws=60_000, cohorts=30)  # 30 cohorts: known within an eighth
    judged = found[(found["measure"] == AUC_GAP) & (found["planted"] != "none")]
    assert (judged["times"] > 1.75).all(), judged


@pytest.fixture(scope="module")
def scores():
    """The reference score in one cohort, as if one model had scored everybody."""
    people = planted.drawn("challenge2012", "turned", 3000, np.random.default_rng(0))
    card = cards.load("challenge2012")
    attributes = {
        name: pd.Categorical(people[name].where(people[name] != "unknown"), facts.segments)
        for name, facts in card.attributes.items()
    }
    score = {"supervised": people["score"].to_numpy(np.float32)[None]}
    fold = np.zeros((1, len(people)), dtype=np.int16)
    y, person = people["label"].to_numpy(np.int8), people["person"].to_numpy()
    return people, OutOfFold(y, person, pd.DataFrame(attributes), card, fold, score)


def test_a_segment_is_compared_with_the_privileged_one(scores):
    people, of = scores
    found = measures.found(of, planted.disparities("challenge2012"), ("supervised",), 50)
    found = found.set_index(["segment", "measure"])["estimate"]
    flagged = people["score"] > people["score"].quantile(0.8)
    wrong = flagged != people["label"]
    for attribute, segment, other in (
        ("icu_type", "Surgical", "Medical"),
        ("age", ">=65", "<65"),
        ("gender", "Female", "Male"),
    ):
        one, two = (people[people[attribute] == name] for name in (segment, other))
        gap = roc_auc_score(one["label"], one["score"]) - roc_auc_score(two["label"], two["score"])
        assert found[segment, AUC_GAP] == pytest.approx(gap, abs=1e-6)
        ratio = np.log(wrong[one.index].mean() / wrong[two.index].mean())
        assert found[segment, LOG_RATIO] == pytest.approx(ratio, abs=0.01)
    area = measures.areas(of, ("supervised",))["supervised"]
    assert area == pytest.approx(roc_auc_score(people["label"], people["score"]), abs=1e-6)


@pytest.mark.parametrize(
    ("truth", "low", "high", "word"),
    [
        (-0.2, -0.3, -0.1, "found"),
        (-0.2, -0.3, 0.1, "missed"),
        (-0.2, 0.1, 0.3, "wrong side"),
        (0.0, -0.1, 0.1, "none, as planted"),
        (0.0, 0.05, 0.1, "false alarm"),
    ],
)
def test_readings(truth, low, high, word):
    assert measures.reading(SimpleNamespace(truth=truth, low=low, high=high)) == word
