"""What a page holds on which a reader moves the threshold: rates, ratios and ROC curves of each model, aggregated.

The numbers are those of the tables ``thresholds``, ``roc`` and ``metrics`` of an evaluation, in thousandths to keep the
page small.
"""

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from fairlib.cards import Card
from fairlib.fairness import GROUP_RATES, METRICS, RATES, title
from fairlib.report.charts import Block, Numbers, Row, thousandths
from fairlib.report.columns import SIZES, Column, typed
from fairlib.strategies import PRIMARY, STRATEGY_NAMES, SUPERVISED, UNTESTED

ROC_STEP = 2  # every second point of the curve's grid
RUNS = 2  # of each model: more would not say more about how runs differ, and make a large page
#: Models that are shown unless others are asked for: every model of every recipe would make a large page.
LOOKED_AT = (SUPERVISED, PRIMARY, "frozen_3", *UNTESTED)
EVERYBODY = "everybody"  # an attribute with one segment, of the same name
#: What the chart shows, for those who do not see it.
ALT = (
    "Three panels: a fairness metric at all thresholds, with its interval, the band of its convention and other runs;"
    " rates of the segments at the threshold picked; their ROC curves with the decisions at that threshold as points."
    " The sentence above says the metric, and the tables below hold the values at 0.5."
)
ENDS = ["estimate", "low", "high"]


def measure_name(measure: str) -> str:
    """What a rate, or a metric between groups, is called in the chart and its tables."""
    return title(measure) if measure in METRICS else {"auc": "AUC"}.get(measure, measure.replace("_", " "))


def sides(card: Card, attribute: str) -> str:
    """The two groups between which metrics of an attribute stand."""
    privileged = card.attributes[attribute].privileged
    others = [segment for segment in card.attributes[attribute].segments if segment != privileged]
    return f"{others[0] if len(others) == 1 else 'all others'} / {privileged}"


def collect(studies: Mapping, card: Card, access: str, strategies: Iterable[str]):
    """The numbers of all these models (``Numbers``); None for restricted data, which have none at other thresholds.

    studies: name of a recipe → study and its seeds. access: of the data that they read, "synthetic" for a twin.

    Groups under the card's ``min_cell`` are left out: everybody too, where the whole test split is that small. None, if
    no group is left.
    """
    shown, minimum = list(dict.fromkeys([card.metric.metric, *RATES])), 1 if access == "synthetic" else card.min_cell
    groups, blocks = None, []
    trained = [
        (recipe, study, strategy, seed)
        for recipe, (study, seeds) in studies.items()
        for strategy in strategies
        for seed in seeds[:RUNS]
        if study.has(strategy, (seed,))
    ]
    for recipe, study, strategy, seed in trained:
        tables = {name: study.table(name, strategy, seed) for name in ("thresholds", "metrics", "roc")}
        if tables["thresholds"].empty:
            continue
        groups = sizes(tables, minimum) if groups is None else groups
        rows = _rows(tables, shown, groups, card)
        blocks.append(Block(of=[recipe, STRATEGY_NAMES[strategy], str(seed)], rows=rows))
    if groups is None or groups.empty:
        return None
    recipes, models, runs = (list(dict.fromkeys(names)) for names in zip(*(block.of for block in blocks), strict=True))
    attributes = [name for name in groups.index.unique("attribute") if name in card.attributes]
    choices = {"recipe": recipes, "model": models, "run": runs}
    choices |= {"attribute": attributes, "metric": list(map(measure_name, shown))}
    every = [EVERYBODY] if EVERYBODY in groups.index.unique("attribute") else []
    return Numbers(
        chart="thresholds",
        smallest=int(groups["fewest"].min()),
        choices=choices,
        groups={name: [*groups.loc[name].index, *every] for name in attributes},
        blocks=blocks,
    )


def sizes(tables: dict[str, pd.DataFrame], minimum: int) -> pd.DataFrame:
    """(attribute, segment) → people, windows, events and ``fewest`` of them or of windows without the outcome, in the
    test split; of the groups that have rates, without those where that is below ``minimum``."""
    table, names = tables["thresholds"], ["attribute", "segment"]
    found = table.loc[table["scope"] == "segment", names].drop_duplicates()
    out = found.merge(tables["metrics"].drop_duplicates(names)[[*names, *SIZES]]).set_index(names)
    out["fewest"] = out[["people", "events"]].assign(without=out["windows"] - out["events"]).min(axis=1)
    return out[out["fewest"] >= minimum]


def _rows(tables: dict[str, pd.DataFrame], shown: list[str], groups: pd.DataFrame, card: Card) -> list[Row]:
    """Curves of one model; of: attribute, group (two, for a metric between them), measure."""
    rows, keys = [], ["scope", "attribute", "segment", "metric"]
    for (scope, *name, metric), own in tables["thresholds"].groupby(keys, sort=False):
        if tuple(name) in groups.index if scope == "segment" else metric in shown:
            of = [name[0], name[1] if scope == "segment" else sides(card, name[0]), measure_name(metric)]
            rows.append(Row(of=of, curves=[thousandths(own[end]) for end in ENDS]))
    for name, own in tables["roc"].groupby(["attribute", "segment"], sort=False):
        if name in groups.index:
            rows.append(Row(of=[*name, "ROC"], curves=[thousandths(own["tpr"].iloc[::ROC_STEP])]))
    return rows


def rates_at(tables: dict[str, pd.DataFrame], minimum: int, threshold: float = 0.5) -> pd.DataFrame:
    """Sizes and rates of the groups that are shown, at one threshold: what the chart says, for those who read it."""
    table = tables["thresholds"]
    own = table[(table["scope"] == "segment") & np.isclose(table["threshold"], threshold)]
    wide = own.pivot(index=["attribute", "segment"], columns="metric", values=ENDS)
    wide.columns = [f"{metric} {end}" for end, metric in wide.columns]
    counts = {name: Column(form="count") for name in SIZES} | {"events": Column("positive", "count")}
    rates = {
        f"{name} estimate": Column(name.replace("_", " "), "number", low=f"{name} low", high=f"{name} high")
        for name in GROUP_RATES
    }
    frame = sizes(tables, minimum).join(wide).reset_index()
    return typed(frame, ["attribute", "segment"], **counts, **rates)


def metrics_at(table: pd.DataFrame, threshold: float = 0.5) -> pd.DataFrame:
    """Metrics between the groups of each attribute at one threshold, from the table ``thresholds``."""
    own = table[(table["scope"] == "ratio") & np.isclose(table["threshold"], threshold)]
    frame = own.assign(metric=own["metric"].map(measure_name))
    value = Column("unprivileged / privileged", "number", 2, "low", "high")
    return typed(frame, ["attribute", "metric"], estimate=value)


def left_out(metrics: pd.DataFrame) -> str:
    """Segments of the table ``metrics`` without numbers, as a sentence; "" if there are none."""
    rows = metrics[(metrics["scope"] == "segment") & (metrics["note"] != "")]
    names = dict.fromkeys(f"{row.attribute} {row.segment}" for row in rows.itertuples())
    return f"Left out, with too few people or outcomes to show or to judge: {', '.join(names)}." if names else ""
