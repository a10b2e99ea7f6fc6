"""Several models at once: two pinned processes of one thread each, beside one process of two threads.

Each trains for some seconds on windows of MIMIC's shape and says how many steps of pre-training it made.
"""

import subprocess
import sys
import time

CODE = """
import os, sys, time
os.sched_setaffinity(0, eval(sys.argv[1]))
import torch
torch.set_num_threads(int(sys.argv[2]))
from tests.bench.pretraining import variants
step = variants(48, 76)["ours"]
[step() for _ in range(3)]
print("ready", flush=True)
sys.stdin.readline()
end, steps = time.perf_counter() + float(sys.argv[3]), 0
while time.perf_counter() < end:
    step()
    steps += 1
print(steps)
"""


def steps_together(plan: list[tuple[set[int], int]], seconds: float) -> int:
    """Steps that processes make together, each on its cores and with its number of threads."""
    command = [sys.executable, "-c", CODE]
    started = [
        subprocess.Popen(
            [*command, repr(cores), str(threads), str(seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for cores, threads in plan
    ]
    for process in started:
        process.stdout.readline()
    for process in started:  # all begin together
        process.stdin.write("\n")
        process.stdin.flush()
    return sum(int(process.communicate()[0]) for process in started)


def measure(rounds: int = 3, seconds: float = 5) -> list[dict]:
    """Rows of ``bench.csv``: seconds a step, whoever makes it."""
    plans = {"one process, two threads": [({0, 1}, 2)], "two pinned processes": [({0}, 1), ({1}, 1)]}
    found: dict[str, list[float]] = {name: [] for name in plans}
    for _ in range(rounds):
        for name, plan in plans.items():
            found[name].append(seconds / steps_together(plan, seconds))
            time.sleep(1)
    return [
        {"topic": "models at once", "case": "(48, 76)", "variant": name, "threads": 2, "best": min(spent)}
        | {"median": sorted(spent)[len(spent) // 2], "rounds": rounds, "windows": 128}
        for name, spent in found.items()
    ]
