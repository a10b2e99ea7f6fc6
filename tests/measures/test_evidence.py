"""Evidence against scikit-learn and fairlearn; what must not be shown, nor be computable from what is shown."""

from dataclasses import replace

import numpy as np
import pytest
from fairlearn.metrics import MetricFrame
from sklearn import metrics as sk

from fairlib import cards
from fairlib.fairness import METRICS, UndefinedRatio, ratio_metrics
from fairlib.inference import participant_draws
from fairlib.measures import describe
from tests.tables import evaluation_tables

pytestmark = pytest.mark.filterwarnings("ignore", category=UndefinedRatio)
DRAWS = 30
WITHHELD = "withheld: fewer than 11 people or events"


def scored(cohort, seed=0, digits=2):
    """Scores with some signal and many ties; NaN where training windows must not be read."""
    noise = np.random.default_rng(seed).normal(size=len(cohort))
    score = np.round(1 / (1 + np.exp(-(2 * cohort.y - 1 + noise))), digits).astype(np.float32)
    score[cohort.split == "train"] = np.nan
    return score


def evaluated(cohort, score):
    found = evaluation_tables(cohort, score, 0.5, DRAWS)
    keyed = found["metrics"].set_index(["scope", "attribute", "segment", "metric"])
    assert keyed.index.is_unique
    return keyed, found["roc"]


@pytest.fixture(scope="module")
def twin(make_cohort):
    return make_cohort("mimic", "twin", people=1200, windows=2)


@pytest.fixture(scope="module")
def tables(twin):
    return evaluated(twin, scored(twin))


ORACLES = {
    "auc": lambda y, s, w: sk.roc_auc_score(y, s, sample_weight=w),
    "auprc": lambda y, s, w: sk.average_precision_score(y, s, sample_weight=w),
    "accuracy": lambda y, s, w: sk.accuracy_score(y, s >= 0.5, sample_weight=w),
    "balanced_accuracy": lambda y, s, w: sk.balanced_accuracy_score(y, s >= 0.5, sample_weight=w),
    "f1": lambda y, s, w: sk.f1_score(y, s >= 0.5, sample_weight=w),
    "error_rate": lambda y, s, w: sk.zero_one_loss(y, s >= 0.5, sample_weight=w),
    "false_negative_rate": lambda y, s, w: 1 - sk.recall_score(y, s >= 0.5, sample_weight=w),
    "false_positive_rate": lambda y, s, w: 1 - sk.recall_score(1 - y, s < 0.5, sample_weight=w),
    "selection_rate": lambda y, s, w: np.average(s >= 0.5, weights=w),
}


def test_performance_by_scikit_learn(twin, tables):
    rows = twin.rows("test")
    y, s, attributes = twin.y[rows], scored(twin)[rows], twin.attributes.iloc[rows].reset_index(drop=True)
    weights = participant_draws(twin.person[rows], DRAWS)
    keyed, _ = tables
    groups = [("overall", "everybody", "everybody", np.full(len(rows), True))]
    for name, facts in cards.load("mimic").attributes.items():
        groups += [("segment", name, segment, (attributes[name] == segment).to_numpy()) for segment in facts.segments]
    assert len(groups) == 1 + 2 + 2 + 5 + 5 + 2
    for *where, chosen in groups:
        for metric, oracle in ORACLES.items():
            if metric == "auprc" and where[0] == "segment":
                continue
            row = keyed.loc[(*where, metric)]
            wanted = oracle(y[chosen], s[chosen], None)
            assert row["estimate"] == pytest.approx(wanted, abs=1e-6), (*where, metric)
            assert (row["windows"], row["events"]) == (chosen.sum(), y[chosen].sum())
            assert row["people"] == len(set(twin.person[rows][chosen]))
            for draw in range(3):
                wanted = oracle(y[chosen], s[chosen], weights[draw, chosen])
                assert row["replicates"][draw] == pytest.approx(wanted, abs=1e-5), (*where, metric)


@pytest.mark.parametrize("digits", [1, 6])
def test_auprc_with_ties_and_weights(twin, digits):
    rows, score = twin.rows("test"), scored(twin, seed=1, digits=digits)
    row = evaluated(twin, score)[0].loc[("overall", "everybody", "everybody", "auprc")]
    weights = participant_draws(twin.person[rows], DRAWS)
    wanted = [sk.average_precision_score(twin.y[rows], score[rows], sample_weight=w) for w in weights]
    np.testing.assert_allclose(row["replicates"], wanted, atol=1e-6)
    assert row["estimate"] == pytest.approx(sk.average_precision_score(twin.y[rows], score[rows]), abs=1e-9)


