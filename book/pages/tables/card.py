"""A data card as small tables, for a page of the book."""

import pandas as pd

from fairlib.cards import Card
from fairlib.cohort import SPLITS
from fairlib.report.columns import Column, typed

from .. import croissant

ACCESS = {
    "synthetic": "synthetic: nobody in it is real, nothing is withheld",
    "open": "open: segments under {minimum} people or events are withheld",
    "restricted": "restricted: segments under {minimum} people or events are withheld, and others that reveal them",
}


def task(card: Card) -> pd.DataFrame:
    """What is predicted, from what."""
    window = card.windows
    return _facts(
        {
            "question": card.task.question,
            "positive label": f"{card.task.positive} ({card.task.positive_is})",
            "window": f"{window.timesteps} steps × {window.channels} channels; one step: {window.step}",
            "modalities": ", ".join(window.modalities),
            "acting is considered at risks of": f"{card.thresholds[0]:.0%} to {card.thresholds[1]:.0%}",
            "benchmark": card.benchmark or "none",
        }
    )


def counts(card: Card) -> pd.DataFrame:
    """People, and the counts of the full dataset that a reader compares with."""
    rows = {"people": card.people}
    for name, value in card.expected.items():
        if name == "people":
            continue
        rows[f"{name} windows" if name in (*SPLITS, "total") else name] = value
    return typed(_facts(rows), ["fact"], value=Column(form="count"))


def segments(card: Card) -> pd.DataFrame:
    """Protected attributes and care segments: who is compared with whom, and how raw values map."""
    rows = [
        (name, of.kind, ", ".join(of.segments), of.privileged, _mapping(of), of.note)
        for name, of in card.attributes.items()
    ]
    return pd.DataFrame(rows, columns=["attribute", "kind", "segments", "reference (privileged)", "from", "note"])


def access(card: Card) -> pd.DataFrame:
    """Who may see what, under which licence, and how to cite."""
    return _linked(
        {
            "access": ACCESS[card.access].format(minimum=card.min_cell),
            "licence": card.licence,
            "homepage": card.homepage,
            "cite": card.citation.strip(),
        }
    )


def biases(card: Card) -> pd.DataFrame:
    """What a reader of results must know."""
    return pd.DataFrame({"known bias": card.known_biases})


def machine_readable(card: Card) -> pd.DataFrame:
    """The Croissant export in words: to what it conforms, what it says beside the usual, and who checked it."""
    export = croissant.to_croissant(card)
    said = sorted(name.removeprefix("rai:") for name in export if name.startswith("rai:"))
    return _linked(
        {
            "conforms to": ", ".join(export["conformsTo"]),
            "responsible use": ", ".join(said),
            "files": "none listed",
            "validity": croissant.verdict(card),
        }
    )


def _mapping(facts) -> str:
    if facts.cut is not None:
        return f"a number, cut at {facts.cut:g}"
    if facts.values and not facts.prefixes and not facts.otherwise and all(v == s for v, s in facts.values.items()):
        return ", ".join(["as written", *(f"{value} → unknown" for value in facts.missing)])
    parts = [f"{value} → {segment}" for value, segment in facts.values.items()]
    parts += [f"{prefix}… → {segment}" for prefix, segment in facts.prefixes.items()]
    parts += [f"all others → {facts.otherwise}"] * bool(facts.otherwise)
    return ", ".join(parts + [f"{value} → unknown" for value in facts.missing])


def _facts(rows: dict[str, object]) -> pd.DataFrame:
    return pd.DataFrame({"fact": rows.keys(), "value": rows.values()})


def _linked(rows: dict[str, str]) -> pd.DataFrame:
    return typed(_facts(rows), ["fact"], value=Column(form="link"))
