"""Mutated files, as Hypothesis strategies: of bytes, of lines, and of the cells of a table; plain or packed."""

import gzip
import io
import tarfile
from typing import NamedTuple

from hypothesis import strategies as st

#: What is put in, or in the place of something, anywhere in a file.
JUNK = (
    *(b"\0", b"\xff", b"\xe9", b"\xef\xbb\xbf", b'"', b"'", b"\r", b"\n", b"\r\n", b"\n\n", b",", b",,", b";", b"\t"),
    *(b" ", b"-", b".", b"e", b"1", b"9", b"#", b"&", b"<", b">", b"]]>", b"\x1a", b"\xc2\x85", b"\xe2\x80\xa8"),
)
#: No number, date or category of any format, though some parsers take some of them for one.
NONSENSE = (
    *(
        "abc",
        "0x1F",
        "1_000",
        "½",
        "١٢",
        "１",
        "--5",
        "5-",
        "1.2.3",
        "1e",
        "#N/A",
        "<5",
        "> 90",
        "5 mg",
        "TRUE!",
    ),
    *(
        "0b1",
        "1d5",
        "1,5",
        '"',
        "' '",
        "2140-13-45",
        "24:61",
        "=1+1",
        "\u200b1",
        "-",
        "+",
        "a" * 300,
        "{}",
        "[]",
        "&amp;",
    ),
)
#: Odd, though a format may allow it.
ODD = (
    *(
        "",
        "None",  # a category of how eyes open
        " ",
        "nan",
        "NaN",
        "NA",
        "null",
        "inf",
        "-inf",
        "Infinity",
        "1e39",
        "-1e39",
        "1e400",
        "-1e400",
        "1e-400",
        "0",
    ),
    *("-0", "-1", "1", "2", "1.0", "0.5", "007", "+1", "99999999999999999999", "9007199254740993", "2147483648"),
    *("4294967296", "1e5", " 1", "1 ", "true", "False", "2140-06-15", "1500-01-01", "9999-12-31 23:59:59", "48:00"),
)


class Mutation(NamedTuple):
    """What was done to a file, and what it then holds; short when it is shown."""

    what: list[str]
    content: bytes

    def __repr__(self) -> str:
        return f"{', '.join(self.what)}: {self.content[:120]!r} … ({len(self.content)} bytes)"


@st.composite
def of_bytes(draw, content: bytes) -> tuple[str, bytes]:
    """Flip, cut, insert, drop, repeat, exchange, encode otherwise: (what was done, the bytes)."""
    at = st.integers(0, max(len(content) - 1, 0))
    kinds = [
        "flip",
        "cut",
        "behead",
        "insert",
        "overwrite",
        "drop",
        "repeat",
        "swap",
        "encode",
        "ends",
        "whole",
        "noise",
    ]
    kind = draw(st.sampled_from(kinds[0 if content else 3 :]))
    a, b = sorted((draw(at), draw(at)))
    if kind == "flip":
        return kind, content[:a] + bytes([content[a] ^ 1 << draw(st.integers(0, 7))]) + content[a + 1 :]
    if kind == "cut":
        return kind, content[:a]
    if kind == "behead":
        return kind, content[a:]
    if kind in ("insert", "overwrite"):
        junk = draw(st.sampled_from(JUNK))
        return kind, content[:a] + junk + content[a + len(junk) * (kind == "overwrite") :]
    if kind == "drop":
        return kind, content[:a] + content[min(b, a + draw(st.integers(1, 200))) :]
    if kind == "repeat":
        return kind, content[:b] + content[a:]
    if kind == "swap":
        c = draw(st.integers(b, len(content)))
        return kind, content[:a] + content[b:c] + content[a:b] + content[c:]
    if kind == "encode":
        text = content.decode("utf-8", "replace")
        how = draw(st.sampled_from(["utf-16", "utf-16-le", "utf-32", "utf-7", "utf-8-sig", "cp500"]))
        return kind, text.encode(how, "replace")
    if kind == "ends":
        return kind, content.replace(b"\n", draw(st.sampled_from([b"\r\n", b"\r", b"\n\r", b"\n\n", b"", b"\xc2\x85"])))
    if kind == "whole":
        whole = (b"", b"\n", b" ", b"\0" * 64, b"\xef\xbb\xbf", content * 2, content + b"\0", b"\n" + content, b'"')
        return kind, draw(st.sampled_from(whole))
    return kind, draw(st.binary(max_size=64)) + content[a:]


