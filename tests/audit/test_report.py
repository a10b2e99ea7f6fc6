"""The report: one file without a network or anybody's id, a JSON with a fixed shape, and what stays suppressed."""

import errno
import json
import re
import shlex
from pathlib import Path

import pandas as pd
import pytest
from bs4 import BeautifulSoup

from fairlib import cards
from fairlib.__main__ import main
from fairlib.audit import report
from fairlib.audit.numbers import ESTIMATE
from fairlib.audit.report import audit
from fairlib.cohort import CohortError
from fairlib.fairness import METRICS, SUMMARIES
from fairlib.study.parameters import ROOT

from .tables import predictions, write

HOSTILE = '=<script>alert("x")</script>'
METRIC_NAMES = {*METRICS, *SUMMARIES, "auc", "auprc", "predicted_minus_observed", "net_benefit"}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The folder of an audit, of a table with a hostile group and a hostile model."""
    folder = tmp_path_factory.mktemp("audit")
    table = predictions().replace({"site": {"A": HOSTILE}})
    table = table.rename(columns={"score_new": "score_<b>new</b>"})
    audit(write(folder, table), folder / "out", draws=40)
    return folder / "out"


def test_one_page_without_a_network_or_ids(made):
    text = (made / "report.html").read_text(encoding="utf-8")
    page = BeautifulSoup(text, "html.parser")
    text = re.sub('base64,[^"]+', "", text)
    assert not re.search(r"https?:|//[a-z]|url\(|@import|<script|<link|<b>|javascript:", text)
    assert {tag["src"].partition(",")[0] for tag in page.find_all(src=True)} == {"data:image/png;base64"}
    assert not page.find_all(["iframe", "object", "embed", "form"])
    assert all(link["href"].startswith("data:text/csv;") for link in page.find_all(href=True))
    assert "default-src 'none'" in text
    assert HOSTILE in page.get_text()
    for path in made.iterdir():
        assert "NHS-" not in path.read_text(encoding="utf-8"), path
    assert all(len(image["alt"]) > 20 for image in page.find_all("img"))


def test_the_page_says_what_was_asked_for(made):
    text = BeautifulSoup((made / "report.html").read_text(encoding="utf-8"), "html.parser").get_text(" ")
    for words in (
        "Reference groups: sex: ",
        "Declared family: the 6 error rate ratios",
        "smallest detectable ratio",
        "coin (range)",
        "calibrated score",
        "levelling down",
        "at equal case mix",
        "Net benefit",
        "sensitivity 0.80",
        "threshold 0.50",
        "female × B",
        "alert rate 0.30",
        "verdicts",
        "does not certify",
    ):
        assert words in text, words


def test_the_shape_of_the_json(made):
    found = json.loads((made / "report.json").read_text(encoding="utf-8"), parse_constant=lambda name: 1 / 0)
    assert set(found) == {"fairlib", "data", "code", "settings", "summary", "assumed", "verdicts", "estimates"}
    assert set(found["settings"]) == {"access", "min_cell", "draws", "level", "references"}
    for row in found["estimates"]:
        assert list(row) == ESTIMATE
        assert {type(row[name]) for name in ESTIMATE[:6]} | {type(row["note"])} == {str}
        assert all(row[name] is None or type(row[name]) is float for name in ("value", "low", "high", "n", "events"))
        assert row["metric"] in METRIC_NAMES or row["metric"] == "error_rate_ratio_at_equal_case_mix"
    assert {row["model"] for row in found["verdicts"]} == {"<b>new</b>"}
    assert {row["metric"] for row in found["estimates"]} - {"error_rate_ratio_at_equal_case_mix"} == METRIC_NAMES


def test_small_groups_are_suppressed_everywhere(made):
    sizes = pd.read_csv(made / "sizes.csv").set_index(["attribute", "group"])
    assert sizes.loc[("site", "few"), ["people", "rows", "events"]].isna().all()
    assert sizes.loc[("site", "few"), "note"] == "withheld: fewer than 11 people or events"
    for row in json.loads((made / "report.json").read_text(encoding="utf-8"))["estimates"]:
        if row["group"].split(" × ")[-1] == "few":
            assert (row["value"], row["low"], row["n"], row["events"]) == (None,) * 4
            assert row["note"].startswith("withheld")


def test_no_cell_of_a_csv_is_a_formula(made):
    for path in made.glob("*.csv"):
        text = pd.read_csv(path).select_dtypes(exclude="number").stack().astype(str)
        assert not text.str.match(r"[=+\-@]").any(), path


def test_the_command(tmp_path, capsys):
    file, people = predictions(), ["person", "sex"]
    write(tmp_path, file[people].drop_duplicates(), "people.csv")
    file = write(tmp_path, file[["person", "label", "score_old"]].rename(columns={"score_old": "score"}))
    given = ["audit", str(file), "--people", str(tmp_path / "people.csv"), "-o", str(tmp_path / "out")]
    assert main([*given, "--reference", "sex=male"]) == 0
    said = capsys.readouterr().out
    assert (
        "model, alert rate 0.20: the error rate ratio that is furthest from 1 is that of sex female over male" in said
    )
    assert said.strip().endswith("out/report.html")
    assert main([*given, "--reference", "sex=none"]) == 2
    assert "fairlib audit: --reference sex=none: no such group" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([*given, "--reference", "sex"])
    assert "'sex' is not ATTRIBUTE=GROUP" in capsys.readouterr().err
    assert main(["audit", str(file), "-o", str(tmp_path)]) == 2
    assert "is there and holds no audit; name a new folder with -o" in capsys.readouterr().err


def test_nothing_is_written_where_something_is_wrong(tmp_path):
    file = write(tmp_path, predictions().assign(label=1))
    with pytest.raises(CohortError):
        audit(file, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_full_disk_leaves_the_audit_before_as_it_was(tmp_path, monkeypatch):
    """And a later audit of fewer models leaves none of the tables that were there."""
    file, out = write(tmp_path, predictions()), tmp_path / "a b" / "out"
    written = {"report.html": "1", "verdicts_1.csv": "1", "report.json": "1"}
    monkeypatch.setattr(report, "_written", lambda e, made: (written, ["said"]))
    assert audit(file, out) == "said"
    (out / "own.csv").write_text("notes")
    del written["verdicts_1.csv"]
    real = Path.write_text
    with monkeypatch.context() as full:
        full.setattr(
            Path, "write_text", lambda path, *of, **more: real(path, *of, **more) if "json" not in path.name else no()
        )
        with pytest.raises(
            CohortError, match=r"out cannot be written \(No space left on device\); name another folder"
        ):
            audit(file, out)
        with pytest.raises(CohortError, match="cannot be written"):
            audit(file, tmp_path / "new" / "out")
    assert sorted(path.name for path in out.iterdir()) == ["own.csv", "report.html", "report.json", "verdicts_1.csv"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a b", "predictions.csv"]
    audit(file, out)
    assert sorted(path.name for path in out.iterdir()) == ["own.csv", "report.html", "report.json"]


def no():
    raise OSError(errno.ENOSPC, "No space left on device")


def test_the_recipe_of_the_page_runs(tmp_path, monkeypatch):
    """On a small twin, with the commands of the page."""
    page = (ROOT / "book" / "audit.md").read_text(encoding="utf-8")
    (recipe,) = re.findall(r"```python\n(.*?)```", page, re.S)
    (command,) = re.findall(r"python -m fairlib (audit .* --reference gender.*)", page)
    monkeypatch.chdir(tmp_path)
    assert main(["twin", "challenge2012", "files", "--windows", "300"]) == 0
    exec(recipe.replace("HistGradientBoostingClassifier(", "HistGradientBoostingClassifier(max_iter=5, "), {})
    assert main(shlex.split(command)) == 0
    assert (tmp_path / "report" / "report.html").is_file()


@pytest.mark.parametrize(("access", "curves"), [("restricted", False), ("synthetic", True)])
def test_the_access_of_the_card_rules(access, curves, tmp_path):
    """Restricted data have no net benefit, and the group next to a suppressed one is suppressed too."""
    card, groups = cards.load("mesa"), ["A", "B", "C", "few"]
    site = card.attributes["sex"].model_copy(
        update={"segments": groups, "privileged": "A", "values": {name: name for name in groups}}
    )
    card = card.model_copy(update={"attributes": {"site": site}, "access": access})
    table = predictions()[["person", "label", "score_old", "site"]]
    audit(write(tmp_path, table), tmp_path / "out", card=card, draws=40)
    sizes = pd.read_csv(tmp_path / "out" / "sizes.csv").set_index("group")["people"]
    assert (tmp_path / "out" / "net_benefit.csv").exists() == curves
    assert int(sizes.isna().sum()) == (0 if curves else 2)
    text = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert ("Synthetic twin" if curves else "Predictions as given") in text
    assert "Reference groups: site: A." in text
