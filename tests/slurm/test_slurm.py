"""The study as jobs of a SLURM cluster: for real, on a cluster of one node, where SLURM is installed."""

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PROFILE = ROOT / "notebooks" / "slurm" / "config.yaml"
NEEDED = ("munged", "slurmctld", "slurmd", "sbatch")
SETTINGS = Path("/etc/slurm/slurm.conf")
WORKER = "results/jobs/challenge2012/paper_text/trained-1.ipynb"


def test_the_profile_sends_every_job_to_slurm_with_limits():
    profile = yaml.safe_load(PROFILE.read_text())
    assert profile["executor"] == "slurm"
    assert profile["default-resources"]["mem_mb"] >= 4000  # MiB; a kernel of the book needs less than half
    assert set(profile["set-resources"]) == {"train"}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """The environment in which SLURM's commands are found, with a cluster of this one node running."""
    lacking = [name for name in NEEDED if not shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin")]
    if lacking or os.geteuid():
        why = f"no {', '.join(lacking)}" if lacking else "not root"
        pytest.skip(f"no SLURM of one node here ({why}): apt-get install slurmctld slurmd slurm-client munge")
    if not find_spec("snakemake_executor_plugin_slurm"):
        pytest.skip("Snakemake's executor for SLURM is missing: pip install -c constraints.txt -e .[slurm]")
    if SETTINGS.exists():
        pytest.skip(f"{SETTINGS} exists: this machine belongs to a cluster, which a test leaves alone")
    folder = tmp_path_factory.mktemp("slurm")
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}:/usr/sbin"}
    start = ["bash", ROOT / "tests" / "slurm" / "one_node.sh", folder]
    subprocess.run(start, env=environment, check=True, timeout=120)
    yield environment
    for name in ("slurmctld.pid", "slurmd.pid", "munge/pid"):
        subprocess.run(["kill", (folder / name).read_text().strip()])
    SETTINGS.unlink()


@pytest.mark.slow
def test_a_worker_trains_as_a_slurm_job(cluster, tmp_path):
    for name in ("fairlib", "notebooks", "data_cards", "book"):
        skip = shutil.ignore_patterns("__pycache__", "executed", "_build", ".ipynb_checkpoints")
        shutil.copytree(ROOT / name, tmp_path / name, ignore=skip)
    command = f"snakemake --snakefile notebooks/Snakefile --profile notebooks/slurm {WORKER}"
    command += " --default-resources runtime=30 mem_mb=2000 --set-resources train:mem_mb=2000"
    command += " --latency-wait 5 --slurm-status-command squeue"  # this cluster keeps no accounts to ask sacct for
    command += " --config dataset=challenge2012 source=twin profile=smoke"
    environment = cluster | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command.split(), cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=1200)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert (tmp_path / WORKER).exists()
    assert list((tmp_path / "results/challenge2012/twin-smoke/described").glob("*/seed-1/weights.safetensors"))
    said = done.stdout + done.stderr
    for rule in ("rule_requirements", "rule_train"):
        assert f"logs/{rule}" in said.replace("slurm_logs", "logs"), said[-3000:]  # SLURM's own log of each job