def test_ratios_leave_unknown_people_out(twin, tables):
    rows, (keyed, _) = twin.rows("test"), tables
    y, decision = twin.y[rows].astype(int), (scored(twin)[rows] >= 0.5).astype(int)
    for name, facts in cards.load("mimic").attributes.items():
        values = twin.attributes[name].iloc[rows]
        known = values.notna().to_numpy()
        assert 0 < known.sum() < len(rows)
        privileged = (values == facts.privileged).to_numpy()
        wanted = ratio_metrics(y[known], decision[known], privileged[known])
        found = keyed.loc[("ratio", name, "unprivileged / privileged")]
        assert list(found.index) == list(METRICS)
        for metric, value in wanted.items():
            assert found.loc[metric, "estimate"] == pytest.approx(value, abs=1e-6), (name, metric)
        assert (found["windows"] == known.sum()).all()
        frame = MetricFrame(
            metrics=sk.zero_one_loss,
            y_true=y[known],
            y_pred=decision[known],
            sensitive_features=np.where(privileged[known], "p", "u"),
        )
        ratio = frame.by_group["u"] / frame.by_group["p"]
        assert found.loc["error_rate_ratio", "estimate"] == pytest.approx(ratio, abs=1e-6)


def test_roc_is_on_a_grid(twin, tables):
    rows, (_, curves) = twin.rows("test"), tables
    own = curves[curves["attribute"] == "everybody"]
    np.testing.assert_allclose(own["fpr"], np.linspace(0, 1, 101))
    assert (np.diff(own["tpr"]) >= 0).all()
    area = np.trapezoid(own["tpr"], own["fpr"])
    assert area == pytest.approx(sk.roc_auc_score(twin.y[rows], scored(twin)[rows]), abs=0.01)


# --------------------------------------------------------------------------------------------- what must not be shown

TEST_PEOPLE = np.flatnonzero(np.isin(np.arange(900) % 10, (7, 8, 9)))  # as make_cohort splits


def with_small(segments, small, size=6, unknown=0):
    """A value for each of 900 people: ``small`` for ``size`` test people only, None for ``unknown`` of them."""
    values = np.resize(np.array(segments, dtype=object), 900)
    values[TEST_PEOPLE[:size]] = small
    values[TEST_PEOPLE[size : size + unknown]] = None
    return values


def notes(keyed, attribute):
    rows = keyed.loc[("segment", attribute)].reset_index()
    return rows.drop_duplicates("segment").set_index("segment")["note"].to_dict()


def test_open_data_withholds_small_segments(make_cohort):
    icu = with_small(["Medical", "Coronary care", "Cardiac surgery recovery"], "Surgical")
    for origin, reason in (("real", WITHHELD), ("twin", "too few to judge: under 11 people")):
        cohort = make_cohort(people=900, origin=origin, icu_type=icu)
        keyed, curves = evaluated(cohort, scored(cohort))
        found = notes(keyed, "icu_type")
        assert found["Surgical"].startswith(reason)
        assert [found[name] for name in ("Medical", "Coronary care", "Cardiac surgery recovery")] == [""] * 3
        row = keyed.loc[("segment", "icu_type", "Surgical", "auc")]
        assert np.isnan(row["estimate"])
        assert np.isnan(row["replicates"]).all()
        assert "Surgical" not in set(curves["segment"])
        assert (row["people"], row["windows"]) == ((6, 6) if origin == "twin" else (0, 0))  # a twin hides no count
        assert origin == "twin" or row["events"] == 0


def test_restricted_data_withholds_a_second_segment(make_cohort):
    ethnicity = with_small(["White", "White", "White", "Black", "Black", "Hispanic", "Other", "Other"], "Asian")
    cohort = make_cohort("mimic", people=900, ethnicity=ethnicity)
    assert describe.access(cohort) == "restricted"
    found = notes(evaluated(cohort, scored(cohort))[0], "ethnicity")
    hidden = {segment for segment, note in found.items() if note.startswith("withheld")}
    assert hidden == {"Asian", "Hispanic"}  # the small one and the next smallest, for the same reason
    assert found["Asian"] == found["Hispanic"]
    segments = describe.cohort_tables(cohort)["segments"]
    test = segments[(segments["attribute"] == "ethnicity") & (segments["split"] == "test")]
    if len(test):
        assert {"Asian", "Hispanic"} <= set(test.loc[test["people"].isna(), "segment"])


def test_restricted_data_lets_nobody_compute_the_unknown(make_cohort):
    """Everybody minus the known must not give a small cell: the unknown complete the total."""
    cohort = make_cohort("mimic", people=900, gender=with_small(["Male", "Female", "Male"], None))
    keyed, _ = evaluated(cohort, scored(cohort))
    total = keyed.loc[("overall", "everybody", "everybody", "auc")]
    known = keyed.loc[("ratio", "gender", "unprivileged / privileged", "error_rate_ratio")]
    for size in ("people", "windows", "events"):
        assert not 0 < total[size] - known[size] < 11, size


