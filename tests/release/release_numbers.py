"""The numbers of findings that do not lead the chapter on the released analysis, computed once more.

``book/release/findings.yaml`` states these findings. A test fills the templates of ``release_templates.yaml`` with what
stands here, and compares. Placeholders are items of ``audit.csv`` that belong to the finding, by name, and what the
function gives that is called like the finding.
"""

from functools import cache
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import yaml
from scipy import stats

from book.pages import noise
from book.release import audit, published, simulations
from book.release.audit import numbers, size
from book.release.sentences import frozen_layers
from book.release.templates import fill
from fairlib.encoder import LAYERS, Encoder, seed_dropout
from fairlib.seeds import generator

TEMPLATES = yaml.safe_load(Path(__file__).with_name("release_templates.yaml").read_text(encoding="utf-8"))
RATIOS = [
    f"{name}_ratio" for name in ["error_rate", "false_negative_rate", "false_positive_rate", "false_discovery_rate"]
]
RATIOS += ["false_omission_rate_ratio", "disparate_impact"]
FAIR = 0.2  # the paper's bound on parity deviation


def sentence(name: str) -> str:
    """The sentence of a finding with its numbers."""
    words, compute = TEMPLATES[name], globals().get(name.lower(), dict)
    parts = {"each": words.get("each", "")}
    return fill(words["sentence"], compute(), parts, words.get("between", "; "), printed(name))


def printed(finding: str) -> dict[str, float | pd.Series]:
    """Every printed number of a finding by its item: a series by group, or the number where it is about all."""
    rows = published.table("audit")
    items = rows.loc[rows["finding"] == finding, "item"].unique()
    found = {item: numbers(finding, item) for item in items}
    return {item: of["all"] if list(of.index) == ["all"] else of for item, of in found.items()}


def loss_weights(labels: tuple[int, int], batch: int) -> tuple[float, float]:
    """How far the class-weighted loss of Keras, Σ wᵢℓᵢ / batch, is from the weighted mean Σ wᵢℓᵢ / Σ wᵢ in one batch.

    labels: negative and positive training windows, weighted n / (2 n_class).

    Returns the mean and the standard deviation of Σ wᵢ / batch over random batches, which is their ratio.
    """
    n, rare = sum(labels), labels[1] / sum(labels)
    weights = n / (2 * labels[0]), n / (2 * labels[1])
    mean = (1 - rare) * weights[0] + rare * weights[1]
    return mean, abs(weights[1] - weights[0]) * float(np.sqrt(rare * (1 - rare) / batch))


@cache
def layer_lengths(timesteps: int, padding: str) -> tuple[int, ...]:
    """Timesteps that each convolution gives out; 0 where the window is shorter than its kernel."""
    found = []
    for _, kernel in LAYERS:
        timesteps = timesteps if padding == "same" else max(0, timesteps - kernel + 1)
        found.append(timesteps)
    return tuple(found)


def across(order: np.ndarray, kernel: int) -> int:
    """Places of a kernel on the axis that hold both sides of its largest step."""
    jump, length = int(order.argmax()), len(order) + 1
    return min(jump, length - kernel) - max(0, jump + 2 - kernel) + 1


def window_order(reach: int = 50) -> np.ndarray:
    """Steps between neighbours on MESA's stored time axis: t, t−1 … t−reach, t+1 … t+reach (finding D2)."""
    return np.diff([0, *range(-1, -reach - 1, -1), *range(1, reach + 1)])


def published_ratios() -> pd.DataFrame:
    """Every fairness ratio that the release prints, with its parity deviation both ways round (D26).

    Columns: dataset, model, attribute, metric, value, deviation, swapped (the other group called privileged), log,
    turned (whether they lie on two sides of the paper's bound).
    """
    rows = published.table("parity_deviation")
    rows = rows[rows["metric"].isin(RATIOS) & rows["value"].notna()]
    value = rows["value"].to_numpy()
    deviation, swapped = np.abs(1 - value), np.abs(1 - 1 / value)
    turned = (deviation < FAIR) != (swapped < FAIR)
    rows = rows[["dataset", "model", "attribute", "metric", "value"]]
    return rows.assign(deviation=deviation, swapped=swapped, log=np.abs(np.log(value)), turned=turned)


