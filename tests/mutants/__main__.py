"""``python -m tests.mutants [--draw 200] [--seed 0] [--out FILE]``: draw mutants by a fixed seed, and run their tests.

A mutant is one changed operator, comparison, constant, condition or returned value. Each runs in a copy of the
repository with the test files of its module, until the first that fails; those that survive are listed. One that the
tests of its own room miss goes through the wider list. Made anew after each change of a module or of its tests.
"""

import argparse
import ast
import copy
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue

ROOT = Path(__file__).parents[2]
#: Module → the files that test it, quickest first.
TESTS = {
    "fairlib/encoder.py": ["test_encoder.py", "test_precision.py"],
    "fairlib/convolution.py": ["test_encoder.py", "test_precision.py"],
    "fairlib/similarity.py": ["test_similarity.py", "measures/test_far_rows.py"],
    "fairlib/measures/half_samples.py": ["test_similarity.py", "measures/test_conditioned.py"],
    "fairlib/measures/cka.py": ["measures/test_conditioned.py", "measures/test_far_rows.py"],
    "fairlib/fairness.py": ["test_fairness.py", "measures/test_thresholds.py", "measures/test_evaluation_tables.py"],
    "fairlib/inference.py": [
        "test_inference.py",
        "test_multiplicity.py",
        "test_level.py",
        "measures/test_summaries.py",
    ],
    "fairlib/disclosure.py": ["test_disclosure.py", "measures/test_evidence.py", "attacks"],
    "fairlib/measures/group_sizes.py": ["measures/test_evidence.py", "measures/test_evaluation_tables.py", "attacks"],
    "fairlib/readers/table.py": ["readers/test_table_reader.py", "readers/test_fault_tables.py"],
    "fairlib/readers/challenge2012_files.py": ["readers/test_challenge2012_reader.py", "readers/test_fault_tables.py"],
    "fairlib/readers/yaib_layout.py": ["readers/test_yaib_reader.py", "readers/test_fault_tables.py"],
    "fairlib/readers/benchmark_episodes.py": ["readers/test_mimic_reader.py", "readers/test_fault_tables.py"],
    "fairlib/readers/files.py": ["readers/test_fault_tables.py", "readers/test_table_reader.py", "test_security.py"],
    "fairlib/readers/splits.py": ["readers/test_table_reader.py", "readers/test_mesa_reader.py"],
}
COMPARED = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq}
COMPARED |= {ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is}
COMPUTED = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult}
COMPUTED |= {ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.MatMult: ast.Mult}


def changed(node: ast.AST) -> ast.AST | None:
    """The node with a fault in it, or None where there is nothing to change."""
    out = copy.deepcopy(node)
    if isinstance(out, ast.Compare) and type(out.ops[0]) in COMPARED:
        out.ops[0] = COMPARED[type(out.ops[0])]()
    elif isinstance(out, ast.BinOp) and type(out.op) in COMPUTED:
        out.op = COMPUTED[type(out.op)]()
    elif isinstance(out, ast.BoolOp):
        out.op = ast.Or() if isinstance(out.op, ast.And) else ast.And()
    elif isinstance(out, ast.Constant) and type(out.value) in (int, float):
        out.value += 1
    elif isinstance(out, ast.UnaryOp) and isinstance(out.op, (ast.Not, ast.USub)):
        out = out.operand
    elif isinstance(out, (ast.If, ast.IfExp)):
        out.test = ast.UnaryOp(ast.Not(), out.test)
    else:
        return None
    return out


def sites(tree: ast.Module) -> list[ast.AST]:
    """Nodes that can be changed, in the order of the file; words for errors, types and constants of style are left."""
    left = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.Raise, ast.JoinedStr, ast.AnnAssign, ast.Assert)):
            left |= {id(one) for one in ast.walk(node)}
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in ("warn", "tqdm", "trange"):
            left |= {id(one) for one in ast.walk(node)}
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.returns:
            left |= {id(one) for one in ast.walk(node.returns)}
        if isinstance(node, ast.arg) and node.annotation:
            left |= {id(one) for one in ast.walk(node.annotation)}
    return [node for node in ast.walk(tree) if id(node) not in left and changed(node) is not None]


