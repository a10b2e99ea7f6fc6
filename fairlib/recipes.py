"""Recipes: every training choice under one name. A recipe is data; the training loops read it.

``paper_code`` is what the paper's released scripts in fact do, ``paper_text`` is the paper's text with the obvious
repairs, ``tuned`` is chosen from a small grid by validation AUC, so that SSL gets its fair chance. Constants of
``paper_code``: ``published/hyperparameters.csv`` of the paper's code release.
"""

import csv
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from .schedules import Schedule


@dataclass(frozen=True)
class PreTraining:
    """SimCLR: two views a window, NT-Xent; no dropout and no L2 in the loss, as in the released scripts."""

    schedule: Schedule
    views: tuple[tuple[str, dict], ...]
    optimiser: str = "sgd"
    temperature: float = 0.1
    loss_factor: float = 1.0


@dataclass(frozen=True)
class FineTuning:
    """Class-weighted cross-entropy; L2 on kernels only (λΣw², i.e. torch ``weight_decay`` = 2λ)."""

    schedule: Schedule
    optimiser: str = "adadelta"
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
    precision: str = "float32"  # of the products in a training step; "bf16": see ``precision``

    @property
    def folder(self) -> str:
        """Its name in the results; another precision has a folder of its own."""
        return self.name if self.precision == "float32" else f"{self.name}-{self.precision}"

    def training(self, strategy: str) -> FineTuning:
        """The supervised model may have settings of its own (it has in ``paper_code``)."""
        return self.supervised if strategy == "supervised" else self.finetuning

    def scaled(self, factor: float) -> "Recipe":
        """All schedules shortened alike."""
        parts = {name: getattr(self, name) for name in ("pretraining", "finetuning", "supervised")}
        return replace(self, **{n: replace(part, schedule=part.schedule.scaled(factor)) for n, part in parts.items()})

    def as_dict(self) -> dict:
        """Plain values for a manifest."""
        return asdict(self)


_SCALED = ("scaling", {"sd": 0.1})
_FROM_THE_TEXT = FineTuning(Schedule(30, 128, 0.1, minimum_steps=2000))

RECIPES = {
    "paper_code": Recipe(
        "paper_code",
        PreTraining(
            Schedule(200, 128, 0.1, decay_steps=1000),
            views=(_SCALED, ("negation", {"probability": 1.0})),
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
    "paper_text": Recipe(
        "paper_text",
        PreTraining(
            Schedule(50, 128, 0.1, minimum_steps=2000),
            views=(_SCALED, ("negation", {"probability": 0.5})),
        ),
        _FROM_THE_TEXT,
        _FROM_THE_TEXT,
    ),
}

# The recipe ``tuned`` ------------------------------------------------------------------------------------------------

_JITTERED = (_SCALED, ("jitter", {"sd": 0.1}))
_MASKED = (*_JITTERED, ("channel_mask", {"share": 0.2}))
_VIEWS = {
    "scaling and negation": (_SCALED, ("negation", {"probability": 0.5})),
    "scaling and jitter": _JITTERED,
    "scaling, jitter, channel mask": _MASKED,
    "scaling, jitter, channel and time mask": (*_MASKED, ("time_mask", {"shortest": 8, "longest": 20})),
}
#: Ways to train and to fine-tune: optimiser and rate, and how strongly the model is regularised.
TRAINING_GRID = {
    f"{optimiser} {rate:g}, {name}": FineTuning(Schedule(30, 128, rate, minimum_steps=2000), optimiser, **strength)
    for optimiser, rate in (("adadelta", 0.1), ("adadelta", 1.0), ("adam", 1e-3), ("adam", 3e-4))
    for name, strength in (
        ("as described", {}),
        ("less regularised", {"head_dropout": 0.3, "head_l2": 1e-3}),
    )
}
#: Ways to pre-train: views, optimiser and rate.
PRETRAINING_GRID = {
    f"{optimiser} {rate:g}, {name}": PreTraining(Schedule(1, 128, rate, minimum_steps=2000), views, optimiser)
    for optimiser, rate in (("sgd", 0.1), ("adamw", 1e-3))
    for name, views in _VIEWS.items()
}
#: Validation AUC of every way, one training seed, on Challenge 2012; written by ``python -m fairlib.study tune``.
GRID_FILE = Path(__file__).with_name("tuned_grid.csv")


def tried() -> dict[tuple[str, str], float]:
    """(part, way) → validation AUC, of the ways of the grid that were tried so far."""
    if not GRID_FILE.exists():
        return {}
    with GRID_FILE.open(encoding="utf-8", newline="") as file:
        return {(row["part"], row["way"]): float(row["validation_auc"]) for row in csv.DictReader(file)}


def best(part: str) -> str:
    """The way with the highest validation AUC of a part of the grid ("training" or "pre-training")."""
    found = {way: value for (of, way), value in tried().items() if of == part}
    return max(found, key=found.get)


def of_grid(pretraining: PreTraining, training: FineTuning) -> Recipe:
    """The recipe ``tuned`` with these ways to pre-train, and to train or fine-tune every model."""
    return Recipe("tuned", pretraining, training, training, evaluate_frozen=True)


#: The recipe exists once the whole grid was tried.
if len(tried()) == len(TRAINING_GRID) + len(PRETRAINING_GRID):
    RECIPES["tuned"] = of_grid(PRETRAINING_GRID[best("pre-training")], TRAINING_GRID[best("training")])
