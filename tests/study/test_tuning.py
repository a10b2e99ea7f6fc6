"""The grid of ``tuned``: the same budget for both, nothing from the test split, the best row wins."""

from dataclasses import replace

import pytest

from fairlib import recipes
from fairlib.optimisation import OPTIMISERS
from fairlib.schedules import Schedule
from fairlib.study import tuning


@pytest.fixture
def few(monkeypatch):
    """Two ways of each kind, a few steps."""
    short = Schedule(1, 64, 0.1)
    for name in ("TRAINING_GRID", "PRETRAINING_GRID"):
        ways = list(getattr(recipes, name).items())[:2]
        monkeypatch.setattr(tuning, name, {way: replace(settings, schedule=short) for way, settings in ways})


def test_both_parts_have_the_same_budget():
    assert len(recipes.TRAINING_GRID) == len(recipes.PRETRAINING_GRID) == 8
    for grid in (recipes.TRAINING_GRID, recipes.PRETRAINING_GRID):
        assert {way.optimiser for way in grid.values()} <= set(OPTIMISERS)
        assert all(way.schedule.minimum_steps == 2000 for way in grid.values())
    assert "adamw" in {way.optimiser for way in recipes.PRETRAINING_GRID.values()}


def test_tuning_never_reads_the_test_split(make_cohort, few):
    cohort = make_cohort(people=400)
    tried = list(tuning.tune(cohort))
    assert [row.part for row in tried] == ["training"] * 2 + ["pre-training"] * 2
    assert all(0 <= row.validation_auc <= 1 for row in tried)
    test = cohort.rows("test")
    x, y = cohort.x.copy(), cohort.y.copy()
    x[test], y[test] = 7, 1 - y[test]
    assert list(tuning.tune(replace(cohort, x=x, y=y))) == tried
    assert list(tuning.table(tried).columns) == ["part", "way", "validation_auc"]


def test_the_best_way_wins(tmp_path, monkeypatch):
    file = tmp_path / "grid.csv"
    ways = list(recipes.TRAINING_GRID)
    file.write_text(
        f'part,way,validation_auc\ntraining,"{ways[0]}",0.7\ntraining,"{ways[3]}",0.81\npre-training,x,0.9\n'
    )
    monkeypatch.setattr(recipes, "GRID_FILE", file)
    assert recipes.best("training") == ways[3]
    assert recipes.best("pre-training") == "x"


def test_what_was_tried_is_not_trained_again(make_cohort, few):
    first = list(tuning.tune(make_cohort(people=400)))
    known = {(row.part, row.way): 0.5 + i / 100 for i, row in enumerate(first[:3])}
    again = list(tuning.tune(make_cohort(people=400), known=known))
    assert [row.validation_auc for row in again[:3]] == list(known.values())
    assert again[3].way == first[3].way


def test_the_kept_grid_holds_only_ways_of_the_grid_and_the_recipe_needs_all():
    ways = {("training", way) for way in recipes.TRAINING_GRID} | {
        ("pre-training", w) for w in recipes.PRETRAINING_GRID
    }
    assert recipes.tried().keys() <= ways
    assert ("tuned" in recipes.RECIPES) == (recipes.tried().keys() == ways)
