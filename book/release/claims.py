"""T-headline: each claim of the paper, the published numbers, ours, a verdict, and the cause of a difference.

Verdicts follow rules that are written down in ``book/release/claims.yaml``; the words hold whatever the numbers say.
A twin never gets a verdict.
"""

import re
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from fairlib.inference import seed_interval
from fairlib.measures.noise import MODELS, own_rows
from fairlib.measures.summary import left_out
from fairlib.strategies import STRATEGY_NAMES, UNTESTED
from fairlib.text import LEVEL_WORDS, count, number, percent, signed, with_interval

from ..pages.marks import why_left_out
from . import claims_published

if TYPE_CHECKING:
    from ..pages.cases import Case

TWIN = "illustrated on a twin: no verdict"
PAPERS_OWN = ("mimic", "mesa", "globem")  # the datasets of the paper
DECISIONS = ("holds", "does not hold", "undecided", "not known")
FORKS = ("", "_low", "_high")


def decide(low: float, high: float, bar: float = 0.0, more_is_better: bool = False) -> str:
    """Where an interval lies against a bar: one of ``DECISIONS``.

    It holds if the whole interval lies below the bar (above it where more is better).

    >>> decide(-0.3, -0.1), decide(-0.3, 0.1), decide(0.1, 0.3), decide(float("nan"), 0.1)
    ('holds', 'undecided', 'does not hold', 'not known')
    """
    if not (np.isfinite(low) and np.isfinite(high)):
        return "not known"
    if more_is_better:
        low, high, bar = -high, -low, -bar
    return "holds" if high < bar else "does not hold" if low > bar else "undecided"


def both(first: str, second: str) -> str:
    """Two decisions that must hold together."""
    for word in ("does not hold", "not known", "undecided"):
        if word in (first, second):
            return word
    return "holds"


def words(case: "Case", decision: str) -> str:
    """The verdict of a case in words: none for a twin, and real data is named."""
    if case.made.origin == "twin":
        return TWIN
    decision = "undecided" if decision == "not known" else decision
    own = "the paper's dataset" if case.p.dataset in PAPERS_OWN else "other data"
    return f"{decision} on {case.title.split(',')[0]} ({own})"


def who(case: "Case") -> str:
    """Test participants, events and training runs behind a case's numbers."""
    first, seeds = case.summary[case.summary["scope"] == "overall"].iloc[0], len(case.made.seeds)
    return f"{count(first['people'])} people · {count(first['events'])} events · {seeds} seed{'s' * (seeds != 1)}"


def record(case: "Case", ours: str, decision: str, cause: str) -> dict[str, str]:
    """One line of T-headline about a case of ours."""
    kind = "" if case.made.origin == "twin" else ", real data"
    row = {"data": f"{case.title}: ours{kind}", "number": ours, "source": who(case)}
    return row | {"verdict": words(case, decision), "cause": cause}


def not_judged(case: "Case") -> str:
    """Which of the two compared models are left out of conclusions, and why; "" if none."""
    rows = case.headline.set_index("strategy")
    why = {name: why_left_out(rows.loc[name]) for name in ("supervised", case.ssl)}
    return "; ".join(f"{STRATEGY_NAMES[name]}: it {reason}" for name, reason in why.items() if reason)


def all_claims(cases: list["Case"], rows: pd.DataFrame, margin: float, draws: int) -> dict[str, list[dict[str, str]]]:
    """Claim id → its lines: each dataset's published line, then ours. rows: ``synthesis.published_rows``; margin: of
    accuracy on par."""
    compared = [case for case in cases if case.ssl]
    lines = {
        "accuracy": claims_published.accuracy() + [accuracy(case, margin) for case in compared],
        "disparity": claims_published.disparity() + [disparity(case, margin) for case in compared],
        "gaps": claims_published.gaps(rows, draws) + [gaps(case) for case in compared],
        "representations": claims_published.representations() + [representations(case) for case in compared],
    }
    place = {name: i for i, name in enumerate(claims_published.NAMES.values())}
    by_data = lambda line: place.get(re.split("[ ,]", line["data"])[0], len(place))
    return {name: sorted(found, key=by_data) for name, found in lines.items()}


def accuracy(case: "Case", margin: float) -> dict[str, str]:
    """The SSL model named beforehand against the supervised one in AUC, and how all SSL models fare."""
    rows = case.headline.set_index("strategy")
    ours = _difference(rows, case.ssl, "auc")
    if reason := not_judged(case):
        return record(case, ours, "undecided", reason)
    decisions = {name: _on_par(rows.loc[name], margin) for name in _judged(case)}
    return record(case, ours, decisions[case.ssl], _tally(case, decisions) + _controls(rows, "auc"))


def disparity(case: "Case", margin: float) -> dict[str, str]:
    """The same in distance from parity. A smaller disparity counts only with accuracy on par: errors also even out
    where a model is worse for everybody, as the control shows."""
    rows = case.headline.set_index("strategy")
    ours = _difference(rows, case.ssl, "deviation")
    if reason := not_judged(case):
        return record(case, ours, "undecided", reason)
    smaller = {
        name: decide(*(rows.loc[name, f"deviation_difference{end}"] for end in FORKS[1:])) for name in _judged(case)
    }
    on_par = {name: _on_par(rows.loc[name], margin) for name in smaller}
    decisions = {name: both(smaller[name], on_par[name]) for name in smaller}
    cause = _tally(case, decisions)
    if smaller[case.ssl] == "holds" != on_par[case.ssl]:
        cause = f"the disparity is smaller, but accuracy on par {_plain(on_par[case.ssl])}; {cause}"
    return record(case, ours, decisions[case.ssl], cause + _controls(rows, "deviation"))


