"""How make and Snakemake take people's folders: any name, any depth, files older than the pages, a clone anywhere."""

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from book.pages.contracts import check as check_parameters
from fairlib.study.check import check

ROOT = Path(__file__).parent.parent.parent
EXAMPLE = ROOT / "book" / "example_table"
#: YAML, make, Snakemake and shells each read something else in it.
ODD = 'k: v {wildcards} it\'s $x$(y) "q" `z` \\w ü #2'
SNAKEMAKE = ["snakemake", "--snakefile", "notebooks/Snakefile", "--cores", "1", "--nolock"]
CARD = [f"book/executed/example_table/{page}" for page in ("data_card.ipynb", "croissant.json")]


@pytest.fixture(scope="module")
def clone(tmp_path_factory) -> Path:
    where = tmp_path_factory.mktemp("place") / "my clone ü"
    for name in ("fairlib", "notebooks", "data_cards", "book"):
        skip = shutil.ignore_patterns("__pycache__", "executed", "_build", ".ipynb_checkpoints", ".snakemake")
        shutil.copytree(ROOT / name, where / name, ignore=skip)
    shutil.copy(ROOT / "Makefile", where)
    return where


@pytest.fixture
def odd(tmp_path) -> Path:
    return shutil.copytree(EXAMPLE, tmp_path / ODD)


def run(command: list[str], where: Path, source: Path | str = "", dataset="table", profile="smoke") -> str:
    """What Snakemake said; the case is given as make gives it."""
    asked = {"FAIRLIB_DATASET": dataset, "FAIRLIB_SOURCE": str(source), "FAIRLIB_PROFILE": profile} if source else {}
    environment = {**os.environ, "PYTHONPATH": str(where), **asked}
    done = subprocess.run(command, cwd=where, capture_output=True, text=True, env=environment, timeout=300)
    return done.stdout + done.stderr + f"\nexit code {done.returncode}"


def test_pages_of_an_odd_folder_follow_each_of_its_files(clone, odd):
    (odd / "deep" / "er").mkdir(parents=True)
    for path in (odd / "people.csv", odd / "deep" / "er" / "notes.txt"):
        path.touch()
    made = run([*SNAKEMAKE, *CARD], clone, odd)
    assert "exit code 0" in made, made[-3000:]
    planned = [*SNAKEMAKE, "--dry-run", *CARD]
    (odd / ".DS_Store").write_text("x")
    assert "Nothing to be done" in run(planned, clone, odd)
    for path, text in ((odd / "deep" / "er" / "notes.txt", "new"), (odd / "people.csv", "older")):
        path.write_text(text)
        os.utime(path, (10**9, 10**9))
        again = run(planned, clone, odd)
        assert "rule card:" in again, again[-3000:]
        assert "Updated input files: results/jobs/example_table/source.sha256" in again, again[-3000:]
        run([*SNAKEMAKE, "--touch", *CARD], clone, odd)
        assert "Nothing to be done" in run(planned, clone, odd)


def test_every_page_about_official_files_waits_for_their_folder(clone, tmp_path):
    (tmp_path / "actigraphy").mkdir()
    said = run([*SNAKEMAKE, "--dry-run"], clone, tmp_path, "mesa")
    jobs = re.findall(r"rule (\w+):\n    input: (.*)\n    output: (.*)\n", said)
    waiting = {rule for rule, files, _ in jobs if "results/jobs/mesa/source.sha256" in files}
    assert waiting == {
        rule
        for rule, _, made in jobs
        if re.search(r"(executed|jobs)/mesa/(\d_|explorer|paper_text|beside_paper)", made)
    }
    assert len(waiting) == 8
    assert "results/jobs/mimic/source.sha256" not in said


def test_a_card_without_a_line_in_the_study_has_its_pages_where_it_is_asked_for(clone):
    """Of its twin, unless a folder is given; and its part of the contents."""
    study = clone / "notebooks" / "study.yaml"
    before, cases = study.read_text(), yaml.safe_load(study.read_text())
    cases["cases"].pop("challenge2019", None)
    try:
        study.write_text(yaml.safe_dump(cases))
        said = run([*SNAKEMAKE, "--dry-run", "--config", "dataset=challenge2019"], clone)
        toc = (clone / "book" / "_build" / "toc.yml").read_text()
    finally:
        study.write_text(before)
    for page in ("1_dataset_requirements", "5_evaluation"):
        assert f"output: book/executed/challenge2019/{page}.ipynb" in said, said[-2000:]
        assert toc.count(f"executed/challenge2019/{page}\n") == 1
    assert toc.count("executed/challenge2019/data_card\n") == 1


