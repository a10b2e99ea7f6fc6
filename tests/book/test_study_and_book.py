"""The whole path once, small: a smoke study through every notebook, then the built book, read like a browser would."""

import json
import os
import re
import shutil
import subprocess
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import unquote

import pandas as pd
import pytest
from bs4 import BeautifulSoup

from fairlib import cards
from tests.book import browser, keyboard, offline
from tests.book.links import broken, read
from tests.warm import warm

ROOT = Path(__file__).parent.parent.parent
GENERATED = ("genindex.html", "search.html", "prf-prf.html", "py-modindex.html")
CASES = ("challenge2012", "mimic")
STUDY = "snakemake --snakefile notebooks/Snakefile --cores 2 --nolock --rerun-incomplete --config profile=smoke"


def run(command: str, where: Path, **more: str) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PYTHONPATH": str(where), **more}
    return subprocess.run(command.split(), cwd=where, capture_output=True, text=True, env=environment, timeout=1500)


@pytest.fixture(scope="module")
def book(tmp_path_factory) -> Path:
    """A copy of the sources, with the smoke study run and the book built in it.

    Its processes are forks of a warm Python; one kernel that starts cold is in ``test_folders``.
    """
    where = tmp_path_factory.mktemp("study")
    for name in ("fairlib", "notebooks", "data_cards", "book"):
        skip = shutil.ignore_patterns("__pycache__", "executed", "_build", ".ipynb_checkpoints")
        shutil.copytree(ROOT / name, where / name, ignore=skip)
    # A twin's truth from few draws, as in conftest.
    truth = where / "fairlib" / "twins" / "truth.py"
    truth.write_text(truth.read_text().replace("DRAWS = 1_000_000", "DRAWS = 20_000"))
    with TemporaryDirectory() as folder, warm(Path(folder), where) as asked:
        done = run(STUDY, where, **asked)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    return where


@pytest.fixture(scope="module")
def pages(book) -> dict[str, BeautifulSoup]:
    html = book / "book" / "_build" / "html"
    return {
        path.relative_to(html).as_posix(): read(path) for path in html.rglob("*.html") if "_static" not in path.parts
    }


def content(pages) -> dict[str, BeautifulSoup]:
    return {name: page for name, page in pages.items() if name not in GENERATED}


def test_nothing_changed_nothing_done(book):
    again = run(STUDY, book)
    assert "Nothing to be done" in again.stdout + again.stderr


@pytest.mark.parametrize(
    ("edited", "again"),
    [
        ("book/pages/figures/evaluation.py", {"5_evaluation": 2, "synthesis": 1}),
        ("book/pages/tables/subgroups.py", {"5_evaluation": 2, "synthesis": 1}),
        (
            "fairlib/measures/summary.py",
            {"requirements": 2, "train": 1, "2_pre_training": 2, "3_fine_tuning": 2, "4_representation_similarity": 2}
            | {
                "5_evaluation": 2,
                "explorer": 2,
                "card": len(cards.all()),
                "answer": 1,
                "synthesis": 1,
                "release_audit": 1,
                "paper_figures": 1,
            }
            | {"beside_paper": 1},
        ),
    ],
)
def test_an_edit_makes_every_page_again_that_depends_on_it_and_no_other(book, edited, again):
    path = book / edited
    text, times = path.read_text(encoding="utf-8"), path.stat()
    path.write_text(text + "\n# edited\n", encoding="utf-8")
    planned = run(STUDY.replace("--config", "--dry-run --config"), book)
    path.write_text(text, encoding="utf-8")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    jobs = re.findall(r"^(\w+) +(\d+)$", (planned.stdout + planned.stderr).partition("Job stats:")[2], re.M)
    assert dict(jobs) | {"total": ""} == {name: str(n) for name, n in again.items()} | {
        "html": "1",
        "book": "1",
        "total": "",
    }


def test_the_book_has_its_pages(pages):
    for stage in ("2_pre_training", "3_fine_tuning", "4_representation_similarity", "5_evaluation"):
        for dataset in CASES:
            assert f"executed/{dataset}/{stage}.html" in pages
            assert f"executed/{dataset}/explorer.html" in pages


