"""The numbers of the pages with controls: against scikit-learn, what may be shown, and what the gate refuses."""

import json
from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, roc_auc_score

from book.pages import explorer, turning
from fairlib import cards
from fairlib.fairness import GROUP_RATES, RATES
from fairlib.measures.thresholds import GRID
from fairlib.report import charts, show
from fairlib.twins import dial, truth
from tests.tables import evaluation_tables

DRAWS, TWIN = 40, "Challenge 2012"


class Few:
    """A study with one model a strategy: scores with some signal."""

    def __init__(self, cohort):
        draw = np.random.default_rng(2)
        self.cohort = cohort
        self.scores = {
            name: 1 / (1 + np.exp(-(2 * cohort.y - 1 + 2 * draw.normal(size=len(cohort)))))
            for name in ("supervised", "frozen_0")
        }

    def has(self, strategy, seeds):
        return strategy in self.scores

    @cache  # noqa: B019
    def tables(self, strategy):
        return evaluation_tables(self.cohort, self.scores[strategy], 0.5, DRAWS)

    def table(self, name, strategy, seed):
        return self.tables(strategy)[name]


@pytest.fixture(scope="module")
def study(make_cohort):
    return Few(make_cohort("challenge2012", "real", people=900))


@pytest.fixture(scope="module")
def numbers(study):
    return explorer.collect(
        {"tuned": (study, (1,))}, cards.load("challenge2012"), "open", ("supervised", "frozen_0", "frozen_3")
    )


def curves(numbers, *names):
    """The curves of recipe, model and run, or twin, knob and cohort: (attribute,) group and measure → curves."""
    (block,) = (block for block in numbers.blocks if block.of == list(names))
    return {tuple(row.of): row.curves for row in block.rows}


def test_rates_and_ratios_are_those_of_decisions_counted_by_scikit_learn(study, numbers):
    cohort, score = study.cohort, study.scores["frozen_0"]
    test = cohort.rows("test")
    y, s, age = cohort.y[test], score[test], cohort.attributes["age"].iloc[test].to_numpy()
    model = curves(numbers, "tuned", "SSL, nothing frozen", "1")
    for place in (11, 19, 25):
        found = {}
        for segment in ("<65", ">=65"):
            own = age == segment
            (tn, fp), (fn, tp) = confusion_matrix(y[own], s[own] >= GRID[place])
            found[segment] = {
                "error_rate": (fp + fn) / own.sum(),
                "false_negative_rate": fn / (fn + tp),
                "false_positive_rate": fp / (fp + tn),
                "selection_rate": (fp + tp) / own.sum(),
            }
            for name, value in found[segment].items():
                of = model["age", segment, name.replace("_", " ")]
                estimate, low, high = (curve[place] for curve in of)
                assert estimate == pytest.approx(1000 * value, abs=0.6)
                assert low <= estimate <= high
        ratio = found[">=65"]["error_rate"] / found["<65"]["error_rate"]
        assert model["age", ">=65 / <65", "error rate ratio (ERR)"][0][place] == pytest.approx(1000 * ratio, abs=0.6)


def test_roc_curves_hold_the_area_of_the_scores(study, numbers):
    test = study.cohort.rows("test")
    female = (study.cohort.attributes["gender"].iloc[test] == "Female").to_numpy()
    curve = np.array(curves(numbers, "tuned", "supervised", "1")["gender", "Female", "ROC"][0]) / 1000
    area = np.trapezoid(curve, dx=1 / (len(curve) - 1))
    score = study.scores["supervised"][test]
    assert area == pytest.approx(roc_auc_score(study.cohort.y[test][female], score[female]), abs=0.01)


def test_all_that_was_asked_for_is_there_with_sizes(study, numbers):
    assert numbers.choices["model"] == ["supervised", "SSL, nothing frozen"]  # frozen_3 has no results
    assert numbers.choices["metric"] == [explorer.measure_name(name) for name in RATES]
    assert numbers.groups["gender"] == ["Male", "Female", "everybody"]
    tables, test = study.tables("supervised"), study.cohort.rows("test")
    shown = explorer.rates_at(tables, 11).set_index(["attribute", "segment"])
    y, male = study.cohort.y[test], (study.cohort.attributes["gender"].iloc[test] == "Male").to_numpy()
    assert shown.loc[("everybody", "everybody"), "windows"] == len(test)
    assert shown.loc[("gender", "Male"), "events"] == y[male].sum()
    assert numbers.smallest == min(min(row.events, row.windows - row.events) for row in shown.itertuples())


