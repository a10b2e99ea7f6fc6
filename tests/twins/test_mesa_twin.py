"""The MESA twin: official layout, same seed same bytes, published shares, nights with bouts, learnable signals."""

import hashlib
import json
import re
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kstest
from sklearn.metrics import roc_auc_score

from fairlib import baselines, cards, readers, twins
from fairlib.finetuning import Windows
from fairlib.twins import mesa, mesa_nights, people
from fairlib.twins.mesa import TwinSpec
from fairlib.twins.people import SpecError

OVERLAP = "overlap/mesa-actigraphy-psg-overlap.csv"


@pytest.fixture(scope="module")
def twin(tmp_path_factory) -> Path:
    return mesa.write(tmp_path_factory.mktemp("twin") / "mesa", seed=3)


@pytest.fixture(scope="module")
def cohort(twin):
    return readers.read("mesa", twin)


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Path:
    return mesa.write(tmp_path_factory.mktemp("small") / "mesa", {"windows": 900, "people": 12}, seed=5)


@pytest.fixture(scope="module")
def many():
    """300 nights without disparities."""
    return mesa.draw(TwinSpec(windows=300 * 1000, people=300).without_disparities(), 1)


def digest(folder: Path) -> dict[str, str]:
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def test_layout_is_the_official_one(small):
    names = [str(file.relative_to(small)) for file in sorted(small.rglob("*")) if file.is_file()]
    shapes = {re.sub(r"mesa-sleep-\d{4}(?=\.|-p)", "mesa-sleep-XXXX", name) for name in names}
    assert shapes == {
        "TRUTH.json",
        "TWIN.json",
        "actigraphy/mesa-sleep-XXXX.csv",
        "datasets/mesa-sleep-dataset-0.6.0.csv",
        "datasets/mesa-sleep-harmonized-dataset-0.6.0.csv",
        "overlap/mesa-actigraphy-psg-overlap.csv",
        "polysomnography/annotations-events-profusion/mesa-sleep-XXXX-profusion.xml",
    }
    head = "mesaid,line,linetime,offwrist,activity,marker,whitelight,redlight,greenlight,bluelight,wake,interval,"
    assert next((small / "actigraphy").iterdir()).open().readline() == f"{head}dayofweek,daybymidnight,daybynoon\n"
    assert (small / OVERLAP).open().readline() == "mesaid,line,linetime,starttime_psg\n"
    harmonized = pd.read_csv(small / "datasets" / "mesa-sleep-harmonized-dataset-0.6.0.csv")
    assert harmonized.shape == (14, 13)  # two without polysomnography
    assert set(harmonized["nsrr_sex"]) <= {"male", "female"}
    assert harmonized["nsrr_age"].between(54, 90).all()
    assert ((harmonized["nsrr_age"] == 90) == (harmonized["nsrr_age_gt89"] == "yes")).all()
    assert (harmonized["mesaid"] > 6814).all()  # nobody of MESA


def test_a_table_is_a_regular_night(twin):
    overlap = pd.read_csv(twin / OVERLAP).set_index("mesaid")
    for file in sorted((twin / "actigraphy").iterdir())[:6]:
        table = pd.read_csv(file)
        person = int(file.stem[-4:])
        clock = pd.to_timedelta(table["linetime"]).dt.total_seconds().diff().dropna()
        assert set(clock) <= {30.0, 30.0 - 86400}
        assert table["line"].tolist() == list(range(1, len(table) + 1))
        assert (table["offwrist"] == 1).equals(table["activity"].isna())
        assert table.loc[table["activity"].isna(), "whitelight"].isna().all()
        assert table["dayofweek"].between(1, 7).all()
        if person in overlap.index:
            row = overlap.loc[person]
            assert table.loc[table["line"] == row["line"], "linetime"].item() == row["linetime"] == row["starttime_psg"]


def test_same_seed_same_bytes_and_another_seed_other_bytes(small, tmp_path):
    again = mesa.write(tmp_path / "again", TwinSpec(windows=900, people=12), seed=5)
    assert digest(again) == digest(small)
    other = mesa.write(tmp_path / "other", TwinSpec(windows=900, people=12), seed=6)
    assert digest(other) != digest(small)
    assert digest(mesa.write(again, TwinSpec(windows=900, people=12), seed=6)) == digest(other)  # replaced whole


@pytest.mark.parametrize(("windows", "nights"), [(200, 10), (280, 14), (3000, 40), (49_880, 40), (2_266_659, 1817)])
def test_as_many_nights_as_the_windows_need(windows, nights):
    assert TwinSpec(windows=windows).nights == nights
    assert TwinSpec().windows == 40 * 1247


@pytest.mark.parametrize("seed", range(4))
def test_small_twins_have_both_classes_in_every_split_and_every_window(tmp_path, seed):
    cohort = readers.read("mesa", mesa.write(tmp_path / "twin", {"windows": 280}, seed))  # a cohort refuses one class
    assert len(cohort) == 280
    assert cohort.origin == "twin"
    assert len(np.unique(cohort.person)) == 14


