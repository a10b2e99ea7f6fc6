"""Every figure and table of the catalogue on small evidence: alt text with numbers, and how they are shown."""

import inspect
import json
import re
from dataclasses import replace
from importlib import import_module
from pkgutil import iter_modules
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from matplotlib.figure import Figure

from book.pages import cka_gaps, noise
from book.pages import figures as package
from book.pages import tables as table_package
from book.pages.contracts import check
from book.pages.figures import (
    across,
    evaluation,
    evidence,
    finetuning,
    forest,
    metric_tree,
    pretraining,
    requirements,
    similarity,
    specifications,
    subgroups,
)
from book.pages.figures import cka_gaps as gap_figures
from book.pages.figures import framework as framework_figures
from book.pages.figures import planted as planted_figures
from book.pages.figures import pretraining_people as people_figures
from book.pages.figures import representation as feature_figures
from book.pages.figures import synthesis as synthesis_figures
from book.pages.figures import twin as twin_figures
from book.pages.provenance import collected
from book.pages.tables import card as card_tables
from book.pages.tables import evaluation as tables5
from book.pages.tables import evidence as evidence_tables
from book.pages.tables import finetuning as tables3
from book.pages.tables import obtain as obtain_tables
from book.pages.tables import planted as planted_tables
from book.pages.tables import pretraining_people as people_tables
from book.pages.tables import representation as feature_tables
from book.pages.tables import requirements as tables1
from book.pages.tables import subgroups as subgroup_tables
from book.pages.tables import synthesis as tables6
from book.pages.tables import twin as twin_tables
from book.quality import BENCH, FOLDER, costs, coverage
from book.release import beside as published_tables
from book.release import figures as audit_figures
from book.release import findings, published, simulations
from book.release import tables as audit_tables
from fairlib import cards, twins
from fairlib.measures import cka as conditioned
from fairlib.measures import describe, features, pretrained, probes, segments, speccurve, summary
from fairlib.measures.operating import PRIMARY
from fairlib.recipes import RECIPES
from fairlib.report import columns, show, style
from fairlib.report.columns import Column, typed
from fairlib.report.provenance import of_twin
from fairlib.report.style import COLOURS, LINES, MARKERS, Drawn
from fairlib.search import START
from fairlib.similarity import gram
from fairlib.strategies import ALL, MITIGATIONS
from fairlib.study import tables as registry
from fairlib.study.runs import trained_models
from fairlib.twins import dial, truth
from tests.pages.scored import NAMES as SCORED_NAMES
from tests.pages.scored import case_of, rates, scored
from tests.tables import evaluation_tables

VIEWS = RECIPES["paper_text"].pretraining.views
DOUBTFUL = {"frozen_0": pd.Series({"people_low": 0.4, "auc": 0.6, "constant_decisions": 1, "seeds": 2})}
CARD, NAMES = cards.load("mimic"), ("supervised", "frozen_0", "logistic_regression")
SEGMENTS = pd.DataFrame({"dataset": "a twin", "recipe": "paper_text", "attribute": "age", "segment": ["<65", ">=65"]})
PAIRS = {"language": ("English", "Other"), "age": ("<65", ">=65")}


@pytest.fixture(scope="module", params=["twin", "real"])
def small(request, make_cohort):
    """Evidence of three models, two seeds each, from made-up scores: of a twin, and of restricted data with gaps."""
    cohort = make_cohort("mimic", request.param, people=900)
    draw = np.random.default_rng(0)
    parts = {name: [] for name in registry.of(registry.MODEL, registry.FOLD)}
    for strategy in NAMES:
        for seed in (1, 2):
            score = 1 / (1 + np.exp(-(cohort.y - 0.5 + draw.normal(size=len(cohort)))))
            found = evaluation_tables(cohort, score, 0.5, 40)
            for name in parts:
                parts[name].append(found[name].assign(strategy=strategy, seed=seed))
    parts = {name: pd.concat(found, ignore_index=True) for name, found in parts.items()}
    models, roc = parts["metrics"], parts["roc"]
    keys = ["strategy", "attribute", "segment", "fpr"]
    rows = cohort.rows("test")
    grams = [[gram(draw.normal(size=(len(rows), 5)) + cohort.x[rows, 0, :1]) for _ in range(3)] for _ in range(2)]
    return SimpleNamespace(
        cohort=describe.cohort_tables(cohort),
        models=models,
        summary=summary.summarise(models),
        roc=roc.groupby(keys, as_index=False, sort=False)["tpr"].mean(),
        headline=summary.headline(models, CARD.protected(), CARD.metric.metric),
        crossed=summary.summarise(parts["intersections"]),
        calibration=parts["calibration"],
        extremes=segments.extremes(models, parts["validation"], NAMES),
        gaps=segments.gaps(parts["permutation_null"], NAMES, CARD.protected()),
        cka=conditioned.similarity_table(cohort, *grams, rows, draws=30, permutations=30),
        **of_features(cohort, rows, draw),
    )


