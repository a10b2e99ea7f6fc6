"""MESA Sleep, asleep or awake: NSRR's official files → ``Cohort`` of one lazy window a half minute of polysomnography.

Layout: ``actigraphy/mesa-sleep-XXXX.csv``, ``overlap/mesa-actigraphy-psg-overlap.csv``, ``polysomnography/
annotations-events-profusion/mesa-sleep-XXXX-profusion.xml``, ``datasets/mesa-sleep-harmonized-dataset-X.Y.Z.csv``; each
also as .gz. Task 1 of the sleep/wake benchmark (Palotti et al., npj Digit Med 2019;2:50). The twin looks alike.
"""

from collections import Counter
from collections.abc import Sequence
from numbers import Integral
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from tqdm import tqdm

from .. import cards
from ..cohort import SPLITS, Cohort, CohortError, attrition_table
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
ORDERS = {"chronological": None, "released": (*range(50, -1, -1), *range(51, TIMESTEPS))}
#: Beyond the ends of a recording, in both scalings; and where the device recorded no value, by default: the mean of the
#: training participants once standardised, which the padding is not.
PADDING, MISSING = -1.0, 0.0
#: The benchmark leaves longer polysomnographies out (16 hours).
LONGEST = 1920
#: Written by ``fairlib.twins.mesa``: these files are synthetic.
TWIN_MARK = "TWIN.json"
# Rows of the attrition table, in order, and what happens there.
OTHER, NO_ACTIGRAPHY = "files under another name", "no actigraphy"
FILES, NO_STAGES, NO_OVERLAP = "participants with actigraphy", "no polysomnography", "not in the overlap table"
LONG, SCORED = "polysomnography over 16 hours", "polysomnography"
UNMATCHED, EXCLUDED = "epochs without actigraphy", "epochs excluded by the scorer"
NOTHING, SLEEPLESS = "participants without epochs", "participants without sleep"
NEGATIVE, UNSCORED = "epochs with negative values", "epochs without a clear stage"
JUMPS = "epochs after a jump of the clock"
STEPS = {
    NO_ACTIGRAPHY: f"left out: a file in {STAGES}, none in {ACTIGRAPHY}",
    FILES: "",
    NO_STAGES: f"left out: no file in {STAGES}",
    NO_OVERLAP: "left out: no row in the overlap table, so that stages have no place in time",
    LONG: f"left out: more than {LONGEST:,} epochs, as in the benchmark",
    SCORED: "epochs with a stage, of the others",
    JUMPS: "kept: epochs are placed by their number, as in the benchmark",
    UNMATCHED: "left out: the actigraphy has no epoch at that time",
    EXCLUDED: "left out: interval EXCLUDED; windows reach across the gap",
    NOTHING: "left out: no epoch remains",
    SLEEPLESS: "left out: no epoch of sleep, as in the benchmark",
    NEGATIVE: "kept: negative counts or light are taken as missing",
    UNSCORED: "kept: movement or unscored (stage 6 to 9) counts as sleep, as in the benchmark",
}


class Night(NamedTuple):
    """What is kept of one participant: values (k, 5) with NaN where nothing was recorded, and asleep (k,)."""

    values: np.ndarray
    asleep: np.ndarray


