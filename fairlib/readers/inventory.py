"""Which of the files that a data card names lie in a folder: looked up by name, nothing is opened."""

from fnmatch import fnmatchcase
from pathlib import Path

from ..cards import DataFile


def find(folder: Path, file: DataFile) -> list[Path]:
    """Every path in ``folder`` that is this file: any case, also packed as .gz. The first pattern that fits counts."""
    return next((found for pattern in file.patterns if (found := _match(folder, pattern))), [])


def lines(folder: Path, files: list[DataFile]) -> list[str]:
    """What is there, how many where a pattern fits many, what is missing, and what need not be there."""
    found = {id(file): find(folder, file) for file in files}
    ways = {file.way: [] for file in files if file.way}
    for file in files:
        if file.way and file.needed:
            ways[file.way].append(bool(found[id(file)]))
    complete = [way for way, there in ways.items() if all(there)]
    # With no way complete, files are missing of those that somebody began; nobody asks for the others.
    wanted = complete or [way for way, there in ways.items() if any(there)] or list(ways)
    out = []
    for file in files:
        if there := found[id(file)]:
            many = "*" in file.patterns[0] and f"{len(there):,} file{'s' * (len(there) > 1)}"
            out.append(f"{file.path}: {many or 'there'}")
        elif file.way in wanted or not file.way:
            out.append(f"{file.path}: {'MISSING' if file.needed else 'not there, optional'}: {file.holds}")
    for way in ways:
        names = [file.path for file in files if file.way == way and not found[id(file)]]
        if names and way not in wanted:
            out.append(f"{way} ({', '.join(names)}): not there, and not needed beside {' and '.join(wanted)}")
    return list(dict.fromkeys(out))  # a file of two ways is named once


def _match(folder: Path, pattern: str) -> list[Path]:
    """Paths whose parts fit the parts of the pattern, case left aside; the last part also with .gz."""
    first, _, rest = pattern.strip("/").lower().partition("/")
    names = [first] if rest else [first, f"{first}.gz"]
    if not folder.is_dir():
        return []
    fits = sorted(path for path in folder.iterdir() if any(fnmatchcase(path.name.lower(), name) for name in names))
    return [deeper for path in fits for deeper in _match(path, rest)] if rest else fits
