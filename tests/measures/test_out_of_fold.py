"""Out-of-fold scores: what is refused, in which words; subsets; the long table and back."""

import numpy as np
import pandas as pd
import pytest

from fairlib.cohort import CohortError
from fairlib.inference import participant_draws

from .scores import out_of_fold


@pytest.fixture(scope="module")
def good():
    return out_of_fold()


def _with(values, place, value):
    out = values.copy()
    out[place] = value
    return out


def test_runs_are_the_folds_of_each_repeat(good):
    runs = good.runs()
    assert [(run.repeat, run.fold) for run in runs] == [(r, f) for r in range(2) for f in range(5)]
    for repeat in range(2):
        rows = np.concatenate([run.rows for run in runs if run.repeat == repeat])
        np.testing.assert_array_equal(np.sort(rows), np.arange(200))
    assert all((good.fold[run.repeat, run.rows] == run.fold).all() for run in runs)


def test_the_cards_split_has_one_fold_and_a_repeat_per_seed():
    single = out_of_fold(folds=0, repeats=3)
    assert (single.folds, single.repeats, len(single.runs())) == (1, 3, 3)


def test_people_are_drawn_with_all_windows(good):
    twice = out_of_fold(person=np.arange(200) // 2, fold=np.zeros((2, 200), dtype=np.int16))
    weights = twice.draws(7)
    np.testing.assert_array_equal(weights[:, ::2], weights[:, 1::2])
    np.testing.assert_array_equal(good.draws(3), participant_draws(good.person, 3))


ODD = {
    "a person in two folds": (
        lambda o: {"person": _with(o.person, 1, 0), "fold": _with(o.fold, (0, slice(0, 2)), [0, 1])},
        r"1 participant\(s\) are tested in two folds of repeat 0",
    ),
    "a fold with one class": (
        lambda o: {"fold": _with(o.fold, (1, (o.fold[1] == 3) & (o.y == 1)), 2)},
        "fold 3 of repeat 1 has one class only",
    ),
    "a fold without people": (
        lambda o: {"fold": _with(o.fold, (1, o.fold[1] == 4), 2)},
        "repeat 1 has nobody in fold 4",
    ),
    "an empty segment": (
        lambda o: {"attributes": o.attributes.assign(gender=pd.Categorical(["Male"] * 200, ["Male", "Female"]))},
        "nobody is in a segment of gender other than 'Male'",
    ),
    "nobody privileged": (
        lambda o: {"attributes": o.attributes.assign(age=pd.Categorical([">=65"] * 200, ["<65", ">=65"]))},
        "nobody is in a segment of age '<65'",
    ),
    "scores all equal": (
        lambda o: {"score": o.score | {"frozen_1_middle": np.ones((2, 200), dtype=np.float32)}},
        "'frozen_1_middle' gives everyone the same score in fold 0 of repeat 0",
    ),
    "NaN where tested": (
        lambda o: {"score": o.score | {"supervised": _with(o.score["supervised"], (1, o.fold[1] == 2), np.nan)}},
        r"'supervised' has \d+ scores that are NaN or infinite in fold 2 of repeat 1",
    ),
    "a recalibrated score that is infinite": (
        lambda o: {"risk": {"supervised": _with(o.score["supervised"], (0, 0), np.inf)}},
        "'supervised' has 1 scores that are NaN or infinite",
    ),
    "different repeats": (
        lambda o: {"score": o.score | {"frozen_1_middle": o.score["frozen_1_middle"][:1]}},
        "'frozen_1_middle' has 1 repeats, the folds have 2",
    ),
    "more folds than events": (
        lambda o: {"y": np.r_[np.ones(3), np.zeros(197)].astype(np.int8)},
        "5 folds need as many people with an event, found 3",
    ),
    "fewer persons than labels": (lambda o: {"person": o.person[:-1]}, "person has 199 rows, the labels have 200"),
    "folds of other people": (lambda o: {"fold": o.fold[:, :-1]}, r"expected \(repeats, 200\)"),
    "scores of other people": (lambda o: {"score": {"supervised": np.ones((2, 3))}}, r"have shape \(2, 3\)"),
    "a third class": (lambda o: {"y": _with(o.y, 0, 2)}, r"labels must be 0 or 1, found \[2\]"),
    "no model": (lambda o: {"score": {}}, "there is no model"),
}


@pytest.mark.parametrize(("change", "words"), ODD.values(), ids=ODD)
def test_what_cannot_be_used_is_refused_in_a_sentence(good, change, words):
    with pytest.raises(CohortError, match=words):
        out_of_fold(**change(good))


def test_an_attribute_that_is_wholly_unknown_is_no_empty_segment(good):
    unknown = pd.Categorical([None] * 200, ["Male", "Female"])
    assert out_of_fold(attributes=good.attributes.assign(gender=unknown)).attributes["gender"].isna().all()


def test_windows_that_are_not_tested_need_no_score(good):
    fold = _with(good.fold, (slice(None), slice(0, 5)), -1)
    score = {name: _with(values, (slice(None), slice(0, 5)), np.nan) for name, values in good.score.items()}
    assert sum(len(run.rows) for run in out_of_fold(fold=fold, score=score).runs()) == 2 * 195


def test_subsets(good):
    women = (good.attributes["gender"] == "Female").to_numpy()
    part, rest = good.only(women | (good.person % 2 == 0)), good.only(~(women & (good.person % 7 == 0)))
    assert len(part.y) == (women | (good.person % 2 == 0)).sum()
    assert not ((rest.attributes["gender"] == "Female") & (rest.person % 7 == 0)).any()
    np.testing.assert_array_equal(part.score["supervised"], good.score["supervised"][:, part.person])
    np.testing.assert_array_equal(part.fold, good.fold[:, part.person])
    with pytest.raises(CohortError, match="other than 'Male'"):
        good.only(~women)
