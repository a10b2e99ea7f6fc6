"""From evidence to comparisons: extremes chosen on validation, gaps beside chance, spread, and |log r| paired."""

import numpy as np
import pandas as pd
import pytest

from fairlib.inference import interval, seed_interval, seed_test
from fairlib.measures.segments import ALL_SSL, between, between_groups, extremes, gaps, log_disparities
from fairlib.measures.summary import headline, summarise

DRAWS = 200
AUCS = {"a": 0.80, "b": 0.70, "c": 0.75}


def row(strategy, seed, scope, metric, segment, estimate, replicates, attribute="race"):
    keys = {"strategy": strategy, "seed": seed, "scope": scope, "attribute": attribute, "segment": segment}
    sizes = {"people": 90, "windows": 100, "events": 20, "note": ""}
    return keys | {"metric": metric, "estimate": estimate, "replicates": np.float32(replicates)} | sizes


def segments(aucs=AUCS, strategy="supervised", seeds=(1, 2), noise=0.02):
    draw, records = np.random.default_rng(0), []
    for seed in seeds:
        for segment, auc in aucs.items():
            values = auc + draw.normal(0, noise, DRAWS)
            records.append(row(strategy, seed, "segment", "auc", segment, auc, values))
            records.append(row(strategy, seed, "segment", "error_rate", segment, 1 - auc, 1 - values))
    return pd.DataFrame(records)


def validation(aucs, strategy="supervised"):
    rows = [
        {"attribute": "race", "segment": s, "auc": a, "strategy": strategy, "seed": i}
        for i in (1, 2)
        for s, a in aucs.items()
    ]
    return pd.DataFrame(rows)


def test_extremes_are_chosen_on_validation_and_shown_on_test():
    models = segments()
    found = extremes(models, validation({"a": 0.6, "b": 0.9, "c": 0.7}), ("supervised",)).iloc[0]
    assert (found["best_segment"], found["worst_segment"]) == ("b", "a")
    assert (found["best"], found["worst"], found["gap"]) == pytest.approx((0.70, 0.80, -0.10))  # test may disagree
    by = {s: np.stack(models[(models["segment"] == s) & (models["metric"] == "auc")]["replicates"]) for s in "ab"}
    wanted = seed_interval(np.array([-0.1, -0.1]), by["b"].astype(float) - by["a"])
    assert tuple(found[["gap", "gap_low", "gap_high"]]) == pytest.approx(wanted, abs=1e-6)
    assert (found["best_people"], found["worst_events"], found["seeds"]) == (90, 20, 2)


def test_extremes_are_never_chosen_on_test():
    assert extremes(segments(), validation(AUCS).iloc[:0], ("supervised",)).empty


def test_a_segment_that_test_cannot_judge_is_not_chosen():
    models = segments()
    models.loc[models["segment"] == "a", "note"] = "withheld"
    found = extremes(models, validation(AUCS), ("supervised",)).iloc[0]
    assert (found["best_segment"], found["worst_segment"]) == ("c", "b")


def null_rows(gap, seed=0, seeds=(1, 2), attributes=("race", "age"), draws=199):
    draw, records = np.random.default_rng(seed), []
    for i in seeds:
        for attribute in attributes:
            permuted = draw.gamma(2, 0.02, draws).astype(np.float32)
            records.append(
                {"strategy": "supervised", "seed": i, "attribute": attribute, "gap": gap, "permuted": permuted}
            )
    return pd.DataFrame(records)


