"""How people are dealt to folds, and that all that learns lies inside a fold: each leak is planted once, and seen."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from fairlib import baselines, scaling
from fairlib.cohort import Cohort, CohortError
from fairlib.folds import Folds
from fairlib.measures import scored
from fairlib.measures.evaluated import Evaluated
from fairlib.study.parameters import ParameterError, check
from fairlib.study.runs import Study

K = 5


@pytest.fixture(scope="module")
def cohort(make_cohort):
    return make_cohort(people=500, windows=2, gaps=0.3)


def taken(cohort, rows):
    """The cohort in another order."""
    return cohort.part(rows, cohort.x[rows], ("in another order", ""))


# --------------------------------------------------------------------------------------------------------- dealing


def test_everybody_is_tested_once_a_repeat_with_all_their_windows(cohort):
    dealt = Folds(cohort, K)
    for repeat in (1, 2):
        fold, tests = dealt.deal(repeat), np.zeros(len(cohort), dtype=int)
        assert pd.Series(fold).groupby(cohort.person).nunique().max() == 1
        for k in range(K):
            split = dealt.split(repeat, k)
            tests += split == "test"
            np.testing.assert_array_equal(split == "test", fold == k)
            assert pd.Series(split).groupby(cohort.person).nunique().max() == 1
        assert (tests == 1).all()


def test_folds_hold_as_many_of_each_outcome_and_as_many_of_each_group_of_it(cohort):
    """Outcome × sex × age: a stratum begins where the one before ended, so that folds differ by one person in it."""
    people = pd.DataFrame({"person": cohort.person, "y": cohort.y, "fold": Folds(cohort, K).deal(1)})
    for name in cohort.card.protected():
        people[name] = cohort.attributes[name].astype("string").fillna("unknown").to_numpy()
    people = people.drop_duplicates("person")
    for strata in ([], ["y"], ["y", *cohort.card.protected()]):
        size = people.groupby([*strata, "fold"]).size().unstack("fold", fill_value=0) if strata else None
        size = people["fold"].value_counts().to_frame().T if size is None else size
        assert (size.max(axis=1) - size.min(axis=1)).max() <= 1
    assert people.groupby(["y", *cohort.card.protected()]).ngroups > 10


def test_the_same_people_fall_into_the_same_folds_on_every_machine(cohort):
    """Whatever the order of rows, and wherever the data lies: the test holds the hash's verdict on twenty people."""
    dealt = dict(zip(cohort.person, Folds(cohort, K).deal(1), strict=True))
    order = np.random.default_rng(3).permutation(len(cohort))
    again = taken(cohort, order)
    assert dict(zip(again.person, Folds(again, K).deal(1), strict=True)) == dealt
    as_text = replace(cohort, person=cohort.person.astype(str))
    np.testing.assert_array_equal(Folds(as_text, K).deal(1), Folds(cohort, K).deal(1))
    assert [int(dealt[name]) for name in sorted(dealt)[:20]] == [
        2,
        0,
        3,
        0,
        3,
        3,
        2,
        3,
        3,
        3,
        2,
        1,
        4,
        3,
        4,
        4,
        4,
        2,
        3,
        4,
    ]


def test_another_repeat_deals_otherwise(cohort):
    one, other = (Folds(cohort, K).deal(repeat) for repeat in (1, 2))
    assert 0.15 < (one == other).mean() < 0.25  # a fifth by chance


