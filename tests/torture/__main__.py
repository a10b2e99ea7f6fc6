"""``python -m tests.torture [PART …]``: all of it, an hour and more on two cores; ``make torture``.

Each step is a process of its own. What it found is kept in ``.torture``, so that a run that was stopped goes on; a
change of the code that it tests makes it run again. The result is ``book/quality/torture.csv``.
"""

import argparse
import csv
import json
import subprocess
import sys
from pathlib import Path

from . import steps

ROOT = Path(__file__).parents[2]
KEPT = ROOT / ".torture"


def done(step: steps.Step) -> dict | None:
    """What a step found when it was run with this code."""
    try:
        kept = json.loads((KEPT / f"{step.name}.json").read_text())
    except (OSError, ValueError):
        return None
    return kept["found"] if kept["code"] == step.code else None


def run(step: steps.Step) -> dict:
    """Run a step, or stop with what it said."""
    if (found := done(step)) is None:
        ended = subprocess.run([sys.executable, "-m", *step.command], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        if ended.returncode:
            sys.exit(
                f"{step.name} ended with {ended.returncode}; again: python -m {' '.join(step.command)}\n{ended.stdout}"
            )
        found = json.loads(ended.stdout.splitlines()[-1])
        KEPT.mkdir(exist_ok=True)
        (KEPT / f"{step.name}.json").write_text(json.dumps({"code": step.code, "found": found}))
    print(f"{step.name}: {found}", flush=True)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(steps.PARTS)}; all by default")
    parser.add_argument("--list", action="store_true", help="name the steps, and run none")
    parser.add_argument("--so-far", action="store_true", help="write the table of what is kept, and run nothing")
    parser.add_argument("--step", help="run this one only, and write no table")
    options = parser.parse_args()
    chosen = [step for step in steps.all_steps() if not options.parts or step.part in options.parts]
    if options.list:
        print("\n".join(step.name for step in chosen if done(step) is None))
    elif options.step:
        run(next(step for step in chosen if step.name == options.step))
    else:
        found = [(step, done(step) if options.so_far else run(step)) for step in chosen]
        found = [(step, one) for step, one in found if one]
        if not options.parts:
            with steps.TABLE.open("w", newline="", encoding="utf-8") as file:
                csv.writer(file, lineterminator="\n").writerows([steps.COLUMNS, *steps.rows(found)])
            print(f"{steps.TABLE} is written")
