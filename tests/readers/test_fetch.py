"""Downloads against a local server that behaves well, badly, or not at all."""

import errno
import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pooch
import pytest

from fairlib.readers import fetch as module
from fairlib.readers.fetch import FetchError, Release, fetch

CONTENT = {
    "set-a.tar.gz": np.random.default_rng(0).bytes(300_000),
    "Outcomes-a.txt": b"RecordID,In-hospital_death\n1,0\n",
}


class Server:
    """Serves ``files``, of which the first ``cut`` bytes; ``requests`` collects (name, Accept-Encoding header).

    ``length``: whether it says how long a file is. ``failures``: how many answers are cut before it behaves.
    """

    def __init__(self):
        self.files, self.length, self.cut, self.failures, self.requests = dict(CONTENT), True, None, 10**6, []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                outer.answer(self)

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/files"
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()

    def answer(self, handler):
        name = handler.path.rsplit("/", 1)[-1]
        self.requests.append((name, handler.headers["Accept-Encoding"]))
        content = self.files.get(name)
        if content is None:
            handler.send_error(404)
            return
        handler.send_response(200)
        if self.length:
            handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content[: self.cut if len(self.requests) <= self.failures else None])
        handler.close_connection = True


@pytest.fixture
def server(monkeypatch):
    server = Server()
    files = {name: (len(content), hashlib.sha256(content).hexdigest()) for name, content in CONTENT.items()}
    monkeypatch.setattr(module, "RELEASES", {"challenge2012": Release(server.url, files)})
    monkeypatch.setattr(module, "RETRIES", 0)
    yield server
    server.http.shutdown()
    server.http.server_close()


def run(folder, **options):
    return fetch("challenge2012", folder, progress=False, **options)


def holds_exactly(folder, *extra):
    assert sorted(path.name for path in folder.iterdir()) == sorted([*CONTENT, *extra])
    for name, content in CONTENT.items():
        assert (folder / name).read_bytes() == content


def test_registry_is_the_published_one():
    files = module.RELEASES["challenge2012"].files
    assert sorted(files) == sorted([f"set-{s}.tar.gz" for s in "abc"] + [f"Outcomes-{s}.txt" for s in "abc"])
    assert module.RELEASES["challenge2012"].sealed == {"c": ["set-c.tar.gz", "Outcomes-c.txt"]}
    assert files["set-a.tar.gz"][0] == 6632372
    assert files["Outcomes-c.txt"][0] == 79191
    assert all(len(digest) == 64 and int(digest, 16) for _, digest in files.values())


def test_the_eicu_demo_comes_from_two_places():
    release = module.RELEASES["eicu_demo"]
    assert sorted(release.files) == sorted(
        [f"yaib/aki/{name}" for name in ("dyn.parquet", "outc.parquet", "sta.parquet", "attrition.csv")]
        + ["patient.csv.gz", "hospital.csv.gz"]
    )
    assert all("/YAIB/49895020/demo_data/aki/eicu_demo/" in address for address in release.elsewhere.values())
    assert [name for name, (_, digest) in release.files.items() if not digest] == ["hospital.csv.gz"]


def test_its_hashes_are_those_of_our_copy(shared):
    copy = shared / "data" / "eicu-demo" / "SHA256SUMS"
    if not copy.is_file():
        pytest.skip(f"no {copy} to compare with")
    known = {line.split()[1].removeprefix("./"): line.split()[0] for line in copy.read_text().splitlines()}
    for name, (size, digest) in module.RELEASES["eicu_demo"].files.items():
        if name.startswith("yaib"):
            assert (known[name], (copy.parent / name).stat().st_size) == (digest, size)


def test_a_file_that_lies_elsewhere_and_a_hash_of_the_first_download(server, tmp_path, monkeypatch):
    digest = hashlib.sha256(CONTENT["Outcomes-a.txt"]).hexdigest()
    files = {"set-a.tar.gz": (None, None), "yaib/Outcomes-a.txt": (None, digest)}
    other = {"yaib/Outcomes-a.txt": f"{server.url}/Outcomes-a.txt"}
    release = Release(f"{server.url}/nowhere/", files, elsewhere=other)
    monkeypatch.setattr(module, "RELEASES", {"challenge2012": release})
    assert run(tmp_path) == [tmp_path / name for name in files]
    assert (tmp_path / "yaib" / "Outcomes-a.txt").read_bytes() == CONTENT["Outcomes-a.txt"]
    seen = (tmp_path / module.SEEN).read_text()
    assert seen == f"{hashlib.sha256(CONTENT['set-a.tar.gz']).hexdigest()}  set-a.tar.gz\n"
    run(tmp_path)
    assert (tmp_path / module.SEEN).read_text() == seen
    (tmp_path / "set-a.tar.gz").write_bytes(b"another")
    with pytest.raises(FetchError, match=r"set-a.tar.gz exists, but is not the official file"):
        run(tmp_path)
    (tmp_path / "set-a.tar.gz").unlink()
    server.files["set-a.tar.gz"] = b"another"
    with pytest.raises(FetchError, match=r"nowhere/set-a.tar.gz is not the official file"):
        run(tmp_path)
    requested = len(server.requests)
    run(tmp_path / "mirror", base_url=server.url)
    assert [name for name, _ in server.requests[requested:]] == ["set-a.tar.gz", "Outcomes-a.txt"]


