"""The part of the coverage page on cross-fitted intervals, by hand."""

import pandas as pd
import pytest

from book.quality import FOLDER, coverage


@pytest.fixture
def table():
    """Two estimands; a cell without intervals counts for nothing."""
    rows = [("AUC", "near", 0.95, 0.01), ("AUC", "far", 0.90, 0.01), ("D", "near", 1.0, 0.0), ("D", "far", None, None)]
    frame = pd.DataFrame(rows, columns=["estimand", "scenario", "coverage", "error"])
    return frame.assign(group="everyone", cohorts=100, length=[0.1, 0.3, 0.2, None])


@pytest.fixture
def verdicts():
    rows = [("claim", "a", 0.02, 0.9, 0.8), ("claim", "b", 0.08, 0.2, 0.1), ("too little data", "a", None, None, 1.0)]
    frame = pd.DataFrame(rows, columns=["verdict", "scenario", "wrong", "true", "given"])
    return frame.assign(cohorts=100, error=0.02)


def test_estimands_over_their_cells(table):
    found = coverage.by_estimand(table).set_index("estimand")
    assert found.loc["AUC", ["cells", "low", "low_where", "high"]].tolist() == [2, 0.90, "far", 0.95]
    assert found.loc["AUC", ["mean", "length"]].tolist() == pytest.approx([0.925, 0.2])
    assert found.loc["D", "cells"] == 1


def test_cells_below_what_is_asked_beyond_chance(table):
    assert coverage.below_asked(table)["scenario"].tolist() == ["far"]
    assert coverage.below_asked(table.assign(error=0.02)).empty


def test_a_verdict_is_judged_where_it_errs_most(verdicts):
    (row,) = coverage.wrong_verdicts(verdicts).to_dict("records")
    assert (row["scenario"], row["wrong"], row["right"]) == ("b", 0.08, 0.8)


def test_the_sentence_and_the_picture_hold_the_numbers(table, verdicts):
    text = coverage.crossed_finding(table, verdicts)
    assert "1 of 3 cells are below 93.0 % by more than two Monte-Carlo errors: AUC, everyone, far." in text
    assert "“claim” (8.0 % of 100 cohorts, scenario “b”)" in text
    figure, alt = coverage.cells(table)
    assert "2 cross-fitted estimands in 3 cells" in alt
    assert "90.0 % (AUC, far)" in alt
    ends = figure.axes[0].collections[-1].get_segments()
    assert max(x for segment in ends for x, _ in segment) <= 1


def test_the_kept_tables_can_be_told():
    crossed = pd.read_csv(FOLDER / "coverage_crossfit.csv", keep_default_na=False, na_values=[""])
    given = pd.read_csv(FOLDER / "coverage_crossfit_verdicts.csv")
    assert "Cross-fitted intervals hold the truth in" in coverage.crossed_finding(crossed, given)
