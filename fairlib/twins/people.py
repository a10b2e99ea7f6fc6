"""The generative model that all twins share: people with known causes of unequal performance.

::

    attributes ──→ prevalence ──────────────┐
       │                                    ▼
       │        latent severity z ───→ true outcome ──→ recorded label
       │                │                                    ▲
       ├──→ signal quality, missingness ──→ signals          │
       └──→ label noise ─────────────────────────────────────┘

A person's attributes are drawn from published shares. Each stay has a severity z ~ N(0, 1), independent of the
attributes. The outcome is Bernoulli(sigmoid(a + b z)): b = ``severity`` for everybody, a so that every segment has its
published rate of the outcome. A twin turns z into the signals of its dataset. Every way in which segments can differ is
a knob of ``Spec`` with a unit and a zero; with all knobs at zero, segments differ in nothing but their size.

Shares and rates are published counts of people and labels. No parameter is fitted to a published result of a model: b
and the effects of z on signals are only large enough for the outcome to be learnable from a few thousand windows.
"""

import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from .. import cards

#: The segment of people whose attribute was not recorded.
UNKNOWN = "unknown"
#: Log odds are fitted to their targets up to this.
CLOSE = 1e-10
#: Nodes and weights of the normal density.
QUADRATURE = np.polynomial.hermite_e.hermegauss(40)
#: Attribute → segment → value of a knob; segments that are not named have 0.
Planted = Mapping[str, Mapping[str, float]]


class SpecError(ValueError):
    """A twin cannot be made as asked; the message says which knob is wrong and what it accepts."""


class Scorer(NamedTuple):
    """A fixed rule that reads one signal at one time and knows nothing else: the same for everybody, trained on nobody.

    Its score is sigmoid((reading − middle) / scale), high for the outcome; a lost reading counts as ``typical``. Its
    metrics can be computed for the model of a twin, for any cohort drawn from it, and from the files of a twin.
    """

    signal: str
    unit: str
    middle: float
    scale: float
    typical: float

    def score(self, reading: np.ndarray) -> np.ndarray:
        """Readings (n,), NaN where lost → scores (n,) in (0, 1)."""
        return expit((np.where(np.isnan(reading), self.typical, reading) - self.middle) / self.scale)


class Knob(NamedTuple):
    unit: str
    zero: str
    low: float
    high: float


KNOBS = {
    "share": Knob("log ratio of the segment's share of people to the published share", "the published share", -5, 5),
    "noise": Knob(
        "extra standard deviation of signals, as a share of everybody's", "signals as clear as others'", -0.9, 9
    ),
    "missingness": Knob("share of charting times that are lost", "charted as often as others", 0, 0.95),
    "label_noise": Knob("share of labels drawn anew, whatever the severity", "labels as reliable as others'", 0, 1),
}
PREVALENCE = Knob("multiple of the published differences in log odds", "the same prevalence in all segments", 0, 3)


@dataclass(frozen=True)
class Spec:
    """Size of a twin, strength of the outcome, and planted disparities (none here, but for the published prevalence).

    windows: how many windows to write. severity: log odds of the outcome per unit of z, the same for everybody.
    prevalence, share, noise, missingness, label_noise: knobs; unit, zero and range in ``PREVALENCE`` and ``KNOBS``.
    """

    windows: int = 3000
    severity: float = 3.0
    prevalence: float = 1.0
    share: Planted = field(default_factory=dict)
    noise: Planted = field(default_factory=dict)
    missingness: Planted = field(default_factory=dict)
    label_noise: Planted = field(default_factory=dict)

    def __post_init__(self):
        refuse_other("windows", self.windows, 200, 3_000_000, whole=True)
        refuse_other("severity", self.severity, 0, 10)
        refuse_other("prevalence", self.prevalence, 0, PREVALENCE.high)
        for name, knob in KNOBS.items():
            planted = getattr(self, name)
            if not isinstance(planted, Mapping) or not all(isinstance(part, Mapping) for part in planted.values()):
                raise SpecError(f"{name} must map attribute to segment to number, got {planted!r}")
            for attribute, segment, value in _flat(planted):
                refuse_other(f"{name} of {attribute} {segment}", value, knob.low, knob.high, f" ({knob.unit})")

    def without_disparities(self) -> "Spec":
        """The same twin with every knob at its zero."""
        return replace(self, prevalence=0.0, **{name: {} for name in KNOBS})

    def planted(self) -> list[dict[str, object]]:
        """Every knob that is not at zero, in words and numbers."""
        every = [("prevalence", PREVALENCE, {"all": {"all": self.prevalence}})]
        every += [(name, knob, getattr(self, name)) for name, knob in KNOBS.items()]
        return [
            {"knob": name, "attribute": attribute, "segment": segment, "value": value}
            | {"unit": knob.unit, "zero": knob.zero}
            for name, knob, planted in every
            for attribute, segment, value in _flat(planted)
            if value != 0
        ]