def of_features(cohort, rows, draw):
    """What ``Study.representation`` and ``Study.embedding`` give for two models, two seeds each."""
    found, planes = {name: [] for name in ("supervised", "frozen_0")}, {}
    fit = cohort.rows("val")
    for name in (*found, *found):
        fitted, tested = ((part, draw.normal(size=(len(part), 6)) + cohort.x[part, 0, :1]) for part in (fit, rows))
        tables = {"probes": probes.probes(cohort, fitted, tested, draws=40, shuffles=2)}
        tables |= {"tests": features.tests(cohort, *tested)}
        tables |= {"distances": features.distances(cohort, *tested, permutations=20)}
        found[name].append(tables)
        planes[name] = features.embedding(cohort, *tested) if name not in planes else planes[name]
    of = {table: {name: [run[table] for run in runs] for name, runs in found.items()} for table in tables}
    return {"planes": planes, "probes": probes.summarise_probes(of.pop("probes")), **of}


@pytest.fixture(scope="module")
def made():
    p = check("5_evaluation", {"dataset": "mimic", "profile": "smoke", "seeds": [1, 2]})
    return replace(
        of_twin(check("twin", {"dataset": "mimic"}), None), command=p.command(), recipe=p.recipe, seeds=(1, 2)
    )


TRUTH = truth.compute("mimic", twins.load_spec("mimic"), draws=10_000)
PUBLISHED = noise.published_rows(published.segments(), published.held_out)
MODELS = {"Supervised": "supervised", "SSL": "frozen_0"}


def recipes_of(e):
    """As ``runs.recipes`` gives it, of one case."""
    rows = e.headline[e.headline["strategy"].isin(["supervised", "frozen_0"])]
    named = {"dataset": "a twin", "origin": "twin", "recipe": "paper_text", "metric": "error_rate_ratio"}
    return rows.assign(**named, model=["supervised", "SSL"], people_low=[0.6, 0.4])


def answers_of_recipes():
    """The same models with two recipes."""
    points = evidence.points(scored().each.assign(recipe="tuned"))
    return pd.concat([points, points.assign(recipe="paper_text", x_estimate=-0.05)], ignore_index=True)


SPECIFICATIONS = pd.DataFrame(
    {"estimate": [0.2, -0.3, 0.1, 0.0, -0.1, -0.2], "dataset": ["one", "two"] * 3, "recipe": "tuned"}
    | {"point": ["20 %", "30 %", "30 %"] * 2, "paper": [False, True] + 4 * [False], "se": 0.05}
).assign(low=lambda rows: rows["estimate"] - 0.1, high=lambda rows: rows["estimate"] + 0.1)


def own(e):
    return noise.own_rows(e.summary, "a twin", MODELS, CARD.protected())


