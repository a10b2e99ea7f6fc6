"""``python -m fairlib check FOLDER``: what is there, what is left out, and what a study of it could find, in words.

The smallest detectable disparity of a segment: the error rate at which it would differ from the reference segment's
with 80 % power in a two-sided test at 5 %, given the people of both in the test split. Closed form for two independent
proportions by Cohen's h = 2 asin √p₁ − 2 asin √p₂ (Cohen 1988, chapter 6; statsmodels' ``NormalIndPower``). People are
counted, not windows: windows of one person are not independent, so this is on the safe side.
"""

import shlex
from pathlib import Path

import numpy as np
import pandas as pd
from statsmodels.stats.power import NormalIndPower

from .. import cards, disclosure, readers
from ..cohort import Cohort, CohortError
from ..measures import attrition, describe, group_sizes
from ..measures.attrition import counted
from ..readers import inventory
from ..readers import table as own_data
from ..readers.recognise import OWN, known, looks_like, wanted
from ..text import count, number
from . import expected
from .parameters import Parameters
from .profiles import PROFILES
from .sources import ENOUGH, crossfits, refuse_too_few

POWER, ALPHA = 0.8, 0.05
#: Assumed error rate of the reference segment.
ERROR_RATE = 0.2
#: Columns of sizes, and what they are called.
SIZES = {"windows": "windows", "people": "people", "events": "positive"}
WITHHELD = "withheld (few people or events here, or in a part that could be computed from this one)"


def check(folder: Path | str, dataset: str | None = None, error_rate: float = ERROR_RATE) -> tuple[str, bool]:
    """A report in plain words on the data in ``folder``, and whether the study can run on it.

    ``dataset``: an official name or "table"; None: guessed from the names of the files.
    """
    folder = Path(folder)
    if not folder.is_dir():
        return f"{folder} is not a folder. The study cannot run.", False
    tables = any(path.stem.lower() in own_data.KEYS for path in folder.iterdir())
    found = looks_like(folder) or (
        OWN if tables else None
    )  # of tables without a card, the reader says that it is missing
    name = dataset or found
    if name is None:
        layouts = "\n".join(f"  {title}: {wanted(files)}" for title, files in known().values())
        return f"{folder}: no layout that the study knows. It reads:\n{layouts}\nThe study cannot run.", False
    lines = [f"{folder}: this looks like {known()[found][0]}." if found else f"{folder}: read as {name}."]
    lines += ["", "What is there", *_files(folder), *_needed(folder, name)]
    try:
        cohort = readers.own(folder) if name == OWN else readers.read(name, folder)
    except (CohortError, cards.CardError) as error:
        return "\n".join([*lines, "", f"What is wrong\n  {error}", "", "The study cannot run."]), False
    card, tables = cohort.card, describe.cohort_tables(cohort)
    lines += _who(cohort, card, tables)
    lines += ["", *_beside_card(cohort, card, tables["sizes"])]
    lines += ["", "The four requirements"]
    lines += [f"  {row.requirement}: {row.holds}. {row.evidence}" for row in cards.requirements(card).itertuples()]
    found = power(cohort, error_rate)
    lines += ["", *_power_lines(found, error_rate)]
    if not (cohort.attributes.iloc[cohort.rows("test")].nunique() > 1).any():
        reason = "in no attribute are there people of two segments in the test split, so there is nothing to compare"
        return "\n".join([*lines, "", f"The study cannot run: {reason}."]), False
    dataset = cohort.dataset if cohort.dataset in cards.all() else OWN
    source = f"./{folder}" if str(folder) in ("twin", "frozen") else str(folder)  # those words alone name no folder
    crossfitted = crossfits(Parameters(dataset=dataset, source=source), cohort)
    try:
        refuse_too_few(cohort, crossfitted)
    except CohortError as error:
        return "\n".join([*lines, "", f"The study cannot run: {error}."]), False
    lines += ["", *_tested(cohort, crossfitted, tables["sizes"].set_index("split")["people"], found)]
    lines += ["", expected.HEAD]
    for name in ("quick", "paper"):
        cost = expected.sentence(len(cohort), cohort.x.shape[1:], crossfitted, PROFILES[name])
        lines.append(f"  profile {name}, each recipe as {cost}")
    lines += ["", f"The study can run: dataset={cohort.dataset}, source={folder}."]
    return "\n".join([*lines, f"  make book DATASET={dataset} SOURCE={shlex.quote(source)}"]), True


