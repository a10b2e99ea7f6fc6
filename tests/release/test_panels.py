"""The paper's figures next to ours: panels hold the published numbers, and what the page says of them is so."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from book.pages import cases, noise
from book.pages.contracts import check
from book.release import candidates, panels, panels_cka, published
from fairlib.audit import contrasts
from fairlib.study.parameters import FROZEN, ROOT
from tests.release import release_claims


@pytest.fixture(scope="module")
def case():
    """One run of the recipe paper code on Challenge 2012, as kept in the book."""
    given = {"dataset": "challenge2012", "source": "frozen", "recipe": "paper_code", "seeds": [1], "profile": "paper"}
    return cases.open_case(check("5_evaluation", given))


@pytest.fixture(scope="module")
def page() -> str:
    cells = json.loads((ROOT / "notebooks" / "paper_figures.ipynb").read_text(encoding="utf-8"))["cells"]
    return re.sub(r"\s+", " ", " ".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"))


def titles(figure: Figure) -> list[str]:
    return [panel.get_title() for panel in figure.axes if panel.get_visible()]


def test_the_roc_figure_holds_all_21_published_areas_and_ours(case):
    figure, alt = panels.roc([case], 0.02)
    ours = "Challenge 2012, paper code · real"
    assert titles(figure) == ["MIMIC-III · published", ours, "MESA · published", "GLOBEM · published"]
    drawn = {panel.get_title(): [text.get_text() for text in panel.texts] for panel in figure.axes}
    for dataset, title in panels.DATASETS.items():
        rows = published.table("paper_auc")
        rows = rows[rows["dataset"] == dataset]
        assert sorted(drawn[f"{title} · published"]) == sorted(f"{value:.3f}" for value in rows["auc"])
    assert len(drawn[ours]) == 7
    assert "MIMIC-III · published: supervised 0.840, SSL 0.596 to 0.829, of which 1 of 6 are at most 0.02 lower" in alt


def test_boxes_are_those_of_the_pictures_and_of_numpy(case):
    rows = pd.DataFrame({"strategy": "supervised", "deviation": [0.0, 0.1, 0.2, 0.3, 0.4, 2.0]})
    box, *none = panels._boxes(rows)
    assert (box["q1"], box["med"], box["q3"]) == pytest.approx((0.125, 0.25, 0.375))
    assert (box["whislo"], box["whishi"], *box["fliers"]) == (0.0, 0.4, 2.0)
    assert none == [{}] * 6
    own = panels.deviations(case.models, case.card.protected())
    assert own.groupby("strategy").size()["supervised"] == 12  # six ratios, two attributes, one run
    figure, alt = panels.parity([case])
    assert "MESA · published, medians: supervised 0.027, SSL, nothing frozen 0.025" in alt
    assert len(titles(figure)) == 4


def test_size_gap_draws_the_quadratic_of_the_rows(case):
    rows = noise.published_rows(published.segments(), published.held_out)
    ours = noise.own_rows(
        case.summary, case.title, {"Supervised": "supervised", "SSL": case.ssl}, case.card.protected()
    )
    curves = noise.fit(rows, "share", 20)
    figure, alt = panels.size_gap(rows, curves, ours)
    drawn = {line.get_label(): line for line in figure.axes[0].lines}["SSL, quadratic"]
    own = rows[rows["model"] == "SSL"]
    expected = np.polyval(np.polyfit(own["share"], own["gap"], 2), drawn.get_xdata())
    np.testing.assert_allclose(drawn.get_ydata(), expected, atol=1e-9)
    assert alt.startswith("Gap in AUC against the share of a segment. Published, 62 rows")
    _, alt = panels.size_gap_by_dataset(rows)
    assert re.findall(r"SSL minus supervised (\S+?)\.?(?: |$)", alt) == ["−0.004", "0.000", "−0.022"]


def test_few_labels_are_shown_where_there_are_some(case):
    figure, alt = panels.efficiency([case])
    assert titles(figure) == ["MIMIC-III · published", ""]  # this recipe was not trained with few labels
    assert "AUC, supervised 0.756 to 0.806" in alt


def test_the_cka_figure_has_its_16_panels_and_ours_below(case):
    figure, alt = panels_cka.cka(case)
    panes = [panel for panel in figure.axes if panel.images and panel.get_title()]
    assert len(panes) == 24
    assert [panel.get_title() for panel in panes[:4]] == [
        "other segments (D35)",
        "Medicaid (D48)",
        "Self Pay",
        "Self Pay − Medicaid",
    ]
    assert np.asarray(panes[3].images[0].get_array())[2, 2] == pytest.approx(0.51)
    assert np.asarray(panes[1].images[0].get_array())[0, 0] == pytest.approx(0.539)
    for row in range(0, 24, 4):  # the difference is that of its two neighbours, but where another segment is shown
        worst, best, gap = (np.asarray(panel.images[0].get_array()) for panel in panes[row + 1 : row + 4])
        assert row == 0 or np.abs(best - worst - gap).max() < 0.02
    assert "insurance MIMIC-III · published: mean absolute difference 0.30" in alt
    assert len([panel for panel in panels_cka.cka(None)[0].axes if panel.images and panel.get_title()]) == 16


def test_the_amount_of_fine_tuning_is_ordered_by_what_trains(case):
    figure, alt = panels.u_shapes([case])
    labels = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert [label.replace("\n", " ") for label in (labels[0], labels[-1])] == ["all frozen", "nothing frozen"]
    assert alt.startswith("Mean disparity of SSL models, from 12,674 to 153,154 trainable parameters")


def test_what_the_page_says_of_published_figures_is_so(page):
    near = {key: release_claims._in_roc_figure(key)["near_models"] for key in panels.DATASETS}
    assert near == {"MIMIC": 1, "MESA": 2, "GLOBEM": 2}
    assert "5 of 18 self-supervised models have an AUC at most 0.02 below" in page
    assert "1 of 6 on MIMIC-III, 2 of 6 on MESA and 2 of 6 on GLOBEM" in page
    assert "of the 18 published self-supervised models, 13 are not" in page
    assert release_claims.disparity("MESA")["worse"] == 4
    assert "In the parity figure of MESA, 4 of 6 models deviate more from parity" in page
    auc = published.table("paper_auc").set_index(["dataset", "strategy"])["auc"]
    assert auc["MIMIC", "frozen_1_middle"] - auc["MIMIC", "frozen_0"] == pytest.approx(0.084)
    assert "training everything (0.745) is worse by 0.084 than freezing the middle layer (0.829)" in page
    boxes = release_claims.boxes("MIMIC").drop("supervised")
    assert boxes["median"].idxmax() == "frozen_1_middle"
    few = published.table("data_efficiency").pivot_table(
        index=["metric", "windows_per_code"], columns="model", values="value"
    )
    behind = few.loc["auc", "supervised"] - few.loc["auc", "ssl_frozen1_middle"]
    assert f"(by {behind.min():.3f} to {behind.max():.3f})" in page
    assert (few.loc["deviation", "ssl_frozen1_middle"] < few.loc["deviation", "supervised"]).all()
    assert len(behind) == 8
    assert "at all eight sizes" in page
    fits = candidates.thirty().query("dataset == 'GLOBEM' and fits and on_par")
    assert fits["strategy"].tolist() == ["frozen_2_first_last"]
    assert f"at −{-100 * fits['low'].iloc[0]:.1f} % and −{-fits['auc_change'].iloc[0]:.3f}" in page


def test_what_the_page_says_of_ours_is_so(page):
    rows = pd.read_parquet(FROZEN / "challenge2012" / "metrics.parquet")
    rows = rows[(rows["scope"] == "overall") & (rows["metric"] == "auc") & (rows["labels"] == 0)]
    means = rows.groupby(["recipe", "strategy"])["estimate"].mean().unstack()
    ssl = means[[name for name in panels.ORDER if name != "supervised"]]
    assert set(ssl.idxmax(axis=1)) == {"frozen_0"}
    assert "with every recipe, the AUC is highest with nothing frozen" in page
    assert len(means) == 3


def test_the_ends_of_unfreezing_are_those_of_the_strategies():
    assert contrasts.ENDS == ("frozen_0", "frozen_3")
