"""The course: an executed lesson becomes a page of the book and slides. Notebooks of students and instructors are the
work of otter-assign, whose format the lessons have.

``python -m book.course.build page EXECUTED OUT`` and ``python -m book.course.build slides EXECUTED OUT``.
"""

import copy
import re
import sys
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

import nbformat
import yaml
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell

_BOUNDARY = re.compile(r"#\s+(BEGIN|END)\s+(QUESTION|SOLUTION|TESTS)", re.I)
TEMPLATE = Path(__file__).parents[2] / "notebooks" / "course" / "slides.html.j2"


@dataclass
class Question:
    """An exercise of a lesson: its configuration and the cells of its parts."""

    name: str
    title: str
    to_think: bool
    prompt: list[NotebookNode] = field(default_factory=list)
    solution: list[NotebookNode] = field(default_factory=list)
    tests: list[NotebookNode] = field(default_factory=list)


def parts(notebook: NotebookNode) -> list[NotebookNode | Question]:
    """The cells of a lesson in order, with each exercise as one ``Question``."""
    out, question, into = [], None, None
    for cell in notebook.cells:
        boundary = _BOUNDARY.match(cell.source) if cell.cell_type == "raw" else None
        if boundary is None:
            if question:
                into.append(cell)
            elif cell.cell_type != "raw":  # the configuration of the assignment
                out.append(cell)
        elif boundary[0].upper().endswith("BEGIN QUESTION"):
            config = yaml.safe_load(cell.source)
            question = Question(config["name"], "", bool(config.get("manual")))
            into = question.prompt
        elif boundary[1].upper() == "BEGIN":
            into = question.solution if boundary[2].upper() == "SOLUTION" else question.tests
        elif boundary[2].upper() == "QUESTION":
            heading, _, text = question.prompt[0].source.partition("\n")
            question.title = heading.lstrip("# ").strip()
            question.prompt[0] = NotebookNode(question.prompt[0] | {"source": text.strip()})
            out.append(question)
            question = None
    return out


def questions(notebook: NotebookNode) -> list[Question]:
    """The exercises of a lesson."""
    return [part for part in parts(notebook) if isinstance(part, Question)]


def page(notebook: NotebookNode) -> NotebookNode:
    """A lesson as a page of the book: exercises in the directives of sphinx-exercise, their solutions folded."""
    out = copy.deepcopy(notebook)
    cells = []
    for part in parts(out):
        if not isinstance(part, Question):
            cells.append(part)
            continue
        title = f"{part.title} · {'think' if part.to_think else 'code'}"
        cells.append(new_markdown_cell(f"```{{exercise-start}} {title}\n:label: exercise-{part.name}\n```"))
        cells += part.prompt
        cells.append(new_markdown_cell("```{exercise-end}\n```"))
        cells.append(new_markdown_cell(f"```{{solution-start}} exercise-{part.name}\n:class: dropdown\n```"))
        cells += [_without_marks(cell) for cell in part.solution]
        cells.append(new_markdown_cell("```{solution-end}\n```"))
    out.cells = cells
    return out


def _without_marks(cell: NotebookNode) -> NotebookNode:
    """A solution without the comments that tell otter where it begins."""
    if cell.cell_type == "code":
        cell.source = re.sub(r"^ *# (BEGIN|END) SOLUTION.*\n?", "", cell.source, flags=re.M).rstrip()
        cell.source = re.sub(r"  # SOLUTION( NO PROMPT)?$", "", cell.source, flags=re.M)
    return cell


def slides(notebook: NotebookNode) -> str:
    """A lesson as one HTML file of slides that needs nothing from outside: reveal.js, MathJax and figures are in it.

    Shown are cells marked for slides, the text of exercises, and results that a solution marks for the slide below it.
    No code is shown.
    """
    from nbconvert import SlidesExporter  # only needed here, and slow to import

    out = copy.deepcopy(notebook)
    out.cells = []
    for part in parts(notebook):
        if isinstance(part, Question):
            cell = new_markdown_cell(f"## Exercise: {part.title}\n\n{part.prompt[0].source}")
            cell.metadata["slideshow"] = {"slide_type": "slide"}
            out.cells += [cell, *(cell for cell in part.solution if "slideshow" in cell.metadata)]
        elif "slideshow" in part.metadata:
            out.cells.append(part)
    for cell in out.cells:
        if cell.cell_type == "code":  # no progress bars
            cell.outputs = [output for output in cell.outputs if output.output_type == "display_data"]
    exporter = SlidesExporter(template_file=str(TEMPLATE), exclude_input=True, exclude_output_prompt=True)
    reveal = files("sphinx_revealjs") / "_static" / "revealjs"
    mathjax = files("sphinx-mathjax-offline") / "static" / "mathjax" / "tex-svg.js"
    html, _ = exporter.from_notebook_node(
        out,
        {
            "reveal_js": (reveal / "dist" / "reveal.js").read_text(encoding="utf-8"),
            "reveal_css": "".join((reveal / "dist" / f"{name}.css").read_text("utf-8") for name in ("reset", "reveal")),
            "notes_js": (reveal / "plugin" / "notes" / "notes.js").read_text(encoding="utf-8"),
            "mathjax_js": mathjax.read_text(encoding="utf-8"),
        },
    )
    return html


if __name__ == "__main__":
    kind, source, target = sys.argv[1:]
    executed = nbformat.read(source, as_version=4)
    if kind == "page":
        nbformat.write(page(executed), target)
    else:
        Path(target).write_text(slides(executed), encoding="utf-8")
