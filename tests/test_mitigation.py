"""Mitigations against closed forms: what weights balance, how GroupDRO moves, what thresholds per group equalise."""

import numpy as np
import pandas as pd
import pytest
import torch

from fairlib import mitigation
from fairlib.cards import load
from fairlib.fairness import RATES, confusion
from fairlib.measures import performance
from fairlib.measures.evaluated import Evaluated
from fairlib.measures.groups import OTHERS, crossed
from fairlib.mitigation import GroupBalanced, GroupDRO, Reweighed, post_process
from fairlib.strategies import MITIGATIONS
from fairlib.study.runs import Study

DRAW = np.random.default_rng(3)
GROUP = DRAW.choice(["a", "b", "c"], 900, p=[0.7, 0.2, 0.1])
Y = (DRAW.random(900) < np.select([GROUP == "a", GROUP == "b"], [0.2, 0.4], 0.1)).astype(np.int8)


def sums(weights):
    """Weight of each group and outcome."""
    return pd.Series(np.asarray(weights, dtype=float)).groupby([GROUP, Y]).sum().unstack()


def test_reweighing_makes_group_and_outcome_independent():
    table = sums(Reweighed(Y, GROUP).weights)
    np.testing.assert_allclose(table[0], table[1], rtol=1e-5)  # every group has as much of either outcome
    share = pd.Series(GROUP).value_counts(normalize=True)[table.index]
    np.testing.assert_allclose(table.sum(axis=1) / len(Y), share, rtol=1e-5)  # and its own share of everything


def test_balanced_sampling_draws_groups_alike_and_balances_outcomes():
    objective = GroupBalanced(Y, GROUP)
    drawn = np.concatenate([objective.order(np.random.default_rng(seed)) for seed in range(40)])
    shares = pd.Series(GROUP[drawn]).value_counts(normalize=True)
    np.testing.assert_allclose(shares, 1 / 3, atol=0.012)
    expected = sums(objective.chance * objective.weights.numpy()).sum()
    np.testing.assert_allclose(expected, 0.5, rtol=1e-5)
    assert (
        GroupBalanced(Y, GROUP).order(np.random.default_rng(1)).tolist()
        == objective.order(np.random.default_rng(1)).tolist()
    )


def test_group_dro_follows_its_equations():
    y, group = np.array([0, 1, 0, 1], dtype=np.int8), np.array(["a", "a", "b", "b"])
    objective, losses = GroupDRO(y, group), torch.tensor([1.0, 2.0, 3.0, 5.0, 1.0], requires_grad=True)
    rows = np.array([0, 1, 2, 2, 0])  # group b with the outcome is not in the batch
    loss = objective.loss(losses, rows)
    means = np.array([1.0, 2.0, 4.0])
    q = np.full(4, 0.25)
    q[:3] *= np.exp(0.01 * means)
    q /= q.sum()
    np.testing.assert_allclose(float(loss.detach()), q[:3] @ means, rtol=1e-6)
    np.testing.assert_allclose(objective.q, q, rtol=1e-6)
    loss.backward()
    np.testing.assert_allclose(losses.grad, [q[0] / 2, q[1], q[2] / 2, q[2] / 2, q[0] / 2], rtol=1e-6)


def test_group_dro_comes_to_watch_the_worst_served_group():
    objective = GroupDRO(Y, GROUP)
    worst = objective.cells == objective.cells[np.flatnonzero((GROUP == "b") & (Y == 1))[0]]
    rows = np.arange(len(Y))
    for _ in range(2000):
        objective.loss(torch.from_numpy(np.where(worst, 1.0, 0.2).astype(np.float32)), rows)
    assert objective.q.argmax() == objective.cells[worst][0]
    assert objective.q.max() > 0.99


@pytest.fixture
def people(make_cohort):
    return make_cohort(people=4000)


def test_groups_cross_protected_attributes_and_small_ones_are_pooled(people):
    found = crossed(people)
    names = load("challenge2012").protected()
    kept = pd.DataFrame({"group": found, "y": people.y, "split": people.split})
    fewest = kept[kept["split"] != "test"].groupby(["group", "split", "y"]).size().groupby(level=0).min()
    assert (fewest >= load("challenge2012").min_cell).all()
    first = people.attributes[names].iloc[0].astype("string").fillna("unknown")
    assert found[0] in (", ".join(first), OTHERS)
    assert OTHERS in found  # people of unknown age and gender


def test_few_people_are_one_group(make_cohort):
    assert set(crossed(make_cohort(people=60))) == {OTHERS}


@pytest.fixture
def decided(people):
    """A score that is worse for the second half of the groups, and the decisions after post-processing."""
    draw, group = np.random.default_rng(5), crossed(people)
    noise = np.where(np.isin(group, np.unique(group)[::2]), 2.0, 0.4)
    score = 1 / (1 + np.exp(-(people.y - 0.5 + noise * draw.normal(size=len(people)))))
    score[people.rows("train")] = np.nan
    return score, post_process(people.y, score, group, people.rows("val")), group


def test_thresholds_per_group_equalise_both_rates_on_validation(people, decided):
    score, decision, group = decided
    assert np.isnan(decision[people.rows("train")]).all()
    val = people.rows("val")
    rates = {"before": [], "after": []}
    for name in np.unique(group):
        rows = val[group[val] == name]
        for when, made in (("before", score[rows] >= 0.5), ("after", decision[rows])):
            counts = confusion(people.y[rows], made.astype(float))
            rates[when].append(
                [float(RATES[m].of(counts)) for m in ("false_positive_rate_ratio", "false_negative_rate_ratio")]
            )
    assert np.ptp(rates["before"], axis=0).max() > 0.2
    assert np.ptp(rates["after"], axis=0).max() < 0.005  # fairlearn looks along a grid of 1,000


def test_randomised_decisions_count_in_expectation(people, decided):
    _, decision, _ = decided
    rows = people.rows("test")
    assert ((decision[rows] > 0.01) & (decision[rows] < 0.99)).any()
    draw = np.random.default_rng(0)
    tossed = [confusion(people.y[rows], draw.random(len(rows)) < decision[rows]) for _ in range(400)]
    expected = confusion(people.y[rows], decision[rows])
    for cell, value in expected.items():
        assert value == pytest.approx(np.mean([counts[cell] for counts in tossed]), abs=1.5)
    table = performance.metrics(Evaluated(people, decision, 0.5, 20, decided=True))
    accuracy = table[(table["scope"] == "overall") & (table["metric"] == "accuracy")]["estimate"].iloc[0]
    assert accuracy == pytest.approx((expected["tp"] + expected["tn"]) / len(rows), abs=1e-6)


def test_a_mitigation_is_a_model_like_any_other(people, tiny, tmp_path):
    study = Study(people, tiny(), tmp_path)
    for name in MITIGATIONS:
        table = study.table("metrics", name, 1)
        assert set(table["scope"]) == {"overall", "segment", "ratio"}
        assert study.trained(name, 1)
        areas = table.query("metric in ['auc', 'auprc'] and note == ''")
        assert len(areas) == 0 if name == "post_processed" else len(areas) > 2
    trained = {name: study.scores(name, 1)[study.cohort.rows("test")] for name in ("supervised", *mitigation.TRAINED)}
    assert len({scores.tobytes() for scores in trained.values()}) == 4
    assert not (tmp_path / "paper_text" / "post_processed" / "seed-1" / "weights.safetensors").exists()
