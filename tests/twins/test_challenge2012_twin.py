"""The Challenge 2012 twin: official layout and traps, same seed same bytes, published shares, learnable signals."""

import hashlib
import json
import re
import tarfile
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from fairlib import baselines, cards, readers, twins
from fairlib.finetuning import Windows
from fairlib.readers.challenge2012 import VARIABLES
from fairlib.twins import challenge2012, challenge2012_records
from fairlib.twins.challenge2012 import FIRST_RECORD, TwinSpec
from fairlib.twins.people import SpecError


@pytest.fixture(scope="module")
def twin(tmp_path_factory):
    return challenge2012.write(tmp_path_factory.mktemp("twin") / "challenge2012", seed=0)


@pytest.fixture(scope="module")
def cohort(twin):
    return readers.read("challenge2012", twin)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return challenge2012.write(tmp_path_factory.mktemp("small") / "challenge2012", {"windows": 240}, seed=5)


@pytest.fixture(scope="module")
def texts(twin):
    with tarfile.open(twin / "set-a.tar.gz") as tar:
        return {m.name: tar.extractfile(m).read().decode() for m in tar if m.isfile()}


def digest(folder):
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(folder.iterdir())}


def test_layout_is_the_official_one(twin, texts):
    assert sorted(path.name for path in twin.iterdir()) == ["Outcomes-a.txt", "TRUTH.json", "TWIN.json", "set-a.tar.gz"]
    lines = (twin / "Outcomes-a.txt").read_text().splitlines()
    assert lines[0] == "RecordID,SAPS-I,SOFA,Length_of_stay,Survival,In-hospital_death"
    assert [f"set-a/{line.split(',')[0]}.txt" for line in lines[1:]] == sorted(texts) == list(texts)
    assert all(re.fullmatch(r"\d{6},-?\d+,-?\d+,\d+,-?\d+,[01]", line) for line in lines[1:])
    for text in list(texts.values())[:200]:
        rows = text.splitlines()
        assert rows[0] == "Time,Parameter,Value"
        assert all(re.fullmatch(r"\d\d:\d\d,[A-Za-z0-9]*,-?\d+(\.\d+)?", row) for row in rows[1:])
    with tarfile.open(twin / "set-a.tar.gz") as tar:
        assert {(m.mtime, m.uid, m.gid) for m in tar} == {(0, 0, 0)}


def test_outcomes_agree_with_each_other(twin):
    rows = [line.split(",") for line in (twin / "Outcomes-a.txt").read_text().splitlines()[1:]]
    stay, survival, died = (np.array([int(row[i]) for row in rows]) for i in (3, 4, 5))
    assert (stay >= 2).all()
    assert ((survival >= 2) & (survival <= stay))[died == 1].all()
    assert ((survival == -1) | (survival > stay))[died == 0].all()
    unknown = np.mean([row[1] == "-1" for row in rows])
    assert unknown == pytest.approx(518 / 12000, abs=0.015)


def test_the_traps_of_the_original_are_there(texts, cohort):
    heads = [tuple(row.split(",")[1] for row in text.splitlines()[1:7]) for text in texts.values()]
    assert 20 < sum(head != ("RecordID", "Age", "Gender", "Height", "ICUType", "Weight") for head in heads) < 160
    everything = "".join(texts.values())
    assert len(re.findall(r"^\d\d:\d\d,,", everything, re.MULTILINE)) > 200
    assert "Height,-1\n" in everything
    assert "Weight,-1\n" in everything
    counted = {row.step: row.note for row in cohort.attrition.itertuples()}
    for trap in (
        "rows without a parameter name: dropped",
        "repeated (time, parameter): the last value kept",
        "Weight as a time series: not a channel",
    ):
        assert int(counted[trap].split()[0].replace(",", "")) > 200, trap


def test_same_seed_same_bytes_and_another_seed_other_bytes(small, tmp_path):
    again = challenge2012.write(tmp_path / "again", TwinSpec(windows=240), seed=5)
    assert digest(again) == digest(small)
    assert digest(challenge2012.write(again, TwinSpec(windows=240), seed=6)) != digest(
        small
    )  # an older twin is replaced


def test_more_stays_fill_further_sets():
    stays = challenge2012._stays(TwinSpec(windows=9000), 1)
    assert stays["set"].value_counts().to_dict() == {"a": 4000, "b": 4000, "c": 1000}
    assert stays["RecordID"].is_unique
    assert stays["RecordID"].min() == FIRST_RECORD > 163_100


def test_three_sets_are_written_and_read(tmp_path, monkeypatch):
    monkeypatch.setattr(challenge2012, "SET", 150)
    twin = challenge2012.write(tmp_path / "twin", {"windows": 400})
    assert sorted(path.name for path in twin.glob("set-*")) == ["set-a.tar.gz", "set-b.tar.gz", "set-c.tar.gz"]
    cohort = readers.read("challenge2012", twin)
    assert (len(cohort), cohort.sealed) == (300, ())
    assert len(readers.read("challenge2012", twin, sets=("c",))) == 100


def test_the_reader_says_twin(cohort):
    assert cohort.origin == "twin"
    assert cohort.x.shape == (3000, 48, 72)