def test_an_eighth_of_the_others_validate_whom_every_fold_draws_anew(cohort):
    dealt, people = Folds(cohort, K), len(np.unique(cohort.person))
    validate = []
    for k in range(K):
        split = dealt.split(1, k)
        size = {name: len(np.unique(cohort.person[split == name])) for name in ("train", "val", "test")}
        assert size == {"train": people * 4 // 5 * 7 // 8, "val": people * 4 // 5 // 8, "test": people // 5}
        validate.append(set(cohort.person[split == "val"]))
        share = [cohort.y[split == name].mean() for name in size]
        assert np.ptp(share) < 0.03  # of positive windows: strata are spread evenly here, too
    assert len(set.union(*validate)) > 1.5 * len(validate[0])


def test_seeds_count_the_runs():
    dealt = Folds.__new__(Folds)
    dealt.folds = K
    assert [dealt.seed(repeat, k) for repeat in (1, 2, 3, 4) for k in range(K)] == [*range(1, 4 * K + 1)]


def test_more_folds_than_people_with_an_event_are_refused(make_cohort):
    """Or without: whichever are fewer; windows do not count."""
    few = make_cohort(people=60, windows=3, gaps=0.1)
    for y, word in ((few.y, "with"), (1 - few.y, "without")):
        rare = replace(few, y=y.astype(np.int8))
        people = len(np.unique(rare.person[rare.y == (word == "with")]))
        Folds(rare, people)
        said = rf"challenge2012: {people + 1} folds, but only {people} people {word} a positive window;.*fewer folds"
        with pytest.raises(CohortError, match=said):
            Folds(rare, people + 1)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"folds": 1}, "1 fold would be tested by models trained on nobody; give 2 or more, or 0: the split"),
        ({"folds": 0, "repeats": 3}, "there is nothing to repeat without folds; leave it out, or give folds"),
        ({"seeds": [2], "repeats": 3}, "seeds already name the repeats to run; give one of the two"),
        (
            {"source": "frozen", "folds": 5},
            "frozen results have those with which they were made; leave folds and repeats",
        ),
        ({"source": "frozen", "pretext": "masked"}, "recipe 'paper_text-masked': no frozen results of challenge2012"),
        ({"folds": 101}, "parameter 'folds' is 101"),
        ({"repeats": 0}, "parameter 'repeats' is 0"),
        ({"pretext": "simclear"}, "did you mean 'simclr'?"),
    ],
)
def test_what_contradicts_itself_is_refused_in_a_sentence(given, said):
    with pytest.raises(ParameterError) as error:
        check("3_fine_tuning", {"dataset": "challenge2012"} | given)
    assert said in str(error.value)


def test_data_scaled_by_an_official_split_is_not_dealt(make_cohort):
    with pytest.raises(CohortError, match=r"scaled by the training people of the official split.*use folds=0"):
        (cohort := make_cohort(people=60)).dealt(Folds(cohort, 2).split(1, 0))


# ---------------------------------------------------------------------------------------------------------- scaling


def test_gaps_and_scale_are_those_of_the_training_people(cohort):
    """By hand: the last value before, else the median of the measured ones; then their mean and deviation."""
    split = Folds(cohort, K).split(1, 0)
    made, train = cohort.dealt(split), split == "train"
    for channel in range(2):
        values = cohort.measured[:, :, channel].astype(np.float64)
        known = values[train][~np.isnan(values[train])]
        filled = pd.DataFrame(values).ffill(axis=1).fillna(np.median(known)).to_numpy()
        wanted = (filled - known.mean()) / known.std()
        np.testing.assert_allclose(made.x[np.arange(len(made))][:, :, channel], wanted, atol=1e-5)
    np.testing.assert_array_equal(made.x[3:7][:, :, 2], cohort.x[3:7, :, 2])  # as it was
    assert made.x.shape == cohort.x.shape


def test_the_official_split_dealt_anew_is_the_official_cohort(cohort):
    again = cohort.dealt(cohort.split)
    np.testing.assert_array_equal(again.x[:], cohort.x)
    np.testing.assert_array_equal(again.number, cohort.number)


def test_a_fold_has_a_fingerprint_of_its_own(cohort):
    dealt = Folds(cohort, K)
    prints = {cohort.dealt(dealt.split(repeat, k)).fingerprint() for repeat in (1, 2) for k in range(K)}
    assert len(prints) == 2 * K
    changed = cohort.measured.copy()
    changed[0, 0, 0] = 9
    split = dealt.split(1, 0)
    assert replace(cohort, measured=changed).dealt(split).fingerprint() not in prints
    assert cohort.dealt(split).fingerprint() in prints


# ------------------------------------------------------------------------------------------------------------ leaks


@pytest.fixture(scope="module")
def pair(make_cohort):
    """What makes a fold, and the same fold after the signals and labels of the people whom it tests were changed."""
    cohort = make_cohort(people=160, windows=2, gaps=0.4)
    split = Folds(cohort, 2).split(1, 0)
    test, measured, x, y = split == "test", cohort.measured.copy(), cohort.x.copy(), cohort.y.copy()
    measured[test] = 2 - measured[test]
    x[test] *= -1
    y[test] = 1 - y[test]
    changed = replace(cohort, measured=measured, x=x, y=y)
    return lambda: [each.dealt(split) for each in (cohort, changed)]


