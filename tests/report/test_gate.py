"""The gate: each way of carrying rows or identifiers out is stopped and located; an ordinary page passes."""

import base64
import json
import pickle
import re
import zlib
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from fairlib.measures.evaluated import Evaluated
from fairlib.report import show, style
from fairlib.report.columns import Column, typed
from fairlib.report.gate import scan_notebook
from fairlib.report.provenance import Provenance
from fairlib.study.parameters import ROOT
from fairlib.study.tables import TABLES

PEOPLE = pd.DataFrame({"age": [71, 30, 55, 62], "sex": ["F", "M", "M", "F"], "died": [1, 0, 0, 1]})
WITH_IDS = PEOPLE.assign(RecordID=[132539, 140501, 141264, 150309])
TABLE = (
    '<table class="fairlib-table"><tr><th>segment</th><th>people</th></tr><tr><td>Male</td><td>2,246</td></tr></table>'
)
BLOB = base64.b64encode(np.random.default_rng(0).bytes(600)).decode()


def png(*extra, behind=b""):
    """A 1×1 picture, with further chunks (kind, content) and bytes behind it."""
    chunks = [(b"IHDR", b"\0\0\0\1\0\0\0\1\x08\0\0\0\0"), *extra, (b"IDAT", zlib.compress(b"\0\0")), (b"IEND", b"")]
    body = b"".join(
        len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big")
        for kind, content in chunks
    )
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + body + behind).decode()


PICTURE = png((b"tEXt", b"Software\0Matplotlib"))


def stream(text, name="stdout"):
    return {"output_type": "stream", "name": name, "text": text}


def display(**data):
    data = {mime.replace("__", "/").replace("_plus_", "+"): content for mime, content in data.items()}
    return {"output_type": "display_data", "metadata": {}, "data": data}


def html(text):
    return {"output_type": "display_data", "metadata": {}, "data": {"text/html": text, "text/plain": "<HTML object>"}}


def result(value):
    """What IPython stores for a value that ends a cell."""
    data = {"text/plain": repr(value)}
    if hasattr(value, "_repr_html_"):
        data["text/html"] = value._repr_html_()
    return {"output_type": "execute_result", "metadata": {}, "data": data}


def notebook(folder, *outputs, source="/data", dataset="challenge2012", metadata=None, cell=None, name="3_fine_tuning"):
    """An executed notebook: a text cell, the parameters, and one cell with these outputs (cell 3)."""
    content = {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"papermill": {"parameters": {"dataset": dataset, "source": source}}} | (metadata or {}),
        "cells": [
            {"cell_type": "markdown", "metadata": {}, "source": "One RecordID is one participant, e.g. 132539."},
            {"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": "source = 'twin'", "outputs": []},
            {"cell_type": "code", "metadata": {}, "source": "x['RecordID']", "outputs": list(outputs)} | (cell or {}),
        ],
    }
    path = folder / f"{name}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def shown(*arguments, by=show.table):
    """What the shower puts on a page, as papermill stores it."""
    seen = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(show, "display", lambda data, metadata, raw: seen.append((data, metadata)))
        by(*arguments)
    ((data, metadata),) = seen
    lines = {kind: text.splitlines(keepends=True) for kind, text in data.items()}
    return {"output_type": "display_data", "metadata": metadata, "data": lines}


def drawn():
    """A figure as the shower shows it."""
    figure, axes = style.axes(2, 2)
    axes.plot([0, 1])
    return shown((figure, "A line from 0 to 1, for a test."), "AUC", OPEN, by=show.figure)


