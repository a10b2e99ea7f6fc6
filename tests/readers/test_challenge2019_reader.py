"""The Challenge 2019 reader on small hospitals in the official layout, against its definition; and on real files."""

import io
import json
import os
import tarfile
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from fairlib.cohort import CohortError
from fairlib.readers import challenge2019_files
from fairlib.readers.challenge2019 import read
from fairlib.readers.challenge2019_files import HOURS, VARIABLES
from fairlib.readers.hourly import CLIP
from tests.readers.small.challenge2019 import COLUMNS, record, stays, with_record, write


def note(cohort, step):
    found = cohort.attrition.set_index("step")["note"]
    return found[next(name for name in found.index if name.startswith(step))]


def by_definition(texts, train):
    """Values and masks written down again from the documentation with pandas, a stay at a time."""
    tables = {}
    for name, text in texts.items():
        table = pd.read_csv(io.StringIO(text), sep="|").set_index("ICULOS")[list(VARIABLES)]
        tables[name] = table.astype(np.float32).astype(float).reindex(range(1, HOURS + 1))
    known = pd.concat([tables[name] for name in train])
    low, high = known.quantile(CLIP[0]), known.quantile(CLIP[1])
    clipped, out = known.clip(low, high, axis=1), {}
    mean, sd = clipped.mean().fillna(0), clipped.std(ddof=0).replace(0, 1).fillna(1)
    for name, table in tables.items():
        filled = table.clip(low, high, axis=1).ffill().fillna(known.median()).fillna(0)
        out[name] = np.hstack([(filled - mean) / sd, table.notna()])
    return out


def test_shape_channels_and_people(tmp_path):
    texts = stays()
    cohort = read(write(tmp_path, texts))
    assert cohort.x.shape == (40, 24, 68)
    assert cohort.x.dtype == np.float32
    assert cohort.channels == (*VARIABLES, *(f"mask {name}" for name in VARIABLES))
    assert (*VARIABLES, *COLUMNS[34:]) == tuple(COLUMNS)
    assert cohort.person.tolist() == sorted(texts)
    assert cohort.y.sum() == 10
    assert (cohort.origin, cohort.sealed, cohort.clip) == ("real", (), CLIP)
    assert cohort.measured.shape == (40, 24, 34)


def test_values_match_the_definition(tmp_path):
    texts = stays() | {"p000002": record(range(7, 40), measured={(7, "HR"): 20, (9, "HR"): 200, (24, "Temp"): 40})}
    cohort = read(write(tmp_path, texts))
    expected = by_definition(texts, cohort.person[cohort.split == "train"])
    for i, person in enumerate(cohort.person):
        np.testing.assert_allclose(cohort.x[i], expected[person], atol=2e-5)
    leaked = by_definition(texts, list(texts))  # the check can fail
    assert not np.allclose(cohort.x[0], leaked[cohort.person[0]], atol=2e-5)
    # Dealt anew, the same definition with other training stays.
    split = np.where(cohort.split == "train", "test", "train")
    split[[np.flatnonzero((split == "train") & (cohort.y == y))[0] for y in (0, 1)]] = "val"
    dealt, expected = cohort.dealt(split), by_definition(texts, cohort.person[split == "train"])
    for i, person in enumerate(cohort.person):
        np.testing.assert_allclose(dealt.x[i], expected[person], atol=2e-5)


def test_hours_are_part_of_the_row_and_not_its_position(tmp_path):
    measured = {(hour, "HR"): 80 for hour in (3, 4, 9, 25)}
    cohort = read(write(tmp_path, with_record(hours=[3, 4, 9, 25, 26], measured=measured)))
    mask = cohort.x[0, :, len(VARIABLES) + VARIABLES.index("HR")]
    assert (np.flatnonzero(mask) + 1).tolist() == [3, 4, 9]


@pytest.mark.parametrize(
    ("changes", "y"),
    [
        ({"hours": range(1, 25)}, 0),
        ({"hours": range(1, 24)}, None),
        ({"hours": range(30, 40)}, 0),
        ({"onset": 25}, 1),
        ({"onset": 24}, None),
        ({"onset": 1}, None),
        ({"hours": range(30, 40), "onset": 30}, 1),
        ({"hours": range(1, 20), "onset": 9}, None),
    ],
)
def test_who_is_in_the_cohort_and_who_is_positive(tmp_path, changes, y):
    cohort = read(write(tmp_path, with_record(**changes)))
    found = dict(zip(cohort.person, cohort.y, strict=True))
    assert found.get("p000001") == y
    assert len(cohort) == 39 + (y is not None)


def test_attributes(tmp_path):
    for i, (changes, expected) in enumerate(
        [
            ({"age": 64.99, "gender": 1, "unit": (1, 0)}, ["Male", "<65", "Medical"]),
            ({"age": 65, "gender": 0, "unit": (0, 1)}, ["Female", ">=65", "Surgical"]),
            ({"age": 100, "gender": "NaN", "unit": (0, 0)}, [None, ">=65", None]),
            ({"age": "NaN", "unit": ("NaN", "NaN")}, ["Male", None, None]),
        ]
    ):
        cohort = read(write(tmp_path / str(i), with_record(**changes)))
        assert cohort.attributes.iloc[0].astype(object).where(lambda v: v.notna(), None).tolist() == [*expected, None]
    assert cohort.card.protected() == ["gender", "age"]
    assert cohort.attributes["hospital"].isna().all()  # known where both are read


