"""Find or make: what is trained once is found again, and only while everything that made it is the same."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from book.pages.provenance import of_study
from fairlib import baselines, cards, finetuning, twins
from fairlib.cohort import CohortError
from fairlib.measures.describe import access
from fairlib.measures.segments import gaps
from fairlib.similarity import cka_table, one_window_each
from fairlib.strategies import NETWORKS
from fairlib.study import runs, sources
from fairlib.study.collect import collect_table
from fairlib.study.frozen import Frozen, freeze
from fairlib.study.parameters import PROFILES, check
from fairlib.study.runs import Study
from fairlib.study.sources import open_study, thin

STRATEGIES = ("supervised", "frozen_0", "random_frozen_3", "logistic_regression")
DRAWS = PROFILES["smoke"].draws


@pytest.fixture(scope="module")
def cohort(make_cohort):
    return make_cohort(people=400)


@pytest.fixture
def one(cohort, tiny, tmp_path):
    return Study(cohort, tiny(), tmp_path)


@pytest.fixture
def trainings(monkeypatch):
    """Every training, as it happens."""
    seen = []

    def watched(module, name, label):
        real = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *given: seen.append(label(given)) or real(*given))

    watched(runs, "pretrain", lambda given: "pretraining")
    watched(runs, "fit", lambda given: given[2])
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
    monkeypatch.setattr(runs, "source_hash", lambda *modules: "new" if "views" in modules else "old")
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
    assert len(one.losses(1)) == 13
    assert one.history("frozen_0", 1)["steps"].tolist() == [13]


def test_nothing_of_a_person_is_in_the_results(one, cohort):
    everything(one)
    one.evaluation("supervised", 1, 0.5, DRAWS)
    files = [path for path in one.results.rglob("*") if path.is_file()]
    assert len(files) > 10
    for path in files:
        if path.suffix == ".json":
            assert not any(str(who) in path.read_text() for who in cohort.person[:50])
        if path.suffix == ".parquet":
            assert "person" not in pd.read_parquet(path)


def test_evaluation_is_kept_and_follows_what_it_is_made_of(one, monkeypatch):
    found = one.evaluation("supervised", 1, 0.5, DRAWS)
    made = []
    real = runs.evidence.evaluation_tables
    monkeypatch.setattr(runs.evidence, "evaluation_tables", lambda *given: made.append(given[2:]) or real(*given))
    again = one.evaluation("supervised", 1, 0.5, DRAWS)
    assert made == []
    pd.testing.assert_frame_equal(found["metrics"], again["metrics"])
    one.evaluation("supervised", 1, 0.4, DRAWS)
    one.evaluation("supervised", 1, 0.4, 50)
    assert made == [(0.4, DRAWS), (0.4, 50)]


def test_a_change_of_the_card_reaches_the_evaluation(one, monkeypatch):
    """A higher threshold for small cells must not meet tables made under the lower one."""
    segments = one.evaluation("supervised", 1, 0.5, DRAWS)["metrics"]
    assert (segments.loc[segments["scope"] == "segment", "people"] > 0).any()
    stricter = cards.load("challenge2012").model_copy(update={"min_cell": 200})
    monkeypatch.setattr(cards, "load", lambda name: stricter)
    segments = one.evaluation("supervised", 1, 0.5, DRAWS)["metrics"]
    assert (segments.loc[segments["scope"] == "segment", "people"] == 0).all()


def test_similarity_alone_trains_both_models(one, trainings):
    assert len(one.similarity("frozen_0", 1)) >= 9
    assert sorted(trainings) == ["frozen_0", "pretraining", "supervised"]


def test_similarity_is_kept(one, monkeypatch):
    one.train("supervised", 1)
    found = one.similarity("frozen_0", 1)
    assert len(found) >= 9
    monkeypatch.setattr(runs.conditioned, "similarity_table", None)
    pd.testing.assert_frame_equal(found, one.similarity("frozen_0", 1))


def test_features_are_looked_at_once(one, monkeypatch):
    found = one.representation("frozen_0", 1)
    assert set(found) == {"probes", "tests", "distances"}
    assert "outcome" in set(found["tests"]["attribute"]) & set(found["distances"]["attribute"])
    assert set(one.embedding("frozen_0", 1)["method"]) == {"PCA", "t-SNE"}
    monkeypatch.setattr(Study, "_features", None)
    for name, table in one.representation("frozen_0", 1).items():
        pd.testing.assert_frame_equal(found[name], table)


def test_features_are_those_of_the_classifier(one, cohort):
    rows = cohort.rows("test")
    features = torch.from_numpy(one._features("frozen_0", 1, rows))
    model = one.model("frozen_0", 1)
    with torch.inference_mode():
        scores = model.head(features).softmax(dim=1)[:, 1].numpy()
    np.testing.assert_allclose(scores, one.scores("frozen_0", 1)[rows], atol=1e-6)


def test_training_runs_are_compared_in_turn(one):
    assert one.between_seeds("supervised", (1,)).empty
    table = one.between_seeds("supervised", (1, 2, 4))
    assert list(dict.fromkeys(zip(table["other_seed"], table["seed"], strict=True))) == [(1, 2), (2, 4)]
    rows = cohort_rows(one)
    layer = [one._grams("supervised", seed, rows)[0] for seed in (1, 2)]
    everybody = table[(table["attribute"] == "everybody") & (table["seed"] == 2)].iloc[0]
    assert everybody["cka"] == pytest.approx(cka_table([layer[0]], [layer[1]])[0, 0])


def cohort_rows(made):
    test = made.cohort.rows("test")
    return test[one_window_each(made.cohort.person[test], seed=0)]


def test_permuted_labels_are_kept(one):
    drawn = one.similarity_draws("frozen_0", 1).set_index(["attribute", "segment"])
    assert len(drawn.loc[("everybody", "everybody")].iloc[0]["halves"]) == 200
    others = drawn.drop(index="everybody")
    assert len(others) == 0 or {len(permuted) for permuted in others["permuted"]} == {one.permutations}


def test_models_of_the_study():
    assert NETWORKS[0] == "supervised"
    assert len(NETWORKS) == 7 + 1


# ------------------------------------------------------------------------------------------------------ frozen results


@pytest.fixture
def frozen(one, tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "NAMED", "frozen_0")  # trained in the smoke profile
    monkeypatch.setattr(sources, "SHOWN", ("supervised", "frozen_0"))
    target = freeze(one, "challenge2012", STRATEGIES, 1, "smoke", tmp_path / "book")
    assert target == tmp_path / "book" / "challenge2012" / "paper_text"
    return Frozen(tmp_path / "book" / "challenge2012", "paper_text")


def same(found, wanted):
    """Equal, but for the lists of draws, which are rounded."""
    lists = [name for name in wanted if len(wanted) and isinstance(wanted[name].iloc[0], np.ndarray)]
    pd.testing.assert_frame_equal(found.drop(columns=lists), wanted.drop(columns=lists))
    for name in lists:
        for kept, value in zip(found[name], wanted[name], strict=True):
            assert kept.dtype == value.dtype
            np.testing.assert_allclose(kept, value, rtol=2**-13)


def test_frozen_results_are_those_of_the_study(one, frozen):
    for strategy in STRATEGIES:
        wanted, found = (made.evaluation(strategy, 1, 0.5, DRAWS) for made in (one, frozen))
        assert list(wanted) == list(found) == list(runs.EVALUATION)
        for name in runs.EVALUATION:
            same(found[name], wanted[name])
    same(frozen.similarity_draws("frozen_0", 1), one.similarity_draws("frozen_0", 1))
    pd.testing.assert_frame_equal(frozen.embedding("frozen_0", 1), one.embedding("frozen_0", 1))
    assert frozen.similarity_draws("random_frozen_3", 1) is None
    same(frozen.similarity_released("frozen_0", 1), one.similarity_released("frozen_0", 1))
    for strategy in ("frozen_0", "random_frozen_3"):
        pd.testing.assert_frame_equal(frozen.similarity(strategy, 1), one.similarity(strategy, 1))
        for name, table in one.representation(strategy, 1).items():
            same(frozen.representation(strategy, 1)[name], table)
    np.testing.assert_array_equal(frozen.losses(1), one.losses(1))
    assert frozen.fingerprint == one.fingerprint
    assert frozen.seeds() == (1,)
    kept = frozen.cohort_tables()
    for name, table in one.cohort_tables().items():
        pd.testing.assert_frame_equal(kept[name], table, check_dtype=False)
    freeze(one, "challenge2012", STRATEGIES, 3, "smoke", frozen.folder.parent)
    assert frozen.seeds() == (1, 3)
    for strategy in ("supervised", "frozen_0"):
        pd.testing.assert_frame_equal(frozen.between_seeds(strategy, (1, 3)), one.between_seeds(strategy, (1, 3)))
    assert frozen.between_seeds("supervised", (1,)) is None


def test_what_was_frozen_earlier_lacks_tables(frozen):
    for name in ("cka_draws", "probes", "embedding"):
        (frozen.folder / "paper_text" / "frozen_0" / "seed-1" / f"{name}.parquet").unlink()
    assert frozen.similarity_draws("frozen_0", 1) is None
    assert frozen.representation("frozen_0", 1) is None
    assert frozen.embedding("frozen_0", 1) is None
    assert frozen.representation("supervised", 1) is not None


def test_frozen_results_hold_no_row_and_no_weight(frozen, cohort):
    files = [path for path in frozen.folder.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} == {".parquet", ".json"}
    assert {path.stem for path in files} <= {
        *runs.EVALUATION,
        *("manifest", "losses", "cka", "cka_draws", "cka_released", "cka_between", "embedding"),
        *(*runs.EVALUATION, *runs.REPRESENTATION),
        *("sizes", "segments", "attrition", "typical_window", "shape"),
    }
    for path in files:
        if path.suffix == ".parquet":
            table = pd.read_parquet(path)
            assert not {"person", "row", "score"} & set(table.columns)
            if path.stem == "thresholds":  # as many for each threshold
                table = table.drop_duplicates(["scope", "attribute", "segment", "metric"])
            assert path.stem == "losses" or len(table) < len(cohort.rows("test")) * 9
    manifest = json.loads((frozen.folder / "paper_text" / "manifest.json").read_text())
    assert (manifest["origin"], manifest["access"], manifest["draws"]) == ("real", "open", DRAWS)


def test_results_frozen_before_a_table_existed_can_still_be_read(frozen):
    for path in frozen.folder.rglob("supervised/seed-1/*.parquet"):
        if path.stem in ("nulls", "calibration"):
            path.unlink()
    found = frozen.evaluation("supervised", 1, 0.5, DRAWS)
    assert set(runs.EVALUATION) - set(found) == {"nulls", "calibration"}
    given = (frozen, ("supervised", "frozen_0"), (1,))
    assert set(collect_table(*given, "intersections", 0.5, DRAWS)["strategy"]) == {"supervised", "frozen_0"}
    assert set(collect_table(*given, "nulls", 0.5, DRAWS)["strategy"]) == {"frozen_0"}
    lost = collect_table(frozen, ("supervised",), (1,), "nulls", 0.5, DRAWS)
    assert lost.columns.empty
    assert gaps(lost, ("supervised",)).empty
    (frozen.folder / "paper_text" / "supervised" / "seed-1" / "metrics.parquet").unlink()
    with pytest.raises(FileNotFoundError, match=r"metrics\.parquet"):
        frozen.evaluation("supervised", 1, 0.5, DRAWS)


def test_frozen_results_have_one_threshold(frozen):
    with pytest.raises(ValueError, match=r"frozen results hold the threshold 0.5 only; another one \(0.4\) needs"):
        frozen.evaluation("supervised", 1, 0.4, DRAWS)


@pytest.mark.parametrize(
    ("dataset", "origin", "rule"), [("challenge2012", "twin", "synthetic"), ("mimic", "real", "restricted")]
)
def test_only_open_data_is_frozen(dataset, origin, rule, make_cohort, tiny, tmp_path):
    cohort = make_cohort(dataset, origin, people=60)
    assert access(cohort) == rule
    with pytest.raises(PermissionError, match=f"only results of open data are kept in the book, this data is {rule}"):
        freeze(Study(cohort, tiny(), tmp_path), dataset, ("supervised",), 1, "smoke", tmp_path / "book")
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