def read(
    path: Path | str,
    time_order: str = "chronological",
    scaling: str = "training",
    split: str = "ours",
    seed: int = 42,
    order: str | Sequence[int] = "sorted",
    origin: str | None = None,
) -> Cohort:
    """Read the folder that holds ``actigraphy``, ``overlap``, ``polysomnography`` and ``datasets``.

    Parameters
    ----------
    time_order: "chronological", or "released": t, t-1 to t-50, t+1 to t+50, as in the published arrays.
    scaling: "training": every channel standardised with the recorded values of the training participants; a missing
        value is their mean, ``MISSING``. "released": activity standardised with training and validation participants,
        after missing became 0; light as it is, missing is -1 like the padding; and the first participant of each split
        has activity in all channels.
    split: "ours": 70 % of the participants train, 15 % validation, 15 % test, in the order of a hash of their id.
        "documented": the benchmark's; participants in ``order``, shuffled with numpy's ``seed``, the first fifth test,
        and the others again for validation.
    seed: of the documented split, a whole number from 0 to 2**32 - 1.
    order: of the participants in the documented split, and who is first for the released scaling. "sorted" (by id),
        "listing" (as the directory lists the files, which depends on the machine), or all ids.
    origin: "twin" or "real"; by default "twin" where a TWIN.json lies in ``path``.

    Returns windows (n, 101, 5) float32, lazy, one an epoch with a sleep stage, the epoch in their middle (with
    ``time_order="released"``: at their beginning); beyond the ends ``PADDING``. ``y`` is 1 for asleep: every stage but
    0, as in the benchmark. ``person`` is the mesaid. Sorted by person and time.
    Raises ``CohortError`` naming file, line, column and value for anything the format does not allow.
    """
    path = Path(path)
    _check_options(time_order=(time_order, ORDERS), scaling=(scaling, SCALINGS), split=(split, ("ours", "documented")))
    if not isinstance(seed, Integral) or not 0 <= seed < 2**32:
        raise CohortError(f"seed must be a whole number from 0 to 2**32 - 1, got {seed!r}")
    origin = _origin(path, origin)
    found = _find(path)
    raw, repeated = _read_people(path)
    nights, steps = _read_nights(path, found)
    steps.insert(0, _count_others(path))
    people = sorted(nights)
    first = _in_order(people, order, found)
    ours = by_person(np.array(people), np.ones(len(people)))  # everybody sleeps
    split_of = dict(zip(people, ours.tolist(), strict=True)) if split == "ours" else _split_documented(first, seed)
    lengths = [len(nights[person].asleep) for person in people]
    leaders = [next(p for p in first if split_of[p] == name) for name in SPLITS if name in split_of.values()]
    asleep = np.concatenate([nights[person].asleep for person in people])
    values = np.concatenate([nights.pop(person).values for person in people])
    row_person = np.repeat(people, lengths)
    row_split = np.repeat(np.array([split_of[person] for person in people]), lengths)
    outside = Outside(CHANNELS)
    outside.look(values[:, None])
    steps.append(outside.step(row_person, path))
    steps += _count_missing(values, row_person)
    note = SCALINGS[scaling](values, row_split, row_person, leaders)
    x = LazyWindows.centred(np.split(values, np.cumsum(lengths)[:-1]), TIMESTEPS, PADDING, ORDERS[time_order])
    raw = raw.reindex(people)
    attributes = rows_of.segments(cards.load("mesa"), raw, lambda name, person: f"{raw['place'][person]}{name}")
    attributes = attributes.iloc[np.repeat(np.arange(len(people)), lengths)].reset_index(drop=True)
    steps.append(("rows that repeat a participant", 0, repeated, f"left out: the same row of {HARMONIZED} again"))
    steps += rows_of.of_attributes(attributes, row_person, cards.load("mesa"))
    steps += _count_splits(row_split, row_person, asleep, note)
    return Cohort(
        x=x,
        y=asleep.astype(np.int8),
        person=row_person,
        attributes=attributes,
        split=row_split,
        channels=CHANNELS,
        card=cards.load("mesa"),
        origin=origin,
        attrition=attrition_table(steps),
    )


def _check_options(**options) -> None:
    for name, (value, known) in options.items():
        if value not in list(known):  # a list, since a value that has no hash is no option either
            raise CohortError(f"{name} must be one of {', '.join(map(repr, known))}, got {value!r}")


def _origin(path: Path, origin: str | None) -> str:
    twin = (path / TWIN_MARK).exists()
    if twin and origin == "real":
        raise CohortError(f"{path} holds {TWIN_MARK}: its files are synthetic and cannot be read as real")
    return origin or ("twin" if twin else "real")


def _find(path: Path) -> tuple[dict[int, Path], dict[int, Path], dict[int, int]]:
    """Actigraphy file, stages file, and the line at which the polysomnography starts, of each participant with one."""
    wanted = f"give NSRR's folder of MESA Sleep, which holds {ACTIGRAPHY}, overlap, polysomnography and datasets"
    if not path.is_dir():
        raise CohortError(f"{path} is not a folder; {wanted}")
    for place in (ACTIGRAPHY, STAGES):
        if not (path / place).is_dir():
            files_of.refuse_other_case(path / place)
            raise CohortError(f"{path} has no folder {place}{recognise.hint(path, 'mesa')}; {wanted}")
    actigraphy = files_of.find(path / ACTIGRAPHY, NIGHT_FILE)
    stages = files_of.find(path / STAGES, STAGES_FILE)
    if not actigraphy:
        raise CohortError(f"{path / ACTIGRAPHY} holds no mesa-sleep-XXXX.csv or .csv.gz; copy the folder from NSRR")
    file = path / OVERLAP
    file = files.only([place for place in (file, file.with_name(f"{file.name}.gz")) if place.exists()])
    if file is None:
        files_of.refuse_other_case(path / OVERLAP)
        raise CohortError(
            f"{path / OVERLAP} is missing: it says where in the actigraphy the polysomnography starts; {files_of.AGAIN}"
        )
    overlap = files_of.read_table(file, ("mesaid", "line"))
    return actigraphy, stages, dict(zip(_unique(file, overlap), files_of.whole(file, overlap, "line"), strict=True))


