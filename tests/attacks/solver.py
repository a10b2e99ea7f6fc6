"""An attacker with a solver: what can be told about withheld cells from all published tables taken together.

Unknown are the numbers of people with and without an event in each segment of each attribute in each split, of each
pair of segments in the test split, and how many of them the model decides wrongly. Every published number is an
equation; two attributes share their totals.
"""

from itertools import combinations

import numpy as np
import pandas as pd
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array

from fairlib.cohort import SPLITS, Cohort
from fairlib.measures import describe
from fairlib.measures.groups import BETWEEN
from tests.tables import evaluation_tables

UNKNOWN = "unknown"


class System:
    """Linear equations over whole numbers that are not negative."""

    def __init__(self):
        self.names, self.rows, self.right = {}, [], []
        self.found = []  # solutions: each agrees with all that is known

    def add(self, cells: list[tuple], value: float) -> None:
        """The numbers of these cells add up to ``value``; nothing where it is withheld."""
        if np.isfinite(value):
            self.rows.append({self.names.setdefault(cell, len(self.names)): 1.0 for cell in cells})
            self.right.append(float(value))

    def equal(self, left: list[tuple], right: list[tuple]) -> None:
        """Two sums are the same, whatever they are."""
        row = {self.names.setdefault(cell, len(self.names)): 1.0 for cell in left}
        self.rows.append(row | {self.names.setdefault(cell, len(self.names)): -1.0 for cell in right})
        self.right.append(0.0)

    def range(self, cells: list[tuple], true: float = float("nan"), enough: int = 0) -> tuple[int, int]:
        """Smallest and largest sum of these cells that agrees with all that is known.

        Where solutions to earlier questions lie on both sides of the ``true`` sum and ``enough`` apart, theirs.
        """
        places = [(i, j, v) for i, row in enumerate(self.rows) for j, v in row.items()]
        i, j, v = map(np.array, zip(*places, strict=True))
        matrix = csr_array((v, (i, j)), shape=(len(self.rows), len(self.names)))
        cost = np.zeros(len(self.names))
        cost[[self.names[cell] for cell in cells]] = 1
        ends = [round(cost @ solution) for solution in self.found]
        if ends and min(ends) <= true <= max(ends) and max(ends) - min(ends) >= enough:
            return min(ends), max(ends)
        ends = []
        for sign in (1, -1):
            found = milp(
                sign * cost,
                constraints=LinearConstraint(matrix, self.right, self.right),
                integrality=np.ones(len(cost)),
                bounds=Bounds(0, 1e6),
            )
            assert found.success, found.message
            ends.append(round(sign * found.fun))
            self.found.append(np.round(found.x))
        return ends[0], ends[1]


def truth(cohort: Cohort) -> pd.DataFrame:
    """One row a person: split, y, and each attribute, unknown as a segment of its own."""
    columns = {name: cohort.attributes[name].astype("string").fillna(UNKNOWN) for name in cohort.attributes}
    return pd.DataFrame({"split": cohort.split, "y": cohort.y, **columns})


