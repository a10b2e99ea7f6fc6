"""The GLOBEM twin: official layout, same seed same bytes, published shares, planted disparities, learnable weeks."""

import hashlib
import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from fairlib import baselines, cards
from fairlib.cohort import SPLITS
from fairlib.finetuning import Windows
from fairlib.readers.globem import read
from fairlib.readers.globem_features import channels
from fairlib.twins import globem, globem_behaviour, people
from fairlib.twins.globem import PUBLISHED, TwinSpec
from fairlib.twins.people import SpecError


@pytest.fixture(scope="module")
def twin(tmp_path_factory) -> Path:
    folder, start = tmp_path_factory.mktemp("twin") / "globem", time.process_time()
    globem.write(folder, seed=3)
    assert time.process_time() - start < 20  # of this process alone; 3 s on the machine it was written on
    assert sum(file.stat().st_size for file in folder.rglob("*.*")) < 60e6
    return folder


@pytest.fixture(scope="module")
def cohort(twin):
    return read(twin)


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Path:
    return globem.write(tmp_path_factory.mktemp("small") / "globem", {"people": 20}, seed=5)


def digest(folder: Path) -> dict[str, str]:
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def test_layout_is_the_official_one(small):
    files = {file.relative_to(small).as_posix() for file in small.rglob("*.*") if file.is_file()}
    year = ("FeatureData/rapids.csv", "SurveyData/dep_weekly.csv", "ParticipantsInfoData/platform.csv")
    official = {f"INS-W_{number}/{name}" for number in (1, 2, 3, 4) for name in year}
    assert files == official | {"demographics.csv", "TWIN.json", "TRUTH.json"}
    header = (small / "INS-W_3" / year[0]).open().readline().strip().split(",")
    assert header == ["pid", "date", *channels()]
    survey = {number: (small / f"INS-W_{number}" / year[1]).open().readline().strip() for number in (1, 2)}
    assert survey[1] == "pid,date,feel_anxious,feel_depressed,BDI2,dep"
    assert survey[2] == "pid,date,phq4,dep,BDI2"
    assert (small / "demographics.csv").open().readline() == "PID,gender,age,race,generation,disability\n"


def test_scores_agree_with_the_label_as_in_the_open_sample(twin):
    first = pd.read_csv(twin / "INS-W_1" / "SurveyData" / "dep_weekly.csv")
    assert ((first["feel_anxious"] + first["feel_depressed"] >= 2) == first["dep"]).all()
    assert first[["feel_anxious", "feel_depressed"]].isin([0, 1, 2, 3]).all(axis=None)
    later = pd.read_csv(twin / "INS-W_4" / "SurveyData" / "dep_weekly.csv")
    assert ((later["phq4"] >= 3) == later["dep"]).all()
    assert set(pd.to_datetime(later["date"]).dt.day_of_week) == {2, 6}


def test_same_seed_same_bytes_and_another_seed_other_bytes(small, tmp_path):
    again = globem.write(tmp_path / "again", TwinSpec(people=20), seed=5)
    assert digest(again) == digest(small)
    other = globem.write(again, TwinSpec(people=20), seed=6)  # an older twin is replaced whole
    assert digest(other) != digest(small)


def test_the_reader_takes_it_whole(twin, cohort):
    students, _, windows = globem._windows(TwinSpec(), 3)
    assert cohort.origin == "twin"
    assert cohort.x.shape == (len(windows), 28, 1390)
    assert cohort.y.tolist() == windows["label"].tolist()
    assert cohort.person.tolist() == students["pid"].iloc[windows["student"]].tolist()
    for name in cards.load("globem").attributes:
        known = cohort.attributes[name].astype(object).fillna(people.UNKNOWN)
        assert known.tolist() == students[name].iloc[windows["student"]].tolist(), name
    assert len(cohort) / 60 == pytest.approx(8122 / 700, abs=1)
    left_out = cohort.attrition[cohort.attrition["note"].str.startswith("left out")]
    assert left_out["windows"].sum() == 0


@pytest.mark.parametrize("seed", range(6))
def test_each_split_holds_both_classes(seed):
    students, _, windows = globem._windows(TwinSpec(people=20), seed)
    mostly = windows.groupby("student")["label"].mean() >= 0.5
    assert min(mostly.sum(), (~mostly).sum()) >= 3
    assert windows.groupby("student").size().min() >= 2
    assert students["year"].value_counts().sort_index().tolist() == [4, 7, 3, 6]