FIGURES = {
    requirements.segments: lambda e: (e.cohort, CARD),
    requirements.label_bias: lambda e: (e.cohort, CARD),
    pretraining.views: lambda e: (
        pretrained.of_window(e.cohort["typical_window"], VIEWS),
        [name for name, _ in VIEWS],
        40,
        CARD,
    ),
    pretraining.losses: lambda e: ({1: np.linspace(5, 4, 60), 2: np.linspace(5, 3, 60)},),
    finetuning.roc: lambda e: (e.roc, e.summary),
    finetuning.efficiency: lambda e: (curve(e), e.headline, CARD.metric.metric),
    coverage.dots: lambda e: (coverage.judged(pd.read_csv(FOLDER / "coverage.csv")),),
    coverage.cells: lambda e: (pd.read_csv(FOLDER / "coverage_crossfit.csv", keep_default_na=False, na_values=[""]),),
    costs.gains: lambda e: (costs.compared(*(pd.read_csv(BENCH / f"{name}.csv") for name in ("bench", "asked"))),),
    costs.growth: lambda e: (costs.fitted(pd.read_csv(BENCH / "growth.csv")),),
    similarity.heat_maps: lambda e: ({"frozen_0": e.cka, "frozen_3": e.cka},),
    similarity.conditioned: lambda e: (e.cka, "frozen_0"),
    similarity.difference: lambda e: (e.cka, PAIRS),
    gap_figures.yardstick: lambda e: ({"frozen_0": e.cka}, {"supervised": e.cka, "frozen_0": e.cka}),
    gap_figures.gaps: lambda e: (cka_gaps.layer_gaps([e.cka, e.cka], PAIRS),),
    gap_figures.ratio: lambda e: (cka_gaps.sizes([e.cka], PAIRS)[1],),
    feature_figures.embedding: lambda e: (e.planes,),
    evaluation.roc_conditioned: lambda e: (e.roc, e.summary, "age", ("supervised", "frozen_0")),
    evaluation.parity_domain: lambda e: (e.summary, "error_rate_ratio", CARD.protected(), DOUBTFUL),
    evaluation.parity_all: lambda e: (e.summary, CARD.protected(), DOUBTFUL),
    evaluation.trade_off: lambda e: (e.headline, CARD.metric.metric),
    evidence.answer: lambda e: (answers_of_recipes(), "tuned", "frozen_1_middle", frozenset({("tuned", "frozen_0")})),
    across.across: lambda e: (across.rows_of([(case_of(name), scored()) for name in ("tuned", "paper_code")]),),
    evidence.operating_points: lambda e: (rates(), scored().as_published(), "frozen_1_middle"),
    evidence.decision_curves: lambda e: (scored().decision_curves(), scored().recalibrated),
    specifications.spec_curve: lambda e: (
        SPECIFICATIONS,
        speccurve.joint_test(SPECIFICATIONS, np.random.default_rng(0).normal(size=(6, 60))),
    ),
    metric_tree.metric_tree: lambda e: ({name: cards.load(name) for name in ("mimic", "globem")}, "globem"),
    subgroups.calibration: lambda e: (e.calibration, "age", ("supervised", "frozen_0")),
    audit_figures.learning_rates: lambda e: (),
    audit_figures.globem_chance: lambda e: (simulations.globem_coin(100),),
    audit_figures.cka_traps: lambda e: (
        simulations.cka_by_size((30, 60), (3, 3)),
        simulations.cka_by_windows((1, 2), 20, 3),
        simulations.cka_of_repeats(20, 3),
    ),
    synthesis_figures.size_gap: lambda e: (PUBLISHED, noise.fit(PUBLISHED, "share", 20)),
    planted_figures.against_found: lambda e: (planted(),),
    people_figures.forest: lambda e: (of_people(),),
    forest.forest: lambda e: (forest.rows_of(scored().found), "SSL", "the supervised model"),
    forest.areas: lambda e: (forest.areas_of(pd.concat([e.summary, e.crossed]), NAMES),),
    twin_figures.dial_curves: lambda e: ({"noise": dial.curve("mimic", "noise", 10_000, 1, 500)}, "mimic"),
}
MODELS_OF_A_CASE = pd.DataFrame(
    {
        "strategy": ["supervised", "frozen_0"],
        "seed": [1, 2],
        "train": [5600, np.nan],
        "people": [np.nan, 1200],
        "auc": [0.8, 0.5],
    }
    | {"low": [0.7, 0.4], "high": [0.9, 0.6], "deviation": [0.1, np.nan], "at_chance": [False, True]}
    | {"one_decision": [True, False]}
)
TABLES = {
    cards.requirements: lambda e: (CARD,),
    published_tables.beside: lambda e: ("T-performance", "mimic"),
    tables1.sizes: lambda e: (e.cohort,),
    tables1.attrition: lambda e: (e.cohort, CARD.min_cell),
    tables3.strategies: lambda e: (trained_models(76, "same"),),
    tables3.performance: lambda e: (e.summary,),
    tables3.efficiency: lambda e: (curve(e), CARD.metric.metric),
    tables3.tries: lambda e: (kept_tries,),
    tables5.metric_choice: lambda e: (CARD,),
    evidence_tables.every_model: lambda e: (scored().each.assign(recipe="tuned"),),
    evidence_tables.joint_test: lambda e: (
        speccurve.joint_test(SPECIFICATIONS, np.random.default_rng(0).normal(size=(6, 60))),
    ),
    evidence_tables.verdicts: lambda e: (scored().found, scored().verdicts),
    evidence_tables.differences: lambda e: (pd.concat([scored().main, scored().groups, scored().adjusted()]),),
    evidence_tables.levels: lambda e: (scored().levels(list(SCORED_NAMES), PRIMARY),),
    subgroup_tables.conditioned: lambda e: (e.extremes, e.gaps),
    tables5.headline: lambda e: (e.headline, CARD.metric.metric),
    tables6.claim: lambda e: (published.claims()["accuracy"]["published"],),
    tables6.trained: lambda e: ({"a case": MODELS_OF_A_CASE, "another": MODELS_OF_A_CASE},),
    tables6.models: lambda e: (
        MODELS_OF_A_CASE,
        "error_rate_ratio",
    ),
    tables6.datasets: lambda e: (published.table("dataset_shapes"), {"a twin": e.cohort}),
    audit_tables.finding: lambda e: ("D13", "measured in 3 ways"),
    audit_tables.short: lambda e: (findings.every({f"D{i}": "0 of 3" for i in range(1, 51)}),),
    audit_tables.settings: lambda e: (),
    audit_tables.recipes: lambda e: (recipes_of(e),),
    audit_tables.similarity: lambda e: (
        SEGMENTS.assign(people=60.0, cka=0.3, matched_people=50.0, matched=0.31, windows=200, released=0.4),
    ),
    feature_tables.sizes: lambda e: (cka_gaps.sizes([e.cka], PAIRS)[0],),
    feature_tables.probes: lambda e: (e.probes,),
    feature_tables.tests: lambda e: (e.tests,),
    feature_tables.distances: lambda e: (e.distances,),
    card_tables.task: lambda e: (CARD,),
    card_tables.counts: lambda e: (CARD,),
    card_tables.segments: lambda e: (CARD,),
    card_tables.access: lambda e: (CARD,),
    obtain_tables.facts: lambda e: (CARD.obtain, CARD.licence),
    obtain_tables.steps: lambda e: (CARD.obtain,),
    obtain_tables.sources: lambda e: (CARD.obtain,),
    obtain_tables.files: lambda e: (CARD.obtain,),
    card_tables.biases: lambda e: (CARD,),
    card_tables.machine_readable: lambda e: (CARD,),
    twin_tables.scorer: lambda e: (twins.module("mimic").SCORER,),
    twin_tables.planted: lambda e: (twins.load_spec("mimic"),),
    twin_tables.segments: lambda e: (TRUTH,),
    planted_tables.planted_against_found: lambda e: (planted(),),
    people_tables.differences: lambda e: (of_people(),),
    people_tables.against_truth: lambda e: (truth_of_people(),),
}


