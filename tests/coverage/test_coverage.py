"""The coverage study itself: truths against brute force, counting by hand, a few cohorts, and the kept table."""

import hashlib

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from book.quality import FOLDER, coverage, made_of
from fairlib.fairness import ratio_metrics
from fairlib.seeds import generator
from fairlib.similarity import cka

from . import gaussian, measures, people, study

FEW = 2


@pytest.fixture(scope="module")
def few():
    """Every interval of a few cohorts, whose expectation over runs is that of fewer runs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measures, "FRESH", 4000)
        patch.setattr(study, "FRESH", 4000)
        truth = study.expected()
    return study.tabulate((seed, one) for seed in range(FEW) for one in study.intervals(seed, truth))


# ------------------------------------------------------------------------------------------------------------- truths


@pytest.fixture(scope="module")
def crowd():
    """Very many people, and one run of each model on them."""
    draw = generator(0, "crowd")
    cohort, cell = people.cohort(60_000, draw)
    runs = {name: model.runs(1, draw) for name, model in people.MODELS.items()}
    return cohort, runs, {name: own[0] for name, own in people.scores(cohort, cell, runs, draw).items()}


def test_truths_by_brute_force(crowd):
    cohort, runs, scores = crowd
    truth = measures.truths(runs)
    for (name, attribute, segment, metric), (value,) in truth.items():
        score = scores[name]
        chosen = (
            cohort.attributes[attribute] == segment if segment not in ("", "everybody") else np.full(len(cohort), True)
        )
        y, s = cohort.y[chosen], score[chosen]
        if metric == "auc":
            assert value == pytest.approx(roc_auc_score(y, s), abs=0.018), (name, attribute, segment)
        elif metric == "error_rate":
            assert value == pytest.approx(np.mean(y != (s > people.THRESHOLD)), abs=0.018), (name, attribute, segment)
        else:
            privileged = (cohort.attributes[attribute] == people.CARD.attributes[attribute].privileged).to_numpy()
            found = ratio_metrics(cohort.y, (score > people.THRESHOLD).astype(int), privileged)[metric]
            assert value == pytest.approx(found, abs=0.04), (name, attribute, metric)


def test_decisions_and_risks_by_brute_force(crowd):
    cohort, runs, scores = crowd
    for name, score in scores.items():
        np.testing.assert_array_equal(people.probability(score) >= 0.5, score >= people.THRESHOLD)
        for low, high in ((-np.inf, 0.0), (0.5, 1.5), (1.5, np.inf)):
            chosen = (score > low) & (score < high) & (cohort.attributes["age"] == ">=65").to_numpy()
            wanted = runs[name].risk(low, high, people.members("age", ">=65"))
            assert cohort.y[chosen].mean() == pytest.approx(wanted, abs=0.02)


def test_windows_of_one_person_are_alike(crowd):
    """Else the study would not ask what it is there for: the same person's labels and scores go together."""
    cohort, _, scores = crowd
    second = np.flatnonzero(cohort.person[1:] == cohort.person[:-1]) + 1
    assert np.corrcoef(cohort.y[second], cohort.y[second - 1])[0, 1] > 0.2
    quiet = second[(cohort.y[second] == 0) & (cohort.y[second - 1] == 0)]
    for score in scores.values():
        together = np.corrcoef(score[quiet], score[quiet - 1])[0, 1]
        assert together == pytest.approx(people.PERSON, abs=0.03)


def test_cka_of_the_population():
    draw = generator(0, "crowd", "features")
    for segment, noise in gaussian.NOISE.items():
        found = []
        for _ in range(4):
            x = draw.normal(size=(1500, gaussian.WIDTHS[0]))
            found.append(cka(x, x @ gaussian.BASE + noise * draw.normal(size=(1500, gaussian.WIDTHS[1]))))
        assert np.mean(found) == pytest.approx(gaussian.truth(gaussian.BASE, segment), abs=0.02)


# ----------------------------------------------------------------------------------------------------------- counting


def test_counting_by_hand():
    ends = [(0.1, 0.3), (0.25, 0.4), (0.0, 0.1), (np.nan, np.nan), (0.2, 0.2)]
    found = [(seed, measures.Interval("AUC", "everybody", measures.ONE, *end, 0.2)) for seed, end in enumerate(ends)]
    (row,) = study.tabulate(found).itertuples()
    assert (row.cohorts, row.intervals, row.inside, row.below, row.above, row.undefined) == (5, 5, 2, 1, 1, 1)
    assert (row.truth, row.width) == (0.2, pytest.approx(np.mean([0.2, 0.15, 0.1, 0]), abs=1e-4))


