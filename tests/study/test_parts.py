"""Finished folds are kept as they come, packed when all are there, and then say what the study says."""

import json
import subprocess
import sys
import zipfile
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from fairlib import cards
from fairlib.strategies import PRIMARY
from fairlib.study import frozen, parts, runs, tables
from fairlib.study.__main__ import main
from fairlib.study.crossfitted import CrossFitted
from fairlib.study.frozen import Frozen, FrozenError
from fairlib.study.parameters import ROOT
from fairlib.study.runs import Study
from fairlib.study.tables import TABLES

K, DRAWS = 2, 20
MODELS = ("supervised", PRIMARY)


@pytest.fixture(scope="module")
def study(make_cohort, tiny, tmp_path_factory):
    cohort = make_cohort(people=300, gaps=0.2)
    return CrossFitted(Study(cohort, tiny(), tmp_path_factory.mktemp("parts"), draws=DRAWS, permutations=9), K, (1, 2))


@pytest.fixture(scope="module", autouse=True)
def _quick_tables():
    """Looks at features take most of the time, and are tested elsewhere; here any table stands for them."""

    def first(cohort, *rest):
        return pd.DataFrame({"value": [float(np.sum(rest[-1][1]) if isinstance(rest[-1], tuple) else rest[-1].sum())]})

    with pytest.MonkeyPatch.context() as patch:
        for name in ("probes", "tests", "distances", "embedding"):
            patch.setitem(TABLES, name, replace(TABLES[name], make=_named(first, TABLES[name].make)))
        yield


def _named(function, like):
    function.__module__ = like.__module__
    return function


def kept(study, folder, models=MODELS, **more):
    parts.write_people(folder, study)
    for repeat, k, model in parts.missing(folder, study, models, **more):
        parts.write(folder, study, model, repeat, k, **more)
    return folder


@pytest.fixture(scope="module")
def whole(study, tmp_path_factory):
    """All parts of two repeats, and the scores of one of them with 30 labelled people a group."""
    folder = kept(study, tmp_path_factory.mktemp("whole") / "challenge2012")
    return kept(CrossFitted(study.study, K, (1,)), folder, ("supervised", PRIMARY), labels=30)


@pytest.fixture
def folder(whole, tmp_path):
    """A copy of them."""
    copied = tmp_path / "challenge2012"
    (copied / parts.FOLDER).mkdir(parents=True)
    for path in (whole / parts.FOLDER).iterdir():
        (copied / parts.FOLDER / path.name).write_bytes(path.read_bytes())
    return copied


def part(folder, model="supervised", repeat=1, fold=1, few=""):
    return folder / parts.FOLDER / f"paper_text-{model}{few}-repeat-{repeat}-fold-{fold}.zip"


# ------------------------------------------------------------------------------------------------------------- parts


def test_a_part_a_fold(whole):
    names = {path.name for path in (whole / parts.FOLDER).iterdir()}
    every = [part(whole, model, repeat, fold).name for model in MODELS for repeat in (1, 2) for fold in (1, 2)]
    every += [part(whole, model, 1, fold, "-labels-30").name for model in MODELS for fold in (1, 2)]
    assert names == {*every, "people.zip"}


def test_parts_hold_neither_weights_nor_identifiers(whole, study):
    """Scores of open data, by a random number of the window."""
    ids = {str(person) for person in study.cohort.person}
    for path in (whole / parts.FOLDER).iterdir():
        with zipfile.ZipFile(path) as file:
            assert {name.partition(".")[2] for name in file.namelist()} == {"parquet", "json"}
            assert not ids & set(file.read("manifest.json").decode().split('"'))
        for name, frame in parts.frames(path):
            assert not {"RecordID", "split"} & (set(frame) if name in ("scores", "tested") else set())
            assert "person" not in frame or name == "tested"
    tested = dict(parts.frames(whole / parts.FOLDER / "people.zip"))["tested"]
    assert not set(tested["person"]) & set(study.cohort.person)


def test_representations_are_kept_of_the_first_fold(whole):
    first, second = (set(dict(parts.frames(part(whole, PRIMARY, 1, fold)))) for fold in (1, 2))
    assert second == set(tables.of(tables.FOLD))
    assert first - second == set(tables.of(tables.PRETRAINING, *parts.FIRST))
    assert set(dict(parts.frames(part(whole, PRIMARY, 1, 1, "-labels-30")))) == {"scores"}


