"""Sentences that people wrote about frozen results: every number and direction in them, computed again."""

import re

import pandas as pd
import pytest

from fairlib.study.parameters import FROZEN, ROOT

METRICS = pd.read_parquet(FROZEN / "challenge2012" / "metrics.parquet", columns=None)


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", (ROOT / "book" / page).read_text(encoding="utf-8"))


def overall(metric: str) -> pd.DataFrame:
    """Recipe by strategy: a metric of all test people, mean over runs with all labels."""
    rows = METRICS[(METRICS["scope"] == "overall") & (METRICS["metric"] == metric) & (METRICS["labels"] == 0)]
    return rows.pivot_table(index=["recipe", "seed"], columns="strategy", values="estimate")


@pytest.mark.parametrize("strategy", ["supervised", "frozen_1_middle"])
def test_most_errors_at_one_half_are_false_alarms(strategy):
    sizes = METRICS[(METRICS["scope"] == "overall") & (METRICS["metric"] == "auc")].iloc[0]
    alarms = overall("false_positive_rate")[strategy] * (sizes["windows"] - sizes["events"])
    misses = overall("false_negative_rate")[strategy] * sizes["events"]
    share = (100 * alarms / (alarms + misses)).groupby("recipe").mean()
    told = {"supervised": "the supervised model's", "frozen_1_middle": "those of the SSL model"}[strategy]
    assert f"{share.min():.0f} to {share.max():.0f} % of {told}" in text_of("stages/5_evaluation.md")


def test_what_the_card_says_of_sets_a_and_b_is_what_was_used():
    sizes = pd.read_parquet(FROZEN / "challenge2012" / "sizes.parquet").set_index("split")
    card = re.sub(r"\s+", " ", (ROOT / "data_cards" / "challenge2012.yaml").read_text(encoding="utf-8"))
    events = int(sizes.loc["all", "events"])
    assert re.search(rf"{int(sizes.loc['all', 'windows']):,} stays of \S+ records with {events:,} deaths", card)
