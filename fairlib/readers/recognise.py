"""Which dataset a folder looks like, so that a wrong folder gets a helpful sentence. Looks at names, opens no file."""

from pathlib import Path

from .. import cards
from ..cards import CARD, DataFile
from . import inventory

#: Every folder that brings its own card.
OWN = "table"


def known() -> dict[str, tuple[str, list[DataFile]]]:
    """The layouts that the study reads: name → what it is called, and the files of the data card."""
    tables = ", ".join((CARD, "windows.csv", "labels.csv", "people.csv (or .parquet)"))
    own = {OWN: ("a table of your own", [DataFile(path=tables, found_by=[CARD], holds="")])}
    return own | {name: (card.called, card.obtain.files) for name, card in cards.all().items() if card.obtain}


def layouts(folder: Path | str) -> list[str]:
    """Every dataset of which the folder shows a file that its card calls needed; none where it is no folder."""
    return [
        name
        for name, (_, files) in known().items()
        if any(inventory.find(Path(folder), file) for file in files if file.needed and not file.path.endswith("/"))
    ]


def looks_like(folder: Path | str) -> str | None:
    """The dataset that a folder looks like: "table", the name of a data card, or None."""
    return next(iter(layouts(folder)), None)


def hint(folder: Path | str, dataset: str) -> str:
    """``"; this looks like MESA"`` where a folder shows another layout and not that of ``dataset``, else nothing."""
    found = layouts(folder)
    if not found or dataset in found:
        return ""
    return f"; this looks like {known()[found[0]][0]}, read it with dataset {found[0]!r}"


def wanted(files: list[DataFile]) -> str:
    """What a folder must hold, in one line: files, and the ways of which one is enough."""
    ways = {}
    for file in (file for file in files if file.needed):
        ways.setdefault(file.way, []).append(file.path)
    always = ways.pop("", [])
    return ", ".join(always + [" or ".join(f"{way} ({', '.join(paths)})" for way, paths in ways.items())] * bool(ways))
