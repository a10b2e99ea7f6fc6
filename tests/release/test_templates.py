"""Templates and their values fit each other, or are refused."""

import re

import pandas as pd
import pytest

from book.release.templates import TemplateError, fill, fill_line


def test_templates_write_values_by_their_form():
    row, runs = pd.Series({"a b": 0.5}), pd.DataFrame({"name": ["x", "y"], "n": [1000, 2]})
    assert fill("{s[a b]:percent} {p:p} {d:signed2}", {"s": row, "p": 1e-9, "d": -0.5}) == "50.0 % <0.001 −0.50"
    assert fill("{many:number1}; {same:as|not as}", {"many": [1.0, 2.0], "same": False}) == "1.0, 2.0; not as"
    assert fill("{i:interval}", {"i": (0.5, 0.4, 0.6)}) == "0.500 [0.400,\u00a00.600]"
    assert fill("{i:change}", {"i": (0.5, 0.4, 0.6)}) == "+0.500 [+0.400,\u00a0+0.600]"
    assert fill("{runs:each}.", {"runs": runs}, {"each": "{name}: {n:count}"}, ", ") == "x: 1,000, y: 2."
    assert fill("{runs:each}.", {"runs": runs[:0]}, {"each": "{name}"}) == "."
    assert fill("{of:each}", {"of": pd.Series({"x": 1.0})}, {"each": "{name} {value:number}"}) == "x 1.000"
    assert fill("{a}", {"a": 1}, given={"b": 2}) == "1"


@pytest.mark.parametrize(
    ("template", "values", "message"),
    [
        ("{a} {b}", {"a": 1}, "no value for 'b' in '{a} {b}'"),
        ("{a[x]}", {"a": {"y": 1}}, "no value for 'x'"),
        ("{a}", {"a": 1, "b": 2}, "no placeholder for b"),
        ("{a:percentage}", {"a": 1}, "no form 'percentage'"),
        ("{a:number 2}", {"a": 1}, "no form 'number 2'"),
    ],
)
def test_a_template_and_values_that_do_not_fit_are_refused(template, values, message):
    with pytest.raises(TemplateError, match=re.escape(message)):
        fill(template, values)


def test_a_line_is_filled_column_by_column():
    words = {"number": "{a:number1}{b:more}", "cause": "{c:yes|no}", "more": " and {x:count}", "between": ""}
    found = fill_line(words, {"a": 0.5, "b": [{"x": 1}, {"x": 2}], "c": True})
    assert found == {"number": "0.5 and 1 and 2", "cause": "yes"}
    with pytest.raises(TemplateError, match="no placeholder for d"):
        fill_line(words, {"a": 0.5, "b": [], "c": True, "d": 1})
