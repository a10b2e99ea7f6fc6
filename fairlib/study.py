"""A study of one cohort: find a trained model in the results, or train it and put it there.

The notebooks call this; so stage 3 run for one strategy and one seed trains just that model, and a full run finds it.
"""

import json
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from safetensors.torch import load_file
from safetensors.torch import save as serialise

from . import evidence, simple
from .cohort import Cohort
from .encoder import CONTROLS, STRATEGIES, Classifier, Encoder
from .finetuning import Windows, fit, scores
from .recipes import Recipe
from .results import fresh, key_hash, save, source_hash
from .simclr import pretrain
from .similarity import gram, one_window_each

#: The control without a neural network.
LOGISTIC = "logistic_regression"
#: Every model of the study: supervised first, then from all layers training to none, then the controls.
MODELS = (*STRATEGIES, *CONTROLS, LOGISTIC)
EVALUATION = ("metrics", "roc")


@dataclass(frozen=True)
class Study:
    """One cohort, one recipe, one results folder (``results/<dataset>/<source and profile>``)."""

    cohort: Cohort
    recipe: Recipe
    results: Path
    device: str = "cpu"

    @cached_property
    def fingerprint(self) -> str:
        return self.cohort.fingerprint()

    def folder(self, name: str, seed: int) -> Path:
        """Where the result of a strategy (or "pretraining") lies."""
        return self.results / self.recipe.name / name / f"seed-{seed}"

    def windows(self, split: str) -> Windows:
        """Windows and labels of a split."""
        rows = self.cohort.rows(split)
        return Windows(_select(self.cohort.x, rows), self.cohort.y[rows])

    def encoder(self, seed: int) -> tuple[Encoder, np.ndarray]:
        """The pre-trained encoder and the loss of each step; trained on the training windows, labels unused."""
        folder, key = self.folder("pretraining", seed), self._encoder_key(seed)
        if not fresh(folder, key):
            start = time.perf_counter()
            train = _select(self.cohort.x, self.cohort.rows("train"))
            encoder, losses = pretrain(train, self.recipe, seed, self.device)
            files = {"weights.safetensors": _weights(encoder), "losses.npy": lambda path: _save_array(path, losses)}
            save(folder, key, files, _timings(start))
        encoder = Encoder(len(self.cohort.channels), self.recipe.padding)
        encoder.load_state_dict(load_file(folder / "weights.safetensors"))
        return encoder.eval(), np.load(folder / "losses.npy", allow_pickle=False)

    def train(self, strategy: str, seed: int) -> Path:
        """The folder of a trained model; trains it where no fresh result is found."""
        folder, key = self.folder(strategy, seed), self._model_key(strategy, seed)
        if fresh(folder, key):
            return folder
        start = time.perf_counter()
        if strategy == LOGISTIC:
            weights, predict = simple.fit(self.windows("train"))
            history, write = [], _tensors(weights)
        else:
            encoder = self.encoder(seed)[0] if _pretrained(strategy) else None
            start = time.perf_counter()
            train, validation = self.windows("train"), self.windows("val")
            model, history = fit(train, validation, strategy, self.recipe, seed, encoder, self.device)
            write, predict = _weights(model), lambda x: scores(model, x)
        rows = np.concatenate([self.cohort.rows("val"), self.cohort.rows("test")])
        table = pd.DataFrame({"row": rows.astype(np.int32), "score": predict(_select(self.cohort.x, rows))})
        files = {
            "weights.safetensors": write,
            "predictions.parquet": lambda path: table.to_parquet(path, index=False),
            "history.json": lambda path: path.write_text(json.dumps(history, indent=1)),
        }
        save(folder, key, files, _timings(start))
        return folder

    def scores(self, strategy: str, seed: int) -> np.ndarray:
        """(n,) predicted probabilities of the validation and test windows; NaN for training windows."""
        table = pd.read_parquet(self.train(strategy, seed) / "predictions.parquet")
        out = np.full(len(self.cohort), np.nan, dtype=np.float32)
        out[table["row"]] = table["score"]
        return out

    def model(self, strategy: str, seed: int) -> Classifier:
        """The trained network, in evaluation mode."""
        folder, recipe = self.train(strategy, seed), self.recipe
        model = Classifier(Encoder(len(self.cohort.channels), recipe.padding), recipe.training(strategy).head_dropout)
        model.load_state_dict(load_file(folder / "weights.safetensors"))
        return model.eval()

    def cohort_tables(self) -> dict[str, pd.DataFrame]:
        """Stage 1's evidence."""
        return evidence.cohort_tables(self.cohort)

    def losses(self, seed: int) -> np.ndarray:
        """Pre-training loss of each step, (steps,)."""
        return self.encoder(seed)[1]

    def history(self, strategy: str, seed: int) -> pd.DataFrame:
        """Training and monitored loss of each epoch."""
        return pd.DataFrame(json.loads((self.train(strategy, seed) / "history.json").read_text()))

    def evaluation(self, strategy: str, seed: int, threshold: float, draws: int) -> dict[str, pd.DataFrame]:
        """Stage 3 and 5's evidence for one model: ``metrics`` and ``roc``."""
        folder = self.train(strategy, seed) / "evaluation"
        code = source_hash("evidence", "fairness", "inference", "disclosure", "cards")
        key = {"model": key_hash(self._model_key(strategy, seed)), "threshold": threshold, "draws": draws, "code": code}
        key |= {"access": evidence.access(self.cohort), "card": evidence.card_key(self.cohort)}
        if not fresh(folder, key):
            tables = evidence.evaluation_tables(self.cohort, self.scores(strategy, seed), threshold, draws)
            save(folder, key, {f"{name}.parquet": _parquet(table) for name, table in tables.items()})
        return {name: pd.read_parquet(folder / f"{name}.parquet") for name in EVALUATION}

    def similarity(self, strategy: str, seed: int) -> pd.DataFrame:
        """Stage 4's evidence: the supervised model of this seed against another."""
        folder = self.train(strategy, seed) / "similarity"
        models = [key_hash(self._model_key(name, seed)) for name in ("supervised", strategy)]
        key = {"models": models, "code": source_hash("evidence", "similarity", "seeds", "cards")}
        key["card"] = evidence.card_key(self.cohort)
        if not fresh(folder, key):
            test = self.cohort.rows("test")
            people = self.cohort.person[test]
            draws = 1 if len(np.unique(people)) == len(people) else 5  # nothing to draw where a person has one window
            tables = []
            for draw in range(draws):
                rows = test[one_window_each(people, seed=0, draw=draw)]
                grams = [self._grams(name, seed, rows) for name in ("supervised", strategy)]
                tables.append(evidence.similarity_table(self.cohort, *grams, rows))
            table = evidence.average_draws(tables)
            save(folder, key, {"cka.parquet": _parquet(table)})
        return pd.read_parquet(folder / "cka.parquet")

    def _grams(self, strategy: str, seed: int, rows: np.ndarray) -> list[np.ndarray]:
        encoder = self.model(strategy, seed).encoder  # may train it: not in inference mode
        with torch.inference_mode():
            outputs = encoder.activations(torch.from_numpy(self.cohort.x[rows]))
        return [gram(output.numpy()) for output in outputs]

    def _encoder_key(self, seed: int) -> dict:
        return {
            "pretraining": self.recipe.as_dict()["pretraining"],
            "padding": self.recipe.padding,
            "seed": seed,
            "data": self.fingerprint,
            "code": source_hash("encoder", "views", "simclr", "optimisation", "seeds"),
        }

    def _model_key(self, strategy: str, seed: int) -> dict:
        key = {"strategy": strategy, "seed": seed, "data": self.fingerprint}
        if strategy == LOGISTIC:
            return key | {"code": source_hash("simple")}
        recipe = self.recipe.as_dict()
        key |= {
            "training": recipe["supervised" if strategy == "supervised" else "finetuning"],
            "padding": self.recipe.padding,
            "evaluate_frozen": self.recipe.evaluate_frozen,
            "code": source_hash("encoder", "finetuning", "optimisation", "seeds"),
        }
        return key | ({"encoder": key_hash(self._encoder_key(seed))} if _pretrained(strategy) else {})


def _select(x, rows: np.ndarray):
    """Windows of these rows; lazy ones stay lazy, since a whole split of them may not fit into memory."""
    return x.select(rows) if hasattr(x, "select") else x[rows]


def _pretrained(strategy: str) -> bool:
    return {**STRATEGIES, **CONTROLS}[strategy].pretrained


def _weights(module: torch.nn.Module):
    return _tensors({name: value.contiguous() for name, value in module.state_dict().items()})


def _tensors(state: dict[str, torch.Tensor]):
    return lambda path: path.write_bytes(serialise(state))  # so that a full disk is an OSError like any other


def _parquet(table: pd.DataFrame):
    return lambda path: table.to_parquet(path, index=False)


def _save_array(path: Path, array: np.ndarray) -> None:
    with path.open("wb") as file:
        np.save(file, array, allow_pickle=False)


def _timings(start: float) -> dict:
    return {"seconds": round(time.perf_counter() - start, 2), "threads": torch.get_num_threads()}
