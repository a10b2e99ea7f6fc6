"""How far groups lie apart, without the spread that sampling noise adds: the double-corrected variance.

The variance of a measured rate between groups holds two parts, real differences and noise; with small groups most of it
is noise. The first correction takes the noise out of the estimate, the second out of its bootstrap draws, which hold it
twice (once from the sample, once from drawing it again).

Source: Lum, Zhang and Bower, De-biasing "bias" measurement, FAccT 2022 (doi 10.1145/3531146.3533105).
"""

from typing import NamedTuple

import numpy as np


class Between(NamedTuple):
    """Variance of a measure between groups.

    ``naive``: of the measured values; ``noise``: what sampling adds to it on average; ``variance``: naive − noise, may
    be below 0; ``replicates``: (draws,) bootstrap draws of ``variance``, NaN where a group was undefined.
    """

    naive: float
    noise: float
    variance: float
    replicates: np.ndarray


def between_groups(estimates: np.ndarray, replicates: np.ndarray) -> Between:
    """Double-corrected variance between the groups of one attribute.

    Parameters
    ----------
    estimates: (groups,) a measure of each group, such as its AUC or error rate.
    replicates: (draws, groups) the same under bootstrap draws of participants, all groups in one draw.

    The paper takes the mean of the groups' binomial variances as noise. Here it is the mean variance between groups of
    the draws' deviations from their mean: the same for independent groups, and right too where people have several
    windows, where one person's windows lie in two groups, and for measures that are no shares. NaN for fewer than two
    groups, an undefined group, or fewer than 20 defined draws.
    """
    estimates, replicates = np.asarray(estimates, dtype=np.float64), np.asarray(replicates, dtype=np.float64)
    defined = np.isfinite(replicates).all(axis=1)
    if len(estimates) < 2 or not np.isfinite(estimates).all() or defined.sum() < 20:
        return Between(np.nan, np.nan, np.nan, np.full(len(replicates), np.nan))
    drawn, out = replicates[defined], np.full(len(replicates), np.nan)
    noise = (drawn - drawn.mean(axis=0)).var(axis=1, ddof=1).mean() * len(drawn) / (len(drawn) - 1)
    naive = estimates.var(ddof=1)
    out[defined] = drawn.var(axis=1, ddof=1) - 2 * noise
    return Between(float(naive), float(noise), float(naive - noise), out)