def test_the_tables_hold_the_values_of_the_chart_at_the_threshold_of_the_study(study, numbers):
    tables, model, place = (
        study.tables("supervised"),
        curves(numbers, "tuned", "supervised", "1"),
        list(GRID).index(0.5),
    )
    for row in explorer.rates_at(tables, 11).to_dict("records"):
        for name in GROUP_RATES:
            chart = [curve[place] / 1000 for curve in model[row["attribute"], row["segment"], name.replace("_", " ")]]
            assert chart == pytest.approx([row[f"{name} {end}"] for end in explorer.ENDS], abs=0.0006)
    metrics = explorer.metrics_at(tables["thresholds"]).set_index(["attribute", "metric"])
    chart = [curve[place] / 1000 for curve in model["gender", "Female / Male", "error rate ratio (ERR)"]]
    table = metrics.loc[("gender", "error rate ratio (ERR)"), explorer.ENDS].tolist()
    assert chart == pytest.approx(table, abs=0.0006)


def test_restricted_data_have_no_such_page(make_cohort):
    restricted = Few(make_cohort("mimic", "real", people=900))
    assert explorer.collect({"tuned": (restricted, (1,))}, cards.load("mimic"), "restricted", ("supervised",)) is None


@pytest.mark.parametrize("min_cell", [5, 25])
def test_a_card_decides_how_small_a_group_is_shown(make_cohort, min_cell):
    card = cards.load("challenge2012").model_copy(update={"min_cell": min_cell})
    units = np.array(["Medical"] * 810 + ["Surgical"] * 90)
    units = np.random.default_rng(0).permutation(units)
    few = Few(make_cohort("challenge2012", "real", people=900, icu_type=units, card=card))
    found = explorer.collect({"tuned": (few, (1,))}, card, "open", ("supervised",))
    surgical = (few.cohort.attributes["icu_type"] == "Surgical").to_numpy() & (few.cohort.split == "test")
    events = few.cohort.y[surgical]
    enough = min(events.sum(), (1 - events).sum()) >= min_cell
    assert enough == (min_cell == 5)
    assert ("Surgical" in found.groups["icu_type"]) == enough
    assert found.smallest >= min_cell


def test_where_everybody_is_few_nothing_is_shown_of_real_people(make_cohort):
    """15 people in test, fewer than 11 with the outcome: the tables hold rates of everybody, the page none."""
    for origin, access in (("real", "open"), ("twin", "synthetic")):
        few = Few(make_cohort("challenge2012", origin, people=75))
        assert not few.table("thresholds", "supervised", 1).empty
        found = explorer.collect({"tuned": (few, (1,))}, cards.load("challenge2012"), access, ("supervised",))
        assert (found is None) == (access == "open")


def test_a_metric_that_is_a_difference_is_there_too(make_cohort):
    twin = Few(make_cohort("globem", "twin", people=900))
    found = explorer.collect({"tuned": (twin, (1,))}, cards.load("globem"), "synthetic", ("supervised",))
    assert found.choices["metric"][0] == "average odds difference (AOD)"
    model = curves(found, "tuned", "supervised", "1")
    (of,) = (own for own in model if own[0] == "gender" and own[2] == "average odds difference (AOD)")
    assert min(value for value in model[of][0] if value is not None) < 0  # signed


def test_thousandths_are_rounded_and_cut_off():
    assert charts.thousandths([0.12345, np.nan, 123456.0, -0.2]) == [123, None, charts.CAP, -200]


def test_segments_without_numbers_are_named(study, make_cohort):
    tables = study.tables("supervised")
    assert explorer.left_out(tables["metrics"]) == ""
    small = make_cohort("challenge2012", "real", people=300, icu_type=np.array(["Medical"] * 290 + ["Surgical"] * 10))
    metrics = Few(small).table("metrics", "supervised", 1)
    assert "icu_type Surgical" in explorer.left_out(metrics)


# ----------------------------------------------------------------------------------------------------------- the shower


def made(access="open"):
    return SimpleNamespace(html=lambda: "made", access=access, origin="real", min_cell=11)


BLOCK, ROW = ("blocks", 0), ("blocks", 0, "rows", 0)


