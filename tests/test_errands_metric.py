"""An errand: a metric that is one new row of ``fairness.METRICS`` goes through the card and every table and figure.

Done as a newcomer would do it: a copy of the packages, one row typed into ``fairness.py``, its name typed on a card.
"""

import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import precision_score

from book.pages.figures.metric_tree import leaf
from book.pages.tables import evaluation as tables
from fairlib import cards
from fairlib.fairness import METRICS

ROOT = Path(__file__).parent.parent
NAME, PLAIN = "positive_predictive_value_ratio", "positive predictive value ratio (PPVR)"
ROW = f'''
    "{NAME}": Metric(
        "PPVR", (Rate("positive predictive value", ("tp",), ("tp", "fp")),), 1, 0.25,
        (("errors", "assistive", "those flagged", "right, among the flagged"),),
    ),'''


def walk(given: str, taken: str) -> None:
    """What the card, the tables and the figures of the copy make of a cohort with two models' scores."""
    import warnings
    from dataclasses import replace

    import pandas as pd

    from book.pages import explorer
    from book.pages.figures import evaluation as figures
    from book.pages.figures.metric_tree import metric_tree
    from fairlib import cards, fairness, text
    from fairlib.measures import summary
    from fairlib.measures.evaluated import Evaluated
    from fairlib.report.columns import written
    from fairlib.study.tables import evaluation

    warnings.simplefilter("ignore", fairness.UndefinedRatio)
    cohort, scores = pickle.loads(Path(given).read_bytes())
    card = cards.load(cohort.card.name)
    cohort = replace(cohort, card=card)
    metric, protected = card.metric.metric, card.protected()
    made = [evaluation(Evaluated(cohort, score, 0.5, 40)) for score in scores.values()]
    parts = [one["metrics"].assign(strategy=name, seed=1) for name, one in zip(scores, made, strict=True)]
    models = pd.concat(parts, ignore_index=True)
    rows, headline = summary.summarise(models), summary.headline(models, protected, metric)
    found = {
        "file": fairness.__file__,
        "metrics": models,
        "summary": rows,
        "thresholds": made[0]["thresholds"],
        "distance": text.disparity_name(metric),
        "headline": written(tables.headline(headline, metric)),
        "explorer": explorer.measure_name(metric),
    }
    drawn = {
        "domain": figures.parity_domain(rows, metric, protected),
        "all": figures.parity_all(rows, protected),
        "trade_off": figures.trade_off(headline, metric),
        "tree": metric_tree({card.title: card}, card.title),
    }
    for name, (figure, alt) in drawn.items():
        written = [t.get_text() for panel in figure.axes for t in (*panel.texts, panel.xaxis.label, panel.yaxis.label)]
        found |= {f"{name}: alt": alt, f"{name}: text": "\n".join(written)}
    Path(taken).write_bytes(pickle.dumps(found))


@pytest.fixture(scope="module")
def scored(make_cohort):
    cohort, draw = make_cohort("challenge2012", people=1500), np.random.default_rng(3)
    noise = {name: draw.normal(size=len(cohort)) for name in ("supervised", "frozen_0")}
    return cohort, {name: 1 / (1 + np.exp(-(2 * cohort.y - 1 + own))) for name, own in noise.items()}


def copied(folder: Path, row: str = ROW) -> Path:
    """The packages and cards in a folder, with the row and with its metric on a card."""
    for part in ("fairlib", "book/pages", "data_cards"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "book" / "__init__.py", folder / "book")
    code, card = folder / "fairlib" / "fairness.py", folder / "data_cards" / "challenge2012.yaml"
    for path, before, after in (
        (code, "\nMETRICS = {", "\nMETRICS = {" + row),
        (card, "  metric: error_rate_ratio", f"  metric: {NAME}"),
    ):
        text = path.read_text(encoding="utf-8")
        assert text.count(before) == 1
        path.write_text(text.replace(before, after), encoding="utf-8")
    return folder


def walked(folder: Path, scored) -> subprocess.CompletedProcess:
    (folder / "given").write_bytes(pickle.dumps(scored))
    command = [sys.executable, "-P", __file__, "given", "taken"]
    environment = os.environ | {"PYTHONPATH": str(folder)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


@pytest.fixture(scope="module")
def found(tmp_path_factory, scored):
    folder = copied(tmp_path_factory.mktemp("errand"))
    done = walked(folder, scored)
    assert done.returncode == 0, done.stderr[-2000:]
    taken = pickle.loads((folder / "taken").read_bytes())
    assert Path(taken["file"]).is_relative_to(folder)  # the copy was walked, not this checkout
    return taken


def test_the_number_is_that_of_scikit_learn(found, scored):
    cohort, scores = scored
    test = cohort.rows("test")
    gender = cohort.attributes["gender"].iloc[test]
    decision = scores["frozen_0"][test] >= 0.5
    male, female = (
        precision_score(cohort.y[test][own], decision[own]) for own in ((gender == "Male"), (gender == "Female"))
    )
    keys = ["strategy", "attribute", "metric"]
    metrics = found["metrics"].query("scope == 'ratio'").set_index(keys)["estimate"]
    wanted = metrics["frozen_0", "gender", NAME]
    assert wanted in (pytest.approx(female / male), pytest.approx(male / female))
    row = found["summary"].query("scope == 'ratio'").set_index(keys).loc[("frozen_0", "gender", NAME)]
    assert row["mean"] == pytest.approx(wanted)
    assert row["deviation"] == pytest.approx(abs(1 - wanted))
    assert row["low"] < wanted < row["high"]
    assert 0 < row["p"] <= row["q"] <= 1
    assert NAME in set(found["thresholds"]["metric"])


def test_tables_and_notes_name_it(found):
    assert found["distance"] == "parity deviation"
    assert "parity deviation" in found["headline"]
    assert found["explorer"] == PLAIN


def test_figures_and_the_metric_tree_show_it(found):
    assert "PPVR" in found["domain: alt"]
    assert "below 0.25" in found["domain: alt"]
    assert "|1 − PPVR|" in found["domain: text"]
    assert "7 ratio metrics" in found["all: text"]
    assert "parity deviation" in found["trade_off: alt"]
    assert "assistive, those flagged → PPVR" in found["tree: alt"]
    assert "PPVR\nright, among the flagged" in found["tree: text"]


@pytest.mark.parametrize("metric", METRICS)
def test_every_metric_can_stand_on_a_card_and_has_a_leaf(metric):
    card = cards.load("mimic")
    card = card.model_copy(update={"metric": cards.MetricChoice(**card.metric.model_dump() | {"metric": metric})})
    assert leaf(card)[3] == metric


def test_a_card_with_a_metric_that_has_no_row_is_refused_by_name(tmp_path, scored):
    done = walked(copied(tmp_path, row=""), scored)
    assert done.returncode != 0
    assert "metric.metric: expected 'error_rate_ratio', 'false_negative_rate_ratio'" in done.stderr
    assert f"found '{NAME}'" in done.stderr


if __name__ == "__main__":
    walk(*sys.argv[1:])
