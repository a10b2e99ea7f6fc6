"""Across datasets: T-headline, T-models and T-datasets."""

import pandas as pd

from fairlib.fairness import ODDS
from fairlib.report.columns import Column, typed
from fairlib.strategies import STRATEGY_NAMES

LABELS = ("label_gt", "label")  # MESA's target is named gt
PEOPLE = ("unique_subjects", "unique_participant_ids")


def claim(records: list[dict[str, str]]) -> pd.DataFrame:
    """T-headline, one claim: published numbers with their source, ours with who is behind them, verdict and cause."""
    shown = {name: Column() for name in ("data", "number", "source", "verdict")}
    return typed(pd.DataFrame(records), **shown, cause=Column("cause or limit"))


def models(each: pd.DataFrame, metric: str) -> pd.DataFrame:
    """T-models of one case: a row a trained model. each: ``gathered.Case.every_model``; metric: the card's."""
    disparity = "mean |AOD|" if metric in ODDS else "mean parity deviation"
    return typed(
        each.assign(
            strategy=each["strategy"].map(STRATEGY_NAMES),
            labelled=each["people"],
            all="all",
            at_chance=each["at_chance"].map({False: "no", True: "yes"}),
            one_decision=each["one_decision"].map({False: "no", True: "yes"}),
        ),
        ["strategy"],
        train=Column("training windows", "count"),
        labelled=Column("labels", "count", instead="all", then=" people a group"),
        seed=Column(form="count"),
        auc=Column("AUC", "number", low="low", high="high"),
        deviation=Column(disparity, "number"),
        at_chance=Column("AUC interval includes 0.5"),
        one_decision=Column("one decision for everybody"),
    )


def trained(each: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """How many models a case has, and the range of their AUC. each: title of a case → ``gathered.Case.every_model``."""
    rows = [
        {"case": title, "models": len(own), "strategies": own["strategy"].nunique()}
        | {"low": own["auc"].min(), "middle": own["auc"].median(), "high": own["auc"].max()}
        | {"at_chance": int(own["at_chance"].sum()), "one_decision": int(own["one_decision"].sum())}
        for title, own in each.items()
    ]
    columns = {"models": Column(form="count"), "strategies": Column(form="count")}
    columns["middle"] = Column("AUC, median [lowest, highest]", "number", low="low", high="high")
    columns["at_chance"] = Column("AUC interval includes 0.5", "count")
    columns["one_decision"] = Column("one decision for everyone", "count")
    return typed(pd.DataFrame(rows), ["case"], **columns)


def different(each: dict[str, pd.DataFrame]) -> int:
    """How many different models there are: one that does not depend on the seed, or on the recipe, counts once.

    each: title of a case, "DATASET, recipe …" → ``Case.every_model``. Equal numbers of a strategy are one model.
    """
    rows = pd.concat(own.assign(dataset=title.split(",")[0]) for title, own in each.items()) if each else pd.DataFrame()
    return len(rows.drop_duplicates(["dataset", "strategy", "people", "auc", "deviation"])) if len(rows) else 0


def datasets(shapes: pd.DataFrame, cases: dict[str, dict[str, pd.DataFrame]]) -> pd.DataFrame:
    """T-datasets: the published sizes, then those of our cases.

    shapes: published table ``dataset_shapes``; cases: title → ``evidence.cohort_tables``.
    """
    records = []
    for name, rows in shapes.groupby("dataset", sort=False):
        value = rows.set_index(["split", "metric"])["value"]
        people = next(value["all", key] for key in PEOPLE if ("all", key) in value.index)
        label = next(key for key in LABELS if ("test", f"{key}_1") in value.index)
        positive = sum(value[split, f"{label}_1"] for split in ("train", "val", "test")) / value["all", "samples"]
        shape = [value["test", "timesteps"], value["test", "channels"]]
        sizes = [value[split, "samples"] for split in ("all", "train", "val", "test")]
        records.append([f"{name}, published", people, *sizes[:1], positive, *sizes[1:], *shape])
    for title, tables in cases.items():
        rows, shape = tables["sizes"].set_index("split"), tables["shape"].iloc[0]
        sizes = [rows.loc[split, "windows"] for split in ("all", "train", "val", "test")]
        positive = rows.loc["all", "events"] / rows.loc["all", "windows"]
        shape = [shape["timesteps"], shape["channels"]]
        records.append([title, rows.loc["all", "people"], *sizes[:1], positive, *sizes[1:], *shape])
    count = Column(form="count")
    columns = {"data": Column(), "people": count, "windows": count, "positive": Column(form="percent")}
    columns |= dict.fromkeys(("training", "validation", "test", "timesteps", "channels"), count)
    columns["timesteps"] = Column("steps × channels", "count", then=" × {channels}")
    return typed(pd.DataFrame(records, columns=list(columns)), **columns)
