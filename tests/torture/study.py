"""A small study of a twin, killed at any moment, run again, and compared byte by byte with one that nobody disturbed.

A study runs in a process of its own, forked from a server that has imported everything. ``python -m
tests.torture.study FOLDER`` runs it in this process.
"""

import hashlib
import os
import random
import shutil
import signal
import sys
import time
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from safetensors.numpy import load_file

ROOT = Path(__file__).parents[2]
DATASET, STRATEGIES, SEED = "challenge2012", ("supervised", "frozen_0"), 1
#: What may differ between two runs: how long they took.
DURATIONS = "timings.json"
#: What the operating system is asked for that changes files.
CHANGES = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "tempfile.mkstemp"}


class Job(NamedTuple):
    """What a process does. seeds: the training runs. short: less of everything, for the sample of CI.

    kill_at: the change to a file, counted from 1, before which the process kills itself; 0: never.
    file_limit: bytes that a file may have; 0: no limit.
    """

    results: Path
    short: bool = False
    seeds: tuple[int, ...] = (SEED,)
    threads: int = 1
    kill_at: int = 0
    file_limit: int = 0


def work(job: Job, answer=None) -> None:
    """The study: twin, pre-training, two strategies, and the tables of every page. ``answer`` gets what happened."""
    changes = 0

    def count(event: str, given: tuple) -> None:
        nonlocal changes
        if event not in CHANGES or (event == "open" and not (given[2] or 0) & (os.O_WRONLY | os.O_RDWR)):
            return
        if str(job.results) in str(given[0]):
            changes += 1
            if changes == job.kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)
    if job.file_limit:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (job.file_limit, resource.RLIM_INFINITY))
    try:
        _study(job)
    except Exception as error:
        if answer is None:
            raise
        answer.send(f"{type(error).__name__}: {error}")
    else:
        if answer is not None:
            answer.send(changes)


def _study(job: Job) -> None:
    import torch

    from fairlib.study import parameters, sources, tables
    from fairlib.twins import truth

    if job.short:
        truth.DRAWS = 2_000
        smoke = parameters.PROFILES["smoke"]
        parameters.PROFILES["smoke"] = replace(smoke, windows=200, steps=smoke.steps / 20, draws=20)
    torch.set_num_threads(job.threads)
    given = {"dataset": DATASET, "profile": "smoke", "results_dir": str(job.results), "threads": job.threads}
    p = parameters.check("5_evaluation", given)
    study = sources.open_study(p)
    for seed in job.seeds:
        for strategy in (tables.PRETRAINED, *STRATEGIES):
            for name, table in tables.TABLES.items():
                if strategy in table.models and table.of != tables.RUNS:
                    study.table(name, strategy, seed)
        study.table("embedding", STRATEGIES[1], seed)


class Running:
    """A study in a process of its own."""

    def __init__(self, job: Job):
        self.listen, answer = CONTEXT.Pipe(duplex=False)
        self.process = CONTEXT.Process(target=work, args=(job, answer))
        self.process.start()
        answer.close()

    def end(self) -> object:
        """Number of changes to files, an error in words, or None of a process that was killed."""
        try:
            return self.listen.recv()
        except EOFError:
            return None
        finally:
            self.process.join()

    def kill_after(self, seconds: float) -> object:
        self.process.join(seconds)
        self.process.kill()
        return self.end()


def _server():
    """Forks of one process, so that a study begins at once."""
    os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    context = get_context("forkserver")
    # PyTorch's optimisers ask for the last of them, which takes two seconds.
    preload = ["fairlib.study.sources", "fairlib.study.runs", "fairlib.twins.challenge2012", "torch._dynamo", __name__]
    context.set_forkserver_preload(preload)
    return context


CONTEXT = _server()


def run(job: Job) -> object:
    """Number of changes to files, or an error in words."""
    return Running(job).end()


def undisturbed(job: Job) -> tuple[dict[str, str], int, float]:
    """The files of an undisturbed run, how often it changes files, and its seconds."""
    start = time.monotonic()
    changes = run(job)
    assert isinstance(changes, int), changes
    return tree(job.results), changes, time.monotonic() - start


