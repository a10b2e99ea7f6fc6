"""Across datasets: T-headline, T-models and T-datasets."""

import pandas as pd

from fairlib.fairness import ODDS
from fairlib.strategies import STRATEGY_NAMES
from fairlib.text import count, number, percent, with_interval

LABELS = ("label_gt", "label")  # MESA's target is named gt
PEOPLE = ("unique_subjects", "unique_participant_ids")


def claim(records: list[dict[str, str]]) -> pd.DataFrame:
    """T-headline, one claim: published numbers with their source, ours with who is behind them, verdict and cause."""
    titles = {"data": "data", "number": "number", "source": "source", "verdict": "verdict", "cause": "cause or limit"}
    return pd.DataFrame(records)[list(titles)].rename(columns=titles)


def models(each: pd.DataFrame, metric: str) -> pd.DataFrame:
    """T-models of one case: a row a trained model. each: ``gathered.Case.every_model``; metric: the card's."""
    disparity = "mean |AOD|" if metric in ODDS else "mean parity deviation"
    return pd.DataFrame(
        {
            "strategy": each["strategy"].map(STRATEGY_NAMES),
            "training windows": each["train"].map(count),
            "labels": each["people"].map(lambda n: "all" if n != n else f"{count(n)} people a group"),
            "seed": each["seed"].map(str),
            "AUC": [with_interval(*values) for values in each[["auc", "low", "high"]].itertuples(index=False)],
            disparity: each["deviation"].map(number),
            "at chance": each["at_chance"].map({False: "no", True: "perhaps"}),
            "one decision for everybody": each["one_decision"].map({False: "no", True: "yes"}),
        }
    )


def parts(each: pd.DataFrame, most: int = 50) -> dict[str, pd.DataFrame]:
    """The models of one case in tables of at most so many rows, which the gate lets through; titles number them."""
    if len(each) <= most:
        return {"": each}
    starts = range(0, len(each), most)
    return {f", models {i + 1} to {min(i + most, len(each))}": each.iloc[i : i + most] for i in starts}


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
        shape = f"{count(value['test', 'timesteps'])} × {count(value['test', 'channels'])}"
        sizes = [value[split, "samples"] for split in ("all", "train", "val", "test")]
        records.append(_sizes(f"{name}, published", sizes, people, positive, shape))
    for title, tables in cases.items():
        rows, shape = tables["sizes"].set_index("split"), tables["shape"].iloc[0]
        sizes = [rows.loc[split, "windows"] for split in ("all", "train", "val", "test")]
        positive = rows.loc["all", "events"] / rows.loc["all", "windows"]
        steps = f"{shape['timesteps']} × {count(shape['channels'])}"
        records.append(_sizes(title, sizes, rows.loc["all", "people"], positive, steps))
    return pd.DataFrame(records)


def _sizes(title: str, sizes: list, people: float, positive: float, shape: str) -> dict[str, str]:
    record = {"data": title, "people": count(people), "windows": count(sizes[0]), "positive": percent(positive)}
    parts = dict(zip(("training", "validation", "test"), map(count, sizes[1:]), strict=True))
    return record | parts | {"steps × channels": shape}
