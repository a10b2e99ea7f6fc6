"""Show a figure or a table in a notebook: alt text, caption and provenance always, raw reprs never."""

import base64
import io
import re
import struct
from hashlib import sha256
from html import escape

import matplotlib.pyplot as plt
import pandas as pd
from IPython.display import display
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import FixedLocator

from ..text import readable
from . import charts, columns
from .data import link
from .pieces import GLUED, Piece, mark
from .provenance import ORIGINS, Provenance

LONG = 16  # letters of a name that would be set in many short lines beside columns of numbers
DPI = 160  # sharp in print and on dense screens; a figure is shown at 96 pixels an inch
MAX_ROWS = 60  # of a table of real data
_PERSON = re.compile(
    r"((subject|hadm|icustay|stay|record|mesa|nsrr|person|participant|patient|user)_?id|pid|uid|mrn|person|participant|row)",
    re.I,
)
_LIST = re.compile(r"(?:[-+−]?\d[\d.]*[\s,;\[\]()]+){20}")  # 20 numbers in a row
_ADDRESS = re.compile(r"https?://(?:(?!&quot;|&#x27;)[^\s<\"'])*(?!&quot;)[^\s<\"'.,;:)&]")  # in escaped text
_SAID: set[str] = set()  # the provenance of banners on this page
_WORDS = re.compile(r"(?<=[_/-])|(?<=[a-z])(?=[A-Z])")  # where a long file name may break


def banner(made: Provenance) -> None:
    """Say at the top of the page whether its data is a twin, real or published, and one click away what made it.

    Figures and tables of the page say so themselves only where they were made of something else.
    """
    _SAID.add(made.line())
    _show(Piece.made(f"{made.banner()}{_made(made)}", "banner", made.access), f"[banner] {made.title}")


def figure(drawn: tuple[Figure, str], title: str, made: Provenance, data: pd.DataFrame | None = None) -> None:
    """Show a figure with caption, the data that it draws as a CSV, and provenance.

    drawn: the figure and its alt text: what it shows, in a sentence or two, for those who do not see it.
    """
    _show(figure_html(drawn, title, made, data, made.line() in _SAID), f"[figure] {title}: {drawn[1]}")


def figure_html(
    drawn: tuple[Figure, str], title: str, made: Provenance, data: pd.DataFrame | None = None, said: bool = False
) -> Piece:
    """The figure as ``figure`` shows it, for gluing into another page: a raster image, since vector graphics would
    embed data points. said: the page says what made it. Raises ``ValueError`` for data that must not be shown.
    """
    smallest = None if data is None else _smallest(data, title, made)
    saved = "" if data is None else f"<br>{link(data, title, made)}"
    figure, alt = drawn
    if len(alt.strip()) < 20:
        raise ValueError(f"the alt text must say what the figure shows, got {alt!r}")
    _set_readable(figure)
    shown, text, buffer = readable(title), readable(alt), io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, bbox_inches="tight", metadata={"Software": None})
    plt.close(figure)
    image = base64.b64encode(buffer.getvalue()).decode()
    width, height = (round(96 * pixels / DPI) for pixels in struct.unpack(">II", buffer.getvalue()[16:24]))
    html = (
        f'<figure class="fairlib-figure"><div class="fairlib-scroll" tabindex="0" role="group"'
        f' aria-label="{escape(shown, quote=True)}"><img src="data:image/png;base64,{image}" width="{width}"'
        f' height="{height}" alt="{escape(text, quote=True)}"></div>'
        f"<figcaption><strong>{escape(shown)}</strong>{saved}{'' if said else _made(made)}</figcaption></figure>"
    )
    return Piece.made(html, "figure", made.access, smallest)


def _set_readable(figure: Figure) -> None:
    """Signs of print in all texts of a figure; labels of ticks are made anew when it is drawn, so they come apart."""
    for text in figure.findobj(Text):
        text.set_text(readable(text.get_text()))
    for axis in (axis for panel in figure.axes for axis in (panel.xaxis, panel.yaxis)):
        labels = [label.get_text() for label in axis.get_ticklabels()]
        if isinstance(axis.get_major_locator(), FixedLocator) and (shown := list(map(readable, labels))) != labels:
            axis.set_ticklabels(shown)


