"""Only chosen people reach pre-training; all else stays, and results of everyone are what they were."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from book.pages.provenance import of_study
from fairlib import cards
from fairlib.cohort import CohortError
from fairlib.encoder import Encoder
from fairlib.recipes import RECIPES
from fairlib.schedules import Schedule
from fairlib.strategies import MODELS, PRIMARY
from fairlib.study import parts, runs
from fairlib.study.__main__ import main
from fairlib.study.crossfitted import CrossFitted
from fairlib.study.frozen import FOLD_KEYS, SCORES, Frozen
from fairlib.study.parameters import FROZEN, ParameterError, check
from fairlib.study.pretraining_people import StepsOf, conditions, counts, members, named, selected, words
from fairlib.study.results import closure_hash, key_hash
from fairlib.study.runs import Study
from fairlib.study.sources import open_study

CARD = cards.load("challenge2012")
SOME = ("privileged", "icu_type=Medical", "icu_type!=Medical", "age=>=65", "gender!=Female")
PAIR = ("supervised", PRIMARY)


@pytest.fixture(scope="module")
def cohort(make_cohort):
    """The last channel holds the number of the window: so any array says whose windows are in it."""
    made = make_cohort(people=400, gaps=0.2)
    x = made.x.copy()
    x[:, :, 2] = np.arange(len(made))[:, None] / 1000
    return replace(made, x=x)


def belongs(cohort, who):
    """Whether each window is of chosen people, by hand."""
    of, known = cohort.attributes.astype("string"), cohort.attributes.notna()
    return {
        "all": np.ones(len(of), bool),
        "privileged": ((of["gender"] == "Male") & (of["age"] == "<65")).fillna(False).to_numpy(bool),
        "icu_type=Medical": (of["icu_type"] == "Medical").fillna(False).to_numpy(bool),
        "icu_type!=Medical": (known["icu_type"] & (of["icu_type"] != "Medical")).fillna(False).to_numpy(bool),
        "age=>=65": (of["age"] == ">=65").fillna(False).to_numpy(bool),
        "gender!=Female": (of["gender"] == "Male").fillna(False).to_numpy(bool),
    }[who]


@pytest.mark.parametrize("who", ["all", *SOME])
def test_nobody_else_reaches_pre_training(who, cohort, tiny, tmp_path, monkeypatch):
    """Neither people outside the segment, nor those of unknown segment, nor validation or test people, in any fold."""
    seen, wanted = [], belongs(cohort, who)

    def watched(x, recipe, *rest):
        seen.append(np.round(1000 * x[np.arange(len(x))][:, 0, 2]).astype(int))
        return Encoder(3, recipe.padding), np.zeros(1, np.float32)

    monkeypatch.setattr(runs, "pretrain", watched)
    study = CrossFitted(Study(cohort, tiny(), tmp_path, pretrain_on=who), 2, (1,))
    for k in study.each:
        fold = study.fold(1, k)
        fold.encoder(study.seed(1, k))
        assert seen[-1].tolist() == [row for row in fold.cohort.rows("train") if wanted[row]]
    assert who == "all" or (~wanted).sum() > 100
    with_few = study.fold(1, 0).with_labels(60, 1)
    with_few.encoder(1)
    assert len(seen) == 2  # few labels: the same encoder


def test_everyone_is_counted_once(cohort):
    for who in SOME:
        found, (chosen, unknown) = counts(cohort, who), members(cohort, who)
        assert (chosen == belongs(cohort, who)).all()
        assert not (chosen & unknown).any()
        assert found["people"] + found["people_others"] + found["people_unknown"] == 400
        assert (found["who"], found["windows"]) == (who, chosen.sum())
        assert found["people_unknown"] > 0


@pytest.mark.parametrize("schedule", [*(r.pretraining.schedule for r in RECIPES.values()), Schedule(7, 16, 0.1, 900)])
def test_steps_and_learning_rates_are_those_of_everyone(schedule):
    """Also where training ends before the rate is 0, and in the few steps of a quick look."""
    for of in (schedule, schedule.scaled(0.05), schedule.scaled(0.01)):
        for everyone, some in ((5000, 170), (700, 129), (300, 299)):
            same = StepsOf(**vars(of), counted=everyone)
            assert same.steps(some) == of.steps(everyone)
            steps = range(0, of.steps(everyone), 7)
            assert [same.rate(step, some) for step in steps] == [of.rate(step, everyone) for step in steps]
            halved = replace(same, learning_rate=of.learning_rate / 2)  # as where a loss is not finite
            assert halved.steps(some) == same.steps(some)


def test_a_model_trains_as_long_and_differs(cohort, tiny, tmp_path):
    """Fine-tuning sees everyone: what is not pre-trained is the same model, and lies in one place."""
    usual, some = (Study(cohort, tiny(), tmp_path, runs=(1,), pretrain_on=who) for who in ("all", "age=<65"))
    losses = [study.encoder(1)[1] for study in (usual, some)]
    assert len(losses[0]) == len(losses[1])
    assert not np.array_equal(*losses)
    place = some.train("supervised", 1)
    assert place == usual.train("supervised", 1)
    assert usual.train(PRIMARY, 1) == tmp_path / "paper_text" / PRIMARY / "seed-1"
    assert some.train(PRIMARY, 1) == tmp_path / "paper_text-age=%3C65" / PRIMARY / "seed-1"
    assert some.trained(PRIMARY, 1)
    assert not np.array_equal(usual.scores(PRIMARY, 1), some.scores(PRIMARY, 1))
    assert not replace(some, pretrain_on="age!=<65", _kept={}).trained(PRIMARY, 1)


def test_keys_and_names_of_everyone_are_what_they_were(cohort, tiny, tmp_path):
    """Written out as they were before there was a choice: results and frozen parts stay fresh."""
    study = Study(cohort, tiny(), tmp_path)
    recipe = study.recipe.as_dict()
    key = {"pretraining": recipe["pretraining"], "padding": "same", "precision": "float32", "seed": 3}
    key |= {"data": study.fingerprint, "code": closure_hash("fairlib.pretraining")}
    assert study._encoder_key(3) == key
    assert study.model_key(PRIMARY, 3)["encoder"] == key_hash(key)
    assert not {"pretrain_on", "rows"} & {*study.manifest, *study.model_key(PRIMARY, 3)}
    others = [replace(study, pretrain_on=who, _kept={}) for who in SOME]
    assert len({key_hash(other.model_key(PRIMARY, 3)) for other in (study, *others)}) == 1 + len(SOME)
    for other in others:
        for name in (name for name, model in MODELS.items() if not model.pretrained):
            assert other.model_key(name, 3) == study.model_key(name, 3)
    one, whole = (CrossFitted(each, 2, (1,)) for each in (others[0], study))
    assert parts.name(whole, PRIMARY, 1, 0) == "paper_text-frozen_1_middle-repeat-1-fold-1.zip"
    assert parts.name(one, PRIMARY, 1, 0) == "paper_text-privileged-frozen_1_middle-repeat-1-fold-1.zip"
    assert named("tuned-masked", "icu_type!=Cardiac surgery/recovery") == (
        "tuned-masked-icu_type!=Cardiac%20surgery%2Frecovery"
    )


@pytest.mark.slow
def test_kept_parts_of_everyone_are_fresh(shared, tmp_path):
    """Those of the real study, which took hours: nothing is to be trained again, and nothing refused."""
    names = {path.name for path in (FROZEN / "challenge2012" / "parts").glob("tuned-*-repeat-1-*.zip")}
    given = {"dataset": "challenge2012", "source": str(shared / "data" / "challenge-2012"), "profile": "paper"}
    p = check("3_fine_tuning", given | {"recipe": "tuned", "seeds": [1], "results_dir": str(tmp_path)})
    study, models = open_study(p), [name for name in MODELS if any(f"tuned-{name}-repeat" in file for file in names)]
    todo = parts.missing(FROZEN / "challenge2012", study, models)
    assert {parts.name(study, model, repeat, k) for repeat, k, model in todo}.isdisjoint(names)
    assert len(todo) + len(names) == 5 * len(models)


# ------------------------------------------------------------------------------------------------------ frozen results


@pytest.fixture(scope="module")
def packed(cohort, tiny, tmp_path_factory):
    """The pair of everyone, packed; then of two choices, packed too: the folder, the studies, what was there first."""
    place = tmp_path_factory.mktemp("people")
    folder, studies, first = place / "challenge2012", {}, {}
    for who in ("all", "privileged", "icu_type=Medical"):
        study = CrossFitted(Study(cohort, tiny(), place / "results", draws=20, pretrain_on=who), 2, (1,))
        studies[who] = study
        parts.write_people(folder, study, SCORES)
        for repeat, k, model in parts.missing(folder, study, PAIR):
            path = parts.write(folder, study, model, repeat, k, only=SCORES)
            own = [*FOLD_KEYS] if who == "all" else [*FOLD_KEYS, "pretrain_on"]
            for name, frame in parts.frames(path):
                assert list(frame)[: len(own)] == own
                assert "pretrain_on" in own or "pretrain_on" not in frame, name
        assert parts.missing(folder, study, PAIR) == []  # a killed freeze goes on
        if who == "all":
            parts.pack(folder)
            first = {path.name: pd.read_parquet(path) for path in folder.glob("*.parquet")}
    parts.pack(folder)
    return folder, studies, first


def test_frozen_results_are_told_apart(packed):
    """Rows without the column are of everyone."""
    folder, studies, first = packed
    assert all("pretrain_on" not in frame for frame in first.values())
    for who, study in studies.items():
        kept = Frozen(folder, "paper_text", pretrain_on=who)
        assert kept.seeds(PRIMARY) == (1,)
        for model in PAIR:
            found, wanted = kept.table("scores", model, 1), study.table("scores", model, 1)
            pd.testing.assert_frame_equal(found, wanted[list(found)], check_dtype=False)
    some = [Frozen(folder, "paper_text", pretrain_on=who) for who in ("all", "privileged", "icu_type=Medical")]
    scores = [[kept.table("scores", model, 1)["score"].to_numpy() for kept in some] for model in PAIR]
    assert np.array_equal(scores[0][0], scores[0][1])
    assert not np.array_equal(scores[1][0], scores[1][1])
    assert not np.array_equal(scores[1][1], scores[1][2])
    table = pd.read_parquet(folder / "scores.parquet")
    assert not table.duplicated([*FOLD_KEYS, "pretrain_on", "row"]).any()
    usual = table[table["pretrain_on"] == "all"][list(first["scores.parquet"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(usual, first["scores.parquet"])


def test_old_tables_are_of_everyone(packed, tmp_path):
    folder, _, first = packed
    alone = tmp_path / "challenge2012"
    alone.mkdir()
    (alone / "manifest.json").write_text((folder / "manifest.json").read_text().replace("Medical", "Surgical"))
    usual, some = (Frozen(alone, "paper_text", pretrain_on=who) for who in ("all", "privileged"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fairlib.study.frozen._read", lambda *of: first["scores.parquet"])
        assert len(usual.table("scores", PRIMARY, 1))
        assert some.table("scores", PRIMARY, 1).empty


def test_manifests_and_provenance_name_the_people(packed, cohort):
    folder, studies, _ = packed
    made = Frozen(folder, "paper_text", pretrain_on="privileged").manifest
    assert made["pretrain_on"] == counts(cohort, "privileged") == studies["privileged"].manifest["pretrain_on"]
    p = check("3_fine_tuning", {"dataset": "challenge2012", "pretrain_on": "privileged", "folds": 2, "repeats": 1})
    line = of_study(p, studies["privileged"]).line()
    people = (made["pretrain_on"][name] for name in ("people", "people_others", "people_unknown"))
    told = "pre-training on privileged only: {} people; left out: {} others, {} of unknown segment".format(*people)
    assert f" · {told} · repeat 1" in line
    assert "pre-training on" not in of_study(p, studies["all"]).line()
    men = cohort.attributes.assign(gender=cohort.attributes["gender"].where(cohort.attributes.index < 20, "Male"))
    few = Study(replace(cohort, attributes=men), studies["all"].recipe, folder, pretrain_on="gender=Male")
    assert "pre-training on gender Male only: counts suppressed" in of_study(p, few).line()


# -------------------------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize("who", ["icu=Medical", "age=65", "age>=65", "Medical", "", "gender!=", "=Male", "everyone"])
def test_who_is_not_on_the_card_is_refused_with_what_there_is(who, tmp_path):
    with pytest.raises(ParameterError) as error:
        check("2_pre_training", {"dataset": "challenge2012", "pretrain_on": who})
    text = str(error.value)
    assert f"pretrain_on {who!r} names nobody: give 'all', 'privileged', 'ATTRIBUTE=SEGMENT' or" in text
    assert "attributes and segments gender (Male, Female); age (<65, >=65); icu_type (Medical, Surgical," in text


def test_frozen_results_lack_such_people():
    with pytest.raises(ParameterError, match="recipe 'tuned-privileged': no frozen results of challenge2012 with it"):
        check(
            "5_evaluation",
            {"dataset": "challenge2012", "source": "frozen", "recipe": "tuned", "pretrain_on": "privileged"},
        )


def test_fewer_windows_than_a_batch_are_refused(cohort, tiny):
    recipe = tiny()
    attributes = cohort.attributes.assign(icu_type=pd.Categorical([None] * 400, CARD.attributes["icu_type"].segments))
    few = replace(cohort, attributes=attributes)
    few.attributes.loc[:19, "icu_type"] = "Medical"
    with pytest.raises(CohortError) as error:
        selected(few, recipe, "icu_type=Medical")
    assert str(error.value) == (
        "challenge2012: pretrain_on 'icu_type=Medical' leaves 10 training windows for pre-training, fewer than a batch"
        " of 16; choose a larger part of the people (of unknown segment, in all splits: 380 people)"
    )
    few.attributes.loc[:39, "icu_type"] = "Medical"
    assert len(selected(few, recipe, "icu_type=Medical")[0]) == 20


def test_people_who_are_too_few_are_refused_before_training(tmp_path):
    given = {"dataset": "mimic", "profile": "smoke", "results_dir": str(tmp_path), "pretrain_on": "ethnicity=Asian"}
    with pytest.raises(CohortError, match="pretrain_on 'ethnicity=Asian' leaves"):
        open_study(check("2_pre_training", given))


def test_freeze_takes_it(tmp_path, monkeypatch, capsys):
    given = ["freeze", "challenge2012", "twin", "--dial", "turned", "--results", str(tmp_path), "--pretrain-on"]
    assert main([*given, "age>=65"]) == 2
    assert "pretrain_on 'age>=65' names nobody: give 'all'" in capsys.readouterr().err
    seen = []

    def opened(p):
        seen.append(p)
        raise CohortError("enough")

    monkeypatch.setattr("fairlib.study.sources.open_study", opened)
    assert main([*given, "age!=>=65"]) == 2
    assert (seen[0].pretrain_on, seen[0].recipe, seen[0].label) == ("age!=>=65", "tuned", "twin-paper-turned")


def test_words():
    assert [words(who) for who in ("all", "privileged", "unit=A", "unit!=A")] == [
        "everyone",
        "privileged only",
        "unit A only",
        "none of unit A",
    ]
    assert conditions("age=>=65", CARD) == [("age", ">=65", True)]
    assert conditions("age!=>=65", CARD) == [("age", ">=65", False)]
    assert conditions("privileged", CARD) == [("gender", "Male", True), ("age", "<65", True)]
    assert conditions("all", CARD) == []
