"""Coverage of cross-fitted intervals and verdicts: cohorts in which a cheap learner is refitted in every fold.

``python -m tests.coverage_crossfit [--cohorts 1000] [--jobs 1] [--scenario NAME …]`` is resumable: finished blocks of
cohorts lie in ``results/coverage_crossfit/CODE``. The book keeps ``book/quality/coverage_crossfit.csv`` (intervals) and
``coverage_crossfit_verdicts.csv``. A thousand cohorts of every scenario take about three hours of one core.

In every cohort two models, ridge logistic regressions on six of ten features that differ from run to run, are fitted in
every fold of every repeat, as the study's networks are. The truth is what these very models do on people without end:
features are normal given outcome, sex and age, so it has a closed form, which a test compares with fresh people.
"""

import argparse
from dataclasses import dataclass, field
from itertools import product
from multiprocessing import Pool
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import ndtr
from tqdm import tqdm

from fairlib import __version__, cards
from fairlib.measures import estimands, verdicts
from fairlib.measures.evidence import EVERYONE, SIDES, Evidence
from fairlib.measures.measured import Measured, measured
from fairlib.measures.operating import CHOSEN, PRIMARY, SENSITIVE, Point, thresholds
from fairlib.measures.outoffold import OutOfFold
from fairlib.seeds import generator
from fairlib.study.results import source_hash
from tests.measures.scores import deal

CARD = cards.load("challenge2012")
CARD = CARD.model_copy(update={"attributes": {name: CARD.attributes[name] for name in ("gender", "age")}})
SUPERVISED, SSL = MODELS = ("supervised", "frozen_1_middle")
FOLDS, REPEATS, DRAWS, BLOCK = 5, 4, 200, 10
#: Sex × age: segments' numbers (cells, 2), and names.
CELLS = np.array(list(product((0, 1), (0, 1))))
SHARE = np.array([0.3, 0.25, 0.25, 0.2])
FEATURES, USED, ALIKE = 10, 6, 0.6  # ALIKE: correlation of a feature's noise between the two models
LOADING = np.linspace(0.25, 0.65, FEATURES)  # how far a feature puts outcomes apart
#: What features gain or lose in women and in older people, (4, features); on average nothing, so that runs differ in
#: disparity around the scenario's.
UNEVEN = np.array(
    [np.tile([1, -1], 5), np.repeat([1, -1], 5), np.tile([1, 1, -1, -1, 0], 2), np.tile([-1, 1, 0, 1, -1], 2)]
)
UNEVEN = 0.3 * (UNEVEN - (UNEVEN @ LOADING**2 / np.sum(LOADING**2))[:, None])


@dataclass(frozen=True)
class Scenario:
    """One kind of cohort.

    Attributes
    ----------
    prevalence: of the four cells, men < 65, men ≥ 65, women < 65, women ≥ 65.
    signal: model → how well its features tell outcomes apart in the four cells, 1 as ``LOADING`` says.
    step: scores are rounded to it, so that many are tied; 0 for none.
    """

    people: int
    prevalence: tuple[float, ...] = (0.14,) * 4
    signal: dict[str, tuple[float, ...]] = field(default_factory=lambda: dict.fromkeys(MODELS, (1.0,) * 4))
    step: float = 0.0
    points: tuple[Point, ...] = (PRIMARY,)


OLDER = (0.07, 0.2, 0.09, 0.22)
UNLIKE = (1.3, 1.0, 1.1, 0.8)  # signal of the supervised model: worst for older women


def _unlike(people: int, ssl: np.ndarray, prevalence: tuple[float, ...] = OLDER) -> Scenario:
    return Scenario(people, prevalence, {SUPERVISED: UNLIKE, SSL: tuple(ssl)})


