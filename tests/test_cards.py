"""Data cards: all valid, no key that nobody reads, raw values mapped to segments or refused."""

import re

import numpy as np
import pandas as pd
import pytest
import yaml

from fairlib import cards
from fairlib.cards import Attribute, CardError

CARDS = sorted(path.stem for path in cards.FOLDER.glob("*.yaml"))


@pytest.mark.parametrize("name", CARDS)
def test_every_card_is_valid(name):
    card = cards.load(name)
    assert card.name == name
    assert card.access in ("open", "restricted")
    assert card.protected()
    for attribute in card.attributes.values():
        assert attribute.privileged in attribute.segments
        assert attribute.cut is not None or attribute.values or attribute.prefixes
    assert card.min_cell >= 11
    assert "thresholds" in card.model_fields_set, "an official card says from which risks on somebody acts"


@pytest.mark.parametrize("name", CARDS)
def test_every_card_says_how_to_get_the_data_and_who_says_so(name):
    obtain = cards.load(name).obtain
    for part in (obtain.ask, obtain.takes, obtain.costs, obtain.agreement, obtain.publish, obtain.size):
        assert len(part) > 5
    assert re.fullmatch(r"[A-Z][a-z]+ 20\d\d", obtain.as_of)
    assert len(obtain.steps) >= 2
    assert len(obtain.sources) >= 3
    assert "https://" in " ".join(obtain.sources)
    assert any(file.needed for file in obtain.files)
    assert len({(file.path, file.way) for file in obtain.files}) == len(obtain.files)


def test_there_are_cards():
    assert {"challenge2012", "mimic"} <= set(CARDS)
    assert cards.load("challenge2012").protected() == ["gender", "age"]
    assert cards.load("challenge2012").access == "open"


@pytest.fixture
def content():
    return yaml.safe_load((cards.FOLDER / "challenge2012.yaml").read_text())


def written(folder, content):
    path = folder / "card.yaml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return path


def test_unknown_keys_are_refused_on_every_level(tmp_path, content):
    for place in (content, content["task"], content["attributes"]["age"], content["requirements"]["multimodal"]):
        place["privilegd"] = "x"
        with pytest.raises(CardError, match=r"(?s)card.yaml is not a valid data card.*privilegd"):
            cards.parse(written(tmp_path, content))
        del place["privilegd"]
    assert cards.parse(written(tmp_path, content)).name == "challenge2012"


def test_a_key_that_stands_twice_is_refused(tmp_path):
    text = (cards.FOLDER / "challenge2012.yaml").read_text()
    with pytest.raises(CardError, match=r"key 'access' stands twice, the second time in line \d+"):
        cards.parse(written(tmp_path, text + "access: restricted\n"))
    with pytest.raises(CardError, match="key 'privileged' stands twice"):
        cards.parse(written(tmp_path, text.replace("    privileged: Male\n", "    privileged: Male\n" * 2)))


def test_codes_are_the_text_that_was_written(tmp_path):
    """Plain YAML makes False of No, 7 of 007, and a number of 1."""
    text = (cards.FOLDER / "challenge2012.yaml").read_text()
    start, end = text.index("  gender:"), text.index("  age:")
    gender = """  gender:
    privileged: No
    segments: [No, Yes, 1.50]
    values: {No: No, Yes: Yes, 1: 1.50, 007: No, 2024-01-01: Yes}
    missing: [-1, null]
"""
    attribute = cards.parse(written(tmp_path, text[:start] + gender.replace(", null", "") + text[end:])).attributes[
        "gender"
    ]
    assert attribute.privileged == "No"
    raw = pd.Series(["No", "Yes", "1", "007", "2024-01-01", "-1"])
    assert pd.Series(attribute.segment(raw, "gender")).astype(object).fillna("-").tolist() == [
        "No",
        "Yes",
        "1.50",
        "No",
        "Yes",
        "-",
    ]
    with pytest.raises(CardError, match=r"attributes.gender.missing.1: expected a text, found nothing"):
        cards.parse(written(tmp_path, text[:start] + gender + text[end:]))


