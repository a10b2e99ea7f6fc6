"""The book's page of faults and answers, made from what the readers really say.

``python -m tests.readers.fault_page`` writes ``book/faults.md``; a test compares the page with the answers.
"""

import re
import tempfile
import textwrap
from pathlib import Path

from tests.readers.faults import challenge2012, challenge2019, globem, mesa, mimic, mimic_raw, table, yaib
from tests.readers.faults.answers import Fault, Found, Table, Trial

PAGE = Path(__file__).parents[2] / "book" / "faults.md"
#: In the page's order.
TABLES: dict[str, Table] = {
    module.__name__.rpartition(".")[2]: module.TABLE
    for module in (mimic, mimic_raw, mesa, globem, challenge2012, challenge2019, table, yaib)
}
#: What differs between versions of libraries or packing programs, and what stands on the page for it.
ABBREVIATED = (
    (r"(damaged(?: after \d+(?: of \d+)? records)?|UTF-8 text) \(.*\)(?=;)", r"\1 (…)"),
    (r"(no readable table:) .*(?=; (?:copy|export))", r"\1 …"),
    (r"after \d+( of| records)", r"after N\1"),
    (r"byte \d+ ", "byte N "),
)
HEAD = """\
# What the readers check

:::{admonition} Data on this page
:class: fairlib-origin
Synthetic: every fault was made on purpose, in small made-up folders. Nobody in them is real.
:::

:::{admonition} Before you read
:class: fairlib-opening
**You will learn** what a reader answers to each fault of a file, in its own words.

**You need** a folder to check, and the name of its dataset.
:::

A reader answers a fault in one of three ways. It **refuses** the folder, with a sentence that names the file, the
place, what was found, and what to do. Or it **accepts** the fault, because what is meant is clear. Or it goes on and
**counts** what it kept or left out, in the table *What was read, kept and left out* of the
[first notebook](stages/1_dataset_requirements.md). Nothing is dropped in silence.

Ask before you train: `python -m fairlib check FOLDER` reads the folder and prints both, the error or the counts.

The answers below are the readers' own words. `DIR` is your folder, `N` a number, and … stands for the words of a
library. A test breaks a small folder in each of these ways and compares the answer with this page.

(faults-counts)=
## Counts beside the card

Each reader compares what it found with the [data card](stages/1_dataset_requirements.md): “you have 3,199 stays and
370 deaths, the card says 3,236 stays and 374 deaths”. Look at these rows first. They are the only sign of a plain file
that was cut off at the end of a line, or of a table of which somebody took a part.

(faults-units)=
## Units

A number does not tell its unit. So the readers of hospital data compare measured values with a wide usual range of each
variable, such as 25 to 45 °C. Values outside are kept, as in the official pipelines, and counted. Where more than half
of a variable's values are outside, and would be usual in another unit, the reader stops: nobody guesses. Some units
cannot be told apart this way. A weight of 120 may be kilograms or pounds, and a wrist's count of movement is a count of
whatever the device counts.
"""


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")
    print(f"{PAGE} is written")


def page() -> str:
    """The page, from fresh answers."""
    with tempfile.TemporaryDirectory() as scratch:
        return HEAD + "".join(section(name, Trial(TABLES[name], Path(scratch) / name)) for name in TABLES)


def section(name: str, trial: Trial) -> str:
    """A reader's part of the page."""
    answers = [(fault, trial.answer(fault.breaks, fault.answer)) for fault in trial.table.all()]
    rows = "".join(f"| {fault.words} | {answered(fault, found)} |\n" for fault, found in answers)
    about = textwrap.fill(trial.table.about, 120)
    heading = f"\n(faults-{name.replace('_', '-')})=\n## {trial.table.title}\n\n{about}\n"
    return f"{heading}\n| fault | answer |\n| --- | --- |\n{rows}"


def answered(fault: Fault, found: Found) -> str:
    """A cell of the page: what the reader did, and its words."""
    if found.how == "accepted":
        return f"accepted: {found.text}"
    if found.how == "counted":
        return f"counted: {code(fault.answer.step)}, {code(abbreviated(found.text))}"
    return f"{found.how}: {code(abbreviated(found.text))}"


def abbreviated(message: str) -> str:
    """A message without what differs from machine to machine."""
    for pattern, instead in ABBREVIATED:
        message = re.sub(pattern, instead, message)
    return message


def code(text: str) -> str:
    """Text as Markdown code in a cell of a table, where | and ` have a meaning."""
    text = text.replace("|", "\\|")
    return f"`` {text} ``" if "`" in text else f"`{text}`"


if __name__ == "__main__":
    main()
