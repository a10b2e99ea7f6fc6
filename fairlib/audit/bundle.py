"""A bundle, which carries results out of an enclave: its tables, what may be in each cell, and nothing else.

Estimates and intervals only. Bootstrap replicates are never in one: the draws come from a known seed, so that enough of
them are a system of equations for the outcome of every single person (``tests/attacks/test_replicates.py``).
"""

import csv
import hashlib
import io
import json
import re
from dataclasses import dataclass
from itertools import combinations, product
from typing import Annotated, Literal, NamedTuple

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .. import cards
from ..cards import UNKNOWN, Card
from ..cohort import SPLITS
from ..fairness import METRICS, SUMMARIES
from ..measures import estimands, verdicts
from ..measures.evidence import EVERYONE
from ..measures.groups import BETWEEN
from ..measures.operating import POINTS
from ..measures.performance import SIZES_HIDDEN, ZERO_RATE
from ..strategies import MODELS, PretextName, RecipeName
from ..study.results import key_hash

FORMAT = 1
MANIFEST, REQUEST = "manifest.json", "release_request.md"
#: Rows of a table and letters of a cell at most; real ones have a fraction.
MOST_ROWS, MOST_LETTERS = 5_000, 120
COUNTS = ("people", "windows", "events")
#: Kinds of columns that hold numbers; all others hold words of a fixed list.
NUMBERS = ("count", "value", "low", "high")
_NUMBER, _WHOLE = re.compile(r"-?[0-9]{1,9}\.[0-9]{3}"), re.compile(r"[0-9]{1,9}")
_NOTE = re.compile(
    rf"|{re.escape(ZERO_RATE)}|{SIZES_HIDDEN}|nobody in the test split|one class only: no AUC"
    r"|too few to judge: under \d+ people with or without the outcome"
    rf"|withheld: (fewer than|a cell of \w+{BETWEEN}\w+ holds fewer than) \d+ people or events"
    r"(, or next to such a segment)?"
)


class BundleError(ValueError):
    """A bundle cannot be made, or must not be taken; the message says which file, what was found and what to do."""


class Table(NamedTuple):
    """One table of a bundle: what it holds, in words for a checker, and the kind of each column."""

    holds: str
    columns: dict[str, str]


def _ends(*names: str) -> dict[str, str]:
    """Columns of numbers with an interval."""
    return {f"{name}{end}": kind for name in names for end, kind in (("", "value"), ("_low", "low"), ("_high", "high"))}


_COUNTS = dict.fromkeys(COUNTS, "count")
_INTERVAL = {"low": "low", "high": "high"}
TABLES = {
    "sizes": Table("How many people, windows and events each split has.", {"split": "split"} | _COUNTS),
    "segments": Table(
        "The same for each group of each attribute.",
        {"attribute": "attribute", "split": "split", "segment": "segment"} | _COUNTS | {"note": "note"},
    ),
    "performance": Table(
        "Accuracy, error rates and ratios of each model, for everyone and for each group: mean over training runs with"
        " its interval over people and runs.",
        {"strategy": "model", "scope": "scope", "attribute": "attribute", "segment": "segment", "metric": "metric"}
        | {"mean": "value"}
        | _INTERVAL
        | _ends("deviation")
        | {"seeds": "count"}
        | _COUNTS
        | {"note": "note"},
    ),
    "compared": Table(
        "AUC and mean disparity over attributes of each model, and both minus the supervised model.",
        {"strategy": "model", "seeds": "count"}
        | _ends("auc", "deviation", "auc_difference", "deviation_difference")
        | {"people_low": "low", "constant_decisions": "count"},
    ),
    "contrasts": Table(
        "What two claims of the paper are judged by: partly frozen models minus the two ends, and mean gaps between"
        " groups and everyone, SSL minus supervised.",
        {"claim": "claim", "one": "value", "other": "value", "difference": "value"} | _INTERVAL | {"rows": "count"},
    ),
    "differences": Table(
        "The named SSL model minus the supervised one at equal alert rates, for everyone and for named groups.",
        {"one": "model", "other": "model", "point": "point", "estimand": "estimand", "group": "group"}
        | dict.fromkeys(("level_one", "level_other", "estimate"), "value")
        | _INTERVAL
        | {"low90": "low", "high90": "high", "detectable": "value", "runs": "count"},
    ),
    "verdicts": Table(
        "The protocol's verdicts, read from the differences as they are rounded here.",
        {"verdict": "verdict", "holds": "yes or no"} | _INTERVAL,
    ),
}
FIGURES = {
    "auc.png": "AUC of each model with its interval, drawn from compared.csv alone.",
    "disparity.png": "Ratio of each attribute and model with its interval, drawn from performance.csv alone.",
}
FILES = (MANIFEST, REQUEST, *(f"{name}.csv" for name in TABLES), *FIGURES)
BY = r"^\w[\w .,'’&()-]{1,59}$"
_Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{8,64}$")]


