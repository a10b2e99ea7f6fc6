"""A table of predictions → what an audit computes from, checked; what was assumed is said in sentences.

Layout, ``.csv`` (UTF-8, commas) or ``.parquet``, one row per prediction, several per person if need be:

* ``person``; ``label``: 0 or 1;
* ``score`` (a larger one means the event) or ``decision`` (0 or 1). Of several models side by side: ``score_NAME`` or
  ``decision_NAME``; the first is the one that others are compared with;
* attributes of people, here or in a table of people with a column ``person``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ..cards import Attribute, Card, Requirements
from ..cohort import CohortError
from ..measures import group_sizes
from ..measures.outoffold import OutOfFold
from ..readers import counts, files, table
from .grouping import by_values

KINDS = ("score", "decision")
KEYS = ["person", "label"]
#: Scores beyond are slips where nearly all others are risks; a linear model may leave 0 to 1 by less.
FAR, NEARLY = (-1, 2), 0.99
MIXED = 0.1  # share of scores of exactly 0 or 1 from which on decisions may be among them
NOT_STATED = "not stated"


@dataclass(frozen=True)
class Predictions:
    """What is audited.

    Attributes
    ----------
    of: labels, people and scores of the models, in one fold; its attributes are contrasts: of each attribute each group
        with the reference, all others missing. Decisions are scores of 0 and 1. Scores within 0 and 1 are risks too.
    card: facts and privacy rule, with the attributes as they are; the privileged group of each is the reference.
    groups: n rows, one categorical column per attribute of ``card``.
    contrasts: name in ``of`` → attribute, group, reference.
    decided: models that give decisions; these rank nobody.
    notes: what was assumed or left out, a sentence each.
    """

    of: OutOfFold
    card: Card
    groups: pd.DataFrame
    contrasts: dict[str, tuple[str, str, str]]
    decided: frozenset[str]
    notes: list[str]

    @property
    def frame(self) -> pd.DataFrame:
        """Person, label (``y``) and groups of each row."""
        return pd.concat([pd.DataFrame({"person": self.of.person, "y": self.of.y}), self.groups], axis=1)


def read(
    file: Path, people: Path | None = None, card: Card | None = None, reference: Mapping[str, str] | None = None
) -> Predictions:
    """Read predictions.

    card: whose attributes, ``access``, ``min_cell`` and ``thresholds`` hold; without one, every further column with few
    different values is an attribute, and access is open. reference: attribute → group that others are compared with;
    by default the card's privileged one, else the largest. Raises ``CohortError`` or ``CardError`` in a sentence.
    """
    found, notes = _table(file, KEYS), []
    scores = {name: kind for name in found for kind in KINDS if f"{name}_".startswith(f"{kind}_")}
    if not scores:
        like = [name for name in found if name.lower().startswith(KINDS)]
        advice = f"rename {like[0]!r}, case counts" if like else f"found: {', '.join(found)}"
        raise CohortError(f"{file} has no column score, decision, score_NAME or decision_NAME; {advice}")
    y = _binary(file, found, "label")
    if (one := np.unique(y)).size < 2:
        raise CohortError(f"{file}, column label: every label is {one[0]}; rows with and without the event are needed")
    person = pd.factorize(found["person"], sort=True)[0]
    models = {_model(name, kind, scores): _score(file, found, name, kind, notes) for name, kind in scores.items()}
    if len(models) < len(scores):
        raise CohortError(f"{file}: two of the columns {', '.join(scores)} are of one model; rename one")
    decided = frozenset(_model(name, kind, scores) for name, kind in scores.items() if kind == "decision")
    copies = int(pd.DataFrame(dict(enumerate([person, y, *models.values()]))).duplicated().sum())
    if copies:
        notes.append(f"{copies:,} rows repeat person, label and scores of another row; they are counted as given.")
    raw = found[[name for name in found if name not in (*KEYS, *scores)]]
    if people:
        raw = _joined(file, raw, found["person"], people, notes)
    usual, asked = {name: of.privileged for name, of in card.attributes.items()} if card else {}, dict(reference or {})
    segments, card = _by_card(file, raw, card, notes) if card else _by_values(file, raw, notes)
    _refuse_two_groups(file, segments, person, found["person"])
    segments, card = _with_references(file, segments, card, usual | asked, asked, person, notes)
    contrasts, columns, attributes = {}, {}, {}
    for name in card.protected():
        own = card.attributes[name]
        for group in own.segments:
            if group != own.privileged:
                pair = [own.privileged, group]
                key = name if len(own.segments) == 2 else f"{name}: {group} / {own.privileged}"
                contrasts[key] = (name, group, own.privileged)
                columns[key] = segments[name].cat.set_categories(pair)
                attributes[key] = _attribute(pair, own.privileged)
    risks = {name: of[None] for name, of in models.items() if name not in decided and of.min() >= 0 and of.max() <= 1}
    of = OutOfFold(
        y=y,
        person=person,
        attributes=pd.DataFrame(columns, index=range(len(y))),
        card=card.model_copy(update={"attributes": attributes}),
        fold=np.zeros((1, len(y)), dtype=np.int16),
        score={name: of[None] for name, of in models.items()},
        risk=risks,
    )
    if beyond := sorted(models.keys() - risks.keys() - decided):
        notes.append(f"Scores of {', '.join(beyond)} leave 0 to 1, so they are no risks: ranked, but not calibrated.")
    notes += [
        f"Scores of {name} lie between 0 and 100: if they are per cent, divide them by 100, and they are risks."
        for name in beyond
        if models[name].min() >= 0 and 2 < models[name].max() <= 100
    ]
    out = Predictions(of, card, segments, contrasts, decided, notes)
    _refuse_small(file, out)
    return out


def _table(file: Path, keys: list[str]) -> pd.DataFrame:
    if not file.is_file():
        raise CohortError(f"{file} is {'a folder' if file.is_dir() else 'missing'}; name a CSV or Parquet file")
    if not file.stat().st_size:
        raise CohortError(f"{file} is empty (0 bytes); {table.AGAIN}")
    found = table.rows(file, keys)
    names = pd.Series(found.columns).str.lower()
    if (twice := names.duplicated()).any():
        same = [repr(name) for name in found if name.lower() == names[twice].iloc[0]]
        raise CohortError(f"{file} has columns {' and '.join(same)}, which differ only in case; rename or remove one")
    return found


def _model(name: str, kind: str, all_names: Mapping[str, str]) -> str:
    """What a column's model is called; one that gives both a score and a decision is two models."""
    model = name.removeprefix(kind).removeprefix("_") or "model"
    both = kind == "decision" and name.replace("decision", "score", 1) in all_names
    return f"{model} (decision)" if both else model