OPEN = Provenance(
    "real", "Challenge 2012", ("notebook x",), "papermill x", "6cdd5adb98c2e919", "0.1", "open", min_cell=11
)
PEOPLE_OF = typed(
    pd.DataFrame({"segment": ["Male", "Female"], "people": [2246, np.nan]}),
    segment=Column(),
    people=Column(form="count", fewest=11),
)
GOOD = shown(PEOPLE_OF, "Sizes", OPEN)
HARMLESS = [
    GOOD,
    drawn(),
    shown(OPEN, by=show.banner),
    shown("AUC 0.823 [0.801, 0.846] & no more.", by=show.note),
    shown({"a": PEOPLE_OF, "b": PEOPLE_OF}, {"a": OPEN, "b": OPEN}, "Two.", by=show.browsable),
    shown("answer", "4 of 6", False, by=show.glue),
    shown("sizes", show.table_html(PEOPLE_OF, "Sizes", OPEN), False, by=show.glue),
    shown("sizes", show.table_html(PEOPLE_OF, "Sizes", OPEN), by=show.glue),
    stream(
        "set a:  50%|█████     | 2000/4000 [00:01<00:01, 1999.9stay/s]\rset a: 100%|██████████| 4000/4000 [00:02]\n"
    ),
    stream("\rsupervised, seed 1:   0%|          | 0/10 [00:00<?, ?epoch/s, monitored=1.8306]"),
    stream("12it [00:01, 9.31it/s]\n", "stderr"),
    stream("/x/fairness.py:103: UndefinedRatio: …\n".replace("UndefinedRatio", "UserWarning") + "  warnings.warn(\n"),
]


def test_what_the_shower_made_passes(tmp_path):
    for source in ("/data", "frozen", "twin"):
        assert scan_notebook(notebook(tmp_path, *HARMLESS, source=source), {132539, 140501}) == []


PRINTED, UNMARKED = "printed text", "fairlib.report.show did not make"
ATTACKS = {
    "head()": (result(PEOPLE.head(2)), UNMARKED),
    "raw table": (html("<table><tr><td>71</td></tr></table>"), UNMARKED),
    "table that looks like ours": (html(TABLE), UNMARKED),
    "head() printed": (stream(str(PEOPLE.head())), PRINTED),
    "head() of text columns": (stream(str(PEOPLE[["sex"]].head())), PRINTED),
    "long frame": (result(pd.concat([PEOPLE] * 100)), UNMARKED),
    "series": (result(PEOPLE["age"]), UNMARKED),
    "csv": (stream(PEOPLE.to_csv()), PRINTED),
    "to stderr": (stream(PEOPLE.to_csv(), "stderr"), PRINTED),
    "one number printed": (stream("71"), PRINTED),
    "markdown table": (display(text__markdown="|age|died|\n|---|---|\n|71|1|\n|30|0|\n|55|1|"), UNMARKED),
    "records": (stream(str(PEOPLE.to_dict("records"))), PRINTED),
    "numpy": (result(np.random.default_rng(0).normal(size=(2, 3))), UNMARKED),
    "printed numpy": (stream(str(np.arange(40.0).reshape(5, 8) / 7)), PRINTED),
    "tensor": (stream("tensor([[0.1, 0.2]])"), PRINTED),
    "list": (stream(str(list(range(30)))), PRINTED),
    "numbers in a paragraph": (html(f"<p>{' '.join(map(str, range(30)))}</p>"), UNMARKED),
    "numbers in a comment": (html(f"<p>fine</p><!-- {list(range(30))} -->"), UNMARKED),
    "numbers in an attribute": (html(f'<p data-x="{list(range(30))}">fine</p>'), UNMARKED),
    "script": (html("<script>var rows = 1</script>"), UNMARKED),
    "inline drawing": (html("<svg><circle cx='1' cy='2'/></svg>"), UNMARKED),
    "vector figure": (display(image__svg_plus_xml="<svg/>"), UNMARKED),
    "picture": (display(image__png=PICTURE + "\n", text__plain="<Figure size 640x480 with 1 Axes>"), UNMARKED),
    "traceback": ({"output_type": "error", "ename": "E", "evalue": "", "traceback": ["array([1])"]}, "an error"),
    "identifier column": (result(WITH_IDS.head(1)), UNMARKED),
    "identifier in a dictionary": (stream("{'SUBJECT_ID': 7, 'hadm_id': 8}"), PRINTED),
    "pickle": (display(**{"application/x-pickle": BLOB}), UNMARKED),
    "octets": (display(**{"application/octet-stream": BLOB}), UNMARKED),
    "widget": (display(**{"application/vnd.jupyter.widget-view+json": {"model_id": "1"}}), UNMARKED),
    "json": (display(**{"application/json": [1, 2]}), UNMARKED),
    "glued pickle": (display(**{"application/papermill.record/application/x-pickle": BLOB}), UNMARKED),
    "glued by myst-nb": (display(**{"application/papermill.record/text/plain": "'0.82'"}), UNMARKED),
    "base64 printed": (stream(BLOB), PRINTED),
    "base64 in lines": (stream(base64.encodebytes(base64.b64decode(BLOB)).decode()), PRINTED),
    "hex": (stream(base64.b64decode(BLOB).hex()), PRINTED),
    "bytes": (stream(str(pickle.dumps(np.arange(200)))), PRINTED),
    "nothing": (display(), UNMARKED),
}
HIDDEN = [BLOB, "array([1, 2])", "<script>var rows = 1</script>", f'<img src="data:image/png;base64,{BLOB}">', "Mole"]
for number, text in enumerate(HIDDEN):
    changed = [line.replace("Male", text) for line in GOOD["data"]["text/html"]]
    ATTACKS[f"marked, then changed {number}"] = (GOOD | {"data": GOOD["data"] | {"text/html": changed}}, UNMARKED)
