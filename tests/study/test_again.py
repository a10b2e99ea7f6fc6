"""One kept fold is trained again, on a small twin: the same scores, and words for everything that is not the same."""

import json
import shutil
from dataclasses import replace

import pandas as pd
import pytest

from fairlib.study import again, frozen, parts
from fairlib.study.__main__ import main
from fairlib.study.again import asked, compare, sentences
from fairlib.study.crossfitted import CrossFitted
from fairlib.study.frozen import Frozen, FrozenError
from fairlib.study.runs import Study

MODEL = "logistic_regression"
ONLY = frozen.SCORES


@pytest.fixture(scope="module")
def study(make_cohort, tiny, tmp_path_factory):
    """A twin in two folds."""
    cohort = replace(make_cohort(people=200, gaps=0.2), origin="twin")
    return CrossFitted(Study(cohort, tiny(), tmp_path_factory.mktemp("again"), draws=20), 2, (1,))


@pytest.fixture(scope="module")
def packed(study, tmp_path_factory):
    """What is kept of it; its models lie in the results, so only one test trains."""
    folder = tmp_path_factory.mktemp("kept") / "challenge2012"
    parts.write_people(folder, study, ONLY)
    for k in (0, 1):
        parts.write(folder, study, MODEL, 1, k, only=ONLY)
    return parts.pack(folder)


@pytest.fixture
def kept(packed, tmp_path):
    """A copy of it that a test may damage."""
    shutil.copytree(packed, tmp_path / "challenge2012")
    frozen.manifest_changed()
    return Frozen(tmp_path / "challenge2012", "paper_text")


def changed(kept, table, alter):
    """The kept results with another table, signed."""
    path = kept.folder / f"{table}.parquet"
    made = frozen.manifest(kept.folder)
    made["files"][path.name] = frozen.write(alter(pd.read_parquet(path)), path)
    (kept.folder / "manifest.json").write_text(json.dumps(made))
    frozen.manifest_changed()


def test_the_same_machine_gives_the_same_fold(kept, study, tmp_path):
    fresh = CrossFitted(replace(study.study, results=tmp_path / "results", _kept={}), 2, (1,))
    found = compare(kept, fresh, MODEL, 1, 2)
    assert found["what"].tolist() == ["score", "risk", "threshold"]
    tested = len(fresh.fold(1, 1).cohort.rows("test"))
    assert found["n"].tolist() == [tested, tested, 4]
    assert (found["difference"] == 0).all()
    assert found["auc_kept"][0] == found["auc_here"][0]
    assert 0.5 < found["auc_here"][0] <= 1
    trained = {path.parent for path in fresh.study.results.rglob("predictions.parquet")}
    assert trained == {fresh.study.results / "paper_text" / MODEL / "repeat-1" / "fold-2"}  # and not looked up


def test_a_difference_is_measured_and_said(kept, study):
    """Of one score, of one threshold, and of a number that is missing on one side."""

    def alter(table):
        one = table.index[(table["fold"] == 0) & (table["strategy"] == MODEL)][5]
        table.loc[one, "score"] += 0.25
        table.loc[one, "risk"] = float("nan")
        return table

    changed(kept, "scores", alter)
    found = compare(kept, study, MODEL, 1, 1).set_index("what")
    assert found["difference"]["score"] == pytest.approx(0.25)
    assert pd.isna(found["difference"]["risk"])
    assert found["difference"]["threshold"] == 0
    assert not again.agrees(found)
    assert again.agrees(found.loc[["threshold"]])
    assert again.agrees(compare(kept, study, MODEL, 1, 2))  # the other fold


def test_rounding_is_no_difference(kept, study, monkeypatch):
    changed(kept, "cuts", lambda table: table.assign(threshold=table["threshold"] + again.TOLERANCE / 2))
    found = compare(kept, study, MODEL, 1, 1)
    assert 0 < found["difference"].max() < again.TOLERANCE
    assert again.agrees(found)


def test_words(kept, study, monkeypatch):
    found = compare(kept, study, MODEL, 1, 1)
    text = sentences(kept, found)
    assert f"  score, {found['n'][0]:,} compared: largest difference 0\n" in text
    assert text.endswith(f"\n  all agree within {again.TOLERANCE:g}")
    assert "has changed" not in text
    monkeypatch.setattr(again, "closure_hash", lambda name: "other")
    assert "the code that trains has changed since: fairlib.pretraining, fairlib.finetuning" in sentences(kept, found)


def test_what_is_not_kept_is_refused_before_anything_is_read(kept):
    for given, words in (
        (([MODEL], 2, 1), "logistic_regression: repeat 2 is not kept, but 1"),
        (([MODEL, "frozen_0"], 1, 1), "frozen_0: repeat 1 is not kept, but none"),
        (([MODEL], 1, 3), "fold 3 is not kept; give one from 1 to 2"),
        (([MODEL], 1, 0), "fold 0 is not kept"),
    ):
        with pytest.raises(FrozenError, match=words):
            asked(kept, *given)
    with pytest.raises(FrozenError, match="holds no scores of recipe tuned, so no fold of it can be compared"):
        asked(replace(kept, recipe="tuned"), [MODEL], 1, 1)
    made = asked(kept, [MODEL], 1, 2)
    assert made == {"profile": "", "folds": 2, "threads": 1, "seeds": [1]}


def test_other_data_settings_or_people_are_refused(kept, study, tiny):
    other = replace(study.study, recipe=tiny(rate=0.2), _kept={})
    with pytest.raises(FrozenError, match="the settings of paper_text are not those of the kept results"):
        compare(kept, CrossFitted(other, 2, (1,)), MODEL, 1, 1)
    cohort = replace(study.cohort, x=study.cohort.x + 1)
    with pytest.raises(FrozenError, match="the files, or what is read of them, are not those of the kept results"):
        compare(kept, CrossFitted(replace(study.study, cohort=cohort, _kept={}), 2, (1,)), MODEL, 1, 1)
    changed(kept, "scores", lambda table: table.assign(fold=1 - table["fold"]))
    with pytest.raises(FrozenError, match="fold 1 tests other people than the kept one"):
        compare(kept, study, MODEL, 1, 1)


def test_the_command(kept, study, monkeypatch, capsys):
    """It trains as the manifest says, in a folder that it removes, and its exit code says whether all agree."""
    seen = []
    monkeypatch.setattr("fairlib.study.sources.open_study", lambda p: seen.append(p) or study)
    changed(kept, "scores", lambda table: table.assign(score=table["score"] + 0.1 * (table["fold"] == 1)))
    made = frozen.manifest(kept.folder)
    made["recipes"]["paper_text"]["profile"] = "smoke"
    (kept.folder / "manifest.json").write_text(json.dumps(made))
    given = ["again", "challenge2012", "twin", "--recipe", "paper_text", "--kept", str(kept.folder), "--models", MODEL]
    assert main(given) == 0
    out = capsys.readouterr().out
    assert out.startswith("challenge2012, paper_text, logistic_regression, repeat 1, fold 1\n")
    assert main([*given, "--fold", "2"]) == 1
    assert "NOT ALL agree" in capsys.readouterr().out
    assert main([*given, "--fold", "9"]) == 2
    assert "again: fold 9 is not kept" in capsys.readouterr().err
    assert (seen[0].profile, seen[0].folds, seen[0].seeds, seen[0].source) == ("smoke", 2, [1], "twin")
    assert len(seen) == 2
    assert not kept.folder.joinpath(seen[0].results_dir).exists()
