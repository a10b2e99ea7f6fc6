"""Many models to one estimate: ratios as logs, paired differences, the chance gate, words for a difference."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from book.pages.contracts import check
from book.pages.marks import briefly
from book.pages.tables import evaluation as tables
from book.pages.tables import sentences
from fairlib import cards
from fairlib.inference import seed_interval
from fairlib.measures import performance, summary
from fairlib.measures.summary import at_chance, headline, left_out, one_decision, summarise, verdict
from fairlib.report.provenance import of_twin


def row(strategy, seed, metric, estimate, replicates, attribute="everybody", scope="overall"):
    sizes = {"people": 90, "windows": 100, "events": 20, "note": ""}
    keys = {
        "strategy": strategy,
        "seed": seed,
        "scope": scope,
        "attribute": attribute,
        "segment": "s",
        "metric": metric,
    }
    return keys | {"estimate": estimate, "replicates": np.float32(replicates)} | sizes


def ratio_row(strategy, seed, estimate, replicates, attribute="gender"):
    return row(strategy, seed, "error_rate_ratio", estimate, replicates, attribute, "ratio")


def test_summarise_averages_ratios_as_logs():
    near = np.exp(np.random.default_rng(0).normal(0, 0.1, (2, 200)))
    models = pd.DataFrame(ratio_row("supervised", i, r, r * near[i]) for i, r in ((0, 2.0), (1, 0.5)))
    found = summarise(models).iloc[0]
    assert found["mean"] == pytest.approx(1)  # not 1.25
    assert found["deviation"] == pytest.approx(0, abs=1e-9)
    wanted = seed_interval(np.log([2, 0.5]), np.log(near * [[2], [0.5]]))
    assert (found["low"], found["high"]) == pytest.approx(np.exp(wanted[1:]), rel=1e-4)
    assert found["deviation_low"] == 0 < found["deviation_high"]
    assert (found["seeds"], found["people"], found["events"]) == (2, 90, 20)


def test_the_average_odds_difference_is_its_distance_from_zero():
    noise = np.random.default_rng(0).normal(0, 0.02, (2, 200))
    for value, low in ((-0.2, 0.1), (0.01, 0.0)):
        models = pd.DataFrame(
            row("supervised", i, "average_odds_difference", value, value + noise[i], "gender", "ratio") for i in (0, 1)
        )
        found = summarise(models).iloc[0]
        assert found["mean"] == pytest.approx(value)  # with its sign
        assert found["deviation"] == pytest.approx(abs(value))
        assert low <= found["deviation_low"] <= found["deviation"] < found["deviation_high"] < abs(value) + 0.05
        rows = headline(pd.concat([models, two_models()]), ["gender"], "average_odds_difference")
        assert rows.iloc[0]["deviation"] == pytest.approx(abs(value))


def test_summarise_says_how_many_draws_are_undefined():
    replicates = np.r_[np.full(40, np.nan), np.linspace(0.6, 0.8, 60)]
    found = summarise(pd.DataFrame([row("supervised", 1, "auc", 0.7, replicates)])).iloc[0]
    assert found["undefined_draws"] == pytest.approx(0.4)
    assert found["low"] < 0.7 < found["high"]
    hidden = summarise(pd.DataFrame([row("supervised", 1, "auc", np.nan, np.full(100, np.nan))])).iloc[0]
    assert np.isnan([hidden["mean"], hidden["low"], hidden["high"]]).all()


def test_a_ratio_of_zero_has_no_logarithm_and_is_counted():
    replicates = np.r_[np.zeros(30), np.exp(np.random.default_rng(0).normal(0, 0.1, 70))]
    found = summarise(pd.DataFrame([ratio_row("supervised", 1, 1.0, replicates)])).iloc[0]
    assert found["undefined_draws"] == pytest.approx(0.3)


def test_an_absolute_difference_is_not_tested_against_zero():
    """It is above 0 by noise alone: as a test of parity, it would be a false alarm half of the time."""
    draw, false = np.random.default_rng(0), 0
    for _ in range(100):
        noise = draw.normal(0, 0.03, (2, 1)) + draw.normal(0, 0.03, (2, 200))  # of both differences; parity holds
        point = np.abs(draw.normal(0, 0.03, 2)).mean()
        values = np.abs(noise).mean(axis=0)
        false += abs(point) > 1.96 * values.std()
        rows = [row("supervised", 1, "average_abs_odds_difference", point, values, "gender", "ratio")]
        rows += [row("supervised", 1, "average_odds_difference", 0.2, 0.2 + noise.mean(axis=0), "gender", "ratio")]
    found = summarise(pd.DataFrame(rows)).set_index("metric")
    assert false > 20
    assert np.isnan(found.loc["average_abs_odds_difference", ["p", "q"]].astype(float)).all()
    assert found.loc["average_odds_difference", "q"] == found.loc["average_odds_difference", "p"] < 0.001


def two_models(shift=0.0, auc=0.8):
    """Supervised and an SSL model whose AUC replicates differ by exactly 0.02: paired, nothing is uncertain."""
    draw, records = np.random.default_rng(1), []
    for seed in (1, 2):
        noise, ratio = draw.normal(0, 0.03, 300), np.exp(draw.normal(0, 0.05, 300))
        for strategy, gain, r in (("supervised", 0, 1.5), ("frozen_0", 0.02, 1.2)):
            records.append(row(strategy, seed, "auc", auc + gain, auc + gain + noise))
            records.append(ratio_row(strategy, seed, r, r * ratio, "gender"))
            records.append(ratio_row(strategy, seed, 0.5 + shift, (0.5 + shift) * ratio, "age"))
            records.append(ratio_row(strategy, seed, 9.0, 9 * ratio, "icu_type"))
    return pd.DataFrame(records)


def test_headline_is_paired():
    found = headline(two_models(), ["gender", "age"], "error_rate_ratio").set_index("strategy")
    ssl, supervised = found.loc["frozen_0"], found.loc["supervised"]
    assert supervised["deviation"] == pytest.approx((0.5 + 0.5) / 2)  # care segments left out
    assert ssl["deviation"] == pytest.approx((0.2 + 0.5) / 2)
    assert ssl["deviation_difference"] == pytest.approx(-0.15)
    assert ssl["auc_high"] - ssl["auc_low"] > 0.05
    ends = ssl[["auc_difference_low", "auc_difference", "auc_difference_high"]].astype(float)
    np.testing.assert_allclose(ends, 0.02, atol=1e-6)
    assert np.isnan(supervised.get("auc_difference", np.nan))
    assert verdict(*ends.iloc[[0, 2]]) == "higher"


def test_headline_without_the_same_seeds_has_no_difference():
    models = two_models()
    found = headline(models[(models["strategy"] == "supervised") | (models["seed"] == 1)], ["age"], "error_rate_ratio")
    assert np.isnan(found.set_index("strategy").loc["frozen_0", "auc_difference"])


def test_headline_keeps_the_undefined_undefined():
    models = two_models()
    lost = models["metric"] == "error_rate_ratio"
    models.loc[lost, "replicates"] = pd.Series([np.full(300, np.nan)] * lost.sum(), index=models.index[lost])
    found = headline(models, ["gender", "age"], "error_rate_ratio")
    assert found[["deviation_low", "deviation_high"]].isna().all(axis=None)


@pytest.mark.parametrize(("low", "chance"), [(0.51, False), (0.5, True), (0.45, True), (np.nan, True)])
def test_at_chance(low, chance):
    assert at_chance(pd.Series({"people_low": low})) == chance


@pytest.mark.parametrize(("rates", "runs"), [([0.3, 0.4], 0), ([0.0, 0.4], 1), ([1.0, 0.0], 2)])
def test_a_model_that_decides_the_same_for_everybody_is_left_out_but_not_at_chance(rates, runs):
    decided = [row("frozen_0", seed, "selection_rate", rate, np.full(200, rate)) for seed, rate in enumerate(rates)]
    models = pd.concat([two_models(), pd.DataFrame(decided)])
    found = headline(models, ["gender"], "error_rate_ratio").set_index("strategy")
    assert found["constant_decisions"].to_dict() == {"supervised": 0, "frozen_0": runs}
    assert not left_out(found.loc["supervised"])
    assert not at_chance(found.loc["frozen_0"])
    assert one_decision(found.loc["frozen_0"]) == left_out(found.loc["frozen_0"]) == (runs > 0)


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [
        (0.1, 0.2, "higher"),
        (-0.2, -0.1, "lower"),
        (-0.1, 0.2, "not distinguishable"),
        (0, 0.2, "not distinguishable"),
        (np.nan, 0.2, "not known"),
        (-np.inf, -1, "not known"),
    ],
)
def test_verdict(low, high, word):
    assert verdict(low, high) == word


@pytest.fixture(scope="module")
def made():
    p = check("5_evaluation", {"dataset": "mimic"})
    return replace(of_twin(check("twin", {"dataset": "mimic"}), None), profile="quick", recipe=p.recipe, seeds=(1, 2))


def test_finding_follows_the_numbers(made):
    rows = headline(two_models(), ["gender"], "error_rate_ratio")
    text = sentences.finding(rows, cards.load("mimic"), made)
    assert text.startswith("Synthetic twin")
    assert "the AUC is higher in 1" in text
    assert "the parity deviation is lower in 1" in text
    assert "chance" not in text


def test_finding_without_a_disparity_speaks_of_accuracy_only(made):
    rows = headline(two_models(), ["gender"], "error_rate_ratio")
    rows.loc[:, [name for name in rows if name.startswith("deviation")]] = np.nan  # too few people in every segment
    text = sentences.finding(rows, cards.load("mimic"), made)
    assert "No attribute has people enough in the test split to judge a disparity. Of 1 " in text
    assert "the AUC is higher in 1. (95 %" in text
    assert "deviation" not in text


def test_the_metric_of_the_card_names_the_disparity(made):
    rows = headline(two_models(), ["gender"], "error_rate_ratio")
    for dataset, name in (("mimic", "parity deviation"), ("globem", "|AOD|")):
        card = cards.load(dataset)
        text = sentences.finding(rows, card, made)
        assert f"with a mean {name} of" in text
        assert f"the {name} is lower in 1" in text


def test_models_at_chance_are_left_out_of_conclusions(made):
    rows = headline(two_models(), ["gender"], "error_rate_ratio")
    rows.loc[rows["strategy"] == "frozen_0", "people_low"] = 0.49
    text = sentences.finding(rows, cards.load("mimic"), made)
    assert "chance" in text
    assert "parity deviation is lower" not in text
    rows["people_low"] = [0.49, 0.7]  # the reference itself
    text = sentences.finding(rows, cards.load("mimic"), made)
    assert "chance" in text
    assert "parity deviation is lower" not in text


@pytest.mark.parametrize("strategy", ["supervised", "frozen_0"])
@pytest.mark.parametrize(
    ("low", "constant", "chance", "decision"),
    [(0.7, 0, False, False), (0.7, 1, False, True), (0.45, 0, True, False), (0.45, 2, True, True)],
)
def test_every_sentence_and_mark_names_the_reason_that_applies(made, strategy, low, constant, chance, decision):
    """A model whose AUC is surely above 0.5 is never said to be at chance, and one that decides never not to."""
    rows, card = headline(two_models(), ["gender"], "error_rate_ratio"), cards.load("mimic")
    own = rows["strategy"] == strategy
    rows.loc[own, "people_low"], rows.loc[own, "constant_decisions"] = low, constant
    told = [sentences.finding(rows, card, made)]
    one = rows[own].iloc[0]
    told.append(briefly(one))
    decided = rows.rename(columns=lambda name: name.replace("auc", "balanced_accuracy"))
    told += [sentences.mitigation(decided, card)] if strategy == "supervised" else []
    for text in told:
        assert ("chance" in text) == chance, text
        assert ("decision" in re.sub("makes decisions|decisions perhaps", "", text)) == decision, text
    marked = tables.headline(rows, "error_rate_ratio").loc[own.to_numpy(), "strategy"].iloc[0]
    assert ("‡" in marked, "§" in marked) == (chance, decision)


def test_models_that_are_left_out_are_counted_by_reason(made):
    rows = headline(two_models(), ["gender"], "error_rate_ratio")
    ssl = rows[rows["strategy"] == "frozen_0"]
    names = ["frozen_0", "frozen_1_middle", "frozen_1_first", "frozen_3"]
    doubts = zip(names, (0.4, 0.4, 0.7, 0.7), (0, 1, 1, 0), strict=True)
    parts = [ssl.assign(strategy=name, people_low=low, constant_decisions=runs) for name, low, runs in doubts]
    everyone = pd.concat([rows[rows["strategy"] == "supervised"], *parts])
    chance, decision = "no better than chance", "one decision for everybody in a run or more"
    counted = f"3 of 4 self-supervised models ({chance}: 1; {chance} and {decision}: 1; {decision}: 1)"
    text = sentences.finding(everyone, cards.load("mimic"), made)
    assert f"Left out of what follows: {counted}. Of 1 self-supervised models" in text


def test_few_runs_do_not_make_a_model_look_like_chance():
    """METHOD §5: the bound is over participants; the t quantile of two runs says nothing about chance."""
    models = two_models()
    first = (models["strategy"] == "frozen_0") & (models["metric"] == "auc") & (models["seed"] == models["seed"].min())
    models.loc[first, "estimate"] -= 0.15
    models.loc[first, "replicates"] = models.loc[first, "replicates"].map(lambda values: values - 0.15)
    row = headline(models, ["gender"], "error_rate_ratio").set_index("strategy").loc["frozen_0"]
    assert row["auc_low"] < 0.5 < row["people_low"]
    assert not at_chance(row)


def test_a_ratio_counts_though_its_sizes_are_withheld():
    """Only what is withheld itself, or rests on too few people, is left out of a mean over attributes."""
    rows = pd.DataFrame(
        [
            {"attribute": name, "seed": seed, "estimate": r, "note": note, "replicates": np.full(30, r)}
            for name, r, note in (
                ("gender", 1.2, ""),
                ("age", 2.0, performance.SIZES_HIDDEN),
                ("language", 1.4, performance.ZERO_RATE),
                ("ethnicity", 9.0, "too few to judge: under 11 people with or without the outcome"),
                ("insurance", 9.0, "withheld: fewer than 11 people or events"),
            )
            for seed in (1, 2)
        ]
    )
    estimates, replicates = summary.mean_over_attributes(rows, lambda value: np.abs(1 - value))
    assert estimates.tolist() == pytest.approx([(0.2 + 1.0 + 0.4) / 3] * 2)
    np.testing.assert_allclose(replicates, (0.2 + 1.0 + 0.4) / 3)


def test_of_mitigations_that_see_one_group_nothing_is_said():
    card, mimic = cards.load("challenge2012"), cards.load("mimic")
    assert sentences.looked_after({"Male, <65", "others", "Female, <65"}, card) == (
        "Groups here: Female, <65; Male, <65; all others together."
    )
    assert sentences.looked_after({"Male, <65", "Female, <65"}, card).endswith("Female, <65; Male, <65.")
    assert "everybody is one group" in sentences.looked_after({"others"}, card)
    rows = headline(two_models(), ["gender"], "error_rate_ratio").rename(
        columns=lambda name: name.replace("auc", "balanced_accuracy")
    )
    mitigated = rows.replace({"strategy": {"frozen_0": "reweighed"}})
    for groups in (None, {"others", "Male"}):
        assert "1 explicitly mitigated models, 1 has a lower" in sentences.mitigation(mitigated, mimic, groups)
    assert sentences.mitigation(mitigated, mimic, {"others"}) == "No model could be compared"
    assert "self-supervised" in sentences.mitigation(rows, mimic, {"others"})
