"""Verdicts: words that hold whatever the numbers say, and never a verdict on people from a twin."""

from functools import cache
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from book.pages import noise as synthesis
from book.pages.cka_gaps import Ratio
from book.pages.contracts import check
from book.release import claims, published
from book.release.claims import CANNOT, DECISIONS, TWIN
from fairlib import cards, text
from fairlib.audit import contrasts
from fairlib.measures import summary as summaries
from tests.release import release_claims
from tests.tables import evaluation_tables

STRATEGIES = ("supervised", "frozen_0", "frozen_1_middle", "frozen_3", "random_frozen_3")


@cache
def scored(make_cohort, origin: str, noise: tuple[tuple[str, float], ...]):
    """Tables of four models of two seeds from made-up scores, their summary and headline; ``noise``: of ``case``."""
    cohort, draw = make_cohort("challenge2012", origin, people=1500), np.random.default_rng(0)
    parts = []
    for strategy in STRATEGIES:
        for seed in (1, 2):
            wobble = draw.normal(size=len(cohort)) * (1 + dict(noise).get(strategy, 0))
            score = 1 / (1 + np.exp(-(2 * cohort.y - 1 + wobble)))
            parts.append(evaluation_tables(cohort, score, 0.5, 60)["metrics"].assign(strategy=strategy, seed=seed))
    models, card = pd.concat(parts, ignore_index=True), cards.load("challenge2012")
    return models, summaries.summarise(models), summaries.headline(models, card.protected(), card.metric.metric)


def case(make_cohort, origin="real", noise=None):
    """A case of four models of two seeds; ``noise``: strategy → how much worse it ranks people."""
    models, summary, headline = scored(make_cohort, origin, tuple((noise or {}).items()))
    similar = pd.DataFrame({"attribute": ["gender", "age"], "best": ["Male", "<65"], "worst": ["Female", ">=65"]})
    similar = similar.assign(auc_gap=[0.04, 0.01], size=[0.02, 0.01])
    return SimpleNamespace(
        p=check("5_evaluation", {"dataset": "challenge2012"}),
        made=SimpleNamespace(origin=origin, seeds=(1, 2)),
        card=cards.load("challenge2012"),
        title="Challenge 2012, recipe paper_text",
        ssl="frozen_1_middle",
        strategies=STRATEGIES,
        models=models.copy(),
        summary=summary.copy(),
        compared=headline.copy(),
        similarity_gaps=lambda: (similar, Ratio(2.0, np.array([1.5, 2.5, 3.0, 1.0]))),
        paired_seeds=(1, 2),
        label_sizes=(),
    )


def with_cards(own, names):
    """The case with as many protected attributes as names."""
    own.card = SimpleNamespace(protected=lambda: list(names), metric=own.card.metric)
    return own


def test_decide_at_the_bar():
    assert claims.decide(-0.1, 0.0) == "undecided"
    assert claims.decide(0.0, 0.1) == "undecided"
    assert claims.decide(-0.019, 0.05, -0.02, more_is_better=True) == "holds"
    assert claims.decide(-0.3, -0.021, -0.02, more_is_better=True) == "does not hold"
    assert claims.decide(-0.03, 0.01, -0.02, more_is_better=True) == "undecided"
    assert claims.decide(np.nan, np.nan) == "not known"


@pytest.mark.parametrize("first", DECISIONS)
@pytest.mark.parametrize("second", DECISIONS)
def test_two_decisions_together(first, second):
    found = claims.both(first, second)
    assert found == claims.both(second, first)
    assert (found == "holds") == (first == second == "holds")
    assert (found == "does not hold") == ("does not hold" in (first, second))


def test_published_lines_follow_from_the_published_numbers():
    """Every word and number that claims.yaml states, computed again with as many draws as the page has."""
    rows = synthesis.published_rows(published.segments(), published.held_out)
    draws = check("6_synthesis", {}).draws
    for name, claim in published.claims().items():
        assert claim["published"] == release_claims.lines(name, rows, draws)


def test_every_claim_has_its_lines(make_cohort):
    cases = [case(make_cohort, "real"), case(make_cohort, "twin")]
    cases[1].title = "Challenge 2012 twin, recipe paper_text"
    found = claims.all_claims(cases)
    assert list(found) == list(published.claims())
    for name, records in found.items():
        assert len(records) == 5, name
        for record in records:
            assert list(record) == ["data", "number", "source", "verdict", "cause"]
            assert all(isinstance(value, str) and value and "nan" not in value for value in record.values()), record
        by_origin = {record["data"]: record["verdict"] for record in records}
        assert by_origin["Challenge 2012 twin, recipe paper_text: ours"] == TWIN
        real = by_origin["Challenge 2012, recipe paper_text: ours, real data"]
        if name in ("representations", "larger_gaps"):  # the card has two protected attributes
            assert real == f"{CANNOT}: the card of Challenge 2012 has 2 protected attributes"
        else:
            assert real in [f"{decision} on Challenge 2012 (other data)" for decision in DECISIONS]
        for verdict in list(by_origin.values())[:3]:
            assert verdict.startswith(("recomputed from published numbers", "not released"))


