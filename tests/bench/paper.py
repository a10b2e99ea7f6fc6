"""``python -m tests.bench.paper [RECIPE …]``: the paper's size for real, on MIMIC's twin: all seven models, one seed.

Half an hour a recipe on one core (others at the same time on other cores: OMP_NUM_THREADS=1). Writes ``paper.csv``:
recipe, part, minutes, on one thread as the study trains.
"""

import argparse
import tempfile
import time

import pandas as pd

from fairlib.strategies import STRATEGIES
from fairlib.study.parameters import check
from fairlib.study.sources import open_study

from .__main__ import EVIDENCE

TABLE = EVIDENCE / "paper.csv"


def measure(recipe: str) -> list[dict]:
    """Minutes of each part."""
    found, last = [], time.perf_counter()

    def done(part: str) -> None:
        nonlocal last
        now = time.perf_counter()
        found.append({"recipe": recipe, "part": part, "minutes": (now - last) / 60})
        last = now

    with tempfile.TemporaryDirectory() as results:
        given = {"dataset": "mimic", "profile": "paper", "recipe": recipe, "seeds": [1], "results_dir": results}
        study = open_study(check("3_fine_tuning", given))
        done(f"twin of {len(study.cohort):,} windows written and read")
        study.encoder(1)
        done("pre-training")
        for strategy in STRATEGIES:
            study.train(strategy, 1)
            done(strategy)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipes", nargs="*", default=["paper_text", "paper_code"])
    for recipe in parser.parse_args().recipes:
        rows = pd.DataFrame(measure(recipe))
        if TABLE.exists():
            before = pd.read_csv(TABLE)
            rows = pd.concat([before[before["recipe"] != recipe], rows], ignore_index=True)
        rows.to_csv(TABLE, index=False, float_format="%.3g")


if __name__ == "__main__":
    main()
