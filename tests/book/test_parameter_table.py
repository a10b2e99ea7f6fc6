"""The table of parameters says what the notebooks' cells and their contracts say, for every parameter."""

import ast
import re
from types import SimpleNamespace

import parameter_table  # book/_ext
import pytest

from book.pages.contracts import CONTRACTS, check
from fairlib.study.parameters import ROOT, ParameterError

RERUN = (ROOT / "book" / "rerun.md").read_text(encoding="utf-8")
ROWS = [re.split(r" (?<!\\\\)\| ", line.strip("| ")) for line in parameter_table.table().splitlines()[2:]]


def rows_of(notebook):
    """Parameter → meaning, unit, default, allowed values."""
    return {name.strip("`"): rest for name, *rest, where in ROWS if f"`{notebook}`" in where}


@pytest.mark.parametrize("notebook", CONTRACTS)
def test_every_parameter_of_every_notebook_has_one_row_with_its_default(notebook):
    own, fields = rows_of(notebook), CONTRACTS[notebook].model_fields
    assert list(own) == [name for name, *_ in dict.fromkeys((row[0].strip("`"),) for row in ROWS) if name in fields]
    assert sum(f"`{notebook}`" in row[-1] for row in ROWS) == len(fields)
    for name, (meaning, unit, default, allowed) in own.items():
        assert meaning
        assert allowed
        assert (unit == "–") == (name not in parameter_table.UNITS)
        if name != "dataset":  # a default of the cells alone
            assert ast.literal_eval(default.strip("`")) == fields[name].default


def test_numbers_have_a_unit_and_texts_have_none():
    for name, _, unit, _, allowed, _ in ROWS:
        assert (unit != "–") == ("numbers" in allowed), name


LIMITED = [
    (where, name.strip("`"), *limits[1].split(" to "))
    for name, *_, allowed, where in ROWS
    if (limits := re.match(r"whole numbers from ([\d,]+ to [\d,]+)", allowed))
]


@pytest.mark.parametrize(("where", "name", "low", "high"), LIMITED)
def test_the_limits_are_those_that_a_contract_holds(where, name, low, high):
    low, high = (int(value.replace(",", "")) for value in (low, high))
    for notebook in re.findall("`(.*?)`", where):
        given = {"dataset": "mimic"} if "dataset" in CONTRACTS[notebook].model_fields else {}
        assert getattr(check(notebook, given | {name: high}), name) == high
        assert getattr(check(notebook, given | {name: low}), name) == low or name == "folds"
        for outside in (low - 1, high + 1):
            with pytest.raises(ParameterError, match=f"parameter '{name}' is {outside}"):
                check(notebook, given | {name: outside})


def test_what_only_words_can_say():
    assert len(LIMITED) > 10
    own = rows_of("5_evaluation")
    assert own["threshold"][1:] == ["probability", "`0.5`", "numbers above 0 below 1"]
    assert own["profile"][3] == "`smoke`, `quick`, `paper`"
    assert own["recipes"][3].startswith("a list of `paper_text`, ")
    assert own["folds"][3] == "whole numbers from 0 to 100 or `None`"
    assert own["dataset"][3].endswith("`mimic`, `table`")
    assert rows_of("twin")["dataset"][3].endswith("`mimic`")
    assert rows_of("dial")["datasets"][3].startswith("a list of")
    assert rows_of("answer")["cases"][3].startswith("per dataset: `source`, `profile`")


def test_the_page_holds_it_and_no_number_by_hand():
    section = RERUN.partition("(all-parameters)=\n")[2].partition("\n## Where results are kept")[0]
    assert "\n|" not in section
    source = [RERUN]
    parameter_table.fill(SimpleNamespace(), "rerun", source)
    assert parameter_table.table() in source[0]
    assert "\nPARAMETERS\n" in RERUN
    assert "PARAMETERS" not in source[0]
    other = ["PARAMETERS"]
    parameter_table.fill(SimpleNamespace(), "recipes", other)
    assert other == ["PARAMETERS"]
