"""Planted, truth, detectable, found, over all twins: from the frozen scores that are there; which lack is said."""

from pathlib import Path

import pandas as pd

from fairlib import cards
from fairlib.measures import planted as measures
from fairlib.measures.planted import AT
from fairlib.report.columns import Column, ranged, typed
from fairlib.strategies import PRIMARY, STRATEGY_NAMES, SUPERVISED, UNTESTED
from fairlib.study.collect import out_of_fold
from fairlib.study.frozen import Frozen
from fairlib.study.results import MANIFEST
from fairlib.text import LEVEL_WORDS, number
from fairlib.twins import planted

RECIPE = "tuned"
PAIR = (SUPERVISED, PRIMARY)
NOTE = (
    "Each segment is compared with the privileged segment of its attribute. Truth: of the reference score at the turned"
    " dial, as good as the supervised model at dial zero where that is computed; at zero it is 0. Detectable: 2.8"
    " standard errors. The log error rate ratio is at 20 % alerts. Intervals are over people: five trained models are"
    " too few to say how models differ."
)


def gather(kept: Path, draws: int, cohorts: int) -> tuple[pd.DataFrame, list[str]]:
    """What should be found in each twin and what was, and the twins that are not computed yet, as sentences.

    kept: folder of frozen twins, one ``<dataset>-<dial>`` each. draws: of people. cohorts: for what is detectable.
    Rows as of ``measures.expected`` with ``dataset``, times dial and model: columns dial, model, ``mean``, ``low``,
    ``high``, ``auc`` of the model over everybody, and ``reading``; these are missing where nothing is kept.
    """
    parts, lacks = [], []
    for dataset in planted.TWINS:
        title = f"{cards.load(dataset).called} twin"
        folders = {dial: kept / f"{dataset}-{dial}" for dial in planted.DIAL}
        found = {d: _found(f, dataset, draws) for d, f in folders.items() if (f / MANIFEST).exists()}
        area = found["zero"]["auc"].iloc[0] if "zero" in found else None
        expected = measures.expected(dataset, cohorts=cohorts, area=area).assign(dataset=dataset, twin=title)
        for dial in planted.DIAL:
            rows = expected.assign(dial=dial, truth=expected["truth"] * (dial == "turned"))
            if dial in found:
                rows = rows.merge(found[dial], on=[*AT, "measure"])
                rows["reading"] = [measures.reading(row) for row in rows.itertuples()]
            else:
                lacks.append(f"{title}, dial {dial}: not computed yet.")
            parts.append(rows)
    return pd.concat(parts, ignore_index=True).reindex(columns=COLUMNS), lacks


COLUMNS = ["dataset", "twin", *AT, "planted", "measure", "truth", "detectable", "times", "dial"]
COLUMNS += ["model", "mean", "low", "high", "auc", "runs", "reading"]


def _found(folder: Path, dataset: str, draws: int) -> pd.DataFrame:
    kept = Frozen(folder, RECIPE)
    models = tuple(model for model in (*PAIR, *UNTESTED) if kept.seeds(model))
    scores = out_of_fold(kept, cards.load(dataset), models, kept.seeds(models[0]))
    found = measures.found(scores, planted.disparities(dataset), models, draws)
    found["auc"] = found["model"].map(measures.areas(scores, models))
    return found.rename(columns={"estimate": "mean"})[[*AT, "measure", "model", "mean", "low", "high", "auc", "runs"]]


def planted_against_found(
    rows: pd.DataFrame, models: tuple[str, ...] = PAIR, dials: tuple[str, ...] = planted.DIAL[::-1]
) -> pd.DataFrame:
    """One row a twin, segment and measure, with what each of the models shows at each of the dials; rows: of
    ``gather``."""
    cells = {f"{model} {dial}": (model, dial) for dial in dials for model in models}
    titles = {name: f"{STRATEGY_NAMES[model]}, dial {dial}" for name, (model, dial) in cells.items()}
    keys = ["twin", *AT, "planted", "measure"]
    table = rows[rows["dial"] == "turned"].drop_duplicates(keys)[[*keys, "truth", "detectable"]]
    for name, (model, dial) in cells.items():
        own = rows.loc[(rows["model"] == model) & (rows["dial"] == dial), [*keys, "mean", "low", "high"]]
        own.columns = [*keys, name, f"{name}_low", f"{name}_high"]
        table = table.merge(own, on=keys, how="left")
    found = {name: ranged(name, f"found: {title} ({LEVEL_WORDS} CI)", "signed", 2) for name, title in titles.items()}
    return typed(
        table,
        keys,
        truth=Column("truth", "signed", 2),
        detectable=Column("detectable difference", "number", 2),
        **found,
    )


def findings(rows: pd.DataFrame) -> list[str]:
    """One sentence a twin and dial that was computed: what the pair finds of the differences in AUC.

    rows: of ``gather``.
    """
    out = []
    judged = rows[(rows["measure"] == measures.AUC_GAP) & rows["model"].isin(PAIR)]
    for (twin, dial), own in judged.groupby(["twin", "dial"], sort=False):
        there, found = own[own["truth"] != 0], own["reading"].value_counts()
        held = own["truth"].between(own["low"], own["high"]).sum()
        words = f"{found.get('found', 0)} of {len(there)} planted differences in AUC are found, " if len(there) else ""
        words += f"{found.get('false alarm', 0)} of {len(own) - len(there)} are found where none was planted"
        models = ", ".join(STRATEGY_NAMES[name] for name in own["model"].unique())
        low, high = number(own["auc"].min(), 2), number(own["auc"].max(), 2)
        out.append(
            f"{twin}, dial {dial}: {words}; {held} of {len(own)} intervals hold the truth"
            f" ({models}; AUC {low} to {high}; runs: {own['runs'].iloc[0]:.0f})."
        )
    return out
