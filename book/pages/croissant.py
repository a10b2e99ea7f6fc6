"""A data card as Croissant 1.0 metadata (JSON-LD) with the fields for responsible AI; dataset level only.

No file is listed: most of these files may not be passed on, and a checksum that was not computed is not stated.
Source: https://docs.mlcommons.org/croissant/docs/croissant-spec.html and …/croissant-rai-spec.html (both 1.0).
"""

import json
from importlib.metadata import version
from pathlib import Path

from fairlib.cards import Card

CONFORMS_TO = ["http://mlcommons.org/croissant/1.0", "http://mlcommons.org/croissant/RAI/1.0"]
#: The context that the specification recommends, and that of its fields for responsible AI.
CONTEXT = json.loads(Path(__file__).with_name("croissant_context.json").read_text(encoding="utf-8"))
ACCESS = {
    "synthetic": "Synthetic data: nobody in it is real.",
    "open": "Open: anybody may download it.",
    "restricted": "Restricted: by application or agreement; not to be passed on.",
}


def verdict(card: Card) -> str:
    """What MLCommons' own library says of the export, or that it is not installed here."""
    try:
        import mlcroissant
    except ImportError:
        return "not checked here: mlcroissant is not installed"
    name = f"mlcroissant {version('mlcroissant')}"
    try:
        issues = mlcroissant.Dataset(jsonld=to_croissant(card)).metadata.ctx.issues
    except mlcroissant.ValidationError as error:
        return f"{name} refuses it: {error}"
    warnings = " ".join(sorted(warning.partition("] ")[2] for warning in issues.warnings))
    return f"{name} read it when this page was made and found no error. {warnings and 'It warns: '}{warnings}"


def to_croissant(card: Card) -> dict[str, object]:
    """The card as a JSON-LD dictionary; every value is a fact of the card."""
    window = card.windows
    attributes = [
        f"{name} ({facts.kind}): {', '.join(facts.segments)}; compared with {facts.privileged}. {facts.note}".strip()
        for name, facts in card.attributes.items()
    ]
    out = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS_TO,
        "name": card.name,
        "alternateName": card.title,
        "description": (
            f"{card.title}. {card.task.question} Windows of {window.timesteps} steps (one step: {window.step}) ×"
            f" {window.channels} channels of {card.people:,} people; {', '.join(window.modalities)}."
        ),
        "license": card.licence,
        "citeAs": card.citation,
        "conditionsOfAccess": ACCESS[card.access],
        "keywords": ["algorithmic fairness", "time series", *window.modalities],
        "rai:dataUseCases": [
            f"{card.task.question} Positive: {card.task.positive} ({card.task.positive_is}).",
            "Studying whether models serve all segments of people equally well.",
        ],
        "rai:dataBiases": card.known_biases,
        "rai:personalSensitiveInformation": attributes,
        "rai:dataLimitations": [f"{name.replace('_', ' ')}: {judged.evidence}" for name, judged in card.requirements],
        "rai:dataSocialImpact": (
            f"{card.metric.representation_or_errors}; {card.metric.punitive_or_assistive}; {card.metric.for_whom}."
            f" Fairness metric: {card.metric.metric}."
        ),
        "rai:dataReleaseMaintenancePlan": (
            f"Results of segments under {card.min_cell} people or events are not shown."
            if card.access != "synthetic"
            else ""
        ),
    }
    if card.homepage.startswith(("http://", "https://")):
        out["url"] = card.homepage
    return {name: value for name, value in out.items() if value not in ("", "none", [])}
