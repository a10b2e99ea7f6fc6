"""Stage 5: segment tables, T-conditioned, the domain metric, and the headline of one dataset (METHOD §4)."""

import numpy as np
import pandas as pd

from ..cards import Card
from ..fairness import FAIR_LOG_RATIO, SHORT
from ..summaries import at_chance
from .text import STRATEGY_NAMES, count, number, signed, with_interval

RATIO_NOTE = (
    "After the dot: parity deviation. † ratio outside 0.8 to 1.25, a band in which both groups are treated alike"
    " (|log ratio| above log 1.25). "
)
METRIC_NAMES = {
    "error_rate_ratio": "error rate ratio (ERR): error rate of the unprivileged over that of the privileged",
    "average_odds_difference": "average odds difference (AOD): mean difference in false and true positive rates",
}


def metric_choice(card: Card) -> pd.DataFrame:
    """The card's answers to the questions of the metric tree, and the metric that follows."""
    choice = card.metric
    rows = {
        "Do representation or errors matter?": choice.representation_or_errors,
        "Is the outcome punitive or assistive?": choice.punitive_or_assistive,
        "For whom?": choice.for_whom,
        "Metric": METRIC_NAMES[choice.metric],
    }
    return pd.DataFrame({"question": rows.keys(), "answer": rows.values()})


def segments(summary: pd.DataFrame, strategy: str, minimum: int) -> pd.DataFrame:
    """AUC of each segment for one strategy, its gap Δ to everybody, and who is in it; withheld segments are named."""
    rows = summary[(summary["strategy"] == strategy) & (summary["metric"] == "auc")]
    overall = rows.loc[rows["scope"] == "overall", "mean"].iloc[0]
    records = []
    for row in rows[rows["scope"] == "segment"].itertuples():
        records.append(
            {
                "attribute": row.attribute,
                "segment": row.segment,
                "people": count(np.nan if row.note.startswith("withheld") else row.people, minimum),
                "events": count(np.nan if row.note.startswith("withheld") else row.events, minimum),
                "AUC": with_interval(row.mean, row.low, row.high),
                "Δ": signed(row.mean - overall),
                "note": row.note,
            }
        )
    return pd.DataFrame(records)


def conditioned(summary: pd.DataFrame, names: tuple[str, ...]) -> pd.DataFrame:
    """T-conditioned: the segments served best and worst by each strategy.

    The extremes are picked and shown on the same test data, so their gap is inflated; a note says so.
    """
    rows = summary[(summary["metric"] == "auc") & (summary["scope"] == "segment") & summary["mean"].notna()]
    records = []
    for strategy in names:
        own = rows[rows["strategy"] == strategy]
        for attribute, part in own.groupby("attribute", sort=False):
            if len(part) < 2:
                continue
            best, worst = part.loc[part["mean"].idxmax()], part.loc[part["mean"].idxmin()]
            records.append(
                {
                    "strategy": STRATEGY_NAMES[strategy],
                    "attribute": attribute,
                    "best": f"{best['segment']} {with_interval(*best[['mean', 'low', 'high']])}",
                    "worst": f"{worst['segment']} {with_interval(*worst[['mean', 'low', 'high']])}",
                    "gap": number(best["mean"] - worst["mean"]),
                }
            )
    return pd.DataFrame(records)


def parity(summary: pd.DataFrame, metric: str) -> tuple[pd.DataFrame, str]:
    """The domain metric per strategy (rows) and attribute (columns), and a note with who is behind each column.

    A cell holds the metric with its 95 % interval, and for a ratio its parity deviation.
    """
    rows = summary[(summary["scope"] == "ratio") & (summary["metric"] == metric)]
    ratio, title = metric in SHORT, SHORT.get(metric, "AOD")
    records = []
    for strategy, own in rows.groupby("strategy", sort=False):
        record = {"strategy": STRATEGY_NAMES[strategy]}
        for row in own.itertuples():
            text = with_interval(row.mean, row.low, row.high, digits=2)
            if ratio and np.isfinite(row.mean):
                text += f" · {number(row.deviation, 2)}" + ("†" if abs(np.log(row.mean)) > FAIR_LOG_RATIO else "")
            record[f"{row.attribute}: {title}"] = text
        records.append(record)
    first = rows.drop_duplicates("attribute")
    people = [
        f"{r.attribute} {r.note or f'{count(r.people)} people, {count(r.events)} events'}" for r in first.itertuples()
    ]
    note = "Known values only: " + "; ".join(people) + "."
    return pd.DataFrame(records), (RATIO_NOTE if ratio else "") + note


def headline(rows: pd.DataFrame) -> pd.DataFrame:
    """T-headline of one dataset: AUC and mean parity deviation, and the paired difference to supervised."""
    records = []
    for row in rows.to_dict("records"):
        record = {"strategy": STRATEGY_NAMES[row["strategy"]] + (" ‡" if at_chance(pd.Series(row)) else "")}
        for name, title in (("auc", "AUC"), ("deviation", "parity deviation")):
            record[title] = with_interval(*(row[f"{name}{end}"] for end in ("", "_low", "_high")))
            ends = [row.get(f"{name}_difference{end}", np.nan) for end in ("", "_low", "_high")]
            record[f"{title}, minus supervised"] = with_interval(*ends, sign=True)
        records.append(record | {"seeds": str(row["seeds"])})
    return pd.DataFrame(records)