def tabs(shown: dict[str, tuple[tuple[Figure, str], Provenance]], title: str) -> None:
    """Show one figure per choice, such as a recipe, behind tabs; paper and pages without styles show them all.

    shown: name of the choice → (figure and alt text, provenance). One choice needs no tabs.
    """
    if len(shown) == 1:
        return figure(*(part for drawn, made in shown.values() for part in (drawn, title, made)))
    pieces = {
        name: figure_html(drawn, f"{title}: {name}", made, said=made.line() in _SAID)
        for name, (drawn, made) in shown.items()
    }
    group, parts = f"tabs-{sha256(''.join(pieces.values()).encode()).hexdigest()[:8]}", []
    for number, (name, piece) in enumerate(pieces.items()):
        of = f'id="{group}-{number}" name="{group}"{" checked" * (number == 0)}'
        parts.append(f'<input type="radio" {of}><label for="{group}-{number}">{escape(readable(name))}</label>{piece}')
    legend = f"<legend>{escape(readable(title))}</legend>"
    html, access = (
        f'<fieldset class="fairlib-tabs">{legend}{"".join(parts)}</fieldset>',
        {p.access for p in pieces.values()},
    )
    piece = Piece.made(html, "figures", access.pop() if len(access) == 1 else "mixed")
    _show(piece, f"[figures] {title}: {'; '.join(drawn[1] for drawn, _ in shown.values())}")


def table(table: pd.DataFrame, title: str, made: Provenance, note: str = "") -> None:
    """Show a small typed table (``columns.typed``) with headers of columns and rows, caption and provenance.

    Raises ``ValueError`` for what must not be shown: a column of identifiers; of data that is not synthetic a group
    smaller than its cell size, numbers without a record, and more than ``MAX_ROWS`` rows.
    """
    _show(table_html(table, title, made, note, made.line() in _SAID), f"[table] {title}")


def table_html(table: pd.DataFrame, title: str, made: Provenance, note: str = "", said: bool = False) -> Piece:
    """The table as ``table`` shows it, for gluing into another page.

    Numbers are set flush right; the first columns, as many as its record says, are headers of the rows, and those with
    long names get room for them.
    """
    cells, shown, heads = columns.written(table), columns.shown(table).values(), table.attrs.get("heads", 1)
    kinds = ["" if column.form in columns.WORDS else ' class="number"' for column in shown]
    tags = [f'th scope="row"{kind}' if i < heads else f"td{kind}" for i, kind in enumerate(kinds)]
    roomy = cells.iloc[:, :heads].map(len).max() > LONG
    kinds[:heads] = [' class="name"' if long else kind for long, kind in zip(roomy, kinds[:heads], strict=True)]
    top = "".join(f'<th scope="col"{kind}>{escape(name)}</th>' for name, kind in zip(cells, kinds, strict=True))
    write = [FORMS.get(column.form, escape) for column in shown]
    body = ""
    for row in cells.itertuples(index=False):
        parts = zip(tags, write, row, strict=True)
        body += f"<tr>{''.join(f'<{tag}>{form(cell)}</{tag[:2]}>' for tag, form, cell in parts)}</tr>"
    caption = f"<caption><strong>{escape(readable(title))}</strong></caption>"
    html = f'<table class="fairlib-table">{caption}<thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>'
    smallest = _smallest(table, title, made)
    if made.access != "synthetic":
        if len(table) > MAX_ROWS:
            raise ValueError(
                f"table {title!r} has {len(table)} rows, more than {MAX_ROWS}; show fewer, aggregated rows"
            )
        if "columns" not in table.attrs and not table.select_dtypes("number").empty:
            raise ValueError(
                f"table {title!r} of numbers without a record (rows of people?); make it with columns.typed"
            )
    saved = link(table, title, made) if "columns" in table.attrs else ""
    return Piece.made(_boxed(html, title, "" if said else _made(made), note, saved), "table", made.access, smallest)


