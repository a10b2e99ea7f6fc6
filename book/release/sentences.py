"""What each finding of the audit comes to in numbers, computed when the page is made.

The sentences stand in ``findings.yaml``. Their placeholders are items of ``audit.csv`` that belong to the finding, by
name, and what the function below gives that is called like the finding. A function that asks for ``simulated``
(``simulations.Simulated``) rests on a simulation; one that asks for ``seeds`` (``runs.seed_spread``) on our own runs.
"""

from inspect import signature

import numpy as np
import pandas as pd
from scipy import stats

from book.pages import noise
from fairlib.inference import central
from fairlib.strategies import STRATEGY_NAMES

from . import audit, findings, published
from .audit import numbers, size
from .simulations import Simulated
from .templates import TemplateError, fill


def sentences(simulated: Simulated, seeds: pd.DataFrame) -> dict[str, str]:
    """The sentence of every finding, by its id. seeds: ``runs.seed_spread`` of our own runs, perhaps empty."""
    given = {"simulated": simulated, "seeds": seeds}
    found = {}
    for name, finding in findings.load().items():
        compute = _function(name)
        values = compute(**{argument: given[argument] for argument in signature(compute).parameters}) if compute else {}
        try:
            found[name] = fill(finding.sentence, values, finding.parts, finding.between, audit.printed(name))
        except TemplateError as error:
            raise TemplateError(f"{findings.FILE}, {name}: {error}") from None
    return found


def resting_on(argument: str) -> list[str]:
    """Ids of the findings whose numbers rest on simulations ("simulated") or on our own runs ("seeds")."""
    return [name for name in findings.load() if (f := _function(name)) and argument in signature(f).parameters]


def _function(name: str):
    return globals().get(name.lower())


# Labels and data -----------------------------------------------------------------------------------------------------


def d1() -> dict:
    labels = audit.mesa_labels()
    gt = labels.loc["gt"]
    return {"gt": gt, "wake": labels.loc["wake"], "opposite": gt["windows"] - gt["positive"]}


def d2() -> dict:
    order, kernel = audit.window_order(), 24
    steps = {"steps": len(order), "back": (order == -1).sum(), "forwards": (order == 1).sum(), "jump": order.max()}
    places = audit.layer_lengths(len(order) + 1, "valid")[0]
    return steps | {"places": places, "kernel": kernel, "across": audit.across(order, kernel)}


def d3() -> dict:
    people = [size("MESA", split, "unique_subjects") for split in ("train", "val", "test")]
    return {"people": people, "shares": [1 / n for n in people]}


def d4() -> dict:
    return {"spreads": [{"k": k, "share": 1 / (1 + 4 * k**2)} for k in (1, 3, 10)]}


def d5() -> dict:
    positive, windows = (
        np.array([size("GLOBEM", split, of) for split in ("val", "test")]) for of in ("label_1", "samples")
    )
    p = stats.chi2_contingency([positive, windows - positive], correction=False).pvalue
    return {"rates": positive / windows, "p": p}


def d8() -> dict:
    ids = size("GLOBEM", "all", "unique_participant_ids")
    users = numbers("D8", "users stated in the README").iloc[0]
    return {"ids": ids, "years": numbers("D8", "identifiers, by year").sum(), "back": ids - users}


def d9() -> dict:
    lost, stays = numbers("D9", "windows without some attribute").iloc[0], size("MIMIC", "all")
    both = [
        numbers("D9", f"ratio of label rates, windows with {which}") for which in ("all attributes", "this attribute")
    ]
    moved = (both[0] - both[1]).abs().idxmax()
    return {"stays": stays, "share": lost / stays, "moved": moved, "before": both[0][moved], "after": both[1][moved]}


def d10() -> dict:
    test, stays = numbers("D10", "windows, test"), size("MIMIC", "all")
    known = published.segments().query("attribute == 'Language' and segment == 'Other'")["windows"].iloc[0]
    unknown = numbers("D10", "windows without a language").iloc[0]
    return {"test": test.iloc[1] / test.sum(), "known": known / stays, "both": (known + unknown) / stays}


def d11() -> dict:
    codes = {how: numbers("D11", f"windows, test, {how} code") for how in ("exact", "part of")}
    rows = pd.DataFrame({"exact": codes["exact"], "part": codes["part of"]})
    rows = rows.loc[codes["exact"].index].rename_axis("name").reset_index()
    return {"codes": rows, "unknown": numbers("D11", "windows, test, unknown ethnicity").sum()}


# Training ------------------------------------------------------------------------------------------------------------


def d12(simulated: Simulated) -> dict:
    views = simulated.views.assign(opposite=simulated.views["correlation"] < 0).groupby("recipe", sort=False)
    both, half = (own[["opposite", "flipped"]].mean() for _, own in views)
    return {"middle": views["correlation"].median().iloc[0], "both": both, "half": half}


def d13() -> dict:
    rows = audit.schedules()
    slow = rows.loc[rows["dataset"] != "MESA", "zero_epoch"]
    return {"mesa": rows[rows["dataset"] == "MESA"], "others": slow.agg(["min", "max"])}


