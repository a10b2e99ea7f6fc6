"""Your own data: what the reader makes of a good folder, and the sentence that answers each fault."""

import shutil

import numpy as np
import pandas as pd
import pytest
import yaml

from fairlib import cards, evidence, readers, template
from fairlib.cohort import CohortError
from fairlib.readers import challenge2012, mimic, table
from fairlib.readers.recognise import layouts, looks_like
from fairlib.readers.splits import by_person


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    return template.write(tmp_path_factory.mktemp("table") / "good")


@pytest.fixture
def folder(good, tmp_path):
    return shutil.copytree(good, tmp_path / "data")


def change(folder, name, edit):
    """Rewrite a CSV after ``edit`` of its table of texts."""
    frame = edit(pd.read_csv(folder / f"{name}.csv", dtype=str, keep_default_na=False))
    frame.to_csv(folder / f"{name}.csv", index=False)


def cell(row, column, value):
    def edit(frame):
        frame.loc[row, column] = value
        return frame

    return edit


def recard(folder, **changes):
    content = yaml.safe_load((folder / "card.yaml").read_text())
    for key, value in changes.items():
        content[key] = content[key] | value if isinstance(value, dict) else value
    (folder / "card.yaml").write_text(yaml.safe_dump(content, sort_keys=False))


def refused(folder, **options):
    with pytest.raises(CohortError) as error:
        table.read(folder, **options)
    return str(error.value)


# ------------------------------------------------------------------------------------------------------ what is read


def test_a_good_folder(good):
    cohort = readers.read("table", good)
    assert (cohort.x.shape, cohort.x.dtype) == ((80, 6, 3), np.float32)
    assert cohort.channels == ("heart_rate", "steps", "skin_temperature")
    assert (cohort.dataset, cohort.origin, evidence.access(cohort)) == ("my_data", "real", "restricted")
    assert readers.read("my_data", good).fingerprint() == cohort.fingerprint()
    assert cards.load("my_data").people == 40
    labels = pd.read_csv(good / "labels.csv")
    assert cohort.y.tolist() == labels["label"].tolist()
    assert cohort.person.tolist() == labels["window"].str[:4].tolist()
    people = pd.read_csv(good / "people.csv", dtype=str, keep_default_na=False).set_index("person")
    sexes = people.loc[cohort.person, "sex"].map({"M": "male", "F": "female"})
    assert cohort.attributes["sex"].astype(object).where(cohort.attributes["sex"].notna()).tolist() == pytest.approx(
        sexes.tolist(), nan_ok=True
    )


def test_values_against_the_definition(folder):
    """Forward fill, then the training median; mean and standard deviation of the measured training values."""
    raw = pd.read_csv(folder / "windows.csv")
    cohort = table.read(folder)
    train = np.repeat(cohort.split == "train", 6)
    for column, channel in enumerate(cohort.channels):
        known = raw.loc[train, channel].dropna()
        filled = raw.groupby("window", sort=False)[channel].ffill().fillna(known.median())
        expected = (filled - known.mean()) / known.std(ddof=0)
        assert cohort.x[:, :, column].ravel() == pytest.approx(expected.to_numpy(), abs=1e-4)
    assert raw.isna().any().any()


def test_test_people_do_not_touch_the_scaling(folder):
    before = table.read(folder)
    test = before.person[before.rows("test")][0]
    change(folder, "windows", lambda t: t.assign(steps=t["steps"].where(t["person"] != test, "90000")))
    after = table.read(folder)
    others = before.person != test
    assert (after.x[others] == before.x[others]).all()


def test_the_order_of_rows_and_the_kind_of_file_do_not_matter(folder):
    expected = table.read(folder)
    change(folder, "windows", lambda t: t.sort_values("time", kind="stable"))  # ascending in each window still
    change(folder, "people", lambda t: t[::-1])
    assert table.read(folder).fingerprint() == expected.fingerprint()
    for name in ("windows", "labels", "people"):
        pd.read_csv(folder / f"{name}.csv").to_parquet(folder / f"{name}.parquet")
        (folder / f"{name}.csv").unlink()
    assert table.read(folder).fingerprint() == expected.fingerprint()


