"""Find or make: what is trained once is found again, and only while everything that made it is the same."""

import json
import shutil
from dataclasses import replace
from functools import cached_property

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from book.pages.provenance import of_study
from fairlib import baselines, cards, finetuning, twins
from fairlib.cohort import CohortError
from fairlib.measures.describe import access
from fairlib.measures.evaluated import Evaluated
from fairlib.recipes import RECIPES
from fairlib.similarity import cka_table, gram, one_window_each
from fairlib.strategies import NETWORKS, PRIMARY
from fairlib.study import parts, runs, tables
from fairlib.study.collect import collect
from fairlib.study.crossfitted import CrossFitted
from fairlib.study.frozen import Frozen, FrozenError, manifest_changed
from fairlib.study.parameters import PROFILES, check
from fairlib.study.runs import Study
from fairlib.study.sources import open_study, thin
from fairlib.study.tables import TABLES

STRATEGIES = ("supervised", "frozen_0", "random_frozen_3", "logistic_regression")
KEPT = (*STRATEGIES, PRIMARY)
DRAWS = PROFILES["smoke"].draws


@pytest.fixture(scope="module")
def cohort(make_cohort):
    return make_cohort(people=400)


@pytest.fixture
def one(cohort, tiny, tmp_path):
    return Study(cohort, tiny(), tmp_path, draws=DRAWS, runs=(1,))


@pytest.fixture
def trainings(monkeypatch):
    """Every training, as it happens."""
    seen = []

    def watched(module, name, label):
        real = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *given: seen.append(label(given)) or real(*given))

    watched(runs, "pretrain", lambda given: "pretraining")
    watched(runs, "fit", lambda given: given[2].name)
    watched(baselines, "fit", lambda given: "logistic_regression")
    return seen


def everything(made):
    for strategy in STRATEGIES:
        made.train(strategy, 1)


def test_what_is_there_is_not_trained_again(one, trainings):
    everything(one)
    assert sorted(trainings) == sorted(["pretraining", *STRATEGIES])
    everything(replace(one))  # a new study of the same folder
    assert len(trainings) == 5
    assert one.train("frozen_0", 1) == one.results / "paper_text" / "frozen_0" / "seed-1"
    one.train("frozen_0", 2)
    assert trainings[5:] == ["pretraining", "frozen_0"]
    one.train("frozen_3", 2)
    assert trainings[7:] == ["frozen_3"]  # its encoder is there


def test_a_change_of_what_made_it_trains_again(one, cohort, tiny, trainings):
    everything(one)
    trainings.clear()
    everything(replace(one, recipe=replace(one.recipe, finetuning=tiny(rate=0.05).finetuning)))
    assert trainings == ["frozen_0", "random_frozen_3"]
    trainings.clear()
    shorter = replace(one.recipe.pretraining, temperature=0.2)
    everything(replace(one, recipe=replace(one.recipe, finetuning=tiny(rate=0.05).finetuning, pretraining=shorter)))
    assert trainings == ["pretraining", "frozen_0"]
    trainings.clear()
    x = cohort.x.copy()
    x[0, 0, 0] += 1
    everything(replace(one, cohort=replace(cohort, x=x)))
    assert sorted(trainings) == sorted(["pretraining", *STRATEGIES])


def test_a_change_of_code_trains_again(one, trainings, monkeypatch):
    everything(one)
    trainings.clear()
    monkeypatch.setattr(runs, "closure_hash", lambda module: "new" if module == "fairlib.pretraining" else "old")
    everything(one)
    assert "pretraining" in trainings
    trainings.clear()
    everything(one)
    assert trainings == []


@pytest.mark.parametrize("name", ["weights.safetensors", "predictions.parquet", "history.json"])
def test_a_flipped_byte_trains_again(one, trainings, name):
    path = one.train("supervised", 1) / name
    right = path.read_bytes()
    path.write_bytes(right[:-2] + bytes([right[-2] ^ 1]) + right[-1:])
    one.train("supervised", 1)
    assert trainings == ["supervised", "supervised"]
    assert path.read_bytes() == right  # the same bytes again


