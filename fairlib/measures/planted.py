"""Planted, truth, detectable, found: whether the method sees in a twin what was put there, and only that.

A segment stands against the privileged segment of its attribute, in two measures: the difference in AUC, and the log
error rate ratio at the protocol's alert rate. *Truth* is what the reference score (``twins.planted``) shows in many
fresh draws of the model. *Detectable* is 2.8 standard errors of it in cohorts of the size that is tested.
"""

from functools import cached_property

import numpy as np
import pandas as pd

from .. import cards
from ..cards import Card
from ..inference import auc
from ..seeds import generator
from ..twins import planted
from .estimands import AUC_GAP, LOG_RATIO
from .evidence import SIDES, Evidence
from .measured import DETECTABLE, LEAST_RUNS
from .operating import PRIMARY
from .outoffold import OutOfFold

MEASURES = (AUC_GAP, LOG_RATIO)
AT = ["attribute", "segment"]
#: Draws of the truth, and cohorts whose spread says what is detectable.
DRAWS, COHORTS = 300_000, 100


class OfSegments(Evidence):
    """The numbers of out-of-fold scores where a side is one segment, against the privileged one of its attribute."""

    @cached_property
    def sides(self) -> dict[tuple[str, str], np.ndarray]:
        """(attribute and segment, side) → (n,) boolean."""
        found = {}
        for name, facts in self.of.card.attributes.items():
            for segment in (part for part in facts.segments if part != facts.privileged):
                for side, who in zip(SIDES, (segment, facts.privileged), strict=True):
                    found[f"{name} {segment}", side] = (self.of.attributes[name] == who).to_numpy()
        return found

    @property
    def named(self) -> dict:
        """Nobody: a twin is asked for what was planted."""
        return {}


def expected(
    dataset: str, draws: int = DRAWS, cohorts: int = COHORTS, windows: int | None = None, area: float | None = None
) -> pd.DataFrame:
    """What a study of a twin should find in its turned position.

    area: AUC of the reference score at dial zero, such as that of a model; None: as expected before any was trained.
    windows: of a tested cohort; None: as many as the study tests. In these cohorts the windows of a person are those of
    the twin's fresh draws: of GLOBEM one each, though there are a dozen, so its standard errors are a little short.

    Returns one row a segment and measure: attribute, segment, planted, measure, ``truth`` at the turned dial (at zero
    it is 0), ``detectable``, and ``times``, |truth| / detectable.
    """
    rng, n = generator(0, "twin", dataset, "planted"), windows or planted.TWINS[dataset].tested
    found, card = planted.disparities(dataset), cards.load(dataset)
    truth = _measures(planted.drawn(dataset, "turned", draws, rng, area), found, card)
    each = [_measures(planted.drawn(dataset, "turned", n, rng, area), found, card) for _ in range(cohorts)]
    detectable = DETECTABLE * np.std(each, axis=0, ddof=1)
    out = found.loc[found.index.repeat(len(MEASURES))].reset_index(drop=True)
    out = out.assign(measure=MEASURES * len(found), truth=truth.ravel(), detectable=detectable.ravel())
    out.loc[out["planted"] == "none", "truth"] = 0.0  # exactly, and of the draws nearly
    return out.assign(times=out["truth"].abs() / out["detectable"])


def _measures(drawn: pd.DataFrame, found: pd.DataFrame, card: Card) -> np.ndarray:
    """(segments, measures) of drawn people with a score, everybody in one fold."""
    y, score = drawn["label"].to_numpy(), drawn["score"].to_numpy()
    wrong = (score > np.quantile(score, 1 - PRIMARY.value)) != y
    out = []
    for name, segment in found[AT].itertuples(index=False):
        one, other = ((drawn[name] == who).to_numpy() for who in (segment, card.attributes[name].privileged))
        gap = auc(y[one], score[one]) - auc(y[other], score[other])
        out.append((gap, np.log(wrong[one].mean() / wrong[other].mean())))
    return np.array(out)


def found(of: OutOfFold, segments: pd.DataFrame, models: tuple[str, ...], count: int = 1000) -> pd.DataFrame:
    """What out-of-fold scores show of some segments: attribute, segment, measure, model, and ``Measured.columns``.

    segments: rows with attribute and segment. Under ten runs the interval is one over people alone.
    """
    evidence, records = OfSegments(of, count), []
    for name, segment in segments[AT].itertuples(index=False):
        for model in models:
            gap = evidence.auc_gap(model, f"{name} {segment}")
            ratio = evidence.log_ratio(model, PRIMARY, f"{name} {segment}")
            for measure, number in zip(MEASURES, (gap, ratio), strict=True):
                key = {"attribute": name, "segment": segment, "measure": measure, "model": model}
                records.append(key | number.columns() | {"people_only": number.runs.size < LEAST_RUNS})
    return pd.DataFrame(records)


def areas(of: OutOfFold, models: tuple[str, ...]) -> dict[str, float]:
    """AUC of each model over everybody: a disparity of one that knows nothing, or everything, says little."""
    evidence = OfSegments(of, 2)
    return {model: evidence.auc(model).estimate for model in models}


def reading(row) -> str:
    """What a row says, in a word. row: with truth, low and high.

    "found": the interval excludes 0 on the side of the truth; "missed": it holds 0, though something was planted;
    "wrong side"; where nothing was planted, "none, as planted" or "false alarm".
    """
    excluded = np.sign(row.low) if row.low > 0 or row.high < 0 else 0
    if row.truth == 0:
        return "false alarm" if excluded else "none, as planted"
    return {0: "missed", np.sign(row.truth): "found"}.get(excluded, "wrong side")
