"""Where a number came from: a banner on top of every page, and a line under every figure and table."""

import hashlib
from dataclasses import dataclass
from html import escape
from pathlib import Path

import yaml

from .. import __version__, cards
from ..study.results import code_hash

#: Origin of a page → its title, and what its banner says.
ORIGINS = yaml.safe_load(Path(__file__).with_name("origins.yaml").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Provenance:
    """What made a result; without seeds, nothing was trained.

    Attributes
    ----------
    origin: a key of ``ORIGINS``.
    title: whose data, in words: a dataset, or the tables and cases behind a result.
    facts: parts of the caption line, such as the notebook, the profile and the seeds.
    command: the command that makes the page again.
    data, code: fingerprints.
    access: the privacy rule of the data; profile, recipe, seeds: of a study.
    remark: what the banner adds; fingerprint: of what ``data`` is one.
    min_cell: no smaller group of these people may be shown; 0 where nobody is real, or suppressed before.
    """

    origin: str
    title: str
    facts: tuple[str, ...]
    command: str
    data: str
    code: str
    access: str = ""
    profile: str = ""
    recipe: str = ""
    seeds: tuple[int, ...] = ()
    remark: str = ""
    fingerprint: str = "data"
    min_cell: int = 0

    def line(self) -> str:
        """One line for a caption."""
        facts = filter(None, self.facts)
        return " · ".join(
            [ORIGINS[self.origin][0], *facts, f"{self.fingerprint} {self.data[:10]}", f"code {self.code}"]
        )

    def html(self) -> str:
        """The caption line with the command that makes the page again."""
        return f"{escape(self.line())} · <code>{escape(self.command)}</code>"

    def banner(self) -> str:
        """HTML for the top of a page or section: twin, real or published, and whose data."""
        title, text = ORIGINS[self.origin]
        return (
            f'<div class="fairlib-origin fairlib-{self.origin}" role="note"><strong>{title}: {escape(self.title)}.'
            f"</strong> {escape(text + self.remark)}</div>"
        )


def of_twin(p, spec: object) -> Provenance:
    """The provenance of a page about the model of a twin with this spec: nothing was trained.

    p: its contract, with ``notebook``, ``dataset`` and ``command()``.
    """
    card, content = cards.load(p.dataset), hashlib.sha256(repr(spec).encode()).hexdigest()
    facts = (f"notebook {p.notebook}", f"dataset {p.dataset}")
    code, remark = f"{__version__}+{code_hash('fairlib.twins')[:8]}", of_the_original(card)
    return Provenance(
        "twin", card.title, facts, p.command(), content, code, "synthetic", remark=remark, fingerprint="spec"
    )


def of_the_original(card: cards.Card) -> str:
    """What the banner of a twin says of its original."""
    return f" The original, {card.title}, is {card.access}."
