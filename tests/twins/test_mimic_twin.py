"""The MIMIC twin: official layout, same seed same bytes, published shares, planted disparities, learnable signals."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from fairlib import baselines, cards, readers, twins
from fairlib.finetuning import Windows
from fairlib.twins import mimic, people
from fairlib.twins.mimic import TwinSpec
from fairlib.twins.people import SpecError


@pytest.fixture(scope="module")
def twin(tmp_path_factory) -> Path:
    return mimic.write(tmp_path_factory.mktemp("twin") / "mimic", seed=3)


@pytest.fixture(scope="module")
def cohort(twin):
    return readers.read("mimic", twin)


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Path:
    return mimic.write(tmp_path_factory.mktemp("small") / "mimic", {"windows": 240}, seed=5)


def digest(folder: Path) -> dict[str, str]:
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def test_layout_is_the_official_one(small):
    task = small / "in-hospital-mortality"
    lists = {file.relative_to(task).as_posix() for file in task.rglob("*listfile.csv")}
    official = {"train/listfile.csv", "test/listfile.csv"} | {f"{s}_listfile.csv" for s in ("train", "val", "test")}
    assert lists == official
    assert (task / "test_listfile.csv").read_bytes() == (task / "test" / "listfile.csv").read_bytes()
    stays = {name: (task / f"{name}.csv").read_text().splitlines()[1:] for name in ("test/listfile", "train/listfile")}
    assert stays["test/listfile"] == sorted(stays["test/listfile"])
    assert stays["train/listfile"] != sorted(stays["train/listfile"])
    parts = [set((task / f"{s}_listfile.csv").read_text().splitlines()[1:]) for s in ("train", "val")]
    assert parts[0] | parts[1] == set(stays["train/listfile"])
    assert not parts[0] & parts[1]
    headers = {name: (small / f"{name}.csv").open().readline() for name in ("ADMISSIONS", "PATIENTS", "ICUSTAYS")}
    assert headers["PATIENTS"] == "ROW_ID,SUBJECT_ID,GENDER,DOB,DOD,DOD_HOSP,DOD_SSN,EXPIRE_FLAG\n"
    assert headers["ICUSTAYS"].startswith("ROW_ID,SUBJECT_ID,HADM_ID,ICUSTAY_ID,DBSOURCE,FIRST_CAREUNIT,LAST_CAREUNIT,")
    assert headers["ADMISSIONS"].count(",") == 18


def test_same_seed_same_bytes_and_another_seed_other_bytes(small, tmp_path):
    again = mimic.write(tmp_path / "again", TwinSpec(windows=240), seed=5)
    assert digest(again) == digest(small)
    other = mimic.write(tmp_path / "other", TwinSpec(windows=240), seed=6)
    assert digest(other) != digest(small)
    assert digest(mimic.write(again, TwinSpec(windows=240), seed=6)) == digest(other)  # an older twin is replaced whole


@pytest.mark.parametrize("seed", range(8))
def test_small_twins_have_deaths_in_every_split(seed):
    stays = mimic._stays(TwinSpec(windows=240), seed)
    deaths = stays.groupby("split")["label"].sum()
    assert deaths["test"] >= 8
    assert deaths["val"] >= 3
    assert deaths["train"] >= 3
    assert (stays.groupby("split")["label"].size() > deaths).all()
    assert len(stays) == 240


def test_people_are_in_one_split_in_the_official_proportions(cohort):
    assert pd.DataFrame({"person": cohort.person, "split": cohort.split}).drop_duplicates()["person"].is_unique
    share = {split: len(cohort.rows(split)) / len(cohort) for split in ("train", "val", "test")}
    for split, official in (("train", 14681), ("val", 3222), ("test", 3236)):
        assert share[split] == pytest.approx(official / 21139, abs=0.01)
    assert len(cohort) / len(np.unique(cohort.person)) == pytest.approx(21139 / 18093, abs=0.03)
    rates = [cohort.y[cohort.rows(split)].mean() for split in ("train", "val", "test")]
    assert max(rates) - min(rates) < 0.01


def test_episodes_are_irregular_and_in_the_texts_of_both_systems(twin):
    files = sorted((twin / "in-hospital-mortality" / "test").glob("*_timeseries.csv"))[:200]
    frames = [pd.read_csv(file, dtype=str, keep_default_na=False) for file in files]
    assert 40 <= np.mean([len(frame) for frame in frames]) <= 80
    verbal = [set(frame["Glascow coma scale verbal response"]) - {""} for frame in frames]
    carevue = [bool({"5 Oriented", "4 Confused", "1.0 ET/Trach"} & texts) for texts in verbal]
    metavision = [bool({"Oriented", "Confused", "No Response-ETT"} & texts) for texts in verbal]
    assert sum(carevue) > 60
    assert sum(metavision) > 60
    assert not any(a and b for a, b in zip(carevue, metavision, strict=True))  # a stay is of one system
    minutes = [pd.to_numeric(frame["Hours"]).diff().dropna() for frame in frames]
    assert all((gaps > 0).all() for gaps in minutes)
    assert np.mean([gaps.nunique() for gaps in minutes]) > 10
    assert 0.3 < np.mean([(frame == "").to_numpy().mean() for frame in frames]) < 0.8


def test_shares_and_death_rates_follow_the_published_counts():
    stays = mimic._stays(TwinSpec(windows=40_000).without_disparities(), 1)
    assert stays["label"].mean() == pytest.approx(2797 / 21139, abs=0.006)
    stays = mimic._stays(TwinSpec(windows=40_000, label_noise={}), 1)
    published = {("gender", "Male"): (0.550121, 0.130192), ("age", ">=65"): (0.548181, 0.160252)}
    published |= {("insurance", "Private"): (0.28885, 0.10678), ("ethnicity", "White"): (0.70325, 0.12929)}
    published |= {("ethnicity", "Black"): (0.0962, 0.092399), ("language", "unknown"): (7420 / 21139, 0.18531)}
    for (attribute, segment), (share, rate) in published.items():
        rows = stays[stays[attribute] == segment]
        assert len(rows) / len(stays) == pytest.approx(share, abs=0.015), segment
        assert rows["label"].mean() == pytest.approx(rate, abs=4.5 * np.sqrt(rate / len(rows))), segment


def test_attributes_survive_the_way_through_files(twin, cohort):
    """The model's own segments, and those that the reader finds by ICUSTAYS, are the same."""
    stays = mimic._stays(TwinSpec(), 3).set_index("file")
    task, files = twin / "in-hospital-mortality", []
    for split in ("train", "val", "test"):
        files += [line.split(",")[0] for line in (task / f"{split}_listfile.csv").read_text().splitlines()[1:]]
    stays = stays.loc[files]
    for name in cards.load("mimic").attributes:
        read = cohort.attributes[name].astype(object).fillna(people.UNKNOWN)
        assert (read.to_numpy() == stays[name].to_numpy()).all(), name
    assert cohort.y.tolist() == stays["label"].tolist()
    ages = pd.read_csv(twin / "PATIENTS.csv")["DOB"].str[:4].astype(int)
    assert (ages < 1950).any()  # people over 89, whose dates of birth are shifted