def _binary(file: Path, found: pd.DataFrame, name: str) -> np.ndarray:
    number = pd.to_numeric(found[name].str.lower().replace({"true": "1", "false": "0"}), errors="coerce")
    bad = ~number.isin([0, 1]).to_numpy(bool)
    files.refuse(file, bad, name, found[name], "0 or 1", "write 1 for the event and 0 for none in every row")
    return number.to_numpy(np.int8)


def _score(file: Path, found: pd.DataFrame, name: str, kind: str, notes: list[str]) -> np.ndarray:
    """Numbers of one model, (n,) float64."""
    if kind == "decision":
        out = _binary(file, found, name).astype(np.float64)
    else:
        out = files.as_number(found[name])[0].to_numpy()
        todo = "score every row, with a decimal point; each column whose name begins with score is a model"
        files.refuse(file, ~np.isfinite(out), name, found[name], "a number", todo)
        inside, far = np.mean((out >= 0) & (out <= 1)), (out < FAR[0]) | (out > FAR[1])
        if inside >= NEARLY:
            files.refuse(file, far, name, found[name], "a number from 0 to 1, as nearly all others are", "correct it")
    if out.min() == out.max():
        raise CohortError(f"{file}, column {name}: every value is {out[0]:g}; a model that ranks nobody is not audited")
    decided = np.isin(out, (0, 1))
    if kind == "score" and decided.all():
        other = name.replace(kind, "decision", 1)
        raise CohortError(f"{file}, column {name}: every score is 0 or 1; if these are decisions, call it {other}")
    if kind == "score" and decided.mean() >= MIXED:
        notes.append(f"{decided.sum():,} values of {name} are exactly 0 or 1; are decisions among the scores?")
    return out


def _joined(file: Path, raw: pd.DataFrame, person: pd.Series, people: Path, notes: list[str]) -> pd.DataFrame:
    """Attributes of both tables, in the rows of predictions."""
    other = _table(people, ["person"])
    files.refuse_repeated(people, other[["person"]])
    if both := [name for name in raw if name in other]:
        raise CohortError(f"{file} and {people} both have a column {both[0]!r}; keep it in one of them")
    place = pd.Index(other["person"]).get_indexer(person)
    if (place < 0).all():
        raise CohortError(
            f"{people} holds none of the people in {file}: they are written like {files.shown(person.iloc[0])} there,"
            f" and like {files.shown(other['person'].iloc[0])} here; their ids must be the same"
        )
    files.refuse_alike(file, person, people, other["person"])
    if lost := int((place < 0).sum()):
        notes.append(f"{lost:,} rows belong to people without a row in {people.name}; their groups are unknown.")
    other = other.drop(columns="person").reset_index(drop=True)
    return pd.concat([raw, other.reindex(place).set_axis(raw.index)], axis=1)


