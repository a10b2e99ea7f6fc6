"""Values or masks alone: nothing else reaches a model, and results of all channels are what they were."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from book.pages.provenance import of_study
from fairlib import baselines
from fairlib.channels import are_masks, masks_of
from fairlib.cohort import CohortError
from fairlib.recipes import RECIPES
from fairlib.strategies import PRIMARY
from fairlib.study import parts
from fairlib.study.__main__ import main
from fairlib.study.crossfitted import CrossFitted
from fairlib.study.frozen import FOLD_KEYS, SCORES, Frozen, entry
from fairlib.study.model_inputs import BOTH, MASKS, VALUES, narrowed, seen
from fairlib.study.parameters import ParameterError, check
from fairlib.study.runs import Study

PAIR = ("supervised", PRIMARY)
CONTROLS = ("logistic_regression", "gradient_boosting")


@pytest.fixture(scope="module")
def cohort(make_cohort):
    """Two variables, their masks after them, and a channel without one; measured more often where the label is 1."""
    made = make_cohort(people=160, gaps=0.1)
    draw = np.random.default_rng(1)
    measured = made.measured.copy()
    measured[draw.random(measured.shape) < np.where(made.y == 1, 0.1, 0.5)[:, None, None]] = np.nan
    x = np.concatenate([made.x, ~np.isnan(measured)], axis=2, dtype=np.float32)
    channels = (*made.channels, "mask pulse", "mask sodium")
    return replace(made, x=x, channels=channels, measured=measured)


@pytest.fixture(autouse=True, scope="module")
def _quick():
    """One setting of the controls: how they are tuned is tested with them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(baselines, "PENALTIES", {"logisticregression__C": [0.01, 1.0]})
        patch.setattr(baselines, "TREES", {"max_leaf_nodes": [4]})
        patch.setattr(baselines, "PACES", [{"learning_rate": [0.1], "max_iter": [10, 20]}])
        yield


def spoilt(cohort, part):
    """The cohort with other masks, or with other values."""
    x, draw = cohort.x.copy(), np.random.default_rng(2)
    if part == MASKS:
        x[:, :, 3:] = draw.random(x[:, :, 3:].shape) < 0.5
        return replace(cohort, x=x)
    x[:, :, :3] = draw.normal(size=x[:, :, :3].shape)
    measured = np.where(np.isnan(cohort.measured), np.nan, x[:, :, :2]).astype(np.float32)
    return replace(cohort, x=x, measured=measured)


def study_of(cohort, tiny, folder, inputs):
    return CrossFitted(narrowed(Study(cohort, tiny("tuned"), folder, draws=20), inputs), 2, (1,))


@pytest.mark.parametrize(("inputs", "channels"), [(VALUES, [0, 1, 2]), (MASKS, [3, 4])])
def test_channels_are_chosen_and_folds_are_prepared_as_before(cohort, inputs, channels):
    """Imputed, clipped and scaled with the training people of the fold, from what was measured."""
    some = seen(cohort, inputs)
    names = ("pulse", "sodium", "age of a value", "pulse measured", "sodium measured")
    assert some.channels == tuple(names[place] for place in channels)
    assert np.array_equal(some.x, cohort.x[:, :, channels])
    split = np.roll(cohort.split, 3)
    assert np.array_equal(some.dealt(split).x[:], cohort.dealt(split).x[:][:, :, channels])
    assert not np.array_equal(cohort.dealt(split).x[:], cohort.x)
    assert some.measured.shape[2] == (2 if inputs == VALUES else 0)
    whole = replace(cohort, measured=None)  # files that are scaled already keep their split
    assert seen(whole, inputs).measured is None
    assert seen(cohort, BOTH) is cohort


@pytest.mark.parametrize(("inputs", "unseen"), [(VALUES, MASKS), (MASKS, VALUES)])
def test_what_is_left_out_reaches_no_model(cohort, tiny, tmp_path, inputs, unseen):
    """Whatever stands there, the scores of a fold are the same to the byte; with all channels they are not."""
    cohorts = {"as read": cohort, "other": spoilt(cohort, unseen)}
    for see, models in ((inputs, (*PAIR, *CONTROLS)), (BOTH, CONTROLS)):
        folds = [study_of(of, tiny, tmp_path / name, see).fold(1, 0) for name, of in cohorts.items()]
        for model in models:
            one, other = (fold.scores(model, 1) for fold in folds)
            assert len(np.unique(one)) > 5
            assert (one.tobytes() == other.tobytes()) == (see == inputs)


