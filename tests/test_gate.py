"""The gate: each way of carrying rows or identifiers out is stopped and located; an ordinary page passes."""

import base64
import io
import json
import pickle
import zlib

import numpy as np
import pandas as pd
import pytest

from fairlib.report.gate import access_of, scan_notebook

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


def stream(text):
    return {"output_type": "stream", "name": "stdout", "text": text}


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


HARMLESS = [
    html(f'<div class="banner">Real data: 12,000 stays of 12,000 records; fingerprint {"6cdd5adb98c2e919" * 4}</div>'),
    html(
        f"<div>{TABLE}</div><p>seeds 1, 2, 3 · recipe paper_text · <code>papermill a.ipynb -p seeds '[1, 2]'</code></p>"
    ),
    html(f'<figure><img src="data:image/png;base64,{PICTURE}" alt="AUC by segment"></figure>'),
    display(image__png=PICTURE + "\n", text__plain="<Figure size 640x480 with 1 Axes>"),
    display(**{"application/papermill.record/text/plain": "'0.82'", "text/plain": "'0.82'"}),
    stream(
        "set a:  50%|█████     | 2000/4000 [00:01<00:01, 1999.9stay/s]\rset a: 100%|██████████| 4000/4000 [00:02]\n"
    ),
    stream("supervised, seed 1: AUC 0.823 [0.801, 0.846]\nfrozen_0, seed 1: AUC 0.811 [0.790, 0.833]\n" + "-" * 300),
    stream("Trained 7 models in 12.5 minutes with 153154 parameters each.\n"),
]


def test_harmless_notebook_passes(tmp_path):
    for source in ("/data", "frozen", "twin"):
        assert scan_notebook(notebook(tmp_path, *HARMLESS, source=source), identifiers={132539, 140501}) == []


ROWS = "segment" + "\n".join(f"{i}  {age}  F  {i % 2}" for i, age in enumerate([71, 30, 55]))
ATTACKS = {
    "head()": (result(PEOPLE.head(2)), "fairlib.tables did not make"),
    "head() printed": (stream(str(PEOPLE.head())), "4 lines of values"),
    "head() of text columns": (stream(str(PEOPLE[["sex"]].head())), "4 lines of values"),
    "long frame": (result(pd.concat([PEOPLE] * 100)), "dumped table"),
    "series": (result(PEOPLE["age"]), "dumped table"),
    "csv": (stream(PEOPLE.to_csv()), "4 lines of values"),
    "markdown table": (display(text__markdown="|age|died|\n|---|---|\n|71|1|\n|30|0|\n|55|1|"), "3 lines of values"),
    "records": (stream(str(pd.concat([PEOPLE] * 3).to_dict("records"))), "dumped dictionary"),
    "numpy": (result(np.random.default_rng(0).normal(size=(2, 3))), "dumped array"),
    "printed numpy": (stream(str(np.arange(40.0).reshape(5, 8) / 7)), "20 or more numbers"),
    "tensor": (stream("tensor([[0.1, 0.2]])"), "dumped array"),
    "list": (stream(str(list(range(30)))), "20 or more numbers"),
    "one number a line": (stream("\n".join(map(str, range(30)))), "20 or more numbers"),
    "numbers in a paragraph": (html(f"<p>{' '.join(map(str, range(30)))}</p>"), "20 or more numbers"),
    "numbers in a comment": (html(f"<p>fine</p><!-- {list(range(30))} -->"), "20 or more numbers"),
    "numbers in an attribute": (html(f'<p data-x="{list(range(30))}">fine</p>'), "20 or more numbers"),
    "array in a marked table": (html(TABLE.replace("Male", "array([1, 2])")), "dumped array"),
    "long marked table": (html(TABLE.replace("</table>", "<tr><td>x</td></tr>" * 60 + "</table>")), "table of 62 rows"),
    "script": (html("<script>var rows = 1</script>"), "script"),
    "script in a marked table": (html(TABLE.replace("Male", "<script>var rows = 1</script>")), "script"),
    "inline drawing": (html("<svg><circle cx='1' cy='2'/></svg>"), "drawing"),
    "vector figure": (display(image__svg_plus_xml="<svg/>"), "vector drawing"),
    "traceback": ({"output_type": "error", "ename": "E", "evalue": "", "traceback": ["array([1])"]}, "dumped array"),
}  # fmt: skip


