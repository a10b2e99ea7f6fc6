"""MESA Sleep, asleep or awake: NSRR's official files → ``Cohort`` of one lazy window a half minute of polysomnography.

Layout: ``actigraphy/mesa-sleep-XXXX.csv``, ``overlap/mesa-actigraphy-psg-overlap.csv``, ``polysomnography/
annotations-events-profusion/mesa-sleep-XXXX-profusion.xml``, ``datasets/mesa-sleep-harmonized-dataset-X.Y.Z.csv``; each
also as .gz. Task 1 of the sleep/wake benchmark (Palotti et al., npj Digit Med 2019;2:50). The twin looks alike.
"""

from collections import Counter
from enum import Enum
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from .. import cards
from ..cohort import SPLITS, Cohort, CohortError
from ..windows import LazyWindows
from . import counts as rows_of
from . import files, recognise
from . import mesa_files as files_of
from .mesa_files import CHANNELS
from .splits import by_person
from .units import Outside

ACTIGRAPHY, STAGES = "actigraphy", "polysomnography/annotations-events-profusion"
OVERLAP = "overlap/mesa-actigraphy-psg-overlap.csv"
HARMONIZED = "mesa-sleep-harmonized-dataset"
NIGHT_FILE, STAGES_FILE = r"mesa-sleep-(\d{4,})\.csv", r"mesa-sleep-(\d{4,})-profusion\.xml"
TIMESTEPS = 101
#: The released windows run t, t-1 to t-50, t+1 to t+50 (finding D2).
RELEASED = (*range(50, -1, -1), *range(51, TIMESTEPS))
#: Beyond the ends of a recording, in both scalings; and where the device recorded no value, by default: the mean of the
#: training participants once standardised, which the padding is not.
PADDING, MISSING = -1.0, 0.0
#: The benchmark leaves longer polysomnographies out (16 hours).
LONGEST = 1920
#: What is kept of one participant: values (k, 5) with NaN where nothing was recorded, and asleep (k,).
Night = tuple[np.ndarray, np.ndarray]


class Step(Enum):
    """Rows of the attrition table, in order: what is counted, and what happens there."""

    NO_ACTIGRAPHY = "no actigraphy", f"left out: a file in {STAGES}, none in {ACTIGRAPHY}"
    FILES = "participants with actigraphy", ""
    NO_STAGES = "no polysomnography", f"left out: no file in {STAGES}"
    NO_OVERLAP = (
        "not in the overlap table",
        "left out: no row in the overlap table, so that stages have no place in time",
    )
    LONG = "polysomnography over 16 hours", f"left out: more than {LONGEST:,} epochs, as in the benchmark"
    SCORED = "polysomnography", "epochs with a stage, of the others"
    JUMPS = "epochs after a jump of the clock", "kept: epochs are placed by their number, as in the benchmark"
    UNMATCHED = "epochs without actigraphy", "left out: the actigraphy has no epoch at that time"
    EXCLUDED = "epochs excluded by the scorer", "left out: interval EXCLUDED; windows reach across the gap"
    NOTHING = "participants without epochs", "left out: no epoch remains"
    SLEEPLESS = "participants without sleep", "left out: no epoch of sleep, as in the benchmark"
    NEGATIVE = "epochs with negative values", "kept: negative counts or light are taken as missing"
    UNSCORED = (
        "epochs without a clear stage",
        "kept: movement or unscored (stage 6 to 9) counts as sleep, as in the benchmark",
    )


