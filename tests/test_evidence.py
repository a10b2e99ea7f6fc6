"""Evidence against scikit-learn and fairlearn; what is withheld; summaries, the chance gate and words for differences."""

import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import MetricFrame
from sklearn import metrics as sk

from fairlib import cards, evidence
from fairlib.fairness import METRICS, UndefinedRatio, ratio_metrics
from fairlib.inference import participant_draws, seed_interval
from fairlib.parameters import check
from fairlib.provenance import Provenance
from fairlib.similarity import cka, gram, one_window_each
from fairlib.summaries import at_chance, headline, summarise, verdict
from fairlib.tables import sentences

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
    found = evidence.evaluation_tables(cohort, score, 0.5, DRAWS)
    keyed = found["metrics"].set_index(["scope", "attribute", "segment", "metric"])
    assert keyed.index.is_unique
    return keyed, found["roc"]


@pytest.fixture(scope="module")
def twin(make_cohort):
    return make_cohort("mimic", "twin", people=400, windows=2)


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
    weights = participant_draws(twin.person[rows], DRAWS).weights
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
    weights = participant_draws(twin.person[rows], DRAWS).weights
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
    for origin, reason in (("real", WITHHELD), ("twin", "")):
        cohort = make_cohort(people=900, origin=origin, icu_type=icu)
        keyed, curves = evaluated(cohort, scored(cohort))
        found = notes(keyed, "icu_type")
        assert found["Surgical"] == reason or (origin == "twin" and found["Surgical"].startswith("one class only"))
        assert [found[name] for name in ("Medical", "Coronary care", "Cardiac surgery recovery")] == [""] * 3
        row = keyed.loc[("segment", "icu_type", "Surgical", "auc")]
        assert row["people"] == (6 if origin == "twin" else 0)
        if origin == "real":
            assert np.isnan(row["estimate"])
            assert np.isnan(row["replicates"]).all()
            assert (row["windows"], row["events"]) == (0, 0)
            assert "Surgical" not in set(curves["segment"])


def test_restricted_data_withholds_a_second_segment(make_cohort):
    ethnicity = with_small(["White", "White", "White", "Black", "Black", "Hispanic", "Other", "Other"], "Asian")
    cohort = make_cohort("mimic", people=900, ethnicity=ethnicity)
    assert evidence.access(cohort) == "restricted"
    found = notes(evaluated(cohort, scored(cohort))[0], "ethnicity")
    hidden = {segment for segment, note in found.items() if note.startswith("withheld")}
    assert hidden == {"Asian", "Hispanic"}  # the small one and the next smallest, for the same reason
    assert found["Asian"] == found["Hispanic"]
    segments = evidence.cohort_tables(cohort)["segments"]
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
    segments = evidence.cohort_tables(make_cohort("mimic", people=900, gender=gender))["segments"]
    own = segments[(segments["attribute"] == "gender") & (segments["segment"] == "Female")]
    people = own.set_index("split")["people"].to_dict()
    assert people["all"] == 184
    rest = people["all"] - people.get("train", 0) - people.get("test", 0)
    assert np.isnan(rest) or rest >= 11


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
    real = evidence.cohort_tables(make_cohort())["attrition"]
    assert real["windows"].iloc[0] == 300
    assert real[["windows", "people"]].iloc[1].isna().all()
    assert real["note"].iloc[1] == "fewer than 11 rows without a time"
    twin = evidence.cohort_tables(make_cohort(origin="twin"))["attrition"]
    assert twin.iloc[1].tolist() == ["left out", 4, 3, "4 rows without a time"]


def test_cohort_tables(twin):
    found = evidence.cohort_tables(twin)
    sizes = found["sizes"].set_index("split")
    assert sizes.loc["all"].tolist() == [400, 800, int(twin.y.sum())]
    assert sizes.loc[["train", "val", "test"]].sum().tolist() == [400, 800, int(twin.y.sum())]
    segments = found["segments"]
    everybody = segments[segments["split"] == "all"].groupby("attribute")["windows"].sum()
    assert (everybody == 800).all()  # the unknown are a row of their own
    assert (segments["segment"] == "unknown").any()
    first = np.flatnonzero((twin.split == "train") & (twin.y == 1))[0]
    np.testing.assert_allclose(found["typical_window"].to_numpy(), twin.x[first])  # synthetic: one window is nobody's
    assert found["shape"].iloc[0].tolist() == [10, 3, 1]


