"""Predictions that cannot be audited: one sentence with file, column, row, what was found and what to do."""

import unicodedata

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
        (
            lambda t: t.rename(columns=str.upper).rename(columns={"PERSON": "person", "LABEL": "label"}),
            "rename 'SCORE_",
        ),
        (lambda t: t[["person", "label", "sex"]], r"no column score, decision, score_NAME or decision_NAME; found"),
        (
            lambda t: t[["person", "label", "score_old"]],
            r"no column with two groups; add attributes such as",
        ),
        (lambda t: at(t, 3, "label", "dead"), r"line 5, column label: expected 0 or 1, found 'dead'; write 1"),
        (lambda t: at(t, 3, "label", ""), r"line 5, column label: expected 0 or 1, found nothing"),
        (lambda t: at(t, 3, "label", "2"), r"line 5, column label: expected 0 or 1, found '2'"),
        (lambda t: t.assign(label=1), r"column label: every label is 1; rows with and without the event are needed"),
        (
            lambda t: at(t, 7, "score_new", "0,5"),
            r"line 9, column score_new: expected a number, found '0,5', with a comma: decim",
        ),
        (lambda t: at(t, 7, "score_new", "nan"), r"line 9, column score_new: expected a number, found 'nan'"),
        (lambda t: at(t, 7, "score_new", ""), r"line 9, column score_new: expected a number, found nothing"),
        (lambda t: at(t, 7, "score_new", "inf"), r"line 9, column score_new: expected a number, found 'inf'"),
        (lambda t: t.assign(score_new=0.5), r"column score_new: every value is 0.5; a model that ranks nobody"),
        (lambda t: t.assign(decision_new=t["score_new"]), r"line 2, column decision_new: expected 0 or 1, found '0\."),
        (lambda t: t.assign(score=t["score_new"], score_=t["score_old"]), r"two of the columns .* are of one model"),
        (lambda t: at(t, 1, "sex", "other"), r"line 3, column sex: person 'NHS-00000' is 'other' here and another"),
        (lambda t: at(t, 4, "person", ""), r"line 6: person is empty; every row needs one"),
        (lambda t: t[:0], r"has a header and no row"),
        (lambda t: t.groupby("site").head(6), r"no attribute has two groups with 11 people with and 11 without"),
        (lambda t: t.set_axis([*t.columns[:-1], "sex"], axis=1), r"has two columns 'sex'; rename one"),
        (lambda t: t.set_axis([*t.columns[:-1], " sex\u200b"], axis=1), r"has two columns 'sex'; rename one"),
        (lambda t: t.assign(Sex=t["sex"]), r"has columns 'sex' and 'Sex', which differ only in case; rename or"),
        (lambda t: at(t, 7, "score_new", "85"), r"line 9, column score_new: expected a number from 0 to 1, as nearly"),
        (
            lambda t: at(t, 7, "score_new", "45413"),
            r"expected a number from 0 to 1, as nearly all others are, found '45",
        ),
        (
            lambda t: at(t, 7, "score_new", "-999"),
            r"expected a number from 0 to 1, as nearly all others are, found '-9",
        ),
        (lambda t: at(t, 7, "score_new", "70 %"), r"found '70 %', with a sign of per cent; score every row"),
        (lambda t: at(t, 7, "score_new", "2024-01-02"), r"found '2024-01-02', a date; score every row"),
        (lambda t: at(t, 7, "score_new", "01-May"), r"found '01-May', a date that a spreadsheet made of another text"),
        (lambda t: at(t, 7, "score_new", "#DIV/0!"), r"found '#DIV/0!', an error that a spreadsheet wrote; score"),
        (
            lambda t: t.assign(score_group=t["sex"]),
            r"column score_group: .* each column whose name begins with score is",
        ),
        (
            lambda t: t.assign(score_new=t["label"]),
            r"every score is 0 or 1; if these are decisions, call it decision_new",
        ),
        (lambda t: t.assign(score=t["label"] * 1.0), r"column score: every score is 0 or 1; .* call it decision$"),
        (lambda t: at(t, 1, "sex", "MALE"), r"column sex: 'male' and 'MALE' differ only in case; write each group"),
        (
            lambda t: t.assign(site=t["site"].replace("A", "#REF!")),
            r"column site: expected a group, not an error that a",
        ),
        (
            lambda t: t.assign(band=["14-Oct", "15-19"] * 240),
            r"line 2, column band: expected a group, not a date that a",
        ),
        (
            lambda t: t.assign(band=["Oct-14", "15-19"] * 240),
            r"column band: expected a group, not a date that a spreads",
        ),
        (
            lambda t: t.assign(age=range(20, 500)),
            r"line 103, column age: expected years from 0 to 120, found '121'; correct",
        ),
        (lambda t: t.assign(person="1.23457E+15"), r"line 2, column person: '1.23457E\+15' looks like a number that a"),
        (lambda t: t.assign(person=[*"12" * 239, "1.0", "2"]), r"column person: '1' and '1.0' are one number \(2 such"),
        (lambda t: t.assign(person=[*"12" * 239, "01", "2"]), r"column person: '1' and '01' are one number"),
    ],
)
def test_a_sentence_instead_of_numbers(change, sentence, tmp_path):
    with pytest.raises(CohortError, match=sentence):
        read(write(tmp_path, change(predictions())))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", r"is empty \(0 bytes\)"),
        (
            b"person;label;score\n1;0;0,5\n",
            r"cells are separated by semicolons; save it with commas between cells, and",
        ),
        (b"person;label;score of A, B\n1;0;0,5\n", r"cells are separated by semicolons"),
        (b"person\tlabel\tscore\n1\t0\t0.5\n", r"cells are separated by tabs"),
        (b"sep=;\nperson;label;score\n1;0;0,5\n", r"line 1: 'sep=;' is a note to a spreadsheet; delete the line"),
        (
            b"All patients,,\nperson,label,score\n1,0,0.5\n",
            r"line 1 does not name the columns; delete what stands above",
        ),
        (
            b"PK\3\4 xl/workbook.xml",
            r"is a workbook of a spreadsheet \(or a zip file\), not text; save the sheet as CSV",
        ),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", r"is a workbook of an old spreadsheet"),
        (b"\x1f\x8b\x08\0", r"is packed by gzip; unpack it"),
        (b"PAR1\x15\x04", r"is a Parquet file; name it \.parquet"),
        ("person,label,score\n1,0,0.5\n".encode("utf-16"), r"is UTF-16 text, as spreadsheets save “Unicode text”"),
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


