"""T-headline: each claim of the paper, the published numbers, ours, a verdict, and the cause of a difference.

Verdicts follow rules that are written down in ``book/release/claims.yaml``, where the words stand as well; they hold
whatever the numbers say.
A twin never gets a verdict.
"""

import re
from collections.abc import Callable, Iterable
from itertools import permutations

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from book.pages.noise import MODELS, own_rows
from fairlib.audit import contrasts
from fairlib.inference import paired, seed_interval
from fairlib.measures.summary import left_out
from fairlib.strategies import STRATEGY_NAMES, UNTESTED
from fairlib.study.collect import collect
from fairlib.text import count

from ..pages.cases import Case
from ..pages.contributed import Contributed
from ..pages.marks import why_left_out
from . import published
from .templates import fill_line

TWIN = "illustrated on a twin: no verdict"
FOR_TESTS = "contributed with the profile for tests: no verdict"
PAPERS_OWN = ("mimic", "mesa", "globem")  # the datasets of the paper
DECISIONS = ("holds", "does not hold", "undecided", "not known")
CANNOT = "cannot be judged here"  # whatever the numbers: the card has too few protected attributes
#: Claims whose numbers a bundle has; the others need resampled values of single models, which never leave an enclave.
CARRIED = ("accuracy", "disparity", "u_shape", "gaps", "limits")


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


def verdict(case: Case | Contributed, decision: str) -> str:
    """The verdict of a case in words: none for a twin or a run for tests, and real data is named."""
    if case.made.origin == "twin":
        return TWIN
    if case.made.origin == "contributed" and case.made.profile == "smoke":
        return FOR_TESTS
    name, decision = case.title.split(",")[0], "undecided" if decision == "not known" else decision
    if decision == CANNOT:
        return f"{CANNOT}: the card of {name} has {len(case.card.protected())} protected attributes"
    own = "the paper's dataset" if case.p.dataset in PAPERS_OWN else "other data"
    return f"{decision} on {name} ({own})"


def who(case: Case) -> str:
    """Test participants, events and training runs behind a case's numbers."""
    first, seeds = case.summary[case.summary["scope"] == "overall"].iloc[0], len(case.made.seeds)
    return f"{count(first['people'])} people · {count(first['events'])} events · {seeds} seed{'s' * (seeds != 1)}"


def line(case: Case, claim: str, values: dict, decision: str, words: str = "ours") -> dict[str, str]:
    """One line of T-headline about a case of ours. words: which templates of the claim tell it."""
    told = fill_line(published.claims()[claim][words], values)
    own = {"twin": "ours", "contributed": "real, contributed, not recomputed here"}.get(case.made.origin)
    row = {"data": f"{case.title}: {own or 'ours, real data'}", "number": told["number"], "source": who(case)}
    return row | {"verdict": verdict(case, decision), "cause": told["cause"]}


def not_judged(case: Case, names: tuple[str, ...] = ()) -> str:
    """Which of the compared models (two, unless named) are left out of conclusions, and why; "" if none."""
    rows = case.compared.set_index("strategy")
    why = {name: why_left_out(rows.loc[name]) for name in names or ("supervised", case.ssl)}
    return "; ".join(f"{STRATEGY_NAMES[name]}: it {reason}" for name, reason in why.items() if reason)


def all_claims(cases: list[Case], contributed: Iterable[Contributed] = ()) -> dict[str, list[dict[str, str]]]:
    """Claim id → its lines: each dataset's published line, as ``claims.yaml`` states it, then ours, and contributed
    ones."""
    compared = [case for case in cases if case.ssl]
    ours = {"accuracy": accuracy, "disparity": disparity, "u_shape": u_shape, "efficiency": efficiency, "gaps": gaps}
    ours |= {"representations": representations, "larger_gaps": larger_gaps, "limits": limits}
    lines = {name: rule["published"] + list(map(ours[name], compared)) for name, rule in published.claims().items()}
    for case in filter(lambda case: case.ssl, contributed):
        for name in CARRIED:
            lines[name].append(of_bundle(name, case))
    place = {line["data"].split(",")[0]: i for i, line in enumerate(lines["accuracy"]) if "published" in line["data"]}
    by_data = lambda line: place.get(re.split("[ ,]", line["data"])[0], len(place))
    return {name: sorted(found, key=by_data) for name, found in lines.items()}


