"""The wheel: what it holds, and that it works where there is no clone."""

import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parent.parent
TRY = """
import sys
sys.path.insert(0, {wheel!r})
{imports}
from fairlib import cards
from fairlib.__main__ import main
assert {{path.stem for path in cards.FOLDER.glob("*.yaml")}} == {names!r}
assert str(cards.FOLDER).startswith({wheel!r})
assert cards.load("mimic").name == "mimic"
sys.exit(main(["new", "mine"]))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The unpacked wheel, built from a copy of what it is made of, without a network."""
    clone, out = tmp_path_factory.mktemp("clone"), tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE", "fairlib", "data_cards", "book", "notebooks", "tests"):
        (clone / name).symlink_to(ROOT / name)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
    subprocess.run([*command, "--wheel-dir", out, clone], check=True)
    (made,) = out.glob("*.whl")
    ZipFile(made).extractall(out / "unpacked")
    return out / "unpacked"


def files(folder: Path, prefix: str = "") -> set[str]:
    """The files that belong into a wheel, as paths inside it."""
    kinds = {".py", ".csv", ".json", ".yaml"}
    return {prefix + path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.suffix in kinds}


def test_it_holds_the_package_and_the_cards_and_nothing_else(wheel):
    ours = files(ROOT / "fairlib", "fairlib/") | files(ROOT / "data_cards", "fairlib/data_cards/")
    assert {path for path in files(wheel) if ".dist-info/" not in path} == ours
    assert {path.name for path in wheel.iterdir() if path.suffix != ".dist-info"} == {"fairlib"}


def test_it_works_without_a_clone_book_or_notebooks(wheel, tmp_path):
    modules = (path[:-3].replace("/", ".") for path in files(wheel) if path.endswith(".py"))
    imports = "\n".join(f"import {name}" for name in sorted(modules) if not name.endswith("__"))
    code = TRY.format(
        wheel=str(wheel), imports=imports, names={path.stem for path in (ROOT / "data_cards").glob("*.yaml")}
    )
    tried = subprocess.run([sys.executable, "-I", "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert tried.returncode == 0, tried.stderr
    assert (tmp_path / "mine" / "card.yaml").is_file()