@pytest.mark.parametrize("wanted", [300, 2000])
def test_there_are_about_as_many_windows_as_asked_for(wanted):
    students, _, windows = globem._windows(TwinSpec(windows=wanted), 1)
    assert len(windows) == pytest.approx(wanted, rel=0.1)
    assert len(students) == round(wanted / globem.MEAN)
    assert TwinSpec().students == 60
    assert TwinSpec(people=33, windows=wanted).students == 33


def test_nobody_is_in_two_splits(cohort):
    assert len(set(zip(cohort.person.tolist(), cohort.split.tolist(), strict=True))) == 60
    assert all(len(np.unique(cohort.y[cohort.rows(split)])) == 2 for split in SPLITS)


def test_shares_and_rates_follow_the_published_counts():
    students, z, windows = globem._windows(TwinSpec(people=8000, windows=1_000_000, label_noise={}), 1)
    assert z.mean() == pytest.approx(0, abs=0.03)
    assert z.std() == pytest.approx(1, abs=0.02)
    joined = windows.join(students, on="student")
    assert joined["label"].mean() == pytest.approx(3756 / 8122, abs=0.01)
    for name, counts in PUBLISHED["counts"].items():
        share = pd.Series(counts) / sum(counts.values())
        found = students[name].value_counts(normalize=True)
        for segment in share[share > 0.02].index:
            assert found[segment] == pytest.approx(share[segment], abs=0.015), segment
    for name, rates in PUBLISHED["depressed rates"].items():
        for segment, group in joined.groupby(name):
            if len(group) > 4000:
                assert group["label"].mean() == pytest.approx(rates[segment], abs=0.03), segment


def test_rates_were_solved_from_the_printed_differences_and_ratios(shared):
    bias = pd.read_csv(shared / "published" / "dataset_bias.csv")
    bias = bias[(bias["dataset"] == "GLOBEM") & (bias["split"] == "all")].set_index(["attribute", "metric"])["value"]
    pairs = (("gender", "Male", "Female"), ("race", "White", "Asian"), ("disability", "No", "Yes"))
    for name, privileged, other in pairs:
        rates = PUBLISHED["depressed rates"][name]
        assert rates[other] - rates[privileged] == pytest.approx(bias[name, "mean_difference"], abs=1e-5)
        assert rates[other] / rates[privileged] == pytest.approx(bias[name, "disparate_impact_ratio"], abs=1e-4)


def test_a_simple_model_learns_the_weeks(cohort):
    train, held_out = cohort.rows("train"), np.r_[cohort.rows("val"), cohort.rows("test")]
    windows = Windows(cohort.x[train], cohort.y[train])
    predict = baselines.fit("logistic_regression", windows, cohort.person[train], 1).predict
    assert 0.65 <= roc_auc_score(cohort.y[held_out], predict(cohort.x[held_out])) <= 0.90


def test_norm_columns_are_made_as_the_provider_makes_them(small):
    table = pd.read_csv(small / "INS-W_1" / "FeatureData" / "rapids.csv")
    one = table[table["pid"] == table["pid"].iloc[0]]
    for name in (channels()[0], channels()[300], channels()[690]):
        kind, feature, segment = name.split(":")
        values, norm = one[name], one[f"{kind}:{feature}_norm:{segment}"]
        spread = values.quantile(0.95) - values.quantile(0.05)
        assert (values.isna() == norm.isna()).all()
        assert norm.to_numpy() == pytest.approx(
            ((values - values.median()) / (spread + 1e-9)).clip(-2, 2).to_numpy(), abs=0.006, nan_ok=True
        )


