"""Every model of the study, one row each; whatever else the study says of its models derives from these rows."""

from dataclasses import dataclass
from typing import Literal

SUPERVISED, SSL, CONTROL, MITIGATION = "supervised", "self-supervised", "control", "mitigation"


@dataclass(frozen=True)
class Strategy:
    """One model: how much supervision it has, and what it starts from.

    Attributes
    ----------
    trains: which of the three convolutions train; None for a model without any. The classifier always trains.
    pretrained: it starts from the pre-trained encoder.
    """

    name: str
    title: str
    family: Literal["supervised", "self-supervised", "control", "mitigation"]
    trains: tuple[bool, bool, bool] | None
    pretrained: bool = False

    @property
    def frozen_prefix(self) -> int:
        """Number of leading convolutions that never change, 0 to 3."""
        return next((i for i, trains in enumerate(self.trains) if trains), len(self.trains))


MODELS = {
    model.name: model
    for model in (
        Strategy("supervised", "supervised", SUPERVISED, (True, True, True)),
        Strategy("frozen_0", "SSL, nothing frozen", SSL, (True, True, True), True),
        Strategy("frozen_1_middle", "SSL, middle frozen", SSL, (True, False, True), True),
        Strategy("frozen_1_first", "SSL, first frozen", SSL, (False, True, True), True),
        Strategy("frozen_2_first_middle", "SSL, first and middle frozen", SSL, (False, False, True), True),
        Strategy("frozen_2_first_last", "SSL, first and last frozen", SSL, (False, True, False), True),
        Strategy("frozen_3", "SSL, all frozen", SSL, (False, False, False), True),
        Strategy("random_frozen_3", "control: random encoder, frozen", CONTROL, (False, False, False)),
        Strategy("logistic_regression", "control: logistic regression", CONTROL, None),
        Strategy("gradient_boosting", "control: gradient boosting", CONTROL, None),
        Strategy("reweighed", "mitigation: reweighing", MITIGATION, (True, True, True)),
        Strategy("group_balanced", "mitigation: group-balanced sampling", MITIGATION, (True, True, True)),
        Strategy("group_dro", "mitigation: GroupDRO", MITIGATION, (True, True, True)),
        Strategy("post_processed", "mitigation: thresholds per group", MITIGATION, None),
    )
}
#: The prespecified self-supervised model, which the release uses for CKA and data efficiency.
PRIMARY = "frozen_1_middle"
#: The mitigation that changes decisions alone: thresholds of the supervised model chosen per group.
POST_PROCESSED = "post_processed"


def of_family(*families: str) -> dict[str, Strategy]:
    """The models of some families, in order."""
    return {name: model for name, model in MODELS.items() if model.family in families}


#: The seven models of the paper: supervised, then from all layers training to none.
STRATEGIES = of_family(SUPERVISED, SSL)
#: Everything that a profile trains unless it names models; explicit mitigations are asked for on their own.
ALL = tuple(of_family(SUPERVISED, SSL, CONTROL))
MITIGATIONS = tuple(of_family(MITIGATION))
#: Controls are shown next to the comparisons, and not tested.
UNTESTED = tuple(of_family(CONTROL))
#: The controls without a neural network.
BASELINES = tuple(name for name in UNTESTED if not MODELS[name].trains)
#: The networks of the study: their layers and features are compared.
NETWORKS = tuple(name for name in ALL if MODELS[name].trains)
#: The models that are trained with few labels too: both paradigms, and controls. Boosting is left out: to tune it on
#: GLOBEM's 6,950 statistics takes a minute for every number of labels, however few.
LABELLED = (SUPERVISED, PRIMARY, "random_frozen_3", "logistic_regression")

RecipeName = Literal["paper_text", "paper_code", "tuned"]
NAMED_RECIPE: RecipeName = "tuned"  # the protocol's
PretextName = Literal["simclr", "vicreg", "masked"]
StrategyName = Literal[ALL]
MitigationName = Literal[MITIGATIONS]


def self_supervised(strategy: str) -> bool:
    """Whether a model starts from the pre-trained encoder."""
    return MODELS[strategy].family == SSL


STRATEGY_NAMES = {name: model.title for name, model in MODELS.items()}
