"""eICU demo's twin: synthetic stays in YAIB's layout, with the official tables of patients and hospitals beside them.

Written: ``yaib/aki`` with dyn, outc, sta (parquet) and attrition.csv; ``patient.csv.gz`` and ``hospital.csv.gz``, with
the columns that name person, ethnicity and hospital; and TWIN.json, which says that all is synthetic, and states spec,
seed, planted disparities and realised counts. The model is that of ``people``; shares and rates are counts of the open
demo in ``eicu_demo_published.json``, and everybody's rate where a segment has fewer than 11 events. Assumptions of
ours: attributes independent of each other, ages and sizes within a segment, how long stays last, when injury begins,
and all that ``eicu_demo_hours`` says of signals. The traps of the original are there: stays that end before hour 12,
injury before hour 18, people with several stays, ethnicity Other/Unknown or empty, an age of "> 89".
"""

import functools
import gzip
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from .. import cards
from ..readers.eicu_demo import LAYOUT
from ..seeds import generator
from . import eicu_demo_hours, folder, people, population
from .people import UNKNOWN, Planted, Spec

PUBLISHED = people.facts("eicu_demo_published")
WINDOW = cards.load("eicu_demo").windows.timesteps
#: Hours that a label is true: from six before the onset to six after it, where the rows end.
TRUE = 2 * LAYOUT.label.lead
#: Above the official numbers, so that nothing synthetic can be taken for a real stay, person or hospital.
FIRST_STAY, FIRST_HOSPITAL, PERSON = 9_000_001, 9001, "999-{:05d}"
#: Hospitals of each region and teaching status.
HOSPITALS = 5
SCORER = eicu_demo_hours.SCORER
#: The segment whose knob a dial turns: large, and with a rate of the outcome unlike the others'.
TURNED = ("age", ">=65")


@dataclass(frozen=True)
class TwinSpec(Spec):
    """The twin's defaults: a few modest planted disparities; units, zeros and ranges in ``people.KNOBS``."""

    noise: Planted = field(default_factory=lambda: {"ethnicity": {"African American": 0.5}})
    missingness: Planted = field(default_factory=lambda: {"ethnicity": {"African American": 0.3}})
    label_noise: Planted = field(default_factory=lambda: {"age": {">=65": 0.15}})


#: ``write(path, spec=None, seed=0)``: a twin of ``spec.windows`` stays, and some more that the reader leaves out.
write = functools.partial(folder.write, "eicu_demo")