def power(cohort: Cohort, error_rate: float = ERROR_RATE) -> pd.DataFrame:
    """Smallest detectable disparity of each segment against its reference, by people of the test split.

    Columns: attribute, segment, people, detectable (error rate of the segment), difference, ratio, note. NaN where no
    error rate up to 100 % could be told apart; withheld where the card's access says so. Only people are counted here,
    so that only few people are a reason to withhold: outcomes are not told.
    """
    card, rows = cohort.card, cohort.rows("test")
    frame = cohort.attributes.iloc[rows].assign(person=cohort.person[rows])
    records = []
    for attribute, facts in card.attributes.items():
        for segment, part in group_sizes.parts(frame, attribute, facts.segments):
            records.append({"attribute": attribute, "segment": segment, "people": part["person"].nunique()})
    table, any_outcome, rule = pd.DataFrame(records), "any outcome", describe.access(cohort)
    table[any_outcome] = table["people"]
    table = disclosure.suppress(table, rule, card.min_cell, "people", any_outcome, any_outcome, values=[])
    table = table[table["segment"] != cards.UNKNOWN].drop(columns=any_outcome).reset_index(drop=True)
    privileged = table["segment"] == table["attribute"].map({a: f.privileged for a, f in card.attributes.items()})
    reference = table["attribute"].map(table[privileged].set_index("attribute")["people"])
    judged = ~privileged & (table["people"] > 0) & (reference > 0)
    table.loc[privileged, "note"] = "reference"
    pairs = zip(table["people"], reference, judged, strict=True)
    worse = pd.Series([detectable_rate(n, of, error_rate) if known else np.nan for n, of, known in pairs])
    return table.assign(detectable=worse, difference=worse - error_rate, ratio=worse / error_rate)


def detectable_rate(people: float, reference: float, error_rate: float = ERROR_RATE) -> float:
    """Smallest higher error rate that is told apart from ``error_rate``; NaN where not even 100 % would be.

    >>> round(detectable_rate(392, 392, 0.2), 2)
    0.29
    """
    h = NormalIndPower().solve_power(nobs1=people, ratio=reference / people, alpha=ALPHA, power=POWER)
    angle = np.arcsin(np.sqrt(error_rate)) + h / 2
    return float(np.sin(angle) ** 2) if angle <= np.pi / 2 else float("nan")


def _files(folder: Path) -> list[str]:
    """Names and sizes of what lies in the folder; a folder with the number of its entries."""
    entries = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    lines = [f"  {path.name}: {_size(path)}" for path in entries[:20]]
    return [*lines, f"  and {len(entries) - 20} more"] if len(entries) > 20 else lines


def _needed(folder: Path, dataset: str) -> list[str]:
    """The files that the data card of an official dataset names; a table of one's own is judged by its reader."""
    card = cards.all().get(dataset)
    if not card or not card.obtain:
        return []
    lines = inventory.lines(folder, card.obtain.files)
    return ["", "What the study needs of it", *(f"  {line}" for line in lines)]


def _beside_card(cohort: Cohort, card: cards.Card, sizes: pd.DataFrame) -> list[str]:
    """Totals beside those of the card. Splits are left out: they differ between the study and the benchmarks."""
    here = sizes[sizes["split"] == "all"].iloc[0]
    positive = next((value for name, value in card.expected.items() if name.startswith("total ")), None)
    full = {"windows": card.expected.get("total"), "people": card.people, "events": positive}
    lines = ["Beside the data card"]
    for name, whole in full.items():
        word = "positive windows" if name == "events" else name
        if whole and cohort.origin == "real" and attrition.nearly(here[name], whole, card.min_cell):
            lines.append(f"  {word}: {_number(here[name])}, nearly as many as the card says")
        elif whole:
            share = f"{100 * here[name] / whole:.0f} %" if here[name] >= whole / 100 else "under 1 %"
            lines.append(f"  {word}: {_number(here[name])} of {whole:,} ({share})")
    if cohort.origin == "twin":
        lines.append("  These files are synthetic: their number was chosen, and nobody in them is real.")
    return lines


