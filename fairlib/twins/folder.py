"""The folder of a twin: written whole or not at all, marked as synthetic, and never in the place of anything else."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .people import SpecError

MARK = "TWIN.json"


def refuse_other(path: Path) -> None:
    """Raise ``SpecError`` if ``path`` holds something that is no twin; called before the work begins."""
    if not path.name:
        raise SpecError(
            f"{path} cannot be the folder of a twin, which is replaced as a whole; give a name, such as my-twin"
        )
    if path.exists() and not (path / MARK).exists() and (not path.is_dir() or any(path.iterdir())):
        raise SpecError(f"{path} exists and is no twin (it holds no {MARK}); give an empty or a new folder")


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """An empty folder to write into, which takes the place of ``path`` at the end: a killed run leaves no half twin."""
    partial = path.with_name(f".{path.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    yield partial
    if path.exists():
        shutil.rmtree(path)
    partial.rename(path)


def realised(path: Path) -> dict[str, int]:
    """Counts of a written twin: windows, people, and those with the outcome."""
    return json.loads((path / MARK).read_text(encoding="utf-8"))["realised"]["all"]


def mark(path: Path, description: dict) -> None:
    """Write the file that says the folder is synthetic, what was planted, and what came out."""
    (path / MARK).write_text(json.dumps(description, indent=1) + "\n", encoding="utf-8")
