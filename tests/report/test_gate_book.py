"""The gate on a whole book: every page and every notebook behind one is read, and nothing of other builds."""

import pytest

from fairlib.report import show
from fairlib.report.gate import DisclosureError, check_book, scan_html
from fairlib.report.pieces import joined
from tests.report.test_gate import (
    BLOB,
    EMBEDDED,
    GOOD,
    HARMLESS,
    OPEN,
    PEOPLE,
    PEOPLE_OF,
    TABLE,
    WITH_IDS,
    html,
    notebook,
    result,
    shown,
    stream,
)


def page(folder, body, name="3_fine_tuning"):
    path = folder / f"{name}.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    logo = "<img src='data:image/svg+xml,%3Csvg/%3E'>"
    path.write_text(f"<!DOCTYPE html><html><head><script>var x = [1]</script></head><body>{logo}{body}</body></html>")
    return path


def output(body):
    return f'<div class="cell_output docutils container">{body}</div>'


UNMARKED = "fairlib.report.show did not make"
PROSE = "<p>One RecordID is one stay.</p><table class='table'><tr><th>person</th></tr></table><pre>x = array([1])</pre>"


MADE = joined(GOOD["data"]["text/html"])


def test_a_page_with_marked_pieces_passes(tmp_path):
    broken = MADE.replace("papermill", '<wbr class="fairlib-narrow">paper<wbr>mill')  # when the page was built
    body = PROSE + output(f'<div class="output text_html">{MADE}</div>\n') + output(broken)
    assert scan_html(page(tmp_path, body), {132539}, [MADE]) == []
    left = scan_html(page(tmp_path, body), {132539})
    assert [finding.partition(".html: ")[2].partition(" that ")[0] for finding in left] == [
        "output",
        "embedded data of type 'text/csv'",
    ]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (output(PEOPLE.to_html()), UNMARKED),
        (PEOPLE.to_html(), "a printed DataFrame"),
        (output(TABLE), UNMARKED),
        (output(MADE.replace("Male", "Mole")), UNMARKED),
        (output(f"{MADE}71"), UNMARKED),
        (output(f"{MADE}<!-- 71 -->"), UNMARKED),
        (output('<img src="../_images/a.png">'), UNMARKED),
        (output("<pre><span>array</span><span>([0.1])</span></pre>"), UNMARKED),
        (f"<p>stay <b>132539</b></p>{output(MADE)}", "1 identifier(s)"),
        (EMBEDDED, "'application/octet-stream'"),
        (f'<img src="data:image/png;base64,{BLOB}">', "'image/png'"),
    ],
)
def test_pages(tmp_path, body, reason):
    path = page(tmp_path, body)
    findings = scan_html(path, {132539}, [MADE])
    assert [finding for finding in findings if finding.startswith(f"{path}: ") and reason in finding], findings


@pytest.fixture
def book(tmp_path):
    """Executed notebooks of a twin and of real data, and the book built from them."""
    for dataset, source in (("mimic", "twin"), ("challenge2012", "frozen")):
        name = f"{dataset}/3_fine_tuning"
        notebook(tmp_path / "executed", *HARMLESS, source=source, dataset=dataset, name=name)
        page(tmp_path / "html", output(MADE), f"executed/{name}")
        notebook(tmp_path / "html/_sources/executed", *HARMLESS, source=source, dataset=dataset, name=name)
    page(tmp_path / "html", PROSE, "index")
    (tmp_path / "html/searchindex.js").write_text("Search.setIndex({terms:{fair:[1,2]}})")
    (tmp_path / "html/_static").mkdir()
    (tmp_path / "html/_static/fonts.js").write_text("var codes = [132539, 140501]")
    return tmp_path


def stopped(book, known=()):
    with pytest.raises(DisclosureError, match="nothing may be published") as error:
        check_book(book / "executed", book / "html", known)
    assert all(finding in str(error.value) for finding in error.value.findings)
    return error.value.findings


def test_clean_book_passes(book):
    assert check_book(book / "executed", book / "html", {132539}).startswith("2 executed notebooks and 3 pages scanned")


def test_rows_are_refused_on_every_page(book):
    names = ["executed/mimic/3_fine_tuning", "executed/challenge2012/3_fine_tuning", "index"]
    for name in names:
        page(book / "html", output(PEOPLE.to_html()), name)
    findings = stopped(book)
    assert all(any(f"{name}.html" in finding and UNMARKED in finding for finding in findings) for name in names)


