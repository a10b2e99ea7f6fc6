"""The Challenge 2019 twin: official layout and traps, same seed same bytes, published shares, learnable signals."""

import hashlib
import json
import re
import tarfile

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from fairlib import baselines, readers, twins
from fairlib.finetuning import Windows
from fairlib.readers.challenge2019_files import COLUMNS, VARIABLES
from fairlib.twins import challenge2019
from fairlib.twins.challenge2019 import FACTS, FIRST_RECORD, SIGNALS, TwinSpec
from fairlib.twins.people import SpecError


@pytest.fixture(scope="module")
def twin(tmp_path_factory):
    return challenge2019.write(tmp_path_factory.mktemp("twin") / "challenge2019", seed=0)


@pytest.fixture(scope="module")
def cohort(twin):
    return readers.read("challenge2019", twin)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return challenge2019.write(tmp_path_factory.mktemp("small") / "challenge2019", {"windows": 240}, seed=5)


def digest(folder):
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(folder.iterdir())}


def test_layout_is_the_official_one(twin):
    assert sorted(path.name for path in twin.iterdir()) == ["TRUTH.json", "TWIN.json", "training_setA.tar.gz"]
    with tarfile.open(twin / "training_setA.tar.gz") as tar:
        texts = {m.name: tar.extractfile(m).read().decode() for m in list(tar)[:200] if m.isfile()}
    assert next(iter(texts)) == f"training_setA/p{FIRST_RECORD}.psv"
    number = r"-?\d+(\.\d+)?"
    row = re.compile(rf"((NaN|{number})\|){{34}}{number}\|[01]\|(NaN\|NaN|0\|1|1\|0)\|{number}\|\d+\|[01]")
    for text in texts.values():
        head, *rows = text.splitlines()
        assert head == "|".join(COLUMNS)
        assert all(row.fullmatch(one) for one in rows)


def test_the_traps_of_the_original_are_there(cohort):
    steps = cohort.attrition.set_index("step")
    left = challenge2019.PUBLISHED["left out"]
    for step, count in (
        ("hospital A: stays shorter than 24 hours", left["shorter than 24 hours"]),
        ("hospital A: stays with label 1 until hour 24", left["label within 24 hours"]),
    ):
        assert steps.loc[step, "windows"] == round(3000 * count / 16_068)
    assert steps.loc["stays whose record begins after hour 1", "windows"] / 3000 == pytest.approx(0.375, abs=0.03)
    assert "never measured in training: EtCO2" in steps.loc["cohort", "note"]
    assert 0.4 < cohort.attributes["unit"].isna().mean() < 0.54


def test_same_seed_same_bytes_and_another_seed_other_bytes(small, tmp_path):
    again = challenge2019.write(tmp_path / "again", TwinSpec(windows=240), seed=5)
    assert digest(again) == digest(small)
    other = challenge2019.write(again, TwinSpec(windows=240), seed=6)
    assert digest(other) != digest(small)


def test_the_reader_says_twin(cohort):
    assert (cohort.origin, cohort.sealed, cohort.x.shape) == ("twin", (), (3000, 24, 68))


def test_shares_and_rates_follow_the_published_counts():
    stays = challenge2019._stays(TwinSpec(windows=40_000, label_noise={}), 1)[:40_000]
    assert stays["label"].mean() == pytest.approx(966 / 16_068, abs=0.005)
    for attribute, counts in challenge2019.PUBLISHED["counts"].items():
        for segment, count in counts.items():
            rows, rate = stays[stays[attribute] == segment], challenge2019.PUBLISHED["positive"][attribute][segment]
            assert len(rows) / len(stays) == pytest.approx(count / 16_068, abs=0.01), segment
            assert rows["label"].mean() == pytest.approx(rate / count, abs=4.5 * np.sqrt(rate / count / len(rows))), (
                segment
            )
    assert ((stays["Age"] >= 65) == (stays["age"] == ">=65")).all()
    assert stays["Age"].between(18, 89).all()


def test_attributes_and_labels_survive_the_way_through_files(small):
    stays, cohort = challenge2019._stays(TwinSpec(windows=240), 5)[:240], readers.read("challenge2019", small)
    assert cohort.person.tolist() == stays["person"].tolist()
    for name in twins.attributes("challenge2019"):
        read = cohort.attributes[name].astype(object).fillna("unknown")
        assert (read.to_numpy() == stays[name].to_numpy()).all(), name
    assert cohort.y.tolist() == stays["label"].tolist()


def test_variables_are_measured_as_often_as_in_the_original(cohort):
    assert tuple(SIGNALS) == VARIABLES
    masks = cohort.x[:, :, 34:] == 1
    ever, hourly = masks.any(axis=1).mean(axis=0), masks.mean(axis=(0, 1))
    for i, name in enumerate(VARIABLES):
        chance, rate = FACTS["ever measured"][name], SIGNALS[name].rate
        if rate >= 0.2:  # rarer ones may be missed in every hour
            assert ever[i] == pytest.approx(chance, abs=0.06), name
        kept = 0.75 if rate * chance > 0.2 else 0.6  # hours lost: begun late, and the planted missingness
        assert kept * chance * rate <= hourly[i] <= 1.15 * chance * rate + 1e-3, name


def test_a_simple_model_learns_the_outcome(cohort):
    train, test = ([cohort.x[rows], cohort.y[rows]] for rows in (cohort.rows("train"), cohort.rows("test")))
    found = baselines.fit("logistic_regression", Windows(*train), cohort.person[cohort.rows("train")], 1)
    assert 0.6 <= roc_auc_score(test[1], found.predict(test[0])) <= 0.9


def test_knobs_do_what_they_say(tmp_path):
    spec = TwinSpec(windows=1200, noise={"gender": {"Female": 1.0}}, missingness={"age": {">=65": 0.5}})
    cohort = readers.read("challenge2019", challenge2019.write(tmp_path / "twin", spec))
    women, old = (cohort.attributes[a].to_numpy() == s for a, s in (("gender", "Female"), ("age", ">=65")))
    rate, mask = cohort.x[:, :, 0], cohort.x[:, :, 34]
    assert mask[old].mean() / mask[~old].mean() == pytest.approx(0.5, abs=0.05)
    assert rate[women].std() > 1.3 * rate[~women].std()


def test_twin_json_says_what_is_planted(small):
    told = json.loads((small / "TWIN.json").read_text())
    assert (told["synthetic"], told["dataset"], told["seed"], told["spec"]["windows"]) == (
        True,
        "challenge2019",
        5,
        240,
    )
    planted = {(row["knob"], row["attribute"], row["segment"]): row["value"] for row in told["planted_disparities"]}
    assert planted[("noise", "gender", "Female")] == 0.5
    assert told["realised"]["all"]["windows"] == 240
    assert told["realised"]["stays left out by the study"] == 64
    assert set(told["realised"]["segments"]) == {"gender", "age", "unit"}


def test_the_hospital_has_no_knob(tmp_path):
    with pytest.raises(SpecError, match=r"unknown attribute in noise: 'hospital' .*known: gender, age, unit"):
        twins.write("challenge2019", tmp_path / "twin", {"noise": {"hospital": {"B": 1}}})