#: The signals put the truth, averaged over runs, at the margin (to 0.001), where a verdict errs most often.
SCENARIOS = {
    "parity, 8,000 people": Scenario(8000),
    "30 % difference, 8,000 people": _unlike(8000, UNLIKE + 0.163 * np.array([-1, 1, -1, 1])),
    "difference of log 1.05, 8,000 people": _unlike(8000, UNLIKE - 0.213 * np.array([-1, 1, -1, 1])),
    "AUC 0.02 lower, 2,000 people": _unlike(2000, 0.894 * np.array(UNLIKE)),
    "AUC 0.01 lower, 2,000 people": _unlike(2000, 0.935 * np.array(UNLIKE)),
    "error 0.02 higher in one group, 2,000 people": _unlike(2000, np.array([*UNLIKE[:3], 0.586])),
    "tied groups and scores, 2,000 people": Scenario(2000, step=0.5, points=(PRIMARY, SENSITIVE, CHOSEN[0])),
    "parity, 60 people": Scenario(60, (0.5,) * 4),
    "30 % difference, 60 people": _unlike(60, UNLIKE + 0.163 * np.array([-1, 1, -1, 1]), (0.4, 0.6, 0.4, 0.6)),
}


def loadings(scenario: Scenario, model: str) -> np.ndarray:
    """How far each feature puts outcomes apart in each cell, (cells, features)."""
    uneven = UNEVEN[:2] if model == SSL else UNEVEN[2:]
    return LOADING * (1 + CELLS @ uneven) * np.array(scenario.signal[model])[:, None]


@dataclass(frozen=True, eq=False)
class Population(Evidence):
    """The same numbers on people without end: ``apart`` is model → (repeats, folds, cells), the distance of the scores
    of the two outcomes in standard deviations, and ``cuts`` (model, point) → (repeats, folds) thresholds."""

    scenario: Scenario = None
    apart: dict = field(default_factory=dict)
    cuts: dict = field(default_factory=dict)

    def _masses(self, model: str) -> tuple[np.ndarray, np.ndarray]:
        """Edges of a grid of scores, from the highest down, and the share of people above each, by cell and outcome:
        (repeats, folds, cells, 2, edges)."""
        step = self.scenario.step or 0.005
        edges = np.arange(9, -6, -step) - step / 2
        centre = np.stack([np.zeros_like(self.apart[model]), self.apart[model]], axis=-1)
        shares = np.stack([SHARE * (1 - self._rate), SHARE * self._rate], axis=-1)
        return edges, shares[..., None] * ndtr(centre[..., None] - edges)

    @property
    def _rate(self) -> np.ndarray:
        return np.array(self.scenario.prevalence)

    def _count(self, model: str, point: Point) -> np.ndarray:
        """Share of people flagged, by cell and outcome (repeats, folds, cells, 2)."""
        edges, above = self._masses(model)
        if point.validation:
            place = np.searchsorted(-edges, -self.cuts[model, point], side="right") - 1
            if not self.scenario.step:
                centre = np.stack([np.zeros_like(self.apart[model]), self.apart[model]], axis=-1)
                return above[..., -1] * ndtr(centre - self.cuts[model, point][..., None, None])
            return np.take_along_axis(above, place[..., None, None, None] + 1, axis=-1)[..., 0]
        counted = above.sum(axis=2).sum(axis=2) if point.kind == "alert rate" else above[:, :, :, 1].sum(axis=2)
        wanted = point.value * counted[..., -1:]
        place = (counted < wanted).sum(axis=-1, keepdims=True)  # the first edge above which enough are
        low, high = (np.take_along_axis(counted, place + shift, axis=-1) for shift in (-1, 0))
        part = ((wanted - low) / (high - low))[:, :, None, None]
        lower, upper = (np.take_along_axis(above, (place + shift)[:, :, None, None], axis=-1) for shift in (-1, 0))
        return (lower + part * (upper - lower))[..., 0]

    def _cells(self, group: tuple[str, str]) -> np.ndarray:
        if group == EVERYONE:
            return np.full(4, True)
        if group[1] in SIDES:
            return CELLS[:, ["gender", "age"].index(group[0])] == (group[1] == SIDES[0])
        segments = [own.segments for own in CARD.attributes.values()]
        names = [" × ".join(own[i] for own, i in zip(segments, cell, strict=True)) for cell in CELLS]
        return np.array([name == group[1] for name in names])

    def counts_of(self, model: str, point: Point, group: tuple[str, str]) -> list[np.ndarray]:
        inside, flagged = self._cells(group), self.counts(model, point)
        everyone = np.broadcast_to(np.stack([SHARE * (1 - self._rate), SHARE * self._rate], axis=-1), flagged.shape)
        found = [each[..., inside, label].sum(axis=-1) for label in (1, 0) for each in (flagged, everyone - flagged)]
        return [np.repeat(each[..., None], 2, axis=-1) for each in found]  # the data, and one draw that is like them

    def _curve(self, model: str, group: tuple[str, str]) -> tuple[np.ndarray, np.ndarray]:
        """People without and with an event above each edge, (repeats, folds, edges) each."""
        above = self._masses(model)[1][:, :, self._cells(group)].sum(axis=2)
        return above[:, :, 0], above[:, :, 1]

    @property
    def areas(self):
        return self._wins

    def _wins(self, model: str, group: tuple[str, str]) -> tuple[np.ndarray, np.ndarray]:
        negative, positive = self._curve(model, group)
        won = (np.diff(negative) * (positive[..., 1:] + positive[..., :-1]) / 2).sum(axis=-1)
        pairs = negative[..., -1] * positive[..., -1]
        return tuple(np.repeat(each[..., None], 2, axis=-1) for each in (won, pairs - won))

    def auprc(self, model: str) -> Measured:
        negative, positive = self._curve(model, EVERYONE)
        with np.errstate(invalid="ignore"):
            precision = np.nan_to_num(positive / (positive + negative))[..., 1:]
        area = (np.diff(positive) * precision).sum(axis=-1) / positive[..., -1]
        both = [np.repeat(each[..., None], 2, axis=-1) for each in (area, 1 - area)]
        return measured(lambda yes, no: yes / (yes + no), *both)


