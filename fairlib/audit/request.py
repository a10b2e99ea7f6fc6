"""The release request: what a person reads who decides whether a bundle may leave."""

from collections.abc import Iterator

import pandas as pd

from ..inference import LEVEL
from .bundle import COUNTS, FIGURES, MANIFEST, REQUEST, TABLES, Bundle, cells
from .bundle import digest as digest_of

PASS, REVIEW = "pass", "review"


def request(bundle: Bundle, content: dict[str, bytes], searched: int) -> str:
    """The release request in Markdown: each file, what it holds, its smallest cell, and what to look at.

    content: the other files of the bundle; searched: identifiers of people that were looked for in it.
    """
    made = bundle.manifest
    rows = [_row(name, bundle, content[name]) for name in content if name != REQUEST]
    review = sum(row[4] == REVIEW for row in rows)
    text = [
        f"# Release request: results on {bundle.card.title}",
        f"Contributed by {made.contributed_by}. Results of {'real people' if made.origin == 'real' else 'a twin'},"
        f" access {made.access}; profile {made.profile}, recipe {made.recipe}, runs {', '.join(map(str, made.seeds))}.",
        f"{len(rows)} files and this page. {len(rows) - review} pass all rules below; {review} ask for your eyes.",
        "## Files",
        _markdown(["file", "what it holds", "rows", "smallest cell", "status", "reason", "SHA-256, first 16"], rows),
        "## What the program did",
        *(f"- {line}" for line in _done(bundle, searched)),
        "## What only you can judge",
        *(f"- {line}" for line in ASKED),
        "## If you approve",
        f"Release the files above together. This number fixes every one of them; whoever imports the bundle is shown it"
        f" again: `{bundle.digest}`.",
    ]
    return "\n\n".join(text).replace("\n\n- ", "\n- ") + "\n"


ASKED = (
    "Whether your agreement allows aggregated results of this kind to leave, and under which name.",
    "Whether other tables on the same people have left before, so that a difference of two tables is about few people.",
    "Each image: it should show what its table says, and nothing else.",
    "Each file with status review: whether the reason is acceptable.",
)


def _done(bundle: Bundle, searched: int) -> Iterator[str]:
    made = bundle.manifest
    yield (
        "Nothing in these files is about one person: tables of estimates and intervals, counts of groups, and words of"
        " a fixed list. There are no rows of people, scores, weights of models, or resampled values (replicates)."
    )
    if made.access == "synthetic":
        yield "These people are synthetic, so no count is suppressed."
    else:
        yield (
            f"Groups with fewer than {made.min_cell} people, {made.min_cell} events or {made.min_cell} people without"
            " an event keep their name and lose their numbers, here and in every other table."
        )
        if made.access == "restricted":
            yield "Further groups are suppressed next to them, so that none follows from a total."
    yield (
        "Counts are rounded to the nearest "
        f"{made.nearest}; totals are sums of rounded counts where all parts are shown."
        if made.nearest > 1
        else "Counts are exact. With --nearest 5 they are rounded, and totals are sums of rounded counts."
    )
    yield (
        "Estimates move in steps of at least one over the fewest people, events or people without an event behind them,"
        f" and of at least 0.001, so no rate gives its counts away. Ends of {100 * LEVEL:g} % intervals are rounded"
        " outwards."
    )
    yield (
        "Intervals come from draws of people in a random order that was not kept. So two people of the same groups are"
        " alike: whichever of them had the event, these files are the same."
    )
    yield f"{searched:,} identifiers of participants were searched for in every text; none was found."


def _row(name: str, bundle: Bundle, content: bytes) -> list[str]:
    """File, what it holds, rows, smallest cell, status, reason, checksum."""
    short = digest_of(content)[:16]
    if name == MANIFEST:
        return [name, "Settings, versions and checksums; the data as one hash.", "–", "–", PASS, "", short]
    if name in FIGURES:
        return [name, FIGURES[name], "–", "as its table", REVIEW, "an image: look at it", short]
    table = bundle.tables[name.removesuffix(".csv")]
    least, reasons = cells(table).min(axis=None), list(_reasons(bundle, name.removesuffix(".csv")))
    usual = "suppressed" if {*COUNTS} <= {*table} else "as performance.csv"
    smallest = f"{least:,.0f}" if pd.notna(least) else usual
    status = REVIEW if reasons else PASS
    holds = TABLES[name.removesuffix(".csv")].holds
    return [name, holds, f"{len(table):,}", smallest, status, "; ".join(reasons), short]


def _reasons(bundle: Bundle, name: str) -> Iterator[str]:
    """Why a person should look at a table that holds to all rules."""
    table = bundle.tables[name]
    if bundle.manifest.access == "synthetic":
        yield "synthetic people: small cells are shown"
    if name == "performance":
        own = table[table["metric"].str.endswith("_rate") & table["scope"].isin(["segment", "intersection"])]
        if extreme := int(own["mean"].isin([0.0, 1.0]).sum()):
            yield f"{extreme} rates of a group are 0 or 1 after rounding, which says something about all of it"
        hidden = table["note"].str.startswith("sizes withheld") & table["mean"].notna()
        if hidden.any():
            yield f"{int(hidden.sum())} ratios are shown while their counts are suppressed"


def _markdown(head: list[str], rows: list[list[str]]) -> str:
    """A table of Markdown with columns of one width, so that it can be read as it is."""
    grid = [[cell.replace("|", "\\|") for cell in row] for row in [head, *rows]]
    widths = [max(len(row[at]) for row in grid) for at in range(len(head))]
    drawn = [" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in grid]
    return "\n".join(f"| {line} |" for line in [drawn[0], " | ".join("-" * width for width in widths), *drawn[1:]])
