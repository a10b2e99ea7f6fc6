"""Download the official files of open datasets with pooch: each is checked against its published SHA-256.

A file lies in the folder whole and checked, or not at all, so that an interrupted download is continued by running it
again. Where the official files are tens of thousands, people download one archive by hand, and its SHA-256 is recorded
at first sight. Restricted data are not fetched: their owners hand them out on request.
"""

import errno
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pooch
import requests
from tqdm import tqdm

from .. import cards
from . import inventory
from .files import facts


@dataclass(frozen=True)
class Release:
    """Where a dataset lies, its files: name → (bytes, SHA-256), and which of them are sealed: part → names.

    A size or a hash that nobody has told us is None: the hash of the first download is kept in ``SEEN``, and later ones
    must have it. elsewhere: name → address, of files that lie in another place than ``base_url``.
    by_hand: nothing is downloaded; the files are those of the data card.
    """

    base_url: str
    files: dict[str, tuple[int | None, str | None]]
    sealed: dict[str, list[str]] = field(default_factory=dict)
    elsewhere: dict[str, str] = field(default_factory=dict)
    by_hand: bool = False


#: Sizes and hashes of the official files: of Challenge 2012 as recorded by ExpectationMax/medical_ts_datasets; of the
#: eICU demo's cohort of our own copy of YAIB's commit, and of its patients as PhysioNet lists it.
RELEASES = {dataset: Release(**release) for dataset, release in facts("releases.json").items()}
TIMEOUT = (15, 60)  # seconds to connect, and to wait for the next bytes
#: Hashes of files that had none before they were downloaded, or that came by hand, as ``sha256sum --check`` reads them.
SEEN = "FIRST_SEEN.sha256"
#: How often a download is tried again, after one and two seconds.
RETRIES = 2


class FetchError(OSError):
    """A file cannot be downloaded, or is not the official one; the message says what to do."""


def fetch(
    dataset: str, folder: Path | str, base_url: str | None = None, progress: bool = True, sealed: Sequence[str] = ()
) -> list[Path]:
    """Download the official files of a dataset into ``folder``; files that are there already are kept.

    What has to be downloaded by hand is looked for in ``folder``.

    Parameters
    ----------
    base_url: address of the folder that holds the files, for a mirror; hashes are checked all the same.
    progress: show a bar a file.
    sealed: names of sealed parts to fetch too; nothing of the others is asked for.

    Returns the paths of the files. Raises ``FetchError`` for a file of other content in ``folder`` (never overwritten),
    no network, a missing file, a full disk, or a download that is not the official file.
    """
    folder = Path(folder).expanduser()
    if dataset not in RELEASES:
        raise FetchError(
            f"no download for dataset {dataset!r}: only open data can be fetched ({', '.join(RELEASES)}); restricted"
            " data are requested from their owners, see `homepage` in the data card"
        )
    release = RELEASES[dataset]
    if unknown := sorted(set(sealed) - set(release.sealed)):
        raise FetchError(f"{dataset} has no sealed part {unknown[0]!r}; it has: {', '.join(release.sealed) or 'none'}")
    left = {name for part, names in release.sealed.items() if part not in sealed for name in names}
    if release.by_hand:
        return _by_hand(dataset, folder, left)
    release = replace(release, files={name: facts for name, facts in release.files.items() if name not in left})
    elsewhere = {} if base_url else release.elsewhere
    base_url = (base_url or release.base_url).rstrip("/") + "/"
    if not base_url.startswith(("https://", "http://")):
        raise FetchError(f"base URL {base_url!r} is no web address; copy files from a folder by hand instead")
    seen = _seen(folder)
    hashes = {name: digest or seen.get(name) for name, (_, digest) in release.files.items()}
    for name, expected in hashes.items():  # all, before the first byte is downloaded
        if expected and (folder / name).is_file() and (found := pooch.file_hash(str(folder / name))) != expected:
            raise FetchError(
                f"{folder / name} exists, but is not the official file: its SHA-256 is {found}, expected {expected}. It"
                " was left as it is; delete it (or choose another folder) and run again"
            )
    registry = {name: digest and f"sha256:{digest}" for name, digest in hashes.items()}
    store = pooch.create(path=folder, base_url=base_url, registry=registry, urls=elsewhere, retry_if_failed=RETRIES)
    pooch.get_logger().setLevel("WARNING")  # the bars say it
    for name, (size, _) in release.files.items():
        if (folder / name).is_file():
            continue
        bar = progress and tqdm(desc=name, total=size, unit="B", unit_scale=True)
        # "identity": the bytes as they are stored, or a server may unpack .tar.gz on the way
        headers = {"Accept-Encoding": "identity"}
        try:
            store.fetch(name, downloader=pooch.HTTPDownloader(bar, headers=headers, timeout=TIMEOUT))
        except requests.RequestException as error:
            raise FetchError(_explain(error, folder, store.get_url(name), release)) from error
        except ValueError as error:  # pooch: the hash
            raise FetchError(
                f"{store.get_url(name)} is not the official file: {error} Was it cut off, or a log-in or"
                " error page? Open the address in a browser, run again, or try another --base-url"
            ) from error
        except OSError as error:
            todo = "free space on the disk" if error.errno == errno.ENOSPC else "choose a folder that can be written"
            reason = error.strerror or error
            raise FetchError(
                f"cannot write {folder / name}: {reason}; {todo} and run again: complete files are kept"
            ) from error
        if not hashes[name]:
            with (folder / SEEN).open("a", encoding="utf-8") as file:
                file.write(f"{pooch.file_hash(str(folder / name))}  {name}\n")
    return [folder / name for name in release.files]


