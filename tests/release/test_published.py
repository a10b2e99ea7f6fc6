"""The published numbers in the book are those of the release: compared with the collection they were taken from."""

import re

import numpy as np
import pandas as pd
import pytest

from book.pages.tables import sentences
from book.release import beside as published_tables
from book.release import candidates, published
from fairlib.study.parameters import ROOT

GONE = ("Transgender", "Genderqueer", "Other")  # GLOBEM: one participant, or possibly one


def collection(shared, name: str) -> pd.DataFrame:
    return pd.read_csv(shared / "published" / f"{name}.csv")


def agree(ours: pd.DataFrame, theirs: pd.DataFrame, keys: list[str], renamed: dict[str, str]):
    """Every row of ours is one of theirs, with the same numbers and the same source."""
    theirs = theirs.rename(columns=renamed)
    found = ours.merge(theirs, on=[*keys, "source"], how="left", suffixes=("", "_there"), indicator=True)
    assert (found["_merge"] == "both").all()
    assert len(found) == len(ours)
    for column in set(renamed.values()) & set(ours.columns) - set(keys):
        np.testing.assert_array_equal(found[column], found[f"{column}_there"], err_msg=column)


def test_figure_6_is_the_spreadsheet_without_single_people(shared):
    ours, theirs = published.table("segment_performance"), collection(shared, "segment_performance")
    gone = (ours["dataset"] == "GLOBEM") & ours["segment"].isin(GONE)
    assert (len(theirs), int(theirs["value"].notna().sum()), len(ours)) == (70, 66, 70)
    assert ours.loc[gone, ["auc", "delta", "windows", "share"]].isna().all(axis=None)
    assert ours.loc[gone, "note"].str.contains("withheld").all()
    names = {"value": "auc", "delta_vs_overall": "delta", "implied_overall_auroc": "overall_auc"}
    names |= {"sample_size_whole_dataset": "windows", "share_of_attribute_total": "share"}
    agree(ours[~gone], theirs, ["dataset", "model", "attribute", "segment"], names)


def test_figure_6_has_62_rows_to_draw():
    rows = published.segments()
    assert len(rows) == 62
    assert rows.groupby(["dataset", "attribute", "segment"])["model"].nunique().eq(2).all()
    assert rows["test_windows"].notna().all()
    np.testing.assert_allclose(rows["auc"] - rows["overall_auc"], rows["delta"], atol=1e-9)
    assert set(rows.loc[rows["kind"] == "assumed", "segment"]) == {"Black", "Asian", "Hispanic"}
    assert set(rows.loc[rows["kind"] == "assumed", "dataset"]) == {"MESA"}


def test_test_windows_are_printed_counts(shared):
    ours, theirs = published.table("test_windows"), collection(shared, "segment_counts")
    theirs = theirs[theirs["split"] == "test"]
    printed = ours[ours["kind"] == "printed"]
    for row in printed.itertuples():
        there = theirs[(theirs["dataset"] == row.dataset) & (theirs["source"] == row.source)]
        assert row.test_windows in set(there["value"]), row
    assert not ours["segment"].isin(GONE[:2]).any()
    assert ours.loc[ours["kind"] == "assumed", "test_windows"].sum() == pytest.approx(266_064, abs=2)