def test_forty_nights_are_written_in_seconds(tmp_path):
    start = time.process_time()  # of this process alone, on a machine that may be busy
    mesa.write(tmp_path / "twin", {"people": 40}, seed=0)
    assert time.process_time() - start < 8


def test_the_reader_finds_what_the_model_drew(twin, cohort):
    persons, nights = mesa.draw(TwinSpec(), 3)
    assert len(cohort) == TwinSpec().windows
    of = persons.set_index("mesaid")
    for name in cards.load("mesa").attributes:
        assert (of.loc[cohort.person, name].to_numpy() == cohort.attributes[name].astype(object)).all(), name
    order = [persons.index[persons["mesaid"] == person][0] for person in dict.fromkeys(cohort.person.tolist())]
    assert cohort.y.tolist() == np.concatenate([nights.label[i, nights.kept[i]] for i in order]).astype(int).tolist()
    first = order[0]
    counts = nights.activity[first, nights.kept[first]]
    shown = cohort.x[np.flatnonzero(cohort.person == persons["mesaid"][first])][:, 50, 0]
    assert np.corrcoef(counts[~np.isnan(counts)], shown[~np.isnan(counts)])[0, 1] > 0.9999
    attrition = cohort.attrition.set_index("step")
    assert attrition.loc["no polysomnography", "people"] == 8
    assert attrition.loc["epochs excluded by the scorer", "windows"] > 0


def test_shares_and_rates_follow_the_published_counts():
    published = {("sex", "Male"): 0.454258, ("age", "<65"): 0.369727, ("race", "White"): 0.3753}
    published |= {("race", "Asian"): 0.109444}
    persons = people.draw(people.population(mesa.tables()), np.zeros(16), TwinSpec(), 40_000, np.random.default_rng(0))
    for (attribute, segment), share in published.items():
        assert (persons[attribute] == segment).mean() == pytest.approx(share, abs=0.01), segment
    rates, overall = mesa.rates()
    assert overall == pytest.approx(1_307_687 / 2_266_659)
    assert rates["sex"]["Female"] > rates["sex"]["Male"]
    assert np.log(rates["sex"]["Female"] / (1 - rates["sex"]["Female"])) - np.log(
        rates["sex"]["Male"] / (1 - rates["sex"]["Male"])
    ) == pytest.approx(np.log(0.266044 / 0.733956) - np.log(0.231735 / 0.768265))


def test_published_numbers_are_those_of_the_files(shared):
    rows = pd.read_csv(shared / "published" / "segment_counts.csv")
    rows = rows[(rows["dataset"] == "MESA") & (rows["split"] == "all")]
    counts = {s.lower(): n for part in mesa.PUBLISHED["counts"].values() for s, n in part.items()}
    names = {"black or african american": "black"}
    told = {names.get(s, s): n for s, n in zip(rows["segment"], rows["value"], strict=True) if s not in ("no", "yes")}
    assert {name: int(n) for name, n in told.items()} == counts


def test_the_latent_rest_is_standard_normal_over_the_nights(many):
    """So that everybody's rate of sleep is the published one, whatever the severity."""
    _, nights = many
    rate = nights.asleep[nights.inside].mean()
    assert rate == pytest.approx(1_307_687 / 2_266_659, abs=0.015)
    course = mesa_nights._course(np.arange(2000), np.full((30, 1), 2000), np.random.default_rng(0))
    assert kstest(course.ravel(), "norm").statistic < 0.005
    wander = mesa_nights._wander(np.random.default_rng(0), (400, 1000), 20)
    assert wander.std() == pytest.approx(1, abs=0.03)
    assert np.corrcoef(wander[:, :-20].ravel(), wander[:, 20:].ravel())[0, 1] == pytest.approx(np.exp(-1), abs=0.03)