def files(path: Path, spec: TwinSpec, seed: int) -> dict[str, object]:
    """Write the files into an empty folder; returns realised counts."""
    stays, cohort = _stays(spec, seed), path / LAYOUT.cohort
    cohort.mkdir(parents=True)
    blocks = list(eicu_demo_hours.dyn(stays, generator(seed, "twin", "eicu_demo", "signals")))
    dyn = pd.concat(blocks, ignore_index=True)
    onset = stays.set_index("stay_id")["first"].loc[dyn["stay_id"]].to_numpy()
    hour = (dyn["time"] // pd.Timedelta(hours=1)).to_numpy()
    tables = {"dyn": dyn, "outc": dyn[["stay_id", "time"]].assign(label=hour >= onset), "sta": _sta(stays)}
    for name, table in tables.items():
        table.to_parquet(cohort / f"{name}.parquet", index=False)
    few = pd.DataFrame({"incl_n": [len(stays)], "excl_n_total": [0], "excl_n": [0]})
    folder.save(few, cohort / "attrition.csv")
    for name, table in (("patient", _patients(stays)), ("hospital", _hospitals())):
        text = table.to_csv(index=False, lineterminator="\n")
        (path / f"{name}.csv.gz").write_bytes(gzip.compress(text.encode(), mtime=0))
    kept = stays[stays["kind"] == "kept"]
    first, wrong = ~kept["person"].duplicated(), kept["label"] != kept["outcome"]
    counted = kept.assign(windows=1, people=first, positive=kept["label"], wrong=wrong)
    realised = folder.counts("eicu_demo", counted, "positive")
    return realised | {"left out": {name: int((stays["kind"] == name).sum()) for name in PUBLISHED["left out"]}}


def tables() -> dict[str, pd.Series]:
    """Shares of the segments, as ``people.population`` takes them."""
    return people.shares(PUBLISHED["counts"])


def rates() -> tuple[dict[str, dict[str, float]], float]:
    """Share of positive stays in each segment, and of everybody; the latter too where the counts are too small."""
    everybody = PUBLISHED["positive"] / PUBLISHED["windows"]
    segments = {
        name: {segment: PUBLISHED["events"][name].get(segment, n * everybody) / n for segment, n in counts.items()}
        for name, counts in PUBLISHED["counts"].items()
    }
    return segments, everybody


def fresh(spec: TwinSpec, n: int, rng: np.random.Generator) -> pd.DataFrame:
    """n fresh draws of the model for ``truth``: person, segments, z, label, best (score), reading (of ``SCORER``)."""
    stays = _drawn(spec, n, rng)
    best = people.best_score(stays, people.chance(stays, stays["z"], spec))
    return stays.assign(best=best, reading=eicu_demo_hours.heart_rate(stays, rng))


def _drawn(spec: TwinSpec, n: int, rng: np.random.Generator) -> pd.DataFrame:
    """n stays of people who have geometrically many, as the demo in the mean: segments, severity z, outcome, label."""
    drawn = population("eicu_demo", spec, n, rng)
    row = np.repeat(np.arange(n), rng.geometric(PUBLISHED["people"] / PUBLISHED["windows"], n))[:n]
    stays = drawn.iloc[row].reset_index(drop=True).assign(person=row, z=rng.standard_normal(n))
    stays["outcome"], stays["label"] = people.label(stays, stays["z"], spec, rng)
    return stays


def _stays(spec: TwinSpec, seed: int) -> pd.DataFrame:
    """One row a stay: person, segments, severity, knobs' effects, label; kind (kept, short or early), the first hour
    with a true label (far away: none) and the last hour."""
    rng = generator(seed, "twin", "eicu_demo", "people")
    more = {name: round(spec.windows * n / PUBLISHED["windows"]) for name, n in PUBLISHED["left out"].items()}
    kind = rng.permutation(np.repeat(["kept", *more], [spec.windows, *more.values()]))
    n, stays = len(kind), _drawn(spec, len(kind), rng)
    later = WINDOW + np.minimum(rng.geometric(0.15, n), 48)
    first = np.select([kind == "early", kind == "short"], [rng.integers(0, WINDOW, n), later], later - 1)
    positive = (kind == "early") | (kind == "kept") & (stays["label"] == 1).to_numpy()
    last = np.where(positive, first + TRUE, np.where(kind == "short", rng.integers(5, WINDOW, n), later))
    old = rng.normal(76, 7, n).clip(65, 90)
    age = np.where(stays["age"] == ">=65", old, rng.normal(50, 11, n).clip(18, 64)).round()
    number = {name: list(PUBLISHED["counts"][name]) for name in ("region", "teaching_status")}
    place = sum(
        stays[name].map(number[name].index).astype(int) * k for name, k in (("region", 2), ("teaching_status", 1))
    )
    stays["hospital"] = FIRST_HOSPITAL + HOSPITALS * place + rng.integers(0, HOSPITALS, n)
    return stays.assign(
        stay_id=FIRST_STAY + np.arange(n), kind=kind, first=np.where(positive, first, 10**6), last=last, years=age
    )


def _sta(stays: pd.DataFrame) -> pd.DataFrame:
    rng, man = generator(len(stays), "twin", "eicu_demo", "sizes"), (stays["sex"] == "Male").to_numpy()
    height, weight = rng.normal(162 + 13 * man, 8).round(1), rng.normal(74 + 12 * man, 20).clip(35, 250).round(1)
    facts = {"age": stays["years"], "sex": stays["sex"], "height": height, "weight": weight}
    return pd.DataFrame({"stay_id": stays["stay_id"].astype(np.int32)} | facts)


def _patients(stays: pd.DataFrame) -> pd.DataFrame:
    """The table of patients, with its official names; a lack of knowledge is written in both of its forms."""
    unknown = np.where(stays["stay_id"] % 4 == 0, "", "Other/Unknown")
    years = stays["years"].astype(int)
    return pd.DataFrame(
        {
            "patientunitstayid": stays["stay_id"],
            "gender": stays["sex"],
            "age": years.astype(str).where(years < 90, "> 89"),
            "ethnicity": np.where(stays["ethnicity"] == UNKNOWN, unknown, stays["ethnicity"]),
            "hospitalid": stays["hospital"],
            "uniquepid": stays["person"].map(PERSON.format),
        }
    )


def _hospitals() -> pd.DataFrame:
    regions, teaching = (list(PUBLISHED["counts"][name]) for name in ("region", "teaching_status"))
    rows = [(r, t) for r in regions for t in teaching for _ in range(HOSPITALS)]
    table = pd.DataFrame(rows, columns=["region", "teachingstatus"])
    table["teachingstatus"] = table["teachingstatus"].map({"Teaching": "t", "Not teaching": "f"})
    table.insert(0, "hospitalid", FIRST_HOSPITAL + np.arange(len(table)))
    return table.replace({"region": {UNKNOWN: ""}})