def planted():
    """Two twins, of which one is computed at one position of its dial, as ``tables.planted.gather`` gives them."""
    rows = pd.DataFrame({"segment": ["Black", "Female"], "planted": ["noise 4", "none"], "truth": [-0.24, 0.0]})
    rows = rows.assign(attribute=["ethnicity", "gender"], detectable=0.07, dial="turned").merge(
        pd.DataFrame({"measure": ["AUC gap", "log error rate ratio"]}), "cross"
    )
    found = rows.assign(twin="MIMIC-III twin", model="supervised", mean=[-0.2, 0.4, 0.01, np.nan], low=-0.3, high=0.1)
    return pd.concat([found, rows.assign(twin="MESA twin")], ignore_index=True)


def of_people():
    """The named pair by who is in the pre-training, as ``tables.pretraining_people.gather`` gives it."""
    rows = pd.DataFrame({"quantity": ["AUC", "D", "error rate, Male, <65"], "estimate": [0.01, -0.2, np.nan]})
    rows = rows.merge(pd.DataFrame({"who": ["everyone", "privileged only"], "usual": [True, False]}), "cross")
    return rows.assign(title="a dataset", low=-0.3, high=0.1, level_one=0.3, level_other=0.4)


def truth_of_people():
    """What is planted and found in a twin, by who is in the pre-training."""
    rows = planted().assign(estimate=0.1)[lambda rows: rows["twin"] == "MIMIC-III twin"]
    both = [rows.assign(model=model, who="everyone") for model in ("supervised", "frozen_1_middle")]
    return pd.concat(both, ignore_index=True)


