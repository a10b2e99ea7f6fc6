"""The page on costs: comparisons by hand, the fitted power, and hours as steps times seconds."""

import json

import numpy as np
import pandas as pd
import pytest

from book.quality import BENCH, costs
from fairlib.strategies import STRATEGIES
from fairlib.study import parts

ASKED = pd.read_csv(BENCH / "asked.csv")
SHAPES = ("(48, 76)", "(101, 5)", "(28, 1390)")

SHAPES = ("(48, 76)", "(101, 5)", "(28, 1390)")


@pytest.fixture
def bench() -> pd.DataFrame:
    """Steps of 0.1 s; the naive one needs 0.15 s, bf16 0.05 s; fine-tuning needs 1 s for 1,280 windows."""
    seconds = {"naive": 0.15, "ours": 0.1, "ours, bf16": 0.05}
    facts = {"topic": "pre-training step", "threads": 1, "rounds": 3, "windows": 128, "flop": 2e9, "limit": 1e11}
    rows = [
        facts | {"case": shape, "variant": name, "best": spent / 2, "median": spent}
        for shape in SHAPES
        for name, spent in seconds.items()
    ]
    facts = {"topic": "fine-tuning, by strategy", "threads": 1, "rounds": 3, "windows": 1280}
    for shape in SHAPES:
        for i, name in enumerate(STRATEGIES):
            rows.append(facts | {"case": shape, "variant": name, "best": 1.0, "median": 1.0 / (1 + i)})
    return pd.DataFrame(rows)


@pytest.fixture
def card() -> pd.DataFrame:
    """A card on which a step takes 10 ms and a window of fine-tuning 20 µs; two processes gain 1.6, stacking 2."""
    rows = [("pre-training step", shape, "float32", 0.01) for shape in SHAPES]
    rows += [("fine-tuning, a window", shape, name, 2e-5) for shape in SHAPES for name in STRATEGIES]
    rows += [("models at once on a card", "(48, 76)", *one) for one in (("1 process", 8.0), ("2 processes", 5.0))]
    rows += [
        ("step of 5 models on a card", "(48, 76)", *one) for one in (("one after the other", 4.0), ("stacked", 2.0))
    ]
    return pd.DataFrame(rows, columns=["topic", "case", "variant", "median"])


def test_comparisons_by_hand(bench):
    table = costs.compared(bench, ASKED)
    found = table.set_index(["case", "of"])
    assert found.loc[("(48, 76)", "ours"), "ratio"].iloc[0] == pytest.approx(1.5)
    assert found.loc[("(28, 1390)", "ours, bf16"), "ratio"] == pytest.approx(2)
    assert found.loc[("(48, 76)", "ours"), "share"].iloc[0] == pytest.approx(2e9 / 0.05 / 1e11)  # at its best
    assert table["ratio"].notna().sum() == 6
    text = costs.finding(table)
    assert text.startswith("Of 6 ratios that were asked for, 5 are reached")
    assert "not reached: pre-training step, ours, (28, 1390), threads: 1: 1.5×. Not measured: fine-tuning, all" in text
    assert text.endswith("AUC, 500 bootstrap draws, ours, n = 3,236; AUC, 500 bootstrap draws, ours, n = 100,000.")
    assert "loop, one call" not in text  # nothing is asked of it
    both = pd.concat([bench, bench.assign(threads=2, median=3 * bench["median"])])
    assert costs.compared(both, ASKED)["ratio"].dropna().tolist() == pytest.approx(np.repeat([1.5, 2], 6))


def test_the_kept_tables_hold_all_that_was_asked_for():
    table = costs.compared(pd.read_csv(BENCH / "bench.csv"), ASKED)
    assert table["ratio"].notna().all()


def test_shapes_are_those_of_the_cards_that_were_timed(bench):
    assert costs.shapes(bench) == {"globem": "(28, 1390)", "mesa": "(101, 5)", "mimic": "(48, 76)"}


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
    found = costs.at_once(card).set_index("variant")["gain"]
    assert found.to_dict() == {"1 process": 1, "2 processes": 1.6, "one after the other": 1, "stacked": 2}


def test_the_fitted_power():
    n = np.array([10, 20, 40])
    table = pd.DataFrame({"step": "a", "unit": "people", "n": n, "seconds": 3.0 * n**2})
    assert costs.fitted(table)["exponent"].to_numpy() == pytest.approx([2, 2, 2])


@pytest.mark.parametrize(("value", "text"), [(2.314, "2.31×"), (14.66, "14.7×"), (3432, "3,430×"), (0.9, "0.9×")])
def test_times(value, text):
    assert costs.times(value) == text


@pytest.mark.parametrize(("value", "text"), [(2e-5, "20 µs"), (0.0123, "12.3 ms"), (1.5, "1.5 s"), (250, "250 s")])
def test_durations(value, text):
    assert costs.duration(value) == text


def test_both_precisions_by_hand():
    rows = pd.DataFrame({"strategy": ["supervised"], "seed": 1, "precision": "float32", "auc": 0.8, "seconds": 3.0})
    both = pd.concat([rows, rows.assign(precision="bf16", auc=0.79, seconds=1.5)])
    (found,) = costs.precision(both).itertuples()
    assert (found.auc, found.auc_bf16, found.difference, found.times) == pytest.approx((0.8, 0.79, -0.01, 2))
    assert costs.precision(rows).empty  # where it does not pay, nothing was trained with it


def test_spent_core_hours_are_those_that_kept_results_name(tmp_path):
    """Packed ones and finished folds; twins apart, pretexts with their recipe."""
    planned = pd.DataFrame({"what": list("abcd"), "recipes": ["tuned", "paper_text paper_code", "twins", "search"]})
    (tmp_path / "one").mkdir()
    made = {"tuned": {"seconds": {"supervised": 1800.0}}, "tuned-masked": {"seconds": {"frozen_0": 1800.0}}}
    (tmp_path / "one" / "manifest.json").write_text(json.dumps({"recipes": made | {"paper_text": {}}}))
    for place, recipe in (("one/parts", "paper_code"), ("twins/mimic-zero/parts", "tuned")):
        (tmp_path / place).mkdir(parents=True)
        parts._zip(tmp_path / place / "fold.zip", {}, {"recipe": recipe, "seconds": 7200})
        parts._zip(tmp_path / place / "people.zip", {}, {"data": "x"})
    spent = costs.core_hours(planned.assign(planned=1.0), tmp_path)["spent"].tolist()
    assert spent[:3] == [1, 2, 2]
    assert spent[3] > 1  # the search of this study


def test_the_plan_is_within_what_was_asked():
    assert pd.read_csv(BENCH / "hours.csv")["planned"].sum() <= 30