def test_gaps_average_over_seeds_inside_a_permutation():
    nulls = null_rows(0.09)
    found = gaps(nulls, ("supervised", "frozen_0"), ["race", "age"]).set_index("attribute")
    mean = np.stack(nulls.loc[nulls["attribute"] == "race", "permuted"]).astype(float).mean(axis=0)
    assert found.loc["race", "null_mean"] == pytest.approx(mean.mean())
    assert found.loc["race", "null_bound"] == pytest.approx(np.quantile(mean, 0.95))
    assert found.loc["race", "p"] == pytest.approx((1 + (mean >= 0.09).sum()) / 200)
    assert (found["p_family"] >= found["p"]).all()
    assert found.loc["race", ["permutations", "undefined", "seeds"]].tolist() == [199, 0, 2]
    assert gaps(pd.DataFrame(), ("supervised",), []).empty
    nulls.at[0, "permuted"] = np.where(np.arange(199) < 9, np.nan, nulls.at[0, "permuted"])
    assert gaps(nulls, ("supervised",), ["race", "age"]).set_index("attribute").loc["race", "undefined"] == 9


def test_only_what_is_compared_is_tested():
    """Controls and care segments are shown with their own p, and cost the others nothing."""
    nulls = null_rows(0.09)
    alone = gaps(nulls, ("supervised",), ["race", "age"]).set_index("attribute")["p_family"]
    unit = null_rows(0.02, seed=1, attributes=("unit",))
    control = null_rows(0.02, seed=2).assign(strategy="logistic_regression")
    found = gaps(pd.concat([nulls, unit, control]), ("supervised", "logistic_regression"), ["race", "age"])
    tested = found[found["p_family"].notna()]
    assert tested["p_family"].tolist() == alone.tolist()
    kept = set(zip(tested["strategy"], tested["attribute"], strict=True))
    assert kept == {("supervised", "race"), ("supervised", "age")}
    assert found["p"].notna().all()


def test_spread_between_segments_is_the_double_corrected_one():
    models = segments(seeds=(1,))
    found = between(models, ("supervised",)).set_index("metric").loc["auc"]
    rows = models[models["metric"] == "auc"]
    one = between_groups(rows["estimate"].to_numpy(), np.stack(rows["replicates"]).T)
    assert found["naive"] == pytest.approx(0.05)
    assert found["sd"] == pytest.approx(np.sqrt(one.variance))
    assert 0 <= found["low"] < found["sd"] < found["high"]
    assert (found["segments"], found["people"], found["events"]) == (3, 270, 60)
    assert (found["low"], found["high"]) == pytest.approx(np.sqrt(np.clip(interval(one.replicates), 0, None)))
    alike = between(segments(dict.fromkeys("abc", 0.7)), ("supervised",)).iloc[0]
    assert alike["sd"] == alike["low"] == 0


def ratios(strategy, values, seeds=(1, 2), spread=0.1):
    noise = np.random.default_rng(7).normal(0, spread, (max(seeds) + 1, DRAWS))  # the same people for every strategy
    return [
        row(strategy, seed, "ratio", "error_rate_ratio", "u / p", r, r * np.exp(noise[seed]), attribute)
        for seed in seeds
        for attribute, r in values.items()
    ]


def test_log_disparities_are_paired_and_symmetric():
    models = pd.DataFrame(
        ratios("supervised", {"gender": 2.0, "age": 0.5})
        + ratios("frozen_0", {"gender": 1.5, "age": 0.4})
        + ratios("frozen_3", {"gender": 3.0, "age": 0.9})
        + ratios("logistic_regression", {"gender": 3.0, "age": 0.9})
    )
    judged = ["supervised", "frozen_0", "frozen_3", "logistic_regression"]
    found = log_disparities(models, ["gender", "age"], "error_rate_ratio", judged).set_index("strategy")
    assert list(found.index) == ["frozen_0", "frozen_3", ALL_SSL, "logistic_regression"]
    assert found["p"].notna().tolist() == [True, True, True, False]  # controls are shown, and not tested
    assert found.loc["logistic_regression", "difference"] == found.loc["frozen_3", "difference"]
    own = {name: np.abs(np.log(values)).mean() for name, values in (("frozen_0", [1.5, 0.4]), ("frozen_3", [3.0, 0.9]))}
    assert found["supervised"].tolist() == pytest.approx([np.log(2)] * 4)  # 2 and ½ are the same disparity
    assert found.loc["frozen_0", "difference"] == pytest.approx(own["frozen_0"] - np.log(2))
    assert found.loc[ALL_SSL, "difference"] == pytest.approx(np.mean(list(own.values())) - np.log(2))
    assert found.loc["frozen_0", "high"] - found.loc["frozen_0", "low"] < 1e-3  # the same people: nothing is uncertain
    assert (found["attributes"] == 2).all()
    alone = log_disparities(models, ["gender", "age"], "error_rate_ratio", ["supervised", "frozen_3"])
    assert alone["strategy"].tolist() == ["frozen_3"]  # no mean of one
    assert log_disparities(models, ["gender", "age"], "error_rate_ratio", ["frozen_3"]).empty


