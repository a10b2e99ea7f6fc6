"""The catalogue: every item that the book must carry, from ``book/catalogue.yaml``, and the index page made of it.

``python -m book.pages.index`` writes ``book/index_of_items.md``; a test fails where the two differ.
"""

import re
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict

from fairlib import cards
from fairlib.study.parameters import Synthesis

CASES = Synthesis().chosen
BOOK = Path(__file__).parents[1]
INDEX = BOOK / "index_of_items.md"
STAGES = {
    "1_dataset_requirements": "Stage 1: dataset requirements",
    "2_pre_training": "Stage 2: pre-training",
    "3_fine_tuning": "Stage 3: fine-tuning",
    "4_representation_similarity": "Stage 4: representation similarity",
    "5_evaluation": "Stage 5: evaluation",
    "6_synthesis": "Synthesis: across datasets",
}

HEAD = """\
# Every figure and table

:::{admonition} Data on this page
:class: fairlib-origin
None: this page is an index. It is written from `book/catalogue.yaml` by `python -m book.pages.index`.
:::

:::{admonition} Before you read
:class: fairlib-opening
**You will learn** where each figure, table and equation stands, which command makes its page again, and which function
made it.

**You need** nothing; the names in bold are this study's own.
:::

Each item of the study: where it stands, the command that makes its page again, the function that makes it, and its
place in the paper where we know it.
"""
UNKNOWN = """
## What we do not know about the paper

The paper holds {figures} figures, {tables} tables, {equations} equations and {algorithms} algorithm. We know its
claims, its equations, the captions of Figures {known}, and what its code release prints. We do not know what these
hold: {unknown}.
Items above marked “unknown” may be among them; we do not guess which is which. Published numbers stand beside ours on
the [synthesis page](executed/6_synthesis.ipynb), with their source.
"""


class Paper(BaseModel):
    """How many numbered things the paper holds."""

    model_config = ConfigDict(extra="forbid")
    figures: int
    tables: int
    equations: int
    algorithms: int


class Item(BaseModel):
    """One item: what it is, the functions that make it, the notebook or chapter (.md) that carries it."""

    model_config = ConfigDict(extra="forbid")
    id: str
    what: str
    functions: list[str]
    page: str
    label: str = ""  # of an equation or the algorithm
    paper: str = "unknown"
    open: str = ""  # what is still missing


class Catalogue(BaseModel):
    """All items, in the order of the method."""

    model_config = ConfigDict(extra="forbid")
    paper: Paper
    items: list[Item]


def load() -> Catalogue:
    """The catalogue, checked."""
    return Catalogue(**yaml.safe_load((BOOK / "catalogue.yaml").read_text(encoding="utf-8")))


def pages(item: Item) -> list[str]:
    """The pages of the book that carry an item, as they stand in the table of contents, without ending."""
    files = re.findall(r"(?:file|root): (\S+)", (BOOK / "_toc.yml").read_text(encoding="utf-8"))
    if item.page.endswith(".md"):
        return [name for name in files if name == item.page.removesuffix(".md")]
    return [name for name in files if name.startswith("executed/") and name.split("/")[-1] == item.page]


def render(catalogue: Catalogue) -> str:
    """The index page in MyST Markdown."""
    parts = [HEAD, _section("In the text", [item for item in catalogue.items if item.page.endswith(".md")])]
    for notebook, title in STAGES.items():
        parts.append(_section(title, [item for item in catalogue.items if item.page == notebook]))
    lacking = [f"- **{item.id}** ({item.what}): {item.open}." for item in catalogue.items if item.open]
    parts.append("\n## Not there yet\n\n" + ("\n".join(lacking) or "Nothing: every item is in the book.") + "\n")
    figures, tables = (_known(catalogue, what) for what in ("Figure", "Table"))
    unknown = [f"Figure {n}" for n in range(1, catalogue.paper.figures + 1) if n not in figures]
    unknown += [f"Table {n}" for n in range(1, catalogue.paper.tables + 1) if n not in tables]
    known = f"{', '.join(map(str, figures[:-1]))} and {figures[-1]}"
    parts.append(UNKNOWN.format(known=known, unknown=", ".join(unknown), **catalogue.paper.model_dump()))
    return "".join(parts)


def _section(title: str, items: list[Item]) -> str:
    """A heading, for a notebook its pages and command, and a row an item."""
    text, chapter = f"\n## {title}\n\n", items[0].page.endswith(".md")
    if not chapter:
        links = " · ".join(f"[{_case(page)}]({page}.ipynb)" for page in pages(items[0]))
        dataset = "" if items[0].page == "6_synthesis" else " -p dataset mimic"
        text += (
            f"On the pages {links}.\n\n```bash\npapermill notebooks/{items[0].page}.ipynb out.ipynb{dataset}\n```\n\n"
        )
    text += f"| item | what | {'where' if chapter else 'made by'} | in the paper |\n| --- | --- | --- | --- |\n"
    for item in items:
        made = ", ".join(f"`{name}`" for name in item.functions) or "not there yet"
        text += f"| **{item.id}** | {item.what} | {_place(item) if chapter else made} | {item.paper} |\n"
    return text


def _place(item: Item) -> str:
    """The chapter of an item, and its number there."""
    title = re.search(r"^# (.+)$", (BOOK / item.page).read_text(encoding="utf-8"), re.M)[1]
    link = f"[{title}]({item.page})"
    if not item.label:
        return link
    return f"{{{'prf:ref' if item.label.startswith('alg') else 'eq'}}}`{item.label}`, {link}"


def _case(page: str) -> str:
    """What a page of a case is called in a link."""
    parts = page.split("/")
    if len(parts) == 2:
        return "synthesis"
    case, name = CASES[parts[1]], cards.load(parts[1]).called
    return name + " twin" * (case.source == "twin") + f", {parts[2]}" * (len(parts) == 4 and len(case.recipes) > 1)


def _known(catalogue: Catalogue, what: str) -> list[int]:
    """Numbers of the paper's figures or tables that an item names; "Figures 2 to 4" are three."""
    numbers = set()
    for item in catalogue.items:
        for first, last in re.findall(rf"{what}s? (\d+)(?: to (\d+))?", item.paper):
            numbers |= set(range(int(first), int(last or first) + 1))
    return sorted(numbers)


if __name__ == "__main__":
    INDEX.write_text(render(load()), encoding="utf-8")
    print(f"written: {INDEX}")
