"""The command line: what it calls, what it prints, and one sentence instead of a traceback."""

import io
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from book.pages.__main__ import main as pages
from fairlib import readers, search, twins
from fairlib.__main__ import main
from fairlib.cards import CardError
from fairlib.cohort import CohortError
from fairlib.door import Door
from fairlib.readers import fetch
from fairlib.readers.fetch import FetchError
from fairlib.report import gate
from fairlib.study import tuning
from fairlib.study.__main__ import main as study
from fairlib.twins import SpecError, folder


@pytest.fixture
def calls(monkeypatch, tmp_path):
    """Stand-ins for what the commands call, and a record of how."""
    seen = []

    def fetched(dataset, folder, base_url=None, sealed=()):
        seen.append(("fetch", dataset, str(folder), base_url, *sealed))
        return [folder / "set-a.tar.gz", folder / "Outcomes-a.txt"]

    monkeypatch.setattr(fetch, "fetch", fetched)
    monkeypatch.setattr(twins, "write", lambda dataset, *rest: seen.append(("twin", dataset, str(rest[0]), *rest[1:])))
    monkeypatch.setattr(folder, "realised", lambda path: {"windows": 3000, "people": 2600, "deaths": 400})
    return seen


def test_fetch(calls, capsys):
    assert main(["fetch", "challenge2012", "data"]) == 0
    assert calls == [("fetch", "challenge2012", "data", None)]
    assert "2 official files of challenge2012 in data" in capsys.readouterr().out


def test_fetch_from_a_mirror(calls):
    assert main(["fetch", "challenge2012", "data", "--base-url", "http://mirror/x"]) == 0
    assert calls == [("fetch", "challenge2012", "data", "http://mirror/x")]


def test_fetch_of_a_sealed_part_says_what_it_is(calls, capsys):
    assert main(["fetch", "challenge2012", "data", "--sealed", "c"]) == 0
    assert calls == [("fetch", "challenge2012", "data", None, "c")]
    assert capsys.readouterr().out.startswith("c is sealed: nothing in this study was chosen by it")


def test_twin(calls, capsys):
    assert main(["twin", "mimic", "data"]) == 0
    assert main(["twin", "mimic", "data", "--windows", "300", "--seed", "7"]) == 0
    default = twins.load_spec("mimic")
    assert calls == [("twin", "mimic", "data", default, 0), ("twin", "mimic", "data", replace(default, windows=300), 7)]
    assert "twin of mimic in data: 3,000 windows of 2,600 people\n" in capsys.readouterr().out


def test_twin_with_a_spec(calls, tmp_path, capsys):
    (tmp_path / "spec.yaml").write_text("windows: 400\nnoise:\n  gender: {Female: 1.0}\n")
    assert main(["twin", "mimic", "data", "--spec", str(tmp_path / "spec.yaml"), "--windows", "500"]) == 0
    spec = calls[0][3]
    assert (spec.windows, spec.noise) == (500, {"gender": {"Female": 1.0}})
    assert main(["twin", "mimic", "data", "--spec", str(tmp_path / "none.yaml")]) == 2
    assert "none.yaml is no readable YAML file" in capsys.readouterr().err


@pytest.mark.parametrize("dataset", twins.known())
def test_twin_for_real(dataset, tmp_path, capsys):
    made = tmp_path / "twin"
    (tmp_path / "spec.yaml").write_text("prevalence: 0\nnoise: {}\nmissingness: {}\nlabel_noise: {}\n")
    assert main(["twin", dataset, str(made), "--windows", "300", "--spec", str(tmp_path / "spec.yaml")]) == 0
    assert {"TWIN.json", "TRUTH.json"} < {path.name for path in made.iterdir()}
    assert folder.realised(made)["windows"] == pytest.approx(300, rel=0.15)
    assert f"windows of {folder.realised(made)['people']:,} people" in capsys.readouterr().out
    assert json.loads((made / "TWIN.json").read_text())["planted_disparities"] == []


def test_twin_needs_a_folder_with_a_name(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["twin", "mimic", "."]) == 2
    assert ". cannot be the folder of a twin" in capsys.readouterr().err


@pytest.mark.parametrize(
    "error",
    [CohortError("a, line 3"), CardError("no card"), FetchError("no net"), SpecError("knob"), OSError("disk full")],
)
def test_errors_are_one_sentence_and_code_2(monkeypatch, capsys, error):
    def fails(*_, **__):
        raise error

    monkeypatch.setattr(fetch, "fetch", fails)
    assert main(["fetch", "challenge2012", "data"]) == 2
    printed = capsys.readouterr()
    assert printed.err == f"fairlib fetch: {error}\n"
    assert printed.out == ""


def test_interrupt(monkeypatch, capsys):
    def stops(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(fetch, "fetch", stops)
    assert main(["fetch", "challenge2012", "data"]) == 130
    assert "run it again to continue" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "required: COMMAND"),
        (["fetsh"], "invalid choice: 'fetsh'"),
        (["fetch", "challenge2012"], "required: DIR"),
        (["twin", "mimic", "d", "--windows", "0"], "'0' is not a whole number above 0"),
        (["twin", "mimic", "d", "--windows", "many"], "'many' is not a whole number"),
        (["twin", "mimic", "d", "--seed", "x"], "'x' is not a whole number from 0 on"),
        (["twin", "mimic", "d", "--seed", "-1"], "'-1' is not a whole number from 0 on"),
    ],
)
def test_wrong_usage(capsys, arguments, message):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert message in capsys.readouterr().err


