"""The gate: what would be published, executed notebooks and built pages, may hold what the shower made and no more.

Each output must be a piece that ``fairlib.report.show`` marked (``pieces``), unchanged; on a built page nothing but
such pieces may stand where outputs stand. Whether a piece may be shown at all, such as a table of small groups, the
shower judged when it made it. Identifiers of participants are searched for everywhere.

It guards against accidents (a forgotten ``head()``) and against plain attempts to carry rows or identifiers out. It is
no proof: a mark can be forged on purpose, and a number that was computed to encode a person looks like any other.
"""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import unquote

from bs4 import BeautifulSoup

from .pieces import GLUED, joined, marked

#: Kinds of file that have no place in a book.
DATA_FILES = re.compile(
    r"\.(pkl|pickle|joblib|npy|npz|pt|pth|ckpt|safetensors|parquet|feather|arrow|h5|hdf5|csv|tsv|db|sqlite|duckdb|gz|zip|tar)$"
)
#: What Jupyter and papermill write, the tags of cells, and the shower's mark; whatever else may hold data.
METADATA = {
    "notebook": {"kernelspec", "language_info", "papermill"},
    "cell": {"tags", "slideshow", "papermill", "execution"},
    "output": {"fairlib", "scrapbook"},
}
_PROGRESS = r"[^|]*\d+%\|[^|]*\|[^|]*\[[^]]*\]|[^|]*\d+\w* \[[\d:?]+, [^]]*\]"  # a bar of tqdm, or one without an end
_WARNING = r"\S+:\d+: \w*Warning: .*|WARNING:.*| {2}.*"  # and the line of code beneath
_WORKING = re.compile(f"|{_PROGRESS}|{_WARNING}")
_DATA_URI = re.compile(r"data:([\w.+-]+/[\w.+-]+|(?=;))[^,\"')>\s]*,([^\"')>\s]*)")
_BREAK = re.compile(r"<wbr[^>]*>")  # put into long names when a page is built
_DOCUMENT = re.compile(r'<span id="document-([^"]+)"')
_TOKEN = re.compile(r"\d{1,3}(?:,\d{3})+(?![\d,])|\d*\.\d+(?:[eE][-+]?\d+)?|\w+(?:-\w+)*")


class DisclosureError(ValueError):
    """Something must not be published; ``findings`` says what and where, one sentence each."""

    def __init__(self, findings: list[str]):
        self.findings = findings
        super().__init__(
            f"{len(findings)} finding(s); nothing may be published before they are gone:\n" + "\n".join(findings)
        )


def check_book(executed: Path, html: Path, identifiers: Iterable[object] = ()) -> str:
    """The gate: scan every file of the built book, and every executed notebook that is a page of it.

    Notebooks without a page are those of other builds, such as one that was refused: nothing of them is published.

    Parameters
    ----------
    identifiers: participants' identifiers to search for (those with 5 digits or more).

    Returns a sentence on what was scanned. Raises ``DisclosureError`` listing every finding.
    """
    executed, html, known = Path(executed), Path(html), _searchable(identifiers)
    pages = {path.relative_to(html).with_suffix("").as_posix(): path for path in html.rglob("*.html")}
    # Where one page holds the whole book, for paper, it names its documents.
    inside = {name for path in pages.values() for name in _DOCUMENT.findall(path.read_text("utf-8", "replace"))}
    names = {
        f"{executed.name}/{path.relative_to(executed).with_suffix('')}": path for path in executed.rglob("*.ipynb")
    }
    notebooks = {name: names[name] for name in sorted((pages.keys() | inside) & names.keys())}
    for folder, found, what in ((executed, notebooks, "executed notebook"), (html, pages, "page")):
        if not found:
            raise DisclosureError([f"{folder}: no {what} found, so nothing was checked; build the book first"])
    findings = [finding for path in notebooks.values() for finding in scan_notebook(path, known)]
    made = {name: list(_pieces(path)) for name, path in names.items()}
    every = [piece for pieces in made.values() for piece in pieces]  # a page may show what another notebook glued
    for path in sorted(path for path in html.rglob("*") if path.is_file()):
        own = made.get(path.relative_to(html).with_suffix("").as_posix(), [])
        findings += _scan_file(path, html, known, own + every)
    if findings:
        raise DisclosureError(findings)
    return f"{len(notebooks)} executed notebooks and {len(pages)} pages scanned: no row-level output, no identifier"


def _scan_file(path: Path, html: Path, known: frozenset[str], pieces: list[str]) -> list[str]:
    """Findings in one file of the built book. pieces: what its pages may show."""
    if DATA_FILES.search(path.name):
        return [f"{path}: a data file has no place in the book"]
    if "_static" in path.relative_to(html).parts:
        return []  # themes and scripts of others, full of numbers
    if path == html / "searchindex.js":
        # Its terms are glued: neighbouring cells 0.147 and 365 give 147365, which no reader sees. They come from the
        # text of pages and outputs of notebooks, all of which are searched themselves: an identifier is found there.
        return []
    if path.suffix == ".html":
        return scan_html(path, known, pieces)
    if path.name.endswith((".ipynb", ".ipynb.txt")):
        return scan_notebook(path, known)
    if path.suffix in (".txt", ".md", ".js", ".json", ".svg", ".xml", ".log"):
        found = _identified(path.read_text(encoding="utf-8", errors="replace"), known)
        return [f"{path}: {finding}" for finding in found]
    return []