def test_faults_of_a_card_are_plain_sentences(tmp_path, content):
    content["people"], content["windows"]["timesteps"] = "many", 0
    content["task"], content["known_biases"] = "mortality", "none"
    content["attributes"] = {}
    with pytest.raises(CardError) as caught:
        cards.parse(written(tmp_path, content))
    for words in (
        "task: expected keys of its own, found 'mortality'",
        "people: expected a whole number, found 'many'",
        "windows.timesteps: expected greater than 0, found '0'",
        "known_biases: expected a list such as [one, two], found 'none'",
        "attributes: expected at least one, found nothing",
    ):
        assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_fault_of_yaml_is_one_sentence_with_its_line(tmp_path):
    for content, words in (
        ("name: a\ntitle: Bad: days\n", "line 2: mapping values are not allowed here; a text that holds ': '"),
        ("name: {a\n", "line 2: expected ',' or '}'"),
        ("name: a\0b\n", "unacceptable character #x0000"),
        ("? [a]\n: 1\n", "line 1: found unhashable key"),
    ):
        with pytest.raises(CardError, match=re.escape(words)) as caught:
            cards.parse(written(tmp_path, content))
        assert "\n" not in str(caught.value)


def test_a_card_that_is_no_card(tmp_path):
    path = tmp_path / "card.yaml"
    for content, words in (
        (b"", "it holds no keys"),
        (b"- a\n", "it holds no keys"),
        (b"a: \xff\n", "byte 3 is not UTF-8"),
    ):
        path.write_bytes(content)
        with pytest.raises(CardError, match=words):
            cards.parse(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(CardError, match="not a valid data card"):
        cards.parse(path)


def test_case_does_not_make_somebody_one_of_the_others():
    language = Attribute(
        privileged="English",
        segments=["English", "Other"],
        values={"ENGL": "English"},
        missing=["?X"],
        otherwise="Other",
    )
    assert list(language.segment(pd.Series(["ENGL", "engl", "SPAN"]), "language")) == ["English", "English", "Other"]
    assert language.segment(pd.Series(["?x"]), "language").isna().all()
    origin = Attribute(privileged="W", segments=["W", "O"], prefixes={"WHITE": "W"}, otherwise="O")
    assert list(origin.segment(pd.Series(["WHITE - RUSSIAN", "White/Polish", "OTHER"]), "origin")) == ["W", "W", "O"]
    for text in ("nan", "NULL", "None", "N/A"):  # what programs write for nothing is no language
        with pytest.raises(CardError, match=f"language: value '{text}' looks like a missing one"):
            language.segment(pd.Series([text]), "language")


def test_an_infinite_number_is_in_no_segment():
    age = Attribute(privileged="<65", segments=["<65", ">=65"], cut=65)
    with pytest.raises(CardError, match="age: 'inf' is no number"):
        age.segment(pd.Series(["70", "inf"]), "age")


@pytest.mark.parametrize("key", ["access", "licence", "attributes", "metric"])
def test_missing_keys_are_refused(tmp_path, content, key):
    del content[key]
    with pytest.raises(CardError, match=f"(?s)not a valid data card.*{key}"):
        cards.parse(written(tmp_path, content))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"access": "public"}, "access"),
        ({"attributes": {"sex": {"privileged": "M", "segments": ["F"], "values": {"0": "F"}}}}, "segment 'M' is used"),
        ({"attributes": {"age": {"privileged": "a", "segments": ["a", "b", "c"], "cut": 65}}}, "has two segments"),
        ({"people": "many"}, "people"),
        ({"thresholds": [0.4, 0.05]}, "thresholds: two risks between 0 and 1, the lower one first, found 0.4 and 0.05"),
        ({"thresholds": [0, 0.4]}, "found 0 and 0.4"),
        ({"thresholds": [0.05, 1]}, "found 0.05 and 1"),
        ({"thresholds": [0.05]}, "thresholds.1: this key is missing"),
        ({"thresholds": [0.05, 0.1, 0.4]}, "thresholds: expected two numbers"),
        ({"thresholds": 0.2}, "thresholds: expected two numbers such as"),
        ({"thresholds": [0.05, "half"]}, "thresholds.1: expected a number, found 'half'"),
    ],
)
def test_wrong_values_are_refused(tmp_path, content, change, message):
    with pytest.raises(CardError, match=rf"(?s)card.yaml is not a valid data card.*{message}"):
        cards.parse(written(tmp_path, content | change))


