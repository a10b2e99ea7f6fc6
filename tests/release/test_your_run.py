"""Your run beside the paper: every published value has its place; a run with the paper's numbers differs by 0."""

import numpy as np
import pandas as pd
import pytest

from book.pages.contracts import check
from book.release import panels, published, your_run
from fairlib import cards
from fairlib.strategies import PRIMARY, STRATEGIES
from fairlib.study.parameters import ParameterError
from tests.tables import evaluation_tables

DATASETS = ("mimic", "mesa", "globem")
NUMBERS = {
    "dataset_shapes": ["value"],
    "segment_performance": ["auc", "delta", "windows", "share"],
    "paper_auc": ["auc"],
    "overall_auc": ["auc"],
    "paper_parity": list(your_run.STATISTICS),
    "parity_deviation": ["value", "parity_deviation"],
    "data_efficiency": ["value"],
    "paper_cka": ["value"],
    "cka_differences": ["value"],
    "paper_gaps": ["auc_gap", "cka_gap"],
    "beside": ["value"],
}


@pytest.mark.parametrize("dataset", DATASETS)
def test_every_published_value_has_its_row_and_its_source(dataset):
    """Two models of a segment repeat its size: once is enough."""
    values = your_run.Published(dataset).values()
    listed = {value.number for value in values}
    for name, columns in NUMBERS.items():
        rows = published.table(name)
        rows = rows[rows["dataset"].str.lower() == dataset]
        for row in rows.to_dict("records"):
            wanted = [row[column] for column in columns if np.isfinite(row[column])]
            if name == "parity_deviation":  # the printed ratio; its distance from 1 follows
                wanted = wanted[:1]
            assert set(wanted) <= listed, (name, row)
    assert all((value.key or value.why) and value.source for value in values)


class Echo:
    """A run whose every number is the published one, but for a shift."""

    def __init__(self, values, shift=0.0):
        self.found = {value.key: value.number + shift for value in values if value.key}

    def get(self, key):
        return self.found[key], self.found[key] - 0.1, self.found[key] + 0.1


def test_a_run_with_the_papers_numbers_differs_by_nothing():
    values = [v for v in your_run.Published("globem").values() if v.part == "AUC" and "ROC figure" in v.what]
    assert len(values) == 7
    same = your_run.compare(values, Echo(values))
    assert (same["difference"] == 0).all()
    assert (same["why"] == "").all()
    row = your_run.summary(your_run.compare(values, Echo(values, 0.25))).iloc[0]
    assert (row["compared"], row["judged"], row["inside"], row["median"]) == (7, 7, 0, pytest.approx(0.25))
    shown = your_run.table(same)
    assert shown["difference"].tolist() == ["0"] * 7
    assert shown["yours"].iloc[0] == "0.534 [0.434,\u00a00.634]"


class Run:
    """A study of made-up scores of one dataset, with the tables that the page reads."""

    def __init__(self, cohort):
        self.cohort, draw = cohort, np.random.default_rng(0)
        self.tables = {}
        for strategy in STRATEGIES:
            score = 1 / (1 + np.exp(-(2 * cohort.y - 1 + draw.normal(size=len(cohort)))))
            self.tables[strategy] = evaluation_tables(cohort, score, 0.5, 40)["metrics"]
        layers = [(i, j) for i in (1, 2, 3) for j in (1, 2, 3)]
        segments = [("everybody", "everybody"), ("gender", "Male"), ("gender", "Female")]
        self.cka = pd.DataFrame(
            [(a, s, i, j, 0.1 * i + 0.01 * j + 0.2 * (s == "Male")) for a, s in segments for i, j in layers],
            columns=["attribute", "segment", "layer_supervised", "layer_other", "cka"],
        )

    def table(self, name, strategy="", seed=0, labels=None):
        from fairlib.measures import describe

        if name == "cka_released":
            return self.cka
        return self.tables[strategy] if name == "metrics" else getattr(describe, name)(self.cohort)


@pytest.fixture(scope="module")
def run(make_cohort):
    return Run(make_cohort("mimic", "twin", people=900))


def test_numbers_of_a_run_are_found_by_their_key(run):
    yours = your_run.Yours(run, cards.load("mimic"), (1,))
    metrics, y = run.tables["supervised"], run.cohort.y
    auc = metrics[(metrics["metric"] == "auc") & (metrics["scope"] == "overall")]["estimate"].item()
    assert yours.get(("metric", "supervised", "auc", "everybody", "everybody"))[0] == pytest.approx(auc)
    male = metrics[(metrics["metric"] == "auc") & (metrics["segment"] == "Male")]["estimate"].item()
    assert yours.get(("gap", "supervised", "gender", "Male"))[0] == pytest.approx(male - auc)
    assert yours.get(("size", "all", "events"))[0] == y.sum()
    assert yours.get(("size", "all", "no events"))[0] == (1 - y).sum()
    gender = run.cohort.attributes["gender"]
    is_male, is_female = ((gender == segment).to_numpy() for segment in ("Male", "Female"))  # some are unknown
    assert yours.get(("labels", "all", "gender"))[0] == pytest.approx(y[is_female].mean() / y[is_male].mean())
    assert yours.get(("share", "gender", "Male"))[0] == pytest.approx(is_male.sum() / gender.notna().sum())
    assert yours.get(("cka gap", "gender", "Male", "Female", 2, 3))[0] == pytest.approx(0.2)
    assert yours.get(("mean cka gap", "gender", "Male", "Female"))[0] == pytest.approx(0.2)
    segments = run.tables[PRIMARY].query("metric == 'auc' and attribute == 'gender'").set_index("segment")["estimate"]
    gap = yours.get(("auc gap", PRIMARY, "gender", "Male", "Female"))[0]
    assert gap == pytest.approx(segments["Male"] - segments["Female"])
    of = panels.deviations(run.tables["supervised"].assign(strategy="supervised"), cards.load("mimic").protected())
    assert yours.get(("box", "supervised", "med"))[0] == pytest.approx(of["deviation"].median())
    assert np.isnan(yours.get(("metric", "supervised", "auc", "religion", "Catholic"))[0])


def test_a_run_has_most_counterparts_and_says_why_others_are_missing(run):
    rows = your_run.compare(your_run.Published("mimic").values(), your_run.Yours(run, cards.load("mimic"), (1,)))
    known = rows[rows["why"] == ""]
    assert len(known) > 100
    assert known["difference"].notna().all()
    assert rows.loc[rows["part"] == "Few labels", "why"].str.startswith("a model with few labels").all()
    assert your_run.not_compared(rows[rows["why"] != ""])["values"].sum() == len(rows) - len(known)


def test_the_page_takes_the_papers_datasets_with_their_split():
    for dataset, options in (("mimic", {}), ("mesa", {"released": True}), ("globem", {"split": "released"})):
        p = check("beside_paper", {"dataset": dataset})
        assert (p.recipe, p.options) == ("paper_code", options)
        assert p.label == "twin-quick" + "-released" * bool(options)
    with pytest.raises(ParameterError, match="dataset"):
        check("beside_paper", {"dataset": "challenge2012"})