@pytest.mark.parametrize("layout", ["folder", "zip", "tar"])
@pytest.mark.parametrize("at", ["", "training", "challenge-2019-1.0.0/training"])
def test_every_layout_at_every_documented_depth_gives_the_same_cohort(tmp_path, layout, at):
    if layout != "folder" and "/" in at:
        pytest.skip("unpacked deeper than an archive is ever put")
    texts = stays()
    expected = read(write(tmp_path / "plain", texts)).fingerprint()
    assert read(write(tmp_path / "data", texts, layout=layout, at=at, reverse=True)).fingerprint() == expected


def test_blocks_change_nothing(tmp_path, monkeypatch):
    whole = read(write(tmp_path, stays(60))).fingerprint()
    monkeypatch.setattr(challenge2019_files, "BLOCK", 7)
    assert read(tmp_path).fingerprint() == whole


def test_hospital_b_is_read_where_it_is_named_and_says_so(tmp_path):
    write(tmp_path, stays(40))
    write(tmp_path, stays(48, "B", 1), "B", layout="zip")
    alone = read(tmp_path)
    assert (len(alone), alone.sealed) == (40, ())
    assert note(alone, "hospital B: sealed, not read").startswith("it lies in the folder")
    named = read(tmp_path, sets=("B",))
    assert (len(named), named.sealed, named.person[0]) == (48, ("hospital B",), "p100001")
    assert named.dealt(named.split).sealed == ("hospital B",)
    assert note(named, "hospital A: not read").startswith("it lies in the folder")
    assert note(named, "hospital B: record files").startswith("sealed; you have 48 stays")
    assert note(alone, "hospital unknown") == "kept, hospital missing; it is an attribute where two hospitals are read"
    both = read(tmp_path, sets=("A", "B"))
    assert note(both, "hospital unknown") == "kept, hospital missing"
    assert (len(both), both.sealed) == (88, ("hospital B",))
    assert both.attributes["hospital"].tolist() == ["A"] * 40 + ["B"] * 48
    assert both.split[:40].tolist() == alone.split.tolist()  # each hospital is split on its own
    assert both.split[40:].tolist() == named.split.tolist()


def test_nothing_of_hospital_b_is_opened_unasked(tmp_path, monkeypatch):
    write(tmp_path, stays(40))
    write(tmp_path, {"p100001": "not even opened"}, "B")
    opened, content = [], challenge2019_files.files_of.content
    spy = lambda file, *given: opened.append(file.parent.name) or content(file, *given)
    monkeypatch.setattr(challenge2019_files.files_of, "content", spy)
    read(tmp_path)
    assert set(opened) == {"training_setA"}


@pytest.mark.parametrize(
    ("sets", "words"),
    [
        (("A", "C"), "there is no hospital 'C'; Challenge 2019 has the hospitals A, B"),
        ((), "no hospital was named; Challenge 2019 has the hospitals A, B"),
        (("B",), r"holds no training_setB, .*fetch challenge2019 \S+ --sealed B` says how to get it"),
    ],
)
def test_unknown_and_missing_hospitals(tmp_path, sets, words):
    write(tmp_path, stays(40))
    with pytest.raises(CohortError, match=words):
        read(tmp_path, sets=sets)


def test_memory_does_not_grow_with_the_hours_after_the_window(tmp_path, monkeypatch):
    monkeypatch.setattr(challenge2019_files, "BLOCK", 16)
    pool, peaks = pa.default_memory_pool(), []
    for name, hours in (("short", 30), ("long", 300)):
        write(tmp_path / name, {stem: record(range(1, hours + 1)) for stem in stays(400)} | stays(20), layout="tar")
        read(tmp_path / name)  # what is imported and kept at first use
        before = pool.bytes_allocated()
        tracemalloc.start()
        read(tmp_path / name)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert pool.bytes_allocated() - before < 1e6
    assert peaks[1] < 1.5 * peaks[0], peaks  # the texts are eight times as long


# ---------------------------------------------------------------------------------------------------- the real files

SHARED = Path(os.environ.get("FAIRLIB_SHARED", Path(__file__).parents[3] / "shared"))
REAL = SHARED / "data" / "challenge-2019"


@pytest.fixture(scope="module")
def real():
    """Hospital A as released, the seconds of CPU that reading it took, and the counts to expect."""
    if not (REAL / "training_setA.tar.gz").exists():
        pytest.skip(f"no real Challenge 2019 files in {REAL}; set FAIRLIB_SHARED to the folder that holds data/")
    start = time.process_time()
    cohort = read(REAL)
    return cohort, time.process_time() - start, json.loads((REAL / "EXPECTED.json").read_text())["A"]