def test_pages_with_controls_have_their_numbers_and_charts(book, pages):
    folder = book / "book" / "_build" / "html"
    script = (folder / "_static" / "charts.js").read_text(encoding="utf-8")
    assert script.startswith("/*! Vega")
    assert len(script) > 500_000  # the library, for readers without a network
    for name, kind in (*((f"{case}/explorer", "thresholds") for case in CASES), ("dial", "dial")):
        numbers = pages[f"executed/{name}.html"].select_one("section.fairlib-chart script").string
        assert json.loads(numbers)["chart"] == kind
        assert len(numbers) < 1_500_000


@pytest.mark.parametrize("dataset", cards.all())
def test_every_dataset_has_its_card_and_how_to_get_it(book, pages, dataset):
    card, data = pages[f"executed/{dataset}/data_card.html"], pages[f"data/{dataset}.html"]
    assert "Facts from the data card" in card.select_one(".fairlib-origin").get_text()
    link = card.select_one("a[href$='croissant.json']")
    file = book / "book" / "_build" / "html" / "executed" / dataset / link["href"]
    assert json.loads(file.read_text(encoding="utf-8"))["name"] == dataset
    assert len(data.select("table.fairlib-table")) == 4  # glued from the card
    assert "├── " in data.select_one("pre.fairlib-text").get_text()
    assert data.select_one(f"a[href$='executed/{dataset}/data_card.html']")


def test_data_of_ones_own_has_its_card_in_the_contents(book):
    made = [f"book/executed/example_table/{page}" for page in ("data_card.ipynb", "croissant.json")]
    own = f"--dry-run {' '.join(made)} --config dataset=table source=book/example_table profile=smoke"
    planned = run(STUDY.partition("--config")[0] + own, book)
    assert planned.returncode == 0, planned.stderr[-3000:]
    assert all(f"output: {path}" in planned.stdout + planned.stderr for path in made)
    assert "executed/example_table/data_card" in (book / "book" / "_build" / "toc.yml").read_text(encoding="utf-8")


def test_no_page_requests_anything_from_outside(book, pages):
    outside = re.compile(r"^(https?:)?//")
    loads = [("script", "src"), ("img", "src"), ("iframe", "src"), ("source", "src"), ("embed", "src")]
    for name, page in pages.items():
        for tag, attribute in loads:
            assert not [e[attribute] for e in page.find_all(tag) if outside.match(e.get(attribute, ""))], name
        links = [e for e in page.find_all("link") if outside.match(e.get("href", ""))]
        assert not [e for e in links if "canonical" not in e.get("rel", [])], name
    for sheet in (book / "book" / "_build" / "html").rglob("*.css"):
        assert not re.search(r"(@import|url\()\s*['\"]?(https?:)?//", sheet.read_text(encoding="utf-8")), sheet


def test_every_link_inside_the_book_leads_somewhere(book, pages):
    assert broken(book / "book" / "_build" / "html", pages) == []


def test_every_page_ends_with_its_command_and_opens_with_its_minutes(pages):
    for name, page in content(pages).items():
        if name == "index.html":
            continue
        (box,) = page.select(".fairlib-reproduce")
        commands = box.select_one("div.highlight pre").get_text()  # sphinx-copybutton adds its button to these
        assert commands.startswith(("papermill notebooks/", "make book")), name
        took = re.search(r"less than a minute|\d+ minutes?", box.get_text())
        assert bool(took) == commands.startswith("papermill"), name  # the whole book: on the page of costs
        for opening in page.select(".fairlib-opening"):
            assert re.search(r"Time: .*minutes? to read; .*(to run|needs to be run)", opening.get_text()), name
    stage = pages["executed/mimic/5_evaluation.html"]
    shown = stage.select_one("details.fairlib-made code").get_text()
    assert stage.select_one(".fairlib-reproduce pre").get_text().strip() == shown
    assert "the training of models apart" in stage.select_one(".fairlib-reproduce").get_text()