def test_a_card_without_thresholds_takes_the_usual_ones(tmp_path, content):
    del content["thresholds"]
    assert cards.parse(written(tmp_path, content)).thresholds == (0.05, 0.4)


@pytest.mark.parametrize(
    "text", ["", "just text", "- a\n- b\n", "name: [unclosed", "a: !!python/object/apply:os.getcwd []"]
)
def test_what_is_no_card(tmp_path, text):
    with pytest.raises(CardError, match=r"card.yaml is not a valid data card"):
        cards.parse(written(tmp_path, text))


def test_missing_card_names_the_others():
    with pytest.raises(CardError, match=r"no data card .*mimik.yaml; cards exist for: .*challenge2012.*mimic"):
        cards.load("mimik")


# ------------------------------------------------------------------------------------------------------ segments


def mapped(attribute, *raw):
    out = Attribute(**attribute).segment(pd.Series(list(raw), dtype=object), "ethnicity")
    assert list(out.categories) == attribute["segments"]
    return [None if pd.isna(value) else value for value in out]


ETHNICITY = {
    "privileged": "White",
    "segments": ["White", "Black", "Other"],
    "values": {"BLACK/CAPE VERDEAN": "Black"},
    "prefixes": {"WHITE": "White", "BLACK": "Black"},
    "missing": ["UNKNOWN", "DECLINED"],
}


def test_values_prefixes_and_missing():
    raw = [
        "WHITE",
        "WHITE - RUSSIAN",
        " BLACK/CAPE VERDEAN ",
        "BLACK/HAITIAN",
        "UNKNOWN",
        "DECLINED",
        "",
        " ",
        None,
        np.nan,
    ]
    assert mapped(ETHNICITY, *raw) == ["White", "White", "Black", "Black"] + [None] * 6


def test_missing_is_never_merged_into_otherwise():
    other = ETHNICITY | {"otherwise": "Other"}
    assert mapped(other, "ASIAN", "UNKNOWN", None, "") == ["Other", None, None, None]


def test_unknown_value_is_an_error():
    with pytest.raises(
        CardError, match=r"ethnicity: value 'ASIAN' is not in the data card \(known: BLACK/CAPE VERDEAN, WHITE"
    ):
        mapped(ETHNICITY, "WHITE", "ASIAN")


def test_values_win_over_prefixes():
    assert mapped(ETHNICITY | {"values": {"WHITE/BLACK": "Other"}}, "WHITE/BLACK", "WHITE") == ["Other", "White"]


AGE = {"privileged": "<65", "segments": ["<65", ">=65"], "cut": 65}


def test_cut():
    assert mapped(AGE, 64.99, 65, "70", None, np.nan, 0) == ["<65", ">=65", ">=65", None, None, "<65"]


def test_cut_refuses_what_is_no_number():
    with pytest.raises(CardError, match="'seventy'"):
        mapped(AGE, 64, "seventy")


def test_missing_codes_of_a_cut_stay_missing():
    assert mapped(AGE | {"missing": ["-1", "999"]}, -1, "999", 64) == [None, None, "<65"]


def test_card_maps_a_table_and_fills_columns_it_lacks():
    card = cards.load("challenge2012")
    out = card.segment(pd.DataFrame({"gender": ["1", "-1"], "age": [30, None], "unused": [1, 2]}))
    assert list(out.columns) == ["gender", "age", "icu_type"]
    assert out["gender"].tolist()[0] == "Male"
    assert out["gender"].isna().tolist() == [False, True]
    assert out["icu_type"].isna().all()
    assert out["icu_type"].cat.categories.tolist() == card.attributes["icu_type"].segments