def curve(e):
    """Two numbers of labelled people, as ``efficiency.curve`` gives them."""
    return pd.concat([e.headline.assign(people=n) for n in (50, 200)], ignore_index=True)


def kept_tries(side):
    """Two rungs of a search, as its file gives them back."""
    shared = {"settings": json.dumps(START[side]), "seconds": "1.0"}
    areas = [("0", "1", "376", "0.8"), ("0", "2", "3000", "0.81"), ("0", "2", "3000", "0.83")]
    return [shared | dict(zip(("try", "rung", "steps", "validation_auc"), row, strict=True)) for row in areas]


def test_tries_are_shown_in_words_with_the_mean_of_their_seeds():
    table = columns.written(tables3.tries(kept_tries))
    assert list(table["validation AUC"]) == ["0.820", "0.800"] * 2  # the last rung first
    assert list(table["side"]) == ["supervised"] * 2 + ["SSL"] * 2
    assert table["settings"].str.startswith("optimiser adadelta, rate 1.0, conv dropout 0.1").all()
    assert "time mask 1/6 to 5/12" in table["settings"].iloc[-1]
    assert tables3.tries(lambda side: []).empty


def named(function):
    return f"{function.__module__.rsplit('.')[-1]}.{function.__name__}"


def functions(folder, returns, *beside):
    """Public functions of a sub-package, and of modules beside, whose annotated result is one of ``returns``."""
    found, parts = set(), iter_modules(folder.__path__)
    for module in (*(import_module(f"{folder.__name__}.{part.name}") for part in parts), *beside):
        for name, value in inspect.getmembers(module, inspect.isfunction):
            if value.__module__ == module.__name__ and not name.startswith("_"):
                found |= {value} if value.__annotations__.get("return") in returns else set()
    return found


def test_every_figure_and_table_is_tested():
    assert functions(package, (Drawn,), audit_figures, costs, coverage) == set(FIGURES)
    modules = (audit_tables, published_tables)
    found = functions(table_package, (pd.DataFrame, tuple[pd.DataFrame, str]), *modules)
    assert found | {cards.requirements} == set(TABLES)


@pytest.mark.parametrize("function", FIGURES, ids=named)
def test_figures_come_with_alt_text(function, small):
    figure, alt = function(*FIGURES[function](small))
    assert isinstance(figure, Figure)
    figure.canvas.draw()  # draws without an error
    plt.close(figure)
    assert len(alt) >= 40
    assert re.search(r"\d|\b(one|two|three|four)\b", alt.lower())
    assert not re.search(r"\bnan\b|\bNone\b|\binf\b|<NA>", alt)
    assert alt.endswith(".")


