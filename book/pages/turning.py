"""What a page holds on which a reader turns a knob of a twin: at each setting the truth, and what a cohort shows."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from fairlib import cards, twins
from fairlib.fairness import GROUP_RATES, METRICS, confusion, ratios
from fairlib.inference import interval, participant_draws, weighted_auc
from fairlib.report.charts import SCALE, Block, Numbers, Row, thousandths
from fairlib.report.columns import Column, typed
from fairlib.seeds import generator
from fairlib.twins import truth
from fairlib.twins.dial import turned
from fairlib.twins.people import KNOBS, PREVALENCE

from .explorer import measure_name

#: First and last setting of a knob, and how many there are of each: one slider serves them all.
SPAN = {
    "noise": (0.0, 2.0),
    "missingness": (0.0, 0.8),
    "label_noise": (0.0, 0.6),
    "prevalence": (0.0, 3.0),
    "share": (-1.0, 1.0),
}
STOPS = 9
#: What the chart shows, for those who do not see it.
ALT = (
    "Three panels over the settings of the knob that is picked: AUC of the segment and of all others, a fairness metric"
    " between them with the band of its convention, and their rates at the setting; each as truth, and as measured in a"
    " cohort with its interval. The sentence above says what was measured, and the table below holds the truth."
)
SIDES = ("inside", "others")  # the segment whose knob is turned, and everybody else
DRAWS = 200  # of participants, for the intervals of a cohort
SHOWN = [name for name in METRICS if METRICS[name].signed]


def settings(knob: str) -> list[float]:
    """The settings of a knob, its zero among them."""
    return [float(setting) for setting in np.round(np.linspace(*SPAN[knob], STOPS), 3)]


def collect(datasets: Iterable[str], draws: int, windows: list[int]) -> Numbers:
    """The numbers of all knobs of these twins, for ``show.chart``.

    draws: fresh draws of the model for the truth. windows: sizes of the cohorts, the smaller one the first part of the
    larger. The random numbers are the same at every setting, so that only the knob moves what is seen.
    """
    groups, blocks = {}, []
    for dataset in datasets:
        title = cards.load(dataset).called
        groups[title], own = _turned(dataset, draws, windows)
        blocks += [Block(of=[title, *names], rows=rows) for names, rows in own.items()]
    choices = {
        "attribute": [*groups],
        "knob": [knob.replace("_", " ") for knob in SPAN],
        "cohort": [f"{n:,} windows" for n in reversed(windows)],
        "metric": [measure_name(name) for name in SHOWN],
    }
    return Numbers(chart="dial", smallest=1, choices=choices, groups=groups, blocks=blocks)


def _turned(dataset: str, draws: int, windows: list[int]) -> tuple[list[str], dict[tuple[str, str], list[Row]]]:
    """The two groups of a twin; knob and cohort → rows."""
    attribute, segment = twins.module(dataset).TURNED
    inside = f"{attribute} {segment}"
    named = {"inside": inside, "others": "all others", "ratios": f"{inside} / all others"}
    out = {}
    for knob in SPAN:
        found = {}  # cohort → side and measure → (estimate, low, high) at each setting
        for setting in settings(knob):
            drawn = truth.draw(dataset, turned(dataset, knob, setting), draws + windows[-1], _rng(dataset))
            cohorts = {f"{n:,} windows": (drawn[:n], DRAWS) for n in reversed(windows)}
            for cohort, (own, again) in (cohorts | {"truth": (drawn[windows[-1] :], 0)}).items():
                for of, values in measured(own, attribute, segment, again).items():
                    found.setdefault(cohort, {}).setdefault(of, []).append(values)
        for cohort, measures in found.items():
            rows = [
                Row(of=[named[side], measure_name(name)], curves=list(map(thousandths, zip(*values, strict=True))))
                for (side, name), values in measures.items()
            ]
            out[knob.replace("_", " "), cohort] = rows
    return [inside, named["others"]], out


def ends(numbers: Numbers) -> pd.DataFrame:
    """What the settings of each knob are, and the truth in each twin's turned segment at its zero and its highest."""
    facts, shown = {"prevalence": PREVALENCE, **KNOBS}, ("auc", "false_negative_rate", "error_rate_ratio")
    records, knobs = [], {knob.replace("_", " "): knob for knob in SPAN}
    for block in (block for block in numbers.blocks if block.of[2] == "truth"):
        twin, knob = block.of[0], knobs[block.of[1]]
        of = {row.of[1]: row.curves[0] for row in block.rows if row.of[0].startswith(numbers.groups[twin][0])}
        record = {"twin": twin, "knob": block.of[1], "unit": facts[knob].unit, "zero": facts[knob].zero}
        record["highest"] = SPAN[knob][1]
        for name in shown:
            curve = of[measure_name(name)]
            record |= {name: curve[settings(knob).index(0)] / SCALE, f"{name} highest": curve[-1] / SCALE}
        records.append(record)
    columns = {"unit": Column(), "zero": Column("at 0"), "highest": Column(form="number", digits=1)}
    for name in shown:
        columns[name] = Column(f"{measure_name(name)} at 0", "number")
        columns[f"{name} highest"] = Column(f"{measure_name(name)} at the highest", "number")
    return typed(pd.DataFrame(records), ["twin", "knob"], **columns)


def _rng(dataset: str) -> np.random.Generator:
    return generator(0, "twin", dataset, "turning")


def measured(drawn: pd.DataFrame, attribute: str, segment: str, draws: int = 0) -> dict[tuple[str, str], tuple]:
    """AUC and rates of the fixed scorer in the segment and in everybody else, and ratios between them.

    Returns (side, metric) → (estimate, low, high); side "ratios" for metrics between the two. The interval, over
    participants, is NaN without draws.
    """
    y, score = drawn["label"].to_numpy(), drawn["score"].to_numpy()
    inside = (drawn[attribute] == segment).to_numpy()
    weights = np.ones((1, len(y)), dtype=np.float32)
    if draws:
        weights = np.vstack([weights, participant_draws(drawn["person"].to_numpy(), draws)])
    out, counts = {}, {}
    for side, chosen in zip(SIDES, (inside, ~inside), strict=True):
        counts[side] = confusion(y[chosen], (score[chosen] >= truth.THRESHOLD).astype(int), weights[:, chosen])
        out[side, "auc"] = weighted_auc(y[chosen], score[chosen], weights[:, chosen])
        out |= {(side, name): rate.of(counts[side]) for name, rate in GROUP_RATES.items()}
    between = ratios(counts["inside"], counts["others"])
    out |= {("ratios", name): between[name] for name in SHOWN}
    return {name: (values[0], *interval(values[1:])) for name, values in out.items()}