def _count_others(path: Path) -> rows_of.Step:
    """Attrition row: files that look like a night, and are not read since their names are not NSRR's."""
    names = files_of.others(path / ACTIGRAPHY, NIGHT_FILE) + files_of.others(path / STAGES, STAGES_FILE)
    if not names:
        return OTHER, 0, 0, "none"
    return OTHER, 0, 0, f"not read: {len(names)}, such as {names[0].relative_to(path)}; name them as NSRR does"


def _unique(file: Path, table: pd.DataFrame) -> np.ndarray:
    """The mesaid of each row, where none appears twice."""
    ids = files_of.whole(file, table, "mesaid")
    again = np.flatnonzero(pd.Series(ids).duplicated())
    if len(again):
        raise CohortError(f"{file}, line {again[0] + 2}: mesaid {ids[again[0]]} appears twice; keep one row of it")
    return ids


def _read_people(path: Path) -> tuple[pd.DataFrame, int]:
    """Raw sex, age and race by mesaid, the place of each row in words, and the number of rows that repeat a person."""
    file = files_of.newest(path / "datasets", HARMONIZED)
    if file is None:
        files_of.refuse_other_case(path / "datasets")
        raise CohortError(
            f"{path / 'datasets'} holds no {HARMONIZED}-X.Y.Z.csv: the protected attributes are in it; {files_of.AGAIN}"
        )
    table = files_of.read_table(file, ("mesaid", "nsrr_age"), ("nsrr_sex", "nsrr_race"))
    odd = np.flatnonzero((table["nsrr_age"] < 18) | (table["nsrr_age"] > 120))
    if len(odd):
        raise CohortError(
            f"{file}, line {odd[0] + 2}, column nsrr_age: expected years from 18 to 120, found"
            f" {table['nsrr_age'][odd[0]]:g}; correct or empty the cell"
        )
    text = {name: table[f"nsrr_{name}"].astype("string").str.strip().str.lower() for name in ("sex", "race")}
    rows = pd.DataFrame({"mesaid": files_of.whole(file, table, "mesaid"), "age": table["nsrr_age"]} | text)
    once = rows.drop_duplicates()
    again = once[once["mesaid"].duplicated()]
    if len(again):
        raise CohortError(
            f"{file}, line {again.index[0] + 2}: mesaid {again['mesaid'].iloc[0]} has another age, sex or race than in"
            " an earlier line; keep one row of it"
        )
    once = once.assign(place=[f"{file}, line {row + 2}, column nsrr_" for row in once.index])
    return once.set_index("mesaid"), len(rows) - len(once)


def _read_nights(path: Path, found: tuple) -> tuple[dict[int, Night], list[tuple[str, int, int, str]]]:
    """The kept epochs of each participant, and attrition rows: people and epochs, in and out, and why."""
    (actigraphy, stages, starts), nights, epochs, people = found, {}, Counter(), Counter()

    def count(step: str, number: int) -> None:
        epochs[step] += number
        people[step] += number > 0

    people[FILES], people[NO_ACTIGRAPHY] = len(actigraphy), len(stages.keys() - actigraphy.keys())
    for person in tqdm(sorted(actigraphy), desc="nights", unit="person", mininterval=2, disable=len(actigraphy) < 100):
        if person not in stages or person not in starts:
            people[NO_STAGES if person not in stages else NO_OVERLAP] += 1
            continue
        scored = files_of.read_stages(stages[person])
        count(LONG if len(scored) > LONGEST else SCORED, len(scored))
        if len(scored) > LONGEST:
            continue
        table = files_of.read_actigraphy(actigraphy[person], person)
        count(JUMPS, int(table["jump"].sum()))
        line, wanted = table["line"].to_numpy(), starts[person] + np.arange(len(scored))
        row = np.minimum(np.searchsorted(line, wanted), len(line) - 1)
        there = line[row] == wanted
        excluded = there & (table["interval"] == "EXCLUDED").to_numpy()[row]
        count(UNMATCHED, int((~there).sum()))
        count(EXCLUDED, int(excluded.sum()))
        kept = there & ~excluded
        scored = scored[kept]
        if not (scored > 0).any():
            count(SLEEPLESS, len(scored))
            people[NOTHING] += not len(scored)
            continue
        values = table[[*CHANNELS]].to_numpy(np.float32)[row[kept]]
        count(NEGATIVE, int((values < 0).any(axis=1).sum()))
        count(UNSCORED, int((scored > 5).sum()))
        nights[person] = Night(np.where(values < 0, np.float32(np.nan), values), scored > 0)
    if not nights:
        counts = ", ".join(f"{step}: {number}" for step, number in (+people).items() if step != FILES)
        raise CohortError(
            f"{path}: none of {len(actigraphy)} participants with actigraphy has a usable night (participants by what"
            f" was found: {counts}); are {STAGES} and {OVERLAP} complete?"
        )
    has = rows_of.beside_card(participants=(len(actigraphy), cards.load("mesa").expected["actigraphy files"]))
    return nights, [(step, epochs[step], people[step], note or has) for step, note in STEPS.items()]