def _seen(folder: Path) -> dict[str, str]:
    """Name → SHA-256 of the files whose hash was kept when they were first downloaded into this folder."""
    file = folder / SEEN
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    return {name: digest for digest, name in (line.split("  ", 1) for line in lines if "  " in line)}


def _by_hand(dataset: str, folder: Path, left: set[str]) -> list[Path]:
    """Files of the data card that lie in ``folder``, but for those ``left``; their hashes are recorded, or compared."""
    obtain = cards.load(dataset).obtain
    wanted = {file.path: inventory.find(folder, file)[:1] for file in obtain.files if file.path not in left}
    if missing := [path for path, places in wanted.items() if not places]:
        raise FetchError(
            f"{folder} does not hold {', '.join(missing)} yet, and its files are too many to be downloaded one by one."
            f" {obtain.steps[0].replace('DIR', str(folder))} Then run this again"
        )
    seen, known = folder / SEEN, _seen(folder)
    found = [place for places in wanted.values() for place in places]
    for place in found:
        name = place.relative_to(folder).as_posix()
        if place.is_dir():
            continue
        digest = pooch.file_hash(str(place))
        if known.setdefault(name, digest) != digest:
            raise FetchError(
                f"{place} is not what it was: its SHA-256 is {digest}, at first sight it was {known[name]}. Get it"
                f" again, or delete its line in {seen} if you mean to have another"
            )
    try:
        seen.write_text("".join(f"{digest}  {name}\n" for name, digest in known.items()), encoding="utf-8")
    except OSError as error:
        raise FetchError(f"cannot write {seen}: {error.strerror}; choose a folder that can be written") from error
    return found


def _explain(error: requests.RequestException, folder: Path, url: str, release: Release) -> str:
    """What went wrong between here and the server, in a sentence, and the way around it."""
    if isinstance(error, requests.HTTPError):
        status = f"{error.response.status_code} {error.response.reason}"
        return f"{url}: the server answered {status}; check the address or --base-url"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return f"{url}: interrupted ({error}); run again: complete files are kept"
    facts = {name: (size or "?", digest or "?") for name, (size, digest) in release.files.items()}
    files = "\n".join(f"  {file}  {size} bytes  SHA-256 {digest}" for file, (size, digest) in facts.items())
    return (
        f"{url} cannot be reached ({type(error).__name__}); without network, name a mirror with --base-url, or copy"
        f" these files into {folder} by hand:\n{files}"
    )
