"""Rows for CKA as the paper's release took them, for comparison only: the first training windows of each segment.

Several windows of one person may be among them, and segments differ in size; both move the estimate.
"""

import numpy as np

from .cohort import Cohort
from .conditioned import shown_segments
from .similarity import one_window_each

#: The release took so many for most of its comparisons.
FIRST = 1280


def first_windows(cohort: Cohort, most: int = FIRST) -> dict[tuple[str, str], np.ndarray]:
    """(attribute, segment) → the first training rows of a segment, as many as there are up to ``most``.

    Segments whose training people are too few to be shown are left out, as in ``conditioned.shown_segments``.
    """
    train = cohort.rows("train")
    allowed = shown_segments(cohort, train[one_window_each(cohort.person[train], seed=0)])
    found = {("everybody", "everybody"): train[:most]}
    for attribute, segment in allowed:
        found[attribute, segment] = train[(cohort.attributes[attribute].iloc[train] == segment).to_numpy()][:most]
    return found
