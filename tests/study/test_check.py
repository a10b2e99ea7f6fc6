"""``check`` and ``new``: what they say of good and broken folders, the power behind it, template and example."""

import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import yaml
from statsmodels.stats.power import NormalIndPower
from statsmodels.stats.proportion import proportion_effectsize

from fairlib import baselines, cards, readers
from fairlib.__main__ import main
from fairlib.cohort import CohortError
from fairlib.finetuning import Windows
from fairlib.inference import auc
from fairlib.measures import describe
from fairlib.readers import template
from fairlib.study.check import _beside_card, check, detectable_rate, power
from fairlib.study.parameters import ROOT
from fairlib.twins import challenge2012, mesa

EXAMPLE = ROOT / "book" / "example_table"


@pytest.fixture
def folder(tmp_path):
    return template.write(tmp_path / "data")


# ---------------------------------------------------------------------------------------------------------------- check


def test_the_example_of_the_book(capsys):
    assert main(["check", str(EXAMPLE)]) == 0
    text = capsys.readouterr().out
    for words in (
        "this looks like a table of your own",
        "windows.csv: 187 kB",
        "windows of 24 steps × 3 channels",
        "all: 300 windows, 150 people",
        "windows without a row in labels: none",
        "people by sex: male 64, female 75, unknown 11",
        "Large size: no. 300 windows of 150 made-up people",
        "error rate is 20 %, with 80 % power at 5 %",
        "age <65 (33 people): the reference",
        "difference",
        "The study can run: dataset=example_table, source=",
    ):
        assert words in text, words


def test_the_template_is_accepted_under_the_strictest_rule(folder):
    text, runs = check(folder)
    assert runs
    assert "access: restricted (counts under 11 are withheld)" in text
    assert "withheld: fewer than 11 people or events" in text
    assert "train: withheld (few people or events here" in text


def test_an_official_dataset_is_recognised(tmp_path):
    challenge2012.write(tmp_path / "twin", {"windows": 240})
    text, runs = check(tmp_path / "twin")
    assert runs
    assert "this looks like Challenge 2012" in text
    assert "rows without a parameter name: dropped" in text
    assert "Coronary care" in text
    text, runs = check(tmp_path / "twin", "mimic")
    assert not runs
    assert "this looks like Challenge 2012, read it with dataset 'challenge2012'" in text


def test_official_files_are_named_and_counted_beside_the_card(tmp_path):
    mesa.write(tmp_path / "mesa", {"windows": 240})
    text, runs = check(tmp_path / "mesa")
    assert runs
    assert "What the study needs of it" in text
    assert "polysomnography/annotations-events-profusion/mesa-sleep-XXXX-profusion.xml: 12 files" in text
    assert "  windows: 240 of 2,266,659 (under 1 %)\n  people: 12 of 1,817 (under 1 %)\n  positive windows: " in text
    assert "These files are synthetic" in text
    assert text.endswith(f"\n  make book DATASET=mesa SOURCE={tmp_path / 'mesa'}")
    (tmp_path / "mesa/overlap/mesa-actigraphy-psg-overlap.csv").unlink()
    text, runs = check(tmp_path / "mesa")
    assert not runs
    assert "overlap/mesa-actigraphy-psg-overlap.csv: MISSING: at which row the polysomnography starts" in text


def test_a_table_of_ones_own_has_no_official_files(capsys):
    text, _ = check(EXAMPLE)
    assert "What the study needs of it" not in text
    assert "  windows: 300 of 300 (100 %)" in text
    assert text.endswith(f"make book DATASET=table SOURCE={EXAMPLE}")


def test_counts_beside_the_card_of_real_data(make_cohort):
    cohort = make_cohort("mimic", "real", people=300)
    card = cards.load("mimic")
    lines = _beside_card(cohort, card, describe.cohort_tables(cohort)["sizes"])
    assert lines[1:3] == ["  windows: 300 of 21,139 (1 %)", "  people: 300 of 18,093 (2 %)"]
    assert f"  positive windows: {int(cohort.y.sum())} of 2,797" in lines[3]
    assert len(lines) == 4  # not said of real data: that it is synthetic


