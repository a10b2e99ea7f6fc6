"""How to get a dataset, from its data card: for the pages "Get the real data"."""

import pandas as pd

from fairlib.cards import DataFile, Obtaining
from fairlib.report.columns import Column, typed


def facts(obtain: Obtaining, licence: str) -> pd.DataFrame:
    """Whom to ask, how long it takes, what it costs, what may be published."""
    rows = {
        "whom to ask": obtain.ask,
        "how long it takes": obtain.takes,
        "what it costs": obtain.costs,
        "licence": licence,
        "what you agree to": obtain.agreement,
        "what you may publish": obtain.publish,
        "how large it is": obtain.size,
        "as of": obtain.as_of,
    }
    frame = pd.DataFrame({"question": rows.keys(), "answer": rows.values()})
    return typed(frame, ["question"], answer=Column(form="link"))


def steps(obtain: Obtaining) -> pd.DataFrame:
    """What to do, in order."""
    frame = pd.DataFrame({"step": range(1, len(obtain.steps) + 1), "what": obtain.steps})
    return typed(frame, step=Column(form="count"), what=Column("what to do", "link"))


def sources(obtain: Obtaining) -> pd.DataFrame:
    """Who said so, and when."""
    return typed(pd.DataFrame({"source": obtain.sources}), source=Column(form="link"))


def files(obtain: Obtaining) -> pd.DataFrame:
    """Each file, what is in it and whether the study needs it; with several ways to have the data, for which way."""
    needed = [("yes" if file.needed else "optional") + f", for {file.way}" * bool(file.way) for file in obtain.files]
    frame = pd.DataFrame({name: [getattr(file, name) for file in obtain.files] for name in ("path", "holds")})
    shown = {"path": Column("file", "file"), "holds": Column("what is in it"), "needed": Column()}
    return typed(frame.assign(needed=needed), **shown)


def tree(obtain: Obtaining, folder: str = "DIR") -> str:
    """The folder as text, once for each way to have the data; optional files in brackets.

    >>> way = dict(holds="", way="the raw tables")
    >>> some = [DataFile(path="a/b.csv", holds=""), DataFile(path="c.csv", needed=False, **way)]
    >>> print(tree(Obtaining.model_construct(files=some)))
    With the raw tables:
    DIR
    ├── a/
    │   └── b.csv
    └── [c.csv]
    """
    ways = list(dict.fromkeys(file.way for file in obtain.files if file.way)) or [""]
    parts = []
    for way in ways:
        lines = [f"With {way}:"] if way else []
        parts.append("\n".join([*lines, folder, *_branches([f for f in obtain.files if f.way in ("", way)])]))
    return "\n\n".join(parts)


def _branches(files: list[DataFile]) -> list[str]:
    nested: dict = {}
    for file in files:
        *folders, name = file.path.strip("/").split("/")
        place = nested
        for part in folders:
            place = place.setdefault(f"{part}/", {})
        name += "/" * file.path.endswith("/")
        place[name if file.needed else f"[{name}]"] = {}
    return _draw(nested)


def _draw(nested: dict, before: str = "") -> list[str]:
    lines = []
    for number, (name, inside) in enumerate(nested.items(), start=1):
        last = number == len(nested)
        lines.append(before + ("└── " if last else "├── ") + name)
        lines += _draw(inside, before + ("    " if last else "│   "))
    return lines
