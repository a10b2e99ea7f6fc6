"""The numbers of the pages with controls: against scikit-learn, what may be shown, and what the gate refuses."""

import json

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, roc_auc_score

from book.pages import explorer, turning
from fairlib import cards
from fairlib.fairness import RATES
from fairlib.measures.thresholds import GRID
from fairlib.report import gate, show
from fairlib.twins import dial, truth
from tests.tables import evaluation_tables

DRAWS = 40


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

    def evaluation(self, strategy, seed, threshold, draws):
        return evaluation_tables(self.cohort, self.scores[strategy], threshold, draws)


@pytest.fixture(scope="module")
def study(make_cohort):
    return Few(make_cohort("challenge2012", "real", people=900))


@pytest.fixture(scope="module")
def numbers(study):
    return explorer.collect(
        study, cards.load("challenge2012"), "open", ("supervised", "frozen_0", "frozen_3"), (1,), DRAWS
    )


def test_rates_and_ratios_are_those_of_decisions_counted_by_scikit_learn(study, numbers):
    cohort, score = study.cohort, study.scores["frozen_0"]
    test = cohort.rows("test")
    y, s, age = cohort.y[test], score[test], cohort.attributes["age"].iloc[test].to_numpy()
    model = numbers.models["frozen_0"]["1"]
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
                estimate, low, high = (curve[place] for curve in model.rates["age"][segment][name])
                assert estimate == pytest.approx(1000 * value, abs=0.6)
                assert low <= estimate <= high
        ratio = found[">=65"]["error_rate"] / found["<65"]["error_rate"]
        assert model.ratios["age"]["error_rate_ratio"][0][place] == pytest.approx(1000 * ratio, abs=0.6)


def test_roc_curves_hold_the_area_of_the_scores(study, numbers):
    test = study.cohort.rows("test")
    female = (study.cohort.attributes["gender"].iloc[test] == "Female").to_numpy()
    curve = np.array(numbers.models["supervised"]["1"].roc["gender"]["Female"]) / 1000
    area = np.trapezoid(curve, dx=1 / (len(curve) - 1))
    score = study.scores["supervised"][test]
    assert area == pytest.approx(roc_auc_score(study.cohort.y[test][female], score[female]), abs=0.01)


def test_all_that_was_asked_for_is_there_with_sizes(study, numbers):
    assert list(numbers.models) == ["supervised", "frozen_0"]  # frozen_3 has no results
    assert set(numbers.models["supervised"]["1"].ratios["gender"]) == set(RATES)
    test = study.cohort.rows("test")
    assert numbers.groups["everybody"]["everybody"].windows == f"{len(test):,}"
    events = study.cohort.y[test][(study.cohort.attributes["gender"].iloc[test] == "Male").to_numpy()].sum()
    assert numbers.groups["gender"]["Male"].events == f"{events:,}"
    assert numbers.privileged["age"] == "<65"


def test_restricted_data_have_no_such_page(make_cohort):
    restricted = Few(make_cohort("mimic", "real", people=900))
    assert explorer.collect(restricted, cards.load("mimic"), "restricted", ("supervised",), (1,), DRAWS) is None


@pytest.mark.parametrize("min_cell", [5, 25])
def test_a_card_decides_how_small_a_group_is_shown_and_the_gate_agrees(make_cohort, min_cell):
    card = cards.load("challenge2012").model_copy(update={"min_cell": min_cell})
    units = np.array(["Medical"] * 810 + ["Surgical"] * 90)
    units = np.random.default_rng(0).permutation(units)
    few = Few(make_cohort("challenge2012", "real", people=900, icu_type=units, card=card))
    found = explorer.collect(few, card, "open", ("supervised",), (1,), DRAWS)
    surgical = (few.cohort.attributes["icu_type"] == "Surgical").to_numpy() & (few.cohort.split == "test")
    events = few.cohort.y[surgical]
    enough = min(events.sum(), (1 - events).sum()) >= min_cell
    assert enough == (min_cell == 5)
    assert ("Surgical" in found.groups["icu_type"]) == enough
    assert gate._markup(page(found.model_dump_json().replace("<", "\\u003c")), "open") == []


def test_where_everybody_is_few_nothing_is_shown_of_real_people(make_cohort):
    """15 people in test, fewer than 11 with the outcome: the tables hold rates of everybody, the page none."""
    for origin, access in (("real", "open"), ("twin", "synthetic")):
        few = Few(make_cohort("challenge2012", origin, people=75))
        assert not few.table("thresholds", "supervised", 1).empty
        found = explorer.collect(few, cards.load("challenge2012"), access, ("supervised",), (1,), DRAWS)
        assert (found is None) == (access == "open")


def test_a_metric_that_is_a_difference_is_there_too(make_cohort):
    twin = Few(make_cohort("globem", "twin", people=900))
    found = explorer.collect(twin, cards.load("globem"), "synthetic", ("supervised",), (1,), DRAWS)
    assert found.metric == "average_odds_difference"
    values = found.models["supervised"]["1"].ratios["gender"]["average_odds_difference"][0]
    assert min(value for value in values if value is not None) < 0  # signed


def test_thousandths_are_rounded_and_cut_off():
    assert explorer.thousandths([0.12345, np.nan, 123456.0, -0.2]) == [123, None, explorer.CAP, -200]


