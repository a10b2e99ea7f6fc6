"""Differences in CKA between segments: by hand, and how often chance makes them, and their ratio, look large."""

import numpy as np
import pandas as pd
import pytest

from book.pages.cka_gaps import Ratio, layer_gaps, pairs, sizes
from book.pages.figures import cka_gaps as gap_figures
from fairlib.inference import max_t, seed_interval
from fairlib.measures.cka import similarity_table
from fairlib.similarity import gram

PAIRS = {"gender": ("Male", "Female"), "age": ("<65", ">=65")}


def drawn(values, halves=0.0, permuted=()):
    """A table of draws with one value a segment for each of four pairs of layers."""
    records = [
        {"attribute": a, "segment": s, "layer_supervised": i, "layer_other": j, "cka": value + 0.01 * i}
        | {"matched": value * (2 if a == "age" else 1), "halves": value + halves * np.linspace(-1, 1, 41)}
        | {"permuted": np.asarray(permuted) * (s in ("Male", "<65"))}
        for (a, s), value in values.items()
        for i in (1, 2)
        for j in (1, 2)
    ]
    return pd.DataFrame(records)


VALUES = {("gender", "Male"): 0.6, ("gender", "Female"): 0.5, ("age", "<65"): 0.3, ("age", ">=65"): 0.7}


def test_gaps_by_hand():
    first = drawn(VALUES, permuted=[0.2, -0.05, 0.3])
    second = drawn({**VALUES, ("gender", "Male"): 0.8}, permuted=[0.4, -0.05, 0.1])
    table = layer_gaps([first, second], PAIRS).set_index(["attribute", "layer_supervised", "layer_other"])
    assert len(table) == 8
    row = table.loc["gender", 2, 1]
    assert (row["best"], row["worst"], row["gap"]) == ("Male", "Female", pytest.approx(0.2))
    assert row["p"] == pytest.approx((1 + 2) / 4)  # permuted means 0.3, -0.05, 0.2
    assert table.loc["age", 1, 1]["gap"] == pytest.approx(-0.4)
    assert table.loc["age", 1, 1]["p"] == pytest.approx(1 / 4)


def test_sizes_by_hand():
    table, ratio = sizes([drawn(VALUES, halves=0.1, permuted=[0.2, -0.05, 0.3])], PAIRS)
    table = table.set_index("attribute")
    assert table["size"].to_dict() == pytest.approx({"gender": 0.1, "age": 0.4})
    assert ratio.observed == pytest.approx(4)
    assert (ratio.matched, *table["matched"]) == pytest.approx((8, 0.1, 0.8))
    assert table.loc["gender", "p"] == pytest.approx(3 / 4)
    np.testing.assert_allclose(ratio.null, 1)  # both attributes were given the same permuted values
    assert (ratio.beyond(1), ratio.beyond(1.01), ratio.p) == (1, 0, pytest.approx(1 / 4))
    assert sizes([drawn(VALUES)], {"gender": PAIRS["gender"]})[1] is None
    empty, none = sizes([drawn(VALUES)], {})
    assert (len(empty), none) == (0, None)
    assert np.isnan(Ratio(3.0, np.empty(0)).beyond(13))


def test_gaps_and_sizes_have_an_interval_over_training_runs():
    """Three runs that differ, and half-samples that do: the interval is ``seed_interval`` of the runs' gaps."""
    male = (0.5, 0.6, 0.8)
    tables = [drawn({**VALUES, ("gender", "Male"): value}) for value in male]
    spread = np.random.default_rng(0).normal(0, 0.02, 400)
    for table in tables:
        shift = [spread * (segment == "Male") for segment in table["segment"]]
        table["halves"] = [value + own for value, own in zip(table["cka"], shift, strict=True)]
    gaps = np.array(male) - 0.5
    wanted = seed_interval(gaps, gaps[:, None] + spread)
    row = layer_gaps(tables, PAIRS).set_index("attribute").loc["gender"].iloc[0]
    assert (row["gap"], row["low"], row["high"]) == pytest.approx(wanted)
    size = sizes(tables, PAIRS)[0].set_index("attribute").loc["gender"]
    assert (size["size"], size["low"], size["high"]) == pytest.approx(np.maximum(wanted, 0))


