"""A contributed case: its lines on the claims follow our rules and are named as theirs; its page shows what is kept."""

import json
from types import SimpleNamespace

import pandas as pd
import pytest

from book.pages import contributed
from book.pages.contracts import CONTRACTS
from book.release import claims
from fairlib import cards
from fairlib.audit import contrasts
from fairlib.audit.bundle import Bundle, BundleError
from fairlib.audit.contributed import keep
from fairlib.audit.export import packed_up, rounded
from fairlib.measures import summary
from fairlib.report import show
from fairlib.study.collect import collect
from fairlib.study.parameters import ROOT, ParameterError, check
from tests.audit.bundles import BY, Study, parameters

CARD = cards.load("challenge2012")


NAMES = ("supervised", "frozen_0", "frozen_1_middle", "frozen_3")


@pytest.fixture(scope="module")
def study(make_cohort):
    return Study(make_cohort(people=600), 40, NAMES)


@pytest.fixture(scope="module")
def live(study):
    """Our own case of four models and two runs."""
    models, usual = collect(study, "metrics", NAMES, (1, 2)), (CARD.protected(), CARD.metric.metric)
    return SimpleNamespace(
        p=SimpleNamespace(dataset="challenge2012"),
        made=SimpleNamespace(origin="real", seeds=(1, 2)),
        card=CARD,
        title="Challenge 2012, recipe tuned",
        ssl="frozen_1_middle",
        strategies=NAMES,
        models=models,
        summary=summary.summarise(models),
        compared=summary.headline(models, *usual),
        similarity_gaps=lambda: (pd.DataFrame(columns=["size", "auc_gap"]), None),
        paired_seeds=(1, 2),
        label_sizes=(),
    )


@pytest.fixture(scope="module")
def kept(study, live, tmp_path_factory):
    """The folder where the same is kept as a contributed case."""
    tables = {name: study.table(name) for name in ("sizes", "segments")}
    tables |= {"performance": live.summary, "compared": live.compared}
    tables |= {"contrasts": contrasts.table(live.models, CARD, live.strategies)}
    out = rounded(tables, CARD, "open", 5)
    bundle, _ = packed_up(out, CARD, parameters(study.cohort), study.manifest | {"profile": "quick"}, (1, 2), BY, 5, 0)
    folder = tmp_path_factory.mktemp("contributed")
    keep(bundle, folder)
    return folder


@pytest.fixture
def theirs(kept):
    (found,) = contributed.all_cases(kept)
    return found


def test_the_lines_of_a_contributed_case_stand_beside_ours_and_judge_by_the_same_rules(live, theirs):
    found = claims.all_claims([live], [theirs])
    for name, lines in found.items():
        own = [line for line in lines if "contributed" in line["data"]]
        assert len(own) == (name in claims.CARRIED), name
        for line in own:
            assert line["data"] == (
                f"Challenge 2012, contributed by {BY}, recipe tuned: real, contributed, not recomputed here"
            )
            (ours,) = [line["verdict"] for line in lines if line["data"].endswith(": ours, real data")]
            assert line["verdict"] in (ours, "undecided on Challenge 2012 (other data)"), name  # never more than ours
            assert "nan" not in " ".join(line.values())
    (gap,) = [line for line in found["gaps"] if "contributed" in line["data"]]
    assert not gap["number"].startswith("–")


def test_a_run_for_tests_gets_no_verdict(theirs):
    made = theirs.bundle.manifest.model_copy(update={"profile": "smoke"})
    tested = contributed.Contributed(Bundle(made, theirs.bundle.tables, theirs.bundle.digest), theirs.name)
    assert {claims.of_bundle(name, tested)["verdict"] for name in claims.CARRIED} == {claims.FOR_TESTS}


def test_the_page_shows_the_tables_and_says_whose_they_are(kept, theirs, monkeypatch):
    shown = []
    monkeypatch.setattr(show, "_publish", lambda data, piece, **more: shown.append(data["text/html"]))
    path = ROOT / "notebooks" / "contributed.ipynb"
    cells = [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
    page = {"case": theirs.name, "kept": str(kept)}
    for cell in cells[1:]:
        exec("".join(cell["source"]), page)
    text = "".join(shown)
    assert "Real data, contributed, not recomputed here" in shown[0]
    assert f"by {BY}" in shown[0]
    for words in (
        "Sizes and splits",
        "Performance on held-out people",
        "AUC of each model",
        "AUC per segment",
        "counts rounded",
    ):
        assert words in text, words
    assert shown[0].count("not recomputed here: how this was made") == 1


def test_a_case_that_is_not_there_is_named(kept):
    with pytest.raises(ParameterError, match=r"case 'x' is not in .* \(challenge2012-st-mary-s-hospital-tuned\)"):
        check(CONTRACTS["contributed"], {"case": "x", "kept": str(kept)})
    with pytest.raises(BundleError, match="there is no contributed case ''; kept are: challenge2012-st-mary"):
        contributed.case("", kept)
