"""What must not happen: running what a file holds, keeping models or predictions in git, writing a file unheard of."""

import ast
import gzip
import json
import pickle
import re
import stat
import subprocess
from collections import Counter
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
import yaml
from papermill.translators import PythonTranslator
from pyarrow import parquet as pq

from fairlib import cards, readers
from fairlib.cohort import CohortError
from fairlib.readers import challenge2012_files, files, mesa_files
from fairlib.strategies import PRIMARY
from fairlib.study import sources
from fairlib.study.parameters import check
from fairlib.study.results import checksum, fresh
from fairlib.study.tables import PRETRAINED, TABLES
from tests.readers.small import challenge2012 as small

ROOT = Path(__file__).parent.parent


def tracked() -> list[str]:
    found = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if found.returncode:
        pytest.skip("no git repository here, so what it keeps cannot be asked")
    return found.stdout.splitlines()


# Nothing that is read is run ----------------------------------------------------------------------------------------

RUNS = {"pickle", "cPickle", "dill", "joblib", "shelve", "marshal", "cloudpickle"}
CALLS = {"eval", "exec", "torch.load", "yaml.load", "yaml.unsafe_load", "pd.read_pickle", "pandas.read_pickle"}


def code_of(path: Path) -> str:
    if path.suffix == ".py":
        return path.read_text(encoding="utf-8")
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")


def unsafe(source: str) -> set[str]:
    """Modules and calls that run what a file holds."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {name.name.split(".")[0] for name in node.names} & RUNS
        elif isinstance(node, ast.ImportFrom):
            found |= {(node.module or "").split(".")[0]} & RUNS
        elif isinstance(node, ast.Call):
            found |= {ast.unparse(node.func)} & CALLS
            if any(word.arg == "allow_pickle" and ast.unparse(word.value) != "False" for word in node.keywords):
                found.add("allow_pickle")
            if ast.unparse(node.func) == "np.load" and "allow_pickle" not in {word.arg for word in node.keywords}:
                found.add("np.load")
    return found


@pytest.mark.parametrize("line", ["import pickle", "from joblib import load", "torch.load(f)", "np.load(f)", "eval(t)"])
def test_the_search_finds_what_it_should(line):
    assert unsafe(line)
    assert not unsafe("yaml.safe_load(t)\nnp.load(f, allow_pickle=False)\nmodel.eval()")


@pytest.mark.parametrize(
    "path", [*(ROOT / "fairlib").rglob("*.py"), *(ROOT / "notebooks").glob("*.ipynb")], ids=lambda path: path.name
)
def test_no_code_runs_what_a_file_holds(path):
    own = {"yaml.load"} if path.name == "cards.py" else set()  # with a loader that is tested below
    assert unsafe(code_of(path)) == own


@pytest.mark.parametrize("loader", [cards._Texts, cards._Numbers])
def test_yaml_makes_plain_values_only(loader, tmp_path):
    assert issubclass(loader, yaml.SafeLoader)
    for text in (f"!!python/object/apply:pathlib.Path.touch [{tmp_path / 'run'}]", "!!python/name:os.abort"):
        with pytest.raises(yaml.YAMLError):
            yaml.load(f"a: {text}", loader)
    assert not (tmp_path / "run").exists()


class Trap:
    """Pickled, it makes a file when it is read."""

    def __init__(self, mark: Path):
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


@pytest.fixture
def real(make_cohort, tmp_path, monkeypatch):
    """A study of files of real people, as a notebook opens it."""
    monkeypatch.setattr(readers, "read", lambda *_: make_cohort(people=400))
    (tmp_path / "files").mkdir()
    given = {"dataset": "challenge2012", "source": str(tmp_path / "files"), "profile": "smoke", "seeds": [1, 2]}
    return sources.open_study(check("5_evaluation", given | {"results_dir": str(tmp_path / "results")}))


@pytest.mark.parametrize("name", ["losses.parquet", "weights.safetensors"])
def test_a_prepared_result_is_refused_and_not_run(real, tmp_path, name):
    """Even with a manifest that vouches for it."""
    real.encoder(1)
    folder, mark = real.folder("pretraining", 1), tmp_path / "run"
    (folder / name).write_bytes(pickle.dumps(Trap(mark)))
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"][name] = checksum(folder / name)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(Exception, match=r"[Pp]arquet|[Hh]eader"):
        real.encoder(1)
    assert not mark.exists()
    pickle.loads(pickle.dumps(Trap(mark)))
    assert mark.exists()  # the trap works where pickles are read


def test_a_parquet_that_asks_to_be_unpickled_is_read_as_plain_values(tmp_path):
    """Arrow once ran what such a type holds (CVE-2023-47248)."""
    mark, file = tmp_path / "run", tmp_path / "labels.parquet"
    asks = {"ARROW:extension:name": "arrow.py_extension_type", "ARROW:extension:metadata": pickle.dumps(Trap(mark))}
    field = pa.field("label", pa.int64(), metadata=asks)
    pq.write_table(pa.table({"label": [1, 0]}, schema=pa.schema([field])), file)
    assert pd.read_parquet(file)["label"].tolist() == [1, 0]
    assert not mark.exists()


def test_a_parameter_is_a_value_and_never_code():
    for value in ("x'); import os; os.abort(); ('", '"""\nimport os', "\\", "a\nb", "{x}", ["'; print(1) #"]):
        line = PythonTranslator.assign("results_dir", PythonTranslator.translate(value))
        tree = ast.parse(line)
        assert [type(node) for node in tree.body] == [ast.Assign]
        assert ast.literal_eval(tree.body[0].value) == value


