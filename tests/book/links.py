"""Links of the built book, checked without a network: ``python -m tests.book.links book/_build/html``.

Pages, files and anchors inside the book must exist. Links to elsewhere are read for their form only.
"""

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup

OUTSIDE = re.compile(r"(https?://[\w.-]+\.\w+(:\d+)?(/[^\s<>\"]*)?|mailto:[\w.+-]+@[\w.-]+\.\w+|doi:10\.\S+)")


def read(path: Path) -> BeautifulSoup:
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def broken(html: Path, known: Mapping[str, BeautifulSoup] = MappingProxyType({})) -> list[str]:
    """A sentence for each link that leads nowhere; raises ``ValueError`` for a folder without pages.

    known: pages that were read before, by their path below ``html``.
    """
    paths = {path.resolve(): known.get(path.relative_to(html).as_posix()) for path in html.rglob("*.html")}
    pages = {path: page or read(path) for path, page in paths.items()}
    if not pages:
        raise ValueError(f"{html} holds no page; build the book first")
    anchors = {
        path: {tag[key] for key in ("id", "name") for tag in page.find_all(attrs={key: True})}
        for path, page in pages.items()
    }
    found = []
    for path, page in pages.items():
        if "_static" in path.relative_to(html.resolve()).parts:
            continue
        for tag, key in (("a", "href"), ("link", "href"), ("img", "src"), ("script", "src")):
            for link in {element[key] for element in page.find_all(tag, attrs={key: True})}:
                if reason := _broken(link, path, anchors):
                    found.append(f"{path.relative_to(html.resolve())}: {link[:100]!r} {reason}")
    return sorted(found)


def _broken(link: str, page: Path, anchors: dict[Path, set[str]]) -> str:
    """What is wrong with a link of a page; empty if nothing is."""
    parts = urlsplit(link)
    if parts.scheme == "data":
        return ""
    if parts.scheme or parts.netloc:
        return "" if OUTSIDE.fullmatch(link) else "is no well-formed address"
    target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    target = target / "index.html" if target.is_dir() else target
    if not target.is_file():
        return "leads to no file"
    anchor = unquote(parts.fragment)
    if anchor and target in anchors and anchor not in anchors[target]:
        return f"leads to no place {anchor!r} in {target.name}"
    return ""


if __name__ == "__main__":
    lines = broken(Path(sys.argv[1]))
    print("\n".join(lines) or "every link inside the book leads somewhere")
    sys.exit(bool(lines))
