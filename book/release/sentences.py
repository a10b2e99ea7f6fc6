"""What findings of the audit come to in numbers: of the ten that lead, and of those that rest on a simulation shown
beside them or on our own runs, computed when the page is made.

Sentences stand in ``findings.yaml``. Placeholders of those computed here are what the function below gives that is
called like the finding; every other sentence states its numbers, and a test computes them again. A function that asks
for ``simulated`` (``simulations.Simulated``) rests on a simulation, one that asks for ``seeds`` (``runs.seed_spread``)
on our own runs.
"""

from inspect import signature

import numpy as np
import pandas as pd

from fairlib.inference import central
from fairlib.strategies import STRATEGY_NAMES

from . import audit, findings, published
from .audit import numbers, size
from .simulations import Simulated
from .templates import TemplateError, fill


def sentences(simulated: Simulated, seeds: pd.DataFrame) -> dict[str, str]:
    """The sentence of every finding, by its id. seeds: ``runs.seed_spread`` of our own runs, perhaps empty."""
    given, found = {"simulated": simulated, "seeds": seeds}, {}
    for name, finding in findings.load().items():
        found[name] = finding.sentence
        if compute := globals().get(name.lower()):
            values = compute(**{argument: given[argument] for argument in signature(compute).parameters})
            try:
                parts = {"each": finding.each, "none": finding.none}
                found[name] = fill(finding.sentence, values, parts, finding.between)
            except TemplateError as error:
                raise TemplateError(f"{findings.FILE}, {name}: {error}") from None
    return found


def d1() -> dict:
    labels = audit.mesa_labels()
    gt = labels.loc["gt"]
    return {"gt": gt, "wake": labels.loc["wake"], "opposite": gt["windows"] - gt["positive"]}


def d12(simulated: Simulated) -> dict:
    views = simulated.views.assign(opposite=simulated.views["correlation"] < 0).groupby("recipe", sort=False)
    both, half = (own[["opposite", "flipped"]].mean() for _, own in views)
    return {"middle": views["correlation"].median().iloc[0], "both": both, "half": half}


def d13() -> dict:
    rows = audit.schedules()
    slow = rows.loc[rows["dataset"] != "MESA", "zero_epoch"]
    return {"mesa": rows[rows["dataset"] == "MESA"], "others": slow.agg(["min", "max"])}


def d15() -> dict:
    names = audit.settings()["setting"].str.replace("_", " ").tolist()
    return {"settings": len(names), "names": names}


def d18(seeds: pd.DataFrame) -> dict:
    return {"spread": seeds, "lacking": [{}] * (not len(seeds))}


def d20(simulated: Simulated) -> dict:
    rows = simulated.extremes
    beyond = rows.loc[rows["gap"] > rows["high"], "dataset"]
    values = {"chance": rows["middle"].agg(["min", "max"]), "beyond": len(beyond), "all": len(rows)}
    return values | {"where": beyond.unique().tolist() or ["none"], "again": rows["again"].mean()}


def d23(simulated: Simulated) -> dict:
    mesa = audit.mesa_auc()
    sizes = {"windows": size("MESA", "test"), "people": size("MESA", "test", "unique_subjects")}
    return sizes | {"printed": mesa["high"] - mesa["low"], "last": simulated.widths.iloc[-1]}


def d24(simulated: Simulated) -> dict:
    means, ends = audit.globem_deviation(), ["min", "max"]
    coin = {"middle": np.median(simulated.coin), "range": central(simulated.coin)}
    return coin | {"auc": audit.globem_auc().agg(ends), "published": means.agg(ends)}


def d27() -> dict:
    own, rows = audit.trainable(size("MESA", "test", "channels")), published.table("overall_auc")
    rows = rows[rows["run_tag"].str.contains("legend shows")]
    legend = rows["run_tag"].str.partition("legend shows ")[2]
    frozen = rows["model"].str.replace("ssl_frozen2", "frozen_2").map(frozen_layers)
    same = own == numbers("D27", "trainable parameters", "MESA").to_dict()
    return {"legends": rows.assign(legend=legend, frozen=frozen), "own": own, "same": same}


def d33() -> dict:
    first = [numbers("D33", f"CKA of the frozen first layer, {n} rows").mean() for n in (1280, 3670)]
    rows = audit.differences()
    language = rows.loc[rows["pair"].str.startswith("English"), "value"].abs().mean()
    values = {"rows": numbers("D33", "rows of a segment").sort_values(), "small": first[0], "large": first[1]}
    return values | {"apart": first[0] - first[1], "language": language}


def d34(simulated: Simulated) -> dict:
    twice = numbers("D34", 'CKA, "balanced" ethnicity') - numbers("D34", "CKA, Hispanic")
    return {"twice": twice.agg(["min", "max"]), "simulated": simulated.repeats.mean()}


def d37() -> dict:
    values = audit.differences(clipped=True)["value"]
    return {"negative": (values < 0).sum(), "all": len(values), "lowest": values.min()}


def frozen_layers(strategy: str) -> str:
    """What is frozen, in words."""
    return STRATEGY_NAMES[strategy].removeprefix("SSL, ")
