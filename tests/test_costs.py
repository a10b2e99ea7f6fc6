"""The page on costs: comparisons by hand, the fitted power, and hours as steps times seconds."""

import numpy as np
import pandas as pd
import pytest

from book.quality import costs
from book.quality import costs_tables as tables
from book.quality.kept import Costs
from fairlib.strategies import STRATEGIES
from fairlib.study.parameters import ParameterError, check


@pytest.fixture
def bench() -> pd.DataFrame:
    """Steps of 0.1 s; the naive one needs 0.15 s, bf16 0.05 s; fine-tuning needs 1 s for 1,280 windows."""
    seconds = {"naive": 0.15, "ours": 0.1, "ours, bf16": 0.05}
    facts = {"topic": "pre-training step", "threads": 1, "rounds": 3, "windows": 128, "flop": 2e9, "limit": 1e11}
    rows = [
        facts | {"case": shape, "variant": name, "best": spent / 2, "median": spent}
        for shape in costs.SHAPES.values()
        for name, spent in seconds.items()
    ]
    facts = {"topic": "fine-tuning, by strategy", "threads": 1, "rounds": 3, "windows": 1280}
    for shape in costs.SHAPES.values():
        for i, name in enumerate(STRATEGIES):
            rows.append(facts | {"case": shape, "variant": name, "best": 1.0, "median": 1.0 / (1 + i)})
    return pd.DataFrame(rows)


@pytest.fixture
def card() -> pd.DataFrame:
    """A card on which a step takes 10 ms and a window of fine-tuning 20 µs; two processes gain 1.6, stacking 2."""
    rows = [("pre-training step", shape, "float32", 0.01) for shape in costs.SHAPES.values()]
    rows += [("fine-tuning, a window", shape, name, 2e-5) for shape in costs.SHAPES.values() for name in STRATEGIES]
    rows += [("models at once on a card", "(48, 76)", *one) for one in (("1 process", 8.0), ("2 processes", 5.0))]
    rows += [
        ("step of 5 models on a card", "(48, 76)", *one) for one in (("one after the other", 4.0), ("stacked", 2.0))
    ]
    return pd.DataFrame(rows, columns=["topic", "case", "variant", "median"])


def test_comparisons_by_hand(bench):
    found = costs.compared(bench).set_index(["case", "of"])
    assert found.loc[("(48, 76)", "ours"), "ratio"] == pytest.approx(1.5)
    assert found.loc[("(48, 76)", "ours"), "wanted"] == 1.3
    assert found.loc[("(28, 1390)", "ours"), "wanted"] == 2
    assert found.loc[("(28, 1390)", "ours, bf16"), "ratio"] == pytest.approx(2)
    assert found.loc[("(48, 76)", "ours"), "limit"] == pytest.approx(2e9 / 0.05 / 1e11)  # at its best
    text = tables.finding(costs.compared(bench))
    assert text.startswith("Of 6 ratios that were asked for, 5 are reached")
    assert "pre-training step, ours, (28, 1390), threads: 1: 1.5×" in text
    assert text.endswith(
        "Not measured: CKA, nine pairs of layers, n = 672; CKA, nine pairs of layers, n = 3,670;"
        " CKA, nine pairs of layers, n = 7,340; AUC, 500 bootstrap draws, n = 3,236;"
        " AUC, 500 bootstrap draws, n = 100,000."
    )
    assert list(tables.compared(costs.compared(bench))["verdict"]).count("not reached") == 1


def test_frozen_layers_beside_all(bench):
    found = costs.frozen(bench)
    assert list(found.index) == list(STRATEGIES)
    np.testing.assert_allclose(found["(48, 76)"], np.arange(1, 8))


def test_hours_are_steps_times_seconds(bench, card):
    found = costs.projected(bench, card).set_index(["dataset", "recipe"]).loc[("mimic", "paper_text")]
    steps = 50 * 115  # 14,681 windows in batches of 128
    tuned = 30 * 14_681 / 1280 * sum(1 / (1 + i) for i in range(7))
    assert found["pretraining_steps"] == steps
    assert found["cpu_hours"] == pytest.approx((steps * 0.1 + tuned) / 2 / 3600)
    assert found["card_hours"] == pytest.approx((steps * 0.01 + 7 * 30 * 14_681 * 2e-5) / 3600)
    released = costs.projected(bench, card).set_index(["dataset", "recipe"]).loc[("mimic", "paper_code")]
    assert released["pretraining_steps"] == 1000
    # Their rates reach 0 after 2,000 steps of 115 an epoch, and 1,000 of 230; the epoch is finished.
    assert released["finetuning_steps"] == 6 * 18 * 115 + 5 * 230


def test_several_models_on_a_card_by_hand(card):
    found = costs.at_once(card).set_index("how")["gain"]
    assert found.to_dict() == {"1 process": 1, "2 processes": 1.6, "one after the other": 1, "stacked": 2}
    assert list(tables.at_once(costs.at_once(card))["beside one at a time"]) == ["1×", "1.6×", "1×", "2×"]


def test_without_a_card_nothing_is_said_of_one(bench, tmp_path):
    (tmp_path / "bench.csv").write_text("")
    none = costs.card(Costs(folder=str(tmp_path)))
    table = tables.projected(costs.projected(bench, none))
    assert not [name for name in table if "graphics" in name]
    assert costs.at_once(none).empty
    assert tables.card(None).startswith("No graphics card was measured")


def test_the_paper_s_size_has_its_minutes_added_up():
    parts = ["twin of 10 windows written and read", "pre-training", "supervised", "frozen_0"]
    table = pd.DataFrame({"recipe": "paper_text", "part": parts, "minutes": [1.0, 2, 3, 150]})
    (row,) = tables.paper(table).to_dict("records")
    assert row == {
        "recipe": "paper_text",
        parts[0]: "1 min",
        "pre-training": "2 min",
        "2 models": "2.5 h",
        "together": "2.6 h",
    }


def test_the_fitted_power(tmp_path):
    n = np.array([10, 20, 40])
    pd.DataFrame({"step": "a", "unit": "people", "n": n, "seconds": 3.0 * n**2}).to_csv(tmp_path / "growth.csv")
    (tmp_path / "bench.csv").write_text("")
    assert costs.growth(Costs(folder=str(tmp_path)))["exponent"].to_numpy() == pytest.approx([2, 2, 2])


def test_a_folder_without_tables_is_refused(tmp_path):
    with pytest.raises(ParameterError, match=r"holds no bench\.csv; python -m tests.bench --out FOLDER writes one"):
        check("costs", {"folder": str(tmp_path)})


@pytest.mark.parametrize(
    ("value", "text"), [(2.314, "2.31×"), (14.66, "14.7×"), (3432, "3,430×"), (0.9, "0.9×"), (np.nan, "–")]
)
def test_times(value, text):
    assert tables.times(value) == text


@pytest.mark.parametrize(("value", "text"), [(2e-5, "20 µs"), (0.0123, "12.3 ms"), (1.5, "1.5 s"), (250, "250 s")])
def test_durations(value, text):
    assert tables.duration(value) == text


@pytest.mark.parametrize(("value", "text"), [(0.5, "30 min"), (3.25, "3.2 h"), (328.4, "328 h")])
def test_hours(value, text):
    assert tables.hours(value) == text


def test_no_row_where_bf16_does_not_pay():
    rows = pd.DataFrame({"strategy": ["supervised"], "seed": 1, "precision": "float32", "auc": 0.8, "seconds": 1.0})
    assert tables.precision(rows).empty