def of_bundle(claim: str, case: Contributed) -> dict[str, str]:
    """The line of a claim in ``CARRIED`` about a contributed case, by the same rule as ours."""
    if claim == "u_shape":
        return _u_shape(case, case.u_shape)
    if claim == "gaps":
        return _gaps(case, lambda: case.contrast("gaps"))
    return {"accuracy": accuracy, "disparity": disparity, "limits": limits}[claim](case)


def accuracy(case: Case) -> dict[str, str]:
    """The SSL model named beforehand against the supervised one in AUC, and how all SSL models fare."""
    return _compared(case, "accuracy", "auc", _on_par(case))


def disparity(case: Case) -> dict[str, str]:
    """The same in distance from parity. A smaller disparity counts only with accuracy on par: errors also even out
    where a model is worse for everybody, as the control shows."""
    rows, on_par = case.compared.set_index("strategy"), _on_par(case)
    smaller = {name: decide(*_ends(rows.loc[name], "deviation")[1:]) for name in on_par}
    decisions = {name: both(smaller[name], on_par[name]) for name in on_par}
    share = 100 * rows.loc[case.ssl, "deviation_difference"] / rows.loc["supervised", "deviation"]
    alone = not not_judged(case) and smaller[case.ssl] == "holds" != on_par[case.ssl]
    lower = [{"on_par": _plain(on_par[case.ssl])}] if alone else []
    relative = [{"share": share}] if np.isfinite(share) else []
    return _compared(case, "disparity", "deviation", decisions, relative=relative, lower=lower)


def _compared(case: Case, claim: str, measure: str, decisions: dict[str, str], **more: list[dict]) -> dict[str, str]:
    """A line about the SSL model named beforehand against the supervised one in one measure; controls beside."""
    rows, reason = case.compared.set_index("strategy"), not_judged(case)
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


def u_shape(case: Case) -> dict[str, str]:
    """Partly frozen SSL models against the two ends, nothing and all frozen: mean disparity, paired."""
    return _u_shape(case, contrasts.u_shape(case.models, case.card, case.strategies))


def _u_shape(case: Case, found: tuple[contrasts.Contrast, dict[str, float]] | None) -> dict[str, str]:
    if found is None:
        return line(case, "u_shape", {}, "undecided", "nothing")
    contrast, means = found
    reason = not_judged(case, tuple(sorted(means, key=lambda name: name in contrasts.ENDS)))
    by_training = pd.Series(means).reindex([name for name in STRATEGY_NAMES if name in means])
    values = {"partly": contrast.one, "ends": contrast.other, "difference": contrast.change}
    values |= {"models": by_training.rename(STRATEGY_NAMES), "unjudged": [{"why": reason}] if reason else []}
    return line(case, "u_shape", values, "undecided" if reason else decide(*contrast.change[1:]))


def efficiency(case: Case) -> dict[str, str]:
    """The named SSL model against the supervised one with few labels: mean over the numbers of labelled people."""
    models, seeds, sizes = ("supervised", case.ssl), case.paired_seeds, list(case.label_sizes)
    if not sizes:
        return line(case, "efficiency", {}, "undecided", "nothing")
    few = [collect(case.study, "metrics", models, seeds, n) for n in sizes]
    of_ssl, of_supervised = (
        [contrasts.measured(rows, case.card, name) for rows in few] for name in (case.ssl, "supervised")
    )
    found = {}
    for measure in ("auc", "deviation"):
        pairs = [paired(one[measure], other[measure]) for one, other in zip(of_ssl, of_supervised, strict=True)]
        found[measure] = seed_interval(*(np.mean(each, axis=0) for each in zip(*pairs, strict=True)))
    margin, reason = published.claims()["accuracy"]["margin"], not_judged(case)
    on_par = decide(*found["auc"][1:], -margin, more_is_better=True)
    smaller = decide(*found["deviation"][1:])
    values = found | {"sizes": sizes, "on_par": on_par, "smaller": smaller}
    values["unjudged"] = [{"why": reason}] if reason else []
    return line(case, "efficiency", values, "undecided" if reason else both(smaller, on_par))


