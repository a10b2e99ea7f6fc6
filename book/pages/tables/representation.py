"""T-distances, tests of projections, and sizes of differences in CKA, as small tables of text."""

import numpy as np
import pandas as pd
from statsmodels.stats.multitest import multipletests

from book.pages.cka_gaps import PUBLISHED, Ratio
from fairlib.inference import ALPHA
from fairlib.report.columns import Column, ranged, typed
from fairlib.strategies import STRATEGY_NAMES
from fairlib.text import LEVEL_WORDS, OF_100, count, number, percent, with_interval

from ..columns import DRAWN

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
    return typed(
        table,
        ["attribute"],
        best=Column("best − worst", then=" − {worst}"),
        size=Column("size", "number", low="low", high="high"),
        matched=Column("size, as many people of both", "number"),
        null_median=Column("permuted: median", "number"),
        null_bound=Column(f"permuted: {LEVEL_WORDS} below", "number"),
        p=Column(form="p"),
        p_adjusted=Column("p, adjusted", "p"),
    )


def probes(summary: pd.DataFrame) -> pd.DataFrame:
    """AUC of linear probes and its difference from the supervised model's (``representation.summarise_probes``).

    people: of the segment in the test split.
    """
    return typed(
        summary.replace({"strategy": STRATEGY_NAMES}),
        ["attribute", "strategy"],
        attribute=Column("target", then=": {segment}"),
        strategy=Column("model"),
        people=Column(form="count"),
        mean=Column("AUC", "number", low="low", high="high"),
        q=Column("q (AUC 0.5)", "p"),
        chance=Column("shuffled labels, largest", "number"),
        difference=ranged("difference", "minus supervised", "signed"),
        difference_q=Column("q", "p"),
        **DRAWN,
    )


def probed(summary: pd.DataFrame, strategy: str) -> str:
    """In how many targets the features of a model tell more, or less, than the supervised model's, in a sentence."""
    own = summary[summary["strategy"] == strategy]
    sure = own["difference_q"] < ALPHA
    more, less = (int((sure & (own["difference"] * sign > 0)).sum()) for sign in (1, -1))
    return (
        f"Of {len(own)} targets (segments and the outcome), {STRATEGY_NAMES[strategy]} has features that tell more than"
        f" those of the supervised model in {more} and less in {less} (q below {ALPHA:g})."
    )


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
    every = pd.concat([pd.concat(runs).assign(strategy=name) for name, runs in tables.items()], ignore_index=True)
    every["q"] = multipletests(every["p"], method="fdr_by")[1]
    every["people"] = every.groupby(["attribute", "segment"])["people"].transform("max")
    keys = ["attribute", "segment", "against", "people"]
    shown = {"against": Column(), "people": Column(form="count")}
    out = every[keys].drop_duplicates()
    for (strategy, component), own in every.groupby(["strategy", "component"], sort=False):
        name = f"{strategy}_{component}"
        rows = own.groupby(keys, sort=False).agg(**{name: ("statistic", "mean"), f"{name}_mark": ("q", "max")})
        rows[f"{name}_mark"] = np.where(rows[f"{name}_mark"] < 0.05, "*", "")
        out = out.merge(rows.reset_index(), on=keys, how="left")
        shown[name] = Column(f"{STRATEGY_NAMES[strategy]}, PC {component}", "number", 2, then=f"{{{name}_mark}}")
    return typed(out, ["attribute", "segment"], **shown), TESTS_NOTE


def distances(tables: dict[str, list[pd.DataFrame]]) -> tuple[pd.DataFrame, str]:
    """T-distances: between medoids, and over pairs, for each two segments and model."""
    parts = []
    for strategy, runs in tables.items():
        means = dict.fromkeys(("people", "medoids", "mean", "chance", "spread"), "mean") | {"p": "max"}
        rows = pd.concat(runs).groupby(["attribute", "segment", "other"], sort=False).agg(means).reset_index()
        alone = rows["segment"] == rows["other"]
        own = rows.loc[alone, ["attribute", "segment", "people", "mean"]]
        rows = rows[~alone].drop(columns="people").assign(model=STRATEGY_NAMES[strategy], seeds=len(runs))
        one = own.set_axis(["attribute", "segment", "people", "own"], axis=1)
        two = own.set_axis(["attribute", "other", "other_people", "other_own"], axis=1)
        rows = rows.merge(one, "left").merge(two, "left")
        parts.append(rows.assign(within=(rows["own"] + rows["other_own"]) / 2))
    table = typed(
        pd.concat(parts),
        ["model", "attribute", "segment"],
        segment=Column("segments", then=" – {other}"),
        people=Column(form="count", then=" and {other_people}"),
        other_people=Column(form="count"),
        medoids=Column(form="number", digits=2),
        chance=Column(form="number", digits=2),
        p=Column("p (max\u2011T)", "p"),
        mean=Column("pairs", "number", 2),
        within=Column(form="number", digits=2),
        spread=Column("unit (spread)", "number", 1),
        seeds=Column(form="count"),
    )
    return table, DISTANCES_NOTE


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