def test_a_chapter_may_show_what_a_notebook_glued_for_it(book):
    sizes = show.table_html(PEOPLE_OF, "Glued", OPEN)
    page(book / "html", output(sizes), "index")
    assert UNMARKED in stopped(book)[0]
    notebook(book / "executed", shown("sizes", sizes, False, by=show.glue), name="mimic/data_card")
    assert check_book(book / "executed", book / "html")  # of a notebook that has no page of its own
    notebook(book / "executed", html(sizes), name="mimic/data_card")
    assert UNMARKED in stopped(book)[0]


def test_every_finding_is_listed(book):
    name = "challenge2012/5_evaluation"
    notebook(book / "executed", result(WITH_IDS), stream(BLOB), dataset="challenge2012", name=name)
    page(book / "html", output(MADE), f"executed/{name}")
    findings = stopped(book)
    assert len(findings) == 2
    assert all("5_evaluation.ipynb, cell 3, output" in finding for finding in findings)


@pytest.mark.parametrize("name", ["_downloads/rows.csv", "_static/model.safetensors", "x.pkl", "data.tar.gz", "a.npy"])
def test_data_files_are_stopped(book, name):
    (book / "html" / name).parent.mkdir(exist_ok=True)
    (book / "html" / name).write_bytes(b"x")
    assert stopped(book) == [f"{book / 'html' / name}: a data file has no place in the book"]


def test_identifiers_in_other_files_and_copies_of_notebooks(book):
    (book / "html/executed/card.json").write_text('{"id": 132539}')
    stay = shown("stay 132539", by=show.note)
    notebook(book / "html/_sources", stay, source="twin", name="copy")
    findings = stopped(book, [132539])
    assert ["copy.ipynb, cell 3" in findings[0], "card.json: 1 identifier" in findings[1]] == [True, True]


def test_a_term_that_the_search_index_glued_is_no_identifier(book):
    """Sphinx takes the tags out of a table: 0.132 and 539 become 0 and 132539. A page that holds it is found."""
    cells = "<tr><td>0.132</td><td>539</td></tr>"
    page(book / "html", f"<table>{cells}</table>", "executed/mimic/3_fine_tuning")
    for name in ("searchindex.js", "executed/searchindex.js"):
        (book / "html" / name).write_text('Search.setIndex({terms:{"132539":[1,2]}})')
    (finding,) = stopped(book, [132539])
    assert "executed/searchindex.js: 1 identifier" in finding  # only the index of the book is Sphinx's
    (book / "html/executed/searchindex.js").unlink()
    check_book(book / "executed", book / "html", [132539])
    page(book / "html", PROSE + "<p title='132539'>a stay</p>", "intro")
    (finding,) = stopped(book, [132539])
    assert "intro.html: 1 identifier" in finding


def test_a_page_of_another_build_is_not_read(book):
    name = "my_data/3_fine_tuning"
    leftover = notebook(book / "executed", result(WITH_IDS), dataset="my_data", source="/gone", name=name)
    check_book(book / "executed", book / "html")
    page(book / "html", output(MADE), f"executed/{name}")  # once it is a page of the book, it is
    findings = stopped(book)
    assert all(finding.startswith(f"{leftover}, cell 3") for finding in findings)


def test_of_a_book_on_one_page_the_notebooks_in_it_are_read(book):
    name = "challenge2012/3_fine_tuning"
    notebook(book / "executed", result(WITH_IDS), name=name)
    notebook(book / "executed", result(WITH_IDS), name="my_data/3_fine_tuning")
    page(book / "one", f'<span id="document-executed/{name}"></span>{output(MADE)}', "intro")
    with pytest.raises(DisclosureError) as error:
        check_book(book / "executed", book / "one")
    assert {finding.partition(",")[0] for finding in error.value.findings} == {f"{book / 'executed' / name}.ipynb"}


def test_a_chapter_with_the_name_of_a_notebook_is_read_too(book):
    page(book / "html", output("71"), "stages/executed/mimic/3_fine_tuning")
    (finding,) = stopped(book)
    assert finding.startswith(f"{book}/html/stages/executed/mimic/3_fine_tuning.html: ")


@pytest.mark.parametrize("empty", ["executed", "html"])
def test_nothing_to_check_is_no_pass(book, empty):
    for path in (book / empty).rglob("*.*"):
        if path.is_file():
            path.unlink()
    assert "nothing was checked" in stopped(book)[0]
