"""The paper's published numbers, from ``book/release``: facts with their sources, read and checked.

A missing number is one that the release does not print, or one that is left out because it may describe one person.
"""

from functools import cache
from hashlib import sha256
from pathlib import Path

import pandas as pd
import yaml

from fairlib.report.provenance import Provenance

from ..pages.contracts import Synthesis
from ..pages.provenance import collected

FOLDER = Path(__file__).parent
RELEASE = "Nokia-Bell-Labs/SSLfairness, commit f7a01b6"

#: Columns of each table; every one ends with where the number stands and a note.
COLUMNS = {
    "segment_performance": "dataset model attribute segment auc delta overall_auc windows share",
    "test_windows": "dataset attribute segment test_windows kind",
    "overall_auc": "dataset model run_tag auc low high",
    "parity_deviation": "dataset model run_tag attribute metric value parity_deviation",
    "data_efficiency": "dataset model windows_per_code metric value low high",
    "cka_differences": "dataset layer_y layer_x pair windows value kind",
    "dataset_shapes": "dataset split metric value",
    "beside": "item dataset subject measure value low high",
    "audit": "finding dataset item group value kind",
    "paper_auc": "dataset strategy auc",
    "paper_parity": "dataset strategy lower_whisker q1 median q3 upper_whisker outliers mean_at_least mean_at_most",
    "paper_cka": "dataset attribute role segment layer_y layer_x windows value",
    "paper_gaps": "dataset attribute auc_gap cka_gap",
}
#: Columns of numbers and the range that they must keep to; NaN is allowed.
RANGES = dict.fromkeys(("auc", "overall_auc", "share", "low", "high"), (0, 1))
RANGES |= dict.fromkeys(("test_windows", "windows_per_code"), (1, 1e7))
RANGES |= {"delta": (-1, 1), "parity_deviation": (0, 10)}
RANGES |= dict.fromkeys(("median", "q1", "q3", "mean_at_least", "mean_at_most"), (0, 10))
RANGES |= dict.fromkeys(("auc_gap", "cka_gap"), (0, 1))


class PublishedError(ValueError):
    """A table of published numbers is not what it should be."""


@cache
def _read(name: str) -> pd.DataFrame:
    path = FOLDER / f"{name}.csv"
    table = pd.read_csv(path, keep_default_na=False, na_values=[""])
    wanted = [*COLUMNS[name].split(), "source", "note"]
    if list(table) != wanted:
        raise PublishedError(f"{path}: columns are {list(table)}, they should be {wanted}")
    if table["source"].isna().any():
        raise PublishedError(f"{path}, line {table['source'].isna().idxmax() + 2}: a published number needs its source")
    for column in RANGES.keys() & set(table):
        low, high = RANGES[column]
        wrong = table[column].notna() & ~table[column].between(low, high)
        if wrong.any():
            line = int(wrong.idxmax()) + 2
            raise PublishedError(f"{path}, line {line}: {column} is {table[column][line - 2]}, not in {low} to {high}")
    return table.assign(note=table["note"].fillna(""))


def table(name: str) -> pd.DataFrame:
    """One table of published numbers, by its file's name; raises ``PublishedError`` where a number cannot be right."""
    if name not in COLUMNS:
        raise PublishedError(f"no published table {name!r}; there are {', '.join(COLUMNS)}")
    return _read(name).copy()


@cache
def claims() -> dict[str, dict]:
    """The paper's claims in our words, by id: the claim, where it stands, how this book judges it, and its lines."""
    return {claim["id"]: claim for claim in yaml.safe_load((FOLDER / "claims.yaml").read_text(encoding="utf-8"))}


def fingerprint() -> str:
    """SHA-256 of all published numbers, for provenance."""
    paths = sorted((*FOLDER.glob("*.csv"), *FOLDER.glob("*.yaml")))
    return sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()


def segments() -> pd.DataFrame:
    """Figure 6's rows with an AUC that may be shown, and the test windows behind each.

    Columns: dataset, model ("Supervised" or "SSL"), attribute, segment, auc, delta, overall_auc, windows (whole data
    set), share (of the attribute's windows), test_windows, kind ("printed" or "assumed").
    """
    rows = table("segment_performance").dropna(subset="auc")
    sizes = table("test_windows").drop(columns=["source", "note"])
    return rows.merge(sizes, on=["dataset", "attribute", "segment"], how="left", validate="many_to_one")


def held_out(dataset: str) -> tuple[int, float]:
    """Test windows of a dataset and the share of them that is positive, from its printed label counts."""
    rows = table("dataset_shapes")
    rows = rows[(rows["dataset"] == dataset) & (rows["split"] == "test")].set_index("metric")["value"]
    positive = next(rows[name] for name in ("label_gt_1", "label_1") if name in rows)
    return int(rows["samples"]), float(positive / rows["samples"])


def of_release(p: Synthesis) -> Provenance:
    """The provenance of what the paper's code release prints, on a page with these parameters."""
    p = type(p)(draws=p.draws) if "cases" in type(p).model_fields else p  # whichever cases
    return collected(p, "published", f"Yfantidou et al. (2024), code release {RELEASE}", fingerprint())
