"""What is cited is what is there: version, title, anchors, the tolerance; and what changed since 0.1.0 is said."""

import json
import re
from pathlib import Path

import items  # book/_ext
import pytest
import yaml

import fairlib
from fairlib.__main__ import main as fairlib_main
from fairlib.study.__main__ import main as study_main
from fairlib.study.again import TOLERANCE
from fairlib.study.parameters import BEFORE
from fairlib.study.results import FIRST_VERSION

ROOT = Path(__file__).parent.parent
CITED = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
HOW = (ROOT / "book" / "references.md").read_text(encoding="utf-8")
CHANGES = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
COMING = CHANGES.partition("### Coming from 0.1.0\n")[2].partition("\n## ")[0]


def test_one_version_everywhere():
    """The package's own number is hashed as the first one, so it may still be that."""
    version, date = re.search(r"^## (\S+) \((\d{4}-\d\d-\d\d)\)$", CHANGES, re.M).groups()
    assert (CITED["version"], str(CITED["date-released"])) == (version, date)
    assert f"version = {{{version}}}" in HOW
    assert f"year    = {{{date[:4]}}}" in HOW
    assert fairlib.__version__ in (version, FIRST_VERSION)


def test_the_entry_for_bibliographies_says_what_the_citation_file_says():
    title = re.search(r"title   = \{(.*)\},", HOW)[1].replace("{A}", "A")
    assert title == CITED["title"]
    assert CITED["authors"][0]["name"] in HOW
    assert f"license = {{{CITED['license']}}}" in HOW
    paper = (ROOT / "book" / "references.bib").read_text(encoding="utf-8")
    assert CITED["references"][0]["doi"] in paper
    assert CITED["references"][0]["title"] in paper


def test_the_anchor_of_the_example_is_that_of_an_item():
    page, anchor = re.search(r"`(executed/\S+)\.html#(\S+)`", HOW).groups()
    names = {name for name, *_ in items.named(ROOT / "notebooks" / f"{page.rpartition('/')[2]}.ipynb")}
    (item,) = re.findall(r"\((F-[a-z-]+)\)", HOW)
    assert item in names
    assert items.label(page, item) == anchor
    assert f"file: {page}\n" in (ROOT / "book" / "_toc.yml").read_text(encoding="utf-8")
    assert set(re.findall(r"\bT-[a-z-]+", HOW)) <= names


def test_the_tolerance_on_the_page_is_that_of_the_command():
    text = (ROOT / "book" / "rerun.md").read_text(encoding="utf-8")
    assert (
        float(re.search(r"no difference is above ([\d.]+) \(`fairlib.study.again.TOLERANCE`\)", text)[1]) == TOLERANCE
    )


@pytest.mark.parametrize("old", ["freeze", "tune", "gate", "croissant"])
def test_commands_that_moved_are_gone_and_are_in_the_migration(old, capsys):
    assert re.search(rf"python -m (fairlib {old}|fairlib gate` and `{old})\b", COMING)
    with pytest.raises(SystemExit):
        fairlib_main([old])
    assert f"invalid choice: '{old}'" in capsys.readouterr().err


def test_the_migration_names_commands_options_and_recipes_that_exist(capsys):
    for command in set(re.findall(r"python -m fairlib\.study (\w+)", COMING)):
        with pytest.raises(SystemExit) as done:
            study_main([command, "--help"])
        assert done.value.code == 0, command
    with pytest.raises(SystemExit):
        study_main(["freeze", "--help"])
    told = capsys.readouterr().out
    assert all(option in told for option in ("--recipe", "--models", "--labels"))
    assert all(f"`{new}` for `{old}`" in COMING for old, new in BEFORE.items())
    cells = json.loads((ROOT / "notebooks" / "3_fine_tuning.ipynb").read_text(encoding="utf-8"))["cells"]
    own = "".join(next(cell["source"] for cell in cells if "parameters" in cell["metadata"].get("tags", ())))
    assert all(f"\n{name} = " in own for name in ("folds", "seeds", "pretext", "pretrain_on", "repeats"))
