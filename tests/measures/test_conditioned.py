"""Conditioned CKA: each segment against its definition, size-matched, permuted labels, and what may be shown."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from book.pages.cka_gaps import over_runs
from fairlib.inference import seed_interval
from fairlib.measures import cka as conditioned
from fairlib.measures.cka import PEOPLE, average_draws, first_windows, shown_segments, similarity_table, unknown
from fairlib.permutations import label_sources
from fairlib.similarity import cka, gram, one_window_each


@pytest.fixture(scope="module")
def compared(make_cohort):
    """A cohort, one test window a person, and two layers of two models on them."""
    gender = np.resize(np.array(["Male"] * 7 + ["Female"] * 3 + ["Male"] * 10, dtype=object), 900)
    cohort = make_cohort(people=900, windows=2, gender=gender)
    rows = cohort.rows("test")
    rows = rows[one_window_each(cohort.person[rows], seed=0)]
    draw = np.random.default_rng(0)
    left = [draw.normal(size=(len(rows), 6)) for _ in range(2)]
    right = [layer @ draw.normal(size=(6, 4)) + draw.normal(size=(len(rows), 4)) for layer in left]
    return cohort, rows, left, right


def test_similarity_table(compared):
    cohort, rows, left, right = compared
    grams = [[gram(layer) for layer in layers] for layers in (left, right)]
    table = similarity_table(cohort, *grams, rows, draws=40, minimum=60)
    people = cohort.attributes.iloc[rows].reset_index(drop=True)
    assert set(table["attribute"]) == {"everybody", "gender", "age", "icu_type"}
    for row in table.itertuples():
        chosen = slice(None) if row.segment == "everybody" else (people[row.attribute] == row.segment).to_numpy()
        direct = cka(left[row.layer_supervised - 1][chosen], right[row.layer_other - 1][chosen])
        assert row.cka == pytest.approx(direct, abs=1e-9)
        assert row.people == len(rows[chosen]) >= 60
        assert row.low < row.cka < row.high
        assert len(row.halves) == 40
        own = table[table["attribute"] == row.attribute]
        assert row.matched_people == own["people"].min()  # the same number of people in each segment
        assert row.matched == row.cka if row.people == row.matched_people else abs(row.matched - row.cka) < 0.1
    fewer = similarity_table(cohort, *grams, rows, draws=40, minimum=150)
    assert "Female" in set(table["segment"])
    assert "Female" not in set(fewer["segment"])


def test_permuted_labels(compared):
    """The value of a permutation is CKA of the people who were dealt the label, by its definition."""
    cohort, rows, left, right = compared
    grams = [[gram(layer) for layer in layers] for layers in (left, right)]
    table = similarity_table(cohort, *grams, rows, draws=20, permutations=6)
    values = cohort.attributes["gender"].iloc[rows].to_numpy()
    sources = np.vstack(list(label_sources(cohort.person[rows], cohort.y[rows], 6)))
    own = table[(table["segment"] == "Female") & (table["layer_supervised"] == 2) & (table["layer_other"] == 1)]
    for source, found in zip(sources, own["permuted"].iloc[0], strict=True):
        dealt = values[source] == "Female"
        assert dealt.sum() == own["people"].iloc[0]
        assert cohort.y[rows][dealt].sum() == cohort.y[rows][values == "Female"].sum()  # nor does the outcome change
        assert found == pytest.approx(cka(left[1][dealt], right[0][dealt]), abs=1e-6)
    assert all(len(permuted) == 0 for permuted in table.loc[table["segment"] == "everybody", "permuted"])


def test_average_over_draws_of_windows():
    """A person's windows may lie in different segments: a segment may be too small to show in one of the draws."""
    keys = [("everybody", "everybody"), ("age", "<65"), ("age", ">=65")]
    rows = [{"attribute": a, "segment": s, "people": 60, "layer_supervised": 1, "layer_other": 1} for a, s in keys]
    first, second = (
        pd.DataFrame(rows).assign(
            cka=values, low=0.0, high=1.0, matched=values, matched_people=60, halves=lists, permuted=lists
        )
        for values, lists in (
            ([0.2, 0.4, 0.6], [np.array([1.0, 2.0])] * 3),
            ([0.4, 0.6, 0.8], [np.array([3.0, 6])] * 3),
        )
    )
    mean = average_draws([first, second]).set_index("segment")
    assert mean["cka"].to_dict() == pytest.approx({"everybody": 0.3, "<65": 0.5, ">=65": 0.7})
    assert mean["halves"]["<65"].tolist() == mean["permuted"][">=65"].tolist() == [2, 4]
    mean = average_draws([first, second.drop(index=1)]).set_index("segment")["cka"].dropna()
    assert mean.drop("<65", errors="ignore").to_dict() == pytest.approx({"everybody": 0.3, ">=65": 0.7})


