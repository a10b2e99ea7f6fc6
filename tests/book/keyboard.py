"""Built pages read with the keyboard alone: Tab from the top of a page to its end, every stop looked at.

``python -m tests.book.keyboard [HTML [PART OF A NAME …]]`` walks every page, or those whose path holds a part.
"""

import sys
from pathlib import Path

from tests.book import browser

#: What a stop looks like, or null at the end: the focus has left the page, or is where it was before.
#: ``covered``: no point of it can be seen, also half a second later, when what lay over it has folded up.
STOP = """async () => {
  const stop = document.activeElement;
  if (!stop || stop === document.body || stop.hasAttribute("data-walked")) return null;
  const card = stop.matches(".sd-stretched-link") && stop.closest(".sd-card");  // a link that fills its card
  const drawn = card || stop.querySelector(".toctree-toggle") || stop;
  const before = window.lastStop, style = getComputedStyle(drawn);
  window.lastStop = stop;
  stop.setAttribute("data-walked", "");
  const between = (from, to, part) => Math.max(from, 0) + (to - Math.max(from, 0)) * part;
  const parts = [0.02, 0.25, 0.5, 0.75, 0.98];
  const seen = () => parts.some((x) => parts.some((y) => {
    const box = drawn.getBoundingClientRect();
    const right = Math.min(box.right, innerWidth), bottom = Math.min(box.bottom, innerHeight);
    const top = document.elementFromPoint(between(box.left, right, x), between(box.top, bottom, y));
    return top && (drawn.contains(top) || top.tagName === "LABEL" && top.contains(drawn));
  }));
  const covered = !seen() && await new Promise((later) => setTimeout(() => later(!seen()), 500));
  const labels = [stop.getAttribute("aria-label"), stop.title, stop.textContent, ...[...(stop.labels || [])].map(
    (label) => label.textContent), ...[...stop.querySelectorAll("img, svg")].map((image) => image.alt ||
    image.getAttribute("aria-label"))];
  return {
    what: `${stop.tagName.toLowerCase()} ${(stop.getAttribute("aria-label") || stop.textContent).trim().slice(0, 40)}`,
    inMain: !!stop.closest("main"),
    unnamed: !labels.some((label) => label && label.trim()) && !stop.getAttribute("aria-labelledby"),
    unmarked: style.outlineStyle === "none" && style.boxShadow === "none",
    covered,
    backwards: !!before && !!(stop.compareDocumentPosition(before) & Node.DOCUMENT_POSITION_FOLLOWING),
  };
}"""
FAULTS = {
    "unnamed": "has no name",
    "unmarked": "shows no sign of the focus",
    "covered": "cannot be seen when it has the focus",
    "backwards": "stands before the stop that came before it",
}
#: What can be used or scrolled in the text and was no stop.
MISSED = """() => {
  const shown = (one) => one.checkVisibility({visibilityProperty: true, contentVisibilityAuto: true});
  const usable = [...document.querySelectorAll("main :is(a[href], button, summary, input, select, [tabindex='0'])")];
  const wide = [...document.querySelectorAll("main *")].filter((one) => one.scrollWidth > one.clientWidth + 1 &&
    ["auto", "scroll"].includes(getComputedStyle(one).overflowX) && !one.querySelector("[data-walked]"));
  return [...usable, ...wide].filter((one) => shown(one) && !one.hasAttribute("data-walked") && !one.disabled &&
    one.tabIndex >= 0).map((one) => `${one.tagName.toLowerCase()} ${one.textContent.trim().slice(0, 40)}`);
}"""


def walk(page, path: Path) -> list[dict]:
    """Every stop from the top of a page to its end, or to where the focus is caught."""
    page.goto(path.as_uri())
    stops = []
    page.keyboard.press("Tab")
    while stop := page.evaluate(STOP):
        stops.append(stop)
        page.keyboard.press("Tab")
    return stops


def faults(page, path: Path, stops: list[dict]) -> list[str]:
    """A line for each stop where a reader would stumble, and for what no stop reaches, on the page just walked."""
    name = path.as_posix().rpartition("_build/html/")[2]
    found = [f"{name}: {stop['what']!r} {told}" for stop in stops for fault, told in FAULTS.items() if stop[fault]]
    return found + [f"{name}: {missed!r} is never reached" for missed in page.evaluate(MISSED)]


def main() -> int:
    if browser.CHROMIUM is None:
        print("Chromium is not installed (or name it in CHROMIUM), so no page was walked", file=sys.stderr)
        return 1
    html = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else browser.HTML
    count, found = 0, []
    with browser.opened() as page:
        for path in browser.pages_of(html, sys.argv[2:]):
            stops = walk(page, path)
            count, found = count + len(stops), found + faults(page, path, stops)
    print("\n".join([*found, f"{count} stops: {len(found)} faults"]))
    return bool(found) or not count


if __name__ == "__main__":
    sys.exit(main())
