"""What the command lines share: commands with arguments of their own, and one sentence instead of a traceback."""

import argparse
import io
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

#: How paths begin or look that only another program, or another system, understands.
_NOT_HERE = {
    r"\$\{?[A-Za-z_]\w*.*|%\w+%.*": "holds a variable that only a shell expands; write the path out",
    r"(https?|file|s3|gs|smb):/.*": "is an address; give a folder or file of this machine",
    r"([\"'“‘]).+[\"'”’]": "is in quotation marks that belong to a shell; write it without them",
    r"\s.*|.*\s": "begins or ends with a space; write it without",
}
_WINDOWS = r"[A-Za-z]:[\\/].*|\\\\.*"


class PlaceError(ValueError):
    """A path is written as another program or system writes it."""


def place(text: str | Path) -> Path:
    """The path that is meant, with ``~`` for the home folder.

    Raises ``PlaceError`` for what would become a folder of an odd name, such as ``$HOME/study``; a folder that has such
    a name already may be used.
    """
    text = str(text)
    try:
        path = Path(text).expanduser()
    except RuntimeError as error:
        raise PlaceError(f"{text!r}: {error}; write the path out") from error
    if os.path.lexists(path):
        return path
    for pattern, why in _NOT_HERE.items():
        if re.fullmatch(pattern, text, re.DOTALL):
            raise PlaceError(f"{text!r} {why}")
    if os.name == "posix" and re.fullmatch(_WINDOWS, text, re.DOTALL):
        raise PlaceError(f"{text!r} is a path of Windows; in WSL, C:\\ is /mnt/c/")
    return path


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
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):  # a terminal without this sign shows its number
                stream.reconfigure(errors="backslashreplace")
        options = self.parser.parse_args(arguments)
        try:
            for name, value in vars(options).items():
                if isinstance(value, Path):
                    setattr(options, name, place(value))
            done = options.run(options) or 0
            sys.stdout.flush()
            return done
        except BrokenPipeError:  # whoever reads, such as ``head``, has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 141
        except (OSError, ValueError) as error:  # CohortError, CardError, FetchError … are among them
            print(f"{self.package} {options.command}: {error}", file=sys.stderr)
            return 2
        except KeyboardInterrupt:
            print(f"{self.package} {options.command}: stopped; run it again to continue", file=sys.stderr)
            return 130