def simulate(scenario: Scenario, seed: int) -> tuple[OutOfFold, dict, dict]:
    """One cohort with its refitted models: out-of-fold scores, and ``apart`` and ``cuts`` of ``Population``."""
    from sklearn.linear_model import LogisticRegression

    draw, n = generator(seed, "coverage", "cross-fitting"), scenario.people
    cell = draw.choice(4, n, p=SHARE)
    y = (draw.random(n) < np.array(scenario.prevalence)[cell]).astype(np.int8)
    shared, folds = draw.normal(size=(n, FEATURES)), deal(4 * y + cell, FOLDS, REPEATS, draw)
    score, apart, cuts, cut = {}, {}, {}, {}
    chosen = tuple(point for point in scenario.points if point.validation)
    for model in MODELS:
        own = np.sqrt(ALIKE) * shared + np.sqrt(1 - ALIKE) * draw.normal(size=(n, FEATURES))
        distance = loadings(scenario, model)
        x = own + y[:, None] * distance[cell]
        score[model] = np.full((REPEATS, n), np.nan, dtype=np.float32)
        apart[model], tables = np.empty((REPEATS, FOLDS, 4)), []
        for repeat, fold in product(range(REPEATS), range(FOLDS)):
            used = draw.permutation(FEATURES)[:USED]
            train, test = np.flatnonzero(folds[repeat] != fold), folds[repeat] == fold
            train = draw.permutation(train)
            train, held = train[len(train) // 8 :], train[: len(train) // 8]
            weight = LogisticRegression(C=1.0).fit(x[np.ix_(train, used)], y[train]).coef_[0]
            weight /= np.linalg.norm(weight)
            value = x[:, used] @ weight
            if scenario.step:
                value = np.round(value / scenario.step) * scenario.step
            score[model][repeat, test] = value[test]
            apart[model][repeat, fold] = distance[:, used] @ weight
            tables.append(thresholds(y[held], value[held], chosen).assign(repeat=repeat, fold=fold))
        cut[model] = pd.concat(tables, ignore_index=True)
        for point in chosen:
            own = cut[model].loc[cut[model]["point"] == point._replace(validation=False).name, "threshold"]
            cuts[model, point] = own.to_numpy().reshape(REPEATS, FOLDS)
    codes = zip(CARD.attributes.items(), CELLS[cell].T, strict=True)
    attributes = pd.DataFrame({name: pd.Categorical.from_codes(own, facts.segments) for (name, facts), own in codes})
    return OutOfFold(y, np.arange(n), attributes, CARD, folds, score, cut=cut), apart, cuts


#: What is under test: a change to one of these starts anew.
MEASURES = ("evidence", "estimands", "margins", "measured", "operating", "outoffold", "performance", "verdicts")
TESTED = ("fairlib.inference", "fairlib.fairness", *(f"fairlib.measures.{name}" for name in MEASURES))
ANY_GROUP = "levelling down: in a group"
KEYS = ["model", "point", "estimand", "group"]
ENDS = ["low", "high", "low90", "high90", "people_low", "people_high", "corrected_low", "corrected_high"]


def cohort(name: str, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Every interval of one cohort beside the truth, and every verdict beside whether it is true."""
    scenario = SCENARIOS[name]
    of, apart, cuts = simulate(scenario, seed)
    tables, judged = [], []
    for evidence in (Evidence(of, DRAWS), Population(of, 1, scenario, apart, cuts)):
        change = estimands.differences(evidence, SSL, SUPERVISED, scenario.points)
        own = estimands.numbers(evidence, [*MODELS], scenario.points)
        tables.append(pd.concat([own, change.assign(model="difference")], ignore_index=True))
        if not judged and evidence.attributes:
            judged.append(verdicts.verdicts(change))
        elif evidence.attributes:  # the truth is an interval of length 0
            exact = dict.fromkeys(("low", "high", "low90", "high90"), change["estimate"])
            judged.append(verdicts.verdicts(change.assign(**exact)))
    found, truth = tables
    found = found[[*KEYS, "estimate", "se", "freedom", *ENDS]].assign(truth=truth["estimate"])
    found = found[~(found["se"] < 1e-6)]  # what an operating point fixes is no estimate
    return found.assign(scenario=name, seed=seed), _beside(*judged, name, seed) if judged else pd.DataFrame()


def _beside(given: pd.DataFrame, true: pd.DataFrame, name: str, seed: int) -> pd.DataFrame:
    """Verdicts given, with whether they are true; of named groups only those that are said to be levelled down."""
    holds = true[true["holds"]]["verdict"]
    given = given[given["holds"] | ~given["verdict"].str.startswith(verdicts.LEVELLING)]
    out = pd.DataFrame({"verdict": given["verdict"], "given": given["holds"], "true": given["verdict"].isin(holds)})
    return out.assign(scenario=name, seed=seed)


def coverage(intervals: pd.DataFrame) -> pd.DataFrame:
    """How often each interval holds the truth: one row per scenario and number.

    Columns: cohorts; coverage, its Monte-Carlo ``error``, below and above (shares of intervals wholly below or above
    the truth), length (mean), coverage_90, coverage_people, coverage_corrected (where it is printed), undefined, truth.
    """
    t, records = intervals, []
    slack = 1e-9
    for key, own in t.groupby(["scenario", *KEYS], sort=False):
        defined = own[own["low"].notna()]
        record = dict(zip(["scenario", *KEYS], key, strict=True)) | {"cohorts": len(own)}
        for kind, low, high in zip(("", "_90", "_people", "_corrected"), ENDS[::2], ENDS[1::2], strict=True):
            shown = defined[defined[low].notna()]
            inside = (shown[low] <= shown["truth"] + slack) & (shown["truth"] <= shown[high] + slack)
            record[f"coverage{kind}"] = inside.mean()
        share = record["coverage"]
        record["error"] = np.sqrt(share * (1 - share) / len(defined)) if len(defined) else np.nan
        record["below"] = (defined["high"] < defined["truth"]).mean()
        record["above"] = (defined["low"] > defined["truth"]).mean()
        record["length"] = (defined["high"] - defined["low"]).mean()
        record["undefined"] = 1 - len(defined) / len(own)
        records.append(record | {"truth": own["truth"].mean()})
    return pd.DataFrame(records).round(4)


def errors(given: pd.DataFrame) -> pd.DataFrame:
    """How often each verdict is given, true, and given though not true (``wrong``, with its Monte-Carlo ``error``)."""
    verdict = given["verdict"].where(~given["verdict"].str.startswith(verdicts.LEVELLING), ANY_GROUP)
    wrong = given.assign(verdict=verdict, wrong=given["given"] & ~given["true"])
    each = wrong.groupby(["scenario", "verdict", "seed"], sort=False)[["given", "true", "wrong"]].any()
    cohorts = given.groupby("scenario")["seed"].nunique()
    out = each.groupby(level=[0, 1], sort=False).sum().reset_index()
    out["cohorts"] = out["scenario"].map(cohorts)
    for column in ("given", "true", "wrong"):
        out[column] /= out["cohorts"]
    nothing = out["verdict"].isin([verdicts.TOO_LITTLE, verdicts.OPEN])  # they claim nothing that could be wrong
    out[["true", "wrong"]] = out[["true", "wrong"]].mask(nothing)
    out["true"] = out["true"].mask(out["verdict"] == ANY_GROUP)  # of named groups only those said to be worse are kept
    return out.assign(error=np.sqrt(out["wrong"] * (1 - out["wrong"]) / out["cohorts"])).round(4)


def block(task: tuple[str, int, Path]) -> None:
    """The cohorts of one block, unless they are there; written aside and renamed, so that a killed run leaves none in
    part."""
    name, first, folder = task
    tables = zip(*(cohort(name, seed) for seed in range(first, first + BLOCK)), strict=True)
    for kind, table in zip(("intervals", "verdicts"), tables, strict=True):
        path = folder / f"{_slug(name)}-{first}-{kind}.parquet"
        pd.concat(table, ignore_index=True).to_parquet(path.with_suffix(".part"))
        path.with_suffix(".part").rename(path)


def _slug(name: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in name)


def main() -> None:
    root = Path(__file__).parents[1]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cohorts", type=int, default=1000, help=f"of each scenario; in blocks of {BLOCK}")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--scenario", nargs="*", default=[*SCENARIOS], choices=[*SCENARIOS])
    parser.add_argument("--parts", type=Path, default=root / "results" / "coverage_crossfit")
    parser.add_argument("--out", type=Path, default=root / "book" / "quality" / "coverage_crossfit.csv")
    options = parser.parse_args()
    code = source_hash(*TESTED)[:8]
    folder = options.parts / code
    folder.mkdir(parents=True, exist_ok=True)
    tasks = [(name, first, folder) for first in range(0, options.cohorts, BLOCK) for name in options.scenario]
    tasks = [task for task in tasks if not (folder / f"{_slug(task[0])}-{task[1]}-verdicts.parquet").exists()]
    with Pool(options.jobs) as pool:
        for _ in tqdm(pool.imap(block, tasks), total=len(tasks)):
            pass
    for kind, summary, path in (
        ("intervals", coverage, options.out),
        ("verdicts", errors, options.out.with_stem(f"{options.out.stem}_verdicts")),
    ):
        parts = [pd.read_parquet(part) for part in sorted(folder.glob(f"*-{kind}.parquet"))]
        summary(pd.concat(parts, ignore_index=True)).assign(code=f"{__version__}+{code}").to_csv(path, index=False)


if __name__ == "__main__":
    main()