def test_words_of_the_glossary_carry_their_meaning(pages):
    meaning = {dt["id"]: dt.find_next("dd").get_text(" ") for dt in pages["glossary.html"].select("dt[id^=term-]")}
    links = [(name, link) for name, page in pages.items() for link in page.select("a.fairlib-term")]
    assert len({link["href"].partition("#")[2] for _, link in links}) >= 25
    for name, link in links:
        told = re.sub(r"\W+", "", meaning[link["href"].partition("#")[2]])
        assert re.sub(r"\W+", "", link["title"])[:20] == told[:20], name
    assert pages["intro.html"].select_one("script[src*='tippy-bundle']")


def test_launch_buttons_open_notebooks_that_exist(pages):
    for name, page in pages.items():
        urls = [link["href"] for link in page.select("a[href*='colab.research'], a[href*='mybinder.org']")]
        assert bool(urls) == name.startswith("executed/"), name
        for url in urls:
            assert (ROOT / url[url.index("notebooks/") :]).is_file(), url


def test_the_reference_pages_show_docstrings(pages):
    page = pages["reference/measures.html"]
    entry = page.find(id="fairlib.fairness.ratio_metrics").find_parent("dl")
    assert "leave out rows whose group is unknown" in entry.get_text()
    assert not page.find(id="fairlib.fairness._rate_name")


def test_in_a_browser_pages_ask_for_nothing_that_is_not_in_the_book(book):
    """A sample; ``make torture`` loads every page, with the network cut."""
    if not offline.chromium():
        pytest.skip("no Chromium here: nobody saw what pages ask for in a browser")
    html, page = book / "book" / "_build" / "html", "zz_asks.html"
    sample = ["intro.html", "search.html", "stages/4_representation_similarity.html", "executed/6_synthesis.html"]
    found = offline.visit(html, sample)
    assert (found.pages, found.failed, found.outside, found.errors) == (len(sample), [], [], [])
    assert found.requests > len(sample) + 10  # styles, scripts, fonts and figures too
    asks = "<img src='missing.png'><script src='https://example.org/a.js'></script><img src='http://example.org/b.png'>"
    wrong = "<script>let twice; let twice</script><script>setTimeout(() => { throw Error('thrown') }, 50)</script>"
    (html / page).write_text(f"<!doctype html>{asks}{wrong}")
    try:
        found = offline.visit(html, [page])
    finally:
        (html / page).unlink()
    assert found.failed == ["/missing.png"]
    assert sorted(found.outside) == ["http://example.org/b.png", "https://example.org/a.js"]
    unparsed, thrown = [message for _, message in found.errors]
    assert unparsed.startswith("Uncaught SyntaxError")
    assert thrown == "Uncaught Error: thrown"


def test_every_figure_says_what_it_shows_and_where_it_came_from(pages):
    figures = [figure for page in pages.values() for figure in page.select("figure.fairlib-figure")]
    assert len(figures) >= 25
    for figure in figures:
        assert len(figure.img["alt"]) >= 40
        caption = figure.figcaption.get_text()
        if figure.figcaption.code is None:  # of what the page's banner says
            page = next(parent for parent in figure.parents if parent.name == "main")
            caption = page.select_one(".fairlib-origin").find_next("details", class_="fairlib-made").get_text()
        assert "data " in caption or "spec " in caption  # a page about a twin's model reads no data
        assert "code " in caption
        assert "papermill notebooks/" in caption
    for name, page in pages.items():
        assert all(image.get("alt") for image in page.select("main img")), name


def test_every_page_says_which_data_it_shows(pages):
    for name, page in content(pages).items():
        if name == "index.html":  # forwards to the landing page
            continue
        main = page.find("main")
        assert main.select_one(".fairlib-origin"), name
    twin = pages["executed/mimic/5_evaluation.html"]
    assert "Synthetic twin" in twin.select_one(".fairlib-origin").get_text()
    real = pages["executed/challenge2012/5_evaluation.html"]
    assert "Real data" in real.select_one(".fairlib-origin").get_text()


def test_the_landing_page_is_glued_from_results(pages):
    text = re.sub(r"\s+", " ", pages["intro.html"].find("main").get_text())
    assert re.search(
        r"Real data \(PhysioNet.*, recipe tuned\): The AUC of “SSL, middle frozen” against .* 0\.\d{3}", text
    )
    assert "specifications" in text
    assert pages["intro.html"].select_one("figure.fairlib-figure img[alt^='Difference in AUC']")


