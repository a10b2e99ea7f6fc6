"""Every specification of all real data in one frame, for the curve and its joint test."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import get_args

import numpy as np
import pandas as pd

from fairlib.audit.equal_rates import SKETCHED, Scored
from fairlib.fairness import SHORT
from fairlib.measures import speccurve
from fairlib.measures.estimands import OVERALL
from fairlib.measures.evidence import Evidence
from fairlib.measures.operating import PUBLISHED
from fairlib.measures.outoffold import OutOfFold
from fairlib.measures.specifications import PUBLISHED_SCALE, Drawn, recut, specifications
from fairlib.strategies import (
    NAMED_RECIPE,
    PRIMARY,
    SSL,
    STRATEGY_NAMES,
    PretextName,
    RecipeName,
    of_family,
    self_supervised,
)
from fairlib.study.frozen import Frozen
from fairlib.study.model_inputs import BOTH, MASKS, VALUES, WORDS, has_masks
from fairlib.study.pretraining_people import EVERYONE, words
from fairlib.text import p_value, percent, recipe_name, signed

from .cases import Case

AS_ON_CARD, NO_CUT = "card", "–"
CUTS, BAND = "age cut", " band"  # after the name of an attribute: its column of finer bands
PAPERS_OWN = ("paper_text", "paper_code")
CELLS = (RecipeName, PretextName)


def cuts(of: OutOfFold) -> Iterator[tuple[str, str, OutOfFold]]:
    """(attribute, cut, scores): first the card's own segments, then other cuts of attributes with finer bands.

    The attribute of the first is "": all are judged. A cut is the lower end of a band, or ``AS_ON_CARD``.
    """
    own, others = AS_ON_CARD, []
    for name in of.card.protected():
        if f"{name}{BAND}" not in of.attributes:
            continue
        lower = of.attributes[f"{name}{BAND}"]
        for end in np.unique(lower.dropna())[1:]:
            again = recut(of.attributes, name, (lower >= end).where(lower.notna()))
            if again[name].equals(of.attributes[name]):
                own = f"{end:g}"
            else:
                others.append((name, f"{end:g}", replace(of, attributes=again)))
    yield from [("", own, of), *others]


def of_case(case: Case, scored: Scored) -> tuple[pd.DataFrame, list[Drawn]]:
    """Every specification of a case, each with its draws; columns as ``figures.specifications.CHOICES``, the ends of
    ``specifications``, and ``paper``: whether these are the paper's own choices."""
    rows, draws, seen = [], [], set()
    for part in scored.parts:
        names = [name for name in part.score if self_supervised(name) and name not in seen]
        seen |= {*names}
        for only, cut, of in cuts(part) if names else ():
            banded = [name for name in of.card.protected() if f"{name}{BAND}" in of.attributes]
            for row, drawn in specifications(Evidence(of, min(SKETCHED, scored.draws)), names, only=only):
                cut_here = banded and row["attribute"] in (*banded, OVERALL)
                rows.append(row | {CUTS: cut if cut_here else NO_CUT, "own": not only})
                draws.append(drawn)
    table = pd.DataFrame(rows)
    if table.empty:
        return table, draws
    own = {"strategy": PRIMARY, "metric": SHORT.get(case.card.metric.metric, ""), "attribute": OVERALL, "own": True}
    own |= {"point": PUBLISHED.name, "scale": PUBLISHED_SCALE}
    paper = (table[list(own)] == pd.Series(own)).all(axis=1) & (case.p.recipe in PAPERS_OWN)
    paper &= case.p.inputs == BOTH
    table = table.assign(paper=paper, strategy=table["strategy"].map(STRATEGY_NAMES)).drop(columns="own")
    some = f", {words(case.p.pretrain_on)}" * (case.p.pretrain_on != EVERYONE)
    table.insert(0, "inputs", WORDS[case.p.inputs])
    table.insert(0, "pretext", f"{case.p.pretext}{some}")
    table.insert(0, "recipe", recipe_name(case.p.recipe))
    table.insert(0, "dataset", case.card.called)
    return table, draws


