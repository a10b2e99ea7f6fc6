"""A model that was judged fold by fold: scores of two models are never compared, decisions are counted together."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score, roc_curve

from fairlib.measures import calibration, performance, scored
from fairlib.measures.evaluated import Evaluated
from fairlib.study.tables import MODEL, TABLES

DRAWS, K = 25, 3


@pytest.fixture(scope="module")
def cohort(make_cohort):
    return make_cohort(people=300, windows=2)


def scores_of(cohort) -> pd.DataFrame:
    """Of everybody: three folds of unlike size, each of another scale, with ties."""
    draw, number = np.random.default_rng(2), cohort.person % 7
    fold = np.where(number < 1, 0, np.where(number < 3, 1, 2))
    score = (0.2 * cohort.y + 0.1 * fold + 0.6 * draw.random(len(cohort))).round(2)
    return pd.DataFrame({"row": cohort.number, "score": score, "risk": score / 3, "fold": fold}).sort_values("fold")


def judged(cohort, found=None, decided=False) -> Evaluated:
    found = scores_of(cohort) if found is None else found
    return scored.pooled(scored.rows(cohort), found, cohort.card, cohort.origin, 0.5, DRAWS, decided)


@pytest.fixture(scope="module")
def of(cohort):
    return judged(cohort)


@pytest.fixture(scope="module")
def metrics(of):
    return performance.metrics(of).set_index(["attribute", "segment", "metric"])


def within_folds(of, value, weight, chosen=True):
    """The average of a measure of each fold."""
    rows = [np.flatnonzero((of.fold == k) & chosen) for k in range(K)]
    return np.average([value(part) for part in rows], weights=[weight(part) for part in rows], axis=0)


def test_every_window_meets_its_own_score(cohort, of):
    """Rows of people and of scores come in any order; what joins them is a random number."""
    wanted = scores_of(cohort).set_index("row")["score"]
    order = np.argsort(cohort.number)
    np.testing.assert_array_equal(of.score, wanted.loc[cohort.number[order]])
    np.testing.assert_array_equal(of.y, cohort.y[order])
    for name in cohort.attributes:
        assert (
            of.frame[name].astype("string").fillna("").tolist()
            == cohort.attributes[name].iloc[order].astype("string").fillna("").tolist()
        )
    assert pd.Series(of.frame["person"]).groupby(cohort.person[order]).nunique().max() == 1
    assert not set(of.frame["person"]) & set(cohort.person)


def test_people_no_fold_tested_are_left_out(cohort):
    found = scores_of(cohort)
    assert len(judged(cohort, found[found["fold"] == 2]).frame) == (found["fold"] == 2).sum()


def test_auc_compares_people_whom_one_model_scored(of, metrics):
    """sklearn's AUC in each fold, averaged by its pairs; of everybody, a segment, and a draw of people."""

    def pairs(rows, w=None):
        w = np.ones(len(of.y)) if w is None else w
        return (w * of.y)[rows].sum() * (w * (1 - of.y))[rows].sum()

    women = (of.frame["gender"] == "Female").to_numpy()
    for names, chosen in ((("everybody", "everybody"), True), (("gender", "Female"), women)):
        wanted = within_folds(of, lambda rows: roc_auc_score(of.y[rows], of.s[rows]), pairs, chosen)
        assert metrics.loc[(*names, "auc"), "estimate"] == pytest.approx(wanted)
    w = of.weights[7].astype(float)
    wanted = within_folds(
        of, lambda rows: roc_auc_score(of.y[rows], of.s[rows], sample_weight=w[rows]), lambda rows: pairs(rows, w)
    )
    assert metrics.loc[("everybody", "everybody", "auc"), "replicates"][7] == pytest.approx(wanted)
    assert metrics.loc[("everybody", "everybody", "auc"), "estimate"] != pytest.approx(
        roc_auc_score(of.y, of.s), abs=1e-3
    )


def test_precision_is_averaged_by_positives_and_curves_by_pairs(of, metrics):
    wanted = within_folds(
        of, lambda rows: average_precision_score(of.y[rows], of.s[rows]), lambda rows: of.y[rows].sum()
    )
    assert metrics.loc[("everybody", "everybody", "auprc"), "estimate"] == pytest.approx(wanted)

    def curve(rows):
        return np.interp(performance.ROC_GRID, *roc_curve(of.y[rows], of.s[rows])[:2])

    wanted = within_folds(of, curve, lambda rows: of.y[rows].sum() * (1 - of.y[rows]).sum())
    table = performance.roc(of)
    np.testing.assert_allclose(table.loc[table["attribute"] == "everybody", "tpr"], wanted, atol=1e-6)


