"""The published lines of T-headline once more: their numbers, computed from what was released, in their templates.

``book/release/claims.yaml`` states these lines; a test compares.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from book.pages.noise import auc_variance
from book.release import published
from book.release.templates import fill_line
from fairlib.fairness import RATES
from fairlib.inference import central
from fairlib.seeds import generator

TEMPLATES = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
NAMES = {"MIMIC": "MIMIC-III", "MESA": "MESA", "GLOBEM": "GLOBEM"}
ENDS = ["min", "max"]


def lines(claim: str, rows: pd.DataFrame, draws: int) -> list[dict[str, str]]:
    """The published lines of a claim, a dataset each. rows: ``noise.published_rows``; draws: of segments."""
    values = {"accuracy": accuracy, "disparity": disparity, "representations": representations}
    values["gaps"] = lambda dataset: gaps(rows[rows["dataset"] == dataset], draws)
    told = TEMPLATES[claim]
    data = {name: {"data": f"{NAMES[name]}, published"} for name in told}
    return [data[name] | fill_line(words, values[claim](name)) for name, words in told.items()]


def within(off: float) -> str:
    """How near a recomputation comes to what was printed: the next power of ten."""
    return "to the last digit" if off < 1e-9 else f"within {10 ** np.ceil(np.log10(off) - 1e-9):.7f}".rstrip("0")


def accuracy(dataset: str) -> dict:
    """Overall AUC, implied by each segment's AUC and its gap."""
    rows = published.segments().query("dataset == @dataset")
    supervised, ssl = rows.groupby("model")["overall_auc"].first()[["Supervised", "SSL"]]
    windows, share = published.held_out(dataset)
    values = {"supervised": supervised, "ssl": ssl, "change": ssl - supervised, "near": _nearness()}
    error = float(np.sqrt(auc_variance(supervised, share * windows, (1 - share) * windows)))
    return values | {"error": error, "dependent": dataset != "MIMIC"}


def _nearness() -> str:
    """How far the AUCs of everybody, implied by each segment's AUC and gap, lie apart within a model."""
    rows = published.segments()
    implied = (rows["auc"] - rows["delta"]).groupby([rows["dataset"], rows["model"]])
    return within(float((implied.max() - implied.min()).max()))


def disparity(dataset: str) -> dict:
    """Parity deviations: over training sizes (MIMIC), of the error rate (MESA), means over metrics (GLOBEM)."""
    if dataset == "MIMIC":
        rows = published.table("data_efficiency")
        rows = rows.pivot_table(index=["metric", "windows_per_code"], columns="model", values="value")
        deviation, auc = rows.loc["deviation"], rows.loc["auc"]
        change = (deviation["ssl_frozen1_middle"] / deviation["supervised"] - 1) * 100
        behind = auc["supervised"] - auc["ssl_frozen1_middle"]
        return {"sizes": len(change), "change": change.agg(ENDS), "behind": behind.agg(ENDS)}
    rows = published.table("parity_deviation").query("dataset == @dataset")
    if dataset == "MESA":
        rows = rows[rows["metric"] == "error_rate_ratio"]
        means = rows.groupby("model")["parity_deviation"].mean()
        off = (rows["parity_deviation"] - (rows["value"] - 1).abs()).abs().max()
        more = {}
    else:
        means = rows[rows["metric"].str.startswith("mean over")].set_index("model")["parity_deviation"]
        printed = rows[(rows["model"] == "ssl_frozen1_first") & rows["metric"].isin(RATES)]["value"]
        off = abs((printed - 1).abs().mean() - means["ssl_frozen1_first"])
        auc = published.table("overall_auc").query("dataset == @dataset")["auc"]
        change = (means.drop("supervised") / means["supervised"] - 1) * 100
        more = {"change": change.agg(ENDS), "printed": len(printed), "auc": auc.agg(ENDS)}
    return more | {"supervised": means["supervised"], "ssl": means.drop("supervised").agg(ENDS), "near": within(off)}


def gaps(own: pd.DataFrame, draws: int) -> dict:
    """Mean |Δ| over the segments of one dataset, beside what noise gives."""
    found = mean_gap_difference(own, draws)
    difference = tuple(found.pop(name) for name in ("difference", "low", "high"))
    values = {"beyond": int((own["gap"] > own["bound"]).sum()), "all": len(own), "near": _nearness()}
    return found | values | {"difference": difference, "dependent": own["dataset"].iloc[0] != "MIMIC"}


def representations(dataset: str) -> dict:
    """Best minus worst segment in CKA, per attribute of MIMIC."""
    if dataset != "MIMIC":
        return {}
    sizes = published.table("cka_differences").assign(size=lambda t: t["value"].abs()).groupby("pair")["size"]
    means, largest = sizes.mean().sort_values(), sizes.max()
    return {"means": means, "of_means": means.max() / means.min(), "of_largest": largest.max() / largest.min()}


def mean_gap_difference(rows: pd.DataFrame, draws: int, seed: int = 0) -> dict[str, float]:
    """Mean |Δ| of both models over the same segments, and SSL minus supervised with its interval over segments.

    Returns supervised, ssl, difference, low, high, segments, and ``expected``: the mean |Δ| that noise alone gives.
    """
    keys = ["dataset", "attribute", "segment"]
    table = rows.pivot_table(index=keys, columns="model", values="gap").dropna()
    change = (table["SSL"] - table["Supervised"]).to_numpy()
    chosen = generator(seed, "segments").integers(0, len(change), (draws, len(change)))
    low, high = central(change[chosen].mean(axis=1))
    means = {"supervised": table["Supervised"].mean(), "ssl": table["SSL"].mean(), "difference": change.mean()}
    return {name: float(value) for name, value in means.items()} | {
        "low": float(low),
        "high": float(high),
        "segments": len(change),
        "expected": float(rows["expected"].mean()),
    }