def test_the_drawing_of_the_stages_is_the_one_in_the_book_and_can_be_read_without_seeing_it():
    written = framework_figures.FILE.read_text(encoding="utf-8")
    assert written == framework_figures.stages(), "run: python -m book.pages.figures.framework"
    drawings = BeautifulSoup(written, "html.parser").find_all("svg")
    assert len(drawings) == 2  # for wide and for narrow windows
    for drawing in drawings:
        assert drawing["role"] == "img"
        texts = re.sub(r"\s+", " ", " ".join(text.get_text() for text in drawing.find_all("text")))
        for name, question, gives in framework_figures.STAGES:
            for words in (" ".join(name), " ".join(question), " ".join(gives)):
                assert words in drawing["aria-label"]
                assert words in texts


@pytest.mark.parametrize("function", TABLES, ids=named)
def test_tables_are_written_without_raw_values(function, small):
    found = function(*TABLES[function](small))
    table = columns.written(found[0] if isinstance(found, tuple) else found)
    assert len(table) > 1
    assert table.columns.is_unique
    assert all(table.columns), "a column without a name is no header"
    cells = [value for column in table for value in table[column]]
    assert all(isinstance(value, str) for value in cells), [v for v in cells if not isinstance(v, str)][:3]
    assert not any(re.fullmatch(r".*\b(nan|None|inf|<NA>)\b.*", value) for value in cells)
    assert not any(re.search(r"\d\.\d{5}", value) for value in cells)


def test_numbers_of_the_performance_table(small):
    found = tables3.performance(small.summary)
    table = found[0].set_index("strategy")
    rows = small.models[(small.models["strategy"] == "frozen_0") & (small.models["scope"] == "overall")]
    mean = rows.loc[rows["metric"] == "auc", "estimate"].mean()
    assert table.loc["SSL, nothing frozen", "auc"] == pytest.approx(mean)
    written = columns.written(found[0]).set_index("strategy")
    assert written.loc["SSL, nothing frozen", "AUC"].startswith(f"{mean:.3f} [")
    assert set(written.columns) == {"AUC", "AUPRC", "accuracy", "balanced acc.", "F1"}


def test_no_withheld_number_is_in_a_figure_or_table(small):
    """Segments that the evidence withholds have no size and no AUC in any text."""
    keys = ["attribute", "segment"]
    hidden = small.summary[small.summary["note"].str.startswith("withheld")]
    drawn = forest.areas_of(pd.concat([small.summary, small.crossed]), NAMES)
    assert not set(map(tuple, hidden[keys].to_numpy())) & set(map(tuple, drawn[keys].to_numpy()))
    alt = requirements.segments(small.cohort, CARD)[1]
    plt.close("all")
    for row in small.cohort["segments"].query("split == 'all'").itertuples():
        assert (f"{row.segment} –" in alt) is False
        assert np.isfinite(row.windows) or f"{row.segment} " not in alt.split(f"{row.attribute}: ")[1].split(";")[0]


def test_the_visual_language_has_two_cues():
    assert set(LINES) == set(ALL)
    for cue in (COLOURS, MARKERS):
        assert set(cue) == {*ALL, *MITIGATIONS}
        assert len(set(cue.values())) == len(cue)


# ------------------------------------------------------------------------------------------------------------- display


@pytest.fixture
def shown(monkeypatch):
    seen = []
    monkeypatch.setattr(show, "display", lambda data, metadata, raw: seen.append(data))
    return seen


@pytest.mark.parametrize("alt", ["", " " * 50, "a figure"])
def test_a_figure_without_alt_text_is_refused(alt, shown, made):
    figure = plt.figure()
    with pytest.raises(ValueError, match="the alt text must say what the figure shows"):
        show.figure((figure, alt), "Title", made)
    plt.close(figure)
    assert shown == []


def test_a_figure_is_shown_with_all_that_belongs_to_it(shown, made):
    figure, alt = plt.figure(), 'Bars of "M" & <F>: 3 and 4, in two colours.'
    show.figure((figure, alt), "Sizes <all>", made)
    assert not plt.fignum_exists(figure.number)
    page = BeautifulSoup(shown[0]["text/html"], "html.parser")
    assert page.img["alt"] == alt
    assert page.img["src"].startswith("data:image/png;base64,iVBOR")
    assert page.figcaption.strong.text == "Sizes <all>"
    assert made.line() in page.figcaption.small.text
    assert page.figcaption.code.text == made.command
    assert alt in shown[0]["text/plain"]


