"""Results on disk: fresh only if whole, undamaged and of the same key; the source hash; no litter."""

import ast
import hashlib
import json
import os
import socket
import subprocess
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from fairlib.study import results
from fairlib.study.results import MANIFEST, ResultsError, fresh, key_hash, replace_file, save, source_hash

KEY = {"strategy": "frozen_0", "seed": 3, "views": ("scaling",), "rate": 0.1}
FILES = {"weights.bin": bytes(range(256)) * 4, "table.txt": b"a,b\n1,2\n"}


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "mimic" / "seed-3"
    save(
        folder,
        KEY,
        {name: lambda path, c=content: path.write_bytes(c) for name, content in FILES.items()},
        {"seconds": 1},
    )
    return folder


def test_fresh_after_save(folder):
    assert fresh(folder, KEY)
    assert sorted(path.name for path in folder.iterdir()) == [MANIFEST, "table.txt", "timings.json", "weights.bin"]


def test_other_key_or_folder_is_not_fresh(folder):
    for change in ({"seed": 4}, {"views": ()}, {"rate": 0.1000001}, {"new": None}):
        assert not fresh(folder, KEY | change)
    assert not fresh(folder, {"seed": 3})
    assert not fresh(folder.parent, KEY)
    assert not fresh(folder / "nowhere", KEY)


@pytest.mark.parametrize("name", sorted(FILES))
def test_flipped_byte_is_noticed(folder, name):
    for place in (0, len(FILES[name]) // 2, -1):
        content = bytearray(FILES[name])
        content[place] ^= 1
        (folder / name).write_bytes(bytes(content))
        assert not fresh(folder, KEY)
    (folder / name).write_bytes(FILES[name])
    assert fresh(folder, KEY)


@pytest.mark.parametrize("name", [*sorted(FILES), MANIFEST])
def test_truncated_empty_or_missing_file_is_noticed(folder, name):
    content = (folder / name).read_bytes()
    for part in (content[:-3], b""):
        (folder / name).write_bytes(part)
        assert not fresh(folder, KEY)
    (folder / name).unlink()
    assert not fresh(folder, KEY)


def test_flipped_manifest_is_noticed_or_harmless(folder):
    content = (folder / MANIFEST).read_bytes()
    for place in range(len(content)):
        flipped = bytearray(content)
        flipped[place] ^= 1 << place % 8
        (folder / MANIFEST).write_bytes(bytes(flipped))
        if fresh(folder, KEY):  # only where it still says the same
            assert json.loads(bytes(flipped)) == json.loads(content)


@pytest.mark.parametrize(
    "text", ["[]", "null", "3", '{"key": {}}', '{"key": {}, "files": []}', '{"files": {}}', "\xff"]
)
def test_strange_manifest_is_not_fresh(folder, text):
    (folder / MANIFEST).write_text(text, encoding="latin-1")
    assert not fresh(folder, KEY)
    assert not fresh(folder, {})


def test_timings_are_outside_the_manifest(folder):
    (folder / "timings.json").write_text("{}")
    assert fresh(folder, KEY)
    before = (folder / MANIFEST).read_bytes()
    save(
        folder,
        KEY,
        {name: lambda path, c=content: path.write_bytes(c) for name, content in FILES.items()},
        {"seconds": 9},
    )
    assert (folder / MANIFEST).read_bytes() == before


def test_killed_half_way_is_made_again(folder):
    def killed(path):
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        save(folder, KEY, {"weights.bin": lambda path: path.write_bytes(b"new"), "table.txt": killed})
    assert not fresh(folder, KEY)
    assert (folder / "table.txt").read_bytes() == FILES["table.txt"]  # the old one, whole
    assert sorted(path.name for path in folder.iterdir()) == ["table.txt", "timings.json", "weights.bin"]


def test_replace_file_leaves_old_or_new_and_no_litter(tmp_path):
    path = tmp_path / "new" / "file.txt"
    replace_file(path, lambda temporary: temporary.write_text("one"))
    seen = []

    def fails(temporary):
        seen.append((temporary.parent, temporary.suffix, path.read_text()))
        temporary.write_text("two")
        raise ValueError("writer failed")

    with pytest.raises(ValueError, match="writer failed"):
        replace_file(path, fails)
    assert seen == [(path.parent, ".txt", "one")]
    assert path.read_text() == "one"
    assert [found.name for found in path.parent.iterdir()] == ["file.txt"]


def test_what_a_killed_process_left_is_removed_and_what_a_running_one_writes_is_not(tmp_path):
    path, dead, running = tmp_path / "a[1].json", subprocess.Popen(["true"]), subprocess.Popen(["sleep", "60"])
    dead.wait()
    host = socket.gethostname()
    others = [f".{path.name}.{host}.{running.pid}.x.json", f".{path.name}.elsewhere.{dead.pid}.x.json", ".other.json"]
    for name in (f".{path.name}.{host}.{dead.pid}.x.json", *others):
        (tmp_path / name).write_text("half")
    try:
        replace_file(path, lambda temporary: temporary.write_text("whole"))
    finally:
        running.kill()
        running.wait()
    assert sorted(found.name for found in tmp_path.iterdir()) == sorted([path.name, *others])


def test_full_disk_says_so(tmp_path):
    def full(path):
        raise OSError(28, "No space left on device")

    with pytest.raises(ResultsError, match=r"cannot write results in .*seed-1: No space left on device; free space"):
        save(tmp_path / "seed-1", KEY, {"weights.bin": full})
    assert list((tmp_path / "seed-1").iterdir()) == []


def test_results_folder_that_is_a_file(tmp_path):
    (tmp_path / "results").write_text("")
    with pytest.raises(ResultsError, match="choose another results_dir"):
        save(tmp_path / "results" / "seed-1", KEY, {})


@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write anywhere")
def test_read_only_folder_says_so(tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(ResultsError, match=r"Permission denied.*allow writing there"):
            save(tmp_path / "seed-1", KEY, {})
    finally:
        tmp_path.chmod(0o700)


def test_key_hash_is_stable():
    assert key_hash({"a": 1, "b": [2]}) == key_hash({"b": (2,), "a": 1})
    assert key_hash({"a": 1}) != key_hash({"a": 2})
    assert len(key_hash({})) == 16


# --------------------------------------------------------------------------------------------------- source hash

CODE = '''"""Module."""
import os

RATE = 0.1


def step(x):
    """Old words."""
    # a comment
    return x * RATE
'''


@pytest.fixture
def hash_of(monkeypatch):
    def hashed(**sources):
        monkeypatch.setattr(results, "SOURCES", dict(sources.items()))
        results._hashed.cache_clear()
        return source_hash(*sources)

    yield hashed
    monkeypatch.undo()
    results._hashed.cache_clear()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Old words.", "New and better words."),
        ('"""Module."""', '"""Another title.\n\nMore.\n"""'),
        ("# a comment", "# a clearer comment"),
        ("    # a comment\n", "\n\n"),
        ("x * RATE", "(x\n        * RATE)"),
    ],
)
def test_source_hash_is_blind_to_words_and_layout(hash_of, old, new):
    assert old in CODE
    assert hash_of(views=CODE) == hash_of(views=CODE.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new"), [("0.1", "0.2"), ("x * RATE", "x / RATE"), ("step", "walk"), ("import os\n", "")]
)
def test_source_hash_sees_code(hash_of, old, new):
    assert hash_of(views=CODE) != hash_of(views=CODE.replace(old, new))