def test_half_samples_hold_the_same_people_whatever_changes_beside_them(compared):
    """One person becomes older: halves of other segments stay, and halves of their own change by a person or two.

    Tables are averaged over draws of windows; halves of other people would shrink the interval of the mean.
    """
    cohort, rows, left, right = compared
    grams = [[gram(layer) for layer in layers[:1]] for layers in (left, right)]
    values = cohort.attributes.assign(age=cohort.attributes["age"].astype(object))
    someone = rows[np.flatnonzero((values["age"].iloc[rows] == "<65").to_numpy())[0]]
    values.loc[someone, "age"] = ">=65"
    aged = replace(cohort, attributes=values.assign(age=pd.Categorical(values["age"], ["<65", ">=65"])))
    first, second = (similarity_table(c, *grams, rows, draws=60) for c in (cohort, aged))
    for one, other in zip(first.itertuples(), second.itertuples(), strict=True):
        if one.attribute != "age":
            np.testing.assert_array_equal(one.halves, other.halves)
        else:
            assert np.corrcoef(one.halves, other.halves)[0, 1] > 0.9
    mean = average_draws([first, second]).set_index("segment").loc["<65"]
    single = first.set_index("segment").loc["<65"]
    assert mean["high"] - mean["low"] == pytest.approx(single["high"] - single["low"], rel=0.1)
    pd.testing.assert_frame_equal(average_draws([first]), first)


def test_half_samples_depend_on_the_person_not_on_the_order_of_rows(compared):
    cohort, rows, left, right = compared
    order = np.random.default_rng(1).permutation(len(rows))
    one, other = (
        similarity_table(cohort, [gram(left[0][chosen])], [gram(right[0][chosen])], rows[chosen], draws=30)
        for chosen in (np.arange(len(rows)), order)
    )
    np.testing.assert_allclose(np.stack(one["halves"]), np.stack(other["halves"]), atol=1e-6)