def test_gate(monkeypatch, capsys, tmp_path):
    (tmp_path / "ids.txt").write_text("132539\n140501\n")
    seen = []
    monkeypatch.setattr(gate, "check_book", lambda *arguments: seen.append(arguments) or "3 pages scanned")
    assert pages(["gate", "executed", "html", "--identifiers", str(tmp_path / "ids.txt")]) == 0
    assert [str(seen[0][0]), str(seen[0][1]), *seen[0][2]] == ["executed", "html", "132539", "140501"]
    assert capsys.readouterr().out == "3 pages scanned\n"


def test_gate_with_findings(capsys, tmp_path):
    assert pages(["gate", str(tmp_path), str(tmp_path)]) == 1
    printed = capsys.readouterr()
    assert "no executed notebook found" in printed.err
    assert printed.out == ""


@pytest.mark.parametrize("command", ["fetch", "twin"])
def test_help_says_what_it_does(capsys, command):
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    assert stop.value.code == 0
    printed = capsys.readouterr().out
    assert "DIR" in printed
    assert len(printed.splitlines()) > 8


def test_as_a_module(tmp_path):
    command = [sys.executable, "-m", "fairlib", "fetch", "mimic", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("fairlib fetch: no download for dataset 'mimic'")
    assert "Traceback" not in done.stderr


def test_tune_keeps_each_try_and_goes_on(monkeypatch, tmp_path, capsys, make_cohort):
    tries = [tuning.Tried(n, 1, 1000, 376, '{"rate": 0.1}', 0.8 + n / 100, 1.5) for n in range(3)]
    seen = []
    files = {side: tmp_path / f"{side}.csv" for side in tuning.SIDES}
    for file in files.values():
        file.write_text(",".join(tuning.COLUMNS) + "\n")

    def tune(cohort, side, known):
        seen.append((side, len(known)))
        assert len(cohort.rows("test")) == 12  # of a fifth of the people, whom no try looks at
        return iter(tries if known else tries[:2])

    monkeypatch.setattr(tuning, "tune", tune)
    monkeypatch.setattr(readers, "read", lambda dataset, folder: make_cohort(people=60, gaps=0.1))
    monkeypatch.setattr(search, "FILES", files)
    monkeypatch.setenv("TQDM_DISABLE", "")
    assert study(["tune", "challenge2012", "data"]) == 0
    assert "ssl, rung 1, try 1, seed 1000: 0.8100" in capsys.readouterr().out
    head, first, _ = files["ssl"].read_text().splitlines()
    assert head == "try,rung,seed,steps,settings,validation_auc,seconds"
    assert first == '0,1,1000,376,"{""rate"": 0.1}",0.8,1.5'
    assert study(["tune", "challenge2012", "data", "--side", "ssl"]) == 0
    assert len(files["ssl"].read_text().splitlines()) == 4
    assert seen == [("supervised", 0), ("ssl", 0), ("ssl", 2)]
    assert len(files["supervised"].read_text().splitlines()) == 3


# ----------------------------------------------------------------------------------------------- paths and terminals


def echo(options):
    """Prints what it was given."""
    print(f"{options.folder} × ≥ ü")


def door(*given):
    made = Door("fairlib", "A test.")
    made.command(echo, "print").add_argument("folder", type=Path)
    return made.main(["echo", *given])


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("$HOME/study", "holds a variable that only a shell expands"),
        ("${DATA}", "holds a variable that only a shell expands"),
        ("%USERPROFILE%/data", "holds a variable"),
        ("C:\\Users\\me", "is a path of Windows; in WSL, C:"),
        ("\\\\server\\data", "is a path of Windows"),
        ("'/data/mimic'", "is in quotation marks that belong to a shell"),
        ("https://physionet.org/files", "is an address; give a folder or file of this machine"),
        ("file:///data", "is an address"),
        ("/data/mimic ", "begins or ends with a space"),
        ("~nobody-of-that-name/x", "Could not determine home directory"),
    ],
)
def test_paths_that_only_another_program_reads(path, words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert door(path) == 2
    said = capsys.readouterr().err
    assert said.startswith("fairlib echo: ")
    assert words in said
    assert not any(tmp_path.iterdir())


def test_paths_that_are_read_as_they_are(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "$HOME").mkdir()  # it is there, so it is meant
    for path, read in (
        ("~/a b", f"{tmp_path}/a b"),
        ("$HOME", "$HOME"),
        ("it's {x} #2", "it's {x} #2"),
        ("a:b", "a:b"),
    ):
        assert door(path) == 0
        assert capsys.readouterr().out == f"{read} × ≥ ü\n"


@pytest.mark.parametrize(
    ("encoding", "shown"), [("ascii", b"a \\xd7 \\u2265 \\xfc\n"), ("cp1252", b"a \xd7 \\u2265 \xfc\n")]
)
def test_a_terminal_that_lacks_a_sign_shows_its_number(encoding, shown, monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline="\n")
    monkeypatch.setattr(sys, "stdout", stream)
    assert door("a") == 0
    assert stream.buffer.getvalue() == shown


def test_whoever_reads_may_stop():
    """As ``head`` does: no traceback, and the exit code that shells know."""
    run = subprocess.Popen([sys.executable, "-c", LONG], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    run.stdout.readline()
    run.stdout.close()
    assert (run.wait(60), run.stderr.read()) == (141, b"")


LONG = """
import sys
from fairlib.door import Door
def many(options):
    'Prints much.'
    for at in range(100_000):
        print('a line of many')
door = Door('fairlib', 'A test.')
door.command(many, 'print')
sys.exit(door.main(['many']))
"""
