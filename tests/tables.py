"""Every table of one model, as the study makes them."""

from fairlib.measures.evaluated import Evaluated
from fairlib.study.tables import evaluation


def evaluation_tables(cohort, score, threshold, draws):
    """Name → table, of scores (n,) and decisions ``score >= threshold``."""
    return evaluation(Evaluated(cohort, score, threshold, draws))
