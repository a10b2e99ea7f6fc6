"""What the command lines share: commands with arguments of their own, and one sentence instead of a traceback."""

import argparse
import sys
from collections.abc import Callable


class Door:
    """``python -m PACKAGE COMMAND …``."""

    def __init__(self, package: str, description: str):
        self.package = package
        self.parser = argparse.ArgumentParser(prog=f"python -m {package}", description=description)
        self.commands = self.parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(self, run: Callable[[argparse.Namespace], int | None], words: str) -> argparse.ArgumentParser:
        """The parser of a command that is called as its function, ``_fetch``, whose docstring is its description.

        run: takes the options; returns an exit code, or nothing for 0. words: what it does, for the list of commands.
        """
        parser = self.commands.add_parser(run.__name__.strip("_"), help=words, description=run.__doc__)
        parser.set_defaults(run=run)
        return parser

    def main(self, arguments: list[str] | None) -> int:
        """Run one command.

        Returns its exit code; 2, with a sentence on stderr, for errors; 130 where somebody stopped it.
        """
        options = self.parser.parse_args(arguments)
        try:
            return options.run(options) or 0
        except (OSError, ValueError) as error:  # CohortError, CardError, FetchError … are among them
            print(f"{self.package} {options.command}: {error}", file=sys.stderr)
            return 2
        except KeyboardInterrupt:
            print(f"{self.package} {options.command}: stopped; run it again to continue", file=sys.stderr)
            return 130
