"""The command line: ``python -m fairlib.study tune | freeze | pack | again | confirm``."""

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..door import Door
from ..strategies import MODELS, PRIMARY, SUPERVISED, UNTESTED

if TYPE_CHECKING:
    from .crossfitted import CrossFitted


def main(arguments: list[str] | None = None) -> int:
    """Run one command.

    Returns 0; 2, with a sentence on stderr, for errors.
    """
    door = Door("fairlib.study", "Long computations of the study.")

    freeze = door.command(_freeze, "train models of open data or a twin fold by fold, and keep each fold as it comes")
    _place(freeze)
    named = [SUPERVISED, PRIMARY, *UNTESTED]
    freeze.add_argument("--models", nargs="+", default=named, choices=MODELS, metavar="MODEL", help=", ".join(MODELS))
    freeze.add_argument("--profile", default="paper", help="smoke, quick or paper")
    freeze.add_argument("--folds", type=int, help="0: the split of the card")
    freeze.add_argument("--repeats", type=int, help="of dealing people to folds")
    freeze.add_argument(
        "--seeds", nargs="+", type=int, default=[], help="which repeats, or training seeds without folds"
    )
    freeze.add_argument(
        "--labels", type=int, help="labelled people a group, for data efficiency; everybody unless given"
    )
    freeze.add_argument("--results", default="results", metavar="FOLDER", help="where trained models lie")
    freeze.add_argument("--threads", type=int, default=1, help="CPU threads; the same number gives the same bytes")

    again = door.command(_again, "train one kept fold once more, and compare it with what is kept")
    _place(again)
    again.add_argument("--models", nargs="+", required=True, choices=MODELS, metavar="MODEL", help=", ".join(MODELS))
    again.add_argument("--repeat", type=int, default=1, help="which dealing of people to folds, or training seed")
    again.add_argument("--fold", type=int, default=1, help="from 1")

    packed = door.command(_pack, "put finished folds together, one file a table")
    packed.add_argument("dataset", help="e.g. challenge2012")
    packed.add_argument("--kept", type=Path, metavar="FOLDER", help="as of freeze")

    tune = door.command(_tune, "find the recipe `tuned` by validation AUC")
    tune.add_argument("dataset", help="e.g. challenge2012")
    tune.add_argument("source", type=Path, metavar="DIR", help="the folder of the official files")
    tune.add_argument("--side", choices=("supervised", "ssl"), help="one side only, so that two may run at once")
    tune.add_argument("--threads", type=int, default=1, help="CPU threads; the same number gives the same bytes")

    confirmed = door.command(_confirm, "test the protocol on the sealed people, once")
    confirmed.add_argument("dataset", help="e.g. challenge2012")
    confirmed.add_argument("source", metavar="DIR", help="the folder of the official files, the sealed ones among them")
    confirmed.add_argument("--runs", type=int, default=20, help="for tests only: other than the protocol's 20")
    confirmed.add_argument("--profile", default="paper", help="for tests only: smoke or quick")
    confirmed.add_argument("--results", default="results", metavar="FOLDER", help="where trained models lie")
    confirmed.add_argument(
        "--kept", type=Path, metavar="FOLDER", help="of the record; book/frozen/confirm unless given"
    )
    confirmed.add_argument("--threads", type=int, default=1, help="CPU threads; the same number gives the same bytes")

    return door.main(arguments)


def _place(parser: argparse.ArgumentParser) -> None:
    """What tells kept results apart: of which data, by which recipe, in which folder."""
    parser.add_argument("dataset", help="e.g. challenge2012")
    parser.add_argument("source", metavar="DIR", help="the folder of the official files, or twin")
    parser.add_argument(
        "--dial", choices=("zero", "turned"), help="a twin at the size that can judge what is planted; scores are kept"
    )
    parser.add_argument("--recipe", default="tuned")
    parser.add_argument("--pretext", default="simclr")
    who = "who is in the pre-training: all, privileged, ATTRIBUTE=SEGMENT or ATTRIBUTE!=SEGMENT; all unless given"
    parser.add_argument("--pretrain-on", default="all", metavar="WHO", help=who)
    what = "what models see: both unless given, values without their observation masks, or masks alone"
    parser.add_argument("--inputs", default="both", choices=("both", "values", "masks"), help=what)
    parser.add_argument(
        "--kept",
        type=Path,
        metavar="FOLDER",
        help="of the kept results; book/frozen/DATASET unless given, of a dial book/frozen/twins/DATASET-DIAL",
    )


