"""What bfloat16 does to accuracy: the same models trained in both precisions, on the quick twin of Challenge 2012."""

import tempfile
import time

from sklearn.metrics import roc_auc_score

from fairlib.study.parameters import check
from fairlib.study.sources import open_study

STRATEGIES, SEEDS = ("supervised", "frozen_0", "frozen_1_middle"), (1, 2, 3)


def measure() -> list[dict]:
    """Rows of ``bf16.csv``: strategy, seed, precision, AUC on the test split, and seconds to train (encoders apart)."""
    found = []
    with tempfile.TemporaryDirectory() as results:
        for precision in ("float32", "bf16"):
            given = {"dataset": "challenge2012", "results_dir": results, "precision": precision}
            study = open_study(check("3_fine_tuning", given))
            test = study.cohort.rows("test")
            for seed in SEEDS:
                for strategy in STRATEGIES:
                    if strategy != "supervised":
                        study.encoder(seed)
                    start = time.perf_counter()
                    score = study.scores(strategy, seed)[test]
                    seconds = time.perf_counter() - start
                    row = {"strategy": strategy, "seed": seed, "precision": study.recipe.precision}
                    found.append(row | {"auc": roc_auc_score(study.cohort.y[test], score), "seconds": seconds})
    return found
