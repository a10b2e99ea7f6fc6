"""Predictions that cannot be audited: one sentence with file, column, row, what was found and what to do."""

import numpy as np
import pandas as pd
import pytest

from fairlib import cards
from fairlib.audit.predictions import read
from fairlib.cohort import CohortError

from .tables import predictions, write


def at(table, row, column, value):
    """The table as text with one cell changed."""
    table = table.astype(str)
    table.loc[row, column] = value
    return table


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda t: t.drop(columns="person"), r"predictions\.csv has no column 'person'; found: label"),
        (lambda t: t.rename(columns={"label": "Label"}), r"no column 'label'; rename 'Label', case counts"),
        (lambda t: t[["person", "label", "sex"]], r"no column score, decision, score_NAME or decision_NAME; found"),
        (
            lambda t: t[["person", "label", "score_old"]],
            r"no column with two groups; add attributes such as",
        ),
        (lambda t: at(t, 3, "label", "dead"), r"line 5, column label: expected 0 or 1, found 'dead'; write 1"),
        (lambda t: at(t, 3, "label", ""), r"line 5, column label: expected 0 or 1, found nothing"),
        (lambda t: at(t, 3, "label", "2"), r"line 5, column label: expected 0 or 1, found '2'"),
        (lambda t: t.assign(label=1), r"column label: every label is 1; rows with and without the event are needed"),
        (lambda t: at(t, 7, "score_new", "0,5"), r"line 9, column score_new: expected a number, found '0,5'; score"),
        (lambda t: at(t, 7, "score_new", "nan"), r"line 9, column score_new: expected a number, found 'nan'"),
        (lambda t: at(t, 7, "score_new", ""), r"line 9, column score_new: expected a number, found nothing"),
        (lambda t: at(t, 7, "score_new", "inf"), r"line 9, column score_new: expected a number, found 'inf'"),
        (lambda t: t.assign(score_new=0.5), r"column score_new: every value is 0.5; a model that ranks nobody"),
        (lambda t: t.assign(decision_new=t["score_new"]), r"line 2, column decision_new: expected 0 or 1, found '0\."),
        (lambda t: t.assign(score=t["score_new"], score_=t["label"]), r"two of the columns .* are of one model"),
        (lambda t: at(t, 1, "sex", "other"), r"line 3, column sex: person 'NHS-00000' is 'other' here and another"),
        (lambda t: at(t, 4, "person", ""), r"line 6: person is empty; every row needs one"),
        (lambda t: t[:0], r"has a header and no row"),
        (lambda t: t.groupby("site").head(6), r"no attribute has two groups with 11 people with and 11 without"),
        (lambda t: t.set_axis([*t.columns[:-1], "sex"], axis=1), r"has two columns 'sex'; rename one"),
    ],
)
def test_a_sentence_instead_of_numbers(change, sentence, tmp_path):
    with pytest.raises(CohortError, match=sentence):
        read(write(tmp_path, change(predictions())))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", r"is empty \(0 bytes\)"),
        (b"person;label;score\n1;0;0,5\n", r"no column 'person'.*save the table with commas"),
        (b"person,label,score\n\xff,0,0.5\n", r"byte 19 is not UTF-8"),
        (b"person,label,score\n1,0\n", r"line 2: expected 3 cells, found 2"),
    ],
)
def test_files_that_are_no_table(content, sentence, tmp_path):
    (tmp_path / "p.csv").write_bytes(content)
    with pytest.raises(CohortError, match=sentence):
        read(tmp_path / "p.csv")
    with pytest.raises(CohortError, match=r"none\.csv is missing; name a CSV or Parquet file"):
        read(tmp_path / "none.csv")
    with pytest.raises(CohortError, match="is a folder"):
        read(tmp_path)


def test_references(tmp_path):
    file = write(tmp_path, predictions())
    assert read(file, reference={"site": "C"}).card.attributes["site"].privileged == "C"
    with pytest.raises(CohortError, match=r"--reference sex=men: no such group in .*; there are: female, male"):
        read(file, reference={"sex": "men"})
    with pytest.raises(CohortError, match="--reference gender: no such attribute; there are: sex, site"):
        read(file, reference={"gender": "male"})


def test_a_table_of_people(tmp_path):
    table = predictions()
    people = table[["person", "sex", "site"]].drop_duplicates()
    bare = write(tmp_path, table.drop(columns=["sex", "site"]))
    found = read(bare, write(tmp_path, people, "people.parquet"))
    inline = read(write(tmp_path, table, "inline.csv"))
    pd.testing.assert_frame_equal(found.groups, inline.groups)
    np.testing.assert_array_equal(found.of.person, inline.of.person)
    some = read(bare, write(tmp_path, people[20:], "some.csv"))
    assert "40 rows belong to people without a row in some.csv; their groups are unknown." in some.notes
    with pytest.raises(CohortError, match="person NHS-00000 appears twice"):
        read(bare, write(tmp_path, table[["person", "sex"]], "twice.csv"))
    with pytest.raises(CohortError, match=r"both have a column 'sex'; keep it in one of them"):
        read(tmp_path / "inline.csv", tmp_path / "people.parquet")
    people["person"] = people["person"].str.removeprefix("NHS-").astype(int)
    with pytest.raises(CohortError, match="written like 'NHS-00000' there, and like '0' here; their ids must"):
        read(bare, write(tmp_path, people, "others.csv"))


def test_ids_are_texts_and_every_assumption_is_said(tmp_path):
    table = predictions().assign(age=lambda t: t.groupby("person").ngroup() % 60 + 20.5, split="test", window=1)
    table["ward"] = table["person"] + "/x"
    table["person"] = table["person"].str.removeprefix("NHS-")  # leading zeros
    table["score_new"] *= 3
    found = read(write(tmp_path, pd.concat([table, table[:2]])))
    assert found.of.person.max() + 1 == 240
    assert [*found.card.attributes] == ["sex", "site", "age"]
    assert [*found.of.risk] == ["old"]
    notes = "\n".join(found.notes)
    for sentence in (
        "2 rows repeat person, label and scores of another row; they are counted as given.",
        "age is cut at its median, 49.5; a data card can cut it elsewhere.",
        "Column ward is not used: 240 different texts are no groups.",
        "Column split is not used: it tells no group.",
        "Column window is not used: it tells no group.",
        "Scores of new leave 0 to 1, so they are no risks: ranked, but not calibrated.",
        "Without a data card: access is open, so groups under 11 people or events are suppressed.",
    ):
        assert sentence in notes


def test_a_card(tmp_path):
    """Its cut, its groups and its privacy rule hold; the reference is its privileged group."""
    table = predictions().drop(columns="site")
    table["age"] = 50 + 30 * (table.groupby("person").ngroup() % 2)
    card = cards.load("mesa")
    facts = {"sex": card.attributes["sex"], "age": card.attributes["age"]}
    card = card.model_copy(update={"attributes": facts, "access": "restricted"})
    found = read(write(tmp_path, table), card=card)
    assert {name: of.privileged for name, of in found.card.attributes.items()} == {
        name: of.privileged for name, of in facts.items()
    }
    assert found.card.access == "restricted"
    with pytest.raises(CohortError, match="no column 'age', an attribute of the card 'mesa', nor has"):
        read(write(tmp_path, table.drop(columns="age")), card=card)
    with pytest.raises(CohortError, match=r"predictions\.csv, line 2, column sex: value 'x' is not in the data card"):
        read(write(tmp_path, table.assign(sex="x")), card=card)
