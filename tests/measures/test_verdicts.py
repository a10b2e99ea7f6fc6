"""Estimands by hand, and every verdict from intervals on either side of its margin."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from fairlib.fairness import FALSE_NEGATIVE
from fairlib.inference import holm
from fairlib.measures import estimands, verdicts
from fairlib.measures.estimands import AUC, CLAIM, FNR_GAP, FPR_GAP, GROUP_ERROR, OVERALL, SIGNED, SINGLE, D
from fairlib.measures.evidence import Evidence
from fairlib.measures.margins import Margins
from fairlib.measures.operating import PRIMARY, SECONDARY

from .scores import MODELS, out_of_fold

SUPERVISED, SSL = MODELS


@pytest.fixture(scope="module")
def evidence():
    """Scores of which the supervised ones are worse for older people."""
    one = out_of_fold(6000, repeats=2)
    old = (one.attributes["age"] == ">=65").to_numpy()
    noise = np.random.default_rng(0).normal(size=one.fold.shape) * 4
    return Evidence(
        out_of_fold(6000, repeats=2, score=one.score | {SUPERVISED: one.score[SUPERVISED] + old * noise}), 100
    )


@pytest.fixture(scope="module")
def table(evidence):
    return estimands.differences(evidence, SSL, SUPERVISED, signs={"age": 1, "gender": -1})


def row(table, estimand, point=PRIMARY.name, group=OVERALL):
    (found,) = table[
        (table["estimand"] == estimand) & (table["point"] == point) & (table["group"] == group)
    ].itertuples()
    return found


def test_disparity_by_hand(evidence, table):
    logs = {(model, name): evidence.log_ratio(model, PRIMARY, name) for model in MODELS for name in ("gender", "age")}
    level = {m: np.mean([abs(logs[m, name].estimate) for name in ("gender", "age")]) for m in MODELS}
    draws = {m: np.mean([np.abs(logs[m, name].draws) for name in ("gender", "age")], axis=0) for m in MODELS}
    one = row(table, D)
    assert (one.level_one, one.level_other) == pytest.approx((level[SSL], level[SUPERVISED]))
    assert one.estimate == pytest.approx(level[SSL] - level[SUPERVISED])
    change = draws[SSL] - draws[SUPERVISED]
    assert (one.people_low, one.people_high) == pytest.approx(
        one.estimate + np.array([-1, 1]) * 1.959964 * change.std(ddof=1)
    )
    assert one.percent_low == pytest.approx(max(-100, 100 * one.low / level[SUPERVISED]))
    assert one.percent_high == pytest.approx(100 * one.high / level[SUPERVISED])
    assert one.detectable == pytest.approx(2.8 * one.se)
    assert one.detectable_percent == pytest.approx(280 * one.se / level[SUPERVISED])
    claim = row(table, CLAIM)
    assert claim.estimate == pytest.approx(level[SSL] - 0.7 * level[SUPERVISED])
    change = draws[SSL] - 0.7 * draws[SUPERVISED]
    assert claim.people_high - claim.people_low == pytest.approx(2 * 1.959964 * change.std(ddof=1))
    signed = (logs[SSL, "age"].estimate - logs[SUPERVISED, "age"].estimate) / 2
    signed -= (logs[SSL, "gender"].estimate - logs[SUPERVISED, "gender"].estimate) / 2
    assert row(table, SIGNED).estimate == pytest.approx(signed)


def test_the_table_holds_every_estimand_of_the_protocol(table):
    assert set(table["one"]) == {SSL}
    assert len(table[(table["estimand"] == GROUP_ERROR) & (table["point"] == PRIMARY.name)]) == 4
    each = {
        D,
        CLAIM,
        SIGNED,
        FNR_GAP,
        FPR_GAP,
        "error rate",
        "false negative rate",
        "false positive rate",
        "selection rate",
    }
    for point in (PRIMARY, *SECONDARY):
        assert each <= set(table.loc[table["point"] == point.name, "estimand"])
    assert {AUC, "AUPRC", "AUC gap"} == set(table.loc[table["point"] == "", "estimand"])
    assert not table.duplicated(["point", "estimand", "group"]).any()
    assert table["low"].notna().all()
    assert (table["percent_low"].dropna() >= -100).all()
    assert set(table.loc[table["percent_low"].isna(), "estimand"]) == {CLAIM, SIGNED}
    assert set(table.loc[table["corrected_low"].notna(), "estimand"]) <= {AUC, "error rate"}


def test_runs_on_both_sides_of_parity_are_no_disparity_of_their_mean():
    """Averaged first, folded last; what a single trained model does is named so."""
    one = out_of_fold(2000, folds=0, repeats=2)
    old = (one.attributes["age"] == ">=65").to_numpy()
    score = np.stack([np.where(old == side, one.y, 1 - one.y) * 1.0 for side in (True, False)])
    score += np.random.default_rng(1).normal(size=score.shape) / 10
    evidence = Evidence(out_of_fold(2000, folds=0, repeats=2, score={SUPERVISED: score.astype(np.float32)}), 50)
    runs = evidence.log_ratio(SUPERVISED, PRIMARY, "age").runs
    assert runs.min() < -0.3
    assert runs.max() > 0.3
    assert abs(runs.mean()) < 0.1
    age = abs(evidence.log_ratio(SUPERVISED, PRIMARY, "age")).estimate
    gender = np.abs(evidence.log_ratio(SUPERVISED, PRIMARY, "gender").runs).mean()
    assert age == pytest.approx(abs(runs.mean()))
    assert estimands.single(evidence, SUPERVISED, PRIMARY)[0] == pytest.approx(
        (np.abs(runs).mean() + gender) / 2, abs=1e-6
    )


def test_levels_are_compared_with_what_permuted_labels_give(evidence):
    table = estimands.levels(evidence, [*MODELS], [PRIMARY], permutations=100)
    assert {D, "AUC gap", FNR_GAP, FPR_GAP, SINGLE} == set(table["estimand"])
    overall = table[(table["estimand"] == D) & (table["group"] == OVERALL)].set_index("model")
    assert overall["estimate"].to_dict() == {m: estimands.folded(evidence, m, PRIMARY).estimate for m in MODELS}
    worse, par = overall.loc[SUPERVISED], overall.loc[SSL]
    assert worse.estimate > worse.null_bound > worse.null_mean
    assert par.null_mean > 0.01  # a model at parity has a level
    # Closed form: the mean over two attributes of |N(0, σ)|, a half normal of mean σ √(2/π).
    spread = [evidence.log_ratio(SSL, PRIMARY, name).draws.std() for name in ("gender", "age")]
    assert par.null_mean == pytest.approx(np.mean(spread) * np.sqrt(2 / np.pi), rel=0.2)


def test_numbers_are_those_of_the_evidence(evidence):
    table = estimands.numbers(evidence, [*MODELS], [PRIMARY]).set_index(["model", "estimand", "group"])
    assert not table.index.duplicated().any()
    for (estimand, group), one in {
        (AUC, "everyone"): evidence.auc(SSL),
        ("AUPRC", "everyone"): evidence.auprc(SSL),
        ("AUC gap", "age"): evidence.auc_gap(SSL, "age"),
        ("log error rate ratio", "age"): evidence.log_ratio(SSL, PRIMARY, "age"),
        (FNR_GAP, "gender"): evidence.gap(SSL, PRIMARY, "gender", FALSE_NEGATIVE),
        (GROUP_ERROR, "Male × <65"): evidence.rate(SSL, PRIMARY, group=("gender × age", "Male × <65")),
    }.items():
        row = table.loc[(SSL, estimand, group)]
        assert (row["estimate"], row["low"], row["high"]) == (one.estimate, *one.interval())
    few = estimands.numbers(Evidence(out_of_fold(300), 30), [SSL], []).set_index("estimand")
    assert np.isnan(few.loc["AUPRC", ["low", "high", "people_low"]].astype(float)).all()
    assert few.loc["AUPRC", "estimate"] > 0
    assert few.loc[AUC, "low"].min() > 0


def test_margins():
    assert Margins() == Margins(-0.02, -0.01, 0.70, np.log(1.05), 0.02)


def made(auc=(-0.05, 0.05), difference=(-0.5, 0.5), claim=(-0.5, 0.5), groups=((-0.1, 0.1),), within=None):
    """A table of differences with these intervals."""
    rows = [
        (AUC, "", "everyone", *auc),
        (D, PRIMARY.name, OVERALL, *difference),
        (CLAIM, PRIMARY.name, OVERALL, *claim),
    ]
    rows += [(GROUP_ERROR, PRIMARY.name, f"g{i}", *ends) for i, ends in enumerate(groups)]
    table = pd.DataFrame(rows, columns=["estimand", "point", "group", "low", "high"])
    within = within or difference
    return table.assign(low90=within[0], high90=within[1])


ALWAYS = {"too little data", "levelling down: open"}
CASES = [
    ({}, ALWAYS),
    ({"auc": (-0.0199, 0.1)}, ALWAYS | {"AUC non-inferior"}),
    ({"auc": (-0.02, 0.1)}, ALWAYS),
    ({"auc": (-0.0099, 0.1)}, ALWAYS | {"AUC non-inferior", "AUC non-inferior, smaller margin"}),
    ({"claim": (-0.2, -0.01)}, {"claim supported", "levelling down: open"}),
    ({"claim": (0.01, 0.2)}, {"claim excluded", "levelling down: open"}),
    ({"difference": (-0.2, -0.01)}, {"disparity smaller", "levelling down: open"}),
    ({"difference": (0.01, 0.2)}, {"disparity larger", "levelling down: open"}),
    ({"within": (-0.0487, 0.0487)}, {"disparity equivalent", "levelling down: open"}),
    ({"within": (-0.0489, 0.04)}, ALWAYS),
    (
        {"auc": (-0.015, 0), "claim": (-0.2, -0.01), "difference": (-0.3, -0.1)},
        {"AUC non-inferior", "claim supported", "disparity smaller", "the paper's claim", "levelling down: open"},
    ),
    (
        {"claim": (0.01, 0.05), "difference": (-0.04, -0.01)},
        {"claim excluded", "disparity smaller", "disparity equivalent", "levelling down: open"},
    ),
    ({"groups": ((-0.1, 0.0199), (-0.2, 0))}, {"too little data", "levelling down: none"}),
    ({"groups": ((-0.1, 0.0199), (-0.2, 0.02))}, ALWAYS),
    ({"groups": ((0.001, 0.1), (-0.2, 0))}, {"too little data", "levelling down: in g0"}),
    ({"groups": ((0.001, 0.01),)}, {"too little data", "levelling down: none", "levelling down: in g0"}),
    ({"groups": ()}, ALWAYS),
    ({"auc": (np.nan, np.nan), "difference": (np.nan, np.nan), "claim": (np.nan, np.nan)}, ALWAYS),
]


@pytest.mark.parametrize(("intervals", "holding"), CASES)
def test_verdicts(intervals, holding):
    found = verdicts.verdicts(made(**intervals))
    assert set(found.loc[found["holds"], "verdict"]) == holding
    assert found["holds"].dtype == bool
    assert found["verdict"].is_unique


def test_margins_are_what_verdicts_compare_with():
    strict = Margins(auc=0.01, auc_sensitivity=0.02, equivalence=0.001, group=-0.5)
    found = verdicts.verdicts(made(auc=(0, 0.1), within=(-0.01, 0.01), groups=((-1, -0.1),)), margins=strict)
    assert set(found.loc[found["holds"], "verdict"]) == ALWAYS


def test_without_an_attribute_that_can_be_judged_there_is_too_little_data():
    table = made()
    found = verdicts.verdicts(table[table["estimand"] == AUC])
    assert set(found.loc[found["holds"], "verdict"]) == ALWAYS


def test_verdicts_of_computed_differences(table):
    """The supervised model errs more on older people, SSL on nobody: large enough to be seen, and more than 30 %."""
    found = verdicts.verdicts(table).set_index("verdict")
    assert found.loc[["claim supported", "disparity smaller", "the paper's claim"], "holds"].all()
    assert found.loc["claim supported", "high"] == row(table, CLAIM).high


def test_secondary_comparisons_are_one_family(table):
    found = verdicts.secondary(table)
    assert len(found) == 5
    one = row(table, D, SECONDARY[0].name)
    assert found["p"][0] == pytest.approx(2 * stats.t.sf(abs(one.estimate / one.se), one.freedom))
    np.testing.assert_allclose(found["p_holm"], holm(found["p"]))
    assert list(zip(found["estimand"], found["point"], strict=True))[3:] == [
        (n, PRIMARY.name) for n in (FNR_GAP, FPR_GAP)
    ]
