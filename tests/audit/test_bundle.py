"""A bundle: what leaves, how it is rounded and described, and that nothing hostile or broken is taken in."""

import json
import re
import stat
import struct
import zipfile
import zlib
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from fairlib import cards
from fairlib.__main__ import main
from fairlib.audit import contributed, export
from fairlib.audit.bundle import (
    COUNTS,
    FIGURES,
    FILES,
    MANIFEST,
    NUMBERS,
    REQUEST,
    TABLES,
    BundleError,
    cells,
    digest,
    read_table,
)
from fairlib.audit.unordered import unordered

from .bundles import BY, Study, parameters

NAMES = ("supervised", "frozen_0", "frozen_1_middle", "frozen_3")
CARD = cards.load("challenge2012")


@pytest.fixture(scope="module")
def study(make_cohort):
    return Study(make_cohort(people=900), 40, NAMES, runs=(1,))


@pytest.fixture(scope="module")
def tables(study):
    """What is computed of the study, before it is rounded."""
    return export.computed(unordered(study, CARD), CARD, NAMES)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


DOT = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
DOT += chunk(b"IDAT", zlib.compress(b"\0\0")) + chunk(b"IEND", b"")


def exported(study, folder, by=BY, nearest=1, tables=None, draw=False):
    """Export a study, or tables that were computed of it; draw: figures that are more than a dot."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export, "open_study", lambda p: study)
        if not draw:
            patch.setattr(export, "_png", lambda figure: DOT)
        if tables is not None:
            patch.setattr(export, "computed", lambda *_: {name: table.copy() for name, table in tables.items()})
        return export.export(parameters(study.cohort), by, nearest, folder)


@pytest.fixture(scope="module")
def made(study, tables, tmp_path_factory):
    """The folder of a bundle, and the bundle."""
    folder = tmp_path_factory.mktemp("enclave") / "bundle"
    return folder, exported(study, folder, tables=tables, draw=True)[0]


@pytest.fixture
def content(made):
    return {path.name: path.read_bytes() for path in made[0].iterdir()}


def packed(path, content, **more):
    """A ZIP file with these files; more: of a member called so."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, of in content.items():
            archive.writestr(name, of)
    return path


def resealed(content: dict, **changes) -> dict:
    """The same with a manifest and a request that fit: whoever alters a bundle can write both anew."""
    made = json.loads(content[MANIFEST]) | changes
    if "files" not in changes:
        made["files"] = {name: digest(of) for name, of in content.items() if name not in (MANIFEST, REQUEST)}
    old = digest(content[MANIFEST]).encode()
    content = content | {MANIFEST: json.dumps(made).encode()}
    return content | {REQUEST: content[REQUEST].replace(old, digest(content[MANIFEST]).encode())}


# ------------------------------------------------------------------------------------------------------- what leaves


def test_a_bundle_holds_its_files_and_nothing_else(made, content):
    assert set(content) == set(FILES)
    with zipfile.ZipFile(f"{made[0]}.zip") as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == content
    for name in FIGURES:
        assert content[name].startswith(b"\x89PNG")
    assert not set(
        re.findall(rb"\b1[0-9]{4}\b", b"".join(content[f"{name}.csv"] for name in TABLES))
    )  # ids are 10000 …


def test_the_request_says_of_each_file_what_it_holds_its_smallest_cell_and_a_status(made, content):
    text, bundle = content[REQUEST].decode(), made[1]
    for name in set(FILES) - {REQUEST}:
        (row,) = [line for line in text.splitlines() if line.startswith(f"| {name} ")]
        _, file, holds, rows, smallest, status, reason, checksum, _ = (cell.strip() for cell in row.split("|"))
        assert status == ("review" if name in FIGURES else "pass")
        assert bool(reason) == (status == "review")
        assert checksum == digest(content[file])[:16]
        if name == "performance.csv":
            assert holds == TABLES["performance"].holds
            assert rows == f"{len(bundle.tables['performance']):,}"
            assert int(smallest) == cells(bundle.tables["performance"]).min(axis=None) >= CARD.min_cell
    assert bundle.digest in text
    assert BY in text


def test_numbers_move_in_steps_and_intervals_only_widen(tables, made):
    for name in ("performance", "compared", "differences"):
        exact, rounded = export._shaped(name, tables[name]), made[1].tables[name]
        for column, kind in TABLES[name].columns.items():
            change = (rounded[column] - exact[column])[exact[column].notna()] if kind in NUMBERS else []
            if kind == "low":
                assert (change <= 1e-9).all(), column
            elif kind == "high":
                assert (change >= -1e-9).all(), column
            elif kind == "value":
                assert (change.abs() <= 0.05 + 1e-9).all(), column
    rows = made[1].tables["performance"]
    rates = rows[(rows["scope"] == "segment") & (rows["metric"] == "error_rate")]
    step = export.STEPS[np.searchsorted(export.STEPS, 1 / cells(rates).min(axis=1))]
    np.testing.assert_allclose(rates["mean"] / step, np.round(rates["mean"] / step), atol=1e-6)
    assert (step * cells(rates).min(axis=1) >= 1 - 1e-9).all()


