"""T-headline, published side: what the released numbers say on each claim, computed again from them, with limits."""

import numpy as np
import pandas as pd

from fairlib.fairness import RATES
from fairlib.measures.noise import auc_variance, mean_gap_difference
from fairlib.text import LEVEL_WORDS, number, signed, with_interval

from . import published

RECOMPUTED, NOT_RELEASED = "recomputed from published numbers", "not released"
NAMES = {"MIMIC": "MIMIC-III", "MESA": "MESA", "GLOBEM": "GLOBEM"}
INDEPENDENT = " if windows were independent, which they are not"
FIGURE6 = "SampleSizeVSPerformance.xlsx"


def record(dataset: str, paper: str, source: str, verdict: str, cause: str) -> dict[str, str]:
    """One line of T-headline about published numbers."""
    return {
        "data": f"{NAMES[dataset]}, published",
        "number": paper,
        "source": source,
        "verdict": verdict,
        "cause": cause,
    }


def within(off: float) -> str:
    """How near a recomputation comes to what was printed: the next power of ten."""
    return "to the last digit" if off < 1e-9 else f"within {10 ** np.ceil(np.log10(off) - 1e-9):.7f}".rstrip("0")


def accuracy() -> list[dict[str, str]]:
    """Overall AUC, implied by each segment's AUC and its gap."""
    rows, records = published.segments(), []
    verdict = f"{RECOMPUTED} (every segment's AUC and gap imply it, {within(_spread(rows))})"
    for dataset in NAMES:
        own = rows[rows["dataset"] == dataset].groupby("model")["overall_auc"].first()
        windows, share = published.held_out(dataset)
        error = float(np.sqrt(auc_variance(own["Supervised"], share * windows, (1 - share) * windows)))
        change = signed(own["SSL"] - own["Supervised"])
        paper = f"supervised {number(own['Supervised'])}, SSL {number(own['SSL'])}: {change}"
        cause = f"one run and no interval; sampling gives each AUC a standard error of {number(error, 4)}"
        records.append(record(dataset, paper, FIGURE6, verdict, cause + INDEPENDENT * (dataset != "MIMIC")))
    return records


def _spread(rows: pd.DataFrame) -> float:
    """How far the AUCs of everybody, implied by each segment's AUC and gap, lie apart within a model."""
    implied = (rows["auc"] - rows["delta"]).groupby([rows["dataset"], rows["model"]])
    return float((implied.max() - implied.min()).max())


def disparity() -> list[dict[str, str]]:
    """Parity deviations: means over metrics (GLOBEM), over training sizes (MIMIC), of the error rate (MESA)."""
    return [_mimic_deviation(), _mesa_deviation(), _globem_deviation()]


def _globem_deviation() -> dict[str, str]:
    rows = published.table("parity_deviation")
    rows = rows[rows["dataset"] == "GLOBEM"]
    means = rows[rows["metric"].str.startswith("mean over")].set_index("model")["parity_deviation"]
    printed = rows[(rows["model"] == "ssl_frozen1_first") & rows["metric"].isin(RATES)]
    off = abs(float((printed["value"] - 1).abs().mean()) - means["ssl_frozen1_first"])
    others = means.drop("supervised")
    change = (others / means["supervised"] - 1) * 100
    paper = f"supervised {number(means['supervised'])}, six SSL models {number(others.min())} to {number(others.max())}"
    paper += f": {signed(change.min(), 0)}\u00a0% to {signed(change.max(), 0)}\u00a0%"
    verdict = f"{RECOMPUTED} (one model's mean from its {len(printed)} printed ratios, {within(off)})"
    areas = published.table("overall_auc")
    areas = areas.loc[areas["dataset"] == "GLOBEM", "auc"]
    cause = f"the overall AUCs printed of this dataset lie between {number(areas.min())} and {number(areas.max())},"
    cause += " near chance, so these ratios say nothing (D24)"
    return record("GLOBEM", paper, "visualizations.ipynb cells 17 and 20", verdict, cause)