def saved(table: pd.DataFrame, title: str, made: Provenance) -> None:
    """A table that few want to read on the page: one line with its title, its rows, and a link to the CSV.

    Raises ``ValueError`` for what must not be shown.
    """
    smallest = _smallest(table, title, made)
    line = f"{escape(readable(title))}, {len(table):,} rows: {link(table, title, made)}"
    _show(Piece.made(f'<p class="fairlib-note">{line}</p>', "data", made.access, smallest), f"[data] {title}")


def _smallest(table: pd.DataFrame, title: str, made: Provenance) -> int | None:
    """The smallest group whose size a table shows, in columns named ``columns.SIZES`` or ending so.

    Raises ``ValueError`` for what must not be shown.
    """
    for name in [*table, *columns.written(table)]:
        if _PERSON.fullmatch(re.sub(r"\W+", "_", str(name))):
            raise ValueError(f"table {title!r}: column {name!r} names people one by one; leave it out")
    if made.access == "synthetic":
        return None
    sizes = table[[name for name in table if str(name).rpartition("_")[2] in columns.SIZES]].select_dtypes("number")
    sizes = sizes[(sizes > 0).any(axis=1)]  # a row about nobody tells nothing of anybody
    for name in sizes:
        if (least := sizes[name].min()) < made.min_cell:
            why = f"column {name!r} shows {least:.0f}, fewer than {made.min_cell}; suppress such counts"
            raise ValueError(f"table {title!r}: {why}")
    return None if sizes.empty or sizes.isna().all(axis=None) else int(sizes.min(axis=None))


def _linked(cell: str) -> str:
    """Text with its addresses as links."""
    return _ADDRESS.sub(lambda found: f'<a href="{found[0]}">{found[0]}</a>', escape(cell))


def _file(cell: str) -> str:
    """The name of a file: a long one may break between its words, a short one may not."""
    return (
        f'<span class="fairlib-file">{_WORDS.sub("<wbr>", escape(cell)) if len(cell) > LONG else escape(cell)}</span>'
    )


FORMS = {"link": _linked, "file": _file}


def browsable(tables: dict[str, pd.DataFrame], made: dict[str, Provenance], note: str = "") -> None:
    """Show several tables of the same kind, each folded under its title; the first is open.

    ``book/_static/browse.js`` adds a box that filters their rows and headers that sort them; without it they only fold.
    """
    shown = {
        title: table_html(table, title, made[title], said=made[title].line() in _SAID)
        for title, table in tables.items()
    }
    rows = {title: f"{len(table)} row{'s' * (len(table) != 1)}" for title, table in tables.items()}
    parts = [
        f"<details{' open' * (i == 0)}><summary>{escape(readable(title))} ({rows[title]})</summary>{html}</details>"
        for i, (title, html) in enumerate(shown.items())
    ]
    note = f"<p>{escape(note)}</p>" if note else ""
    html, access = f'<div class="fairlib-browse">{note}{"".join(parts)}</div>', {html.access for html in shown.values()}
    smallest = min((html.smallest for html in shown.values() if html.smallest is not None), default=None)
    piece = Piece.made(html, "tables", access.pop() if len(access) == 1 else "mixed", smallest)
    _show(piece, f"[tables] {', '.join(tables)}")


