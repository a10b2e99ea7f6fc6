"""The gate: reads all that would be published, executed notebooks and built pages, for rows and identifiers of people.

It guards against accidents (a forgotten ``head()``) and against plain attempts to carry rows or identifiers out. It is
no proof: a number that a notebook computes on purpose to encode a person looks like any other number.
"""

import ast
import base64
import binascii
import json
import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from bs4 import BeautifulSoup, Comment, Tag

from book.pages import explorer

from .. import cards

#: What ``fairlib.tables`` puts on its tables, all of them aggregated.
MARKER = "fairlib-table"
MAX_ROWS = 60
#: Output types that can be read here; anything else (pickles, widgets, scripts, octet streams) is refused.
TEXT_TYPES = ("text/plain", "text/html", "text/markdown")
#: Kinds of file that have no place in a book.
DATA_FILES = re.compile(
    r"\.(pkl|pickle|joblib|npy|npz|pt|pth|ckpt|safetensors|parquet|feather|arrow|h5|hdf5|csv|tsv|db|sqlite|duckdb|gz|zip|tar)$"
)
_ID_TEXT = re.compile(
    r"\b((?:subject|hadm|icustay|stay|record|mesa|nsrr|person|participant|patient)_id|(?:record|mesa|nsrr)id)\b", re.I
)
#: Ordinary words are refused as the name of a column only.
_ID_COLUMN = re.compile(_ID_TEXT.pattern + r"|pid|uid|mrn|user_?id|person(?:id)?|participant(?:id)?", re.I)

_NUMBER = r"(?:[-+−]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?|[-+]?inf|nan|NaN|None)"
_NUMBERS = re.compile(rf"(?<![\w.]){_NUMBER}(?:[\s,;\[\]()]+{_NUMBER}){{19,}}")
_DUMPS = {
    "dumped array": re.compile(r"\b(?:array|tensor|matrix|memmap)\s*\(\s*[\[(]"),
    "dumped table": re.compile(r"\[\d+ rows x \d+ columns\]|\bdtype: \w+"),
    "20 or more numbers in a row": _NUMBERS,
}
_KEY = re.compile(r"['\"][\w -]{1,40}['\"]\s*:")
_BYTES = re.compile(r"(?:\\x[0-9a-fA-F]{2}[^\\]{0,8}){16}")
_BLOB = re.compile(r"[A-Za-z0-9+/_-]{200,}|(?:[A-Za-z0-9+/_-]{60,}={0,2}(?:\s|\\n)+){3}")
_DATA_URI = re.compile(r"data:([\w.+-]+/[\w.+-]+|(?=;))[^,\"')>\s]*,([^\"')>\s]*)")
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
    rule = {name: access_of(path) for name, path in notebooks.items()}
    findings = [finding for path in notebooks.values() for finding in scan_notebook(path, None, known)]
    files = sorted(path for path in html.rglob("*") if path.is_file())
    with ProcessPoolExecutor() as pool:  # every page is parsed whole
        for found in pool.map(partial(_scan_file, html=html, known=known, rule=rule), files, chunksize=8):
            findings += found
    if findings:
        raise DisclosureError(findings)
    return f"{len(notebooks)} executed notebooks and {len(pages)} pages scanned: no row-level output, no identifier"


def _scan_file(path: Path, html: Path, known: frozenset[str], rule: dict[str, str]) -> list[str]:
    """Findings in one file of the built book; ``rule``: page → access of the notebook behind it."""
    if DATA_FILES.search(path.name):
        return [f"{path}: a data file has no place in the book"]
    if "_static" in path.relative_to(html).parts:
        return []  # themes and scripts of others, full of numbers
    if path == html / "searchindex.js":
        # Its terms are glued: neighbouring cells 0.147 and 365 give 147365, which no reader sees. They come from the
        # text of pages and outputs of notebooks, all of which are searched themselves: an identifier is found there.
        return []
    if path.suffix == ".html":
        # A page without a notebook may hold outputs glued from any of them: the strictest rule.
        page = path.relative_to(html).with_suffix("").as_posix()
        return scan_html(path, known, rule.get(page, "restricted"))
    if path.name.endswith((".ipynb", ".ipynb.txt")):
        return scan_notebook(path, None, known)
    if path.suffix in (".txt", ".md", ".js", ".json", ".svg", ".xml", ".log"):
        found = _identified(path.read_text(encoding="utf-8", errors="replace"), known)
        return [f"{path}: {finding}" for finding in found]
    return []


def access_of(path: Path) -> str:
    """The rule for an executed notebook, from its parameters ``dataset`` and ``source``; "restricted" if in doubt."""
    try:
        notebook = json.loads(Path(path).read_text(encoding="utf-8"))
        values = {}
        for cell in notebook["cells"]:  # defaults first; papermill records only what it was given
            if "parameters" in cell.get("metadata", {}).get("tags", ()):
                values |= _literals("".join(cell["source"]))
        values |= notebook["metadata"].get("papermill", {}).get("parameters", {})
        if values["source"] == "twin":
            return "synthetic"
        return cards.of(values["dataset"], values["source"]).access
    except (ValueError, KeyError, TypeError, AttributeError, SyntaxError):
        return "restricted"


