"""MIMIC-III twin: synthetic stays in the official layout of the mimic3-benchmarks, with the tables beside it.

Written: ``in-hospital-mortality`` (episode CSVs and lists), ADMISSIONS, PATIENTS and ICUSTAYS (.csv, headers of v1.4)
and TWIN.json, which says that all is synthetic, and states spec, seed, planted disparities and realised counts. The
model is that of ``people``; shares and death rates are the published counts in ``mimic_published.json``. Assumptions of
ours: the record systems' shares, ages within a segment, times in hospital, further admissions outside the task, and all
that ``mimic_episodes`` says of signals.
"""

import functools
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from .. import cards
from ..seeds import generator
from . import folder, mimic_episodes, people, population
from .mimic_tables import hospital, write_tables
from .people import UNKNOWN, Planted, Spec, SpecError

PUBLISHED = people.facts("mimic_published")
CAREVUE = 0.55
#: In small twins the test split holds more deaths than its share, so that it can be evaluated at all.
MIN_DEATHS = {"test": 8, "val": 3, "train": 3}
SCORER = mimic_episodes.SCORER
#: The segment whose knob a dial turns: large, and with a published rate of the outcome unlike the others'.
TURNED = ("age", ">=65")


@dataclass(frozen=True)
class TwinSpec(Spec):
    """The MIMIC twin's defaults: a few modest planted disparities; units, zeros and ranges in ``people.KNOBS``."""

    noise: Planted = field(default_factory=lambda: {"ethnicity": {"Black": 0.5}, "language": {"Other": 0.3}})
    missingness: Planted = field(default_factory=lambda: {"ethnicity": {"Black": 0.3}, "language": {"Other": 0.2}})
    label_noise: Planted = field(default_factory=lambda: {"insurance": {"Medicaid": 0.25}})


#: ``write(path, spec=None, seed=0)``: a twin of ``spec.windows`` stays.
write = functools.partial(folder.write, "mimic")


def files(path: Path, spec: TwinSpec, seed: int) -> dict[str, object]:
    """Write the files into an empty folder; returns realised counts."""
    stays, rows = _stays(spec, seed), 0
    task = path / "in-hospital-mortality"
    for split in ("train", "test"):
        (task / split).mkdir(parents=True)
    contents = mimic_episodes.texts(stays, generator(seed, "twin", "mimic", "signals"))
    places = np.where(stays["split"] == "test", "test", "train")
    for place, name, text in zip(places, stays["file"], contents, strict=True):
        (task / place / name).write_bytes(text.encode())
        rows += text.count("\n") - 1
    _write_lists(task, stays, generator(seed, "twin", "mimic", "lists"))
    write_tables(path, stays, generator(seed, "twin", "mimic", "tables"))
    first, wrong = ~stays["person"].duplicated(), stays["label"] != stays["outcome"]
    counted = stays.assign(windows=1, people=first, deaths=stays["label"], wrong=wrong)
    realised = folder.counts("mimic", counted, "deaths", {"splits": "split"})
    return realised | {"rows per episode": round(rows / len(stays), 1)}


def tables() -> dict[str, pd.Series | pd.DataFrame]:
    """Published shares of the segments, as ``people.population`` takes them; insurance depends on age."""
    card, shares = cards.load("mimic"), {}
    for name in ("gender", "age", "ethnicity", "language"):
        counts = pd.Series(PUBLISHED["counts"][name], dtype=float)
        shares[name] = counts.groupby(_segments(name, counts.index).to_numpy(), sort=False).sum()
    by_age = {age: PUBLISHED["insurance given age"][age] for age in card.attributes["age"].segments}
    return shares | {"insurance": pd.DataFrame(by_age).T.rename_axis("age")}


def rates() -> tuple[dict[str, dict[str, float]], float]:
    """Share of deaths in each segment, and of everybody."""
    return PUBLISHED["death rates"], PUBLISHED["deaths"] / PUBLISHED["windows"]


def _segments(attribute: str, codes: pd.Index) -> pd.Series:
    """Raw codes → segments of the card, ``UNKNOWN`` where it calls them missing."""
    if attribute == "age":
        return pd.Series(codes)
    found = cards.load("mimic").attributes[attribute].segment(pd.Series(codes), attribute)
    return pd.Series(found).astype(object).fillna(UNKNOWN)


def fresh(spec: TwinSpec, n: int, rng: np.random.Generator) -> pd.DataFrame:
    """n fresh draws of the model for ``truth``: person, segments, z, label, best (score), reading (of ``SCORER``)."""
    stays = _stays_of(population("mimic", spec, n, rng), spec, n, rng)
    best = people.best_score(stays, people.chance(stays, stays["z"], spec))
    return stays.assign(best=best, reading=mimic_episodes.heart_rate(stays, rng))


