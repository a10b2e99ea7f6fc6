"""What a comparison at equal alert rates found, in words: two sentences, verdicts, and the front page's paragraph."""

from collections.abc import Mapping

import pandas as pd

from fairlib.audit.equal_rates import MARGINS, Scored, own_rows
from fairlib.cards import Card
from fairlib.measures.chosen import Chosen
from fairlib.measures.estimands import AUC, GROUP_ERROR, OVERALL, D
from fairlib.measures.groups import BETWEEN
from fairlib.measures.measured import LEAST_RUNS
from fairlib.measures.operating import PRIMARY
from fairlib.report import comparisons, plain
from fairlib.report.provenance import ORIGINS, Provenance
from fairlib.report.style import Drawn
from fairlib.strategies import BASELINES, STRATEGY_NAMES, SUPERVISED
from fairlib.text import number, readable, recipe_name, with_interval

from .figures import evidence as figures

OTHER = "the supervised model"
ANSWER = "Accuracy and disparity at 20 % alerts, each model minus supervised"
NOTHING = (
    "No two models are compared at equal alert rates: either the results were kept without scores, or a model was not"
    " trained or gives everyone the same score, or a fold has too few people with or without the outcome."
)


def _told(sentences: list[str], card: Card, made: Provenance) -> str:
    """Sentences with whose data it is, and how models were trained, in front."""
    where = f"{ORIGINS[made.origin][0]} ({card.title}, recipe {recipe_name(made.recipe)})"
    return readable(plain.paragraph(sentences, where))


def why_not(scored: Scored | None, card: Card) -> str:
    """Why the pair's disparity is not judged; "" where it is."""
    if scored is None:
        return NOTHING
    if not scored.evidence.attributes:
        return (
            f"No disparity is judged at equal alert rates: no protected attribute has {card.min_cell} people with and"
            " as many without the outcome on both of its sides."
        )
    names = [STRATEGY_NAMES[name] for name in (SUPERVISED, scored.one) if name in scored.at_chance]
    told = f"No better than chance: {'; '.join(names)} (the interval of the AUC over people includes 0.5)."
    return f"{told} The disparity of such a model says nothing, so no verdict is given." if names else ""


def lead(scored: Scored | None, card: Card, made: Provenance) -> str:
    """The result in two sentences: what changes by how much, and what may be said of it."""
    if why := why_not(scored, card):
        return _told([why], card, made)
    area, d, one = _row(scored, AUC), _row(scored, D), STRATEGY_NAMES[scored.one]
    change = f"the AUC by {_change(area)} and the disparity at 20 % alerts by {_change(d)}"
    first = f"Against {OTHER}, “{one}” changes {change}."
    told = sentences(scored)[1:]
    equal = [sentence for sentence in told if "are equivalent" in sentence]  # says more than that a claim is excluded
    return _told([first, *(equal or told[:1])], card, made)


def sentences(scored: Scored) -> list[str]:
    """A plain sentence on accuracy, one per verdict on disparity that holds, and those on the named groups."""
    one = f"the model “{STRATEGY_NAMES[scored.one]}”"
    return comparisons.sentences(scored.found, scored.verdicts, one, OTHER, MARGINS)


def paragraph(scored: Scored | None, card: Card, made: Provenance) -> str:
    """The front page's paragraph: the pair's AUC and disparity, what could have been found, the worst-served group, the
    controls beside them, and the verdicts."""
    if why := why_not(scored, card):
        return _told([why], card, made)
    area, d, one = _row(scored, AUC), _row(scored, D), f"“{STRATEGY_NAMES[scored.one]}”"
    levels = [f"{number(row['level_one'])} against {number(row['level_other'])}" for row in (area, d)]
    range_left = plain.compatible(d["percent_low"], d["percent_high"])
    told = [
        f"The AUC of {one} against that of {OTHER} is {levels[0]}: a difference of {_change(area)}.",
        f"With 20 % of cases flagged, disparity (mean |log error rate ratio|) is {levels[1]}: a difference of"
        f" {_change(d)}, compatible with {range_left} disparity.",
        plain.detectable(d["detectable_percent"]),
    ]
    groups = own_rows(scored.found, estimand=GROUP_ERROR, point=PRIMARY.name)
    for row in groups.nlargest(1, "level_other").to_dict("records"):
        group = row["group"].replace(BETWEEN, " and ")
        told.append(
            f"The group that {OTHER} serves worst is {group} (error rate {number(row['level_other'])}); {one} changes"
            f" its error rate by {_change(row)}."
        )
    told += [
        f"Against {OTHER}, {STRATEGY_NAMES[name].removeprefix('control: ')} changes the AUC by"
        f" {_change(_row(scored, AUC, name))} and the disparity by {_change(_row(scored, D, name))}."
        for name in BASELINES
        if name in scored.sketch_of
    ]
    held = scored.verdicts.loc[scored.verdicts["holds"], "verdict"]
    held = [readable(name).replace(BETWEEN, " and ") for name in held]
    return _told([*told, f"Verdicts: {'; '.join(held)}.", intervals(scored)], card, made)


def best(found: Chosen) -> str:
    """“Up to 30 %”: what the best of the self-supervised models gains where it is chosen on other people."""
    names = " and ".join(dict.fromkeys(STRATEGY_NAMES[name] for name in found.strategies))
    return (
        f"“Up to”: people are halved; the SSL model with the least disparity is chosen on one half ({names}),"
        f" and on the other it changes the disparity of the supervised model by {_change(found.gain.columns())}."
    )


def intervals(scored: Scored) -> str:
    """What the intervals of the pair contain."""
    return plain.intervals(scored.runs, LEAST_RUNS)


def answer(found: Mapping[str, Scored | None]) -> Drawn | None:
    """F-answer, None where the pair is not judged.

    found: recipe → its scores; the first is that of the named pair.
    """
    recipe, first = next(iter(found.items()))
    known = {name: scored for name, scored in found.items() if scored is not None and scored.judged}
    if recipe not in known:
        return None
    rows = pd.concat([figures.points(scored.each.assign(recipe=name)) for name, scored in known.items()])
    at_chance = frozenset((name, model) for name, scored in known.items() for model in scored.at_chance)
    return figures.answer(rows.reset_index(drop=True), recipe, first.one, at_chance)


def _row(scored: Scored, estimand: str, name: str = "") -> dict:
    """The row of an estimand over all people or attributes at the primary alert rate, of the pair or another model."""
    point = "" if estimand == AUC else PRIMARY.name
    rows = own_rows(scored.each, estimand=estimand, point=point, one=name or scored.one)
    return rows[rows["group"].isin(["everyone", OVERALL])].iloc[0].to_dict()


def _change(row: Mapping) -> str:
    return with_interval(row["estimate"], row["low"], row["high"], sign=True)