def gaps(case: Case) -> dict[str, str]:
    """Mean |Δ| over segments, beside what noise gives."""
    return _gaps(case, lambda: contrasts.gaps(case.models, case.card, case.ssl))


def _gaps(case: Case, found: Callable[[], contrasts.Contrast]) -> dict[str, str]:
    strategies = dict(zip(MODELS, ("supervised", case.ssl), strict=True))
    own = own_rows(case.summary, case.p.dataset, strategies, case.card.protected())
    if own.empty:
        return line(case, "gaps", {}, "undecided", "nothing")
    contrast, reason = found(), not_judged(case)
    values = {"segments": len(own) // 2, "supervised": contrast.other, "ssl": contrast.one}
    values |= {"difference": contrast.change, "expected": own["expected"].mean()}
    values |= {"beyond": (own["gap"] > own["bound"]).sum(), "all": len(own)}
    values["unjudged"] = [{"why": reason}] if reason else []
    return line(case, "gaps", values, "undecided" if reason else decide(*contrast.change[1:]))


def representations(case: Case) -> dict[str, str]:
    """Differences in CKA between extremes, and the ratio of the largest to the smallest over attributes."""
    found, ratio = case.similarity_gaps()
    if ratio is None:
        return line(case, "representations", {}, "undecided", "nothing")
    agree = found["size"].idxmax() == found["auc_gap"].abs().idxmax()
    values = {"ratio": ratio.observed, "attributes": found, "agree": agree, "beyond": ratio.beyond(ratio.observed)}
    sure = len(found) >= 3 and ratio.p < 0.05 and not not_judged(case)
    decision = "undecided" if not sure else "holds" if agree else "does not hold"
    return line(case, "representations", values, decision if len(case.card.protected()) >= 3 else CANNOT)


def larger_gaps(case: Case) -> dict[str, str]:
    """Rank correlation, over protected attributes, of the gap in AUC with the difference in CKA."""
    found, enough = case.similarity_gaps()[0], len(case.card.protected()) >= 4
    if len(found) < 2:
        return line(case, "larger_gaps", {}, "undecided" if enough else CANNOT, "nothing")
    rho, p = rank_correlation(found["auc_gap"].abs(), found["size"])
    sure = len(found) >= 4 and p < 0.05 and not not_judged(case)
    return line(
        case,
        "larger_gaps",
        {"rho": rho, "p": p, "n": len(found)},
        CANNOT if not enough else "holds" if sure else "undecided",
    )


def rank_correlation(x, y) -> tuple[float, float]:
    """Spearman's rank correlation and its exact one-sided p: the share of all orders of y that correlate as much.

    >>> rank_correlation([1, 2, 3, 4], [10, 20, 30, 40])[1] == 1 / 24
    True
    """
    rho = float(spearmanr(x, y)[0])
    drawn = np.array([spearmanr(x, order)[0] for order in permutations(list(y))])
    return rho, float((drawn >= rho - 1e-9).mean())


def limits(case: Case) -> dict[str, str]:
    """How many SSL models are shown to be less accurate or less even than the supervised one: SSL is no panacea."""
    rows, on_par = case.compared.set_index("strategy"), _on_par(case)
    smaller = {name: decide(*_ends(rows.loc[name], "deviation")[1:]) for name in on_par}
    worse = [name for name in on_par if "does not hold" in (on_par[name], smaller[name])]
    values = {"worse": len(worse), "all": len(on_par)}
    values["auc"], values["deviation"] = (list(of.values()).count("does not hold") for of in (on_par, smaller))
    better = bool(on_par) and all(both(on_par[name], smaller[name]) == "holds" for name in on_par)
    return line(case, "limits", values, "holds" if worse else "does not hold" if better else "undecided")


def _ends(row: pd.Series, measure: str) -> tuple[float, float, float]:
    """A model's difference from the supervised one with its interval."""
    return tuple(row[f"{measure}_difference{end}"] for end in ("", "_low", "_high"))


def _on_par(case: Case) -> dict[str, str]:
    """Whether each SSL model that is not left out of conclusions is about as accurate as the supervised one."""
    rows, margin = case.compared.set_index("strategy"), published.claims()["accuracy"]["margin"]
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
