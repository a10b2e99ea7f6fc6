"""Sentences that people wrote about frozen results: every number and direction in them, computed again."""

import re

import pandas as pd
import pytest

from fairlib import cards
from fairlib.audit import equal_rates
from fairlib.audit.equal_rates import MARGINS
from fairlib.measures import verdicts
from fairlib.measures.operating import PRIMARY
from fairlib.strategies import BASELINES, NAMED_RECIPE, SUPERVISED
from fairlib.strategies import PRIMARY as NAMED
from fairlib.study.frozen import Frozen, manifest
from fairlib.study.parameters import FROZEN, ROOT

FOLDER = FROZEN / "challenge2012"
#: SSL with the first two or all layers frozen, and the random encoder.
UNEVEN = ("frozen_2_first_middle", "frozen_3", "random_frozen_3")


@pytest.fixture(scope="module")
def metrics():
    """Metrics of the pair under every recipe that was frozen, of all seeds or repeats."""
    parts = []
    for recipe in manifest(FOLDER)["recipes"]:
        kept = Frozen(FOLDER, recipe)
        for name in (SUPERVISED, NAMED):
            tables = (kept.table("metrics", name, seed).assign(seed=seed) for seed in kept.seeds(name))
            parts += [table.assign(recipe=recipe, strategy=name) for table in tables]
    return pd.concat(parts, ignore_index=True)


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", (ROOT / "book" / page).read_text(encoding="utf-8"))


def overall(metrics: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Recipe by strategy: a metric of all test people, of each run."""
    rows = metrics[(metrics["scope"] == "overall") & (metrics["metric"] == metric)]
    return rows.pivot_table(index=["recipe", "seed"], columns="strategy", values="estimate")


@pytest.mark.parametrize("strategy", ["supervised", "frozen_1_middle"])
def test_most_errors_at_one_half_are_false_alarms(metrics, strategy):
    auc = metrics[(metrics["scope"] == "overall") & (metrics["metric"] == "auc")]
    sizes = auc.drop_duplicates(["recipe", "seed"]).set_index(["recipe", "seed"])[["windows", "events"]]
    alarms = overall(metrics, "false_positive_rate")[strategy] * (sizes["windows"] - sizes["events"])
    misses = overall(metrics, "false_negative_rate")[strategy] * sizes["events"]
    share = (100 * alarms / (alarms + misses)).groupby("recipe").mean()
    told = {"supervised": "the supervised model's", "frozen_1_middle": "those of the SSL model"}[strategy]
    assert f"{share.min():.0f} to {share.max():.0f} % of {told}" in text_of("stages/5_evaluation.md")


def test_what_the_card_says_of_sets_a_and_b_is_what_was_used():
    sizes = pd.read_parquet(FROZEN / "challenge2012" / "sizes.parquet").set_index("split")
    card = re.sub(r"\s+", " ", (ROOT / "data_cards" / "challenge2012.yaml").read_text(encoding="utf-8"))
    events = int(sizes.loc["all", "events"])
    assert re.search(rf"{int(sizes.loc['all', 'windows']):,} stays of \S+ records with {events:,} deaths", card)


def test_what_the_front_page_says():
    """Each statement of the paragraph *What this says*."""
    kept = Frozen(FOLDER, NAMED_RECIPE)
    names = (SUPERVISED, NAMED, *BASELINES, *UNEVEN)
    scored = equal_rates.of_study(kept, cards.load("challenge2012"), names, kept.seeds())
    text = text_of("intro.md").partition("**What this says.**")[2].partition(" - **")[0]
    of = scored.verdicts.set_index("verdict")["holds"]
    rows = scored.each[scored.each["point"].isin(["", PRIMARY.name])].set_index(["one", "estimand"])
    assert "slightly more accurate than the supervised one" in text
    assert 0 < rows.loc[(NAMED, "AUC"), "low"] < rows.loc[(NAMED, "AUC"), "high"] < 0.02
    assert "the disparities of the two are equivalent, and a disparity that is 30 % smaller is excluded" in text
    assert of[verdicts.EQUIVALENT]
    assert of[verdicts.EXCLUDED]
    assert "No named group is served worse" in text
    assert of[verdicts.NO_LEVELLING]
    assert "are more accurate than both networks" in text
    for name in BASELINES:
        assert rows.loc[(name, "AUC"), "low"] > rows.loc[(NAMED, "AUC"), "high"]
        found = rows.loc[[(name, verdicts.D)]]
        ends = found[found["group"] == "mean over attributes"].iloc[0]
        assert ends["low"] < 0 < ends["high"]
    assert "and none of them is shown to be as accurate" in text
    level = {}
    for name in UNEVEN:
        found = rows.loc[[(name, verdicts.D)]]
        ends = found[found["group"] == "mean over attributes"].iloc[0]
        level[name] = ends["level_one"]
        assert ends["high"] < 0
        assert rows.loc[(name, "AUC"), "low"] < MARGINS.auc
    assert min(level, key=level.get) == "random_frozen_3"
