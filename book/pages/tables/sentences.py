"""Sentences glued into the book: computed from results, in words that hold whatever the numbers say."""

from collections import Counter

import numpy as np
import pandas as pd

from fairlib.cards import Card
from fairlib.inference import ALPHA
from fairlib.measures.groups import OTHERS
from fairlib.measures.summary import at_chance, left_out, one_decision, verdict
from fairlib.report.provenance import ORIGINS, Provenance
from fairlib.strategies import MITIGATIONS, STRATEGIES
from fairlib.text import LEVEL_WORDS, disparity_name, number, recipe_name, with_interval

from ..marks import NO_BETTER, ONE_DECISION, why_left_out

MARGIN = 0.02  # an accuracy is non-inferior if the interval of its difference lies above −MARGIN
#: Those that start from the pre-trained encoder.
SSL_STRATEGIES = tuple(name for name, strategy in STRATEGIES.items() if strategy.pretrained)


def finding(headline: pd.DataFrame, card: Card, made: Provenance) -> str:
    """What one case study found on accuracy and disparity, with its data and how sure we are."""
    rows = headline.set_index("strategy")
    names = [name for name in STRATEGIES if name in rows.index and name != "supervised"]
    seeds = f"{len(made.seeds)} seed{'s' * (len(made.seeds) != 1)}"
    lead = f"{ORIGINS[made.origin][0]} ({card.title}, recipe {recipe_name(made.recipe)}, {seeds}): "
    if "supervised" not in rows.index or not names:
        return lead + "no comparison of self-supervised and supervised models in this run."
    reference, name = rows.loc["supervised"], disparity_name(card.metric.metric)
    text = lead + f"the supervised model reaches an AUC of {_of(reference, 'auc')}"
    known = bool(np.isfinite(reference["deviation"]))
    text += f" with a mean {name} of {number(reference['deviation'])}. " if known else ". "
    if not known:
        text += "No attribute has people enough in the test split to judge a disparity. "
    if why := why_left_out(reference):
        return text + f"It {why}, so nothing is concluded from comparing models with it."
    judged = [name for name in names if not left_out(rows.loc[name])]
    if len(judged) < len(names):
        text += f"Left out of what follows: {_without(rows.loc[names])}. "
    if not judged:
        longer = " They were trained for a quick look; the profile “paper” trains longer." * (made.profile != "paper")
        return text + "No self-supervised model can be compared." + longer
    titles, compared = {"auc": "AUC"} | ({"deviation": name} if known else {}), rows.loc[judged]
    for measure, title in titles.items():
        verdicts = _verdicts(compared, measure)
        words = [word for word in ("lower", "higher", "not distinguishable", "not known") if word in verdicts]
        counts = " and ".join(f"{word} in {verdicts.count(word)}" for word in words)
        text += f"Of {len(judged)} self-supervised models, the {title} is {counts}. "
    if known:
        both = _non_inferior(compared, "auc")
        text += f"A lower {name} with a non-inferior AUC (its interval above −{MARGIN}): {both} of {len(judged)}. "
    left = " and ".join(f"{_left(compared, measure)} in {title}" for measure, title in titles.items())
    return text + (
        f"({LEVEL_WORDS} intervals, paired over participants; still significant after Holm, with both measures of all"
        f" models in one family: differences of {left}.)"
    )


def _without(rows: pd.DataFrame) -> str:
    """How many of these self-supervised models are left out, and how many for which reason, or for both."""
    reasons = [[NO_BETTER] * at_chance(row) + [ONE_DECISION] * one_decision(row) for _, row in rows.iterrows()]
    counts = Counter(" and ".join(own) for own in reasons if own)
    told = "; ".join(f"{reason}: {n}" for reason, n in counts.items())
    return f"{counts.total()} of {len(rows)} self-supervised models ({told})"


def _verdicts(rows: pd.DataFrame, measure: str) -> list[str]:
    """What the interval of each difference to the supervised model says."""
    ends = zip(rows[f"{measure}_difference_low"], rows[f"{measure}_difference_high"], strict=True)
    return [verdict(low, high) for low, high in ends]


def _non_inferior(rows: pd.DataFrame, accuracy: str) -> int:
    """How many models have a lower disparity with a non-inferior accuracy."""
    verdicts = zip(rows[f"{accuracy}_difference_low"], _verdicts(rows, "deviation"), strict=True)
    return sum(low > -MARGIN and word == "lower" for low, word in verdicts)


def _left(rows: pd.DataFrame, measure: str) -> str:
    """How many differences to the supervised model remain after correction: "1 of 6"."""
    return f"{(rows[f'{measure}_difference_p'] < ALPHA).sum()} of {len(rows)}"


def looked_after(groups: set[str], card: Card) -> str:
    """Whom the explicit mitigations of a run look after. groups: of ``mitigation.crossed``."""
    if len(groups) == 1:
        return (
            f"Too few people: no group that crosses the protected attributes has {card.min_cell} with either outcome in"
            " training and in validation, so everybody is one group for the explicit mitigations. They cannot look"
            " after groups here: reweighing trains the supervised model again, and no conclusion is drawn."
        )
    names = [name for name in sorted(groups) if name != OTHERS]
    return f"Groups here: {'; '.join(names)}{'; all others together' * (OTHERS in groups)}."


def mitigation(headline: pd.DataFrame, card: Card, groups: set[str] | None = None) -> str:
    """Self-supervised models and explicit mitigations, by one rule: a smaller disparity with a non-inferior accuracy.

    headline: with ``balanced_accuracy``, of supervised, self-supervised and mitigated models.
    groups: as in ``looked_after``, where they are known; of one nothing is said.
    """
    rows, name = headline.set_index("strategy"), disparity_name(card.metric.metric)
    if why := why_left_out(rows.loc["supervised"]):
        return f"The supervised model {why}, so no model is compared with it"
    parts = []
    for who, family in (("self-supervised", SSL_STRATEGIES), ("explicitly mitigated", MITIGATIONS)):
        if family is MITIGATIONS and groups and len(groups) == 1:
            continue
        own = rows.loc[[n for n in rows.index if n in family]]
        own = own[~own.apply(left_out, axis=1)] if len(own) else own
        if own.empty or own["deviation"].isna().all():
            continue
        both, lower = _non_inferior(own, "balanced_accuracy"), _verdicts(own, "deviation").count("lower")
        remain = (own["deviation_difference_p"] < ALPHA).sum()
        parts.append(
            f"of {len(own)} {who} models, {lower} {'has' if lower == 1 else 'have'} a lower mean {name} than the"
            f" supervised one, and {both} of them with a non-inferior balanced accuracy (its interval above −{MARGIN});"
            f" {remain} of the {len(own)} differences in {name} are still significant after Holm, with both measures of"
            " all models, the explicitly mitigated ones included, in one family"
        )
    return "; ".join(parts) or "No model could be compared"


def _gate(row: pd.Series) -> str:
    return f" (it {why})" if (why := why_left_out(row)) else ""


def _of(row: pd.Series, name: str, sign: bool = False) -> str:
    return with_interval(row[name], row[f"{name}_low"], row[f"{name}_high"], sign=sign)