def test_shares_and_death_rates_follow_the_published_counts():
    spec = TwinSpec(windows=12_000, label_noise={})
    stays = challenge2012._stays(spec, 1)
    assert stays["label"].mean() == pytest.approx(1707 / 12000, abs=0.01)
    published = {("gender", "Male"): (6727, 0.1353), ("gender", "Female"): (5261, 0.1517)}
    published |= {
        ("icu_type", "Coronary care"): (1769, 0.1265),
        ("icu_type", "Cardiac surgery recovery"): (2530, 0.0487),
    }
    published |= {("icu_type", "Medical"): (4293, 0.1989), ("icu_type", "Surgical"): (3408, 0.1490)}
    for (attribute, segment), (count, rate) in published.items():
        rows = stays[stays[attribute] == segment]
        assert len(rows) / len(stays) == pytest.approx(count / 12000, abs=0.015), segment
        assert rows["label"].mean() == pytest.approx(rate, abs=4.5 * np.sqrt(rate / len(rows))), segment
    bands = np.histogram(stays["Age"], [15, 45, 60, 75, 91])[0] / len(stays)
    assert bands == pytest.approx(np.array([1598, 2696, 3614, 4092]) / 12000, abs=0.015)
    assert ((stays["Age"] >= 65) == (stays["age"] == ">=65")).all()
    assert (stays["Height"] == "-1").mean() == pytest.approx(5726 / 12000, abs=0.015)


def test_attributes_survive_the_way_through_files(small):
    stays, cohort = challenge2012._stays(TwinSpec(windows=240), 5), readers.read("challenge2012", small)
    assert cohort.person.tolist() == stays["RecordID"].tolist()
    for name in cards.load("challenge2012").attributes:
        read = cohort.attributes[name].astype(object).fillna("unknown")
        assert (read.to_numpy() == stays[name].to_numpy()).all(), name
    assert cohort.y.tolist() == stays["label"].tolist()


def test_variables_are_measured_as_often_as_published(cohort):
    assert tuple(challenge2012_records.SIGNALS) == VARIABLES
    ever = (cohort.x[:, :, 36:].max(axis=1) > 0).mean(axis=0)
    for name, share in challenge2012.PUBLISHED["ever measured"].items():
        if challenge2012_records.SIGNALS[name].rate >= 0.2:  # rarer ones may be missed in every hour
            assert ever[VARIABLES.index(name)] == pytest.approx(share, abs=0.05), name
    assert 0.72 < (cohort.x[:, :, 36:] == 0).mean() < 0.9


def test_a_simple_model_learns_the_outcome(cohort):
    train, test = ([cohort.x[rows], cohort.y[rows]] for rows in (cohort.rows("train"), cohort.rows("test")))
    found = baselines.fit("logistic_regression", Windows(*train), cohort.person[cohort.rows("train")], 1)
    assert 0.78 <= roc_auc_score(test[1], found.predict(test[0])) <= 0.88


def test_knobs_do_what_they_say(tmp_path):
    fair = challenge2012._stays(TwinSpec(windows=4000).without_disparities(), 1)
    assert (fair[["noise", "charted"]] == 1).all(axis=None)
    assert (fair["redrawn"] == 0).all()
    assert fair["log_odds"].std() < 1e-9
    spec = TwinSpec(windows=1200, severity=2.0, noise={"gender": {"Female": 1.0}}, missingness={"age": {">=65": 0.5}})
    cohort = readers.read("challenge2012", challenge2012.write(tmp_path / "twin", spec))
    women, old = (cohort.attributes[a].to_numpy() == s for a, s in (("gender", "Female"), ("age", ">=65")))
    rate, mask = cohort.x[:, :, VARIABLES.index("HR")], cohort.x[:, :, 36 + VARIABLES.index("HR")]
    assert mask[old].mean() / mask[~old].mean() == pytest.approx(0.5, abs=0.05)
    assert rate[women].std() > 1.3 * rate[~women].std()
    more = challenge2012._stays(replace(spec, share={"gender": {"Female": 1.0}}), 1)
    assert (more["gender"] == "Female").mean() > 0.6


def test_twin_json_says_what_is_planted(small):
    told = json.loads((small / "TWIN.json").read_text())
    assert (told["synthetic"], told["dataset"], told["seed"], told["spec"]["windows"]) == (
        True,
        "challenge2012",
        5,
        240,
    )
    planted = {(row["knob"], row["attribute"], row["segment"]): row["value"] for row in told["planted_disparities"]}
    assert planted[("noise", "gender", "Female")] == 0.5
    assert all(row["unit"] and row["zero"] for row in told["planted_disparities"])
    assert (
        told["realised"]["all"]["windows"] == sum(part["windows"] for part in told["realised"]["sets"].values()) == 240
    )
    assert "README" in told["sources"]


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"windows": 12_001}, ["at most 12000", "12001"]),
        ({"windows": 20}, ["windows", "from 200"]),
        ({"window": 300}, ["unknown knob", "'windows'"]),
        ({"noise": {"gender": {"female": 1}}}, ["'female'", "'Female'"]),
        ({"noise": {"ethnicity": {"Black": 1}}}, ["'ethnicity'", "gender, age, icu_type"]),
    ],
)
def test_wrong_specs_are_refused_in_words(tmp_path, spec, words):
    with pytest.raises(SpecError) as caught:
        twins.write("challenge2012", tmp_path / "twin", spec)
    assert all(word in str(caught.value) for word in words)
    assert not (tmp_path / "twin").exists()


def test_other_files_are_never_overwritten(tmp_path):
    (tmp_path / "set-a.tar.gz").write_text("real")
    with pytest.raises(SpecError, match="is no twin"):
        challenge2012.write(tmp_path, {"windows": 240})
    assert (tmp_path / "set-a.tar.gz").read_text() == "real"
