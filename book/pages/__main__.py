"""The command line: ``python -m book.pages gate | croissant``."""

import argparse
import sys
from pathlib import Path


def main(arguments: list[str] | None = None) -> int:
    """Run one command.

    Returns 0; 1 if the gate found something; 2, with a sentence on stderr, for other errors.
    """
    options = _parser().parse_args(arguments)
    try:
        return options.run(options)
    except (OSError, ValueError) as error:
        print(f"book.pages {options.command}: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m book.pages", description="What the pages of the book need from a shell."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    gate = commands.add_parser(
        "gate", help="refuse rows and identifiers in what is published", description=_gate.__doc__
    )
    gate.add_argument("executed", type=Path, metavar="EXECUTED_DIR", help="folder of executed notebooks")
    gate.add_argument("html", type=Path, metavar="HTML_DIR", help="folder of the built book")
    gate.add_argument(
        "--identifiers", type=Path, nargs="*", default=[], metavar="FILE", help="files of known identifiers, one a line"
    )
    gate.set_defaults(run=_gate)

    croissant = commands.add_parser("croissant", help="print a data card for machines", description=_croissant.__doc__)
    croissant.add_argument("name", metavar="NAME", help="a dataset with a card, or a folder that holds its card.yaml")
    croissant.set_defaults(run=_croissant)

    return parser


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


def _croissant(options: argparse.Namespace) -> int:
    """Print the data card as Croissant metadata (JSON-LD, MLCommons) with its fields for responsible AI."""
    import json

    from book.pages.croissant import to_croissant
    from fairlib import cards

    print(json.dumps(to_croissant(cards.of(options.name, options.name)), indent=2, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
