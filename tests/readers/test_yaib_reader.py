"""The reader of YAIB's layout: against its definition in small cohorts, and on the real demo against plain pandas."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from fairlib import cards, readers
from fairlib.__main__ import main
from fairlib.readers import eicu_demo, yaib
from fairlib.readers.units import USUAL
from fairlib.readers.yaib_files import TABLES
from fairlib.readers.yaib_layout import LAYOUT, Label, of_stays
from fairlib.scaling import standardise
from tests.readers.small import yaib as small
from tests.readers.small.yaib import EARLY, SHORT, VARIABLES, WINDOW

HOUR = pd.Timedelta(hours=1)


def step(cohort, name: str) -> pd.Series:
    table = cohort.attrition.set_index("step")
    return table.loc[next(found for found in table.index if found.startswith(name))]


# ------------------------------------------------------------------------------------------------------ small cohorts


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return small.write(tmp_path_factory.mktemp("yaib") / "cohort")


@pytest.fixture(scope="module")
def cohort(folder):
    return readers.read("my_cohort", folder)


def test_windows_are_the_first_hours_and_masks_say_what_was_measured(cohort):
    tables = small.frames()
    stays = [stay for stay in tables["sta"]["stay_id"] if stay not in (SHORT, EARLY)]
    assert cohort.channels == (*VARIABLES, *(f"mask {name}" for name in VARIABLES))
    assert (cohort.x.shape, cohort.x.dtype) == ((len(stays), WINDOW, 6), np.float32)
    for i, stay in enumerate(stays):
        rows = tables["dyn"][tables["dyn"]["stay_id"] == stay].iloc[:WINDOW]
        np.testing.assert_allclose(cohort.measured[i], rows[[*VARIABLES]].to_numpy(), rtol=1e-6)
    np.testing.assert_array_equal(cohort.x[:, :, 3:], ~np.isnan(cohort.measured))
    people = tables["people"].set_index("stay_id").loc[stays]
    assert cohort.person.tolist() == people["subject_id"].tolist()
    assert cohort.attributes["ethnicity"].tolist() == people["ethnicity"].tolist()
    assert cohort.y.tolist() == [int(stay % 3 == 0) for stay in stays]


def test_folds_impute_and_scale_with_their_own_training_people(cohort):
    split = np.where(cohort.split == "train", "test", "train")
    split[[np.flatnonzero((split == "train") & (cohort.y == y))[0] for y in (0, 1)]] = "val"
    by_person = dict(zip(cohort.person, split, strict=True))
    split = np.array([by_person[person] for person in cohort.person])
    dealt, values = cohort.dealt(split), cohort.measured.copy()
    standardise(values, split == "train", [*VARIABLES], yaib.CLIP)
    np.testing.assert_array_equal(dealt.x[:, :, :3], values)
    assert not np.array_equal(values, cohort.x[:, :, :3])
    np.testing.assert_array_equal(cohort.dealt(cohort.split).x[:], cohort.x)


def test_stays_of_one_person_share_a_split(cohort):
    several = pd.Series(cohort.split).groupby(cohort.person).agg(["nunique", "size"])
    assert (several["nunique"] == 1).all()
    assert (several["size"] == 2).sum() > 10


@pytest.mark.parametrize("order", ["sorted", "shuffled"])
def test_the_order_of_rows_and_blocks_does_not_matter(tmp_path, cohort, monkeypatch, order):
    monkeypatch.setattr("fairlib.readers.yaib_files.ROWS", 7)
    tables = small.frames()
    if order == "shuffled":
        tables["dyn"] = tables["dyn"].sample(frac=1, random_state=0)
        tables["people"] = tables["people"].sample(frac=1, random_state=1)
    again = readers.own(small.write(tmp_path / "again", tables))
    assert again.fingerprint() == cohort.fingerprint()


def hourly(*labels: str) -> pd.DataFrame:
    """An outc with the labels of stays A, B …, a digit an hour."""
    rows = [("ABCDEF"[i], hour, int(label)) for i, each in enumerate(labels) for hour, label in enumerate(each)]
    table = pd.DataFrame(rows, columns=["stay_id", "hour", "label"])
    return table.assign(time=pd.to_timedelta(table.pop("hour"), unit="h"))


@pytest.mark.parametrize(
    ("label", "labels", "expected"),
    [
        # true from the window's end on · true before it · never · ends with the window, not true · the same, true
        ({"rule": "onset"}, ("0001", "0011", "0000", "000", "001"), [1, None, 0, None, None]),
        ({"rule": "onset"}, ("00011110", "1000", "00000000", "0001"), [1, None, 0, 1]),
        ({"rule": "onset", "gap": 2}, ("000001", "000011", "00000", "000000"), [1, None, None, 0]),
        ({"rule": "onset", "horizon": 2}, ("0001", "00001", "000001", "0000"), [1, 1, 0, 0]),
        ({"rule": "hour"}, ("0001", "0110", "000"), [1, 0, None]),
        ({"rule": "hour", "gap": 1, "above": 3}, ("00024", "99992", "0009"), [1, 0, None]),
    ],
)
def test_label_rules(label, labels, expected):
    """With a window of three hours: hours 0 to 2."""
    y, left = of_stays(Path("outc.parquet"), hourly(*labels), Label(**label), 3)
    assert [None if np.isnan(value) else int(value) for value in y] == expected
    assert [int(value) for value in sum(which for _, which, note in left if note.startswith("left out"))] == [
        int(value is None) for value in expected
    ]


def test_one_label_a_stay(tmp_path):
    tables = small.frames()
    stays = tables["sta"]["stay_id"]
    numbers = np.arange(len(stays), dtype=float)
    numbers[5] = np.nan
    tables["outc"] = pd.DataFrame({"stay_id": stays, "label": numbers})
    cohort = readers.own(small.write(tmp_path / "cohort", tables, label={"rule": "stay", "above": 29.5}))
    assert (len(cohort), cohort.y.sum()) == (59, 30)
    assert step(cohort, "stays with an empty label")[["windows", "people"]].tolist() == [1, 1]
    tables["dyn"] = tables["dyn"][(tables["dyn"]["stay_id"] != stays[7]) | (tables["dyn"]["time"] < 2 * HOUR)]
    short = readers.own(small.write(tmp_path / "short", tables, label={"rule": "stay", "above": 29.5}))
    assert step(short, "stays that end before hour 4")["windows"] == 1


def test_without_a_table_of_people_each_stay_is_a_participant(tmp_path):
    tables = small.frames()
    tables["sta"]["ethnicity"] = "White"
    cohort = readers.own(small.write(tmp_path / "cohort", tables, person="stay_id", people=[]))
    assert len(set(cohort.person)) == len(cohort)


def test_a_table_of_people_may_be_parquet_and_lead_to_another(tmp_path):
    tables = small.frames()
    where = small.write(tmp_path / "cohort", tables)
    people = tables["people"].drop(columns="ethnicity").assign(hospital=tables["people"]["stay_id"] % 3)
    people.to_parquet(where / "people.parquet", index=False)
    pd.DataFrame({"id": [0, 1, 2], "ethnicity": ["White", "Black", "NA"]}).to_csv(where / "hospitals.csv", index=False)
    links = [{"file": "people.parquet"}, {"file": "hospitals.csv", "key": "id", "to": "hospital"}]
    (where / LAYOUT).write_text(yaml.safe_dump(small.LAYOUT | {"people": links}))
    cohort = readers.own(where)
    kept = people[~people["stay_id"].isin([SHORT, EARLY])]
    expected = kept["hospital"].map({0: "White", 1: "Black"})
    assert cohort.attributes["ethnicity"].astype(object).fillna("").tolist() == expected.fillna("").tolist()


def test_attrition_of_yaib_comes_first(tmp_path):
    where = small.write(tmp_path / "cohort")
    (where / "attrition.csv").write_text("incl_n,excl_n_total,excl_n\n70,9,9\n60,10,10\n")
    first = readers.own(where).attrition.iloc[:3]
    assert first["step"].tolist() == ["left out by YAIB, step 1", "left out by YAIB, step 2", "stays read"]
    assert first["windows"].tolist() == [9, 10, 60]
    assert first["note"].tolist()[:2] == ["70 stays left", "60 stays left"]


def test_the_card_says_what_the_layout_does():
    """A person reads the card; the hours and columns there are those of the layout."""
    card, rule = cards.load("eicu_demo"), eicu_demo.LAYOUT.label
    text = (cards.FOLDER / "eicu_demo.yaml").read_text()
    onset = card.windows.timesteps + rule.gap + rule.lead
    assert f"at hour {onset} in intensive care or later, judged from hours 0 to {card.windows.timesteps - 1}" in text
    assert f"first true hour h means onset at h + {rule.lead}" in text
    assert eicu_demo.LAYOUT.person in text
    assert [file.path for file in card.obtain.files][:3] == [
        f"{eicu_demo.LAYOUT.cohort}/{name}.parquet" for name in ("dyn", "outc", "sta")
    ]


# ----------------------------------------------------------------------------------------- a card for a cohort of YAIB


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (lambda outc: outc, {"rule": "onset", "lead": "6"}),
        (lambda outc: outc.assign(label=np.arange(len(outc)) / 2), {"rule": "hour", "above": "118"}),
        (lambda outc: outc.drop(columns="time").drop_duplicates("stay_id"), {"rule": "stay"}),
    ],
)
def test_new_writes_card_and_layout_beside_the_tables(tmp_path, change, rule, capsys):
    where, tables = tmp_path / "cohort", small.frames()
    small.write(where, tables | {"outc": change(tables["outc"])})
    for name in (cards.CARD, LAYOUT, "people.csv"):
        (where / name).unlink()
    assert main(["new", str(where)]) == 0
    assert "card.yaml and yaib.yaml in" in capsys.readouterr().out
    card, layout = cards.own(where), cards.read(where / LAYOUT)
    assert (card.access, card.windows.channels, card.people) == ("restricted", 6, small.STAYS)
    assert layout["label"] == rule
    assert layout["person"] == "stay_id"
    text = (where / cards.CARD).read_text().replace("timesteps: 24", f"timesteps: {WINDOW}")
    (where / cards.CARD).write_text(text)
    if rule["rule"] != "stay":  # with one label a stay, too few are positive here
        cohort = readers.own(where)
        assert cohort.x.shape[1:] == (WINDOW, 6)
        assert "each stay counts as a person" in step(cohort, "stays read")["note"]
    assert main(["new", str(where)]) == 2  # a card is never overwritten
    (where / cards.CARD).unlink()
    assert main(["new", str(where)]) == 2
    assert "yaib.yaml is there already; remove it" in capsys.readouterr().err


def test_the_page_names_what_the_layout_has():
    """Keys, rules and files on the page for enclaves are those of the code."""
    page = (cards.FOLDER.parent / "book" / "yaib.md").read_text()
    for rule in Label.model_fields["rule"].annotation.__args__:
        assert f"| `{rule}` |" in page
    for word in (*set(Label.model_fields) - {"rule"}, *(f"{name}.parquet" for name in TABLES)):
        assert f"`{word}" in page
    assert all(re.search(rf"\b{word}: ", page) for word in ("person", "file", "key", "to"))
    assert page.count("```bash") == 1


# ------------------------------------------------------------------------------------------------------ the real files


@pytest.fixture(scope="module")
def real(shared) -> Path:
    folder = shared / "data" / "eicu-demo"
    if not folder.is_dir():
        pytest.skip(f"no {folder}: the eICU demo is not there to compare with")
    return folder


@pytest.fixture(scope="module")
def oracle(real) -> pd.DataFrame:
    """One row a stay of the cohort, found again with plain pandas from the README's words."""
    outc = pd.read_parquet(real / "yaib/aki/outc.parquet")
    outc["hour"] = outc["time"].dt.total_seconds() / 3600
    stays = outc.groupby("stay_id").agg(last=("hour", "max"))
    stays["first"] = outc[outc["label"]].groupby("stay_id")["hour"].min()
    assert (len(stays), stays["first"].notna().sum(), outc["label"].sum(), len(outc)) == (1988, 698, 8830, 78205)
    stays = stays[(stays["last"] >= 12) & ~(stays["first"] < 12)]
    stays["y"] = stays["first"].notna().astype(int)
    patient = pd.read_csv(real / "patient.csv.gz", keep_default_na=False).set_index("patientunitstayid")
    hospital = pd.read_csv(real / "hospital.csv.gz", keep_default_na=False).set_index("hospitalid")
    stays = stays.join(patient).join(hospital, on="hospitalid")
    return stays.reset_index()