def read(path: Path | str, released: bool = False) -> Cohort:
    """Read the folder that holds ``actigraphy``, ``overlap``, ``polysomnography`` and ``datasets``.

    Every channel is standardised with the recorded values of the training participants; a missing value is their mean,
    ``MISSING``. 70 % of the participants train, 15 % are for validation, 15 % for test, in the order of a hash of their
    id.

    ``released``: as the published arrays are made instead. Time runs t, t-1 to t-50, t+1 to t+50. Activity is
    standardised with training and validation participants, after missing became 0; light is as it is, missing is -1
    like the padding; and the first participant of each split has activity in all channels. The split is the
    benchmark's: participants by id, shuffled with numpy's seed 42, the first fifth test, and the others again for
    validation. (The benchmark took them as its directory listed the files, which depends on the machine.)

    Returns windows (n, 101, 5) float32, lazy, one an epoch with a sleep stage, the epoch in their middle (``released``:
    at their beginning); beyond the ends ``PADDING``. ``y`` is 1 for asleep: every stage but 0, as in the benchmark.
    ``person`` is the mesaid; a TWIN.json in ``path`` makes it a twin. Sorted by person and time.
    Raises ``CohortError`` naming file, line, column and value for anything the format does not allow.
    """
    path = Path(path)
    found = _find(path)
    raw, repeated = _read_people(path)
    nights, steps = _read_nights(path, found)
    steps.insert(0, _count_others(path))
    people = sorted(nights)
    ours = by_person(np.array(people), np.ones(len(people)))  # everybody sleeps
    split_of = _split_released(people) if released else dict(zip(people, ours.tolist(), strict=True))
    values, asleep = zip(*(nights.pop(person) for person in people), strict=True)
    lengths = list(map(len, asleep))
    values, asleep = np.concatenate(values), np.concatenate(asleep)
    row_person = np.repeat(people, lengths)
    row_split = np.repeat(np.array([split_of[person] for person in people]), lengths)
    outside = Outside(CHANNELS)
    outside.look(values[:, None])
    steps.append(outside.step(row_person, path))
    light = np.isnan(values[:, 1:]).any(axis=1)
    for name, rows in (("activity", np.isnan(values[:, 0])), ("light", light)):
        persons = len(np.unique(row_person[rows]))
        steps.append((f"epochs without {name}", int(rows.sum()), persons, "kept: off wrist or invalid"))
    note = _scale_released(values, row_split, row_person) if released else _scale(values, row_split == "train")
    order = RELEASED if released else None
    x = LazyWindows.centred(np.split(values, np.cumsum(lengths)[:-1]), TIMESTEPS, PADDING, order)
    raw, card = raw.reindex(people), cards.load("mesa")
    attributes = rows_of.segments(card, raw, lambda name, person: f"{raw['place'][person]}{name}")
    attributes = attributes.iloc[np.repeat(np.arange(len(people)), lengths)].reset_index(drop=True)
    steps.append(("rows that repeat a participant", 0, repeated, f"left out: the same row of {HARMONIZED} again"))
    steps += rows_of.of_attributes(attributes, row_person, card)
    words = {"windows": "windows", "people": "participants", "positive": "asleep"}
    steps += rows_of.of_splits(card, row_split, row_person, asleep, words, {"total": f"; {note}"})
    y = asleep.astype(np.int8)
    return rows_of.cohort(card, [path], steps, x, y, row_person, attributes, row_split, CHANNELS)


def _find(path: Path) -> tuple[dict[int, Path], dict[int, Path], dict[int, int]]:
    """Actigraphy file, stages file, and the line at which the polysomnography starts, of each participant with one."""
    wanted = f"give NSRR's folder of MESA Sleep, which holds {ACTIGRAPHY}, overlap, polysomnography and datasets"
    if not path.is_dir():
        raise CohortError(f"{path} is not a folder; {wanted}")
    for place in (ACTIGRAPHY, STAGES):
        if not (path / place).is_dir():
            files.refuse_other_case(path / place)
            raise CohortError(f"{path} has no folder {place}{recognise.hint(path, 'mesa')}; {wanted}")
    actigraphy = files_of.find(path / ACTIGRAPHY, NIGHT_FILE)
    stages = files_of.find(path / STAGES, STAGES_FILE)
    if not actigraphy:
        raise CohortError(f"{path / ACTIGRAPHY} holds no mesa-sleep-XXXX.csv or .csv.gz; copy the folder from NSRR")
    file = path / OVERLAP
    file = files.only([place for place in (file, file.with_name(f"{file.name}.gz")) if place.exists()])
    if file is None:
        files.refuse_other_case(path / OVERLAP)
        raise CohortError(
            f"{path / OVERLAP} is missing: it says where in the actigraphy the polysomnography starts; {files_of.AGAIN}"
        )
    overlap = files_of.read_table(file, ("mesaid", "line"))
    overlap = overlap.assign(mesaid=files_of.whole(file, overlap, "mesaid"), line=files_of.whole(file, overlap, "line"))
    files.refuse_repeated(file, overlap[["mesaid"]])
    return actigraphy, stages, dict(zip(overlap["mesaid"], overlap["line"], strict=True))


