"""Notebook contracts: what they refuse and how they say it, and that the notebooks keep them."""

import ast
import shlex
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import yaml
from papermill.cli import _resolve_type

from book.pages.contracts import CONTRACTS, check
from fairlib import cards
from fairlib.readers import template
from fairlib.recipes import RECIPES
from fairlib.strategies import ALL, BASELINES, MITIGATIONS, NETWORKS, STRATEGIES, STRATEGY_NAMES, UNTESTED
from fairlib.study.parameters import PROFILES, MitigationName, ParameterError

ROOT = Path(__file__).parents[2]
#: Pages that take parameters; those on the study itself, such as coverage, show kept tables and take none.
NOTEBOOKS = sorted(path for path in (ROOT / "notebooks").glob("*.ipynb") if '"parameters"' in path.read_text("utf-8"))
ACROSS = ("answer", "6_synthesis", "release_audit", "paper_figures")  # pages across datasets: they take cases
OTHERS = ("data_card", "twin", "dial", "planted", "pretraining_people", "contributed")  # they read no data of people


def refused(notebook="5_evaluation", **given):
    with pytest.raises(ParameterError) as error:
        check(notebook, {"dataset": "mimic"} | given)
    return str(error.value)


@pytest.mark.parametrize("notebook", [name for name in CONTRACTS if name not in (*OTHERS, *ACROSS)])
def test_an_unknown_name_is_refused_with_the_closest(notebook):
    text = refused(notebook, profil="smoke")
    assert text.startswith(f"{notebook} has no parameter 'profil'; did you mean 'profile'? It takes: dataset, source")
    assert "did you mean 'results_dir'" in refused(notebook, result_dir="x")
    assert "has no parameter 'xyzzy'; leave it out." in refused(notebook, xyzzy=1)


def test_the_card_reads_no_data_so_it_takes_little(tmp_path):
    text = refused("data_card", profile="smoke")
    assert text == "data_card has no parameter 'profile'; leave it out. It takes: dataset, source"
    command = check("data_card", {"dataset": "mesa"}).command()
    assert command == "papermill notebooks/data_card.ipynb out.ipynb -p dataset mesa"
    assert "with dataset 'table' it is the folder of your own card.yaml" in refused("data_card", source=str(ROOT))
    own = check("data_card", {"dataset": "table", "source": str(template.write(tmp_path / "mine"))})
    assert own.dataset == "my_data"
    assert own.command().endswith("-p dataset my_data -p source DIR")
    assert "parameter 'source' is missing: for dataset 'table' it is the folder" in refused(
        "data_card", dataset="table"
    )


def test_what_only_some_notebooks_take():
    assert "has no parameter 'strategies'" in refused("2_pre_training", strategies=["supervised"])
    assert "has no parameter 'threshold'" in refused("3_fine_tuning", threshold=0.4)
    assert check("3_fine_tuning", {"dataset": "mimic", "strategies": ["frozen_3"]}).wanted == ("frozen_3",)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("dataset", "mimc", "did you mean 'mimic'?"),
        ("profile", "papper", "did you mean 'paper'?"),
        ("recipe", "paper_cod", "did you mean 'paper_code'?"),
        ("device", "gpu", "parameter 'device' is 'gpu'"),
        ("source", "tw1n", "source 'tw1n' is neither 'twin', 'frozen' nor an existing folder"),
        ("source", 3, "parameter 'source' is 3"),
        ("seeds", 3, "parameter 'seeds' is 3"),
        ("seeds", ["1"], "parameter 'seeds' is ['1']"),
        ("seeds", [1.0], "parameter 'seeds' is [1.0]"),
        ("seeds", [True], "parameter 'seeds' is [True]"),
        ("seeds", [1, 1], "seeds must be different whole numbers, 0 or above"),
        ("seeds", [-1], "seeds must be different whole numbers, 0 or above"),
        ("threads", 0, "parameter 'threads' is 0: input should be greater than or equal to 1"),
        ("threads", 257, "parameter 'threads' is 257"),
        ("threads", "2", "parameter 'threads' is '2'"),
        ("threads", 1.0, "parameter 'threads' is 1.0"),
        ("results_dir", 5, "parameter 'results_dir' is 5"),
        ("results_dir", "$HOME/study", "'$HOME/study' holds a variable that only a shell expands; write the path out"),
        ("results_dir", "C:\\Users\\me", "is a path of Windows; in WSL, C:"),
        ("source", "~nobody-of-that-name/data", "'~nobody-of-that-name/data': Could not determine home directory"),
        ("source", "“/data/mimic”", "is in quotation marks that belong to a shell; write it without them"),
        ("strategies", "supervised", "parameter 'strategies' is 'supervised'"),
        ("strategies", ["frozen_0", "frozen_4"], "did you mean 'frozen_"),
        ("threshold", 0, "parameter 'threshold' is 0"),
        ("threshold", 1.0, "parameter 'threshold' is 1.0: input should be less than 1"),
        ("threshold", "0.5", "parameter 'threshold' is '0.5'"),
        ("threshold", float("nan"), "parameter 'threshold' is nan"),
    ],
)
def test_wrong_values(name, value, message):
    text = refused(**{name: value})
    assert text.startswith("5_evaluation: ")
    assert message in text


