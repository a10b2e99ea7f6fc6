"""Who is in the pre-training: everyone, the privileged only, one segment of an attribute only, or none of a segment.

Only pre-training sees fewer windows. Fine-tuning, validation and test people stay, and so do the number of training
steps, the size of a batch and the learning rates; an epoch is shorter, so each of its windows is seen more often.
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
_RULE = re.compile(r"(.+?)(!?=)(.+)")


def conditions(who: str, card: "Card") -> list[tuple[str, str, bool]]:
    """What a chosen person fulfils: attribute, segment, and whether they are in it or out of it; of everyone nothing.

    who: "all", "privileged", "ATTRIBUTE=SEGMENT" or "ATTRIBUTE!=SEGMENT". Raises ``ValueError``, which says what there
    is, for anything else and for attributes and segments that are not on the card.
    """
    if who in (EVERYONE, PRIVILEGED):
        return [(name, card.attributes[name].privileged, True) for name in card.protected() if who == PRIVILEGED]
    if not (rule := _RULE.fullmatch(who)):
        raise ValueError(
            f"{KEY} {who!r} is not understood: it should be 'all', 'privileged', 'ATTRIBUTE=SEGMENT' or"
            f" 'ATTRIBUTE!=SEGMENT', with an attribute of {card.name}: {', '.join(card.attributes)}"
        )
    attribute, sign, segment = rule.groups()
    if attribute not in card.attributes:
        raise ValueError(
            f"{KEY} {who!r}: {card.name} has no attribute {attribute!r}; it has: {', '.join(card.attributes)}"
        )
    if segment not in (known := card.attributes[attribute].segments):
        raise ValueError(f"{KEY} {who!r}: {attribute} has no segment {segment!r}; it has: {', '.join(known)}")
    return [(attribute, segment, sign == "=")]


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
    chosen, unknown = (of[train] for of in members(cohort, who))
    if chosen.sum() < schedule.batch_size:
        people, lost = (len(np.unique(cohort.person[train[of]])) for of in (chosen, unknown))
        raise CohortError(
            f"{cohort.dataset}: {KEY} {who!r} leaves {chosen.sum()} training windows of {people} people for"
            f" pre-training, fewer than a batch of {schedule.batch_size} (people whose segment is unknown: {lost});"
            " choose a larger part of the people"
        )
    same = StepsOf(**vars(schedule), counted=len(train))
    return train[chosen], replace(recipe, pretraining=replace(recipe.pretraining, schedule=same))


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
    if rule := _RULE.fullmatch(who):
        attribute, sign, segment = rule.groups()
        return f"{attribute} {segment} only" if sign == "=" else f"none of {attribute} {segment}"
    return {EVERYONE: "everyone", PRIVILEGED: "privileged only"}[who]
