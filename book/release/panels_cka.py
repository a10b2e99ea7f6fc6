"""The CKA figure of the paper, panel by panel, and ours below it in the same layout and colours."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from fairlib.report.style import INK, SMALL, WIDTH, Drawn, axes
from fairlib.text import number, signed

from ..pages.cases import Case
from ..pages.figures.similarity import matrix
from . import published
from .panels import name

PANELS = ("balanced", "worst", "best", "best − worst")
#: Best and worst segment of the four difference panels, and the attribute of each.
PAIRS = {
    "insurance": "Self Pay minus Medicaid",
    "race": "Hispanic minus Black",
    "gender": "Male minus Female",
    "language": "English minus Non-English",
}


def cka(case: Case | None) -> Drawn:
    """F-cka-conditioned: the 16 panels of the CKA figure, and below them ours in the same layout and colours.

    Rows are attributes; columns both segments together, the worst-served, the best-served, and their difference.
    """
    rows = _published_maps() | (_own_maps(case) if case else {})
    figure, panels = axes(WIDTH, 0.6 + 1.55 * len(rows), len(rows), 4, squeeze=False)
    facts, differences = [], 0.55
    for row, (title, maps) in zip(panels, rows.items(), strict=True):
        for panel, what, (segment, values) in zip(row, PANELS, maps, strict=True):
            gap = what == PANELS[-1]
            low, high, colours = (-differences, differences, "PuOr") if gap else (0, 1, "cividis")
            image = panel.imshow(values, vmin=low, vmax=high, cmap=colours)
            _write(panel, values, gap)
            panel.set_title(segment, fontsize=SMALL)
            if panel is row[0]:
                panel.set_ylabel(title, fontsize=SMALL)
        scale = image
        facts.append(f"{title.replace(chr(10), ' ')}: mean absolute difference {number(np.abs(maps[-1][1]).mean(), 2)}")
    figure.colorbar(panels[0, 0].images[0], ax=panels[:, :3], location="bottom", shrink=0.5, aspect=40, label="CKA")
    figure.colorbar(scale, ax=panels[:, 3], location="bottom", shrink=0.9, aspect=16, label="best − worst")
    return figure, f"CKA of supervised and SSL, middle frozen, by segment. {'; '.join(facts)}."


def _write(panel: Axes, values: np.ndarray, gap: bool) -> None:
    for (i, j), value in np.ndenumerate(values):
        dark = abs(value) > 0.3 if gap else value < 0.55
        panel.text(
            j,
            i,
            (signed if gap else number)(value, 2),
            ha="center",
            va="center",
            fontsize=SMALL,
            color="white" if dark else INK,
        )
    panel.set_xticks(range(3), "123")
    panel.set_yticks(range(3), "123")
    panel.grid(visible=False)


def _published_maps() -> dict[str, list[tuple[str, np.ndarray]]]:
    """Title of a row → the title and matrix of its four panels, as the paper's figure has them."""
    rows, gaps, found = published.table("paper_cka"), published.table("cka_differences"), {}
    for attribute, pair in PAIRS.items():
        own = rows[rows["attribute"] == attribute]
        maps = [_titled(own[own["role"] == role]) for role in PANELS[:3]]
        best, worst = pair.split(" minus ")
        found[f"{attribute}\nMIMIC-III · published"] = [
            *maps,
            (f"{best} − {worst}", _square(gaps[gaps["pair"] == pair])),
        ]
    return found


def _titled(rows: pd.DataFrame) -> tuple[str, np.ndarray]:
    """What a published panel is called, with the finding where it shows something else, and its matrix."""
    first = rows.iloc[0]
    doubt = first["note"].partition("(D")[2].partition(")")[0]
    return f"{first['segment']}{f' (D{doubt})' if doubt else ''}", _square(rows)


def _square(rows: pd.DataFrame) -> np.ndarray:
    return rows.pivot_table(index="layer_y", columns="layer_x", values="value").to_numpy()


def _own_maps(case: Case) -> dict[str, list[tuple[str, np.ndarray]]]:
    """The same of a case of ours: segments at equal size, chosen on validation people, mean over runs."""
    pairs, _ = case.similarity_gaps()
    tables = [case.study.table("cka", case.ssl, seed) for seed in case.paired_seeds]
    table, found = pd.concat(tables) if tables else pd.DataFrame(), {}
    for row in pairs.itertuples():
        worst, best = (matrix(table, row.attribute, segment, "matched") for segment in (row.worst, row.best))
        maps = [("everyone", matrix(table)), (row.worst, worst), (row.best, best)]
        of = name(case).replace(", ", ",\n")
        found[f"{row.attribute}\n{of}"] = [*maps, (f"{row.best} − {row.worst}", best - worst)]
    return found
