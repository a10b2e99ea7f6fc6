"""Which dataset a folder looks like, so that a wrong folder gets a helpful sentence. Looks at names, opens no file."""

import re
from pathlib import Path

TITLES = {
    "table": "a table of your own",
    "challenge2012": "Challenge 2012",
    "mimic": "MIMIC-III",
    "mesa": "MESA",
    "globem": "GLOBEM",
}
#: Names of files and folders, in lower case, that only this layout has.
LAYOUTS = {
    "table": re.compile(r"card\.yaml"),
    "challenge2012": re.compile(r"set-[abc](\.tar\.gz)?|outcomes-[abc]\.txt"),
    "mimic": re.compile(
        r"in-hospital-mortality|(train|val|test)_listfile\.csv|(admissions|icustays|patients|chartevents)\.csv(\.gz)?"
    ),
    "mesa": re.compile(r"mesa-sleep-.*|mesa-actigraphy-psg-overlap\.csv(\.gz)?"),
    "globem": re.compile(r"featuredata|surveydata"),
}
#: Folders of an official layout in which its telling names lie.
INSIDE = re.compile(r"actigraphy|overlap|polysomnography|datasets|ins-w.*")


def layouts(folder: Path | str) -> list[str]:
    """Every dataset whose layout the folder shows, most telling first; none where it is no folder."""
    folder = Path(folder)
    if not folder.is_dir():
        return []
    names = {path.name.lower() for path in folder.iterdir()}
    for inner in folder.iterdir():
        if INSIDE.fullmatch(inner.name.lower()) and inner.is_dir():
            names |= {path.name.lower() for path in inner.iterdir()}
    return [name for name, telling in LAYOUTS.items() if any(map(telling.fullmatch, names))]


def looks_like(folder: Path | str) -> str | None:
    """The dataset that a folder looks like, or None: "table", "challenge2012", "mimic", "mesa" or "globem"."""
    return next(iter(layouts(folder)), None)


def hint(folder: Path | str, dataset: str) -> str:
    """``"; this looks like MESA"`` where a folder shows another layout and not that of ``dataset``, else nothing."""
    found = layouts(folder)
    if not found or dataset in found:
        return ""
    return f"; this looks like {TITLES[found[0]]}, read it with dataset {found[0]!r}"
