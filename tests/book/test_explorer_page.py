"""The pages with controls in a browser: the keyboard moves the slider, the numbers follow, and nothing is fetched."""

import re
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import vl_convert

from book.pages import explorer, turning
from book.pages import explorer_chart as charts
from fairlib import cards
from fairlib.inference import deviation_interval
from fairlib.report import show
from fairlib.study.parameters import ROOT
from tests.book.browser import CHROMIUM, FLAGS
from tests.tables import evaluation_tables

STATIC = ROOT / "book" / "_static"


def test_every_chart_compiles_and_waits_for_its_data():
    """Altair has checked the charts against the schema of Vega-Lite; vl-convert compiles them."""
    for name, spec in charts.compiled().items():
        assert {one["name"] for one in spec["signals"]} >= {"groups", "width"}
        named = [one for one in spec["data"] if "source" not in one]
        assert named, name
        assert not any("url" in one or one.get("values") for one in spec["data"]), name
        assert spec["background"] == "transparent"


def test_a_chart_draws_what_is_put_into_it():
    chart = charts.rates().to_dict()
    rates = [{"rate": "error rate", "group": "Female", "estimate": 0.3, "low": 0.2, "high": 0.4, "picked": True}]
    chart["params"][0]["value"], chart["datasets"] = ["Female"], {"rates": rates}
    drawn = vl_convert.vegalite_to_svg(chart)
    assert "Female" in drawn
    assert ">error<" in drawn


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
    study = SimpleNamespace(has=lambda *_: True, evaluation=lambda strategy, seed, *_: tables[seed])
    numbers = explorer.collect(study, cards.load("challenge2012"), "open", ("supervised",), (0, 1), 40)
    made, shown = SimpleNamespace(html=lambda: "made by a test"), []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(turning, "STEPS", {"noise": (0.0, 2.0, 1.0)})
        dial = turning.collect("challenge2012", 5000, [300, 500])
        patch.setattr(show, "_show", lambda html, text: shown.append(html))
        show.explorer(numbers.model_dump_json(), "Thresholds", made)
        show.explorer(dial, "Dial", made)
    for name, html in zip(("explorer", "dial"), shown, strict=True):
        head = '<meta charset="utf-8"><title>A page</title><link rel="stylesheet" href="_static/fairlib.css">'
        page = f'<script src="_static/explorer.js"></script><main><h1>A page</h1>{html}</main>'
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


def row(page, name: str) -> list[str]:
    cells = page.locator("tr", has=page.locator(f"th[scope=row]:text-is('{name}')")).locator("th, td")
    return [text.replace("\u00a0", " ") for text in cells.all_inner_texts()]


def values(text: str) -> list[float]:
    return [float(number) for number in re.findall(r"-?\d+\.\d+", text)]


def at(table, threshold, **names):
    own = table[np.isclose(table["threshold"], threshold)]
    for column, name in names.items():
        own = own[own[column] == name]
    return own[["estimate", "low", "high"]].to_numpy(dtype=float)[0]


def test_the_keyboard_moves_the_threshold_and_the_numbers_follow(visit, pages):
    page, table = visit("explorer.html"), pages[1][0]
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "explorer-strategy"
    for _ in range(5):
        page.keyboard.press("Tab")
    slider = page.get_by_label("Decision threshold")
    assert slider.evaluate("one => one === document.activeElement")
    assert said(page).startswith("At threshold 0.5, supervised, seed 0:")
    for keys, threshold in ((("ArrowRight",) * 4, 0.6), (("ArrowLeft",) * 9, 0.375)):
        for key in keys:
            page.keyboard.press(key)
        assert slider.get_attribute("aria-valuetext") == f"{threshold:g}"
        assert said(page).startswith(f"At threshold {threshold:g},")
        female = at(table, threshold, segment="Female", metric="false_negative_rate")
        assert values(row(page, "Female")[5]) == pytest.approx(female, abs=0.0011)
        ratio = at(table, threshold, attribute="gender", metric="error_rate_ratio", scope="ratio")
        shown = row(page, "error rate ratio (ERR)")
        assert values(shown[1]) == pytest.approx(ratio, abs=0.006)
        wanted = [abs(ratio[0] - 1), *deviation_interval(*np.log(ratio[1:]))]
        assert values(shown[2]) == pytest.approx(wanted, abs=0.006)
        inside, outside = ratio[1] >= 0.8 and ratio[2] <= 1.25, ratio[2] < 0.8 or ratio[1] > 1.25
        verdict = "inside" if inside else "outside" if outside else "crosses an edge"
        assert shown[3] == f"{verdict} (0.8 to 1.25)"
    page.keyboard.press("Home")
    assert said(page).startswith("At threshold 0.025,")


def test_what_is_picked_changes_charts_options_and_the_address(visit, pages):
    page = visit("explorer.html")
    before = page.locator(".fairlib-chart svg").all()
    assert len(before) == 4
    curves = page.locator(".fairlib-chart").first.inner_html()
    page.get_by_label("Attribute").select_option("icu_type")
    segments = page.get_by_label("Segment to follow").locator("option").all_inner_texts()
    assert segments == ["all of them", *cards.load("challenge2012").attributes["icu_type"].segments]
    page.get_by_label("Segment to follow").select_option("Surgical")
    page.get_by_label("Seed of the training run").select_option("1")
    assert "Surgical: error rate" in said(page)
    assert "all others / Medical" in said(page)
    surgical = at(pages[1][1], 0.5, segment="Surgical", metric="error_rate")
    assert values(row(page, "Surgical")[4]) == pytest.approx(surgical, abs=0.0011)
    page.wait_for_function("before => document.querySelector('.fairlib-chart').innerHTML !== before", arg=curves)
    again = visit(f"explorer.html{page.evaluate('location.hash')}")
    assert said(again) == said(page)


def test_a_value_of_too_few_is_a_word(visit, pages):
    page = visit("explorer.html#threshold=0.025")
    assert np.isnan(at(pages[1][0], 0.025, segment="Male", metric="error_rate")[0])
    assert row(page, "Male")[4] == "too few"


def test_an_address_with_choices_that_do_not_exist_shows_the_first_ones(visit):
    page = visit("explorer.html#strategy=magic&threshold=7&attribute=<b>")
    assert said(page).startswith("At threshold 0.5, supervised, seed 0:")


def test_a_knob_is_turned_by_keyboard(visit, pages):
    page = visit("dial.html#knob=noise")
    assert said(page).startswith("Noise of age ≥65 at 0 (")
    page.get_by_role("slider", name="Setting").focus()
    page.keyboard.press("End")
    assert said(page).startswith("Noise of age ≥65 at 2 (")
    assert values(row(page, "AUC")[1])[0] < values(row(page, "AUC")[3])[0] - 0.05  # truth: worse than all others
    page.get_by_label("Windows in the cohort").select_option("300")
    assert "300 windows" in page.locator("caption").first.inner_text()


@pytest.mark.parametrize("name", ["explorer.html", "dial.html"])
def test_controls_have_names_and_charts_say_what_they_are(visit, name):
    page = visit(name, viewport={"width": 390, "height": 800})
    for control in page.locator("select, input").all():
        assert control.evaluate("one => one.labels.length") == 1
    for image in page.get_by_role("img").all():
        assert len(image.get_attribute("aria-label")) > 40
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    fills = set(re.findall(r'fill="([^"]+)"', page.locator(".fairlib-chart").first.inner_html()))
    assert "currentColor" in fills  # the page's own colour, also in dark mode
    assert "white" not in fills
