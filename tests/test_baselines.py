"""The controls without a network: the same numbers as a plain pipeline of scikit-learn, tuned on training people."""

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fairlib import baselines
from fairlib.baselines import fit, inner_folds, window_statistics
from fairlib.finetuning import Windows
from fairlib.strategies import BASELINES
from fairlib.study.runs import Study

DRAW = np.random.default_rng(0)
PERSON = np.repeat(np.arange(100), 2) * 7 % 101  # names that are not in order
SIGNAL = np.repeat(DRAW.normal(size=100), 2)
TRAIN = Windows(
    (DRAW.normal(size=(200, 6, 2)) + SIGNAL[:, None, None]).astype(np.float32),
    (SIGNAL + DRAW.normal(size=200) > 0.8).astype(np.int8),
)
NEW = DRAW.normal(size=(50, 6, 2)).astype(np.float32)


@pytest.fixture(autouse=True)
def _short(monkeypatch):
    """Two settings of boosting instead of eight."""
    monkeypatch.setattr(baselines, "PACES", [{"learning_rate": [0.1], "max_iter": [20]}])
    monkeypatch.setattr(baselines, "TREES", {"max_leaf_nodes": [4], "l2_regularization": [1, 30]})


def plain(name, seed=1, **chosen):
    """As a reader of scikit-learn's manual would write it; boosting without class weights."""
    if name == "gradient_boosting":
        model = HistGradientBoostingClassifier(early_stopping=False, max_bins=32, random_state=seed)
        return model.set_params(**chosen)
    model = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=2000))
    return model.set_params(**chosen)


def by_hand(x):
    return np.column_stack([x.mean(1), x.std(1), x.min(1), x.max(1), x[:, -1]])


def test_the_registry_and_the_code_agree():
    assert BASELINES == ("logistic_regression", "gradient_boosting")


@pytest.mark.parametrize("name", BASELINES)
def test_predictions_are_those_of_a_plain_pipeline(name):
    found = fit(name, TRAIN, PERSON, 1)
    np.testing.assert_allclose(window_statistics(TRAIN.x), by_hand(TRAIN.x), rtol=1e-6)
    model = plain(name, **found.chosen).fit(by_hand(TRAIN.x), TRAIN.y)
    wanted = model.predict_proba(by_hand(NEW))[:, 1]
    if name == "gradient_boosting":
        odds = wanted / (1 - wanted) * (TRAIN.y == 0).sum() / TRAIN.y.sum()
        wanted = odds / (1 + odds)
    np.testing.assert_allclose(found.predict(NEW), wanted, rtol=1e-5)
    assert found.predict(NEW).dtype == np.float32
    assert 0.4 < found.predict(TRAIN.x).mean() < 0.6  # balanced: the rarer class is seen as often
    if name == "logistic_regression":
        np.testing.assert_allclose(found.weights["coefficients"], model[-1].coef_[0], rtol=1e-4, atol=1e-6)
    else:
        assert found.weights is None


@pytest.mark.parametrize("name", BASELINES)
def test_the_setting_with_the_best_auc_in_folds_of_people_wins(name):
    found = fit(name, TRAIN, PERSON, 1)
    order = np.unique(PERSON, return_index=True)[1].argsort().argsort()[np.searchsorted(np.unique(PERSON), PERSON)]
    grid = {"l2_regularization": [1, 30]} if name == "gradient_boosting" else baselines.PENALTIES
    ((key, values),) = grid.items()
    auc = [
        cross_val_score(
            plain(name, **found.chosen | {key: value}),
            by_hand(TRAIN.x),
            TRAIN.y,
            groups=order,
            cv=StratifiedGroupKFold(3),
            scoring="roc_auc",
        ).mean()
        for value in values
    ]
    assert found.chosen[key] == values[int(np.argmax(auc))]
    assert len(set(auc)) > 1


@pytest.mark.parametrize("name", BASELINES)
def test_the_same_bytes_again_and_names_of_people_do_not_matter(name):
    one, again = fit(name, TRAIN, PERSON, 1), fit(name, TRAIN, PERSON + 1000, 2)
    assert one.predict(NEW).tobytes() == again.predict(NEW).tobytes()
    assert one.chosen == again.chosen


def test_inner_folds_keep_a_person_together_and_both_classes_in_each():
    folds = inner_folds(TRAIN.y, PERSON)
    assert len(folds) == 3
    for used, held in folds:
        assert not set(PERSON[used]) & set(PERSON[held])
        assert sorted([*used, *held]) == list(range(200))
        assert set(TRAIN.y[used]) == set(TRAIN.y[held]) == {0, 1}
        assert TRAIN.y[held].mean() == pytest.approx(TRAIN.y.mean(), abs=0.05)
    assert inner_folds(np.array([0, 0, 0, 0, 1, 1]), np.arange(6)) == []


@pytest.mark.parametrize("name", BASELINES)
def test_too_few_labels_to_tune_still_give_a_model(name):
    y = np.zeros(200, dtype=np.int8)
    y[:2] = 1
    found = fit(name, Windows(TRAIN.x, y), PERSON, 1)
    assert found.chosen == {}
    assert np.isfinite(found.predict(NEW)).all()


@pytest.mark.parametrize("name", BASELINES)
def test_nothing_is_learned_from_validation_and_test_people(name, make_cohort, tiny, tmp_path):
    """A channel that gives their outcome away changes no score; the same channel in training people would."""
    cohort = make_cohort(people=300)
    scores, auc = {}, {}
    for where in ("none", "val", "test", "train"):
        x, rows = cohort.x.copy(), cohort.split == where
        x[rows, :, 1] = np.where(cohort.y[rows] == 1, 5, -5)[:, None]
        planted = Study(cohort.part(np.arange(len(cohort)), x, ("", "")), tiny(), tmp_path / where)
        fitted = planted.train(name, 1)
        assert (fitted / "weights.safetensors").exists() == (name == "logistic_regression")
        blank = x.copy()
        blank[:, :, 1] = cohort.x[:, :, 1]
        windows, people = planted.windows("train"), planted.cohort.person[cohort.rows("train")]
        predict = fit(name, windows, people, 1).predict
        held = cohort.rows("test")
        np.testing.assert_array_equal(planted.scores(name, 1)[held], predict(x[held]))
        scores[where], auc[where] = predict(blank[held]), roc_auc_score(cohort.y[held], predict(blank[held]))
    assert scores["none"].tobytes() == scores["val"].tobytes() == scores["test"].tobytes()
    assert scores["train"].tobytes() != scores["none"].tobytes()
    assert auc["none"] > 0.7
