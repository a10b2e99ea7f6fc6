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

import numpy as np
import pandas as pd

from ..fairness import GROUP_RATES, confusion
from ..inference import auc
from ..seeds import generator
from . import attributes, module
from .people import Spec, load

FILE = "TRUTH.json"
DRAWS = 1_000_000
BLOCK = 250_000
THRESHOLD = 0.5


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
    names, rng, parts = list(attributes(dataset)), generator(0, "twin", dataset, "truth"), []
    kind = load(module(dataset).TwinSpec, json.loads(spec))
    for start in range(0, draws, BLOCK):
        part = draw(dataset, kind, min(BLOCK, draws - start), rng)[[*names, "label", "score", "best"]]
        parts.append(part.astype(dict.fromkeys(names, "category")))
    drawn = pd.concat(parts, ignore_index=True)
    # sorted once: a part of them sorts in no time
    scored, ranked = (drawn.sort_values(by, kind="stable", ignore_index=True) for by in ("score", "best"))
    rows = [{"attribute": "everybody", "segment": "everybody", "share": 1.0} | _row(scored, ranked)]
    for name in names:
        for segment in sorted(drawn[name].unique()):
            inside = scored[name] == segment
            row = _row(scored[inside], ranked[ranked[name] == segment])
            others = metrics(scored.loc[~inside, "label"].to_numpy(), scored.loc[~inside, "score"].to_numpy())
            row["auc_difference"] = row["auc"] - others["auc"]
            row["log_error_rate_ratio"] = np.log(row["error_rate"] / others["error_rate"])
            rows.append({"attribute": name, "segment": segment, "share": inside.mean()} | row)
    return pd.DataFrame(rows)


def _row(scored: pd.DataFrame, ranked: pd.DataFrame) -> dict[str, float]:
    """The same draws in the order of their scores, and of their best scores → the numbers of their segment."""
    label = scored["label"].to_numpy()
    row = {"label_rate": label.mean()} | metrics(label, scored["score"].to_numpy())
    fewer = min(label.sum(), len(label) - label.sum())
    # var(AUC) <= AUC (1 - AUC) / fewer, whatever the distributions (Birnbaum and Klose 1957)
    row["auc_error"] = np.sqrt(row["auc"] * (1 - row["auc"]) / fewer)
    return row | {"auc_ceiling": auc(ranked["label"].to_numpy(), ranked["best"].to_numpy())}
