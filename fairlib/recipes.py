"""Recipes: every training choice under one name. A recipe is data; the training loops read it.

``paper_code`` is what the paper's released scripts in fact do, ``paper_text`` is the paper's text with the obvious
repairs, ``tuned`` is searched for by validation AUC with the same budget for both sides, so that SSL gets its fair
chance. Constants of ``paper_code``: ``published/hyperparameters.csv`` of the paper's code release.
"""

from dataclasses import asdict, dataclass, replace

from .pretexts import PRETEXTS
from .schedules import Schedule
from .search import FOUND, STEPS, TIME_MASKS, TUNED_BY

__all__ = ["RECIPES", "TUNED_BY", "FineTuning", "PreTraining", "Recipe", "tuned"]


@dataclass(frozen=True)
class PreTraining:
    """The pretext and its settings; no dropout and no L2 in the loss, as in the released scripts.

    views: what ``simclr`` and ``vicreg`` make of a window, twice; for ``masked`` what it hides. temperature: of
    ``simclr`` alone.
    """

    schedule: Schedule
    views: tuple[tuple[str, dict], ...]
    optimiser: str = "sgd"
    temperature: float = 0.1
    loss_factor: float = 1.0
    pretext: str = "simclr"


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
        """Its name in the results; a pretext other than SimCLR and another precision have a folder of their own."""
        special = ((self.pretraining.pretext, "simclr"), (self.precision, "float32"))
        return "-".join([self.name, *(value for value, usual in special if value != usual)])

    def with_pretext(self, name: str) -> "Recipe":
        """The same recipe with another pretext: steps, batches, optimiser and fine-tuning stay.

        Views stay too, unless the pretext has its own. Raises ``ValueError`` for a pretext that does not exist.
        """
        if name not in PRETEXTS:
            raise ValueError(f"unknown pretext {name!r}, expected one of {', '.join(PRETEXTS)}")
        views = PRETEXTS[name].views or self.pretraining.views
        return replace(self, pretraining=replace(self.pretraining, pretext=name, views=views))

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


#: The scripts and the text know no observation masks: both views change them as they change values.
_SCALED = ("scaling", {"sd": 0.1, "masks": True})


def _negated(probability: float) -> tuple[str, dict]:
    return ("negation", {"probability": probability, "masks": True})


_FROM_THE_TEXT = FineTuning(Schedule(30, 128, 0.1, minimum_steps=2000))

RECIPES = {
    "paper_code": Recipe(
        "paper_code",
        PreTraining(
            Schedule(200, 128, 0.1, decay_steps=1000),
            views=(_SCALED, _negated(1.0)),
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
            views=(_SCALED, _negated(0.5)),
        ),
        _FROM_THE_TEXT,
        _FROM_THE_TEXT,
    ),
}

# The recipe ``tuned`` ------------------------------------------------------------------------------------------------


def tuned(supervised: dict, ssl: dict, steps: int = STEPS) -> Recipe:
    """The recipe with these settings of either side, as in ``search.START``.

    steps: of the supervised model; pre-training and fine-tuning an SSL model have half of them each.
    """
    shortest, longest = TIME_MASKS[ssl["time_mask"]] or (0, 0)
    options = {
        "scaling": {"sd": ssl["scaling"]},
        "jitter": {"sd": ssl["jitter"]},
        "channel_mask": {"share": ssl["channel_mask"]},
        "time_mask": {"shortest": shortest, "longest": longest},
        "negation": {"probability": ssl["negation"]},
    }
    views = tuple((name, given) for name, given in options.items() if any(given.values()))
    schedule = _exactly(steps // 2, ssl["pretraining_rate"])
    pretraining = PreTraining(schedule, views, ssl["pretraining_optimiser"], ssl["temperature"])
    return Recipe("tuned", pretraining, _training(ssl, steps // 2), _training(supervised, steps), evaluate_frozen=True)


def _exactly(steps: int, rate: float) -> Schedule:
    """So many steps, however many windows there are."""
    return Schedule(1, 128, rate, decay_steps=steps, minimum_steps=steps)


def _training(settings: dict, steps: int) -> FineTuning:
    strength = {name: settings[name] for name in ("conv_dropout", "head_dropout", "conv_l2", "head_l2")}
    return FineTuning(_exactly(steps, settings["rate"]), settings["optimiser"], **strength)


RECIPES["tuned"] = tuned(**FOUND)