def test_what_crossfitting_buys_is_said_of_few_people(tmp_path):
    """What is detectable shrinks with the root of the number of people who are tested."""
    text, _ = check(template.write(tmp_path / "few", people=320, split=True, access="open"))
    assert "cross-fitted: people are dealt to 5 folds" in text
    found = re.search(r"([\d,]+) people are tested instead of ([\d,]+), .* by √n to (\d+) %", text)
    everyone, tested, share = (int(number.replace(",", "")) for number in found.groups())
    assert (everyone, share) == (320, round(100 * np.sqrt(tested / 320)))
    before, after = map(float, re.search(r"smallest detectable .*: ([\d.]+) → ([\d.]+) points", text).groups())
    assert after == pytest.approx(before * np.sqrt(tested / 320), abs=0.06)
    assert "core-minutes for 8 networks × 5 folds, repeats: 4" in text


def test_a_twin_keeps_its_split(tmp_path):
    challenge2012.write(tmp_path / "twin", {"windows": 240})
    text, _ = check(tmp_path / "twin")
    assert "without cross-fitting: a twin keeps it unless folds are asked for" in text
    assert "paper_text: about 10 core-minutes for 8 networks × 5 seeds" in text


def test_broken_folders(folder, tmp_path, capsys):
    (folder / "people.csv").unlink()
    assert main(["check", str(folder)]) == 1
    printed = capsys.readouterr()
    assert "What is wrong" in printed.out
    assert "holds neither people.csv nor people.parquet" in printed.out
    assert printed.out.endswith("The study cannot run.\n")
    assert printed.err == ""
    (tmp_path / "empty").mkdir()
    assert main(["check", str(tmp_path / "empty")]) == 1
    assert "no layout that the study knows" in capsys.readouterr().out
    assert main(["check", str(tmp_path / "none")]) == 1
    assert "is not a folder" in capsys.readouterr().out
    (folder / "card.yaml").write_text("name: x")
    assert main(["check", str(folder)]) == 1
    assert "card.yaml is not a valid data card" in capsys.readouterr().out
    assert main(["check", str(folder), "--dataset", "mimik"]) == 1


@pytest.mark.parametrize("name", ["card.yml", "Card.yaml", None])
def test_a_card_of_another_name_or_none(folder, name):
    (folder / "card.yaml").rename(folder / name) if name else (folder / "card.yaml").unlink()
    text, runs = check(folder)
    assert not runs
    assert "card.yaml is missing; " + (f"rename {name} to it" if name else "`python -m fairlib new DIR`") in text


def test_a_link_that_leads_nowhere(folder):
    (folder / "people.csv").unlink()
    (folder / "people.csv").symlink_to(folder / "gone.csv")
    assert check(folder)[1] is False


def test_power_of_restricted_data_needs_people_not_events(tmp_path):
    """Twelve people without any event are enough to say how small a disparity they could show."""
    folder = template.write(tmp_path / "data", people=120, split=True)
    text, runs = check(folder)
    assert runs
    assert "test: 96 windows, 48 people" in text
    labels = pd.read_csv(folder / "labels.csv")
    rare = labels["split"].eq("test") & (labels.groupby("split").cumcount() > 3)
    labels.assign(label=labels["label"].where(~rare, 0)).to_csv(folder / "labels.csv", index=False)
    text, runs = check(folder)
    assert runs
    assert "test: withheld" in text
    assert "age >=65 (20 people): an error rate of" in text


def test_counts_next_to_small_ones_are_withheld_and_not_called_small(folder):
    template_card = (folder / "card.yaml").read_text()
    assert "segments: [male, female]" in template_card
    text, _ = check(folder)
    assert "people by sex: male withheld, female withheld" in text
    assert "sex male <11" not in text


def test_nobody_to_compare_with(folder):
    people = pd.read_csv(folder / "people.csv").assign(sex="M", age=30)
    people.to_csv(folder / "people.csv", index=False)
    text, runs = check(folder)
    assert not runs
    assert "age: nobody in >=65: on the card, not in the data; not judged" in text
    assert "The study cannot run: in no attribute are there people of two segments in the test split" in text


@pytest.mark.parametrize("value", ["0", "1", "many"])
def test_the_assumed_error_rate(value, capsys):
    with pytest.raises(SystemExit):
        main(["check", str(EXAMPLE), "--error-rate", value])
    assert "between 0 and 1" in capsys.readouterr().err


# ---------------------------------------------------------------------------------------------------------------- power


