"""Every specification of the same scores: by hand, as the protocol's D, and with ages cut elsewhere."""

import numpy as np
import pandas as pd
import pytest

from fairlib.fairness import RATES, SHORT
from fairlib.measures import estimands, specifications
from fairlib.measures.estimands import OVERALL
from fairlib.measures.evidence import EVERYONE, Evidence
from fairlib.measures.operating import PRIMARY, PUBLISHED, Point
from fairlib.measures.specifications import PUBLISHED_SCALE, SCALES, recut
from fairlib.measures.verdicts import D
from tests.measures.scores import out_of_fold

ONE = "frozen_1_middle"


@pytest.fixture(scope="module")
def evidence():
    return Evidence(out_of_fold(people=600, folds=2), 60)


@pytest.fixture(scope="module")
def rows(evidence):
    return pd.DataFrame([row for row, _ in specifications.specifications(evidence, [ONE], points=(PRIMARY,))])


def test_each_choice_is_made_once(rows):
    choices = ["strategy", "metric", "attribute", "point", "scale"]
    assert len(rows) == len(RATES) * len(SCALES) * 3
    assert not rows.duplicated(choices).any()
    assert set(rows["attribute"]) == {"gender", "age", OVERALL}
    assert set(rows["metric"]) == set(SHORT.values())


def test_the_protocols_disparity_is_one_of_them(rows, evidence):
    found = estimands.differences(evidence, ONE, "supervised", (PRIMARY,))
    wanted = found[(found["estimand"] == D) & (found["group"] == OVERALL)].iloc[0]
    own = rows[(rows["metric"] == "ERR") & (rows["attribute"] == OVERALL) & (rows["scale"] == "|log ratio|")].iloc[0]
    for name in ("estimate", "se", "low", "high"):
        assert own[name] == pytest.approx(wanted[name])


@pytest.mark.parametrize("scale", SCALES)
def test_a_distance_by_hand(evidence, scale):
    of, point = evidence.of, Point("threshold", 0.6)
    y, flagged = of.y, of.score[ONE] >= 0.6
    wrong = (flagged != y).astype(float)  # (repeats, n)
    old = (of.attributes["age"] == ">=65").to_numpy()
    u, p, everyone = wrong[:, old].mean(axis=1), wrong[:, ~old].mean(axis=1), wrong.mean(axis=1)
    by_hand = {
        "|log ratio|": np.log(u / p).mean(),
        PUBLISHED_SCALE: (u / p - 1).mean(),
        "|difference| / overall rate": ((u - p) / everyone).mean(),
    }[scale]
    found = specifications.distance(evidence, ONE, point, RATES["error_rate_ratio"], scale, "age")
    assert found.estimate == pytest.approx(abs(by_hand))


def test_one_attribute_alone_and_its_share_in_the_mean(evidence, rows):
    some = specifications.specifications(evidence, [ONE], points=(PRIMARY,), only="age")
    some = pd.DataFrame([row for row, _ in some])
    assert set(some["attribute"]) == {"age", OVERALL}
    wanted = rows[rows["attribute"] != "gender"].reset_index(drop=True)
    pd.testing.assert_frame_equal(some, wanted)


def test_draws_have_the_spread_of_the_number(evidence):
    for row, (people, runs) in specifications.specifications(evidence, [ONE], points=(PUBLISHED,), only="age"):
        assert len(runs) == len(evidence.of.runs())
        assert np.hypot(np.nanstd(people, ddof=1), np.sqrt((runs**2).sum())) == pytest.approx(row["se"], rel=1e-3)


def test_a_group_without_errors_is_left_out():
    of = out_of_fold(people=600, folds=2)
    old = (of.attributes["age"] == ">=65").to_numpy()
    perfect = np.where(old, of.y, of.score["supervised"]).astype(np.float32)
    of = out_of_fold(people=600, folds=2, score={"supervised": of.score["supervised"], ONE: perfect})
    at = (Point("threshold", 0.5),)
    kept = pd.DataFrame([row for row, _ in specifications.specifications(Evidence(of, 40), [ONE], points=at)])
    undefined = kept[(kept["metric"] == "ERR") & (kept["scale"] == "|log ratio|")]
    assert set(undefined["attribute"]) == {"gender"}  # the log of a rate of 0 has no value


def test_another_cut_moves_people_and_keeps_the_unknown():
    age = pd.Series([40, 55, 70, np.nan])
    frame = pd.DataFrame({"age": pd.Categorical(["<65", "<65", ">=65", None], ["<65", ">=65"])})
    again = recut(frame, "age", (age >= 50).where(age.notna()))
    assert again["age"].astype(object).where(again["age"].notna(), None).tolist() == ["<65", ">=65", ">=65", None]
    assert frame["age"].tolist()[1] == "<65"
    assert EVERYONE not in again
