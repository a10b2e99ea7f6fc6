"""What the readers share: rows beside the card's counts, usual ranges of units, and how a file is read or refused."""

import gzip
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from book.pages.tables.requirements import attrition
from fairlib import cards
from fairlib.cohort import CohortError
from fairlib.measures import describe
from fairlib.readers import counts, files, units
from tests.measures.test_attrition import shown
from tests.readers.fault_page import TABLES

# ---------------------------------------------------------------------------------------------------- beside the card

#: Rows of each reader's attrition table that stand beside counts of the card.
COMPARED = {
    "mimic": [*(f"{split} list: stays with an episode file" for split in ("train", "val", "test")), "cohort"],
    "mimic_raw": ["train", "val", "test", "cohort"],
    "mesa": ["participants with actigraphy", "train", "val", "test", "cohort"],
    "globem": ["INS-W_1: windows", "participants with demographics", "cohort"],
    "challenge2012": ["set a: record files with an outcome", "cohort"],
    "challenge2019": ["hospital A: record files", "cohort"],
    "table": ["cohort"],
    "yaib": ["cohort"],
}


@pytest.mark.parametrize("name", TABLES)
def test_the_first_notebook_shows_counts_beside_the_cards(name, tmp_path):
    TABLES[name].write(tmp_path / "data")
    cohort = replace(TABLES[name].read(tmp_path / "data"), origin="twin")  # small counts of real people are withheld
    notes = attrition(describe.cohort_tables(cohort), cohort.card.min_cell).set_index("step")["note"]
    for step in COMPARED[name]:
        assert notes[step].startswith("you have ")
        assert "the card says" in notes[step]


def test_the_released_split_of_globem_is_compared_too(tmp_path):
    from fairlib.readers import globem
    from tests.readers.small import globem as small

    notes = globem.read(small.write(tmp_path / "data"), split="released").attrition.set_index("step")["note"]
    assert notes["val"].startswith("you have 9 windows and 6 depressed, the card says 1,082 windows and 543 depressed")
    assert "% of the values missing" not in notes["test"]


def test_small_counts_beside_the_card_are_withheld(tmp_path):
    note = counts.beside_card(windows=(3, 1082), depressed=(2, 543), participants=(5, None))
    assert note == "you have 3 windows and 2 depressed, the card says 1,082 windows and 543 depressed"
    table = pd.DataFrame({"step": ["val"], "windows": [3], "people": [2], "note": [note]})
    withheld = shown(table)["note"].iloc[0]
    assert withheld.startswith("you have fewer than 11 windows and fewer than 11 depressed, the card says 1,082")


def test_a_value_unknown_to_the_card_has_a_place():
    card = cards.load("challenge2012")
    raw = pd.DataFrame({"gender": ["1", "0", "7", "7"], "age": [1, 2, 3, 4]}, index=[2, 3, 5, 8])
    with pytest.raises(CohortError, match=r"^file, line 5, Gender: value '7' is not in the data card \(known: 1, 0\)"):
        counts.segments(card, raw, lambda name, row: f"file, line {row}, {name.title()}")
    assert counts.segments(card, raw[:2], str)["gender"].tolist() == ["Male", "Female"]


def test_segments_with_nobody_are_named_but_not_those_of_an_unknown_attribute():
    card, people = cards.load("challenge2012"), np.array([7, 7, 9])
    columns = {name: pd.Categorical([None] * 3, facts.segments) for name, facts in card.attributes.items()}
    columns["gender"] = pd.Categorical(["Male", None, None], card.attributes["gender"].segments)
    steps = counts.of_attributes(pd.DataFrame(columns), people, card, {"age": "; why"})
    assert steps[0] == ("gender unknown", 2, 2, "kept, gender missing")
    assert [step for step, *_ in steps if "nobody" in step] == ["gender: nobody in Female"]
    assert ("age unknown", 3, 2, "kept, age missing; why") in steps


# --------------------------------------------------------------------------------------------------------------- units


def grid(temperatures, n=1):
    values = np.full((n, 48, 2), np.nan)
    values[:, : len(temperatures), 0] = temperatures
    return values


def test_values_outside_are_counted_over_blocks():
    outside = units.Outside(["Temp", "something without a range"])
    outside.look(grid([37.0] * 30, n=2))
    outside.look(grid([37.0, 98.6, 45.0, 45.1], n=3))
    step = outside.step(np.array([1, 1, 2, 2, 3]), "the folder")
    assert step == ("values outside the usual range", 3, 2, "kept: 6 values of Temp (25 to 45 °C)")
    nothing = units.Outside(["Temp"])
    nothing.look(np.full((2, 48, 1), 37.0))
    assert nothing.step(np.array([1, 2]), "the folder")[1:] == (0, 0, "none")


@pytest.mark.parametrize(("right", "wrong", "refused"), [(20, 20, False), (20, 21, True), (0, 19, False)])
def test_more_than_half_outside_is_another_unit(right, wrong, refused):
    outside = units.Outside(["Temp", "HR"])
    outside.look(grid([37.0] * right + [98.6] * wrong))
    if refused:
        said = r"DIR: 21 of 41 values of Temp lie outside 25 to 45 °C, such as 98\.6\. They look like °F"
        with pytest.raises(CohortError, match=said):
            outside.step(np.array([1]), "DIR")
    else:
        assert f"{wrong} values of Temp" in outside.step(np.array([1]), "DIR")[3]


