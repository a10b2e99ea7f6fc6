"""Twins that can judge a method: so large that each planted disparity is at least twice what their test people detect.

The dial has two positions. *Turned*: each of three segments has noisier signals or less reliable labels. *Zero*: no
segment has. In both, the outcome is as common in all segments, nothing else is lost, and a few segments have a larger
share than was published: a small one could not be judged. So segments differ in nothing but their size and what is
planted. The defaults of a twin (``TwinSpec``) keep the published shares and rates; they are for teaching.
"""

import functools
from typing import NamedTuple

import numpy as np
import pandas as pd

from ..seeds import generator
from . import load_spec, module
from .people import Planted

DIAL = ("zero", "turned")
#: Trained models of each strategy: five folds where a study of the dataset is cross-fitted, else five training seeds.
RUNS = 5
#: Windows of a twin at most: nights of MESA are thinned to a dozen epochs a person.
MOST = 25_000
#: Draws with which the error of the reference score is found.
DRAWS = 100_000


class Judging(NamedTuple):
    """A twin that can judge.

    size: its knobs of size, and a lower severity where simple models would come above an AUC of 0.9. tested: windows
    of its test people, all where it is cross-fitted. share, noise, label_noise: knobs. none: attribute and segment in
    which nothing is planted. auc: what the reference score reaches at dial zero: about what models reach in small
    twins, nothing published.
    """

    size: dict[str, int]
    tested: int
    share: Planted
    noise: Planted
    label_noise: Planted
    none: tuple[str, str]
    auc: float

    @property
    def folds(self) -> int:
        """Of cross-fitting; 0: the split of the card."""
        return RUNS if self.tested == self.size["windows"] else 0


TWINS = {
    "mimic": Judging(
        {"windows": 21_139, "severity": 2.5},
        3236,
        {"ethnicity": {"Black": 1.5, "Hispanic": 2.6, "Asian": 2.9}},
        {"ethnicity": {"Black": 4.0}},
        {"ethnicity": {"Hispanic": 0.8, "Asian": 0.9}},
        ("gender", "Female"),
        0.86,
    ),
    "mesa": Judging(
        {"people": 1817, "windows": 2_266_659, "severity": 4.0},
        12 * 272,
        {"race": {"Asian": 1.0}},
        {},  # models that do not know which epoch is the centre lose little by noise
        {"race": {"Black": 0.5, "Hispanic": 0.55, "Asian": 0.5}},
        ("sex", "Female"),
        0.88,
    ),
    "globem": Judging(
        {"people": 1200, "windows": 13_923},
        2089,
        {"race": {"White": 0.4, "Asian": -0.6, "Biracial": 1.0, "Latinx": 1.6}},
        {"race": {"Biracial": 4.0}},
        {"race": {"Asian": 0.8, "Latinx": 0.8}},
        ("gender", "Female"),
        0.78,
    ),
    "challenge2012": Judging(
        {"windows": 12_000, "severity": 2.5},
        12_000,
        {},
        {"age": {">=65": 2.5}},
        {"icu_type": {"Surgical": 0.6, "Cardiac surgery recovery": 0.6}},
        ("gender", "Female"),
        0.86,
    ),
    "eicu_demo": Judging(
        {"windows": 12_000, "severity": 3.0},
        12_000,
        {"ethnicity": {"African American": 0.8, "Hispanic": 1.0}},
        {"ethnicity": {"African American": 4.0}},
        {"ethnicity": {"Hispanic": 0.8}, "region": {"West": 0.7}},
        ("sex", "Female"),
        0.82,
    ),
    "challenge2019": Judging(  # which knows three segments besides the references, so that two are turned
        {"windows": 16_068, "severity": 2.5},
        16_068,
        {"unit": {"Medical": 0.8, "Surgical": 0.8}},
        {"age": {">=65": 2.5}},
        {"unit": {"Surgical": 0.8}},
        ("gender", "Female"),
        0.86,
    ),
}


def knobs(dataset: str, dial: str) -> dict:
    """What differs from the defaults of the twin at a position of the dial, its size included."""
    twin = TWINS[dataset]
    turned = {"noise": twin.noise, "label_noise": twin.label_noise} if dial == "turned" else {}
    return (
        twin.size | {"prevalence": 0.0, "share": twin.share, "missingness": {}, "noise": {}, "label_noise": {}} | turned
    )


def disparities(dataset: str) -> pd.DataFrame:
    """One row a segment to judge: attribute, segment, and what is ``planted`` there, the one without any last."""
    twin = TWINS[dataset]
    parts = (("noise", twin.noise), ("label noise", twin.label_noise))
    rows = [
        (attribute, segment, f"{name} {value:g}")
        for name, planted in parts
        for attribute, segments in planted.items()
        for segment, value in segments.items()
    ]
    return pd.DataFrame([*rows, (*twin.none, "none")], columns=["attribute", "segment", "planted"])


def drawn(dataset: str, dial: str, n: int, rng: np.random.Generator, area: float | None = None) -> pd.DataFrame:
    """n fresh draws of the twin's model with the ``score`` of the reference: person, attributes, label, score.

    The reference score stands for a good model. It reads what the signals show (the severity; in MESA the state) with a
    normal error: as large for everybody as gives the AUC ``area`` at dial zero (None: that of ``Judging``), times the
    segment's noise.
    """
    people = module(dataset).fresh(load_spec(dataset, knobs(dataset, dial)), n, rng)
    error = _error(dataset, area or TWINS[dataset].auc) * people["noise"].to_numpy() * rng.standard_normal(len(people))
    return people.assign(score=people["z"].to_numpy() + error)


@functools.cache
def _error(dataset: str, area: float) -> float:
    """Standard deviation of the reference score's error, by bisection; 0 where knowing all does not reach the area."""
    from ..inference import auc  # here, since contracts know this module and start without scikit-learn

    rng = generator(0, "twin", dataset, "reference score")
    people = module(dataset).fresh(load_spec(dataset, knobs(dataset, "zero")), DRAWS, rng)
    z, label, normal = people["z"].to_numpy(), people["label"].to_numpy(), rng.standard_normal(len(people))
    low, high = 0.0, 8.0
    for _ in range(20):
        middle = (low + high) / 2
        low, high = (middle, high) if auc(label, z + middle * normal) > area else (low, middle)
    return (low + high) / 2
