"""The MESA reader on a small folder in NSRR's layout, against a slow reference from FORMAT.md, and on bad input."""

import csv
import gzip
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fairlib import cards, readers
from fairlib.cohort import SPLITS, CohortError
from fairlib.readers import mesa, mesa_files
from fairlib.study.runs import Study
from tests.readers.small import mesa as small
from tests.readers.small.edits import cell
from tests.readers.small.mesa import (
    LENGTH,
    OVERLAP,
    PEOPLE,
    PROFUSION,
    START,
    night_file,
    profusion,
    stage_file,
    stages_of,
)

CHANNELS = ("activity", "whitelight", "redlight", "greenlight", "bluelight")


@pytest.fixture(scope="module")
def original(tmp_path_factory) -> Path:
    return small.write(tmp_path_factory.mktemp("nsrr") / "data")


@pytest.fixture
def nsrr(original, tmp_path) -> Path:
    return shutil.copytree(original, tmp_path / "mesa")


def refusal(root: Path, **options) -> str:
    with pytest.raises(CohortError) as caught:
        mesa.read(root, **options)
    return str(caught.value)


def step(cohort, name: str) -> tuple[int, int]:
    row = cohort.attrition.set_index("step").loc[name]
    return int(row["windows"]), int(row["people"])


# --- the slow reference: one cell at a time, by the sentences of FORMAT.md


def slow_night(root: Path, person: int) -> tuple[list[list[float | None]], list[int]]:
    with night_file(root, person).open(newline="") as file:
        rows = {int(row["line"]): row for row in csv.DictReader(file)}
    stages = [int(code) for code in re.findall(r"<SleepStage>(\d+)<", stage_file(root, person).read_text())]
    values, labels = [], []
    for k, stage in enumerate(stages):
        row = rows.get(START + k)
        if row is not None and row["interval"] != "EXCLUDED":
            values.append([float(row[name]) if row[name] else None for name in CHANNELS])
            labels.append(int(stage > 0))
    return values, labels


def slow_windows(root: Path, cohort, released: bool) -> tuple[np.ndarray, np.ndarray]:
    nights = {person: slow_night(root, person) for person in PEOPLE}
    split = dict(zip(cohort.person.tolist(), cohort.split.tolist(), strict=True))
    fitted = [p for p in PEOPLE if split[p] == "train" or (released and split[p] == "val")]
    scales = []
    for c in range(5):
        known = [row[c] for p in fitted for row in nights[p][0]]
        known = [v or 0.0 for v in known] if released else [v for v in known if v is not None]
        mean = sum(known) / len(known)
        scales.append((mean, (sum((v - mean) ** 2 for v in known) / len(known)) ** 0.5))
    leaders = {next(p for p in PEOPLE if split[p] == name) for name in ("train", "val", "test")}

    def shown(person: int, i: int, c: int) -> float:
        values = nights[person][0]
        if not 0 <= i < len(values):
            return -1.0
        c = 0 if released and person in leaders else c
        value, (mean, sd) = values[i][c], scales[c]
        if not released:
            return 0.0 if value is None else (value - mean) / sd
        if c == 0:
            return ((value or 0.0) - mean) / sd
        return -1.0 if value is None else value

    lags = RELEASED if released else CHRONOLOGICAL
    lags = RELEASED if released else CHRONOLOGICAL
    windows = [
        [[shown(p, i + lag, c) for c in range(5)] for lag in lags] for p in PEOPLE for i in range(len(nights[p][0]))
    ]
    return np.array(windows), np.concatenate([nights[p][1] for p in PEOPLE])


CHRONOLOGICAL = range(-50, 51)
RELEASED = [0, *(-lag for lag in range(1, 51)), *range(1, 51)]


@pytest.mark.parametrize("released", [False, True])
def test_every_value_equals_the_slow_reference(original, released):
    cohort = mesa.read(original, released)
    wanted, labels = slow_windows(original, cohort, released)
    assert cohort.x.shape == wanted.shape == (12 * LENGTH - 15, 101, 5)
    np.testing.assert_allclose(cohort.x[:], wanted, atol=2e-5)
    assert cohort.y.tolist() == labels.tolist()
    assert cohort.channels == CHANNELS
    assert cohort.dataset == "mesa"
    assert cohort.origin == "real"


def test_missing_values_are_told_apart_from_padding(original):
    cohort = mesa.read(original)
    first = cohort.x[0]  # begins with 50 epochs before the recording
    assert (first[:50] == mesa.PADDING).all()
    assert not (first[50:] == mesa.PADDING).any()
    values, _ = slow_night(original, 1)
    missing = np.array([[v is None for v in row] for row in values[:51]])
    assert missing.any(axis=0).all()
    np.testing.assert_array_equal(first[50:] == mesa.MISSING, missing)
    released = mesa.read(original, released=True)
    first = {released.person[released.split == name][0] for name in SPLITS}
    other = next(person for person in PEOPLE if person not in first)  # nobody's first: its light is light
    middle = released.x[np.flatnonzero(released.person == other)][:, 0]
    lost = np.array([row[1] is None for row in slow_night(original, other)[0]])
    assert lost.any()
    np.testing.assert_array_equal(middle[:, 1] == -1, lost)  # there, missing is the padding value


