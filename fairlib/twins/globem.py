"""GLOBEM twin: synthetic students in the official layout of four study years, with a demographics file beside them.

Written: ``INS-W_1`` to ``INS-W_4`` with ``FeatureData/rapids.csv`` (the 1390 columns that the study uses),
``SurveyData/dep_weekly.csv`` and ``ParticipantsInfoData/platform.csv``; ``demographics.csv``; and TWIN.json, which
says that all is synthetic, and states spec, seed, planted disparities and realised counts. The model is that of
``people``, with one severity a person and week; shares and rates of depressed weeks are the published counts in
``globem_published.json``.
Assumptions of ours: how severity moves from week to week, attributes independent of each other, ages and generations,
questionnaire scores (only their sum decides the label), and all that ``globem_behaviour`` says of behaviour. As in the
original, nobody has an id in two years.
"""

import functools
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pacsv
from tqdm import tqdm

from .. import cards
from ..seeds import generator
from . import folder, people, population
from . import globem_behaviour as behaviour
from .people import UNKNOWN, Planted, Spec, SpecError

PUBLISHED = people.facts("globem_published")
#: What TWIN.json says beside the model of people.
MODELS = {"behaviour": behaviour.__doc__}
#: Each of the reader's three splits needs a person with mostly depressed weeks, and one with mostly other weeks.
MIN_PEOPLE = 3
PEOPLE = (20, 100_000)
#: Windows of a participant, on average.
MEAN = PUBLISHED["windows"] / PUBLISHED["participants"]
SCORER = behaviour.SCORER
#: The segment whose knob a dial turns: large, and with a published rate of the outcome unlike the others'.
TURNED = ("gender", "Female")
MONDAYS = {1: "2018-04-02", 2: "2019-04-01", 3: "2020-03-30", 4: "2021-03-29"}


@dataclass(frozen=True)
class TwinSpec(Spec):
    """The GLOBEM twin's size and a few modest planted disparities; units, zeros, ranges in ``people.KNOBS``.

    windows: about so many; 60 participants have them. people: participants, spread over the four years as published
    (700 there); None: as many as give ``windows``. A participant has 11.6 on average, as published, so that where both
    are given, people decide.
    """

    windows: int = round(60 * MEAN)
    people: int | None = None
    noise: Planted = field(default_factory=lambda: {"gender": {"Female": 0.3}, "race": {"Biracial": 0.5}})
    missingness: Planted = field(default_factory=lambda: {"platform": {"Android": 0.25}})
    label_noise: Planted = field(default_factory=lambda: {"race": {"Latinx": 0.25}, "disability": {"Yes": 0.25}})

    def __post_init__(self):
        super().__post_init__()
        if self.people is not None:
            people.refuse_other("people", self.people, *PEOPLE, whole=True)

    @property
    def students(self) -> int:
        """How many people take part."""
        return self.people or max(PEOPLE[0], round(self.windows / MEAN))


#: ``write(path, spec=None, seed=0)``: a twin of ``spec.students`` people.
write = functools.partial(folder.write, "globem")


def files(path: Path, spec: TwinSpec, seed: int) -> dict[str, object]:
    """Write the files into an empty folder; returns realised counts."""
    students, z, windows = _windows(spec, seed)
    for year in tqdm(MONDAYS, desc="GLOBEM twin", unit="year", disable=len(students) < 200):
        _write_year(path / f"INS-W_{year}", year, students, z, windows, seed)
    _write_demographics(path / "demographics.csv", students, generator(seed, "twin", "globem", "demographics"))
    first, wrong = ~windows["student"].duplicated(), windows["label"] != windows["outcome"]
    counted = windows.assign(windows=1, people=first, depressed=windows["label"], wrong=wrong)
    return folder.counts("globem", counted.join(students, on="student"), "depressed", {"years": "year"})


