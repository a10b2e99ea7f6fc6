"""The page about a twin's model: its tables and figures, and what its contract refuses."""

import pytest

from book.pages.contracts import check
from book.pages.figures import twin as figures
from book.pages.tables import twin as tables
from fairlib import twins
from fairlib.report.columns import written
from fairlib.report.provenance import of_twin
from fairlib.study.parameters import ParameterError
from fairlib.twins import dial, people, truth

SPEC = twins.load_spec("mimic")


def test_tables_say_what_is_planted():
    planted = tables.planted(SPEC)
    assert ["noise", "ethnicity", "Black", 0.5] in planted.to_numpy().tolist()
    assert ["prevalence", "all", "all", 1.0] in planted.to_numpy().tolist()
    assert written(tables.planted(SPEC.without_disparities())).to_numpy().tolist() == [["none", "–", "–", "–"]]
    assert tables.scorer(twins.module("mimic").SCORER).iloc[2].tolist() == ["it predicts the outcome", "above 100"]
    assert tables.scorer(twins.module("mesa").SCORER).iloc[2, 1] == "below 1.1"


def test_truth_in_a_table():
    table = truth.compute("mimic", SPEC)
    shown = tables.segments(table)
    assert len(shown) == len(table)
    assert written(shown)["minus others"].iloc[0] == "–"  # everybody has no others
    assert written(shown)["ceiling"].iloc[0] == f"{table['auc_ceiling'].iloc[0]:.3f}"


def test_dial_curves_have_a_panel_a_knob():
    curves = {knob: dial.curve("mimic", knob, 10_000, cohorts=2, windows=500) for knob in dial.DIALS}
    figure, alt = figures.dial_curves(curves, "mimic")
    panels = [axes for axes in figure.axes if axes.axison]
    assert [panel.get_title() for panel in panels] == [knob.replace("_", " ") for knob in dial.DIALS]
    for panel, (knob, curve) in zip(panels, curves.items(), strict=True):
        dots, line = panel.lines[:2]
        assert list(line.get_xdata()) == list(dial.DIALS[knob].settings)
        assert list(line.get_ydata()) == curve.loc[curve["kind"] == "truth", "value"].tolist()
        assert len(dots.get_xdata()) == 10
    assert "age >=65" in alt


def test_the_chapter_names_every_knob(request):
    chapter = (request.config.rootpath / "book" / "twins.md").read_text(encoding="utf-8")
    assert all(f"| `{name}` |" in chapter for name in ("prevalence", *people.KNOBS))


def test_the_contract_and_the_banner(tmp_path):
    p = check("twin", {"dataset": "globem"})
    made = of_twin(p, twins.load_spec("globem"))
    assert "Synthetic twin" in made.banner()
    assert "papermill notebooks/twin.ipynb out.ipynb -p dataset globem" in made.html()
    assert "spec " in made.line()
    for wrong in (
        {"dataset": "mimik"},
        {"dataset": "mimic", "draws": 10},
        {"dataset": "mimic", "source": str(tmp_path / "none.yaml")},
    ):
        with pytest.raises(ParameterError, match="twin"):
            check("twin", wrong)
