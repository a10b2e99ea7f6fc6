"""What models see: values and observation masks, the values without their masks, or the masks alone.

People, labels, folds and the tables about people stay the same, and so do imputation and scaling inside each fold.
"""

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from ..channels import are_masks, masks_of
from ..cohort import Cohort, CohortError

if TYPE_CHECKING:
    from .runs import Study

Inputs = Literal["both", "values", "masks"]
BOTH, VALUES, MASKS = Inputs.__args__
#: Its column in frozen tables, and its key in manifests; where it is missing, models saw all channels.
KEY = "inputs"
#: For pages.
WORDS = {BOTH: "all channels", VALUES: "values without masks", MASKS: "masks alone"}
#: Views that leave observation masks as they are, unless they are told to change them.
SPARING = ("scaling", "negation", "jitter")


def has_masks(cohort: Cohort) -> bool:
    """Whether a channel is an observation mask."""
    return bool(are_masks(masks_of(cohort.channels)).any())


def seen(cohort: Cohort, inputs: str) -> Cohort:
    """The cohort with the channels that ``inputs`` names, in their order; channels without a mask are values.

    Masks alone are the masks of nothing, so ``mask X`` becomes ``X measured``.
    Raises ``CohortError`` where no channel is an observation mask.
    """
    if inputs == BOTH:
        return cohort
    if not has_masks(cohort):
        raise CohortError(
            f"{cohort.dataset}: {KEY} {inputs!r}, but none of its {len(cohort.channels)} channels is an observation"
            f" mask (named 'mask X', where X is another channel); give {KEY} {BOTH!r}, which are all channels"
        )
    kept = np.flatnonzero(are_masks(masks_of(cohort.channels)) == (inputs == MASKS))
    measured = cohort.measured
    if measured is not None:  # without any column people can still be dealt to folds: nothing is to be scaled
        measured = measured[:, :, kept[kept < measured.shape[2]]]
    channels = [cohort.channels[place] for place in kept]
    if inputs == MASKS:
        channels = [f"{re.sub('^mask( |->)', '', name)} measured" for name in channels]
    return replace(cohort, x=np.take(cohort.x, kept, axis=2), channels=tuple(channels), measured=measured)


def narrowed(study: "Study", inputs: str) -> "Study":
    """The study of the same people whose models see these channels alone.

    With the masks alone, pre-training keeps the views that change or hide masks: the others would take them for values.
    """
    if inputs == BOTH:
        return study
    recipe = study.recipe
    if inputs == MASKS:
        views = (view for view in recipe.pretraining.views if view[0] not in SPARING or view[1].get("masks"))
        recipe = replace(recipe, pretraining=replace(recipe.pretraining, views=tuple(views)))
    return replace(study, cohort=seen(study.cohort, inputs), recipe=recipe, inputs=inputs, whole=study, _kept={})


def named(name: str, inputs: str) -> str:
    """The name of a recipe in folders, files and manifests; unless models see all channels, it ends in what they
    see."""
    return name if inputs == BOTH else f"{name}-{inputs}"