def test_a_home_folder_is_expanded(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert check("2_pre_training", {"dataset": "mimic", "results_dir": "~/study"}).results_dir == str(
        tmp_path / "study"
    )
    template.write(tmp_path / "mine")
    assert check("2_pre_training", {"dataset": "table", "source": "~/mine"}).dataset == "my_data"


def test_sources():
    assert check("2_pre_training", {"dataset": "challenge2012"}).label == "twin-quick"
    assert "no frozen results of mimic" in refused(source="frozen")
    with pytest.raises(ParameterError, match="parameter 'dataset' is missing"):
        check("2_pre_training", {"profile": "smoke"})


def test_own_data_comes_with_its_card(tmp_path):
    folder = template.write(tmp_path / "mine")
    for name in ("table", "my_data"):
        p = check("5_evaluation", {"dataset": name, "source": str(folder)})
        assert (p.dataset, p.label) == ("my_data", "real-quick")
        assert "-p dataset my_data -p source DIR" in p.command()
    assert "the card in source is named 'my_data'" in refused(dataset="mine", source=str(folder))
    text = refused(dataset="my_data", source=str(tmp_path))
    assert "or 'table' for your own data, with source the folder that holds its card.yaml" in text
    assert "parameter 'source' is missing: for dataset 'table' it is the folder that holds your" in refused(
        dataset="table"
    )
    assert "parameter 'source' is 'twin': for dataset 'table'" in refused(dataset="table", source="twin")
    assert f"parameter 'source' is {str(tmp_path)!r}: there is no card.yaml in it" in refused(
        dataset="table", source=str(tmp_path)
    )
    assert "did you mean 'table'?" in refused(dataset="tabel")
    (folder / "card.yaml").write_text("name: my_data")
    assert "is not a valid data card" in refused(dataset="table", source=str(folder))


def test_defaults_and_profiles():
    p = check("5_evaluation", {"dataset": "mimic", "profile": "smoke", "seeds": [4, 2]})
    assert (p.chosen.seeds, p.chosen.windows, p.label) == ((4, 2), 280, "twin-smoke")
    assert p.wanted == PROFILES["smoke"].strategies
    assert check("2_pre_training", {"dataset": "mimic"}).chosen == PROFILES["quick"]
    assert check("2_pre_training", {"dataset": "challenge2012", "source": str(ROOT)}).label == "real-quick"


def test_what_python_and_ipython_leave_behind_is_no_parameter():
    left = {"In": [], "Out": {}, "exit": 1, "quit": 1, "get_ipython": 1, "_oh": {}, "__name__": "__main__", "sys": sys}
    assert check("2_pre_training", {"dataset": "mimic", "check": check, **left}).dataset == "mimic"


def test_names_agree_across_the_package():
    assert ALL == (*NETWORKS, *BASELINES) == (*STRATEGIES, *UNTESTED)
    assert set(STRATEGY_NAMES) == {*ALL, *MITIGATIONS}
    assert MitigationName.__args__ == MITIGATIONS
    assert list(UNTESTED) == ["random_frozen_3", "logistic_regression", "gradient_boosting"]
    assert set(CONTRACTS["2_pre_training"].model_fields["recipe"].annotation.__args__) == set(RECIPES)
    assert set(PROFILES) == {"smoke", "quick", "paper"}


# -------------------------------------------------------------------------------------------------------- the notebooks


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_parameters_cell_is_the_contract(path):
    cells = [cell for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]
    assert "parameters" in cells[0].metadata.tags
    lines = cells[0].source.splitlines()
    assert all("  # " in line for line in lines)  # each with its meaning
    found = {node.targets[0].id: ast.literal_eval(node.value) for node in ast.parse(cells[0].source).body}
    fields = CONTRACTS[path.stem].model_fields
    assert list(found) == list(fields)
    for name, field in fields.items():
        assert name == "dataset" or (found[name] == field.default and type(found[name]) is type(field.default)), name
    checked = check(path.stem, found)
    if path.stem in ACROSS:
        assert "mimic" in checked.chosen
    elif "dataset" in fields:
        assert checked.dataset == "mimic"
    assert f'check("{path.stem}", globals())' in cells[1].source  # before torch or data are loaded
    assert not any(cell.outputs or cell.execution_count for cell in cells)


def test_every_contract_has_a_notebook():
    assert {path.stem for path in NOTEBOOKS} == set(CONTRACTS)


def test_parameters_are_checked_before_torch_is_loaded():
    heavy = ("torch", "sklearn", "matplotlib")
    code = f"import sys, fairlib.study.parameters; print([m for m in {heavy} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert run.stdout.strip() == "[]"


# ---------------------------------------------------------------------------------------------------------- the command


def parsed(command):
    """What papermill would make of the command: notebook and parameters."""
    words = shlex.split(command)
    assert (words[0], words[2]) == ("papermill", "out.ipynb")
    given, rest = {}, words[3:]
    while rest:
        if rest[0] == "-p":
            given, rest = given | {rest[1]: _resolve_type(rest[2])}, rest[3:]
        else:
            assert rest[0] == "-y"
            given, rest = given | yaml.safe_load(rest[1]), rest[2:]
    return Path(words[1]).stem, given


@pytest.mark.parametrize(
    ("notebook", "given"),
    [
        ("1_dataset_requirements", {}),
        ("2_pre_training", {"profile": "smoke", "seeds": [3], "threads": 2, "recipe": "paper_code"}),
        ("4_representation_similarity", {"strategies": ["supervised", "frozen_0"], "seeds": [0, 5]}),
        ("5_evaluation", {"threshold": 0.25, "strategies": ["logistic_regression"], "results_dir": "elsewhere/new"}),
        ("5_evaluation", {"results_dir": "my results"}),
        ("5_evaluation", {"dataset": "challenge2012", "source": "frozen", "profile": "paper"}),
    ],
)
def test_the_command_repeats_the_run(notebook, given):
    p = check(notebook, {"dataset": "mimic"} | given)
    name, found = parsed(p.command())
    assert name == notebook
    assert check(name, found) == p


def test_the_command_names_no_folder_of_real_data():
    p = check("2_pre_training", {"dataset": "mimic", "source": str(ROOT)})
    assert "-p source DIR" in p.command()
    assert str(ROOT) not in p.command()


def test_frozen_results_hold_their_seeds_and_one_threshold():
    frozen = {"dataset": "challenge2012", "source": "frozen"}
    assert "no frozen results of seed 99" in refused("5_evaluation", **frozen, seeds=[99])
    assert "frozen results hold 0.5 only" in refused("5_evaluation", **frozen, threshold=0.4)


@pytest.mark.parametrize("page", ACROSS)
def test_the_pages_across_datasets_take_cases(page):
    p = check(page, {})
    assert {"mimic", "challenge2012"} <= set(p.chosen) <= set(cards.all())  # a card may have no case yet
    assert p.command() == f"papermill notebooks/{page}.ipynb out.ipynb"
    assert check(page, {"cases": {name: case.model_dump() for name, case in p.chosen.items()}}).command() == p.command()
    one = {"mesa": {"source": "twin", "profile": "smoke", "recipes": ["paper_text"], "seeds": [4]}}
    given = {"cases": one, "results_dir": "elsewhere", "draws": 200}
    name, found = parsed(check(page, given).command())
    assert check(name, found) == check(page, given)
    own = check(page, given).evaluation("mesa", "paper_text")
    assert (own.notebook, own.label, own.chosen.seeds) == ("5_evaluation", "twin-smoke", (4,))
    frozen = {"cases": {"challenge2012": {"source": "frozen", "profile": "paper", "seeds": [1]}}}
    assert check(page, frozen).evaluation("challenge2012", "paper_code").seeds == []  # all that are kept


def test_the_page_across_datasets_names_no_folder_and_refuses_what_it_does_not_know():
    real = {"cases": {"mimic": {"source": str(ROOT), "profile": "paper", "seeds": [1]}}}
    assert str(ROOT) not in check("6_synthesis", real).command()
    assert "source: DIR" in check("6_synthesis", real).command()
    for given, message in (
        ({"case": {}}, "did you mean 'cases'?"),
        ({"cases": {"mimic": {"profil": "smoke"}}}, "extra inputs are not permitted"),
        ({"cases": {"mimic": {"profile": "smok"}}}, "parameter 'cases'"),
        ({"draws": 3}, "parameter 'draws' is 3"),
    ):
        with pytest.raises(ParameterError) as error:
            check("6_synthesis", given)
        assert message in str(error.value)


def test_lists_are_given_with_y():
    assert '-y "{seeds: [3]}"' in refused("3_fine_tuning", seeds="[3]")
    assert '-y "{strategies: [frozen_0]}"' in refused("5_evaluation", strategies="frozen_0")


def test_comparisons_have_a_reference():
    assert check("5_evaluation", {"dataset": "mimic", "strategies": ["frozen_0"]}).wanted == ("supervised", "frozen_0")
    assert "nothing to compare" in refused("4_representation_similarity", strategies=["logistic_regression"])
