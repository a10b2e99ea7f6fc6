"""The command line: ``python -m fairlib fetch | check | new | twin | croissant | gate | freeze | tune``."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from .cohort import CohortError


def main(arguments: list[str] | None = None) -> int:
    """Run one command.

    Returns 0; 1 if check or the gate found something; 2, with a sentence on stderr, for other errors.
    """
    from .fetch import FetchError  # here and below: `--help` needs none of them

    options = _parser().parse_args(arguments)
    try:
        return options.run(options)
    except (CohortError, FetchError, OSError, ValueError) as error:  # CardError, SpecError … are ValueErrors
        print(f"fairlib {options.command}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"fairlib {options.command}: stopped; run it again to continue", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m fairlib", description="Data for the study, and the privacy gate.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    fetch = commands.add_parser(
        "fetch", help="download the official files of an open dataset", description=_fetch.__doc__
    )
    fetch.add_argument("dataset", help="challenge2012")
    fetch.add_argument("folder", type=Path, metavar="DIR", help="where the files go; made if needed")
    fetch.add_argument(
        "--base-url", metavar="URL", help="a mirror of the official folder (hashes are checked all the same)"
    )
    fetch.add_argument("--extract", action="store_true", help="unpack the tarballs too (not needed: readers read them)")
    fetch.set_defaults(run=_fetch)

    check = commands.add_parser("check", help="say what data is there, and what a study of it could find")
    check.description = _check.__doc__
    check.add_argument("folder", type=Path, metavar="FOLDER", help="official files, or your own data with a card.yaml")
    check.add_argument("--dataset", metavar="NAME", help="mimic, challenge2012 … or table; default: guessed")
    check.add_argument(
        "--error-rate", type=_share, default=0.2, metavar="P", help="of the reference segments, default %(default)s"
    )
    check.set_defaults(run=_check)

    new = commands.add_parser("new", help="write a template for your own data", description=_new.__doc__)
    new.add_argument("folder", type=Path, metavar="FOLDER", help="a new or empty folder")
    new.set_defaults(run=_new)

    croissant = commands.add_parser("croissant", help="print a data card for machines", description=_croissant.__doc__)
    croissant.add_argument("name", metavar="NAME", help="a dataset with a card, or a folder that holds its card.yaml")
    croissant.set_defaults(run=_croissant)

    twin = commands.add_parser("twin", help="write a synthetic twin of a dataset", description=_twin.__doc__)
    twin.add_argument("dataset", help="whose official layout, e.g. mimic")
    twin.add_argument("folder", type=Path, metavar="DIR", help="where the files go; made if needed")
    twin.add_argument("--windows", type=_positive, metavar="N", help="how many windows, about")
    twin.add_argument("--spec", type=Path, metavar="FILE", help="YAML file of the knobs that differ from the defaults")
    twin.add_argument("--seed", type=_seed, default=0, metavar="S", help="of the generator, default %(default)s")
    twin.set_defaults(run=_twin)

    gate = commands.add_parser(
        "gate", help="refuse rows and identifiers in what is published", description=_gate.__doc__
    )
    gate.add_argument("executed", type=Path, metavar="EXECUTED_DIR", help="folder of executed notebooks")
    gate.add_argument("html", type=Path, metavar="HTML_DIR", help="folder of the built book")
    gate.add_argument(
        "--identifiers", type=Path, nargs="*", default=[], metavar="FILE", help="files of known identifiers, one a line"
    )
    gate.set_defaults(run=_gate)

    freeze = commands.add_parser(
        "freeze", help="keep aggregated results of an open dataset in the book", description=_freeze.__doc__
    )
    freeze.add_argument("dataset", help="e.g. challenge2012")
    freeze.add_argument("source", metavar="DIR", help="the folder of the official files")
    freeze.add_argument("--recipes", nargs="+", default=["described", "released"])
    freeze.add_argument(
        "--mitigate", nargs="*", default=["described"], metavar="RECIPE", help="recipes with mitigations too"
    )
    freeze.add_argument(
        "--people",
        nargs="*",
        type=_positive,
        default=[],
        metavar="N",
        help="labelled people a group, for data efficiency",
    )
    freeze.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3], metavar="SEED")
    freeze.add_argument("--threads", type=int, default=1, help="CPU threads; the same number gives the same bytes")
    freeze.set_defaults(run=_freeze)

    tune = commands.add_parser("tune", help="find the recipe `tuned` by validation AUC", description=_tune.__doc__)
    tune.add_argument("dataset", help="e.g. challenge2012")
    tune.add_argument("source", type=Path, metavar="DIR", help="the folder of the official files")
    tune.add_argument("--threads", type=int, default=1, help="CPU threads; the same number gives the same bytes")
    tune.set_defaults(run=_tune)

    # A further command is a parser here and a function below.
    return parser


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def _seed(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 on")
    return int(text)


def _share(text: str) -> float:
    try:
        if 0 < float(text) < 1:
            return float(text)
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{text!r} is not a number between 0 and 1, such as 0.2")


def _fetch(options: argparse.Namespace) -> int:
    """Download the official files, checked against their SHA-256. Run it again to continue after an interruption."""
    from .fetch import extract, fetch

    files = fetch(options.dataset, options.folder, options.base_url)
    for file in files:
        if options.extract and file.name.endswith(".tar.gz"):
            extract(file, options.folder)
    print(f"{len(files)} official files of {options.dataset} in {options.folder}")
    return 0


def _check(options: argparse.Namespace) -> int:
    """Read the data and say in words what is there and what is left out, whether the four requirements hold, and how
    small a disparity it could show; exit code 1 where the study cannot run."""
    from .check import check

    report, runs = check(options.folder, options.dataset, options.error_rate)
    print(report)
    return 0 if runs else 1


def _new(options: argparse.Namespace) -> int:
    """Write a folder in the documented layout for your own data: a commented card.yaml and a small made-up example."""
    from .template import write

    folder = write(options.folder)
    print(f"template in {folder}; put your data in its place, then: python -m fairlib check {folder}")
    return 0


def _croissant(options: argparse.Namespace) -> int:
    """Print the data card as Croissant metadata (JSON-LD, MLCommons) with its fields for responsible AI."""
    import json

    from . import cards
    from .croissant import to_croissant

    own = (Path(options.name) / cards.CARD).is_file()
    card = cards.register(options.name) if own else cards.load(options.name)
    print(json.dumps(to_croissant(card), indent=2, ensure_ascii=False))
    return 0


def _twin(options: argparse.Namespace) -> int:
    """Write a synthetic twin in the official layout, so that it passes through the same reader as the real files.

    TWIN.json beside the data says what was planted, TRUTH.json what a fixed scorer reaches in each segment.
    """
    from .twins import folder, load_spec, write

    spec = load_spec(options.dataset, options.spec)
    if options.windows:
        spec = replace(spec, windows=options.windows)
    write(options.dataset, options.folder, spec, options.seed)
    made = folder.realised(options.folder)
    print(f"twin of {options.dataset} in {options.folder}: {made['windows']:,} windows of {made['people']:,} people")
    return 0


def _gate(options: argparse.Namespace) -> int:
    """Scan executed notebooks and built pages for row-level output and identifiers; exit code 1 with what was found."""
    from .gate import DisclosureError, check_book

    known = [name for file in options.identifiers for name in file.read_text(encoding="utf-8").split()]
    try:
        print(check_book(options.executed, options.html, known))
    except DisclosureError as error:
        print(f"fairlib gate: {error}", file=sys.stderr)
        return 1
    return 0


def _tune(options: argparse.Namespace) -> int:
    """Train every way of the grid with one seed, about an hour and a half, and keep each validation AUC. Run it again
    to continue after an interruption."""
    import torch

    from . import readers, tuning
    from .recipes import GRID_FILE, tried
    from .results import replace_file

    torch.set_num_threads(options.threads)
    rows = []
    for row in tuning.tune(readers.read(options.dataset, options.source), known=tried()):
        print(f"{row.part}: {row.way}: validation AUC {row.validation_auc:.4f}", flush=True)
        rows.append(row)
        write = tuning.table(rows).to_csv
        replace_file(GRID_FILE, lambda path, write=write: write(path, index=False, lineterminator="\n"))
    print(f"kept in {GRID_FILE}; the recipe `tuned` takes the best of each part")
    return 0


def _freeze(options: argparse.Namespace) -> int:
    """Find or train every model of the paper profile, and keep its aggregated, gate-passed tables in book/frozen."""
    from .mitigation import MITIGATIONS
    from .parameters import FineTuning
    from .profiles import ALL
    from .sources import freeze, open_study

    for seed in options.seeds:
        for recipe in options.recipes:
            p = FineTuning(
                dataset=options.dataset, source=options.source, profile="paper", recipe=recipe, threads=options.threads
            )
            strategies = (*ALL, *MITIGATIONS) if recipe in options.mitigate else ALL
            kept = freeze(open_study(p), p.dataset, strategies, seed, p.profile, people=tuple(options.people))
            print(f"seed {seed}, recipe {recipe}: kept in {kept}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
