"""The two commands, the exact versions and the layout, held together."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from itertools import chain
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
NAME = re.compile(r"^[A-Za-z0-9._-]+")


def pinned() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_every_dependency_has_one_exact_version():
    wanted = [*project()["dependencies"], *chain.from_iterable(project()["optional-dependencies"].values())]
    names = {NAME.match(requirement)[0].lower().replace("_", "-") for requirement in wanted}
    versions = {name.lower().replace("_", "-") for name in pinned()}
    assert names <= versions
    assert all(re.fullmatch(r"[0-9][A-Za-z0-9.]*", version) for version in pinned().values())


def test_constraints_fulfil_the_bounds_of_the_project():
    assert pinned()["torch"] == "2.13.0"
    assert pinned()["jupyter-book"].startswith("1.")


def locked() -> dict[str, tuple[str, str, list[str]]]:
    """Name → version, environment marker and SHA-256 sums of the hashed lock."""
    text = re.sub(r" *\\\n *", " ", (ROOT / "requirements-hashed.txt").read_text())
    rows = [line.split(" --hash=sha256:") for line in text.splitlines() if not line.startswith("#")]
    heads = [head.partition(" ; ") for head, *_ in rows]
    found = {head[0].partition("==")[0]: (head[0].partition("==")[2], head[2]) for head in heads}
    assert len(found) == len(rows)
    return {name: (*found[name], sums) for name, (_, *sums) in zip(found, rows, strict=True)}


def same(name: str) -> str:
    return re.sub("[-_.]+", "-", name).lower()


def test_the_hashed_lock_holds_the_versions_of_the_constraints():
    """All of them; what else it holds is for other systems or Pythons than the one that made the constraints."""
    lock, versions = locked(), {same(name): version for name, version in pinned().items()}
    assert {name: lock[name][0] for name in versions} == versions
    course = (ROOT / "notebooks" / "course" / "requirements.txt").read_text()
    assert f"playwright=={lock['playwright'][0]}\n" in course
    more = {name: marker for name, (_, marker, _) in lock.items() if name not in versions}
    assert {name for name, marker in more.items() if not marker} == {"playwright", "setuptools", "wheel"}
    others = ("sys_platform == 'linux'", "'darwin'", "'win32'", "'pypy'", "python_full_version == '3.12.*'")
    assert all(any(other in marker for other in others) for marker in filter(None, more.values()))
    linux = {name for name, marker in more.items() if "'linux'" in marker}  # what PyTorch's GPU build needs
    assert {name.partition("-")[0] for name in linux} == {"cuda", "nvidia", "triton"}


def test_every_package_of_the_lock_has_its_hashes():
    lock = locked()
    assert len(lock) > 200
    for name, (version, _, sums) in lock.items():
        assert re.fullmatch(r"[0-9][A-Za-z0-9.]*", version), name
        assert sums, name
        assert sums == sorted(set(sums)), name
        assert all(re.fullmatch("[0-9a-f]{64}", value) for value in sums), name
    every = [value for *_, sums in lock.values() for value in sums]
    assert len(every) == len(set(every))
    for compiled in ("torch", "numpy", "scipy", "pyarrow", "duckdb"):  # a wheel per Python and system
        assert len(lock[compiled][2]) >= 3 * 4, compiled


def test_actions_are_pinned_by_commit_and_newest_versions_are_tried_weekly():
    found = {}
    for path in sorted((ROOT / ".github" / "workflows").glob("*.yml")):
        text = path.read_text()
        uses = re.findall(r"uses: (\S+)@([0-9a-f]{40}) # v\d+\.\d+\.\d+$", text, re.M)
        assert len(uses) == text.count("uses:") > 0, path.name
        for action, commit in uses:
            assert found.setdefault(action, commit) == commit, action  # one commit everywhere
    newest = yaml.safe_load((ROOT / ".github" / "workflows" / "newest.yml").read_text())
    when = newest[True]["schedule"][0]["cron"].split()  # YAML 1.1 reads the key "on" as true
    assert when[2:4] == ["*", "*"]
    assert when[4].isdigit()
    steps = [step.get("run", "") for step in newest["jobs"]["newest"]["steps"]]
    assert any("sed -i '/==/d' constraints.txt" in step for step in steps)
    assert any(step.endswith("make test") for step in steps)


def test_environment_and_makefile_use_the_constraints():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    conda = [entry for entry in environment["dependencies"] if isinstance(entry, str)]
    pip = next(entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict))
    assert [re.split("[=<>]", entry)[0] for entry in conda] == ["python", "pip"]  # conda gives these, pip the rest
    assert pip == ["--constraint constraints.txt", "--editable .[book,test]"]
    makefile = (ROOT / "Makefile").read_text()
    code = re.sub(r"^#.*$", "", makefile, flags=re.M).replace("\\\n", "")
    installs = re.findall(r"(?:pip install|call installed)[ ,](.*)$", code, re.M)
    assert len(installs) == 4  # the rule, PyTorch, all the rest, otter with the versions of its own file
    assert all("--constraint constraints.txt" in line or "--requirement" in line for line in installs)
    assert conda[0] == "python" + project()["requires-python"]


def test_every_file_names_the_same_pythons():
    low, high = re.fullmatch(r">=3\.(\d+),<3\.(\d+)", project()["requires-python"]).groups()
    versions = [f"3.{minor}" for minor in range(int(low), int(high))]
    assert [classifier.rpartition(" ")[2] for classifier in project()["classifiers"]] == versions
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "test.yml").read_text())["jobs"]["test"]
    assert workflow["strategy"]["matrix"]["python"] == versions
    for page in ("Makefile", "README.md", "book/rerun.md", "book/course/index.md"):
        assert f"Python {', '.join(versions[:-1])} or {versions[-1]}" in (ROOT / page).read_text(), page
    assert (ROOT / "binder" / "runtime.txt").read_text().strip().removeprefix("python-") in versions


def make(folder: Path, pythons: dict[str, str], *arguments: str) -> subprocess.CompletedProcess:
    """``make`` of an environment where the PATH has only these Pythons; one without a version is a shim that fails."""
    for name, version in pythons.items():
        check = f"import sys; sys.version_info = ({version.replace('.', ', ')}, 'final', 0); exec(sys.argv[1])"
        answers = f'[ "$1" = --version ] && echo "Python {version}" && exit\nexec {sys.executable} -c "{check}" "$2"'
        (folder / name).write_text(f"#!/bin/sh\n{answers if version else 'exit 127'}\n")
        (folder / name).chmod(0o755)
    command = [shutil.which("make"), f"VENV={folder / 'venv'}", f"{folder / 'venv'}/ready", *arguments]
    without = {name: value for name, value in os.environ.items() if name not in ("PYTHON", "MAKEFLAGS")}
    return subprocess.run(command, cwd=ROOT, env=without | {"PATH": str(folder)}, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("pythons", "taken"),
    [
        ({"python3.11": "3.11.7", "python3.13": "3.13.0", "python3": "3.13.0"}, "python3.11"),
        ({"python3.11": "", "python3.12": "3.12.1", "python3.13": "3.13.0"}, "python3.12"),
        ({"python3.11": "3.10.13", "python3": "3.13.0"}, "python3"),
    ],
)
def test_make_takes_the_first_python_that_fits(tmp_path, pythons, taken):
    assert f"{taken} -m venv {tmp_path}" in make(tmp_path, pythons, "--dry-run").stdout


@pytest.mark.parametrize(
    ("pythons", "arguments", "found"),
    [
        ({"python3": "3.10.13"}, [], "none was found"),
        ({"python3.11": "3.11.7", "old": "3.10.13"}, ["PYTHON=old"], "old is Python 3.10.13"),
        ({"python3.11": "3.11.7", "new": "3.14.0"}, ["PYTHON=new"], "new is Python 3.14.0"),
        ({"python3.11": "3.11.7"}, ["PYTHON=absent"], "absent is no Python"),
    ],
)
def test_make_says_what_to_install(tmp_path, pythons, arguments, found):
    made = make(tmp_path, pythons, *arguments)
    assert made.returncode == 2
    assert f"is needed, but {found}. Install one (" in made.stderr
    assert not (tmp_path / "venv").exists()


def test_readme_shows_both_commands_and_ci_calls_the_test_command():
    readme = (ROOT / "README.md").read_text()
    assert "make book" in readme
    assert "make test" in readme
    assert "TORCH_INDEX=" in readme
    assert "make test" in (ROOT / ".ci" / "run").read_text()


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_notebooks_are_stored_without_outputs(path):
    cells = json.loads(path.read_text())["cells"]
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells)


def test_files_stay_readable_in_size():
    long = [p for p in (ROOT / "fairlib").rglob("*.py") if len(p.read_text().splitlines()) > 400]
    assert not long