def test_a_figure_is_sized_for_the_column_and_written_with_signs_of_print(shown, made):
    figure, panel = style.axes(height=2)
    panel.set_yticks([0, 1], ["age: >=65", "age: <65"])
    panel.set_title("all >=65")
    show.figure((figure, "Two ages, >=65 and <65, as an example."), "Ages >=65", made)
    image = BeautifulSoup(shown[0]["text/html"], "html.parser").img
    assert int(image["width"]) == pytest.approx(96 * style.WIDTH, abs=20)
    assert image["alt"] == "Two ages, ≥65 and <65, as an example."
    assert [label.get_text() for label in panel.get_yticklabels()] == ["age: ≥65", "age: <65"]
    assert panel.get_title() == "all ≥65"


def test_a_table_is_shown_with_all_that_belongs_to_it(shown, made):
    show.table(pd.DataFrame({"a <b>": ["1", "2"], "c": ["x & y", None]}), "Title", made, "A <note>.")
    html = shown[0]["text/html"]
    page = BeautifulSoup(html, "html.parser")
    heads = [("col", "a <b>"), ("col", "c"), ("row", "1"), ("row", "2")]
    assert [(th["scope"], th.text) for th in page.find_all("th")] == heads
    assert page.caption.text == "Title"
    assert page.caption.find_parent("table") is page.table
    assert [td.text for td in page.find_all("td")] == ["x & y", "–"]
    assert "dataframe" not in html
    assert page.table["class"] == ["fairlib-table"]
    assert page.p.text == "A <note>."
    assert made.line() in page.text
    assert page.code.text == made.command


ROWS = pd.DataFrame(
    {
        "attribute": ["age", "age"],
        "segment": ["young", "a very long name, >=65"],
        "people": [12_000, np.nan],
        "auc": [0.8124, np.nan],
        "auc_low": [0.75, np.nan],
        "auc_high": [0.87, np.nan],
        "difference": [-0.0004, 0.25],
        "mark": ["†", ""],
        "p": [0.0004, np.nan],
        "share": [0.125, np.inf],
        "differs": [2, 0],
        "of": [6, 6],
        "all": ["", "everybody"],
        "labelled": [np.nan, 1200],
        "knob": [0.5, -2.0],
    }
)
SHOWN = typed(
    ROWS.assign(all="all"),
    ["attribute", "segment"],
    people=Column(form="count", fewest=11),
    auc=columns.ranged("auc", "AUC", digits=2),
    difference=Column("Δ", "signed", then="{mark}"),
    p=Column(form="p"),
    share=Column(form="percent"),
    differs=Column("who", "count", then=" of {of}"),
    labelled=Column("labels", "count", instead="all", then=" people"),
    knob=Column("setting", "number", digits=None),
)


def test_a_typed_table_keeps_numbers_and_writes_them_as_its_record_says():
    assert SHOWN["people"].sum() == 12_000
    written = columns.written(SHOWN)
    young = ["12,000", "0.81 [0.75,\u00a00.87]", "0.000†", "<0.001", "12.5\u00a0%", "2 of 6", "all", "0.5"]
    assert written.iloc[0].tolist() == ["age", "young", *young]
    old = ["age", "a very long name, ≥65", "<11", "–", "+0.250", "–", "–", "0 of 6", "1,200 people", "−2"]
    assert written.iloc[1].tolist() == old
    assert list(written)[2:5] == ["people", "AUC", "Δ"]
    assert list(columns.written(SHOWN.drop(columns=["auc", "p"]))) == [n for n in written if n not in ("AUC", "p")]


def test_a_record_that_does_not_fit_is_refused():
    with pytest.raises(KeyError, match="no column 'auc_low' in the frame"):
        typed(ROWS.drop(columns="auc_low"), auc=columns.ranged("auc"))
    with pytest.raises(ValueError, match="two columns of a table are titled 'AUC'"):
        typed(ROWS, auc=Column("AUC", "number"), share=Column("AUC", "number"))


