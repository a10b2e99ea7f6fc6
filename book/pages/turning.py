"""What a page holds on which a reader turns a knob of a twin: at each setting the truth, and what a cohort shows."""

import json

import numpy as np
import pandas as pd
from sklearn.metrics import roc_curve

from fairlib import twins
from fairlib.fairness import GROUP_RATES, METRICS, confusion, ratios
from fairlib.inference import interval, participant_draws, weighted_auc
from fairlib.measures.performance import ROC_GRID
from fairlib.seeds import generator
from fairlib.twins import truth
from fairlib.twins.dial import turned
from fairlib.twins.people import KNOBS, PREVALENCE

from .explorer import ROC_STEP, thousandths

#: First and last setting of a knob, and the step between.
STEPS = {
    "noise": (0.0, 2.0, 0.25),
    "missingness": (0.0, 0.8, 0.1),
    "label_noise": (0.0, 0.6, 0.1),
    "prevalence": (0.0, 3.0, 0.5),
    "share": (-1.0, 1.0, 0.25),
}
SIDES = ("inside", "others")  # the segment whose knob is turned, and everybody else
DRAWS = 200  # of participants, for the intervals of a cohort
SHOWN = [name for name in METRICS if METRICS[name].signed]


def settings(knob: str) -> list[float]:
    """The settings of a knob, its zero among them."""
    low, high, step = STEPS[knob]
    return [round(low + step * i, 3) for i in range(round((high - low) / step) + 1)]


def collect(dataset: str, draws: int, windows: list[int]) -> str:
    """The numbers of all knobs as JSON, in thousandths, for ``display.explorer``.

    draws: fresh draws of the model for the truth. windows: sizes of the cohorts, the smaller one the first part of the
    larger. The random numbers are the same at every setting, so that only the knob moves what is seen.
    """
    attribute, segment = twins.module(dataset).TURNED
    knobs = {}
    for knob in STEPS:
        facts, found = PREVALENCE if knob == "prevalence" else KNOBS[knob], {"truth": [], **{n: [] for n in windows}}
        for setting in settings(knob):
            spec = turned(dataset, knob, setting)
            drawn = truth.draw(dataset, spec, draws + windows[-1], _rng(dataset))
            found["truth"].append(
                measured(drawn[windows[-1] :], attribute, segment) | _curves(drawn, attribute, segment)
            )
            for n in windows:
                found[n].append(measured(drawn[:n], attribute, segment, DRAWS))
        knobs[knob] = {
            "settings": settings(knob),
            "zero": 0,
            "unit": facts.unit,
            "at_zero": facts.zero,
            "truth": _columns(found["truth"], truth_only=True),
            "measured": {str(n): _columns(found[n]) for n in windows},
        }
    names = {"kind": "dial", "attribute": attribute, "segment": segment}
    return json.dumps(names | {"knobs": knobs}, separators=(",", ":"))


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
        weights = np.vstack([weights, participant_draws(drawn["person"].to_numpy(), draws).weights])
    out, counts = {}, {}
    for side, chosen in zip(SIDES, (inside, ~inside), strict=True):
        counts[side] = confusion(y[chosen], (score[chosen] >= truth.THRESHOLD).astype(int), weights[:, chosen])
        out[side, "auc"] = weighted_auc(y[chosen], score[chosen], weights[:, chosen])
        out |= {(side, name): rate.of(counts[side]) for name, rate in GROUP_RATES.items()}
    between = ratios(counts["inside"], counts["others"])
    out |= {("ratios", name): between[name] for name in SHOWN}
    return {name: (values[0], *interval(values[1:])) for name, values in out.items()}


def _curves(drawn: pd.DataFrame, attribute: str, segment: str) -> dict[tuple[str, str], np.ndarray]:
    """True positive rates on the grid of false positive rates, on both sides."""
    inside = (drawn[attribute] == segment).to_numpy()
    out = {}
    for side, chosen in zip(SIDES, (inside, ~inside), strict=True):
        fpr, tpr, _ = roc_curve(drawn["label"].to_numpy()[chosen], drawn["score"].to_numpy()[chosen])
        out[side, "roc"] = np.interp(ROC_GRID[::ROC_STEP], fpr, tpr)
    return out


def _columns(found: list[dict], truth_only: bool = False) -> dict[str, dict]:
    """One dict a setting → side → metric → curve over the settings: the truth, or estimate, low and high."""
    out = {}
    for side, metric in found[0]:
        values = [one[side, metric] for one in found]
        if metric == "roc":
            curves = [thousandths(curve) for curve in values]
        elif truth_only:
            curves = thousandths([value for value, *_ in values])
        else:
            curves = [thousandths(end) for end in zip(*values, strict=True)]
        out.setdefault(side, {})[metric] = curves
    return out
