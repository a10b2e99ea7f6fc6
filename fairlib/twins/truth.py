"""The truth of a twin: what a fixed scorer reaches in each segment, computed from a million fresh draws of its model.

A trained model differs from run to run, and a twin is a finite sample; the truth is neither. The scorer of each dataset
(``people.Scorer``) reads one signal at one time, as it stands in the files. Its metrics in the population of the model
are what the knobs plant, so that a measurement on a cohort can be compared with what it should have found. Beside them
stands the ceiling: the AUC of the best score there can be, which knows the latent state (``people.best_score``).
"""

import functools
import json
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from .. import cards
from ..fairness import GROUP_RATES, confusion
from ..inference import auc
from ..seeds import generator
from . import module
from .people import Spec, load

FILE = "TRUTH.json"
DRAWS = 1_000_000
BLOCK = 250_000
THRESHOLD = 0.5
#: Metrics of one group beside its AUC.


def compute(dataset: str, spec: Spec, draws: int | None = None) -> pd.DataFrame:
    """Metrics of the fixed scorer in every segment of a twin's model.

    draws: fresh draws, ``DRAWS`` if None. Their random numbers depend on the dataset only, so that two specs differ by
    their knobs alone.

    Returns one row a segment (and "everybody"): ``share`` of the draws, ``label_rate``, ``auc`` with a bound on its
    Monte Carlo error (``auc_error``, for independent draws), ``auc_ceiling``, the ``GROUP_RATES`` of decisions at a
    score of 0.5, and, against everybody outside the segment, ``auc_difference`` and ``log_error_rate_ratio``.
    """
    return _compute(dataset, json.dumps(asdict(spec)), draws or DRAWS).copy()


def write(folder: Path, dataset: str, spec: Spec) -> None:
    """Write the truth beside the data: scorer, threshold, number of draws and the table of segments."""
    table = compute(dataset, spec)
    content = {
        "statement": "Computed from the model of a synthetic twin; no evidence about real people.",
        "scorer": module(dataset).SCORER._asdict()
        | {"score": "sigmoid((reading - middle) / scale)", "threshold": THRESHOLD},
        "ceiling": "AUC of the probability of the label, given segments and latent state",
        "draws": DRAWS,
        "segments": json.loads(table.to_json(orient="records", double_precision=6)),
    }
    (folder / FILE).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def draw(dataset: str, spec: Spec, n: int, rng: np.random.Generator) -> pd.DataFrame:
    """n fresh draws: person, a column of text for each attribute, label, score (of the fixed scorer), best (score)."""
    twin = module(dataset)
    drawn = twin.fresh(spec, n, rng)
    return drawn.assign(score=twin.SCORER.score(drawn["reading"].to_numpy()))


def metrics(label: np.ndarray, score: np.ndarray) -> dict[str, float]:
    """``auc``, and the ``GROUP_RATES`` of decisions, of one group."""
    counts = confusion(label, score >= THRESHOLD)
    return {"auc": auc(label, score)} | {name: float(rate.of(counts)) for name, rate in GROUP_RATES.items()}


@functools.lru_cache(maxsize=64)
def _compute(dataset: str, spec: str, draws: int) -> pd.DataFrame:
    names, rng, parts = list(cards.load(dataset).attributes), generator(0, "twin", dataset, "truth"), []
    kind = load(module(dataset).TwinSpec, json.loads(spec))
    for start in range(0, draws, BLOCK):
        part = draw(dataset, kind, min(BLOCK, draws - start), rng)[[*names, "label", "score", "best"]]
        parts.append(part.astype(dict.fromkeys(names, "category")))
    label, score, best = (np.concatenate([part[name] for part in parts]) for name in ("label", "score", "best"))
    scored, ranked = _Sorted.by(score, label), _Sorted.by(best, label)
    rows = [{"attribute": "everybody", "segment": "everybody"} | _row(scored, ranked, np.ones(len(label), dtype=bool))]
    for name in names:
        segments = np.concatenate([part[name].astype(object) for part in parts])
        for segment in sorted(pd.unique(segments)):
            inside = segments == segment
            row, others = _row(scored, ranked, inside), metrics(*scored.of(~inside))
            row["auc_difference"] = row["auc"] - others["auc"]
            row["log_error_rate_ratio"] = np.log(row["error_rate"] / others["error_rate"])
            rows.append({"attribute": name, "segment": segment} | row)
    return pd.DataFrame(rows)


class _Sorted(NamedTuple):
    """Labels and scores in the order of the scores: a part of them sorts in no time."""

    order: np.ndarray
    label: np.ndarray
    score: np.ndarray

    @classmethod
    def by(cls, score: np.ndarray, label: np.ndarray) -> "_Sorted":
        order = np.argsort(score, kind="stable")
        return cls(order, label[order], score[order])

    def of(self, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Labels and scores of the chosen draws (a mask in the order of drawing)."""
        chosen = chosen[self.order]
        return self.label[chosen], self.score[chosen]


def _row(scored: _Sorted, ranked: _Sorted, chosen: np.ndarray) -> dict[str, float]:
    label, score = scored.of(chosen)
    row = {"share": chosen.mean(), "label_rate": label.mean()} | metrics(label, score)
    fewer = min(label.sum(), len(label) - label.sum())
    # var(AUC) <= AUC (1 - AUC) / fewer, whatever the distributions (Birnbaum and Klose 1957)
    row["auc_error"] = np.sqrt(row["auc"] * (1 - row["auc"]) / fewer)
    return row | {"auc_ceiling": auc(*ranked.of(chosen))}