def _literals(source: str) -> dict[str, object]:
    """Variables that a parameters cell sets to plain values."""
    out = {}
    for node in ast.parse(source).body:
        if (
            isinstance(node, ast.Assign)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.targets[0], ast.Name)
        ):
            out[node.targets[0].id] = node.value.value
    return out


def scan_notebook(path: Path, access: str | None = None, identifiers: Iterable[object] = ()) -> list[str]:
    """Findings in the outputs, attachments and metadata of an executed notebook; sources of cells are no outputs.

    Parameters
    ----------
    access: of its data; None: read from the notebook's parameters.

    Returns one sentence a finding: file, cell (counted from 1, text cells too), output, reason.
    """
    known, access = _searchable(identifiers), access or access_of(path)
    try:
        notebook = json.loads(Path(path).read_text(encoding="utf-8"))
        found = [("notebook", finding) for finding in _metadata(notebook["metadata"], access, known)]
        for number, cell in enumerate(notebook["cells"], start=1):
            found += [(f"cell {number}", finding) for finding in _metadata(cell.get("metadata", {}), access, known)]
            for name, bundle in cell.get("attachments", {}).items():
                found += [
                    (f"cell {number}, attachment {name!r}", finding) for finding in _bundle(bundle, access, known)
                ]
            for count, output in enumerate(cell.get("outputs", ()), start=1):
                found += [(f"cell {number}, output {count}", finding) for finding in _output(output, access, known)]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return [f"{path}: not a notebook that can be read ({error})"]
    return [f"{path}, {place}: {finding}" for place, finding in found]


def scan_html(path: Path, identifiers: Iterable[object] = (), access: str = "restricted") -> list[str]:
    """Findings in a built page: in what notebooks put there, and identifiers and hidden data anywhere.

    ``access`` is that of the notebook behind the page; pages of prose are held to the strictest rule.
    """
    source, known = Path(path).read_text(encoding="utf-8", errors="replace"), _searchable(identifiers)
    page = BeautifulSoup(source, "html.parser")
    findings = _data_uris(source, ("image/png", "image/svg+xml"))  # themes embed small drawings
    findings += _identified(_DATA_URI.sub(" ", source), known)
    outputs = page.select("div.cell_output")
    for output in outputs:
        findings += _markup(str(output), access)
    for table in page.select("table.dataframe"):  # also outside an output, where prose has none
        if not any(table in output.descendants for output in outputs):
            findings += _table(table, access)
    return [f"{path}: {finding}" for finding in dict.fromkeys(findings)]


def _output(output: dict, access: str, known: frozenset[str]) -> list[str]:
    """Findings in one output: printed text or traceback, what is displayed, metadata."""
    text = _joined(output.get("text", "")) + "\n".join(map(str, output.get("traceback", ())))
    findings = _text(text, access) + _identified(text, known)
    findings += _bundle(output.get("data", {}), access, known)
    return findings + _metadata(output.get("metadata", {}), access, known)


def _bundle(bundle: dict, access: str, known: frozenset[str]) -> Iterator[str]:
    """Findings in one output's representations, by MIME type."""
    for mime, content in bundle.items():
        inner = mime.removeprefix("application/papermill.record/")  # myst-nb's glue wraps the type
        content = _joined(content) if isinstance(content, (str, list)) else json.dumps(content)
        if inner in TEXT_TYPES or inner == "application/papermill.record+json":
            findings = _identified(_DATA_URI.sub(" ", content), known)
            if inner in ("text/html", "text/markdown"):
                findings += _data_uris(content, ("image/png",)) + _markup(content, access)
            else:
                findings += _text(content, access)
        elif inner == "image/png":
            findings = _png(content)
        elif inner == "image/svg+xml" and access == "synthetic":
            findings = _identified(content, known)
        elif inner == "image/svg+xml":
            findings = ["a vector drawing holds every point that was drawn; save figures of real data as PNG"]
        else:
            findings = ["this type of output cannot be checked; print text, a table of fairlib.tables or a PNG"]
        yield from (f"{finding} ({mime})" for finding in findings)


def _markup(html: str, access: str) -> list[str]:
    """Findings in HTML: tables one by one, then the text around them and in comments."""
    soup, findings = BeautifulSoup(f"<div>{html}</div>", "html.parser"), []
    for numbers in soup.find_all("script", class_=explorer.MARKER, type="application/json"):
        findings += explorer.findings(numbers.string or "", access)
        numbers.decompose()
    for table in soup.find_all("table"):
        findings += _table(table, access)
    if access != "synthetic" and soup.find(["svg", "script", "iframe", "object", "embed"]):
        findings.append("a drawing, script or frame inside HTML may hold rows; use a PNG or a table of fairlib.tables")
    unseen = soup.find_all(string=lambda text: isinstance(text, Comment))
    unseen += [_joined(value) for tag in soup.find_all(True) for value in tag.attrs.values()]
    for text in (_DATA_URI.sub(" ", text) for text in unseen):
        findings += _opaque(text)
        if access != "synthetic" and _NUMBERS.search(text):
            findings.append("20 or more numbers in a row in a comment or an attribute of HTML")
    for table in soup.find_all("table"):
        table.decompose()
    return findings + _text(soup.get_text(), access)


