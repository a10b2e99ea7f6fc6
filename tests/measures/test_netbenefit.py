"""Net benefit: against the formula person by person, its lines, closed forms, and paired differences."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit

from fairlib import cards
from fairlib.measures import netbenefit
from fairlib.measures.evidence import EVERYONE, Evidence
from fairlib.measures.netbenefit import ALL, NONE
from tests.measures.scores import CARD, MODELS, out_of_fold

GRID = netbenefit.grid(0.05, 0.4)


def by_hand(y, risk, p):
    """Vickers and Elkin 2006, person by person."""
    worth = sum(1 if label else -p / (1 - p) for label, own in zip(y, risk, strict=True) if own >= p)
    return worth / len(y)


@pytest.fixture(scope="module")
def evidence():
    """Two models: the supervised one knows the true risk but for noise, the other one knows it; two repeats."""
    draw = np.random.default_rng(0)
    odds = -1.5 + draw.normal(size=900)
    plain = out_of_fold(900, folds=3, repeats=2, y=(draw.random(900) < expit(odds)).astype(np.int8))
    risks = [expit(odds + spread * draw.normal(size=(2, 900))) for spread in (1.0, 0.0)]
    return Evidence(replace(plain, risk=dict(zip(MODELS, risks, strict=True))), 60)


def test_it_is_that_of_the_formula_in_each_fold_and_draw(evidence):
    """Each fold of each repeat by itself, as one repeat of one fold; draws as people who come again."""
    of = evidence.of
    for repeat, _, rows in of.runs():
        kept = [{name: values[repeat, rows][None] for name, values in each.items()} for each in (of.score, of.risk)]
        people = {"y": of.y[rows], "person": of.person[rows], "attributes": of.attributes.iloc[rows]}
        one = replace(of, **people, fold=np.zeros((1, len(rows)), dtype=np.int16), score=kept[0], risk=kept[1])
        own = Evidence(one, 3)
        found = netbenefit.net_benefit(own, "supervised", EVERYONE, GRID[::7])
        for draw, weight in enumerate(own.weights):
            again = np.repeat(np.arange(len(rows)), weight.astype(int))
            values = [value.estimate if draw == 0 else value.draws[draw - 1] for value in found]
            expected = [by_hand(one.y[again], one.risk["supervised"][0][again], p) for p in GRID[::7]]
            np.testing.assert_allclose(values, expected, atol=1e-6)


def test_it_is_that_of_all_people_of_a_group_averaged_over_repeats(evidence):
    of, group = evidence.of, ("gender", "unprivileged")
    woman = evidence.members[group]
    found = netbenefit.net_benefit(evidence, "supervised", group, np.array([0.1, 0.3]))
    for value, p in zip(found, (0.1, 0.3), strict=True):
        repeats = [by_hand(of.y[woman], risk[woman], p) for risk in of.risk["supervised"]]
        assert value.estimate == pytest.approx(np.mean(repeats), abs=1e-6)
        assert value.runs.mean() == pytest.approx(value.estimate, abs=0.005)
        assert value.draws.mean() == pytest.approx(value.estimate, abs=3 * value.se)


def test_a_risk_at_the_threshold_is_flagged():
    """Everyone has a risk of 0.2 or 0.5 (in float32 0.2 is a little more), the events 0.5."""
    plain = out_of_fold(600)
    risk = np.where(plain.y == 1, 0.5, 0.2).astype(np.float32)
    own = Evidence(replace(plain, risk={"supervised": np.stack([risk, risk])}), 20)
    low, high = netbenefit.net_benefit(own, "supervised", EVERYONE, np.array([0.2, 0.5]))
    rate = plain.y.mean()
    assert low.estimate == pytest.approx(rate - (1 - rate) / 4)
    assert high.estimate == pytest.approx(rate)


def test_the_table_has_the_lines_and_paired_differences(evidence):
    found = netbenefit.curves(evidence, [MODELS[1]])
    assert list(found.columns[:6]) == [*netbenefit.KEYS, "estimate"]
    assert len(found) == len(evidence.members) * 5 * len(GRID)  # two models, two lines, one difference
    assert found["threshold"].unique().tolist() == netbenefit.grid(*CARD.thresholds).tolist()
    rows = found[found["minus"] == ""].set_index(["attribute", "segment", "model"])
    assert (rows.xs(NONE, level="model")[["estimate", "low", "high"]] == 0).all(axis=None)
    for group, chosen in evidence.members.items():
        rate = evidence.of.y[chosen].mean()
        line = rows.loc[(*group, ALL)]
        np.testing.assert_allclose(line["estimate"], rate - (1 - rate) * GRID / (1 - GRID), atol=1e-6)
        assert ((line["low"] < line["estimate"]) & (line["estimate"] < line["high"])).all()
    best = rows.loc[(*EVERYONE, MODELS[1]), "estimate"].to_numpy()
    assert (best >= np.maximum(rows.loc[(*EVERYONE, ALL), "estimate"].to_numpy(), 0) - 0.005).all()
    gain = found[(found["minus"] == "supervised") & (found["segment"] == EVERYONE[1])]
    np.testing.assert_allclose(gain["estimate"], best - rows.loc[(*EVERYONE, "supervised"), "estimate"], atol=1e-9)
    assert gain["low"].iloc[15] > 0
    assert gain["se"].iloc[15] < rows.loc[(*EVERYONE, MODELS[1]), "se"].iloc[15]


def test_restricted_data_have_no_curves(evidence):
    card = CARD.model_copy(update={"access": "restricted"})
    assert netbenefit.curves(Evidence(replace(evidence.of, card=card), 60), [MODELS[1]]).empty


def test_the_range_is_that_of_the_card():
    grid = netbenefit.grid(*cards.load("challenge2012").thresholds)
    assert (grid[0], grid[-1], len(grid)) == (0.05, 0.4, 36)
