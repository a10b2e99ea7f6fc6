"""Fairness metrics against fairlearn and scikit-learn, and by hand."""

import warnings

import numpy as np
import pytest
from fairlearn import metrics as fairlearn
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, balanced_accuracy_score, confusion_matrix, f1_score

from fairlib.fairness import (
    METRICS,
    RATES,
    SHORT,
    SUMMARIES,
    UndefinedRatio,
    confusion,
    definition,
    log_ratio,
    parity_deviation,
    ratio_metrics,
    title,
)

#: DESIGN, "Names others rely on".
KEYS = [
    "error_rate_ratio",
    "false_negative_rate_ratio",
    "false_positive_rate_ratio",
    "false_discovery_rate_ratio",
    "false_omission_rate_ratio",
    "disparate_impact",
    "average_odds_difference",
    "average_abs_odds_difference",
]


def quietly(*data):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UndefinedRatio)
        return ratio_metrics(*data)


def rates_by_hand(y, decision):
    """Rates of one group from scikit-learn's confusion matrix; NaN for an empty denominator."""
    cells = confusion_matrix(y, decision, labels=[0, 1]).ravel() if len(y) else np.zeros(4)
    tn, fp, fn, tp = (int(cell) for cell in cells)

    def share(above, below):
        return above / below if below else np.nan

    parts = ((fp + fn, len(y)), (fn, fn + tp), (fp, fp + tn), (fp, fp + tp), (fn, fn + tn), (tp + fp, len(y)))
    return dict(zip(KEYS, (share(*part) for part in parts), strict=False))


bit = st.integers(0, 1)


@given(st.lists(st.tuples(bit, bit, bit), min_size=1, max_size=60))
def test_by_scikit_learn(rows):
    y, decision, privileged = np.array(rows).T
    found = quietly(y, decision, privileged == 1)
    assert list(found) == KEYS == list(METRICS)
    u, p = (rates_by_hand(y[privileged == g], decision[privileged == g]) for g in (0, 1))
    for name in KEYS[:6]:
        wanted = u[name] / p[name] if p[name] > 0 else np.nan
        assert found[name] == pytest.approx(wanted, nan_ok=True), name
        assert isinstance(found[name], float)
    false_positive = u["false_positive_rate_ratio"] - p["false_positive_rate_ratio"]
    true_positive = p["false_negative_rate_ratio"] - u["false_negative_rate_ratio"]
    wanted = (false_positive + true_positive) / 2, (abs(false_positive) + abs(true_positive)) / 2
    assert (found[KEYS[6]], found[KEYS[7]]) == pytest.approx(wanted, nan_ok=True)


@pytest.mark.parametrize("seed", range(5))
def test_by_fairlearn(seed):
    draw = np.random.default_rng(seed)
    privileged, y = draw.random(500) < 0.6, draw.random(500) < 0.3
    decision = draw.random(500) < np.where(y, 0.7, 0.2) + 0.1 * privileged
    y, decision = y.astype(int), decision.astype(int)
    of = {
        "error_rate_ratio": lambda t, d: np.mean(t != d),
        "false_negative_rate_ratio": fairlearn.false_negative_rate,
        "false_positive_rate_ratio": fairlearn.false_positive_rate,
        "disparate_impact": fairlearn.selection_rate,
        "true": fairlearn.true_positive_rate,
    }
    groups = fairlearn.MetricFrame(metrics=of, y_true=y, y_pred=decision, sensitive_features=privileged).by_group
    u, p = groups.loc[False], groups.loc[True]
    found = ratio_metrics(y, decision, privileged)
    for name in of.keys() & set(KEYS):
        assert found[name] == pytest.approx(u[name] / p[name])
        assert RATES[name].of(confusion(y[privileged], decision[privileged])) == pytest.approx(p[name])
    false_positive = u["false_positive_rate_ratio"] - p["false_positive_rate_ratio"]
    assert found["average_odds_difference"] == pytest.approx((false_positive + u["true"] - p["true"]) / 2)
    absolute = fairlearn.equalized_odds_difference(y, decision, sensitive_features=privileged, agg="mean")
    assert found["average_abs_odds_difference"] == pytest.approx(absolute)
    smaller = min(found["disparate_impact"], 1 / found["disparate_impact"])
    assert smaller == pytest.approx(fairlearn.demographic_parity_ratio(y, decision, sensitive_features=privileged))


@pytest.mark.parametrize("seed", range(5))
def test_summaries_by_scikit_learn(seed):
    draw = np.random.default_rng(seed)
    y = (draw.random(200) < 0.3).astype(int)
    decision = (draw.random(200) < np.where(y, 0.6, 0.2)).astype(int)
    wanted = {"accuracy": accuracy_score, "balanced_accuracy": balanced_accuracy_score, "f1": f1_score}
    counts = confusion(y, decision)
    for name, oracle in wanted.items():
        assert SUMMARIES[name](counts) == pytest.approx(oracle(y, decision)), name