def published(cohort: Cohort, score: np.ndarray) -> tuple[System, list[tuple[str, str, str]]]:
    """All equations that published tables give, and the withheld cells (attribute, segment, split or "all")."""
    card, system, withheld = cohort.card, System(), []
    tables = describe.cohort_tables(cohort) | evaluation_tables(cohort, score, 0.5, 20)
    names = {name: [*facts.segments, UNKNOWN] for name, facts in card.attributes.items()}

    def cells(attribute, segments, splits, ys=(0, 1)):
        return [(attribute, g, s, y) for g in segments for s in splits for y in ys]

    for row in tables["sizes"].itertuples():
        splits = SPLITS if row.split == "all" else (row.split,)
        for attribute, segments in names.items():
            system.add(cells(attribute, segments, splits), row.people)
            system.add(cells(attribute, segments, splits, (1,)), row.events)
    first = next(iter(names))
    for attribute, split, y in ((a, s, y) for a in names if a != first for s in SPLITS for y in (0, 1)):
        system.equal(cells(first, names[first], (split,), (y,)), cells(attribute, names[attribute], (split,), (y,)))
    for row in tables["segments"].itertuples():
        splits = SPLITS if row.split == "all" else (row.split,)
        system.add(cells(row.attribute, [row.segment], splits), row.people)
        system.add(cells(row.attribute, [row.segment], splits, (1,)), row.events)
        if not np.isfinite(row.people):
            withheld.append((row.attribute, row.segment, row.split))
    metrics = tables["metrics"]
    for row in metrics[metrics["scope"] != "overall"].drop_duplicates(["scope", "attribute", "segment"]).itertuples():
        known = [name for name in names[row.attribute] if name != UNKNOWN]
        chosen = known if row.scope == "ratio" else [row.segment]
        if not row.note.startswith(("withheld", "sizes withheld")):
            system.add(cells(row.attribute, chosen, ("test",)), row.people)
            system.add(cells(row.attribute, chosen, ("test",), (1,)), row.events)
        elif row.scope == "segment":
            withheld.append((row.attribute, row.segment, "test"))
    _decisions(system, metrics, names, {name: facts.privileged for name, facts in card.attributes.items()})
    for one, other in combinations(card.protected(), 2):
        pair = [(g, h) for g in names[one] for h in names[other]]
        for y in (0, 1):
            for attribute, place in ((one, 0), (other, 1)):
                for g in names[attribute]:
                    system.equal(
                        [(one, other, *both, y) for both in pair if both[place] == g], [(attribute, g, "test", y)]
                    )
    for row in tables["intersections"].drop_duplicates(["attribute", "segment"]).itertuples():
        one, other = row.attribute.split(BETWEEN)
        both = tuple(row.segment.split(BETWEEN))
        if not row.note.startswith("withheld"):
            system.add([(one, other, *both, y) for y in (0, 1)], row.people)
            system.add([(one, other, *both, 1)], row.events)
    return system, withheld


RATES = {1: "false_negative_rate", 0: "false_positive_rate"}


def _decisions(system: System, metrics: pd.DataFrame, names: dict[str, list[str]], privileged: dict[str, str]) -> None:
    """Rates of error times people are numbers of wrong decisions: of everybody, of segments, and behind ratios."""
    values = metrics.set_index(["scope", "attribute", "segment", "metric"])["estimate"]
    sizes = metrics.drop_duplicates(["scope", "attribute", "segment"]).set_index(["scope", "attribute", "segment"])

    def people(scope, attribute, segment, y):
        row = sizes.loc[(scope, attribute, segment)]
        return row["events"] if y else row["people"] - row["events"]

    for attribute, segments in names.items():
        for y, rate in RATES.items():
            wrong = [("wrong", attribute, g, y) for g in segments]
            for g in segments:
                system.equal([(attribute, g, "test", y)], [("wrong", attribute, g, y), ("right", attribute, g, y)])
                if ("segment", attribute, g, rate) in values.index:
                    number = values["segment", attribute, g, rate] * people("segment", attribute, g, y)
                    system.add([("wrong", attribute, g, y)], np.round(number))
            everybody = ("overall", "everybody", "everybody")
            system.add(wrong, np.round(values[*everybody, rate] * people(*everybody, y)))
            base, key = privileged[attribute], ("ratio", attribute, "unprivileged / privileged")
            reference = values.get(("segment", attribute, base, rate), np.nan)
            shown = (*key, f"{rate}_ratio") in values.index and "withheld" not in sizes.loc[key, "note"]
            if np.isfinite(reference) and shown:
                others = [cell for cell in wrong if cell[2] not in (base, UNKNOWN)]
                number = people(*key, y) - people("segment", attribute, base, y)
                system.add(others, np.round(values[*key, f"{rate}_ratio"] * reference * number))
