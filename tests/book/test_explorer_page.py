"""The pages with controls in a browser: the keyboard moves the slider, the numbers follow, and nothing is fetched."""

import re
import shutil
from types import SimpleNamespace

import numpy as np
import pytest

from book.pages import explorer, turning
from book.pages import explorer_chart as charts
from fairlib import cards
from fairlib.report import show
from fairlib.study.parameters import ROOT
from tests.book.browser import CHROMIUM, FLAGS
from tests.tables import evaluation_tables

STATIC = ROOT / "book" / "_static"


def test_every_chart_compiles_and_waits_for_its_numbers():
    """Altair has checked the charts against the schema of Vega-Lite; vl-convert compiles them."""
    for name, spec in charts.compiled().items():
        assert {one["name"] for one in spec["signals"]} >= {"groups", "room", "place"}, name
        assert [one for one in spec["data"] if one["name"] == "numbers"] == [{"name": "numbers", "format": {}}], name
        assert not any("url" in one for one in spec["data"]), name
        assert spec["background"] == "transparent"


@pytest.fixture(scope="module")
def pages(tmp_path_factory, make_cohort):
    """A folder with two pages as the book has them, and the tables behind the first."""
    folder = tmp_path_factory.mktemp("pages")
    shutil.copytree(STATIC, folder / "_static", ignore=shutil.ignore_patterns("tippy"))
    (folder / "_static" / "charts.js").write_text(charts.script(), encoding="utf-8")
    cohort = make_cohort("challenge2012", "real", people=900)
    noise = np.random.default_rng(3)
    scores = [1 / (1 + np.exp(-(2 * cohort.y - 1 + 2 * noise.normal(size=len(cohort))))) for _ in range(2)]
    tables = [evaluation_tables(cohort, score, 0.5, 40) for score in scores]
    study = SimpleNamespace(has=lambda *_: True, table=lambda name, strategy, seed: tables[seed][name])
    numbers = explorer.collect({"tuned": (study, (0, 1))}, cards.load("challenge2012"), "open", ("supervised",))
    made, shown = SimpleNamespace(html=lambda: "made by a test", access="open", origin="real", min_cell=11), []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(turning, "SPAN", {"noise": (0.0, 2.0)})
        dial = turning.collect(["challenge2012"], 5000, [300, 500])
        patch.setattr(show, "_show", lambda html, text: shown.append(html))
        show.chart(numbers, "Thresholds", explorer.ALT, made)
        show.chart(dial, "Dial", turning.ALT, SimpleNamespace(**vars(made) | {"access": "synthetic"}))
    for name, html in zip(("explorer", "dial"), shown, strict=True):
        head = '<meta charset="utf-8"><title>A page</title><link rel="stylesheet" href="_static/fairlib.css">'
        page = f'<script defer src="_static/charts.js"></script><main><h1>A page</h1>{html}</main>'
        (folder / f"{name}.html").write_text(f'<!doctype html><html lang="en">{head}{page}</html>', encoding="utf-8")
    return folder, [table["thresholds"] for table in tables]


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="pip install playwright, to drive a browser")
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    with playwright.sync_playwright() as player:
        window = player.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield window
        window.close()


@pytest.fixture
def visit(browser, pages):
    """Opens a page, and fails in the end if it asked for anything outside its folder or reported an error."""
    opened = []

    def of(name, **options):
        page, faults = browser.new_page(**options), []
        page.on("request", lambda r: r.url.startswith(("file:", "data:", "blob:")) or faults.append(r.url))
        page.on("console", lambda m: m.type in ("error", "warning") and faults.append(m.text))
        page.on("pageerror", lambda error: faults.append(str(error)))
        opened.append((page, faults))
        page.goto(f"file://{pages[0]}/{name}")
        page.wait_for_selector("[data-ready=yes]")
        return page

    yield of
    for page, faults in opened:
        page.close()
        assert not faults


def said(page) -> str:
    return page.get_by_role("status").inner_text().replace("\u00a0", " ")


def drawn(page) -> dict[tuple[str, str], str]:
    """What the panel of rates says: (group, measure) → value in words."""
    said = "all => all.map(({ __data__: { datum } }) => [datum.group, datum.measure, datum.words])"
    return {
        (group, measure): words
        for group, measure, words in page.locator(".rates_layer_3_marks text").evaluate_all(said)
    }


def values(text: str) -> list[float]:
    return [float(number) for number in re.findall(r"-?\d+\.\d+", text)]