def test_what_is_there_is_not_asked_for_again(study, folder):
    assert parts.missing(folder, study, MODELS) == []
    part(folder, PRIMARY, 2, 2).unlink()
    assert parts.missing(folder, study, MODELS) == [(2, 1, PRIMARY)]
    more = CrossFitted(study.study, K, (1, 2, 3))
    assert [at[:2] for at in parts.missing(folder, more, ("supervised",))] == [(3, 0), (3, 1)]
    todo = parts.missing(folder, more, ("frozen_0",))
    assert [at[:2] for at in todo] == [(1, 0), (2, 0), (3, 0), (1, 1), (2, 1), (3, 1)]  # first folds first


def test_the_same_results_are_the_same_bytes(study, whole, tmp_path):
    """But for the seconds that it took."""
    path = parts.write(tmp_path, study, "supervised", 1, 1)
    for one, other in zip(parts.frames(path), parts.frames(part(whole, fold=2)), strict=True):
        assert one[0] == other[0]
        pd.testing.assert_frame_equal(one[1], other[1], check_exact=True)
    left, right = (parts.manifest(at) | {"seconds": 0} for at in (path, part(whole, fold=2)))
    assert left == right


def test_parts_of_other_settings_data_or_code_are_refused(study, folder, tiny, monkeypatch):
    said = r"was made by other code, settings or data than today's; go back to its code, or remove all parts"
    other = replace(study.study, recipe=tiny(rate=0.2), _kept={})
    with pytest.raises(FrozenError, match=said):
        parts.missing(folder, CrossFitted(other, K, (1, 2)), MODELS)
    measured = study.cohort.measured + 1
    moved = replace(study.study, cohort=replace(study.cohort, measured=measured), _kept={})
    with pytest.raises(FrozenError, match=said):
        parts.missing(folder, CrossFitted(moved, K, (1, 2)), MODELS)
    people = replace(study.study, cohort=replace(study.cohort, x=study.cohort.x + 1), _kept={})
    with pytest.raises(FrozenError, match=r"people\.zip is of other data than what is read now"):
        parts.write_people(folder, CrossFitted(people, K, (1, 2)))
    monkeypatch.setattr(runs, "closure_hash", lambda module: "new")
    with pytest.raises(FrozenError, match=said):
        parts.missing(folder, CrossFitted(replace(study.study, _kept={}), K, (1, 2)), MODELS)


def test_nothing_of_restricted_data_is_kept(make_cohort, tiny, tmp_path):
    """Neither scores nor sizes; a twin of such data is synthetic."""
    cohort, folder = make_cohort("mimic", people=200, gaps=0.2), tmp_path / "book" / "mimic"
    study = CrossFitted(Study(cohort, tiny(), tmp_path / "results"), K, (1,))
    refusals = (lambda: parts.write_people(folder, study), lambda: parts.write(folder, study, "supervised", 1, 0))
    for refused in refusals:
        with pytest.raises(PermissionError, match="only results of open data and twins are kept in the book"):
            refused()
    assert not list(tmp_path.iterdir())
    twin = replace(study.study, cohort=replace(cohort, origin="twin"), _kept={})
    assert parts.write(folder, CrossFitted(twin, K, (1,)), "supervised", 1, 1).is_file()


# ----------------------------------------------------------------------------------------------------------- packing


def same(found, wanted):
    """Equal, but for lists of draws, which are rounded where they are kept."""
    lists = [name for name in wanted if len(wanted) and isinstance(wanted[name].iloc[0], np.ndarray)]
    if wanted.empty:
        assert found.empty
        return
    one, other = (table.drop(columns=lists) for table in (found[list(wanted)], wanted))
    pd.testing.assert_frame_equal(one, other, check_categorical=False, check_dtype=False)
    for name in lists:
        for value, other in zip(found[name], wanted[name], strict=True):
            np.testing.assert_allclose(value, other, rtol=2**-13)


def test_packed_results_are_those_of_the_study(study, folder):
    """Every table of the registry, of every model."""
    assert parts.pack(folder) == folder
    assert not list((folder / parts.FOLDER).iterdir())
    found = Frozen(folder, "paper_text")
    assert found.seeds() == (1, 2)
    assert (found.label_sizes, found.seeds(PRIMARY, 30)) == ((30,), (1,))
    for name, table in TABLES.items():
        if table.of == tables.COHORT:
            same(found.table(name), study.table(name))
            continue
        for model in (tables.PRETRAINED, *MODELS):
            for repeat in study.runs:
                if model in table.models:
                    same(found.table(name, model, repeat), study.table(name, model, repeat))
                else:
                    assert found.table(name, model, repeat).empty
    same(found.table("metrics", PRIMARY, 1, 30), study.table("metrics", PRIMARY, 1, 30))
    for nothing in (
        ("metrics", "frozen_0", 1),
        ("metrics", PRIMARY, 3),
        ("cka", PRIMARY, 9),
        ("metrics", PRIMARY, 2, 30),
    ):
        assert found.table(*nothing).empty