def test_scores_are_those_of_the_stored_model(one, cohort):
    scores = one.scores("frozen_0", 1)
    assert np.isnan(scores[cohort.rows("train")]).all()
    for split in ("val", "test"):
        rows = cohort.rows(split)
        np.testing.assert_allclose(finetuning.scores(one.model("frozen_0", 1), cohort.x[rows]), scores[rows], atol=1e-6)
    assert set(load_file(one.train("logistic_regression", 1) / "weights.safetensors")) == {"coefficients", "intercept"}
    assert len(one.table("losses", seed=1)) == 13
    history = json.loads((one.train("frozen_0", 1) / "history.json").read_text())
    assert [epoch["steps"] for epoch in history] == [13]


def test_nothing_of_a_person_is_in_the_results(one, cohort):
    everything(one)
    one.table("metrics", "supervised", 1)
    files = [path for path in one.results.rglob("*") if path.is_file()]
    assert len(files) > 10
    for path in files:
        if path.suffix == ".json":
            assert not any(str(who) in path.read_text() for who in cohort.person[:50])
        if path.suffix == ".parquet":
            assert "person" not in pd.read_parquet(path)


def test_tables_are_kept_and_follow_what_they_are_made_of(one, monkeypatch):
    found, made = one.table("metrics", "supervised", 1), []
    real = Evaluated.weights.func
    counted = cached_property(lambda of: made.append((of.threshold, of.draws)) or real(of))
    counted.__set_name__(Evaluated, "weights")
    monkeypatch.setattr(Evaluated, "weights", counted)
    again = one.table("metrics", "supervised", 1)
    one.table("thresholds", "supervised", 1)  # was made with its like
    assert made == []
    pd.testing.assert_frame_equal(found, again)
    replace(one, threshold=0.4).table("metrics", "supervised", 1)
    replace(one, threshold=0.4, draws=50).table("metrics", "supervised", 1)
    assert made == [(0.4, DRAWS), (0.4, 50)]


def test_a_change_of_the_card_reaches_the_evaluation(one):
    """A higher threshold for small groups must not meet tables made under the lower one."""
    segments = one.table("metrics", "supervised", 1)
    assert (segments.loc[segments["scope"] == "segment", "people"] > 0).any()
    stricter = cards.load("challenge2012").model_copy(update={"min_cell": 200})
    segments = replace(one, cohort=replace(one.cohort, card=stricter)).table("metrics", "supervised", 1)
    assert (segments.loc[segments["scope"] == "segment", "people"] == 0).all()


def test_similarity_alone_trains_both_models(one, trainings):
    assert len(one.table("cka", "frozen_0", 1)) >= 9
    assert sorted(trainings) == ["frozen_0", "pretraining", "supervised"]


def test_similarity_is_kept(one, monkeypatch):
    one.train("supervised", 1)
    found = one.table("cka", "frozen_0", 1)
    assert len(found) >= 9
    monkeypatch.setattr("fairlib.measures.cka.similarity_table", None)
    pd.testing.assert_frame_equal(found, one.table("cka", "frozen_0", 1))


def test_features_are_looked_at_once(one, monkeypatch):
    found = {name: one.table(name, "frozen_0", 1) for name in ("probes", "tests", "distances", "embedding")}
    assert "outcome" in set(found["tests"]["attribute"]) & set(found["distances"]["attribute"])
    assert set(found["embedding"]["method"]) == {"PCA", "t-SNE"}
    monkeypatch.setattr(Study, "_features", None)
    for name, table in found.items():
        pd.testing.assert_frame_equal(table, one.table(name, "frozen_0", 1))


def test_features_are_those_of_the_classifier(one, cohort):
    rows, features = one._features("frozen_0", 1, "test")
    features = torch.from_numpy(features)
    model = one.model("frozen_0", 1)
    with torch.inference_mode():
        scores = model.head(features).softmax(dim=1)[:, 1].numpy()
    np.testing.assert_allclose(scores, one.scores("frozen_0", 1)[rows], atol=1e-6)