def scan_notebook(path: Path, identifiers: Iterable[object] = ()) -> list[str]:
    """Findings in the outputs, attachments and metadata of an executed notebook; sources of cells are no outputs.

    Returns one sentence a finding: file, cell (counted from 1, text cells too), output, reason.
    """
    known = _searchable(identifiers)
    try:
        notebook = json.loads(Path(path).read_text(encoding="utf-8"))
        found = [("notebook", finding) for finding in _metadata(notebook, "notebook", known)]
        for number, cell in enumerate(notebook["cells"], start=1):
            found += [(f"cell {number}", finding) for finding in _metadata(cell, "cell", known)]
            found += [
                (f"cell {number}", f"attachment {name!r}; attach nothing") for name in cell.get("attachments", {})
            ]
            for count, output in enumerate(cell.get("outputs", ()), start=1):
                found += [(f"cell {number}, output {count}", finding) for finding in _output(output, known)]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return [f"{path}: not a notebook that can be read ({error})"]
    return [f"{path}, {place}: {finding}" for place, finding in found]


def scan_html(path: Path, identifiers: Iterable[object] = (), pieces: Iterable[str] = ()) -> list[str]:
    """Findings in a built page: anything but these pieces among its outputs, embedded data, identifiers anywhere."""
    source, known = Path(path).read_text(encoding="utf-8", errors="replace"), _searchable(identifiers)
    findings, rest = _identified(_readable(source), known), _BREAK.sub("", source)
    for piece in pieces:
        rest = rest.replace(_BREAK.sub("", piece), "")
    page = BeautifulSoup(rest, "html.parser")
    for output in page.select("div.cell_output"):
        # What is left of an output are the boxes around it.
        if output.find(lambda tag: tag.name != "div") or any(text.strip() for text in output.find_all(string=True)):
            findings.append("output that fairlib.report.show did not make, or that was changed since")
    if page.select_one("table.dataframe"):  # also outside an output
        findings.append("a printed DataFrame; show a table with fairlib.report.show")
    for kind in {kind for kind, _ in _DATA_URI.findall(rest)} - {"image/svg+xml"}:  # themes embed small drawings
        findings.append(f"embedded data of type {kind or 'unknown'!r} that fairlib.report.show did not make")
    return [f"{path}: {finding}" for finding in dict.fromkeys(findings)]


def identified(text: str, identifiers: Iterable[object]) -> list[str]:
    """A finding if identifiers of participants (those with 5 digits or more) stand in a text as whole words."""
    return _identified(text, _searchable(identifiers))


def _output(output: dict, known: frozenset[str]) -> list[str]:
    """Findings in one output: printed text or traceback, what is displayed, metadata."""
    kind, data, findings = output["output_type"], output.get("data", {}), _metadata(output, "output", known)
    text = "\n".join(map(joined, (output.get("text", ""), output.get("traceback", []), *data.values())))
    if kind == "error":
        findings.append("an error; repair the page and execute it again")
    elif kind == "stream":
        if not all(_WORKING.fullmatch(line) for line in re.split(r"[\r\n]+", text)):
            findings.append("printed text; only progress bars and warnings may stand here, so use fairlib.report.show")
    elif not marked(output):
        what = ", ".join(data) or "nothing"
        findings.append(f"output that fairlib.report.show did not make, or that was changed since ({what}); use it")
    return findings + _identified(_readable(text), known)


def _readable(text: str) -> str:
    """A text whose embedded CSVs are written out, and whose other embedded data, such as images, are left out."""
    return _DATA_URI.sub(lambda found: unquote(found[2]) if found[1] == "text/csv" else " ", text)


def _pieces(path: Path) -> Iterator[str]:
    """The HTML of all marked outputs of a notebook; none of one that cannot be read."""
    try:
        outputs = [output for cell in json.loads(path.read_bytes())["cells"] for output in cell.get("outputs", ())]
        for data in (output["data"] for output in outputs if output.get("metadata") and marked(output)):
            yield joined(data.get("text/html", data.get(f"{GLUED}text/html", "")))
    except (ValueError, KeyError, TypeError, AttributeError):
        return


def _metadata(of: dict, what: str, known: frozenset[str]) -> list[str]:
    """Findings in the metadata of a notebook, cell or output, which no reader sees."""
    metadata = of.get("metadata", {})
    findings = [f"{name[:40]!r} has no place here; remove it" for name in metadata if name not in METADATA[what]]
    return [f"metadata: {finding}" for finding in findings + _identified(json.dumps(metadata), known)]


def _searchable(identifiers: Iterable[object]) -> frozenset[str]:
    """Identifiers as text; those with fewer than 5 digits look like any number and cannot be searched for."""
    texts = (str(identifier).removesuffix(".0") for identifier in identifiers)
    return frozenset(text for text in texts if sum(character.isdigit() for character in text) >= 5)


def _identified(text: str, known: frozenset[str]) -> list[str]:
    """A finding if known identifiers stand in a text as whole words; they are counted, not repeated."""
    if not known:
        return []
    tokens = set()
    for token in _TOKEN.findall(text):
        tokens |= {token, re.sub(r"\.0+$", "", token), *re.split("[-_]", token)}
    if found := len(tokens & known):
        return [f"{found} identifier(s) of participants; leave them out (a count: write thousands with a comma)"]
    return []
