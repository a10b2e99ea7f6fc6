"""What people's files are like: spellings, spreadsheets, ages as ranges, ids in two ways, time steps, line numbers."""

import shutil
import unicodedata

import numpy as np
import pandas as pd
import pytest

from fairlib import cards
from fairlib.cohort import CohortError
from fairlib.readers import counts, files, spelling, table, table_times, template
from tests.readers.test_table_reader import change, recard, refused, steps


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    return template.write(tmp_path_factory.mktemp("table") / "good", people=30, windows=1)


@pytest.fixture
def folder(good, tmp_path):
    return shutil.copytree(good, tmp_path / "data")


def nfd(text):
    return unicodedata.normalize("NFD", text)


def segments(given, /, **facts):
    """Segments of raw values of an attribute ``of`` with these facts."""
    card = cards.load("mesa")
    of = cards.Attribute(**{"privileged": facts["segments"][0], **facts})
    card = card.model_copy(update={"attributes": {"of": of}})
    found = counts.segments(card, pd.DataFrame({"of": given}), lambda name, row: f"people.csv, line {row + 2}, {name}")
    return found["of"].astype(object).where(found["of"].notna(), None).tolist()


# ---------------------------------------------------------------------------------------------------- raw values


@pytest.mark.parametrize("form", [str, nfd])
@pytest.mark.parametrize("card", [str, nfd])
def test_a_value_is_the_same_in_every_unicode_form(form, card):
    given = [
        form("België"),
        form(" België\u00a0"),
        form("Bel\u00adgië\u200b"),
        "\ufeff" + form("België"),
        form("Besançon"),
    ]
    found = segments(given, segments=["be", "fr"], values={card("België"): "be"}, prefixes={card("Besanç"): "fr"})
    assert found == ["be"] * 4 + ["fr"]


def test_a_double_space_and_a_line_break_are_one_space():
    given = ["New  York", "New\nYork", "New\u2009York", "New York"]
    assert segments(given, segments=["ny", "other"], values={"New York": "ny"}, otherwise="other") == ["ny"] * 4


@pytest.mark.parametrize(
    "prefixes",
    [
        {"WHITE": "White", "WHITE - HISPANIC": "Hispanic", "WHITE - HISPANIC - O": "Other"},
        {"WHITE - HISPANIC - O": "Other", "WHITE": "White", "WHITE - HISPANIC": "Hispanic"},
    ],
)
def test_the_longest_prefix_counts_wherever_it_is_listed(prefixes):
    given = ["WHITE", "WHITE - HISPANIC OF CUBA", "WHITE - RUSSIAN", "WHITE - HISPANIC - OTHER"]
    assert segments(given, segments=["White", "Hispanic", "Other"], prefixes=prefixes) == [
        *("White", "Hispanic", "White", "Other")
    ]
    low = segments(["white - hispanic"], segments=["White", "Hispanic", "Other"], prefixes=prefixes, otherwise="Other")
    assert low == ["Hispanic"]


@pytest.mark.parametrize(
    "value",
    ["Unknown", "not reported", "refused", "99", "-9", ".", "?", "-", "NA", "prefer not to say", "k. A.", "UNKNOWN/NOT"
     " SPECIFIED", "Patient declined", "don't know", "999", "--"],
)  # fmt: skip
def test_a_word_for_nothing_is_not_one_of_the_others(value):
    facts = {"segments": ["White", "Other"], "values": {"W": "White"}, "otherwise": "Other"}
    with pytest.raises(
        CohortError, match=r"people\.csv, line 3, of: value .* looks like a missing one; correct or empty"
    ):
        segments(["W", value], **facts)
    assert segments(["W", value], **facts, missing=[value]) == ["White", None]
    assert segments(["W", value], **(facts | {"values": {"W": "White", value: "Other"}})) == ["White", "Other"]
    assert segments(["W", "Norwegian", "5", "none of these"], **facts) == ["White", *["Other"] * 3]


@pytest.mark.parametrize(("value", "what"), [("14-Oct", "a date"), ("Jun-89", "a date"), ("#REF!", "an error")])
def test_what_a_spreadsheet_made_is_not_one_of_the_others(value, what):
    facts = {"segments": ["child", "adult"], "values": {"10-14": "child"}, "otherwise": "adult"}
    with pytest.raises(CohortError, match=f"value '{value}' looks like {what} that a spreadsheet"):
        segments(["10-14", value], **facts)


@pytest.mark.parametrize(
    ("value", "old"),
    [
        *((value, True) for value in ("> 89", ">89", "90+", "≥ 90", "89 or older", "over 89 years", "65 and over")),
        *((value, True) for value in ("65-69", "[70-80)", "72 y", "65.0")),
        *((value, False) for value in ("under 18", "< 65", "60–64", "≤ 64", "[60-65)", "0-4 years", "\u221265")),
    ],
)
def test_ages_as_people_and_laws_write_them(value, old):
    assert segments(["30", value], segments=["<65", ">=65"], cut=65) == ["<65", ">=65" if old else "<65"]