def test_restricted_data_lets_nobody_compute_a_split(make_cohort):
    """All minus training minus test people would be the validation people of a segment."""
    gender = np.full(900, "Male", dtype=object)
    for remainders, size in (((0, 1, 2, 3, 4), 90), ((5, 6), 4), ((7, 8, 9), 90)):
        gender[np.flatnonzero(np.isin(np.arange(900) % 10, remainders))[:size]] = "Female"
    segments = describe.cohort_tables(make_cohort("mimic", people=900, gender=gender))["segments"]
    own = segments[(segments["attribute"] == "gender") & (segments["segment"] == "Female")]
    people = own.set_index("split")["people"].to_dict()
    assert people["all"] == 184
    rest = people["all"] - people.get("train", 0) - people.get("test", 0)
    assert np.isnan(rest) or rest >= 11


def test_an_attribute_that_cannot_be_judged_says_so_under_the_metric_of_its_card(make_cohort):
    """GLOBEM's is a difference of rates: without a row of it, the attribute would silently be missing."""
    gender = np.resize(np.array(["Male"] * 40 + ["Female"], dtype=object), 900)
    cohort = make_cohort("globem", "twin", people=900, gender=gender)
    keyed, _ = evaluated(cohort, scored(cohort))
    row = keyed.loc[("ratio", "gender", "unprivileged / privileged", "average_odds_difference")]
    assert np.isnan(row["estimate"])
    assert row["note"].startswith("too few to judge")


def test_a_segment_of_one_class_or_of_nobody(make_cohort):
    values = np.resize(np.array(["White", "Black"], dtype=object), 900)
    label = make_cohort("mimic", "twin", people=900).y
    quiet = TEST_PEOPLE[label[TEST_PEOPLE] == 0][:20]
    values[quiet] = "Asian"
    cohort = make_cohort("mimic", "twin", people=900, ethnicity=values)
    keyed, _ = evaluated(cohort, scored(cohort))
    found = notes(keyed, "ethnicity")
    assert found["Asian"] == "one class only: no AUC"
    assert found["Hispanic"] == found["Other"] == "nobody in the test split"
    assert keyed.loc[("segment", "ethnicity", "Asian", "auc"), "people"] == 20
    assert np.isnan(keyed.loc[("segment", "ethnicity", "Asian", "auc"), "estimate"])


def test_small_counts_of_the_reader_are_hidden(make_cohort):
    real = describe.cohort_tables(make_cohort())["attrition"]
    assert real[["windows", "people"]].isna().all(axis=None)  # 300 were read: minus the cohort, it would be 4
    assert real["note"].iloc[0] == "withheld: a small count could be computed from it; all"
    assert real["note"].iloc[1] == "fewer than 11 rows without a time"
    twin = describe.cohort_tables(make_cohort(origin="twin"))["attrition"]
    assert twin.iloc[1].tolist() == ["left out", 4, 3, "4 rows without a time"]


def test_cohort_tables(twin):
    found = describe.cohort_tables(twin)
    sizes = found["sizes"].set_index("split")
    assert sizes.loc["all"].tolist() == [1200, 2400, int(twin.y.sum())]
    assert sizes.loc[["train", "val", "test"]].sum().tolist() == [1200, 2400, int(twin.y.sum())]
    segments = found["segments"]
    everybody = segments[segments["split"] == "all"].groupby("attribute")["windows"].sum()
    assert (everybody == 2400).all()  # the unknown are a row of their own
    assert (segments["segment"] == "unknown").any()
    first = np.flatnonzero((twin.split == "train") & (twin.y == 1))[0]
    np.testing.assert_allclose(found["typical_window"].to_numpy(), twin.x[first])  # synthetic: one window is nobody's
    assert found["shape"].iloc[0].tolist() == [10, 3, 1]


@pytest.mark.parametrize(
    ("channels", "shown"),
    [
        (("mask_pressure", "mask_leak", "left->right"), 3),  # measurements whose names only sound like masks
        (("unmasked", "Mask 2", "->"), 3),
        (("HR", "mask HR", "left->right"), 2),
        (("Eyes->open", "mask->Eyes", "HR"), 1),  # a category of a scale, and its mask
    ],
)
def test_a_typical_window_leaves_out_masks_and_categories_alone(make_cohort, channels, shown):
    cohort = replace(make_cohort(), channels=channels)
    assert describe.typical_window(cohort).shape[1] == shown


def test_typical_window_of_real_data_is_an_average(make_cohort):
    cohort = make_cohort(people=900)
    rows = (cohort.split == "train") & (cohort.y == 1)
    found = describe.cohort_tables(cohort)
    np.testing.assert_allclose(found["typical_window"].to_numpy(), cohort.x[rows].mean(axis=0), atol=0.005001)
    assert (found["typical_window"] == found["typical_window"].round(2)).all(axis=None)  # or one person's value shows
    assert found["shape"].iloc[0]["averaged"] == rows.sum() >= 11
