"""Stage 5: segment tables, the domain metric, and the headline of one dataset."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from fairlib.cards import Card
from fairlib.fairness import METRICS, SHORT, definition
from fairlib.inference import ALPHA
from fairlib.text import ACCURACY_NAMES, count, disparity_name, p_value, percent, signed, with_interval

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


def calibration(summary: pd.DataFrame, names: tuple[str, ...]) -> pd.DataFrame:
    """Mean predicted minus observed risk of each group and model; summary: ``summaries.summarise`` of ``offsets``."""
    rows, records = summary[summary["scope"] == "calibration"], []
    for (attribute, segment), own in rows.groupby(["attribute", "segment"], sort=False):
        first = own.iloc[0]
        record = {"attribute": attribute, "segment": segment, "people": count(first["people"])}
        record |= {"windows": count(first["windows"]), "positive windows": count(first["events"])}
        for name in names:
            row = own[own["strategy"] == name]
            ends = row[["mean", "low", "high"]].iloc[0] if len(row) else (np.nan,) * 3
            record[named(name)] = with_interval(*ends, sign=True)
        records.append(record | {"seeds": str(first["seeds"])})
    return pd.DataFrame(records)


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
                "windows": count(np.nan if row.note.startswith("withheld") else row.windows, minimum),
                "positive windows": count(np.nan if row.note.startswith("withheld") else row.events, minimum),
                "AUC": with_interval(row.mean, row.low, row.high),
                "Δ": signed(row.mean - overall),
                "seeds": str(row.seeds),
                "undefined draws": percent(row.undefined_draws) if np.isfinite(row.mean) else "–",
                "note": row.note,
            }
        )
    return pd.DataFrame(records)


def parity(
    summary: pd.DataFrame, metric: str, attribute: str, left_out: Mapping[str, pd.Series] = NOBODY
) -> tuple[pd.DataFrame, str]:
    """The domain metric of one attribute, a row a strategy, and who is behind it.

    Its value, the signed log ratio beside the distance from parity, each with its interval.

    left_out: rows of ``summaries.headline`` that are, by strategy; these are marked.
    q is the p-value of parity after controlling the false discovery rate over the whole screen (``summarise``).
    """
    rows = summary[(summary["scope"] == "ratio") & (summary["metric"] == metric) & (summary["attribute"] == attribute)]
    facts, title, ratio, records = METRICS[metric], METRICS[metric].short, metric in SHORT, []
    for row in rows.itertuples():
        beyond = abs(np.log(row.mean)) > facts.log_threshold if ratio else abs(row.mean) > facts.threshold
        record = {"strategy": named(row.strategy, left_out.get(row.strategy))}
        record[title] = with_interval(row.mean, row.low, row.high, digits=2, sign=not ratio) + "†" * bool(beyond)
        if ratio:
            with np.errstate(divide="ignore", invalid="ignore"):
                logs = np.log([row.mean, row.low, row.high])
            record[f"log {title}"] = with_interval(*logs, digits=2, sign=True)
        ends = (row.deviation, row.deviation_low, row.deviation_high)
        record[f"|1 − {title}|" if ratio else f"|{title}|"] = with_interval(*ends, digits=2)
        undefined = percent(row.undefined_draws) if np.isfinite(row.mean) else "–"
        record |= {"q (FDR)": p_value(row.q), "seeds": str(row.seeds), "undefined draws": undefined}
        records.append(record)
    first = rows.iloc[0]
    who = (
        f"{count(first['people'])} people, {count(first['windows'])} windows, {count(first['events'])} of them positive"
    )
    return pd.DataFrame(records), first["note"] or who


def note(metric: str) -> str:
    """What the marks and columns of ``parity`` mean."""
    bound = METRICS[metric].threshold
    low, high, marks = f"{1 - bound:.3g}", f"{1 / (1 - bound):.3g}", f"† beyond ±{bound:g}."
    if metric in SHORT:
        marks = (
            f"† ratio outside {low} to {high}, a band that is the same whichever group is the reference (|log ratio|"
        )
        marks += f" above log {high})."
    return f"{marks} q: parity, with the false discovery rate controlled over all ratios and strategies. {marks_note()}"


def screen(summary: pd.DataFrame, attributes: list[str], left_out: Mapping[str, pd.Series] = NOBODY) -> pd.DataFrame:
    """In how many attributes each ratio metric differs from parity, with the false discovery rate held at 5 %."""
    rows = summary[
        (summary["scope"] == "ratio") & summary["attribute"].isin(attributes) & summary["metric"].isin(SHORT)
    ]
    records = []
    for strategy, own in rows.groupby("strategy", sort=False):
        record = {"strategy": named(strategy, left_out.get(strategy))}
        for metric, title in SHORT.items():
            part = own[own["metric"] == metric]
            record[title] = f"{(part['q'] < ALPHA).sum()}\u00a0of\u00a0{part['q'].notna().sum()}"
        records.append(record | {"seeds": str(own["seeds"].max())})
    return pd.DataFrame(records)


def headline(rows: pd.DataFrame, metric: str, accuracy: str = "auc") -> pd.DataFrame:
    """T-headline of one dataset: AUC and mean parity deviation (or |AOD|), and the paired difference to supervised."""
    records = []
    for row in rows.to_dict("records"):
        record = {"strategy": named(row["strategy"], pd.Series(row))}
        for name, title in ((accuracy, ACCURACY_NAMES[accuracy]), ("deviation", disparity_name(metric))):
            record[title] = with_interval(*(row[f"{name}{end}"] for end in ("", "_low", "_high")))
            ends = [row.get(f"{name}_difference{end}", np.nan) for end in ("", "_low", "_high")]
            record[f"{title}, minus supervised"] = with_interval(*ends, sign=True)
            record[f"p (Holm), {title}"] = p_value(row.get(f"{name}_difference_p", np.nan))
        records.append(record | {"seeds": str(row["seeds"]), "undefined draws": percent(row["undefined_draws"])})
    return pd.DataFrame(records)
