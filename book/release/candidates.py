"""Where "up to 30 %" and "×13" of the abstract may come from: candidates from published numbers, and no more.

The abstract names neither the dataset, the metric and the model of the first, nor the attributes and the summary of
nine values of CKA of the second.
"""

import pandas as pd

from fairlib.report.columns import Column, typed
from fairlib.strategies import STRATEGY_NAMES
from fairlib.text import signed

from . import published

THIRTY, NEAR = -0.30, 0.005  # the claim, and half of its last printed digit
#: Models in ``parity_deviation``, where the release names them.
RELEASED = {
    "supervised": "supervised",
    "ssl_frozen0": "frozen_0",
    "ssl_frozen1_middle": "frozen_1_middle",
    "ssl_frozen1_first": "frozen_1_first",
    "ssl_frozen2_first_middle": "frozen_2_first_middle",
    "ssl_frozen2_first_last": "frozen_2_first_last",
    "ssl_frozen3_all": "frozen_3",
}


def thirty() -> pd.DataFrame:
    """Each published SSL model against the supervised one of its dataset, with all labels.

    Columns: dataset, strategy, low and high of the relative change in mean parity deviation over six ratio metrics and
    all attributes (equal where the means are printed; bounded by the boxes of the parity figure otherwise), auc_change,
    fits (−30 % to the last printed digit is possible), and on_par (AUC at most the margin of ``claims`` lower).
    """
    means, auc = mean_deviations(), published.table("paper_auc").set_index(["dataset", "strategy"])["auc"]
    records = []
    for (dataset, strategy), own in means.iterrows():
        if strategy == "supervised":
            continue
        other, change = means.loc[(dataset, "supervised")], auc[dataset, strategy] - auc[dataset, "supervised"]
        low, high = own["low"] / other["high"] - 1, own["high"] / other["low"] - 1
        records.append((dataset, strategy, low, high, change, low - NEAR <= THIRTY <= high + NEAR))
    columns = ["dataset", "strategy", "low", "high", "auc_change", "fits"]
    margin = published.claims()["accuracy"]["margin"]
    return pd.DataFrame(records, columns=columns).assign(on_par=lambda t: t["auc_change"] >= -margin - 1e-9)


def mean_deviations() -> pd.DataFrame:
    """Mean parity deviation of each published model as low and high: printed for GLOBEM, bounded by its box elsewhere.

    Index: dataset, strategy.
    """
    boxes = published.table("paper_parity").set_index(["dataset", "strategy"])
    bounds = boxes[["mean_at_least", "mean_at_most"]].set_axis(["low", "high"], axis=1)
    rows = published.table("parity_deviation")
    printed = rows[rows["metric"].str.startswith("mean over")]
    for row in printed.itertuples():
        bounds.loc[(row.dataset, RELEASED[row.model])] = row.parity_deviation
    return bounds


def thirteen() -> pd.DataFrame:
    """Ratios of two summaries of the differences in CKA between best- and worst-served segment, four attributes.

    Columns: what, above and below the line, ratio.
    """
    size = published.table("cka_differences").assign(size=lambda t: t["value"].abs()).groupby("pair")["size"]
    mean, least, most = size.mean(), size.min(), size.max()
    pay, race = "Self Pay minus Medicaid", "Hispanic minus Black"
    gender, language = "Male minus Female", "English minus Non-English"
    found = {
        "largest of nine, insurance ÷ mean of nine, language": (most[pay], mean[language]),
        "the same, the mean rounded to two digits": (most[pay], round(mean[language], 2)),
        "largest of nine, race ÷ smallest of nine, gender": (most[race], least[gender]),
        "mean of nine, insurance ÷ mean of nine, language": (mean[pay], mean[language]),
        "largest of nine, insurance ÷ largest of nine, language": (most[pay], most[language]),
    }
    rows = [(what, above, below, above / below) for what, (above, below) in found.items()]
    return pd.DataFrame(rows, columns=["what", "above", "below", "ratio"])


def thirty_table() -> pd.DataFrame:
    """``thirty`` to be shown."""
    rows = thirty()
    ends = 100 * rows[["low", "high"]].to_numpy()
    change = [signed(low, 0) + f" to {signed(high, 0)}" * bool(high > low + 1e-9) + " %" for low, high in ends]
    rows = rows.assign(
        model=rows["strategy"].map(STRATEGY_NAMES),
        change=change,
        fits=rows["fits"].map({True: "yes", False: "no"}),
        on_par=rows["on_par"].map({True: "yes", False: "no"}),
    )
    return typed(
        rows,
        ["dataset", "model"],
        change=Column("change in mean parity deviation"),
        fits=Column("−30 % possible"),
        auc_change=Column("AUC, SSL − supervised", "signed"),
        on_par=Column("AUC at most 0.02 lower"),
    )


def thirteen_table() -> pd.DataFrame:
    """``thirteen`` to be shown."""
    shown = {name: Column(title, "number") for name, title in (("above", "numerator"), ("below", "denominator"))}
    shown["ratio"] = Column("ratio", "number", 2)
    return typed(thirteen().rename(columns={"what": "summary"}), ["summary"], **shown)