@st.composite
def of_lines(draw, content: bytes) -> tuple[str, bytes]:
    """Drop, repeat, exchange, reverse, cut or blank lines; the header line too."""
    lines = content.split(b"\n")
    line = st.integers(0, len(lines) - 1)
    kind = draw(st.sampled_from(["drop", "repeat", "swap", "reverse", "cut", "blank", "move", "join"]))
    a, b = sorted((draw(line), draw(line)))
    if kind == "drop":
        lines[a : a + draw(st.integers(1, 5))] = []
    elif kind == "repeat":
        lines[b:b] = [lines[a]]
    elif kind == "swap":
        lines[a], lines[b] = lines[b], lines[a]
    elif kind == "reverse":
        lines[a : b + 1] = lines[a : b + 1][::-1]
    elif kind == "cut":
        lines[a] = lines[a][: draw(st.integers(0, max(len(lines[a]) - 1, 0)))]
    elif kind == "blank":
        lines[a] = draw(st.sampled_from([b"", b" ", b",", b",,,,,,,", b"\t"]))
    elif kind == "move":
        lines.insert(b, lines.pop(a))
    else:
        lines[a : a + 2] = [b"".join(lines[a : a + 2])]
    return f"lines: {kind}", b"\n".join(lines)


@st.composite
def of_cells(draw, content: bytes) -> tuple[str, bytes]:
    """Another value in a cell; columns dropped, repeated, exchanged, renamed; another separator, quotation marks."""
    mark = "|" if b"|" in content.partition(b"\n")[0] else ","
    rows = [line.split(mark) for line in content.decode("utf-8").split("\n")]
    width = max(len(rows[0]), 1)
    column = st.integers(0, width - 1)
    kind = draw(
        st.sampled_from(
            ["nonsense"] * 4 + ["odd"] * 4 + ["drop", "repeat", "swap", "rename", "separator", "quote", "other"]
        )
    )
    a, b = draw(column), draw(column)
    if kind in ("nonsense", "odd", "quote", "other"):
        line = draw(st.integers(0, len(rows) - 1))
        row = rows[line]
        place = min(a, len(row) - 1)
        if kind == "quote":
            row[place] = draw(st.sampled_from(['"{}"', '"{}', '{}"', "'{}'", '""{}""'])).format(row[place])
        elif kind == "other":
            row[place] = draw(st.sampled_from(rows[draw(st.integers(0, len(rows) - 1))]))
        else:
            row[place] = draw(st.sampled_from(NONSENSE if kind == "nonsense" else ODD))
            kind += f" in {rows[0][min(place, width - 1)]}" if line else " in a header"
    elif kind == "rename":
        names = ["", "x", rows[0][b], f" {rows[0][a]}", rows[0][a].upper(), rows[0][a].lower(), f"{rows[0][a]} "]
        rows[0][a] = draw(st.sampled_from(names))
    elif kind == "separator":
        return f"cells: {kind}", content.replace(mark.encode(), draw(st.sampled_from([b";", b"\t", b"|", b", ", b" "])))
    else:
        for row in rows:
            if max(a, b) < len(row):
                if kind == "drop":
                    del row[a]
                elif kind == "repeat":
                    row.insert(b, row[a])
                else:
                    row[a], row[b] = row[b], row[a]
    return f"cells: {kind}", "\n".join(map(mark.join, rows)).encode("utf-8")


@st.composite
def mutated(draw, content: bytes, name: str) -> Mutation:
    """One or two mutations of a file, of a packed one also of what is in it."""
    if name.endswith(".tar.gz") and draw(st.booleans()):
        members = _untar(content)
        chosen = draw(st.sampled_from(sorted(members)))
        what, members[chosen] = draw(mutated(members[chosen], chosen))
        return Mutation(what, _tar(members))
    if name.endswith(".gz") and not name.endswith(".tar.gz") and draw(st.booleans()):
        what, inner = draw(mutated(gzip.decompress(content), name.removesuffix(".gz")))
        return Mutation(what, gzip.compress(inner, mtime=0))
    said = []
    for _ in range(draw(st.sampled_from([1, 1, 1, 2]))):
        ways = [of_bytes(content)]
        if content and _is_text(content):
            ways += [of_lines(content), of_cells(content), of_cells(content)]
        what, content = draw(st.one_of(ways))
        said.append(what)
    return Mutation(said, content)


def _is_text(content: bytes) -> bool:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _untar(content: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar if member.isfile()}


def _tar(members: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()
