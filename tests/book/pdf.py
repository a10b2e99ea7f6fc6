"""The whole book on A4 paper, by headless Chromium, offline: ``python -m tests.book.pdf [PDF]``.

All pages become one, so that links lead to pages of the PDF; formulas are drawn, code stays folded, tables are open.
"""

import re
import subprocess
import sys
from pathlib import Path

from .browser import CHROMIUM, opened

BOOK = Path(__file__).parents[2] / "book"
ONE = BOOK / "_build" / "singlehtml" / "intro.html"
BUILD = ["jupyter-book", "build", str(BOOK), "--builder", "singlehtml"]
GATE = [sys.executable, "-m", "book.pages", "gate", str(BOOK / "executed"), str(ONE.parent)]

EXPLORER = re.compile(r'<section class="fairlib-chart".*?</section>', re.S)


def main() -> int:
    if CHROMIUM is None:
        print("Chromium is not installed (or name it in CHROMIUM), so nothing was printed", file=sys.stderr)
        return 1
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else BOOK / "_build" / "book.pdf"
    subprocess.run(BUILD, check=True, stdout=subprocess.DEVNULL)
    whole = ONE.read_text(encoding="utf-8")  # controls have no place on paper, nor have the numbers behind them
    ONE.write_text(EXPLORER.sub("<p>A chart with controls: in the book on a screen.</p>", whole), encoding="utf-8")
    subprocess.run(GATE, check=True, stdout=subprocess.DEVNULL)
    with opened() as page:
        page.set_default_timeout(600_000)
        page.goto(ONE.as_uri())
        page.evaluate("MathJax.startup.promise.then(() => null)")
        # Files beside the book have no place on paper.
        page.evaluate(
            "document.querySelectorAll('a[href*=_downloads]').forEach((link) => link.removeAttribute('href'))"
        )
        page.emulate_media(media="print", color_scheme="light")
        page.pdf(path=target, prefer_css_page_size=True, print_background=True, tagged=True, outline=True)
    print(f"{target}: {target.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