def at(table, threshold, **names):
    own = table[np.isclose(table["threshold"], threshold)]
    for column, name in names.items():
        own = own[own[column] == name]
    return own[["estimate", "low", "high"]].to_numpy(dtype=float)[0]


def test_the_keyboard_moves_the_threshold_and_the_numbers_follow(visit, pages):
    page, table = visit("explorer.html"), pages[1][0]
    stops = []
    for _ in range(6):
        page.keyboard.press("Tab")
        stops.append(page.evaluate("document.activeElement.name"))
    assert stops == ["recipe", "model", "run", "attribute", "metric", "threshold"]
    assert said(page).startswith("Error rate ratio (ERR), gender at threshold 0.5, Female / Male: ")
    for keys, threshold in ((("ArrowRight",) * 4, 0.6), (("ArrowLeft",) * 9, 0.375)):
        for key in keys:
            page.keyboard.press(key)
        page.wait_for_function(
            "at => document.querySelector('.fairlib-said').textContent.includes(at)", arg=f" {threshold:g},"
        )
        ratio = at(table, threshold, attribute="gender", metric="error_rate_ratio", scope="ratio")
        assert values(said(page))[-3:] == pytest.approx(ratio, abs=0.0011)
        for segment in ("Male", "Female", "everybody"):
            error = at(table, threshold, segment=segment, metric="error_rate")
            assert values(drawn(page)[segment, "error rate"]) == pytest.approx(error, abs=0.0011)
    page.keyboard.press("Home")
    page.wait_for_function("document.querySelector('.fairlib-said').textContent.includes(' 0.025,')")


def test_what_is_picked_changes_the_chart_and_the_address(visit, pages):
    page = visit("explorer.html")
    page.get_by_label("Attribute").select_option("icu_type")
    page.get_by_role("combobox", name="Run").select_option("1")
    page.wait_for_function("document.querySelector('.fairlib-said').textContent.includes('all others / Medical')")
    ratio = at(pages[1][1], 0.5, attribute="icu_type", metric="error_rate_ratio", scope="ratio")
    assert values(said(page))[-3:] == pytest.approx(ratio, abs=0.0011)
    surgical = at(pages[1][1], 0.5, segment="Surgical", metric="error_rate")
    assert values(drawn(page)["Surgical", "error rate"]) == pytest.approx(surgical, abs=0.0011)
    again = visit(f"explorer.html{page.evaluate('location.hash')}")
    assert said(again) == said(page)


def test_a_value_of_too_few_is_a_word(visit, pages):
    page = visit("explorer.html#threshold=0.025")
    assert np.isnan(at(pages[1][0], 0.025, segment="Male", metric="error_rate")[0])
    assert drawn(page)["Male", "error rate"] == "too few"


def test_an_address_with_choices_that_do_not_exist_shows_the_first_ones(visit):
    page = visit("explorer.html#model=magic&threshold=7&attribute=<b>")
    assert said(page).startswith("Error rate ratio (ERR), gender at threshold 0.5, ")


def test_a_knob_is_turned_by_keyboard(visit):
    page = visit("dial.html#knob=noise")
    assert "noise at 0, age ≥65 / all others: " in said(page)
    page.get_by_role("slider", name="Setting").focus()
    page.keyboard.press("End")
    page.wait_for_function("document.querySelector('.fairlib-said').textContent.includes('noise at 2,')")
    inside, others = (values(part)[0] for part in re.findall(r"AUC of .*?\.(?= )", said(page)))
    assert inside < others - 0.05
    before = said(page)
    page.get_by_role("combobox", name="Cohort").select_option("300 windows")
    page.wait_for_function("before => document.querySelector('.fairlib-said').innerText !== before", arg=before)


@pytest.mark.parametrize("name", ["explorer.html", "dial.html"])
def test_controls_have_names_and_charts_say_what_they_are(visit, name):
    page = visit(name, viewport={"width": 390, "height": 800})
    assert page.locator("select, input").count() >= 4
    for control in page.locator("select, input").all():
        assert control.evaluate("one => one.labels.length") == 1
    (image,) = page.get_by_role("img").all()
    assert len(image.get_attribute("aria-label")) > 40
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert (
        page.evaluate("document.querySelector('.fairlib-drawn svg').viewBox.baseVal.width") <= 390
    )  # no smaller letters
    fills = set(re.findall(r'fill="([^"]+)"', page.locator(".fairlib-drawn").inner_html()))
    assert "currentColor" in fills  # the page's own colour, also in dark mode
    assert "white" not in fills