@pytest.fixture(scope="module")
def demo(real):
    return readers.read("eicu_demo", real)


def test_counts_of_the_readme(demo, oracle):
    assert (len(demo), len(set(demo.person)), int(demo.y.sum())) == (1555, 1265, 395)
    assert (len(oracle), oracle["uniquepid"].nunique(), oracle["y"].sum()) == (1555, 1265, 395)
    assert oracle["hospitalid"].nunique() == 178
    found = {
        (name, str(segment)): (int(demo.y[rows].sum()), len(rows))
        for name in demo.attributes
        for segment, rows in demo.attributes.groupby(name, observed=True).indices.items()
    }
    told = {"Caucasian": (314, 1260), "African American": (35, 124), "Hispanic": (27, 75), "Asian": (3, 19)}
    told |= {"Native American": (3, 7)}
    assert {segment: pair for (name, segment), pair in found.items() if name == "ethnicity"} == told
    assert (found["sex", "Male"], found["sex", "Female"]) == ((228, 909), (167, 645))
    assert demo.attributes["ethnicity"].isna().sum() == 51 + 19
    assert demo.attributes["sex"].isna().sum() == 1
    assert step(demo, "cohort")["note"].startswith(
        "you have 1,555 stays, 395 positive and 1,265 people, as the card says"
    )
    assert step(demo, "stays that end before hour 12")["windows"] == 132
    assert step(demo, "stays with onset before hour 18")["windows"] == 301
    assert "698 stays with a true hour, 8,830 of 78,205 hours" in step(demo, "stays read")["note"]
    ethnicity = oracle["ethnicity"].replace(["NA", "Other/Unknown"], np.nan)
    two = ethnicity.groupby(oracle["uniquepid"]).transform("nunique") > 1
    assert step(demo, "ethnicity: stays of people with two")[["windows", "people"]].tolist() == [two.sum(), 2]