@pytest.mark.parametrize("name", ATTACKS)
def test_rows_of_real_data_are_stopped_and_located(tmp_path, name):
    output, reason = ATTACKS[name]
    path = notebook(tmp_path, stream("fine"), output)
    findings = scan_notebook(path, None)
    assert any(reason in finding for finding in findings), findings
    assert all(finding.startswith(f"{path}, cell 3, output 2: ") for finding in findings)
    assert scan_notebook(path, "restricted") == scan_notebook(path, "open") == findings
    assert scan_notebook(path, "synthetic") == []


EMBEDDED = f'<a href="data:application/octet-stream;base64,{BLOB}">data</a>'
ALWAYS = {
    "identifier column": (result(WITH_IDS.head(1)), "'recordid'"),
    "identifier column printed": (stream(str(WITH_IDS.head())), "'RecordID'"),
    "ordinary word as column": (result(PEOPLE.assign(person=1)), "'person'"),
    "ordinary word as column, printed": (stream(str(PEOPLE.assign(pid=1))), "'pid'"),
    "column in two words": (html("<table class='fairlib-table'><th>Participant ID</th></table>"), "'participant_id'"),
    "identifier in a dictionary": (stream("{'SUBJECT_ID': 7, 'hadm_id': 8}"), "'SUBJECT_ID'"),
    "pickle": (display(**{"application/x-pickle": BLOB}), "cannot be checked"),
    "octets": (display(**{"application/octet-stream": BLOB}), "cannot be checked"),
    "widget": (display(**{"application/vnd.jupyter.widget-view+json": {"model_id": "1"}}), "cannot be checked"),
    "json": (display(**{"application/json": [1, 2]}), "cannot be checked"),
    "glued pickle": (display(**{"application/papermill.record/application/x-pickle": BLOB}), "cannot be checked"),
    "base64 printed": (stream(BLOB), "encoded text"),
    "base64 in lines": (stream(base64.encodebytes(base64.b64decode(BLOB)).decode()), "encoded text"),
    "hex": (stream(base64.b64decode(BLOB).hex()), "encoded text"),
    "bytes": (stream(str(pickle.dumps(np.arange(200)))), "dumped bytes"),
    "base64 in a marked table": (html(TABLE.replace("Male", BLOB)), "encoded text"),
    "base64 in an attribute": (html(f'<p title="{BLOB}">fine</p>'), "encoded text"),
    "download": (html(EMBEDDED), "'application/octet-stream'"),
    "no picture": (display(image__png=BLOB), "not a PNG"),
    "pickle as picture": (html(f'<img src="data:image/png;base64,{BLOB}">'), "not a PNG"),
    "data behind the picture": (display(image__png=png(behind=b"x" * 100)), "data behind the picture"),
    "data inside the picture": (display(image__png=png((b"tEXt", b"x" * 5000))), "5,000 bytes of tEXt"),
    "jpeg": (display(image__jpeg=PICTURE), "cannot be checked"),
}  # fmt: skip


