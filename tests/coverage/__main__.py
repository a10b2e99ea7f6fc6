"""``python -m tests.coverage [--cohorts 250] [--out book/quality/coverage.csv]``: the coverage study, anew."""

import argparse
from pathlib import Path

from tqdm import tqdm

from . import study

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--cohorts", type=int, default=study.COHORTS)
parser.add_argument("--out", type=Path, default=Path(__file__).parents[2] / "book" / "quality" / "coverage.csv")
options = parser.parse_args()
truth = study.expected()
found = [(seed, one) for seed in tqdm(range(options.cohorts)) for one in study.intervals(seed, truth)]
study.write(study.tabulate(found), options.out)
