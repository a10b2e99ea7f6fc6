"""The invariants of a cohort, each broken once, and its fingerprint."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from fairlib import cards
from fairlib.cohort import Cohort, CohortError, attrition_table

N = 12


def cohort(**changes):
    """Twelve windows of six people, two windows each; both classes in each split."""
    parts = {
        "x": np.random.default_rng(0).normal(size=(N, 4, 3)).astype(np.float32),
        "y": np.tile([0, 1], 6).astype(np.int8),
        "person": np.repeat([11, 12, 13, 14, 15, 16], 2),
        "attributes": pd.DataFrame({"gender": pd.Categorical(["Male", "Female", None] * 4)}),
        "split": np.repeat(["train", "val", "test"], 4),
        "channels": ("a", "b", "c"),
        "card": cards.load("mimic"),
        "origin": "twin",
    }
    return Cohort(**(parts | changes))


def test_a_good_one():
    made = cohort()
    assert len(made) == N
    assert made.rows("val").tolist() == [4, 5, 6, 7]
    assert list(made.attrition.columns) == ["step", "windows", "people", "note"]
    assert attrition_table([("kept", 2, 1, "why")]).to_dict("list") == {
        "step": ["kept"], "windows": [2], "people": [1], "note": ["why"],
    }  # fmt: skip


@pytest.mark.parametrize("name", ["x", "person", "attributes", "split", "number", "measured"])
def test_sizes_must_agree(name):
    full = cohort(measured=np.zeros((N, 4, 2), np.float32))
    with pytest.raises(CohortError, match=f"mimic: {name} has 11 rows, the labels have 12"):
        cohort(**{name: getattr(full, name)[:-1]})


def test_a_window_keeps_its_random_number_and_what_was_measured():
    """The number says nothing of the place in the files, and is the same whenever they are read."""
    one = cohort(measured=np.arange(N * 8, dtype=np.float32).reshape(N, 4, 2))
    assert sorted(one.number) == [*range(N)]
    assert list(one.number) != [*range(N)]
    np.testing.assert_array_equal(one.number, cohort().number)
    rows = np.arange(N)[::-1]
    other = one.part(rows, one.x[rows], ("turned", ""))
    np.testing.assert_array_equal(other.number, one.number[rows])
    np.testing.assert_array_equal(other.measured, one.measured[rows])


@pytest.mark.parametrize("shape", [(N, 4), (N, 4, 2), (N, 4, 3, 1)])
def test_shape_of_windows(shape):
    with pytest.raises(CohortError, match=r"x has shape .*, expected \(n, timesteps, 3\)"):
        cohort(x=np.zeros(shape, np.float32))


@pytest.mark.parametrize(
    ("labels", "found"), [([2] + [0, 1] * 5 + [0], "2"), ([np.nan] + [0, 1] * 5 + [0], "nan"), ([-1] * N, "-1")]
)
def test_labels_are_binary(labels, found):
    with pytest.raises(CohortError, match=rf"labels must be 0 or 1, found \[.*{found}"):
        cohort(y=np.array(labels))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_windows_are_finite(value):
    x = cohort().x.copy()
    x[3, 1, 1] = x[5, 0, 1] = x[5, 2, 1] = value
    with pytest.raises(CohortError, match="channel 'b' holds NaN or infinite values in 2 windows"):
        cohort(x=x)


def test_lazy_windows_are_not_read():
    class Lazy:
        shape = (N, 4, 3)

        def __getitem__(self, rows):
            raise AssertionError("read too early")

    assert len(cohort(x=Lazy())) == N


def test_origin_and_split_names():
    with pytest.raises(CohortError, match="origin must be 'twin' or 'real', got 'synthetic'"):
        cohort(origin="synthetic")
    with pytest.raises(CohortError, match="unknown split 'dev', expected one of train, val, test"):
        cohort(split=np.repeat(["train", "dev", "test"], 4))


def test_nobody_is_in_two_splits():
    with pytest.raises(CohortError, match=r"1 participant\(s\) are in more than one split.*Split by participant"):
        cohort(person=np.array([11, 11, 12, 12, 12, 12, 13, 13, 14, 14, 15, 15]))


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_each_split_has_both_classes(split):
    y = cohort().y.copy()
    y[cohort().split == split] = 1
    with pytest.raises(CohortError, match=f"the {split} split holds only class 1; both classes are needed"):
        cohort(y=y)


def test_no_split_is_empty():
    with pytest.raises(CohortError, match="the val split holds no windows"):
        cohort(split=np.repeat(["train", "test"], 6))


def changed(name):
    made = cohort()
    value = getattr(made, name)
    if name == "x":
        value = value.copy()
        value[-1, -1, -1] = np.nextafter(value[-1, -1, -1], np.float32(9))
    elif name == "y":
        value = value[::-1].copy()
    elif name == "person":
        value = np.array([11, 11, 12, 12, 13, 13, 14, 14, 15, 15, 15, 15])
    elif name == "split":
        value = np.repeat(["val", "train", "test"], 4)
    elif name == "attributes":
        value = value.assign(gender=pd.Categorical(["Male", "Female", "Male"] * 4))
    else:
        value = {"channels": ("a", "c", "b"), "card": cards.load("mesa"), "origin": "real"}[name]
    return replace(made, **{name: value})


@pytest.mark.parametrize("name", ["x", "y", "person", "split", "attributes", "channels", "card", "origin"])
def test_fingerprint_tells_every_ingredient(name):
    assert changed(name).fingerprint() != cohort().fingerprint()


def test_fingerprint_tells_the_attribute_name_and_its_order():
    other = cohort().attributes.rename(columns={"gender": "sex"})
    assert cohort(attributes=other).fingerprint() != cohort().fingerprint()
    turned = cohort().attributes.iloc[::-1].reset_index(drop=True)
    assert cohort(attributes=turned).fingerprint() != cohort().fingerprint()


def test_fingerprint_is_stable_and_blind_to_names_of_people():
    names = np.repeat(["Ann", "Bob", "Cem", "Dua", "Eve", "Fay"], 2)
    assert cohort(person=names).fingerprint() == cohort().fingerprint() == cohort().fingerprint()
    turned = np.repeat([16, 15, 14, 13, 12, 11], 2)
    assert cohort(person=turned).fingerprint() == cohort().fingerprint()
    shuffled_categories = pd.DataFrame(
        {"gender": pd.Categorical(["Male", "Female", None] * 4, ["Other", "Male", "Female"])}
    )
    assert cohort(attributes=shuffled_categories).fingerprint() == cohort().fingerprint()


def test_fingerprint_of_a_lazy_cohort_is_that_of_its_windows():
    class Lazy:
        shape = (N, 4, 3)

        def __getitem__(self, rows):
            return cohort().x[rows]

    assert cohort(x=Lazy()).fingerprint() == cohort().fingerprint()
