"""What every page has around its text, measured when the book is built and never typed.

- The opening (an admonition of class ``fairlib-opening``) gets the minutes to read and to run.
- *Reproduce this page* is at the end: the commands behind the page, each with the minutes it took. They give every
  parameter that differs from its default, so the page does without the cells of parameters.
- Its title, for tabs, the search and the pages beside it, says whose data it is about: many share a notebook.
- Launch buttons open the stored notebook in ``notebooks/``, not the executed copy, which git ignores.
"""

import json
import os
import re
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path
from zlib import crc32

from docutils import nodes
from sphinx.application import Sphinx

from book.pages.contracts import CONTRACTS, check
from fairlib import cards, lessons
from fairlib.study.parameters import ParameterError

WORDS_A_MINUTE = 200
MINUTES_A_PICTURE = 0.25  # a figure or a table
#: Where a name in code may break, but not before a file's ending; and how many letters of it a column of a table holds.
BETWEEN_WORDS = re.compile(
    r"(?<=[\w);][_/.=,:-])(?=[a-z&])(?!(?<=\.)(?:csv|gz|html|ipynb|json|md|parquet|py|txt|ya?ml|zip)\b)", re.IGNORECASE
)
COLUMN = 34
PARAMETERS = {"tag_parameters", "tag_injected-parameters"}
SKIPPED = (nodes.literal_block, nodes.raw, nodes.comment, nodes.math, nodes.math_block)


