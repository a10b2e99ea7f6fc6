"""Find or make: what is trained once is found again, and only while everything that made it is the same."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from safetensors.torch import load_file

from fairlib import cards, finetuning, simple, study
from fairlib.cohort import CohortError
from fairlib.evidence import access
from fairlib.parameters import PROFILES, check
from fairlib.provenance import banner, provenance
from fairlib.sources import Frozen, freeze, open_study, thin
from fairlib.study import MODELS, Study

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

    watched(study, "pretrain", lambda given: "pretraining")
    watched(study, "fit", lambda given: given[2])
    watched(simple, "fit", lambda given: "logistic_regression")
    return seen


def everything(made):
    for strategy in STRATEGIES:
        made.train(strategy, 1)


def test_what_is_there_is_not_trained_again(one, trainings):
    everything(one)
    assert sorted(trainings) == sorted(["pretraining", *STRATEGIES])
    everything(replace(one))  # a new study of the same folder
    assert len(trainings) == 5
    assert one.train("frozen_0", 1) == one.results / "described" / "frozen_0" / "seed-1"
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
    monkeypatch.setattr(study, "source_hash", lambda *modules: "new" if "views" in modules else "old")
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
    real = study.evidence.evaluation_tables
    monkeypatch.setattr(study.evidence, "evaluation_tables", lambda *given: made.append(given[2:]) or real(*given))
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
    monkeypatch.setattr(study.evidence, "similarity_table", None)
    pd.testing.assert_frame_equal(found, one.similarity("frozen_0", 1))


def test_models_of_the_study():
    assert MODELS[0] == "supervised"
    assert len(MODELS) == 7 + 2


# ------------------------------------------------------------------------------------------------------ frozen results


@pytest.fixture
def frozen(one, tmp_path):
    target = freeze(one, "challenge2012", STRATEGIES, 1, "smoke", tmp_path / "book")
    assert target == tmp_path / "book" / "challenge2012" / "described"
    return Frozen(tmp_path / "book" / "challenge2012", "described")


def test_frozen_results_are_those_of_the_study(one, frozen):
    for strategy in STRATEGIES:
        wanted, found = (made.evaluation(strategy, 1, 0.5, DRAWS) for made in (one, frozen))
        for name in ("metrics", "roc"):
            pd.testing.assert_frame_equal(found[name], wanted[name])
    for strategy in ("frozen_0", "random_frozen_3"):
        pd.testing.assert_frame_equal(frozen.similarity(strategy, 1), one.similarity(strategy, 1))
    np.testing.assert_array_equal(frozen.losses(1), one.losses(1))
    assert frozen.fingerprint == one.fingerprint
    assert frozen.seeds() == (1,)
    kept = frozen.cohort_tables()
    for name, table in one.cohort_tables().items():
        pd.testing.assert_frame_equal(kept[name], table, check_dtype=False)
    freeze(one, "challenge2012", STRATEGIES, 3, "smoke", frozen.folder.parent)
    assert frozen.seeds() == (1, 3)


def test_frozen_results_hold_no_row_and_no_weight(frozen, cohort):
    files = [path for path in frozen.folder.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} == {".parquet", ".json"}
    assert {path.stem for path in files} <= {
        *("manifest", "losses", "metrics", "roc", "cka"),
        *("sizes", "segments", "attrition", "typical_window", "shape"),
    }
    for path in files:
        if path.suffix == ".parquet":
            table = pd.read_parquet(path)
            assert not {"person", "row", "score"} & set(table.columns)
            assert path.stem == "losses" or len(table) < len(cohort.rows("test")) * 9
    manifest = json.loads((frozen.folder / "described" / "manifest.json").read_text())
    assert (manifest["origin"], manifest["access"], manifest["draws"]) == ("real", "open", DRAWS)


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
    made = provenance(p, first)
    assert "Synthetic twin · notebook 2_pre_training · dataset mimic · profile smoke" in made.line()
    assert first.fingerprint[:10] in made.line()
    assert "seed 1 ·" in made.line()
    assert "papermill notebooks/2_pre_training.ipynb out.ipynb -p dataset mimic -p profile smoke" in made.html()
    assert "not evidence about people" in banner(made)


def test_thin_keeps_people_whole_and_both_classes(make_cohort):
    cohort = make_cohort(people=400, windows=3)
    few = thin(cohort, 120)
    assert 90 < len(few) < 160
    assert (np.unique(few.person, return_counts=True)[1] == 3).all()
    assert few.attrition.iloc[-1]["windows"] == len(few)
    assert thin(cohort, 5000) is cohort
    with pytest.raises(CohortError):
        replace(few, split=np.full(len(few), "train"))
