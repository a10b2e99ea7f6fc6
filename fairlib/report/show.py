"""Show a figure or a table in a notebook: alt text, caption and provenance always, raw reprs never."""

import base64
import io
import re
import struct
from html import escape

import matplotlib.pyplot as plt
import pandas as pd
from IPython.display import HTML, display
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import FixedLocator

from book.pages.explorer import MARKER

from ..text import readable
from . import columns
from .provenance import ORIGINS, Provenance

LONG = 16  # letters of a name that would be set in many short lines beside columns of numbers
DPI = 160  # sharp in print and on dense screens; a figure is shown at 96 pixels an inch
_NUMERIC = re.compile(r"[^A-Za-z]*\d([^A-Za-z]|\bof\b)*")  # a number, perhaps with its interval, share or total
_ADDRESS = re.compile(r"https?://(?:(?!&quot;|&#x27;)[^\s<\"'])*(?!&quot;)[^\s<\"'.,;:)&]")  # in escaped text
_FILE = re.compile(r"[\w./-]+\.(?:ipynb|xlsx|xml|csv|txt|gz|py)\b")
_UNIT = re.compile(r" (?=(?:%|[mµ]?s|min|h|[KMG]i?B)(?!\w))|(?<= cell) (?=\d)")  # stands with its number on one line
_WORDS = re.compile(r"(?<=[_/-])|(?<=[a-z])(?=[A-Z])")  # where a long file name may break
_FITS = re.compile(rf"{_NUMERIC.pattern}|–|")  # what may stand in a column of numbers


def banner(made: Provenance) -> None:
    """Say at the top of the page whether its data is a twin, real or published."""
    display(HTML(made.banner()))


def figure(figure: Figure, title: str, alt: str, made: Provenance) -> None:
    """Show a figure with alt text, caption and provenance."""
    _show(figure_html(figure, title, alt, made), f"[figure] {title}: {alt}")


def figure_html(figure: Figure, title: str, alt: str, made: Provenance) -> str:
    """The figure as ``figure`` shows it: a raster image, since vector graphics would embed data points.

    alt: what the figure shows, in a sentence or two, for those who do not see it.
    """
    if len(alt.strip()) < 20:
        raise ValueError(f"the alt text must say what the figure shows, got {alt!r}")
    _set_readable(figure)
    title, alt, buffer = readable(title), readable(alt), io.BytesIO()
    saved = {"metadata": {"Software": None}, "pil_kwargs": {"optimize": True}}
    figure.savefig(buffer, format="png", dpi=DPI, bbox_inches="tight", **saved)
    plt.close(figure)
    image = base64.b64encode(buffer.getvalue()).decode()
    width, height = (round(96 * pixels / DPI) for pixels in struct.unpack(">II", buffer.getvalue()[16:24]))
    return (
        f'<figure class="fairlib-figure"><div class="fairlib-scroll" tabindex="0" role="group"'
        f' aria-label="{escape(title, quote=True)}"><img src="data:image/png;base64,{image}" width="{width}"'
        f' height="{height}" alt="{escape(alt, quote=True)}"></div>'
        f"<figcaption><strong>{escape(title)}</strong>{_made(made)}</figcaption></figure>"
    )


def _set_readable(figure: Figure) -> None:
    """Signs of print in all texts of a figure; labels of ticks are made anew when it is drawn, so they come apart."""
    for text in figure.findobj(Text):
        text.set_text(readable(text.get_text()))
    for axis in (axis for panel in figure.axes for axis in (panel.xaxis, panel.yaxis)):
        labels = [label.get_text() for label in axis.get_ticklabels()]
        if isinstance(axis.get_major_locator(), FixedLocator) and (shown := list(map(readable, labels))) != labels:
            axis.set_ticklabels(shown)


def table(table: pd.DataFrame, title: str, made: Provenance, note: str = "") -> None:
    """Show a small typed table (``columns.typed``) with headers of columns and rows, caption and provenance."""
    _show(table_html(table, title, made, note), f"[table] {title}")


def table_html(table: pd.DataFrame, title: str, made: Provenance, note: str = "") -> str:
    """The table as ``table`` shows it, for gluing into another page.

    Numbers are set flush right; the first columns, as many as its record says, are headers of the rows, and those with
    long names get room for them.
    """
    table = table if "columns" in table.attrs else _guessed(table)
    cells, shown, heads = columns.written(table), columns.shown(table).values(), table.attrs["heads"]
    kinds = ["" if column.form in (*columns.WORDS, "guessed") else ' class="number"' for column in shown]
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
    return _boxed(html, title, made, note)


