"""Data cards: all valid, no key that nobody reads, raw values mapped to segments or refused."""

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
    ],
)
def test_wrong_values_are_refused(tmp_path, content, change, message):
    with pytest.raises(CardError, match=rf"(?s)card.yaml is not a valid data card.*{message}"):
        cards.parse(written(tmp_path, content | change))


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
