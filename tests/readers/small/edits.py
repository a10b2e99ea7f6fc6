"""Ways to break a file: a line, a cell, a text, half of it."""

import gzip
import shutil
from pathlib import Path


def edit(file: Path, line: int, text: str) -> None:
    """Replace a line (from 1)."""
    lines = file.read_text(encoding="utf-8").splitlines()
    lines[line - 1] = text
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


def cell(file: Path, line: int, column: str, value: str) -> None:
    """Replace a cell of a line (from 1)."""
    lines = file.read_text(encoding="utf-8").splitlines()
    cells = lines[line - 1].split(",")
    cells[lines[0].split(",").index(column)] = value
    edit(file, line, ",".join(cells))


def replace(file: Path, old: str | bytes, new: str | bytes, times: int = -1) -> None:
    """Replace a text that must be there; bytes for what is no text."""
    old, new = (part.encode() if isinstance(part, str) else part for part in (old, new))
    content = file.read_bytes()
    assert old in content, old
    file.write_bytes(content.replace(old, new, times))


def drop_line(file: Path, start: str) -> None:
    """Remove the lines that begin so."""
    lines = file.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if not line.startswith(start)]
    assert len(kept) < len(lines), start
    file.write_text("\n".join(kept) + "\n", encoding="utf-8")


def append(file: Path, text: str) -> None:
    """Add text at the end."""
    file.write_bytes(file.read_bytes() + text.encode())


def cut(file: Path, share: float = 0.5) -> None:
    """Keep only the beginning."""
    content = file.read_bytes()
    file.write_bytes(content[: int(share * len(content))])


def pack(file: Path, share: float = 1) -> None:
    """Put a .gz in the file's place, of which ``share`` is left."""
    packed = gzip.compress(file.read_bytes(), mtime=0)
    file.with_name(f"{file.name}.gz").write_bytes(packed[: int(share * len(packed))])
    file.unlink()


def not_utf8(file: Path) -> None:
    """One letter in the middle as Windows-1252 writes it."""
    content = file.read_bytes()
    half = len(content) // 2
    at = next(i for i in range(half, len(content)) if chr(content[i]).isalpha() and content[i] < 128)
    file.write_bytes(content[:at] + b"\xe9" + content[at + 1 :])


def mark_and_windows_lines(file: Path) -> None:
    """As Windows programs save: a byte order mark, and lines that end in CR LF."""
    content = file.read_bytes().replace(b"\n", b"\r\n")
    file.write_bytes(b"\xef\xbb\xbf" + content)


def only(folder: Path, *names: str) -> None:
    """Empty the folder, but for empty files of these names."""
    shutil.rmtree(folder)
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


#: What shows another dataset's layout.
OTHERS = {
    "challenge2012": ("set-a/132539.txt", "Outcomes-a.txt"),
    "challenge2019": ("training_setA/p000001.psv",),
    "mimic": ("in-hospital-mortality/train_listfile.csv", "ADMISSIONS.csv"),
    "mesa": ("actigraphy/mesa-sleep-0001.csv", "overlap/mesa-actigraphy-psg-overlap.csv"),
    "globem": ("INS-W_1/FeatureData/rapids.csv", "INS-W_1/SurveyData/dep_weekly.csv"),
    "table": ("card.yaml", "windows.csv"),
}
