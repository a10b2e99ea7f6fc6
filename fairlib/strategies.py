"""Every model of the study, one row each: how much supervision it has, and what it starts from."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Strategy:
    """How much supervision: which convolutions train, and what they start from. The classifier always trains."""

    trains: tuple[bool, bool, bool]
    pretrained: bool

    @property
    def frozen_prefix(self) -> int:
        """Number of leading convolutions that never change, 0 to 3."""
        return next((i for i, trains in enumerate(self.trains) if trains), len(self.trains))


STRATEGIES = {
    "supervised": Strategy((True, True, True), pretrained=False),
    "frozen_0": Strategy((True, True, True), pretrained=True),
    "frozen_1_middle": Strategy((True, False, True), pretrained=True),
    "frozen_1_first": Strategy((False, True, True), pretrained=True),
    "frozen_2_first_middle": Strategy((False, False, True), pretrained=True),
    "frozen_2_first_last": Strategy((False, True, False), pretrained=True),
    "frozen_3": Strategy((False, False, False), pretrained=True),
}
#: The control that isolates pre-training: the same frozen architecture, never pre-trained.
CONTROLS = {"random_frozen_3": Strategy((False, False, False), pretrained=False)}


RecipeName = Literal["paper_code", "paper_text", "tuned"]
StrategyName = Literal[
    "supervised",
    "frozen_0",
    "frozen_1_middle",
    "frozen_1_first",
    "frozen_2_first_middle",
    "frozen_2_first_last",
    "frozen_3",
    "random_frozen_3",
    "logistic_regression",
]
ALL: tuple[str, ...] = StrategyName.__args__
#: Explicit mitigations (``mitigation``), to set beside SSL.
MitigationName = Literal["reweighed", "group_balanced", "group_dro", "post_processed"]


#: The SSL model that comparisons name beforehand: the one that the release uses for CKA and data efficiency.
NAMED = "frozen_1_middle"
#: The control without a neural network.
LOGISTIC = "logistic_regression"
#: The networks of the study: supervised first, then from all layers training to none, then the control.
NETWORKS = (*STRATEGIES, *CONTROLS)
#: The models that are trained with few labels too: both paradigms, and both controls.
LABELLED = ("supervised", NAMED, *CONTROLS, LOGISTIC)


#: Controls are shown beside the comparisons, not tested.
UNTESTED = ("random_frozen_3", "logistic_regression")


def self_supervised(strategy: str) -> bool:
    """Whether a strategy starts from the pre-trained encoder; supervised models and controls do not."""
    return strategy.startswith("frozen_")


STRATEGY_NAMES = {
    "supervised": "supervised",
    "frozen_0": "SSL, nothing frozen",
    "frozen_1_middle": "SSL, middle frozen",
    "frozen_1_first": "SSL, first frozen",
    "frozen_2_first_middle": "SSL, first and middle frozen",
    "frozen_2_first_last": "SSL, first and last frozen",
    "frozen_3": "SSL, all frozen",
    "random_frozen_3": "control: random encoder, frozen",
    "logistic_regression": "control: logistic regression",
    "reweighed": "mitigation: reweighing",
    "group_balanced": "mitigation: group-balanced sampling",
    "group_dro": "mitigation: GroupDRO",
    "post_processed": "mitigation: thresholds per group",
}