def test_half_samples_hold_half_of_the_people_and_matched_ones_as_many_as_the_smallest_segment(compared, monkeypatch):
    cohort, rows, left, right = compared
    grams = [[gram(layer) for layer in layers] for layers in (left, right)]
    taken, real = [], conditioned.subsample_table
    monkeypatch.setattr(conditioned, "subsample_table", lambda *given: taken.append(given[2]) or real(*given))
    table = similarity_table(cohort, *grams, rows, draws=20, minimum=60).drop_duplicates(["attribute", "segment"])
    for row, weights in zip(table.itertuples(), taken, strict=True):
        assert (weights[:, :20].sum(axis=0) == row.people // 2).all()
        assert (weights[:, 20:].sum(axis=0) == row.matched_people).all()
        assert weights.shape == (row.people, 20 if row.people == row.matched_people else 70)


def test_of_too_few_people_nothing_is_known(make_cohort):
    table = unknown(3)
    assert table[["layer_supervised", "layer_other"]].to_numpy().tolist() == [
        [i, j] for i in (1, 2, 3) for j in (1, 2, 3)
    ]
    assert set(table["attribute"]) == set(table["segment"]) == {"everybody"}
    assert table[["people", "cka", "low", "high", "matched", "matched_people"]].isna().all(axis=None)
    assert all(len(draws) == 0 for column in conditioned.DRAWS for draws in table[column])
    twin, real = (make_cohort("mimic", origin, people=100) for origin in ("twin", "real"))
    few = replace(real, card=real.card.model_copy(update={"min_cell": 2}))
    assert [conditioned.fewest(cohort) for cohort in (twin, real, few)] == [4, real.card.min_cell, 4]


@pytest.mark.parametrize(("people", "shown"), [(49, False), (50, True)])
def test_a_segment_of_fifty_is_shown(people, shown, make_cohort):
    gender, test = np.full(1000, "Male", dtype=object), np.flatnonzero(np.arange(1000) % 10 >= 7)
    gender[test[:people]] = "Female"
    cohort = make_cohort(people=1000, gender=gender)
    assert (("gender", "Female") in shown_segments(cohort, cohort.rows("test"))) == shown


def test_several_training_runs_widen_the_interval():
    row = {"attribute": "age", "segment": "<65", "people": 60, "layer_supervised": 1, "layer_other": 1, "matched": 0.5}
    runs = pd.DataFrame([row | {"cka": v, "low": v - 0.098, "high": v + 0.098} for v in (0.4, 0.5, 0.6)])
    found = over_runs(runs).iloc[0]
    replicates = np.tile(np.random.default_rng(0).normal(0, 1, 2000), (3, 1))
    replicates *= 0.098 / 1.959964 / replicates[0].std(ddof=1)
    wanted = seed_interval(np.array([0.4, 0.5, 0.6]), replicates)
    assert (found["cka"], found["low"], found["high"]) == pytest.approx(wanted, abs=1e-6)
    assert (found["seeds"], found["people"], found["matched"]) == (3, 60, 0.5)
    alone = over_runs(runs.iloc[:1]).iloc[0]
    assert (alone["low"], alone["high"]) == pytest.approx((0.302, 0.498))


@pytest.mark.parametrize(
    ("dataset", "origin", "shown"),
    [
        ("mimic", "real", {"White", "Other"}),  # Asian is withheld, and Hispanic, or Asian could be computed
        ("mimic", "twin", {"White", "Hispanic", "Other"}),
    ],
)
def test_no_withheld_size_can_be_computed(dataset, origin, shown, make_cohort):
    ethnicity = np.resize(np.array(["White", "White", "Hispanic", "Other", "Other"], dtype=object), 900)
    test = np.flatnonzero(np.isin(np.arange(900) % 10, (7, 8, 9)))
    ethnicity[test] = ["White"] * 90 + ["Hispanic"] * 60 + ["Other"] * 114 + ["Asian"] * 6
    cohort = make_cohort(dataset, origin, people=900, ethnicity=ethnicity)
    found = {segment for attribute, segment in shown_segments(cohort, cohort.rows("test")) if attribute == "ethnicity"}
    assert found == shown


def test_the_first_windows_are_those_of_the_release(make_cohort):
    """In file order, of training people, up to a limit; a segment of few people is left out."""
    cohort = make_cohort("challenge2012", "real", people=400, windows=3)
    found = first_windows(cohort, 100)
    assert ("everybody", "everybody") in found
    for (attribute, segment), rows in found.items():
        assert (cohort.split[rows] == "train").all()
        own = np.flatnonzero(cohort.split == "train")
        if attribute != "everybody":
            own = own[(cohort.attributes[attribute].iloc[own] == segment).to_numpy()]
            assert len(np.unique(cohort.person[own])) >= PEOPLE
        np.testing.assert_array_equal(rows, own[:100])
    assert len(np.unique(cohort.person[found["everybody", "everybody"]])) < 100  # several of one person
    assert len(first_windows(cohort)["everybody", "everybody"]) == 600
    few = make_cohort("challenge2012", "real", people=400, age=["<65"] * 390 + [">=65"] * 10)
    assert ("age", ">=65") not in first_windows(few)