def test_the_other_tables_are_the_release_s(shared):
    names = {"value": "auc", "ci_low": "low", "ci_high": "high"}
    theirs = collection(shared, "overall_performance").query("split == 'test' and metric == 'AUROC'")
    agree(published.table("overall_auc"), theirs, ["dataset", "model", "run_tag"], names)
    keys = ["dataset", "model", "run_tag", "attribute", "metric"]
    same = {name: name for name in ("value", "parity_deviation")}
    agree(published.table("parity_deviation"), collection(shared, "parity_deviation"), keys, same)
    shapes = collection(shared, "dataset_shapes")
    agree(published.table("dataset_shapes"), shapes, ["dataset", "split", "metric"], {"value": "value"})
    efficiency = collection(shared, "data_efficiency").replace(
        {"AUROC": "auc", "mean parity deviation (6 ratio metrics x 6 attributes)": "deviation"}
    )
    names = {"samples_per_raw_ethnicity_code": "windows_per_code", "value": "value", "ci_low": "low", "ci_high": "high"}
    agree(published.table("data_efficiency"), efficiency, ["dataset", "model", "windows_per_code", "metric"], names)
    differences = collection(shared, "cka").query("metric == 'cka difference'")
    names = {"segment": "pair", "n_samples": "windows", "value": "value"}
    agree(published.table("cka_differences"), differences, ["dataset", "layer_y", "layer_x", "pair"], names)


def test_the_pictures_are_those_of_the_collection(shared):
    """Values of the paper's own figures, by dataset and strategy; those of the notebooks' heat maps by their cell."""
    for ours, theirs, columns in (
        ("paper_auc", "paper_figure_auc", {"value": "auc"}),
        ("paper_parity", "paper_figure_parity", {}),
        (
            "paper_gaps",
            "paper_figure_gaps",
            {"best_minus_worst_auc_ssl": "auc_gap", "representation_gap_mean_abs": "cka_gap"},
        ),
    ):
        there = collection(shared, theirs).rename(columns=columns).assign(dataset=lambda t: t["dataset"].str.upper())
        there, keys = (
            there.replace({"strategy": candidates.RELEASED}),
            ["dataset", "attribute" if ours == "paper_gaps" else "strategy"],
        )
        here = published.table(ours).select_dtypes(["number"]).join(published.table(ours)[keys]).set_index(keys)
        pd.testing.assert_frame_equal(here, there.set_index(keys)[list(here)])
    here, notebook, picture = (
        published.table("paper_cka"),
        collection(shared, "cka"),
        collection(shared, "paper_figure_cka"),
    )
    drawn = here["source"].str.startswith("GitHub")
    for (attribute, role), own in here[drawn].groupby(["attribute", "role"]):
        titles = {"balanced": f"{attribute} 'balanced'", "worst": "Medicaid"}
        there = picture[picture["panel"].str.contains(titles[role])]
        np.testing.assert_array_equal(own["value"], there["value"])
    found = here[~drawn].merge(notebook, on=["source", "layer_y", "layer_x", "value"], how="left", indicator=True)
    assert (found["_merge"] == "both").all()
    assert (found["windows"] == found["n_samples"].astype(float)).all()
    assert here.groupby(["attribute", "role"]).size().eq(9).all()
    assert len(here) == 108


def test_candidates_for_thirty_percent_and_thirteen():
    rows = candidates.thirty().set_index(["dataset", "strategy"])
    exact = rows[np.isclose(rows["low"], rows["high"])]
    assert set(exact.index.get_level_values("dataset")) == {"GLOBEM"}
    assert exact.index[exact["fits"] & exact["on_par"]].tolist() == [("GLOBEM", "frozen_2_first_last")]
    assert rows.loc[("MIMIC", "frozen_1_middle"), "low"] == pytest.approx(0.187 / 0.292 - 1)
    assert not rows.xs("MESA")["fits"].any()
    assert candidates.thirteen()["ratio"].round(1).tolist() == [13.0, 12.8, 12.9, 7.5, 5.7]
    assert candidates.thirty_table().attrs["heads"] == 2
    assert len(candidates.thirteen_table()) == 5


