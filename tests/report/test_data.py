"""The data behind a figure or table: what the CSV holds, what it must not hold, and that the gate reads it."""

import io
import re
from dataclasses import replace
from urllib.parse import unquote

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from fairlib.report import show
from fairlib.report.columns import Column, typed
from fairlib.report.data import MAX_ROWS, link
from fairlib.report.gate import scan_html
from fairlib.report.provenance import Provenance

MADE = Provenance("real", "Challenge 2012", ("repeats 1, 2",), "papermill x", "6cdd5adb98", "0.2", "open", min_cell=11)
ROWS = pd.DataFrame({"model": ["a", "b"], "difference": [0.123456789, -0.02], "low": [0.1, -0.1], "high": [0.2, 0.1]})


def csv(html: str) -> tuple[list[str], pd.DataFrame]:
    """Lines of the header, and the frame."""
    (href,) = re.findall(r'href="data:text/csv;charset=utf-8,([^"]*)"', html)
    text = unquote(href)
    return [line for line in text.splitlines() if line[0] == "#"], pd.read_csv(io.StringIO(text), comment="#")


def drawn(rows: pd.DataFrame):
    figure, axes = plt.subplots()
    axes.plot(rows["difference"], range(len(rows)), "o")
    return figure, "Differences of two models, one point per model."


def test_a_value_that_changes_changes_the_figure_and_its_data():
    other = ROWS.assign(difference=[0.5, -0.02])
    one, two = (show.figure_html(drawn(rows), "Differences", MADE, rows) for rows in (ROWS, other))
    images = [re.search(r'base64,([^"]*)"', html)[1] for html in (one, two)]
    assert images[0] != images[1]
    assert [csv(html)[1]["difference"][0] for html in (one, two)] == [0.123457, 0.5]


def test_the_header_says_what_it_is_and_what_made_it():
    lines, _ = csv(link(ROWS, "Differences", MADE))
    assert lines[0] == "# Differences"
    assert any("repeats 1, 2" in line and "code 0.2" in line and "data 6cdd5adb98" in line for line in lines)
    assert any("CC BY 4.0" in line for line in lines)


def test_a_table_brings_its_data_of_restricted_people_as_it_is_shown():
    table = typed(ROWS, ["model"], difference=Column(form="signed", low="low", high="high"))
    _, full = csv(show.table_html(table, "Differences", MADE))
    assert full["difference"][0] == 0.123457
    _, shown = csv(show.table_html(table, "Differences", replace(MADE, access="restricted")))
    assert list(shown.columns) == ["model", "difference"]
    assert shown["difference"][0] == "'+0.123 [+0.100, +0.200]"


@pytest.mark.parametrize(
    ("rows", "word"),
    [
        (pd.concat([ROWS] * MAX_ROWS), "aggregate them"),
        (ROWS.assign(replicates=[[0.1], [0.2]]), "lists"),
        (ROWS.assign(person_id=[1, 2]), "one by one"),
        (ROWS.assign(people=[3, 40]), "fewer than 11"),
    ],
)
def test_rows_of_people_small_groups_and_replicates_are_refused(rows, word):
    with pytest.raises(ValueError, match=word):
        show.figure_html(drawn(ROWS), "Differences", MADE, rows)


def test_a_text_is_no_formula_for_a_spreadsheet():
    _, found = csv(link(ROWS.assign(model=["=cmd()", "@x"]), "Differences", MADE))
    assert list(found["model"]) == ["'=cmd()", "'@x"]


def test_the_gate_finds_an_identifier_in_embedded_data(tmp_path):
    page = tmp_path / "page.html"
    page.write_text(f"<p>{link(ROWS.assign(model=['132539', 'b']), 'Differences', MADE)}</p>")
    assert any("1 identifier" in finding for finding in scan_html(page, {132539}))
    assert not any("identifier" in finding for finding in scan_html(page, {777777}))