def test_by_hand():
    """Unprivileged: 1 of 4 positives missed, 2 of 4 negatives flagged. Privileged: 2 of 4 and 1 of 4."""
    y = [1, 1, 1, 1, 0, 0, 0, 0] * 2
    decision = [1, 1, 1, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 0, 0, 0]
    found = ratio_metrics(y, decision, [False] * 8 + [True] * 8)
    wanted = [1, 1 / 2, 2, (2 / 5) / (1 / 3), (1 / 3) / (2 / 5), 5 / 3, (1 / 4 + 1 / 4) / 2, 1 / 4]
    assert list(found.values()) == pytest.approx(wanted)
    swapped = ratio_metrics(y, decision, [True] * 8 + [False] * 8)
    assert [1 / swapped[name] for name in KEYS[:6]] == pytest.approx(wanted[:6])
    assert swapped["average_odds_difference"] == pytest.approx(-0.25)


@pytest.mark.parametrize(
    ("y", "decision", "privileged", "metric", "reason"),
    [
        ([0, 1, 0, 1], [1, 0, 0, 1], [0, 0, 1, 1], "error_rate_ratio", "the privileged group's .* is 0"),
        ([0, 0, 0, 1], [1, 0, 0, 0], [0, 0, 1, 1], "false_negative_rate_ratio", "nobody in the unprivileged group"),
        ([1, 0, 1, 1], [1, 0, 0, 1], [0, 0, 1, 1], "false_positive_rate_ratio", "nobody in the privileged group"),
        ([1, 0, 1, 0], [1, 0, 0, 0], [0, 0, 1, 1], "disparate_impact", "the privileged group's .* is 0"),
        ([1, 0, 1, 1], [1, 0, 0, 1], [0, 0, 1, 1], "average_odds_difference", "nobody in the privileged group"),
        ([1, 0, 1, 0], [1, 0, 0, 1], [1, 1, 1, 1], "disparate_impact", "nobody in the unprivileged group"),
    ],
)
def test_a_zero_denominator_is_nan_with_a_reason(y, decision, privileged, metric, reason):
    with pytest.warns(UndefinedRatio, match=rf"^{metric} is undefined: .*{reason}"):
        assert np.isnan(ratio_metrics(y, decision, privileged)[metric])


def test_a_zero_numerator_is_a_ratio_of_zero():
    assert quietly([0, 1, 0, 1], [0, 1, 1, 1], [0, 0, 1, 1])["error_rate_ratio"] == 0


@pytest.mark.parametrize(
    ("y", "decision", "privileged", "message"),
    [
        ([0, 1], [0, 1, 1], [1, 0], r"one shape \(n,\)"),
        ([[0, 1]], [[0, 1]], [[1, 0]], r"one shape \(n,\)"),
        ([0, 2], [0, 1], [1, 0], "y_true must hold 0 and 1 only"),
        ([0, np.nan], [0, 1], [1, 0], "y_true must hold"),
        ([0, 1], [0.2, 0.9], [1, 0], "y_pred must hold 0 and 1 only; scores need a threshold"),
        ([0, 1], [0, 1], [np.nan, 1], "privileged must hold .* unknown groups must be left out"),
        ([0, 1], [0, 1], ["Male", "Female"], "privileged must hold"),
    ],
)
def test_bad_input(y, decision, privileged, message):
    with pytest.raises(ValueError, match=message):
        ratio_metrics(y, decision, privileged)


def test_counts_under_weights():
    draw = np.random.default_rng(0)
    y, decision, weights = draw.integers(0, 2, 30), draw.integers(0, 2, 30), draw.integers(0, 4, (7, 30))
    drawn = confusion(y, decision, weights.astype(np.float32))
    for i, row in enumerate(weights):
        repeated = confusion(np.repeat(y, row), np.repeat(decision, row))
        assert {name: cell[i] for name, cell in drawn.items()} == repeated


def test_parity_deviation_is_asymmetric_and_the_log_ratio_is_not():
    assert (parity_deviation(2), parity_deviation(0.5), parity_deviation(1)) == (1, 0.5, 0)
    assert np.isnan(parity_deviation(np.nan))
    np.testing.assert_allclose(parity_deviation([0, 0.8, 1.25]), [1, 0.2, 0.25])
    assert log_ratio(2) == -log_ratio(0.5)
    edge = METRICS["error_rate_ratio"].log_threshold
    assert log_ratio([0.8, 1.25]) == pytest.approx([-edge, edge])
    assert np.isnan(log_ratio([0, np.inf, np.nan, -1])).all()
    assert list(SHORT.values()) == ["ERR", "FNRR", "FPRR", "FDRR", "FORR", "DIR"]


OVER = "of the unprivileged over that of the privileged"
RATES_OF_BOTH = "in false positive rate and true positive rate"


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        ("disparate_impact", f"selection rate ratio (DIR): selection rate {OVER}"),
        ("average_odds_difference", f"average odds difference (AOD): mean difference {RATES_OF_BOTH}"),
    ],
)
def test_a_metric_is_named_in_words_with_its_definition(metric, words):
    assert (title(metric), definition(metric)) == (words.partition(":")[0], words)
