"""The published lines of T-headline once more: their numbers, computed from what was released, in their templates.

``book/release/claims.yaml`` states these lines; a test compares.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from book.pages.noise import auc_variance
from book.release import candidates, published
from book.release.claims import rank_correlation
from book.release.templates import fill_line
from fairlib.audit.contrasts import ENDS as ENDS_OF_UNFREEZING
from fairlib.fairness import RATES
from fairlib.inference import central
from fairlib.seeds import generator
from fairlib.strategies import STRATEGY_NAMES

TEMPLATES = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
NAMES = {"MIMIC": "MIMIC-III", "MESA": "MESA", "GLOBEM": "GLOBEM"}
ENDS = ["min", "max"]


def lines(claim: str, rows: pd.DataFrame, draws: int) -> list[dict[str, str]]:
    """The published lines of a claim, a dataset each. rows: ``noise.published_rows``; draws: of segments."""
    values = {"accuracy": accuracy, "disparity": disparity, "representations": representations}
    values |= {"u_shape": u_shape, "efficiency": efficiency, "larger_gaps": larger_gaps, "limits": limits}
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
    values |= _in_roc_figure(dataset)
    error = float(np.sqrt(auc_variance(supervised, share * windows, (1 - share) * windows)))
    return values | {"error": error, "dependent": dataset != "MIMIC"}


def _in_roc_figure(dataset: str) -> dict:
    """How many of the six SSL models of the ROC figure lie within the margin, and how far the others lie below."""
    auc = published.table("paper_auc").query("dataset == @dataset").set_index("strategy")["auc"]
    behind = auc["supervised"] - auc.drop("supervised")
    margin = published.claims()["accuracy"]["margin"]
    near = (behind.abs() <= margin + 1e-9).sum()
    return {"near_models": near, "models": len(behind), "behind": behind[behind > margin + 1e-9].agg(ENDS)}


def boxes(dataset: str) -> pd.DataFrame:
    """The boxes of the parity figure, a row a strategy."""
    return published.table("paper_parity").query("dataset == @dataset").set_index("strategy")


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
        own, other = (boxes(dataset).loc[name] for name in ("frozen_1_middle", "supervised"))
        whole = {
            "min": own["mean_at_least"] / other["mean_at_most"],
            "max": own["mean_at_most"] / other["mean_at_least"],
        }
        whole = {end: (value - 1) * 100 for end, value in whole.items()}
        return {"sizes": len(change), "change": change.agg(ENDS), "behind": behind.agg(ENDS), "whole": whole}
    rows = published.table("parity_deviation").query("dataset == @dataset")
    if dataset == "MESA":
        rows = rows[rows["metric"] == "error_rate_ratio"]
        means = rows.groupby("model")["parity_deviation"].mean()
        off = (rows["parity_deviation"] - (rows["value"] - 1).abs()).abs().max()
        own = boxes(dataset)
        worse = (own["mean_at_least"] > own.loc["supervised", "mean_at_most"]).sum()
        more = {"worse": worse, "all": len(own) - 1}
    else:
        means = rows[rows["metric"].str.startswith("mean over")].set_index("model")["parity_deviation"]
        printed = rows[(rows["model"] == "ssl_frozen1_first") & rows["metric"].isin(RATES)]["value"]
        off = abs((printed - 1).abs().mean() - means["ssl_frozen1_first"])
        auc = published.table("paper_auc").query("dataset == @dataset").set_index("strategy")["auc"]
        change = (means.drop("supervised") / means["supervised"] - 1) * 100
        nearest = (change + 30).abs().idxmin()
        assert nearest == "ssl_frozen2_first_last"
        more = {"change": change.agg(ENDS), "printed": len(printed), "auc": auc.agg(ENDS), "nearest": change[nearest]}
        more["loss"] = auc["frozen_2_first_last"] - auc["supervised"]
    return more | {"supervised": means["supervised"], "ssl": means.drop("supervised").agg(ENDS), "near": within(off)}


def gaps(own: pd.DataFrame, draws: int) -> dict:
    """Mean |Δ| over the segments of one dataset, beside what noise gives."""
    found = mean_gap_difference(own, draws)
    difference = tuple(found.pop(name) for name in ("difference", "low", "high"))
    values = {"beyond": int((own["gap"] > own["bound"]).sum()), "all": len(own), "near": _nearness()}
    return found | values | {"difference": difference, "dependent": own["dataset"].iloc[0] != "MIMIC"}


def u_shape(dataset: str) -> dict:
    """Partly frozen SSL models minus the two ends, of the boxes of the parity figure."""
    own = boxes(dataset).drop("supervised")
    ends = own.index.isin(ENDS_OF_UNFREEZING)
    means = {name: own.loc[~ends, name].mean() - own.loc[ends, name].mean() for name in ("median", "q3")}
    least, most = (own[f"mean_at_{end}"] for end in ("least", "most"))
    low, high = least[~ends].mean() - most[ends].mean(), most[~ends].mean() - least[ends].mean()
    return means | {"low": low, "high": high, "lowest": STRATEGY_NAMES[own["median"].idxmin()]}


def efficiency(dataset: str) -> dict:
    """AUC and parity deviation of SSL minus supervised over training sizes; MIMIC's only."""
    if dataset != "MIMIC":
        return {}
    rows = published.table("data_efficiency")
    rows = rows.pivot_table(index=["metric", "windows_per_code"], columns="model", values="value")
    change = (rows["ssl_frozen1_middle"] - rows["supervised"]).unstack("metric")
    values = {name: change[name].mean() for name in change} | {"sizes": len(change)}
    values["smaller"] = (change["deviation"] < 0).sum()
    return values | {"on_par": (change["auc"] >= -published.claims()["accuracy"]["margin"]).sum()}


def larger_gaps(dataset: str) -> dict:
    """Rank correlation of the printed gaps of four attributes of MIMIC."""
    if dataset != "MIMIC":
        return {}
    rows = published.table("paper_gaps").set_index("attribute")
    rho, p = rank_correlation(rows["auc_gap"], rows["cka_gap"])
    return {"gaps": (100 * rows["auc_gap"]).round().rename("value"), "cka": rows["cka_gap"], "rho": rho, "p": p}


def limits(dataset: str) -> dict:
    """SSL models of the two figures that are not on par, or surely farther from parity, on point values and bounds."""
    own, auc = boxes(dataset), published.table("paper_auc").query("dataset == @dataset").set_index("strategy")["auc"]
    behind = auc["supervised"] - auc.drop("supervised") > published.claims()["accuracy"]["margin"] + 1e-9
    wider = own["mean_at_least"].drop("supervised") > own.loc["supervised", "mean_at_most"]
    closer = own["mean_at_most"].drop("supervised") < own.loc["supervised", "mean_at_least"]
    values = {"behind": behind.sum(), "wider": wider.sum(), "closer": closer.sum(), "all": len(behind)}
    return values | {"both": (closer & ~behind).sum()}


def representations(dataset: str) -> dict:
    """Best minus worst segment in CKA, per attribute of MIMIC."""
    if dataset != "MIMIC":
        return {}
    sizes = published.table("cka_differences").assign(size=lambda t: t["value"].abs()).groupby("pair")["size"]
    means, largest = sizes.mean().sort_values(), sizes.max()
    ratios = {"of_means": means.max() / means.min(), "of_largest": largest.max() / largest.min()}
    return {"means": means, "candidate": candidates.thirteen()["ratio"][0]} | ratios


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
