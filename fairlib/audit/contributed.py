"""Bundles that come in: opened without trust, checked, and kept beside the frozen results.

Nothing is executed, unpacked to disk or shown before every check has passed. Images and prose are looked at and left
behind: pages draw figures anew from the tables.
"""

import os
import re
import shutil
import stat
import struct
import tempfile
import zipfile
import zlib
from pathlib import Path

from .. import cards
from ..report import gate
from ..study.parameters import CONTRIBUTED
from ..study.results import writing
from .bundle import (
    FIGURES,
    FILES,
    MANIFEST,
    REQUEST,
    TABLES,
    Bundle,
    BundleError,
    card_hash,
    check_tables,
    digest,
    parse_manifest,
    read_table,
    written,
)

#: Bytes of a file and of all files at most, in memory as on disk; pixels of an image along each side.
MOST_BYTES, MOST_IN_ALL, MOST_PIXELS = 4 * 2**20, 16 * 2**20, 6000
SCRIPTS = re.compile(r"\.(html?|xhtml|ipynb|js|mjs|svg|xml|py|sh|bat|md|pdf|docx?|xlsm?)$", re.I)
PICKLES = re.compile(r"\.(pkl|pickle|joblib|npy|npz|pt|pth|ckpt)$", re.I)
_PNG, _CHUNKS = b"\x89PNG\r\n\x1a\n", {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"pHYs", b"tRNS", b"sBIT", b"gAMA", b"sRGB"}


def opened(path: Path) -> Bundle:
    """A bundle, a folder or a ZIP file, of which every file was checked. Raises ``BundleError``."""
    content = _folder(path) if path.is_dir() else _archive(path)
    bundle = checked(content)
    for name in (REQUEST, *bundle.manifest.files):
        if name not in content:
            raise BundleError(f"{path} lacks {name}, so it was cut; ask for the whole bundle")
    asked = _text(REQUEST, content[REQUEST])
    if "<" in asked:
        raise BundleError(f"{REQUEST} holds markup ('<'), which may be a script; export the bundle again")
    if bundle.digest not in asked:
        raise BundleError(f"{REQUEST} speaks of another {MANIFEST}, so one was altered; export the bundle again")
    for name in FIGURES.keys() & content.keys():
        _image(name, content[name])
    return bundle


def checked(content: dict[str, bytes]) -> Bundle:
    """The manifest and tables of a bundle from what its files hold: version, card, checksums, cells, suppression."""
    if MANIFEST not in content:
        raise BundleError(f"there is no {MANIFEST}, so this is not a whole bundle; ask for the file that export wrote")
    manifest = parse_manifest(content[MANIFEST])
    if manifest.dataset not in cards.all():
        raise BundleError(
            f"{MANIFEST}: this clone has no card of {manifest.dataset}; its cards: {', '.join(cards.all())}"
        )
    card = cards.load(manifest.dataset)
    if manifest.card != card_hash(card):
        raise BundleError(
            f"the bundle was made with another card of {manifest.dataset} ({manifest.card}; here {card_hash(card)}):"
            f" groups or rules differ, so numbers would not compare; use the card of fairlib {manifest.fairlib}"
        )
    if (
        manifest.access != ("synthetic" if manifest.origin == "twin" else card.access)
        or manifest.min_cell != card.min_cell
    ):
        raise BundleError(f"{MANIFEST}: access and smallest cell are not those of the card of {manifest.dataset}")
    for name in sorted(content.keys() - {MANIFEST, REQUEST}):
        if manifest.files.get(name) != digest(content[name]):
            raise BundleError(f"{name} is not the file whose checksum {MANIFEST} has; it was altered or cut on its way")
    names = [name for name in TABLES if f"{name}.csv" in manifest.files]
    if lost := [f"{name}.csv" for name in names if f"{name}.csv" not in content]:
        raise BundleError(f"the bundle lacks {lost[0]}, so it was cut; ask for the whole bundle")
    if lost := sorted({"sizes", "performance", "compared"} - {*names}):
        raise BundleError(f"{MANIFEST} lists no {lost[0]}.csv, without which nothing can be shown; export it again")
    tables = {name: read_table(name, _text(f"{name}.csv", content[f"{name}.csv"]), card) for name in names}
    check_tables(manifest, tables)
    return Bundle(manifest, tables, digest(content[MANIFEST]))


