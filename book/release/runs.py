"""What the recipes, the seed and the sizes of segments change in our own runs. Twins and real data are never pooled."""

from hashlib import sha256
from pathlib import Path

import pandas as pd

from fairlib.report.provenance import Provenance

from ..pages.cases import Case
from ..pages.contracts import ReleaseAudit
from ..pages.provenance import collected

#: Every recipe on the twins of the paper's datasets and of Challenge 2012, kept in the book: ``python -m
#: tests.release.recipes_on_twins``.
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
            record = _named(case) | {"metric": case.card.metric.metric, "model": model, "strategy": strategy}
            record["seeds"] = int(own["seeds"])
            records.append(record | {name: own[name] for name in own.index if name.startswith(MEASURED)})
    return pd.DataFrame(records)


def on_twins(p: ReleaseAudit) -> tuple[pd.DataFrame, Provenance]:
    """``recipes`` of these twins with every recipe, as kept in the book, and where it came from."""
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
            ends = {f"{name}_{end}": getattr(gap[name], end)() for name in gap for end in ("min", "max")}
            records.append(_named(case) | {"seeds": len(gap)} | ends)
    return pd.DataFrame(records)


def similarity(cases: list[Case]) -> pd.DataFrame:
    """CKA of supervised and SSL, as means over the nine pairs of layers and over seeds; empty without paired runs.

    Of all test people of a segment, one window each; of as many as the attribute's smallest segment holds (D33); and as
    the release took it, of the first training windows, several a person, whatever the size (D31 to D34).

    Columns: dataset, origin, recipe, attribute, segment, people, cka, matched_people, matched, windows, released.
    """
    parts = []
    for case in filter(lambda case: case.paired_seeds, cases):
        shown = ["everybody", *case.card.protected()]
        taken = _means(case, "cka_released", shown, ["windows", "cka"]).rename(columns={"cka": "released"})
        ours = _means(case, "cka", shown, ["people", "cka", "matched_people", "matched"])
        parts.append(ours.join(taken).reset_index().assign(**_named(case)))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _means(case: Case, table: str, attributes: list[str], columns: list[str]) -> pd.DataFrame:
    """Means of a table of similarity by attribute and segment, over pairs of layers and over seeds."""
    rows = pd.concat([case.study.table(table, case.ssl, seed) for seed in case.paired_seeds])
    return rows[rows["attribute"].isin(attributes)].groupby(["attribute", "segment"], sort=False)[columns].mean()


def _named(case: Case) -> dict[str, str]:
    return {"dataset": case.title.split(",")[0], "origin": case.made.origin, "recipe": case.p.recipe}