@pytest.mark.parametrize("value", ["60-69", "> 50", "≤ 65", "18+", "under 70"])
def test_an_age_on_both_sides_of_the_cut_is_refused(value):
    with pytest.raises(CohortError, match="may lie on either side of the cut at 65; give the number, or another cut"):
        segments(["30", value], segments=["<65", ">=65"], cut=65)


@pytest.mark.parametrize("value", ["old", "69-60", "inf", "1_0", "> many"])
def test_what_is_no_age_is_refused_as_before(value):
    with pytest.raises(CohortError, match=rf"line 3, of: {value!r} is no number; correct it, or list it as missing"):
        segments(["30", value], segments=["<65", ">=65"], cut=65)


# --------------------------------------------------------------------------------------------------------- own tables


def test_ids_and_names_are_the_same_in_every_unicode_form(folder):
    expected = table.read(folder).fingerprint()
    change(folder, "windows", lambda t: t.assign(person="Zoë " + t["person"]))
    forms = [nfd, lambda id: id + "\u200b", lambda id: id.replace(" ", "\u00a0"), lambda id: "\ufeff" + id]
    names = [forms[at % 4](f"Zoë p{at + 1:03d}") for at in range(30)]
    change(folder, "people", lambda t: t.assign(person=names).rename(columns={"age": "age\u200e", "sex": " sex"}))
    change(folder, "labels", lambda t: t.assign(window=t["window"] + "\u2060").rename(columns={"label": "label\u00a0"}))
    cohort = table.read(folder)
    assert cohort.person[0] == "Zoë p001"
    assert cohort.attributes["age"].notna().all()
    recard(folder, name="my_data")
    change(folder, "windows", lambda t: t.assign(person=t["person"].str[4:]))
    change(folder, "people", lambda t: t.assign(person=[f"p{at + 1:03d}" for at in range(30)]))
    assert table.read(folder).fingerprint() == expected


@pytest.mark.parametrize("other", [str.upper, lambda id: id.replace("-", "_"), lambda id: id.replace("0", "", 1)])
def test_ids_that_only_their_spelling_tells_apart(folder, other):
    change(folder, "labels", lambda t: t.assign(window=[other(w) if at < 9 else w for at, w in enumerate(t["window"])]))
    assert "labels.csv and windows.csv write ids in two ways, such as " in refused(folder)


def test_people_that_only_their_spelling_tells_apart(folder):
    change(folder, "people", lambda t: t.assign(person=[p + ".0" * (at < 9) for at, p in enumerate(t["person"])]))
    assert "write ids in two ways, such as 'p001.0' and 'p001' (9 such ids); write each id in one way" in refused(
        folder
    )


@pytest.mark.parametrize(
    ("ids", "sentence"),
    [
        (["7", "07"], "column person: '7' and '07' are one number (2 such ids); write each id in one way"),
        (["7", "7.0"], "column person: '7' and '7.0' are one number"),
        (["1.2E+15", "x"], "line 2, column person: '1.2E+15' looks like a number that a spreadsheet rounded"),
        (["4,5e+11", "x"], "column person: '4,5e+11' looks like a number that a spreadsheet rounded"),
        (["2-Mar", "x"], "column person: '2-Mar' looks like a date that a spreadsheet made of another text"),
        (["#N/A", "x"], "column person: '#N/A' looks like an error that a spreadsheet wrote"),
    ],
)
def test_ids_that_a_spreadsheet_changed(folder, ids, sentence):
    change(folder, "people", lambda t: t.assign(person=[*ids, *t["person"][2:]]))
    assert sentence in refused(folder)


def test_long_numbers_and_hashes_are_ids():
    ids = pd.Series(["12345678901234567", "12345678901234568", "4e37921067452910", "5e37921067452910", "1e5", "100000"])
    files.refuse_damaged("a.csv", "person", ids.rename_axis("line"))


@pytest.mark.parametrize(
    ("times", "step", "counted"),
    [
        (lambda h: h, "1 hour", 0),
        (lambda h: 60 * h, "1 hour", 0),  # numbers are in a unit that only their writer knows
        (lambda h: h + 500 * (h > 2), "1 hour", 30),
        (
            lambda h: [f"2024-01-01T{int(x):02d}:{int(x):02d}" for x in h],
            "1 hour",
            0,
        ),  # clocks of devices are not exact
        (lambda h: [f"2024-01-{1 + 7 * int(x > 2):02d}T{int(x):02d}:00" for x in h], "1 hour", 30),
        (lambda h: [f"2024-01-01T{int(x):02d}:00" for x in h], "a heartbeat", 0),
    ],
)
def test_windows_whose_rows_are_not_one_step_apart_are_counted(folder, times, step, counted):
    change(folder, "windows", lambda t: t.assign(time=times(t["time"].astype(float))))
    recard(folder, windows={"step": step})
    found = steps(table.read(folder))["windows with other time steps"]
    assert found[:2] == (counted, counted)
    assert found[2].startswith("kept in their order: some rows are less than half of ") == (counted > 0)


