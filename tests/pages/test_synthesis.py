"""Gap against segment size: the noise baseline against simulation, lowess, bands, and who goes with whom."""

import numpy as np
import pandas as pd
import pytest

from book.pages import noise as synthesis
from book.pages.noise import MEAN_ABSOLUTE
from book.release import published
from fairlib.inference import auc, half_width
from tests.release import release_claims


def test_auc_variance_in_known_cases():
    # Published: 0.806 [0.783, 0.830] for MIMIC's 374 deaths in 3,236 stays, by a bootstrap of windows.
    assert np.sqrt(synthesis.auc_variance(0.806, 374, 2862)) == pytest.approx((0.829786 - 0.782822) / 3.92, rel=0.1)
    # One positive and one negative: the AUC is 0 or 1.
    assert synthesis.auc_variance(0.7, 1, 1) == pytest.approx(0.7 * 0.3)
    # Scores without any information: the variance of the rank sum, (p + n + 1) / (12 p n).
    assert synthesis.auc_variance(0.5, 30, 70) == pytest.approx(101 / (12 * 30 * 70))
    assert np.isnan(synthesis.auc_variance(0.8, 0, 10))
    assert synthesis.auc_variance([0.8, 0.8], [10, 20], [90, 180]).shape == (2,)


@pytest.mark.parametrize(
    ("separation", "people", "prevalence", "segment"),
    [(1.4, 1200, 0.14, 60), (1.4, 3200, 0.115, 1440), (0.1, 1083, 0.376, 99), (1.75, 1000, 0.58, 200)],
)
def test_the_noise_baseline_is_that_of_a_simulation(separation, people, prevalence, segment):
    """A model that serves everybody alike: the gap of a random segment to everybody, many times."""
    draw = np.random.default_rng(1)
    gaps, areas, counts = [], [], []
    for _ in range(300):
        y = (draw.random(people) < prevalence).astype(int)
        score = draw.normal(size=people) + separation * y
        if 0 < y[:segment].sum() < segment:
            areas.append(auc(y, score))
            gaps.append(auc(y[:segment], score[:segment]) - areas[-1])
            counts.append(y[:segment].sum())
    p, n = np.mean(counts), segment - np.mean(counts)
    args = (np.mean(areas), p, n, people * prevalence, people * (1 - prevalence))
    expected = MEAN_ABSOLUTE * synthesis.gap_deviation(*args)
    assert np.mean(np.abs(gaps)) == pytest.approx(expected, rel=0.15)
    assert 0.90 <= np.mean(np.abs(gaps) < half_width() * synthesis.gap_deviation(*args)) <= 0.99


def test_noise_is_zero_where_the_segment_is_everybody_and_falls_with_size():
    assert synthesis.gap_deviation(0.8, 100, 900, 100, 900) == 0
    small, large = synthesis.gap_deviation(0.8, [10, 60], [90, 540], 100, 900)
    assert small > 2 * large > 0


def rows(n=24, seed=0):
    """Made-up segments of two models, whose gaps shrink with their size."""
    draw = np.random.default_rng(seed)
    size = np.geomspace(30, 3000, n)
    parts = []
    for model, factor in (("Supervised", 1.0), ("SSL", 0.5)):
        delta = factor * draw.normal(size=n) / np.sqrt(size)
        table = {"dataset": "A", "attribute": "age", "segment": [f"s{i}" for i in range(n)], "model": model}
        counts = {"positives": size / 5, "negatives": 4 * size / 5, "all_positives": 2000.0, "all_negatives": 8000.0}
        parts.append(pd.DataFrame(table | counts | {"delta": delta, "overall_auc": 0.8, "share": size / 3000}))
    return synthesis.with_noise(pd.concat(parts, ignore_index=True))


def test_lowess_with_bands():
    table = rows()
    curves = synthesis.fit(table, "share", draws=100)
    assert set(curves["curve"]) == {"Supervised", "SSL", "noise"}
    inside = curves.dropna()
    assert (inside["low"] <= inside["high"]).all()
    assert ((inside["low"] <= inside["value"] + 0.01) & (inside["value"] - 0.01 <= inside["high"])).mean() > 0.9
    pd.testing.assert_frame_equal(curves, synthesis.fit(table, "share", draws=100))  # the same draws
    noise = curves[curves["curve"] == "noise"]["value"].to_numpy()
    assert noise[0] > noise[-1]


def test_a_straight_line_stays_one():
    table = rows().assign(gap=lambda t: 0.3 - 0.1 * t["share"])
    curve = synthesis.fit(table, "share", draws=50).query("curve == 'SSL'")
    np.testing.assert_allclose(curve["value"], 0.3 - 0.1 * curve["x"], atol=1e-8)


def test_both_models_are_resampled_together():
    """Where SSL's gap is the supervised gap minus a constant, every draw shows that constant."""
    table = rows()
    gaps = table["gap"].to_numpy().copy()
    gaps[24:] = gaps[:24] - 0.01
    found = release_claims.mean_gap_difference(table.assign(gap=gaps), 200)
    assert found["segments"] == 24
    assert (found["difference"], found["low"], found["high"]) == pytest.approx((-0.01, -0.01, -0.01))


def test_published_rows_carry_their_noise():
    table = synthesis.published_rows(published.segments(), published.held_out)
    assert len(table) == 62
    assert (table["gap"] == table["delta"].abs()).all()
    assert table["expected"].between(0, 0.2).all()
    mimic = table[(table["dataset"] == "MIMIC") & (table["model"] == "Supervised")].set_index("segment")
    assert mimic.loc["Self Pay", "expected"] > mimic.loc["Government", "expected"] > mimic.loc["Medicare", "expected"]
    assert mimic.loc["Self Pay", "positives"] == pytest.approx(36 * 374 / 3236)


def test_own_rows_leave_out_what_cannot_be_judged():
    base = {"strategy": "supervised", "metric": "auc", "people": 90, "low": 0.7, "high": 0.9}
    summary = pd.DataFrame(
        [
            base
            | {
                "scope": "overall",
                "attribute": "everybody",
                "segment": "everybody",
                "mean": 0.8,
                "windows": 100,
                "events": 20,
            },
            base | {"scope": "segment", "attribute": "age", "segment": "<65", "mean": 0.7, "windows": 40, "events": 12},
            base
            | {"scope": "segment", "attribute": "age", "segment": ">=65", "mean": np.nan, "windows": 5, "events": 1},
        ]
    )
    summary = pd.concat([summary, summary.assign(strategy="frozen_0", mean=summary["mean"] + 0.02)])
    found = synthesis.own_rows(summary, "mine", {"Supervised": "supervised", "SSL": "frozen_0"}, ["age"])
    assert list(found["segment"]) == ["<65", "<65"]
    assert list(found["delta"]) == pytest.approx([-0.1, -0.1])
    assert list(found["negatives"]) == [28, 28]
    assert (found["all_positives"] == 20).all()