def test_a_sealed_part_is_fetched_where_it_is_named(server, tmp_path, monkeypatch):
    files = module.RELEASES["challenge2012"].files
    parts = Release(server.url, files, {"b": ["Outcomes-a.txt"]})
    monkeypatch.setattr(module, "RELEASES", {"challenge2012": parts})
    assert [path.name for path in run(tmp_path / "open")] == ["set-a.tar.gz"]
    assert [path.name for path in (tmp_path / "open").iterdir()] == ["set-a.tar.gz"]
    run(tmp_path / "both", sealed=["b"])
    holds_exactly(tmp_path / "both")
    with pytest.raises(FetchError, match="challenge2012 has no sealed part 'x'; it has: b"):
        run(tmp_path / "none", sealed=["x"])


@pytest.mark.parametrize("length", [True, False])
def test_full_download(server, tmp_path, length):
    server.length = length
    assert run(tmp_path / "new" / "folder") == [tmp_path / "new" / "folder" / name for name in CONTENT]
    holds_exactly(tmp_path / "new" / "folder")
    assert server.requests == [(name, "identity") for name in CONTENT]  # or a server may unpack .tar.gz on the way


def test_a_bar_for_each_file(server, tmp_path, capsys):
    fetch("challenge2012", tmp_path)
    said = capsys.readouterr().err
    assert all(name in said for name in CONTENT)
    assert "100%" in said


def test_mirror_with_or_without_slash(server, tmp_path, monkeypatch):
    release = module.RELEASES["challenge2012"]
    dead = Release("http://127.0.0.1:9/", release.files)
    monkeypatch.setattr(module, "RELEASES", {"challenge2012": dead})
    run(tmp_path / "one", base_url=server.url)
    run(tmp_path / "two", base_url=server.url + "/")
    holds_exactly(tmp_path / "one")
    holds_exactly(tmp_path / "two")


def test_interrupted_and_run_again(server, tmp_path):
    server.cut = 120_000
    with pytest.raises(FetchError, match=r"set-a.tar.gz: interrupted .*run again: complete files are kept"):
        run(tmp_path)
    assert list(tmp_path.iterdir()) == []  # nothing unfinished is left, which a reader could take for a file
    server.cut = None
    run(tmp_path)
    holds_exactly(tmp_path)


def test_only_what_is_missing_is_downloaded(server, tmp_path):
    (tmp_path / "set-a.tar.gz").write_bytes(CONTENT["set-a.tar.gz"])
    run(tmp_path)
    assert [name for name, _ in server.requests] == ["Outcomes-a.txt"]
    holds_exactly(tmp_path)


