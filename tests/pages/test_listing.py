"""A stamp moves when a file below a folder changes, and only then."""

import os
from pathlib import Path

import pytest

from book.pages.listing import listing, stamp


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "data" / "set-a" / "deep").mkdir(parents=True)
    for name in ("people.csv", "set-a/1.txt", "set-a/deep/2.txt"):
        (tmp_path / "data" / name).write_text("old\n")
    return tmp_path / "data"


def rewrite(path: Path):
    path.write_text("new\n")
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 10**9))


@pytest.mark.parametrize(
    "change",
    [
        lambda f: rewrite(f / "people.csv"),
        lambda f: rewrite(f / "set-a/deep/2.txt"),
        lambda f: os.utime(f / "people.csv", (10**9, 10**9)),  # a file of 2001 in its place
        lambda f: (f / "set-a/1.txt").rename(f / "set-a/3.txt"),
        lambda f: (f / "set-a/1.txt").unlink(),
        lambda f: (f / "set-a/new.txt").write_text(""),
    ],
)
def test_a_change_below_the_folder_writes_the_stamp_again(folder, tmp_path, change):
    file = Path(stamp(folder, tmp_path / "results" / "stamp"))
    os.utime(file, (1, 1))
    stamp(folder, file)
    assert file.stat().st_mtime == 1
    change(folder)
    stamp(folder, file)
    assert file.stat().st_mtime > 1
    assert file.read_text() == listing(folder) + "\n"


@pytest.mark.parametrize("name", [".DS_Store", "set-a/.~lock.1.txt#", "~$people.xlsx", "people.csv~", ".git/HEAD"])
def test_hidden_and_temporary_files_change_nothing(folder, name):
    before = listing(folder)
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text("x")
    assert listing(folder) == before


def test_links_are_followed_once_and_may_lead_nowhere(folder, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "3.txt").write_text("old\n")
    (folder / "linked").symlink_to(tmp_path / "elsewhere")
    (folder / "set-a" / "back").symlink_to(folder)
    (folder / "gone.csv").symlink_to(tmp_path / "nothing")
    before = listing(folder)
    rewrite(tmp_path / "elsewhere" / "3.txt")
    assert listing(folder) != before


def test_what_a_run_writes_below_the_folder_changes_nothing(folder):
    """The clone, or its results, may lie in the folder of the data; the data may lie in the results."""
    before = listing(folder, [folder / "clone", folder])
    (folder / "clone").mkdir()
    (folder / "clone" / "log.txt").write_text("x")
    assert listing(folder, [folder / "clone", folder]) == before
    assert listing(folder, [folder]) != before
