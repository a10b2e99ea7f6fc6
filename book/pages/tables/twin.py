"""The model of a twin as small tables: what is planted, the truth per segment."""

import pandas as pd

from fairlib.text import minus, number, percent, signed
from fairlib.twins.people import Scorer, Spec

TRUTH_NOTE = (
    "AUC and error rate are the fixed rule's; “minus others” and “log ratio to others” compare with everybody outside"
    " the segment. The ceiling is the AUC of a score that knows the latent state."
)


def planted(spec: Spec) -> pd.DataFrame:
    """The knobs that are not at zero."""
    rows = [
        {
            "knob": row["knob"],
            "attribute": row["attribute"],
            "segment": row["segment"],
            "setting": minus(f"{row['value']:g}"),
        }
        for row in spec.planted()
    ]
    return pd.DataFrame(rows or [{"knob": "none", "attribute": "–", "segment": "–", "setting": "–"}])


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
    return pd.DataFrame(
        {
            "attribute": truth["attribute"],
            "segment": truth["segment"],
            "share": truth["share"].map(percent),
            "label rate": truth["label_rate"].map(percent),
            "AUC": truth["auc"].map(number),
            "minus others": truth["auc_difference"].map(signed),
            "ceiling": truth["auc_ceiling"].map(number),
            "error rate": truth["error_rate"].map(number),
            "log ratio to others": truth["log_error_rate_ratio"].map(signed),
        }
    )