def test_each_stay_is_that_of_the_oracle(real, demo, oracle):
    assert demo.person.tolist() == oracle["uniquepid"].tolist()
    assert demo.y.tolist() == oracle["y"].tolist()
    attributes = demo.attributes.astype(object).where(demo.attributes.notna(), "NA")
    assert attributes["ethnicity"].tolist() == oracle["ethnicity"].replace("Other/Unknown", "NA").tolist()
    assert attributes["region"].tolist() == oracle["region"].replace("", "NA").tolist()
    assert (attributes["teaching_status"] == "Teaching").tolist() == oracle["teachingstatus"].tolist()
    years = oracle["age"].replace("> 89", "90").astype(float)  # of the table of patients, where the reader takes sta's
    assert ((attributes["age"] == ">=65") == (years >= 65)).all()
    assert (oracle["age"] == "> 89").sum() == 62
    dyn = pd.read_parquet(real / "yaib/aki/dyn.parquet")
    for i, stay in enumerate(oracle["stay_id"][:50]):
        rows = dyn[(dyn["stay_id"] == stay) & (dyn["time"] < 12 * HOUR)].sort_values("time")
        np.testing.assert_allclose(demo.measured[i], rows[list(demo.channels[:48])].to_numpy(), rtol=1e-6)


def own_folder(real: Path, folder: Path, task: str, window: int, label: dict, **expected) -> Path:
    """One's own folder of another task of the demo: its tables, those of people, a card, and the rule."""
    folder.mkdir()
    for name in ("dyn", "outc", "sta"):
        (folder / f"{name}.parquet").symlink_to(real / "yaib" / task / f"{name}.parquet")
    for name in ("patient.csv.gz", "hospital.csv.gz"):
        (folder / name).symlink_to(real / name)
    card = yaml.safe_load((cards.FOLDER / "eicu_demo.yaml").read_text()) | {"name": "mine", "expected": expected}
    card["windows"]["timesteps"] = window
    (folder / cards.CARD).write_text(yaml.safe_dump(card))
    layout = eicu_demo.LAYOUT.model_dump(exclude={"cohort", "label"}) | {"label": label}
    layout["people"] = list(layout["people"])
    (folder / LAYOUT).write_text(yaml.safe_dump(layout))
    return folder


def test_every_variable_has_a_usual_range(demo):
    assert set(demo.channels[:48]) <= USUAL.keys()


def test_other_tasks_of_yaib(real, tmp_path):
    """One label a stay, and remaining hours: the same reader, other rules."""
    death = readers.own(own_folder(real, tmp_path / "death", "mortality24", 24, {"rule": "stay"}, total=1367))
    outc = pd.read_parquet(real / "yaib/mortality24/outc.parquet")
    assert (len(death), int(death.y.sum())) == (1367, int(outc["label"].sum()))
    assert death.x.shape == (1367, 24, 96)
    long = readers.own(own_folder(real, tmp_path / "los", "los", 24, {"rule": "hour", "above": 48}))
    outc = pd.read_parquet(real / "yaib/los/outc.parquet")
    at = outc[outc["time"] == 24 * HOUR]
    assert (len(long), int(long.y.sum())) == (len(at), int((at["label"] > 48).sum()))
    assert step(long, "stays read")["windows"] == 2267