@pytest.mark.parametrize("name", ALWAYS)
@pytest.mark.parametrize("source", ["/data", "twin"])
def test_identifiers_and_hidden_data_are_stopped_whatever_the_access(tmp_path, name, source):
    output, reason = ALWAYS[name]
    path = notebook(tmp_path, output, source=source)
    findings = scan_notebook(path)
    assert any(reason in finding for finding in findings), findings
    assert all(finding.startswith(f"{path}, cell 3, output 1: ") for finding in findings)


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"metadata": {"note": BLOB}}, "notebook: metadata"),
        ({"metadata": {"widgets": {"state": {"a": [{"buffer": BLOB}]}}}}, "notebook: metadata"),
        ({"metadata": {BLOB: 1}}, "notebook: metadata"),
        ({"metadata": {"rows": [[i, i + 1] for i in range(12)]}}, "notebook: metadata"),
        ({"cell": {"metadata": {"x": BLOB}}}, "cell 3: metadata"),
        ({"cell": {"attachments": {"a.bin": {"application/octet-stream": BLOB}}}}, "cell 3, attachment 'a.bin'"),
        ({"cell": {"attachments": {"a.png": {"image/png": BLOB}}}}, "cell 3, attachment 'a.png'"),
        ({"cell": {"outputs": [stream("x") | {"metadata": {"x": BLOB}}]}}, "cell 3, output 1: metadata"),
        ({"metadata": {"ids": [132539]}}, "notebook: metadata: 1 identifier"),
    ],
)
def test_metadata_and_attachments(tmp_path, changes, place):
    findings = scan_notebook(notebook(tmp_path, **changes), None, [132539])
    assert len(findings) == 1
    assert place in findings[0]


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
    for output in (stream(text), html(text), html(f"<!--{text}-->"), html(TABLE.replace("Male", text))):
        for known in ({132539}, {"132539"}, np.array([132539]), [132539.0, 1]):
            path = notebook(tmp_path, output, source="twin")
            findings = [finding.removeprefix(str(path)) for finding in scan_notebook(path, None, known)]
            assert any("1 identifier(s) of participants" in finding for finding in findings)
            assert not any("132539" in finding for finding in findings)  # a log is no place for it either
        assert scan_notebook(notebook(tmp_path, output, source="twin"), None, {132540}) == []


@pytest.mark.parametrize("text", ["0.132539", "1132539", "132,539 rows", "132539abc", "e132539", "132539.25"])
def test_other_numbers_are_no_identifiers(tmp_path, text):
    assert scan_notebook(notebook(tmp_path, stream(text)), None, {132539}) == []


def test_short_identifiers_are_not_searched_for(tmp_path):
    assert scan_notebook(notebook(tmp_path, stream("48 hours, 4000 stays")), None, {48, 4000, "INS-1"}) == []
    assert scan_notebook(notebook(tmp_path, stream("mesa-sleep-01234")), None, {"mesa-sleep-01234"}) != []


def test_what_is_no_notebook_is_a_finding(tmp_path):
    for text in ("", "{}", "[]", '{"metadata": {}, "cells": [1]}', '{"worksheets": []}'):
        (tmp_path / "x.ipynb").write_text(text)
        assert "not a notebook that can be read" in scan_notebook(tmp_path / "x.ipynb")[0]


# -------------------------------------------------------------------------------------------------------- access


@pytest.mark.parametrize(
    ("source", "dataset", "access"),
    [
        ("twin", "mimic", "synthetic"),
        ("frozen", "challenge2012", "open"),
        ("/data/challenge", "challenge2012", "open"),
        ("frozen", "mimic", "restricted"),
        ("/data", "no_such_card", "restricted"),
        (None, None, "restricted"),
    ],
)
def test_access_follows_the_parameters(tmp_path, source, dataset, access):
    assert access_of(notebook(tmp_path, source=source, dataset=dataset)) == access


def test_access_from_defaults_that_papermill_does_not_record(tmp_path):
    path = notebook(tmp_path)
    content = json.loads(path.read_text())
    content["cells"][1]["source"] = ['dataset = "mimic"  # which\n', 'source = "twin"\n', "seeds = [1]"]
    content["metadata"]["papermill"]["parameters"] = {}
    path.write_text(json.dumps(content))
    assert access_of(path) == "synthetic"
    content["metadata"]["papermill"]["parameters"] = {"source": "/data"}
    path.write_text(json.dumps(content))
    assert access_of(path) == "restricted"
    content["cells"][1]["source"] = "dataset ="
    path.write_text(json.dumps(content))
    assert access_of(path) == "restricted"
    del content["metadata"]["papermill"]
    content["cells"].pop(1)
    path.write_text(json.dumps(content))
    assert access_of(path) == "restricted"


def test_real_figure_passes(tmp_path):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    figure, axes = pyplot.subplots(figsize=(2, 2))
    axes.plot([0, 1])
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    pyplot.close(figure)
    content = base64.b64encode(buffer.getvalue()).decode()
    assert scan_notebook(notebook(tmp_path, display(image__png=content))) == []
