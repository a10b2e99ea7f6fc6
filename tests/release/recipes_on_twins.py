"""``python -m tests.release.recipes_on_twins [--results DIR]``: every recipe on the twins, for the audit's chapter.

The book keeps the table, so that building it stays short. Run it again to continue after an interruption.
"""

import argparse
from pathlib import Path

import pandas as pd
import torch

from book.pages import cases
from book.pages.contracts import check
from book.release import runs
from fairlib import __version__
from fairlib.recipes import RECIPES
from fairlib.strategies import PRIMARY
from fairlib.study.results import code_hash
from fairlib.study.sources import open_study

#: Challenge 2012 and the datasets of the paper, whose recipes they are.
DATASETS = ("challenge2012", "globem", "mesa", "mimic")


def rows(dataset: str, recipe: str, results: Path, profile: str = "quick", seeds=(1, 2)) -> pd.DataFrame:
    """``runs.recipes`` of one twin with one recipe; trains what is not found in ``results``."""
    given = {"dataset": dataset, "recipe": recipe, "profile": profile, "seeds": list(seeds)}
    p = check(
        "5_evaluation", given | {"strategies": ["supervised", PRIMARY, "random_frozen_3"], "results_dir": str(results)}
    )
    study = open_study(p)
    for strategy in p.wanted:
        for seed in p.seeds:
            study.train(strategy, seed)
    case = cases.open_case(p)
    return runs.recipes([case]).assign(profile=profile, code=f"{__version__}+{code_hash()[:8]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=Path("results"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    found = [rows(dataset, recipe, options.results) for dataset in DATASETS for recipe in sorted(RECIPES)]
    pd.concat(found).to_csv(runs.TWINS_FILE, index=False, lineterminator="\n", float_format="%.4f")


if __name__ == "__main__":
    main()
