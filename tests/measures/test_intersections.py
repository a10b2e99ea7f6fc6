"""Intersections: every pair of segments of protected attributes, and nothing to compute a withheld cell from."""

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sk

from fairlib import cards
from fairlib.measures import group_sizes, groups
from tests.tables import evaluation_tables

CARD = cards.load("mimic")
TEST = np.flatnonzero(np.isin(np.arange(900) % 10, (7, 8, 9)))  # as make_cohort splits
DRAWS = 30


def found(cohort, rule):
    rows = group_sizes.frame(cohort).iloc[cohort.rows("test")].reset_index(drop=True)
    listed = groups.intersections(rows, cohort.card, rule)
    return rows, pd.DataFrame(listed, columns=["pair", "cell", "chosen", "note"])


def test_every_pair_once(make_cohort):
    rows, table = found(make_cohort("mimic", "twin", people=900), "synthetic")
    assert table["pair"].nunique() == 5 * 4 / 2
    own = table[table["pair"] == "gender × age"].set_index("cell")
    assert set(own.index) == {"Male × <65", "Male × >=65", "Female × <65", "Female × >=65"}
    wanted = (rows["gender"] == "Male") & (rows["age"] == ">=65")
    np.testing.assert_array_equal(own.loc["Male × >=65", "chosen"], wanted)


def test_care_segments_are_not_crossed(make_cohort):
    assert set(found(make_cohort(people=900), "open")[1]["pair"]) == {"gender × age"}


def small(make_cohort, missing=False):
    """Of 270 test people, six are older women; or, six women's age is unknown."""
    gender = np.resize(np.array(["Male", "Female", "Male"], dtype=object), 900)
    age = np.resize(np.array(["<65", "<65", ">=65"], dtype=object), 900)
    women = [i for i in TEST if gender[i] == "Female"]
    age[women], age[women[:6]] = "<65", None if missing else ">=65"
    if missing:
        age[women[6:60]] = ">=65"
    return make_cohort("mimic", people=900, gender=gender, age=age)


@pytest.mark.parametrize("missing", [False, True])
def test_restricted_data_withholds_the_whole_pair(make_cohort, missing):
    cohort = small(make_cohort, missing)
    table = found(cohort, "restricted")[1]
    own = table[table["pair"] == "gender × age"]
    assert own["note"].str.startswith("withheld").all()
    assert own["note"].nunique() == 1  # which cell is small is not told
    score = np.random.default_rng(0).random(900)
    kept = evaluation_tables(cohort, score, 0.5, DRAWS)["intersections"]
    hidden = kept[kept["note"].str.startswith("withheld")]
    assert (hidden[["people", "windows", "events"]] == 0).all(axis=None)
    assert hidden["estimate"].isna().all()
    shown = kept[kept["note"] == ""]
    assert (shown[["people", "events"]] >= CARD.min_cell).all(axis=None)


def test_open_data_withholds_the_cell(make_cohort):
    own = found(small(make_cohort), "open")[1].query("pair == 'gender × age'").set_index("cell")
    assert own.loc["Female × >=65", "note"].startswith("withheld")
    assert (own["note"].drop("Female × >=65") == "").all()


def test_numbers_by_scikit_learn(make_cohort):
    cohort = make_cohort("mimic", "twin", people=1500, windows=2)
    score = 1 / (1 + np.exp(-(2 * cohort.y - 1 + np.random.default_rng(0).normal(size=len(cohort)))))
    kept = evaluation_tables(cohort, score, 0.5, DRAWS)["intersections"]
    rows, table = found(cohort, "synthetic")
    s, chosen = score[cohort.rows("test")], table.set_index("cell").loc["Female × <65", "chosen"]
    own = kept[kept["segment"] == "Female × <65"].set_index("metric")
    y, s = rows["y"].to_numpy()[chosen], s[chosen]
    assert own.loc["auc", "estimate"] == pytest.approx(sk.roc_auc_score(y, s))
    assert own.loc["error_rate", "estimate"] == pytest.approx(sk.zero_one_loss(y, s >= 0.5))
    assert own["windows"].tolist() == [chosen.sum()] * 2
    assert np.stack(own["replicates"]).std(axis=1).min() > 0