def test_held_out_counts():
    assert published.held_out("MIMIC") == (3236, pytest.approx(374 / 3236))
    assert published.held_out("MESA")[0] == 452_015
    assert published.held_out("GLOBEM") == (1083, pytest.approx(407 / 1083))


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("dataset,model", "data,model", "columns are"),
        (
            "GLOBEM,Supervised,Disability,No,0.53,",
            "GLOBEM,Supervised,Disability,No,5.3,",
            "line 2: auc is 5.3, not in 0 to 1",
        ),
        ("SampleSizeVSPerformance.xlsx row 2,", ",", "line 2: a published number needs its source"),
    ],
)
def test_a_table_that_cannot_be_right_is_refused(tmp_path, monkeypatch, before, after, message):
    text = (published.FOLDER / "segment_performance.csv").read_text()
    assert before in text
    (tmp_path / "segment_performance.csv").write_text(text.replace(before, after, 1))
    monkeypatch.setattr(published, "FOLDER", tmp_path)
    with pytest.raises(published.PublishedError, match=message):
        published._read.__wrapped__("segment_performance")


def test_an_unknown_table_is_named():
    with pytest.raises(published.PublishedError, match="no published table 'figure_7'"):
        published.table("figure_7")


def test_claims_state_where_they_stand_and_how_they_are_judged():
    claims = published.claims()
    further = ["u_shape", "efficiency", "gaps", "representations", "larger_gaps", "limits"]
    assert list(claims) == ["accuracy", "disparity", *further]
    assert all(claim["claim"] and claim["stands"] and claim["judged"] for claim in claims.values())
    assert (
        f"−{claims['accuracy']['margin']}" in claims["accuracy"]["judged"]
    )  # the text and the number that is used agree
    assert claims["accuracy"]["margin"] == sentences.MARGIN  # one rule on all pages


SOURCES_OF = {
    "F-segments": "segment_counts",
    "F-label-bias": "dataset_bias",
    "T-performance": "overall_performance",
    "T-conditioned": "conditioned_auc",
    "F-cka": "cka",
    "T-distances": "distances",
}


def test_what_stands_beside_ours_is_the_release_s(shared):
    """Every value is one of the collection, with its source; the number of rejected tests is a sum of printed ones."""
    ours = published.table("beside")
    for item, name in SOURCES_OF.items():
        theirs = collection(shared, name)
        known = set(zip(theirs["dataset"], theirs["source"], theirs["value"].round(9), strict=True))
        own = ours[ours["item"] == item]
        assert len(own)
        assert set(zip(own["dataset"], own["source"], own["value"].round(9), strict=True)) <= known, item
    tests = collection(shared, "representation_tests").query("metric.str.startswith('null rejected')")
    counted = ours[ours["item"] == "F-embedding"].set_index("subject")["value"]
    for model, own in tests.groupby("model"):
        assert counted[model.split(" (")[0]] == own["value"].sum()
    assert set(ours["item"]) == {*SOURCES_OF, "F-embedding"} == set(published_tables.TITLES)


def test_what_stands_beside_ours_names_no_small_group():
    ours = published.table("beside")
    assert not ours["subject"].str.contains("|".join(GONE[:2])).any()
    assert (ours.loc[ours["measure"] == "windows", "value"] >= 11).all()


@pytest.mark.parametrize("dataset", ["mimic", "mesa", "globem", "challenge2012", "example_table"])
def test_tables_beside_ours_are_small_and_empty_for_other_data(dataset):
    for item in published_tables.TITLES:
        table, title = published_tables.beside(item, dataset)
        assert title.startswith("Published: ")
        assert len(table) < 60  # the gate's limit for a page with real data
        assert len(table) == 0 or (table["source"] != "").all()
        assert len(table) == 0 or dataset not in ("challenge2012", "example_table")


def test_the_literature_page_holds_no_number_that_was_not_read(shared):
    """Years, addresses and all: each number of a row is in the collection that the page was written from."""
    known = (shared / "published" / "literature.csv").read_text(encoding="utf-8")
    text = (ROOT / "book" / "literature.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ") and re.search(r"\d", line)]
    assert len(rows) > 20
    for row in rows:
        lost = [number for number in re.findall(r"\d(?:[\d.,]*\d)?", row) if number not in known]
        assert not lost, (lost, row)