def test_a_rate_of_some_people_is_counted(folder):
    fast = lambda t: (t["time"].astype(float) / np.where(t["person"] < "p004", 60, 1)).astype(str)
    change(folder, "windows", lambda t: t.assign(time=fast(t)))
    assert steps(table.read(folder))["windows with other time steps"][:2] == (3, 3)


@pytest.mark.parametrize(
    ("step", "said"),
    [("1 minute", "1 hour apart, and the card says 1 minute"), ("1 day", "1 hour apart"), ("30 s", "1 hour")],
)
def test_dates_that_contradict_the_card(folder, step, said):
    change(folder, "windows", lambda t: t.assign(time=[f"2024-01-01 {int(float(x)):02d}:00" for x in t["time"]]))
    recard(folder, windows={"step": step})
    assert f"windows.csv, column time: rows of a window are usually {said}" in refused(folder)


def test_steps_of_every_official_card_are_understood():
    assert all(table_times.seconds(card.windows.step) for card in cards.all().values())
    assert table_times.seconds("15 min") == table_times.seconds("0.25 hours") == 900


@pytest.mark.parametrize("hour", ["02:00", "02:30"])
def test_an_hour_that_is_there_twice_in_autumn(folder, hour):
    hours = ["00:30", "01:30", "02:30", hour, "03:30", "04:30"]
    change(folder, "windows", lambda t: t.assign(time=["2024-10-27T" + hours[int(float(x))] for x in t["time"]]))
    told = refused(folder)
    assert "window p001-1, time 2024-10-27T02:30 appears twice" in told or "window p001-1 goes back in time" in told
    assert (
        "; local times repeat an hour when summer time ends, so write them in UTC, or with their offset as in" in told
    )


def test_the_line_of_a_row_is_where_it_begins_in_the_file(folder):
    change(
        folder,
        "people",
        lambda t: t.assign(remark="a\nb", sex=["X" if at == 9 else s for at, s in enumerate(t["sex"])]),
    )
    assert "people.csv, line 20, column sex: value 'X'" in refused(folder)
    lines = (folder / "people.csv").read_text().splitlines()
    assert lines[19].startswith("p010,X,")


def test_the_person_of_a_label_is_that_of_its_window(folder):
    change(folder, "labels", lambda t: t.assign(person=t["window"].str[:4]))
    assert "columns of labels.csv that are not used" not in steps(table.read(folder))
    change(folder, "labels", lambda t: t.assign(person=["", *t["person"][1:]]))
    table.read(folder)  # who is not named is not contradicted
    change(folder, "labels", lambda t: t.assign(person=t["person"].replace("p003", "p004")))
    assert (
        "labels.csv, line 4, column person: expected 'p003', whose window it is in windows.csv, found 'p004'"
        in refused(folder)
    )


def test_a_split_of_people_is_not_lost(folder):
    change(folder, "people", lambda t: t.assign(Split="train"))
    assert "people.csv has a column 'Split', which is read from labels; move it there, or remove it" in refused(folder)


def test_windows_without_any_value_are_counted(folder):
    channels = ["heart_rate", "steps", "skin_temperature"]
    change(folder, "windows", lambda t: t.assign(**{c: t[c].where(t["person"] > "p008", "") for c in channels}))
    assert steps(table.read(folder))["windows without any value"] == (8, 8, "kept: every value imputed")


def test_numbers_as_programs_print_them(folder):
    expected = table.read(folder).fingerprint()
    change(folder, "windows", lambda t: t.assign(steps=["\u00a0" + cell + "\u202f" for cell in t["steps"]]))
    assert table.read(folder).fingerprint() == expected
    change(folder, "windows", lambda t: t.assign(steps=["\u22121", *t["steps"][1:-1], "1,5"]))
    assert "column steps: expected a number, found '1,5', with a comma: decimals need a point" in refused(folder)


def test_a_channel_named_like_a_mask(folder):
    recard(folder, windows={"channels": 4})
    change(folder, "windows", lambda t: t.assign(**{"mask steps": (t["steps"] != "").astype(int)}))
    assert table.read(folder).channels[3] == "mask steps"
    change(folder, "windows", lambda t: t.assign(**{"mask steps": "4.5"}))
    assert "column 'mask steps': it has the name of an observation mask" in refused(folder)


@pytest.mark.parametrize("text", ["", " ", "1.0", "ß", "e\u0301", "\u200b", "Ａ１"])
def test_one_spelling_stays_one(text):
    assert spelling.plain(spelling.plain(text)) == spelling.plain(text)
    assert spelling.loose(spelling.loose(text)) == spelling.loose(text)