def _tested(cohort: Cohort, crossfitted: bool, people: pd.Series, table: pd.DataFrame) -> list[str]:
    """Whether people are cross-fitted, and what that buys; people: of each split and "all", NaN where withheld."""
    lines = ["How it will be tested"]
    if not crossfitted:
        why = f"the test split holds {ENOUGH} people or more with a positive window, and as many without"
        why = "a twin keeps it unless folds are asked for" if cohort.origin == "twin" else why
        why = "the files are scaled by its training people" if cohort.measured is None else why
        return [*lines, f"  by the split of the data, without cross-fitting: {why}"]
    folds = PROFILES["paper"].folds
    lines.append(
        f"  cross-fitted: people are dealt to {folds} folds, and each is tested by models trained on the others"
    )
    if people[["test", "all"]].isna().any():
        return [*lines, "  everyone is tested, instead of the test split alone"]
    share, found = np.sqrt(people["test"] / people["all"]), table.dropna(subset="difference")
    tested = f"{count(people['all'])} people are tested instead of {count(people['test'])}"
    lines.append(f"  {tested}, so what can be found shrinks by √n to {100 * share:.0f} %")
    for row in found.nsmallest(1, "difference").itertuples():
        points = f"{100 * row.difference:.1f} → {100 * share * row.difference:.1f} points"
        lines.append(f"  the smallest detectable difference, {row.attribute} {row.segment}: {points}")
    return lines


def _size(path: Path) -> str:
    if path.is_dir():
        return f"{len(list(path.iterdir())):,} entries"
    size = path.lstat().st_size  # of a link itself, which may lead nowhere
    return f"{size:,} bytes" if size < 10_000 else f"{size / 1e3:,.0f} kB" if size < 1e7 else f"{size / 1e6:,.0f} MB"


def _who(cohort: Cohort, card: cards.Card, tables: dict[str, pd.DataFrame]) -> list[str]:
    """Sizes, segments and attrition under the card's privacy rule."""
    rule, smallest = describe.access(cohort), card.min_cell
    steps, channels = cohort.x.shape[1:]
    privacy = "" if rule == "synthetic" else f" (counts under {smallest} are withheld)"
    lines = ["", "What was read", f"  {card.title}; access: {card.access}{privacy}"]
    lines += [f"  windows of {steps} steps × {channels} channels; {card.task.question}"]
    for row in tables["sizes"].to_dict("records"):
        parts = (f"{count(row[name])} {word}" for name, word in SIZES.items())
        lines.append(f"  {row['split']}: {WITHHELD if pd.isna(row['people']) else ', '.join(parts)}")
    lines += ["", "What was kept and left out"]
    for row in tables["attrition"].to_dict("records"):
        lines.append(f"  {row['step']}: {_left_out(row, smallest)}")
    lines += ["", "Who is in it"]
    segments = tables["segments"]
    for attribute, part in segments[segments["split"] == "all"].groupby("attribute", sort=False):
        sizes = (f"{segment} {_number(n)}" for segment, n in zip(part["segment"], part["people"], strict=True))
        lines.append(f"  people by {attribute}: {', '.join(sizes)}")
    return lines


def _left_out(row: dict, smallest: int) -> str:
    """How many, and why; "none" where a step found nothing to leave out."""
    found = [f"{counted(row, name, smallest)} {name}" for name in ("windows", "people") if row[name] != 0]
    if not found and row["note"].startswith(("left out", "kept, ")):
        return "none"
    return "; ".join([", ".join(found)] * bool(found) + [row["note"]])


def _number(value: float) -> str:
    """A count, or that it is withheld: it may be large, and next to a small one that could be computed from it."""
    return "withheld" if pd.isna(value) else count(value)


def _power_lines(table: pd.DataFrame, error_rate: float) -> list[str]:
    assumed = f"If the reference segment's error rate is {100 * error_rate:.0f} %, with {100 * POWER:.0f} % power"
    lines = ["How small a disparity this data could show"]
    lines += [f"  {assumed} at {100 * ALPHA:.0f} %, by people in the test split:"]
    for row in table.itertuples():
        people = "" if pd.isna(row.people) else f" ({count(row.people)} people)"
        if row.note == "reference":
            found = "the reference"
        elif pd.isna(row.people):
            found = row.note
        elif row.people == 0:
            found = "nobody here, so it cannot be judged"
        elif np.isnan(row.detectable):
            found = "no disparity could be shown with so few people, here or in the reference"
        else:
            beyond = f"difference {100 * row.difference:.1f} points, ratio {number(row.ratio, 2)}"
            found = f"an error rate of {100 * row.detectable:.1f} % or more ({beyond})"
        lines.append(f"  {row.attribute} {row.segment}{people}: {found}")
    return lines
