"""Whether a folder of data changed: a stamp file that is written again when any file below the folder changed.

Snakemake compares times, so it misses a file that was replaced by an older one. Here every path, size and time counts,
in every subfolder. No content is read: folders of data hold gigabytes, and a study recognises the same content anyway.
"""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from fairlib.study.results import replace_file


def stamp(folder: Path | str, file: Path | str, besides: Iterable[Path | str] = ()) -> str:
    """Path of the stamp ``file`` of ``folder``; it is written again only if ``listing`` changed. Raises ``OSError``."""
    found, file = listing(folder, besides) + "\n", Path(file)
    if not file.is_file() or file.read_text(encoding="utf-8") != found:
        replace_file(file, lambda path: path.write_text(found, encoding="utf-8"))
    return str(file)


def listing(folder: Path | str, besides: Iterable[Path | str] = ()) -> str:
    """SHA-256 of the paths, sizes and times of all files below ``folder``: names may hold identifiers of people.

    Links are followed. Hidden and temporary files are left out, as are the folders ``besides``, where a run writes.
    """
    digest, seen = hashlib.sha256(), {os.path.realpath(path) for path in besides} - {os.path.realpath(folder)}
    for root, folders, names in os.walk(folder, followlinks=True):
        here = os.path.realpath(root)
        if here in seen:  # also a link back to a folder above
            folders.clear()
            continue
        seen.add(here)
        folders[:] = sorted(name for name in folders if not _passing(name))
        for name in sorted(name for name in names if not _passing(name)):
            path = os.path.join(root, name)
            try:
                facts = os.stat(path)
            except OSError:  # a link that leads nowhere; the reader says so if it needs the file
                continue
            line = f"{os.path.relpath(path, folder)}\0{facts.st_size}\0{facts.st_mtime_ns}\n"
            digest.update(os.fsencode(line))
    return digest.hexdigest()


def _passing(name: str) -> bool:
    """Hidden (.DS_Store), a lock (~$people.xlsx) or a copy that an editor left (people.csv~)."""
    return name.startswith((".", "~")) or name.endswith("~")
