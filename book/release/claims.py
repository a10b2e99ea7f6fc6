"""T-headline: each claim of the paper, the published numbers, ours, a verdict, and the cause of a difference.

Verdicts follow rules that are written down in ``book/release/claims.yaml``, where the words stand as well; they hold
whatever the numbers say.
A twin never gets a verdict.
"""

import re

import numpy as np
import pandas as pd

from book.pages.noise import MODELS, own_rows
from fairlib.inference import paired, seed_interval
from fairlib.measures.summary import left_out
from fairlib.strategies import STRATEGY_NAMES, UNTESTED
from fairlib.text import count

from ..pages.cases import Case
from ..pages.marks import why_left_out
from . import published
from .templates import fill_line

TWIN = "illustrated on a twin: no verdict"
PAPERS_OWN = ("mimic", "mesa", "globem")  # the datasets of the paper
DECISIONS = ("holds", "does not hold", "undecided", "not known")


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
    return next(word for word in ("does not hold", "not known", "undecided", "holds") if word in (first, second))


def verdict(case: Case, decision: str) -> str:
    """The verdict of a case in words: none for a twin, and real data is named."""
    if case.made.origin == "twin":
        return TWIN
    decision = "undecided" if decision == "not known" else decision
    own = "the paper's dataset" if case.p.dataset in PAPERS_OWN else "other data"
    return f"{decision} on {case.title.split(',')[0]} ({own})"


def who(case: Case) -> str:
    """Test participants, events and training runs behind a case's numbers."""
    first, seeds = case.summary[case.summary["scope"] == "overall"].iloc[0], len(case.made.seeds)
    return f"{count(first['people'])} people · {count(first['events'])} events · {seeds} seed{'s' * (seeds != 1)}"


def line(case: Case, claim: str, values: dict, decision: str, words: str = "ours") -> dict[str, str]:
    """One line of T-headline about a case of ours. words: which templates of the claim tell it."""
    told = fill_line(published.claims()[claim][words], values)
    kind = "" if case.made.origin == "twin" else ", real data"
    row = {"data": f"{case.title}: ours{kind}", "number": told["number"], "source": who(case)}
    return row | {"verdict": verdict(case, decision), "cause": told["cause"]}


def not_judged(case: Case) -> str:
    """Which of the two compared models are left out of conclusions, and why; "" if none."""
    rows = case.headline.set_index("strategy")
    why = {name: why_left_out(rows.loc[name]) for name in ("supervised", case.ssl)}
    return "; ".join(f"{STRATEGY_NAMES[name]}: it {reason}" for name, reason in why.items() if reason)


def all_claims(cases: list[Case]) -> dict[str, list[dict[str, str]]]:
    """Claim id → its lines: each dataset's published line, as ``claims.yaml`` states it, then ours."""
    compared = [case for case in cases if case.ssl]
    ours = {"accuracy": accuracy, "disparity": disparity, "gaps": gaps, "representations": representations}
    lines = {name: rule["published"] + list(map(ours[name], compared)) for name, rule in published.claims().items()}
    place = {line["data"].split(",")[0]: i for i, line in enumerate(lines["accuracy"]) if "published" in line["data"]}
    by_data = lambda line: place.get(re.split("[ ,]", line["data"])[0], len(place))
    return {name: sorted(found, key=by_data) for name, found in lines.items()}


def accuracy(case: Case) -> dict[str, str]:
    """The SSL model named beforehand against the supervised one in AUC, and how all SSL models fare."""
    return _compared(case, "accuracy", "auc", _on_par(case))


def disparity(case: Case) -> dict[str, str]:
    """The same in distance from parity. A smaller disparity counts only with accuracy on par: errors also even out
    where a model is worse for everybody, as the control shows."""
    rows, on_par = case.headline.set_index("strategy"), _on_par(case)
    smaller = {name: decide(*_ends(rows.loc[name], "deviation")[1:]) for name in on_par}
    decisions = {name: both(smaller[name], on_par[name]) for name in on_par}
    share = 100 * rows.loc[case.ssl, "deviation_difference"] / rows.loc["supervised", "deviation"]
    alone = not not_judged(case) and smaller[case.ssl] == "holds" != on_par[case.ssl]
    lower = [{"on_par": _plain(on_par[case.ssl])}] if alone else []
    relative = [{"share": share}] if np.isfinite(share) else []
    return _compared(case, "disparity", "deviation", decisions, relative=relative, lower=lower)


