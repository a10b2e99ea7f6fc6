"""The command line: ``python -m book.pages gate | croissant``."""

import argparse
import sys
from pathlib import Path

from fairlib.door import Door


def main(arguments: list[str] | None = None) -> int:
    """Run one command.

    Returns 0; 1 if the gate found something; 2, with a sentence on stderr, for other errors.
    """
    door = Door("book.pages", "What the pages of the book need from a shell.")

    gate = door.command(_gate, "refuse rows and identifiers in what is published")
    gate.add_argument("executed", type=Path, metavar="EXECUTED_DIR", help="folder of executed notebooks")
    gate.add_argument("html", type=Path, metavar="HTML_DIR", help="folder of the built book")
    gate.add_argument(
        "--identifiers", type=Path, nargs="*", default=[], metavar="FILE", help="files of known identifiers, one a line"
    )

    croissant = door.command(_croissant, "print a data card for machines")
    croissant.add_argument("name", metavar="NAME", help="a dataset with a card, or a folder that holds its card.yaml")

    return door.main(arguments)


def _gate(options: argparse.Namespace) -> int:
    """Scan executed notebooks and built pages for row-level output and identifiers; exit code 1 with what was found."""
    from fairlib.report.gate import DisclosureError, check_book

    known = [name for file in options.identifiers for name in file.read_text(encoding="utf-8").split()]
    try:
        print(check_book(options.executed, options.html, known))
    except DisclosureError as error:
        print(f"book.pages gate: {error}", file=sys.stderr)
        return 1
    return 0


def _croissant(options: argparse.Namespace) -> None:
    """Print the data card as Croissant metadata (JSON-LD, MLCommons) with its fields for responsible AI."""
    import json

    from book.pages.croissant import to_croissant
    from fairlib import cards

    print(json.dumps(to_croissant(cards.of(options.name, options.name)), indent=2, ensure_ascii=False))


if __name__ == "__main__":
    sys.exit(main())
