"""The cohort: windows, labels, participants, protected attributes and split, with invariants checked when made."""

import hashlib
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from .cards import Card
from .scaling import Prepared
from .seeds import generator

SPLITS = ("train", "val", "test")


class CohortError(ValueError):
    """The data cannot be used as it is; the message says what was found, where, and what to do."""


@dataclass(frozen=True)
class Cohort:
    """Everything a study needs from one dataset. All arrays have one row a window.

    Attributes
    ----------
    x: (n, timesteps, channels) float32, finite; an array, or a lazy object with ``shape`` that gives one when indexed.
    y: (n,) int8, 1 is the positive class of the data card.
    person: (n,) identifier of the participant; stays in memory and never enters a result.
    attributes: n rows, one categorical column a protected attribute or care segment; unknown values are missing.
    split: (n,) "train", "val" or "test"; no participant is in two splits.
    channels: names of the channels.
    card: the facts of the dataset: what the attributes mean, who may see what.
    origin: "twin" (synthetic) or "real".
    attrition: what the reader kept and left out, and why: columns step, windows, people, note.
    measured: (n, timesteps, V) float32, the first V channels before imputation and scaling, NaN where nothing was
        measured; None where the official files are scaled already, or by the people of an official split.
    clip: the quantiles to which measured values are clipped, see ``scaling.standardise``.
    number: (n,) a random number of each window among all that were read; None: drawn now.
    sealed: what was read of the data that are kept for the confirmation, such as "set c"; results of it say so.
    """

    x: np.ndarray
    y: np.ndarray
    person: np.ndarray
    attributes: pd.DataFrame
    split: np.ndarray
    channels: tuple[str, ...]
    card: Card
    origin: str
    attrition: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=["step", "windows", "people", "note"]))
    measured: np.ndarray | None = None
    clip: tuple[float, float] | None = None
    number: np.ndarray | None = None
    sealed: tuple[str, ...] = ()

    def __post_init__(self):
        if self.number is None:
            object.__setattr__(self, "number", generator(0, "numbers of windows").permutation(len(self.y)))
        for name in ("x", "person", "attributes", "split", "measured", "number"):
            if (array := getattr(self, name)) is not None and (size := array.shape[0]) != len(self.y):
                raise CohortError(f"{self.dataset}: {name} has {size} rows, the labels have {len(self.y)}")
        if len(self.x.shape) != 3 or self.x.shape[2] != len(self.channels):
            raise CohortError(
                f"{self.dataset}: x has shape {self.x.shape}, expected (n, timesteps, {len(self.channels)})"
            )
        if self.origin not in ("twin", "real"):
            raise CohortError(f"{self.dataset}: origin must be 'twin' or 'real', got {self.origin!r}")
        self._check_values()
        self._check_split()

    def _check_values(self):
        odd = sorted(set(np.unique(self.y).tolist()) - {0, 1})
        if odd:
            raise CohortError(f"{self.dataset}: labels must be 0 or 1, found {odd[:5]}")
        if isinstance(self.x, np.ndarray):  # lazy windows check their epochs when made
            bad = ~np.isfinite(self.x).all(axis=(0, 1))
            if bad.any():
                channel = int(bad.argmax())
                windows = int((~np.isfinite(self.x[:, :, channel]).all(axis=1)).sum())
                raise CohortError(
                    f"{self.dataset}: channel {self.channels[channel]!r} holds NaN or infinite values in {windows}"
                    " windows; impute or leave out these values before making a cohort"
                )

    def _check_split(self):
        unknown = sorted(set(map(str, np.unique(self.split))) - set(SPLITS))
        if unknown:
            raise CohortError(f"{self.dataset}: unknown split {unknown[0]!r}, expected one of {', '.join(SPLITS)}")
        splits = pd.DataFrame({"person": self.person, "split": self.split}).drop_duplicates()
        shared = int(splits["person"].duplicated().sum())
        if shared:
            raise CohortError(
                f"{self.dataset}: {shared} participant(s) are in more than one split; the model would be tested on"
                " people it has seen. Split by participant, or correct the split lists"
            )
        for name in SPLITS:
            classes = np.unique(self.y[self.split == name])
            if len(classes) < 2:
                held = f"only class {classes[0]}" if len(classes) else "no windows"
                raise CohortError(
                    f"{self.dataset}: the {name} split holds {held}; both classes are needed in each split"
                )

    @property
    def dataset(self) -> str:
        """The name on the card."""
        return self.card.name

    def __len__(self) -> int:
        return len(self.y)

    def rows(self, split: str) -> np.ndarray:
        """Row numbers of a split, in file order."""
        return np.flatnonzero(self.split == split)

    def part(self, rows: np.ndarray, x: np.ndarray, step: tuple[str, str]) -> "Cohort":
        """The cohort of these rows.

        x: their windows, an array or lazy; step: what the attrition table says of it, and a note.
        """
        table = attrition_table([(step[0], len(rows), len(np.unique(self.person[rows])), step[1])])
        return replace(
            self,
            x=x,
            y=self.y[rows],
            person=self.person[rows],
            attributes=self.attributes.iloc[rows].reset_index(drop=True),
            split=self.split[rows],
            measured=None if self.measured is None else self.measured[rows],
            number=self.number[rows],
            attrition=pd.concat([self.attrition, table], ignore_index=True),
        )

    def dealt(self, split: np.ndarray) -> "Cohort":
        """The same people in another split (n,), imputed and scaled anew with its training people.

        Raises ``CohortError`` where the official files fix how values are scaled, and so who trains.
        """
        if self.measured is None:
            raise CohortError(
                f"{self.dataset}: its files are scaled by the training people of the official split, so folds would"
                " learn from the people they test; use folds=0, the official split"
            )
        rest = self.x[:, :, self.measured.shape[2] :]
        x = Prepared(self.measured, rest, split == "train", self.channels, self.clip)
        return replace(self, x=x, split=split)

    def fingerprint(self) -> str:
        """SHA-256 over everything that training or evaluation reads: the same data has the same fingerprint.

        Participants enter only as the grouping of windows, so that the fingerprint reveals no identifier.
        """
        digest = hashlib.sha256(repr((self.x.shape, self.channels, self.dataset, self.origin)).encode())
        if hasattr(self.x, "digest"):  # lazy windows overlap: their epochs say it all
            digest.update(self.x.digest().encode())
        else:
            for start in range(0, len(self), 4096):
                digest.update(np.ascontiguousarray(self.x[start : start + 4096]))
        digest.update(np.asarray(self.y, dtype=np.int8).tobytes())
        digest.update(pd.factorize(self.person)[0].astype(np.int64).tobytes())
        digest.update("".join(self.split).encode())
        for name in self.attributes:
            digest.update(name.encode() + "|".join(self.attributes[name].astype("string").fillna("")).encode())
        return digest.hexdigest()


def attrition_table(steps: list[tuple[str, int, int, str]]) -> pd.DataFrame:
    """Rows of (step, windows, people, note) as a table."""
    return pd.DataFrame(steps, columns=["step", "windows", "people", "note"])
