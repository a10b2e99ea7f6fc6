"""No withheld number of restricted data can be recomputed, whatever published tables are put together."""

import numpy as np
import pytest

from fairlib import cards
from fairlib.cohort import SPLITS

from . import solver

CARD = cards.load("mimic")


def skewed(make_cohort, seed: int):
    """A restricted cohort whose segments are of very different sizes, some with a handful of people or with nobody."""
    draw, people = np.random.default_rng(seed), int(np.random.default_rng(seed).integers(250, 900))
    given = {}
    for name, facts in CARD.attributes.items():
        weights = draw.dirichlet(np.full(len(facts.segments), 0.4))
        values = draw.choice(np.array(facts.segments, dtype=object), people, p=weights)
        values[draw.random(people) < draw.choice([0.0, 0.01, 0.1])] = None
        given[name] = values
    return make_cohort("mimic", "real", people=people, seed=seed, **given)


def attack(make_cohort, seed: int):
    cohort = skewed(make_cohort, seed)
    system, withheld = solver.published(cohort, np.random.default_rng(seed).random(len(cohort)))
    people = solver.truth(cohort)
    for attribute, segment, split in dict.fromkeys(withheld):
        splits = SPLITS if split == "all" else (split,)
        chosen = (people[attribute] == segment) & people["split"].isin(splits)
        for ys in ((0, 1), (1,), (0,)):
            true = int((chosen & people["y"].isin(ys)).sum())
            low, high = system.range([(attribute, segment, s, y) for s in splits for y in ys], true, CARD.min_cell)
            yield (attribute, segment, split, ys), low, true, high


@pytest.mark.parametrize("seed", range(8))
def test_no_withheld_number_follows_from_the_published_ones(make_cohort, seed):
    found = list(attack(make_cohort, seed))
    for cell, low, true, high in found:
        assert low <= true <= high, "the attacker's equations are wrong"
        assert high - low >= CARD.min_cell, f"{cell} is {true}, and an attacker knows: {low} to {high}"


def test_the_attack_succeeds_where_only_the_small_cell_is_withheld(make_cohort, monkeypatch):
    """Without complementary withholding, a total minus what is shown is the small cell."""
    monkeypatch.setattr("fairlib.disclosure._complement", lambda *_: None)
    found = (case for seed in range(3) for case in attack(make_cohort, seed))
    assert any(low == high for _, low, _, high in found)  # up to the first