def test_without_icustays_unclear_attributes_are_missing(small, tmp_path):
    (tmp_path / "in-hospital-mortality").symlink_to(small / "in-hospital-mortality")
    for name in ("ADMISSIONS.csv", "PATIENTS.csv", "TWIN.json"):
        (tmp_path / name).symlink_to(small / name)
    joined, unclear = readers.read("mimic", small), readers.read("mimic", tmp_path)
    assert (unclear.x == joined.x).all()
    assert unclear.origin == joined.origin == "twin"
    missing = unclear.attributes["insurance"].isna() & joined.attributes["insurance"].notna()
    assert 0 < missing.sum() < 60
    known = unclear.attributes["insurance"].notna()
    assert (unclear.attributes["insurance"][known] == joined.attributes["insurance"][known]).mean() > 0.99


def test_a_simple_model_learns_the_outcome(cohort):
    train, test = ([cohort.x[rows], cohort.y[rows]] for rows in (cohort.rows("train"), cohort.rows("test")))
    found = baselines.fit("logistic_regression", Windows(*train), cohort.person[cohort.rows("train")], 1)
    assert 0.80 <= roc_auc_score(test[1], found.predict(test[0])) <= 0.88


def test_twin_json_says_what_is_planted(small):
    told = json.loads((small / "TWIN.json").read_text())
    assert told["synthetic"] is True
    assert told["seed"] == 5
    assert told["spec"]["windows"] == 240
    planted = {(row["knob"], row["attribute"], row["segment"]): row["value"] for row in told["planted_disparities"]}
    assert planted[("label_noise", "insurance", "Medicaid")] == TwinSpec().label_noise["insurance"]["Medicaid"]
    assert ("noise", "ethnicity", "Black") in planted
    assert ("missingness", "language", "Other") in planted
    assert all(row["unit"] and row["zero"] for row in told["planted_disparities"])
    assert (
        told["realised"]["all"]["windows"]
        == sum(part["windows"] for part in told["realised"]["splits"].values())
        == 240
    )


