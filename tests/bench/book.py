"""``python -m tests.bench.book``: the whole quick study and book, once, in a clone of what is committed.

Writes ``book.csv``: minutes and peak memory of the build from nothing, seconds of a build with nothing to do, and which
jobs a change to one figure of stage 5 asks for. A quarter of an hour, both cores.
"""

import re
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import pandas as pd
import psutil

from .__main__ import EVIDENCE

ROOT = Path(__file__).parents[2]
SNAKEMAKE = ["snakemake", "--snakefile", "notebooks/Snakefile", "--cores", "2", "--nolock", "--rerun-incomplete"]


def run(command: list[str], folder: Path) -> tuple[float, float, str]:
    """Seconds, peak memory of all its processes together (GiB, looked at every two seconds), and what it printed."""
    start, peak = time.perf_counter(), 0
    process = psutil.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    said: list[str] = []
    reader = threading.Thread(target=lambda: said.append(process.stdout.read()))
    reader.start()
    while process.poll() is None:
        peak = max(peak, _memory(process))
        time.sleep(2)
    reader.join()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}:\n{said[0][-2000:]}")
    return time.perf_counter() - start, peak / 2**30, said[0]


def _memory(process: psutil.Process) -> int:
    """Proportional set size of a process and all below it: shared pages count once."""
    total = 0
    for one in (process, *process.children(recursive=True)):
        try:
            total += one.memory_full_info().pss
        except (psutil.NoSuchProcess, psutil.AccessDenied, FileNotFoundError):
            continue
    return total


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "clone"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
        whole = run([*SNAKEMAKE, "--quiet", "rules"], folder)
        again = run([*SNAKEMAKE, "--quiet", "rules"], folder)
        figure = folder / "fairlib" / "figures" / "evaluation.py"
        figure.write_text(figure.read_text(encoding="utf-8") + "\n# edited\n", encoding="utf-8")
        said = run([*SNAKEMAKE, "--dry-run"], folder)[2]
        jobs = dict(re.findall(r"^(\w+) +(\d+)$", said.partition("Job stats:")[2], re.M))
    rows = [
        ("the whole quick study and book, from nothing", f"{whole[0] / 60:.1f} minutes", "at most 15 minutes"),
        ("its peak memory", f"{whole[1]:.1f} GiB", "at most 4 GB"),
        ("again, with nothing to do", f"{again[0]:.0f} s", "at most 20 s"),
        (
            "jobs after an edit of one figure of stage 5",
            ", ".join(f"{count} {name}" for name, count in jobs.items() if name != "total"),
            "stage 5, synthesis, the book",
        ),
    ]
    EVIDENCE.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows, columns=["what", "measured", "asked"]).to_csv(EVIDENCE / "book.csv", index=False)


if __name__ == "__main__":
    main()
