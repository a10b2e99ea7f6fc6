"""Downloads against a local server that behaves well, badly, or not at all; archives that attack."""

import errno
import gzip
import hashlib
import io
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from fairlib.readers import fetch as module
from fairlib.readers.fetch import FetchError, Release, extract, fetch

CONTENT = {
    "set-a.tar.gz": np.random.default_rng(0).bytes(300_000),
    "Outcomes-a.txt": b"RecordID,In-hospital_death\n1,0\n",
}


class Server:
    """Serves ``files``; ``mode`` says how; ``requests`` collects (path, Range header)."""

    def __init__(self):
        self.files, self.mode, self.cut, self.requests = dict(CONTENT), "good", None, []
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
        name, wanted = handler.path.rsplit("/", 1)[-1], handler.headers.get("Range")
        self.requests.append((name, wanted))
        content = self.files.get(name)
        if content is None:
            handler.send_error(404)
            return
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and self.mode != "ignores range" else 0
        if start >= len(content):
            handler.send_error(416)
            return
        handler.send_response(206 if start else 200)
        if start:
            shown = start - 5 if self.mode == "wrong range" else start
            handler.send_header("Content-Range", f"bytes {shown}-{len(content) - 1}/{len(content)}")
        if self.mode != "no length":
            handler.send_header("Content-Length", str(len(content) - start))
        if self.mode == "labels gzip":  # as some servers do for *.gz: the body is the file itself
            handler.send_header("Content-Encoding", "gzip")
        handler.end_headers()
        handler.wfile.write(content[start:][: self.cut])
        handler.close_connection = True


@pytest.fixture
def server(monkeypatch):
    server = Server()
    files = {name: (len(content), hashlib.sha256(content).hexdigest()) for name, content in CONTENT.items()}
    monkeypatch.setattr(module, "RELEASES", {"challenge2012": Release(server.url, files)})
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
    assert files["set-a.tar.gz"][0] == 6632372
    assert files["Outcomes-c.txt"][0] == 79191
    assert all(len(digest) == 64 and int(digest, 16) for _, digest in files.values())


@pytest.mark.parametrize("mode", ["good", "no length", "labels gzip"])
def test_full_download(server, tmp_path, mode):
    server.mode = mode
    assert run(tmp_path / "new" / "folder") == [tmp_path / "new" / "folder" / name for name in CONTENT]
    holds_exactly(tmp_path / "new" / "folder")


def test_mirror_with_or_without_slash(server, tmp_path, monkeypatch):
    release = module.RELEASES["challenge2012"]
    dead = Release("http://127.0.0.1:9/", release.files)
    monkeypatch.setattr(module, "RELEASES", {"challenge2012": dead})
    run(tmp_path / "one", base_url=server.url)
    run(tmp_path / "two", base_url=server.url + "/")
    holds_exactly(tmp_path / "one")
    holds_exactly(tmp_path / "two")


@pytest.mark.parametrize(
    ("mode", "wanted"), [("good", "bytes=100000-"), ("ignores range", "bytes=100000-"), ("no length", "bytes=100000-")]
)
def test_resumes(server, tmp_path, mode, wanted):
    server.mode = mode
    (tmp_path / "set-a.tar.gz.part").write_bytes(CONTENT["set-a.tar.gz"][:100_000])
    run(tmp_path)
    assert server.requests[0] == ("set-a.tar.gz", wanted)
    holds_exactly(tmp_path)


def test_truncated_body_is_kept_and_continued(server, tmp_path):
    server.cut = 120_000
    with pytest.raises(FetchError, match=r"set-a.tar.gz: interrupted after 120,000 of 300,000 bytes .*run again"):
        run(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["set-a.tar.gz.part"]
    server.cut = None
    run(tmp_path)
    assert ("set-a.tar.gz", "bytes=120000-") in server.requests
    holds_exactly(tmp_path)


def test_truncated_body_without_length_is_noticed(server, tmp_path):
    server.mode, server.cut = "no length", 1000
    with pytest.raises(FetchError, match="interrupted after 1,000 of 300,000"):
        run(tmp_path)


def test_complete_part_needs_no_request(server, tmp_path):
    (tmp_path / "set-a.tar.gz.part").write_bytes(CONTENT["set-a.tar.gz"])
    run(tmp_path)
    assert [name for name, _ in server.requests] == ["Outcomes-a.txt"]
    holds_exactly(tmp_path)


def test_part_of_another_file_is_dropped(server, tmp_path):
    (tmp_path / "set-a.tar.gz.part").write_bytes(b"x" * 1000)  # a beginning that does not fit: the hash tells
    with pytest.raises(FetchError, match="is not the official file"):
        run(tmp_path)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "set-a.tar.gz.part").write_bytes(b"x" * 400_000)  # longer than the whole
    run(tmp_path)
    assert server.requests[-2] == ("set-a.tar.gz", None)
    holds_exactly(tmp_path)