def apart(one: tuple[str, str], other: tuple[str, str]) -> float:
    """Largest absolute difference between two published matrices, each (finding, item)."""
    return float((numbers(*one) - numbers(*other)).abs().max())


def dropout_agreement(windows: int = 200, seed: int = 0) -> dict[str, float]:
    """Mean cosine of the features that an untrained encoder gives the same window twice (D14): in inference mode, where
    dropout does nothing, and in training mode."""
    draw = generator(seed, "dropout")
    x = torch.from_numpy(simulations._smooth(draw, windows))
    encoder = Encoder(x.shape[2], dropout=0.1, generator=draw)
    seed_dropout(encoder, draw)
    found = {}
    for name, training in (("inference", False), ("training", True)):
        encoder.train(training)
        with torch.no_grad():
            one, other = encoder(x), encoder(x)
        found[name] = float(torch.nn.functional.cosine_similarity(one, other).mean())
    return found


def false_stars(models: int = 7, points: int = 3, draws: int = 4000, seed: int = 0) -> tuple[float, float]:
    """Paired t-tests between all pairs of models that do not differ, a few points each, uncorrected (D25).

    Returns the mean number of tests with p < 0.05, and the share of draws with at least one.
    """
    x = generator(seed, "stars").normal(size=(draws, models, points))
    p = [stats.ttest_rel(x[:, a], x[:, b], axis=1).pvalue for a, b in combinations(range(models), 2)]
    found = (np.array(p) < 0.05).sum(axis=0)
    return float(found.mean()), float((found > 0).mean())


# Labels and data -----------------------------------------------------------------------------------------------------


def d2() -> dict:
    order, kernel = window_order(), 24
    steps = {"steps": len(order), "back": (order == -1).sum(), "forwards": (order == 1).sum(), "jump": order.max()}
    places = layer_lengths(len(order) + 1, "valid")[0]
    return steps | {"places": places, "kernel": kernel, "across": across(order, kernel)}


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


def d14() -> dict:
    return {"dropout": dropout_agreement()}


def d16() -> dict:
    records = []
    for name in ("MIMIC", "MESA", "GLOBEM"):
        epochs, stops, batches = (
            numbers("D16", of, name) for of in ("epochs", "early stopping (1: yes)", "batch size")
        )
        records.append({"name": name, "epochs": epochs["SSL"], "stops": stops["SSL"], "batches": batches})
    return {"runs": records}


def d19() -> dict:
    items = {"valid": "length of layer, main models", "same": "length of layer, supervised data efficiency"}
    lengths = {padding: list(layer_lengths(48, padding)) for padding in items}
    printed = all(lengths[padding] == list(numbers("D19", item)) for padding, item in items.items())
    return lengths | {"printed": printed, "left": layer_lengths(28, "valid")[0]}


# Evaluation ----------------------------------------------------------------------------------------------------------


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


def d25() -> dict:
    return dict(zip(("stars", "some"), false_stars(), strict=True))


def d26() -> dict:
    rows, half = published_ratios(), 0.5
    values = {"half": half, "deviation": abs(1 - half), "inverse": abs(1 - 1 / half), "fair": FAIR}
    return values | {"ratios": len(rows), "turned": rows["turned"].sum()}


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


def d35() -> dict:
    return {"off": apart(("D35", 'CKA, "balanced" insurance'), ("D35", "CKA, White"))}


def d36() -> dict:
    drawn = ("D36", "CKA, drawn from the same name")
    return {of: apart(drawn, (id, f"CKA, {of}")) for id, of in (("D34", "Hispanic"), ("D35", "White"))}


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
        "white": apart(panel, ("D35", "CKA, White")),
        "medicaid": apart(panel, ("D48", "CKA, Medicaid")),
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
