"""The command line: ``python -m fairlib fetch | check | new | twin | audit | export | import``."""

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from .door import Door, place

SEALED = (
    "{} is sealed: nothing in this study was chosen by it, so that one look can confirm or refute what was found. It is"
    " read by `python -m fairlib.study confirm`, or where it is named. What you choose after another look at it cannot"
    " be confirmed by it."
)


def main(arguments: list[str] | None = None) -> int:
    """Run one command.

    Returns 0; 1 if check found something; 2, with a sentence on stderr, for other errors.
    """
    door = Door("fairlib", "Data for the study.")

    fetch = door.command(_fetch, "download the official files of open data")
    fetch.add_argument("dataset", help="challenge2012, challenge2019 or eicu_demo")
    fetch.add_argument("folder", type=Path, metavar="DIR", help="where the files go; made if needed")
    fetch.add_argument("--sealed", nargs="+", default=[], metavar="PART", help="sealed parts to fetch too, such as c")
    fetch.add_argument("--base-url", metavar="URL", help="a mirror of the official folder; hashes are checked too")

    check = door.command(_check, "say what data is there, and what a study of it could find")
    check.add_argument("folder", type=Path, metavar="FOLDER", help="official files, or your own data with a card.yaml")
    check.add_argument("--dataset", metavar="NAME", help="mimic, challenge2012 … or table; default: guessed")
    check.add_argument("--error-rate", type=_share, default=0.2, help="of the reference segments, default %(default)s")

    new = door.command(_new, "write a template for your own data")
    new.add_argument("folder", type=Path, metavar="FOLDER", help="a new or empty folder, or one with a cohort of YAIB")

    twin = door.command(_twin, "write a synthetic twin of a dataset")
    twin.add_argument("dataset", help="whose official layout, e.g. mimic")
    twin.add_argument("folder", type=Path, metavar="DIR", help="where the files go; made if needed")
    twin.add_argument("--windows", type=_whole(1, "above 0"), metavar="N", help="how many windows, about")
    twin.add_argument("--spec", type=Path, metavar="FILE", help="YAML file of the knobs that differ from the defaults")
    twin.add_argument(
        "--seed", type=_whole(0, "from 0 on"), default=0, metavar="S", help="of the generator, default %(default)s"
    )

    audit = door.command(_audit, "say whom a model serves worse, from its predictions")
    audit.add_argument("predictions", type=Path, metavar="PREDICTIONS", help="CSV or Parquet: person, label, score …")
    audit.add_argument(
        "--people", type=Path, metavar="PEOPLE", help="CSV or Parquet: person, and a column an attribute"
    )
    audit.add_argument("--card", metavar="CARD", help="a card.yaml, or the name of an official dataset")
    audit.add_argument(
        "--reference", type=_pair, action="append", default=[], metavar="ATTRIBUTE=GROUP", help="default: the largest"
    )
    audit.add_argument("-o", "--output", type=Path, default=Path("audit"), metavar="FOLDER", help="default %(default)s")

    export = door.command(_export, "bundle the results of a study that may leave an enclave")
    export.add_argument("dataset", help="e.g. mimic")
    export.add_argument(
        "--source", default="twin", metavar="DIR", help="the official files; default: a rehearsal on the twin"
    )
    export.add_argument("--by", required=True, metavar="NAME", help="who contributes it, as the book will say")
    export.add_argument("--nearest", type=_whole(1, "above 0"), default=1, metavar="N", help="round counts, e.g. to 5")
    export.add_argument("--profile", default="paper", help="smoke, quick or paper, as it was run; default %(default)s")
    export.add_argument("--recipe", default="paper_text", help="as it was run; default %(default)s")
    export.add_argument("--pretext", default="simclr", help="as it was run; default %(default)s")
    export.add_argument("--seeds", nargs="+", type=int, default=[], help="of the runs; default: the profile's")
    export.add_argument("--folds", type=int, help="of cross-fitting, where it was asked for")
    export.add_argument("--results", default="results", metavar="FOLDER", help="where trained models lie")
    export.add_argument(
        "-o", "--output", type=Path, default=Path("bundle"), metavar="FOLDER", help="default %(default)s"
    )

    taken = door.command(_import, "check a bundle from an enclave, and keep it as a case of the book")
    taken.add_argument("bundle", type=Path, metavar="BUNDLE", help="the ZIP file or folder that export wrote")
    taken.add_argument("--kept", type=Path, metavar="FOLDER", help="book/contributed unless given")

    # A further command is a parser here and a function below.
    return door.main(arguments)