def test_what_looks_the_same_is_the_same(tmp_path):
    """Unicode forms, signs without width, spaces of all kinds and printed signs change nothing."""
    table = predictions().replace({"site": {"A": "Besançon"}})
    expected = read(write(tmp_path, table))
    odd = [at % 4 < 2 for at in range(len(table))]
    table["site"] = [
        unicodedata.normalize("NFD", site) + "\u200b" * of for site, of in zip(table["site"], odd, strict=True)
    ]
    table["sex"] = [sex + "\u00a0" * of for sex, of in zip(table["sex"], odd, strict=True)]
    table["person"] = ["\ufeff" * of + person for person, of in zip(table["person"], odd, strict=True)]
    table["label"] = table["label"].astype(str) + "\u2060"
    table["score_new"] = ["\u2212" * (score < 0) + f"{abs(score)}\u202f" for score in table["score_new"]]
    found = read(
        write(tmp_path, table.rename(columns={"label": "label\u200e", "sex": "\ufeffsex", "score_old": " score_old"}))
    )
    pd.testing.assert_frame_equal(found.groups, expected.groups)
    np.testing.assert_array_equal(found.of.person, expected.of.person)
    np.testing.assert_array_equal(found.of.score["new"], expected.of.score["new"])


def test_ids_of_people_that_only_their_spelling_tells_apart(tmp_path):
    table = predictions()
    people = table[["person", "sex"]].drop_duplicates()
    bare = write(tmp_path, table.drop(columns=["sex", "site"]))
    for change in (str.lower, lambda id: id.replace("-", " "), lambda id: id.replace("0", "", 1), lambda id: id + ".0"):
        some = [change(id) if at % 2 else id for at, id in enumerate(people["person"])]
        with pytest.raises(CohortError, match=r"write ids in two ways, such as 'NHS-0.*' and .* \(120 such ids\)"):
            read(bare, write(tmp_path, people.assign(person=some), "people.csv"))
    with pytest.raises(CohortError, match=r"no column with two groups; .* \(478 rows belong to people without a row"):
        read(bare, write(tmp_path, people[:1], "people.csv"))


def test_columns_that_are_no_groups(tmp_path):
    table, at = predictions(), np.arange(480)
    years = 30 + at // 2 % 60
    table["age"] = np.where(years > 85, "> 85", np.where(years == 31, "under 32", years.astype(str)))
    table["birth"] = [f"{year}-01-02" for year in 1900 + years // 7]
    table["index"], table["Unnamed: 0"], table["nr"] = at[::-1], at * 2, at
    table["sex"] = table["sex"].where(at % 20 > 1, "Prefer not to say")
    table["arm"] = np.where(at // 2 % 3 == 0, "99", np.where(at // 2 % 3 == 1, "1", "None"))
    found = read(write(tmp_path, table.assign(score_new=table["score_new"] * 100)))
    assert {name: of.segments for name, of in found.card.attributes.items()} == {
        "sex": ["female", "male"],
        "site": ["A", "B", "C", "few"],
        "age": ["below 59.5", "59.5 or more"],
        "arm": ["1", "99", "None"],
    }
    old = found.groups["age"].iloc[np.flatnonzero(years > 85)]
    assert set(old) == {"59.5 or more"}
    notes = "\n".join(found.notes)
    for sentence in (
        "48 rows have Prefer not to say as sex: taken as unknown.",
        "arm 99, None is a group here; empty the cells if it means unknown.",
        "Column birth is not used: dates are no groups.",
        "Column index is not used: it is the number of a row.",
        "Column Unnamed: 0 is not used",
        "Column nr is not used: it is the number of a row.",
        "Scores of new lie between 0 and 100: if they are per cent, divide them by 100, and they are risks.",
    ):
        assert sentence in notes, notes


def test_decisions_among_scores_are_said(tmp_path):
    table = predictions()
    table["score_new"] = table["score_new"].where(np.arange(480) % 2 == 0, table["score_new"].round())
    assert (
        "240 values of score_new are exactly 0 or 1; are decisions among the scores?"
        in read(write(tmp_path, table)).notes
    )
    table["score_new"] = predictions()["score_new"] * 1.2 - 0.1  # a linear model leaves 0 to 1 by little
    assert [*read(write(tmp_path, table)).of.risk] == ["old"]


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