def test_a_packed_file_that_would_fill_the_memory_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "LARGEST", 1000)
    for size, refused in ((1000, False), (1001, True)):
        (tmp_path / "x.csv.gz").write_bytes(gzip.compress(b"0" * size))
        if refused:
            with pytest.raises(CohortError, match=r"x\.csv\.gz unpacks to more than 1,000 bytes.*fetch it"):
                files.content(tmp_path / "x.csv.gz", "fetch it")
        else:
            assert len(files.content(tmp_path / "x.csv.gz", "fetch it")) == size


@pytest.mark.parametrize(("name", "limit"), [("LARGEST_SET", 4_000), ("MOST", 23)])
def test_an_archive_of_too_much_is_refused_before_it_is_held(tmp_path, monkeypatch, name, limit):
    small.write(tmp_path, *small.stays(24))
    assert len(challenge2012_files.read_outcomes(tmp_path / "Outcomes-a.txt")) == 24
    records = lambda: dict(challenge2012_files.records(tmp_path, "a", 24, Counter()))
    assert len(records()) == 24
    monkeypatch.setattr(challenge2012_files, name, limit)
    with pytest.raises(CohortError, match=r"set-a\.tar\.gz unpacks to more than an official set does; fetch"):
        records()


def test_what_lies_in_itself_without_end_is_refused_in_words(tmp_path):
    """Deeper than Python follows: a card, and a manifest."""
    (tmp_path / "card.yaml").write_text("a: " + "[" * 3000)
    with pytest.raises(cards.PlainYamlError, match="more deeply than anybody writes"):
        cards.read(tmp_path / "card.yaml")
    (tmp_path / "manifest.json").write_text("[" * 100_000)
    assert not fresh(tmp_path, {})


def test_stages_whose_entities_grow_or_reach_outside_are_refused(tmp_path):
    """XML may define a text that is a billion times as long, or that is another file."""
    grow = "".join(f'<!ENTITY l{i} "{(f"&l{i - 1};" if i else "lol") * 10}">' for i in range(10))
    for entities in (grow, '<!ENTITY l9 SYSTEM "file:///etc/hostname">'):
        stages = "<CMPStudyConfig><EpochLength>30</EpochLength><SleepStages><SleepStage>&l9;</SleepStage></SleepStages>"
        (tmp_path / "x.xml").write_text(f"<?xml version='1.0'?><!DOCTYPE c [{entities}]>{stages}</CMPStudyConfig>")
        with pytest.raises(CohortError, match=r"x\.xml is truncated, damaged or no UTF-8 text"):
            mesa_files.read_stages(tmp_path / "x.xml")


# Nothing confidential is kept ---------------------------------------------------------------------------------------


def refuses(name: str) -> bool:
    """Whether the hook refuses a file of this name in a commit."""
    repos = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    hook = next(hook for hook in repos[0]["hooks"] if hook["id"] == "no-trained-models")
    return bool(re.search(hook["files"], name)) and not re.search(hook["exclude"], name)


def test_git_keeps_no_model_no_prediction_and_no_archive():
    assert not [name for name in tracked() if refuses(name)]
    for name in ("results/x.txt", "a/weights.safetensors", "predictions.parquet", "book/m.pt", "d.csv.gz", "x.npy"):
        assert refuses(name), name
    assert refuses("notebooks/results/mimic/people.csv")
    assert refuses("book/frozen/challenge2012/weights.zip")
    assert not refuses("book/frozen/challenge2012/scores.parquet")
    assert not refuses("book/frozen/challenge2012/parts/tuned-supervised-repeat-1-fold-1.zip")


def test_a_real_run_writes_only_what_the_book_lists_for_the_eyes_of_its_owner(real):
    """Every file below results, and who may read it; ``book/enclave.md`` is the list."""
    page = (ROOT / "book" / "enclave.md").read_text(encoding="utf-8")
    for name, table in TABLES.items():
        for strategy in {"supervised", PRIMARY, PRETRAINED} & {*table.models}:
            real.table(name, strategy, 2)
    real.table("metrics", "supervised", 1, 30)
    assert stat.S_IMODE(real.results.stat().st_mode) == 0o700
    assert stat.S_IMODE((real.results / "identifiers.txt").stat().st_mode) == 0o600
    for path in real.results.rglob("*"):
        if path.is_file():
            own = path.name == "manifest.json" or path.parent.name.startswith(("seed-", "real-"))
            kept = path.name if own else f"{path.parent.name.removesuffix('-seed-1')}/{path.name}"
            assert f"`{kept}`" in page, path
    written = {path.name for path in real.results.rglob("*") if path.is_file()}
    assert {"weights.safetensors", "predictions.parquet", "metrics.parquet", "cka.parquet"} <= written
    listed = re.findall(r"^\| .*?\|", page.partition("## What a real run writes")[2].split("### Elsewhere")[0], re.M)
    names = {name.split("/")[-1] for row in listed for name in re.findall(r"`([^`]+)`", row)}
    assert names == written  # and nothing is listed that is not written