def _whole(least: int, words: str) -> Callable[[str], int]:
    def read(text: str) -> int:
        if text.isdecimal() and int(text) >= least:
            return int(text)
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number {words}")

    return read


def _share(text: str) -> float:
    try:
        if 0 < float(text) < 1:
            return float(text)
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{text!r} is not a number between 0 and 1, such as 0.2")


def _pair(text: str) -> tuple[str, str]:
    name, sign, group = text.partition("=")
    if name and sign and group:
        return name, group
    raise argparse.ArgumentTypeError(f"{text!r} is not ATTRIBUTE=GROUP, such as sex=male")


def _fetch(options: argparse.Namespace) -> None:
    """Download the official files, checked against their SHA-256. Run it again to continue after an interruption."""
    from .readers.fetch import fetch

    if options.sealed:
        print(SEALED.format(", ".join(options.sealed)), flush=True)
    files = fetch(options.dataset, options.folder, options.base_url, sealed=options.sealed)
    print(f"{len(files)} official files of {options.dataset} in {options.folder}")


def _check(options: argparse.Namespace) -> int:
    """Read the data and say in words what is there and what is left out, whether the four requirements hold, and how
    small a disparity it could show; exit code 1 where the study cannot run."""
    from .study.check import check

    report, runs = check(options.folder, options.dataset, options.error_rate)
    print(report)
    return 0 if runs else 1


def _new(options: argparse.Namespace) -> None:
    """Write a folder in the documented layout for your own data: a commented card.yaml and a small made-up example. A
    folder that holds a cohort of YAIB gets its card.yaml and yaib.yaml."""
    from .readers.template import describe, is_cohort, write

    if is_cohort(options.folder):
        folder = describe(options.folder)
        print(f"card.yaml and yaib.yaml in {folder}; correct what they say, then: python -m fairlib check {folder}")
        return
    folder = write(options.folder)
    print(f"template in {folder}; put your data in its place, then: python -m fairlib check {folder}")


def _twin(options: argparse.Namespace) -> None:
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


def _audit(options: argparse.Namespace) -> None:
    """Write a report on the predictions of any model: performance and disparity by group, with intervals over people,
    next to what a coin and a calibrated score have. Nothing leaves this machine."""
    from . import cards
    from .audit.report import PAGE, audit

    name = options.card
    card = name and (cards.load(name) if name in cards.all() else cards.parse(place(name)))
    print(audit(options.predictions, options.output, options.people, card, dict(options.reference)))
    print(f"The report is {options.output / PAGE}")


def _export(options: argparse.Namespace) -> None:
    """Write a bundle: tables of estimates and intervals, figures, a manifest, and a release request for whoever checks
    what may leave. Nothing is trained; no row, score, weight or resampled value of anybody is in it."""
    from .audit.export import export
    from .study.parameters import check

    given = {name: getattr(options, name) for name in ("dataset", "profile", "recipe", "pretext", "seeds", "folds")}
    p = check("5_evaluation", given | {"source": options.source, "results_dir": options.results})
    bundle, asked = export(p, options.by, options.nearest, options.output)
    print(asked)
    print(f"The bundle is {options.output}, and the same in {options.output}.zip; its number is {bundle.digest}")


def _import(options: argparse.Namespace) -> None:
    """Check a bundle, every file and cell of it, without trusting any, and keep its tables as a case of the book that
    was not recomputed here."""
    from .audit.contributed import keep, opened
    from .study.parameters import CONTRIBUTED

    bundle = opened(options.bundle)
    print(f"{options.bundle} is whole and unaltered; its number is {bundle.digest}")
    place = keep(bundle, options.kept or CONTRIBUTED)
    print(f"kept in {place}: real, contributed by {bundle.manifest.contributed_by}, not recomputed here")


if __name__ == "__main__":
    sys.exit(main())
