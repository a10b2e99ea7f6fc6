"""Stage 5: segment tables, the domain metric, and the headline of one dataset."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from fairlib.cards import Card
from fairlib.fairness import METRICS, SHORT, definition
from fairlib.inference import ALPHA
from fairlib.report.columns import Column, beside, ranged, typed

from ..columns import DRAWN, between, compared, comparison, sizes, suppressed, who, without_withheld
from ..marks import NOBODY, marks_note, named

SHORT_NOTE = "; ".join(f"{short}: {metric.replace('_', ' ')}" for metric, short in SHORT.items()) + "."


def metric_choice(card: Card) -> pd.DataFrame:
    """The card's answers to the questions of the metric tree, and the metric that follows."""
    choice = card.metric
    rows = {
        "Do representation or errors matter?": choice.representation_or_errors,
        "Is the outcome punitive or assistive?": choice.punitive_or_assistive,
        "For whom?": choice.for_whom,
        "Metric": definition(choice.metric),
    }
    return pd.DataFrame({"question": rows.keys(), "answer": rows.values()})


def calibration(summary: pd.DataFrame, names: tuple[str, ...], minimum: int = 0) -> pd.DataFrame:
    """Mean predicted minus observed risk of each group and model; summary: ``summaries.summarise`` of ``offsets``.

    minimum: smaller sizes are not told.
    """
    rows = beside(summary[summary["scope"] == "calibration"], ["attribute", "segment"], "strategy", names)
    rows = suppressed(rows, minimum)
    shown = {name: ranged(name, named(name), "signed") for name in names}
    return typed(rows, ["attribute", "segment"], **sizes(minimum or None), **shown, seeds=DRAWN["seeds"])


def segments(summary: pd.DataFrame, strategy: str, minimum: int) -> pd.DataFrame:
    """AUC of each segment for one strategy, its gap Δ to everybody, and who is in it; withheld segments are named."""
    rows = summary[(summary["strategy"] == strategy) & (summary["metric"] == "auc")]
    overall = rows.loc[rows["scope"] == "overall", "mean"].iloc[0]
    rows = without_withheld(rows[rows["scope"] == "segment"])
    return typed(
        rows.assign(difference=rows["mean"] - overall, undefined_draws=_drawn(rows)),
        ["attribute", "segment"],
        **sizes(minimum),
        mean=Column("AUC", "number", low="low", high="high"),
        difference=Column("Δ", "signed"),
        **DRAWN,
        note=Column(),
    )


def _drawn(rows: pd.DataFrame) -> pd.Series:
    """On how many draws a number is undefined; missing where the number itself is."""
    return rows["undefined_draws"].where(np.isfinite(rows["mean"]))


def parity(
    summary: pd.DataFrame, metric: str, attribute: str, left_out: Mapping[str, pd.Series] = NOBODY, minimum: int = 0
) -> tuple[pd.DataFrame, str]:
    """The domain metric of one attribute, a row a strategy, and who is behind it.

    Its value, the signed log ratio beside the distance from parity, each with its interval.

    left_out: rows of ``summaries.headline`` that are, by strategy; these are marked.
    minimum: smaller sizes are not told.
    q is the p-value of parity after controlling the false discovery rate over the whole screen (``summarise``).
    """
    rows, facts, ratio = between(summary, [metric], [attribute]), METRICS[metric], metric in SHORT
    title, ends = facts.short, ["mean", "low", "high"]
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(rows[ends].set_axis(["log", "log_low", "log_high"], axis=1)) if ratio else rows[[]]
    beyond = logs["log"].abs() > facts.log_threshold if ratio else rows["mean"].abs() > facts.threshold
    table = rows.join(logs).assign(
        strategy=[named(name, left_out.get(name)) for name in rows["strategy"]],
        mark=beyond.map({True: "†", False: ""}),
        undefined_draws=_drawn(rows),
    )
    table = typed(
        table,
        ["strategy"],
        mean=Column(title, "number" if ratio else "signed", 2, "low", "high", then="{mark}"),
        **({"log": ranged("log", f"log {title}", "signed", 2)} if ratio else {}),
        deviation=ranged("deviation", f"|1 − {title}|" if ratio else f"|{title}|", digits=2),
        q=Column("q (FDR)", "p"),
        **DRAWN,
    )
    first = rows.iloc[0]
    return table, first["note"] or who(first, minimum)


def note(metric: str) -> str:
    """What the marks and columns of ``parity`` mean."""
    bound = METRICS[metric].threshold
    low, high, marks = f"{1 - bound:.3g}", f"{1 / (1 - bound):.3g}", f"† beyond ±{bound:g}."
    if metric in SHORT:
        marks = f"† ratio outside {low} to {high}, a band that is the same whichever group is the reference"
        marks += f" (|log ratio| above log {high})."
    return f"{marks} q: parity, with the false discovery rate controlled over all ratios and strategies. {marks_note()}"


def screen(summary: pd.DataFrame, attributes: list[str], left_out: Mapping[str, pd.Series] = NOBODY) -> pd.DataFrame:
    """In how many attributes each ratio metric differs from parity, with the false discovery rate held at 5 %."""
    rows = between(summary, SHORT, attributes)
    counts = rows.assign(differs=rows["q"] < ALPHA, judged=rows["q"].notna()).groupby(["strategy", "metric"])
    counts = counts[["differs", "judged"]].sum().unstack("metric", fill_value=0)
    every = pd.MultiIndex.from_product([["differs", "judged"], SHORT])
    counts = counts.reindex(columns=every, fill_value=0)
    counts.columns = [metric if which == "differs" else f"{metric}_of" for which, metric in counts]
    table = rows.groupby("strategy", sort=False)[["seeds"]].max().join(counts).reset_index()
    shown = {metric: Column(title, "count", then=f"\u00a0of\u00a0{{{metric}_of}}") for metric, title in SHORT.items()}
    table["strategy"] = [named(name, left_out.get(name)) for name in table["strategy"]]
    return typed(table, ["strategy"], **shown, seeds=DRAWN["seeds"])


def headline(rows: pd.DataFrame, metric: str, accuracy: str = "auc") -> pd.DataFrame:
    """T-headline of one dataset: AUC and mean parity deviation (or |AOD|), and the paired difference to supervised."""
    return typed(compared(rows, accuracy), ["strategy"], **comparison(metric, accuracy))
