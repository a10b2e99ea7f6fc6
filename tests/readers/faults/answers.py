"""A fault in a small folder, the answer that a reader must give, and the answer that it gives.

Each module beside this one has the faults of one reader, as ``TABLE``. ``test_fault_tables`` runs them all, and
``fault_page`` writes what came out into the book.
"""

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from fairlib.cards import CardError
from fairlib.cohort import Cohort, CohortError

#: Every kind has a row in every reader's table.
KINDS = (
    "missing file",
    "missing column",
    "wrong header case",
    "duplicate keys",
    "overlapping participants",
    "times out of order",
    "times outside the stay",
    "unknown category",
    "non-numeric text",
    "empty segment",
    "mixed units",
    "gz cut in half",
    "folder of the wrong dataset",
    "0-byte file",
    "non-UTF-8 text",
    "counts of the card",
    "anything else",
)


class Answer(NamedTuple):
    """``how``: "refused", "counted" or "accepted".

    words: what the message, or the attrition row's note, must say; of what is accepted, what the page says. step: name
    of the attrition row; windows, people: its numbers, None for any.
    """

    how: str
    words: tuple[str, ...] = ()
    step: str = ""
    windows: int | None = None
    people: int | None = None


def refused(*words: str) -> Answer:
    """The reader stops, with a message of these words."""
    return Answer("refused", words)


def counted(step: str, *words: str, windows: int | None = None, people: int | None = None) -> Answer:
    """The reader goes on, and says so in this row of the attrition table."""
    return Answer("counted", words, step, windows, people)


def accepted(*words: str) -> Answer:
    """The reader makes the same windows as without the fault."""
    return Answer("accepted", words)


class Fault(NamedTuple):
    """words: on the page. breaks: does it to a folder. answer: what must come.

    more: other forms of the fault, tested but not on the page.
    """

    words: str
    breaks: Callable[[Path], object]
    answer: Answer
    more: tuple[tuple[Callable[[Path], object], Answer], ...] = ()

    def forms(self) -> list[tuple[Callable[[Path], object], Answer]]:
        return [(self.breaks, self.answer), *self.more]


@dataclass(frozen=True)
class Table:
    """The faults of one reader: heading, a sentence on the files, how to write a good folder, and how to read one."""

    title: str
    about: str
    write: Callable[[Path], object]
    read: Callable[[Path], Cohort]
    faults: dict[str, list[Fault]] = field(default_factory=dict)

    def of_kind(self, kind: str) -> Callable[..., None]:
        """A function that adds a fault of this kind: words, breaks, answer, then other forms (breaks, answer)."""

        def add(words: str, breaks: Callable[[Path], object], answer: Answer, *more) -> None:
            self.faults.setdefault(kind, []).append(Fault(words, breaks, answer, more))

        return add

    def all(self) -> list[Fault]:
        """The faults in the order of ``KINDS``."""
        return [fault for kind in KINDS for fault in self.faults.get(kind, ())]


class Found(NamedTuple):
    """What a reader said of a folder: ``how`` as in ``Answer``, and the message or the note."""

    how: str
    text: str
    windows: int = 0
    people: int = 0


class Trial:
    """A good folder of one reader, copied and broken for each fault; paths in messages are shortened."""

    def __init__(self, table: Table, scratch: Path):
        self.table, self.good, self.scratch = table, scratch / "good", scratch
        scratch.mkdir(parents=True, exist_ok=True)
        table.write(self.good)
        self.cohort, self._found = table.read(self.good), {}

    def answer(self, breaks: Callable[[Path], object], expected: Answer) -> Found:
        """The reader's answer to the broken folder; ``expected`` only says which row of the attrition table counts."""
        key = breaks, expected
        if key not in self._found:
            self._found[key] = self._try(breaks, expected)
        return self._found[key]

    def _try(self, breaks: Callable[[Path], object], expected: Answer) -> Found:
        with tempfile.TemporaryDirectory(dir=self.scratch) as place:
            folder = Path(place) / "data"
            shutil.copytree(self.good, folder, symlinks=True)
            breaks(folder)
            try:
                cohort = self.table.read(folder)
            except (CohortError, CardError) as error:
                return Found("refused", short(str(error), folder))
        rows = cohort.attrition[cohort.attrition["step"] == expected.step].to_dict("records")
        if rows:
            return Found("counted", short(rows[0]["note"], folder), int(rows[0]["windows"]), int(rows[0]["people"]))
        same = cohort.fingerprint() == self.cohort.fingerprint()
        return Found("accepted" if same else "read otherwise, and nothing said", " ".join(expected.words))


def short(message: str, folder: Path) -> str:
    """A message without the folder's own path; what lies beside the folder begins with ``DIR/..``."""
    for path, name in ((f"{folder}/", ""), (str(folder), "DIR"), (str(folder.parent), "DIR/..")):
        message = message.replace(path, name)
    return message
