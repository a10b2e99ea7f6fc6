"""Your own data: what the reader makes of a good folder, and the sentence that answers each fault."""

import re
import shutil

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import yaml
from pyarrow import parquet as pq

from fairlib import readers
from fairlib.cohort import CohortError
from fairlib.folds import Folds
from fairlib.measures import describe
from fairlib.readers import challenge2012, mimic, table, template
from fairlib.readers import files as files_of
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
    assert (cohort.dataset, cohort.origin, describe.access(cohort)) == ("my_data", "real", "restricted")
    assert readers.read("my_data", good).fingerprint() == cohort.fingerprint()
    assert cohort.card.people == 40
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


def test_data_of_ones_own_can_be_dealt_to_folds(folder):
    """Gaps are filled and channels scaled anew, as the reader does it for the split."""
    cohort = table.read(folder)
    np.testing.assert_array_equal(cohort.dealt(cohort.split).x[:], cohort.x)
    raw, split = pd.read_csv(folder / "windows.csv"), Folds(cohort, 2).split(1, 0)
    dealt, train = cohort.dealt(split), np.repeat(split == "train", 6)
    for column, channel in enumerate(cohort.channels):
        known = raw.loc[train, channel].dropna()
        filled = raw.groupby("window", sort=False)[channel].ffill().fillna(known.median())
        expected = (filled - known.mean()) / known.std(ddof=0)
        assert dealt.x[:][:, :, column].ravel() == pytest.approx(expected.to_numpy(), abs=1e-4)


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


def test_whole_numbers_of_a_parquet_are_read_as_such(folder):
    """pandas keeps whole numbers beside a gap as 1.0; identifiers and codes of the card are 1."""
    recard(
        folder,
        attributes={"sex": {"privileged": "male", "segments": ["male", "female"], "values": {1: "male", 2: "female"}}},
    )
    code = {"M": 1.0, "F": 2.0}
    for name in ("windows", "people", "labels"):
        frame = pd.read_csv(folder / f"{name}.csv")
        frame = frame.assign(person=frame["person"].str[1:].astype(int)) if "person" in frame else frame
        if name == "people":
            frame = frame.assign(person=frame["person"].astype(float), sex=frame["sex"].map(code))
        frame.set_index(frame.columns[0]).to_parquet(folder / f"{name}.parquet")  # a key kept as the index
        (folder / f"{name}.csv").unlink()
    cohort = table.read(folder)
    assert cohort.person[:3].tolist() == ["1", "1", "2"]
    assert cohort.attributes["sex"].value_counts().min() > 20
    assert "people without a row in people.parquet" in steps(cohort)
    assert steps(cohort)["people without a row in people.parquet"][0] == 0


@pytest.mark.parametrize(("yes", "no"), [("TRUE", "FALSE"), ("true", "false"), ("1.0", "0.0"), ("True", "False")])
def test_labels_as_programs_write_them(folder, yes, no):
    expected = table.read(folder).y
    change(folder, "labels", lambda t: t.assign(label=t["label"].map({"1": yes, "0": no})))
    assert (table.read(folder).y == expected).all()


def test_cells_of_a_parquet_that_are_no_numbers(folder):
    frame = pd.read_csv(folder / "windows.csv")
    frame.assign(steps=[[1, 2]] * len(frame)).to_parquet(folder / "windows.parquet")
    (folder / "windows.csv").unlink()
    assert "windows.parquet, row 0, column steps: expected a number, found '[1 2]'" in refused(folder)


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


def test_three_people_of_a_kind_are_in_all_three_splits():
    for people in (3, 4, 5):
        split = by_person(np.array([f"p{i}" for i in range(2 * people)]), np.repeat([0, 1], people))
        assert [set(part) for part in np.split(split, 2)] == [{"train", "val", "test"}] * 2


def test_what_a_library_says_is_quoted_up_to_two_hundred_characters():
    assert [files_of.short(ValueError("x" * n)) for n in (200, 201)] == ["x" * 200, "x" * 200 + " …"]
    assert files_of.short(ValueError()) == "ValueError"


