"""The page on who is in the pre-training, from tiny frozen results, and where nothing is kept."""

from dataclasses import replace
from functools import partial

import pytest

from book.pages.tables import pretraining_people as tables
from fairlib.measures import planted as measures
from fairlib.report import columns
from fairlib.report.gate import scan_notebook
from fairlib.study import parts
from fairlib.study.crossfitted import CrossFitted
from fairlib.study.frozen import SCORES
from fairlib.study.runs import Study
from tests.notebooks.test_own_data import executed

WHO = ("all", "gender=Male", "age!=>=65")


@pytest.fixture(scope="module")
def kept(make_cohort, tiny, tmp_path_factory):
    """Real data and a twin: everyone with two repeats, one choice with one, and one that is not computed."""
    place, cohort = tmp_path_factory.mktemp("kept"), make_cohort(people=400, gaps=0.2)
    for folder, origin in (("challenge2012", "real"), ("twins/challenge2012-turned", "twin")):
        for who, repeats in (("all", (1, 2)), ("gender=Male", (1,))):
            of = Study(replace(cohort, origin=origin), tiny("tuned"), place / origin, draws=20, pretrain_on=who)
            study = CrossFitted(of, 2, repeats)
            parts.write_people(place / "frozen" / folder, study, SCORES)
            for repeat, k, model in parts.missing(place / "frozen" / folder, study, tables.PAIR):
                parts.write(place / "frozen" / folder, study, model, repeat, k, only=SCORES)
        parts.pack(place / "frozen" / folder)
    return place / "frozen"


@pytest.fixture(autouse=True)
def _planned(monkeypatch):
    planned = dict.fromkeys(("challenge2012", "twins/challenge2012-turned", "not_a_dataset"), WHO)
    monkeypatch.setattr(tables, "PLANNED", planned)
    monkeypatch.setattr(measures, "expected", partial(measures.expected, draws=20_000, windows=400))


def test_what_is_gathered(kept):
    rows, found, lacks = tables.gather(kept, 40, 2)
    assert lacks == [
        "Challenge 2012, pre-training on none of age ≥65: not computed yet.",
        "Challenge 2012 twin, dial turned, pre-training on none of age ≥65: not computed yet.",
    ]
    first = rows[rows["origin"] == "real"]
    assert list(first["quantity"].unique()[:2]) == ["AUC", "D"]
    assert set(first["quantity"]) - {"AUC", "D"} == {
        f"error rate, {sex} × {age}" for sex in ("Male", "Female") for age in ("<65", "≥65")
    }
    assert set(first["runs"]) == {2}  # of the repeat that both have
    assert first.groupby("quantity")["level_other"].nunique().eq(1).all()  # one supervised model
    assert first.groupby("quantity")["estimate"].nunique().eq(2).all()
    shown = columns.written(tables.against_truth(found))
    assert len(shown) == 3 * len(found[["attribute", "segment", "measure"]].drop_duplicates())
    assert set(shown["people in the pre-training"]) == {"none (supervised)", "everyone", "gender Male only"}
    assert tables.finding(first).startswith("Challenge 2012, SSL − supervised by who is in the pre-training: in AUC ")


@pytest.mark.parametrize("there", [True, False], ids=["kept", "nothing kept"])
def test_the_page(there, kept, tmp_path, monkeypatch):
    given = {"kept": str(kept if there else tmp_path), "draws": 100, "cohorts": 10}
    executed("pretraining_people", given, page := tmp_path / "page.ipynb", monkeypatch)
    assert scan_notebook(page) == []
    text = page.read_text(encoding="utf-8")
    assert "Challenge 2012, pre-training on none of age ≥65: not computed yet." in text
    assert ("Challenge 2012, pre-training on everyone: not computed yet." in text) != there
    assert ("Difference SSL − supervised by who is in the pre-training. AUC: everyone" in text) == there
    assert ("Challenge 2012 twin, dial turned: planted, truth and found" in text) == there