def keep(bundle: Bundle, folder: Path = CONTRIBUTED) -> Path:
    """Keep the manifest and tables of a bundle of real data, all or nothing; the folder of the case.

    Raises ``BundleError`` where another bundle has its place.
    """
    made = bundle.manifest
    if made.origin != "real":
        raise BundleError("the bundle is in order, but about a twin: a rehearsal. Only results of real data are kept")
    who = re.sub(r"[^a-z0-9]+", "-", made.contributed_by.lower()).strip("-")
    who = who or digest(made.contributed_by.encode())[:8]
    place = folder / f"{made.dataset}-{who}-{made.recipe}"
    if place.exists():
        if kept(place).digest == bundle.digest:
            return place
        raise BundleError(f"{place} holds another bundle of theirs; remove that folder first, if this one replaces it")
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(dir=folder, prefix="."))
        try:
            (aside / MANIFEST).write_text(made.text(), encoding="utf-8")
            for name, table in bundle.tables.items():
                (aside / f"{name}.csv").write_text(written(name, table), encoding="utf-8")
            aside.chmod(0o755)
            os.replace(aside, place)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    return place


def kept(place: Path) -> Bundle:
    """A contributed case as it is kept, checked again."""
    content = _folder(place)
    if extra := sorted(content.keys() & ({REQUEST} | FIGURES.keys())):
        raise BundleError(f"{place / extra[0]} has no place here: only the manifest and the tables are kept")
    return checked(content)


def _folder(path: Path) -> dict[str, bytes]:
    content: dict[str, bytes] = {}
    for entry in sorted(os.scandir(path), key=lambda entry: entry.name):
        _allowed(entry.name, entry.is_symlink() or not entry.is_file(follow_symlinks=False))
        _fits(entry.name, entry.stat(follow_symlinks=False).st_size, content)
        content[entry.name] = Path(entry.path).read_bytes()
    return content


def _archive(path: Path) -> dict[str, bytes]:
    try:
        if path.stat().st_size > MOST_IN_ALL:
            raise BundleError(f"{path} is larger than {MOST_IN_ALL >> 20} MiB; it holds small tables, no data")
        content: dict[str, bytes] = {}
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                _allowed(member.filename, member.is_dir() or stat.S_ISLNK(member.external_attr >> 16))
                if member.filename in content:
                    raise BundleError(f"{path} holds {member.filename} twice; export the bundle again")
                if member.flag_bits & 1 or member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    raise BundleError(f"{path} is encrypted, or packed unusually; unpack it, and import the folder")
                _fits(member.filename, member.file_size, content)
                with archive.open(member) as file:
                    content[member.filename] = file.read(MOST_BYTES + 1)  # its header may say less than there is
                _fits(member.filename, len(content[member.filename]), {})
        return content
    except FileNotFoundError:
        raise BundleError(f"there is no {path}; give the ZIP file or the folder that export wrote") from None
    except (zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, UnicodeDecodeError) as error:
        raise BundleError(
            f"{path} cannot be unpacked ({ascii(str(error))[1:80]}), so it was cut, or is no ZIP file; copy it again"
        ) from None


def _allowed(name: str, odd: bool) -> None:
    """Only the plain files of a bundle, by their exact names."""
    shown = ascii(name[:60])
    if odd or re.search(r"[/\\:\x00-\x1f]|\.\.", name):
        raise BundleError(f"{shown} is a folder, a link or a path; a bundle has plain files without folders")
    if name in FILES:
        return
    if PICKLES.search(name):
        raise BundleError(f"{shown} may run code when it is opened (a pickle or weights); a bundle has none")
    if SCRIPTS.search(name):
        raise BundleError(f"{shown} may hold scripts; a bundle has tables, images and {REQUEST}, nothing that runs")
    why = "is a data file" if gate.DATA_FILES.search(name) else "is unknown"
    raise BundleError(f"{shown} {why}; a bundle has these files only: {', '.join(FILES)}")


def _fits(name: str, size: int, content: dict[str, bytes]) -> None:
    if size > MOST_BYTES or size + sum(map(len, content.values())) > MOST_IN_ALL:
        most = f"{MOST_BYTES >> 20} MiB per file, {MOST_IN_ALL >> 20} MiB in all"
        raise BundleError(
            f"{name} makes the bundle too large (at most {most}); a bundle holds small tables and no data"
        )


def _text(name: str, content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BundleError(f"{name}: byte {error.start} is not UTF-8 text; export the bundle again") from None


def _image(name: str, content: bytes) -> None:
    """A PNG image with pixels alone: no text, no place, nothing after its end."""
    at, seen = len(_PNG), []
    while content.startswith(_PNG) and at + 12 <= len(content) and b"IEND" not in seen:
        length, kind = struct.unpack(">I4s", content[at : at + 8])
        seen.append(kind)
        at += 12 + length
    if at != len(content) or not seen or seen[0] != b"IHDR" or seen[-1] != b"IEND":
        raise BundleError(f"{name} is not a whole PNG image, or something follows its end; export the bundle again")
    if odd := set(seen) - _CHUNKS:
        raise BundleError(f"{name} holds more than pixels ({sorted(odd)[0]!a}); export the bundle again")
    if max(struct.unpack(">II", content[16:24])) > MOST_PIXELS:
        raise BundleError(f"{name} is larger than {MOST_PIXELS} pixels; export the bundle again")