def test_source_hash_sees_strings_that_are_code(hash_of):
    one = 'def f():\n    x = "a"\n    return x\n'
    assert hash_of(views=one) != hash_of(views=one.replace('"a"', '"b"'))


def test_source_hash_is_blind_to_the_version_of_the_package(hash_of):
    """A release retrains nothing, and what version 0.1.0 hashed keeps its hash; other names and values count."""
    one = '__version__ = "0.1.0"\nRATE = "0.1.0"\n'
    assert hash_of(fairlib=one) == hash_of(fairlib=one.replace('__version__ = "0.1.0"', '__version__ = "0.2.0"'))
    assert hash_of(fairlib=one) != hash_of(fairlib=one.replace('RATE = "0.1.0"', 'RATE = "0.2.0"'))
    dump = ast.dump(ast.parse(one))
    each = hashlib.sha256(dump.encode()).hexdigest()
    assert hash_of(fairlib=one) == hashlib.sha256(each.encode()).hexdigest()


def test_source_hash_of_the_package():
    assert (
        source_hash("fairlib.encoder")
        != source_hash("fairlib.views")
        != source_hash("fairlib.encoder", "fairlib.views")
    )
    with pytest.raises(KeyError):
        source_hash("no_such_module")


def _race(folder: str, worker: int) -> list[str]:
    """What goes wrong while this worker makes the same result again and again, as others do."""
    key, files, wrong = (
        {"seed": 1},
        {"a.json": lambda p: p.write_text("[1]"), "b": lambda p: p.write_bytes(b"x" * 9999)},
        [],
    )
    for _ in range(40):
        try:
            save(Path(folder), key, files)
            if (Path(folder) / "a.json").read_text() != "[1]" or (Path(folder) / "b").stat().st_size != 9999:
                wrong.append(f"worker {worker} read a part of a file")
        except OSError as error:
            wrong.append(repr(error))
    return wrong


def test_workers_that_race_for_one_result_all_end_well(tmp_path):
    """As on a shared file system: nobody fails, nobody reads half a file, and what is left is whole."""
    with ProcessPoolExecutor(4, mp_context=get_context("spawn")) as workers:
        found = list(workers.map(_race, [str(tmp_path / "one")] * 4, range(4)))
    assert found == [[]] * 4
    assert fresh(tmp_path / "one", {"seed": 1})
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == ["a.json", "b", "manifest.json"]


def test_hash_of_all_code_and_of_one_package():
    assert results.code_hash() == source_hash(*sorted(results.SOURCES))
    twins = [name for name in sorted(results.SOURCES) if f"{name}.".startswith("fairlib.twins.")]
    assert results.code_hash("fairlib.twins") == source_hash(*twins) != results.code_hash()
    assert len({results.code_hash(), results.code_hash("fairlib.readers"), source_hash()}) == 3


def test_a_closure_holds_what_a_module_imports_and_no_more():
    found = results.closure("fairlib.pretraining")
    assert {"fairlib.encoder", "fairlib.views", "fairlib.optimisation", "fairlib.seeds"} <= set(found)
    assert not {"fairlib.cohort", "fairlib.cards", "fairlib.strategies"} & set(found)  # types alone do not count
    assert results.closure_hash("fairlib.pretraining") == source_hash(*found)
