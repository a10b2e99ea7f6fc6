"""Recipes: every training choice under one name (METHOD §3). A recipe is data; the training loops read it.

``released`` is what the paper's released scripts in fact do, ``described`` is the paper's text with the obvious
repairs. Constants of ``released``: ``published/hyperparameters.csv`` of the paper's code release.
"""

from dataclasses import asdict, dataclass, replace

from .optimisation import Schedule


@dataclass(frozen=True)
class PreTraining:
    """SimCLR: two views a window, NT-Xent, plain SGD; no dropout and no L2, as in the released scripts."""

    schedule: Schedule
    views: tuple[tuple[str, dict], ...]
    temperature: float = 0.1
    loss_factor: float = 1.0


@dataclass(frozen=True)
class FineTuning:
    """Class-weighted cross-entropy with Adadelta; L2 on kernels only (λΣw², i.e. torch ``weight_decay`` = 2λ)."""

    schedule: Schedule
    conv_dropout: float = 0.1
    head_dropout: float = 0.6
    conv_l2: float = 1e-4
    head_l2: float = 1e-2
    head_normal_sd: float | None = None  # hidden layer drawn from N(0, sd) instead of Glorot
    patience: int | None = None  # epochs without a better validation loss before stopping; None: never


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what a trained model is, besides the data, the strategy and the seed."""

    name: str
    pretraining: PreTraining
    finetuning: FineTuning
    supervised: FineTuning
    padding: str = "same"
    evaluate_frozen: bool = False  # keep the frozen prefix in evaluation mode, so that it is computed only once

    def training(self, strategy: str) -> FineTuning:
        """The supervised model may have settings of its own (it has in ``released``)."""
        return self.supervised if strategy == "supervised" else self.finetuning

    def scaled(self, factor: float) -> "Recipe":
        """All schedules shortened alike."""

        def shorter(part):
            return replace(part, schedule=part.schedule.scaled(factor))

        return replace(
            self,
            pretraining=shorter(self.pretraining),
            finetuning=shorter(self.finetuning),
            supervised=shorter(self.supervised),
        )

    def as_dict(self) -> dict:
        """Plain values for a manifest."""
        return asdict(self)


_DESCRIBED_FINETUNING = FineTuning(Schedule(30, 128, 0.1, minimum_steps=2000))

RECIPES = {
    "released": Recipe(
        "released",
        PreTraining(
            Schedule(200, 128, 0.1, decay_steps=1000),
            views=(("scaling", {"sd": 0.1}), ("negation", {"probability": 1.0})),
            loss_factor=2.0,  # the scripts add the two directions instead of averaging them
        ),
        FineTuning(Schedule(200, 128, 0.1, decay_steps=2000), patience=10),
        FineTuning(
            Schedule(200, 64, 0.1, decay_steps=1000),
            conv_dropout=0.5,
            head_dropout=0.5,
            head_l2=0.0,
            head_normal_sd=0.01,
            patience=10,
        ),
    ),
    "described": Recipe(
        "described",
        PreTraining(
            Schedule(50, 128, 0.1, minimum_steps=2000),
            views=(("scaling", {"sd": 0.1}), ("negation", {"probability": 0.5})),
        ),
        _DESCRIBED_FINETUNING,
        _DESCRIBED_FINETUNING,
    ),
}