def test_segments_without_numbers_are_named(study, make_cohort):
    tables = study.evaluation("supervised", 1, 0.5, DRAWS)
    assert explorer.left_out(tables["metrics"]) == ""
    small = make_cohort("challenge2012", "real", people=300, icu_type=np.array(["Medical"] * 290 + ["Surgical"] * 10))
    metrics = Few(small).evaluation("supervised", 1, 0.5, DRAWS)["metrics"]
    assert "icu_type Surgical" in explorer.left_out(metrics)


# ------------------------------------------------------------------------------------------------------------ the gate


def page(text, kind=explorer.MARKER):
    return f'<section class="fairlib-explorer"><script type="application/json" class="{kind}">{text}</script></section>'


def refused(text, access="open"):
    found = gate._markup(page(text), access)
    assert found
    return found[0]


def test_the_gate_lets_these_numbers_out_and_no_other_script(numbers):
    text = numbers.model_dump_json().replace("<", "\\u003c")
    assert gate._markup(page(text), "open") == []
    assert gate._markup(page(text), "synthetic") == []
    assert "single people" in refused(text, "restricted")
    assert "script" in gate._markup(page(text, kind="other"), "open")[0]
    assert "script" in gate._markup(page(text) + "<script>1</script>", "open")[0]


def of(content, *path):
    for name in path:
        content = content[name]
    return content


MODEL, AGE = ("models", "supervised", "1"), ("groups", "age", "<65")


@pytest.mark.parametrize(
    ("path", "change", "word"),
    [
        ((), {"people": [71, 30, 55]}, "Extra inputs"),
        (MODEL, {"rows": [[71, 1]]}, "Extra inputs"),
        ((), {"grid": [0.1, 0.11]}, "thresholds other than"),
        ((*MODEL, "ratios", "age"), {"error_rate_ratio": [[1], [1], [1]]}, "one value"),
        ((*MODEL, "roc", "age"), {"<65": [132539]}, "less than"),
        ((*MODEL, "roc", "age"), {"132539": [1]}, "pattern"),
        ((*MODEL, "roc", "age"), {"other": [1]}, "small or without a size"),
        (AGE, {"people": "7"}, "small or without a size"),
        (AGE, {"events": "0"}, "small or without a size"),
        (AGE, {"windows": "50", "events": "45"}, "small or without a size"),
        ((), {"min_cell": 0}, "greater than 0"),
    ],
)
def test_the_gate_refuses_what_is_no_aggregate_of_the_study(numbers, path, change, word):
    content = json.loads(numbers.model_dump_json())
    of(content, *path).update(change)
    assert word in refused(json.dumps(content))


def test_the_gate_refuses_what_cannot_be_read():
    assert "not as book.pages.explorer" in refused("[1, 2")


def test_a_name_cannot_end_the_script(monkeypatch):
    shown = []
    monkeypatch.setattr(show, "_show", lambda html, text: shown.append(html))

    class Made:
        html = staticmethod(lambda: "made")

    show.explorer('{"a": "</script><b>"}', "A page", Made)
    assert shown[0].count("</script>") == 1
    assert "<b>" not in shown[0]


# ------------------------------------------------------------------------------------------------------------ the dial


@pytest.fixture(scope="module")
def turned():
    return json.loads(turning.collect("challenge2012", 20_000, [400, 1500]))


def test_a_setting_holds_what_the_fixed_scorer_does_there(turned):
    knob = turned["knobs"]["noise"]
    place = knob["settings"].index(1.0)
    drawn = truth.draw(
        "challenge2012", dial.turned("challenge2012", "noise", 1.0), 21_500, turning._rng("challenge2012")
    )
    cohort, many = drawn[:1500], drawn[1500:]
    for rows, found in ((many, knob["truth"]), (cohort, knob["measured"]["1500"])):
        own = rows[rows["age"] == ">=65"]
        auc, error = found["inside"]["auc"], found["inside"]["error_rate"]
        if rows is cohort:
            assert auc[1][place] < auc[0][place] < auc[2][place]
            auc, error = auc[0], error[0]
        assert auc[place] == pytest.approx(1000 * roc_auc_score(own["label"], own["score"]), abs=0.6)
        assert error[place] == pytest.approx(1000 * np.mean(own["label"] != (own["score"] >= 0.5)), abs=0.6)


def test_every_knob_has_its_zero_where_segments_are_alike(turned):
    for knob in turned["knobs"].values():
        place = knob["settings"].index(0)
        inside, others = (knob["truth"][side]["auc"][place] for side in turning.SIDES)
        assert abs(inside - others) < 40  # Monte Carlo
        assert all(
            len(curve) == len(knob["settings"]) for curve in knob["measured"]["400"]["ratios"]["error_rate_ratio"]
        )


def test_what_the_page_says_of_the_knobs_is_so(turned):
    knobs = {name: knob["truth"] for name, knob in turned["knobs"].items()}
    for name in ("noise", "missingness", "label_noise"):
        assert knobs[name]["inside"]["auc"][-1] < knobs[name]["inside"]["auc"][0] - 50
    lost = knobs["missingness"]["inside"]
    assert lost["error_rate"][-1] < lost["error_rate"][0]
    assert lost["false_negative_rate"][-1] > lost["false_negative_rate"][0] + 100
    prevalence = knobs["prevalence"]
    assert prevalence["ratios"]["error_rate_ratio"][-1] > prevalence["ratios"]["error_rate_ratio"][0] + 200
    share = knobs["share"]["inside"]["auc"]
    assert max(share) - min(share) < 30
