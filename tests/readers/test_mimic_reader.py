"""The MIMIC reader against a slow reference written from FORMAT.md, and against every kind of bad input."""

import csv
import gzip
import json
import math
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fairlib.cohort import CohortError
from fairlib.readers import benchmark_episodes, mimic, mimic_tables
from tests.readers.small import mimic as small
from tests.readers.small.mimic import HEADER, PEOPLE, SUBJECTS, TABLE, write_stays, write_table

SHARED = Path(os.environ.get("FAIRLIB_SHARED", Path(__file__).parents[2].parent / "shared")) / "data"
needs_shared = pytest.mark.skipif(
    not SHARED.is_dir(), reason=f"the open sample data are not in {SHARED}; set FAIRLIB_SHARED"
)


def slow_channels(text: str) -> np.ndarray:
    """One episode → (48, 76), by the sentences of FORMAT.md, one cell at a time."""
    rows = list(csv.DictReader(text.splitlines()))
    blocks, masks = [], []
    for name, normal, kind in TABLE:
        last = [None] * 48
        for row in rows:
            if row[name] != "":
                last[max(0, math.floor(float(row["Hours"]) - 1e-6))] = row[name]
        current, columns = normal, []
        for hour in range(48):
            current = current if last[hour] is None else last[hour]
            if isinstance(kind, list):
                columns.append([1.0 if category == current else 0.0 for category in kind])
            else:
                columns.append([(float(current) - kind[0]) / kind[1]])
        blocks.append(np.array(columns))
        masks.append([0.0 if value is None else 1.0 for value in last])
    return np.concatenate([*blocks, np.array(masks).T], axis=1)


@pytest.fixture
def benchmark(tmp_path) -> Path:
    return small.write(tmp_path / "data")


def refusal(root: Path, **options) -> str:
    with pytest.raises(CohortError) as caught:
        mimic.read(root, **options)
    return str(caught.value)


# --- values


def test_the_last_moment_of_the_48th_hour_belongs_to_it():
    """A fault beside it is not laid at its door; and the largest number of float32 is one."""
    largest = repr(float(np.finfo(np.float32).max))
    good = [",".join(HEADER), "47.5" + "," * 17, f"48.0,,{largest}" + "," * 15]
    assert benchmark_episodes.parse("\n".join(good), "episode") == ([47 * 17 + 1], [float(largest)])
    with pytest.raises(CohortError, match="line 4: expected 18 cells, found 1"):
        benchmark_episodes.parse("\n".join([*good, "48.0"]), "episode")


def test_every_value_equals_the_slow_reference(benchmark):
    cohort = mimic.read(benchmark)
    task = benchmark / "in-hospital-mortality"
    names = [line.split(",")[0] for s in SUBJECTS for line in (task / f"{s}_listfile.csv").read_text().split()[1:]]
    folders = ["train"] * 6 + ["test"] * 2
    wanted = np.stack([slow_channels((task / f / name).read_text()) for f, name in zip(folders, names, strict=True)])
    assert cohort.x.shape == (8, 48, 76)
    assert cohort.x.dtype == np.float32
    np.testing.assert_allclose(cohort.x, wanted, atol=2e-4)  # the statistics above are printed with six digits
    assert cohort.y.tolist() == [0, 1, 0, 1, 0, 1, 0, 1]
    assert cohort.person.tolist() == [11, 12, 13, 11, 21, 22, 31, 32]
    assert cohort.split.tolist() == ["train"] * 4 + ["val"] * 2 + ["test"] * 2
    assert cohort.origin == "real"


def test_channels_are_in_the_order_of_the_format():
    wanted = [f"{name}->{c}" if c else name for name, _, k in TABLE for c in (k if isinstance(k, list) else [""])]
    wanted += [f"mask->{name}" for name, _, _ in TABLE]
    assert list(benchmark_episodes.CHANNELS) == wanted
    assert len(wanted) == 76
    continuous = [i for i, name in enumerate(wanted) if name in {n for n, _, k in TABLE if isinstance(k, tuple)}]
    assert continuous == [2, 3, *range(49, 59)]


@needs_shared
def test_channels_and_statistics_are_those_of_the_benchmark():
    stored = json.loads((SHARED / "mimic-benchmark" / "ihm_normalizer.json").read_text())
    statistics = stored["timestep_hours"]["1.0"]
    assert list(benchmark_episodes.CHANNELS) == stored["channels"]
    indices = [benchmark_episodes.STARTS[j] for j in benchmark_episodes.CONTINUOUS]
    assert indices == stored["normalised_channel_indices"]
    assert benchmark_episodes.MEAN.tolist() == [statistics["means"][i] for i in indices]
    assert benchmark_episodes.SD.tolist() == [statistics["stds"][i] for i in indices]
    config = json.loads((SHARED / "mimic-benchmark" / "discretizer_config.json").read_text())
    for variable in benchmark_episodes.VARIABLES:
        assert variable.get("categories", []) == config["possible_values"][variable["name"]]
        assert str(variable["normal"]) in (
            config["normal_values"][variable["name"]],
            f"{config['normal_values'][variable['name']]}.0",
        )