def test_statistics_come_from_training_people_only(original, tmp_path):
    before, released = mesa.read(original), mesa.read(original, released=True)

    def changed(cohort) -> tuple[Path, int]:
        """Files in which a validation participant of this cohort moves much more."""
        person = int(cohort.person[cohort.split == "val"][0])
        folder = shutil.copytree(original, tmp_path / f"{person}", dirs_exist_ok=True)
        for line in range(START + 1, START + LENGTH):
            cell(night_file(folder, person), line, "activity", "99999")
        return folder, person

    folder, person = changed(before)
    same = before.person != person
    np.testing.assert_array_equal(before.x[same], mesa.read(folder).x[same])
    leaked = mesa.read(changed(released)[0], released=True)  # finding D4: here training windows change with validation
    rows = released.rows("train")
    assert np.abs(leaked.x[rows][:, 0, 0] - released.x[rows][:, 0, 0]).min() > 0.01


def test_people_are_in_one_split_and_the_split_is_stable(original, nsrr):
    for options, sizes in (({}, (8, 2, 2)), ({"released": True}, (8, 2, 2))):
        cohort = mesa.read(original, **options)
        splits = pd.DataFrame({"person": cohort.person, "split": cohort.split}).drop_duplicates()
        assert splits["person"].is_unique
        assert tuple((splits["split"] == name).sum() for name in ("train", "val", "test")) == sizes
    for folder in ("actigraphy", PROFUSION):
        for file in (nsrr / folder).iterdir():  # .gz, and written in another order
            file.with_name(f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes()))
            file.unlink()
    assert mesa.read(nsrr).fingerprint() == mesa.read(original).fingerprint()


def documented(ids, seed):
    """FORMAT.md: numpy seed, shuffle, the first int(0.2 n) ids are test; the others again for validation."""

    def fifth(ids):
        np.random.seed(seed)
        shuffled = np.array(ids)
        np.random.shuffle(shuffled)
        return shuffled[: int(0.2 * len(ids))].tolist()

    test = fifth(ids)
    return test, fifth([i for i in ids if i not in test])


def test_the_documented_split(original):
    cohort = mesa.read(original, released=True)
    test, val = documented(PEOPLE, 42)
    assert set(cohort.person[cohort.split == "test"].tolist()) == set(test)
    assert set(cohort.person[cohort.split == "val"].tolist()) == set(val)
    full = mesa._split_released(list(range(1817)))
    assert [list(full.values()).count(name) for name in ("train", "val", "test")] == [1164, 290, 363]


def test_attributes_and_attrition(original):
    cohort = mesa.read(original)
    first = cohort.attributes.drop_duplicates().astype(object)
    assert first.iloc[0].to_dict() == {"sex": "Male", "age": "<65", "race": "White"}
    of = {p: cohort.attributes[cohort.person == p].iloc[0] for p in PEOPLE}
    assert of[12]["race"] == "Black"
    assert pd.isna(of[41]["race"])  # not reported
    assert of[40]["age"] == "<65"  # 63
    assert of[41]["age"] == ">=65"  # 66
    assert step(cohort, "race unknown") == (2 * LENGTH, 2)
    assert step(cohort, "sex unknown") == (0, 0)
    assert step(cohort, "polysomnography") == (12 * LENGTH, 12)
    assert step(cohort, "epochs excluded by the scorer") == (15, 1)
    assert step(cohort, "cohort") == (12 * LENGTH - 15, 12)
    notes = cohort.attrition.set_index("step")["note"]
    assert "the card says 1,449,147 windows, 1,164 participants and 837,173 asleep" in notes["train"]
    assert "the card says 2,159 participants" in notes["participants with actigraphy"]
    parts = [step(cohort, name) for name in ("train", "val", "test")]
    assert tuple(map(sum, zip(*parts, strict=True))) == step(cohort, "cohort")