def test_lines_of_a_case_are_the_same_whatever_else_was_run(make_cohort):
    """No line pools cases: with a twin beside it, or another twin, real data keeps every word of its own."""
    real, twin, other = case(make_cohort), case(make_cohort, "twin"), case(make_cohort, "twin", noise={"supervised": 3})
    twin.title = other.title = "Challenge 2012 twin, recipe paper_text"
    alone, *together = (claims.all_claims(cases) for cases in ([real], [real, twin], [other, real]))
    for found in together:
        for name, records in alone.items():
            assert [line for line in found[name] if "twin" not in line["data"]] == records


def test_a_smaller_disparity_at_a_lower_accuracy_is_not_the_claim(make_cohort):
    worse = case(make_cohort, noise={"frozen_1_middle": 4})
    own = worse.compared.set_index("strategy")
    ends = [f"{m}_difference{e}" for m in ("auc", "deviation") for e in ("", "_low", "_high")]
    own.loc["frozen_1_middle", ends] = [-0.2, -0.3, -0.1, -0.2, -0.3, -0.1]  # surely worse, surely more even
    worse.compared = own.reset_index()
    record = claims.disparity(worse)
    assert record["verdict"].startswith("does not hold")
    assert "smaller, but accuracy on par does not hold" in record["cause"]
    assert "control: random encoder, frozen" in record["cause"]
    own.loc["frozen_1_middle", ends[:3]] = [0.0, -0.01, 0.01]
    worse.compared = own.reset_index()
    assert claims.disparity(worse)["verdict"].startswith("holds")


def test_a_model_at_chance_decides_nothing(make_cohort):
    lost = case(make_cohort, noise={"frozen_1_middle": 50})
    lost.compared.loc[lost.compared["strategy"] == "frozen_1_middle", "people_low"] = 0.45
    for record in (claims.accuracy(lost), claims.disparity(lost), claims.gaps(lost)):
        assert record["verdict"].startswith("undecided")
        assert "SSL, middle frozen: it is no better than chance" in record["cause"]
        assert "decision" not in record["cause"]


def test_a_model_with_one_decision_is_not_said_to_be_at_chance(make_cohort):
    own = case(make_cohort)
    own.compared.loc[own.compared["strategy"] == "frozen_1_middle", "constant_decisions"] = 1
    for record in (claims.accuracy(own), claims.disparity(own), claims.gaps(own)):
        assert record["verdict"].startswith("undecided")
        assert "SSL, middle frozen: it gives everyone the same decision in 1 of 2 runs" in record["cause"]
        assert "chance" not in record["cause"]


def test_the_gap_change_of_equal_models_is_zero(make_cohort):
    same = case(make_cohort)
    supervised = same.models[same.models["strategy"] == "supervised"]
    same.models = pd.concat([supervised, supervised.assign(strategy="frozen_1_middle")], ignore_index=True)
    ssl, alone, change, _ = contrasts.gaps(same.models, same.card, same.ssl)
    assert ssl == alone
    assert change == pytest.approx((0, 0, 0))


def test_the_paper_s_own_data_is_named(make_cohort):
    own = case(make_cohort)
    own.p, own.title = check("5_evaluation", {"dataset": "mimic"}), "MIMIC-III, recipe paper_text"
    assert claims.verdict(own, "holds") == "holds on MIMIC-III (the paper's dataset)"


def test_two_attributes_cannot_be_judged_and_three_can(make_cohort):
    own = case(make_cohort)
    record = claims.representations(own)
    assert "50.0 % of the ratios are as large" in record["cause"]
    assert record["number"].startswith("×2.0: gender")
    assert record["verdict"].startswith(CANNOT)
    more = pd.concat([own.similarity_gaps()[0]] * 2, ignore_index=True)
    with_cards(own, "abc")
    for null, verdict in ((np.ones(99), "holds"), (np.full(99, 3.0), "undecided"), (np.array([]), "undecided")):
        own.similarity_gaps = lambda null=null: (more, Ratio(2.0, null))
        assert claims.representations(own)["verdict"].startswith(verdict)
    own.similarity_gaps = lambda: (more[:0], None)
    assert claims.representations(own)["number"] == "no ratio"
    assert claims.representations(own)["verdict"] == "undecided on Challenge 2012 (other data)"


