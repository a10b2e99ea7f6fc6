"""The long runs of ``make torture``: ``python -m tests.torture.runs NAME [NUMBER]`` prints counts as JSON.

Each of them ends with an error where something did not end well.
"""

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from .fuzz import MEMORY
from .study import ROOT, Job, Running, damages, differences, kills, numeric_differences, run, tree, undisturbed

#: Across numbers of threads sums are taken in another order: largest difference of a weight, a score, a metric of a
#: model trained from scratch, and of the first losses of pre-training. What follows has none: contrastive learning at
#: this rate makes another model of a rounding error.
TOLERANCE = {"weights": 1e-4, "scores": 1e-4, "metrics": 1e-2, "first losses of pre-training": 1e-4}
SAYS = "ResultsError: cannot write results in"
#: What a killed Snakemake run makes again: one dataset of the smoke study, from its files to its pages.
PAGES = [f"book/executed/globem/{page}.ipynb" for page in ("1_dataset_requirements", "described/5_evaluation")]
SNAKEMAKE = (
    *("snakemake", "--snakefile", "notebooks/Snakefile", "--nolock", "--rerun-incomplete", "--quiet", "all"),
    *("--config", "profile=smoke", "--cores"),
)
#: Runs a command where no host can be reached but this one.
CUT = ("unshare", "--map-root-user", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")


def killed(number: int) -> dict:
    """Seven kills, five by the clock and two at a change of a file, and the study run again after each."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as place:
        job = Job(Path(place) / "results")
        found = list(kills(job, undisturbed(job), 5, 2, random.Random(number)))
    for kill in found:
        print(kill, file=sys.stderr)
    _same(name for kill in found for name in kill.different)
    return {
        "kills": len(found),
        "files there when killed, fewest": min(kill.left for kill in found),
        "files there when killed, most": max(kill.left for kill in found),
        "files that differ after the next run": 0,
    }


def damaged(_: int) -> dict:
    """Every file of a finished study cut short, flipped, emptied or removed, and the study run again."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as place:
        job = Job(Path(place) / "results")
        expected = undisturbed(job)[0]
        found = list(damages(job, expected, len(expected), 6, random.Random(0)))
    _same(f"{name} ({how}): {different}" for how, name, different in found if different)
    return {f"files {how}": sum(one[0] == how for one in found) for how in ("cut", "flipped", "emptied", "removed")} | {
        "files that differ after the next run": 0
    }


def repeated(_: int) -> dict:
    """Two training runs one after the other and at once: the same bytes; with other numbers of threads: nearly."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as place:
        one, two, again, four = (Job(Path(place) / name, seeds=(1, 2)) for name in ("one", "two", "again", "four"))
        expected = undisturbed(one)[0]
        shutil.copytree(one.results, two.results)
        for folder in two.results.rglob("paper_text"):
            shutil.rmtree(folder)
        at_once = [Running(two._replace(seeds=(seed,))) for seed in two.seeds]
        assert all(isinstance(job.end(), int) for job in at_once)
        _same(differences(expected, tree(two.results)))
        answers = {"files compared, two jobs at once": len(expected), "of them different": 0}
        shutil.rmtree(two.results)
        threaded = undisturbed(two._replace(threads=2))[0]
        _same(differences(threaded, undisturbed(again._replace(threads=2))[0]))
        answers |= {"files compared, twice with two threads": len(threaded), "of these different": 0}
        undisturbed(four._replace(threads=4))
        for threads, job in ((2, two), (4, four)):
            for what, value in numeric_differences(one.results, job.results).items():
                assert what not in TOLERANCE or value <= TOLERANCE[what], (threads, what, value)
                answers[f"largest difference of {what}, {threads} threads and 1"] = float(f"{value:.2g}")
    return answers | {f"tolerance of {what}": value for what, value in TOLERANCE.items()}


def full(_: int) -> dict:
    """A disk that is full at ever later moments, then has room again; and a disk that may only be read."""
    with tempfile.TemporaryDirectory() as place:
        free = Job(Path(place) / "free")
        expected = undisturbed(free)[0]
        size = sum((free.results / name).stat().st_size for name in expected)
        disk, said = Path(place) / "disk", []
        disk.mkdir()
        job = free._replace(results=disk / "results")
        for share in (0.05, 0.2, 0.4, 0.6, 0.8, 0.95):
            _mount(disk, f"size={int(share * size) // 4096 * 4096}")
            said.append(run(job))
            _mount(disk, f"remount,size={4 * size}")
            assert isinstance(run(job), int)
            _same(differences({f"results/{name}": value for name, value in expected.items()}, tree(disk)))
            subprocess.run(["umount", disk], check=True)
        _mount(disk, "ro")
        read_only = run(job)
        subprocess.run(["umount", disk], check=True)
    assert all(str(answer).startswith(SAYS) and "No space left" in answer for answer in said), said
    assert str(read_only).startswith(SAYS), read_only
    return {"full disks": len(said), "full disks that the study named": len(said), "read-only disks named": 1} | {
        "files that differ once there is room": 0
    }


def _mount(place: Path, options: str) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", place], check=True)


def workflow(number: int) -> dict:
    """A Snakemake run killed three times, alone or with all its workers, and run again each time; without a network."""
    draw = random.Random(number)
    with tempfile.TemporaryDirectory() as place:
        for name in ("calm", "killed"):
            _copy(Path(place) / name, "executed", "_build")
        start = time.monotonic()
        assert _snakemake(Path(place) / "calm", 1).wait() == 0
        seconds, groups, moments = time.monotonic() - start, [], []
        for alone in (False, True, False):
            process = _snakemake(Path(place) / "killed", 2)
            groups.append(process.pid)
            time.sleep(moment := draw.uniform(0.1, 0.6) * seconds)
            moments.append(process.poll() is None)
            with contextlib.suppress(ProcessLookupError):  # it had come to its end
                os.kill(process.pid, signal.SIGKILL) if alone else os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            print(f"killed after {moment:.0f} of {seconds:.0f} s", file=sys.stderr)
        assert _snakemake(Path(place) / "killed", 2).wait() == 0
        for group in groups:  # workers that outlived their Snakemake
            with contextlib.suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)
        calm, other = (_tables(Path(place) / name / "results") for name in ("calm", "killed"))
        _same(differences(calm, other))
        assert all((Path(place) / "killed" / page).is_file() for page in PAGES)
    return {"kills": sum(moments), "files compared": len(calm), "files that differ after the next run": 0}


def _copy(place: Path, *without: str) -> None:
    """The sources that a run of the study needs."""
    for source in ("fairlib", "notebooks", "data_cards", "book"):
        skip = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints", *without)
        shutil.copytree(ROOT / source, place / source, ignore=skip)


def _snakemake(where: Path, cores: int) -> subprocess.Popen:
    """A run in a session of its own, so that all its workers can be killed."""
    command, environment = [*SNAKEMAKE, str(cores), "--", *PAGES], os.environ | {"PYTHONPATH": str(where)}
    log = (where / "log.txt").open("w")
    return subprocess.Popen(
        [*cut(), *command], cwd=where, env=environment, stdout=log, stderr=log, start_new_session=True
    )


def _tables(results: Path) -> dict[str, str]:
    """Data, weights and tables; pages of workers and logs hold times."""
    return {name: value for name, value in tree(results).items() if not name.startswith(("jobs", "logs"))}


def offline(_: int) -> dict:
    """The book built, and every page of it loaded, without a network. Its notebooks were executed by ``make book``."""
    assert (ROOT / "book" / "executed" / "6_synthesis.ipynb").is_file(), "execute the notebooks first: make book"
    with tempfile.TemporaryDirectory() as place:
        _copy(Path(place), "_build")
        build = ["jupyter-book", "build", "book", "-W", "-n", "--keep-going", "--quiet"]
        environment = os.environ | {"PYTHONPATH": place}
        subprocess.run([*cut(), *build], cwd=place, env=environment, check=True, stdout=sys.stderr)
        look = [sys.executable, "-m", "tests.book.offline", str(Path(place) / "book" / "_build" / "html")]
        ended = subprocess.run([*cut(), *look], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert ended.returncode == 0, ended.stdout
    return {"builds with the network cut": int(bool(cut()))} | json.loads(ended.stdout.splitlines()[-1])["answers"]


def cut() -> tuple[str, ...]:
    """What to put before a command that must run without a network; nothing where that is not allowed."""
    return CUT if subprocess.run([*CUT, "true"], capture_output=True).returncode == 0 else ()


def _same(different) -> None:
    if found := list(different):
        raise AssertionError(f"{len(found)} file(s) differ: {found[:5]}")


if __name__ == "__main__":
    name, number = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0
    if name == "full" and os.environ.get("TORTURE_NAMESPACE") is None:  # mounts are seen by nobody else
        os.environ["TORTURE_NAMESPACE"] = "own"
        os.execvp(
            "unshare", ["unshare", "--map-root-user", "--mount", sys.executable, "-m", "tests.torture.runs", name]
        )
    print(json.dumps({"answers": globals()[name](number)}))