def test_times_may_be_dates(folder):
    expected = table.read(folder).fingerprint()
    hours = [f"2024-03-0{1 + int(h) // 4}T{int(h) % 4:02d}:00" for h in range(6)]
    change(folder, "windows", lambda t: t.assign(time=[hours[int(h)] for h in t["time"]]))
    assert table.read(folder).fingerprint() == expected


def test_identifiers_stay_text(folder):
    for name in ("windows", "people"):
        change(folder, name, lambda t: t.assign(person="00" + t["person"].str[2:]))
    assert table.read(folder).person[0] == "0001"


def test_the_split(folder):
    cohort = table.read(folder)
    shares = [(cohort.split == name).mean() for name in ("train", "val", "test")]
    assert shares == pytest.approx([0.7, 0.15, 0.15], abs=0.05)
    given = dict(zip(cohort.person, cohort.split, strict=True))
    change(folder, "people", lambda t: t[::-1])
    change(folder, "labels", lambda t: t.iloc[:40])  # who else is there decides about nobody's order
    fewer = table.read(folder)
    assert np.mean([given[p] == s for p, s in zip(fewer.person, fewer.split, strict=True)]) > 0.8
    change(
        folder, "labels", lambda t: t.assign(split=["train", "train", "val", "val", "test", "test"] * 6 + ["val"] * 4)
    )
    assert table.read(folder).split[:6].tolist() == ["train", "train", "val", "val", "test", "test"]


def test_a_hash_split_has_everybody_once():
    person = np.repeat([f"p{i}" for i in range(200)], 3)
    y = np.repeat(np.random.default_rng(0).random(200) < 0.1, 3).astype(int)
    split = by_person(person, y)
    people = pd.DataFrame({"person": person, "split": split, "y": y}).drop_duplicates()
    assert people["person"].is_unique
    assert (people.groupby(["split", "y"]).size() > 1).all()
    assert (
        people["split"].value_counts(normalize=True).reindex(["train", "val", "test"]) - [0.7, 0.15, 0.15]
    ).abs().max() < 0.02


def test_synthetic_data_is_a_twin(folder):
    recard(folder, access="synthetic")
    assert table.read(folder).origin == "twin"
    assert "cannot be read as real" in refused(folder, origin="real")
    recard(folder, access="open")
    assert table.read(folder).origin == "real"
    (folder / "TWIN.json").write_text("{}")
    assert table.read(folder).origin == "twin"


# -------------------------------------------------------------------------------------------- what is left out, counted


def steps(cohort):
    return {row.step: (row.windows, row.people, row.note) for row in cohort.attrition.itertuples()}


def test_what_is_left_out_is_counted(folder):
    change(folder, "labels", lambda t: cell(5, "label", "")(t.iloc[1:].reset_index(drop=True)))
    change(folder, "labels", lambda t: pd.concat([t, pd.DataFrame({"window": ["p999-1"], "label": ["1"]})]))
    change(folder, "people", lambda t: t.iloc[:-1].assign(notes="x"))
    cohort = table.read(folder)
    found = steps(cohort)
    assert len(cohort) == 78
    assert found["windows read"][:2] == (80, 40)
    assert found["windows without a row in labels"] == (1, 1, "left out: no label")
    assert found["windows with an empty label"] == (1, 1, "left out: no label")
    assert found["labels without a window"] == (1, 0, "left out: no signals")
    assert found["people without a row in people.csv"] == (2, 1, "kept, all unknown")
    assert found["columns of people.csv not on the card"][2] == "not used: notes"
    assert "the card expects 80 windows" in found["cohort"][2]
    assert cohort.attributes.iloc[-1].isna().all()


def test_an_empty_segment_is_named(folder):
    change(folder, "people", lambda t: t.assign(age="40"))
    assert "age: nobody in >=65" in steps(table.read(folder))


