"""A cross-fitted study: each fold is found or made by itself; what is said of a model is said of its folds together."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from book.pages.provenance import of_study
from fairlib import baselines
from fairlib.measures import scored
from fairlib.similarity import cka_table, gram, one_window_each
from fairlib.study import runs
from fairlib.study.collect import collect
from fairlib.study.crossfitted import CrossFitted
from fairlib.study.parameters import check
from fairlib.study.runs import Study
from fairlib.study.sources import crossfits, open_study

K, DRAWS = 2, 20
MODELS = ("supervised", "frozen_0", "logistic_regression")


@pytest.fixture(scope="module")
def cohort(make_cohort):
    return make_cohort(people=240, gaps=0.2)


@pytest.fixture
def made(cohort, tiny, tmp_path):
    """Nothing is trained yet."""
    return CrossFitted(Study(cohort, tiny(), tmp_path, draws=DRAWS), K, (1, 2))


@pytest.fixture(scope="module")
def done(cohort, tiny, tmp_path_factory):
    """Two repeats of three models, trained once for all tests that only read."""
    study = CrossFitted(Study(cohort, tiny(), tmp_path_factory.mktemp("done"), draws=DRAWS), K, (1, 2))
    for name in MODELS:
        for repeat in study.runs:
            study.table("scores", name, repeat)
    return study


@pytest.fixture
def trainings(monkeypatch):
    """Every training, as it happens: what, and its seed."""
    seen = []

    def watched(module, name, what):
        real = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *given: seen.append(what(*given)) or real(*given))

    watched(runs, "pretrain", lambda x, recipe, seed, *_: ("pretraining", seed))
    watched(runs, "fit", lambda train, val, strategy, recipe, seed, *_: (strategy.name, seed))
    watched(baselines, "fit", lambda name, train, person, seed: (name, seed))
    return seen


def again(study):
    """As another process opens it."""
    return CrossFitted(replace(study.study, _kept={}), study.folds, study.runs)


def test_each_fold_is_trained_once_with_a_seed_of_its_own(made, trainings):
    made.table("scores", "supervised", 1)
    made.table("metrics", "supervised", 2)
    assert trainings == [("supervised", seed) for seed in (1, 2, 3, 4)]
    made.table("metrics", "supervised", 1)
    made.table("scores", "frozen_0", 2)
    assert trainings[4:] == [("pretraining", 3), ("frozen_0", 3), ("pretraining", 4), ("frozen_0", 4)]
    place = made.study.results / "paper_text" / "supervised"
    assert sorted(path.relative_to(place).as_posix() for path in place.rglob("weights.safetensors")) == [
        f"repeat-{repeat}/fold-{fold}/weights.safetensors" for repeat in (1, 2) for fold in (1, 2)
    ]


def test_what_is_there_is_found_by_the_next_process(done, trainings):
    for name in MODELS:
        for repeat in done.runs:
            assert again(done).trained(name, repeat)
            pd.testing.assert_frame_equal(again(done).table("scores", name, repeat), done.table("scores", name, repeat))
    assert trainings == []


def test_a_killed_repeat_goes_on_where_it_was(made, trainings):
    made.table("scores", "supervised", 1)
    folder = made.fold(1, 1).folder("supervised", 2)
    wanted = (folder / "predictions.parquet").read_bytes()
    for path in folder.rglob("manifest.json"):  # written last: without it a model, or a table, is not there
        path.unlink()
    trainings.clear()
    assert not again(made).trained("supervised", 1)
    again(made).table("scores", "supervised", 1)
    assert trainings == [("supervised", 2)]
    assert (folder / "predictions.parquet").read_bytes() == wanted


def test_two_processes_share_the_repeats_of_a_study(made, trainings):
    """A worker a repeat, as Snakemake runs them; whoever reads then finds both."""
    for repeat in (2, 1):
        CrossFitted(replace(made.study, _kept={}), K, (repeat,)).table("metrics", "supervised", repeat)
    trainings.clear()
    found = collect(made, "metrics", ("supervised",), (1, 2))
    assert trainings == []
    assert set(found["seed"]) == {1, 2}


def test_the_same_seeds_give_the_same_scores(done, made):
    """Byte by byte, in another folder."""
    for name in MODELS:
        one, other = (study.table("scores", name, 1) for study in (done, made))
        pd.testing.assert_frame_equal(one, other, check_exact=True)


def test_everybody_is_scored_once_a_repeat(done, cohort):
    for repeat in done.runs:
        table = done.table("scores", "supervised", repeat)
        assert sorted(table["row"]) == sorted(cohort.number)
        fold = done._dealing.deal(repeat)
        assert dict(zip(table["row"], table["fold"], strict=True)) == dict(zip(cohort.number, fold, strict=True))
    assert not np.array_equal(*(done.table("scores", "supervised", repeat)["score"] for repeat in done.runs))


def test_a_table_about_a_model_is_of_all_its_folds(done, cohort):
    """AUC by hand from the predictions of each fold."""
    aucs, pairs = [], []
    for k in range(K):
        fold, seed = done.fold(1, k), done.seed(1, k)
        test = fold.cohort.rows("test")
        y, score = cohort.y[test], fold.scores("supervised", seed)[test]
        aucs.append(roc_auc_score(y, score))
        pairs.append(int(y.sum()) * int((1 - y).sum()))
    table = done.table("metrics", "supervised", 1).set_index(["scope", "metric"])
    row = table.loc[("overall", "auc")]
    assert row["estimate"] == pytest.approx(np.average(aucs, weights=pairs), abs=1e-6)
    assert row["people"] == len(np.unique(cohort.person))


def test_tables_are_kept_and_follow_their_settings(done, monkeypatch):
    one, seen = done.table("metrics", "supervised", 1), []
    real = scored.pooled
    monkeypatch.setattr(scored, "pooled", lambda *given: seen.append(given[4:6]) or real(*given))
    pd.testing.assert_frame_equal(again(done).table("metrics", "supervised", 1), one)
    assert seen == []
    CrossFitted(replace(done.study, threshold=0.4, _kept={}), K, (1,)).table("metrics", "supervised", 1)
    assert seen == [(0.4, DRAWS)]


def test_what_each_model_leaves_behind_names_its_fold(done):
    cuts = done.table("cuts", "supervised", 1)
    assert cuts.groupby("fold").size().tolist() == [4] * K


def test_models_with_few_labels_are_cross_fitted_too(made, trainings, cohort):
    table = made.table("metrics", "supervised", 1, labels=20)
    assert table.loc[table["scope"] == "overall", "people"].iloc[0] == len(np.unique(cohort.person))
    assert trainings == [("supervised", 1), ("supervised", 2)]
    assert not made.trained("supervised", 1)
    assert made.trained("supervised", 1, labels=20)


def test_representations_are_those_of_the_first_fold(done):
    pd.testing.assert_frame_equal(done.table("losses", seed=1), done.fold(1, 0).table("losses", seed=1))
    pd.testing.assert_frame_equal(done.table("cka", "frozen_0", 2), done.fold(2, 0).table("cka", "frozen_0", 3))


def test_two_repeats_are_compared_on_people_whom_neither_has_seen(done):
    assert done.table("cka_between", "supervised", 1).empty
    table = done.table("cka_between", "supervised", 2)
    assert set(table["other_seed"]) == {1}
    one, other = done.fold(1, 0), done.fold(2, 0)
    rows = np.intersect1d(one.cohort.rows("test"), other.cohort.rows("test"))
    assert 30 < len(rows) < 90  # a quarter of 240
    rows = rows[one_window_each(one.cohort.person[rows], seed=0)]
    layer = [gram(fold.activations("supervised", seed, rows)[0]) for fold, seed in ((one, 1), (other, 3))]
    everybody = table[table["attribute"] == "everybody"].iloc[0]
    if np.isfinite(everybody["cka"]):
        assert everybody["cka"] == pytest.approx(cka_table([layer[0]], [layer[1]])[0, 0])


def test_without_folds_a_repeat_is_a_seed_of_the_split(cohort, tiny, tmp_path):
    study = Study(cohort, tiny(), tmp_path, draws=DRAWS, runs=(1, 2))
    made = CrossFitted(study, 0, study.runs)
    assert (list(made.each), made.seed(2, 0), made.fold(2, 0)) == ([0], 2, study)
    rates = made.table("metrics", "supervised", 1).set_index(["attribute", "segment", "metric"])["estimate"]
    wanted = study.table("metrics", "supervised", 1).set_index(["attribute", "segment", "metric"])["estimate"]
    np.testing.assert_allclose(rates, wanted, atol=1e-6)
    assert made.manifest["folds"] == 0


def test_pretraining_of_a_fold_sees_the_people_of_no_other(made, monkeypatch):
    """The planted leaks are in tests/test_folds.py; this holds that a cross-fitted study makes its folds so."""
    seen = {}
    real = runs.pretrain
    monkeypatch.setattr(
        runs, "pretrain", lambda x, recipe, seed, *rest: seen.setdefault(seed, len(x)) and real(x, recipe, seed, *rest)
    )
    for k in range(K):
        made.of_fold("losses", "", 1, k)
        fold = made.fold(1, k).cohort
        assert seen[made.seed(1, k)] == len(fold.rows("train"))
        tested = set(fold.person[fold.rows("test")])
        assert not tested & set(fold.person[fold.rows("train")])
        assert fold.x._how[0].tolist() == (fold.split == "train").tolist()


# ------------------------------------------------------------------------------------------------ who is cross-fitted


@pytest.mark.parametrize(
    ("given", "people", "dataset", "measured", "expected"),
    [
        ({}, 300, "challenge2012", True, True),  # open
        ({}, 300, "challenge2012", False, False),  # its files are scaled already
        ({}, 300, "mimic", True, True),  # few people are tested
        ({}, 3000, "mimic", True, False),  # many
        ({"folds": 0}, 300, "challenge2012", True, False),
        ({"folds": 3}, 3000, "mimic", True, True),
    ],
)
def test_open_data_and_few_people_are_cross_fitted(given, people, dataset, measured, expected, make_cohort):
    cohort = make_cohort(dataset, people=people, gaps=0.1 * measured)
    p = check("3_fine_tuning", {"dataset": "challenge2012"} | given)
    assert crossfits(p, cohort) is expected
    assert crossfits(p, replace(cohort, origin="twin")) is (expected and bool(given))


def test_a_study_is_opened_with_the_folds_and_repeats_asked_for(monkeypatch, tmp_path, make_cohort):
    monkeypatch.setattr("fairlib.readers.read", lambda *_: make_cohort(people=200, gaps=0.1))
    given = {
        "dataset": "challenge2012",
        "source": str(tmp_path),
        "profile": "smoke",
        "results_dir": str(tmp_path / "r"),
    }

    def opened(**more):
        study = open_study(check("3_fine_tuning", given | more))
        return type(study).__name__, getattr(study, "folds", 0), study.runs

    assert opened() == ("CrossFitted", 2, (1,))
    assert opened(profile="quick") == ("CrossFitted", 5, (1,))
    assert opened(profile="paper") == ("CrossFitted", 5, (1, 2, 3, 4))
    assert opened(folds=3, repeats=2) == ("CrossFitted", 3, (1, 2))
    assert opened(seeds=[3]) == ("CrossFitted", 2, (3,))  # the third repeat
    assert opened(folds=0, seeds=[3]) == ("Study", 0, (3,))
    assert opened(pretext="vicreg") == ("CrossFitted", 2, (1,))


def test_pages_say_that_everyone_was_tested_and_by_which_pretext(done):
    p = check("3_fine_tuning", {"dataset": "challenge2012", "pretext": "masked", "folds": 2, "repeats": 2})
    line = of_study(p, done).line()
    assert "recipe paper text, pretext masked · repeats 1, 2 · tested in 2 folds on 240 people, 240 windows" in line