def _linked(cell: str) -> str:
    """Text with its addresses as links."""
    return _ADDRESS.sub(lambda found: f'<a href="{found[0]}">{found[0]}</a>', escape(cell))


def _file(cell: str) -> str:
    """The name of a file: a long one may break between its words, a short one may not."""
    return (
        f'<span class="fairlib-file">{_WORDS.sub("<wbr>", escape(cell)) if len(cell) > LONG else escape(cell)}</span>'
    )


FORMS = {
    "link": _linked,
    "file": _file,
    "guessed": lambda cell: _linked(cell) if "://" in cell else _text(cell),
    "guessed number": lambda cell: _text(cell),
}


def _guessed(table: pd.DataFrame) -> pd.DataFrame:
    """A table of text with what its columns seem to hold, until every table is typed."""
    cells = table.astype(object).where(table.notna(), "–").astype(str).map(readable)
    numeric = [any(map(_NUMERIC.fullmatch, cells[name])) and all(map(_FITS.fullmatch, cells[name])) for name in cells]
    lead = min(next((i for i, right in enumerate(numeric) if i and right), len(numeric)), len(numeric) - 1)
    heads = next((n for n in range(1, lead + 1) if not cells.iloc[:, :n].duplicated().any()), 1)
    out = cells.set_axis([f"c{i}" for i in range(len(numeric))], axis=1)
    out.attrs = {
        "heads": heads,
        "columns": {
            f"c{i}": columns.Column(str(name), "guessed number" if right else "guessed")
            for i, (name, right) in enumerate(zip(cells, numeric, strict=True))
        },
    }
    return out


def _text(cell: str) -> str:
    """A cell as HTML: long file names may break between their words; short ones, and units from numbers, may not."""
    text = _UNIT.sub("\u00a0", escape(cell))
    return _FILE.sub(lambda name: _file(name[0]), text)


def browsable(tables: dict[str, pd.DataFrame], made: dict[str, Provenance], note: str = "") -> None:
    """Show several tables of the same kind, each folded under its title; the first is open.

    ``book/_static/browse.js`` adds a box that filters their rows and headers that sort them; without it they only fold.
    """
    parts = [
        f"<details{' open' * (i == 0)}><summary>{escape(readable(title))} ({len(table)} row{'s' * (len(table) != 1)})"
        f"</summary>{table_html(table, title, made[title])}</details>"
        for i, (title, table) in enumerate(tables.items())
    ]
    note = f"<p>{escape(note)}</p>" if note else ""
    _show(f'<div class="fairlib-browse">{note}{"".join(parts)}</div>', f"[tables] {', '.join(tables)}")


def explorer(numbers: str, title: str, made: Provenance) -> None:
    """Show charts with controls: ``book/_static/explorer.js`` draws them in the browser.

    numbers: JSON of ``explorer.collect``, or of the dial of a twin.
    """
    numbers = readable(numbers).replace("<", "\\u003c")  # nothing in it may end the script
    _show(
        f'<section class="fairlib-explorer" aria-label="{escape(title, quote=True)}"><noscript>These controls need'
        f' JavaScript.</noscript><script type="application/json" class="{MARKER}">{numbers}</script></section>'
        f'<div class="fairlib-provenance"><small>{made.html()}</small></div>',
        f"[charts with controls] {title}",
    )


def note(text: str) -> None:
    """A sentence of its own, such as what this page leaves out."""
    _show(f'<p class="fairlib-note">{_text(text)}</p>', text)


def text_html(text: str, title: str, made: Provenance) -> str:
    """Preformatted text, such as a folder tree, for gluing into another page."""
    return _boxed(f'<pre class="fairlib-text">{escape(text)}</pre>', title, made, "")


def _boxed(html: str, title: str, made: Provenance, note: str) -> str:
    """Scrolls sideways on its own where the window is narrow; the keyboard reaches it."""
    note = f"<p>{escape(readable(note))}</p>" if note else ""
    return (
        f'<div class="fairlib-table-box fairlib-scroll" tabindex="0" role="group" aria-label="'
        f'{escape(readable(title), quote=True)}">{html}</div><div class="fairlib-provenance">{note}{_made(made)}</div>'
    )


def _made(made: Provenance) -> str:
    """Whose data it shows, always; one click away what made it, and the command that makes it again."""
    return (
        f'<details class="fairlib-made"><summary>{ORIGINS[made.origin][0]}: how this was made</summary>'
        f"<small>{made.html()}</small></details>"
    )


def _show(html: str, text: str) -> None:
    display({"text/html": html, "text/plain": text}, raw=True)