def undone(cohort: Cohort, channel: int) -> tuple[float, float]:
    """Deviation and mean of a channel, from measured training values and what became of them."""
    values = cohort.measured[:, :, channel]
    known = ~np.isnan(values) & (cohort.split == "train")[:, None]
    return np.polyfit(cohort.x[:][:, :, channel][known], values[known], 1)


def gaps(study: Study) -> list[float]:
    """What fills a gap before which nothing was measured, in the units of the data."""
    cohort, filled = study.cohort, []
    for channel in range(2):
        row = np.flatnonzero(np.isnan(cohort.measured[:, 0, channel]) & (cohort.split == "train"))[0]
        filled.append(np.polyval(undone(cohort, channel), cohort.x[row][0, channel]))
    return filled


def scale(study: Study) -> list[float]:
    return [*undone(study.cohort, 0), *undone(study.cohort, 1)]


def encoder(study: Study) -> np.ndarray:
    return study.encoder(1)[0].state_dict()["convolutions.0.weight"].numpy().ravel()


def epochs(study: Study) -> list[float]:
    """The monitored loss of each epoch: the lowest one decides which weights are kept."""
    return pd.read_json(study.train("supervised", 1) / "history.json")["monitored"].tolist()


def control(study: Study) -> np.ndarray:
    """Coefficients of logistic regression, whose penalty is chosen inside, too."""
    fitted = baselines.fit(
        "logistic_regression", study.windows("train"), study.cohort.person[study.cohort.rows("train")], 1
    )
    return fitted.weights["coefficients"].numpy()


def cuts(study: Study) -> list[float]:
    return scored.cuts(Evaluated(study.cohort, study.scores("supervised", 1), 0.5, 20))["threshold"].tolist()


def recalibration(study: Study) -> np.ndarray:
    """Slope and intercept, from the scores of test people and their risks."""
    found = scored.scores(Evaluated(study.cohort, study.scores("supervised", 1), 0.5, 20)).astype(float)
    found = found[found["risk"].between(0.01, 0.99)]
    return np.polyfit(*(np.log(found[name] / (1 - found[name])) for name in ("score", "risk")), 1)


def fill_with_everybody(patch) -> None:
    def standardise(values, train, *rest):
        values[:, 0] = np.where(np.isnan(values[:, 0]), np.nanmedian(values, axis=(0, 1)), values[:, 0])
        return real(values, train, *rest)

    real = scaling.standardise
    patch.setattr(scaling, "standardise", standardise)


def scale_with_everybody(patch) -> None:
    real = scaling.standardise
    patch.setattr(scaling, "standardise", lambda values, train, *rest: real(values, np.ones_like(train), *rest))


def widen(split: str):
    """Whoever asks for the people of this split gets the test people with them."""

    def plant(patch) -> None:
        real = Cohort.rows
        patch.setattr(
            Cohort, "rows", lambda of, name: np.r_[real(of, name), real(of, "test")[: len(of) * (name == split)]]
        )

    return plant


#: What was learned, a leak into it, and whether the model is trained before there is a leak.
LEAKS = {
    "imputation": (gaps, fill_with_everybody, False),
    "scaling": (scale, scale_with_everybody, False),
    "pre-training": (encoder, widen("train"), False),
    "early stopping": (epochs, widen("val"), False),
    "logistic regression": (control, widen("train"), False),
    "thresholds": (cuts, widen("val"), True),
    "recalibration": (recalibration, widen("val"), True),
}


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    return tmp_path_factory.mktemp("leaks")


@pytest.mark.parametrize("kind", LEAKS)
def test_all_that_learns_lies_inside_the_fold(kind, pair, tiny, kept, tmp_path, monkeypatch):
    """Nothing moves when the people who are tested change; the same check sees a planted leak."""

    def learned(folder):
        studies = [
            Study(each, tiny(epochs=3, rate=1.0), folder / str(number), runs=(1,)) for number, each in enumerate(pair())
        ]
        return [np.asarray(learns(study)) for study in studies]

    learns, plant, before = LEAKS[kind]
    one, other = learned(kept)
    np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)
    plant(monkeypatch)
    one, other = learned(kept if before else tmp_path)
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)