def test_counts_to_the_nearest_five_with_totals_of_rounded_counts(tables):
    out = export.rounded(tables, CARD, "open", 5)
    for table in out.values():
        for name in {*COUNTS} & {*table}:
            assert (table[name].dropna() % 5 == 0).all()
    sizes = out["sizes"].set_index("split")
    assert sizes.loc["all", "people"] == sizes.drop("all")["people"].sum()
    rows = out["performance"][out["performance"]["strategy"] == "supervised"].drop_duplicates(
        ["scope", "segment", "attribute"]
    )
    for attribute in CARD.attributes:
        own = rows[rows["attribute"] == attribute]
        parts, total = (own[own["scope"] == scope]["people"] for scope in ("segment", "ratio"))
        assert total.item() == parts.sum()


def test_what_is_too_small_is_suppressed_once_more(tables):
    found = {name: table.copy() for name, table in tables.items()}
    small = found["performance"]["segment"] == "Female"
    found["performance"].loc[small, "events"] = CARD.min_cell - 1
    out = export.rounded(found, CARD, "open", 1)["performance"]
    assert out.loc[small, ["mean", "low", *COUNTS]].isna().all(axis=None)
    assert set(out.loc[small, "note"]) == {"withheld: fewer than 11 people or events"}


def test_a_test_set_that_is_too_small_does_not_leave(make_cohort, tmp_path):
    study = Study(make_cohort(people=40), names=NAMES[:1])
    with pytest.raises(BundleError, match="fewer than 11 with or without an event, so no number about them may leave"):
        exported(study, tmp_path / "bundle")
    assert not list(tmp_path.iterdir())


def test_export_refuses_in_a_sentence_and_writes_nothing(study, tables, tmp_path, monkeypatch):
    for by, words in (("<b>Me</b>", "use letters"), ("Ward 10007", "1 identifier"), ("", "use letters")):
        with pytest.raises(BundleError, match=words):
            exported(study, tmp_path / "bundle", by, tables=tables)
    with pytest.raises(BundleError, match="no supervised model of challenge2012 with recipe tuned"):
        exported(replace(study, names=()), tmp_path / "bundle")
    (tmp_path / "there").mkdir()
    with pytest.raises(BundleError, match="is there already"):
        exported(study, tmp_path / "there", tables=tables)
    monkeypatch.setattr(zipfile.ZipFile, "writestr", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        exported(study, tmp_path / "bundle", tables=tables)
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["nowhere", "--source", "DIR"], "parameter 'dataset' is 'nowhere'"),
        (["mimic", "--source", "/no/such/folder"], "is neither 'twin', 'frozen' nor an existing folder"),
        (["challenge2012", "--source", "frozen", "--recipe", "tuned"], "frozen results are in the book already"),
    ],
)
def test_the_command_says_what_is_wrong_with_its_options(given, words, tmp_path, capsys):
    assert main(["export", *given, "--by", "A Hospital", "-o", str(tmp_path / "bundle")]) == 2
    assert words in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


# -------------------------------------------------------------------------------------------------------- what comes in


def taken(path, kept, capsys) -> tuple[int, str]:
    """Exit code of an import, and what it said."""
    code = main(["import", str(path), "--kept", str(kept)])
    said = capsys.readouterr()
    return code, said.err or said.out


def test_a_bundle_is_kept_once_as_zip_or_folder(made, content, tmp_path, capsys):
    kept = tmp_path / "kept"
    for path in (made[0], made[0].with_name("bundle.zip")):
        code, said = taken(path, kept, capsys)
        assert code == 0
        assert made[1].digest in said
        assert f"real, contributed by {BY}, not recomputed here" in said
    (place,) = kept.iterdir()
    assert place.name == "challenge2012-st-mary-s-hospital-tuned"
    assert {path.name for path in place.iterdir()} == {MANIFEST, *(f"{name}.csv" for name in TABLES)}
    again = contributed.kept(place)
    assert again.digest == made[1].digest
    (place / "sizes.csv").write_bytes(content["sizes.csv"].replace(b"900", b"901"))
    with pytest.raises(BundleError, match="is not the file whose checksum"):
        contributed.kept(place)
    changed = resealed(content | {"sizes.csv": content["sizes.csv"].replace(b"900", b"901")})
    (place / "sizes.csv").write_bytes(content["sizes.csv"])
    code, said = taken(packed(tmp_path / "other.zip", changed), kept, capsys)
    assert (code, "holds another bundle of theirs" in said) == (2, True)


