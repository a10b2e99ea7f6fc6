"""Built pages in headless Chromium, offline: WCAG 2.2 AA by axe-core, no page that scrolls sideways on a phone, and
buttons that open the menu and the contents of a page on a phone, on a tablet and beside the text.

``python -m tests.book.browser [HTML [PART OF A NAME …]]`` checks every page, or those whose path holds a part.
"""

import os
import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path

CHROMIUM = next(
    filter(None, [os.environ.get("CHROMIUM"), *map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))]),
    None,
)
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
FLAGS += ["--disable-background-networking", "--disable-component-update"]
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]  # the last: headings in order
LOOKS = {"light": (1280, "light"), "dark": (1280, "dark"), "phone": (390, "light")}
TABLET = 800
#: How many of the places where a menu may lie are seen: beside the text, or over it.
SHOWN = """(menu) => [...document.querySelectorAll(`#pst-${menu}-sidebar, #pst-${menu}-sidebar-modal`)]
  .filter((place) => place.querySelector("a") && place.checkVisibility({ visibilityProperty: true })).length"""
HTML = Path(__file__).parents[2] / "book" / "_build" / "html"


@contextmanager
def opened(width: int = 1280, scheme: str = "light") -> Iterator:
    """A page of a browser without a network; ``page.asked``: what it may not fetch; ``page.broke``: script errors."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, reduced_motion="reduce", offline=True
        )
        page = context.new_page()
        page.asked = []
        page.on("request", lambda sent: sent.url.startswith("http") and page.asked.append(sent.url))
        page.broke = []
        page.on("pageerror", lambda error: page.broke.append(str(error)))
        yield page
        browser.close()


def faults(pages: list[Path], look: str) -> list[str]:
    """One line a violation: page, look, rule, what axe says, element; all that folds is opened before."""
    from axe_playwright_python.sync_playwright import Axe

    axe, (width, scheme), found = Axe(), LOOKS[look], []
    with opened(width, scheme) as page:
        for path in pages:
            page.goto(path.as_uri())
            page.evaluate("document.querySelectorAll('main details').forEach((fold) => { fold.open = true; })")
            result = axe.run(page, options={"runOnly": RULES, "resultTypes": ["violations"]}).response
            for broken in result["violations"]:
                for node in broken["nodes"]:
                    told = f"{broken['id']}: {broken['help']}: {' '.join(map(str, node['target']))}"
                    found.append(f"{_name(path)} [{look}] {told}")
            wide = page.evaluate("document.documentElement.scrollWidth")
            if wide > width:
                found.append(f"{_name(path)} [{look}] page-scroll: the page is {wide} pixels wide, the window {width}")
            for size in (TABLET, width):
                page.set_viewport_size({"width": size, "height": 900})
                found += [f"{_name(path)} [{look}] button: {told} at {size} pixels" for told in dead_buttons(page)]
            found += [f"{_name(path)} [{look}] request: {url}" for url in page.asked]
            found += [f"{_name(path)} [{look}] script: {error}" for error in page.broke]
            page.asked.clear()
            page.broke.clear()
    return found


def dead_buttons(page) -> list[str]:
    """A line for each visible button of the menu, or of the contents of a page, that neither shows nor hides it.

    Every page needs a button of the menu, and one of its contents only where it has some.
    """
    from playwright.sync_api import TimeoutError

    found = []
    for menu in ("primary", "secondary"):
        buttons = page.locator(f"button.{menu}-toggle:visible").all()
        found += ["no button of the menu is to be seen"] if menu == "primary" and not buttons else []
        for button in buttons:
            before = page.evaluate(SHOWN, menu)
            try:
                button.click(timeout=2000)
                page.wait_for_function(f"(before) => ({SHOWN})('{menu}') !== before", arg=before, timeout=2000)
            except TimeoutError:
                found.append(f"the {menu} sidebar stays as it is when its button is clicked")
            page.keyboard.press("Escape")
    return found


def _name(path: Path) -> str:
    return path.as_posix().rpartition("_build/html/")[2]


def pages_of(html: Path, parts: list[str] = ()) -> list[Path]:
    """Pages of a built book; all, or those whose path holds one of the parts."""
    pages = [path for path in sorted(html.rglob("*.html")) if "_static" not in path.parts and path.name != "index.html"]
    return [path for path in pages if not parts or any(part in path.as_posix() for part in parts)]


def main() -> int:
    if CHROMIUM is None:
        print("Chromium is not installed (or name it in CHROMIUM), so no page was checked", file=sys.stderr)
        return 1
    html = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else HTML
    pages = pages_of(html, sys.argv[2:])
    with ProcessPoolExecutor() as pool:  # a browser each
        found = [fault for part in pool.map(faults, [pages] * len(LOOKS), LOOKS) for fault in part]
    print("\n".join(found))
    print(f"{len(pages)} pages in {len(LOOKS)} looks: {len(found)} faults", end="")
    rules = Counter(fault.split("] ")[1].split(":")[0] for fault in found)
    print(f" ({', '.join(f'{rule} {n}' for rule, n in rules.most_common())})" if found else "")
    return bool(found) or not pages


if __name__ == "__main__":
    sys.exit(main())