def test_the_types_of_a_frame_without_a_record_say_how_it_is_written():
    frame = pd.DataFrame({"name": ["a"], "people": [12_000], "auc": [0.5]})
    assert columns.written(frame).iloc[0].tolist() == ["a", "12,000", "0.500"]


def test_a_table_of_nothing_has_its_headers(made):
    nothing = subgroup_tables.conditioned(pd.DataFrame(), pd.DataFrame())
    page = BeautifulSoup(show.table_html(nothing, "Best and worst", made), "html.parser")
    assert [th.text for th in page.select("thead th")][:4] == ["strategy", "attribute", "best", "worst"]
    assert not page.select("tbody tr")


def test_what_models_stand_beside_is_one_row():
    rows = pd.DataFrame(
        {"segment": ["b", "a", "b"], "model": ["x", "x", "y"], "mean": [1.0, 2.0, 3.0], "note": [*"nmo"]}
    )
    found = columns.beside(rows.assign(low=0.0, high=9.0), ["segment"], "model", ["x", "y"])
    assert found[["segment", "note", "x"]].to_numpy().tolist() == [["b", "n", 1.0], ["a", "m", 2.0]]
    assert found["y"].tolist()[0] == 3.0
    assert np.isnan(found["y_high"].iloc[1])


def test_numbers_are_set_flush_right_and_rows_have_their_headers(made):
    page = BeautifulSoup(show.table_html(SHOWN, "Title, >=65", made), "html.parser")
    right = [th.text for th in page.select("thead th.number")]
    assert right == ["people", "AUC", "Δ", "p", "share", "who", "labels", "setting"]
    assert [td.text for td in page.select("tbody tr:last-child td.number")][:3] == ["<11", "–", "+0.250"]
    assert [th.text for th in page.select("tbody tr:last-child th[scope=row]")] == ["age", "a very long name, ≥65"]
    assert [th.get("class") for th in page.select("thead th")][:2] == [None, ["name"]]
    assert page.select_one("div[tabindex='0']")["aria-label"] == page.caption.text == "Title, ≥65"


def test_long_file_names_may_break_between_words_and_addresses_may_not(shown, made):
    address = "https://a.org/evaluate_model_fairness.ipynb"
    frame = pd.DataFrame({"file": ["evaluate_modelFairness.ipynb", "a_b.csv"], "said": [f"see ({address}), <b>", ""]})
    html = show.table_html(typed(frame, file=Column(form="file"), said=Column(form="link")), "Sources", made)
    assert '<span class="fairlib-file">evaluate_<wbr>model<wbr>Fairness.ipynb</span>' in html
    assert '<span class="fairlib-file">a_b.csv</span>' in html
    assert f'see (<a href="{address}">{address}</a>), &lt;b&gt;' in html


def test_browsable_tables_fold_and_need_no_script(shown, made):
    tables = {"first <1>": pd.DataFrame({"a": ["1", "2"]}), "second": pd.DataFrame({"a": ["3"]})}
    show.browsable(tables, dict.fromkeys(tables, made), "A note.")
    page = BeautifulSoup(shown[0]["text/html"], "html.parser")
    folds = page.select("div.fairlib-browse > details")
    assert [fold.summary.text for fold in folds] == ["first <1> (2 rows)", "second (1 row)"]
    assert ["open" in fold.attrs for fold in folds] == [True, False]
    assert all(fold.select_one("table.fairlib-table") and made.line() in fold.text for fold in folds)
    assert not page.find("script")


def test_the_banner_of_collected_results(shown):
    p = check("6_synthesis", {})
    show.banner(collected(p, "published", "the release & more", "0123456789abcdef", "0.1+abc"))
    page = BeautifulSoup(shown[0]["text/html"], "html.parser")
    assert page.div["class"] == ["fairlib-origin", "fairlib-published"]
    assert page.text.startswith("Published numbers: the release & more.")


def test_the_banner_says_what_the_data_is(shown, made):
    show.banner(made)
    text = BeautifulSoup(shown[0]["text/html"], "html.parser").text
    assert text.startswith("Synthetic twin: MIMIC-III")
    assert "restricted" in text  # the original