def _count_others(path: Path) -> rows_of.Step:
    """Attrition row: files that look like a night, and are not read since their names are not NSRR's."""
    names = files_of.others(path / ACTIGRAPHY, NIGHT_FILE) + files_of.others(path / STAGES, STAGES_FILE)
    note = f"not read: {len(names)}, such as {names[0].relative_to(path)}; name them as NSRR does" if names else "none"
    return "files under another name", 0, 0, note


def _read_people(path: Path) -> tuple[pd.DataFrame, int]:
    """Raw sex, age and race by mesaid, the place of each row in words, and the number of rows that repeat a person."""
    file = files_of.newest(path / "datasets", HARMONIZED)
    if file is None:
        files.refuse_other_case(path / "datasets")
        raise CohortError(
            f"{path / 'datasets'} holds no {HARMONIZED}-X.Y.Z.csv: the protected attributes are in it; {files_of.AGAIN}"
        )
    table = files_of.read_table(file, ("mesaid", "nsrr_age"), ("nsrr_sex", "nsrr_race"))
    years = table["nsrr_age"]
    odd = (years < 18) | (years > 120)
    files.refuse(file, odd, "nsrr_age", years, "years from 18 to 120", "correct or empty the cell")
    text = {name: table[f"nsrr_{name}"].astype("string").str.strip().str.lower() for name in ("sex", "race")}
    rows = pd.DataFrame({"mesaid": files_of.whole(file, table, "mesaid"), "age": years} | text)
    once = rows.drop_duplicates()
    if len(again := once[once["mesaid"].duplicated()]):
        raise CohortError(
            f"{file}, line {again.index[0]}: mesaid {again['mesaid'].iloc[0]} has another age, sex or race than in"
            " an earlier line; keep one row of it"
        )
    once = once.assign(place=[f"{file}, line {line}, column nsrr_" for line in once.index])
    return once.set_index("mesaid"), len(rows) - len(once)