def test_training_runs_are_compared_in_turn(one):
    one = replace(one, runs=(1, 2, 4))
    assert one.table("cka_between", "supervised", 1).empty
    table = collect(one, "cka_between", ("supervised",), one.runs)
    assert list(dict.fromkeys(zip(table["other_seed"], table["seed"], strict=True))) == [(1, 2), (2, 4)]
    rows = cohort_rows(one)
    layer = [gram(one.activations("supervised", seed, rows)[0]) for seed in (1, 2)]
    everybody = table[(table["attribute"] == "everybody") & (table["seed"] == 2)].iloc[0]
    assert everybody["cka"] == pytest.approx(cka_table([layer[0]], [layer[1]])[0, 0])


def cohort_rows(made):
    test = made.cohort.rows("test")
    return test[one_window_each(made.cohort.person[test], seed=0)]


def test_permuted_labels_are_kept(one):
    drawn = one.table("cka_draws", "frozen_0", 1).set_index(["attribute", "segment"])
    assert len(drawn.loc[("everybody", "everybody")].iloc[0]["halves"]) == 200
    others = drawn.drop(index="everybody")
    assert len(others) == 0 or {len(permuted) for permuted in others["permuted"]} == {one.permutations}


def test_models_of_the_study():
    assert NETWORKS[0] == "supervised"
    assert len(NETWORKS) == 7 + 1


# ------------------------------------------------------------------------------------------------------ frozen results


def freeze(study, folder, models):
    """As the commands freeze and pack keep models of a card's split; the other way is tests/study/test_parts.py."""
    made = CrossFitted(study, 0, study.runs)
    parts.write_people(folder, made)
    for repeat, k, model in parts.missing(folder, made, models):
        parts.write(folder, made, model, repeat, k)
    return parts.pack(folder)


@pytest.fixture(scope="module")
def trained_and_frozen(cohort, tiny, tmp_path_factory):
    """A study's results, and the book's of them, made once; each test has a copy."""
    place = tmp_path_factory.mktemp("kept")
    study, folder = Study(cohort, tiny(), place / "results", draws=DRAWS, runs=(1,)), place / "book" / "challenge2012"
    assert freeze(study, folder, KEPT) == folder
    return place


@pytest.fixture
def frozen(one, trained_and_frozen, tmp_path):
    shutil.copytree(trained_and_frozen / "results", one.results, dirs_exist_ok=True)
    shutil.copytree(trained_and_frozen / "book", tmp_path / "book")
    return Frozen(tmp_path / "book" / "challenge2012", "paper_text")


def same(found, wanted):
    """Equal, but for the lists of draws, which are rounded."""
    lists = [name for name in wanted if len(wanted) and isinstance(wanted[name].iloc[0], np.ndarray)]
    pd.testing.assert_frame_equal(found[list(wanted)].drop(columns=lists), wanted.drop(columns=lists))
    for name in lists:
        for kept, value in zip(found[name], wanted[name], strict=True):
            assert kept.dtype == value.dtype
            np.testing.assert_allclose(kept, value, rtol=2**-13)


def test_frozen_results_are_those_of_the_study(one, frozen):
    """What is said of a model is computed from its scores: the numbers are the study's, the bootstrap draws others."""
    for name, table in TABLES.items():
        for strategy in ("", tables.PRETRAINED, *KEPT):
            if table.of == tables.COHORT and not strategy:
                pd.testing.assert_frame_equal(
                    frozen.table(name), one.table(name), check_dtype=False, check_categorical=False
                )
            elif strategy in table.models and table.of == tables.MODEL:
                found, wanted = (study.table(name, strategy, 1) for study in (frozen, one))
                assert list(found) == list(wanted)
                for column in {"estimate", "gap", "tpr", "observed", "people"} & set(wanted):
                    np.testing.assert_allclose(found[column], wanted[column], atol=1e-4)
            elif strategy in table.models and table.of != tables.RUNS:
                same(frozen.table(name, strategy, 1), one.table(name, strategy, 1))
            elif strategy and table.of != tables.COHORT:
                assert frozen.table(name, strategy, 1).empty
    assert frozen.manifest["data"] == one.fingerprint
    assert frozen.seeds() == (1,)
    more = replace(one, runs=(1, 3))
    freeze(more, frozen.folder, KEPT)
    assert frozen.seeds() == (1, 3)
    for strategy in ("supervised", "frozen_1_middle"):
        same(frozen.table("cka_between", strategy, 3), more.table("cka_between", strategy, 3))
    assert frozen.table("cka_between", "supervised", 1).empty