def test_knobs_do_what_they_say():
    spec = TwinSpec(windows=20_000)
    fair = mimic._stays(spec.without_disparities(), 1)
    assert (fair[["noise", "charted"]] == 1).all(axis=None)
    assert (fair["redrawn"] == 0).all()
    assert (fair["label"] == fair["outcome"]).all()
    assert fair["log_odds"].std() < 1e-9
    assert spec.without_disparities().planted() == []
    stays = mimic._stays(spec, 1)
    both = stays[(stays["ethnicity"] == "Black") & (stays["language"] == "Other")]
    assert both["noise"].unique() == pytest.approx([1.5 * 1.3])
    assert both["charted"].unique() == pytest.approx([0.7 * 0.8])
    medicaid = stays[stays["insurance"] == "Medicaid"]
    assert (medicaid["label"] != medicaid["outcome"]).any()
    assert (stays["label"] == stays["outcome"])[stays["insurance"] != "Medicaid"].all()
    rare = mimic._stays(replace(spec, share={"ethnicity": {"Black": -2.0}}), 1)
    ratio = (rare["ethnicity"] == "Black").mean() / (stays["ethnicity"] == "Black").mean()
    assert ratio == pytest.approx(np.exp(-2), rel=0.25)


def test_planted_noise_and_missingness_are_in_the_signals(tmp_path):
    spec = TwinSpec(
        windows=1500, severity=2.0, noise={"gender": {"Female": 1.0}}, missingness={"gender": {"Female": 0.5}}
    )
    cohort = readers.read("mimic", mimic.write(tmp_path / "twin", spec))
    women = (cohort.attributes["gender"] == "Female").to_numpy()
    rate, mask = cohort.x[:, :, 50], cohort.x[:, :, 67]
    assert mask[women].mean() / mask[~women].mean() == pytest.approx(0.55, abs=0.06)
    assert rate[women].mean(axis=1).std() > 1.4 * rate[~women].mean(axis=1).std()


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"window": 300}, ["unknown knob", "'window'", "'windows'"]),
        ({"windows": 20}, ["windows", "from 200"]),
        ({"windows": 300.5}, ["whole number", "300.5"]),
        ({"noise": {"ethnicity": {"Blak": 1}}}, ["'Blak'", "'Black'"]),
        ({"noise": {"etnicity": {"Black": 1}}}, ["'etnicity'", "'ethnicity'"]),
        ({"missingness": {"ethnicity": {"Black": 1.5}}}, ["missingness of ethnicity Black", "0.95", "1.5"]),
        ({"label_noise": {"ethnicity": 0.2}}, ["label_noise"]),
        ({"prevalence": -1}, ["prevalence", "-1"]),
    ],
)
def test_wrong_specs_are_refused_in_words(tmp_path, spec, words):
    with pytest.raises(SpecError) as caught:
        twins.write("mimic", tmp_path / "twin", spec)
    assert all(word in str(caught.value) for word in words)
    assert not (tmp_path / "twin").exists()


def test_a_spec_may_come_from_yaml(tmp_path):
    (tmp_path / "spec.yaml").write_text("windows: 240\nlabel_noise: {}\n")
    spec = people.load(TwinSpec, tmp_path / "spec.yaml")
    assert spec == TwinSpec(windows=240, label_noise={})
    with pytest.raises(SpecError, match="no readable YAML"):
        people.load(TwinSpec, tmp_path / "none.yaml")
    with pytest.raises(SpecError, match="no twin for dataset 'mimik'"):
        twins.write("mimik", tmp_path / "twin")


def test_other_files_are_never_overwritten(tmp_path):
    (tmp_path / "ADMISSIONS.csv").write_text("real")
    with pytest.raises(SpecError, match="is no twin"):
        mimic.write(tmp_path, {"windows": 240})
    assert (tmp_path / "ADMISSIONS.csv").read_text() == "real"


def test_a_twin_is_not_read_as_real(small):
    assert readers.read("mimic", small).origin == "twin"
