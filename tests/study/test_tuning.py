"""The search for ``tuned``: the same budget for both sides, nothing from the test split, the best mean wins."""

import json
from dataclasses import replace

import numpy as np
import pytest

from fairlib import recipes, search
from fairlib.optimisation import OPTIMISERS
from fairlib.recipes import RECIPES, tuned
from fairlib.search import FINAL_SEEDS, FINAL_TRIES, START, STEPS
from fairlib.study import tuning
from fairlib.study.parameters import PROFILES
from fairlib.study.tuning import RUNGS, SIDES, Tried, candidates, tune

#: A search of a few steps.
FEW = ((4, 4, (1000,)), (2, 6, (1000,)), (1, 8, (1000, 1001)))


def kept(rows):
    """Rows as the file gives them back."""
    table = tuning.table(rows)
    return [{name: str(value) for name, value in row.items()} for row in table.to_dict("records")]


@pytest.fixture
def judged(monkeypatch):
    """Stand-in for training: the AUC of a try is given, and what was asked for is kept."""
    asked, areas = [], {}

    def judge(side, settings, steps, seed, *rest):
        number = candidates(side).index(settings)
        asked.append((number, steps, seed))
        return areas.get((number, steps, seed), areas.get(number, 0.5))

    monkeypatch.setattr(tuning, "_judge", judge)
    return asked, areas


def test_both_sides_have_the_same_budget():
    assert [steps for _, steps, _ in RUNGS] == [376, 1128, 3000]
    for side in SIDES:
        tries = candidates(side)
        assert tries[0] == START[side]
        assert len({json.dumps(settings) for settings in tries}) == len(tries) == RUNGS[0][0] == 32
    for windows in (100, 5000, 100_000):
        for _, steps, _ in RUNGS:
            recipe = tuned(**START, steps=steps)
            schedules = [part.schedule for part in (recipe.pretraining, recipe.finetuning, recipe.supervised)]
            pre, fine, alone = (schedule.steps(windows) for schedule in schedules)
            assert pre == fine == alone / 2 == steps / 2
            assert all(schedule.rate(schedule.steps(windows), windows) == 0 for schedule in schedules)
            assert {schedule.batch_size for schedule in schedules} == {128}


def test_tuned_is_as_agreed():
    recipe = tuned(**START)
    assert (recipe.supervised.patience, recipe.finetuning.patience, recipe.precision) == (None, None, "float32")
    assert recipe.evaluate_frozen
    assert recipe.supervised.schedule.steps(5000) == STEPS == 3000
    assert [name for name, _ in recipe.pretraining.views] == ["scaling", "jitter", "channel_mask", "time_mask"]
    assert not any("masks" in options for _, options in recipe.pretraining.views)
    without = tuned(START["supervised"], START["ssl"] | {"jitter": 0.0, "channel_mask": 0.0, "time_mask": "none"})
    assert without.pretraining.views == (("scaling", {"sd": 0.1}),)
    negated = tuned(START["supervised"], START["ssl"] | {"negation": 0.5}).pretraining.views[-1]
    assert negated == ("negation", {"probability": 0.5})


def test_no_profile_has_the_seeds():
    assert not set(FINAL_SEEDS) & {seed for profile in PROFILES.values() for seed in profile.seeds}


def test_the_tries_are_the_same_on_every_machine():
    assert candidates("supervised")[-1] == {
        "optimiser": "adadelta",
        "rate": 0.11,
        "conv_dropout": 0.0,
        "head_dropout": 0.5,
        "conv_l2": 0.0001,
        "head_l2": 0.0,
    }
    assert candidates("ssl")[-1] == {
        "optimiser": "sgd",
        "rate": 0.063,
        "conv_dropout": 0.5,
        "head_dropout": 0.1,
        "conv_l2": 0.001,
        "head_l2": 0.001,
        "pretraining_optimiser": "sgd",
        "pretraining_rate": 0.17,
        "temperature": 0.07,
        "scaling": 0.1,
        "jitter": 0.0,
        "channel_mask": 0.4,
        "time_mask": "1/12 to 1/4",
        "negation": 0.5,
    }


@pytest.mark.parametrize("side", SIDES)
def test_the_tries_lie_in_the_space(side):
    tries = candidates(side)
    for settings in tries:
        assert settings.keys() == START[side].keys()
        assert settings["optimiser"] in OPTIMISERS
        low, high = tuning.TRAINING_RATES[settings["optimiser"]]
        assert low <= settings["rate"] <= high
        tuned(**START | {side: settings})
    assert {settings["optimiser"] for settings in tries} == set(tuning.TRAINING_RATES)
    spaces = [tuning.TRAINING] + [tuning.PRETRAINING] * (side == "ssl")
    for name, values in ((name, values) for space in spaces for name, values in space.items()):
        assert {settings[name] for settings in tries} == set(values)
    if side == "ssl":
        for settings in tries:
            low, high = tuning.PRETRAINING_RATES[settings["pretraining_optimiser"]]
            assert low <= settings["pretraining_rate"] <= high


