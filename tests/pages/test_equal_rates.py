"""What stage 5 computes at equal alert rates: by hand, by simulation, and what it refuses to judge."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from book.pages import answers
from book.pages.contracts import check
from book.pages.figures import evidence as figures
from book.pages.figures import specifications
from book.pages.tables import evidence as tables
from fairlib.audit import equal_rates
from fairlib.audit.equal_rates import MARGINS, Scored, own_rows
from fairlib.fairness import log_ratio
from fairlib.measures import benchmarks, casemix, recalibration, speccurve, verdicts
from fairlib.measures.estimands import AUC, CLAIM, GROUP_ERROR, OVERALL, SINGLE, D
from fairlib.measures.evidence import SIDES, Evidence
from fairlib.measures.operating import PRIMARY, PUBLISHED
from fairlib.report import columns, plain
from fairlib.report.provenance import of_twin
from fairlib.study.frozen import JUDGED_BY, Frozen
from tests.measures.scores import CARD

from .scored import NAMES, rates, scored, scores

SUPERVISED, SSL = NAMES[:2]


class Kept:
    """A study with the scores of ``of``; of ``frozen_0`` the first repeat alone, and ``constant`` ranks nobody."""

    def __init__(self, of, missing=()):
        self.of, self.missing, self.manifest = of, missing, {"access": "open", "folds": 2, "draws": 40}

    def has(self, name, seeds):
        return name not in self.missing and (name != "frozen_0" or set(seeds) <= {1})

    def people(self):
        base = pd.DataFrame({"row": np.arange(len(self.of.y)), "person": self.of.person, "y": self.of.y})
        return pd.concat([base, self.of.attributes], axis=1)

    def table(self, name, strategy, seed):
        if name == "cuts":
            return pd.DataFrame({"fold": [0, 1], "point": "alert rate 0.20", "threshold": 0.5})
        score = np.full(len(self.of.y), 0.5) if strategy == "constant" else self.of.score[strategy][seed - 1]
        return pd.DataFrame(
            {"row": np.arange(len(score)), "fold": self.of.fold[seed - 1], "score": score, "risk": score}
        )


@pytest.fixture(scope="module")
def made():
    p = check("5_evaluation", {"dataset": "mimic", "profile": "smoke"})
    return replace(
        of_twin(check("twin", {"dataset": "mimic"}), None), command=p.command(), recipe="tuned", seeds=(1, 2)
    )


def test_models_with_fewer_runs_are_compared_over_the_runs_they_have():
    study = Kept(scores())
    found = equal_rates.of_study(study, CARD, (*NAMES, "constant"), (1, 2))
    assert (found.one, found.runs, found.draws) == (SSL, 4, equal_rates.DRAWS)
    assert [[*part.score] for part in found.parts] == [
        [SUPERVISED, SSL, NAMES[3]],
        [SUPERVISED, SSL, NAMES[3], NAMES[2]],
    ]
    assert [part.repeats for part in found.parts] == [2, 1]
    small = replace(found, draws=40)
    row = own_rows(small.each, one="frozen_0", estimand=AUC)
    first = scores()
    first = replace(first, fold=first.fold[:1], score={name: of[:1] for name, of in first.score.items()}, risk={})
    alone = Evidence(first, 2)
    assert row["estimate"].item() == pytest.approx((alone.auc("frozen_0") - alone.auc(SUPERVISED)).estimate)
    pair = own_rows(small.each, one=SSL, estimand=AUC)
    assert pair["estimate"].item() == pytest.approx(own_rows(scored().found, estimand=AUC)["estimate"].item())


def test_without_a_pair_nothing_is_compared(tmp_path):
    """So it is of results of version 0.1, which hold no scores."""
    assert equal_rates.of_study(Kept(scores()), CARD, NAMES[1:], (1, 2)) is None
    assert equal_rates.of_study(Kept(scores(), missing=(SSL, "frozen_0")), CARD, NAMES, (1, 2)) is None
    (tmp_path / "manifest.json").write_text(json.dumps({"recipes": {"tuned": {"access": "open"}}}))
    assert equal_rates.of_study(Frozen(tmp_path, "tuned"), CARD, NAMES, (1, 2)) is None


def ratios(wrong):
    """Log error rate ratios of both attributes, of errors (n,)."""
    sides = scored().evidence.sides
    rates = [[wrong[sides[name, side]].mean() for side in SIDES] for name in ("gender", "age")]
    return [log_ratio(one / other) for one, other in rates]


def test_the_levels_of_a_coin_by_tossing_it():
    """Of each attribute and of their mean; both repeats toss their own coin."""
    found = own_rows(scored().levels([SUPERVISED], PRIMARY), estimand=D).set_index("group")
    of, draw, tossed = scored().of, np.random.default_rng(0), []
    for _ in range(3000):
        logs = []
        for fold in of.fold:
            chosen = np.zeros(len(of.y))
            for k in range(of.folds):
                rows = np.flatnonzero(fold == k)
                chosen[draw.choice(rows, round(0.2 * len(rows)), replace=False)] = 1
            wrong = chosen != of.y
            logs.append(ratios(wrong))
        tossed.append(np.abs(np.mean(logs, axis=0)))
    tossed = np.column_stack([tossed, np.mean(tossed, axis=1)])
    for name, values in zip(["gender", "age", OVERALL], tossed.T, strict=True):
        assert found.loc[name, "coin"] == pytest.approx(values.mean(), rel=0.05)
        assert found.loc[name, "coin_high"] == pytest.approx(np.quantile(values, 0.975), rel=0.08)
    beside = own_rows(benchmarks.beside(scored().sketches[0], SUPERVISED, PRIMARY), benchmark="calibrated score")
    fair = beside.set_index("attribute")["estimate"].abs()
    assert found.loc["age", "calibrated"] == pytest.approx(fair["age"])
    assert found.loc[OVERALL, "calibrated"] == pytest.approx(fair[benchmarks.DISPARITY])


def test_a_score_no_better_than_chance_has_no_calibrated_twin():
    y = np.array([0, 1] * 10)
    assert np.isnan(benchmarks.calibrated(y, y == 0, y == 1, 0.49, 0.2))


def test_the_curve_passes_through_the_verdict_and_through_the_threshold():
    at = rates().set_index(rates()["alert_rate"].round(2)).loc[0.2]
    row = own_rows(scored().found, estimand=D, point=PRIMARY.name, group=OVERALL).iloc[0]
    assert at["estimate"] == pytest.approx(row["estimate"])
    assert (at["level_one"], at["level_other"]) == pytest.approx((row["level_one"], row["level_other"]))
    assert (rates()["band_low"] < rates()["low"]).all()
    published = scored().as_published().set_index("model")
    for name in (SUPERVISED, SSL):
        flagged = scored().of.score[name] >= 0.5
        assert published.loc[name, "alert_rate"] == pytest.approx(flagged.mean())
        wrong = (flagged != scored().of.y).astype(float)
        logs = np.mean([ratios(each) for each in wrong], axis=0)
        assert published.loc[name, "level"] == pytest.approx(np.abs(logs).mean(), rel=1e-4)


def test_main_rows_have_p_of_the_secondary_family_alone():
    main, family = scored().main, verdicts.secondary(scored().found)
    known = main.dropna(subset="p_holm")
    assert set(zip(known["estimand"], known["point"], strict=True)) == set(
        zip(family["estimand"], family["point"], strict=True)
    )
    assert set(scored().groups["group"]) == {"everyone", *(segments for _, segments in scored().evidence.named)}


def test_what_is_adjusted_is_what_the_measures_say():
    found, evidence = scored().adjusted(), scored().evidence
    gap = own_rows(found, estimand=equal_rates.CALIBRATION_GAP, group="age").iloc[0]
    one, other = (recalibration.calibration_gap(evidence, name, "age") for name in (SSL, SUPERVISED))
    assert gap["estimate"] == pytest.approx((one - other).estimate)
    mix = own_rows(found, estimand=equal_rates.EQUAL_MIX).iloc[0]
    assert mix["level_other"] == pytest.approx(casemix.folded_at_equal_case_mix(evidence, SUPERVISED, PRIMARY).estimate)


def test_the_best_is_chosen_among_several_only():
    assert sum(scored().best().shares.values()) == pytest.approx(1)
    assert Scored(SSL, (scores(names=NAMES[:2]),), 40).best() is None
    assert Scored(SSL, (scores(people=120),), 40).best() is None  # halves too small to judge both attributes


def test_windows_of_one_person_stay_together():
    found = Scored(SSL, (scores(people=300, windows=4),), 40)
    assert found.judged
    assert "Windows" not in plain.paragraph(answers.sentences(found), "Here")
    assert len(tables.verdicts(found.found, found.verdicts)) > 1


# ------------------------------------------------------------------------------------------------------------ in tables


def verdict_table(found, **ends):
    """The verdict table of a pair whose D, claim and AUC have these ends."""
    found = found.copy()
    for estimand, (low, high) in ends.items():
        rows = found["estimand"].eq({"d": D, "claim": CLAIM, "auc": AUC, "groups": GROUP_ERROR}[estimand])
        found.loc[rows, ["low", "low90", "high", "high90"]] = [low, low, high, high]
    held = verdicts.verdicts(found, PRIMARY, MARGINS)
    return columns.written(tables.verdicts(found, held)), held


def test_a_row_per_verdict_that_holds_after_what_could_have_been_found():
    table, held = verdict_table(
        scored().found, d=(-0.3, -0.1), claim=(-0.2, -0.01), auc=(-0.01, 0.02), groups=(0.01, 0.05)
    )
    names = ["AUC non-inferior", "claim supported", "disparity smaller", "the paper's claim"]
    assert list(table["verdict"])[:4] == names
    assert all(name.startswith("levelling down: in ") for name in table["verdict"][4:])
    assert len(table) == held["holds"].sum()
    heads = list(table)
    assert heads.index("smallest detectable difference") < heads.index("difference to supervised (interval)")
    row = table.set_index("verdict").loc["claim supported"]
    assert row.iloc[-1] != "–"  # the range of D, since the contrast has no level
    group = table[table["verdict"].str.startswith("levelling")].iloc[0]
    assert group["quantity"].removeprefix("error rate, ") in group["verdict"].replace(">=", "≥")
    both, _ = verdict_table(scored().found, d=(-0.03, 0.02), claim=(0.01, 0.1))
    assert {"claim excluded", "disparity equivalent"} <= set(both["verdict"])
    little, _ = verdict_table(scored().found, d=(-0.3, 0.2), claim=(-0.1, 0.1), groups=(-0.1, 0.1))
    assert {"too little data", "levelling down: open"} <= set(little["verdict"])


def test_an_open_verdict_on_groups_shows_the_group_with_the_highest_end():
    found = scored().found.copy()
    rows = found.index[(found["estimand"] == GROUP_ERROR) & (found["point"] == PRIMARY.name)]
    found.loc[rows, ["low", "high"]] = [[-0.2, 0.03], [-0.05, 0.06], [-0.1, 0.01], [-0.1, 0.02]][: len(rows)]
    found.loc[rows, "estimate"] = 0.0
    table, _ = verdict_table(found)
    row = table.set_index("verdict").loc["levelling down: open"]
    assert row["difference to supervised (interval)"].replace("\u00a0", " ") == "0.000 [−0.050, +0.060]"
    assert row["quantity"] == columns.text.readable(f"error rate, {found.loc[rows[1], 'group']}")


@pytest.mark.parametrize(("runs", "shown"), [(9, False), (10, True)])
def test_the_corrected_interval_is_shown_of_enough_runs(runs, shown):
    rows = scored().main.assign(runs=runs, corrected_low=-0.1, corrected_high=0.1)
    assert ("corrected t interval" in columns.written(tables.differences(rows))) == shown


def test_levels_have_no_interval():
    table = columns.written(tables.levels(scored().levels([SUPERVISED], PUBLISHED)))
    assert not table["mean |log error rate ratio|"].str.contains(r"\[").any()
    assert "mean, single trained model" in set(table["group"])
    assert set(own_rows(scored().levels([SUPERVISED], PUBLISHED), estimand=SINGLE)["coin"].isna()) == {True}


# --------------------------------------------------------------------------------------------------------- in sentences


def test_two_sentences_and_a_paragraph_hold_the_numbers(made):
    text = answers.lead(scored(), CARD, made)
    assert text.startswith("Synthetic twin (")
    area = own_rows(scored().found, estimand=AUC)["estimate"].item()
    assert f"changes the AUC by {area:+.3f}".replace("-", "−") in text
    long = answers.paragraph(scored(), CARD, made)
    worst = own_rows(scored().found, estimand=GROUP_ERROR, point=PRIMARY.name).nlargest(1, "level_other").iloc[0]
    group = columns.text.readable(worst["group"].replace(" × ", " and "))
    assert f"serves worst is {group} (error rate {worst['level_other']:.3f})" in long
    assert "logistic regression changes the AUC by" in long
    held = scored().verdicts.loc[scored().verdicts["holds"], "verdict"]
    assert f"Verdicts: {'; '.join(held)}." in long
    assert "over people alone: 4 training runs" in long
    assert len(answers.sentences(scored())) == 1 + (~held.isin([verdicts.NON_INFERIOR, verdicts.SENSITIVITY])).sum()


def test_what_is_not_judged_is_a_sentence(made):
    chance = scores()
    again = chance.score | {SSL: np.random.default_rng(0).random(chance.fold.shape, np.float32)}
    chance = Scored(SSL, (replace(chance, score=again),), 40)
    assert SSL in chance.at_chance
    assert not chance.judged
    assert "No better than chance: SSL, middle frozen" in answers.lead(chance, CARD, made)
    few = Scored(SSL, (scores(people=40),), 40)
    assert "no protected attribute has 11 people" in answers.paragraph(few, CARD, made)
    assert few.levels([SUPERVISED], PRIMARY).empty
    assert answers.why_not(None, CARD) == answers.NOTHING
    for found in (few, chance, None):
        assert "Verdicts:" not in answers.paragraph(found, CARD, made)


def test_without_the_people_by_whom_settings_were_chosen():
    """As if they had not been there; where nobody says who they were, nothing is shown."""
    assert scored().without_judges().empty
    of = scores(people=400)
    judged = np.arange(400) % 10 == 0
    marked = replace(of, attributes=of.attributes.assign(**{JUDGED_BY: judged}))
    found = Scored("frozen_1_middle", (marked,), 40).without_judges().set_index("estimand")
    wanted = Scored("frozen_1_middle", (of.only(~judged),), 40).found
    for name in (AUC, D):
        own = wanted[(wanted["estimand"] == name) & wanted["point"].isin(["", PRIMARY.name])]
        own = own[own["group"].isin(["everyone", OVERALL])].iloc[0]
        assert found.loc[name, ["estimate", "low", "high"]].tolist() == own[["estimate", "low", "high"]].tolist()


def test_claims_are_judged_at_equal_alert_rates():
    """A row a model; the supervised one has no difference to itself."""
    rows = scored().headline.set_index("strategy")
    assert rows.index.tolist()[0] == "supervised"
    assert rows.loc["supervised", "auc_difference"] != rows.loc["supervised", "auc_difference"]
    for name, row in rows.iloc[1:].iterrows():
        assert row["auc"] - rows.loc["supervised", "auc"] == pytest.approx(row["auc_difference"])
        own = own_rows(scored().each, one=name, estimand=D, point=PRIMARY.name, group=OVERALL).iloc[0]
        found = row[["deviation", "deviation_difference", "deviation_difference_low"]].tolist()
        assert found == own[["level_one", "estimate", "low"]].tolist()
    assert not rows["constant_decisions"].any()


def test_the_answer_is_drawn_where_the_named_pair_is_judged():
    drawn = answers.answer({"tuned": scored(), "paper_text": None})
    assert drawn[1].startswith("Difference in AUC and in disparity at 20 % alerts of 3 models")
    assert answers.answer({"tuned": None}) is None


# ----------------------------------------------------------------------------------------------------------- in figures


def test_the_answer_shows_margins_the_claim_and_the_named_pair():
    rows = figures.points(scored().each.assign(recipe="tuned"))
    figure, alt = figures.answer(rows, "tuned", SSL)
    (panel,) = figure.axes
    lines = [(set(line.get_xdata()), set(line.get_ydata())) for line in panel.lines]
    claimed = -0.3 * own_rows(scored().found, estimand=D, point=PRIMARY.name, group=OVERALL)["level_other"].item()
    assert ({-0.02}, {0, 1}) in lines
    assert any(
        [*line.get_ydata()] == pytest.approx([claimed, claimed]) for line in panel.lines if len(line.get_ydata()) == 2
    )
    assert "SSL, middle frozen" in {text.get_text() for text in panel.texts}
    named = rows.set_index("model").loc[SSL]
    assert panel.get_xlim()[0] < named["x_low"] < named["x_high"] < panel.get_xlim()[1]
    assert panel.get_ylim()[0] < named["y_low"] < named["y_high"] < panel.get_ylim()[1]
    assert "Of 2 self-supervised models" in alt


def test_the_specification_curve_is_sorted_and_marks_the_paper():
    table = pd.DataFrame({"estimate": [0.2, -0.3, 0.1], "dataset": ["one", "two", "one"], "recipe": "tuned"})
    table = table.assign(paper=[True, False, False], se=0.05, low=table["estimate"] - 0.1, high=table["estimate"] + 0.1)
    tested = speccurve.joint_test(table, np.random.default_rng(0).normal(size=(3, 60)))
    figure, alt = specifications.spec_curve(table, tested)
    curve, *below = figure.axes
    assert [panel.get_ylabel() for panel in below] == ["dataset"]  # one recipe: no panel
    (paper,) = (line for line in curve.lines if line.get_label() == "the paper's own choices")
    assert ([*paper.get_xdata()], [*paper.get_ydata()]) == ([2], [0.2])
    ticks = below[0].lines[0]
    assert [*zip(ticks.get_xdata(), ticks.get_ydata(), strict=True)] == [(0, 1), (1, 0), (2, 0)]
    assert "3 specifications, from −0.300 to +0.200" in alt
    assert "The paper's own choices: +0.200." in alt
