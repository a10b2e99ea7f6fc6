"""Across datasets: every trained model is listed once, and no number mixes twins with real data."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from book.pages import cases
from book.pages.contracts import Synthesis, check
from book.pages.tables import synthesis as tables
from fairlib import cards
from fairlib.mitigation import TRAINED
from fairlib.strategies import LABELLED, PRIMARY
from fairlib.study import parts, runs
from fairlib.study.crossfitted import CrossFitted
from fairlib.study.frozen import Frozen
from fairlib.study.parameters import FROZEN, PROFILES
from fairlib.study.runs import Study

DRAWS = PROFILES["smoke"].draws


@pytest.fixture(scope="module")
def trained(make_cohort, tiny, tmp_path_factory):
    """A study with both models trained, one mitigation of two seeds, and 20 labelled people a group of one seed."""
    made = Study(make_cohort(people=400), tiny(), tmp_path_factory.mktemp("gathered"), draws=DRAWS, runs=(1, 2))
    for seed in (1, 2):
        for name in ("supervised", PRIMARY, "reweighed"):
            made.train(name, seed)
    for name in ("supervised", PRIMARY):
        made.table("metrics", name, 1, 20)
    return made


def case_of(made, people=(20, 40)):
    p = check("5_evaluation", {"dataset": "challenge2012", "profile": "smoke", "seeds": [1, 2]})
    found = tuple((name, seed) for name in ("supervised", PRIMARY) for seed in (1, 2))
    return cases.Case(p, made, cards.load("challenge2012"), SimpleNamespace(seeds=(1, 2)), found, (), people)


def test_every_model_is_listed_once_and_none_is_trained(trained, monkeypatch):
    monkeypatch.setattr(runs, "fit", lambda *_: pytest.fail("a page that trains nothing trained"))
    table = case_of(trained).every_model()
    listed = list(zip(table["strategy"], table["seed"], table["people"].fillna(0), strict=True))
    full = [(name, seed, 0) for name in ("supervised", PRIMARY, "reweighed") for seed in (1, 2)]
    assert listed == [*full, ("supervised", 1, 20), (PRIMARY, 1, 20)]
    pd.testing.assert_frame_equal(table.iloc[:4], case_of(trained).each_model())
    few = table[table["people"] == 20].iloc[1]
    metrics = trained.table("metrics", PRIMARY, 1, 20)
    assert few["auc"] == metrics.loc[(metrics["scope"] == "overall") & (metrics["metric"] == "auc"), "estimate"].item()
    assert case_of(trained).label_sizes == ()  # of 20 people a group there is one seed only, of 40 none
    assert replace(case_of(trained), models_found=(("supervised", 1), (PRIMARY, 1))).label_sizes == (20,)


def test_a_model_without_a_seed_or_a_recipe_counts_once():
    one = pd.DataFrame({"strategy": ["supervised", "supervised", "logistic_regression", "logistic_regression"]})
    one = one.assign(people=np.nan, auc=[0.8, 0.81, 0.85, 0.85], deviation=[0.1, 0.2, 0.3, 0.3])
    other = one.assign(auc=[0.7, 0.71, 0.85, 0.85])
    assert tables.different({"A, recipe x": one}) == 3
    assert tables.different({"A, recipe x": one, "A, recipe y": other}) == 5
    assert tables.different({"A, recipe x": one, "B, recipe x": one}) == 6
    assert tables.different({}) == 0


def test_frozen_models_are_listed_like_those_of_a_study(trained, tmp_path):
    names, folder = ("supervised", PRIMARY, "reweighed"), tmp_path / "challenge2012"
    made = CrossFitted(trained, 0, trained.runs)
    parts.write_people(folder, made)
    for repeat, k, model in parts.missing(folder, made, names):
        parts.write(folder, made, model, repeat, k)
    for model in names[:2]:
        parts.write(folder, made, model, 1, 0, labels=20)
    kept = Frozen(parts.pack(folder), "paper_text")
    table = case_of(kept, kept.label_sizes).every_model()
    numbers = ["auc", "deviation", "people"]
    pd.testing.assert_frame_equal(table[numbers], case_of(trained).every_model()[numbers], check_exact=False, atol=1e-4)


def test_the_book_lists_hundreds_of_models():
    """At least 200, of which at least 100 of real data, as ``notebooks/study.yaml`` and the frozen results stand."""
    real = twins = 0
    for dataset, case in Synthesis().chosen.items():
        for recipe in case.recipes:
            if case.source == "frozen":
                kept = Frozen(FROZEN / dataset, recipe)
                names = [*PROFILES[case.profile].strategies, *TRAINED]
                real += sum(len(kept.seeds(name)) for name in names)
                few = [kept.seeds(name, n) for n in kept.label_sizes for name in LABELLED]
                real += sum(map(len, few))
            else:
                trained = [name for name in TRAINED if name in case.mitigations]
                models = len(PROFILES[case.profile].strategies) + len(trained) + len(case.people) * len(LABELLED)
                twins += models * len(case.seeds)
    assert real >= 100
    assert real + twins >= 200
