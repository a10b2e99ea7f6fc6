"""Who is in the pre-training: everyone, the privileged only, one segment of an attribute only, or none of a segment.

Only pre-training sees fewer windows. Fine-tuning, validation and test sets stay, and so do the number of training
steps, the size of a batch and the learning rates. An epoch is shorter, so each of its windows is seen more often, and
its last, smaller batch comes more often too.
"""

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import quote

import numpy as np

from ..cohort import Cohort, CohortError
from ..schedules import Schedule

if TYPE_CHECKING:
    from ..cards import Card
    from ..recipes import Recipe

EVERYONE, PRIVILEGED = "all", "privileged"
#: Its column in frozen tables, and its key in manifests; where it is missing, everyone was in the pre-training.
KEY = "pretrain_on"


def conditions(who: str, card: "Card") -> list[tuple[str, str, bool]]:
    """What a chosen person fulfils: attribute, segment, and whether they are in it or out of it; of everyone nothing.

    who: "all", "privileged", "ATTRIBUTE=SEGMENT" or "ATTRIBUTE!=SEGMENT". Raises ``ValueError``, which says what there
    is, for anything else and for attributes and segments that are not on the card.
    """
    if who in (EVERYONE, PRIVILEGED):
        return [(name, card.attributes[name].privileged, True) for name in card.protected() if who == PRIVILEGED]
    attribute, sign, segment = _rule(who)
    if attribute in card.attributes and segment in card.attributes[attribute].segments:
        return [(attribute, segment, sign == "=")]
    there = "; ".join(f"{name} ({', '.join(facts.segments)})" for name, facts in card.attributes.items())
    raise ValueError(
        f"{KEY} {who!r} names nobody: give 'all', 'privileged', 'ATTRIBUTE=SEGMENT' or 'ATTRIBUTE!=SEGMENT', where"
        f" {card.name} has the attributes and segments {there}"
    )


def members(cohort: Cohort, who: str) -> tuple[np.ndarray, np.ndarray]:
    """Which windows are of chosen people, and which of people whose segment is unknown, who are left out; (n,) bool."""
    chosen, known = np.ones((2, len(cohort)), dtype=bool)
    for name, segment, inside in conditions(who, cohort.card):
        known &= cohort.attributes[name].notna().to_numpy()
        chosen &= (cohort.attributes[name] == segment).to_numpy() == inside
    return chosen & known, ~known


def counts(cohort: Cohort, who: str) -> dict[str, str | int]:
    """For a manifest, of the whole cohort: who, the ``windows`` and ``people`` that are chosen, and how many people are
    left out: ``people_unknown``, since a segment of theirs is not known, and ``people_others``."""
    chosen, unknown = members(cohort, who)
    parts = {"people": chosen, "people_others": ~(chosen | unknown), "people_unknown": unknown}
    people = {name: len(np.unique(cohort.person[rows])) for name, rows in parts.items()}
    return {"who": who, "windows": int(chosen.sum())} | people


def selected(cohort: Cohort, recipe: "Recipe", who: str) -> tuple[np.ndarray, "Recipe"]:
    """Row numbers of the training windows that pre-training sees, and the recipe with as many steps as for all.

    Raises ``CohortError`` where these are fewer windows than a batch.
    """
    train, schedule = cohort.rows("train"), recipe.pretraining.schedule
    if who == EVERYONE:
        return train, recipe
    chosen = train[members(cohort, who)[0][train]]
    if len(chosen) < schedule.batch_size:
        raise CohortError(
            f"{cohort.dataset}: {KEY} {who!r} leaves {len(chosen)} training windows for pre-training, fewer than a"
            f" batch of {schedule.batch_size}; choose a larger part of the people (of unknown segment, in all splits:"
            f" {counts(cohort, who)['people_unknown']} people)"
        )
    same = StepsOf(**vars(schedule), counted=len(train))
    return chosen, replace(recipe, pretraining=replace(recipe.pretraining, schedule=same))


@dataclass(frozen=True)
class StepsOf(Schedule):
    """As many steps, and the same learning rates, as for ``counted`` windows, however many are trained on."""

    counted: int = 0

    def steps(self, windows: int) -> int:
        return super().steps(self.counted)

    def rate(self, step: int, windows: int) -> float:
        return super().rate(step, self.counted)


def named(name: str, who: str) -> str:
    """The name of a recipe in folders, files and manifests; unless everyone is in, it ends in who is, percent-encoded:
    a segment may be called anything."""
    return name if who == EVERYONE else f"{name}-{quote(who, safe='=!')}"


def words(who: str) -> str:
    """Who, for pages: "everyone", "privileged only", "unit Medical only", "none of unit Medical"."""
    attribute, sign, segment = _rule(who)
    if not sign:
        return {EVERYONE: "everyone", PRIVILEGED: "privileged only"}[who]
    return f"{attribute} {segment} only" if sign == "=" else f"none of {attribute} {segment}"


def _rule(who: str) -> tuple[str, str, str]:
    """Attribute, "=" or "!=", and segment; three times nothing where it is no such rule."""
    rule = re.fullmatch("(.+?)(!?=)(.+)", who)
    return rule.groups() if rule else ("", "", "")