ATTACKS["a type beside the marked ones"] = (GOOD | {"data": GOOD["data"] | {"application/json": {}}}, UNMARKED)
ATTACKS["as the result of a cell"] = (GOOD | {"output_type": "execute_result"}, UNMARKED)


@pytest.mark.parametrize("name", ATTACKS)
@pytest.mark.parametrize("source", ["/data", "twin"])
def test_whatever_the_shower_did_not_make_is_stopped_and_located(tmp_path, name, source):
    output, reason = ATTACKS[name]
    path = notebook(tmp_path, GOOD, output, source=source)
    findings = scan_notebook(path)
    assert any(reason in finding for finding in findings), findings
    assert all(finding.startswith(f"{path}, cell 3, output 2: ") for finding in findings)


EMBEDDED = f'<a href="data:application/octet-stream;base64,{BLOB}">data</a>'


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"metadata": {"note": BLOB}}, "notebook: metadata"),
        ({"metadata": {"widgets": {"state": {"a": [{"buffer": BLOB}]}}}}, "notebook: metadata"),
        ({"metadata": {BLOB: 1}}, "notebook: metadata"),
        ({"metadata": {"rows": [[i, i + 1] for i in range(12)]}}, "notebook: metadata"),
        ({"cell": {"metadata": {"x": BLOB}}}, "cell 3: metadata"),
        ({"cell": {"attachments": {"a.bin": {"application/octet-stream": BLOB}}}}, "cell 3: attachment 'a.bin'"),
        ({"cell": {"attachments": {"a.png": {"image/png": BLOB}}}}, "cell 3: attachment 'a.png'"),
        ({"cell": {"outputs": [GOOD | {"metadata": GOOD["metadata"] | {"x": BLOB}}]}}, "cell 3, output 1: metadata"),
        ({"metadata": {"kernelspec": {"name": "132539"}}}, "notebook: metadata: 1 identifier"),
    ],
)
def test_metadata_and_attachments(tmp_path, changes, place):
    findings = scan_notebook(notebook(tmp_path, **changes), [132539])
    assert findings
    assert all(place in finding for finding in findings)


@pytest.mark.parametrize(
    "text",
    [
        "patient 132539 died",
        "132539.0",
        "set-a/132539.txt",
        "132539,71,1",
        "<b>132539</b>",
        "132539_episode1",
        "x-132539",
    ],
)
def test_known_identifiers(tmp_path, text):
    marked = shown(text, by=show.note)
    for output in (stream(text), marked, html(f"<!--{text}-->"), shown("n", text, by=show.glue)):
        for known in ({132539}, {"132539"}, np.array([132539]), [132539.0, 1]):
            path = notebook(tmp_path, output, source="twin")
            findings = [finding.removeprefix(str(path)) for finding in scan_notebook(path, known)]
            assert any("1 identifier(s) of participants" in finding for finding in findings)
            assert not any("132539" in finding for finding in findings)  # a log is no place for it either
    assert scan_notebook(notebook(tmp_path, marked, source="twin"), {132540}) == []


@pytest.mark.parametrize("text", ["0.132539", "1132539", "132,539 rows", "132539abc", "e132539", "132539.25"])
def test_other_numbers_are_no_identifiers(tmp_path, text):
    assert scan_notebook(notebook(tmp_path, shown(text, by=show.note)), {132539}) == []


