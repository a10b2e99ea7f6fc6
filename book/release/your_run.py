"""Your run beside the paper: your number, the published one and their difference, for every published value of a
dataset, or the reason why there is nothing to compare.

A published value has a key, such as ("metric", strategy, metric, attribute, segment); so has every number of a run. The
extremes are those that the release names, and CKA is taken as the release took it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from fairlib.measures.summary import summarise
from fairlib.report.columns import Column, typed
from fairlib.strategies import PRIMARY, STRATEGIES, STRATEGY_NAMES
from fairlib.study.collect import collect
from fairlib.text import LEVEL_WORDS, minus, with_interval

from . import published
from .candidates import RELEASED
from .panels import box, deviations
from .panels_cka import PAIRS

Key = tuple | None
#: Attributes and segments of a data card by their published names.
ATTRIBUTES = {
    "mimic": {"Race": "ethnicity", "race": "ethnicity"},
    "mesa": dict.fromkeys(("Gender", "GENDER"), "sex") | dict.fromkeys(("Ethnicity", "ETHNICITY"), "race"),
    "globem": {"Ethnicity/Race": "race", "ETHNICITY": "race"},
}
SEGMENTS = {
    "ENGL": "English", "Non-English": "Other", "WHITE": "White", "BLACK/AFRICAN AMERICAN": "Black",
    "HISPANIC OR LATINO": "Hispanic", "Hispanic/Latino": "Hispanic", "ASIAN": "Asian", "M": "Male", "F": "Female",
    "female": "Female", "male": "Male", "white": "White", "black or african american": "Black", "hispanic": "Hispanic",
    "asian": "Asian", "Hispanic/Latinx": "Latinx", "No or missing": "No",
}  # fmt: skip
MEASURES = {"Accuracy": "accuracy", "Balanced Accuracy": "balanced_accuracy", "AUC": "auc", "AUPRC Macro": "auprc"}
SIZES = {"samples": "windows", "unique_subjects": "people", "unique_participant_ids": "people"}
#: Columns of ``paper_parity`` and what they are called in a box of ours.
STATISTICS = {"lower_whisker": "whislo", "q1": "q1", "median": "med", "q3": "q3", "upper_whisker": "whishi"}
STATISTICS |= {"mean_at_least": "mean", "mean_at_most": "mean"}
FEW = "a model with few labels, of so many windows per ethnicity code (D32), which is not trained here"
WAKE = "scored against another label than the models were trained on (D1)"
LAYERS = {f"Conv{i}": i for i in (1, 2, 3)}


@dataclass(frozen=True)
class Value:
    """A published value: part of the page, what it is, the number, its key or why there is none, and its source."""

    part: str
    what: str
    number: float
    key: Key
    why: str
    source: str


class Published:
    """Every published value of a dataset ("mimic", "mesa", "globem")."""

    def __init__(self, dataset: str) -> None:
        self.dataset, self.attributes = dataset, ATTRIBUTES[dataset]

    def values(self) -> list[Value]:
        """Each once: what two tables repeat, the first names."""
        parts: tuple[Callable[[], Iterator[tuple]], ...] = (
            self._sizes, self._segments, self._areas, self._boxes, self._parity, self._few, self._cka, self._further,
        )  # fmt: skip
        found = [Value(*row) for part in parts for row in part()]
        return list({(v.part, v.what, v.number): v for v in found if np.isfinite(v.number)}.values())

    def _rows(self, table: str) -> Iterator:
        rows = published.table(table)
        return rows[rows["dataset"].str.lower() == self.dataset].itertuples()

    def _attribute(self, name: str) -> str:
        return self.attributes.get(name, name.lower())

    def _sizes(self) -> Iterator[tuple]:
        for row in self._rows("dataset_shapes"):
            outcome = row.metric.rpartition("_")[2] if row.metric.startswith("label") else ""
            if row.metric in ("timesteps", "channels"):
                key = ("shape", row.metric)
            else:
                key = ("size", row.split, {"": SIZES.get(row.metric), "1": "events", "0": "no events"}[outcome])
            yield "Sizes", f"{row.split}: {row.metric.replace('_', ' ')}", row.value, key, "", row.source
        for row in self._rows("test_windows"):
            if row.kind == "printed":
                key = ("windows", "test", self._attribute(row.attribute), SEGMENTS.get(row.segment, row.segment))
                yield "Sizes", f"{row.attribute}, {row.segment}: test windows", row.test_windows, key, "", row.source

    def _segments(self) -> Iterator[tuple]:
        for row in self._rows("segment_performance"):
            strategy = "supervised" if row.model == "Supervised" else PRIMARY
            segment = self._attribute(row.attribute), SEGMENTS.get(row.segment, row.segment)
            what, part = f"{row.attribute}, {row.segment}", "Segments"
            yield part, f"{what}: AUC, {row.model}", row.auc, ("metric", strategy, "auc", *segment), "", row.source
            yield part, f"{what}: gap to everyone, {row.model}", row.delta, ("gap", strategy, *segment), "", row.source
            yield "Sizes", f"{what}: windows", row.windows, ("windows", "all", *segment), "", row.source
            yield part, f"{what}: share of windows", row.share, ("share", *segment), "", row.source

    def _areas(self) -> Iterator[tuple]:
        for row in self._rows("paper_auc"):
            yield "AUC", f"{STRATEGY_NAMES[row.strategy]}, ROC figure", row.auc, _overall(row.strategy), "", row.source
        for row in self._rows("overall_auc"):
            few = "data-efficiency" in row.run_tag
            strategy = RELEASED.get(row.model, PRIMARY)  # the spreadsheet does not name its SSL model
            what = f"{STRATEGY_NAMES[strategy]}, {row.run_tag}"
            yield "AUC", what, row.auc, None if few else _overall(strategy), FEW * few, row.source

    def _boxes(self) -> Iterator[tuple]:
        wrong = self.dataset == "mesa"
        for row in self._rows("paper_parity"):
            for name, ours in STATISTICS.items():
                key = ("box", row.strategy, ours)
                what = f"{STRATEGY_NAMES[row.strategy]}: {name.replace('_', ' ')}"
                yield "Parity figure", what, getattr(row, name), None if wrong else key, WAKE * wrong, row.source

    def _parity(self) -> Iterator[tuple]:
        for row in self._rows("parity_deviation"):
            strategy, why = RELEASED[row.model], WAKE * (self.dataset == "mesa")
            metric = row.metric.replace("average_absolute_odds", "average_abs_odds")
            mean = row.metric.startswith("mean over")
            key = ("box", strategy, "mean") if mean else ("ratio", strategy, metric, self._attribute(row.attribute))
            value = row.parity_deviation if mean else row.value
            what = f"{STRATEGY_NAMES[strategy]}: {row.metric.replace('_', ' ')}, {row.attribute}"
            yield "Group fairness", what, value, None if why else key, why, row.source

    def _few(self) -> Iterator[tuple]:
        for row in self._rows("data_efficiency"):
            what = f"{STRATEGY_NAMES[RELEASED[row.model]]}: {row.metric}, {row.windows_per_code} windows per code"
            yield "Few labels", what, row.value, None, FEW, row.source

    def _cka(self) -> Iterator[tuple]:
        for row in self._rows("paper_cka"):
            segment, layers = SEGMENTS.get(row.segment, row.segment), (LAYERS[row.layer_y], LAYERS[row.layer_x])
            why = "both segments together are not computed here" * (row.role == "balanced")
            why = row.note if "(D3" in row.note or "(D48)" in row.note else why
            key = None if why else ("cka", self._attribute(row.attribute), segment, *layers)
            what = f"{row.attribute}, {row.segment}: {row.layer_y} with {row.layer_x}"
            yield "CKA", what, row.value, key, why, row.source
        attributes = {pair: attribute for attribute, pair in PAIRS.items()}
        for row in self._rows("cka_differences"):
            ends = (SEGMENTS.get(name, name) for name in row.pair.split(" minus "))
            layers = LAYERS[row.layer_y], LAYERS[row.layer_x]
            key = ("cka gap", self._attribute(attributes[row.pair]), *ends, *layers)
            yield "CKA", f"{row.pair}: {row.layer_y} with {row.layer_x}", row.value, key, "", row.source
        for row in self._rows("paper_gaps"):
            pair = tuple(SEGMENTS.get(name, name) for name in PAIRS[row.attribute].split(" minus "))
            of = (self._attribute(row.attribute), *pair)
            yield (
                "CKA",
                f"{row.attribute}: best − worst AUC, SSL",
                row.auc_gap,
                ("auc gap", PRIMARY, *of),
                "",
                row.source,
            )
            yield "CKA", f"{row.attribute}: mean |ΔCKA|", row.cka_gap, ("mean cka gap", *of), "", row.source

    def _further(self) -> Iterator[tuple]:
        for row in self._rows("beside"):
            what, key = f"{row.subject}: {row.measure}", None
            head, _, tail = row.subject.partition(": ")
            strategy, why = RELEASED.get(row.subject.split(",")[0]), "not computed in this form here"
            if "stays a code" in what:
                why = FEW
            elif row.item == "F-segments":
                key = ("windows", "all", self._attribute(head), SEGMENTS.get(tail, tail))
                why = "the card does not have this segment"
            elif row.item == "F-label-bias":
                name = row.subject.split(", privileged")[0]
                key = (
                    None
                    if "wake" in row.measure
                    else ("labels", "test" if "test" in what else "all", self._attribute(name))
                )
                why = WAKE if "wake" in row.measure else "not an attribute of the card"
            elif row.item == "T-performance":
                strategy = PRIMARY if row.subject.startswith("ssl, implied") else strategy
                key = (
                    ("metric", strategy, MEASURES[row.measure], "everybody", "everybody")
                    if row.measure in MEASURES
                    else None
                )
                why = "averaged over both outcomes, which this study does not report"
            elif row.item == "T-conditioned":
                segment, strategy = tail.rpartition(", ")[0], RELEASED[row.measure.split(", ")[1]]
                key = ("metric", strategy, "auc", self._attribute(head), SEGMENTS.get(segment, segment))
            elif row.item == "T-distances":
                why = "distances depend on the scale of a run's features (D41)"
            elif "ssl_frozen1_middle" in row.subject and row.item == "F-cka":
                layer = LAYERS[row.subject.rpartition(", ")[2]]
                key = ("cka", "everybody", "everybody", layer, layer)
            elif row.item == "F-cka":
                why = "CKA of the first training windows is computed for the model with its middle frozen only"
            part = "Sizes" if row.item == "F-segments" else "Further printed values"
            yield part, what, row.value, key, why, row.source


def _overall(strategy: str) -> tuple:
    return "metric", strategy, "auc", "everybody", "everybody"


class Yours:
    """The numbers of a run by their key; ``get`` gives value, low and high, NaN where there is none."""

    def __init__(self, study, card, seeds: tuple[int, ...], strategies: tuple[str, ...] = tuple(STRATEGIES)) -> None:
        models = collect(study, "metrics", strategies, seeds)
        self.found: dict[tuple, tuple[float, float, float]] = {}
        self._metrics(summarise(models))
        self._boxes(models, card.protected())
        self._sizes(study.table("sizes"), study.table("shape"), study.table("segments"), card)
        self._cka([study.table("cka_released", PRIMARY, seed) for seed in seeds])

    def get(self, key: tuple) -> tuple[float, float, float]:
        if key[0] in ("auc gap", "cka gap", "mean cka gap"):
            return self._gap(*key)
        return self.found.get(key, (np.nan,) * 3)

    def _gap(self, kind: str, *of) -> tuple[float, float, float]:
        """Best minus worst segment, as the release names them."""
        if kind == "auc gap":
            strategy, attribute, *pair = of
            best, worst = (self.get(("metric", strategy, "auc", attribute, segment))[0] for segment in pair)
            return best - worst, np.nan, np.nan
        attribute, best, worst, *layers = of
        every = [layers] if kind == "cka gap" else [(i, j) for i in LAYERS.values() for j in LAYERS.values()]
        gaps = [np.subtract(*(self.get(("cka", attribute, s, *at))[0] for s in (best, worst))) for at in every]
        return (gaps[0] if kind == "cka gap" else float(np.abs(gaps).mean())), np.nan, np.nan

    def _metrics(self, summary: pd.DataFrame) -> None:
        for row in summary.itertuples():
            values = row.mean, row.low, row.high
            of = (row.attribute,) if row.scope == "ratio" else (row.attribute, row.segment)
            self.found["ratio" if row.scope == "ratio" else "metric", row.strategy, row.metric, *of] = values
            if row.metric == "auc" and row.scope == "segment":
                everyone = self.found[_overall(row.strategy)][0]
                self.found["gap", row.strategy, *of] = row.mean - everyone, np.nan, np.nan

    def _boxes(self, models: pd.DataFrame, attributes: list[str]) -> None:
        for strategy, own in deviations(models, attributes).groupby("strategy"):
            values = own["deviation"].to_numpy(dtype=float)
            drawn = box(values) | {"mean": values.mean()}
            for name in set(STATISTICS.values()):
                self.found["box", strategy, name] = drawn[name], np.nan, np.nan

    def _sizes(self, sizes: pd.DataFrame, shape: pd.DataFrame, segments: pd.DataFrame, card) -> None:
        for row in sizes.itertuples():
            for name in ("people", "windows", "events"):
                self.found["size", row.split, name] = getattr(row, name), np.nan, np.nan
            self.found["size", row.split, "no events"] = row.windows - row.events, np.nan, np.nan
        for name in ("timesteps", "channels"):
            self.found["shape", name] = shape[name].iloc[0], np.nan, np.nan
        known = segments[segments["segment"] != "unknown"]
        for (attribute, split), own in known.groupby(["attribute", "split"]):
            total = own["windows"].sum(skipna=False)
            for row in own.itertuples():
                self.found["windows", split, attribute, row.segment] = row.windows, np.nan, np.nan
                if split == "all":
                    self.found["share", attribute, row.segment] = row.windows / total, np.nan, np.nan
            first = own["segment"] == card.attributes[attribute].privileged
            rates = [
                part["events"].sum(skipna=False) / part["windows"].sum(skipna=False)
                for part in (own[~first], own[first])
            ]
            self.found["labels", split, attribute] = rates[0] / rates[1], np.nan, np.nan

    def _cka(self, tables: list[pd.DataFrame]) -> None:
        for key, own in pd.concat(tables).groupby(["attribute", "segment", "layer_supervised", "layer_other"]):
            self.found["cka", *key] = float(own["cka"].mean()), np.nan, np.nan


def compare(values: list[Value], yours: Yours) -> pd.DataFrame:
    """Columns part, what, yours, low, high, published, difference (yours − published), why, source; a row per value."""
    records = []
    for value in values:
        own, low, high = yours.get(value.key) if value.key else (np.nan,) * 3
        why = "" if np.isfinite(own) else value.why or "withheld, too small to judge, or not in this cohort"
        record = {"part": value.part, "what": value.what, "yours": own, "low": low, "high": high}
        records.append(record | {"published": value.number, "why": why, "source": value.source})
    return pd.DataFrame(records).assign(difference=lambda t: t["yours"] - t["published"])


def table(rows: pd.DataFrame) -> pd.DataFrame:
    """Compared values of one part, to be shown: numbers as text, since counts and shares stand in one column."""

    def written(value: float, sign: str = "") -> str:
        whole, sign = value == int(value), sign if value else ""  # 0 has no sign
        return minus(f"{value:{sign},.0f}" if whole else f"{value:{sign}.3f}")

    own = [with_interval(r.yours, r.low, r.high) if np.isfinite(r.low) else written(r.yours) for r in rows.itertuples()]
    shown = rows.assign(
        yours=own,
        published=rows["published"].map(written),
        difference=[written(value, "+") for value in rows["difference"]],
    )
    titles = {
        "yours": f"your number ({LEVEL_WORDS} interval)",
        "published": "published",
        "difference": "difference",
        "source": "",
    }
    return typed(shown, ["what"], **{name: Column(title) for name, title in titles.items()})


def not_compared(rows: pd.DataFrame) -> pd.DataFrame:
    """Why nothing is compared, and for how many published values."""
    found = rows.groupby(["part", "why"], sort=False).size().rename("values").reset_index()
    return typed(found, ["part"], why=Column("why nothing is compared"), values=Column("published values", "count"))


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """By part: values compared, how many published ones lie inside your interval, and the median |difference|."""
    known = rows[rows["why"] == ""]
    inside = (known["low"] <= known["published"]) & (known["published"] <= known["high"])
    known = known.assign(inside=inside.where(known["low"].notna()), size=known["difference"].abs())
    found = known.groupby("part", sort=False).agg(
        compared=("size", "size"), judged=("inside", "count"), inside=("inside", "sum"), median=("size", "median")
    )
    shown = {"compared": Column("values compared", "count"), "judged": Column("with an interval of yours", "count")}
    shown |= {"inside": Column("published inside it", "count"), "median": Column("median |difference|", "number")}
    return typed(found.reset_index(), ["part"], **shown)
