"""The numbers that verdicts compare with. The protocol fixes them before the results; nothing else defines one."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Margins:
    """Margins of the verdicts.

    Attributes
    ----------
    auc: an AUC is non-inferior where its difference lies above this.
    auc_sensitivity: the same as a sensitivity analysis (the "1 % loss" of the paper's workshop version).
    claim: the claimed disparity as a share of the supervised one ("30 % fairer").
    equivalence: two disparities are equivalent where their difference in mean |log ratio| lies within ± this.
    group: error may rise by less than this in every named group, or levelling down is not excluded.
    """

    auc: float = -0.02
    auc_sensitivity: float = -0.01
    claim: float = 0.70
    equivalence: float = float(np.log(1.05))
    group: float = 0.02
