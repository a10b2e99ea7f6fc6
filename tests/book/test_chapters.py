"""Every page that is read from top to bottom opens with what it takes and ends with what to keep."""

import json
import re

import pytest

from fairlib.report.gate import _identified
from fairlib.study.parameters import PROFILES, ROOT

BOOK = ROOT / "book"
PAGES = re.findall(r"file: (\S+)", (BOOK / "_toc.yml").read_text(encoding="utf-8"))
#: Read from an entry to the next: nothing to take away.
LOOKED_UP = ["glossary", "index_of_items", "faults"]
#: Lists without text of their own, or pages with a form of their own.
OTHERS = ("references", "reference/", "course/", "executed/", *LOOKED_UP)
CHAPTERS = [page for page in PAGES if not page.startswith(OTHERS)]
LESSONS = "executed/course/"  # as course/
NOTEBOOKS = sorted({page.split("/")[-1] for page in PAGES if page.startswith("executed/") and LESSONS not in page})


def text_of(page: str) -> str:
    if (path := BOOK / f"{page}.md").is_file():
        return path.read_text(encoding="utf-8")
    cells = json.loads((ROOT / "notebooks" / f"{page}.ipynb").read_text(encoding="utf-8"))["cells"]
    return "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")


@pytest.mark.parametrize("page", [*CHAPTERS, *NOTEBOOKS, *LOOKED_UP])
def test_opening_and_takeaways(page):
    text = text_of(page)
    opening = re.search(r"^:::\{admonition\} Before you read\n:class: fairlib-opening\n(.*?)^:::", text, re.S | re.M)
    assert opening, "no opening"
    assert opening[1].startswith("**You will learn** ")
    assert "\n\n**You need** " in opening[1]
    assert not re.search(r"\bminutes?\b", opening[1]), "minutes are measured, see book/_ext/page_frame.py"
    if page in LOOKED_UP:
        return
    takeaways = text.partition("\n## Takeaways")[2].partition("\n## ")[0]
    notebook = ROOT / "notebooks" / f"{page}.ipynb"
    last = json.loads(notebook.read_text("utf-8"))["cells"][-1]["source"] if notebook.is_file() else []
    assert takeaways.count("\n- ") >= 1 or "show.points(" in "".join(last)  # computed, where they are about the result


def test_the_landing_page_leads_to_the_doors_and_the_limits():
    text = text_of("intro")
    doors = (":link: how_to_read", ":link: rerun", ":link: course/index")
    for place in (
        *doors,
        "five_stages.html",
        "(limits.md)",
        "(protocol.md)",
        "challenge2012_figure",
        "::challenge2012_text",
    ):
        assert place in text


def test_pages_are_found():
    assert len(CHAPTERS) >= 24
    assert len(NOTEBOOKS) >= 10


def test_the_table_of_profiles_is_that_of_the_code():
    """Windows, training steps and draws; the other rows are words."""
    kinds = "windows, at most|training steps|draws of participants"
    rows = re.findall(rf"^\| ({kinds})[^|]*\|(.*)\|$", text_of("rerun"), re.M)
    told = {what: [cell.strip() for cell in cells.split("|")] for what, cells in rows}
    profiles = [PROFILES[name] for name in ("smoke", "quick", "paper")]
    assert told["windows, at most"] == [f"{p.windows:,}" if p.windows else "all" for p in profiles]
    assert told["training steps"] == [f"{100 * p.steps:g} %" for p in profiles]
    assert told["draws of participants"] == [str(p.draws) for p in profiles]


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_code_of_a_page_is_folded(path):
    """But for the cell that imports and shows the banner, whose code is left to the notebook."""
    cells = [c for c in json.loads(path.read_text(encoding="utf-8"))["cells"] if c["cell_type"] == "code"]
    tags = {c["id"]: set(c["metadata"].get("tags", ())) for c in cells}
    removed = [c["id"] for c in cells if "remove-input" in tags[c["id"]]]
    assert [name for name, own in tags.items() if not own & {"hide-input", "remove-input"}] == []
    assert removed in ([], [cells[1]["id"]])


def test_every_column_of_a_table_has_a_name():
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "book").rglob("*.md") if "_build" not in path.parts]
    for path in (ROOT / "notebooks").rglob("*.ipynb"):
        sources += ["".join(cell["source"]) for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]]
    heads = [head for text in sources for head in re.findall(r"^(\|.*\|)\n\| *:?-{3}", text, re.M)]
    assert len(heads) > 20
    assert [head for head in heads if not all(name.strip() for name in head.strip("|").split("|"))] == []


def test_no_chapter_holds_a_number_that_could_be_a_person_of_mimic():
    """They are numbered to 99,999, and where their data lie the gate refuses a page with one of them."""
    for path in (ROOT / "book").rglob("*.md"):
        if not {"_build", "executed"} & set(path.parts):
            every = frozenset(map(str, range(10_000, 100_000)))
            assert _identified(path.read_text(encoding="utf-8"), every) == [], path