def d14(simulated: Simulated) -> dict:
    return {"dropout": simulated.dropout}


def d15() -> dict:
    names = audit.settings()["setting"].str.replace("_", " ").tolist()
    return {"settings": len(names), "names": names}


def d16() -> dict:
    records = []
    for name in ("MIMIC", "MESA", "GLOBEM"):
        epochs, stops, batches = (
            numbers("D16", of, name) for of in ("epochs", "early stopping (1: yes)", "batch size")
        )
        records.append({"name": name, "epochs": epochs["SSL"], "stops": stops["SSL"], "batches": batches})
    return {"runs": records}


def d18(seeds: pd.DataFrame) -> dict:
    return {"spread": seeds, "lacking": [{}] * (not len(seeds))}


def d19() -> dict:
    items = {"valid": "length of layer, main models", "same": "length of layer, supervised data efficiency"}
    lengths = {padding: list(audit.layer_lengths(48, padding)) for padding in items}
    printed = all(lengths[padding] == list(numbers("D19", item)) for padding, item in items.items())
    return lengths | {"printed": printed, "left": audit.layer_lengths(28, "valid")[0]}


# Evaluation ----------------------------------------------------------------------------------------------------------


def d20(simulated: Simulated) -> dict:
    rows = simulated.extremes
    beyond = rows.loc[rows["gap"] > rows["high"], "dataset"]
    values = {"chance": rows["middle"].agg(["min", "max"]), "beyond": len(beyond), "all": len(rows)}
    return values | {"where": beyond.unique().tolist() or ["none"], "again": rows["again"].mean()}


def d21() -> dict:
    columns = {"windows": "windows, test", "positive": "positive windows, test", "auc": "AUC"}
    columns |= {"low": "AUC, lower bound", "high": "AUC, upper bound"}
    rows = pd.DataFrame({name: numbers("D21", item) for name, item in columns.items()})
    rows = rows.loc[numbers("D21", "positive windows, test").index]
    return {"segments": rows.rename_axis("name").reset_index()}


def d22() -> dict:
    ends = {of: numbers("D22", f"AUC, {of}").agg(["min", "max"]) for of in ("language", "age")}
    age, both = ends["age"], pd.DataFrame(ends)
    return ends | {"carried": (both.loc["min"].min(), both.loc["max"].max()) != (age["min"], age["max"])}


def d23(simulated: Simulated) -> dict:
    mesa = audit.mesa_auc()
    sizes = {"windows": size("MESA", "test"), "people": size("MESA", "test", "unique_subjects")}
    return sizes | {"printed": mesa["high"] - mesa["low"], "last": simulated.widths.iloc[-1]}


def d24(simulated: Simulated) -> dict:
    means, ends = audit.globem_deviation(), ["min", "max"]
    coin = {"middle": np.median(simulated.coin), "range": central(simulated.coin)}
    return coin | {"auc": audit.globem_auc()["auc"].agg(ends), "published": means.agg(ends)}


def d25(simulated: Simulated) -> dict:
    return dict(zip(("stars", "some"), simulated.stars, strict=True))


def d26() -> dict:
    rows, half = audit.published_ratios(), 0.5
    values = {"half": half, "deviation": abs(1 - half), "inverse": abs(1 - 1 / half), "fair": audit.FAIR}
    return values | {"ratios": len(rows), "turned": rows["turned"].sum()}


def d27() -> dict:
    own, rows = audit.trainable(size("MESA", "test", "channels")), published.table("overall_auc")
    rows = rows[rows["run_tag"].str.contains("legend shows")]
    legend = rows["run_tag"].str.partition("legend shows ")[2]
    frozen = rows["model"].str.replace("ssl_frozen2", "frozen_2").map(frozen_layers)
    same = own == numbers("D27", "trainable parameters", "MESA").to_dict()
    return {"legends": rows.assign(legend=legend, frozen=frozen), "own": own, "same": same}


def d28() -> dict:
    models = published.table("data_efficiency").query("metric == 'auc'")["model"].value_counts()
    return {"all": models.sum(), "models": models.rename({"ssl_frozen1_middle": "middle frozen"})}


def d29() -> dict:
    own = audit.trainable(size("GLOBEM", "test", "channels"))
    return {"big": own["frozen_0"], "millions": own["frozen_0"] / 1e6, "small": own["frozen_3"] / 1e3}


def d30() -> dict:
    rows = noise.published_rows(published.segments(), published.held_out)
    # One point a segment: the two models share their test windows.
    each = rows.groupby(["dataset", "attribute", "segment"])[["log_windows", "gap", "expected"]].mean()
    white = rows.query("dataset == 'MIMIC' and segment == 'White'")["share"].iloc[0]
    values = {"white": white, "points": len(rows), "pooled": rows["log_windows"].corr(rows["gap"])}
    return values | {"segments": len(each), "each": each.corr()["log_windows"]}