def gaps(case: "Case") -> dict[str, str]:
    """Mean |Δ| over segments, beside what noise gives."""
    strategies = dict(zip(MODELS, ("supervised", case.ssl), strict=True))
    own = own_rows(case.summary, case.p.dataset, strategies, case.card.protected())
    if own.empty:
        return record(case, "–", "undecided", "no segment has people enough to be judged")
    mean, beyond, difference = (
        own.groupby("model")["gap"].mean(),
        int((own["gap"] > own["bound"]).sum()),
        gap_change(case),
    )
    ours = f"mean |Δ| of {len(own) // 2} segments: supervised {number(mean['Supervised'])}, SSL {number(mean['SSL'])};"
    cause = f"noise alone would give a mean of {number(own['expected'].mean(), 4)}; {beyond} of {len(own)} gaps lie"
    cause += f" beyond its {LEVEL_WORDS} bound"
    reason = not_judged(case)
    decision = "undecided" if reason else decide(*difference[1:])
    ours += f" run by run {with_interval(*difference, sign=True)}"
    return record(case, ours, decision, cause + f"; {reason}" * bool(reason))


def gap_change(case: "Case") -> tuple[float, float, float]:
    """Mean |Δ| over segments, SSL minus supervised, with its interval over participants and training runs."""
    areas, values = case.models[case.models["metric"] == "auc"], {}
    for strategy in ("supervised", case.ssl):
        runs = []
        for _, part in areas[areas["strategy"] == strategy].groupby("seed"):
            everybody = part[part["scope"] == "overall"].iloc[0]
            segments = part[part["attribute"].isin(case.card.protected()) & part["estimate"].notna()]
            drawn = np.stack(segments["replicates"]) - np.asarray(everybody["replicates"])
            runs.append((np.abs(segments["estimate"] - everybody["estimate"]).mean(), np.abs(drawn).mean(axis=0)))
        values[strategy] = runs
    pairs = list(zip(values[case.ssl], values["supervised"], strict=False))
    if len({len(runs) for runs in values.values()}) > 1:
        return (np.nan, np.nan, np.nan)
    return seed_interval(np.array([s[0] - r[0] for s, r in pairs]), np.stack([s[1] - r[1] for s, r in pairs]))


def representations(case: "Case") -> dict[str, str]:
    """Differences in CKA between extremes, and the ratio of the largest to the smallest over attributes."""
    found, ratio = case.similarity_gaps()
    if ratio is None:
        reason = "fewer than two protected attributes have two segments of 50 test participants that can be judged"
        return record(case, "no ratio", "undecided", reason)
    listed = "; ".join(
        f"{row.attribute} ({row.best}, {row.worst}) {number(row.difference)}, gap in AUC {number(row.auc_gap)}"
        for row in found.rename(columns={"size": "difference"}).itertuples()
    )
    agree = found["size"].idxmax() == found["auc_gap"].abs().idxmax()
    cause = f"the attribute with the largest gap in AUC {'has' if agree else 'does not have'} the largest difference in"
    cause += " CKA; "
    if len(ratio.null):
        cause += f"under permuted segment labels {percent(ratio.beyond(ratio.observed))} of the ratios are as large"
    else:
        cause += "these results were kept before permutations were, so what chance gives is not known"
    sure = len(found) >= 3 and ratio.p < 0.05 and not not_judged(case)
    decision = "undecided" if not sure else "holds" if agree else "does not hold"
    return record(case, f"×{ratio.observed:.1f}: {listed}", decision, cause)


def _difference(rows: pd.DataFrame, name: str, measure: str) -> str:
    row, reference = rows.loc[name], rows.loc["supervised", measure]
    ends = [row[f"{measure}_difference{end}"] for end in FORKS]
    text = f"{STRATEGY_NAMES[name]} {number(row[measure])}, supervised {number(reference)}:"
    text += f" {with_interval(*ends, sign=True)}"
    share = measure == "deviation" and reference > 0 and np.isfinite(ends[0])
    return text + f", that is {signed(100 * ends[0] / reference, 0)}\u00a0%" * bool(share)


def _controls(rows: pd.DataFrame, measure: str) -> str:
    """The same difference for the models without pre-training."""
    text = ""
    for name in UNTESTED:
        if name in rows.index:
            control = rows.loc[name]
            ends = with_interval(*(control[f"{measure}_difference{end}"] for end in FORKS), sign=True)
            text += f"; {STRATEGY_NAMES[name]}: {ends}" + f", at an AUC of {number(control['auc'])}" * (
                measure != "auc"
            )
    return text


def _on_par(row: pd.Series, margin: float) -> str:
    return decide(row["auc_difference_low"], row["auc_difference_high"], -margin, more_is_better=True)


def _judged(case: "Case") -> list[str]:
    """SSL models that are not left out of conclusions."""
    rows = case.headline.set_index("strategy")
    return [name for name in case.strategies if name.startswith("frozen_") and not left_out(rows.loc[name])]


def _tally(case: "Case", decisions: dict[str, str]) -> str:
    """How all SSL models fare; of a twin nothing is judged."""
    if case.made.origin == "twin":
        return "synthetic: what was planted stands on the page of the twin"
    found = list(decisions.values())
    parts = [f"{_plain(word)} for {found.count(word)}" for word in DECISIONS if word in found]
    return f"of {len(found)} SSL models, each looked at alone, it {', '.join(parts)}"


def _plain(decision: str) -> str:
    return f"is {decision}" if decision in ("undecided", "not known") else decision
