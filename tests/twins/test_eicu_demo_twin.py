"""The eICU demo's twin: YAIB's layout and traps, same seed same bytes, shares of the demo, learnable signals."""

import gzip
import hashlib
import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from fairlib import baselines, cards, readers, twins
from fairlib.finetuning import Windows
from fairlib.twins import eicu_demo, eicu_demo_hours
from fairlib.twins.eicu_demo import FIRST_HOSPITAL, FIRST_STAY, PUBLISHED, TwinSpec
from fairlib.twins.people import SpecError

HOUR = pd.Timedelta(hours=1)


@pytest.fixture(scope="module")
def twin(tmp_path_factory):
    return eicu_demo.write(tmp_path_factory.mktemp("twin") / "eicu_demo", seed=0)


@pytest.fixture(scope="module")
def cohort(twin):
    return readers.read("eicu_demo", twin)


@pytest.fixture(scope="module")
def tables(twin):
    found = {name: pd.read_parquet(twin / "yaib" / "aki" / f"{name}.parquet") for name in ("dyn", "outc", "sta")}
    return found | {name: pd.read_csv(twin / f"{name}.csv.gz", dtype=str) for name in ("patient", "hospital")}


def digest(folder):
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(folder.rglob("*.*"))}


def test_layout_is_yaibs(tables, shared):
    real = shared / "data" / "eicu-demo"
    if not real.is_dir():
        pytest.skip(f"no {real} to compare with")
    for name in ("dyn", "outc", "sta"):
        official = pd.read_parquet(real / "yaib" / "aki" / f"{name}.parquet")
        assert tables[name].dtypes.to_dict() == official.dtypes.to_dict()
    for name in ("patient", "hospital"):
        official = pd.read_csv(real / f"{name}.csv.gz", nrows=1)
        assert set(tables[name]) <= set(official)


def test_the_traps_of_the_original_are_there(tables, cohort):
    patient, outc = tables["patient"], tables["outc"]
    assert (patient["age"] == "> 89").sum() > 20
    assert {"Other/Unknown"} < set(patient["ethnicity"].dropna())
    assert patient["ethnicity"].isna().any()
    assert patient["uniquepid"].duplicated().sum() > 300
    assert (patient.groupby("uniquepid")["hospitalid"].nunique() > 1).any()
    true = outc[outc["label"]].groupby("stay_id").size()
    assert true.max() == true.min() == 13  # six hours before the onset to six after
    steps = cohort.attrition.set_index("step")["windows"]
    assert steps["stays that end before hour 12"] == round(3000 * 132 / 1555)
    assert steps["stays with onset before hour 18"] == round(3000 * 301 / 1555)
    assert steps["stays read"] == len(cohort) + 255 + 581


def test_nothing_can_be_taken_for_real(tables, cohort):
    assert tables["sta"]["stay_id"].min() == FIRST_STAY > 3_353_113
    assert tables["hospital"]["hospitalid"].astype(int).min() == FIRST_HOSPITAL > 500
    assert tables["patient"]["uniquepid"].str.fullmatch(r"999-\d{5}").all()
    assert cohort.origin == "twin"
    assert cohort.x.shape == (3000, 12, 96)


def test_same_seed_same_bytes_and_another_seed_other_bytes(tmp_path):
    one = digest(eicu_demo.write(tmp_path / "one", {"windows": 240}, seed=5))
    assert digest(eicu_demo.write(tmp_path / "two", TwinSpec(windows=240), seed=5)) == one
    assert digest(eicu_demo.write(tmp_path / "two", TwinSpec(windows=240), seed=6)) != one


def test_shares_and_rates_follow_the_counts():
    stays = eicu_demo._stays(TwinSpec(windows=20_000, label_noise={}), 1)
    stays = stays[stays["kind"] == "kept"]
    assert stays["label"].mean() == pytest.approx(395 / 1555, abs=0.015)
    assert stays["person"].nunique() / len(stays) == pytest.approx(0.86, abs=0.03)  # of fewer stays than were drawn
    for name, counts in PUBLISHED["counts"].items():
        for segment, n in counts.items():
            rows = stays[stays[name] == segment]
            assert len(rows) / len(stays) == pytest.approx(n / sum(counts.values()), abs=0.015), segment
            events = PUBLISHED["events"][name].get(segment)
            rate = events / n if events else 395 / 1555
            assert rows["label"].mean() == pytest.approx(rate, abs=5.5 * np.sqrt(rate / len(rows))), segment
    assert ((stays["years"] >= 65) == (stays["age"] == ">=65")).all()