def tree(folder: Path) -> dict[str, str]:
    """Every file below a folder and its SHA-256, but for durations; what was left lying about counts too."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != DURATIONS)
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def differences(one: dict[str, str], other: dict[str, str]) -> list[str]:
    """Names of files that only one has, or that differ."""
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


class Kill(NamedTuple):
    """moment: of the kill, in words. left: files that then were there. different: those that differ after a run."""

    moment: str
    left: int
    different: list[str]


def kills(job: Job, good: tuple[dict[str, str], int, float], by_clock: int, by_change: int, draw: random.Random):
    """Kill a study at random moments of its duration and at random changes of files; each time, run it again."""
    expected, changes, seconds = good
    moments = [("seconds", draw.uniform(0, 0.9 * seconds)) for _ in range(by_clock)]
    moments += [("change", draw.randint(1, changes)) for _ in range(by_change)]
    for kind, moment in moments:
        ended = 0
        while ended is not None:  # it may have come to its end before the clock did
            shutil.rmtree(job.results, ignore_errors=True)
            if kind == "seconds":
                ended = Running(job).kill_after(moment)
                said = f"after {moment:.2f} s of {seconds:.1f}"
                moment *= 0.9
            else:
                ended = run(job._replace(kill_at=moment))
                said = f"at change {moment} of {changes}"
        left = len(tree(job.results))
        assert isinstance(run(job), int)
        yield Kill(said, left, differences(expected, tree(job.results)))


def damage(folder: Path, name: str, draw: random.Random) -> str:
    """Cut a file short, flip a bit of it, empty it or remove it; what was done."""
    file, how = folder / name, draw.choice(["cut", "flipped", "flipped", "emptied", "removed"])
    content = bytearray(file.read_bytes())
    place = draw.randrange(len(content))
    if how == "cut":
        file.write_bytes(content[:place])
    elif how == "flipped":
        content[place] ^= 1 << draw.randrange(8)
        file.write_bytes(content)
    elif how == "emptied":
        file.write_bytes(b"")
    else:
        file.unlink()
    return how


def damages(job: Job, expected: dict[str, str], files: int, rounds: int, draw: random.Random):
    """Damage so many files of a finished study, in rounds; yields (how, name, files that differ after the next run)."""
    names = draw.sample(sorted(expected), files)
    for i in range(rounds):
        chosen = {name: damage(job.results, name, draw) for name in names[i::rounds]}
        ended = run(job)
        different = differences(expected, tree(job.results)) if isinstance(ended, int) else [str(ended)]
        yield from ((how, name, different) for name, how in chosen.items())


#: Steps of pre-training over which a rounding error stays one: at its learning rate the loss then goes its own way.
FIRST = 4


def numeric_differences(one: Path, other: Path) -> dict[str, float]:
    """Largest absolute differences between two runs: of what was trained from scratch, and of what was pre-trained."""
    found = {}
    for what, name in (
        ("weights", "weights.safetensors"),
        ("scores", "predictions.parquet"),
        ("metrics", "metrics.parquet"),
    ):
        files = [file for file in sorted(one.rglob(name)) if "supervised" in file.parts]
        found[what] = max(_apart(file, other / file.relative_to(one)) for file in files)
    losses, scored = one.rglob("losses.parquet"), one.rglob("predictions.parquet")
    found["first losses of pre-training"] = max(_apart(f, other / f.relative_to(one), FIRST) for f in losses)
    later = [file for file in scored if "supervised" not in file.parts]
    found["scores after pre-training"] = max(_apart(file, other / file.relative_to(one)) for file in later)
    return found


def _apart(one: Path, other: Path, rows: int | None = None) -> float:
    """Largest absolute difference of two files of weights, or of the numbers of two tables, in their first rows."""
    if one.suffix == ".safetensors":
        a, b = load_file(one), load_file(other)
        return max(float(np.abs(a[key] - b[key]).max()) for key in a)
    (column,) = {"score", "estimate", "loss"} & set(pd.read_parquet(one))
    a, b = (pd.read_parquet(file)[column].iloc[:rows] for file in (one, other))
    assert (a.isna() == b.isna()).all()
    return float((a - b).abs().max())


if __name__ == "__main__":
    work(Job(Path(sys.argv[1])))
