"""Numbers from out-of-fold scores against scikit-learn, copied people and loops."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, confusion_matrix, roc_auc_score

from fairlib.fairness import ERROR, FALSE_NEGATIVE, FALSE_POSITIVE, SELECTION
from fairlib.measures.evidence import EVERYONE, Evidence, Permuted
from fairlib.measures.operating import CHOSEN, PRIMARY, PUBLISHED, SENSITIVE, thresholds

from .scores import CARD, out_of_fold

MODEL = "supervised"
DRAW = 7  # of the bootstrap, looked at one by one


@pytest.fixture(scope="module")
def scores():
    """People with two windows each, some of unknown sex, and ties."""
    one = out_of_fold(500)
    attributes = one.attributes.assign(gender=one.attributes["gender"].where(np.arange(500) % 9 > 0))
    twice = np.repeat(np.arange(500), 2)
    score = {name: np.round(values[:, twice] + np.tile([0, 0.3], 500), 1) for name, values in one.score.items()}
    cut = [
        thresholds(one.y, one.score[MODEL][repeat]).assign(repeat=repeat, fold=fold)
        for repeat in range(2)
        for fold in range(5)
    ]
    return out_of_fold(
        y=one.y[twice], person=twice, attributes=attributes.iloc[twice].reset_index(drop=True),
        fold=one.fold[:, twice], score=score, cut={MODEL: pd.concat(cut)},
    )  # fmt: skip


@pytest.fixture(scope="module")
def evidence(scores):
    return Evidence(scores, 60)


def folds(evidence, group, draw=None):
    """Rows of the group in each fold of each repeat; those that a draw takes, as often as it takes them."""
    weights = evidence.weights[0 if draw is None else draw + 1].astype(int)
    for repeat, fold, rows in evidence.of.runs():
        rows = rows[evidence.members[group][rows]]
        yield repeat, fold, np.repeat(rows, weights[rows])


@pytest.mark.parametrize("draw", [None, DRAW])
@pytest.mark.parametrize("group", [EVERYONE, ("age", "unprivileged"), ("gender", "privileged")])
def test_auc_within_folds_is_weighted_by_pairs(evidence, group, draw):
    repeats = []
    for number in range(2):
        own = [rows for repeat, _, rows in folds(evidence, group, draw) if repeat == number]
        y, s = evidence.of.y, evidence.of.score[MODEL][number]
        pairs = [(y[rows] == 1).sum() * (y[rows] == 0).sum() for rows in own]
        repeats.append(np.average([roc_auc_score(y[rows], s[rows]) for rows in own], weights=pairs))
    found = evidence.auc(MODEL, group)
    assert (found.estimate if draw is None else found.draws[draw]) == pytest.approx(np.mean(repeats), abs=1e-6)


@pytest.mark.parametrize("draw", [None, DRAW])
def test_average_precision_is_weighted_by_events(evidence, draw):
    repeats = []
    for number in range(2):
        own = [rows for repeat, _, rows in folds(evidence, EVERYONE, draw) if repeat == number]
        y, s = evidence.of.y, evidence.of.score[MODEL][number]
        values = [average_precision_score(y[rows], s[rows]) for rows in own]
        repeats.append(np.average(values, weights=[y[rows].sum() for rows in own]))
    found = evidence.auprc(MODEL)
    assert (found.estimate if draw is None else found.draws[draw]) == pytest.approx(np.mean(repeats), abs=1e-6)


def counted(evidence, group, point):
    """tn, fp, fn, tp of each repeat with scikit-learn, decisions by sorting: (repeats, 4)."""
    out = np.zeros((2, 4))
    ties = Evidence.decided.__globals__["generator"](0, "ties").permutation(len(evidence.of.y))
    for repeat, fold, rows in evidence.of.runs():
        y, s = evidence.of.y, evidence.of.score[MODEL][repeat]
        if point == PUBLISHED:
            yes = rows[s[rows] >= 0.5]
        elif point.validation:
            cuts = evidence.of.cut[MODEL].query(f"repeat == {repeat} and fold == {fold}").set_index("point")
            yes = rows[s[rows] >= cuts.loc[point.name.removesuffix(", validation"), "threshold"]]
        else:
            ranked = sorted(rows, key=lambda row: (-s[row], ties[row]))
            if point.kind == "alert rate":
                yes = ranked[: int(0.2 * len(rows))]
            else:
                events = [place for place, row in enumerate(ranked) if y[row]]
                yes = ranked[: events[round(0.8 * len(events)) - 1] + 1]
        inside = rows[evidence.members[group][rows]]
        out[repeat] += confusion_matrix(y[inside], np.isin(inside, yes), labels=[0, 1]).ravel()
    return out


def tidy(scores):
    """The same, cut so that every fold holds tens of people of either outcome: no decision counts in part."""
    keep = np.zeros(len(scores.y), dtype=bool)
    for label in (0, 1):
        for fold in range(5):
            rows = np.flatnonzero((scores.fold[0] == fold) & (scores.y == label))
            keep[rows[: len(rows) // 10 * 10]] = True
    one = scores.only(keep)
    return one.__class__(**{**vars(one), "fold": np.stack([one.fold[0]] * 2)})


@pytest.mark.parametrize("point", [PRIMARY, SENSITIVE, *CHOSEN, PUBLISHED], ids=lambda point: point.name)
def test_rates_are_those_of_the_pooled_counts(scores, point):
    evidence = Evidence(tidy(scores), 2)
    for group in (EVERYONE, ("age", "privileged"), ("gender × age", "Female × >=65")):
        tn, fp, fn, tp = counted(evidence, group, point).T
        for rate, expected in (
            (ERROR, (fp + fn) / (tn + fp + fn + tp)),
            (FALSE_NEGATIVE, fn / (fn + tp)),
            (FALSE_POSITIVE, fp / (fp + tn)),
            (SELECTION, (tp + fp) / (tn + fp + fn + tp)),
        ):
            assert evidence.rate(MODEL, point, rate, group).estimate == pytest.approx(expected.mean(), abs=1e-5)
    u, p = (counted(evidence, ("age", side), point) for side in ("unprivileged", "privileged"))
    ratio = (u[:, 1] + u[:, 2]) / u.sum(axis=1) / ((p[:, 1] + p[:, 2]) / p.sum(axis=1))
    assert evidence.log_ratio(MODEL, point, "age").estimate == pytest.approx(np.log(ratio).mean(), abs=1e-4)
    gap = u[:, 2] / (u[:, 2] + u[:, 3]) - p[:, 2] / (p[:, 2] + p[:, 3])
    assert evidence.gap(MODEL, point, "age", FALSE_NEGATIVE).estimate == pytest.approx(gap.mean(), abs=1e-5)


def test_decisions_are_made_anew_in_every_draw(evidence):
    """A draw is a data set of its own: the same people, as often as they were drawn."""
    weights = evidence.weights[DRAW + 1].astype(int)
    rows = np.repeat(np.arange(len(weights)), weights)
    score = {name: values[:, rows] for name, values in evidence.of.score.items()}
    one = evidence.of
    parts = {"y": one.y[rows], "person": one.person[rows], "fold": one.fold[:, rows], "score": score}
    copied = Evidence(out_of_fold(**parts, attributes=one.attributes.iloc[rows].reset_index(drop=True)), 1)
    for point in (SENSITIVE, PRIMARY):
        # Ties are decided by another random order among copies, so compare what hardly depends on it.
        assert copied.rate(MODEL, point).estimate == pytest.approx(evidence.rate(MODEL, point).draws[DRAW], abs=0.01)
    for point in (PRIMARY,):
        assert copied.rate(MODEL, point, SELECTION).estimate == pytest.approx(0.2, abs=1e-6)


def test_groups(evidence):
    assert evidence.attributes == ["gender", "age"]
    known = evidence.of.attributes["gender"].notna().to_numpy()
    assert not evidence.members["gender", "unprivileged"][~known].any()
    assert {name for _, name in evidence.named} == {
        f"{sex} × {age}" for sex in ("Male", "Female") for age in ("<65", ">=65")
    }


def test_attributes_with_few_people_are_not_judged():
    """Ten older people cannot have eleven with and eleven without an event."""
    one = out_of_fold()
    age = pd.Categorical(np.where(np.arange(200) < 10, ">=65", "<65"), CARD.attributes["age"].segments)
    few = Evidence(out_of_fold(attributes=one.attributes.assign(age=age)), 2)
    assert few.attributes == ["gender"]
    assert {name for _, name in few.named} <= {"Male × <65", "Female × <65"}


def test_permuted_labels_leave_the_data_as_they_are_and_give_what_noise_gives():
    """Closed form at parity: the log ratio of two shares has variance Σ (1 − p) / (n p), for one repeat."""
    one = out_of_fold(3000, repeats=1)
    evidence, permuted = Evidence(one, 300), Permuted(one, 300)
    for make in (lambda e: e.log_ratio(MODEL, PRIMARY, "age"), lambda e: e.auc_gap(MODEL, "age")):
        own, null = make(evidence), make(permuted)
        assert null.estimate == pytest.approx(own.estimate, abs=1e-5)
        assert abs(null.draws.mean()) < 4 * null.draws.std() / np.sqrt(300)
        assert null.draws.std() == pytest.approx(own.draws.std(), rel=0.2)
    error = evidence.rate(MODEL, PRIMARY).estimate
    sizes = [evidence.members["age", side].sum() for side in ("unprivileged", "privileged")]
    expected = np.sqrt(sum((1 - error) / (size * error) for size in sizes))
    assert permuted.log_ratio(MODEL, PRIMARY, "age").draws.std() == pytest.approx(expected, rel=0.15)
    inside = permuted.labels["age", "privileged"]
    assert (inside.sum(axis=1) == inside[0].sum()).all()
    assert not (permuted.labels["age", "privileged"] & permuted.labels["age", "unprivileged"]).any()


def test_permuted_people_keep_their_windows_together(evidence):
    for chosen in Permuted(evidence.of, 5).labels.values():
        np.testing.assert_array_equal(chosen[:, ::2], chosen[:, 1::2])
