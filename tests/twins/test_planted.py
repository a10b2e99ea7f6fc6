"""Twins that can judge: what is planted in them is what their registry says, and large enough to be found."""

import numpy as np
import pytest

from fairlib import cards, twins
from fairlib.inference import auc
from fairlib.twins import planted


@pytest.mark.parametrize("dataset", twins.known())
def test_the_dial_moves_noise_and_labels_only(dataset):
    zero, turned = (twins.load_spec(dataset, planted.knobs(dataset, dial)) for dial in planted.DIAL)
    assert {row["knob"] for row in zero.planted()} <= {"share"}
    assert (zero.share, zero.prevalence, zero.windows) == (turned.share, turned.prevalence, turned.windows)
    told = {(row.attribute, row.segment): row.planted for row in planted.disparities(dataset).itertuples()}
    found = {
        (row["attribute"], row["segment"]): f"{row['knob'].replace('_', ' ')} {row['value']:g}"
        for row in turned.planted()
        if row["knob"] != "share"
    }
    assert told == found | {planted.TWINS[dataset].none: "none"}
    others = sum(len(segments) - 1 for segments in twins.attributes(dataset).values())
    assert len(found) >= min(3, others - 1)
    privileged = {name: facts.privileged for name, facts in cards.load(dataset).attributes.items()}
    assert not set(privileged.items()) & set(told)


def test_only_open_data_are_cross_fitted():
    folds = {name: twin.folds for name, twin in planted.TWINS.items()}
    own = {"challenge2012": 5, "challenge2019": 5, "eicu_demo": 5}
    assert folds == {"mimic": 0, "mesa": 0, "globem": 0} | own


def test_the_reference_score_is_as_good_as_it_is_told_to_be_and_noise_widens_its_error():
    at_zero = planted.drawn("mimic", "zero", 40_000, np.random.default_rng(0))
    found = auc(at_zero["label"].to_numpy(), at_zero["score"].to_numpy())
    assert found == pytest.approx(planted.TWINS["mimic"].auc, abs=0.006)
    worse = planted.drawn("mimic", "zero", 40_000, np.random.default_rng(0), area=0.75)
    assert auc(worse["label"].to_numpy(), worse["score"].to_numpy()) == pytest.approx(0.75, abs=0.006)
    people = planted.drawn("mimic", "turned", 40_000, np.random.default_rng(1))
    spread = (people["score"] - people["z"]).groupby(people["ethnicity"]).std()
    assert spread["Black"] / spread["White"] == pytest.approx(5, rel=0.05)  # noise 4: four times as much on top
    assert spread["Asian"] / spread["White"] == pytest.approx(1, rel=0.05)
