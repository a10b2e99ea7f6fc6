"""Show a figure or a table in a notebook: alt text, caption and provenance always, raw reprs never."""

import base64
import io
from html import escape

import matplotlib.pyplot as plt
import pandas as pd
from IPython.display import HTML, display
from matplotlib.figure import Figure

from .provenance import Provenance, banner


def show_banner(made: Provenance) -> None:
    """Say at the top of the page whether its data is a twin, real or published."""
    display(HTML(banner(made)))


def show_figure(figure: Figure, title: str, alt: str, made: Provenance) -> None:
    """Show a figure as a raster image (vector graphics would embed data points).

    alt: what the figure shows, in a sentence or two, for those who do not see it.
    """
    if len(alt.strip()) < 20:
        raise ValueError(f"the alt text must say what the figure shows, got {alt!r}")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=144, bbox_inches="tight", metadata={"Software": None})
    plt.close(figure)
    image = base64.b64encode(buffer.getvalue()).decode()
    _show(
        f'<figure class="fairlib-figure"><img src="data:image/png;base64,{image}" alt="{escape(alt, quote=True)}">'
        f"<figcaption><strong>{escape(title)}</strong><br><small>{made.html()}</small></figcaption></figure>",
        f"[figure] {title}: {alt}",
    )


def show_table(table: pd.DataFrame, title: str, made: Provenance, note: str = "") -> None:
    """Show a small, already formatted table (text cells) with column headers, caption and provenance."""
    html = table.to_html(index=False, escape=True, border=0, classes="fairlib-table", na_rep="–")
    html = html.replace('class="dataframe fairlib-table"', 'class="fairlib-table"').replace("<th>", '<th scope="col">')
    caption = f"<caption><strong>{escape(title)}</strong></caption>"
    html = html.replace("<thead>", f"{caption}<thead>", 1)
    note = f"<p>{escape(note)}</p>" if note else ""
    _show(
        f'<div class="fairlib-table-box" tabindex="0" role="region" aria-label="{escape(title, quote=True)}">'
        f"{html}</div>"
        f'<div class="fairlib-provenance">{note}<small>{made.html()}</small></div>',
        f"[table] {title}",
    )


def _show(html: str, text: str) -> None:
    display({"text/html": html, "text/plain": text}, raw=True)