def test_recipes_and_seeds_frozen_before_stay(one, frozen):
    before = frozen.table("metrics", "supervised", 1)
    freeze(replace(one, runs=(2,), recipe=replace(one.recipe, name="tuned")), frozen.folder, ("supervised",))
    freeze(replace(one, runs=(2,)), frozen.folder, ("supervised",))
    assert Frozen(frozen.folder, "tuned").seeds() == (2,)
    assert (frozen.seeds(), frozen.seeds("frozen_1_middle")) == ((1, 2), (1,))
    pd.testing.assert_frame_equal(frozen.table("metrics", "supervised", 1), before)


def test_frozen_results_hold_no_row_and_no_weight(frozen, cohort):
    """Of open data: scores by a random number of the window, for code to read; nothing else is about one person."""
    files = [path for path in frozen.folder.rglob("*") if path.is_file()]
    assert {path.name for path in files} <= {"manifest.json", *(f"{name}.parquet" for name in TABLES)}
    for path in files:
        if path.suffix != ".parquet":
            continue
        table = pd.read_parquet(path)
        if path.stem in ("scores", "tested"):
            assert not set(table.get("person", [])) & set(cohort.person)
            order = table.drop_duplicates("row").sort_values("row")["row"]
            assert set(order) <= set(range(len(cohort)))
            assert not {"window", "split"} & set(table)
            continue
        assert not {"person", "row", "score"} & set(table.columns)
        assert path.stem == "losses" or len(table) < len(cohort.rows("test")) * 9 * len(KEPT)
    assert [frozen.manifest[name] for name in ("origin", "access", "draws")] == ["real", "open", DRAWS]


def test_pages_describe_the_models_that_were_frozen(frozen, monkeypatch):
    """Not those that today's code and recipes would train."""
    wanted = frozen.manifest["models"], frozen.manifest["recipe"]
    monkeypatch.setattr("fairlib.encoder.LAYERS", ((8, 3), (8, 3), (8, 3)))
    monkeypatch.setitem(RECIPES, "paper_text", RECIPES["paper_code"])
    assert (frozen.manifest["models"], frozen.manifest["recipe"]) == wanted
    assert wanted[0]["layers"] == [[32, 24], [64, 16], [96, 8]]
    assert wanted[0]["networks"]["frozen_1_middle"]["trains"] == [True, False, True]


@pytest.mark.parametrize(("damage", "said"), [("missing", "is missing"), ("cut", "is damaged")])
def test_a_frozen_file_that_is_lost_or_damaged_is_named_with_its_remedy(damage, said, frozen):
    path = frozen.folder / "scores.parquet"
    path.unlink() if damage == "missing" else path.write_bytes(path.read_bytes()[:-1])
    manifest_changed()
    with pytest.raises(FrozenError, match=rf"scores\.parquet {said}.*git checkout -- .*scores\.parquet"):
        frozen.table("metrics", "supervised", 1)
    (frozen.folder / "manifest.json").write_text("{")
    with pytest.raises(FrozenError, match=r"manifest\.json cannot be read .*git checkout"):
        frozen.seeds()


def test_restricted_data_is_not_frozen(make_cohort, tiny, tmp_path):
    cohort = make_cohort("mimic", people=60)
    assert access(cohort) == "restricted"
    with pytest.raises(PermissionError, match="only results of open data and twins are kept in the book"):
        freeze(Study(cohort, tiny(), tmp_path, runs=(1,)), tmp_path / "book" / "mimic", ("supervised",))
    assert not list(tmp_path.iterdir())


# ---------------------------------------------------------------------------------------------- sources and provenance