def test_a_rank_correlation_has_its_exact_p():
    assert claims.rank_correlation([1, 2, 3, 4], [1, 2, 3, 4]) == (pytest.approx(1), pytest.approx(1 / 24))
    assert claims.rank_correlation([0.01, 0.03, 0.18, 0.16], [1, 2, 3, 4]) == (
        pytest.approx(0.8),
        pytest.approx(4 / 24),
    )
    assert claims.rank_correlation([1, 2, 3], [3, 2, 1]) == (pytest.approx(-1), pytest.approx(1))


@pytest.mark.parametrize(("gaps", "verdict"), [([0.1, 0.2, 0.3, 0.4], "holds"), ([0.1, 0.3, 0.2, 0.4], "undecided")])
def test_larger_gaps_need_four_attributes_in_order(make_cohort, gaps, verdict):
    own = with_cards(case(make_cohort), "abcd")
    found = pd.DataFrame({"attribute": list("abcd"), "best": "x", "worst": "y"}).assign(auc_gap=gaps)
    own.similarity_gaps = lambda: (found.assign(size=[1.0, 2.0, 3.0, 4.0]), Ratio(4.0, np.ones(9)))
    assert claims.larger_gaps(own)["verdict"].startswith(verdict)
    assert claims.larger_gaps(with_cards(own, "abc"))["verdict"].startswith(CANNOT)


def test_the_u_is_the_partly_frozen_models_against_both_ends(make_cohort):
    """Disparities of made-up runs are set: the contrast is their difference, with the sign of a U below 0."""
    own = case(make_cohort)
    rows = own.models["metric"].eq("error_rate_ratio") & own.models["scope"].eq("ratio")
    for name, ratio in (("frozen_0", 1.5), ("frozen_1_middle", 1.1), ("frozen_3", 1.3)):
        of = rows & (own.models["strategy"] == name)
        own.models.loc[of, "estimate"] = ratio
        own.models.loc[of, "replicates"] = own.models.loc[of, "replicates"].map(lambda drawn, r=ratio: drawn * 0 + r)
    record = claims.u_shape(own)
    assert record["number"].startswith("partly frozen 0.100, ends 0.400: −0.300")
    assert record["verdict"].startswith("holds")
    own.strategies = ("supervised", "frozen_1_middle")
    assert claims.u_shape(own)["number"] == "–"


def test_models_with_fewer_repeats_are_compared_over_those_that_all_have(make_cohort):
    own = case(make_cohort)
    seed = own.models["seed"].min()
    fewer = own.models["strategy"].isin(["frozen_0"]) & (own.models["seed"] != seed)
    whole = case(make_cohort)
    own.models, whole.models = own.models[~fewer], whole.models[whole.models["seed"] == seed]
    assert claims.u_shape(own)["number"] == claims.u_shape(whole)["number"]


def test_few_labels_compare_the_pair_at_every_size(make_cohort):
    own = case(make_cohort)
    own.label_sizes, rows = (20,), own.models.drop(columns=["strategy", "seed"])
    own.study = SimpleNamespace(
        table=lambda name, strategy, seed, n: rows[(own.models["strategy"] == strategy) & (own.models["seed"] == seed)],
    )
    record = claims.efficiency(own)
    of_all = own.compared.set_index("strategy").loc["frozen_1_middle"]
    assert record["number"].startswith(
        f"mean over 20 labelled people per group, SSL − supervised: AUC {text.signed(of_all['auc_difference'])}"
    )
    assert f"disparity {text.signed(of_all['deviation_difference'])}" in record["number"]
    own.label_sizes = ()
    assert claims.efficiency(own)["number"] == "–"


def test_the_limit_holds_with_one_worse_model_and_fails_only_if_all_are_better(make_cohort):
    own = case(make_cohort)
    ends = [f"{m}_difference{e}" for m in ("auc", "deviation") for e in ("", "_low", "_high")]
    ssl = own.compared["strategy"].isin(["frozen_0", "frozen_1_middle", "frozen_3"])
    own.compared.loc[ssl, ends] = [0.0, -0.01, 0.01, -0.1, -0.2, -0.05]
    assert claims.limits(own)["verdict"].startswith("does not hold")
    own.compared.loc[own.compared["strategy"] == "frozen_0", ends[3:]] = [0.1, 0.05, 0.2]
    assert claims.limits(own)["verdict"].startswith("holds")
    assert claims.limits(own)["number"].startswith(
        "of 3 SSL models, 1 are shown to be worse: 0 in accuracy, 1 in disparity"
    )
    own.compared.loc[own.compared["strategy"] == "frozen_0", ends[3:]] = [0.0, -0.1, 0.1]
    assert claims.limits(own)["verdict"].startswith("undecided")


def test_within():
    assert release_claims.within(0.0) == "to the last digit"
    assert release_claims.within(3e-7) == "within 0.000001"
    assert release_claims.within(0.0004) == "within 0.001"