def test_ten_people_of_a_kind_are_dealt_seven_one_two():
    split = by_person(np.array([f"p{i}" for i in range(20)]), np.repeat([0, 1], 10))
    for part in np.split(split, 2):
        assert pd.Series(part).value_counts().to_dict() == {"train": 7, "val": 1, "test": 2}


def test_values_are_far_from_those_of_training_people(folder):
    split = dict(zip((first := table.read(folder)).person, first.split, strict=True))
    held = [name for name, part in split.items() if part != "train"]
    far = lambda t: t["heart_rate"].where(~t["person"].isin(held), "9" + t["heart_rate"] + "000")
    change(folder, "windows", lambda t: t.assign(heart_rate=far(t)))
    row = table.read(folder).attrition.set_index("step").loc["values far from the others"]
    assert row["people"] == len(held) < len(split) / 2


def test_only_an_age_ends_with_a_hundred_and_twenty_years(folder):
    change(folder, "people", lambda t: t.rename(columns={"age": "weight"}))
    card = folder / "card.yaml"
    card.write_text(card.read_text().replace("  age:\n", "  weight:\n"))
    change(folder, "people", lambda t: t.assign(weight=["150", *t["weight"][1:]]))
    assert "weight" in table.read(folder).attributes


def test_synthetic_data_is_a_twin(folder):
    recard(folder, access="synthetic")
    assert table.read(folder).origin == "twin"
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
    assert found["columns of people.csv that are not used"][2] == "not used: notes"
    assert "you have 78 windows and 40 people, the card says 80 windows and 40 people" in found["cohort"][2]
    assert cohort.attributes.iloc[-1].isna().all()


def test_a_channel_that_training_never_saw(folder):
    train = set(table.read(folder).person[table.read(folder).split == "train"])
    change(folder, "windows", lambda t: t.assign(steps=t["steps"].where(~t["person"].isin(train), "NA")))
    assert "never measured in training: steps" in steps(table.read(folder))["cohort"][2]


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
        (["overlap/mesa-actigraphy-psg-overlap.csv.gz"], "mesa", "MESA"),
        (["INS-W_1/FeatureData/rapids.csv", "INS-W_1/SurveyData/dep_weekly.csv"], "globem", "GLOBEM"),
        (["INS-W-sample_1/SurveyData/dep_weekly.csv"], "globem", "GLOBEM"),
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


def test_a_parquet_whose_notes_are_damaged_is_refused_in_words(folder):
    """One flipped bit in what pandas wrote about a column made its library stumble (found by mutation)."""
    written = pa.Table.from_pandas(pd.read_csv(folder / "windows.csv"))
    notes = {"pandas": written.schema.metadata[b"pandas"].replace(b'"numpy_type"', b'"^umpy_type"', 1)}
    pq.write_table(written.replace_schema_metadata(notes), folder / "windows.parquet")
    (folder / "windows.csv").unlink()
    told = refused(folder)
    assert re.search(r"windows\.parquet is no readable table: .{,200}; copy or export it again", told)


@pytest.mark.parametrize(("name", "column"), [("labels", "window"), ("people", "person"), ("windows", "person")])
def test_a_parquet_whose_text_is_no_text_is_refused_in_words(folder, name, column):
    """A flipped bit in a letter is found when the file is read, not where its text is first looked at."""
    frame = pd.read_csv(folder / f"{name}.csv", dtype={column: str})
    cells = pa.array([b"\xb0" + str(cell).encode() for cell in frame[column]], pa.binary())
    text = pa.Array.from_buffers(pa.string(), len(cells), cells.buffers())
    written = pa.Table.from_pandas(frame.drop(columns=column)).append_column(column, text)
    pq.write_table(written, folder / f"{name}.parquet")
    (folder / f"{name}.csv").unlink()
    told = refused(folder)
    assert re.search(rf"{name}\.parquet is no readable table: .*UTF8.*; copy or export it again", told)