@pytest.mark.parametrize("side", SIDES)
def test_halving_keeps_the_best(judged, side):
    asked, areas = judged
    areas |= dict.fromkeys(range(8, 20), 0.6) | {31: 0.9, 3: 0.8}
    areas |= {(8, 1128, 1000): 0.95, (9, 1128, 1000): 0.94}
    rows = list(tune(untrained(), side))
    assert asked == [(row.number, row.steps, row.seed) for row in rows]
    second = [row.number for row in rows if row.rung == 2]
    assert second == [3, *range(8, 14), 31]  # of equals the first
    assert [(row.number, row.seed) for row in rows if row.rung == 3] == [(n, s) for n in (8, 9) for s in FINAL_SEEDS]
    assert len(rows) == 32 + 8 + FINAL_TRIES * len(FINAL_SEEDS)


def untrained():
    """A cohort that nothing trains on."""

    class Empty:
        x, y, channels = np.zeros((2, 3, 1), np.float32), np.zeros(2, np.int8), ("a",)

        def rows(self, split):
            assert split in ("train", "val")
            return np.arange(1)

    return Empty()


def test_a_search_that_was_stopped_goes_on(judged):
    asked, areas = judged
    areas |= {5: 0.7, 6: 0.65}
    first = list(tune(untrained(), "ssl"))
    asked.clear()
    again = list(tune(untrained(), "ssl", kept(first[:35])))
    assert again == first[:35] + [replace(row, seconds=again[i].seconds) for i, row in enumerate(first[35:], start=35)]
    assert len(asked) == len(first) - 35


def test_refusals(judged):
    with pytest.raises(ValueError, match="unknown side 'both', expected one of supervised, ssl"):
        next(tune(untrained(), "both"))
    row = Tried(1, 1, 1000, 376, json.dumps(START["ssl"]), 0.7, 1.0)
    with pytest.raises(ValueError, match=r"try 1 of rung 1 .* other settings or steps"):
        list(tune(untrained(), "ssl", kept([row])))
    other = Tried(0, 1, 1000, 400, json.dumps(START["ssl"]), 0.7, 1.0)
    with pytest.raises(ValueError, match="other settings or steps"):
        list(tune(untrained(), "ssl", kept([other])))


@pytest.mark.parametrize("side", SIDES)
def test_tuning_never_reads_the_test_split(make_cohort, side):
    cohort = make_cohort(people=200)
    first = list(tune(cohort, side, rungs=FEW))
    assert [(row.rung, row.seed) for row in first] == [(1, 1000)] * 4 + [(2, 1000)] * 2 + [(3, 1000), (3, 1001)]
    assert all(0 < row.validation_auc <= 1 for row in first)
    assert len({row.validation_auc for row in first}) > 2
    test = cohort.rows("test")
    x, y = cohort.x.copy(), cohort.y.copy()
    x[test], y[test] = 7, 1 - y[test]
    again = list(tune(replace(cohort, x=x, y=y), side, rungs=FEW))
    assert [replace(row, seconds=0) for row in again] == [replace(row, seconds=0) for row in first]
    assert tuple(tuning.table(first).columns) == tuning.COLUMNS


def test_a_try_that_diverges_loses(make_cohort, monkeypatch):
    def breaks(*given, **more):
        raise FloatingPointError("became nan")

    monkeypatch.setattr(tuning, "fit", breaks)
    rows = list(tune(make_cohort(people=60), "supervised", rungs=FEW[:1]))
    assert [row.validation_auc for row in rows] == [0.0] * 4


# --------------------------------------------------------------------------------------------------- the recipe itself


def last_rung(areas):
    """Rows of the last rung: settings → an AUC for each seed."""
    return [
        {"steps": "3000", "settings": json.dumps(settings), "validation_auc": str(area)}
        for settings, found in areas
        for area in found
    ]


def test_the_best_mean_of_the_last_rung_wins():
    one, other = START["ssl"], START["ssl"] | {"temperature": 0.5}
    rows = [{"steps": "376", "settings": json.dumps(one | {"jitter": 0.3}), "validation_auc": "0.99"}]
    assert search.winner([]) is None
    assert search.winner(rows) is None
    found = last_rung([(one, (0.7, 0.9, 0.7)), (other, (0.78, 0.79, 0.8))])
    assert search.winner(rows + found) == other
    assert search.winner(rows + found[:-1]) is None


def test_the_recipe_is_the_searchs_once_both_sides_are_over():
    winners = {side: search.winner(search.tried(side)) for side in SIDES}
    over = all(winners.values())
    assert (recipes.TUNED_BY == "search") == over
    assert RECIPES["tuned"] == tuned(**(winners if over else START))


@pytest.mark.parametrize("side", SIDES)
def test_kept_tries_are_tries_of_this_search(side):
    tries = [json.dumps(settings) for settings in candidates(side)]
    for row in search.tried(side):
        assert row["settings"] == tries[int(row["try"])]
        assert int(row["steps"]) == RUNGS[int(row["rung"]) - 1][1]
