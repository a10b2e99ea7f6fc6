"""T-distances, tests of projections, and sizes of differences in CKA, as small tables of text."""

import numpy as np
import pandas as pd
from statsmodels.stats.multitest import multipletests

from fairlib.measures.cka_gaps import PUBLISHED, Ratio
from fairlib.strategies import STRATEGY_NAMES
from fairlib.text import LEVEL_WORDS, OF_100, count, number, p_value, percent, with_interval

TESTS_NOTE = (
    "Largest distance between the distribution functions of a component, 0 to 1 (Kolmogorov-Smirnov), against the"
    " privileged segment; of the outcome, positive against negative; mean over training runs; people: of the segment."
    " * p below 0.05 in every run after controlling the false discovery rate over all tests of this table"
    " (Benjamini-Yekutieli)."
)
DISTANCES_NOTE = (
    "City-block distances in units of the model's own mean distance between two people; mean over training runs."
    f" Medoids: between the two most central people. Chance: {OF_100} such distances lie below it when segment labels"
    " are permuted; p: the largest over training runs, corrected for all pairs of segments (max-T). Pairs: mean over"
    " all pairs of people, one of each; within: mean of the two segments' own."
)


def sizes(table: pd.DataFrame) -> pd.DataFrame:
    """Size of each attribute's difference in CKA (``cka_gaps.sizes``), beside what permuted labels give."""
    return pd.DataFrame(
        {
            "attribute": table["attribute"],
            "best − worst": table["best"] + " − " + table["worst"],
            "size": [
                with_interval(r.size_, r.low, r.high) for r in table.rename(columns={"size": "size_"}).itertuples()
            ],
            "size, as many people of both": table["matched"].map(number),
            "permuted: median": table["null_median"].map(number),
            f"permuted: {LEVEL_WORDS} below": table["null_bound"].map(number),
            "p": table["p"].map(number),
            "p, adjusted": table["p_adjusted"].map(number),
        }
    )


def probes(summary: pd.DataFrame) -> pd.DataFrame:
    """AUC of linear probes and its difference from the supervised model's (``representation.summarise_probes``).

    people: of the segment in the test split.
    """
    records = []
    for row in summary.itertuples():
        name = f"{row.attribute}: {row.segment}"
        record = {"target": name, "model": STRATEGY_NAMES[row.strategy]}
        record |= {"people": count(row.people), "AUC": with_interval(row.mean, row.low, row.high)}
        record |= {"q (AUC 0.5)": p_value(row.q), "shuffled labels, largest": number(row.chance)}
        ends = (row.difference, row.difference_low, row.difference_high)
        record |= {"minus supervised": with_interval(*ends, sign=True), "q": p_value(row.difference_q)}
        records.append(record | {"seeds": str(row.seeds), "undefined draws": percent(row.undefined_draws)})
    return pd.DataFrame(records)


def undefined(tables: list[pd.DataFrame]) -> str:
    """How many half-samples have no CKA, in a sentence. tables: of ``Study.similarity_draws``, one a seed."""
    values = np.concatenate([np.ravel(np.stack(table["halves"])) for table in tables])
    lost = int((~np.isfinite(values)).sum())
    return (
        f"CKA is undefined, because a layer's similarity with itself is not positive, in {count(lost)} of"
        f" {count(len(values))} half-samples (all segments and pairs of layers); intervals leave them out."
    )


def tests(tables: dict[str, list[pd.DataFrame]]) -> tuple[pd.DataFrame, str]:
    """KS distance of each segment per component and model; tables: strategy → one table a seed."""
    out, order = None, []
    every = pd.concat([pd.concat(runs).assign(strategy=name) for name, runs in tables.items()], ignore_index=True)
    every["q"] = multipletests(every["p"], method="fdr_by")[1]
    for strategy, own in every.groupby("strategy", sort=False):
        keys = ["attribute", "segment", "against", "people", "component"]
        own = own.assign(people=own.groupby(["attribute", "segment"])["people"].transform("max").map(count))
        rows = own.groupby(keys, sort=False).agg(d=("statistic", "mean"), p=("q", "max"))
        text = rows["d"].map(lambda value: number(value, 2)) + rows["p"].map(lambda p: "*" if p < 0.05 else "")
        order += [name for name in dict.fromkeys(text.index.droplevel("component")) if name not in order]
        wide = text.unstack("component").add_prefix(f"{STRATEGY_NAMES[strategy]}, PC ")
        out = wide if out is None else out.join(wide, how="outer", sort=False)
    out.columns.name = None
    return out.loc[order].fillna("–").reset_index(), TESTS_NOTE


def distances(tables: dict[str, list[pd.DataFrame]]) -> tuple[pd.DataFrame, str]:
    """T-distances: between medoids, and over pairs, for each two segments and model."""
    records = []
    for strategy, runs in tables.items():
        keys = ["attribute", "segment", "other"]
        every = pd.concat(runs)
        rows = every.groupby(keys, sort=False)[["people", "medoids", "mean", "chance", "spread"]].mean()
        largest = every.groupby(keys, sort=False)["p"].max() if "p" in every else pd.Series(dtype=float)
        for (attribute, segment, other), row in rows[
            rows.index.get_level_values(1) != rows.index.get_level_values(2)
        ].iterrows():
            within = [rows.loc[(attribute, name, name), "mean"] for name in (segment, other)]
            record = {"model": STRATEGY_NAMES[strategy], "attribute": attribute, "segments": f"{segment} – {other}"}
            sizes = [int(rows.loc[(attribute, name, name), "people"]) for name in (segment, other)]
            record |= {"people": " and ".join(map(count, sizes))}
            record |= {"medoids": number(row["medoids"], 2), "chance": number(row["chance"], 2)}
            record |= {"p (max\u2011T)": p_value(largest.get((attribute, segment, other), np.nan))}
            record |= {"pairs": number(row["mean"], 2), "within": number(sum(within) / 2, 2)}
            records.append(record | {"unit (spread)": number(row["spread"], 1), "seeds": str(len(runs))})
    return pd.DataFrame(records), DISTANCES_NOTE


def ratio(table: pd.DataFrame, found: Ratio | None) -> str:
    """The reading of the largest over the smallest difference, in words that hold whatever the numbers say."""
    if found is None:
        return "Fewer than two protected attributes have extremes of 50 people in the test split, so there is no ratio."
    ends = [table.loc[table["size"].agg(which)] for which in ("idxmax", "idxmin")]
    parts = [f"{r.attribute} {with_interval(r['size'], r.low, r.high)}" for r in ends]
    text = f"Largest difference: {parts[0]}; smallest: {parts[1]}; their ratio is ×{number(found.observed, 1)}."
    if np.isfinite(found.matched):
        text += f" With as many people of both segments of an attribute it is ×{number(found.matched, 1)}."
    if not len(found.null):
        return text
    text += f" Under permuted labels the ratio is ×{number(float(np.median(found.null)), 1)} in the middle, at least as"
    text += f" large as ours in {percent(found.beyond(found.observed))} and at least ×{PUBLISHED:.0f} in"
    text += f" {percent(found.beyond(PUBLISHED))} of {len(found.null)} permutations."
    usual = found.p > 0.05
    text += " So ours is a size that chance gives." if usual else " So ours is larger than chance usually gives."
    beyond = ", ".join(table.loc[table["p_adjusted"] < 0.05, "attribute"]) or "none"
    return f"{text} Attributes whose own difference is larger than chance, after correction: {beyond}."
