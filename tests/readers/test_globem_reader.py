"""The GLOBEM reader on the authors' open sample, against a slow reading of FORMAT.md; and on folders with faults."""

import shutil
import tarfile
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fairlib import cards
from fairlib.cohort import SPLITS, CohortError
from fairlib.measures import describe
from fairlib.readers.globem import read
from fairlib.readers.globem_features import channels, impute, normalise
from tests.readers.small import globem as small
from tests.readers.small.globem import DEP, PLATFORM, RAPIDS

SENSORS = {"f_loc": "location", "f_screen": "screen", "f_slp": "sleep", "f_steps": "steps"}


@pytest.fixture(scope="module")
def sample(shared, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("globem-sample")
    archive = shared / "data" / "globem-sample" / "globem-sample.tar.gz"
    if not archive.exists():
        pytest.skip(f"no open sample of GLOBEM at {archive}")
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return folder


@pytest.fixture(scope="module")
def merged(sample) -> dict[int, pd.DataFrame]:
    """Year → the sensor files side by side: the stand-in for rapids.csv that the sample's README describes."""
    years = {}
    for year in (1, 2):
        files = [sample / f"INS-W-sample_{year}" / "FeatureData" / f"{n}.csv" for n in SENSORS.values()]
        parts = [pd.read_csv(file, low_memory=False).set_index(["pid", "date"]) for file in files]
        years[year] = pd.concat(parts, axis=1)
    return years


@pytest.fixture(scope="module")
def read_sample(sample):
    return read(sample)


def expected_channels(header: list[str], kinds: dict[str, str]) -> list[str]:
    """FORMAT.md, 'Channels', applied to a header: segment outermost, then type, then file order; then _norm."""
    plain = []
    for segment in ("morning", "afternoon", "evening", "night", "allday"):
        for kind in kinds:
            for name in header:
                first, feature, last = [*name.split(":"), "", ""][:3]
                if first == kind and last == segment and not feature.endswith(("_norm", "_dis")):
                    plain.append(name)
    return plain + [f"{k}:{f}_norm:{s}" for k, f, s in (name.split(":") for name in plain)]


def by_definition(folder: Path, features: pd.DataFrame, names: list[str]) -> tuple[np.ndarray, np.ndarray, list, list]:
    """One year by FORMAT.md, one window after the other: (imputed, each sixth normalised, labels, participants)."""
    labels = pd.read_csv(folder / "SurveyData" / "dep_weekly.csv").drop_duplicates(["pid", "date"], keep="last")
    table = features[names].copy().reset_index()
    table["date"] = pd.to_datetime(table["date"])
    plain, found = len(names) // 2, []
    people = dict(list(table.set_index("date").groupby("pid")[names]))
    for label in labels.itertuples():
        days = pd.date_range(end=label.date, periods=28)
        if label.pid in people and people[label.pid].index.isin(days).any():
            window = people[label.pid].reindex(days).to_numpy()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a channel without any value has no median
                window = np.where(np.isnan(window), np.nanmedian(window, axis=0), window)
            found.append((label.pid, int(label.dep), np.nan_to_num(window)))
    few = pd.Series([pid for pid, _, _ in found]).value_counts()
    found = [row for row in found if few[row[0]] >= 2]
    raw = np.stack([row[2] for row in found])
    norm = raw[::6].copy()
    for window in norm:
        values = pd.DataFrame(window[:, :plain])
        spread = values.quantile(0.95) - values.quantile(0.05) + 1e-9
        window[:, :plain] = ((values - values.median()) / spread).clip(-2, 2)
    return raw, norm, [row[1] for row in found], [row[0] for row in found]


# ------------------------------------------------------------------------------------------------------ open sample


def test_sample_has_30_windows_a_year(read_sample):
    cohort = read_sample
    assert cohort.x.shape == (60, 28, 1390)
    assert cohort.x.dtype == np.float32
    assert len(np.unique(cohort.person)) == 20
    assert cohort.origin == "real"
    windows = cohort.attrition.set_index("step").loc[[f"INS-W-sample_{year}: windows" for year in (1, 2)]]
    assert windows["windows"].tolist() == [30, 30]
    assert windows["people"].tolist() == [10, 10]
    assert windows["note"].iloc[0] == "you have 10 participants, the card says 153 participants"
    assert "8,122 windows, 3,756 depressed and 700 participants" in cohort.attrition["note"].iloc[-1]
    assert "% of the values missing and imputed" in cohort.attrition["note"].iloc[-1]
    assert [int(cohort.y[:30].sum()), int(cohort.y[30:].sum())] == [16, 12]


def test_channels_are_the_platforms_in_order(read_sample, merged):
    header = list(merged[1].columns)
    assert list(read_sample.channels) == expected_channels(header, SENSORS)
    assert len(channels()) == 1390
    assert not any("_norm:" in name for name in channels()[:695])
    assert all("_norm:" in name for name in channels()[695:])


def test_windows_match_the_definition(sample, read_sample, merged):
    raw, norm, label, pid = [], [], [], []
    for year, features in merged.items():
        parts = by_definition(sample / f"INS-W-sample_{year}", features, list(channels()))
        for out, part in zip((raw, norm, label, pid), parts, strict=True):
            out.extend(part)
    assert read_sample.y.tolist() == label
    assert read_sample.person.tolist() == pid
    assert np.abs(read_sample.x[::6] - np.array(norm)).max() < 1e-6
    assert np.abs(read_sample.x[:, :, :695]).max() <= 2
    assert (read_sample.x[:, :, 695:] == np.float32(raw)[:, :, 695:]).all()


def test_sensor_files_equal_rapids(sample, read_sample, merged, tmp_path):
    for year, features in merged.items():
        here, there = sample / f"INS-W-sample_{year}", tmp_path / f"INS-W-sample_{year}"
        shutil.copytree(here, there, ignore=shutil.ignore_patterns("FeatureData"))
        (there / "FeatureData").mkdir()
        shuffled = features.sample(frac=1, random_state=year)[list(channels())[::-1]]  # neither order matters
        shuffled.to_csv(there / "FeatureData" / "rapids.csv")
    again = read(tmp_path)
    assert again.fingerprint() == read_sample.fingerprint()


def test_without_demographics_only_the_platform_is_known(sample, read_sample):
    attributes = read_sample.attributes
    assert attributes[["gender", "race", "disability"]].isna().all(axis=None)
    assert attributes["platform"].value_counts().to_dict() == {"iOS": 30, "Android": 30}
    notes = read_sample.attrition.set_index("step")["note"]
    assert "no demographics.csv" in notes["race unknown"]
    assert describe.cohort_tables(read_sample)["segments"]["people"].isna().all()  # ten people are too few to show
    one = read(sample / "INS-W-sample_2")
    assert (one.x == read_sample.x[30:]).all()


def test_nobody_is_in_two_splits_and_order_of_rows_does_not_matter(read_sample):
    pairs = set(zip(read_sample.person.tolist(), read_sample.split.tolist(), strict=True))
    assert len(pairs) == 20
    assert all(len(np.unique(read_sample.y[read_sample.rows(split)])) == 2 for split in SPLITS)


# ----------------------------------------------------------------------------------------------------- small folders


def test_imputation_and_normalisation_of_one_channel():
    days = np.full((1, 28, 3), np.nan)
    days[0, [2, 5, 9, 20], 0] = [1, 9, 3, 5]
    days[0, 7, 1] = -4
    impute(days)
    assert days[0, 0].tolist() == [4, -4, 0]
    assert days[0, [2, 5, 9, 20], 0].tolist() == [1, 9, 3, 5]
    values = np.arange(101.0)[None, :, None]
    assert normalise(values, axis=1)[0, :, 0] == pytest.approx((values[0, :, 0] - 50) / 90)
    assert (normalise(np.ones((1, 28, 1)), axis=1) == 0).all()


@pytest.fixture(scope="module")
def clean(tmp_path_factory) -> Path:
    return small.write(tmp_path_factory.mktemp("clean"))


@pytest.fixture
def folder(clean, tmp_path) -> Path:
    return shutil.copytree(clean, tmp_path / "globem")


def change(file: Path, *edits: tuple[str, str], encoding="utf-8") -> None:
    text = file.read_text(encoding="utf-8")
    for old, new in edits:
        assert old in text
        text = text.replace(old, new, 1)
    file.write_bytes(text.encode(encoding))


def test_attributes_of_the_demographics_file(folder):
    cohort = read(folder)
    of = pd.concat([pd.Series(cohort.person, name="pid"), cohort.attributes], axis=1).drop_duplicates().set_index("pid")
    assert of.loc["INS-W_100"].tolist()[:2] == ["Male", "Asian"]
    assert of.loc["INS-W_101"].tolist() == ["Female", "White", "No", "Android"]
    assert of.loc["INS-W_102", ["race"]].isna().all()  # an empty cell
    assert of.loc["INS-W_405", ["gender", "race", "disability"]].isna().all()  # no row: unknown, never Other
    unknown = cohort.attrition.set_index("step")
    assert unknown.loc["race unknown", ["windows", "people"]].tolist() == [24, 8]
    assert unknown.loc["gender unknown", ["windows", "people"]].tolist() == [3, 1]
    (folder / "demographics.csv").rename(folder.parent / "elsewhere.csv")
    assert read(folder).attributes["gender"].isna().all()
    shutil.move(folder.parent / "elsewhere.csv", folder / "INS-W_2" / "ParticipantsInfoData" / "demographics.csv")
    assert read(folder).fingerprint() == cohort.fingerprint()


def test_released_split(folder):
    cohort = read(folder, split="released")
    assert [len(cohort.rows(split)) for split in SPLITS] == [54, 9, 9]
    assert cohort.split.tolist() == ["train"] * 54 + ["val"] * 9 + ["test"] * 9
    change(folder / "INS-W_4" / DEP, ("INS-W_405,2021-04-10,False\n", ""))
    at_cut = read(folder, split="released")  # 17 rows of year 4: the cut is after 8, participant 402 has rows 6 to 8
    assert at_cut.split.tolist() == ["train"] * 54 + ["val"] * 9 + ["test"] * 8
    moved = at_cut.attrition.set_index("step").loc["windows at the cut"]
    assert (moved["windows"], moved["people"]) == (1, 1)
    assert "moved to val: the cut through the rows of year 4" in moved["note"]
    assert len(read(folder)) == 71
    file = folder / "INS-W_4" / DEP
    header, *lines = file.read_text().splitlines()
    file.write_text("\n".join([header, *sorted(lines, key=lambda line: line.split(",")[1])]) + "\n")  # by date
    with pytest.raises(CohortError, match=r"puts \d participant\(s\) into more than one split.*split='person'"):
        read(folder, split="released")
    shutil.rmtree(folder / "INS-W_4")
    with pytest.raises(CohortError, match=r"cuts year 4 in half; found only year\(s\) 1, 2, 3"):
        read(folder, split="released")


def test_overlapping_participants_stay_in_one_split(folder):
    for name in (RAPIDS, DEP, PLATFORM):
        file = folder / "INS-W_4" / name
        file.write_text(file.read_text().replace("INS-W_40", "INS-W_10"))
    cohort = read(folder)
    assert len(np.unique(cohort.person)) == 18
    assert len(set(zip(cohort.person.tolist(), cohort.split.tolist(), strict=True))) == 18
    with pytest.raises(CohortError, match=r"released split puts 6 participant\(s\) into more than one split"):
        read(folder, split="released")


def test_what_is_left_out_is_counted(folder):
    lines = (folder / "INS-W_1" / DEP).read_text().splitlines()
    lines[1] = lines[1].replace("True", "")
    lines.append(lines[3].replace("True", "False"))
    lines += ["INS-W_100,2118-04-10,True", "INS-W_199,2018-04-10,True", "INS-W_198,2018-04-10,False"]
    (folder / "INS-W_1" / DEP).write_text("\n".join(lines) + "\n")
    rapids = folder / "INS-W_1" / RAPIDS
    rapids.write_text(rapids.read_text() + "INS-W_198,2018-04-09" + ",1" * 1390 + "\n")
    cohort = read(folder)
    steps = cohort.attrition.set_index("step")[["windows", "people"]]
    counts = {name.partition(": ")[2]: steps.loc[name].tolist() for name in steps.index if name.startswith("INS-W_1")}
    assert counts == {
        "weekly labels": [22, 8],
        "labels without a value": [1, 1],
        "repeated labels": [1, 1],
        "labels without any day of features": [2, 2],
        "participants with fewer than 2 windows": [1, 1],
        "windows": [17, 6],
        "participants with features and no label": [0, 0],
        "features beyond their range": [0, 0],
    }
    assert cohort.y[cohort.person == "INS-W_100"].tolist() == [1, 0]  # the last of two labels of a day


def test_an_option_that_does_not_exist_is_named(clean):
    with pytest.raises(CohortError, match="split must be 'person' or 'released', got 'other'"):
        read(clean, split="other")


def test_rows_of_features_in_any_order(folder):
    before = read(folder).fingerprint()
    for name in (RAPIDS, PLATFORM):
        file = folder / "INS-W_1" / name
        head, *rows = file.read_text().splitlines()
        file.write_text("\n".join([head, *rows[::-1], ""]))
    assert read(folder).fingerprint() == before


def test_a_twin_says_so(folder):
    assert read(folder).origin == "real"
    (folder / "TWIN.json").write_text("{}")
    assert read(folder).origin == read(folder / "INS-W_1").origin == "twin"


# ------------------------------------------------------------------------------------------------------------- card


def test_card_agrees_with_the_published_counts(shared):
    card = cards.load("globem")
    shapes = pd.read_csv(shared / "published" / "dataset_shapes.csv", comment=None)
    shapes = shapes[shapes["dataset"] == "GLOBEM"].set_index(["split", "metric"])["value"].astype(float)
    for split in SPLITS:
        assert card.expected[split] == shapes[split, "samples"]
        assert card.expected[f"{split} depressed"] == shapes[split, "label_1"]
    assert card.expected["total"] == shapes["all", "samples"]
    assert card.expected["participants"] == card.people == shapes["all", "unique_participant_ids"]
    for year in (1, 2, 3, 4):
        assert card.expected[f"year {year} participants"] == shapes[f"year {year}", "unique_participant_ids"]
    assert card.protected() == ["gender", "race", "disability"]
    assert card.windows.channels == len(channels())
    assert "Other" not in card.attributes["gender"].segments