def test_nobody_is_left_out_in_silence(nsrr):
    stage_file(nsrr, 1).unlink()
    lines = (nsrr / OVERLAP).read_text().splitlines()
    (nsrr / OVERLAP).write_text("\n".join(line for line in lines if not line.startswith("3,")) + "\n")
    stage_file(nsrr, 12).write_text(profusion([2] * 1921))
    stage_file(nsrr, 40).write_text(profusion([0] * LENGTH))
    night_file(nsrr, 41).write_text(night_file(nsrr, 41).read_text().replace("ACTIVE", "EXCLUDED"))
    night_file(nsrr, 77).write_text(re.sub("ACTIVE|REST-S", "EXCLUDED", night_file(nsrr, 77).read_text()))
    cell(night_file(nsrr, 90), START + 2, "activity", "-5")
    stage_file(nsrr, 101).write_text(profusion([*stages_of(101)[:-2], 6, 9]))
    stage_file(nsrr, 240).write_text(profusion(stages_of(240) + [0] * 30))
    night_file(nsrr, 555).unlink()
    cohort = mesa.read(nsrr)
    counted = {
        "no actigraphy": (0, 1),
        "participants with actigraphy": (0, 11),
        "no polysomnography": (0, 1),
        "not in the overlap table": (0, 1),
        "polysomnography over 16 hours": (1921, 1),
        "polysomnography": (8 * LENGTH + 30, 8),
        "epochs without actigraphy": (10, 1),
        "epochs excluded by the scorer": (15 + LENGTH // 2 + LENGTH, 3),
        "participants without epochs": (0, 1),
        "participants without sleep": (LENGTH - 15, 1),
        "epochs with negative values": (1, 1),
        "epochs without a clear stage": (2, 1),
    }
    assert {name: step(cohort, name) for name in counted} == counted
    total = 8 * LENGTH + 30 - 10 - (15 + LENGTH // 2 + LENGTH) - (LENGTH - 15)
    assert step(cohort, "cohort") == (total, 6)
    assert len(cohort) == total
    assert not set(cohort.person.tolist()) & {1, 3, 12, 40, 77}
    assert cohort.y[cohort.person == 101][-2:].tolist() == [1, 1]  # as in the benchmark
    np.testing.assert_array_equal(cohort.x[np.flatnonzero(cohort.person == 90)[1]][50, 0], mesa.MISSING)


def test_windows_reach_across_an_excluded_stretch(original):
    cohort = mesa.read(original)
    rows = np.flatnonzero(cohort.person == 40)
    middle = cohort.x[rows][:, 50]
    np.testing.assert_array_equal(cohort.x[rows[48]][50:60], middle[48:58])  # line 59, then line 75


def test_the_newest_dataset_table_counts_and_repeated_rows_are_counted(nsrr):
    file = nsrr / "datasets" / "mesa-sleep-harmonized-dataset-0.6.0.csv"
    lines = file.read_text().splitlines()
    newer = file.with_name("mesa-sleep-harmonized-dataset-0.10.0.csv")
    newer.write_text("\n".join([*lines, lines[1]]).replace(",male,", ",female,") + "\n")
    cohort = mesa.read(nsrr)
    assert set(cohort.attributes["sex"]) == {"Female"}
    assert step(cohort, "rows that repeat a participant") == (0, 1)
    newer.write_text("\n".join([*lines, "1,5,80,no,male,white"]) + "\n")
    message = refusal(nsrr)
    assert "0.10.0.csv, line 14: mesaid 1 has another age" in message


# --- bad input: tests/readers/faults/mesa.py


def test_a_study_trains_on_lazy_windows(original, tmp_path, tiny):
    cohort = mesa.read(original)
    study = Study(cohort, tiny(), tmp_path / "results")
    assert study.windows("train").x.shape[0] == len(cohort.rows("train"))
    assert not isinstance(study.windows("train").x, np.ndarray)
    scores = study.scores("frozen_3", 1)
    assert np.isfinite(scores[cohort.split != "train"]).all()


def test_registry_and_card(original):
    assert len(readers.read("mesa", original)) == 12 * LENGTH - 15
    card = cards.load("mesa")
    assert (card.access, card.people, card.metric.metric) == ("restricted", 1817, "error_rate_ratio")
    assert card.windows.timesteps == mesa.TIMESTEPS
    assert card.windows.channels == len(mesa_files.CHANNELS)
    for what in ("", " asleep"):
        assert sum(card.expected[f"{name}{what}"] for name in ("train", "val", "test")) == card.expected[f"total{what}"]


def test_the_card_repeats_the_published_counts(shared):
    counts = pd.read_csv(shared / "published" / "dataset_shapes.csv")
    counts = counts[counts["dataset"] == "MESA"].set_index(["split", "metric"])["value"].astype(int)
    expected = cards.load("mesa").expected
    for name in ("train", "val", "test"):
        assert counts[name, "samples"] == expected[name]
        assert counts[name, "unique_subjects"] == expected[f"{name} people"]
        assert counts[name, "label_gt_1"] == expected[f"{name} asleep"]
    assert counts["all", "samples"] == expected["total"]
    assert counts["all", "unique_subjects"] == cards.load("mesa").people