def test_cut_off_without_a_length_is_noticed(server, tmp_path):
    server.length, server.cut = False, 1000
    with pytest.raises(FetchError, match=r"set-a.tar.gz is not the official file.*cut off"):
        run(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_tries_again(server, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "RETRIES", 2)
    monkeypatch.setattr(pooch.core.time, "sleep", lambda _: None)
    server.cut, server.failures = 1000, 2
    run(tmp_path)
    assert [name for name, _ in server.requests] == ["set-a.tar.gz"] * 3 + ["Outcomes-a.txt"]
    holds_exactly(tmp_path)


def test_wrong_checksum_after_download(server, tmp_path):
    content = bytearray(CONTENT["set-a.tar.gz"])
    content[7] ^= 1
    server.files["set-a.tar.gz"] = bytes(content)
    found, expected = (hashlib.sha256(data).hexdigest() for data in (content, CONTENT["set-a.tar.gz"]))
    said = f"set-a.tar.gz is not the official file.*expected sha256:{expected} but got {found}"
    with pytest.raises(FetchError, match=said):
        run(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_page_in_place_of_a_file(server, tmp_path):
    server.files["set-a.tar.gz"] = b"<html>log in first</html>"
    with pytest.raises(FetchError, match=r"log-in or error page\? Open the address .*--base-url"):
        run(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_good_files_are_kept(server, tmp_path):
    run(tmp_path)
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    server.requests.clear()
    run(tmp_path)
    assert server.requests == []
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before


def test_other_content_is_never_overwritten(server, tmp_path):
    (tmp_path / "Outcomes-a.txt").write_bytes(b"my own notes")
    found, expected = hashlib.sha256(b"my own notes").hexdigest(), hashlib.sha256(CONTENT["Outcomes-a.txt"]).hexdigest()
    with pytest.raises(FetchError, match=rf"Outcomes-a.txt exists.*{found}.*{expected}.*delete it"):
        run(tmp_path)
    assert (tmp_path / "Outcomes-a.txt").read_bytes() == b"my own notes"
    assert server.requests == []  # told before anything is downloaded


def test_missing_on_the_server(server, tmp_path):
    del server.files["Outcomes-a.txt"]
    with pytest.raises(FetchError, match=r"Outcomes-a.txt: the server answered 404 Not Found; .*--base-url"):
        run(tmp_path)
    assert (tmp_path / "set-a.tar.gz").read_bytes() == CONTENT["set-a.tar.gz"]


def test_no_network_lists_what_to_copy(server, tmp_path):
    with pytest.raises(FetchError, match="cannot be reached") as error:
        run(tmp_path, base_url="http://127.0.0.1:9/")
    for name, content in CONTENT.items():
        assert f"{name}  {len(content)} bytes  SHA-256 {hashlib.sha256(content).hexdigest()}" in str(error.value)
    assert "--base-url" in str(error.value)
    assert str(tmp_path) in str(error.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("mimic",), r"only open data can be fetched \(challenge2012, eicu_demo, challenge2019\)"),
        (("challenge2012", "ftp://x/"), "is no web address"),
    ],
)
def test_what_cannot_be_fetched(tmp_path, arguments, message):
    with pytest.raises(FetchError, match=message):
        fetch(arguments[0], tmp_path, *arguments[1:], progress=False)


def test_disk_full(server, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pooch.HTTPDownloader, "__call__", full)
    with pytest.raises(FetchError, match="No space left on device; free space on the disk and run again"):
        run(tmp_path)


def test_folder_is_a_file(server, tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(FetchError, match="cannot write"):
        run(tmp_path / "taken")


# ------------------------------------------------------------------------------------------------ archives by hand


def by_hand(folder, **options):
    return [place.name for place in fetch("challenge2019", folder, **options)]


def test_an_archive_by_hand_is_asked_for_and_taken(tmp_path, monkeypatch):
    monkeypatch.setattr(module.requests, "get", None)  # nothing is requested
    with pytest.raises(FetchError) as error:
        by_hand(tmp_path / "new")
    for words in ("does not hold training_setA.zip yet", "https://physionet.org/content/challenge-2019/1.0.0/"):
        assert words in str(error.value)
    assert f"Put it into one folder {tmp_path / 'new'} as it is." in str(error.value)
    assert "training_setB" not in str(error.value)
    (tmp_path / "training_setA.tar.gz").write_bytes(b"stays")
    assert by_hand(tmp_path) == by_hand(tmp_path) == ["training_setA.tar.gz"]
    digest = hashlib.sha256(b"stays").hexdigest()
    assert (tmp_path / module.SEEN).read_text() == f"{digest}  training_setA.tar.gz\n"
    (tmp_path / "training_setA.tar.gz").write_bytes(b"other stays")
    with pytest.raises(FetchError, match=f"is not what it was: .* at first sight it was {digest}. Get it again"):
        by_hand(tmp_path)


def test_a_folder_by_hand_has_no_hash_and_a_sealed_part_is_taken_where_it_is_named(tmp_path):
    (tmp_path / "training" / "training_setA").mkdir(parents=True)
    (tmp_path / "training_setB.zip").write_bytes(b"sealed stays")
    assert by_hand(tmp_path) == ["training_setA"]
    assert (tmp_path / module.SEEN).read_text() == ""
    assert by_hand(tmp_path, sealed=["B"]) == ["training_setA", "training_setB.zip"]
    assert (tmp_path / module.SEEN).read_text().endswith("  training_setB.zip\n")
    with pytest.raises(FetchError, match="challenge2019 has no sealed part 'c'; it has: B"):
        by_hand(tmp_path, sealed=["c"])