def _read_nights(path: Path, found: tuple) -> tuple[dict[int, Night], list[tuple[str, int, int, str]]]:
    """The kept epochs of each participant, and attrition rows: people and epochs, in and out, and why."""
    (actigraphy, stages, starts), nights, epochs, people = found, {}, Counter(), Counter()

    def count(step: Step, number: int) -> None:
        epochs[step] += number
        people[step] += number > 0

    people[Step.FILES], people[Step.NO_ACTIGRAPHY] = len(actigraphy), len(stages.keys() - actigraphy.keys())
    for person in tqdm(sorted(actigraphy), desc="nights", unit="person", mininterval=2, disable=len(actigraphy) < 100):
        if person not in stages or person not in starts:
            people[Step.NO_STAGES if person not in stages else Step.NO_OVERLAP] += 1
            continue
        scored = files_of.read_stages(stages[person])
        count(Step.LONG if len(scored) > LONGEST else Step.SCORED, len(scored))
        if len(scored) > LONGEST:
            continue
        table = files_of.read_actigraphy(actigraphy[person], person)
        count(Step.JUMPS, int(table["jump"].sum()))
        line, wanted = table["line"].to_numpy(), starts[person] + np.arange(len(scored))
        row = np.minimum(np.searchsorted(line, wanted), len(line) - 1)
        there = line[row] == wanted
        excluded = there & (table["interval"] == "EXCLUDED").to_numpy()[row]
        count(Step.UNMATCHED, int((~there).sum()))
        count(Step.EXCLUDED, int(excluded.sum()))
        kept = there & ~excluded
        scored = scored[kept]
        if not (scored > 0).any():
            count(Step.SLEEPLESS, len(scored))
            people[Step.NOTHING] += not len(scored)
            continue
        values = table[[*CHANNELS]].to_numpy(np.float32)[row[kept]]
        count(Step.NEGATIVE, int((values < 0).any(axis=1).sum()))
        count(Step.UNSCORED, int((scored > 5).sum()))
        nights[person] = np.where(values < 0, np.float32(np.nan), values), scored > 0
    if not nights:
        counts = ", ".join(f"{step.value[0]}: {number}" for step, number in (+people).items() if step != Step.FILES)
        raise CohortError(
            f"{path}: none of {len(actigraphy)} participants with actigraphy has a usable night (participants by what"
            f" was found: {counts}); are {STAGES} and {OVERLAP} complete?"
        )
    has = rows_of.beside_card(participants=(len(actigraphy), cards.load("mesa").expected["actigraphy files"]))
    return nights, [(step.value[0], epochs[step], people[step], step.value[1] or has) for step in Step]


def _split_released(people: list[int]) -> dict[int, str]:
    """The benchmark's test participants, and the study's validation participants, drawn alike from the others."""

    def draw(ids: list[int]) -> set[int]:
        shuffled = np.array(ids)
        np.random.RandomState(42).shuffle(shuffled)  # the documented generator
        return set(shuffled[: int(0.2 * len(ids))].tolist())

    test = draw(people)
    rest = [person for person in people if person not in test]
    val = draw(rest)
    return {person: "test" if person in test else "val" if person in val else "train" for person in people}


def _scale(values: np.ndarray, train: np.ndarray) -> str:
    """Standardise in place with the recorded values of the training participants; missing values become ``MISSING``."""
    unrecorded = [name for column, name in enumerate(CHANNELS) if np.isnan(values[train, column]).all()]
    for column in range(len(CHANNELS)):
        mean, sd = _statistics(values[train, column])
        values[:, column] = (values[:, column] - mean) / sd
    alike = int((values == PADDING).sum())
    values[np.isnan(values)] = MISSING
    note = f"scaled with the recorded values of the training participants; beyond a recording {PADDING:g}, as"
    note += f" {alike:,} recorded values" if alike else " no recorded value"
    note += f"; missing is {MISSING:g}, their mean"
    return note + (f"; never recorded in training: {', '.join(unrecorded)}" if unrecorded else "")


def _scale_released(values: np.ndarray, split: np.ndarray, person: np.ndarray) -> str:
    """Scale activity in place as the released analysis does (finding D4), its slip with light included (D3)."""
    values[:, 0] = np.nan_to_num(values[:, 0], nan=0.0)
    mean, sd = _statistics(values[split != "test", 0])
    values[:, 0] = (values[:, 0] - mean) / sd
    values[np.isnan(values)] = PADDING
    slip = np.isin(person, [person[split == name][0] for name in SPLITS if name in split])
    values[slip] = values[slip, :1]
    return (
        "released scaling: activity with training and validation participants (missing as 0), light as recorded;"
        f" missing light and padding are {PADDING:g}; the first participant of each split has activity in all channels"
    )


def _statistics(values: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation (1 where it is 0) of the recorded values."""
    known = values[~np.isnan(values)].astype(np.float64)
    return (float(known.mean()), float(known.std()) or 1.0) if len(known) else (0.0, 1.0)