class _Put(ast.NodeTransformer):
    """The tree with one node replaced."""

    def __init__(self, target: ast.AST, fault: ast.AST):
        self.target, self.fault = target, fault

    def visit(self, node: ast.AST) -> ast.AST:
        return self.fault if node is self.target else super().visit(node)


def drawn(count: int, seed: int) -> list[tuple[str, int]]:
    """(module, number of the site) of so many mutants, as many sites as a module has are as likely to be drawn."""
    every = [(name, i) for name in TESTS for i in range(len(sites(ast.parse((ROOT / name).read_text("utf-8")))))]
    return sorted(random.Random(seed).sample(every, min(count, len(every))))


def mutant(name: str, number: int) -> tuple[str, str]:
    """The text of the module with this fault, and what was changed, in words."""
    tree = ast.parse((ROOT / name).read_text(encoding="utf-8"))
    target = sites(tree)[number]
    before, fault = ast.unparse(target).split("\n")[0], ast.copy_location(changed(target), target)
    after = ast.unparse(fault).split("\n")[0]
    return ast.unparse(
        ast.fix_missing_locations(_Put(target, fault).visit(tree))
    ), f"line {target.lineno}: {before} → {after}"


def caught(folder: Path, name: str, text: str) -> bool:
    """Whether a test of the module fails on the mutant, in this copy of the repository."""
    original = (ROOT / name).read_text(encoding="utf-8")
    (folder / name).write_text(text, encoding="utf-8")
    try:
        for tests in TESTS[name]:
            command = [
                sys.executable,
                "-m",
                "pytest",
                "-x",
                "-q",
                "-m",
                "not slow",
                "-p",
                "no:cacheprovider",
                f"tests/{tests}",
            ]
            environment = os.environ | {
                "PYTHONPATH": str(folder),
                "OMP_NUM_THREADS": "1",
                "PYTHONDONTWRITEBYTECODE": "1",
            }
            try:
                run = subprocess.run(command, cwd=folder, env=environment, capture_output=True, timeout=300)
            except subprocess.TimeoutExpired:
                return True  # it hangs
            if run.returncode not in (0, 5):
                return True
        return False
    finally:
        (folder / name).write_text(original, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants")
    parser.add_argument("--draw", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("mutants.json"))
    options = parser.parse_args()
    chosen, copies, found = drawn(options.draw, options.seed), Queue(), {}
    if options.out.exists():  # a run that was stopped goes on
        found = json.loads(options.out.read_text())
    with tempfile.TemporaryDirectory() as place:
        for job in range(options.jobs):
            folder = Path(place) / str(job)
            ignored = shutil.ignore_patterns(
                ".git", ".venv", "_build", "executed", "results", "__pycache__", "*.ipynb_checkpoints"
            )
            shutil.copytree(ROOT, folder, ignore=ignored, symlinks=True)
            copies.put(folder)

        def tried(one: tuple[str, int]) -> None:
            text, what = mutant(*one)
            key = f"{one[0]}, {what}"
            if key not in found:
                folder = copies.get()
                found[key] = caught(folder, one[0], text)
                copies.put(folder)
                options.out.write_text(json.dumps(found, indent=1, ensure_ascii=False))
                print("caught  " if found[key] else "SURVIVED", key, flush=True)

        with ThreadPoolExecutor(options.jobs) as pool:
            list(pool.map(tried, chosen))
    lost = [key for key, hit in found.items() if not hit]
    print(f"{len(found) - len(lost)} of {len(found)} mutants are caught; survivors:", *lost, sep="\n")


if __name__ == "__main__":
    main()