def test_short_identifiers_are_not_searched_for(tmp_path):
    few = shown("48 hours, 4000 stays", by=show.note)
    assert scan_notebook(notebook(tmp_path, few), {48, 4000, "INS-1"}) == []
    named = shown("mesa-sleep-01234", by=show.note)
    assert scan_notebook(notebook(tmp_path, named), {"mesa-sleep-01234"}) != []


def test_what_is_no_notebook_is_a_finding(tmp_path):
    for text in ("", "{}", "[]", '{"metadata": {}, "cells": [1]}', '{"worksheets": []}'):
        (tmp_path / "x.ipynb").write_text(text)
        assert "not a notebook that can be read" in scan_notebook(tmp_path / "x.ipynb")[0]


# ------------------------------------------------------------------------------------------- what the shower refuses


def of(**columns):
    """A typed table of counts with these columns."""
    return typed(pd.DataFrame(columns), **{name: Column(form="count") for name in columns})


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        (of(people=[40, 10]), "column 'people' shows 10, fewer than 11; suppress such counts"),
        (of(people=[40, 40], events=[20, 0]), "column 'events' shows 0, fewer than 11"),
        (of(best_windows=[10.0, np.nan]), "column 'best_windows' shows 10"),
        (of(share=range(61)), "61 rows, more than 60"),
        (PEOPLE, "numbers without a record .rows of people.."),
    ],
)
@pytest.mark.parametrize("access", ["open", "restricted"])
def test_a_table_of_small_groups_or_of_rows_is_never_made(table, reason, access):
    with pytest.raises(ValueError, match=f"table 'Sizes'.*{reason}"):
        show.table(table, "Sizes", replace(OPEN, access=access))
    assert show.table_html(table, "Sizes", replace(OPEN, access="synthetic")).smallest is None


def test_the_smallest_group_that_is_shown_is_noted():
    table = of(people=[40.0, 12.0, np.nan, 0.0], windows=[80.0, 11.0, np.nan, 0.0])
    assert show.table_html(table, "Sizes", OPEN).smallest == 11
    many = of(people=[100])
    assert shown({"a": many, "b": table}, {"a": OPEN, "b": OPEN}, by=show.browsable)["metadata"]["fairlib"] == {
        "kind": "tables",
        "access": "open",
        "smallest": 11,
        "digest": shown({"a": many, "b": table}, {"a": OPEN, "b": OPEN}, by=show.browsable)["metadata"]["fairlib"][
            "digest"
        ],
    }


@pytest.mark.parametrize("name", ["RecordID", "Participant ID", "person", "pid", "subject_id", "mesaid", "row"])
def test_a_column_of_identifiers_is_never_made(name):
    for access in ("synthetic", "open"):
        with pytest.raises(ValueError, match="names people one by one"):
            show.table(pd.DataFrame({name: ["a"]}), "Rows", replace(OPEN, access=access))


@pytest.mark.parametrize("told", [PEOPLE.to_csv(), str(list(range(30))), str(np.arange(30.0)), PEOPLE, list(range(3))])
def test_rows_are_not_told_in_sentences(told):
    for by in (show.note, lambda value: show.glue("name", value)):
        with pytest.raises(ValueError, match="a sentence or a number is told here"):
            by(told)


@pytest.mark.parametrize("name", ["scores", "tested"])
def test_out_of_fold_scores_are_read_by_code_and_never_shown(name, make_cohort):
    """They lie in the book's folder of open data, without identifiers; a page may hold what is computed from them."""
    cohort = make_cohort(people=60)
    of = Evaluated(cohort, np.linspace(0, 1, 60), 0.5, 20)
    table = TABLES[name].make(of if name == "scores" else cohort)
    for rows in (table, table.head(3), typed(table.head(3), row=Column(), **{table.columns[-1]: Column()})):
        with pytest.raises(ValueError, match="names people one by one"):
            show.table_html(rows, "rows", OPEN)


def test_no_page_asks_for_out_of_fold_scores():
    pages = [*(ROOT / "notebooks").rglob("*.ipynb"), *(ROOT / "book").rglob("*.py"), *(ROOT / "book").rglob("*.md")]
    asked = re.compile(r"""(table|collect)\((study, ?)?\\?["'](scores|tested)\\?["']""")
    assert len(pages) > 50
    assert asked.search('study.table(\\"scores\\", name)')
    for page in pages:
        if not {"executed", "_build", "frozen"} & set(page.parts):
            assert not asked.search(page.read_text(encoding="utf-8")), page
