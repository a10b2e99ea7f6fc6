"""Download the official files of open datasets: checked against published SHA-256, continued where they broke off.

A file is complete under its own name or unfinished under ``<name>.part``, never anything between. Restricted data are
not fetched: their owners hand them out on request.
"""

import errno
import filecmp
import gzip
import os
import tarfile
import tempfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pooch
import requests
import urllib3
from tqdm import tqdm


@dataclass(frozen=True)
class Release:
    """Where a dataset lies, and its files: name → (bytes, SHA-256)."""

    base_url: str
    files: dict[str, tuple[int, str]]


#: Sizes and hashes of the official files as recorded by ExpectationMax/medical_ts_datasets.
RELEASES = {
    "challenge2012": Release(
        "https://physionet.org/files/challenge-2012/1.0.0/",
        {
            "set-a.tar.gz": (6632372, "8cb250f179cd0952b4b9ebcf8954b63d70383131670fac1cfee13deaa13ca920"),
            "set-b.tar.gz": (6652690, "b1637a2a423a8e76f8f087896cfc5fdf28f88519e1f4e874fbda69b2a64dac30"),
            "set-c.tar.gz": (6600293, "a4a56b95bcee4d50a3874fe298bf2998f2ed0dd98a676579573dc10419329ee1"),
            "Outcomes-a.txt": (79219, "2613ea60ccda29f87571a7d6b09ad130858a8ccd66325bd073365925026883c2"),
            "Outcomes-b.txt": (79149, "1305f29734da374a809483229a99f33a9230aa8d4fa74b1a2d6ad788136423d5"),
            "Outcomes-c.txt": (79191, "0b32dcb7753c0f18f2f5fde498a28618b8879c5e527ce0dae8ad120dd7e205c9"),
        },
    )
}
TIMEOUT = (15, 60)  # seconds to connect, and to wait for the next bytes
#: Ten times what a set of the challenge holds (4,000 files, 35 MB): beyond it, an archive is not what it says.
MAX_MEMBERS, MAX_BYTES = 40_000, 350_000_000


class FetchError(RuntimeError):
    """A file cannot be downloaded or unpacked, or is not the official one; the message says what to do."""


def fetch(dataset: str, folder: Path | str, base_url: str | None = None, progress: bool = True) -> list[Path]:
    """Download the official files of a dataset into ``folder``; files that are there already are kept.

    Parameters
    ----------
    base_url: address of the folder that holds the files, for a mirror; hashes are checked all the same.
    progress: show a bar a file.

    Returns the paths of all files. Raises ``FetchError`` for a complete file of other content (never overwritten), no
    network, a missing file, a full disk, or a download that is not the official file. An interrupted download is
    continued by the next call.
    """
    folder = Path(folder).expanduser()
    if dataset not in RELEASES:
        raise FetchError(
            f"no download for dataset {dataset!r}: only open data can be fetched ({', '.join(RELEASES)}); restricted"
            " data are requested from their owners, see `homepage` in the data card"
        )
    release = RELEASES[dataset]
    base_url = (base_url or release.base_url).rstrip("/") + "/"
    if not base_url.startswith(("https://", "http://")):
        raise FetchError(f"base URL {base_url!r} is no web address; copy files from a folder by hand instead")
    for name, (_, expected) in release.files.items():  # all, before the first byte is downloaded
        _check_present(folder / name, expected)
    registry = {name: f"sha256:{digest}" for name, (_, digest) in release.files.items()}
    store = pooch.create(path=folder, base_url=base_url, registry=registry)
    pooch.get_logger().setLevel("WARNING")  # the bars say it
    for name, (size, _) in release.files.items():
        try:
            store.fetch(name, downloader=_continued(folder / f"{name}.part", size, progress))
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise FetchError(_explain(error, folder, name, base_url + name, release)) from error
        except ValueError as error:  # pooch: the hash; the unfinished file is gone by then
            raise FetchError(
                f"{base_url}{name} is not the official file: {error} Try again, or another --base-url"
            ) from error
        except OSError as error:
            todo = "free space on the disk" if error.errno == errno.ENOSPC else "choose a folder that can be written"
            reason = error.strerror or error
            raise FetchError(f"cannot write {folder / name}: {reason}; {todo} and run again: it continues") from error
    return [folder / name for name in release.files]


def _check_present(file: Path, expected: str) -> None:
    if file.is_file() and (found := pooch.file_hash(str(file))) != expected:
        raise FetchError(
            f"{file} exists, but is not the official file: its SHA-256 is {found}, expected {expected}. It was left as"
            " it is; delete it (or choose another folder) and run again"
        )


def _continued(part: Path, size: int, progress: bool) -> Callable[[str, str, pooch.Pooch], None]:
    """A pooch downloader that collects the file in ``part`` and hands it over when it has ``size`` bytes."""

    def download(url: str, output: str, _: pooch.Pooch) -> None:
        have = part.stat().st_size if part.exists() else 0
        if have > size:  # cannot be the beginning of this file
            part.unlink()
            have = 0
        if have < size:
            _append(url, part, have, size, progress)
        os.replace(part, output)

    return download


