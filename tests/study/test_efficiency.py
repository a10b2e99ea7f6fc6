"""Data efficiency: labels shrink by people and groups, in training and validation alike, and pre-training keeps all."""

import numpy as np
import pandas as pd
import pytest

from fairlib import cards
from fairlib.cohort import CohortError
from fairlib.measures.groups import crossed
from fairlib.strategies import PRIMARY
from fairlib.study import parts
from fairlib.study.crossfitted import CrossFitted
from fairlib.study.frozen import Frozen
from fairlib.study.labels import curve, labelled
from fairlib.study.runs import Study


@pytest.fixture(scope="module")
def cohort(make_cohort):
    return make_cohort(people=3000, windows=2)


def test_every_group_gives_the_same_number_of_people(cohort):
    group = pd.Series(crossed(cohort), index=cohort.person).groupby(level=0).first()
    size = {split: len(np.unique(cohort.person[cohort.rows(split)])) for split in ("train", "val")}
    few = labelled(cohort, 30, seed=1)
    for split, wanted in (("train", 30), ("val", int(np.ceil(30 * size["val"] / size["train"])))):
        chosen = np.unique(few.person[few.rows(split)])
        assert set(group[chosen].value_counts()) == {wanted}
        assert len(few.rows(split)) == 2 * len(chosen)  # all windows of a person
    np.testing.assert_array_equal(few.person[few.rows("test")], cohort.person[cohort.rows("test")])
    assert "30 labelled people a group" in few.attrition["step"].iloc[-1]


def test_smaller_sets_are_part_of_larger_ones_and_differ_between_seeds(cohort):
    sets = {n: set(labelled(cohort, n, seed=1).person) for n in (10, 40, 160)}
    assert sets[10] < sets[40] < sets[160]
    assert set(labelled(cohort, 40, seed=2).person) != sets[40]
    assert set(labelled(cohort, 40, seed=1).person) == sets[40]


def test_windows_stay_with_their_labels(cohort):
    few = labelled(cohort, 20, seed=3)
    rows = np.flatnonzero(np.isin(cohort.person, few.person))
    np.testing.assert_array_equal(few.x[np.arange(len(few))], cohort.x[rows])
    np.testing.assert_array_equal(few.y, cohort.y[rows])


def _one_outcome(cohort, people, seed):
    try:
        labelled(cohort, people, seed)
    except CohortError:
        return True
    return False


def test_too_few_labels_are_refused(cohort):
    seed = next(s for s in range(100) if _one_outcome(cohort, 1, s))
    with pytest.raises(CohortError, match=r"1 labelled people a group are too few: .* split holds only class"):
        labelled(cohort, 1, seed)


@pytest.fixture(scope="module")
def study(make_cohort, tiny, tmp_path_factory):
    return Study(make_cohort(people=900), tiny(), tmp_path_factory.mktemp("efficiency"), draws=20)


def test_pre_training_keeps_all_windows(study):
    assert set(study.table("metrics", PRIMARY, 1, 20)["scope"]) == {"overall", "segment", "ratio"}
    kept = [path.relative_to(study.results).as_posix() for path in study.results.rglob("weights.safetensors")]
    assert sorted(kept) == [
        f"labels-20/paper_text/{PRIMARY}/seed-1/weights.safetensors",
        "paper_text/pretraining/seed-1/weights.safetensors",
    ]


def test_a_curve_is_a_headline_for_each_size_and_freezes(study, tmp_path):
    card, models = cards.load("challenge2012"), ("supervised", PRIMARY)
    found = curve(study, models, (1, 2), (40, 20), card)
    assert list(zip(found["people"], found["strategy"], strict=True)) == [(n, m) for n in (20, 40) for m in models]
    assert (found["seeds"] == 2).all()
    folder = tmp_path / "challenge2012"
    parts.write_people(folder, CrossFitted(study, 0, (1, 2)))
    for seed, n in ((1, 20), (2, 20), (2, 40)):
        for model in models:
            parts.write(folder, CrossFitted(study, 0, (seed,)), model, seed, 0, labels=n)
    parts.pack(folder)
    kept = Frozen(folder, "paper_text")
    assert kept.label_sizes == (20, 40)
    again = curve(kept, models, (1, 2), kept.label_sizes, card)
    assert list(again["seeds"]) == [2, 2, 1, 1]  # 40 people were frozen for one seed only
    np.testing.assert_allclose(again["auc"].iloc[:2], found["auc"].iloc[:2], atol=1e-5)
    assert curve(kept, models, (7,), kept.label_sizes, card).empty