def refuse_other(name: str, value: object, low: float, high: float, note: str = "", whole: bool = False) -> None:
    """Raise ``SpecError`` for what is no (whole) number from ``low`` to ``high``; ``note``: what they are, in words."""
    if isinstance(value, bool) or not isinstance(value, int if whole else int | float) or not low <= value <= high:
        kind = "a whole number" if whole else "a number"
        raise SpecError(f"{name} must be {kind} from {low} to {high}{note}, got {value!r}")


def facts(name: str) -> dict:
    """The content of a JSON file beside the twins: published counts, or assumptions about signals."""
    return json.loads(Path(__file__).with_name(f"{name}.json").read_text(encoding="utf-8"))


def shares(counts: Mapping[str, Mapping[str, float]]) -> dict[str, pd.Series]:
    """Attribute → segment → count of people, as ``population`` takes them: attributes independent of each other."""
    return {name: pd.Series(part, dtype=float) for name, part in counts.items()}


def load(kind: type[Spec], spec: "Spec | Mapping | Path | str | None") -> Spec:
    """A spec from None (the defaults of ``kind``), a dict or a YAML file that names only what differs, or itself."""
    if isinstance(spec, Spec):
        return spec
    if isinstance(spec, Path | str):
        try:
            spec = cards.read(spec, numbers=True)
        except (OSError, UnicodeDecodeError, cards.PlainYamlError) as error:
            raise SpecError(f"{spec} is no readable YAML file: {error}") from error
    if spec is not None and not isinstance(spec, Mapping):
        raise SpecError(f"a twin's spec is a mapping of names to values, got {spec!r}")
    known = [part.name for part in fields(kind)]
    for name in spec or {}:
        _refuse_unknown(name, known, "knob")
    return kind(**(spec or {}))


def check(spec: Spec, segments: Mapping[str, list[str]]) -> None:
    """Refuse knobs on attributes or segments that the dataset does not have."""
    for name in KNOBS:
        for attribute, segment, _ in _flat(getattr(spec, name)):
            _refuse_unknown(attribute, list(segments), f"attribute in {name}")
            _refuse_unknown(segment, segments[attribute], f"segment of {attribute} in {name}")