@pytest.mark.parametrize("dataset", CASES)
def test_every_case_study_leads_to_its_pages_and_its_data(pages, dataset):
    main = pages[f"cases/{dataset}.html"].find("main")
    links = {link["href"] for link in main.select("a[href]")}
    for stage in ("1_dataset_requirements", "2_pre_training", "5_evaluation"):
        assert f"../executed/{dataset}/{stage}.html" in links
    assert f"../data/{dataset}.html" in links
    assert len(main.select("table")) >= 1


def test_equations_are_numbered_one_to_four(pages):
    numbers = [
        number.get_text()
        for stage in ("2_pre_training", "4_representation_similarity", "5_evaluation")
        for number in pages[f"stages/{stage}.html"].select(".eqno")
    ]
    assert [re.sub(r"\D", "", number) for number in numbers] == ["1", "2", "3", "4"]


def test_the_synthesis_page_sets_published_beside_reproduced(book, pages):
    page = pages["executed/6_synthesis.html"]
    tables = page.select("table.fairlib-table")
    claims = [table for table in tables if "verdict" in [cell.get_text() for cell in table.select("th")]]
    assert len(claims) == 8
    for table in claims:
        rows = [[cell.get_text() for cell in row.select("th, td")] for row in table.select("tbody tr")]
        assert {row[0] for row in rows} >= {"MIMIC-III, published", "MESA, published", "GLOBEM, published"}
        for data, _, _, verdict, cause in rows:
            assert cause.strip()
            if "twin" in data:
                assert verdict == "illustrated on a twin: no verdict"
            elif "published" in data:
                assert verdict.startswith(("recomputed from published numbers", "not released"))
            else:
                cannot = "cannot be judged here: the card of Challenge 2012 has 2 protected attributes"
                assert verdict.endswith("on Challenge 2012 (other data)") or verdict == cannot
    banners = [banner.get_text() for banner in page.select(".fairlib-origin")]
    assert any(text.startswith("Published numbers") for text in banners)
    saved = [link["download"] for link in page.select("a.fairlib-data")]
    assert sum(name.startswith("every-model-of-") for name in saved) == 4
    assert "Nothing is missing" in page.get_text()
    assert (book / "book" / "_build" / "html" / "_static" / "browse.js").is_file()


def test_the_audit_shows_every_finding_once(pages):
    page = pages["executed/release_audit.html"]
    rows = page.select(".fairlib-browse tbody tr")
    assert [row.th.get_text() for row in rows] == [f"D{i}" for i in range(1, 51)]
    for row in rows:
        name, _, _, certainty = (cell.get_text() for cell in row.select("th, td"))
        assert certainty in ("certain", "high", "moderate"), name
    (link,) = page.select("a[download^='all-findings-with-source']")
    found = pd.read_csv(StringIO(unquote(link["href"].partition(",")[2])), comment="#")
    for row in found.itertuples():
        assert re.search(r"cell|commit|:\d|function|ipynb|notebooks", row.source), row.id
        assert row.lesson, row.id
        assert row.numbers, row.id
    assert page.select_one("script[src$='_static/browse.js'], script[src*='_static/browse.js?']")
    assert len(page.select("figure.fairlib-figure")) >= 3
    banners = [banner.get_text() for banner in page.select(".fairlib-origin")]
    for kind in ("Published numbers", "Simulation", "Real data", "Synthetic twin"):
        assert any(text.startswith(kind) for text in banners), kind


needs_chromium = pytest.mark.skipif(
    browser.CHROMIUM is None, reason="no Chromium here, so no page is seen by a browser"
)
#: ``make axe`` checks them all. In every look: tables and figures, and a page with controls.
SEEN = ["executed/mimic/4_representation_similarity", "executed/challenge2012/explorer"]
ONCE = ["intro", "cases/globem", "executed/coverage", "references", "executed/dial"]


@needs_chromium
@pytest.mark.parametrize("look", browser.LOOKS)
def test_no_page_shuts_anybody_out(book, look):
    html, names = book / "book" / "_build" / "html", SEEN + ONCE * (look == "light")
    assert browser.faults([html / f"{name}.html" for name in names], look) == []


