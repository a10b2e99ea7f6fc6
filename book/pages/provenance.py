"""The provenance of pages: of a data card, of a twin's model, of a study, and of several cases together."""

import hashlib

import pandas as pd

from fairlib import __version__, cards
from fairlib.report.provenance import Provenance, of_the_original
from fairlib.study import model_inputs
from fairlib.study.parameters import Contract, Parameters
from fairlib.study.pretraining_people import KEY, words
from fairlib.study.results import MANIFEST, closure_hash, code_hash
from fairlib.text import readable, recipe_name
from fairlib.twins import load_spec

from .contracts import DataCard, Dial, OfTwins, Planted, Synthesis


def of_card(p: DataCard) -> Provenance:
    """The provenance of a page that shows a data card and reads no data."""
    card = p.card
    content = hashlib.sha256(card.model_dump_json().encode()).hexdigest()
    facts = (f"notebook {p.notebook}", f"dataset {p.dataset}")
    code, remark = f"{__version__}+{closure_hash(__name__)[:8]}", f" Access to the data: {card.access}."
    return Provenance(
        "card", card.title, facts, p.command(), content, code, card.access, remark=remark, fingerprint="data card"
    )


def of_study(p: Parameters, study) -> Provenance:
    """The provenance of a study opened with these parameters (``Study`` or ``Frozen``)."""
    made, card = study.manifest, p.card
    folds = made.get("folds", 0)
    tested = who_was_tested(study.table("sizes"), folds)
    seeds = tuple(seed for seed in study.seeds() if not p.seeds or seed in p.seeds)
    origin, access, profile, data = (made[key] for key in ("origin", "access", "profile", "data"))
    code = f"{made['version']}+{made['code'][:8]}{' (frozen)' * (p.source == 'frozen')}"
    told = f"{'repeat' if folds else 'seed'}{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"
    cell = 0 if access == "synthetic" else card.min_cell
    facts = (
        f"notebook {p.notebook}",
        f"dataset {p.dataset}",
        f"profile {profile}",
        f"recipe {recipe_name(p.recipe)}{f', pretext {p.pretext}' * (p.pretext != 'simclr')}",
        f"inputs: {model_inputs.WORDS[made[model_inputs.KEY]]}" if model_inputs.KEY in made else "",
        who_pre_trained(made, cell),
        told,
        tested,
        *(f"uses the sealed {name}" for name in made.get("sealed", ())),
    )
    remark = of_the_original(card) if origin == "twin" else ""
    of = (access, profile, p.recipe, seeds, remark)
    return Provenance(origin, card.title, facts, p.command(), data, code, *of, min_cell=cell)


def collected(p: Contract | Synthesis | OfTwins, origin: str, sources: str, data: str, code: str = "") -> Provenance:
    """The provenance of something made of several cases or kept tables; ``sources``: which, in words."""
    code = code or f"{__version__}+{code_hash()[:8]}"
    return Provenance(origin, sources, (f"notebook {p.notebook}", sources), p.command(), data, code)


def of_twins(p: Dial) -> Provenance:
    """The provenance of a page about the models of several twins, without what was planted in them."""
    specs = {name: load_spec(name).without_disparities() for name in p.chosen}
    data = hashlib.sha256(repr(specs).encode()).hexdigest()
    titles = ", ".join(cards.load(name).called for name in specs)
    return collected(p, "twin", f"the models of the twins of {titles}", data)


def of_planted(p: Planted, origin: str = "twin", sources: str = "the twins at a size that can judge") -> Provenance:
    """The provenance of a page on kept scores: of what was planted in the twins, or of who is in the pre-training."""
    kept = b"".join(path.read_bytes() for path in sorted(p.folder.glob(f"**/{MANIFEST}")))
    return collected(p, origin, sources, hashlib.sha256(kept).hexdigest())


def who_pre_trained(made: dict, cell: int = 0) -> str:
    """Who is in the pre-training, with counts of people, from the manifest of a study; "" where everyone is.

    cell: where fewer people than that are chosen, left out, or of an unknown segment, no count is shown.
    """
    if KEY not in made:
        return ""
    chosen, others, unknown = (made[KEY][name] for name in ("people", "people_others", "people_unknown"))
    told = f"{chosen:,} people; left out: {others:,} others, {unknown:,} of unknown segment"
    small = any(0 < people < cell for people in (chosen, others, unknown))
    return f"pre-training on {readable(words(made[KEY]['who']))}: {'counts suppressed' if small else told}"


def who_was_tested(sizes: pd.DataFrame, folds: int = 0) -> str:
    """The test split, or everyone where there are folds, in words, from the table ``sizes`` of a cohort; what is
    suppressed is left out."""
    row = sizes.set_index("split").loc["all" if folds else "test"]
    names = {"people": "people", "windows": "windows", "events": "positive"}
    counts = [f"{int(row[name]):,} {word}" for name, word in names.items() if pd.notna(row[name])]
    return f"tested {f'in {folds} folds ' * bool(folds)}on {', '.join(counts)}" if counts else ""