def test_decisions_are_counted_together(of, metrics):
    """A rate of the folds together, which is no average of their rates."""
    decision, found = of.score >= 0.5, metrics.sort_index().loc[("everybody", "everybody"), "estimate"]
    assert found["error_rate"] == pytest.approx((decision != of.y).mean())
    assert found["f1"] == pytest.approx(f1_score(of.y, decision))
    assert found["false_negative_rate"] == pytest.approx(1 - decision[of.y == 1].mean())
    by_fold = np.mean([1 - decision[(of.y == 1) & (of.fold == k)].mean() for k in range(K)])
    assert found["false_negative_rate"] != pytest.approx(by_fold, abs=1e-3)
    off = calibration.in_the_large(of).set_index("attribute").loc["everybody", "estimate"]
    assert off == pytest.approx((of.risk - of.y).mean(), abs=1e-3)  # risks that were made inside each fold


def test_a_shift_of_one_folds_scores_changes_no_rank(cohort, metrics, of):
    """Scores of two models have no common scale; only decisions know one."""
    found = scores_of(cohort)
    moved = judged(cohort, found.assign(score=found["score"] + 0.3 * (found["fold"] == 1)))
    again = performance.metrics(moved).set_index(metrics.index.names)
    ranked = ["auc", "auprc"]
    for name in ("estimate", "replicates"):
        one, other = (table[table.index.get_level_values("metric").isin(ranked)][name] for table in (metrics, again))
        np.testing.assert_allclose(np.vstack(one), np.vstack(other), atol=1e-6)
    pd.testing.assert_frame_equal(performance.roc(of), performance.roc(moved))
    pd.testing.assert_frame_equal(performance.permutation_null(of), performance.permutation_null(moved))
    rates = [("everybody", "everybody", name) for name in ("error_rate", "selection_rate")]
    assert (metrics.loc[rates, "estimate"] != again.loc[rates, "estimate"]).all()


def test_one_fold_is_a_split(cohort):
    """Every table about a model is what it is without folds."""
    test = np.where(np.arange(len(cohort)) < 300, "test", "val")
    score = scores_of(cohort).sort_index()["score"].to_numpy()
    order = np.argsort(cohort.number)
    order = order[test[order] == "test"]
    whole = cohort.part(order, cohort.x[order], ("tested", ""))
    codes = scored.rows(cohort).set_index("row")["person"].loc[cohort.number[order]].to_numpy()
    risk = score[order] / 2
    wanted = Evaluated(
        scored.Tested(whole.card, whole.origin, codes, whole.y, whole.attributes), score[order], 0.5, DRAWS, risk=risk
    )
    found = judged(cohort, pd.DataFrame({"row": cohort.number[order], "score": score[order], "risk": risk, "fold": 0}))
    for table in (table for table in TABLES.values() if table.of == MODEL):
        pd.testing.assert_frame_equal(table.make(found), table.make(wanted))


def test_decisions_of_folds_rank_nobody(cohort):
    found = scores_of(cohort).assign(score=lambda table: table["score"].round(), risk=np.nan)
    table = performance.metrics(judged(cohort, found, decided=True))
    assert not {"auc", "auprc"} & set(table.loc[table["note"] == "", "metric"])


# ------------------------------------------------------------------------------------------------------ what is kept


@pytest.fixture(scope="module")
def single(cohort):
    score = scores_of(cohort).sort_index()["score"].to_numpy()
    return Evaluated(cohort, score, 0.5, DRAWS)


def test_scores_name_windows_by_a_random_number(single, cohort):
    table = scored.scores(single)
    assert table.columns.tolist() == ["row", "score", "risk"]
    test = cohort.rows("test")
    assert set(table["row"]) == set(cohort.number[test])
    assert table["row"].is_monotonic_increasing  # the order of the files is lost
    assert np.corrcoef(cohort.number[test], test)[0, 1] == pytest.approx(0, abs=0.2)
    found = table.set_index("row").loc[cohort.number[test]]
    np.testing.assert_allclose(found["score"], single.score[test], rtol=1e-6)
    np.testing.assert_allclose(found["risk"], calibration.risks(single), rtol=1e-6)
    assert scored.scores(replace(single, decided=True))["risk"].isna().all()


def test_cuts_are_found_on_validation_people(single, cohort):
    table = scored.cuts(single).set_index("point")["threshold"]
    val = cohort.rows("val")
    for rate in (0.1, 0.2, 0.3):
        assert (single.score[val] >= table[f"alert rate {rate:.2f}"]).mean() == pytest.approx(rate, abs=0.05)
    ill = val[cohort.y[val] == 1]
    assert (single.score[ill] >= table["sensitivity 0.80"]).mean() == pytest.approx(0.8, abs=0.05)


def test_who_was_tested_has_no_identifier_and_nobody_of_restricted_data(cohort, make_cohort):
    table = scored.tested(cohort)
    assert table.columns.tolist() == ["row", "person", "y", *cohort.attributes]
    assert len(table) == len(cohort)
    assert table["person"].nunique() == len(np.unique(cohort.person))
    assert not set(table["person"]) & set(cohort.person)
    restricted = make_cohort("mimic", people=60)
    assert scored.tested(restricted).columns.tolist() == ["row", "person", "y", *restricted.attributes]
    assert len(scored.tested(restricted)) == 0
    assert len(scored.rows(restricted)) == 60
    assert len(scored.tested(replace(restricted, origin="twin"))) == 60