def _in_order(people: list[int], order: str | Sequence[int], found: tuple) -> list[int]:
    """The participants as the benchmark meets them."""
    if isinstance(order, str):
        _check_options(order=(order, ("sorted", "listing")))
        return people if order == "sorted" else [person for person in found[0] if person in set(people)]
    try:
        given = [int(person) for person in order]
    except (TypeError, ValueError):
        raise CohortError(f"order must be 'sorted', 'listing' or a list of mesaids, got {order!r}") from None
    if lost := sorted(set(people) - set(given)):
        raise CohortError(f"order lacks participant {lost[0]} ({len(lost)} such participant(s)), who is in the cohort")
    return [person for person in dict.fromkeys(given) if person in set(people)]


def _split_documented(people: list[int], seed: int) -> dict[int, str]:
    """The benchmark's test participants, and the study's validation participants, drawn alike from the others."""

    def draw(ids: list[int]) -> set[int]:
        shuffled = np.array(ids)
        np.random.RandomState(seed).shuffle(shuffled)  # the documented generator
        return set(shuffled[: int(0.2 * len(ids))].tolist())

    test = draw(people)
    rest = [person for person in people if person not in test]
    val = draw(rest)
    return {person: "test" if person in test else "val" if person in val else "train" for person in people}


def _scale_training(values: np.ndarray, split: np.ndarray, person: np.ndarray, leaders: list[int]) -> str:
    """Standardise in place with the recorded values of the training participants; missing values become ``MISSING``."""
    train, unrecorded, alike = split == "train", [], 0
    for column, name in enumerate(CHANNELS):
        mean, sd, n = _statistics(values[train, column])
        if n == 0:
            unrecorded.append(name)
        values[:, column] = (values[:, column] - mean) / sd
        alike += int((values[:, column] == PADDING).sum())
    values[np.isnan(values)] = MISSING
    note = "scaled with the recorded values of the training participants; beyond a recording"
    note += f" {PADDING:g}, as {alike:,} recorded values" if alike else f" {PADDING:g}, as no recorded value"
    note += f"; missing is {MISSING:g}, their mean"
    return note + (f"; never recorded in training: {', '.join(unrecorded)}" if unrecorded else "")


def _scale_released(values: np.ndarray, split: np.ndarray, person: np.ndarray, leaders: list[int]) -> str:
    """Scale activity in place as the released analysis does (finding D4), its slip with light included (D3)."""
    values[:, 0] = np.nan_to_num(values[:, 0], nan=0.0)
    mean, sd, _ = _statistics(values[split != "test", 0])
    values[:, 0] = (values[:, 0] - mean) / sd
    values[np.isnan(values)] = PADDING
    slip = np.isin(person, leaders)
    values[slip] = values[slip, :1]
    return (
        "released scaling: activity with training and validation participants (missing as 0), light as recorded;"
        f" missing light and padding are {PADDING:g}; the first participant of each split has activity in all channels"
    )


SCALINGS = {"training": _scale_training, "released": _scale_released}


def _statistics(values: np.ndarray) -> tuple[float, float, int]:
    """Mean and standard deviation (1 where it is 0) of the recorded values, and their number."""
    known = values[~np.isnan(values)].astype(np.float64)
    return (float(known.mean()), float(known.std()) or 1.0, len(known)) if len(known) else (0.0, 1.0, 0)


def _count_missing(values: np.ndarray, person: np.ndarray) -> list[tuple[str, int, int, str]]:
    activity, light = np.isnan(values[:, 0]), np.isnan(values[:, 1:]).any(axis=1)
    note = "kept: off wrist or invalid"
    return [
        (f"epochs without {name}", int(rows.sum()), len(np.unique(person[rows])), note)
        for name, rows in (("activity", activity), ("light", light))
    ]


def _count_splits(split: np.ndarray, person: np.ndarray, asleep: np.ndarray, note: str) -> list[rows_of.Step]:
    """The size of each split, and of the cohort, beside the study's."""
    card, steps = cards.load("mesa"), []
    for name in (*SPLITS, "total"):
        rows = (split == name) | (name == "total")
        people = len(np.unique(person[rows]))
        beside = rows_of.beside_card(
            windows=(int(rows.sum()), card.expected[name]),
            participants=(people, card.expected.get(f"{name} people", card.people)),
            asleep=(int(asleep[rows].sum()), card.expected[f"{name} asleep"]),
        )
        beside += f"; {note}" if name == "total" else ""
        steps.append(("cohort" if name == "total" else name, int(rows.sum()), people, beside))
    return steps
