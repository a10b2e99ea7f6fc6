"""The rule that builds the book, on a small one: what is refused or fails leaves the book before as it was."""

import json
import re
import shutil
from pathlib import Path

import nbformat
import pytest

from fairlib.report.pieces import mark
from tests.book.test_study_and_book import ROOT, STUDY, run

#: Only this rule runs, on pages that a test wrote; files are compared by their time.
BUILD = STUDY.partition("--config")[0] + "--rerun-triggers mtime --allowed-rules html book"
TABLE = '<table class="fairlib-table"><tr><td>0.132</td><td>539</td></tr></table>'
STAY = "<pre>stay 132539</pre>"
PAGE = "executed/challenge2012/5_evaluation"


def page(where: Path, name: str, *outputs: str, source: str = "frozen") -> None:
    """An executed notebook with these outputs in HTML."""
    cell = nbformat.v4.new_code_cell("show()", metadata={"tags": ["hide-input"]})
    made = [({"text/html": html}, mark({"text/html": html}, "table")) for html in outputs]
    cell.outputs = [nbformat.v4.new_output("display_data", data, metadata=metadata) for data, metadata in made]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# A page"), cell])
    notebook.metadata["language_info"] = {"name": "python", "pygments_lexer": "python3"}
    notebook.metadata["papermill"] = {"parameters": {"dataset": name.split("/")[1], "source": source}}
    path = where / "book" / f"{name}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)


@pytest.fixture(scope="module")
def book(tmp_path_factory) -> Path:
    """A book of a chapter and a page, built once; the other pages of the study lie beside it."""
    where = tmp_path_factory.mktemp("small")
    for name in ("fairlib", "notebooks", "data_cards", "book"):
        skip = shutil.ignore_patterns("__pycache__", "executed", "_build", "reference", ".ipynb_checkpoints")
        shutil.copytree(ROOT / name, where / name, ignore=skip)
    config = where / "book" / "_config.yml"
    config.write_text(re.sub(r" +(local_extensions|extra_extensions|autodoc_\w+):.*\n", "", config.read_text()))
    (where / "book" / "_toc.yml").write_text(f"format: jb-book\nroot: intro\nchapters:\n  - file: {PAGE}\n")
    (where / "book" / "intro.md").write_text("# A book\n\nA chapter.\n")
    planned = run(f"{STUDY.partition('--config')[0]} --dry-run book", where)
    outputs = re.findall(r"^ +output: (.*)$", planned.stdout + planned.stderr, re.M)
    for path in (where / name for line in outputs for name in line.split(", ") if "_build" not in name):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
    page(where, PAGE, TABLE)
    (where / "results" / "challenge2012" / "frozen").mkdir(parents=True)
    (where / "results" / "challenge2012" / "frozen" / "identifiers.txt").write_text("132539\n")
    page(where, "executed/my_data/paper_text/explorer", STAY, source="/gone")
    done = run(BUILD, where)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    return where


def html(book: Path) -> dict[str, bytes]:
    folder = book / "book" / "_build" / "html"
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_book_holds_its_own_pages_and_no_leftover(book):
    built = html(book)
    assert f"{PAGE}.html" in built
    assert not [name for name in built if "my_data" in name]
    assert not (book / "book" / "_build" / "new" / "_build" / "html").exists()
    assert b"1 executed notebooks and" in (book / "book" / "_build" / "build.log").read_bytes()


def test_the_search_index_glued_the_identifier_that_no_page_holds(book):
    index = html(book)["searchindex.js"].decode()
    assert json.loads(index[index.index("(") + 1 : index.rindex(")")])["terms"].keys() & {"132539"}


def test_a_build_that_is_refused_or_fails_leaves_the_book_before(book):
    before, good = html(book), [book / "book" / "intro.md", book / "book" / f"{PAGE}.ipynb"]
    texts = [path.read_text() for path in good]
    for fault, said in (
        (lambda: page(book, PAGE, TABLE, STAY), "1 identifier(s) of participants"),
        (lambda: good[0].write_text("# A book\n\n[](nowhere.md)\n"), "nowhere"),
    ):
        fault()
        stopped = run(BUILD, book)
        assert stopped.returncode != 0
        assert said in stopped.stdout + stopped.stderr
        assert html(book).items() >= {name: text for name, text in before.items() if name != ".buildinfo"}.items()
        assert len(html(book)) == len(before) - 1
        assert not (book / "book" / "_build" / "new" / "_build" / "html").exists()
        planned = run(BUILD.replace(" book", " --dry-run book"), book)  # it is not taken for done
        assert "rule html:" in planned.stdout + planned.stderr
        for path, text in zip(good, texts, strict=True):
            path.write_text(text)
    # The next good build takes its place, with a page more.
    toc, other = book / "book" / "_toc.yml", "executed/challenge2012/4_representation_similarity"
    page(book, other, TABLE)
    toc.write_text(f"{toc.read_text()}  - file: {other}\n")
    assert run(BUILD, book).returncode == 0
    assert html(book).keys() >= {*before, f"{other}.html"}
    # A page that left the contents leaves the book.
    toc.write_text(toc.read_text().replace(f"  - file: {other}\n", ""))
    assert run(BUILD, book).returncode == 0
    assert html(book).keys() == before.keys()
