"""What ``make torture`` runs, in steps of a few minutes, and the table that is made of it."""

from pathlib import Path
from typing import NamedTuple

from book.quality.torture import PARTS as PARTS
from fairlib.study.results import closure_hash, code_hash

TABLE = Path(__file__).parents[2] / "book" / "quality" / "torture.csv"
COLUMNS = ("part", "case", "what", "value", "code")
#: Broken files a reader, and in one step.
FILES, AT_ONCE = 10_000, 500
READERS = ("mimic", "mimic_raw", "mesa", "globem", "challenge2012", "challenge2019", "table", "yaib")

#: The other parts: what they are about, the function in ``runs``, and how often it runs.
RUNS = {
    "kills": ("a study of the Challenge 2012 twin", "killed", 4),
    "damage": ("results of that study", "damaged", 1),
    "disk": ("a results folder on a small disk", "full", 1),
    "workflow": ("Snakemake, the smoke study of GLOBEM", "workflow", 2),
    "repeated": ("the study of the Challenge 2012 twin, two training runs", "repeated", 1),
    "offline": ("the book, every page in Chromium", "offline", 1),
}
#: Added up over the runs of a part; of other answers the largest or smallest is kept, as their name says.
EXTREME = {"fewest": min, "most": max}


class Step(NamedTuple):
    """A process. part and case: rows of the table that it adds to. code: hash of what it tests."""

    part: str
    case: str
    name: str
    command: tuple[str, ...]
    code: str


def all_steps() -> list[Step]:
    """In the order of the table."""
    code = code_hash("fairlib")
    made = _readers()
    for part, (case, function, times) in RUNS.items():
        for i in range(times):
            made.append(Step(part, case, f"{part}-{i}", ("tests.torture.runs", function, str(i)), code))
    return made


def _readers() -> list[Step]:
    made = []
    for reader in READERS:
        code = closure_hash(f"fairlib.readers.{reader}")
        for start in range(FILES // AT_ONCE):
            command = ("tests.torture.fuzz", reader, str(AT_ONCE), str(start))
            made.append(Step("readers", reader, f"{reader}-{start}", command, code))
    return made


def rows(found: list[tuple[Step, dict]]) -> list[tuple[str, str, str, float, str]]:
    """Rows of the table: the answers of the steps of a case, put together."""
    table: dict[tuple[str, str, str, str], float] = {}
    for step, one in found:
        for what, value in one["answers"].items():
            key = (step.part, step.case, what, step.code[:8])
            put = EXTREME.get(what.rpartition(" ")[2], lambda a, b: a + b)
            table[key] = put(table[key], value) if key in table else value
    return [(part, case, what, value, code) for (part, case, what, code), value in table.items()]
