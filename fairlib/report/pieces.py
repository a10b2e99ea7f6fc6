"""A piece of a page: what the shower made, and the mark by which the gate knows it.

The mark holds a digest of what is shown, so that what was changed since, or made by anything else, has no valid one. It
is no secret: who computes it on purpose can forge it. Against that nothing here guards.
"""

import json
from collections.abc import Mapping
from hashlib import sha256

#: Where the mark stands in the metadata of an output.
MARK = "fairlib"
#: Before the types of what is kept for other pages (myst-nb's glue).
GLUED = "application/papermill.record/"


class Piece(str):
    """HTML that the shower made.

    Attributes
    ----------
    kind: such as "table". access: the privacy rule of the data behind it.
    smallest: the smallest group whose size it shows; None where it shows none.
    """

    kind: str
    access: str
    smallest: int | None

    @classmethod
    def made(cls, html: str, kind: str, access: str = "", smallest: int | None = None) -> "Piece":
        piece = cls(html)
        piece.kind, piece.access, piece.smallest = kind, access, smallest
        return piece


def mark(data: Mapping[str, str], kind: str, access: str = "", smallest: int | None = None) -> dict[str, dict]:
    """The metadata of an output with these contents by type, made by the shower."""
    return {MARK: {"kind": kind, "access": access, "smallest": smallest, "digest": _digest(data)}}


def marked(output: Mapping) -> bool:
    """Whether an output of a notebook is as the shower made it."""
    mark = output.get("metadata", {}).get(MARK, {})
    return output["output_type"] == "display_data" and mark.get("digest") == _digest(output["data"])


def joined(text: str | list | dict) -> str:
    """What a notebook stores as text, whole or line by line; other contents as far as they are text."""
    return text if isinstance(text, str) else "".join(map(str, text)) if isinstance(text, list) else json.dumps(text)


def _digest(data: Mapping[str, str | list[str]]) -> str:
    return sha256(json.dumps({kind: joined(data[kind]) for kind in sorted(data)}).encode()).hexdigest()