def sized(windows: int, each: int) -> dict[str, int]:
    """Knobs of size for a study of ``windows`` windows, ``each`` of a student at most: students enough to give them."""
    people = max(PEOPLE[0], round(windows / min(MEAN, each)))
    return {"people": people, "windows": -(-people * PUBLISHED["windows"] // PUBLISHED["participants"])}


def fresh(spec: TwinSpec, n: int, rng: np.random.Generator) -> pd.DataFrame:
    """n fresh draws of the model for ``truth``: person, segments, z, label, best (score), reading (of ``SCORER``)."""
    students, z = population("globem", spec, n, rng), rng.standard_normal(n)
    _, label = people.label(students, z, spec, rng)
    best = people.best_score(students, people.chance(students, z, spec))
    return students.assign(person=np.arange(n), z=z, label=label, best=best, reading=behaviour.steps(students, z, rng))


def tables() -> dict[str, pd.Series]:
    """Published shares of the segments, as ``people.population`` takes them."""
    return people.shares(PUBLISHED["counts"])


def rates() -> tuple[dict[str, dict[str, float]], float]:
    """Share of depressed weeks in each segment, and of everybody."""
    return PUBLISHED["depressed rates"], PUBLISHED["depressed"] / PUBLISHED["windows"]


def _windows(spec: TwinSpec, seed: int) -> tuple[pd.DataFrame, np.ndarray, pd.DataFrame]:
    """Students (segments, knobs' effects, year, pid), severity z (students, weeks), and one row a questionnaire.

    A questionnaire has student (row of the first), week, day (from the year's Monday), outcome and label.
    """
    rng = generator(seed, "twin", "globem", "people")
    n = spec.students
    students = population("globem", spec, n, rng)
    students["year"] = _years(n)
    within = students.groupby("year").cumcount()
    students["pid"] = [f"INS-W_{number:03d}" for number in (students["year"] - 1) * 10 ** len(str(n)) + within + 1]
    z = behaviour.severity(n, rng)
    # questionnaires twice a week from the fourth week on, answered as often as gives the published mean
    asked = [(week, 7 * week + day) for week in range(3, behaviour.WEEKS) for day in behaviour.QUESTIONNAIRES]
    answered = rng.random((n, len(asked))) < MEAN / len(asked)
    answered[:, -2:] |= answered.sum(axis=1, keepdims=True) < 2  # with one window, a participant would be left out
    student, which = np.nonzero(answered)
    week, day = np.array(asked)[which].T
    windows = pd.DataFrame({"student": student, "week": week, "day": day})
    rows = students.iloc[student].reset_index(drop=True)
    windows["outcome"], windows["label"] = people.label(rows, z[student, week], spec, rng)
    mostly = windows.groupby("student")["label"].mean() >= 0.5
    if min(mostly.sum(), (~mostly).sum()) < MIN_PEOPLE:
        raise SpecError(
            f"a twin of {n} people and this seed has {int(mostly.sum())} with mostly depressed weeks, too few or too"
            " many for three splits; ask for more people or another seed"
        )
    return students, z, windows


def _years(n: int) -> np.ndarray:
    """(n,) study year of each person, ascending, in the published proportions."""
    counts = np.array(list(PUBLISHED["participants of a year"].values()))
    last = np.rint(n * counts.cumsum() / counts.sum())
    return np.searchsorted(last, np.arange(n), side="right") + 1


def _write_year(
    place: Path, year: int, students: pd.DataFrame, z: np.ndarray, windows: pd.DataFrame, seed: int
) -> None:
    """The three files of a study year."""
    for name in ("SurveyData", "FeatureData", "ParticipantsInfoData"):
        (place / name).mkdir(parents=True)
    here = np.flatnonzero(students["year"] == year)
    pids, start = students["pid"].to_numpy(object), np.datetime64(MONDAYS[year])
    rows = behaviour.rows(students.iloc[here], z[here], generator(seed, "twin", "globem", f"features of year {year}"))
    rows.insert(0, "pid", pids[here][rows.pop("person")])
    rows.insert(1, "date", (start + rows.pop("day").to_numpy()).astype(str))
    table = pa.Table.from_pandas(rows, preserve_index=False)
    options = pacsv.WriteOptions(include_header=False, quoting_style="none")  # pyarrow would quote the header
    with (place / "FeatureData" / "rapids.csv").open("wb") as stream:
        stream.write((",".join(rows.columns) + "\n").encode())
        pacsv.write_csv(table, stream, options)
    asked = windows[windows["student"].isin(here)]
    survey = pd.DataFrame({"pid": pids[asked["student"]], "date": (start + asked["day"].to_numpy()).astype(str)})
    scores = _scores(asked["label"].to_numpy(), year, generator(seed, "twin", "globem", f"scores of year {year}"))
    survey = survey.assign(**scores, dep=np.where(asked["label"] == 1, "True", "False"), BDI2="")
    first_year = ["pid", "date", "feel_anxious", "feel_depressed", "BDI2", "dep"]
    survey = survey[first_year] if year == 1 else survey[["pid", "date", "phq4", "dep", "BDI2"]]
    folder.save(survey, place / "SurveyData" / "dep_weekly.csv")
    phones = {"pid": pids[here], "platform": students["platform"].iloc[here].str.lower()}
    folder.save(pd.DataFrame(phones), place / "ParticipantsInfoData" / "platform.csv")


def _scores(label: np.ndarray, year: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Answers that agree with the label by the rules seen in the open sample: a sum of 2 (year 1), PHQ-4 of 3."""
    n = len(label)
    least, above = (2, 7) if year == 1 else (3, 10)
    total = np.where(label == 1, rng.integers(least, above, n), rng.integers(0, least, n))
    if year > 1:
        return {"phq4": total.astype(float)}
    anxious = np.minimum(3, np.maximum(total - 3, (total + 1) // 2))
    return {"feel_anxious": anxious.astype(float), "feel_depressed": (total - anxious).astype(float)}


def _write_demographics(file: Path, students: pd.DataFrame, rng: np.random.Generator) -> None:
    """PID (the number in the id), codes of the card, age and generation; unknown is empty."""
    known = cards.load("globem").attributes
    table = pd.DataFrame({"PID": students["pid"].str.extract(r"(\d+)$")[0].astype(int)})
    for name in ("gender", "race", "disability"):
        texts = students[name].map({segment: raw for raw, segment in known[name].values.items()} | {UNKNOWN: ""})
        table[name] = texts if name == "race" else texts.where(texts == "", texts + ".0")
    table.insert(2, "age", rng.choice([18.0, 19.0, 20.0, 21.0], len(table), p=[0.3, 0.4, 0.2, 0.1]))
    table.insert(4, "generation", rng.choice([1.0, 2.0, 3.0, 4.0], len(table), p=[0.2, 0.4, 0.1, 0.3]))
    folder.save(table, file)