@pytest.mark.parametrize(
    ("path", "change", "word"),
    [
        ((), {"people": [71, 30, 55]}, "Extra inputs"),
        (BLOCK, {"people": [[71, 1]]}, "Extra inputs"),
        (ROW, {"people": 71}, "Extra inputs"),
        (ROW, {"curves": [[1] * 102]}, "at most 101"),
        (ROW, {"curves": [[1]] * 4}, "at most 3"),
        (ROW, {"curves": [[132539]]}, "less than"),
        (ROW, {"of": ["age", "132539", "ROC"]}, "pattern"),
        ((), {"chart": "people"}, "thresholds"),
    ],
)
def test_a_chart_holds_no_more_than_aggregates_of_the_study(numbers, path, change, word):
    content = part = json.loads(numbers.model_dump_json())
    for name in path:
        part = part[name]
    part.update(change)
    with pytest.raises(ValueError, match=word):
        charts.Numbers.model_validate_json(json.dumps(content))


def test_a_name_cannot_end_the_script(monkeypatch, numbers):
    shown = []
    monkeypatch.setattr(show, "_show", lambda piece, text: shown.append(piece))
    show.chart(numbers.model_copy(update={"groups": {"a": ["</script><b>"]}}), "A page", "What it shows", made())
    assert shown[0].count("</script>") == 1
    assert "<b>" not in shown[0]
    assert (shown[0].access, shown[0].smallest) == ("open", numbers.smallest)


def test_restricted_data_and_small_groups_are_not_even_shown(numbers):
    with pytest.raises(ValueError, match="single people"):
        show.chart(numbers, "A page", "What it shows", made("restricted"))
    with pytest.raises(ValueError, match="a group of 3, fewer than 11"):
        show.chart(numbers.model_copy(update={"smallest": 3}), "A page", "What it shows", made())


# ------------------------------------------------------------------------------------------------------------ the dial


@pytest.fixture(scope="module")
def turned():
    return turning.collect(["challenge2012"], 20_000, [400, 1500])


def test_a_setting_holds_what_the_fixed_scorer_does_there(turned):
    place = turning.settings("noise").index(1.0)
    drawn = truth.draw(
        "challenge2012", dial.turned("challenge2012", "noise", 1.0), 21_500, turning._rng("challenge2012")
    )
    for rows, cohort in ((drawn[1500:], "truth"), (drawn[:1500], "1,500 windows")):
        own, found = rows[rows["age"] == ">=65"], curves(turned, TWIN, "noise", cohort)
        auc, low, high = (curve[place] for curve in found["age >=65", "AUC"])
        assert cohort == "truth" or low < auc < high
        assert auc == pytest.approx(1000 * roc_auc_score(own["label"], own["score"]), abs=0.6)
        error = 1000 * np.mean(own["label"] != (own["score"] >= 0.5))
        assert found["age >=65", "error rate"][0][place] == pytest.approx(error, abs=0.6)


def test_every_knob_has_its_zero_where_segments_are_alike(turned):
    for knob, (name, shown) in zip(turning.SPAN, turning.ends(turned).set_index("knob").iterrows(), strict=True):
        place = turning.settings(knob).index(0)
        found = curves(turned, TWIN, name, "truth")
        inside, others = (found[side, "AUC"][0][place] for side in turned.groups[TWIN])
        assert abs(inside - others) < 40  # Monte Carlo
        assert shown[["auc", "auc highest"]].tolist() == [inside / 1000, found["age >=65", "AUC"][0][-1] / 1000]
        few = curves(turned, TWIN, name, "400 windows")["age >=65 / all others", "error rate ratio (ERR)"]
        assert all(len(curve) == turning.STOPS for curve in few)


def test_what_the_page_says_of_the_knobs_is_so(turned):
    found = turning.ends(turned).set_index("knob")
    for name in ("noise", "missingness", "label noise"):
        assert found.loc[name, "auc highest"] < found.loc[name, "auc"] - 0.05
    lost = found.loc["missingness"]
    error = curves(turned, TWIN, "missingness", "truth")["age >=65", "error rate"][0]
    assert error[-1] < error[0]
    assert lost["false_negative_rate highest"] > lost["false_negative_rate"] + 0.1
    prevalence = found.loc["prevalence"]
    assert prevalence["error_rate_ratio highest"] > prevalence["error_rate_ratio"] + 0.2
    share = curves(turned, TWIN, "share", "truth")["age >=65", "AUC"][0]
    assert max(share) - min(share) < 30