def test_published_counts_name_no_few_events():
    assert min(n for events in PUBLISHED["events"].values() for n in events.values()) >= 11
    assert all(sum(counts.values()) in (1554, 1555) for counts in PUBLISHED["counts"].values())


def test_attributes_and_labels_survive_the_way_through_files(tmp_path):
    cohort = readers.read("eicu_demo", eicu_demo.write(tmp_path / "twin", {"windows": 400}, seed=5))
    stays = eicu_demo._stays(TwinSpec(windows=400), 5)
    stays = stays[stays["kind"] == "kept"]
    for name in cards.load("eicu_demo").attributes:
        read = cohort.attributes[name].astype(object).fillna("unknown")
        assert (read.to_numpy() == stays[name].to_numpy()).all(), name
    assert cohort.y.tolist() == stays["label"].tolist()


def test_variables_are_measured_as_often_as_in_the_demo(cohort):
    names = tuple(eicu_demo_hours.SIGNALS)
    assert cohort.channels[:48] == names
    ever = (~np.isnan(cohort.measured)).any(axis=1).mean(axis=0)
    for name, share in eicu_demo_hours.EVER.items():
        if eicu_demo_hours.SIGNALS[name].rate >= 0.2:  # rarer ones may be missed in every hour
            assert ever[names.index(name)] == pytest.approx(share, abs=0.05), name
    assert 0.8 < np.isnan(cohort.measured).mean() < 0.9


def test_a_simple_model_learns_the_outcome(cohort):
    train, test = ([cohort.x[rows], cohort.y[rows]] for rows in (cohort.rows("train"), cohort.rows("test")))
    found = baselines.fit("logistic_regression", Windows(*train), cohort.person[cohort.rows("train")], 1)
    assert 0.7 <= roc_auc_score(test[1], found.predict(test[0])) <= 0.88


def test_knobs_do_what_they_say(tmp_path):
    fair = eicu_demo._stays(TwinSpec(windows=4000).without_disparities(), 1)
    assert (fair[["noise", "charted"]] == 1).all(axis=None)
    assert fair["log_odds"].std() < 1e-9
    spec = TwinSpec(windows=1200, severity=2.0, noise={"sex": {"Female": 1.0}}, missingness={"age": {">=65": 0.5}})
    cohort = readers.read("eicu_demo", eicu_demo.write(tmp_path / "twin", spec))
    women, old = (cohort.attributes[a].to_numpy() == s for a, s in (("sex", "Female"), ("age", ">=65")))
    rate = cohort.measured[:, :, cohort.channels.index("hr")]
    assert (~np.isnan(rate[old])).mean() / (~np.isnan(rate[~old])).mean() == pytest.approx(0.5, abs=0.05)
    assert np.nanstd(rate[women]) > 1.3 * np.nanstd(rate[~women])
    more = eicu_demo._stays(replace(spec, share={"sex": {"Female": 1.0}}), 1)
    assert (more["sex"] == "Female").mean() > 0.6


def test_twin_json_says_what_is_planted(twin):
    told = json.loads((twin / "TWIN.json").read_text())
    assert (told["synthetic"], told["dataset"]) == (True, "eicu_demo")
    planted = {(row["knob"], row["attribute"], row["segment"]): row["value"] for row in told["planted_disparities"]}
    assert planted["noise", "ethnicity", "African American"] == 0.5
    assert told["realised"]["all"]["windows"] == 3000
    assert told["realised"]["left out"] == {"short": 255, "early": 581}
    assert "README" in told["sources"]


def test_other_files_are_never_overwritten(tmp_path):
    (tmp_path / "patient.csv.gz").write_bytes(gzip.compress(b"real"))
    with pytest.raises(SpecError, match="is no twin"):
        twins.write("eicu_demo", tmp_path, {"windows": 240})
    assert gzip.decompress((tmp_path / "patient.csv.gz").read_bytes()) == b"real"