def _table(table: Tag, access: str) -> list[str]:
    findings, rows = [], len(table.find_all("tr"))
    columns = {re.sub(r"\W+", "_", cell.get_text().strip().lower()) for cell in table.find_all("th")}
    if named := sorted(filter(_ID_COLUMN.fullmatch, columns)):
        findings.append(f"table with an identifier column {named[0]!r}; leave the column out")
    text = table.get_text(" ")
    if access != "synthetic":
        if MARKER not in table.get("class", ()):
            findings.append("table that fairlib.tables did not make (rows of people?); show aggregates through it")
        if rows > MAX_ROWS:
            findings.append(f"table of {rows} rows, more than {MAX_ROWS}; show fewer, aggregated rows")
        if _DUMPS["dumped array"].search(text):
            findings.append("dumped array in a table; show aggregates")
    return findings + _opaque(text)


def _text(text: str, access: str) -> list[str]:
    """Findings in plain text: identifiers' names for every access; arrays, tables and records for real data."""
    findings, blocks = _opaque(text), list(_row_blocks(text))
    columns = {word for header, _ in blocks for word in re.findall(r"\w+", header)}
    if named := sorted({*_ID_TEXT.findall(text), *filter(_ID_COLUMN.fullmatch, columns)}):
        findings.append(f"identifier column {named[0]!r}; leave the column out")
    if access != "synthetic":
        dumps = [what for what, dump in _DUMPS.items() if dump.search(text)]
        dumps += ["dumped dictionary"] * (len(_KEY.findall(text)) >= 20)
        dumps += [f"{lines} lines of values (rows of people?)" for _, lines in blocks]
        findings += [f"{dump}; show aggregates through fairlib.tables" for dump in dumps]
    return findings


def _row_blocks(text: str) -> Iterator[tuple[str, int]]:
    """Three lines or more that look like rows (as many cells each; an index or mostly numbers): header line, lines."""
    header, previous, width, streak = "", "", 0, 0
    for line in [*text.splitlines(), ""]:
        cells = [cell for cell in re.split(r"[\s,;|]+", line.strip()) if cell]
        numbers = sum(re.fullmatch(_NUMBER, cell) is not None for cell in cells)
        row = len(cells) >= 2 and (2 * numbers > len(cells) or cells[0].isdigit())
        if row and streak and len(cells) == width:
            streak += 1
        else:
            if streak >= 3:
                yield header, streak
            header, width, streak = previous, len(cells), int(row)
        previous = line


def _opaque(text: str) -> list[str]:
    """Findings for content that no reader of a page can judge: base64, hex, bytes."""
    blobs = [match for match in _BLOB.findall(text) if len(set(match)) > 12]  # not a drawn line
    found = [(blobs, "long encoded text (base64?)"), (_BYTES.search(text), "dumped bytes")]
    return [f"{what}; data must not travel inside text" for hit, what in found if hit]


def _data_uris(source: str, allowed: tuple[str, ...]) -> list[str]:
    findings = []
    for mime, content in _DATA_URI.findall(source):
        if mime not in allowed:
            findings.append(f"embedded data of type {mime or 'unknown'!r}; only PNG images may be embedded")
        elif mime == "image/png":
            findings += _png(content)
    return findings


def _png(content: str) -> list[str]:
    """Findings in a base64 PNG: it must be one, with nothing behind the picture and no long text in it."""
    try:
        image = base64.b64decode(content, validate=False)
    except binascii.Error:
        image = b""
    position, kind = 8, b""
    while image.startswith(b"\x89PNG\r\n\x1a\n") and position + 12 <= len(image) and kind != b"IEND":
        size, kind = int.from_bytes(image[position : position + 4]), image[position + 4 : position + 8]
        if kind not in (b"IHDR", b"PLTE", b"IDAT", b"IEND") and size > 4096:
            return [f"{size:,} bytes of {kind.decode('latin-1')} data inside an image; save it without metadata"]
        position += 12 + size
    if kind != b"IEND" or position != len(image):
        return ["not a PNG image, or one with data behind the picture"]
    return []


def _metadata(metadata: object, access: str, known: frozenset[str]) -> list[str]:
    """Findings in metadata, which no reader sees."""
    text = json.dumps(metadata)
    findings = _opaque(text) + _identified(text, known)
    if access != "synthetic" and _NUMBERS.search(text):
        findings.append("20 or more numbers in a row; data must not travel in metadata")
    return [f"metadata: {finding}" for finding in findings]


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


def _joined(text: str | list) -> str:
    return text if isinstance(text, str) else "".join(map(str, text))