def test_gaps_of_a_family_are_corrected():
    table = layer_gaps([drawn(VALUES, permuted=np.random.default_rng(0).normal(0, 0.2, 99))], PAIRS)
    assert (table["p_family"] >= table["p"] - 1e-12).all()
    null = np.abs(np.random.default_rng(0).normal(0, 0.2, 99))
    np.testing.assert_allclose(table["p_family"], max_t(table["gap"].abs(), np.tile(null[:, None], (1, 8))))
    assert layer_gaps([drawn(VALUES)], PAIRS)["p_family"].isna().all()
    assert layer_gaps([drawn(VALUES)], {}).empty


def test_pairs_are_extremes_that_are_shown():
    extremes = pd.DataFrame(
        {"attribute": ["gender", "age", "icu_type"], "best_segment": ["Male", "<65", "Medical"]}
        | {"worst_segment": ["Female", ">=65", "Surgical"]}
    )
    table = drawn({**VALUES, ("icu_type", "Medical"): 0.5, ("icu_type", "Surgical"): 0.5})
    assert pairs(extremes, table, ["gender", "age"]) == PAIRS
    assert pairs(extremes, table[table["segment"] != "Female"], ["gender", "age"]) == {"age": PAIRS["age"]}


@pytest.fixture(scope="module")
def chance(make_cohort):
    """p-values of sizes and of the ratio, and the ratios, of 100 pairs of models that treat all segments alike."""
    cohort = make_cohort(people=250)
    rows = cohort.rows("test")
    found = {"p": [], "ratio_p": [], "ratio": [], "null": []}
    for trial in range(100):
        draw = np.random.default_rng(trial)
        x = draw.normal(size=(len(rows), 8))
        y = x @ draw.normal(size=(8, 6)) + 2 * draw.normal(size=(len(rows), 6))
        grams = [gram(x), gram(x * draw.uniform(0, 2, 8))], [gram(y)]
        table, ratio = sizes([similarity_table(cohort, *grams, rows, 20, 25, permutations=39)], PAIRS)
        found["p"] += table["p"].tolist()
        found["ratio_p"].append(ratio.p)
        found["ratio"].append(ratio.observed)
        found["null"].append(ratio.null)
    return found


def test_the_permutation_test_keeps_its_level(chance):
    for p in (np.array(chance["p"]), np.array(chance["ratio_p"])):
        for level in (0.05, 0.2, 0.5):
            error = 3 * (level * (1 - level) / 100) ** 0.5
            assert abs((p <= level).mean() - level) < error, level


def test_permuted_ratios_are_those_of_chance(chance):
    """The distribution under permuted labels is that of new models without any difference, large ratios included."""
    truth, null = np.array(chance["ratio"]), np.concatenate(chance["null"])
    for value in (1.5, 2, 4):
        assert abs((truth > value).mean() - (null > value).mean()) < 0.15, value


def test_a_planted_difference_is_found(make_cohort):
    cohort = make_cohort(people=700)
    rows = cohort.rows("test")
    draw, old = np.random.default_rng(0), (cohort.attributes["age"].iloc[rows] == ">=65").to_numpy()
    x = draw.normal(size=(len(rows), 8))
    y = x + np.where(old, 3.0, 0.5)[:, None] * draw.normal(size=x.shape)  # the second model garbles the old
    table, _ = sizes([similarity_table(cohort, [gram(x)], [gram(y)], rows, 40, permutations=99)], PAIRS)
    table = table.set_index("attribute")
    assert table.loc["age", "p_adjusted"] < 0.05
    assert table.loc["age", "low"] > table.loc["age", "null_bound"]
    assert table.loc["gender", "p"] > 0.01


def test_the_yardstick_in_words():
    """An SSL model explains something only where it is less like supervised than training runs are like each other."""
    keys = {"layer_supervised": [3], "layer_other": [3], "attribute": ["everybody"]}
    table = lambda value: pd.DataFrame(keys | {"cka": [value]})
    between = {"supervised": table(0.6), "frozen_0": table(0.4), "frozen_3": table(0.9)}
    tables = {"frozen_0": table(0.41), "frozen_3": table(0.59), "random_frozen_3": table(0.9)}
    words = gap_figures.yardstick_words(tables, between)
    assert "1 of 2 self-supervised models" in words
    assert "(SSL, nothing frozen): there, the paradigm explains nothing" in words
    assert gap_figures.yardstick_words(tables, {}).startswith("No self-supervised model")