def test_knobs_do_what_they_say():
    spec = TwinSpec(people=3000, windows=1_000_000)
    fair, _, windows = globem._windows(spec.without_disparities(), 1)
    assert (fair[["noise", "charted"]] == 1).all(axis=None)
    assert (windows["label"] == windows["outcome"]).all()
    assert spec.without_disparities().planted() == []
    students, _, windows = globem._windows(spec, 1)
    both = students[(students["gender"] == "Female") & (students["race"] == "Biracial")]
    assert both["noise"].unique() == pytest.approx([1.3 * 1.5])
    assert students.loc[students["platform"] == "Android", "charted"].unique() == pytest.approx([0.75])
    unreliable = (students["race"] == "Latinx") | (students["disability"] == "Yes")
    differs = windows["label"] != windows["outcome"]
    assert 0.05 < differs[unreliable[windows["student"]].to_numpy()].mean() < 0.2
    assert not differs[~unreliable[windows["student"]].to_numpy()].any()
    rare, _, _ = globem._windows(replace(spec, share={"race": {"Asian": -2.0}}), 1)
    assert (rare["race"] == "Asian").mean() < (students["race"] == "Asian").mean() / 2


def test_noise_and_missingness_are_in_the_features():
    rng = np.random.default_rng(0)
    who = pd.DataFrame({"noise": [1.0] * 12 + [2.0] * 12, "charted": [1.0, 0.5] * 12})
    rows = globem_behaviour.rows(who, np.zeros((24, globem_behaviour.WEEKS)), rng)
    name = "f_steps:fitbit_steps_intraday_rapids_avgsteps:allday"
    spread = rows.groupby("person")[name].std()
    assert spread[12:].mean() > 1.5 * spread[:12].mean()
    days = rows.groupby("person")[name].count()
    assert days[1::2].mean() == pytest.approx(days[0::2].mean() / 2, rel=0.15)
    low, high = (globem_behaviour.rows(who[:1], np.full((1, 11), z), np.random.default_rng(1))[name] for z in (-2, 2))
    assert high.mean() < low.mean() - 10


def test_twin_json_says_what_is_planted(small):
    told = json.loads((small / "TWIN.json").read_text())
    assert told["synthetic"] is True
    assert told["seed"] == 5
    assert told["spec"]["people"] == 20
    planted = {(row["knob"], row["attribute"], row["segment"]): row["value"] for row in told["planted_disparities"]}
    assert planted["missingness", "platform", "Android"] == TwinSpec().missingness["platform"]["Android"]
    assert all(row["unit"] and row["zero"] for row in told["planted_disparities"])
    realised = told["realised"]
    assert realised["all"]["windows"] == sum(year["windows"] for year in realised["years"].values())
    assert realised["all"]["people"] == 20


def test_windows_bound_the_number_of_people():
    students, _, windows = globem._windows(people.load(TwinSpec, {"windows": 280}), 0)
    assert len(students) == 24
    assert 230 < len(windows) < 330


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"peple": 30}, ["unknown knob", "'peple'", "'people'"]),
        ({"people": 5}, ["people", "from 20"]),
        ({"people": 30.5}, ["people", "whole number", "30.5"]),
        ({"people": True}, ["people", "whole number"]),
        ({"windows": 20}, ["windows", "from 200"]),
        ({"noise": {"race": {"Asain": 1}}}, ["'Asain'", "'Asian'"]),
        ({"noise": {"ethnicity": {"Black": 1}}}, ["'ethnicity'"]),
        ({"missingness": {"platform": {"Android": 1.5}}}, ["missingness of platform Android", "0.95", "1.5"]),
        ({"label_noise": {"race": 0.2}}, ["label_noise"]),
        ({"prevalence": -1}, ["prevalence", "-1"]),
        ({"people": 20, "label_noise": {}, "severity": 0, "prevalence": 3}, ["mostly depressed"]),
    ],
)
def test_wrong_specs_are_refused_in_words(tmp_path, spec, words, monkeypatch):
    if words == ["mostly depressed"]:  # twenty people who all feel alike
        monkeypatch.setattr(globem, "MIN_PEOPLE", 20)
    with pytest.raises(SpecError) as caught:
        globem.write(tmp_path / "twin", spec)
    assert all(word in str(caught.value) for word in words)
    assert not (tmp_path / "twin").exists()


def test_other_files_are_never_overwritten_and_a_twin_is_not_real(tmp_path, small):
    (tmp_path / "rapids.csv").write_text("real")
    with pytest.raises(SpecError, match="is no twin"):
        globem.write(tmp_path, {"people": 20})
    assert (tmp_path / "rapids.csv").read_text() == "real"
    assert read(small).origin == "twin"