def _opened(options: argparse.Namespace, **more) -> "CrossFitted":
    """The study that the options ask for, fold by fold."""
    from .crossfitted import CrossFitted
    from .parameters import FineTuning, JudgedTwin
    from .sources import open_study

    names = ["dataset", "source", "dial", "profile", "recipe", "pretext", "pretrain_on"]
    names += ["inputs", "folds", "repeats", "seeds", "threads"]
    given = {name: value for name in names if (value := getattr(options, name, None)) not in (None, [])}
    study = open_study((JudgedTwin if options.dial else FineTuning)(**given | more))
    return study if isinstance(study, CrossFitted) else CrossFitted(study, 0, study.runs)


def _freeze(options: argparse.Namespace) -> None:
    """Train each model in each fold and keep its scores and tables in book/frozen/DATASET/parts, a file a fold. Run it
    again to continue after an interruption."""
    _quiet()
    import pandas as pd

    from .. import readers
    from . import parts, tuning
    from .frozen import JUDGED_BY, SCORES
    from .tables import TABLES

    only = SCORES if options.dial else TABLES
    study, folder = _opened(options, results_dir=options.results), _kept(options)
    known, more = (folder / parts.FOLDER / parts.PEOPLE).exists(), None
    if options.source != "twin" and not known:
        more = readers.finer(options.dataset, options.source)
        if options.dataset == tuning.SEARCHED_ON:
            judged = pd.Series(tuning.dealing(study.cohort) == "val", index=study.cohort.person)
            more = more.assign(**{JUDGED_BY: judged})
    parts.write_people(folder, study, only, more)
    todo = parts.missing(folder, study, options.models, options.labels)
    whole = len(study.each) * len(study.runs) * len(options.models)
    print(f"{len(todo)} of {whole} models are to train", flush=True)
    for number, (repeat, k, model) in enumerate(todo, start=1):
        path = parts.write(folder, study, model, repeat, k, options.labels, only)
        seconds = parts.manifest(path)["seconds"]
        print(f"{number} of {len(todo)}: {path.name}, {seconds:.0f} seconds", flush=True)


def _again(options: argparse.Namespace) -> int:
    """Train one fold of the kept results again, in a folder that is removed at the end, and print the largest
    difference of its scores, recalibrated risks and thresholds. Returns 1 where one is above the tolerance."""
    _quiet()
    import tempfile

    from .again import agrees, asked, compare, sentences
    from .frozen import Frozen

    kept = Frozen(_kept(options), options.recipe, options.pretext, options.pretrain_on, inputs=options.inputs)
    at = options.repeat, options.fold
    made = asked(kept, options.models, *at)
    with tempfile.TemporaryDirectory(prefix="fairlib-") as folder:
        study, agree = _opened(options, **made, results_dir=folder), True
        for model in options.models:
            found = compare(kept, study, model, *at)
            print(f"{options.dataset}, {options.recipe}, {model}, repeat {at[0]}, fold {at[1]}", flush=True)
            print(sentences(kept, found), flush=True)
            agree &= agrees(found)
    return int(not agree)


def _kept(options: argparse.Namespace) -> Path:
    """The folder of kept results."""
    from .parameters import FROZEN

    dial = getattr(options, "dial", None)
    return options.kept or FROZEN / (f"twins/{options.dataset}-{dial}" if dial else options.dataset)


def _confirm(options: argparse.Namespace) -> None:
    """Train the primary pair and the controls anew on all development people, test each run on all sealed people, and
    add a record. Run it again to continue after an interruption; after the end, it would be a second look."""
    _quiet()
    from .confirm import KEPT, RECIPE, confirm
    from .parameters import FineTuning

    given = {name: getattr(options, name) for name in ("dataset", "source", "profile", "threads")}
    p = FineTuning(**given, recipe=RECIPE, results_dir=options.results)
    print(f"kept in {confirm(p, options.runs, options.kept or KEPT)}", flush=True)


def _pack(options: argparse.Namespace) -> None:
    """Put the parts in book/frozen/DATASET together and remove them; refuses repeats with missing folds."""
    from . import parts

    print(f"packed in {parts.pack(_kept(options))}", flush=True)


def _quiet() -> None:
    if not sys.stderr.isatty():  # a log holds the rows alone; read when tqdm is imported
        os.environ.setdefault("TQDM_DISABLE", "1")


def _tune(options: argparse.Namespace) -> None:
    """Search the settings of both sides, hours, and keep each model's validation AUC. Run it again to continue after an
    interruption."""
    _quiet()
    import torch

    from .. import readers
    from ..search import FILES, tried
    from . import tuning
    from .results import replace_file

    torch.set_num_threads(options.threads)
    cohort = readers.read(options.dataset, options.source)
    cohort = cohort.dealt(tuning.dealing(cohort))
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
