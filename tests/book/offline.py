"""Every page of a built book in a browser that reaches nothing but the book: which requests fail, or go elsewhere?

``python -m tests.book.offline book/_build/html`` prints the counts; it needs Chromium, and no network.

A small server hands out the book and stands in for all other hosts: the browser is told to use it as its proxy, so that
a request to anywhere is refused. A content security policy that forbids nothing has the browser report what a page asks
of other hosts; what the browser asks for by itself (updates, its search engine) is not reported. One page of ours loads
the pages one after the other in a frame.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

HOST = "book.test"
POLICY = "default-src 'self' data: blob: 'unsafe-inline' 'unsafe-eval'; report-uri /__outside__"
#: Seconds for a page to settle once it is loaded, and for all of them.
SETTLE, PATIENCE = 0.4, 900
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--disable-default-apps"),
    *("--disable-features=OptimizationHints,MediaRouter,Translate,AutofillServerCommunication", "--disable-extensions"),
    *("--disable-domain-reliability", "--disable-dev-shm-usage", "--window-size=1280,2000", "--metrics-recording-only"),
)
DRIVER = """<!doctype html><meta charset="utf-8"><title>driver</title><link rel="icon" href="data:,">
<iframe style="width:1200px;height:20000px" id="frame"></iframe>
<script>
const pages = PAGES, frame = document.getElementById("frame");
var errors = [];
const load = page => new Promise(done => {
  const late = setTimeout(() => { errors.push([page, "no load event"]); done(); }, 20000);
  frame.onload = () => { clearTimeout(late); setTimeout(done, SETTLE); };
  frame.src = "/" + page;
});
(async () => {
  for (const page of pages) await load(page);
  await fetch("/__done__", {method: "POST", body: JSON.stringify(errors)});
})();
</script>"""
#: Put before everything in a page but its doctype, so that it also hears of a script that cannot be parsed.
LISTENER = r"""\g<0><script>
addEventListener("error", e => e.message && parent.errors.push([location.pathname, e.message]));
</script>"""


class Seen(NamedTuple):
    """What a browser asked for.

    pages: loaded. requests: to the book. failed: requests to the book without an answer. outside: to other hosts.
    errors: of scripts, with their page.
    """

    pages: int
    requests: int
    failed: list[str]
    outside: list[str]
    errors: list[list[str]]


def chromium() -> str | None:
    """The browser on this machine, if there is one."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


def pages_of(html: Path) -> list[str]:
    """Every page of a built book."""
    return sorted(
        path.relative_to(html).as_posix()
        for path in html.rglob("*.html")
        if "_static" not in path.relative_to(html).parts
    )


def visit(html: Path, pages: list[str] | None = None) -> Seen:
    """Load the pages (default all) and report; raises ``RuntimeError`` where the browser does not come to the end."""
    pages, requests, failed, outside, errors = pages or pages_of(html), [], [], [], []
    ended = threading.Event()

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *given):
            super().__init__(*given, directory=str(html))

        def do_GET(self):
            url = urlsplit(self.path)
            if url.netloc != HOST:
                return self._refuse()
            self.path = url.path
            if url.path == "/__driver__.html":
                return self._page(DRIVER.replace("PAGES", json.dumps(pages)).replace("SETTLE", str(SETTLE * 1000)))
            requests.append(unquote(url.path))
            if requests[-1].removeprefix("/") in pages:
                text = (html / requests[-1][1:]).read_text("utf-8")
                return self._page(re.sub("^(<!doctype[^>]*>)?", LISTENER, text, count=1, flags=re.IGNORECASE))
            return super().do_GET()

        def _page(self, text):
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(text.encode())))
            self.send_header("Content-Security-Policy-Report-Only", POLICY)
            self.end_headers()
            self.wfile.write(text.encode())

        def do_POST(self):
            url = urlsplit(self.path)
            if url.netloc != HOST:
                return self._refuse()
            told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(204)
            self.end_headers()
            if url.path == "/__outside__":
                return outside.append(told["csp-report"]["blocked-uri"])
            errors.extend(told)
            ended.set()

        def _refuse(self):
            self.send_error(502)

        do_CONNECT = do_HEAD = do_OPTIONS = _refuse

        def send_error(self, code, message=None, explain=None):
            if code == 404:
                failed.append(unquote(self.path))
            super().send_error(code, message, explain)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server, tempfile.TemporaryDirectory() as profile:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        proxy = f"--proxy-server=http://127.0.0.1:{server.server_address[1]}"
        command = [chromium(), *FLAGS, proxy, f"--user-data-dir={profile}", "--remote-debugging-port=0"]
        browser = subprocess.Popen(
            [*command, f"http://{HOST}/__driver__.html"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            if not ended.wait(PATIENCE):
                raise RuntimeError(f"the browser loaded {len(requests)} files and did not come to an end")
        finally:
            browser.terminate()
            browser.wait()
            server.shutdown()
    return Seen(len(pages), len(requests), failed, outside, errors)


if __name__ == "__main__":
    found = visit(Path(sys.argv[1]))
    answers = {
        "pages loaded": found.pages,
        "requests to the book": found.requests,
        "requests that failed": len(found.failed),
        "requests to other hosts": len(found.outside),
        "errors of scripts": len(found.errors),
    }
    for what in (found.failed, found.outside, found.errors):
        print(*what, sep="\n") if what else None
    print(json.dumps({"answers": answers}))
    sys.exit(bool(found.failed or found.outside or found.errors))
