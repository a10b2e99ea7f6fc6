"""The catalogue holds every item of the method, and every item has a page and a function that its notebook calls."""

import ast
import json
import re
from importlib import import_module
from pathlib import Path

import pytest

from book.pages import index

ROOT = Path(__file__).parent.parent.parent
ITEMS = {item.id: item for item in index.load().items}
WANTED = [
    *("E1", "E2", "E3", "E4", "A1", "F-framework", "F-segments", "F-label-bias", "T-requirements", "T-datasets"),
    *("F-views", "T-strategies", "F-roc", "T-performance", "T-models", "F-cka", "F-cka-conditioned", "F-embedding"),
    *("T-distances", "F-metric-tree", "F-parity-all", "F-parity-domain", "T-conditioned", "F-roc-conditioned"),
    *("F-size-gap", "F-efficiency", "T-headline"),
]
#: What is known to be missing, wholly or in part. Take an item out when it is there; the page then stops listing it.
OPEN = set()


def test_every_item_of_the_method_is_there():
    assert list(ITEMS) == WANTED


def test_the_method_has_no_other_item(shared):
    text = (shared / "METHOD.md").read_text(encoding="utf-8")
    ids = re.findall(r"^\| ([FT]-[a-z-]+) \|", text[text.index("## 4") : text.index("## 5")], re.M)
    assert set(ids) == {name for name in WANTED if name[:2] in ("F-", "T-")}


def test_nothing_is_missing_but_what_is_known_to_be():
    assert {name for name, item in ITEMS.items() if item.open} == OPEN


@pytest.mark.parametrize("item", ITEMS.values(), ids=lambda item: item.id)
def test_an_item_has_a_page_and_functions_that_make_it(item):
    assert index.pages(item), f"{item.id}: no page of the table of contents is {item.page}"
    if item.page.endswith(".md"):
        text = (index.BOOK / item.page).read_text(encoding="utf-8")
        assert not item.label or f":label: {item.label}" in text
    else:
        assert item.functions or item.open, f"{item.id}: nothing makes it"
    for name in item.functions:
        module, function = name.rsplit(".", 1)
        assert callable(getattr(import_module(f"fairlib.{module}"), function)), name


def calls(notebook: Path) -> set[str]:
    """Functions of figures and tables that a notebook calls, below fairlib, whatever its names for the modules."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    tree = ast.parse("\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"))
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("fairlib"):
            for name in node.names:
                names[name.asname or name.name] = f"{node.module}.{name.name}".removeprefix("fairlib.")
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            first, _, rest = ast.unparse(node.func).partition(".")
            if first in names:
                found.add(names[first] + f".{rest}" * bool(rest))
    return found


CALLS = {path.stem: calls(path) for path in (ROOT / "notebooks").glob("*.ipynb")}


@pytest.mark.parametrize("item", [i for i in ITEMS.values() if not i.page.endswith(".md")], ids=lambda item: item.id)
def test_a_notebook_calls_the_functions_of_its_items(item):
    """Each function is called in some notebook, and the item's own page calls one of them at least."""
    made = {name for name in item.functions if name.startswith(("figures.", "tables."))}
    assert made <= set().union(*CALLS.values()), f"{item.id}: no notebook calls what makes it"
    assert made & CALLS[item.page], f"{item.id}: its page {item.page} calls none of {made}"


def test_the_index_page_is_made_of_the_catalogue():
    written = index.INDEX.read_text(encoding="utf-8")
    assert written == index.render(index.load()), "run: python -m book.pages.index"


def test_the_index_says_what_is_unknown():
    written = index.INDEX.read_text(encoding="utf-8")
    assert "Figures 1, 2, 3, 4 and 6" in written
    assert "Figure 5, Figure 7" in written
    assert "Table 5" in written
    assert all(f"**{name}**" in written for name in WANTED)


def test_chapters_refer_to_every_equation_and_the_algorithm():
    chapters = "".join(
        path.read_text(encoding="utf-8")
        for folder in ("", "stages")
        for path in (index.BOOK / folder).glob("*.md")
        if path != index.INDEX
    )
    for item in ITEMS.values():
        if item.label:
            role = "prf:ref" if item.label.startswith("alg") else "eq"
            assert chapters.count(f"{{{role}}}`{item.label}`") >= 2, item.id
