"""No small count of a reader's rows follows from its totals, from the sizes, the segments or the card."""

import re

import numpy as np
import pandas as pd
import pytest

from book.pages.tables import requirements
from fairlib.cohort import SPLITS, attrition_table
from fairlib.measures import attrition, describe
from fairlib.readers import table, template
from fairlib.report.columns import written
from fairlib.study import check
from tests.attacks.solver import System
from tests.readers.test_table_reader import change

SIZES = pd.DataFrame({"split": [*SPLITS, "all"], "people": [240.0, 80.0, 79.0, 399.0]})
SEGMENTS = pd.DataFrame(
    {"attribute": ["sex"] * 2, "split": "all", "segment": ["male", "unknown"], "people": [300, 20.0]}
)


def shown(steps: pd.DataFrame, sizes=SIZES, segments=SEGMENTS, rule="restricted") -> pd.DataFrame:
    return attrition.withhold(steps, rule, 11, sizes, segments)


def as_printed(tables: dict[str, pd.DataFrame], minimum: int) -> pd.DataFrame:
    return written(requirements.attrition(tables, minimum))


def attack(rows: list[tuple[str, str]], cohort: int) -> dict[str, tuple[int, int]]:
    """Range of each count that is shown as "<11", from rows (step, count as printed) in order, and the cohort's size.

    A reader starts from its first row; every row that is left out takes from what remains.
    """
    system, small, before = System(), [], ("remain", 0)
    for place, (step, count) in enumerate(rows):
        if place == 0:
            fix(system, [before], count)
            continue
        out, after = ("out", step), ("remain", place)
        if count == "<11":
            system.add([out, ("slack", step)], 9)  # one of 1 to 10: the cell is one less
            system.add([("one", step)], 1)
            system.equal([before], [after, out, ("one", step)])
            small.append(step)
        else:
            fix(system, [out], count)
            system.equal([before], [after, out])
        before = after
    system.add([before], cohort)
    return {step: tuple(1 + end for end in system.range([("out", step)])) for step in small}


def fix(system: System, cells: list, count: str) -> None:
    system.add(cells, np.nan if count == attrition.WITHHELD else int(count.replace(",", "") or 0))


def leaving(printed: pd.DataFrame, first: str, column: str) -> list[tuple[str, str]]:
    """The first row, and all that say what was left out of the cohort."""
    out = printed["step"].str.startswith("left out") | printed["note"].str.startswith("left out")
    out &= printed["people"].ne("") | printed["windows"].ne("")
    return list(printed.loc[out | (printed["step"] == first), ["step", column]].itertuples(index=False, name=None))


# ------------------------------------------------------------------------------------------------ one's own data


@pytest.fixture
def own(tmp_path):
    """200 people with two windows each; a person has no label, another's second window none either."""
    folder = template.write(tmp_path / "data")
    for name in ("windows", "labels", "people"):
        frame = pd.read_csv(folder / f"{name}.csv", dtype=str, keep_default_na=False)
        parts = []
        for copy in range(5):
            part = frame.copy()
            for key in {"person", "window"} & set(part):
                part[key] = f"c{copy}" + part[key]
            parts.append(part)
        pd.concat(parts).to_csv(folder / f"{name}.csv", index=False)
    card = (folder / "card.yaml").read_text()
    card = re.sub(r"(?m)^people: 40", "people: 200", card).replace("people: 40", "people: 200")
    (folder / "card.yaml").write_text(card.replace("total: 80", "total: 400"))
    return folder


def without_label(folder, number):
    change(folder, "labels", lambda t: t.assign(label=t["label"].where(t.index >= number, "")))


@pytest.mark.parametrize("number", [1, 2, 9])
def test_a_person_without_a_label_cannot_be_counted(own, number):
    """As printed on stage 1's page, and by ``check``; the size of the cohort stands there too."""
    without_label(own, number)
    cohort = table.read(own)
    tables = describe.cohort_tables(cohort)
    printed = as_printed(tables, 11)
    for column, size in (("windows", len(cohort)), ("people", len(set(cohort.person)))):
        rows = leaving(printed, "windows read", column)
        if column == "people":
            rows = [row for row in rows if "people.csv" not in row[0]]
        for found in attack(rows, size).values():
            assert found == (1, 10)
    page = printed.to_string() + str(tables["sizes"])
    told, _ = check.check(own)
    assert "windows with an empty label: <11 windows, <11 people" in told
    assert "windows read: withheld windows, withheld people" in told
    for text in (page, told.partition("The four requirements")[0]):
        assert not re.search(r"\b400 windows|says 400|of 400", text)
        assert len(set(cohort.person)) == 200 or not re.search(r"\b200 people|of 200", text)
    assert f"you have {len(cohort)} windows and {len(set(cohort.person))} people, nearly as many as the card" in told


def test_nothing_is_withheld_where_nothing_is_small(own):
    cohort = table.read(own)
    printed = as_printed(describe.cohort_tables(cohort), 11).set_index("step")
    assert printed.loc["windows read", ["windows", "people"]].tolist() == ["400", "200"]
    without_label(own, 30)
    printed = as_printed(describe.cohort_tables(table.read(own)), 11).set_index("step")
    assert printed.loc["windows with an empty label", ["windows", "people"]].tolist() == ["30", "15"]
    assert printed.loc["windows read", ["windows", "people"]].tolist() == ["400", "200"]
    assert "the card says 400 windows" in printed.loc["cohort", "note"]


def test_open_data_withholds_alike(own):
    without_label(own, 2)
    card = (own / "card.yaml").read_text()
    (own / "card.yaml").write_text(re.sub(r"(?m)^access: \w+", "access: open", card))
    printed = as_printed(describe.cohort_tables(table.read(own)), 11).set_index("step")
    assert printed.loc["windows read", "windows"] == "withheld"