def chart(numbers: charts.Numbers, title: str, alt: str, made: Provenance) -> None:
    """Show a chart with controls, which ``charts.js`` of the built book draws (``book.pages.explorer_chart``).

    alt: what it shows, for those who do not see it; a table beside it holds the values at one setting.

    Raises ``ValueError`` for what must not be shown: of restricted data nothing, of others no group that is too small.
    """
    if made.access == "restricted":
        why = "of restricted data, single people could be read from the steps between settings"
        raise ValueError(f"chart {title!r}: {why}; show tables of one setting")
    if numbers.smallest < made.min_cell and made.access != "synthetic":
        why = f"a group of {numbers.smallest}, fewer than {made.min_cell}; leave it out"
        raise ValueError(f"chart {title!r} shows {why}")
    text = readable(numbers.model_dump_json()).replace("<", "\\u003c")  # nothing in it may end the script
    title, alt = escape(title, quote=True), escape(readable(alt), quote=True)
    html = (
        f'<section class="fairlib-chart" aria-label="{title}"><noscript>These controls need JavaScript.</noscript>'
        f'<script type="application/json" class="{charts.MARKER}">{text}</script><div class="fairlib-controls"'
        f' role="group" aria-label="What to show"></div><p class="fairlib-said" role="status"></p>'
        f'<div role="img" aria-label="{alt}"><div class="fairlib-drawn" aria-hidden="true"></div></div></section>'
        f'<div class="fairlib-provenance">{_made(made)}</div>'
    )
    _show(Piece.made(html, "chart", made.access, numbers.smallest), f"[chart with controls] {title}: {alt}")


def note(text: str) -> None:
    """A sentence of its own, such as what this page leaves out."""
    _show(Piece.made(f'<p class="fairlib-note">{escape(_told(text))}</p>', "note"), text)


def points(sentences: list[str]) -> None:
    """Sentences of their own as a list, such as the takeaways of a page."""
    items = "".join(f"<li>{escape(_told(sentence))}</li>" for sentence in sentences)
    _show(Piece.made(f'<ul class="fairlib-note">{items}</ul>', "note"), "\n".join(sentences))


def glue(name: str, value: Piece | str | float, display: bool = True) -> None:
    """Keep a piece, a sentence or a number for other pages, which show it by its name (as myst-nb's ``glue`` does)."""
    piece = value if isinstance(value, Piece) else Piece.made("", "text")
    data = {"text/html": value, "text/plain": f"[{piece.kind}] {name}"} if piece else {"text/plain": repr(_told(value))}
    prefix = "" if display else GLUED
    _publish({prefix + kind: text for kind, text in data.items()}, piece, name=name, mime_prefix=prefix)


def _told(value: str | float) -> str | float:
    """A sentence or a number; tables and lists of numbers are not told."""
    if not isinstance(value, str | int | float) or "\n" in str(value) or _LIST.search(str(value)):
        raise ValueError(f"a sentence or a number is told here, got {str(value)[:60]!r}; show a table or a figure")
    return value


def text_html(text: str, title: str, made: Provenance) -> Piece:
    """Preformatted text, such as a folder tree, for gluing into another page."""
    return Piece.made(
        _boxed(f'<pre class="fairlib-text">{escape(text)}</pre>', title, _made(made)), "text", made.access
    )


def _boxed(html: str, title: str, made: str, note: str = "", saved: str = "") -> str:
    """Scrolls sideways on its own where the window is narrow; the keyboard reaches it. saved: a link to the data."""
    note = (f"<p>{escape(readable(note))}</p>" if note else "") + (f"<p>{saved}</p>" if saved else "")
    return (
        f'<div class="fairlib-table-box fairlib-scroll" tabindex="0" role="group" aria-label="'
        f'{escape(readable(title), quote=True)}">{html}</div><div class="fairlib-provenance">{note}{made}</div>'
    )


def _made(made: Provenance) -> str:
    """Whose data it shows, always; one click away what made it, and the command that makes it again."""
    return (
        f'<details class="fairlib-made"><summary>{ORIGINS[made.origin][0]}: how this was made</summary>'
        f"<small>{made.html()}</small></details>"
    )


def _show(piece: Piece, text: str) -> None:
    _publish({"text/html": str(piece), "text/plain": text}, piece)


def _publish(data: dict[str, str], piece: Piece, **kept: str) -> None:
    """Put an output on the page, with the mark by which the gate knows it; ``kept``: of what myst-nb keeps by name."""
    marks = mark(data, piece.kind, piece.access, piece.smallest) | ({"scrapbook": kept} if kept else {})
    display(data, metadata=marks, raw=True)