def test_what_is_computed_from_packed_scores_needs_no_pytorch(folder):
    parts.pack(folder)
    code = f"""
import sys
from pathlib import Path
from fairlib.study.frozen import Frozen
from fairlib.study.tables import MODEL, of
found = Frozen(Path({str(folder)!r}), "paper_text")
print(min(len(found.table(name, "supervised", 1)) for name in of(MODEL)) > 0, "torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("True False\n", 0), done.stderr


def test_packing_in_two_rounds_keeps_what_was_there(study, folder, tmp_path):
    parts.pack(folder)
    before = {path.name: path.read_bytes() for path in folder.glob("*.parquet")}
    later = CrossFitted(study.study, K, (1, 2, 3))
    third = CrossFitted(study.study, K, (3,))
    kept(third, folder, ("supervised",))
    parts.pack(folder)
    found = Frozen(folder, "paper_text")
    assert (found.seeds(), found.seeds(PRIMARY)) == ((1, 2, 3), (1, 2))
    assert found.label_sizes == (30,)
    for repeat in later.runs:
        same(found.table("metrics", "supervised", repeat), later.table("metrics", "supervised", repeat))
    same(found.table("metrics", PRIMARY, 1), study.table("metrics", PRIMARY, 1))
    # the same parts once more change nothing
    again = {path.name: path.read_bytes() for path in folder.glob("*.parquet")}
    kept(third, folder, ("supervised",))
    parts.pack(folder)
    assert {path.name: path.read_bytes() for path in folder.glob("*.parquet")} == again
    assert again.keys() == before.keys()
    assert again["roc.parquet" if "roc.parquet" in again else "cka.parquet"] == before["cka.parquet"]


def test_another_pretext_lies_beside_the_first(study, folder):
    other = replace(study.study, recipe=study.recipe.with_pretext("masked"), _kept={})
    one = CrossFitted(other, K, (1,))
    kept(one, folder, ("supervised", PRIMARY))
    parts.pack(folder)
    usual, masked = Frozen(folder, "paper_text"), Frozen(folder, "paper_text", "masked")
    assert (usual.seeds(PRIMARY), masked.seeds(PRIMARY)) == ((1, 2), (1,))
    same(usual.table("metrics", PRIMARY, 1), study.table("metrics", PRIMARY, 1))
    same(masked.table("metrics", PRIMARY, 1), one.table("metrics", PRIMARY, 1))
    assert masked.manifest["recipe"]["pretraining"]["pretext"] == "masked"
    assert not masked.table("scores", PRIMARY, 1).equals(usual.table("scores", PRIMARY, 1))


def test_results_of_a_split_are_packed_alike(make_cohort, tiny, tmp_path):
    study = Study(make_cohort(people=300), tiny(), tmp_path, draws=DRAWS, runs=(1, 2))
    made, folder = CrossFitted(study, 0, study.runs), tmp_path / "challenge2012"
    parts.pack(kept(made, folder, ("supervised",)))
    found = Frozen(folder, "paper_text")
    for seed in (1, 2):
        same(found.table("metrics", "supervised", seed), made.table("metrics", "supervised", seed))
        same(found.table("cka_between", "supervised", seed), made.table("cka_between", "supervised", seed))
    rates = [frame.table("metrics", "supervised", 1)["estimate"] for frame in (found, study)]
    np.testing.assert_allclose(*rates, atol=1e-6)


def test_a_missing_fold_is_named(folder):
    part(folder, PRIMARY, 2, 2).unlink()
    with pytest.raises(FrozenError, match=rf"paper_text, {PRIMARY}, repeat 2: fold 2 has no part; train it first"):
        parts.pack(folder)
    assert not list(folder.glob("*.parquet"))


def rewritten(path, **facts):
    """A part with other facts in its manifest."""
    content, told = dict(parts.frames(path)), parts.manifest(path)
    parts._zip(
        path,
        content,
        {name: told[name] | value if isinstance(value, dict) else value for name, value in (told | facts).items()},
    )


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"trained_by": {"fairlib.folds": "other"}}, "was trained by other code than the rest of paper_text"),
        ({"made": {"recipe": {"name": "paper_text"}}}, "was trained with other settings than"),
        ({"made": {"data": "other"}}, "was trained on other data than"),
        ({"made": {"folds": 3}}, "was trained in more or fewer folds than"),
    ],
)
def test_parts_that_differ_are_not_packed_together(facts, said, folder):
    rewritten(part(folder, repeat=2, fold=2), **facts)
    with pytest.raises(FrozenError, match=said):
        parts.pack(folder)


def test_a_damaged_part_is_named_with_its_remedy(study, folder):
    path = part(folder, repeat=2)
    right = path.read_bytes()
    path.write_bytes(right[:-100])
    for reads in (lambda: parts.pack(folder), lambda: parts.missing(folder, study, MODELS)):
        with pytest.raises(FrozenError, match=rf"{path.name} cannot be read .*; bring it back: git checkout -- "):
            reads()
    flipped = bytearray(right)
    flipped[len(right) // 3] ^= 1
    path.write_bytes(flipped)
    with pytest.raises(FrozenError, match=r"in it is damaged|cannot be read"):
        parts.pack(folder)


@pytest.fixture
def first_version(study, folder):
    """Frozen results of version 0.1 of two recipes: one split, no scores, no folds; beside the parts of one of them."""
    made = {name: value for name, value in study.manifest.items() if name != "folds"}
    keys = {"recipe": ["paper_code", "paper_text"], "strategy": "supervised", "seed": 1, "labels": 0}
    files = {}
    for name in ("metrics", "validation", "sizes"):
        frame = pd.DataFrame(keys | {"estimate": [0.25, 0.75]}) if name != "sizes" else pd.DataFrame({"split": ["all"]})
        files[f"{name}.parquet"] = frozen.write(frame, folder / f"{name}.parquet")
    recipes = {name: made | {"kept": {"0": {"supervised": [1]}}} for name in keys["recipe"]}
    (folder / "manifest.json").write_text(json.dumps({"dataset": "x", "recipes": recipes, "files": files}))
    frozen.manifest_changed()
    return folder


def test_a_recipe_of_the_first_version_gives_way_as_a_whole(study, first_version):
    """The other one stays as it was, byte by byte where nothing new comes, until its parts are there."""
    metrics = (first_version / "metrics.parquet").read_bytes()
    parts.pack(first_version)
    anew, old = (Frozen(first_version, name) for name in ("paper_text", "paper_code"))
    for name in ("metrics", "validation"):
        assert old.table(name, "supervised", 1)["estimate"].tolist() == [0.25]
        same(anew.table(name, "supervised", 1), study.table(name, "supervised", 1))
    assert (first_version / "metrics.parquet").read_bytes() == metrics
    assert ("folds" in anew.manifest, "folds" in old.manifest) == (True, False)
    same(old.table("sizes"), study.table("sizes"))


def test_nothing_of_the_first_version_stays_without_its_recipes(study, first_version):
    told = frozen.manifest(first_version)
    del told["recipes"]["paper_code"]
    (first_version / "manifest.json").write_text(json.dumps(told))
    parts.pack(first_version)
    assert {path.name for path in first_version.glob("*.parquet")} == set(frozen.manifest(first_version)["files"])
    assert not (first_version / "metrics.parquet").exists()
    same(Frozen(first_version, "paper_text").table("metrics", "supervised", 2), study.table("metrics", "supervised", 2))


# -------------------------------------------------------------------------------------------------------- the commands


def test_freeze_and_pack_by_command(study, folder, monkeypatch, tmp_path, capsys):
    """A killed freeze is run again, and trains what is missing."""
    given = ["freeze", "challenge2012", str(tmp_path), "--models", *MODELS]
    given += ["--recipe", "paper_text", "--folds", "2", "--repeats", "2", "--kept", str(folder)]
    seen = []
    monkeypatch.setattr("fairlib.study.sources.open_study", lambda p: seen.append(p) or study)
    part(folder, PRIMARY, 2, 1).unlink()
    assert main(given) == 0
    (p,) = seen
    assert (p.folds, p.repeats, p.pretext, p.recipe, p.profile) == (2, 2, "simclr", "paper_text", "paper")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "1 of 8 models are to train"
    assert lines[1].startswith("1 of 1: paper_text-frozen_1_middle-repeat-2-fold-1.zip, ")
    assert main(["pack", "challenge2012", "--kept", str(folder)]) == 0
    assert capsys.readouterr().out == f"packed in {folder}\n"
    assert cards.load(folder.name).access == "open"
    assert main(["pack", "challenge2012", "--kept", str(folder)]) == 2
    assert "holds no parts to pack; make some with: python -m fairlib.study freeze" in capsys.readouterr().err
