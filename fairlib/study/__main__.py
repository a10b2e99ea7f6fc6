"""The command line: ``python -m fairlib.study freeze | tune``."""

import argparse
import os
import sys
from pathlib import Path

from ..door import Door


def main(arguments: list[str] | None = None) -> int:
    """Run one command.

    Returns 0; 2, with a sentence on stderr, for errors.
    """
    door = Door("fairlib.study", "Long computations of the study.")

    freeze = door.command(_freeze, "keep results of open data in the book")
    freeze.add_argument("dataset", help="e.g. challenge2012")
    freeze.add_argument("source", metavar="DIR", help="the folder of the official files")
    freeze.add_argument("--recipes", nargs="+", default=["paper_text", "paper_code"])
    freeze.add_argument("--mitigate", nargs="*", default=["paper_text"], help="recipes with mitigations too")
    freeze.add_argument("--people", nargs="*", type=int, default=[], help="labelled people per group, e.g. 25 100")
    freeze.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3], metavar="SEED")
    freeze.add_argument("--threads", type=int, default=1, help="CPU threads; the same number gives the same bytes")

    tune = door.command(_tune, "find the recipe `tuned` by validation AUC")
    tune.add_argument("dataset", help="e.g. challenge2012")
    tune.add_argument("source", type=Path, metavar="DIR", help="the folder of the official files")
    tune.add_argument("--side", choices=("supervised", "ssl"), help="one side only, so that two may run at once")
    tune.add_argument("--threads", type=int, default=1, help="CPU threads; the same number gives the same bytes")

    return door.main(arguments)


def _freeze(options: argparse.Namespace) -> None:
    """Find or train every model of the paper profile, and keep its aggregated, gate-passed tables in book/frozen."""
    from ..strategies import ALL, MITIGATIONS
    from .frozen import freeze
    from .parameters import FROZEN, FineTuning
    from .sources import open_study

    for recipe in options.recipes:
        given = {name: getattr(options, name) for name in ("dataset", "source", "seeds", "threads")}
        p = FineTuning(profile="paper", recipe=recipe, **given)
        strategies = (*ALL, *MITIGATIONS) if recipe in options.mitigate else ALL
        kept = freeze(open_study(p), FROZEN / p.dataset, strategies, people=tuple(options.people))
        print(f"recipe {recipe}, seeds {options.seeds}: kept in {kept}", flush=True)


def _tune(options: argparse.Namespace) -> None:
    """Search the settings of both sides, hours, and keep each model's validation AUC. Run it again to continue after an
    interruption."""
    if not sys.stderr.isatty():  # a log holds the rows alone; read when tqdm is imported
        os.environ.setdefault("TQDM_DISABLE", "1")
    import torch

    from .. import readers
    from ..search import FILES, tried
    from . import tuning
    from .results import replace_file

    torch.set_num_threads(options.threads)
    cohort = readers.read(options.dataset, options.source)
    for side in [options.side] if options.side else tuning.SIDES:
        rows, known = [], tried(side)
        for row in tuning.tune(cohort, side, known):
            print(f"{side}, rung {row.rung}, try {row.number}, seed {row.seed}: {row.validation_auc:.4f}", flush=True)
            rows.append(row)
            if len(rows) > len(known):
                write = tuning.table(rows).to_csv
                replace_file(FILES[side], lambda path, write=write: write(path, index=False, lineterminator="\n"))
        print(f"kept in {FILES[side]}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
