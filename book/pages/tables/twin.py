"""The model of a twin as small tables: what is planted, the truth per segment."""

import numpy as np
import pandas as pd

from fairlib.report.columns import Column, typed
from fairlib.text import minus
from fairlib.twins.people import Scorer, Spec

TRUTH_NOTE = (
    "AUC and error rate are the fixed rule's; “minus others” and “log ratio to others” compare with everybody outside"
    " the segment. The ceiling is the AUC of a score that knows the latent state."
)


def planted(spec: Spec) -> pd.DataFrame:
    """The knobs that are not at zero."""
    rows = pd.DataFrame(spec.planted() or [{"knob": "none", "attribute": None, "segment": None, "value": np.nan}])
    setting = Column("setting", "number", digits=None)
    return typed(rows, ["knob", "attribute"], segment=Column(), value=setting)


def scorer(rule: Scorer) -> pd.DataFrame:
    """What the fixed scorer does."""
    side = "above" if rule.scale > 0 else "below"
    facts = {
        "it reads": rule.signal,
        "unit": rule.unit,
        "it predicts the outcome": minus(f"{side} {rule.middle:g}"),
        "a lost reading counts as": minus(f"{rule.typical:g}"),
    }
    return pd.DataFrame({"the rule": facts.keys(), "what it is": facts.values()})


def segments(truth: pd.DataFrame) -> pd.DataFrame:
    """The truth in words and numbers, one row a segment."""
    return typed(
        truth,
        ["attribute", "segment"],
        share=Column(form="percent"),
        label_rate=Column("label rate", "percent"),
        auc=Column("AUC", "number"),
        auc_difference=Column("minus others", "signed"),
        auc_ceiling=Column("ceiling", "number"),
        error_rate=Column("error rate", "number"),
        log_error_rate_ratio=Column("log ratio to others", "signed"),
    )