def setup(app: Sphinx) -> dict:
    app.connect("config-inited", published_from)
    app.connect("builder-inited", one_page_like_many)
    app.connect("env-updated", say_whose_data)
    app.connect("doctree-resolved", frame)
    app.connect("html-page-context", name_neighbours)
    app.connect("html-page-context", leave_thebe_out)
    app.connect("html-page-context", break_names_between_words)
    app.connect("html-page-context", launch_stored_notebook, priority=600)  # after the theme's own
    # After an edit of these extensions Sphinx reads all pages again.
    own = crc32(b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py"))))
    return {"env_version": own, "parallel_read_safe": True, "parallel_write_safe": True}


def one_page_like_many(app: Sphinx) -> None:
    """For the PDF all pages are one. Some extensions give that builder handlers of its own, which hides all others'."""
    handlers = app.registry.translation_handlers
    handlers["singlehtml"] = handlers.get("html", {}) | handlers.get("singlehtml", {})


@dataclass(frozen=True)
class Run:
    """How a page was executed."""

    command: str
    source: str
    dataset: str
    recipe: str
    seconds: float


def frame(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Time for the opening, and the commands at the end of a page."""
    if app.builder.format != "html":
        return
    own = executed(Path(app.env.doc2path(docname)))
    for opening in doctree.findall(nodes.admonition):
        if "fairlib-opening" in opening["classes"]:
            page = page_of(opening)
            run = executed(Path(page["source"]))
            to_run = took([run], " to run") if run else "there is no code to run"
            time = nodes.Text(f" {minutes(60 * reading_minutes(page))} to read; {to_run}.")
            opening += nodes.paragraph("", "", nodes.strong("", "Time:"), time)
    for block in doctree.findall(nodes.literal_block):
        if "REPOSITORY" in block.astext():  # the address stands in _config.yml alone
            text = block.astext().replace("REPOSITORY", app.config.html_theme_options["repository_url"])
            block.rawsource, block.children = text, [nodes.Text(text)]
    for cell in [*doctree.findall(nodes.container)] if not docname.startswith("executed/course/") else ():
        if PARAMETERS & set(cell["classes"]):
            cell.parent.remove(cell)
    if section := next(iter(doctree.findall(nodes.section)), None):
        section += reproduce(app, docname, own)


def reproduce(app: Sphinx, docname: str, own: Run | None) -> nodes.Node:
    """The admonition at the end: the commands behind a page, and what they take."""
    box = nodes.admonition("", nodes.title("", "Reproduce this page"), classes=["fairlib-reproduce"])
    behind = [own] if own else glued(app, docname)
    if not behind:
        box += nodes.paragraph("", "This page computes nothing. One command builds the whole book:")
        box += _command("make book")
    elif not own:
        box += nodes.paragraph("", "Its numbers come from other pages. These commands run them again:")
    if behind:
        box += _command("\n".join(run.command for run in behind))
        box += nodes.paragraph("", f"This took {took(behind)}.")
    for dataset in dict.fromkeys(run.dataset for run in behind if run.source == "frozen"):
        box += nodes.paragraph("", "Results on real data are kept in the book. Recomputing them takes hours:")
        box += _command(f"python -m fairlib fetch {dataset} DIR && make book DATASET={dataset} SOURCE=DIR")
    pages = {"rerun": "What runs where", "recipes": "Other parameters"}
    where = nodes.paragraph("", "From the repository's root, in its environment.")
    for page, text in pages.items():
        where += [nodes.Text(" "), nodes.reference("", text, refuri=app.builder.get_relative_uri(docname, page))]
        where += nodes.Text(".")
    box += where
    return box


@cache
def executed(path: Path) -> Run | None:
    """How papermill executed a page, from its record in the notebook; None for a chapter."""
    if path.suffix != ".ipynb":
        return None
    made = json.loads(path.read_text(encoding="utf-8"))["metadata"].get("papermill") or {}
    if made.get("duration") is None:
        return None
    notebook = Path(made["input_path"])
    try:
        if notebook.parent.name == "course":
            p = lessons.contract(notebook.stem)(**made["parameters"])
        elif notebook.stem in CONTRACTS:
            p = check(notebook.stem, made["parameters"])
        else:  # it takes no parameters
            return Run(f"papermill notebooks/{notebook.name} out.ipynb", "", "", "", made["duration"])
    except ParameterError:  # its data lie elsewhere now
        return None
    source, dataset, recipe = (getattr(p, name, "") for name in ("source", "dataset", "recipe"))
    return Run(p.command(), source, dataset, recipe, made["duration"])


def glued(app: Sphinx, docname: str) -> list[Run]:
    """The runs whose results a chapter shows."""
    text = Path(app.env.doc2path(docname)).read_text(encoding="utf-8")
    found = [one or other for one, other in re.findall(r":doc: (\S+\.ipynb)|\{glue:text\}`(\S+\.ipynb)::", text)]
    folder = Path(app.env.doc2path(docname)).parent
    runs = [executed(Path(os.path.normpath(folder / name))) for name in dict.fromkeys(found)]
    return [run for run in runs if run]


def took(runs: list[Run], what: str = "") -> str:
    """What papermill took for pages; workers train their models before it begins."""
    trained = any(run.recipe and run.source != "frozen" for run in runs)
    return minutes(sum(run.seconds for run in runs)) + what + ", the training of models apart" * trained


def minutes(seconds: float) -> str:
    """In words, to the minute."""
    count = round(seconds / 60)
    return "less than a minute" if seconds < 45 else f"{count} minute" + "s" * (count != 1)


def page_of(node: nodes.Node) -> nodes.document:
    """The page that a node stands on. In the PDF all pages are parts of one, and each part knows its own document."""
    return next(parent for parent in _parents(node) if isinstance(parent, nodes.document))


def reading_minutes(page: nodes.document) -> float:
    """Words outside of code and formulas, and a moment for each figure and table."""
    words = sum(
        len(text.astext().split())
        for text in page.findall(nodes.Text)
        if page_of(text) is page and not any(isinstance(parent, SKIPPED) for parent in _parents(text))
    )
    drawn = [raw.astext() for raw in page.findall(nodes.raw) if page_of(raw) is page]
    pictures = sum(len(re.findall(r"<(?:figure|table)\b", text)) for text in drawn)
    return words / WORDS_A_MINUTE + MINUTES_A_PICTURE * pictures


def whose(docname: str, path: Path) -> str:
    """Whose data a page shows, such as “MESA twin”; "" if it is not a page of one dataset."""
    own = executed(path)
    if not own or not own.dataset:
        return ""
    return cards.of(own.dataset, own.source).called + " twin" * (own.source == "twin")


def say_whose_data(app: Sphinx, env) -> None:
    """“(MESA twin, paper text)” behind the title of a page, wherever the page itself is not seen."""
    for docname, title in env.titles.items():
        if about := whose(docname, Path(env.doc2path(docname))):
            env.longtitles[docname] = nodes.title("", f"{title.astext()} ({about})")


def name_neighbours(app: Sphinx, pagename: str, templatename: str, context: dict, doctree) -> None:
    """The links to the page before and the page after carry full titles."""
    _, *around = app.builder.relations.get(pagename, (None, None, None))
    for link, docname in zip(("prev", "next"), around, strict=True):
        if context.get(link) and docname:
            context[link]["title"] = escape(app.env.longtitles[docname].astext())


def leave_thebe_out(app: Sphinx, pagename: str, templatename: str, context: dict, doctree) -> None:
    """The book runs no code in its pages; Thebe's script, which comes with the theme, is there twice and fails."""
    context["script_files"] = [
        script
        for script in context["script_files"]
        if "thebe" not in f"{getattr(script, 'filename', script)} {getattr(script, 'attributes', '')}".lower()
    ]


def break_names_between_words(app: Sphinx, pagename: str, templatename: str, context: dict, doctree) -> None:
    """A long name in code may go on in the next line after a stroke, a dot and the like, but not inside a word.

    In tables on wide screens the style sheet keeps names whole that fit in a column.
    """

    def breakable(name: re.Match) -> str:
        fits = len(name[0]) <= COLUMN
        return BETWEEN_WORDS.sub('<wbr class="fairlib-narrow">' if fits else "<wbr>", name[0])

    names, code = re.compile(r"(?<=>)[^<]+(?=<)"), re.compile(r"<code\b.*?</code>", re.DOTALL)
    context["body"] = code.sub(lambda found: names.sub(breakable, found[0]), context.get("body", ""))


def published_from(app: Sphinx, config) -> None:
    """The repository that builds the book is where its launch buttons lead; elsewhere it is as ``_config.yml`` says."""
    if repository := os.environ.get("GITHUB_REPOSITORY"):
        server = os.environ.get("GITHUB_SERVER_URL", "https://github.com")
        config.html_theme_options["repository_url"] = f"{server}/{repository}"


def launch_stored_notebook(app: Sphinx, pagename: str, templatename: str, context: dict, doctree) -> None:
    """Point the theme's launch buttons at ``notebooks/``."""
    course = "course/" * pagename.startswith("executed/course/")
    executed_copy, stored = f"book/{pagename}.ipynb", f"notebooks/{course}{Path(pagename).name}.ipynb"
    for group in context.get("header_buttons", ()):
        for button in group.get("buttons", ()):
            if "url" in button:
                button["url"] = button["url"].replace(executed_copy, stored)


def _command(text: str) -> nodes.literal_block:
    return nodes.literal_block(text, text, language="bash")


def _parents(node: nodes.Node):
    while node := node.parent:
        yield node