@pytest.mark.parametrize(("people", "reference", "rate"), [(100, 100, 0.2), (50, 400, 0.1), (1000, 30, 0.3)])
def test_the_detectable_rate_has_80_percent_power(people, reference, rate):
    worse = detectable_rate(people, reference, rate)
    h = proportion_effectsize(worse, rate)
    found = NormalIndPower().power(h, people, 0.05, ratio=reference / people)
    assert found == pytest.approx(0.8, abs=1e-6)
    draw = np.random.default_rng(0)  # and in an experiment
    errors = draw.binomial(people, worse, 4000) / people, draw.binomial(reference, rate, 4000) / reference
    pooled = (errors[0] * people + errors[1] * reference) / (people + reference)
    spread = np.sqrt(pooled * (1 - pooled) * (1 / people + 1 / reference))
    assert (np.abs(errors[0] - errors[1]) > 1.96 * spread).mean() == pytest.approx(0.8, abs=0.05)


def test_the_numbers_in_the_chapter():
    text = (ROOT / "book" / "bring_your_own_data.md").read_text(encoding="utf-8")
    assert "25 test people each" in text
    assert f"err for {100 * detectable_rate(25, 25):.0f} % of the" in text
    assert "about 1,700 test people in each segment" in text
    assert detectable_rate(1700, 1700) / 0.2 == pytest.approx(1.2, abs=0.005)


def test_few_people_detect_nothing_and_more_people_more():
    assert np.isnan(detectable_rate(3, 3, 0.2))
    rates = [detectable_rate(n, 500, 0.2) for n in (20, 80, 320)]
    assert rates == sorted(rates, reverse=True)


def test_power_counts_people_and_withholds(make_cohort):
    table = power(make_cohort("challenge2012", "twin", people=300, windows=4))
    assert table.groupby("attribute")["people"].sum().max() <= 90  # 30 % of 300 are in test
    assert (table.loc[table["note"] == "reference", "segment"] == ["Male", "<65", "Medical"]).all()
    compared = table[table["note"] != "reference"]
    assert (compared["ratio"] > 1).all()
    assert compared["difference"].to_numpy() == pytest.approx((compared["detectable"] - 0.2).to_numpy())
    gender = ["Female"] * 20 + ["Male"] * 280
    hidden = power(make_cohort("challenge2012", "real", people=300, gender=gender)).set_index("segment").loc["Female"]
    assert "withheld" in hidden["note"]
    assert np.isnan(hidden["people"])
    assert np.isnan(hidden["detectable"])


# --------------------------------------------------------------------------------------------- template and the example


def test_new(tmp_path, capsys):
    assert main(["new", str(tmp_path / "mine")]) == 0
    assert "python -m fairlib check" in capsys.readouterr().out
    assert sorted(path.name for path in (tmp_path / "mine").iterdir()) == [
        "card.yaml",
        "labels.csv",
        "people.csv",
        "windows.csv",
    ]
    text = (tmp_path / "mine" / "card.yaml").read_text()
    assert text.count("#") > 25
    assert yaml.safe_load(text)["access"] == "restricted"
    assert main(["new", str(tmp_path / "mine")]) == 2
    assert "is not empty" in capsys.readouterr().err
    with pytest.raises(CohortError, match="is not empty"):
        template.write(tmp_path / "mine")


def test_the_example_ships_as_the_function_writes_it(tmp_path):
    made = template.write(tmp_path / "example", **template.EXAMPLE)
    for path in EXAMPLE.iterdir():
        assert path.read_bytes() == (made / path.name).read_bytes(), path.name
    assert len(list(EXAMPLE.iterdir())) == 4
    assert sum(path.stat().st_size for path in EXAMPLE.iterdir()) < 300_000


def test_the_example_can_be_learnt_and_shows_what_was_planted():
    cohort = readers.read("table", EXAMPLE)
    assert (cohort.x.shape, cohort.origin, len(set(cohort.person))) == ((300, 24, 3), "twin", 150)
    assert cohort.card.protected() == ["sex", "age"]
    train, test = (Windows(cohort.x[rows], cohort.y[rows]) for rows in (cohort.rows("train"), cohort.rows("test")))
    predict = baselines.fit("logistic_regression", train, cohort.person[cohort.rows("train")], 1).predict
    assert auc(test.y, predict(test.x)) > 0.7
    old = (cohort.attributes["age"] == ">=65").to_numpy()
    assert cohort.x[old, :, 0].std() > 1.3 * cohort.x[~old, :, 0].std()


@pytest.mark.parametrize("command", ["check", "new"])
def test_help(command):
    done = subprocess.run(
        [sys.executable, "-m", "fairlib", command, "--help"], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert len(done.stdout.splitlines()) > 6
