"""Stage 5: T-conditioned, gaps beside chance, spread between segments, intersections, and |log r| compared."""

import numpy as np
import pandas as pd

from fairlib.measures.segments import ALL_SSL
from fairlib.strategies import STRATEGY_NAMES
from fairlib.text import LEVEL_WORDS, count, number, p_value, percent, with_interval


def conditioned(extremes: pd.DataFrame, gaps: pd.DataFrame) -> pd.DataFrame:
    """T-conditioned: the segments served best and worst by each strategy, and the largest gap beside chance.

    extremes, gaps: of ``comparisons``; ``gaps`` may be empty.
    """
    keyed = gaps.set_index(["strategy", "attribute"]) if len(gaps) else gaps
    records = []
    for row in extremes.to_dict("records"):
        record = {"strategy": STRATEGY_NAMES[row["strategy"]], "attribute": row["attribute"]}
        for side in ("best", "worst"):
            value = with_interval(*(row[f"{side}{end}"] for end in ("", "_low", "_high")))
            size = ", ".join(
                f"{count(row[f'{side}_{what}'])} {word}"
                for what, word in (("people", "people"), ("windows", "windows"), ("events", "pos."))
            )
            record[side] = f"{row[f'{side}_segment']} {value} ({size})"
        record["gap"] = with_interval(row["gap"], row["gap_low"], row["gap_high"], sign=True)
        if len(keyed):
            found = (row["strategy"], row["attribute"]) in keyed.index
            own = keyed.loc[(row["strategy"], row["attribute"])] if found else {}
            record["largest gap"] = number(own.get("gap", np.nan))
            record[f"by chance: mean, {LEVEL_WORDS}"] = (
                f"{number(own.get('null_mean'))}, {number(own.get('null_bound'))}"
            )
            record["p (max\u2011T)"] = p_value(own.get("p_family", np.nan))
            record["undefined permutations"] = count(own.get("undefined", np.nan))
        record["undefined draws"] = percent(row["undefined_draws"])
        records.append(record | {"seeds": str(row["seeds"])})
    return pd.DataFrame(records)


def between(table: pd.DataFrame) -> pd.DataFrame:
    """Standard deviation between segments, as measured and without its noise (``comparisons.between``)."""
    titles = {"auc": "AUC", "error_rate": "error rate"}
    return pd.DataFrame(
        {
            "strategy": table["strategy"].map(STRATEGY_NAMES),
            "attribute": table["attribute"],
            "measure": table["metric"].map(titles),
            "segments": table["segments"].map(str),
            "as measured": table["naive"].map(number),
            "without noise": [with_interval(row.sd, row.low, row.high) for row in table.itertuples()],
            "people": table["people"].map(count),
            "positive windows": table["events"].map(count),
            "seeds": table["seeds"].map(str),
            "undefined draws": table["undefined_draws"].map(percent),
        }
    )


def intersections(summary: pd.DataFrame, pair: str, names: tuple[str, ...], minimum: int) -> pd.DataFrame:
    """People, AUC and error rate of each intersection of two attributes; what is withheld or too small is named.

    summary: of ``summaries.summarise`` of the table ``intersections``.
    """
    rows, records = summary[summary["attribute"] == pair], []
    for segment, own in rows.groupby("segment", sort=False):
        first = own.iloc[0]
        hidden = first["note"].startswith("withheld")
        record = {pair: segment, "people": count(np.nan if hidden else first["people"], minimum)}
        record["windows"] = count(np.nan if hidden else first["windows"], minimum)
        record["positive windows"] = count(np.nan if hidden else first["events"], minimum)
        for metric, title in (("auc", "AUC"), ("error_rate", "error rate")):
            for strategy in names:
                row = own[(own["strategy"] == strategy) & (own["metric"] == metric)]
                ends = row[["mean", "low", "high"]].iloc[0] if len(row) else (np.nan,) * 3
                record[f"{title}, {STRATEGY_NAMES[strategy]}"] = with_interval(*ends, digits=2)
        record["undefined draws"] = percent(own["undefined_draws"].max())
        records.append(record | {"seeds": str(first["seeds"]), "note": first["note"].split(":")[0]})
    return pd.DataFrame(records)


def log_disparities(table: pd.DataFrame) -> pd.DataFrame:
    """Mean |log r| of SSL and of controls minus supervised, with both intervals (``comparisons.log_disparities``)."""
    people = [with_interval(r.difference, r.people_low, r.people_high, sign=True) for r in table.itertuples()]
    both = [with_interval(r.difference, r.low, r.high, sign=True) for r in table.itertuples()]
    return pd.DataFrame(
        {
            "strategy": table["strategy"].map({**STRATEGY_NAMES, ALL_SSL: "mean of the SSL models"}),
            "supervised": table["supervised"].map(number),
            "this model": table["ssl"].map(number),
            "difference [participants]": people,
            "difference [participants and runs]": both,
            "p": table["p"].map(p_value),
            "attributes": table["attributes"].map(str),
            "seeds": table["seeds"].map(str),
            "undefined draws": table["undefined_draws"].map(percent),
        }
    )