def test_a_channel_that_training_never_saw(folder):
    train = set(table.read(folder).person[table.read(folder).split == "train"])
    change(folder, "windows", lambda t: t.assign(steps=t["steps"].where(~t["person"].isin(train), "NA")))
    assert "never measured in training: steps" in steps(table.read(folder))["cohort"][2]


# --------------------------------------------------------------------------------------------------- faults and answers


@pytest.mark.parametrize(
    ("name", "edit", "message"),
    [
        ("windows", lambda t: t.drop(columns="person"), "windows.csv has no column 'person'; found: window, time"),
        ("windows", lambda t: t.rename(columns={"time": "Time"}), "no column 'time'; rename 'Time', case counts"),
        ("labels", lambda t: t.rename(columns={"label": "LABEL"}), "no column 'label'; rename 'LABEL', case counts"),
        ("people", lambda t: t.drop(columns="sex"), "people.csv has no column 'sex', an attribute of card.yaml"),
        (
            "windows",
            lambda t: t.drop(columns="steps"),
            "2 channel columns (heart_rate, skin_temperature), the card says 3",
        ),
        ("windows", lambda t: pd.concat([t, t.iloc[[7]]]), "line 482: window p001-2, time 1.0 appears twice"),
        ("labels", lambda t: pd.concat([t, t.iloc[[7]]]), "labels.csv, line 82: window p004-2 appears twice"),
        ("people", lambda t: pd.concat([t, t.iloc[[7]]]), "people.csv, line 42: person p008 appears twice"),
        (
            "labels",
            lambda t: t.assign(split=["train", "test"] * 40),
            "column split: person p001 is in more than one split",
        ),
        (
            "labels",
            lambda t: t.assign(split="training"),
            "line 2, column split: expected train, val, test, found 'training'",
        ),
        ("labels", lambda t: t.assign(split=""), "column split: expected train, val, test, found nothing"),
        ("windows", lambda t: t.iloc[[1, 0, *range(2, 480)]], "line 3, column time: window p001-1 goes back in time"),
        ("windows", cell(9, "time", "noon"), "windows.csv, line 11, column time: 'noon' is neither a number nor"),
        ("windows", cell(9, "time", ""), "windows.csv, line 11: time is empty"),
        ("windows", cell(9, "person", ""), "windows.csv, line 11: person is empty"),
        ("windows", cell(9, "person", "p009"), "line 11: window p001-2 belongs to two people"),
        ("windows", lambda t: t.drop(index=3), "windows.csv: window p001-1 has 5 time steps, the card says 6 (1 such"),
        ("people", cell(3, "sex", "X"), "people.csv, column sex: value 'X' is not in the data card (known: M, F)"),
        ("people", cell(3, "age", "old"), "people.csv, column age: 'old' is no number"),
        ("windows", cell(9, "steps", "many"), "windows.csv, line 11, column steps: 'many' is no number"),
        ("windows", cell(9, "steps", "inf"), "windows.csv, line 11, column steps: inf is no finite number"),
        ("windows", cell(9, "steps", "72 bpm"), "'72 bpm' is no number"),
        ("labels", cell(4, "label", "2"), "labels.csv, line 6, column label: the label must be 0 or 1, found '2'"),
        ("labels", cell(4, "label", "yes"), "found 'yes'"),
        ("labels", lambda t: t.assign(window="x" + t["window"]), "share no labelled window"),
        ("labels", lambda t: t.assign(label="0"), "the train split holds only class 0"),
        ("labels", lambda t: t.iloc[:0], "labels.csv has a header and no row"),
    ],
)
def test_faults_in_a_table(folder, name, edit, message):
    change(folder, name, edit)
    assert message in refused(folder)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("windows.csv", b"", "windows.csv is empty (0 bytes)"),
        ("labels.csv", b"window,label\np001-1,1\nM\xfcller,0\n", "labels.csv: byte"),
        ("people.csv", b"person,sex,age\np001,M,44,7\n", "is no readable table"),
        ("people.csv", b"\n\n", "is no readable table"),
        ("people.csv", b"person,sex,age\np001,M,44\np002,M,44,7\n", "is no readable table"),
        ("people.csv", b"person;sex;age\np001;M;44\n", "no column 'person'; found: person;sex;age"),
        ("people.csv", b"person,sex,sex,age\np001,M,M,44\n", "has two columns 'sex'"),
        ("windows.parquet", b"PAR1", "holds windows.csv and windows.parquet"),
    ],
)
def test_faults_in_a_file(folder, name, content, message):
    (folder / name).write_bytes(content)
    assert message in refused(folder)


