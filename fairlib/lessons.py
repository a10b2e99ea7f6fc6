"""What the lessons of the course call: synthetic stays and windows with knobs turned, and a line of provenance."""

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

import matplotlib as mpl
import pandas as pd
from cycler import cycler

from . import cards, twins
from .readers import mimic
from .report.provenance import Provenance, of_twin
from .seeds import generator
from .study.parameters import Contract
from .twins import people, truth

if TYPE_CHECKING:
    from .cohort import Cohort


class Lesson(Contract):
    """What a lesson takes: the twin whose dial is turned, and a seed that decides which synthetic people are drawn."""

    notebook: ClassVar[str] = ""

    dataset: Literal["mimic"] = "mimic"
    source: Literal["twin"] = "twin"
    seed: int = 1


def begin(name: str, **parameters: object) -> Provenance:
    """The provenance of everything that the lesson ``name`` shows; refuses parameters that it cannot take.

    Figures get the book's colours.
    """
    backend = mpl.get_backend()
    from .report import style  # its own backend would keep a student's figures from the screen

    mpl.use(backend)
    mpl.rcParams["axes.prop_cycle"] = cycler(color=style.SEGMENTS)
    return of_twin(contract(name)(**parameters), _spec({}))


def contract(name: str) -> type[Lesson]:
    """What the lesson ``name`` takes."""
    return type("Lesson", (Lesson,), {"notebook": f"course/{name}", "__module__": __name__})


def stays(n: int = 20_000, seed: int = 1, **knobs: object) -> pd.DataFrame:
    """n synthetic stays in intensive care, from a twin in which these knobs alone are not at zero.

    knobs: as in a spec of the twin, e.g. ``noise={"gender": {"Female": 1.0}}`` or ``prevalence=2.0``.

    Returns one row a stay: ``person``, the attributes ``gender``, ``age``, ``ethnicity``, ``language``, ``insurance``,
    ``label`` (1: died in hospital), ``score`` (in 0 to 1, of a fixed rule that reads the heart rate after a day) and
    ``best`` (of a score that knows how ill the person is; nobody has it outside a twin).
    """
    drawn = truth.draw("mimic", _spec(knobs), n, generator(seed, "lesson"))
    return drawn[["person", *cards.load("mimic").attributes, "label", "score", "best"]]


def windows(n: int = 600, seed: int = 1, **knobs: object) -> "Cohort":
    """A small twin with these knobs, written as official files and read back by the study's reader: x is
    (n, 48 hours, 76 channels)."""
    with tempfile.TemporaryDirectory() as folder:
        spec, place = _spec(knobs | {"windows": n}), Path(folder) / "twin"
        return mimic.read(twins.write("mimic", place, spec, seed, with_truth=False))


def _spec(knobs: dict[str, object]) -> people.Spec:
    """The twin with only these knobs turned; refuses names that it does not know, with the nearest it does."""
    return replace(twins.load_spec("mimic", knobs).without_disparities(), **knobs)