def test_log_disparities_have_an_interval_of_participants_alone():
    rows = ratios("supervised", {"gender": 2.0}) + ratios("frozen_0", {"gender": 1.5}, spread=0.3)
    models = pd.DataFrame(rows)
    models.at[0, "replicates"] = np.where(np.arange(DRAWS) < 20, np.inf, models.at[0, "replicates"])  # a zero below
    found = log_disparities(models, ["gender"], "average_odds_difference", ["supervised", "frozen_0"]).iloc[0]
    assert found["metric"] == "ERR"  # a difference of rates has no logarithm
    logs = {name: np.log(np.stack(own["replicates"]).astype(float)) for name, own in models.groupby("strategy")}
    change = np.abs(logs["frozen_0"]) - np.abs(np.where(np.isinf(logs["supervised"]), np.nan, logs["supervised"]))
    assert (found["people_low"], found["people_high"]) == pytest.approx(interval(change.mean(axis=0)))
    assert found["undefined_draws"] == pytest.approx(20 / DRAWS)  # lost for both seeds, though defined for one


def test_headline_corrects_the_self_supervised_comparisons():
    draw, records = np.random.default_rng(1), []
    for i, strategy in enumerate(("supervised", "frozen_0", "frozen_3", "logistic_regression")):
        for seed in (1, 2):
            auc = 0.7 + 0.015 * i
            records.append(row(strategy, seed, "overall", "auc", "everybody", auc, auc + draw.normal(0, 0.01, DRAWS)))
        records += ratios(strategy, {"gender": 1.5 + 0.2 * i}, spread=0.1 + 0.05 * i)
    models = pd.DataFrame(records)
    found = headline(models, ["gender"], "error_rate_ratio").set_index("strategy")
    raw = []
    for name in ("frozen_0", "frozen_3"):
        own, other = (models[(models["strategy"] == s) & (models["scope"] == "overall")] for s in (name, "supervised"))
        change = np.stack(own["replicates"]).astype(float) - np.stack(other["replicates"])
        raw.append(seed_test(own["estimate"].to_numpy() - other["estimate"].to_numpy(), change))
    corrected = found.loc[["frozen_0", "frozen_3"], "auc_difference_p"]
    assert (corrected >= np.array(raw) - 1e-6).all()
    assert corrected.iloc[1] > 2 * raw[1]  # the smallest of four, or the second
    assert np.isnan(found.loc[["supervised", "logistic_regression"], "auc_difference_p"]).all()
    assert (found["undefined_draws"] == 0).all()


def test_the_screen_controls_the_false_discovery_rate():
    """20 seeds' worth of ratios at parity and five far from it: five remain."""
    draw, records = np.random.default_rng(2), []
    for i in range(25):
        center = np.log(2.0) if i < 5 else 0.1 * draw.normal()
        values = np.exp(center + draw.normal(0, 0.1, DRAWS))
        records.append(row("supervised", 1, "ratio", "error_rate_ratio", "u / p", np.exp(center), values, f"a{i}"))
    found = summarise(pd.DataFrame(records))
    assert (found["q"] >= found["p"]).all()
    assert (found["q"] < 0.05)[:5].all()
    assert (found["q"] < 0.05).sum() <= 6