def of_all(scored: list[tuple[Case, Scored]]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The specifications of all cases, and ``speccurve.joint_test`` of them; both empty where there are none."""
    tables, by_dataset = [], {}
    for case, own in scored:
        table, draws = of_case(case, own)
        if len(table):
            tables.append(table)
            by_dataset.setdefault(case.card.called, []).append((len(tables) - 1, draws))
    if not tables:
        return pd.DataFrame(), pd.DataFrame(columns=speccurve.COLUMNS)
    replicates = dict.fromkeys(range(len(tables)))
    for dataset, parts in by_dataset.items():
        drawn = speccurve.drawn_anew([each for _, draws in parts for each in draws], dataset)
        ends = np.cumsum([len(draws) for _, draws in parts])[:-1]
        replicates |= dict(zip((place for place, _ in parts), np.split(drawn, ends), strict=True))
    rows = pd.concat(tables, ignore_index=True)
    return rows, speccurve.joint_test(rows, np.concatenate([*replicates.values()]))


def finding(rows: pd.DataFrame, tested: pd.DataFrame) -> str:
    """What the curve shows, in a sentence or two."""
    if rows.empty:
        return "No specification could be computed: no two models of real people are compared at equal alert rates."
    test = tested.set_index("statistic")
    middle, share = (test.loc[name] for name in ("median effect", "share significant"))
    less = (rows["estimate"] < 0).mean()
    return (
        f"Of {len(rows):,} specifications, {percent(less)} show less disparity with SSL and the others more; the median"
        f" difference is {signed(middle.observed)} (p {p_value(middle.p)}). {percent(share.observed)} have the"
        f" predominant sign and |t| above 1.96; without any effect, {percent(share.null_upper)} or more have so in 5 of"
        f" 100 draws (p {p_value(share.p)})."
    )


def untrained(scored: list[tuple[Case, Scored]]) -> list[str]:
    """A sentence per dataset on what was not trained; none is imputed. That are cells of recipe × pretext × strategy,
    and, where channels are observation masks, the named pair of the named recipe by its inputs."""
    everyone = [(case, found) for case, found in scored if case.p.pretrain_on == EVERYONE]
    out, usual = [], [(case, found) for case, found in everyone if case.p.inputs == BOTH]
    for dataset, first in {case.card.called: case for case, _ in scored}.items():
        own = {(case.p.recipe, case.p.pretext): found for case, found in usual if case.card.called == dataset}
        whole = [f"{recipe_name(r)} with {p}" for r, p in product(*map(get_args, CELLS)) if (r, p) not in own]
        lost = [f"recipe and pretext {', '.join(whole)}"] * bool(whole)
        for (recipe, pretext), found in own.items():
            names = {name for part in found.parts for name in part.score}
            missing = [f"“{STRATEGY_NAMES[name]}”" for name in of_family(SSL) if name not in names]
            lost += [f"with {recipe_name(recipe)} and {pretext}, {', '.join(missing)}"] * bool(missing)
        pairs = {case.p.inputs for case, found in everyone if case.card.called == dataset and _named(case, found)}
        if missing := [WORDS[inputs] for inputs in (VALUES, MASKS) if inputs not in pairs and _masked(first)]:
            lost.append(f"the named pair with {recipe_name(NAMED_RECIPE)} from {' or '.join(missing)}")
        if lost:
            out.append(f"Not trained on {dataset}, so not on the curve: {'; '.join(lost)}.")
    return out


def _named(case: Case, scored: Scored) -> bool:
    """Whether these are of the named pair and recipe."""
    return case.p.recipe == NAMED_RECIPE and scored.one == PRIMARY


def _masked(case: Case) -> bool:
    """Whether channels are observation masks; frozen results, which do not say, are of such data."""
    return isinstance(case.study, Frozen) or has_masks(case.study.cohort)
