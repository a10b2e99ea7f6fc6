"""Thousands of broken files for a reader. It must refuse each, in words, or make a cohort that is sound.

Never a traceback from the depths, a hang, or a cohort that differs in silence.
"""

import json
import os
import resource
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from fairlib import cards
from fairlib.cards import CardError
from fairlib.cohort import Cohort, CohortError

from .mutations import mutated
from .small import TARGETS, few_features

#: A folder in memory, where there is one.
MEMORY = "/dev/shm" if os.path.isdir("/dev/shm") else None
#: Broken files a reader in CI.
SAMPLE = 200
#: Seconds that a reader may take for a folder that it reads in a twentieth of one.
PATIENCE = 20
#: Characters of an error; none quotes a whole row.
LONGEST = 700
#: Where any text is a value: names of channels, of people, and a column with a segment for all others.
ANY_TEXT = {"a header", "LANGUAGE", "subject_id"}
NONSENSE = "cells: nonsense in "
REFUSED, SAME, SAID, OTHER = "refused", "read as before", "read, and counted", "read with other values"


class Fault(AssertionError):
    """A reader did what it must not."""


class Folder:
    """A valid folder of a reader: its files in memory, its cohort; one file is broken, read, and put back."""

    def __repr__(self) -> str:
        return str(self.place)

    def __init__(self, read, write, place: Path):
        self.read, self.place = read, place
        write(place)
        files = sorted(file for file in place.rglob("*") if file.is_file())
        self.files = {file.relative_to(place).as_posix(): file.read_bytes() for file in files}
        # Each kind of file as often, however many there are of it.
        kinds: dict[str, list[str]] = {}
        for name in self.files:
            kinds.setdefault("".join(c for c in Path(name).name if not c.isdigit()), []).append(name)
        self.kinds = list(kinds.values())
        self.cohort = self._try()
        assert isinstance(self.cohort, Cohort), self.cohort

    def answer(self, name: str, content: bytes, what: list[str]) -> str:
        """What the reader makes of the folder with another content of one file; raises ``Fault``.

        what: was done to the file (``mutations``).
        """
        file = self.place / name
        file.write_bytes(content)
        try:
            found = self._try()
        finally:
            file.write_bytes(self.files[name])
        if not isinstance(found, Cohort):
            _check_message(str(found), self.place, self.files)
            return REFUSED
        _check_cohort(found, self.cohort)
        if found.fingerprint() == self.cohort.fingerprint():
            return SAME
        if not found.attrition.equals(self.cohort.attrition):
            return SAID
        if len(what) == 1 and what[0].startswith(NONSENSE) and what[0].removeprefix(NONSENSE) not in ANY_TEXT:
            raise Fault(f"{name}: {what[0]} was taken for a value, in silence")
        return OTHER

    def _try(self) -> Cohort | Exception:
        try:
            with in_time(), warnings.catch_warnings():
                warnings.simplefilter("error")
                return self.read(self.place)
        except (CohortError, CardError) as error:
            return error
        except Exception as error:
            place = error.__traceback__
            while place.tb_next and "fairlib" in place.tb_next.tb_frame.f_code.co_filename:
                place = place.tb_next
            where = f"{Path(place.tb_frame.f_code.co_filename).name}:{place.tb_lineno}"
            raise Fault(f"{type(error).__name__} at {where}: {str(error)[:300]}") from error


@contextmanager
def in_time() -> Iterator[None]:
    """Raises ``TimeoutError`` in what takes longer than ``PATIENCE``."""

    def stop(*_):
        raise TimeoutError(f"still busy after {PATIENCE} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _check_message(text: str, place: Path, files: dict[str, bytes]) -> None:
    """An error names a file, a folder or the dataset, and says in a sentence what is wrong."""
    names = [str(place), *(Path(name).name.partition(".")[0] for name in files)]
    own = text.startswith(tuple(f"{name}: " for name in (*cards.all(), "my_data", "my_cohort")))
    if not own and not any(name in text for name in names):
        raise Fault(f"an error that names no file: {text}")
    text = text.replace(str(place), "DIR")
    if len(text) > LONGEST or len(text.split()) < 5 or "Traceback" in text:
        raise Fault(f"an error that is no sentence: {text}")


def _check_cohort(found: Cohort, before: Cohort) -> None:
    """What ``Cohort`` does not check when it is made: lazy windows, and that differences are counted."""
    x = found.x[: len(found)]
    if not np.isfinite(x).all():
        raise Fault("windows that are not finite")
    cohort = found.attrition[found.attrition["step"] == "cohort"].iloc[-1] if len(found.attrition) else None
    if cohort is not None and (cohort["windows"], cohort["people"]) != (len(found), len(np.unique(found.person))):
        raise Fault("the attrition table ends with another number of windows or people than the cohort has")
    if found.attrition.equals(before.attrition) and sizes(found) != sizes(before):
        raise Fault(f"{sizes(before)} became {sizes(found)}, and the attrition table says nothing")


def sizes(cohort: Cohort) -> dict[str, int]:
    """Numbers of windows, people, positive labels and unknown attributes."""
    unknown = {f"{name} unknown": int(cohort.attributes[name].isna().sum()) for name in cohort.attributes}
    people = pd.unique(pd.Series(cohort.person)).size
    return {"windows": len(cohort), "people": people, "positive": int(cohort.y.sum())} | unknown


def hunt(name: str, examples: int, start: int, place: Path) -> Counter:
    """How often a reader gave which answer to so many broken files; the first ``Fault``, made small, is raised.

    start: seed of the mutations. place: an empty folder, best in memory.
    """
    target, counts = TARGETS[name], Counter()
    with few_features():
        folders = [Folder(target.read, write, place / str(i)) for i, write in enumerate(target.writers)]

        @seed(start)
        @settings(
            max_examples=examples,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate, Phase.shrink],
        )
        @given(st.data())
        def broken(data):
            folder = data.draw(st.sampled_from(folders))
            file = data.draw(st.sampled_from(data.draw(st.sampled_from(folder.kinds))))
            what, content = data.draw(mutated(folder.files[file], file))
            counts[folder.answer(file, content, what)] += 1

        broken()
    return counts


def sample(name: str) -> Counter:
    """The sample of CI, in a folder of its own."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as place:
        return hunt(name, SAMPLE, 0, Path(place))


if __name__ == "__main__":  # in a process of its own, so that a crash of a library is found too
    reader, examples, start = sys.argv[1:]
    began = time.monotonic()
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        found = hunt(reader, int(examples), int(start), Path(folder))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps({"answers": found, "seconds": round(time.monotonic() - began, 1), "peak_mb": peak}))