def _compared(case: Case, claim: str, measure: str, decisions: dict[str, str], **more: list[dict]) -> dict[str, str]:
    """A line about the SSL model named beforehand against the supervised one in one measure; controls beside."""
    rows, reason = case.headline.set_index("strategy"), not_judged(case)
    values = {"name": STRATEGY_NAMES[case.ssl], "ours": rows.loc[case.ssl, measure], "why": reason}
    values |= {"supervised": rows.loc["supervised", measure], "difference": _ends(rows.loc[case.ssl], measure)}
    controls = rows.loc[[name for name in UNTESTED if name in rows.index and not reason]]
    values["controls"] = [
        {"name": STRATEGY_NAMES[name], "difference": _ends(row, measure), "auc": row["auc"]}
        for name, row in controls.iterrows()
    ]
    if not reason:
        values["why"] = _tally(case, decisions)
    return line(case, claim, values | more, "undecided" if reason else decisions[case.ssl])


def gaps(case: Case) -> dict[str, str]:
    """Mean |Δ| over segments, beside what noise gives."""
    strategies = dict(zip(MODELS, ("supervised", case.ssl), strict=True))
    own = own_rows(case.summary, case.p.dataset, strategies, case.card.protected())
    if own.empty:
        return line(case, "gaps", {}, "undecided", "nothing")
    mean, change, reason = own.groupby("model")["gap"].mean(), gap_change(case), not_judged(case)
    values = {"segments": len(own) // 2, "supervised": mean["Supervised"], "ssl": mean["SSL"], "difference": change}
    values |= {"expected": own["expected"].mean(), "beyond": (own["gap"] > own["bound"]).sum(), "all": len(own)}
    values["unjudged"] = [{"why": reason}] if reason else []
    return line(case, "gaps", values, "undecided" if reason else decide(*change[1:]))


def gap_change(case: Case) -> tuple[float, float, float]:
    """Mean |Δ| over segments, SSL minus supervised, with its interval over participants and training runs."""
    areas, values = case.models[case.models["metric"] == "auc"], {}
    for strategy in ("supervised", case.ssl):
        means, drawn = [], []
        for _, part in areas[areas["strategy"] == strategy].groupby("seed"):
            everybody = part[part["scope"] == "overall"].iloc[0]
            segments = part[part["attribute"].isin(case.card.protected()) & part["estimate"].notna()]
            means.append(np.abs(segments["estimate"] - everybody["estimate"]).mean())
            drawn.append(np.abs(np.stack(segments["replicates"]) - everybody["replicates"]).mean(axis=0))
        values[strategy] = (np.array(means), np.stack(drawn))
    return seed_interval(*paired(values[case.ssl], values["supervised"]))


def representations(case: Case) -> dict[str, str]:
    """Differences in CKA between extremes, and the ratio of the largest to the smallest over attributes."""
    found, ratio = case.similarity_gaps()
    if ratio is None:
        return line(case, "representations", {}, "undecided", "nothing")
    agree = found["size"].idxmax() == found["auc_gap"].abs().idxmax()
    values = {"ratio": ratio.observed, "attributes": found, "agree": agree, "beyond": ratio.beyond(ratio.observed)}
    sure = len(found) >= 3 and ratio.p < 0.05 and not not_judged(case)
    return line(case, "representations", values, "undecided" if not sure else "holds" if agree else "does not hold")


def _ends(row: pd.Series, measure: str) -> tuple[float, float, float]:
    """A model's difference from the supervised one with its interval."""
    return tuple(row[f"{measure}_difference{end}"] for end in ("", "_low", "_high"))


def _on_par(case: Case) -> dict[str, str]:
    """Whether each SSL model that is not left out of conclusions is about as accurate as the supervised one."""
    rows, margin = case.headline.set_index("strategy"), published.claims()["accuracy"]["margin"]
    names = [name for name in case.strategies if name.startswith("frozen_") and not left_out(rows.loc[name])]
    return {name: decide(*_ends(rows.loc[name], "auc")[1:], -margin, more_is_better=True) for name in names}


def _tally(case: Case, decisions: dict[str, str]) -> str:
    """How all SSL models fare; of a twin nothing is judged."""
    if case.made.origin == "twin":
        return "synthetic: what was planted stands on the page of the twin"
    found = list(decisions.values())
    parts = [f"{_plain(word)} for {found.count(word)}" for word in DECISIONS if word in found]
    return f"of {len(found)} SSL models, each looked at alone, it {', '.join(parts)}"


def _plain(decision: str) -> str:
    return f"is {decision}" if decision in ("undecided", "not known") else decision
