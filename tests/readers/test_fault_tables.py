"""Every fault of every reader gets the answer that the book's page of faults says."""

import pytest

from tests.readers.fault_page import HEAD, PAGE, TABLES, answered, section
from tests.readers.faults.answers import KINDS, Trial

AGAIN = "the page is old: run `python -m tests.readers.fault_page`"
FORMS = [
    pytest.param(name, breaks, answer, id=f"{name}: {fault.words} ({i})" if i else f"{name}: {fault.words}")
    for name, table in TABLES.items()
    for fault in table.all()
    for i, (breaks, answer) in enumerate(fault.forms())
]


@pytest.fixture(scope="module")
def trials(tmp_path_factory):
    """A good folder of each reader, read once."""
    made = {}

    def trial(name: str) -> Trial:
        if name not in made:
            made[name] = Trial(TABLES[name], tmp_path_factory.mktemp(name))
        return made[name]

    return trial


@pytest.mark.parametrize(("name", "breaks", "expected"), FORMS)
def test_a_fault_has_its_answer(trials, name, breaks, expected):
    found = trials(name).answer(breaks, expected)
    assert found.how == expected.how, found.text
    for word in expected.words:
        assert word in found.text
    assert expected.windows in (None, found.windows)
    assert expected.people in (None, found.people)
    assert len(found.text) < 700  # an error never quotes a whole row


@pytest.mark.parametrize("name", TABLES)
def test_every_kind_of_fault_is_there(name):
    table = TABLES[name]
    assert table.faults.keys() == set(KINDS)
    words = [fault.words for fault in table.all()]
    assert len(words) == len(set(words))


@pytest.mark.parametrize("name", TABLES)
def test_the_page_says_what_the_reader_says(trials, name):
    assert section(name, trials(name)) in PAGE.read_text(encoding="utf-8"), AGAIN


def test_the_page_says_nothing_else():
    page = PAGE.read_text(encoding="utf-8")
    assert page.startswith(HEAD), AGAIN
    assert page.count("\n## ") == HEAD.count("\n## ") + len(TABLES)
    assert page.count("\n| ") == sum(2 + len(table.all()) for table in TABLES.values()), AGAIN


def test_a_wrong_answer_would_be_noticed(trials):
    """The comparison can fail: a reader that says nothing of another file is found out."""
    trial = trials("challenge2012")
    fault = trial.table.all()[0]
    silent = trial.answer(lambda folder: (folder / "set-a" / "100001.txt").write_text("x\n"), fault.answer)
    assert silent.how == "refused"
    changed = trial.answer(
        lambda folder: (folder / "Outcomes-a.txt").write_text(
            (folder / "Outcomes-a.txt").read_text().replace("100001,1,1,5,-1,0", "100001,1,1,5,-1,1")
        ),
        fault.answer,
    )
    assert changed.how == "read otherwise, and nothing said"
    assert "refused" in answered(fault, silent)