def d31() -> dict:
    rows, ends = published.table("overall_auc"), ["min", "max"]
    figure = rows.query("run_tag == 'Figure 6 spreadsheet' and dataset == 'MESA'")["auc"]
    roc = rows[rows["source"] == "visualizations.ipynb cell 38"]
    wide = (roc["high"] - roc["low"]).max() / 2
    return {"figure": figure.agg(ends), "roc": roc["auc"].agg(ends), "wide": wide}


def d32() -> dict:
    items = {"taken": "training windows in all", "unknown": "training windows of unknown ethnicity"}
    items |= {"short": "codes with fewer windows than asked"}
    rows = pd.DataFrame({name: numbers("D32", item) for name, item in items.items()})
    rows = rows.rename(index=int).sort_index().rename_axis("n").reset_index()
    rows = rows.assign(share=rows["unknown"] / rows["taken"])
    first, last = rows.iloc[0], rows.iloc[-1]
    return {"first": first, "last": last, "asked": last["n"] * numbers("D32", "raw codes")["all"]}


# Representation ------------------------------------------------------------------------------------------------------


def d33() -> dict:
    first = [numbers("D33", f"CKA of the frozen first layer, {n} rows").mean() for n in (1280, 3670)]
    rows = audit.differences()
    language = rows.loc[rows["pair"].str.startswith("English"), "value"].abs().mean()
    values = {"rows": numbers("D33", "rows of a segment").sort_values(), "small": first[0], "large": first[1]}
    return values | {"apart": first[0] - first[1], "language": language}


def d34(simulated: Simulated) -> dict:
    twice = numbers("D34", 'CKA, "balanced" ethnicity') - numbers("D34", "CKA, Hispanic")
    return {"twice": twice.agg(["min", "max"]), "simulated": simulated.repeats.mean()}


def d35() -> dict:
    return {"off": audit.apart(("D35", 'CKA, "balanced" insurance'), ("D35", "CKA, White"))}


def d36() -> dict:
    drawn = ("D36", "CKA, drawn from the same name")
    return {of: audit.apart(drawn, (id, f"CKA, {of}")) for id, of in (("D34", "Hispanic"), ("D35", "White"))}


def d37() -> dict:
    values = audit.differences(clipped=True)["value"]
    return {"negative": (values < 0).sum(), "all": len(values), "lowest": values.min()}


def d38() -> dict:
    windows = numbers("D38", "windows, test")
    return {"within": "male" in "female", "all": windows.sum(), "women": windows["female"] / windows.sum()}


def d39() -> dict:
    windows, pairs = numbers("D39", "windows, test"), numbers("D39", "pairs")
    made = {
        model: windows["Black"] * (windows["Black"] + windows[other])
        for model, other in {"SSL": "everybody else", "supervised": "Hispanic"}.items()
    }
    return {"fits": made == pairs.to_dict()}


def d41() -> dict:
    within, between = (numbers("D41", f"distance {which}") for which in ("within Medicaid", "Medicaid to Self Pay"))
    n = numbers("D41", "windows, test").iloc[0]
    return {"factor": within["SSL"] / within["supervised"], "ratio": between / (within * n / (n - 1))}


def d43() -> dict:
    race = published.segments().query("dataset == 'GLOBEM' and attribute == 'Ethnicity/Race'").set_index("segment")
    ends = race.groupby("model")["auc"].agg(best="idxmax", worst="idxmin").reset_index()
    return {"models": ends.replace("Supervised", "supervised")}


def d44() -> dict:
    one, other = (numbers("D44", f"adjusted p-value, class {c}") for c in (0, 1))
    return {"tests": len(one), "same": one.equals(other), "off": (one - other).abs().max()}


def d48() -> dict:
    panel = ("D48", "CKA, panel named Medicaid")
    return {
        "white": audit.apart(panel, ("D35", "CKA, White")),
        "medicaid": audit.apart(panel, ("D48", "CKA, Medicaid")),
    }


# Release hygiene, and figures that were published without their code -------------------------------------------------


def d46() -> dict:
    own = {value: name for name, value in audit.trainable(size("GLOBEM", "test", "channels")).items()}
    rows = numbers("D46", "trainable parameters").rename_axis("where").reset_index()
    return {"outputs": rows.assign(frozen=rows["value"].map(own).map(frozen_layers))}


def d49() -> dict:
    low, high = (numbers("D49", f"mean parity deviation, at {end}") for end in ("least", "most"))
    above = low[low > high["supervised"]]
    values = {"low": low["supervised"], "high": high["supervised"], "above": len(above), "models": len(low) - 1}
    return values | {"least": above.min(), "times": above.min() / high["supervised"]}


def d50() -> dict:
    median, upper = (numbers("D50", f"parity deviation, {of}") for of in ("median", "upper quartile"))
    ssl = median.drop("supervised")
    values = {
        "supervised": median["supervised"],
        "lowest": frozen_layers(ssl.idxmin()),
        "highest": frozen_layers(ssl.idxmax()),
    }
    return values | {"medians": ssl.tolist(), "quartiles": upper.drop("supervised").tolist()}


def frozen_layers(strategy: str) -> str:
    """What is frozen, in words."""
    return STRATEGY_NAMES[strategy].removeprefix("SSL, ")