def test_the_masks_alone_tell_who_is_measured_often(cohort, tiny, tmp_path):
    """They hold most of the signal here, so a model that sees nothing else finds it, and in the controls too."""
    fold = study_of(cohort, tiny, tmp_path, MASKS).fold(1, 0)
    tested = fold.cohort.rows("test")
    for model in CONTROLS:
        score = fold.scores(model, 1)[tested]
        assert score[fold.cohort.y[tested] == 1].mean() - score[fold.cohort.y[tested] == 0].mean() > 0.3


def test_views_of_masks_alone_hide_and_change_nothing_else(cohort, tmp_path):
    """Nothing says any more which channels are masks, so scaling must not come near them."""
    assert not are_masks(masks_of(seen(cohort, MASKS).channels)).any()
    of = {name: narrowed(Study(cohort, recipe, tmp_path), MASKS).recipe for name, recipe in RECIPES.items()}
    views = {name: [view for view, _ in recipe.pretraining.views] for name, recipe in of.items()}
    assert "scaling" in dict(RECIPES["tuned"].pretraining.views)
    assert views["tuned"] == ["channel_mask", "time_mask"]
    assert of["paper_text"] == RECIPES["paper_text"]  # which changes masks as it changes values
    assert narrowed(Study(cohort, RECIPES["tuned"], tmp_path), VALUES).recipe == RECIPES["tuned"]


def test_keys_and_names_of_all_channels_are_what_they_were(cohort, tiny, tmp_path):
    study = Study(cohort, tiny(), tmp_path)
    assert narrowed(study, BOTH) is study
    assert not {"inputs", "whole"} & {*study.manifest, *study.model_key(PRIMARY, 1), *study._encoder_key(1)}
    of = {inputs: CrossFitted(narrowed(study, inputs), 2, (1,)) for inputs in (BOTH, VALUES, MASKS)}
    files = [parts.name(each, PRIMARY, 1, 0) for each in of.values()]
    assert files == [f"paper_text{end}-frozen_1_middle-repeat-1-fold-1.zip" for end in ("", "-values", "-masks")]
    for model in (*PAIR, *CONTROLS):
        assert len({each.study.folder(model, 1) for each in of.values()}) == 3
    assert study.folder("supervised", 1) == tmp_path / "paper_text" / "supervised" / "seed-1"
    women = replace(of[VALUES].study, pretrain_on="gender!=Male")
    assert women.entry == entry("paper_text", "simclr", "gender!=Male", VALUES) == "paper_text-values-gender!=Male"
    assert women.folder("supervised", 1) == of[VALUES].study.folder("supervised", 1)


# ------------------------------------------------------------------------------------------------------ frozen results


@pytest.fixture(scope="module")
def packed(cohort, tiny, tmp_path_factory):
    """All channels packed, then each part next to it: the folder, the studies, and what was there first."""
    place = tmp_path_factory.mktemp("inputs")
    folder, studies, first = place / "challenge2012", {}, {}
    for inputs in (BOTH, VALUES, MASKS):
        studies[inputs] = study = study_of(cohort, tiny, place / "results", inputs)
        parts.write_people(folder, study, (*SCORES, "shape"))
        for repeat, k, model in parts.missing(folder, study, PAIR):
            path = parts.write(folder, study, model, repeat, k, only=(*SCORES, "views"))
            assert all(("inputs" in frame) == (inputs != BOTH) for _, frame in parts.frames(path))
        assert parts.missing(folder, study, PAIR) == []  # a killed freeze goes on
        if inputs == BOTH:
            parts.pack(folder)
            first = {path.name: pd.read_parquet(path) for path in folder.glob("*.parquet")}
    parts.pack(folder)
    return folder, studies, first