def test_wrong_checksum_after_download(server, tmp_path):
    content = bytearray(CONTENT["set-a.tar.gz"])
    content[7] ^= 1
    server.files["set-a.tar.gz"] = bytes(content)
    found = hashlib.sha256(content).hexdigest()
    with pytest.raises(FetchError, match=f"(?s)set-a.tar.gz is not the official file.*{found}"):
        run(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("mode", ["good", "no length"])
def test_other_length_is_another_file(server, tmp_path, mode):
    server.mode, server.files["set-a.tar.gz"] = mode, CONTENT["set-a.tar.gz"] + b"more" * 100_000
    with pytest.raises(FetchError, match=r"log-in or error page|longer than the official file"):
        run(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_shorter_file_on_the_mirror_is_no_endless_loop(server, tmp_path):
    (tmp_path / "set-a.tar.gz.part").write_bytes(CONTENT["set-a.tar.gz"][:1000])
    server.files["set-a.tar.gz"] = CONTENT["set-a.tar.gz"][:1000]
    with pytest.raises(FetchError, match="ends before byte 1,000 of 300,000"):
        run(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_server_that_answers_another_range(server, tmp_path):
    server.mode = "wrong range"
    (tmp_path / "set-a.tar.gz.part").write_bytes(CONTENT["set-a.tar.gz"][:1000])
    with pytest.raises(FetchError, match="asked for the bytes from 1,000 on"):
        run(tmp_path)
    run(tmp_path)
    holds_exactly(tmp_path)


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
    [(("mimic",), "only open data can be fetched"), (("challenge2012", "ftp://x/"), "is no web address")],
)
def test_what_cannot_be_fetched(tmp_path, arguments, message):
    with pytest.raises(FetchError, match=message):
        fetch(arguments[0], tmp_path, *arguments[1:], progress=False)


def test_disk_full(server, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module, "_append", full)
    with pytest.raises(FetchError, match="No space left on device; free space on the disk and run again"):
        run(tmp_path)


def test_folder_is_a_file(server, tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(FetchError, match="cannot write"):
        run(tmp_path / "taken")


# ------------------------------------------------------------------------------------------------------ archives


def archive(path, *members):
    """A .tar.gz of (name, content) or (name, {TarInfo fields})."""
    with tarfile.open(path, "w:gz") as tar:
        for name, what in members:
            member = tarfile.TarInfo(name)
            if isinstance(what, bytes):
                member.size = len(what)
                tar.addfile(member, io.BytesIO(what))
            else:
                for key, value in what.items():
                    setattr(member, key, value)
                tar.addfile(member)
    return path


GOOD = [("set-a", {"type": tarfile.DIRTYPE, "mode": 0o755}), ("set-a/1.txt", b"one"), ("set-a/2.txt", b"two")]


def test_extract_and_again(tmp_path):
    file = archive(tmp_path / "set-a.tar.gz", *GOOD)
    for _ in range(2):
        assert extract(file, tmp_path / "out") == [tmp_path / "out" / "set-a"]
        assert {p.name: p.read_bytes() for p in (tmp_path / "out/set-a").iterdir()} == {
            "1.txt": b"one",
            "2.txt": b"two",
        }
        assert [path.name for path in (tmp_path / "out").iterdir()] == ["set-a"]
    (tmp_path / "out/set-a/2.txt").write_bytes(b"edited")
    with pytest.raises(FetchError, match="exists with other content; delete it"):
        extract(file, tmp_path / "out")
    assert (tmp_path / "out/set-a/2.txt").read_bytes() == b"edited"


@pytest.mark.parametrize(
    ("member", "message"),
    [
        (("../evil.txt", b"x"), "outside the folder"),
        (("set-a/../../evil.txt", b"x"), "outside the folder"),
        (("..\\evil.txt", b"x"), "outside the folder"),
        (("/tmp/evil.txt", b"x"), "outside the folder"),
        (("link", {"type": tarfile.SYMTYPE, "linkname": "/etc"}), "is a link"),
        (("link", {"type": tarfile.LNKTYPE, "linkname": "set-a/1.txt"}), "is a link"),
        (("null", {"type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 3}), "device"),
        (("disk", {"type": tarfile.BLKTYPE}), "device"),
        (("pipe", {"type": tarfile.FIFOTYPE}), "special file"),
    ],
)
def test_malicious_members(tmp_path, member, message):
    file = archive(tmp_path / "set-a.tar.gz", *GOOD, member)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(FetchError, match=rf"set-a.tar.gz: .*{message}.*nothing was unpacked"):
        extract(file, tmp_path)
    assert sorted(tmp_path.rglob("*")) == before


def test_too_many_members(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MAX_MEMBERS", 5)
    file = archive(tmp_path / "many.tar.gz", *[(f"{i}.txt", b"") for i in range(6)])
    with pytest.raises(FetchError, match="more than 5 members"):
        extract(file, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("members", [[("bomb", b"\0" * 200_000)], [(f"{i}", b"\0" * 30_000) for i in range(5)]])
def test_bombs(tmp_path, monkeypatch, members):
    monkeypatch.setattr(module, "MAX_BYTES", 100_000)
    with pytest.raises(FetchError, match="100,000"):
        extract(archive(tmp_path / "bomb.tar.gz", *members), tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_bomb_in_a_header(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MAX_BYTES", 100_000)
    header = tarfile.TarInfo("pax")
    header.type, header.size = tarfile.XHDTYPE, 10_000_000  # read into memory by tarfile before any check of ours
    (tmp_path / "bomb.tar.gz").write_bytes(gzip.compress(header.tobuf() + b"\0" * 10_000_000))
    with pytest.raises(FetchError, match="unpacks to more than 100,000 bytes"):
        extract(tmp_path / "bomb.tar.gz", tmp_path / "out")


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "text", "missing"])
def test_damaged_archive(tmp_path, damage):
    content = archive(tmp_path / "set-a.tar.gz", *GOOD, ("set-a/3.txt", CONTENT["set-a.tar.gz"])).read_bytes()
    flipped = bytearray(content)
    flipped[len(content) // 2] ^= 255
    damaged = {"cut": content[: len(content) // 2], "flip": bytes(flipped), "empty": b"", "text": b"not an archive"}
    if damage == "missing":
        (tmp_path / "set-a.tar.gz").unlink()
    else:
        (tmp_path / "set-a.tar.gz").write_bytes(damaged[damage])
    with pytest.raises(FetchError, match=r"set-a.tar.gz"):
        extract(tmp_path / "set-a.tar.gz", tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []
