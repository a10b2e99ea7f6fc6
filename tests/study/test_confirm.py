"""The confirmation on made-up people and on the sealed part of a twin; nobody looks at real sealed people here."""

import json
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from fairlib.cohort import CohortError
from fairlib.measures.estimands import AUC
from fairlib.recipes import RECIPES
from fairlib.study import confirm as module
from fairlib.study.__main__ import main
from fairlib.study.confirm import Confirmation, confirm, found, keep, out_of_fold
from fairlib.study.parameters import FineTuning
from fairlib.twins import challenge2012

PAIR = ("supervised", "frozen_1_middle")


@pytest.fixture
def both(make_cohort):
    """240 development people and 100 sealed ones, a tenth of whose values were not measured."""

    def part(people, seed, sealed=()):
        cohort = make_cohort(people=people, seed=seed)
        measured = np.where(np.random.default_rng(seed).random(cohort.x.shape) < 0.1, np.nan, cohort.x)
        return replace(cohort, measured=measured, person=cohort.person + 1000 * seed, sealed=sealed)

    return Confirmation(part(240, 0), part(100, 1, ("set c",)))


def test_sealed_people_are_tested_and_nobody_else(both):
    first, second = both.of_run(1), both.of_run(2)
    for cohort in (first, second):
        assert set(cohort.person[cohort.split == "test"]) == set(both.sealed.person)
        assert (cohort.split == "val").sum() == 240 / 8
        assert cohort.sealed == ("set c",)
        assert cohort.person.tolist() == [*both.development.person, *both.sealed.person]
    assert (first.split == "val").tolist() != (second.split == "val").tolist()


def test_sealed_people_teach_nothing_not_even_a_mean(both):
    far = replace(both, sealed=replace(both.sealed, measured=both.sealed.measured * 100 + 7))
    for run in (1, 2):
        train = both.of_run(run).split == "train"
        one, other = both.of_run(run), far.of_run(run)
        np.testing.assert_array_equal(one.x[: len(both.development)], other.x[: len(both.development)])
        assert not np.allclose(one.x[len(both.development) :], other.x[len(both.development) :])
        assert np.abs(one.x[train][:, :, 0].mean()) < 0.2


def test_somebody_in_both_parts_is_refused(both):
    shared = both.sealed.person.copy()
    shared[0] = both.development.person[0]
    with pytest.raises(CohortError, match=r"1 participant.s. are in more than one split"):
        replace(both, sealed=replace(both.sealed, person=shared)).of_run(1)


def test_a_run_is_a_repeat_and_auc_is_their_mean(both):
    draw, y = np.random.default_rng(0), both.sealed.y
    runs = [{name: (y + draw.normal(size=len(y))).astype(np.float32) for name in PAIR} for _ in range(3)]
    of = out_of_fold(both.sealed, runs)
    assert (of.repeats, of.folds) == (3, 1)
    tables = found(of, draws=50)
    area = {name: np.mean([roc_auc_score(y, run[name]) for run in runs]) for name in PAIR}
    numbers = tables["numbers"].query(f"estimand == '{AUC}'").set_index("model")
    assert numbers["estimate"].to_dict() == pytest.approx(area)
    assert (numbers["runs"] == 3).all()
    row = tables["differences"].query(f"estimand == '{AUC}'").iloc[0]
    assert row["estimate"] == pytest.approx(area["frozen_1_middle"] - area["supervised"])


def test_a_second_record_lies_beside_the_first(tmp_path):
    paths = [keep({"dataset": "challenge2012", "n": n}, tmp_path / "kept") for n in range(11)]
    assert [path.name for path in paths[:2]] == ["challenge2012-1.json", "challenge2012-2.json"]
    assert paths[-1].name == "challenge2012-11.json"
    assert [json.loads(path.read_text())["n"] for path in paths] == [*range(11)]


def test_the_sealed_part_of_a_twin_is_confirmed_and_a_second_time_finds_its_models(tmp_path, monkeypatch, capsys, tiny):
    monkeypatch.setattr(challenge2012, "SET", 200)
    monkeypatch.setattr(module, "MODELS", PAIR)
    monkeypatch.setitem(RECIPES, "tuned", tiny("tuned"))
    twin = challenge2012.write(tmp_path / "twin", {"windows": 600}, with_truth=False)
    given = {"dataset": "challenge2012", "source": str(twin), "profile": "smoke", "recipe": "tuned"}
    p = FineTuning(**given, results_dir=str(tmp_path / "results"))
    path = confirm(p, 2, tmp_path / "kept")
    said = capsys.readouterr().out
    assert "This looks at the sealed set c of challenge2012, 200 people" in said
    assert "2 runs × 2 models: about 1 core-minutes" in said
    assert "0 earlier record(s)" in said
    assert said.index("set c") < said.index("run 1 of 2 is trained") < said.index("AUC non-inferior: ")
    made = json.loads(path.read_text())
    assert (made["for_tests_only"], made["uses"], made["runs"]) == (True, ["the sealed set c"], 2)
    assert made["people"] == {"development": 280, "sealed": 200}
    assert made["made"]["sealed"] == ["set c"]
    assert {"verdicts", "secondary", "differences", "numbers", "levels"} < made.keys()
    assert len({*made["data"].values()}) == 2
    monkeypatch.setattr("fairlib.study.runs.fit", None)  # nothing is trained again
    again = confirm(p, 2, tmp_path / "kept")
    assert again.name == "challenge2012-2.json"
    assert "1 earlier record(s)" in capsys.readouterr().out
    assert json.loads(again.read_text())["numbers"] == made["numbers"]


def test_no_look_is_spent_on_settings_that_are_not_found_yet(both, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "opened", lambda p: both)
    monkeypatch.setattr(module, "TUNED_BY", "start")
    p = FineTuning(dataset="challenge2012", source=str(tmp_path), profile="paper", recipe="tuned")
    with pytest.raises(ValueError, match="the search of recipe tuned is not over"):
        confirm(p, folder=tmp_path / "kept")
    assert not (tmp_path / "kept").exists()


def test_a_dataset_without_sealed_people(tmp_path, capsys):
    assert main(["confirm", "mimic", str(tmp_path)]) == 2
    assert "mimic has no sealed part; there is one of challenge2012" in capsys.readouterr().err


def test_the_command_takes_the_protocol_unless_told_otherwise(tmp_path, monkeypatch, capsys):
    seen = []
    monkeypatch.setattr(module, "confirm", lambda *given: seen.append(given))
    assert main(["confirm", "challenge2012", str(tmp_path), "--threads", "2"]) == 0
    p, runs, folder = seen[0]
    assert (p.recipe, p.profile, p.threads, runs) == ("tuned", "paper", 2, module.RUNS)
    assert folder.parts[-3:] == ("book", "frozen", "confirm")
