"""The size of the house in code lines: docstrings, comments and blanks are out; notebook cells and JavaScript are in.

``python -m tests.house`` prints it.
"""

import ast
import io
import json
import re
import tokenize
from pathlib import Path

ROOT = Path(__file__).parents[1]
#: What a lecturer reads in an hour.
HOUR = (
    "cohort strategies views encoder pretraining pretexts finetuning recipes similarity fairness inference disclosure"
)
#: Wings of fairlib that are not its core.
BESIDE = ("fairlib/readers/", "fairlib/twins/", "fairlib/report/", "fairlib/audit/")
#: Code lines at most. A later issue adds what its new rooms cost, and writes the new bound.
BOUNDS = {"the hour": 1150, "fairlib's core": 6320, "everything": 20_520}
LONGEST = 400  # lines of a file, docstrings and all
_NOTHING = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)


def python_lines(text: str) -> int:
    """Code lines of Python text."""
    documented: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) and node.body:
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(getattr(first.value, "value", None), str):
                documented |= set(range(first.lineno, first.end_lineno + 1))
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in _NOTHING:
            lines |= set(range(token.start[0], token.end[0] + 1))
    return len(lines - documented)


def script_lines(text: str) -> int:
    """Code lines of JavaScript text."""
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    return sum(bool(line.strip()) and not line.strip().startswith("//") for line in text.splitlines())


def notebook_lines(text: str) -> int:
    """Code lines of the cells of a notebook."""
    cells = json.loads(text)["cells"]
    return sum(python_lines("".join(cell["source"])) for cell in cells if cell["cell_type"] == "code")


def files(root: Path = ROOT) -> dict[str, int]:
    """Path from the root → code lines, of what is counted: the package, the book's Python, notebooks and scripts."""
    found = {}
    for pattern, count in (
        ("fairlib/**/*.py", python_lines),
        ("book/**/*.py", python_lines),
        ("notebooks/**/*.ipynb", notebook_lines),
        ("book/_static/*.js", script_lines),
    ):
        for path in sorted(root.glob(pattern)):
            name = path.relative_to(root).as_posix()
            if not name.startswith(("book/_build", "book/executed")) and ".ipynb_checkpoints" not in name:
                found[name] = count(path.read_text(encoding="utf-8"))
    return found


def sizes(found: dict[str, int]) -> dict[str, int]:
    """Code lines of what has a bound; found: of ``files``."""
    core = sum(n for name, n in found.items() if name.startswith("fairlib/") and not name.startswith(BESIDE))
    hour = sum(found.get(f"fairlib/{name}.py", 0) for name in HOUR.split())
    return {"the hour": hour, "fairlib's core": core, "everything": sum(found.values())}


def too_long(root: Path = ROOT) -> list[str]:
    """Files of Python with more lines than a room has."""
    paths = [*root.glob("fairlib/**/*.py"), *root.glob("book/**/*.py")]
    return [
        f"{path.relative_to(root).as_posix()}: {lines} lines"
        for path in paths
        if "_build" not in path.parts and (lines := len(path.read_text(encoding="utf-8").splitlines())) > LONGEST
    ]


if __name__ == "__main__":
    counted = files()
    for wing in sorted({"/".join(name.split("/")[:2]) if "/" in name else name for name in counted}):
        print(f"{sum(n for name, n in counted.items() if name == wing or name.startswith(f'{wing}/')):6,}  {wing}")
    for name, size in sizes(counted).items():
        print(f"{size:6,}  {name} (at most {BOUNDS[name]:,})")
