"""What ``make torture`` runs, in steps of a few minutes, and the table that is made of it."""

from collections import Counter
from typing import NamedTuple

from fairlib.results import SOURCES, source_hash

PARTS = ("readers",)
COLUMNS = ("part", "case", "what", "count")
#: Broken files a reader, and in one step.
FILES, AT_ONCE = 10_000, 500
#: Readers, and how the names of their own modules begin.
READERS = {
    "mimic": ("mimic", "benchmark"),
    "mimic_raw": ("mimic", "benchmark"),
    "mesa": ("mesa",),
    "globem": ("globem",),
    "challenge2012": ("challenge2012",),
    "table": ("table",),
}
COMMON = ("cohort", "cards", "plain_yaml", "windows")
COMMON += tuple(f"readers/{name}" for name in ("files", "counts", "splits", "units", "recognise"))


class Step(NamedTuple):
    part: str
    case: str
    name: str
    command: tuple[str, ...]
    code: str


def all_steps() -> list[Step]:
    return [step for part in PARTS for step in globals()[f"_{part}"]()]


def _readers() -> list[Step]:
    made = []
    for reader, own in READERS.items():
        modules = [name for name in SOURCES if name.startswith(tuple(f"readers/{begin}" for begin in own))]
        code = source_hash(*sorted(modules), *COMMON)
        for start in range(FILES // AT_ONCE):
            command = ("tests.torture.fuzz", reader, str(AT_ONCE), str(start))
            made.append(Step("readers", reader, f"{reader}-{start}", command, code))
    return made


def rows(part: str, found: list[tuple[Step, dict]]) -> list[tuple[str, str, str, int]]:
    """Rows of the table: the counts of a part's steps, added up for each case."""
    counts: dict[str, Counter] = {}
    for step, one in found:
        if step.part == part:
            counts.setdefault(step.case, Counter()).update(one["answers"])
    return [(part, case, what, number) for case, one in counts.items() for what, number in sorted(one.items())]
