"""Specs of all twins in YAML: each knob is documented, a wrong one is one clear sentence."""

import re

import pytest

from fairlib import cards, twins
from fairlib.study.parameters import ROOT
from fairlib.twins import people
from fairlib.twins.people import SpecError

CHAPTER = (ROOT / "book" / "twins.md").read_text(encoding="utf-8")


def written(folder, text):
    file = folder / "spec.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


@pytest.mark.parametrize("knob", ["prevalence", *people.KNOBS])
def test_the_chapter_documents_unit_zero_and_range(knob):
    facts = people.PREVALENCE if knob == "prevalence" else people.KNOBS[knob]
    row = re.search(rf"^\| `{knob}` \|(.+)\|$", CHAPTER, re.MULTILINE)
    assert row, knob
    does, unit, zero = (cell.strip().replace("\u00a0", " ") for cell in row[1].split(" | "))
    assert len(does) > 20
    assert re.search(rf"\w, {facts.low:g} to {facts.high:g}(;|$)", unit.replace("−", "-"))
    assert zero
    assert facts.unit
    assert facts.zero
    assert facts.low <= 0 <= facts.high


@pytest.mark.parametrize("dataset", twins.known())
def test_a_partial_spec_leaves_the_rest_as_it_is(dataset, tmp_path):
    found = twins.load_spec(dataset, written(tmp_path, "severity: 2.5\nnoise: {}\n"))
    default = twins.load_spec(dataset)
    assert (found.severity, found.noise) == (2.5, {})
    assert (found.windows, found.missingness) == (default.windows, default.missingness)
    assert twins.load_spec(dataset, written(tmp_path, "# nothing\n")) == default


def test_segments_called_yes_and_no_need_no_quotation_marks(tmp_path):
    spec = twins.load_spec("globem", written(tmp_path, "noise:\n  disability: {Yes: 0.5, No: 0}\n"))
    assert spec.noise == {"disability": {"Yes": 0.5, "No": 0}}
    people.check(spec, {name: facts.segments for name, facts in cards.load("globem").attributes.items()})


@pytest.mark.parametrize("dataset", twins.known())
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nois: {}", "unknown knob: 'nois'; did you mean 'noise'?"),
        ("3: 4", "unknown knob: '3'"),
        ("noise: 3", "noise must map attribute to segment to number, got 3"),
        ("noise:", "noise must map attribute to segment to number, got None"),
        ("noise: {age: 0.5}", "noise must map attribute to segment to number"),
        ("noise: {age: {x: high}}", "noise of age x must be a number from -0.9 to 9"),
        ("noise: {age: {x: .nan}}", "noise of age x must be a number from -0.9 to 9"),
        ("noise: {age: {x: yes}}", "noise of age x must be a number from -0.9 to 9"),
        ("missingness: {age: {x: 2}}", "missingness of age x must be a number from 0 to 0.95"),
        ("label_noise: {age: {x: -0.1}}", "label_noise of age x must be a number from 0 to 1"),
        ("share: {age: {x: 6}}", "share of age x must be a number from -5 to 5"),
        ("prevalence: 9", "prevalence must be a number from 0 to 3, got 9"),
        ("severity: -1", "severity must be a number from 0 to 10, got -1"),
        ("windows: 2000.5", "windows must be a whole number from 200 to 3000000, got 2000.5"),
        ("windows: many", "windows must be a whole number from 200"),
        ("[]", "a twin's spec is a mapping of names to values, got []"),
        ("5", "a twin's spec is a mapping of names to values, got 5"),
        ("noise: {}\nnoise: {}", "is no readable YAML file: key 'noise' stands twice, the second time in line 2"),
        ("noise: {age", "is no readable YAML file: line 1: expected ',' or '}'"),
        (b"noise: \xe4", "is no readable YAML file: 'utf-8' codec can't decode byte 0xe4"),
    ],
)
def test_a_wrong_spec_is_one_clear_sentence(dataset, tmp_path, text, words):
    with pytest.raises(SpecError) as caught:
        twins.write(dataset, tmp_path / "twin", written(tmp_path, text))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "twin").exists()


@pytest.mark.parametrize("dataset", ["mesa", "globem"])
@pytest.mark.parametrize("people", ["true", "3.5", "0", "x", "-5"])
def test_people_are_a_whole_number(dataset, tmp_path, people):
    with pytest.raises(SpecError, match="people must be a whole number from"):
        twins.load_spec(dataset, written(tmp_path, f"people: {people}"))
    with pytest.raises(SpecError, match="people must be a whole number from"):
        twins.load_spec(dataset, {"people": True})