def test_the_attack_succeeds_where_only_small_counts_are_withheld():
    """The table of before: what was read stands beside what is left."""
    rows = [("windows read", "400"), ("empty label", "<11"), ("without a row", "")]
    assert attack(rows, 398) == {"empty label": (2, 2)}
    rows = [("stays", "120"), ("under 18 years", "<11"), ("under 48 h", "<11")]
    assert attack(rows, 118)["under 18 years"] == (1, 1)
    assert attack([("stays", "withheld"), *rows[1:]], 118)["under 18 years"] == (1, 10)


# ------------------------------------------------------------------------------------------------- official datasets


def printed_of(steps, **frames) -> pd.DataFrame:
    return as_printed({"attrition": shown(attrition_table(steps), **frames)}, 11)


def test_the_stays_that_remain_give_no_step_of_mimic_away():
    """As the reader of MIMIC-III's tables counts: after every step, how many stays remain."""
    left, steps = 400, [("stays in ICUSTAYS", 400, 390, "")]
    for why, out in (("care unit or ward changed", 284), ("several stays in one admission", 1), ("under 18 years", 1)):
        left -= out
        steps.append((f"left out: {why}", out, out, f"{left:,} stays remain"))
    steps.append(
        ("cohort", left, left, "you have 114 stays and 20 deaths, the card says 21,139 stays and 2,797 deaths")
    )
    printed = printed_of(steps)
    found = attack(leaving(printed, "stays in ICUSTAYS", "windows"), left)
    assert found == dict.fromkeys(found, (1, 10))
    assert len(found) == 2
    assert not printed["note"].str.contains(r"\d stays remain").any()
    assert printed["note"].iloc[2] == "how many remain is withheld"
    assert printed["windows"].tolist() == ["withheld", "284", "<11", "<11", "114"]
    assert printed["note"].iloc[-1] == steps[-1][-1]  # far from the whole of MIMIC-III


def test_a_small_year_or_set_does_not_follow_from_the_others():
    steps = [("INS-W_1: windows", 300, 60, "you have 60 participants, the card says 153 participants")]
    steps += [("INS-W_2: windows", 7, 4, "you have 4 participants, the card says 218 participants")]
    printed = printed_of([*steps, ("cohort", 307, 64, "")])
    assert printed["windows"].tolist() == ["withheld", "withheld", "307"]
    assert "60" not in printed["note"].iloc[0]
    sets = [
        ("set a: record files", 90, 90, "you have 90 stays and 30 deaths, the card says 4,000 stays and 554 deaths")
    ]
    sets += [
        ("set b: record files", 40, 40, "you have 40 stays and 5 deaths, the card says 4,000 stays and 568 deaths")
    ]
    assert (
        not printed_of([*sets, ("cohort", 130, 130, "")], rule="open")["note"].str.contains("30 deaths|5 deaths").any()
    )


def test_rows_of_a_file_are_in_no_total():
    steps = [("set a: record files", 40, 40, "you have 40 stays"), ("Gender of -1: kept missing", 0, 0, "3 rows")]
    printed = printed_of([*steps, ("cohort", 40, 40, "you have 40 stays")])
    assert printed["windows"].tolist() == ["40", "", "40"]
    assert printed["note"].iloc[1] == "fewer than 11 rows"


def test_rows_of_splits_follow_the_table_of_sizes():
    steps = [
        (name, n, n, f"you have {n} stays and {d} deaths, the card says 9,999 stays and 999 deaths")
        for name, n, d in (("train", 300, 60), ("val", 30, 4), ("test", 90, 20), ("cohort", 420, 84))
    ]
    sizes = SIZES.assign(people=[300, np.nan, np.nan, 420])
    printed = printed_of(steps, sizes=sizes)
    assert printed["windows"].tolist() == ["300", "withheld", "withheld", "420"]
    assert printed["note"].str.contains("60 deaths").tolist() == [True, False, False, False]
    assert not printed["note"].str.contains("20 deaths").any()


def test_unknown_people_follow_the_table_of_segments():
    """380 male, female withheld, 12 unknown of 400: with the 12, female would be 8."""
    steps = [
        ("participants with demographics", 388, 388, "you have 388 participants, the card says 9,999 participants")
    ]
    steps += [("sex unknown", 12, 12, "kept, sex missing"), ("age unknown", 30, 30, "kept, age missing")]
    steps += [("people without a row in people.csv", 12, 12, "kept, all unknown"), ("cohort", 400, 400, "")]
    hidden = SEGMENTS.assign(people=[380, np.nan])
    printed = printed_of(steps, segments=hidden)
    assert printed["people"].tolist() == ["withheld", "withheld", "30", "withheld", "400"]
    assert printed["note"].iloc[1].endswith("; kept, sex missing")
    assert not printed["note"].str.contains("388").any()
    assert printed_of(steps)["people"].tolist() == ["388", "12", "30", "12", "400"]


def test_synthetic_data_withholds_nothing():
    steps = attrition_table([("read", 5, 5, "5 stays remain")])
    assert shown(steps, rule="synthetic") is steps


# ----------------------------------------------------------------------------------------------------------- in notes


def test_small_counts_inside_notes_are_withheld():
    notes = [
        "kept: 4 deaths; you have 14 test stays, the benchmark has 3,236 with 374 deaths",
        "kept: admissions disagree for 3 stays",
    ]
    kept = shown(pd.DataFrame({"step": "s", "windows": [14, 40], "people": [14, 40], "note": notes}))["note"].tolist()
    assert kept[0].startswith("kept: fewer than 11 deaths; you have 14 test stays")
    assert kept[1] == "kept: admissions disagree for fewer than 11 stays"
    assert "3,236 with 374 deaths" in kept[0]
