"""The folder of a twin: written whole or not at all, marked as synthetic, and never in the place of anything else."""

import gzip
import io
import json
import shutil
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from ..readers.files import MARK
from . import attributes, load_spec, module, people, truth
from .people import Spec, SpecError


def write(
    dataset: str,
    path: Path | str,
    spec: Spec | Mapping | Path | str | None = None,
    seed: int = 0,
    with_truth: bool = True,
) -> Path:
    """Write a twin into the folder ``path``; the same spec and seed give the same bytes.

    ``spec``: a ``TwinSpec`` of the dataset, a dict or a YAML file of what differs from its defaults, or None. An older
    twin in ``path`` is replaced; a folder that holds anything else is refused with ``SpecError``, as are unknown knobs.
    ``with_truth``: TRUTH.json too, for people; no reader needs it, and it takes seconds.
    """
    twin, path = module(dataset), Path(path)
    spec = load_spec(dataset, spec)
    _refuse_other(path)
    with _written_whole(path) as partial:
        realised = twin.files(partial, spec, seed)
        description = {
            "synthetic": True,
            "statement": "No person in these files exists. Results on a twin are no evidence about real people.",
            "dataset": dataset,
            "seed": seed,
            "spec": asdict(spec),
            "planted_disparities": spec.planted(),
            "model": people.__doc__,
            **getattr(twin, "MODELS", {}),
            "sources": twin.PUBLISHED["source"],
            "realised": realised,
        }
        (partial / MARK).write_text(json.dumps(description, indent=1) + "\n", encoding="utf-8")
        if with_truth:
            truth.write(partial, dataset, spec)
    return path


def counts(dataset: str, rows: pd.DataFrame, outcome: str, parts: Mapping[str, str] | None = None) -> dict[str, object]:
    """Realised counts for TWIN.json: of all rows, of each value of the columns ``parts``, and of each segment.

    rows: a column for each attribute of the dataset; and numbers to add up, windows, people, the ``outcome``, and wrong
    (labels that differ from the true outcome).
    """
    numbers = rows[["windows", "people", outcome]].astype(int)

    def by(column: str) -> dict[str, dict[str, int]]:
        return {str(value): part.to_dict() for value, part in numbers.groupby(rows[column]).sum().iterrows()}

    return {
        "all": {name: int(number) for name, number in numbers.sum().items()},
        **{name: by(column) for name, column in (parts or {}).items()},
        "segments": {name: by(name) for name in attributes(dataset)},
        "labels that differ from the true outcome": int(rows["wrong"].sum()),
    }


def save(table: pd.DataFrame, file: Path) -> None:
    """A table as CSV, the same bytes on every system."""
    table.to_csv(file, index=False, lineterminator="\n", date_format="%Y-%m-%d %H:%M:%S")


def tarball(file: Path, folder: str, records: Iterable[tuple[str, str]]) -> int:
    """A tarball of record files (name, text) in a folder, the same bytes for the same texts; returns how many rows they
    hold below their headers."""
    rows = 0
    with (
        file.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=raw, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar,
    ):
        top = tarfile.TarInfo(folder)
        top.type, top.mode = tarfile.DIRTYPE, 0o755
        tar.addfile(top)  # mtime, uid and gid of a fresh TarInfo are 0
        for record, text in records:
            content = text.encode()
            member = tarfile.TarInfo(f"{folder}/{record}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
            rows += text.count("\n") - 1
    return rows


def _refuse_other(path: Path) -> None:
    """Raise ``SpecError`` if ``path`` holds something that is no twin; called before the work begins."""
    if not path.name:
        raise SpecError(
            f"{path} cannot be the folder of a twin, which is replaced as a whole; give a name, such as my-twin"
        )
    if path.exists() and not (path / MARK).exists() and (not path.is_dir() or any(path.iterdir())):
        raise SpecError(f"{path} exists and is no twin (it holds no {MARK}); give an empty or a new folder")


@contextmanager
def _written_whole(path: Path) -> Iterator[Path]:
    """An empty folder to write into, which takes the place of ``path`` at the end: a killed run leaves no half twin."""
    partial = path.with_name(f".{path.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
    except BaseException:
        shutil.rmtree(partial)
        raise
    if path.exists():
        shutil.rmtree(path)
    partial.rename(path)


def realised(path: Path) -> dict[str, int]:
    """Counts of a written twin: windows, people, and those with the outcome."""
    return json.loads((path / MARK).read_text(encoding="utf-8"))["realised"]["all"]