def test_bins_carrying_forward_and_the_last_value_of_an_hour():
    rate, mask = 50, 67
    lines = ["Hours" + "," + ",".join(HEADER[1:])]
    for hour, value in ((0.0, "60"), (1.0, "70"), (1.0, "71"), (1.000002, "80"), (48.0000005, "90")):
        cells = [str(hour)] + [""] * 17
        cells[9] = value
        lines.append(",".join(cells))
    positions, values = benchmark_episodes.parse("\n".join(lines), "file")
    grid = np.full(48 * 17, np.nan)
    grid[positions] = values
    x = benchmark_episodes.to_channels(grid.reshape(1, 48, 17))[0]
    beats = x[:, rate] * 19.406306128762413 + 86.25870678236019
    np.testing.assert_allclose(
        beats, [71] + [80] * 46 + [90], rtol=1e-5
    )  # t = 1.0 falls in bin 0, the last value counts
    assert x[:, mask].tolist() == [1, 1] + [0] * 45 + [1]


@pytest.mark.parametrize(
    ("column", "texts"), [(6, ("15", "15.0")), (6, ("3", "3.0")), (1, ("1", "1.0")), (1, ("0", "0.0"))]
)
def test_scores_written_as_numbers_are_the_same_category(column, texts):
    def read(text):
        cells = ["0.5"] + [""] * 17
        cells[column] = text
        return benchmark_episodes.parse(",".join(HEADER) + "\n" + ",".join(cells), "file")

    assert read(texts[0]) == read(texts[1])


# --- attributes


def attributes_of(cohort, subject: int) -> list[dict]:
    return cohort.attributes.astype(object)[cohort.person == subject].to_dict("records")


def test_without_icustays_only_unambiguous_attributes_are_used(benchmark):
    cohort = mimic.read(benchmark)
    first, second = attributes_of(cohort, 11)
    assert first == second
    assert first["gender"] == "Female"
    assert first["ethnicity"] == "White"
    assert first["language"] == "English"
    assert pd.isna(first["age"])
    assert pd.isna(first["insurance"])
    assert attributes_of(cohort, 12)[0] == {
        "gender": "Male",
        "age": "<65",
        "ethnicity": "White",
        "insurance": "Private",
        "language": "English",
    }
    assert pd.isna(attributes_of(cohort, 22)[0]["ethnicity"])  # White once, unknown once: which one is the episode's?
    counted = cohort.attrition.set_index("step").loc["insurance unknown"]
    assert (counted["windows"], counted["people"]) == (2, 1)
    assert "admissions disagree for 2 stays" in counted["note"]


def test_with_icustays_each_episode_has_its_own_admission(benchmark):
    later = "11,1101,5,MICU,MICU,50,50,2145-06-15 12:00:00,2145-06-19 12:00:00"  # listed first, happened second
    earlier = "11,1100,9,MICU,MICU,50,50,2140-06-15 12:00:00,2140-06-19 12:00:00"
    write_stays(benchmark, [later, earlier])
    first, second = attributes_of(mimic.read(benchmark), 11)
    assert (first["age"], first["insurance"]) == ("<65", "Private")
    assert (second["age"], second["insurance"]) == (">=65", "Medicare")


def test_stays_that_the_benchmark_drops_are_not_numbered(benchmark):
    kept = [
        "11,1100,1,MICU,MICU,50,50,2140-06-15 12:00:00,2140-06-19 12:00:00",
        "11,1101,2,MICU,MICU,50,50,2145-06-15 12:00:00,2145-06-19 12:00:00",
    ]
    dropped = [
        "11,1102,3,MICU,CCU,50,50,2130-06-15 12:00:00,2130-06-19 12:00:00",  # care unit changed
        "11,1102,4,MICU,MICU,50,51,2131-06-15 12:00:00,2131-06-19 12:00:00",  # ward changed
        "11,1103,5,MICU,MICU,50,50,2132-06-15 12:00:00,2132-06-19 12:00:00",  # two stays in one admission
        "11,1103,6,MICU,MICU,50,50,2132-06-20 12:00:00,2132-06-29 12:00:00",
        "11,1104,7,NICU,NICU,50,50,2080-06-15 12:00:00,2080-06-19 12:00:00",  # under 18 years
    ]
    write_stays(benchmark, dropped + kept)
    assert [row["insurance"] for row in attributes_of(mimic.read(benchmark), 11)] == ["Private", "Medicare"]
    write_stays(benchmark, dropped + kept[:1])
    assert "11_episode2" in (message := refusal(benchmark))
    assert "1 episode(s), not 2" in message