@needs_chromium
def test_pages_are_read_with_the_keyboard_alone(book):
    """``python -m tests.book.keyboard`` walks them all."""
    html = book / "book" / "_build" / "html"
    with browser.opened() as page:
        for name in ("intro", "executed/course/3_evaluation", *SEEN):
            stops = keyboard.walk(page, html / f"{name}.html")
            assert sum(stop["inMain"] for stop in stops) > 10
            assert keyboard.faults(page, html / f"{name}.html", stops) == []


@needs_chromium
def test_a_wide_table_goes_on_beside_the_text_and_the_contents_make_way(book):
    html = book / "book" / "_build" / "html" / "executed"
    folded = "document.querySelector('.bd-sidebar-secondary').classList.contains('hide')"
    beyond = "(box) => box.offsetWidth > 1.1 * box.parentElement.clientWidth"
    wide = f"[...document.querySelectorAll('.fairlib-table-box')].find({beyond})"
    with browser.opened() as page:
        page.goto((html / "mimic" / "5_evaluation.html").as_uri())
        assert not page.evaluate(folded)
        page.evaluate(f"{wide}.scrollIntoView()")
        page.wait_for_function(folded)
        page.evaluate("document.querySelector('.bd-sidebar-secondary a').focus({preventScroll: true})")  # and come back
        assert page.evaluate("document.querySelector('.bd-sidebar-secondary').offsetHeight > 60")
        page.evaluate("scrollTo(0, 0)")
        page.wait_for_function(f"!{folded}")


@needs_chromium
def test_code_and_wide_tables_open_and_scroll_by_keyboard(book):
    """Skip link first and seen; code opens with Enter; a table that does not fit is reached and scrolls."""
    focused = "document.activeElement"
    with browser.opened(390) as page:
        page.goto((book / "book" / "_build" / "html" / "executed" / "mimic" / "5_evaluation.html").as_uri())
        page.keyboard.press("Tab")
        assert "Skip to main content" in page.evaluate(f"{focused}.textContent")
        assert page.evaluate(f"{focused}.getBoundingClientRect().top >= 0")
        page.keyboard.press("Enter")
        stops = []
        for _ in range(80):
            page.keyboard.press("Tab")
            stops.append(page.evaluate(f"{focused}.closest('main') ? {focused}.className || {focused}.tagName : ''"))
            assert page.evaluate(f"{focused} === document.body || getComputedStyle({focused}).outlineStyle !== 'none'")
            if stops[-1] == "SUMMARY" and "SUMMARY" not in stops[:-1]:
                page.keyboard.press("Enter")
                assert page.evaluate(f"{focused}.parentElement.open")
            if "fairlib-table-box" in stops[-1]:
                page.keyboard.press("ArrowRight")
                page.wait_for_function(f"{focused}.scrollLeft > 0")
                break
        assert "fairlib-table-box" in stops[-1]
        assert "SUMMARY" in stops


def test_a_row_of_a_person_in_a_notebook_fails_the_build(book):
    """The gate stands behind the build: plant identifiers in an executed page and build again."""
    import nbformat

    path = book / "book" / "executed" / "challenge2012" / "5_evaluation.ipynb"
    original = path.read_text()
    notebook = nbformat.read(path, 4)
    leak = nbformat.v4.new_output("stream", text="   RecordID  age\n0    132539   54\n1    132540   76\n")
    next(cell for cell in notebook.cells if cell.cell_type == "code").outputs.append(leak)
    nbformat.write(notebook, path)
    try:
        refused = run("python -m book.pages gate book/executed book/_build/html", book)
        assert refused.returncode == 1
        assert "5_evaluation.ipynb" in refused.stderr
    finally:
        path.write_text(original)


def test_a_wrong_parameter_stops_with_a_sentence(book):
    stopped = run("papermill notebooks/3_fine_tuning.ipynb out.ipynb -p recipy released --no-progress-bar", book)
    assert stopped.returncode != 0
    assert "did you mean 'recipe'?" in stopped.stderr
