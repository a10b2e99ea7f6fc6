"""Turn one knob of a twin at a time: what the truth does, and what cohorts drawn from the model show of it."""

from dataclasses import dataclass, replace

import pandas as pd

from ..seeds import generator
from . import load_spec, module, truth
from .people import Spec


@dataclass(frozen=True)
class Dial:
    """Settings of a knob, and the metric that it moves: of the segment, or minus that of everybody else."""

    settings: tuple[float, ...]
    metric: str
    against_others: bool


DIALS = {
    "prevalence": Dial((0.0, 0.75, 1.5, 2.25, 3.0), "label_rate", against_others=True),
    "share": Dial((-1.0, -0.5, 0.0, 0.5, 1.0), "share", against_others=False),
    "noise": Dial((0.0, 0.5, 1.0, 1.5, 2.0), "auc", against_others=True),
    "missingness": Dial((0.0, 0.2, 0.4, 0.6, 0.8), "auc", against_others=True),
    "label_noise": Dial((0.0, 0.15, 0.3, 0.45, 0.6), "auc", against_others=True),
}


def turned(dataset: str, knob: str, setting: float) -> Spec:
    """A twin in which this knob alone is not at its zero."""
    attribute, segment = module(dataset).TURNED
    value = setting if knob == "prevalence" else {attribute: {segment: setting}}
    return replace(load_spec(dataset).without_disparities(), **{knob: value})


def curve(dataset: str, knob: str, draws: int, cohorts: int = 5, windows: int = 4000) -> pd.DataFrame:
    """The metric of a knob's dial at each setting: as truth (one row) and as measured in each of some cohorts.

    draws: of the truth. windows: size of a cohort.
    Returns columns knob, setting, kind ("truth" or "measured"), cohort and value.
    """
    records = []
    for setting in DIALS[knob].settings:
        spec = turned(dataset, knob, setting)
        drawn = truth.draw(dataset, spec, draws, generator(0, "twin", dataset, "dial"))
        records.append((knob, setting, "truth", 0, _value(dataset, knob, drawn)))
        for cohort in range(1, cohorts + 1):
            drawn = truth.draw(dataset, spec, windows, generator(cohort, "twin", dataset, "cohort"))
            records.append((knob, setting, "measured", cohort, _value(dataset, knob, drawn)))
    return pd.DataFrame(records, columns=["knob", "setting", "kind", "cohort", "value"])


def _value(dataset: str, knob: str, drawn: pd.DataFrame) -> float:
    attribute, segment = module(dataset).TURNED
    inside = (drawn[attribute] == segment).to_numpy()
    if knob == "share":
        return float(inside.mean())
    label, score = drawn["label"].to_numpy(), drawn["score"].to_numpy()
    own, others = (
        label[part].mean() if knob == "prevalence" else truth.auc(label[part], score[part])
        for part in (inside, ~inside)
    )
    return float(own - others)
