"""The items of the study, the figures and tables that have a name, and where each stands in the book.

An item is named where it is made: the first line of a notebook's cell reads ``# F-roc: what it shows``. The cell
becomes an anchor, and the line ITEMS of the page ``index_of_items`` a row an item, with links to all its pages.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from docutils import nodes
from page_frame import whose
from sphinx.application import Sphinx

ITEM = re.compile(r"# ([FT]-[a-z-]+): (.+)")


def setup(app: Sphinx) -> dict:
    app.connect("source-read", list_items)
    app.connect("doctree-read", anchor)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def named(notebook: Path) -> Iterator[tuple[str, str, str]]:
    """Name, description and code of the items that a notebook makes."""
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code" and (item := ITEM.match(code := "".join(cell["source"]))):
            yield item[1], item[2], code


def rows(pages: dict[str, Path]) -> str:
    """Rows of a Markdown table, item | what it shows | pages, by stage. pages: docname → executed notebook."""
    found: dict[tuple[str, str], list[str]] = {}
    for docname in sorted(pages, key=lambda name: name.split("/")[::-1]):
        for name, what, _ in named(pages[docname]):
            link = f"{{ref}}`{whose(docname, pages[docname]) or 'all datasets'} <{label(docname, name)}>`"
            found.setdefault((name, what), []).append(link)
    return "\n".join(f"| **{name}** | {what} | {' · '.join(links)} |" for (name, what), links in found.items())


def label(docname: str, name: str) -> str:
    """The anchor of an item, unlike any other in the book: in the PDF all pages are one."""
    return nodes.make_id(f"{docname} {name}")


def list_items(app: Sphinx, docname: str, source: list[str]) -> None:
    """Fill the index."""
    if docname == "index_of_items":
        pages = {name: Path(app.env.doc2path(name)) for name in app.env.found_docs}
        source[0] = source[0].replace("ITEMS", rows({n: path for n, path in pages.items() if path.suffix == ".ipynb"}))


def anchor(app: Sphinx, doctree: nodes.document) -> None:
    """Let links lead to the cells that make items."""
    for block in doctree.findall(nodes.literal_block):
        if item := ITEM.match(block.astext()):
            name = label(app.env.docname, item[1])
            block.parent.parent["ids"].append(name)  # the cell around its code
            app.env.get_domain("std").anonlabels[name] = app.env.docname, name