def edit(name, old, new):
    def change(content):
        assert old in content[name], (name, old)
        return resealed(content | {name: content[name].replace(old, new, 1)})

    return change


def cell(name, column, value):
    """The first number of a column replaced, with checksums that fit."""

    def change(content):
        lines = content[f"{name}.csv"].decode().splitlines()
        at = lines[0].split(",").index(column)
        for number, line in enumerate(lines[1:], start=1):
            parts = line.split(",")
            if parts[at] and '"' not in line:
                parts[at] = value
                lines[number] = ",".join(parts)
                return resealed(content | {f"{name}.csv": ("\n".join(lines) + "\n").encode()})
        raise AssertionError(column)

    return change


def with_text(content):
    """A picture with a comment, by which anything could come along."""
    image = content["auc.png"]
    return resealed(content | {"auc.png": image[:33] + chunk(b"tEXt", b"Comment\0<script>") + image[33:]})


HOSTILE = {
    "cut file": (
        lambda c: c | {"performance.csv": c["performance.csv"][:-200]},
        "performance.csv is not the file whose",
    ),
    "lacks a table": (lambda c: {n: of for n, of in c.items() if n != "compared.csv"}, "lacks compared.csv"),
    "lacks its request": (lambda c: {n: of for n, of in c.items() if n != REQUEST}, f"lacks {REQUEST}"),
    "lacks its manifest": (lambda c: {n: of for n, of in c.items() if n != MANIFEST}, f"there is no {MANIFEST}"),
    "cut manifest": (lambda c: c | {MANIFEST: c[MANIFEST][:-9]}, f"{MANIFEST} cannot be read"),
    "nested manifest": (lambda c: c | {MANIFEST: b"[" * 100_000}, f"{MANIFEST} cannot be read"),
    "another version": (
        lambda c: resealed(c, format=2),
        "is of bundle format 2, this version of fairlib reads format 1",
    ),
    "another card": (lambda c: resealed(c, card="0" * 16), "made with another card of challenge2012"),
    "no such card": (lambda c: resealed(c, dataset="nowhere"), "this clone has no card of nowhere"),
    "an easier rule": (lambda c: resealed(c, min_cell=1), "are not those of the card of challenge2012"),
    "called synthetic": (lambda c: resealed(c, access="synthetic"), "are not those of the card of challenge2012"),
    "a name with markup": (lambda c: resealed(c, contributed_by="<script>x"), "contributed_by: "),
    "an unknown key": (lambda c: resealed(c, note="hello"), "note: Extra inputs are not permitted"),
    "a request with a script": (lambda c: c | {REQUEST: c[REQUEST] + b"<script>"}, "holds markup"),
    "another request": (lambda c: c | {REQUEST: b"all fine"}, "speaks of another manifest.json"),
    "a page": (lambda c: c | {"report.html": b"<script>"}, "'report.html' may hold scripts"),
    "a notebook": (lambda c: c | {"look.ipynb": b"{}"}, "'look.ipynb' may hold scripts"),
    "a vector drawing": (lambda c: c | {"auc.svg": b"<svg onload=x>"}, "'auc.svg' may hold scripts"),
    "a pickle": (lambda c: c | {"model.pkl": b"\x80"}, "'model.pkl' may run code"),
    "rows": (lambda c: c | {"predictions.parquet": b"PAR1"}, "'predictions.parquet' is a data file"),
    "a path upwards": (lambda c: c | {"../x.csv": b""}, "'../x.csv' is a folder, a link or a path"),
    "a path from the root": (lambda c: c | {"/etc/x.csv": b""}, "'/etc/x.csv' is a folder, a link or a path"),
    "a path of Windows": (lambda c: c | {"C:\\x.csv": b""}, "is a folder, a link or a path"),
    "a folder": (lambda c: {f"bundle/{n}": of for n, of in c.items()}, "is a folder, a link or a path"),
    "a large file": (lambda c: c | {"sizes.csv": b"0" * (contributed.MOST_BYTES + 1)}, "makes the bundle too large"),
    "a small cell": (cell("performance", "events", "3"), "fewer than 11 people or events; it must be suppressed"),
    "more events than windows": (cell("segments", "events", "999999"), "events is above windows"),
    "an interval upside down": (cell("compared", "auc_low", "0.999"), "auc_low is above auc_high"),
    "more decimals": (cell("compared", "auc", "0.81234567"), "'0.81234567' is not a count or number of three decimals"),
    "not a number": (cell("compared", "auc", "nan"), "column auc: 'nan' is not"),
    "a formula": (cell("performance", "strategy", "=cmd()"), "'=cmd()' is not a model that the card knows"),
    "an unknown group": (cell("performance", "segment", "Mr. Smith"), "'Mr. Smith' is not a segment"),
    "a note of its own": (edit("segments.csv", b",\nage", b",see me\nage"), "see me"),
    "another verdict": (edit("verdicts.csv", b"claim supported,no", b"claim supported,yes"), "does not follow from"),
    "another header": (edit("sizes.csv", b"split,", b"person,"), "its columns should be split, people"),
    "other line ends": (edit("sizes.csv", b"\n", b"\r\n"), "is not written as export writes it"),
    "not text": (edit("sizes.csv", b"train", b"tr\xff\xfe\xfd"), "byte 30 is not UTF-8 text"),
    "a picture with a comment": (with_text, "holds more than pixels (b'tEXt')"),
    "a picture with a tail": (lambda c: resealed(c | {"auc.png": c["auc.png"] + b"PK"}), "something follows its end"),
    "no picture": (lambda c: resealed(c | {"auc.png": b"GIF89a"}), "is not a whole PNG image"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_bundles_are_refused_in_a_sentence_and_nothing_is_kept(kind, content, tmp_path, capsys):
    change, words = HOSTILE[kind]
    code, said = taken(packed(tmp_path / "bundle.zip", change(content)), tmp_path / "kept", capsys)
    assert code == 2
    assert words in said
    assert re.fullmatch(r"fairlib import: [^\n]+\n", said), said  # a sentence, no traceback
    assert [path.name for path in tmp_path.iterdir()] == ["bundle.zip"]


def link(path, content):
    member = zipfile.ZipInfo("sizes.csv")
    member.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(member, "/etc/passwd")


def twice(path, content):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("sizes.csv", content["sizes.csv"])
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("sizes.csv", b"")


def broken(path, content):
    """One bit of a packed file is another."""
    whole = bytearray(packed(path, content).read_bytes())
    whole[200] ^= 4
    path.write_bytes(whole)


def bomb(path, content):
    """A few kilobytes that become 5 MiB, of which the directory says 10 bytes."""
    packed(path, {"sizes.csv": b"0" * (contributed.MOST_BYTES + 2**20)})
    size = struct.pack("<I", contributed.MOST_BYTES + 2**20)
    path.write_bytes(path.read_bytes().replace(size, struct.pack("<I", 10)))


ARCHIVES = {
    "cut": (lambda path, c: path.write_bytes(packed(path, c).read_bytes()[:-300]), "cannot be unpacked"),
    "no archive": (lambda path, c: path.write_bytes(b"hello"), "cannot be unpacked"),
    "broken inside": (broken, "cannot be unpacked"),
    "a link": (link, "'sizes.csv' is a folder, a link or a path"),
    "one file twice": (twice, "holds sizes.csv twice"),
    "a bomb": (bomb, ""),
    "too large": (lambda path, c: path.write_bytes(b"0" * (contributed.MOST_IN_ALL + 1)), "is larger than 16 MiB"),
    "nothing": (lambda path, c: None, "there is no"),
    "an empty folder": (lambda path, c: path.mkdir(), f"there is no {MANIFEST}"),
    "a folder with a link": (
        lambda path, c: (path.mkdir(), (path / "sizes.csv").symlink_to("/etc/passwd")),
        "'sizes.csv' is a folder, a link or a path",
    ),
}


@pytest.mark.parametrize("kind", ARCHIVES)
def test_hostile_archives_are_refused(kind, content, tmp_path, capsys):
    make, words = ARCHIVES[kind]
    make(tmp_path / "bundle.zip", content)
    code, said = taken(tmp_path / "bundle.zip", tmp_path / "kept", capsys)
    assert code == 2
    assert words in said
    assert re.fullmatch(r"fairlib import: [^\n]+\n", said), said
    assert not (tmp_path / "kept").exists()


def test_a_rehearsal_on_a_twin_is_checked_and_not_kept(make_cohort, tables, tmp_path, capsys):
    study = Study(make_cohort(origin="twin", people=100), names=NAMES)
    _, asked = exported(study, tmp_path / "bundle", tables=tables)
    assert "synthetic people: small cells are shown" in asked
    code, said = taken(tmp_path / "bundle", tmp_path / "kept", capsys)
    assert (code, "about a twin: a rehearsal" in said) == (2, True), said
    assert not (tmp_path / "kept").exists()


def test_a_table_is_read_as_it_was_written(made, content):
    for name, table in made[1].tables.items():
        found = read_table(name, content[f"{name}.csv"].decode(), CARD)
        pd.testing.assert_frame_equal(found, table.astype(found.dtypes), atol=5e-4)