def test_frozen_results_are_told_apart(packed):
    folder, studies, first = packed
    kept = {inputs: Frozen(folder, "tuned", inputs=inputs) for inputs in studies}
    for inputs, study in studies.items():
        for model in PAIR:
            found, wanted = kept[inputs].table("scores", model, 1), study.table("scores", model, 1)
            pd.testing.assert_frame_equal(found, wanted[list(found)], check_dtype=False)
        assert kept[inputs].manifest.get("inputs", BOTH) == inputs
        assert kept[inputs].manifest["data"] == study.study.fingerprint
    for model in PAIR:
        assert len({of.table("scores", model, 1)["score"].sum() for of in kept.values()}) == 3
    assert "inputs" not in first["scores.parquet"]
    table = pd.read_parquet(folder / "scores.parquet")
    assert not table.duplicated([*FOLD_KEYS, "inputs", "row"]).any()
    usual = table[table["inputs"] == BOTH][list(first["scores.parquet"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(usual, first["scores.parquet"])
    drawn = {inputs: [*of.table("views", seed=1).dropna(axis=1)] for inputs, of in kept.items()}
    assert drawn[MASKS] == ["panel", "step", "pulse measured", "sodium measured"]
    assert drawn[VALUES] == drawn[BOTH] == ["panel", "step", "pulse", "sodium", "age of a value"]


def test_tables_about_people_are_of_all_channels(packed, cohort, tmp_path):
    """The same whichever models were frozen last, or first; other people are still refused."""
    folder, studies, first = packed
    for name in ("tested.parquet", "shape.parquet"):
        pd.testing.assert_frame_equal(pd.read_parquet(folder / name), first[name])
    assert first["shape.parquet"].loc[0, "channels"] == 5
    parts.write_people(tmp_path, studies[VALUES], (*SCORES, "shape"))
    parts.write_people(tmp_path, studies[BOTH], (*SCORES, "shape"))
    (own,) = (frame for name, frame in parts.frames(tmp_path / "parts" / "people.zip") if name == "shape")
    assert own.loc[0, "channels"] == 5
    others = narrowed(replace(studies[BOTH].study, cohort=spoilt(cohort, VALUES), _kept={}), MASKS)
    with pytest.raises(OSError, match="is of other data than what is read now"):
        parts.write_people(tmp_path, CrossFitted(others, 2, (1,)), SCORES)


def test_provenance_names_the_inputs(packed):
    _, studies, _ = packed
    p = check("5_evaluation", {"dataset": "challenge2012", "inputs": "values", "folds": 2, "repeats": 1})
    assert " · inputs: values without masks · repeat 1" in of_study(p, studies[VALUES]).line()
    assert "-p inputs values" in p.command()
    assert "inputs" not in of_study(p.model_copy(update={"inputs": BOTH}), studies[BOTH]).line()


# -------------------------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize("inputs", [VALUES, MASKS])
def test_data_without_masks_have_no_such_choice(make_cohort, inputs):
    with pytest.raises(CohortError) as error:
        seen(make_cohort(), inputs)
    assert str(error.value) == (
        f"challenge2012: inputs '{inputs}', but none of its 3 channels is an observation mask (named 'mask X', where X"
        " is another channel); give inputs 'both', which are all channels"
    )


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"inputs": "mask"}, "parameter 'inputs' is 'mask'.*did you mean 'masks'"),
        (
            {"inputs": "masks", "pretext": "masked"},
            "the pretext 'masked' predicts measured values, and the observation",
        ),
        ({"inputs": "values", "pretext": "masked"}, "say which these are; give inputs 'both', or another pretext"),
        (
            {"inputs": "masks", "source": "frozen", "recipe": "paper_code"},
            "recipe 'paper_code-masks': no frozen results",
        ),
    ],
)
def test_other_inputs_are_refused_in_a_sentence(given, sentence):
    with pytest.raises(ParameterError, match=sentence):
        check("5_evaluation", {"dataset": "challenge2012"} | given)


def test_freeze_takes_it(tmp_path, monkeypatch, capsys):
    asked = []

    def opened(p):
        asked.append(p)
        raise CohortError("enough")

    monkeypatch.setattr("fairlib.study.sources.open_study", opened)
    given = ["freeze", "challenge2012", "twin", "--profile", "smoke", "--results", str(tmp_path), "--inputs"]
    assert main([*given, "values"]) == 2
    assert asked[0].inputs == VALUES
    with pytest.raises(SystemExit):
        main([*given, "channels"])
    assert "invalid choice: 'channels'" in capsys.readouterr().err
    assert len(asked) == 1
