"""What the findings of the audit change, computed from the numbers that the release prints and from its schedules.

Nothing here is about our own runs (``runs``) or simulated (``simulations``).
"""

import numpy as np
import pandas as pd

from fairlib.encoder import Classifier, Encoder, freeze, trainable_parameters
from fairlib.inference import half_width
from fairlib.recipes import RECIPES, Recipe
from fairlib.strategies import STRATEGIES

from . import published


def numbers(finding: str, item: str, dataset: str = "") -> pd.Series:
    """Printed numbers that belong to a finding, by group; raises ``KeyError`` where there are none."""
    rows = published.table("audit")
    rows = rows[(rows["finding"] == finding) & (rows["item"] == item)]
    rows = rows[rows["dataset"] == dataset] if dataset else rows
    if rows.empty:
        raise KeyError(f"no published numbers of {finding}: {item!r}")
    return rows.set_index("group")["value"]


def size(dataset: str, split: str, metric: str = "samples") -> int:
    """A printed size of a dataset, as ``dataset_shapes`` holds it."""
    rows = published.table("dataset_shapes").set_index(["dataset", "split", "metric"])["value"]
    return int(rows[dataset, split, metric])


# Training ------------------------------------------------------------------------------------------------------------


def schedules(recipe: Recipe = RECIPES["paper_code"]) -> pd.DataFrame:
    """When the learning rate of each kind of training reaches 0, for each dataset's printed size.

    Columns: dataset, training, schedule, windows, steps_per_epoch, zero_step, zero_epoch (epochs until the rate is 0),
    epochs (that training is set to run).
    """
    parts = {
        "pre-training": recipe.pretraining,
        "fine-tuning of SSL": recipe.finetuning,
        "supervised": recipe.supervised,
    }
    records = []
    for dataset in ("MIMIC", "MESA", "GLOBEM"):
        windows = size(dataset, "train")
        for training, part in parts.items():
            schedule = part.schedule
            each = schedule.steps_per_epoch(windows)
            zero = schedule.decay_steps or schedule.run_epochs(windows) * each
            record = {"dataset": dataset, "training": training, "schedule": schedule, "windows": windows}
            record |= {"steps_per_epoch": each, "zero_step": zero, "zero_epoch": zero / each}
            records.append(record | {"epochs": schedule.epochs})
    return pd.DataFrame(records)


def settings() -> pd.DataFrame:
    """Every setting of fine-tuning in which the released SSL and supervised training differ, and those of described.

    Columns: setting, then one for each training; rows: fields of ``FineTuning`` and of its schedule.
    """
    released, described = RECIPES["paper_code"], RECIPES["paper_text"]
    trainings = {"SSL, released": released.finetuning, "supervised, released": released.supervised}
    trainings |= {"both, described": described.finetuning}
    values = {}
    for name, part in trainings.items():
        steps = {"batch size": part.schedule.batch_size, "steps until the rate is 0": part.schedule.decay_steps}
        values[name] = steps | vars(part)
    table = pd.DataFrame(values).drop("schedule").rename_axis("setting").reset_index()
    return table[table["SSL, released"].map(str) != table["supervised, released"].map(str)].reset_index(drop=True)


def trainable(channels: int) -> dict[str, int]:
    """Trainable parameters of each strategy, counted on the network of this package."""
    model, counts = Classifier(Encoder(channels)), {}
    for name, strategy in STRATEGIES.items():
        freeze(model, strategy)
        counts[name] = trainable_parameters(model)
    return counts


# Evaluation ----------------------------------------------------------------------------------------------------------


def mesa_labels() -> pd.DataFrame:
    """The same test predictions of MESA counted against its target gt and against the column used for fairness (D1).

    Rows: gt, wake; columns: windows, positive, predicted (positive), accuracy, always_no (accuracy of never saying 1).
    """
    against = {"gt": numbers("D1", "predictions against gt")}
    against["wake"] = sum(numbers("D1", f"predictions against wake, {sex}") for sex in ("male", "female"))
    of = pd.DataFrame(against).T.astype(int).rename_axis("label")
    n, positive = of.sum(axis=1), of["TP"] + of["FN"]
    table = pd.DataFrame({"windows": n, "positive": positive, "predicted": of["TP"] + of["FP"]})
    return table.assign(accuracy=(of["TP"] + of["TN"]) / n, always_no=1 - positive / n)


def chance_interval(positive: int, negative: int) -> tuple[float, float]:
    """AUC of a share ``LEVEL`` of models that know nothing: normal limits with the variance of the rank sum."""
    half = half_width() * float(np.sqrt((positive + negative + 1) / (12 * positive * negative)))
    return 0.5 - half, 0.5 + half


def globem_auc() -> pd.Series:
    """The seven test AUCs of GLOBEM in the ROC figure, by strategy."""
    return published.table("paper_auc").query("dataset == 'GLOBEM'").set_index("strategy")["auc"]


def mesa_auc() -> pd.Series:
    """The AUC of MESA that was printed with an interval by its bootstrap: auc, low, high."""
    return published.table("overall_auc").query("run_tag == 'frozen2fl (val_loss run)'").dropna().iloc[0]


def globem_deviation() -> pd.Series:
    """Published mean parity deviation of GLOBEM over six ratios and three attributes, by model."""
    rows = published.table("parity_deviation").query("dataset == 'GLOBEM' and attribute == '(all 3)'")
    return rows.set_index("model")["parity_deviation"]


def extremes() -> pd.DataFrame:
    """Distance between the best and the worst segment of each attribute in the published rows (D20), MIMIC and GLOBEM.

    Columns: dataset, attribute, model, gap, overall, windows (tuple of test windows a segment). MESA is left out, since
    its windows are not independent.
    """
    rows = published.segments().query("dataset != 'MESA'")
    return rows.groupby(["dataset", "attribute", "model"], sort=False, as_index=False).agg(
        overall=("overall_auc", "first"),
        gap=("auc", lambda areas: areas.max() - areas.min()),
        windows=("test_windows", lambda sizes: tuple(sizes.astype(int))),
    )


# Representation ------------------------------------------------------------------------------------------------------


def differences(clipped: bool = False) -> pd.DataFrame:
    """Published differences of CKA between two segments (D37): pair, layer_y, layer_x, value, note.

    clipped: only those of the maps whose colours end at 0.
    """
    rows = published.table("cka_differences")[["pair", "layer_y", "layer_x", "value", "note"]]
    return rows[rows["note"].str.contains("clipped")] if clipped else rows