def test_typical_window_of_real_data_is_an_average(make_cohort):
    cohort = make_cohort(people=900)
    rows = (cohort.split == "train") & (cohort.y == 1)
    found = evidence.cohort_tables(cohort)
    np.testing.assert_allclose(found["typical_window"].to_numpy(), cohort.x[rows].mean(axis=0), atol=1e-6)
    assert found["shape"].iloc[0]["averaged"] == rows.sum() >= 11


# --------------------------------------------------------------------------------------------------------- similarity


def test_similarity_table(make_cohort):
    gender = np.resize(np.array(["Male"] * 7 + ["Female"] * 3 + ["Male"] * 10, dtype=object), 900)
    cohort = make_cohort(people=900, windows=2, gender=gender)
    rows = cohort.rows("test")
    rows = rows[one_window_each(cohort.person[rows], seed=0)]
    draw = np.random.default_rng(0)
    left = [draw.normal(size=(len(rows), 6)) for _ in range(2)]
    right = [layer @ draw.normal(size=(6, 4)) + draw.normal(size=(len(rows), 4)) for layer in left]
    grams = [[gram(layer) for layer in layers] for layers in (left, right)]
    table = evidence.similarity_table(cohort, *grams, rows, draws=40, minimum=60)
    people = cohort.attributes.iloc[rows].reset_index(drop=True)
    assert set(table["attribute"]) == {"everybody", "gender", "age", "icu_type"}
    for row in table.itertuples():
        chosen = slice(None) if row.segment == "everybody" else (people[row.attribute] == row.segment).to_numpy()
        direct = cka(left[row.layer_supervised - 1][chosen], right[row.layer_other - 1][chosen])
        assert row.cka == pytest.approx(direct, abs=1e-9)
        assert row.people == len(rows[chosen]) >= 60
        assert row.low < row.cka < row.high
        own = table[table["attribute"] == row.attribute]
        assert row.matched_people == own["people"].min()  # the same number of people in each segment
        assert row.matched == row.cka if row.people == row.matched_people else abs(row.matched - row.cka) < 0.1
    fewer = evidence.similarity_table(cohort, *grams, rows, draws=40, minimum=150)
    assert "Female" in set(table["segment"])
    assert "Female" not in set(fewer["segment"])


# ---------------------------------------------------------------------------------------------------------- summaries


def row(strategy, seed, metric, estimate, replicates, attribute="everybody", scope="overall"):
    sizes = {"people": 90, "windows": 100, "events": 20, "note": ""}
    keys = {"strategy": strategy, "seed": seed, "scope": scope, "attribute": attribute, "segment": "s", "metric": metric}
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


def test_summarise_says_how_many_draws_are_undefined():
    replicates = np.r_[np.full(40, np.nan), np.linspace(0.6, 0.8, 60)]
    found = summarise(pd.DataFrame([row("supervised", 1, "auc", 0.7, replicates)])).iloc[0]
    assert found["undefined_draws"] == pytest.approx(0.4)
    assert found["low"] < 0.7 < found["high"]
    hidden = summarise(pd.DataFrame([row("supervised", 1, "auc", np.nan, np.full(100, np.nan))])).iloc[0]
    assert np.isnan([hidden["mean"], hidden["low"], hidden["high"]]).all()


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
    assert at_chance(pd.Series({"auc_low": low})) == chance


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
    return Provenance(check("5_evaluation", {"dataset": "mimic"}), "twin", "synthetic", "quick", (1, 2), "0" * 64, "0.1")


def test_finding_follows_the_numbers(made):
    rows = headline(two_models(), ["gender"], "error_rate_ratio")
    text = sentences.finding(rows, cards.load("mimic"), made)
    assert text.startswith("Synthetic twin")
    assert "the AUC is higher in 1" in text
    assert "the parity deviation is lower in 1" in text
    assert "chance" not in text


def test_models_at_chance_are_left_out_of_conclusions(made):
    rows = headline(two_models(), ["gender"], "error_rate_ratio")
    rows.loc[rows["strategy"] == "frozen_0", "auc_low"] = 0.49
    text = sentences.finding(rows, cards.load("mimic"), made)
    assert "chance" in text
    assert "parity deviation is lower" not in text
    rows["auc_low"] = [0.49, 0.7]  # the reference itself
    text = sentences.finding(rows, cards.load("mimic"), made)
    assert "chance" in text
    assert "parity deviation is lower" not in text