def test_values_that_no_other_unit_explains_are_kept_and_counted():
    outside = units.Outside(["Temp", "HR"])
    outside.look(grid([-3.0] * 40))
    assert outside.step(np.array([1]), "DIR")[3] == "kept: 40 values of Temp (25 to 45 °C)"


@pytest.mark.parametrize(
    ("name", "unit", "value", "usual"),
    [
        *(("Temp", "°F", 98.6, 37.0), ("Temperature", "K", 310.15, 37.0), ("Weight", "pounds", 180, 81.65)),
        *(("Height", "inches", 70, 177.8), ("FiO2", "percent", 40, 0.4), ("SaO2", "a fraction", 0.97, 97)),
        *(("Glucose", "mmol/L", 5.5, 99.1), ("Creatinine", "µmol/L", 88.4, 1.0), ("SysABP", "kPa", 16, 120)),
        *(("Albumin", "g/L", 35, 3.5), ("Platelets", "cells/µL", 250e3, 250), ("HCT", "a fraction", 0.4, 40)),
    ],
)
def test_other_units_turn_into_the_usual_one(name, unit, value, usual):
    factor, offset = next(rest for other, *rest in units.OTHER[name] if other == unit)
    assert value * factor + offset == pytest.approx(usual, rel=1e-3)
    assert units.OTHER.keys() <= units.USUAL.keys()


def test_many_variables_are_not_all_listed():
    names = ["Temp", "HR", "Na", "K", "pH", "MAP", "Mg", "BUN"]
    outside = units.Outside(names)
    outside.look(np.full((1, 2, 8), -50.0))
    note = outside.step(np.array([1]), "DIR")[3]
    assert note.count("2 values of") == 6
    assert note.endswith("and 2 more variables")


def test_every_measured_variable_has_a_usual_range():
    from fairlib.readers.benchmark_episodes import CONTINUOUS, VARIABLES
    from fairlib.readers.challenge2012 import VARIABLES as CHALLENGE
    from fairlib.readers.challenge2019_files import VARIABLES as SEPSIS
    from fairlib.readers.mesa_files import CHANNELS

    named = {VARIABLES[j]["name"] for j in CONTINUOUS} | {*CHALLENGE, *SEPSIS, *CHANNELS}
    yaib = {name for name in units.USUAL if name not in named and name == name.lower()}
    assert named | yaib == units.USUAL.keys()
    assert len(yaib) == 48  # those of a cohort (tests/readers/test_yaib_reader.py)
    for j in CONTINUOUS:  # the benchmark's own normal values are usual
        _, low, high = units.USUAL[VARIABLES[j]["name"]]
        assert low <= float(VARIABLES[j]["normal"]) <= high
    assert all(low < high for _, low, high in units.USUAL.values())


# --------------------------------------------------------------------------------------------------------------- files


def refusal(call, *arguments, **options) -> str:
    with pytest.raises(CohortError) as error:
        call(*arguments, **options)
    return str(error.value)


def test_content_and_text(tmp_path):
    file = tmp_path / "a.txt"
    assert refusal(files.content, file, "copy it").endswith("a.txt is missing; copy it")
    file.write_bytes(b"")
    assert refusal(files.text, file, "copy it", "set/a").endswith("set/a is empty (0 bytes); copy it")
    file.write_bytes(b"\xef\xbb\xbfa\n")
    assert files.text(file, "copy it", ended=True) == "a\n"
    file.write_bytes(b"a\nb")
    assert "the last line has no end" in refusal(files.text, file, "copy it", ended=True)
    assert "the last line has no end" in refusal(files.header, file, "copy it")
    file.write_bytes(b"a\0\n")
    assert "byte 1 is NUL" in refusal(files.text, file, "copy it")
    packed = tmp_path / "a.GZ"
    packed.write_bytes(gzip.compress(b"a\n"))
    assert files.content(packed, "") == b"a\n"
    packed.write_bytes(gzip.compress(b""))
    assert "0 bytes once unpacked" in refusal(files.content, packed, "")
    packed.write_bytes(gzip.compress(b"a\n") + b"more")
    assert "truncated or damaged" in refusal(files.content, packed, "")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            PermissionError(13, "Permission denied"),
            "a.txt may not be read by you (Permission denied); ask for access, or",
        ),
        (IsADirectoryError(21, "Is a directory"), "a.txt is a folder, not a file; copy it"),
        (OSError(5, "Input/output error"), "a.txt is truncated or damaged ([Errno 5] Input/output error); copy it"),
    ],
)
def test_what_the_operating_system_says(tmp_path, monkeypatch, error, words):
    def fail(path):
        raise error

    monkeypatch.setattr(Path, "read_bytes", fail)
    assert words in refusal(files.content, tmp_path / "a.txt", "copy it")


def test_table(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text('B, a ,c\n1,"x,\ny",3\n\n4,z,\n')
    table = files.table(file, ("A", "C"), "copy it", "the official file", str.upper)
    assert table.to_dict("list") == {"A": ["x,\ny", "z"], "C": ["3", ""]}
    assert table.index.tolist() == [2, 5]  # the line of the file at which a row begins
    assert "column D is missing, found 'B,A,C'; this needs the official file" in refusal(
        files.table, file, ("D",), "copy it", "the official file", str.upper
    )


def test_long_values_are_not_quoted_in_full():
    assert files.shown("x" * 41) == repr("x" * 40 + "…")
    assert files.shown(2.0) == "2"