@pytest.mark.parametrize(
    ("dataset", "profile", "repeats"),
    [("challenge2012", "paper", 4), ("table", "quick", 1), ("mesa", "paper", 5), ("eicu_demo", "paper", 4)],
)
def test_a_worker_a_repeat_of_what_is_cross_fitted_and_a_seed_of_an_official_split(
    clone, tmp_path, dataset, profile, repeats
):
    folder = EXAMPLE if dataset == "table" else tmp_path
    said = run([*SNAKEMAKE, "--dry-run", "--printshellcmds"], clone, folder, dataset, profile)
    name = "example_table" if dataset == "table" else dataset
    workers = {int(number) for number in re.findall(rf"jobs/{name}/paper_text/trained-(\d+)\.ipynb -y", said)}
    assert workers == set(range(1, repeats + 1)), said[-2000:]
    (page,) = set(re.findall(rf"executed/{name}/5_evaluation.ipynb -y '(.*?)' --no", said))
    given = yaml.safe_load(page)
    assert given["seeds"] == sorted(workers)
    assert check_parameters("5_evaluation", given | {"source": str(folder)}).seeds == given["seeds"]


def test_a_case_may_have_folds_repeats_and_a_pretext(clone):
    """As study.yaml gives them: to every stage, and to the page across datasets."""
    path = clone / "notebooks" / "study.yaml"
    before, study = path.read_text(), yaml.safe_load(path.read_text())
    study["cases"] = {"mimic": {"source": "twin", "profile": "quick", "recipes": ["paper_text"]}}
    study["cases"]["mimic"] |= {"folds": 5, "repeats": 2, "pretext": "vicreg", "pretrain_on": "age!=>=65"}
    study["cases"]["mimic"]["inputs"] = "values"
    try:
        path.write_text(yaml.safe_dump(study))
        said = run([*SNAKEMAKE, "--dry-run", "--printshellcmds"], clone)
    finally:
        path.write_text(before)
    pages = dict(re.findall(r"papermill notebooks/(\w+).ipynb \S*executed/\S+ -y '(.*?)' --no", said))
    for name in ("2_pre_training", "3_fine_tuning", "5_evaluation", "explorer"):
        given = check_parameters(name, yaml.safe_load(pages[name]))
        assert (given.folds, given.pretext, given.repeats) == (5, "vicreg", None)
        assert (given.pretrain_on, given.inputs) == ("age!=>=65", "values")
    assert given.seeds == [1, 2]
    across = check_parameters("6_synthesis", yaml.safe_load(pages["6_synthesis"])).evaluation("mimic", "paper_text")
    assert (across.folds, across.pretext, across.seeds) == (5, "vicreg", [1, 2])
    assert (across.pretrain_on, across.inputs) == ("age!=>=65", "values")


def test_in_a_folder_with_a_space_the_last_step_finds_its_contents(clone):
    said = run([*SNAKEMAKE, "--dry-run", "--printshellcmds"], clone)
    (build,) = re.findall(r"jupyter-book build .*? -W", said)
    made = ["--path-output", "book/_build/new", "--toc", str(clone / "book" / "_toc.yml"), "-W"]
    assert shlex.split(build)[3:] == made


@pytest.mark.parametrize(("source", "read"), [("2024_05", "202405"), ("data #2", "'data'")])
def test_what_yaml_would_change_is_refused(clone, source, read):
    said = run([*SNAKEMAKE, "--dry-run", "--config", "dataset=table", f"source={source}"], clone)
    assert f"Snakemake reads source={source} in --config as {read}" in said
    assert f"write FAIRLIB_SOURCE={shlex.quote(source)} before snakemake" in said


@pytest.mark.parametrize("name", [ODD, "2024_05", "0012", "twin"])
def test_the_command_that_check_prints_reads_the_same_folder(clone, tmp_path, monkeypatch, name):
    """Copied into a shell: make runs, in place of Snakemake, a program that writes what it was given."""
    shutil.copytree(EXAMPLE, tmp_path / name)
    programs = clone / ".venv" / "bin"
    programs.mkdir(parents=True, exist_ok=True)
    (programs / "snakemake").write_text(
        '#!/bin/sh\nprintf "%s\\n" "$FAIRLIB_DATASET" "$FAIRLIB_SOURCE" "$@" > given.txt\n'
    )
    (programs / "snakemake").chmod(0o755)
    for file in ("pyproject.toml", "constraints.txt", ".venv/ready"):  # nothing is to be installed
        (clone / file).touch()
    monkeypatch.chdir(tmp_path)
    report, runs = check(name)
    assert runs
    command = report.splitlines()[-1].replace("make", f"make -f {shlex.quote(str(clone / 'Makefile'))}", 1)
    done = subprocess.run(f"cd {shlex.quote(str(clone))} && {command}", shell=True, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    dataset, source, *rest = (clone / "given.txt").read_text().splitlines()
    assert (dataset, source) == ("table", "./twin" if name == "twin" else name)
    assert rest[:2] == ["--snakefile", "notebooks/Snakefile"]