@pytest.fixture(scope="module")
def plain(real):
    """The same files with pandas alone: all rows with the name of the stay."""
    parts, names = [], []
    with tarfile.open(REAL / "training_setA.tar.gz") as tar:
        for member in tar:
            head, _, rows = tar.extractfile(member).read().decode().partition("\n") if member.isfile() else ("", "", "")
            parts.append(rows)
            names += [Path(member.name).stem] * rows.count("\n")
    table = pd.read_csv(io.StringIO("".join(parts)), sep="|", names=head.split("|"), dtype=np.float32)
    return table.assign(stay=names)


def test_real_counts_are_those_expected(real):
    cohort, seconds, expected = real
    y, gender, age = cohort.y == 1, cohort.attributes["gender"], cohort.attributes["age"]
    found = {"stays for the study": len(cohort), "positive": y.sum()}
    for words, rows in (
        ("male", gender == "Male"),
        ("female", gender == "Female"),
        ("65 or older", age == ">=65"),
        ("under 65", age == "<65"),
    ):
        found |= {f"{words}, for the study": rows.sum(), f"{words}, positive": (rows & y).sum()}
    assert {name: expected[name] for name in found} == found
    files = note(cohort, "hospital A: record files")
    assert files == (
        f"you have {expected['stays']:,} stays, {expected['hours']:,} hours and"
        f" {expected['stays with sepsis']:,} with sepsis, as the card says"
    )
    assert note(cohort, "cohort").startswith("you have 16,068 stays and 966 with sepsis, as the card says")
    left = cohort.attrition.set_index("step")["windows"]
    short = expected["stays"] - expected["stays whose last ICULOS is 24 or more"]
    assert left["hospital A: stays shorter than 24 hours"] == short
    assert expected["stays"] - left[:3].iloc[1:].sum() == len(cohort)
    assert expected["stays"] / seconds > 3000 / 2  # about 4,800 per second of CPU; asked are 3,000 on two cores


def test_real_counts_again_with_pandas_alone(real, plain):
    """Every number of EXPECTED.json from the rows, by none of the reader's code."""
    by = plain.groupby("stay", sort=False)
    first, last, sepsis = by["ICULOS"].min(), by["ICULOS"].max(), by["SepsisLabel"].max() == 1
    male, old = by["Gender"].first() == 1, by["Age"].first() >= 65
    unit1, unit2 = by["Unit1"].first(), by["Unit2"].first()
    early = plain[plain["ICULOS"] <= 24].groupby("stay")["SepsisLabel"].max().reindex(last.index).fillna(0) == 1
    study = (last >= 24) & ~early
    positive = study & sepsis
    found = {"stays": len(last), "hours": len(plain), "stays with sepsis": sepsis, "male": male, "65 or older": old}
    found |= {"stays whose first ICULOS is not 1": first != 1, "stays whose last ICULOS is 24 or more": last >= 24}
    found |= {"unit unknown": unit1.isna() & unit2.isna(), "medical ICU": unit1 == 1, "surgical ICU": unit2 == 1}
    found |= {"stays for the study": study, "positive": positive}
    for words, rows in (("male", male), ("female", ~male), ("65 or older", old), ("under 65", ~old)):
        found |= {f"{words}, for the study": study & rows, f"{words}, positive": positive & rows}
    assert {name: int(np.sum(value)) if np.ndim(value) else value for name, value in found.items()} == real[2]
    cohort = real[0]
    assert cohort.person.tolist() == sorted(study.index[study])
    assert cohort.y.tolist() == sepsis[cohort.person].astype(int).tolist()
    for name, known in (("Medical", unit1), ("Surgical", unit2)):
        assert ((cohort.attributes["unit"] == name).to_numpy() == (known[cohort.person] == 1).to_numpy()).all()


def test_real_values_again_with_pandas_alone(real, plain):
    cohort = real[0]
    rows = plain[(plain["ICULOS"] <= 24) & plain["stay"].isin(cohort.person)]
    full = pd.MultiIndex.from_product([cohort.person, range(1, 25)])
    table = rows.assign(hour=rows["ICULOS"].astype(int)).set_index(["stay", "hour"])[list(VARIABLES)].reindex(full)
    np.testing.assert_array_equal(cohort.measured.reshape(-1, 34), table.to_numpy(np.float32))
    np.testing.assert_array_equal(cohort.x[:, :, 34:].reshape(-1, 34) == 1, table.notna().to_numpy())
    train = cohort.split == "train"
    seen = np.where(cohort.x[train][:, :, 34:] == 1, cohort.x[train][:, :, :34], np.nan)
    never = np.isnan(seen).all(axis=(0, 1))
    assert [VARIABLES[i] for i in np.flatnonzero(never)] == ["EtCO2"]
    assert np.abs(np.nanmean(seen[:, :, ~never], axis=(0, 1))).max() < 1e-3
    assert np.abs(np.nanstd(seen[:, :, ~never], axis=(0, 1)) - 1).max() < 1e-3