def _mimic_deviation() -> dict[str, str]:
    rows = published.table("data_efficiency")
    rows = rows.pivot_table(index=["metric", "windows_per_code"], columns="model", values="value")
    deviation, auc = rows.loc["deviation"], rows.loc["auc"]
    change = (deviation["ssl_frozen1_middle"] / deviation["supervised"] - 1) * 100
    behind = auc["supervised"] - auc["ssl_frozen1_middle"]
    paper = f"{len(change)} small training sets, middle frozen: {signed(change.min(), 0)}\u00a0%"
    paper += f" to {signed(change.max(), 0)}\u00a0%; all the data: {NOT_RELEASED}"
    cause = f"in the same runs the AUC of SSL is lower by {number(behind.min())} to {number(behind.max())}; the two"
    cause += " sides differ in settings and architecture (D15, D19)"
    verdict = f"{RECOMPUTED} (read from a figure, within 0.003)"
    return record("MIMIC", paper, "visualizations.ipynb cells 77, 80, 82", verdict, cause)


def _mesa_deviation() -> dict[str, str]:
    rows = published.table("parity_deviation")
    rows = rows[(rows["dataset"] == "MESA") & (rows["metric"] == "error_rate_ratio")]
    off = float((rows["parity_deviation"] - (rows["value"] - 1).abs()).abs().max())
    means = rows.groupby("model")["parity_deviation"].mean()
    others = means.drop("supervised")
    paper = f"error rate, mean of four attributes: supervised {number(means['supervised'])}, six SSL models"
    paper += f" {number(others.min())} to {number(others.max())}"
    cause = "scored against another label than the models were trained on (D1), so it says nothing on the claim"
    return record("MESA", paper, "visualizations.ipynb cell 21", f"{RECOMPUTED} (|1 − ratio|, {within(off)})", cause)


def gaps(rows: pd.DataFrame, draws: int) -> list[dict[str, str]]:
    """Mean |Δ| over segments, beside what noise gives. rows: ``synthesis.published_rows``."""
    verdict, records = f"{RECOMPUTED} (every gap leads back to one AUC of everybody, {within(_spread(rows))})", []
    for dataset in NAMES:
        own = rows[rows["dataset"] == dataset]
        found = mean_gap_difference(own, draws)
        beyond = int((own["gap"] > own["bound"]).sum())
        difference = with_interval(*(found[name] for name in ("difference", "low", "high")), sign=True)
        paper = f"mean |Δ| of {found['segments']} segments: supervised {number(found['supervised'])}, SSL"
        paper += f" {number(found['ssl'])}: {difference}"
        cause = f"noise alone would give a mean of {number(found['expected'], 4)}; {beyond} of {len(own)} gaps lie"
        cause += f" beyond its {LEVEL_WORDS} bound" + INDEPENDENT * (dataset != "MIMIC")
        records.append(record(dataset, paper, FIGURE6, verdict, cause))
    return records


def representations() -> list[dict[str, str]]:
    """Best minus worst segment in CKA, per attribute of MIMIC."""
    values = published.table("cka_differences").assign(size=lambda t: t["value"].abs()).groupby("pair")["size"]
    means, largest = values.mean().sort_values(), values.max()
    listed = "; ".join(f"{pair} {number(value, 2)}" for pair, value in means.items())
    ratios = [float(found.max() / found.min()) for found in (means, largest)]
    verdict = f"{RECOMPUTED} (two decimals): ×{ratios[0]:.1f} from means, ×{ratios[1]:.1f} from the largest values;"
    verdict += " which summary gave 13 is unknown"
    cause = (
        "the two segments differ in size, down to 122 against 1,252 training windows (D33), and size alone moves CKA"
    )
    paper = f"up to ×13; mean |difference| of nine values: {listed}"
    records = [record("MIMIC", paper, "representation similarity.ipynb cells 54, 63, 71, 78", verdict, cause)]
    for dataset in ("MESA", "GLOBEM"):
        reason = "no CKA per segment of this dataset is in the release"
        records.append(record(dataset, NOT_RELEASED, "–", NOT_RELEASED, reason))
    return records
