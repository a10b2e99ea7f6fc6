"""What stage 1 says of attributes that the files do not hold."""

import numpy as np

from book.pages.tables.requirements import unknown
from fairlib.cards import load
from fairlib.measures import describe


def test_attributes_without_a_known_value_are_named(make_cohort):
    nobody = {name: np.full(400, None, dtype=object) for name in ("gender", "race", "disability")}
    for origin in ("twin", "real"):
        text = unknown(describe.cohort_tables(make_cohort("globem", origin, people=400, **nobody))["segments"])
        assert "have a known gender, race, disability. The notebooks show no segment" in text
        assert "What is left: platform." in text
    assert set(load("globem").attributes) == {*nobody, "platform"}


def test_nothing_is_said_where_all_are_known(make_cohort):
    assert unknown(describe.cohort_tables(make_cohort("globem", people=400))["segments"]) == ""
