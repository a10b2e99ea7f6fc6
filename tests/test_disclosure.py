"""Small cells: what is withheld, and that nothing withheld can be read or computed from what is shown."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlib.disclosure import suppress, withheld

REASON = "withheld: fewer than 11 people or events"


@pytest.mark.parametrize(
    ("people", "events", "hidden"),
    [
        (22, 11, False),
        (1000, 500, False),
        (21, 11, True),  # 10 without an event
        (22, 10, True),
        (10, 5, True),
        (1000, 0, True),  # zero counts as small
        (1000, 1000, True),
        (0, 0, True),
        (float("nan"), 20, True),
        (50, float("nan"), True),
    ],
)
def test_withheld(people, events, hidden):
    for access in ("open", "restricted"):
        assert withheld(people, events, access, 11) == (REASON if hidden else None)
    assert withheld(people, events, "synthetic", 11) is None


def test_withheld_options():
    assert withheld(5, 2, "open", 2) is None
    assert withheld(20, 20, "open", 11, non_events=15) is None  # people with events and people without may overlap
    assert withheld(20, 20, "open", 11, non_events=5) == REASON
    with pytest.raises(ValueError, match="synthetic, open or restricted, got 'Open'"):
        withheld(100, 50, "Open", 11)


def table(*rows):
    frame = pd.DataFrame(rows, columns=["attribute", "segment", "people", "events"])
    return frame.assign(auc=np.linspace(0.6, 0.9, len(rows)), windows=frame["people"] * 2, shown_as="0.8 [0.7, 0.9]")


ETHNICITY = [("ethnicity", "White", 500, 60), ("ethnicity", "Black", 120, 20), ("ethnicity", "Asian", 40, 12)]
GENDER = [("gender", "Male", 400, 50), ("gender", "Female", 300, 40)]
SMALL = ("ethnicity", "Hispanic", 9, 3)


def hidden_rows(out):
    return out.loc[out["note"] != "", "segment"].tolist()


def test_open_data_withholds_the_small_cell_only():
    given_table = table(*ETHNICITY, SMALL, *GENDER)
    before = given_table.copy(deep=True)
    out = suppress(given_table, "open", 11)
    assert hidden_rows(out) == ["Hispanic"]
    row = out.iloc[3]
    assert (row["attribute"], row["segment"], row["note"]) == ("ethnicity", "Hispanic", REASON)
    assert row[["people", "events", "auc", "windows", "shown_as"]].isna().all()
    assert (
        out.drop(index=3)
        .drop(columns="note")
        .equals(before.drop(index=3).astype({"people": float, "events": float, "windows": float}))
    )
    pd.testing.assert_frame_equal(given_table, before)  # a copy


def test_restricted_data_withholds_the_next_smallest_too():
    out = suppress(table(*ETHNICITY, SMALL, *GENDER), "restricted", 11)
    assert hidden_rows(out) == ["Asian", "Hispanic"]
    assert out.loc[out["note"] != "", "note"].nunique() == 1  # which one is small is not told
    assert out["note"].iloc[2].startswith(REASON)
    assert out.iloc[2][["people", "events", "auc"]].isna().all()


def test_two_small_cells_that_are_small_together_need_a_third():
    rows = [*ETHNICITY, ("ethnicity", "Other", 5, 1), ("ethnicity", "Unknown", 4, 2)]
    assert hidden_rows(suppress(table(*rows), "restricted", 11)) == ["Asian", "Other", "Unknown"]
    assert hidden_rows(suppress(table(*rows), "open", 11)) == ["Other", "Unknown"]


def test_groups_are_told_apart_by_every_name():
    one = table(*ETHNICITY, SMALL).assign(split="train")
    two = table(*ETHNICITY, ("ethnicity", "Hispanic", 60, 20)).assign(split="test")
    out = suppress(pd.concat([one, two]), "restricted", 11)  # with a repeated index
    assert hidden_rows(out) == ["Asian", "Hispanic"]
    assert (out.loc[out["note"] != "", "split"] == "train").all()
    assert out.index.tolist() == [*range(4), *range(4)]


def test_rows_without_a_name_are_a_group_of_their_own():
    out = suppress(table(*ETHNICITY, SMALL).assign(split=None), "restricted", 11)
    assert hidden_rows(out) == ["Asian", "Hispanic"]


def test_incomplete_names_are_refused():
    twice = pd.concat([table(*ETHNICITY, SMALL)] * 2).rename(columns={"auc": "auc_of_some_model"})
    with pytest.raises(ValueError, match="a segment appears twice under one attribute"):
        suppress(twice, "restricted", 11)


def test_synthetic_data_is_shown():
    given_table = table(*ETHNICITY, SMALL)
    out = suppress(given_table, "synthetic", 11)
    assert (out["note"] == "").all()
    assert out[["people", "events", "auc", "windows"]].equals(
        given_table[["people", "events", "auc", "windows"]].astype({"people": float, "events": float})
    )


def test_named_values_and_columns():
    out = suppress(
        table(*ETHNICITY, SMALL).rename(columns={"people": "n", "events": "deaths"}).assign(why="old", priv=True),
        "open", 11, people="n", events="deaths", values=["auc", "windows", "shown_as"], label="why",
    )  # fmt: skip
    assert out["why"].tolist() == ["old", "old", "old", REASON]
    assert out["priv"].all()  # not named, so kept
    assert out.iloc[3][["n", "deaths", "auc", "windows", "shown_as"]].isna().all()


CELLS = st.tuples(st.integers(0, 60), st.floats(0, 1)).map(lambda cell: (cell[0], round(cell[0] * cell[1])))
TABLES = st.dictionaries(
    st.sampled_from(["gender", "age", "ethnicity"]), st.lists(CELLS, min_size=1, max_size=6), min_size=1
)


def built(cells):
    rows = [(name, f"s{i}", *cell) for name, segments in cells.items() for i, cell in enumerate(segments)]
    return table(*rows)


def small(people, events):
    return min(people, events, people - events) < 11


@given(TABLES, st.sampled_from(["open", "restricted"]))
def test_no_withheld_number_survives(cells, access):
    given_table = built(cells)
    out = suppress(given_table, access, 11)
    for before, (_, after) in zip(given_table.itertuples(), out.iterrows(), strict=True):
        assert (before.attribute, before.segment) == (after["attribute"], after["segment"])
        if small(before.people, before.events):
            assert after["note"].startswith("withheld")
        if after["note"]:
            assert after[["people", "events", "auc", "windows", "shown_as"]].isna().all()
        else:
            assert (after["people"], after["events"], after["auc"]) == (before.people, before.events, before.auc)
        if access == "open":
            assert bool(after["note"]) == small(before.people, before.events)


@given(TABLES)
def test_totals_minus_what_is_shown_tell_no_small_cell(cells):
    given_table = built(cells)
    out = suppress(given_table, "restricted", 11)
    for name in cells:
        rows = given_table["attribute"] == name
        hidden, total = rows & (out["note"] != ""), given_table[rows]
        if not hidden.any():
            continue
        difference = total[["people", "events"]].sum() - out.loc[rows, ["people", "events"]].sum()
        everything = hidden.sum() == rows.sum()
        assert hidden.sum() >= 2 or everything
        assert everything or not small(difference["people"], difference["events"])
        shown = given_table.loc[rows & ~hidden, "people"]
        innocent = [p for p, e in given_table.loc[hidden, ["people", "events"]].to_numpy() if not small(p, e)]
        assert not innocent or shown.empty or max(innocent) <= shown.min()  # the smallest ones went along