@needs_shared
def test_the_demo_has_57_stays_of_48_hours():
    """Its README.md: applying the benchmark's rules gives 57 stays, the number in its published list."""
    tables = {}
    for name in ("ICUSTAYS", "PATIENTS"):
        file = mimic_tables.find_table(name, [SHARED / "mimic-iii-demo"])
        tables[name] = mimic_tables.read_table(file, getattr(mimic_tables, name))
    kept = mimic_tables.episode_admissions(tables["ICUSTAYS"], tables["PATIENTS"])
    assert int((kept["OUTTIME"] - kept["INTIME"] >= pd.Timedelta(hours=48)).sum()) == 57


def test_ages_follow_the_calendar_also_for_shifted_dates_of_birth(benchmark):
    write_table(
        benchmark,
        "PATIENTS",
        "SUBJECT_ID,GENDER,DOB",
        [
            "11,M,2080-06-15 00:00:00",
            "12,M,2075-06-15 00:00:00",  # 65 today
            "13,M,2075-06-16 00:00:00",  # 65 tomorrow
            "21,M,1840-06-15 00:00:00",  # over 89: shifted to 300 years, more nanoseconds than int64 holds
            *(f"{p},M,2080-06-15 00:00:00" for p in (22, 31, 32)),
        ],
    )
    cohort = mimic.read(benchmark)
    assert [attributes_of(cohort, p)[0]["age"] for p in (12, 13, 21)] == [">=65", "<65", ">=65"]


def test_codes_become_segments_and_unknown_codes_stay_missing(benchmark):
    cases = [
        ("WHITE - RUSSIAN", "Private", "ENGL", "White", "English"),
        ("BLACK/CAPE VERDEAN", "Private", "PTUN", "Black", "Other"),
        ("HISPANIC/LATINO - CUBAN", "Private", "", "Hispanic", None),
        ("UNKNOWN/NOT SPECIFIED", "Private", "*ARM", None, "Other"),
        ("UNABLE TO OBTAIN", "Private", "ENGL", None, "English"),
        ("PATIENT DECLINED TO ANSWER", "Private", "ENGL", None, "English"),
        ("PORTUGUESE", "Private", "ENGL", "Other", "English"),
    ]
    rows = [f"{p},{p}00,2140-06-15 10:00:00,{c[0]},{c[1]},{c[2]}" for p, c in zip(PEOPLE, cases, strict=True)]
    write_table(benchmark, "ADMISSIONS", "SUBJECT_ID,HADM_ID,ADMITTIME,ETHNICITY,INSURANCE,LANGUAGE", rows)
    cohort = mimic.read(benchmark)
    for person, (*_, ethnicity, language) in zip(PEOPLE, cases, strict=True):
        found = attributes_of(cohort, person)[0]
        assert (found["ethnicity"] if pd.notna(found["ethnicity"]) else None) == ethnicity
        assert (found["language"] if pd.notna(found["language"]) else None) == language
    assert cohort.attrition.set_index("step").loc["ethnicity unknown", "people"] == 3


def test_tables_may_be_zipped_lower_case_and_beside_the_task(benchmark):
    plain = mimic.read(benchmark)
    for name in ("ADMISSIONS", "PATIENTS"):
        header, rows = (benchmark / f"{name}.csv").read_text().split("\n", 1)
        (benchmark / f"{name.lower()}.csv.gz").write_bytes(gzip.compress(f"{header.lower()}\n{rows}".encode()))
        (benchmark / f"{name}.csv").unlink()
    assert mimic.read(benchmark).fingerprint() == plain.fingerprint()
    # the parent of the given folder is searched too
    assert mimic.read(benchmark / "in-hospital-mortality").fingerprint() == plain.fingerprint()


def test_a_twin_says_so(benchmark):
    (benchmark / "TWIN.json").write_text("{}")
    assert mimic.read(benchmark).origin == mimic.read(benchmark / "in-hospital-mortality").origin == "twin"


def test_the_attrition_table_compares_with_the_benchmark(benchmark):
    (benchmark / "in-hospital-mortality" / "train" / "99_episode1_timeseries.csv").write_text("not listed")
    attrition = mimic.read(benchmark).attrition.set_index("step")
    note = attrition.loc["test list: stays with an episode file", "note"]
    assert note == "you have 2 stays and 1 deaths, the card says 3,236 stays and 374 deaths"
    assert attrition.loc["episode files in no list", "windows"] == 1
    assert attrition.loc["cohort", ["windows", "people"]].tolist() == [8, 7]
