"""The Challenge 2012 reader on tiny archives in the official layout, against the definition; and on the real files."""

import gzip
import hashlib
import os
import tarfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fairlib.cohort import CohortError
from fairlib.readers import finer
from fairlib.readers.challenge2012 import CLIP, read
from fairlib.readers.challenge2012_files import HOURS, VARIABLES
from tests.readers.small.challenge2012 import FIRST, record, stays, with_rows, write


def row_of(cohort, number):
    return int(np.flatnonzero(cohort.person == number)[0])


def masks(cohort, number=FIRST):
    """Hours at which each measured variable of a record was observed."""
    block = cohort.x[row_of(cohort, number), :, len(VARIABLES) :]
    return {name: np.flatnonzero(block[:, i]).tolist() for i, name in enumerate(VARIABLES) if block[:, i].any()}


def note(cohort, step):
    found = cohort.attrition.set_index("step")["note"]
    return found[next(name for name in found.index if name.startswith(step))]


def by_definition(texts, train):
    """Grid, masks and scaling written down again from the documentation, cell by cell."""
    grids = {}
    for number, text in texts.items():
        grid = {}
        for line in text.splitlines()[7:]:
            clock, name, value = line.split(",")
            hours, minutes = map(int, clock.split(":"))
            grid[name, min(hours + minutes // 60, 47)] = float(np.float32(value))
        grids[number] = grid
    x = {number: np.zeros((HOURS, 2 * len(VARIABLES))) for number in texts}
    for column, name in enumerate(VARIABLES):
        known = [v for number in train for (variable, _), v in grids[number].items() if variable == name]
        low, high = (float(np.quantile(known, q)) for q in CLIP) if known else (0, 0)
        clipped = [min(max(v, low), high) for v in known] or [0]
        mean = sum(clipped) / len(clipped)
        sd = (sum((v - mean) ** 2 for v in clipped) / len(clipped)) ** 0.5 or 1
        median = float(np.median(known)) if known else 0
        for number, grid in grids.items():
            value = median
            for hour in range(HOURS):
                if (name, hour) in grid:
                    value = min(max(grid[name, hour], low), high)
                    x[number][hour, len(VARIABLES) + column] = 1
                x[number][hour, column] = (value - mean) / sd
    return x


def test_shape_channels_and_people(tmp_path):
    cohort = read(write(tmp_path, *stays()))
    assert cohort.x.shape == (40, 48, 72)
    assert cohort.x.dtype == np.float32
    assert len(VARIABLES) == 36
    assert "Weight" not in VARIABLES
    assert cohort.channels == (*VARIABLES, *(f"mask {name}" for name in VARIABLES))
    assert cohort.person.tolist() == list(range(FIRST, FIRST + 40))
    assert cohort.y.sum() == 10
    assert cohort.origin == "real"


def test_values_match_the_definition(tmp_path):
    texts, deaths = stays()
    cohort = read(write(tmp_path, texts, deaths))
    train = [str(person) for person in cohort.person[cohort.split == "train"]]
    expected = by_definition(texts, train)
    for i, person in enumerate(cohort.person):
        np.testing.assert_allclose(cohort.x[i], expected[str(person)], atol=2e-5)
    # The check can fail: statistics of everybody give other numbers.
    leaked = by_definition(texts, list(texts))
    assert not np.allclose(cohort.x[0], leaked[str(cohort.person[0])], atol=2e-5)
    # Dealt anew, the same definition with other training stays; masks stay as they are.
    split = np.where(cohort.split == "train", "test", "train")
    split[[np.flatnonzero((split == "train") & (cohort.y == y))[0] for y in (0, 1)]] = "val"
    dealt = cohort.dealt(split)
    expected = by_definition(texts, [str(person) for person in cohort.person[split == "train"]])
    for i, person in enumerate(cohort.person):
        np.testing.assert_allclose(dealt.x[i], expected[str(person)], atol=2e-5)
    np.testing.assert_array_equal(cohort.dealt(cohort.split).x[:], cohort.x)


def test_statistics_come_from_training_only(tmp_path):
    texts, deaths = stays()
    before = read(write(tmp_path / "one", texts, deaths))
    changed = str(before.person[before.split == "test"][0])
    kept = before.person != int(changed)
    texts[changed] = record(int(changed), [("01:00", "HR", 1e6), ("02:00", "Na", -50)])
    after = read(write(tmp_path / "two", texts, deaths))
    np.testing.assert_array_equal(before.x[kept], after.x[kept])
    hr = VARIABLES.index("HR")
    train = before.x[before.split == "train"][:, :, hr]
    assert after.x[~kept][0, 1, hr] == train.max()  # clipped to the training quantile


def test_hourly_bins(tmp_path):
    rows = [("00:00", "HR", 60), ("00:59", "Na", 140), ("01:00", "Na", 141), ("47:59", "pH", 7.4), ("48:00", "HR", 90)]
    cohort = read(write(tmp_path, *with_rows(*rows)))
    assert masks(cohort) == {"HR": [0, 47], "Na": [0, 1], "pH": [47]}


def test_last_value_in_the_hour_wins_and_is_carried_forward(tmp_path):
    texts, deaths = with_rows(("03:05", "HR", 30), ("03:50", "HR", 20), ("10:00", "HR", 25))
    other = str(FIRST + 1)
    texts[other] = record(FIRST + 1, [("03:00", "HR", 20), ("10:00", "HR", 25)])
    cohort, hr = read(write(tmp_path, texts, deaths)), VARIABLES.index("HR")
    one, two = (cohort.x[row_of(cohort, FIRST + i), :, hr] for i in (0, 1))
    np.testing.assert_array_equal(one, two)
    assert len(set(one[3:10])) == 1
    assert len(set(one[10:])) == 1
    assert one[2] != one[3] != one[10]


def test_before_the_first_measurement_the_training_median(tmp_path):
    texts, deaths = with_rows(("05:00", "HR", 21))
    texts[str(FIRST + 1)] = record(FIRST + 1, [("05:00", "Na", 21)])  # a stay without any HR
    cohort, hr = read(write(tmp_path, texts, deaths)), VARIABLES.index("HR")
    first = cohort.x[row_of(cohort, FIRST), :5, hr]
    never = cohort.x[:, :, hr][~cohort.x[:, :, 36 + hr].any(axis=1)]
    assert len(never) >= 1
    assert np.all(first == never.flat[0])
    assert np.all(never == never.flat[0])


def test_never_measured_variables_are_named(tmp_path):
    cohort = read(write(tmp_path, *stays()))
    assert "never measured in training: ALP, ALT" in note(cohort, "cohort")
    assert np.all(cohort.x[:, :, VARIABLES.index("ALP")] == 0)


def test_constant_variable_does_not_divide_by_zero(tmp_path):
    texts, deaths = stays()
    texts = {number: text + "48:00,MechVent,1\n" for number, text in texts.items()}
    cohort = read(write(tmp_path, texts, deaths))
    assert np.all(cohort.x[:, :, VARIABLES.index("MechVent")] == 0)


def test_empty_stay_is_kept_and_counted(tmp_path):
    cohort = read(write(tmp_path, *with_rows()))
    assert masks(cohort) == {}
    steps = cohort.attrition.set_index("step")["windows"]
    assert steps["stays without any measurement"] == 1
    assert len(cohort) == 40


# --------------------------------------------------------------------------------------------------------- split


def test_split_by_its_definition(tmp_path):
    texts, deaths = stays(80)
    cohort = read(write(tmp_path, texts, deaths))
    for outcome in (0, 1):
        numbers = [number for number, death in deaths.items() if death == outcome]
        numbers.sort(key=lambda number: hashlib.sha256(number.encode()).hexdigest())
        n = len(numbers)
        expected = dict.fromkeys(numbers[: round(0.7 * n)], "train")
        expected |= dict.fromkeys(numbers[round(0.7 * n) : round(0.85 * n)], "val")
        expected |= dict.fromkeys(numbers[round(0.85 * n) :], "test")
        rows = cohort.y == outcome
        assert dict(zip(map(str, cohort.person[rows]), cohort.split[rows], strict=True)) == expected


def test_split_depends_neither_on_sets_nor_on_file_order_nor_on_layout(tmp_path):
    sets = {"a": stays(40), "b": stays(44, FIRST + 1000, 1), "c": stays(48, FIRST + 2000, 2)}
    for name, content in sets.items():
        write(tmp_path / "all", *content, name=name)
        write(tmp_path / "alone", *content, name=name, layout="folder", reverse=True)
    write(tmp_path / "turned", *sets["b"], name="b", reverse=True)
    write(tmp_path / "only_b", *sets["b"], name="b")
    everything = read(tmp_path / "all", sets=("a", "b", "c"))
    splits = dict(zip(everything.person, everything.split, strict=True))
    assert len(splits) == 132
    for cohort in (read(tmp_path / "alone"), read(tmp_path / "only_b"), read(tmp_path / "turned")):
        assert [splits[person] for person in cohort.person] == cohort.split.tolist()
    np.testing.assert_array_equal(read(tmp_path / "alone", sets=("a", "b", "c")).x, everything.x)
    only_b, turned = read(tmp_path / "only_b"), read(tmp_path / "turned")
    np.testing.assert_array_equal(only_b.x, turned.x)
    assert only_b.fingerprint() == turned.fingerprint()


def test_a_sealed_set_is_read_where_it_is_named_and_says_so(tmp_path):
    write(tmp_path, *stays(40), name="a")
    write(tmp_path, *stays(48, FIRST + 2000, 2), name="c", layout="folder")
    cohort = read(tmp_path)
    assert (len(cohort), cohort.sealed) == (40, ())
    assert note(cohort, "set c: sealed, not read").startswith("it lies in the folder")
    assert note(cohort, "cohort").startswith("you have 40 stays, the card says 8,000 stays")
    named = read(tmp_path, sets=("c",))
    assert (len(named), named.sealed, named.person.min()) == (48, ("set c",), FIRST + 2000)
    assert named.dealt(named.split).sealed == ("set c",)
    assert note(named, "set c: record files").startswith("sealed; you have 48 stays")
    assert note(named, "set a: not read").startswith("it lies in the folder")
    assert note(named, "cohort").startswith("you have 48 stays, the card says 4,000 stays")
    assert len(read(tmp_path, sets=("a", "c"))) == 88


@pytest.mark.parametrize(
    ("sets", "words"),
    [
        (("a", "d"), "there is no set 'd'; Challenge 2012 has the sets a, b, c"),
        ((), "no set was named; Challenge 2012 has the sets a, b, c"),
        (("b",), r"holds neither set-b.tar.gz nor a folder set-b; it holds set a only; `python -m fairlib fetch"),
        (("a", "c"), r"nor a folder set-c; it holds set a only; .*fetch challenge2012 \S+ --sealed c` downloads"),
    ],
)
def test_unknown_and_missing_sets(tmp_path, sets, words):
    write(tmp_path, *stays(40), name="a")
    with pytest.raises(CohortError, match=words):
        read(tmp_path, sets=sets)


def test_split_is_stratified(tmp_path):
    cohort = read(write(tmp_path, *stays(200)))
    shares = pd.Series(cohort.y).groupby(cohort.split).agg(["mean", "size"])
    assert shares["mean"].between(0.23, 0.27).all()
    assert shares["size"].to_dict() == pytest.approx({"train": 140, "val": 30, "test": 30}, abs=1)


# --------------------------------------------------------------------------------------------------------- traps


def test_minus_one_is_missing(tmp_path):
    cohort = read(write(tmp_path, *with_rows(("01:00", "HR", -1), ("02:00", "HR", 80), gender=-1, icu=-1, age=-1)))
    assert cohort.attributes.iloc[0].isna().all()
    assert masks(cohort) == {"HR": [2]}
    assert note(cohort, "Gender of -1") == note(cohort, "ICUType of -1") == note(cohort, "Age of -1") == "1 rows"
    assert note(cohort, "measurements of -1") == "1 rows"


def test_attributes(tmp_path):
    cohort = read(write(tmp_path, *with_rows(age=65, gender=0, icu=2)))
    assert cohort.attributes.iloc[0].tolist() == ["Female", ">=65", "Cardiac surgery recovery"]
    texts, deaths = with_rows(age=64.9, gender=1, icu=4)
    cohort = read(write(tmp_path / "other", texts, deaths))
    assert cohort.attributes.iloc[0].tolist() == ["Male", "<65", "Surgical"]


def test_ages_in_finer_bands(tmp_path):
    """By person, of the sets that may be looked at; unknown ages stay missing."""
    ages = {"1": 49, "2": 50, "3": 64.9, "4": 65, "5": 90, "6": -1}
    write(tmp_path, {number: record(number, age=age) for number, age in ages.items()}, dict.fromkeys(ages, 0))
    write(tmp_path, {"9": record(9, age=70)}, {"9": 0}, name="c")
    found = finer("challenge2012", tmp_path)
    assert found["age band"].dropna().to_dict() == {1: 0, 2: 50, 3: 50, 4: 65, 5: 75}
    assert np.isnan(found.loc[6, "age band"])
    assert 9 not in found.index
    assert finer("mesa", tmp_path).empty


def test_descriptors_may_be_interleaved(tmp_path):
    texts, deaths = with_rows(("00:00", "HR", 80), age=30, gender=0)
    lines = texts[str(FIRST)].splitlines()
    texts[str(FIRST)] = "\n".join([lines[0], lines[7], *lines[6:0:-1]]) + "\n"
    cohort = read(write(tmp_path, texts, deaths))
    assert masks(cohort) == {"HR": [0]}
    assert cohort.attributes.iloc[0].tolist()[:2] == ["Female", "<65"]


def test_rows_without_a_parameter_are_dropped_and_counted(tmp_path):
    cohort = read(write(tmp_path, *with_rows(("10:45", "", 1.9), ("10:45", "HR", 80), ("11:45", "", 2.1))))
    assert masks(cohort) == {"HR": [10]}
    assert note(cohort, "rows without a parameter name: dropped") == "2 rows"


def test_weight_is_a_time_series_but_no_channel(tmp_path):
    cohort = read(write(tmp_path, *with_rows(("00:00", "Weight", 81), ("05:00", "Weight", 82))))
    assert masks(cohort) == {}
    assert note(cohort, "Weight as a time series") == "2 rows"


def test_repeated_pairs_are_counted_and_the_last_is_kept(tmp_path):
    texts, deaths = with_rows(("05:00", "HR", 20), ("05:00", "HR", 25), ("05:30", "HR", 26), ("05:30", "HR", 25))
    texts[str(FIRST + 1)] = record(FIRST + 1, [("05:00", "HR", 25)])
    cohort, hr = read(write(tmp_path, texts, deaths)), VARIABLES.index("HR")
    assert note(cohort, "repeated (time, parameter)") == "2 rows"
    np.testing.assert_array_equal(cohort.x[row_of(cohort, FIRST), :, hr], cohort.x[row_of(cohort, FIRST + 1), :, hr])


# ------------------------------------------------------- bad input; most of it: tests/readers/faults/challenge2012.py


def test_a_bad_line_in_an_archive_is_named_as_in_a_folder(tmp_path):
    texts, deaths = with_rows(("04:00", "HR", 80))
    texts[str(FIRST)] += "05:00,HR,high\n"
    messages = set()
    for layout in ("tar", "folder"):
        with pytest.raises(CohortError) as error:
            read(write(tmp_path / layout, texts, deaths, layout=layout))
        messages.add(str(error.value))
    assert len(messages) == 1
    assert f"set-a/{FIRST}.txt, line 9: " in messages.pop()


def test_flipped_byte_that_still_unpacks(tmp_path):
    file = write(tmp_path, *stays()) / "set-a.tar.gz"
    stored = bytearray(gzip.compress(gzip.decompress(file.read_bytes()), compresslevel=0))
    at = stored.index(b",HR,") + 4  # a digit becomes another digit: only the checksum at the end can tell
    stored[at] = ord("1") if stored[at] != ord("1") else ord("2")
    file.write_bytes(bytes(stored))
    with pytest.raises(CohortError, match=r"set-a.tar.gz is truncated or damaged"):
        read(tmp_path)


def test_set_without_any_record(tmp_path):
    with pytest.raises(CohortError, match=r"Outcomes-a\.txt holds a header and no rows"):
        read(write(tmp_path, {}, {}))


# ---------------------------------------------------------------------------------------------------- real files

SHARED = Path(os.environ.get("FAIRLIB_SHARED", Path(__file__).parents[3] / "shared"))
REAL = SHARED / "data" / "challenge-2012"


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """Sets a and b as released, and the seconds that reading them took."""
    needed = [REAL / f"{stem}-{s}{end}" for s in "ab" for stem, end in (("set", ".tar.gz"), ("Outcomes", ".txt"))]
    if not all(file.exists() for file in needed):
        pytest.skip(f"no real Challenge 2012 files in {REAL}; set FAIRLIB_SHARED to the folder that holds data/")
    folder = tmp_path_factory.mktemp("real")
    for file in needed:
        (folder / file.name).symlink_to(file)
    start = time.perf_counter()
    cohort = read(folder)
    return cohort, time.perf_counter() - start


def test_real_counts(real):
    cohort, seconds = real
    assert cohort.x.shape == (8000, 48, 72)
    first, second = slice(0, 4000), slice(4000, 8000)
    for rows, deaths, male, female, unknown, units in (
        (first, 554, 2246, 1751, 3, (577, 874, 1481, 1068)),
        (second, 568, 2253, 1742, 5, (590, 782, 1436, 1192)),
    ):
        attributes = cohort.attributes.iloc[rows]
        assert cohort.y[rows].sum() == deaths
        gender, unit = attributes["gender"].value_counts(), attributes["icu_type"].value_counts()
        assert (gender["Male"], gender["Female"], attributes["gender"].isna().sum()) == (male, female, unknown)
        names = ("Coronary care", "Cardiac surgery recovery", "Medical", "Surgical")
        assert tuple(unit[name] for name in names) == units
        assert attributes["age"].notna().all()
    assert seconds < 40  # about 9 s on a quiet core; the limit only notices a blunder


def test_real_ages(real):
    """The published age bands, and the two segments, from a parse of its own."""
    bands, below = {}, 0
    for name in "ab":
        with tarfile.open(REAL / f"set-{name}.tar.gz") as tar:
            texts = [tar.extractfile(member).read(300).decode() for member in tar if member.isfile()]
        ages = [float(text.split(",Age,")[1].split("\n")[0]) for text in texts]
        bands[name] = np.histogram(ages, [0, 45, 60, 75, 200])[0].tolist()
        below += sum(age < 65 for age in ages)
    assert bands == {"a": [572, 874, 1191, 1363], "b": [534, 911, 1175, 1380]}
    assert (real[0].attributes["age"] == "<65").sum() == below


def test_real_masks(real):
    cohort = real[0]
    observed = cohort.x[:, :, 36:] == 1
    assert np.isin(cohort.x[:, :, 36:], (0, 1)).all()
    empty = set(cohort.person[~observed.any(axis=(1, 2))].tolist())
    assert empty == {140501, 140936, 141264, 142731, 142998, 143656, 145611, 147514, 150309, 150649}
    assert 0.806 <= 1 - observed[:4000].mean() <= 0.807
    ever = observed[:4000].any(axis=1).mean(axis=0)
    published = {"HR": 0.984, "Creatinine": 0.984, "Temp": 0.984, "WBC": 0.982, "pH": 0.760, "MAP": 0.698}
    published |= {"MechVent": 0.632, "Lactate": 0.546, "RespRate": 0.275, "TroponinT": 0.216, "Cholesterol": 0.076}
    for name, rate in published.items():
        assert ever[VARIABLES.index(name)] == pytest.approx(rate, abs=6e-4)


def test_real_notes_and_scale(real):
    cohort = real[0]
    assert note(cohort, "repeated (time, parameter)") == "7,704 rows"  # 3,744 + 3,961, one of which is Weight
    assert note(cohort, "Gender of -1") == "8 rows"
    assert not cohort.attrition["step"].str.contains("without a parameter name").any()  # a trap of set c only
    train = cohort.split == "train"
    measured = np.where(cohort.x[train][:, :, 36:] == 1, cohort.x[train][:, :, :36], np.nan)
    assert np.abs(np.nanmean(measured, axis=(0, 1))).max() < 1e-3
    sd = np.nanstd(measured, axis=(0, 1))
    assert [VARIABLES[i] for i in np.flatnonzero(np.abs(sd - 1) > 1e-3)] == ["MechVent"]  # only ever 1: its mask tells
    assert np.bincount(cohort.y[train]).tolist() == [round(0.7 * 3446) + round(0.7 * 3432), 388 + 398]