@pytest.fixture
def kept(tmp_path):
    """A table of three cases: as asked, too seldom, more often."""
    rows = [("AUC", "all", 95, 3, 2), ("AUC of a segment", "a", 85, 10, 5), ("AUC of a segment", "b", 98, 1, 0)]
    table = pd.DataFrame(rows, columns=["measure", "case", "inside", "below", "above"])
    table = table.assign(over=measures.ONE, cohorts=100, intervals=100, undefined=[0, 0, 1], truth=0.7, width=0.1)
    study.write(table, tmp_path / "coverage.csv")
    return tmp_path / "coverage.csv"


def test_page(kept):
    table = coverage.judged(pd.read_csv(kept))
    assert table["coverage"].tolist() == pytest.approx([0.95, 0.85, 98 / 99])
    assert table["verdict"].tolist() == [coverage.FINE, coverage.SHORTFALL, coverage.EXCESS]
    row = coverage.by_measure(table).set_index("measure").loc["AUC of a segment"]
    assert row["cases"] == 2
    assert (row["lowest"], row["highest"]) == pytest.approx((0.85, 98 / 99))
    assert (row["coverage"], row["below"], row["above"]) == pytest.approx((183 / 199, 11 / 199, 5 / 199))
    text = coverage.finding(table)
    assert "for 1, more often for 1, and less often for 1: AUC of a segment (a, fixed scorer): 85.0 %." in text
    assert coverage.finding(table[:1]).endswith("less often for 0.")
    figure, alt = coverage.dots(table)
    assert "from 85.0 % (AUC of a segment, a) to 99.0 %" in alt
    assert figure.axes[0].lines[1].get_xdata() == pytest.approx(table["coverage"])


def test_a_page_says_what_it_shows_and_which_command_makes_it_again(kept):
    made = made_of("coverage", "simulated", "100 cohorts", "0.1+abc", kept)
    assert made.data == hashlib.sha256(kept.read_bytes()).hexdigest()
    assert made.line() == f"Simulation · notebook coverage · 100 cohorts · data {made.data[:10]} · code 0.1+abc"
    assert made.command == "papermill notebooks/coverage.ipynb out.ipynb"


# ----------------------------------------------------------------------------------------------------------- coverage


def test_no_gross_error(few):
    """All intervals of a few cohorts together; cut to half of their width, they would hold two truths in three."""
    defined = few["intervals"].sum() - few["undefined"].sum()
    assert 0.90 <= few["inside"].sum() / defined <= 0.99
    assert few["undefined"].sum() <= 0.02 * few["intervals"].sum()
    each = few.groupby("measure")[["inside", "intervals"]].sum()
    assert (each["inside"] >= 0.6 * each["intervals"]).all()


def test_the_book_keeps_every_measure(few):
    table = pd.read_csv(FOLDER / "coverage.csv")
    assert (table["cohorts"] >= 200).all()
    kept = set(table[study.KEYS].itertuples(index=False, name=None))
    assert set(few[study.KEYS].itertuples(index=False, name=None)) <= kept
    assert set(table["measure"]) == set(few["measure"])


def test_a_fixed_scorer_is_covered(few):
    """What the issue asks: 90 to 98 % for each metric of a fixed scorer, over its cases."""
    summary = coverage.by_measure(coverage.judged(pd.read_csv(FOLDER / "coverage.csv")))
    fixed = summary[(summary["over"] == measures.ONE) & ~summary["measure"].str.startswith("spread")]
    assert fixed["coverage"].between(coverage.LOW, coverage.HIGH).all()
    assert (summary["coverage"] >= coverage.LOW).all()


@pytest.mark.slow
def test_cohorts_drawn_anew_agree_with_the_kept_table():
    """Forty cohorts that the table has not seen: no case differs from it beyond what chance gives."""
    truth = study.expected()
    fresh = study.tabulate((seed, one) for seed in range(10_000, 10_040) for one in study.intervals(seed, truth))
    both = fresh.merge(
        pd.read_csv(FOLDER / "coverage.csv"), on=study.KEYS, suffixes=("", "_kept"), validate="one_to_one"
    )
    assert len(both) == len(fresh)
    for row in both.itertuples():
        if row.measure.startswith("observed"):
            continue  # several bins of one cohort go together: no binomial
        found = [
            [row.inside, row.intervals - row.undefined],
            [row.inside_kept, row.intervals_kept - row.undefined_kept],
        ]
        missed = [[inside, defined - inside] for inside, defined in found]
        assert stats.fisher_exact(missed)[1] > 1e-4, (row.measure, row.case, row.over)
        assert row.truth == pytest.approx(row.truth_kept, abs=0.05)
