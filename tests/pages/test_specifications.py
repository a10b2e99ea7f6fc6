"""The page behind the front page: every specification of the real data, what is missing, and one answer a dataset."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from book.pages import cases, specifications
from book.pages.contracts import Answer, check
from book.pages.figures import across
from book.pages.figures.specifications import spec_curve
from book.pages.tables import evidence as tables
from fairlib.audit.equal_rates import Scored
from fairlib.measures.operating import PUBLISHED
from fairlib.measures.specifications import PUBLISHED_SCALE
from fairlib.report.columns import written
from fairlib.study.parameters import Evaluation, ParameterError
from tests.pages.scored import case_of, scored, scores


def banded(ages):
    """A page's scores where ages are known in bands; these are of the card's segments."""
    of = scores(people=400)
    return Scored("frozen_1_middle", (replace(of, attributes=of.attributes.assign(**{"age band": ages(of)})),), 40)


@pytest.fixture(scope="module")
def with_ages():
    def ages(of):
        lower = np.where(of.attributes["age"] == ">=65", 65.0, 50.0)
        lower[::3] += np.where(lower[::3] == 65, 10, -50)
        return np.where(np.arange(len(lower)) == 7, np.nan, lower)

    return banded(ages)


def test_other_cuts_are_specifications_of_their_own(with_ages):
    (own, cut, of), *others = specifications.cuts(with_ages.of)
    assert (own, cut, of) == ("", specifications.AS_ON_CARD, with_ages.of)  # one age is unknown: no cut is the card's
    assert [(name, cut) for name, cut, _ in others] == [("age", "50"), ("age", "65"), ("age", "75")]
    older = others[2][2].attributes["age"] == ">=65"
    assert older.sum() == (with_ages.of.attributes["age band"] == 75).sum()


def test_the_cut_of_the_card_is_named_by_its_age():
    known = banded(lambda of: np.where(of.attributes["age"] == ">=65", 65.0, 0.0))
    assert [cut for _, cut, _ in specifications.cuts(known.of)] == ["65"]


def test_a_cut_is_named_where_it_matters(with_ages):
    table, draws = specifications.of_case(case_of(), with_ages)
    assert len(table) == len(draws)
    assert set(table.loc[table["attribute"] == "gender", "age cut"]) == {"–"}
    assert set(table.loc[table["attribute"] == "age", "age cut"]) == {"card", "50", "65", "75"}
    assert set(table["strategy"]) == {"SSL, middle frozen", "SSL, nothing frozen"}
    assert not table["paper"].any()
    assert set(specifications.of_case(case_of(), scored())[0]["age cut"]) == {"–"}


def test_the_papers_own_choices_are_marked_under_its_recipes():
    table, _ = specifications.of_case(case_of("paper_code"), scored())
    (own,) = table[table["paper"]].to_dict("records")
    assert (own["strategy"], own["metric"], own["attribute"]) == ("SSL, middle frozen", "ERR", "mean over attributes")
    assert (own["point"], own["scale"], own["recipe"]) == (PUBLISHED.name, PUBLISHED_SCALE, "paper code")


def test_cases_of_one_dataset_are_tested_together():
    pairs = [(case_of(recipe), scored()) for recipe in ("tuned", "paper_code")]
    rows, tested = specifications.of_all(pairs)
    one, _ = specifications.of_case(*pairs[0])
    assert len(rows) == 2 * len(one)
    assert set(tested["statistic"]) == {"median effect", "share significant"}
    assert tested.set_index("statistic").loc["median effect", "observed"] == pytest.approx(rows["estimate"].median())
    told = specifications.finding(rows, tested)
    assert f"Of {len(rows):,} specifications" in told
    assert list(written(tables.joint_test(tested)))[1] == "observed"
    (sentence,) = specifications.untrained(pairs)
    assert "paper text with simclr" in sentence
    assert "paper code with simclr," not in sentence
    assert "with tuned and simclr, “SSL, first frozen”" in sentence


def test_other_inputs_are_rows_of_their_own_and_missing_ones_are_listed():
    """None is taken for another: where it was not trained, the sentence says so."""
    pairs = [(case_of(), scored()), (case_of(inputs="values"), scored())]
    rows, tested = specifications.of_all(pairs)
    assert rows["inputs"].value_counts().to_dict() == dict.fromkeys(
        ["all channels", "values without masks"], len(rows) / 2
    )
    panels = [panel.get_ylabel() for panel in spec_curve(rows, tested)[0].axes]
    assert "inputs" in panels
    assert "pretext" not in panels
    (sentence,) = specifications.untrained(pairs)
    assert sentence.endswith("; the named pair with tuned from masks alone.")
    assert sentence.count("with tuned and simclr") == 1  # the cells of strategies are of all channels
    (sentence,) = specifications.untrained(pairs[:1])
    assert sentence.endswith("; the named pair with tuned from values without masks or masks alone.")
    (sentence,) = specifications.untrained([*pairs, (case_of(inputs="masks"), scored())])
    assert "named pair" not in sentence
    assert not specifications.of_case(case_of("paper_code", inputs="values"), scored())[0]["paper"].any()
    made = SimpleNamespace(origin="real")
    assert replace(pairs[1][0], made=made).title == "Challenge 2012, recipe tuned, values without masks"


@pytest.mark.parametrize(("channels", "missing"), [(("a", "b"), False), (("a", "mask a"), True)])
def test_data_without_masks_lack_nothing(channels, missing):
    study = SimpleNamespace(cohort=SimpleNamespace(channels=channels))
    (sentence,) = specifications.untrained([(replace(case_of(), study=study), scored())])
    assert ("named pair" in sentence) == missing


def test_kept_results_of_other_inputs_are_opened(monkeypatch):
    """Of frozen results of all channels, those that were kept."""

    def checked(contract, given):
        if given["inputs"] == "masks":
            raise ParameterError("no frozen results")
        return contract.model_construct(**given)

    def case(**given):
        return replace(case_of(), p=Evaluation.model_construct(dataset="challenge2012", **given))

    monkeypatch.setattr(cases, "check", checked)
    monkeypatch.setattr(cases, "open_case", lambda p: p)
    found = [case(source="frozen"), case(source="folder"), case(source="frozen", inputs="values")]
    assert [p.inputs for p in cases.with_other_inputs(found)] == ["values"]


def test_without_scores_there_is_a_sentence():
    rows, tested = specifications.of_all([])
    assert rows.empty
    assert "No specification could be computed" in specifications.finding(rows, tested)


def test_every_model_is_a_row_and_levels_have_no_interval():
    table = tables.every_model(scored().each.assign(recipe="tuned"))
    shown = written(table)
    assert len(shown) == 3
    assert "[" not in "".join(shown["disparity D"])
    at = tables.every_model(scored().each.assign(recipe="tuned"), PUBLISHED)
    assert not np.allclose(at["d_estimate"], table["d_estimate"])
    pd.testing.assert_series_equal(at["auc_estimate"], table["auc_estimate"])


def test_the_named_recipe_comes_first_and_cases_without_scores_are_kept(monkeypatch):
    found = [case_of("paper_text"), case_of("tuned")]
    found = [replace(case, made=SimpleNamespace(seeds=(1,))) for case in found]
    for case in found:
        case.p.wanted = ()
    monkeypatch.setattr(cases.equal_rates, "of_study", lambda *_: scored())
    assert [case.p.recipe for case, _ in cases.scored(found)] == ["tuned", "paper_text"]
    monkeypatch.setattr(cases.equal_rates, "of_study", lambda *_: None)
    assert cases.scored(found) == []
    assert cases.by_dataset(found, []) == {"challenge2012": [(found[0], None)]}
    pair = (found[1], scored())
    assert cases.by_dataset(found, [pair]) == {"challenge2012": [pair]}


def test_twins_are_left_out_of_the_answer():
    twins = Answer(cases={"mimic": {"source": "twin", "profile": "smoke", "recipes": ["paper_text"], "seeds": [1]}})
    assert cases.gather(twins, twins=False) == ([], [])
    assert check("answer", {"draws": 200}).notebook == "answer"


def test_each_case_is_a_row_with_what_could_have_been_found():
    pairs = [(case_of(recipe), scored()) for recipe in ("tuned", "paper_code")]
    rows = across.rows_of(pairs)
    assert len(rows) == 4
    figure, alt = across.across(rows)
    auc, d = figure.axes
    names = [f"Challenge 2012, {recipe}" for recipe in ("tuned", "paper code")]
    assert [label.get_text() for label in auc.get_yticklabels()] == names
    own = rows[rows["panel"] == 1].iloc[0]
    assert [bar.get_width() for bar in d.patches] == pytest.approx([2 * own["detectable"]] * 2)
    assert "without a pooled mean" in alt
    assert across.rows_of([]).empty