class Manifest(BaseModel):
    """What was run, by whom, and a checksum of every table and figure."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[FORMAT]
    fairlib: str = Field(pattern=r"^\d+\.\d+\.\d+[\w.+]{0,20}$")
    dataset: str = Field(pattern=r"^[a-z][a-z0-9_]{0,40}$")
    contributed_by: str = Field(pattern=BY)
    origin: Literal["real", "twin"]
    access: Literal["synthetic", "open", "restricted"]
    profile: Literal["smoke", "quick", "paper"]
    recipe: RecipeName
    pretext: PretextName
    pretrain_on: str = Field(pattern=r"^[\w<>=!,. -]{1,80}$")
    seeds: list[Annotated[int, Field(ge=0, le=10**9)]] = Field(min_length=1, max_length=1000)
    folds: int = Field(ge=0, le=100)
    threshold: float = Field(gt=0, lt=1)
    draws: int = Field(ge=1, le=10**6)
    min_cell: int = Field(ge=1, le=10**6)
    nearest: int = Field(ge=1, le=1000)
    data: _Digest
    code: _Digest
    card: _Digest
    files: dict[Literal[tuple(FILES[2:])], _Digest]

    def text(self) -> str:
        """As the file holds it."""
        return json.dumps(self.model_dump(), indent=1, ensure_ascii=False) + "\n"


@dataclass(frozen=True)
class Bundle:
    """What a bundle says: its manifest, tables by name, and the SHA-256 of the manifest, which fixes all files."""

    manifest: Manifest
    tables: dict[str, pd.DataFrame]
    digest: str

    @property
    def card(self) -> Card:
        """The card of the dataset, as this clone has it."""
        return cards.load(self.manifest.dataset)


def card_hash(card: Card) -> str:
    """By which export and import know that they speak of the same attributes, groups and rule."""
    return key_hash(card.model_dump(mode="json"))


def words(card: Card) -> dict[str, set[str]]:
    """Kind of column → all that its cells may say about this card."""
    protected = {name: [*card.attributes[name].segments] for name in card.protected()}
    pairs = list(combinations(protected, 2))
    crossed = {BETWEEN.join(both) for pair in pairs for both in product(*map(protected.get, pair))}
    segments = {name for facts in card.attributes.values() for name in facts.segments}
    names = {value for name, value in vars(estimands).items() if name.isupper() and isinstance(value, str)}
    read = {value for name, value in vars(verdicts).items() if name.isupper() and isinstance(value, str)}
    return {
        "split": {*SPLITS, "all"},
        "model": {*MODELS},
        "scope": {"overall", "segment", "ratio", "intersection"},
        "attribute": {*card.attributes, "everybody", *map(BETWEEN.join, pairs)},
        "segment": segments | crossed | {UNKNOWN, "everybody", "unprivileged / privileged"},
        "metric": {*METRICS, *SUMMARIES, "auc", "auprc"},
        "point": {"", *(point.name for point in POINTS)},
        "estimand": names | {rate.name for rate in estimands.RATES},
        "group": {EVERYONE[1], estimands.OVERALL, *protected} | crossed,
        "claim": {"u_shape", "gaps"},
        "verdict": read | {f"{verdicts.LEVELLING} {group}" for group in crossed},
        "yes or no": {"yes", "no"},
    }


def written(name: str, table: pd.DataFrame) -> str:
    """A table as CSV: at most three decimals, nothing where a number is unknown."""
    out = pd.DataFrame(index=table.index)
    for column, kind in TABLES[name].columns.items():
        out[column] = [_cell(value, kind) for value in table[column]]
    return out.to_csv(index=False, lineterminator="\n")


def _cell(value, kind: str) -> str:
    if kind not in NUMBERS:
        return value if isinstance(value, str) else ""
    if pd.isna(value) or abs(value) >= 1e9:
        return ""
    if kind == "count":
        return str(int(value))
    text = f"{value:.3f}"
    return "0.000" if text == "-0.000" else text


def read_table(name: str, text: str, card: Card) -> pd.DataFrame:
    """A table of a bundle from its CSV, every cell checked. Raises ``BundleError`` with file, line and column."""
    file, columns, allowed = f"{name}.csv", TABLES[name].columns, words(card)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        raise BundleError(f"{file} is no table of commas ({error}); export it again") from None
    if not rows or rows[0] != [*columns]:
        raise BundleError(f"{file}: its columns should be {', '.join(columns)}; export it again with this version")
    if len(rows) > MOST_ROWS:
        raise BundleError(f"{file} has {len(rows) - 1:,} rows; a table of a bundle has fewer than {MOST_ROWS:,}")
    for line, row in enumerate(rows[1:], start=2):
        if len(row) != len(columns):
            raise BundleError(f"{file}, line {line}: {len(row)} cells where {len(columns)} should be; export it again")
        for (column, kind), cell in zip(columns.items(), row, strict=True):
            if kind in NUMBERS:
                known = not cell or (_WHOLE if kind == "count" else _NUMBER).fullmatch(cell)
            else:
                known = _NOTE.fullmatch(cell) if kind == "note" else cell in allowed[kind]
            if len(cell) > MOST_LETTERS or not known:
                what = "a count or number of three decimals" if kind in NUMBERS else f"a {kind} that the card knows"
                raise BundleError(f"{file}, line {line}, column {column}: {cell[:40]!r} is not {what}")
    table = pd.DataFrame(rows[1:], columns=[*columns])
    for column, kind in columns.items():
        if kind in NUMBERS:
            table[column] = pd.to_numeric(table[column].replace("", None)).astype(float)
    _plausible(file, table)
    if written(name, table) != text:
        raise BundleError(f"{file} is not written as export writes it, so it was altered; export it again")
    return table


def _plausible(file: str, table: pd.DataFrame) -> None:
    """Intervals have two ends in order, and parts are not larger than the whole."""
    pairs = [(low, low.replace("low", "high")) for low in table if "low" in low and low != "people_low"]
    pairs += [(part, "windows") for part in ("people", "events") if part in table]
    for least, most in pairs:
        wrong = table[least] > table[most]
        if wrong.any():
            line = int(np.flatnonzero(wrong)[0]) + 2
            raise BundleError(f"{file}, line {line}: {least} is above {most}, so the file was altered; export it again")
    if "note" in table:
        hidden, numbers = table["note"].str.startswith("withheld"), [c for c in (*COUNTS, "mean") if c in table]
        if (wrong := hidden & table[numbers].notna().any(axis=1)).any():
            line = int(np.flatnonzero(wrong)[0]) + 2
            raise BundleError(f"{file}, line {line}: the group is withheld, but a number is there; remove the number")


def cells(table: pd.DataFrame) -> pd.DataFrame:
    """Of each row that says so, its people, events, and windows without one; columns without a count are missing."""
    counts = table.reindex(columns=[*COUNTS]).astype(float)
    return counts[["people", "events"]].assign(without=counts["windows"] - counts["events"])


def parse_manifest(content: bytes) -> Manifest:
    """The manifest of a bundle. Raises ``BundleError`` for another version, or where it is damaged."""
    try:
        found = json.loads(content.decode("utf-8"))
        version = found["format"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise BundleError(f"{MANIFEST} cannot be read, so the file was cut or altered; export it again") from None
    if version != FORMAT:
        raise BundleError(
            f"{MANIFEST} is of bundle format {ascii(version)[:20]}, this version of fairlib reads format {FORMAT};"
            " import it with the fairlib that wrote it, or export it again with this one"
        )
    try:
        return Manifest(**found)
    except ValidationError as error:
        first = error.errors()[0]
        where = ascii(".".join(map(str, first["loc"])))[1:-1][:60]  # a key may hold anything, signs for terminals too
        raise BundleError(f"{MANIFEST}, {where}: {first['msg'][:120]}; export it again") from None


def check_tables(manifest: Manifest, tables: dict[str, pd.DataFrame]) -> None:
    """No small cell, no verdict that the differences do not give, no interval of another shape."""
    if manifest.access != "synthetic":
        # Counts that are rounded may lie below by as much as rounding takes from two of them.
        least = manifest.min_cell - (manifest.nearest - 1)
        for name, table in tables.items():
            found = cells(table)
            if (small := (found < least).any(axis=1)).any():
                line = int(np.flatnonzero(small)[0]) + 2
                why = f"a group of fewer than {manifest.min_cell} people or events; it must be suppressed"
                raise BundleError(f"{name}.csv, line {line}: {why}")
    if "differences" in tables:
        wanted = said(tables["differences"])
        if written("verdicts", wanted) != written("verdicts", tables.get("verdicts", wanted[:0])):
            raise BundleError("verdicts.csv does not follow from differences.csv, so one was altered; export it again")


def said(differences: pd.DataFrame) -> pd.DataFrame:
    """The protocol's verdicts on differences as a bundle holds them."""
    found = verdicts.verdicts(differences)
    return found.assign(holds=np.where(found["holds"], "yes", "no"))


def digest(content: bytes) -> str:
    """SHA-256 of what a file holds."""
    return hashlib.sha256(content).hexdigest()