def _refuse_two_groups(file: Path, groups: pd.DataFrame, person: np.ndarray, who: pd.Series) -> None:
    """Raise for a person who is in two groups of one attribute."""
    for name in groups:
        code, first = groups[name].cat.codes.to_numpy(), np.full(person.max() + 1, -1)
        known = np.flatnonzero(code >= 0)[::-1]
        first[person[known]] = code[known]  # the first row of a person is written last
        if (odd := (code >= 0) & (code != first[person])).any():
            owner, group = (files.shown(of.iloc[int(odd.argmax())]) for of in (who, groups[name]))
            at, todo = files.at(file, who, odd), "give each person one value, or leave the column out"
            raise CohortError(f"{at}, column {name}: person {owner} is {group} here and another before; {todo}")


def _attribute(segments: list[str], privileged: str, **more) -> Attribute:
    return Attribute(segments=segments, privileged=privileged, values={name: name for name in segments}, **more)


def _by_card(file: Path, raw: pd.DataFrame, card: Card, notes: list[str]) -> tuple[pd.DataFrame, Card]:
    for name in card.attributes:
        table.need(file, name, list(raw), f", an attribute of the card {card.name!r}, nor has the table of people")
    notes.append(f"Groups, privacy rule and thresholds are those of the data card of {card.title}.")
    found = counts.segments(card, raw, lambda name, row: f"{file}, {raw.index.name} {row}, column {name}")
    return found.reset_index(drop=True), card


def _by_values(file: Path, raw: pd.DataFrame, notes: list[str]) -> tuple[pd.DataFrame, Card]:
    """Groups by the values of each column, and a card that says so."""
    found = by_values(file, raw, notes)
    pairs = {name: [*of.cat.categories.astype(str)] for name, of in found.items()}
    attributes = {name: _attribute(own, own[0]) for name, own in pairs.items() if len(own) > 1}
    if not attributes:
        why = f" ({' '.join(notes)})" if notes else ""
        todo = "add attributes such as sex or age, or name a table with --people"
        raise CohortError(f"{file} has no column with two groups; {todo}{why}")
    notes.append("Without a data card: access is open, so groups under 11 people or events are suppressed.")
    for name in sorted(found.keys() - attributes):
        notes.append(f"Column {name} is not used: it has one group.")
    return pd.DataFrame({name: found[name] for name in attributes}), _card(file, attributes)


def _card(file: Path, attributes: dict[str, Attribute]) -> Card:
    """A card for predictions that came without one."""
    evidence = {name: {"evidence": NOT_STATED} for name in Requirements.model_fields}
    choice = dict.fromkeys(("representation_or_errors", "punitive_or_assistive", "for_whom"), NOT_STATED)
    facts = dict.fromkeys(("homepage", "licence", "citation", "benchmark"), NOT_STATED)
    shape = {"timesteps": 1, "step": NOT_STATED, "channels": 1, "modalities": []}
    task = {"question": NOT_STATED, "positive": "label 1", "positive_is": "bad news"}
    return Card(
        name="audit",
        title=file.name,
        access="open",
        task=task,
        windows=shape,
        people=1,
        expected={},
        attributes=attributes,
        requirements=evidence,
        metric={"metric": "error_rate_ratio", **choice},
        known_biases=[],
        **facts,
    )


def _with_references(
    file: Path,
    groups: pd.DataFrame,
    card: Card,
    wanted: Mapping[str, str],
    asked: Mapping[str, str],
    person: np.ndarray,
    notes: list[str],
) -> tuple[pd.DataFrame, Card]:
    """Attributes with two groups or more that are there, each with its reference: wanted, else the largest."""
    attributes = {}
    if unknown := sorted(asked.keys() - set(groups)):
        raise CohortError(f"--reference {unknown[0]}: no such attribute; there are: {', '.join(groups)}")
    for name in groups:
        people = pd.Series(person).groupby(groups[name].to_numpy(object)).nunique()
        there = [str(group) for group in groups[name].cat.categories if people.get(group, 0)]
        if len(there) < 2:
            notes.append(f"{name} is not used: fewer than two of its groups are there.")
            continue
        if asked.get(name, there[0]) not in there:
            said = f"--reference {name}={asked[name]}: no such group in {file}"
            raise CohortError(f"{said}; there are: {', '.join(there)}")
        first = wanted[name] if wanted.get(name) in there else str(people.idxmax())
        attributes[name] = _attribute(there, first, kind=card.attributes[name].kind)
    groups = pd.DataFrame({name: groups[name].cat.set_categories(of.segments) for name, of in attributes.items()})
    return groups, card.model_copy(update={"attributes": attributes})


def _refuse_small(file: Path, found: Predictions) -> None:
    least, frame = found.card.min_cell, found.of.frame()
    for name, (_, group, reference) in found.contrasts.items():
        if not any(group_sizes.too_few(frame[(frame[name] == one).to_numpy()], least) for one in (group, reference)):
            return
    raise CohortError(
        f"{file}: no attribute has two groups with {least} people with and {least} without the event, so no two groups"
        " can be compared; add rows, or join groups"
    )
