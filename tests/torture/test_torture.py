"""A sample of ``make torture``: two kills, damaged results, a full disk, 200 broken files a reader; and its table."""

import os
import random
import shutil
import subprocess
from concurrent.futures import ProcessPoolExecutor

import pandas as pd
import pytest

from book.quality import torture
from fairlib import cards
from tests.torture import steps
from tests.torture.fuzz import MEMORY, OTHER, REFUSED, SAID, SAME, SAMPLE, Fault, Folder, sample
from tests.torture.small import TARGETS
from tests.torture.study import CONTEXT, Job, damages, differences, kills, run, undisturbed


@pytest.fixture(scope="module", autouse=True)
def hunts():
    """Readers are tried in the background, on the other core, while the study is killed."""
    with ProcessPoolExecutor(2, mp_context=CONTEXT) as workers:
        order = sorted(TARGETS, key=["mimic_raw", "mesa"].__contains__, reverse=True)  # the slow ones first
        yield {name: workers.submit(sample, name) for name in order}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A finished study, and what it took: its files, its changes of files, its seconds."""
    job = Job(tmp_path_factory.mktemp("torture") / "results", short=True)
    good = undisturbed(job)
    assert {name.rpartition(".")[2] for name in good[0]} == {"safetensors", "parquet", "json", "txt", "gz"}
    return job, good


def test_a_killed_study_ends_like_one_that_nobody_disturbed(study):
    job, good = study
    other = job._replace(results=job.results.with_name("killed"))
    found = list(kills(other, good, by_clock=1, by_change=1, draw=random.Random(0)))
    assert [kill.different for kill in found] == [[], []]
    assert min(kill.left for kill in found) < len(good[0])  # it was not at its end


def test_damaged_results_are_noticed_and_made_again(study):
    job, (expected, *_) = study
    found = list(damages(job, expected, files=6, rounds=1, draw=random.Random(0)))
    assert [different for _, _, different in found] == [[]] * 6
    assert run(job) == 0  # what is whole is not written again


def test_a_difference_would_be_noticed(study):
    _, (expected, *_) = study
    assert differences(expected, expected | {"left": ""}) == ["left"]
    assert differences(expected, dict.fromkeys(expected, "")) == sorted(expected)


def test_a_disk_that_takes_no_more_says_so(study):
    job, _ = study
    small = job._replace(results=job.results.with_name("full"), file_limit=20_000)
    said = run(small)
    assert said.startswith("ResultsError: cannot write results in")
    assert "File too large; free space on the disk" in said


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may mount a disk to read only")
def test_a_folder_that_may_only_be_read_says_so(tmp_path):
    mounted = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs -o ro tmpfs "$0" && exec "$@"', str(tmp_path)]
    if subprocess.run([*mounted, "true"], capture_output=True).returncode:
        pytest.skip("no disk may be mounted here")
    code = (
        "from fairlib.study.results import save; from pathlib import Path; import sys; save(Path(sys.argv[1]), {}, {})"
    )
    said = subprocess.run(
        [*mounted, shutil.which("python"), "-c", code, str(tmp_path / "x")], capture_output=True, text=True
    )
    assert "Read-only file system; free space on the disk, allow writing there" in said.stderr


@pytest.mark.parametrize("reader", TARGETS)
def test_a_reader_refuses_a_broken_file_in_words_or_reads_it_soundly(hunts, reader):
    answers = hunts[reader].result()
    assert answers.total() >= SAMPLE
    assert set(answers) <= {REFUSED, SAME, SAID, OTHER}
    assert answers[REFUSED] > SAMPLE / 3


@pytest.mark.parametrize(
    ("reads", "fault"),
    [
        (lambda _: {}["a"], "KeyError"),
        (lambda _: (_ for _ in ()).throw(MemoryError), "MemoryError"),
    ],
)
def test_a_traceback_from_the_depths_would_be_noticed(tmp_path, reads, fault):
    folder = Folder(TARGETS["table"].read, TARGETS["table"].writers[0], tmp_path / "good")
    folder.read = reads
    with pytest.raises(Fault, match=fault):
        folder.answer("labels.csv", b"", ["whole"])
    assert (tmp_path / "good" / "labels.csv").read_bytes() == folder.files["labels.csv"]


def test_nonsense_that_is_read_in_silence_would_be_noticed(tmp_path):
    """A cell of a channel that another number takes the place of, called nonsense."""
    folder = Folder(TARGETS["table"].read, TARGETS["table"].writers[0], tmp_path / "good")
    other = folder.files["windows.csv"].replace(b",75,", b",76,", 1)
    assert folder.answer("windows.csv", other, ["flip"]) == OTHER
    with pytest.raises(Fault, match="taken for a value, in silence"):
        folder.answer("windows.csv", other, ["cells: nonsense in heart_rate"])
    assert MEMORY is None or os.path.isdir(MEMORY)


@pytest.fixture(scope="module")
def kept():
    return pd.read_csv(steps.TABLE)


def test_the_kept_table_holds_nothing_that_went_wrong(kept):
    assert list(kept.columns) == list(steps.COLUMNS)
    assert set(kept.loc[kept["part"] == "readers", "what"]) <= {REFUSED, SAME, SAID, OTHER}
    assert set(kept["part"]) <= set(steps.PARTS)
    wrong = kept[kept["what"].str.contains("differ after|different|that failed|other hosts|errors")]
    assert (wrong["value"] == 0).all()


def test_the_page_counts_each_answer_of_each_reader(kept):
    table = torture.readers(kept)
    rows = kept[kept["part"] == "readers"]
    assert len(table) == rows["case"].nunique()
    assert table["files"].tolist() == rows.groupby("case", sort=False)["value"].sum().tolist()
    refused = rows[(rows["case"] == "globem") & (rows["what"] == REFUSED)]["value"].sum()
    assert table.set_index("reader").loc[cards.load("globem").title, REFUSED] == refused
    assert torture.finding(kept).startswith(f"{rows['value'].sum():,.0f} broken files were read")
    assert "Not run yet with this code: offline." in torture.finding(kept[kept["part"] != "offline"])
    assert [torture.written(value) for value in (8424.0, 3.3e-8, 0.091)] == [
        "8,424",
        "3.3\u00a0×\u00a010⁻⁸",
        "9.1\u00a0×\u00a010⁻²",
    ]


@pytest.mark.slow  # quick, but a question to who changed the code: is `make torture` due again?
def test_the_kept_table_holds_the_whole_of_it(kept):
    files = kept[kept["part"] == "readers"].groupby("case")["value"].sum()
    assert (files.reindex([*TARGETS], fill_value=0) >= steps.FILES).all(), files
    assert set(kept["part"]) == set(steps.PARTS)
    assert kept.loc[kept["what"] == "kills", "value"].sum() >= 20
