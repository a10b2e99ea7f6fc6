"""Bootstrap replicates give everybody's outcome away, since the draws come from a known seed; a bundle does not."""

from dataclasses import replace

import numpy as np
import pytest

from fairlib import cards
from fairlib.audit.bundle import TABLES, written
from fairlib.audit.export import computed, rounded
from fairlib.audit.unordered import Unordered, unordered
from fairlib.inference import participant_draws
from fairlib.measures import performance
from fairlib.measures.evaluated import Evaluated
from tests.audit.bundles import Study

CARD = cards.load("challenge2012").model_copy(update={"access": "restricted"})
DRAWS, MODEL = 120, ("supervised", 1)


def study(cohort, score) -> Study:
    """An enclave's study of one model."""
    return Study(cohort, DRAWS, MODEL[:1], runs=MODEL[1:], _kept={MODEL: Evaluated(cohort, score, 0.5, DRAWS)})


@pytest.fixture(scope="module")
def enclave(make_cohort) -> Study:
    """One model on a small restricted cohort, of whom 90 people are tested."""
    cohort = make_cohort(people=300, card=CARD)
    score = 1 / (1 + np.exp(-(2 * cohort.y - 1 + np.random.default_rng(0).normal(size=len(cohort)))))
    return study(cohort, score.astype(np.float32))


def solved(of: Study, metric: str, people: int = 90) -> np.ndarray:
    """(people,) what an attacker finds of each: a rate in a draw is Σ weight · what is asked / Σ weight.

    The attacker has the replicates of that rate for everybody, and the code with its seed, but none of the data.
    """
    metrics = of.table("metrics", *MODEL)
    rows = metrics[(metrics["scope"] == "overall") & (metrics["metric"] == metric)]
    rate, weights = rows["replicates"].iloc[0].astype(float), participant_draws(np.arange(people), DRAWS)
    return np.linalg.lstsq(weights, rate * weights.sum(axis=1), rcond=None)[0].round().astype(int)


def test_from_replicates_an_attacker_solves_for_every_single_person(enclave):
    of = enclave.of(*MODEL)
    decision, wrong = solved(enclave, "selection_rate"), solved(enclave, "error_rate")
    np.testing.assert_array_equal(decision, of.s >= 0.5)
    np.testing.assert_array_equal(decision ^ wrong, of.y)  # who died


def bundled(of: Unordered) -> dict[str, str]:
    """What a bundle says: its tables as they leave."""
    return {
        name: written(name, table)
        for name, table in rounded(computed(of, CARD, MODEL[:1]), CARD, "restricted", 1).items()
    }


def exchanged(of: Study, one: int, other: int) -> Study:
    """Another world: two people have each other's outcome and score."""
    own, cohort = of.of(*MODEL), of.cohort
    y, score = cohort.y.copy(), own.score.copy()
    y[[one, other]], score[[one, other]] = y[[other, one]], score[[other, one]]
    return study(replace(cohort, y=y), score)


def test_a_bundle_is_the_same_whichever_of_two_people_had_the_event(enclave):
    """Even who knows everybody else cannot tell: the two worlds give the same bytes, each as likely as the other."""
    cohort, people = enclave.cohort, enclave.people()
    group = cohort.attributes.astype("string").fillna("unknown").agg(", ".join, axis=1).to_numpy()
    rows, order = cohort.rows("test"), unordered(enclave, CARD).order
    person = people.set_index("row")["person"].loc[cohort.number].to_numpy()
    known, tried = bundled(Unordered(enclave, CARD, order)), 0
    for one in rows[::30]:
        others = [row for row in rows if group[row] == group[one] and cohort.y[row] != cohort.y[one]]
        if not others:  # all of that group had the same outcome, so its counts are suppressed
            continue
        other = others[0]
        again = order.copy()
        again[person[[one, other]]] = order[person[[other, one]]]
        world = exchanged(enclave, one, other)
        assert bundled(Unordered(world, CARD, again)) == known
        tried += 1
    assert tried
    # From their replicates the two worlds are told apart.
    assert (solved(world, "selection_rate") != solved(enclave, "selection_rate")).any()


def test_no_table_of_a_bundle_has_room_for_replicates(enclave):
    assert not {"draws", "replicates"} & {column for table in TABLES.values() for column in table.columns}
    table = computed(unordered(enclave, CARD), CARD, MODEL[:1])["performance"]
    assert not [name for name in table if isinstance(table[name].iloc[0], np.ndarray)]
    assert (performance.metrics(enclave.of(*MODEL))["replicates"].map(len) == DRAWS).all()  # where they come from