def test_a_parquet_file_cut_in_half(folder):
    pd.read_csv(folder / "windows.csv").to_parquet(folder / "windows.parquet")
    (folder / "windows.csv").unlink()
    content = (folder / "windows.parquet").read_bytes()
    (folder / "windows.parquet").write_bytes(content[: len(content) // 2])
    assert "windows.parquet is no readable table" in refused(folder)


@pytest.mark.parametrize("name", ["windows", "labels", "people"])
def test_a_missing_file(folder, name):
    (folder / f"{name}.csv").unlink()
    assert f"holds neither {name}.csv nor {name}.parquet" in refused(folder)


def test_no_folder_and_no_card(tmp_path, folder):
    assert "is not a folder; `python -m fairlib new" in refused(tmp_path / "none")
    (folder / "card.yaml").unlink()
    assert "card.yaml is missing; `python -m fairlib new" in refused(folder)
    with pytest.raises(CohortError, match=r"no reader for dataset 'my_data'; there are readers for .*card.yaml"):
        readers.read("my_data", folder)


def test_a_card_that_forgets_its_access_or_takes_an_official_name(folder):
    recard(folder, name="mimic")
    with pytest.raises(cards.CardError, match="'mimic' is the name of an official dataset"):
        table.read(folder)
    recard(folder, name="../elsewhere")
    with pytest.raises(cards.CardError, match=r"(?s)not a valid data card.*name"):
        table.read(folder)
    content = yaml.safe_load((folder / "card.yaml").read_text())
    del content["access"]
    (folder / "card.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(cards.CardError, match=r"(?s)not a valid data card.*access"):
        table.read(folder)


# ------------------------------------------------------------------------------------------------- the wrong dataset


@pytest.mark.parametrize(
    ("files", "name", "title"),
    [
        (["card.yaml", "windows.csv"], "table", "a table of your own"),
        (["set-a.tar.gz", "Outcomes-a.txt"], "challenge2012", "Challenge 2012"),
        (["set-b/140501.txt"], "challenge2012", "Challenge 2012"),
        (["in-hospital-mortality/train_listfile.csv"], "mimic", "MIMIC-III"),
        (["admissions.csv.gz", "CHARTEVENTS.csv"], "mimic", "MIMIC-III"),
        (["actigraphy/mesa-sleep-0001.csv", "overlap/mesa-actigraphy-psg-overlap.csv"], "mesa", "MESA"),
        (["mesa-sleep-0001.csv.gz"], "mesa", "MESA"),
        (["INS-W_1/FeatureData/rapids.csv", "INS-W_1/SurveyData/dep_weekly.csv"], "globem", "GLOBEM"),
        (["INS-W-sample_1/SurveyData/pre.csv"], "globem", "GLOBEM"),
    ],
)
def test_a_folder_of_another_dataset(tmp_path, files, name, title):
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    assert looks_like(tmp_path) == name
    other = "mimic" if name == "challenge2012" else "challenge2012"
    with pytest.raises(CohortError, match=f"this looks like {title}, read it with dataset '{name}'"):
        readers.read(other, tmp_path)
    if name != "table":
        assert f"this looks like {title}" in refused(tmp_path)
    with pytest.raises(CohortError, match=f"this looks like {title}" if other == "challenge2012" else "."):
        {"challenge2012": challenge2012, "mimic": mimic}[other].read(tmp_path)


def test_what_looks_like_nothing(tmp_path):
    (tmp_path / "notes.txt").touch()
    assert looks_like(tmp_path) is None
    assert looks_like(tmp_path / "notes.txt") is None
    assert layouts(tmp_path / "none") == []