def _refuse_unknown(name: object, known: list[str], what: str) -> None:
    if name not in known:
        close = difflib.get_close_matches(str(name), known, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise SpecError(f"unknown {what}: {name!r}{hint} (known: {', '.join(known)})")


def _flat(planted: Planted) -> list[tuple[str, str, float]]:
    return [(attribute, segment, value) for attribute, part in planted.items() for segment, value in part.items()]


def population(tables: Mapping[str, pd.Series | pd.DataFrame]) -> pd.DataFrame:
    """All combinations of segments (cells): one column an attribute, and their ``share`` of people (sum 1).

    A table is a Series segment → weight, independent of the attributes before it, or a DataFrame of weights with
    one row a segment of an earlier attribute (the index's name) and one column a segment.
    """
    cells = pd.DataFrame({"share": [1.0]})
    for name, table in tables.items():
        if isinstance(table, pd.Series):
            cells = cells.merge(table.rename("weight").rename_axis(name).reset_index(), how="cross")
        else:
            long = table.reset_index().melt(table.index.name, var_name=name, value_name="weight")
            cells = cells.merge(long, on=table.index.name)
        cells["share"] *= cells.pop("weight")
    cells["share"] /= cells["share"].sum()
    return cells


def expected_rate(log_odds: np.ndarray, severity: float) -> np.ndarray:
    """Mean of sigmoid(a + b z) over z ~ N(0, 1), by Gauss-Hermite quadrature."""
    nodes, weights = QUADRATURE
    return expit(log_odds[:, None] + severity * nodes) @ (weights / weights.sum())


def outcome_log_odds(
    cells: pd.DataFrame,
    rates: Mapping[str, Mapping[str, float]],
    overall: float,
    severity: float,
    prevalence: float,
) -> np.ndarray:
    """a of each cell, so that segments have their published ``rates`` and everybody the ``overall`` one.

    Raked: each attribute in turn shifts its segments to their rates, until all fit. This takes away what an attribute
    owes to another one (insurance to age). Then the differences are multiplied by ``prevalence``.
    """
    share, offset = cells["share"].to_numpy(), np.zeros(len(cells))
    groups = {name: pd.factorize(cells[name]) for name in rates}
    for _ in range(50):
        largest = 0.0
        for name, (code, segments) in groups.items():
            rate = np.bincount(code, share * expected_rate(offset, severity)) / np.bincount(code, share)
            target = np.array([rates[name][segment] for segment in segments])
            shift = logit(target) - logit(rate)
            offset += shift[code]
            largest = max(largest, np.abs(shift).max())
        if largest < CLOSE:
            break
    offset = prevalence * (offset - share @ offset)
    for _ in range(50):
        shift = logit(overall) - logit(share @ expected_rate(offset, severity))
        offset += shift
        if abs(shift) < CLOSE:
            break
    return offset


def draw(cells: pd.DataFrame, log_odds: np.ndarray, spec: Spec, n: int, rng: np.random.Generator) -> pd.DataFrame:
    """n people: their segments, ``log_odds`` (a), ``rate`` (of the outcome), and what the knobs do to them.

    ``noise``: factor on standard deviations. ``charted``: share of charting times kept. ``redrawn``: probability that a
    label is drawn anew. A person of several segments has the product of their factors.
    """
    share = cells["share"].to_numpy() * np.exp(_combined(cells, spec.share, lambda value: value, np.add, 0.0))
    chosen = rng.choice(len(cells), n, p=share / share.sum())
    people = cells.drop(columns="share").assign(log_odds=log_odds, rate=expected_rate(log_odds, spec.severity))
    people["noise"] = _combined(cells, spec.noise, lambda value: 1 + value, np.multiply, 1.0)
    people["charted"] = _combined(cells, spec.missingness, lambda value: 1 - value, np.multiply, 1.0)
    people["redrawn"] = 1 - _combined(cells, spec.label_noise, lambda value: 1 - value, np.multiply, 1.0)
    return people.iloc[chosen].reset_index(drop=True)


def _combined(cells: pd.DataFrame, planted: Planted, factor, combine, start: float) -> np.ndarray:
    total = np.full(len(cells), start)
    for attribute, segment, value in _flat(planted):
        total = np.where(cells[attribute] == segment, combine(total, factor(value)), total)
    return total


def chance(people: pd.DataFrame, z: np.ndarray, spec: Spec) -> np.ndarray:
    """Chance of the outcome of each row at a severity z, (n,)."""
    return expit(people["log_odds"].to_numpy() + spec.severity * np.asarray(z))


def best_score(people: pd.DataFrame, outcome: np.ndarray) -> np.ndarray:
    """Probability of the recorded label for who knows segments and the chance of the ``outcome`` (n,): no scorer of the
    signals can rank better, so that its AUC in a segment, the Bayes AUC given the latent state, is a ceiling."""
    redrawn = people["redrawn"].to_numpy()
    return (1 - redrawn) * outcome + redrawn * people["rate"].to_numpy()


def label(people: pd.DataFrame, z: np.ndarray, spec: Spec, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(true outcome, recorded label) of each row, int8; a redrawn label keeps the segment's rate, not the severity."""
    draws = rng.random((3, len(people)))
    outcome = draws[0] < chance(people, z, spec)
    recorded = np.where(draws[1] < people["redrawn"], draws[2] < people["rate"], outcome)
    return outcome.astype(np.int8), recorded.astype(np.int8)
