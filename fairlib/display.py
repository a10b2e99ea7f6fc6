"""Show a figure or a table in a notebook: alt text, caption and provenance always, raw reprs never."""

import base64
import io
import re
from html import escape

import matplotlib.pyplot as plt
import pandas as pd
from IPython.display import HTML, display
from matplotlib.figure import Figure

from .explorer import MARKER
from .provenance import Collected, Provenance, banner


def show_banner(made: Provenance | Collected) -> None:
    """Say at the top of the page whether its data is a twin, real or published."""
    display(HTML(banner(made)))


def show_figure(figure: Figure, title: str, alt: str, made: Provenance | Collected) -> None:
    """Show a figure with alt text, caption and provenance."""
    _show(figure_html(figure, title, alt, made), f"[figure] {title}: {alt}")


def figure_html(figure: Figure, title: str, alt: str, made: Provenance | Collected) -> str:
    """The figure as ``show_figure`` shows it: a raster image, since vector graphics would embed data points.

    alt: what the figure shows, in a sentence or two, for those who do not see it.
    """
    if len(alt.strip()) < 20:
        raise ValueError(f"the alt text must say what the figure shows, got {alt!r}")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=144, bbox_inches="tight", metadata={"Software": None})
    plt.close(figure)
    image = base64.b64encode(buffer.getvalue()).decode()
    return (
        f'<figure class="fairlib-figure"><img src="data:image/png;base64,{image}" alt="{escape(alt, quote=True)}">'
        f"<figcaption><strong>{escape(title)}</strong><br><small>{made.html()}</small></figcaption></figure>"
    )


def show_table(table: pd.DataFrame, title: str, made: Provenance | Collected, note: str = "") -> None:
    """Show a small, already formatted table (text cells) with column headers, caption and provenance."""
    _show(table_html(table, title, made, note), f"[table] {title}")


def table_html(table: pd.DataFrame, title: str, made: Provenance | Collected, note: str = "") -> str:
    """The table as ``show_table`` shows it, for gluing into another page; addresses in cells become links."""
    html = table.to_html(index=False, escape=True, border=0, classes="fairlib-table", na_rep="–")
    html = html.replace('class="dataframe fairlib-table"', 'class="fairlib-table"').replace("<th>", '<th scope="col">')
    html = re.sub(r"https?://[^\s<\"']*[^\s<\"'.,;:)]", lambda found: f'<a href="{found[0]}">{found[0]}</a>', html)
    caption = f"<caption><strong>{escape(title)}</strong></caption>"
    html = html.replace("<thead>", f"{caption}<thead>", 1)
    return _boxed(html, title, made, note)


def show_browsable(tables: dict[str, pd.DataFrame], made: dict[str, Provenance | Collected], note: str = "") -> None:
    """Show several tables of the same kind, each folded under its title.

    ``book/_static/browse.js`` adds a box that filters their rows and headers that sort them; without it they only fold.
    """
    parts = [
        f"<details open><summary>{escape(title)} ({len(table)} rows)</summary>"
        f"{table_html(table, title, made[title])}</details>"
        for title, table in tables.items()
    ]
    note = f"<p>{escape(note)}</p>" if note else ""
    _show(f'<div class="fairlib-browse">{note}{"".join(parts)}</div>', f"[tables] {', '.join(tables)}")


def show_explorer(numbers: str, title: str, made: Provenance | Collected) -> None:
    """Show charts with controls: ``book/_static/explorer.js`` draws them in the browser.

    numbers: JSON of ``explorer.collect``, or of the dial of a twin.
    """
    numbers = numbers.replace("<", "\\u003c")  # nothing in it may end the script
    _show(
        f'<section class="fairlib-explorer" aria-label="{escape(title, quote=True)}"><noscript>These controls need'
        f' JavaScript.</noscript><script type="application/json" class="{MARKER}">{numbers}</script></section>'
        f'<div class="fairlib-provenance"><small>{made.html()}</small></div>',
        f"[charts with controls] {title}",
    )


def show_note(text: str) -> None:
    """A sentence of its own, such as what this page leaves out."""
    _show(f'<p class="fairlib-note">{escape(text)}</p>', text)


def text_html(text: str, title: str, made: Provenance | Collected) -> str:
    """Preformatted text, such as a folder tree, for gluing into another page."""
    return _boxed(f'<pre class="fairlib-text">{escape(text)}</pre>', title, made, "")


def _boxed(html: str, title: str, made: Provenance | Collected, note: str) -> str:
    """Scrolls sideways on its own where the window is narrow; the keyboard reaches it."""
    note = f"<p>{escape(note)}</p>" if note else ""
    return (
        f'<div class="fairlib-table-box" tabindex="0" role="region" aria-label="{escape(title, quote=True)}">'
        f'{html}</div><div class="fairlib-provenance">{note}<small>{made.html()}</small></div>'
    )


def _show(html: str, text: str) -> None:
    display({"text/html": html, "text/plain": text}, raw=True)
