"""Croissant export: valid for the reference implementation, every value from the card, no invented file."""

import json
import re
import sys

import pytest

from book.pages import croissant
from book.pages.__main__ import main
from book.pages.croissant import CONTEXT, to_croissant, verdict
from book.pages.tables import card as tables
from book.pages.tables.evaluation import metric_choice
from fairlib import cards
from fairlib.report.columns import written
from fairlib.study.parameters import ROOT

CARDS = sorted(path.stem for path in cards.FOLDER.glob("*.yaml"))


@pytest.mark.parametrize("name", CARDS)
def test_mlcroissant_accepts_every_card(name):
    mlcroissant = pytest.importorskip("mlcroissant", reason="of the test extra; validates the export")
    card = cards.load(name)
    metadata = mlcroissant.Dataset(jsonld=to_croissant(card)).metadata
    assert not metadata.ctx.issues.errors
    assert metadata.name == name
    assert metadata.data_biases == card.known_biases
    assert len(metadata.personal_sensitive_information) == len(card.attributes)
    assert metadata.url == card.homepage
    assert metadata.distribution == []


@pytest.mark.parametrize("name", CARDS)
def test_required_fields(name):
    """Of the specifications 1.0: type, conformance, and at dataset level name, description, license and url."""
    found = to_croissant(cards.load(name))
    assert found["@type"] == "sc:Dataset"
    assert found["conformsTo"] == ["http://mlcommons.org/croissant/1.0", "http://mlcommons.org/croissant/RAI/1.0"]
    assert all(found[key] for key in ("name", "description", "license", "url", "citeAs"))
    assert all(found[f"rai:{key}"] for key in ("dataBiases", "personalSensitiveInformation", "dataUseCases"))
    assert all(key.split(":")[0] in CONTEXT for key in found if ":" in key)
    assert not {"distribution", "recordSet", "sha256", "md5"} & set(found)


def test_validity_is_stated_only_when_it_was_computed(monkeypatch):
    card = cards.load("mimic")
    monkeypatch.setitem(sys.modules, "mlcroissant", None)
    assert verdict(card) == "not checked here: mlcroissant is not installed"
    monkeypatch.undo()
    pytest.importorskip("mlcroissant", reason="of the test extra; validates the export")
    assert re.match(r"mlcroissant \d[\d.]* read it when this page was made and found no error", verdict(card))
    monkeypatch.setattr(croissant, "to_croissant", lambda card: {"@type": "sc:Dataset"})
    assert "refuses it: Found the following" in verdict(card)


def test_the_command(capsys):
    assert main(["croissant", "challenge2012"]) == 0
    assert json.loads(capsys.readouterr().out) == to_croissant(cards.load("challenge2012"))
    assert main(["croissant", str(ROOT / "book" / "example_table")]) == 0
    own = json.loads(capsys.readouterr().out)
    assert own["conditionsOfAccess"] == "Synthetic data: nobody in it is real."
    assert "url" not in own
    assert "citeAs" not in own
    assert main(["croissant", "mimik"]) == 2
    assert "cards exist for" in capsys.readouterr().err


@pytest.mark.parametrize("name", CARDS)
def test_the_card_as_tables(name):
    card = cards.load(name)
    made = (
        tables.task,
        tables.counts,
        tables.segments,
        cards.requirements,
        metric_choice,
        tables.access,
        tables.biases,
    )
    found = [function(card) for function in made]
    assert all(map(len, found))
    assert tables.segments(card)["attribute"].tolist() == list(card.attributes)
    assert tables.biases(card)["known bias"].tolist() == card.known_biases
    text = " ".join(str(cell) for table in found for cell in written(table).to_numpy().ravel())
    assert card.licence in text
    assert card.task.question in text
    assert f"{card.people:,}" in text
    assert "nan" not in text.split()


def test_how_raw_values_map():
    rows = tables.segments(cards.load("mimic")).set_index("attribute")["from"]
    assert rows["age"] == "a number, cut at 65"
    assert "WHITE… → White" in rows["ethnicity"]
    assert "all others → Other" in rows["ethnicity"]
    assert "PATIENT DECLINED TO ANSWER → unknown" in rows["ethnicity"]
