"""Everything that a notebook imports of this project is there: a page says so here, not after hours of a study."""

import ast
import json
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").rglob("*.ipynb")), ids=lambda path: path.stem)
def test_what_a_notebook_imports_is_there(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    lines = [line for cell in code for line in cell.splitlines() if not line.startswith(("%", "!"))]
    nodes = [node for node in ast.walk(ast.parse("\n".join(lines))) if isinstance(node, ast.ImportFrom)]
    own = [node for node in nodes if node.module.split(".")[0] in ("fairlib", "book")]
    for node in own:
        module = import_module(node.module)
        for name in node.names:
            place = f"{node.module}.{name.name}"
            assert hasattr(module, name.name) or find_spec(place), f"{path.name}: no {place}"
    assert own
