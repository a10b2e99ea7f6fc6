"""A small study with made-up scores, as an enclave has it, and what export makes of it."""

from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np

from fairlib.cohort import Cohort
from fairlib.measures import scored
from fairlib.measures.describe import access
from fairlib.measures.evaluated import Evaluated
from fairlib.study.tables import COHORT, TABLES

NAMES = ("supervised", "frozen_0", "frozen_1_middle", "frozen_3", "logistic_regression")
BY = "St. Mary’s Hospital"


@dataclass
class Study:
    """Answers like ``fairlib.study.runs.Study``; every model has scores that know a little of the label."""

    cohort: Cohort
    draws: int = 60
    names: tuple[str, ...] = NAMES
    noise: float = 1.0
    runs: tuple[int, ...] = (1, 2)
    _kept: dict = field(default_factory=dict)

    @property
    def manifest(self) -> dict:
        made = {"origin": self.cohort.origin, "access": access(self.cohort), "profile": "smoke", "threshold": 0.5}
        return made | {"draws": self.draws, "data": self.cohort.fingerprint(), "code": "0" * 64}

    def seeds(self, strategy: str = "supervised", labels=None) -> tuple[int, ...]:
        return self.runs

    def has(self, strategy: str, seeds, labels=None) -> bool:
        return True

    def trained(self, strategy: str, seed: int, labels=None) -> bool:
        return strategy in self.names

    def people(self):
        return scored.rows(self.cohort)

    def of(self, strategy: str, seed: int) -> Evaluated:
        if (strategy, seed) not in self._kept:
            draw = np.random.default_rng([NAMES.index(strategy), seed])
            wobble = self.noise * draw.normal(size=len(self.cohort)) * (1.2 if strategy == "frozen_3" else 1)
            score = (1 / (1 + np.exp(-(2 * self.cohort.y - 1 + wobble)))).astype(np.float32)
            self._kept[strategy, seed] = Evaluated(self.cohort, score, 0.5, self.draws)
        return self._kept[strategy, seed]

    def table(self, name: str, strategy: str = "", seed: int = 0, labels=None):
        table = TABLES[name]
        key = (name, strategy, seed)
        if key not in self._kept:
            self._kept[key] = table.make(self.cohort if table.of == COHORT else self.of(strategy, seed))
        return self._kept[key].copy()


def parameters(cohort: Cohort):
    """Those that export asks for, of a source that nobody opens."""
    given = {"dataset": cohort.card.name, "recipe": "tuned", "pretext": "simclr", "pretrain_on": "all"}
    return SimpleNamespace(
        **given, card=cohort.card, wanted=NAMES, source="DIR", profile="smoke", results_dir="results"
    )