def bouts(asleep: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lengths in minutes of the bouts of sleep, and of the bouts of wake between them, in one night."""
    change = np.flatnonzero(np.diff(asleep.astype(np.int8)) != 0) + 1
    edges = np.concatenate([[0], change, [len(asleep)]])
    lengths, state = np.diff(edges) / mesa_nights.MINUTE, asleep[edges[:-1]]
    wake = ~state
    wake[[0, -1]] = False  # before the first sleep and after the last one
    return lengths[state], lengths[wake]


def test_nights_have_bouts_of_sleep_and_wake(many):
    _, nights = many
    inside = [nights.asleep[i, nights.inside[i]] for i in range(300)]
    sleep, wake = (np.concatenate(part) for part in zip(*map(bouts, inside), strict=True))
    assert 8 <= sleep.mean() <= 20  # minutes
    assert 2 <= wake.mean() <= 8
    assert np.quantile(sleep, 0.95) > 40
    start, middle = (np.mean([night[part].mean() for night in inside]) for part in (slice(0, 40), slice(400, 600)))
    assert start < 0.1  # people lie awake before they sleep
    assert middle > 0.8


def test_signals_follow_the_state(many):
    _, nights = many
    asleep, awake = nights.inside & nights.asleep, nights.inside & ~nights.asleep
    assert np.nanmean(nights.activity[asleep] == 0) > 0.6
    assert np.nanmedian(nights.activity[awake]) > 5
    assert np.nanmedian(nights.light[..., 0][awake]) > 5 * np.nanmedian(nights.light[..., 0][asleep])
    assert np.isnan(nights.activity[nights.inside]).mean() == pytest.approx(0.02, abs=0.005)


def test_a_simple_model_learns_to_tell_sleep(cohort):
    train, test = cohort.rows("train")[::3], cohort.rows("test")
    windows = Windows(cohort.x[train], cohort.y[train])
    predict = baselines.fit("logistic_regression", windows, cohort.person[train], 1).predict
    assert 0.80 <= roc_auc_score(cohort.y[test], predict(cohort.x[test])) <= 0.95


def test_twin_json_says_what_is_planted(small):
    told = json.loads((small / "TWIN.json").read_text())
    assert told["synthetic"] is True
    assert told["seed"] == 5
    assert (told["spec"]["windows"], told["spec"]["people"]) == (900, 12)
    planted = {(row["knob"], row["attribute"], row["segment"]): row["value"] for row in told["planted_disparities"]}
    assert planted[("label_noise", "age", ">=65")] == TwinSpec().label_noise["age"][">=65"]
    assert {("noise", "race", "Black"), ("missingness", "race", "Black")} <= set(planted)
    assert all(row["unit"] and row["zero"] for row in told["planted_disparities"])
    assert told["realised"]["all"]["windows"] == 900
    assert told["realised"]["all"]["people"] == 12
    assert sum(part["windows"] for part in told["realised"]["segments"]["race"].values()) == 900


def test_knobs_do_what_they_say(many):
    persons, nights = many
    assert (persons[["noise", "charted"]] == 1).all(axis=None)
    assert persons["log_odds"].std() < 1e-9
    assert (nights.label == nights.asleep)[nights.kept].mean() > 0.9999  # a night without sleep is given an epoch
    base = TwinSpec(windows=200 * 500, people=200).without_disparities()
    spec = replace(
        base,
        noise={"sex": {"Female": 1.0}},
        missingness={"race": {"White": 0.4}},
        label_noise={"age": {">=65": 0.5}},
        share={"race": {"Asian": -3.0}},
    )
    persons, nights = mesa.draw(spec, 1)
    lost = np.array([np.isnan(nights.activity[i, nights.kept[i]]).mean() for i in range(200)])
    wrong = np.array([(nights.label != nights.asleep)[i, nights.kept[i]].mean() for i in range(200)])
    spread = np.array([np.nanstd(np.log1p(nights.activity[i, nights.kept[i] & ~nights.asleep[i]])) for i in range(200)])
    of = persons[:200]
    assert lost[of["race"] == "White"].mean() == pytest.approx(1 - 0.98 * 0.6, abs=0.03)
    assert lost[of["race"] != "White"].mean() == pytest.approx(0.02, abs=0.01)
    assert (wrong[of["age"] == "<65"] > 0.01).sum() == 0
    assert wrong[of["age"] == ">=65"].mean() == pytest.approx(0.25, abs=0.03)  # half of the redrawn labels differ
    assert spread[of["sex"] == "Female"].mean() > 1.4 * spread[of["sex"] == "Male"].mean()
    assert (persons["race"] == "Asian").mean() < 0.03
    assert spec.without_disparities().planted() == []


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"window": 300}, ["unknown knob", "'window'", "'windows'"]),
        ({"windows": 20}, ["windows", "from 200"]),
        ({"people": 3}, ["people", "from 34 to 9976", "got 3"]),
        ({"windows": 1000, "people": 400}, ["from 1 to 200", "5 to 1500 epochs", "400"]),
        ({"people": 40.5}, ["people", "whole number", "40.5"]),
        ({"noise": {"race": {"Blak": 1}}}, ["'Blak'", "'Black'"]),
        ({"noise": {"gender": {"Female": 1}}}, ["'gender'"]),
        ({"missingness": {"race": {"Black": 1.5}}}, ["missingness of race Black", "0.95", "1.5"]),
    ],
)
def test_wrong_specs_are_refused_in_words(tmp_path, spec, words):
    with pytest.raises(SpecError) as caught:
        twins.write("mesa", tmp_path / "twin", spec)
    assert all(word in str(caught.value) for word in words)
    assert not (tmp_path / "twin").exists()


def test_other_files_are_never_overwritten(tmp_path):
    (tmp_path / "overlap").mkdir()
    with pytest.raises(SpecError, match="is no twin"):
        mesa.write(tmp_path, {"windows": 280})
    assert (tmp_path / "overlap").is_dir()


def test_a_twin_is_not_read_as_real(small):
    assert readers.read("mesa", small).origin == "twin"
    assert "mesa" in twins.known()