def _stays(spec: TwinSpec, seed: int) -> pd.DataFrame:
    """One row a stay: person, segments and raw codes, severity, knobs' effects, label, split, times and ids."""
    rng = generator(seed, "twin", "mimic", "people")
    drawn = population("mimic", spec, spec.windows, rng)
    for name, counts in PUBLISHED["counts"].items():
        if name != "age":
            drawn[f"raw {name}"] = _raw_codes(name, pd.Series(counts), drawn[name], rng)
    drawn["raw insurance"] = drawn["insurance"]
    drawn["system"] = np.where(rng.random(len(drawn)) < CAREVUE, "carevue", "metavision")
    stays = _stays_of(drawn, spec, spec.windows, rng)
    stays["split"] = _split(stays, rng)
    return hospital(stays, rng)


def _stays_of(drawn: pd.DataFrame, spec: TwinSpec, n: int, rng: np.random.Generator) -> pd.DataFrame:
    """The first n stays of people (n, …), with severity z, outcome and label: geometrically many a person, with the
    published mean; nobody comes back after a recorded death."""
    row = np.repeat(np.arange(len(drawn)), rng.geometric(PUBLISHED["people"] / PUBLISHED["windows"], len(drawn)))
    stays = drawn.iloc[row].reset_index(drop=True).assign(person=row, z=rng.standard_normal(len(row)))
    stays["outcome"], stays["label"] = people.label(stays, stays["z"], spec, rng)
    before = stays.groupby("person")["label"].cumsum() - stays["label"]
    return stays[before == 0].iloc[:n].reset_index(drop=True)


def _raw_codes(name: str, counts: pd.Series, segments: pd.Series, rng: np.random.Generator) -> np.ndarray:
    """A raw code for each person, drawn within the person's segment by the published counts."""
    of_code = _segments(name, counts.index).to_numpy()
    codes = np.empty(len(segments), dtype=object)
    for segment in pd.unique(of_code):
        here, known = (segments == segment).to_numpy(), counts[of_code == segment]
        codes[here] = rng.choice(known.index.to_numpy(object), here.sum(), p=(known / known.sum()).to_numpy())
    return codes


def _split(stays: pd.DataFrame, rng: np.random.Generator) -> np.ndarray:
    """Split by person in the official proportions, separately for people who die and who don't; see ``MIN_DEATHS``."""
    by_person = stays.groupby("person").agg(windows=("label", "size"), dies=("label", "max"))
    order = by_person.iloc[rng.permutation(len(by_person))]
    dying, others = order[order["dies"] == 1], order[order["dies"] == 0]
    if len(dying) < sum(MIN_DEATHS.values()):
        raise SpecError(
            f"a twin of {len(stays)} windows and this seed has {len(dying)} deaths, too few for three splits;"
            " ask for more windows or another seed"
        )
    share = {split: n / PUBLISHED["windows"] for split, n in PUBLISHED["split windows"].items()}
    split = pd.Series("train", index=order.index)
    first_dying, first_other = 0, 0
    reached = others["windows"].cumsum().to_numpy()
    for name in ("test", "val"):
        deaths = max(MIN_DEATHS[name], round(share[name] * len(dying)))
        chosen = dying.iloc[first_dying : first_dying + deaths]
        rest = round(share[name] * len(stays)) - chosen["windows"].sum()
        last = int(np.searchsorted(reached, (reached[first_other - 1] if first_other else 0) + rest)) + 1
        split[chosen.index] = name
        split[others.index[first_other:last]] = name
        first_dying, first_other = first_dying + deaths, last
    return split.loc[stays["person"]].to_numpy()


def _write_lists(task: Path, stays: pd.DataFrame, rng: np.random.Generator) -> None:
    """The five lists: train/listfile.csv shuffled, its train and validation parts in its order; test lists sorted."""
    lines = stays["file"] + "," + stays["label"].astype(str)
    shuffled = lines[stays["split"] != "test"].sample(frac=1, random_state=rng)
    split = stays["split"][shuffled.index]
    test = lines[stays["split"] == "test"].sort_values()
    parts = {"train/listfile": shuffled, "test/listfile": test, "test_listfile": test}
    parts |= {f"{name}_listfile": shuffled[split == name] for name in ("train", "val")}
    for name, part in parts.items():
        (task / f"{name}.csv").write_bytes("\n".join(["stay,y_true", *part, ""]).encode())
