"""What the recipes, the seed and the sizes of segments change in our own runs. Twins and real data are never pooled."""

from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd

from fairlib.report.provenance import Provenance
from fairlib.study.parameters import ReleaseAudit

from ..pages.cases import Case
from ..pages.provenance import collected

#: Every recipe on every twin, kept in the book: ``python -m tests.recipes_on_twins``.
TWINS_FILE = Path(__file__).with_name("recipes_on_twins.csv")
#: What is kept of a model's row, by its first letters.
MEASURED = ("auc", "dev", "people_low", "constant_decisions")


def recipes(cases: list[Case]) -> pd.DataFrame:
    """AUC and mean disparity of the supervised model, the named SSL model and a random encoder under each recipe.

    Columns: dataset, origin, recipe, metric (the card's), model, strategy, seeds, and ``auc`` and ``deviation`` with
    their ``_low`` and ``_high``; but for supervised also their ``_difference`` from supervised.
    """
    records = []
    for case in cases:
        rows = case.headline.set_index("strategy")
        for model, strategy in (("supervised", "supervised"), ("SSL", case.ssl), ("control", "random_frozen_3")):
            if strategy not in rows.index:
                continue
            own = rows.loc[strategy]
            record = {"dataset": case.title.split(",")[0], "origin": case.made.origin, "recipe": case.p.recipe}
            record |= {
                "metric": case.card.metric.metric,
                "model": model,
                "strategy": strategy,
                "seeds": int(own["seeds"]),
            }
            records.append(record | {name: own.get(name, np.nan) for name in own.index if name.startswith(MEASURED)})
    return pd.DataFrame(records)


def on_twins(p: ReleaseAudit) -> tuple[pd.DataFrame, Provenance]:
    """``recipes`` of every twin with every recipe, as kept in the book, and where it came from."""
    table = pd.read_csv(TWINS_FILE)
    profile, code = (table[name].iloc[0] for name in ("profile", "code"))
    sources = f"{', '.join(dict.fromkeys(table['dataset']))} (profile {profile}, kept in book/quality)"
    return table, collected(p, "twin", sources, sha256(TWINS_FILE.read_bytes()).hexdigest(), code)


def seed_spread(cases: list[Case]) -> pd.DataFrame:
    """Range over training runs of the named SSL model minus the supervised one (D18): columns dataset, origin, recipe,
    seeds, and low and high of the difference in AUC and in disparity."""
    records = []
    for case in cases:
        each = case.each_model().set_index(["strategy", "seed"])[["auc", "deviation"]]
        if not case.ssl:
            continue
        gap = (each.loc[case.ssl] - each.loc["supervised"]).dropna()
        if len(gap) > 1:
            record = {"dataset": case.title.split(",")[0], "origin": case.made.origin, "recipe": case.p.recipe}
            ends = {f"{name}_{end}": getattr(gap[name], end)() for name in gap for end in ("min", "max")}
            records.append(record | {"seeds": len(gap)} | ends)
    return pd.DataFrame(records)


def released_similarity(cases: list[Case]) -> pd.DataFrame:
    """CKA of supervised and SSL as the release took it (first training windows, several a person, whatever the size),
    beside ours (test people, one window each): D31 to D34. Means over the nine pairs of layers and over seeds.

    Columns: dataset, origin, recipe, attribute, segment, windows, people, released, ours. Empty without such results.
    """
    parts = []
    for case in cases:
        found = [case.study.table("cka_released", case.ssl, seed) for seed in case.paired_seeds]
        if not found:
            continue
        keys, shown = ["attribute", "segment"], ["everybody", *case.card.protected()]
        ours = pd.concat([case.study.table("cka", case.ssl, seed) for seed in case.paired_seeds])
        ours, table = ours.groupby(keys)["cka"].mean(), pd.concat(found)
        mean = table[table["attribute"].isin(shown)].groupby(keys, sort=False)[["windows", "people", "cka"]].mean()
        mean = mean.rename(columns={"cka": "released"}).join(ours.rename("ours")).reset_index()
        parts.append(mean.assign(dataset=case.title.split(",")[0], origin=case.made.origin, recipe=case.p.recipe))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def similarity_sizes(cases: list[Case]) -> pd.DataFrame:
    """CKA of supervised and SSL: all people of a segment, and as many as the attribute's smallest segment holds (D33).

    Means over the nine pairs of layers and over seeds. Columns: dataset, origin, recipe, attribute, segment, people,
    cka, matched_people, matched.
    """
    parts = []
    for case in cases:
        if not case.paired_seeds:
            continue
        table = pd.concat([case.study.table("cka", case.ssl, seed) for seed in case.paired_seeds])
        table = table[table["attribute"].isin(case.card.protected())]
        columns = ["people", "cka", "matched_people", "matched"]
        mean = table.groupby(["attribute", "segment"], sort=False)[columns].mean().reset_index()
        named = {"dataset": case.title.split(",")[0], "origin": case.made.origin, "recipe": case.p.recipe}
        parts.append(mean.assign(**named))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
