"""The walk by keyboard sees what a reader would stumble over."""

import pytest

from tests.book import browser, keyboard

needs_chromium = pytest.mark.skipif(browser.CHROMIUM is None, reason="no Chromium here, so no page is walked")
PAGE = "<main style='font-size: 20px'>{}</main>"
LINE = "<p><a href='#one'>one</a> and <button>two</button></p>"
WIDE = "<div {} style='overflow-x: auto; width: 90px'><div style='width: 900px'>wide</div></div>"


def told(tmp_path, body: str) -> tuple[int, list[str]]:
    path = tmp_path / "page.html"
    path.write_text(PAGE.format(body), encoding="utf-8")
    with browser.opened() as page:
        stops = keyboard.walk(page, path)
        return len(stops), keyboard.faults(page, path, stops)


@needs_chromium
@pytest.mark.parametrize(
    ("body", "stops", "fault"),
    [
        (LINE, 2, ""),
        (LINE + WIDE.format("tabindex='0'"), 3, ""),
        (LINE + "<details><summary>more</summary><a href='#'>hidden until it is opened</a></details>", 3, ""),
        (LINE + "<button> </button>", 3, "has no name"),
        (LINE + "<button style='outline: none'>three</button>", 3, "no sign of the focus"),
        (LINE + "<button tabindex='1'>three</button>", 3, "before the stop that came before"),
        (LINE + "<a href='#' tabindex='0' onfocus='this.blur()'>three</a>", 2, "never reached"),
        ("<div style='position: fixed; inset: 0; background: white'></div>" + LINE, 2, "cannot be seen"),
        ("<button onkeydown='event.preventDefault()'>trap</button>" + LINE, 1, "'a one' is never reached"),
    ],
)
def test_a_walk_tells_where_a_reader_stumbles(tmp_path, body, stops, fault):
    count, found = told(tmp_path, body)
    assert count == stops
    assert bool(found) == bool(fault)
    assert fault in " ".join(found)