def _append(url: str, part: Path, have: int, size: int, progress: bool) -> None:
    # "identity": the bytes as they are stored, or a server may unpack .tar.gz on the way.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
        if response.status_code == requests.codes.requested_range_not_satisfiable:
            part.unlink()
            raise FetchError(
                f"{url} ends before byte {have:,} of {size:,}: not the official file; try another --base-url"
            )
        response.raise_for_status()
        content_range = response.headers.get("Content-Range", "")
        if response.status_code == requests.codes.partial_content and not content_range.startswith(f"bytes {have}-"):
            part.unlink(missing_ok=True)
            raise FetchError(
                f"{url}: asked for the bytes from {have:,} on, got {content_range!r}; run again to start anew"
            )
        if response.status_code != requests.codes.partial_content:  # the server ignores Range and sends everything
            have = 0
        offered = response.headers.get("Content-Length", "")
        if offered.isdigit() and have + int(offered) != size:
            raise FetchError(
                f"{url} has {have + int(offered):,} bytes, the official file {size:,}: it is another file, perhaps a"
                " log-in or error page; open the address in a browser, or try another --base-url"
            )
        bar = tqdm(desc=part.stem, initial=have, total=size, unit="B", unit_scale=True, disable=not progress)
        with part.open("ab" if have else "wb") as file, bar:
            for block in response.raw.stream(1 << 16, decode_content=False):
                file.write(block)
                bar.update(len(block))
                if file.tell() > size:
                    break
    found = part.stat().st_size
    if found > size:
        part.unlink()
        raise FetchError(f"{url} is longer than the official file of {size:,} bytes; try another --base-url")
    if found < size:
        raise requests.ConnectionError(f"the server ended after {found:,} bytes")


def _explain(error: Exception, folder: Path, name: str, url: str, release: Release) -> str:
    """What went wrong between here and the server, in a sentence, and the way around it."""
    if isinstance(error, requests.HTTPError):
        status = f"{error.response.status_code} {error.response.reason}"
        return f"{url}: the server answered {status}; check the address or --base-url"
    part = folder / f"{name}.part"
    if part.exists() and part.stat().st_size:
        have, size = part.stat().st_size, release.files[name][0]
        return f"{url}: interrupted after {have:,} of {size:,} bytes ({error}); run again: it continues from there"
    files = "\n".join(f"  {file}  {size} bytes  SHA-256 {digest}" for file, (size, digest) in release.files.items())
    return (
        f"{url} cannot be reached ({type(error).__name__}); without network, name a mirror with --base-url, or copy"
        f" these files into {folder} by hand:\n{files}"
    )


class _Capped:
    """A stream that ends with an error after ``MAX_BYTES``, whatever an archive's headers claim."""

    def __init__(self, stream):
        self.stream, self.left = stream, MAX_BYTES

    def read(self, size: int) -> bytes:
        block = self.stream.read(size)
        self.left -= len(block)
        if self.left < 0:
            raise FetchError(f"it unpacks to more than {MAX_BYTES:,} bytes")
        return block


def extract(archive: Path | str, folder: Path | str) -> list[Path]:
    """Unpack a ``.tar.gz`` into ``folder``, all or nothing; returns what now lies there at the top level.

    Raises ``FetchError`` for a damaged archive, more than ``MAX_MEMBERS`` members or ``MAX_BYTES`` bytes, and for any
    member that is not a plain file or folder below ``folder`` (``..``, absolute paths, links, devices). What exists
    with the same content is kept, other content is left alone and refused.
    """
    archive, folder = Path(archive), Path(folder).expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".extract-") as scratch:
            with gzip.open(archive) as stream:
                content = _Capped(stream)
                with tarfile.open(fileobj=content, mode="r|") as tar:
                    for count, member in enumerate(tar, start=1):
                        _refuse(member, count)
                        tar.extract(member, scratch, filter="data")
                while content.read(1 << 16):  # to the very end, where gzip's checksum is
                    pass
            unpacked = sorted(Path(scratch).iterdir())
            for path in unpacked:
                if (target := folder / path.name).exists() and not _same(path, target):
                    raise FetchError(f"{target} exists with other content; delete it and run again")
            for path in unpacked:
                if not (folder / path.name).exists():
                    path.rename(folder / path.name)
            return [folder / path.name for path in unpacked]
    except FetchError as error:
        raise FetchError(f"{archive}: {error}; nothing was unpacked") from error
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise FetchError(f"{archive} is truncated or damaged ({error}); delete it and fetch it again") from error
    except OSError as error:
        raise FetchError(f"cannot unpack {archive} into {folder}: {error.strerror or error}") from error


def _refuse(member: tarfile.TarInfo, count: int) -> None:
    path = PurePosixPath(member.name)
    if count > MAX_MEMBERS:
        raise FetchError(f"it holds more than {MAX_MEMBERS:,} members")
    if not (member.isreg() or member.isdir()) or member.issparse():
        raise FetchError(f"member {member.name!r} is a link, device or other special file")
    if path.is_absolute() or ".." in path.parts or "\\" in member.name:
        raise FetchError(f"member {member.name!r} would lie outside the folder")
    if member.size > MAX_BYTES:
        raise FetchError(f"member {member.name!r} claims {member.size:,} bytes, more than {MAX_BYTES:,}")


def _same(one: Path, other: Path) -> bool:
    if one.is_file():
        return other.is_file() and filecmp.cmp(one, other, shallow=False)
    names = [sorted(path.name for path in folder.iterdir()) if folder.is_dir() else None for folder in (one, other)]
    return names[0] == names[1] and all(_same(one / name, other / name) for name in names[0])
