"""An audit's numbers: those of stage 5 on the same scores, of fairlearn, and the same however they are computed."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from fairlearn import metrics as fairlearn

from fairlib.audit import numbers, predictions
from fairlib.audit.equal_rates import Scored
from fairlib.measures import benchmarks, casemix, estimands
from fairlib.measures.evidence import Evidence
from fairlib.measures.operating import PRIMARY
from fairlib.measures.verdicts import PAPER
from tests.pages.scored import scores

from .tables import predictions as small
from .tables import write

PAIR = ("supervised", "frozen_1_middle")
DRAWS = 60


@pytest.fixture(scope="module")
def stage5():
    """Scores of one run, with the pair that stage 5 compares."""
    of = scores(300, repeats=1, windows=2)
    return Scored(PAIR[1], (replace(of, fold=np.zeros_like(of.fold)),), DRAWS)


@pytest.fixture(scope="module")
def same(stage5, tmp_path_factory):
    """The same scores as a table, audited."""
    of = stage5.of
    table = pd.DataFrame({"person": [f"p{code:04d}" for code in of.person], "label": of.y})
    for name in PAIR:
        table[f"score_{name}"] = of.score[name][0].astype(float)
    facts = {name: of.card.attributes[name].privileged for name in of.card.protected()}
    table = pd.concat([table, of.attributes[list(facts)].astype(str)], axis=1)
    file = write(tmp_path_factory.mktemp("audit"), table)
    return numbers.audited(predictions.read(file, reference=facts), DRAWS)


@pytest.fixture(scope="module")
def found(same):
    return numbers.estimates(same)


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    """An audit with groups of three sites."""
    return numbers.audited(predictions.read(write(tmp_path_factory.mktemp("audit"), small())), DRAWS)


def test_the_comparison_of_two_models_is_that_of_stage_5(stage5, same):
    ((one, other, point, ours, held),) = numbers.comparisons(same)
    assert (other, one, point) == (*PAIR, PRIMARY)
    keys = ["estimand", "point", "group"]
    both = stage5.found.merge(ours, on=keys, suffixes=("", "_ours"), how="outer", indicator=True)
    assert set(both["_merge"]) == {"both"}
    for name in ("estimate", "low", "high", "level_one", "detectable_percent"):
        np.testing.assert_allclose(both[f"{name}_ours"], both[name], rtol=1e-5, atol=1e-6, err_msg=name)
    wanted = stage5.verdicts[stage5.verdicts["verdict"] != PAPER].reset_index(drop=True)
    pd.testing.assert_frame_equal(held, wanted, rtol=1e-5, atol=1e-6)


def test_levels_are_those_of_the_estimands(stage5, same, found):
    wanted = estimands.numbers(stage5.evidence, list(PAIR), [PRIMARY]).set_index(["model", "estimand", "group"])
    for model in PAIR:
        own = found[found["model"] == model].set_index(["metric", "group", "operating_point"])
        area = wanted.loc[model, "AUC", "everyone"]
        assert tuple(own.loc["auc", "everyone", ""][["value", "low", "high"]]) == pytest.approx(
            (area.estimate, area.low, area.high)
        )
        for name in same.attributes:
            log = wanted.loc[model, estimands.LOG_RATIO, name]
            group = same.by.contrasts[name][1]
            row = own.loc["error_rate_ratio", group, PRIMARY.name]
            assert tuple(np.log(row[["value", "low", "high"]].astype(float))) == pytest.approx(
                (log.estimate, log.low, log.high), rel=1e-4, abs=1e-5
            )
            assert np.log(row["detectable"]) == pytest.approx(log.detectable, rel=1e-4)


def test_benchmarks_are_those_of_the_study(stage5, same, found):
    beside = benchmarks.beside(stage5.evidence, PAIR[1], PRIMARY).set_index(["benchmark", "attribute"])
    own = found[(found["model"] == PAIR[1]) & (found["metric"] == "error_rate_ratio")]
    own = own[own["operating_point"] == PRIMARY.name].set_index("attribute")
    for name in same.attributes:
        coin = beside.loc["coin", name][["estimate", "low", "high"]].astype(float)
        assert tuple(np.log(own.loc[name, ["coin", "coin_low", "coin_high"]].astype(float))) == pytest.approx(
            tuple(coin)
        )
        fair = beside.loc[("calibrated score", name), "estimate"]
        assert np.log(own.loc[name, "calibrated"]) == pytest.approx(fair)


def test_case_mix_is_that_of_the_study(stage5, same):
    rows = numbers.case_mix(same).set_index("attribute")
    for name in same.attributes:
        wanted = casemix.log_ratio_at_equal_case_mix(stage5.evidence, PAIR[1], PRIMARY, name, PAIR[0])
        assert np.log(rows.loc[name, "value"]) == pytest.approx(wanted.estimate, rel=1e-4, abs=1e-5)


def test_rates_and_ratios_are_those_of_fairlearn(three):
    found = numbers.estimates(three)
    y, decision = three.of.y, (three.of.score["new"][0] >= 0.5).astype(int)
    of = {
        "error_rate": lambda t, d: np.mean(t != d),
        "false_negative_rate": fairlearn.false_negative_rate,
        "false_positive_rate": fairlearn.false_positive_rate,
        "selection_rate": fairlearn.selection_rate,
    }
    by_group = fairlearn.MetricFrame(metrics=of, y_true=y, y_pred=decision, sensitive_features=three.by.groups["site"])
    rates, first = by_group.by_group, three.by.card.attributes["site"].privileged
    own = found[(found["model"] == "new") & (found["operating_point"] == "threshold 0.50")]
    own = own[own["attribute"] == "site"].set_index(["metric", "group"])["value"]
    names = {"selection_rate": "disparate_impact"}
    for group in {"A", "B", "C"}:
        for metric in of:
            assert own[metric, group] == pytest.approx(rates.loc[group, metric], rel=1e-5)
            if group != first:
                ratio = rates.loc[group, metric] / rates.loc[first, metric]
                assert own[names.get(metric, f"{metric}_ratio"), group] == pytest.approx(ratio, rel=1e-4)


def test_each_group_is_compared_with_the_reference(three):
    first = three.by.card.attributes["site"].privileged
    people = three.by.frame.drop_duplicates("person")["site"].value_counts()
    assert people[first] == people.max()
    compared = {(group, reference) for name, group, reference in three.pairs if name == "site"}
    assert compared == {(group, first) for group in {"A", "B", "C"} - {first}}
    assert three.hidden["site", "few"].startswith("withheld")


def test_blocks_of_draws_change_nothing(three, monkeypatch):
    monkeypatch.setattr(numbers, "BLOCK", 2000)
    again = numbers.Audited(three.of, DRAWS, three.by)
    plain = Evidence(three.of, DRAWS)
    np.testing.assert_array_equal(again.weights, plain.weights)
    assert again.auc("new").interval() == pytest.approx(plain.auc("new").interval())
    name = three.attributes[0]
    ours, theirs = (e.log_ratio("new", PRIMARY, name) for e in (again, plain))
    np.testing.assert_allclose(ours.draws, theirs.draws, rtol=1e-5, atol=1e-6)
    rows = np.arange(0, len(three.of.y), 3)
    values = np.random.default_rng(0).random((len(rows), 2))
    np.testing.assert_allclose(again.total(rows, values), plain.total(rows, values), rtol=1e-4)


def test_the_family_is_corrected_as_one(three):
    found = numbers.estimates(three)
    tested = found[found["p"].notna()]
    assert set(tested["metric"]) == {"error_rate_ratio"}
    assert set(tested["attribute"]) == {"sex", "site"}
    assert set(tested["operating_point"]) == {PRIMARY.name}
    assert len(tested) == 2 * 3
    assert (tested["p_holm"] >= tested["p"]).all()


def test_case_mix_of_many_rows_takes_a_sample(three, monkeypatch):
    """Also where nobody of a group is in it."""
    assert set(numbers.case_mix(three)["attribute"]) == {"sex", "site"}
    monkeypatch.setattr(numbers, "SAMPLED", 60)
    assert set(numbers.case_mix(three)["attribute"]) < {"sex", "site"}


def test_of_a_model_at_chance_nothing_is_concluded(tmp_path):
    table = small()
    table["score_new"] = np.random.default_rng(0).permutation(table["score_new"])
    e = numbers.audited(predictions.read(write(tmp_path, table)), DRAWS)
    assert e.at_chance == {"new"}
    found = numbers.estimates(e)
    noted = found[(found["metric"] == "error_rate_ratio") & found["value"].notna()].groupby("model")["note"].unique()
    assert (*noted["new"], *noted["old"]) == (numbers.CHANCE, "")
    ((*_, held),) = numbers.comparisons(e)
    assert held.empty


def test_decisions_are_judged_as_decided(tmp_path):
    table = small().rename(columns={"score_old": "decision_old"})
    table = table.assign(
        decision_old=(table["decision_old"] > 0.6).astype(int), decision_new=(table["score_new"] > 0.5) * 1
    )
    e = numbers.audited(predictions.read(write(tmp_path, table)), DRAWS)
    assert [*e.of.score] == ["old", "new", "new (decision)"]
    found = numbers.estimates(e)
    assert "auc" not in set(found.loc[found["model"] == "old", "metric"])
    assert set(found.loc[found["model"] == "old", "operating_point"]) == {"as decided", ""}
    ((one, other, _, table, _),) = numbers.comparisons(e)
    assert (one, other) == ("new (decision)", "old")
    assert "AUC" not in set(table["estimand"])
