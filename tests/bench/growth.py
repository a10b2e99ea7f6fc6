"""What each step costs at growing sizes, one thread: time for a figure on log axes, with the power that fits."""

import tempfile
from pathlib import Path

import numpy as np
import torch

from fairlib import readers, twins
from fairlib.encoder import Encoder
from fairlib.finetuning import fit
from fairlib.measures.half_samples import subsample_table
from fairlib.pretraining import pretrain
from fairlib.recipes import RECIPES, replace
from fairlib.schedules import Schedule
from fairlib.similarity import cka_table, gram
from fairlib.strategies import MODELS
from tests.measures.halves import half_samples
from tests.tables import evaluation_tables

from . import auc_bootstrap, mesa_windows
from .finetuning import some_windows
from .turns import in_turns


def measure() -> list[dict]:
    """Rows of ``growth.csv``: step, unit, n, seconds."""
    torch.set_num_threads(1)
    steps = [training(), similarity(), cohorts(), auc_bootstrap.sizes(), mesa_windows.sizes()]
    return [row for rows in steps for row in rows]


def training() -> list[dict]:
    """An epoch of pre-training and of fine-tuning of all layers, on windows of MIMIC's shape."""
    recipe, found = RECIPES["paper_text"], []
    one = {
        name: replace(getattr(recipe, name), schedule=Schedule(1, 128, 0.1)) for name in ("pretraining", "supervised")
    }
    recipe, held = replace(recipe, **one), some_windows(64, 2)
    for n in (512, 1024, 2048, 4096, 8192):
        windows = some_windows(n, 1)
        calls = {
            "pre-training, an epoch": lambda w=windows: pretrain(w.x, recipe, 1),
            "fine-tuning, an epoch": lambda w=windows: fit(w, held, MODELS["supervised"], recipe, 1),
        }
        found += _rows(calls, "windows", n, 1)
    return found


def similarity() -> list[dict]:
    """CKA of three layers with three others from the features of encoders; and of twenty segments with half-samples."""
    encoder, found = Encoder(5, generator=np.random.default_rng(0)).eval(), []
    for n in (400, 800, 1600, 3200):
        draw = np.random.default_rng(n)
        x = torch.from_numpy(draw.standard_normal((n, 48, 5), dtype=np.float32))
        with torch.inference_mode():
            layers = [output.numpy() for output in encoder.activations(x)]
        grams = [gram(layer) for layer in layers]
        segments = [draw.choice(n, max(20, n // (i + 2)), replace=False) for i in range(20)]

        def conditioned(grams=grams, segments=segments, draw=draw):
            for rows in segments:
                blocks = [k[rows][:, rows] for k in grams]
                subsample_table(blocks, blocks, half_samples(len(rows), 200, draw))

        calls = {
            "CKA, nine pairs of layers": lambda layers=layers: cka_table(*[[gram(layer) for layer in layers]] * 2),
            "CKA of 20 segments, 200 half-samples": conditioned,
        }
        found += _rows(calls, "people", n, 2)
    return found


def cohorts() -> list[dict]:
    """Reading Challenge 2012's files (of a twin), and all evaluation tables of one model."""
    found = []
    for n in (500, 1000, 2000, 4000):
        with tempfile.TemporaryDirectory() as folder:
            twins.write("challenge2012", Path(folder), twins.sized("challenge2012", n, each=1), seed=0)
            cohort = readers.read("challenge2012", Path(folder))
            score = np.random.default_rng(0).random(len(cohort))
            calls = {
                "reading Challenge 2012": lambda f=folder: readers.read("challenge2012", Path(f)),
                "evaluation of a model, 100 draws": lambda c=cohort, s=score: evaluation_tables(c, s, 0.5, 100),
            }
            found += _rows(calls, "people", n, 1)
    return found


def _rows(calls: dict, unit: str, n: int, rounds: int) -> list[dict]:
    return [
        {"step": step, "unit": unit, "n": n, "seconds": float(np.median(spent))}
        for step, spent in in_turns(calls, rounds).items()
    ]
