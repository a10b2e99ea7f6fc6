"""Results on disk: readable folders, written whole or not at all, each with a manifest that says what made it.

The manifest alone decides whether a result is fresh: same key (recipe, strategy, seed, data fingerprint, source
code), and files whose checksums still hold. Anything else is made again.
"""

import ast
import glob
import hashlib
import json
import os
import socket
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import resolve_name
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

#: The code as it was when this process started: an edit during a long run must not sign its results.
_ROOT = Path(__file__).parents[2]
SOURCES = {
    ".".join(path.relative_to(_ROOT).with_suffix("").parts).removesuffix(".__init__"): path.read_text(encoding="utf-8")
    for package in ("fairlib", "book")
    for path in sorted((_ROOT / package).rglob("*.py"))
}
MANIFEST = "manifest.json"
#: What every ``__version__`` is hashed as: the version whose results were kept first, so that they stay fresh.
FIRST_VERSION = "0.1.0"


class ResultsError(OSError):
    """The results folder cannot be written."""


def imports(text: str, module: str = "") -> set[str]:
    """Modules of the study that a piece of code imports anywhere but for type checkers, packages above them included.

    module: its dotted name, for relative imports.
    """
    found, todo = set(), [ast.parse(text)]
    package = module if module in _PACKAGES else module.rpartition(".")[0]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = resolve_name("." * node.level + (node.module or ""), package)
            found |= {base, *(f"{base}.{name.name}" for name in node.names)}
        todo += ast.iter_child_nodes(node)
    above = {".".join(name.split(".")[:end]) for name in found for end in range(1, name.count(".") + 2)}
    return above & SOURCES.keys()


_PACKAGES = {name.rpartition(".")[0] for name in SOURCES}


@cache
def _imported(module: str) -> set[str]:
    """What a module imports; it is parsed once, however many closures hold it."""
    return imports(SOURCES[module], module)


@cache
def closure(*modules: str) -> tuple[str, ...]:
    """These modules and all that they import, directly or through others: what a result of theirs depends on."""
    found, todo = set(), [*modules]
    while todo:
        if (name := todo.pop()) not in found:
            found.add(name)
            todo += _imported(name)
    return tuple(sorted(found))


def closure_hash(*modules: str) -> str:
    """Hash of the code that a result of these modules depends on, blind to comments, docstrings and layout."""
    return source_hash(*closure(*modules))


def source_hash(*modules: str) -> str:
    """Hash of the code of modules, blind to comments, docstrings and layout.

    A clearer comment does not retrain a model, nor does another number of the version; a changed line does.
    """
    return hashlib.sha256("".join(map(_hashed, modules)).encode()).hexdigest()


@cache
def _hashed(module: str) -> str:
    tree = ast.parse(SOURCES[module])
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        first = body[0] if isinstance(body, list) and body else None
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
            first.value.value = ""
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__version__":
            node.value = ast.Constant(FIRST_VERSION)
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()


def code_hash(*packages: str) -> str:
    """Hash of all code of the study, or of the modules in the named packages."""
    chosen = tuple(f"{package}." for package in packages)
    return source_hash(*sorted(name for name in SOURCES if not chosen or f"{name}.".startswith(chosen)))


def key_hash(key: dict) -> str:
    """Short, stable hash of a manifest key."""
    return hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:16]


def fresh(folder: Path, key: dict) -> bool:
    """Whether ``folder`` holds a complete, undamaged result of exactly this key."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        same = manifest["key"] == json.loads(json.dumps(key))
        return same and all(checksum(folder / name) == value for name, value in manifest["files"].items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return False


def save(folder: Path, key: dict, files: dict[str, Callable[[Path], object]], timings: dict | None = None) -> None:
    """Write a result: each file by its writer, then the manifest, each to a temporary name and renamed.

    A run killed half-way leaves no manifest and is made again. Timings stay outside the manifest, so that two runs of
    the same key have the same manifest.
    """
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MANIFEST).unlink(missing_ok=True)
        for name, write in files.items():
            replace_file(folder / name, write)
        if timings is not None:
            replace_file(folder / "timings.json", lambda path: path.write_text(json.dumps(timings, indent=1)))
        _sign(folder, key, files)


def parquet(table: "pd.DataFrame") -> Callable[[Path], object]:
    """What writes a table, for ``save``."""
    return lambda path: table.to_parquet(path, index=False)


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """What the operating system says of a full disk or a forbidden folder becomes one ``ResultsError``."""
    try:
        yield
    except ResultsError:
        raise
    except OSError as error:
        raise ResultsError(
            f"cannot write results in {folder}: {error.strerror or error}; free space on the disk, allow"
            " writing there, or choose another results_dir"
        ) from error


def seal(folder: Path, key: dict) -> None:
    """Give files that somebody else wrote into ``folder`` their manifest, with a checksum each."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    _sign(folder, key, [name for name in names if name != MANIFEST])


def _sign(folder: Path, key: dict, names: Iterable[str]) -> None:
    manifest = {"key": key, "files": {name: checksum(folder / name) for name in names}}
    replace_file(folder / MANIFEST, lambda path: path.write_text(json.dumps(manifest, indent=1, sort_keys=True)))


def replace_file(path: Path, write: Callable[[Path], object]) -> None:
    """Write ``path`` through a temporary file beside it, so that readers see the old or the new file, never a part.

    What a killed process of this machine left half-written of the same file is removed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    ours = f".{path.name}.{socket.gethostname()}."
    for left in path.parent.glob(f"{glob.escape(ours)}*"):
        if not _runs(left.name.removeprefix(ours).partition(".")[0]):
            left.unlink(missing_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f"{ours}{os.getpid()}.", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        write(temporary)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _runs(process: str) -> bool:
    """Whether a process of this machine still runs; True where that cannot be known."""
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except (ValueError, OverflowError, OSError):
        return True
    return True


def checksum(path: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