def test_open_study_writes_the_twin_once(tmp_path, monkeypatch):
    p = check("2_pre_training", {"dataset": "mimic", "profile": "smoke", "results_dir": str(tmp_path)})
    first = open_study(p)
    assert (len(first.cohort), first.cohort.origin) == (280, "twin")
    monkeypatch.setattr("fairlib.twins.write", None)
    assert open_study(p).fingerprint == first.fingerprint
    made = of_study(p, first)
    assert "Synthetic twin · notebook 2_pre_training · dataset mimic · profile smoke" in made.line()
    assert first.fingerprint[:10] in made.line()
    assert "seed 1 ·" in made.line()
    assert "papermill notebooks/2_pre_training.ipynb out.ipynb -p dataset mimic -p profile smoke" in made.html()
    assert "not evidence about people" in made.banner()
    assert "sealed" not in made.line()
    opened = replace(first, cohort=replace(first.cohort, sealed=("set c",)), _kept={})
    assert "uses the sealed set c" in of_study(p, opened).line()


def test_thin_keeps_people_whole_and_both_classes(make_cohort):
    cohort = make_cohort(people=400, windows=3)
    few = thin(cohort, 120)
    assert 90 < len(few) < 160
    assert (np.unique(few.person, return_counts=True)[1] == 3).all()
    assert few.attrition.iloc[-1]["windows"] == len(few)
    assert thin(cohort, 5000) is cohort
    assert thin(cohort, 1100) is cohort  # about so many
    with pytest.raises(CohortError):
        replace(few, split=np.full(len(few), "train"))


def test_thin_takes_few_windows_of_many_people(make_cohort):
    """Neighbouring windows of a night tell little more: people are the sample size."""
    cohort = make_cohort(people=90, windows=120)
    few = thin(cohort, 900, each=10)
    people, counts = np.unique(few.person, return_counts=True)
    assert len(people) == 90
    assert (counts == 10).all()
    assert few.attrition.iloc[-1]["note"] == "one window in 12 of each participant"
    assert few.attrition.iloc[-1]["people"] == 90
    first = np.flatnonzero(cohort.person == cohort.person[0])  # evenly spaced, from the middle of the first stretch
    np.testing.assert_array_equal(few.x[few.person == cohort.person[0]], cohort.x[first[6::12]])
    fewer = thin(cohort, 300, each=10)
    assert fewer.attrition.iloc[-1]["note"] == "one window in 12 of each participant; first people of each split"
    assert 250 < len(fewer) < 350


@pytest.mark.parametrize(
    ("dataset", "windows", "spec"),
    [
        ("mimic", 3000, {"windows": 3000}),
        ("mimic", None, {"windows": 21_139}),
        ("globem", 3000, {"windows": 3006, "people": 259}),
        ("globem", None, {"windows": 8122, "people": 700}),
        ("mesa", 3000, {"windows": 311_868, "people": 250}),
        ("mesa", None, {"windows": 2_266_659, "people": 1817}),
    ],
)
def test_a_twin_has_the_size_of_the_profile(dataset, windows, spec):
    assert twins.sized(dataset, windows, each=12) == spec
    twins.load_spec(dataset, spec)  # within its limits


def test_a_model_that_diverges_is_trained_again_with_half_the_rate(make_cohort, tiny, tmp_path, monkeypatch):
    rates = []

    def diverges(*given):
        rates.append(given[3].supervised.schedule.learning_rate)
        if len(rates) < 3:
            raise FloatingPointError("validation loss became nan in epoch 0")
        return finetuning.fit(*given)

    monkeypatch.setattr(runs, "fit", diverges)
    made = Study(make_cohort(people=60), tiny(), tmp_path, runs=(1,))
    with pytest.warns(UserWarning, match="nan in epoch 0; trained again with half the learning rate"):
        made.train("supervised", 1)
    assert rates == [rates[0], rates[0] / 2, rates[0] / 4]
    monkeypatch.setattr(runs, "fit", lambda *_: (_ for _ in ()).throw(FloatingPointError("never")))
    with pytest.warns(UserWarning, match="learning rate"), pytest.raises(FloatingPointError, match="never"):
        made.train("frozen_3", 1)
