"""Menus of a page open on narrow screens and fold on wide ones, and the look at a built book sees where they do not."""

import shutil
from pathlib import Path

import pytest
from sphinx.cmd.build import build_main

from tests.book import browser

STATIC = Path(__file__).parents[2] / "book" / "_static"


@pytest.fixture(scope="module")
def page_of_the_book(tmp_path_factory) -> Path:
    """A page of the book's theme with the style and the script that every page of the book has."""
    source = tmp_path_factory.mktemp("book")
    (source / "_static").mkdir()
    for name in ("fairlib.css", "reading.js"):
        shutil.copy(STATIC / name, source / "_static")
    settings = "html_theme, html_static_path = 'sphinx_book_theme', ['_static']\n"
    settings += "html_css_files, html_js_files = ['fairlib.css'], ['reading.js']\n"
    (source / "conf.py").write_text(settings, encoding="utf-8")
    text = "One\n===\n\n.. toctree::\n\n   two\n\nPart\n----\n\nText.\n\nNext\n----\n\nText.\n"
    (source / "index.rst").write_text(text, encoding="utf-8")
    (source / "two.rst").write_text(
        text.replace("One", "Two").replace(".. toctree::\n\n   two\n\n", ""), encoding="utf-8"
    )
    assert build_main(["-q", str(source), str(source / "html")]) == 0
    return source / "html" / "two.html"


@pytest.mark.skipif(browser.CHROMIUM is None, reason="no Chromium here, so no button is clicked")
@pytest.mark.parametrize(("width", "buttons"), [(390, 2), (800, 2), (1000, 2), (1280, 1)])
def test_menus_open_by_their_buttons_and_only_by_our_script(page_of_the_book, width, buttons):
    with browser.opened(width) as page:
        page.goto(page_of_the_book.as_uri())
        assert browser.dead_buttons(page) == []
        page.route("**/reading.js*", lambda route: route.abort())
        page.reload()
        assert len(browser.dead_buttons(page)) == buttons
