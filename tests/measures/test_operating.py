"""Decisions at an operating point: by hand, against copied rows, with ties, and thresholds from validation people."""

import numpy as np
import pandas as pd
import pytest

from fairlib.measures.operating import (
    CHOSEN,
    POINTS,
    PRIMARY,
    PUBLISHED,
    SENSITIVE,
    Point,
    flagged,
    ranking,
    threshold_of,
    thresholds,
)
from fairlib.seeds import generator

SCORE = np.array([0.9, 0.1, 0.8, 0.7, 0.2, 0.3, 0.6, 0.05, 0.5, 0.4], dtype=np.float32)
Y = np.array([1, 0, 0, 1, 0, 1, 1, 0, 0, 1], dtype=np.int8)
ORDER = ranking(SCORE, np.arange(10))
ONE = np.ones((1, 10), dtype=np.float32)


def test_names():
    assert [point.name for point in POINTS[:2]] == ["alert rate 0.20", "alert rate 0.10"]
    assert (SENSITIVE.name, PUBLISHED.name) == ("sensitivity 0.80", "threshold 0.50")
    assert CHOSEN[0].name == "alert rate 0.20, validation"
    assert len({point.name for point in POINTS}) == len(POINTS)


def test_the_highest_scores_are_flagged():
    np.testing.assert_array_equal(ORDER, [0, 2, 3, 6, 8, 9, 5, 4, 1, 7])
    chosen = flagged(PRIMARY, Y[ORDER], ONE)[0]
    np.testing.assert_allclose(chosen, [1, 1, 0, 0, 0, 0, 0, 0, 0, 0], atol=1e-5)


def test_the_row_on_the_boundary_counts_in_part():
    np.testing.assert_allclose(flagged(Point("alert rate", 0.25), Y[ORDER], ONE)[0, :4], [1, 1, 0.5, 0], atol=1e-5)
    weights = np.array([[1, 3, 0, 2, 1, 1, 1, 1, 0, 0]], dtype=np.float32)
    np.testing.assert_allclose(flagged(Point("alert rate", 0.3), Y[ORDER], weights)[0, :4], [1, 2, 0, 0], atol=1e-5)


def test_sensitivity_flags_down_to_the_event_that_it_needs():
    """Events have ranks 1, 3, 4, 6 and 7: four of five are reached at rank 6."""
    np.testing.assert_allclose(flagged(SENSITIVE, Y[ORDER], ONE)[0], [1, 1, 1, 1, 1, 1, 0, 0, 0, 0], atol=1e-5)
    half = flagged(Point("sensitivity", 0.5), Y[ORDER], ONE)[0]  # two and a half events: half of the one at rank 4
    np.testing.assert_allclose(half, [1, 1, 1, 0.5, 0, 0, 0, 0, 0, 0], atol=1e-5)


def _copied(point: Point, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The same for one draw, by copying rows: y in order of rank."""
    copies = np.repeat(np.arange(len(y)), weights.astype(int))
    counted = np.ones(len(copies)) if point.kind == "alert rate" else (y[copies] == 1).astype(float)
    left, out = point.value * counted.sum(), np.zeros(len(y))
    for row, one in zip(copies, counted, strict=True):
        if left <= 1e-9:
            break
        out[row] += min(1, left) if one else 1
        left -= one
    return out


@pytest.mark.parametrize("point", [PRIMARY, SENSITIVE, Point("alert rate", 0.37), Point("sensitivity", 0.55)])
def test_a_draw_is_as_if_there_were_so_many_people(point):
    draw = generator(0, "tests", "operating")
    y, weights = (draw.random(60) < 0.3).astype(np.int8), draw.poisson(1, size=(30, 60)).astype(np.float32)
    expected = np.stack([_copied(point, y, row) for row in weights])
    np.testing.assert_allclose(flagged(point, y, weights), expected, atol=2e-5)


def test_both_rates_are_met_exactly_in_every_draw():
    draw = generator(1, "tests", "operating")
    y, weights = (draw.random(500) < 0.2).astype(np.int8), draw.poisson(1, size=(50, 500)).astype(np.float32)
    alerts, found = flagged(PRIMARY, y, weights), flagged(SENSITIVE, y, weights)
    np.testing.assert_allclose(alerts.sum(axis=1) / weights.sum(axis=1), 0.2, atol=1e-6)
    np.testing.assert_allclose(found[:, y == 1].sum(axis=1) / weights[:, y == 1].sum(axis=1), 0.8, atol=1e-6)


def test_ties_are_decided_by_the_fixed_order():
    """Closed form: of 1,000 equal scores 200 are flagged, whichever label they have."""
    draw = generator(2, "tests", "operating")
    score, ties = np.zeros(1000, dtype=np.float32), draw.permutation(1000)
    order = ranking(score, ties)
    np.testing.assert_array_equal(order, np.argsort(ties))
    chosen = flagged(PRIMARY, np.zeros(1000), np.ones((1, 1000), dtype=np.float32))[0] > 0.5
    assert chosen.sum() == 200
    np.testing.assert_array_equal(np.sort(ties[order[chosen]]), np.arange(200))


def test_thresholds_realise_their_rate_on_the_people_they_are_from():
    draw = generator(3, "tests", "operating")
    score, y = draw.random(400), (draw.random(400) < 0.25).astype(np.int8)
    table = thresholds(y, score).set_index("point")["threshold"]
    assert (score >= table["alert rate 0.20"]).mean() == 0.2
    events = score[y == 1]
    assert (events >= table["sensitivity 0.80"]).sum() == np.floor(0.8 * len(events) + 0.5)
    assert thresholds(y[:3], score[:3], (Point("alert rate", 0.01),))["threshold"][0] == score[:3].max()


def test_a_run_has_its_own_threshold():
    cut = pd.DataFrame({"repeat": [0, 1], "fold": [2, 2], "point": ["alert rate 0.20"] * 2, "threshold": [0.3, 0.4]})
    assert threshold_of(CHOSEN[0], cut, 1, 2) == 0.4
    assert threshold_of(PUBLISHED, None, 1, 2) == 0.5
    for table in (cut, None):
        with pytest.raises(KeyError, match=r"no threshold from validation people for 'sensitivity 0\.80' in fold 2"):
            threshold_of(CHOSEN[1], table, 1, 2)


def test_no_event_no_sensitivity():
    with pytest.raises(ValueError, match="no event among 3 validation people"):
        thresholds(np.zeros(3), np.arange(3.0))
