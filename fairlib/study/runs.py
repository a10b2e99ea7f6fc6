"""A study of one cohort: find a trained model in the results, or train it and put it there.

The notebooks call this; so stage 3 run for one strategy and one seed trains just that model, and a full run finds it.
"""

import json
import time
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from safetensors.torch import load_file
from safetensors.torch import save as serialise

from .. import baselines, mitigation
from ..cohort import Cohort
from ..encoder import Classifier, Encoder
from ..finetuning import Windows, fit, scores
from ..measures import cka as conditioned
from ..measures import describe, features, groups, performance, probes
from ..measures.cka import first_windows
from ..pretraining import pretrain
from ..recipes import Recipe
from ..similarity import cka_table, gram, one_window_each
from ..strategies import LOGISTIC, STRATEGIES
from ..windows import rows_of
from . import labels
from .results import closure_hash, fresh, key_hash, save

#: Tables of one evaluated model; results frozen before a table existed hold ``metrics`` and ``roc`` only.
EVALUATION = ("metrics", "roc", "validation", "nulls", "calibration", "offsets", "intersections", "thresholds")
#: Tables about the features of one network.
REPRESENTATION = ("probes", "tests", "distances")


@dataclass(frozen=True)
class Study:
    """One cohort, one recipe, one results folder (``results/<dataset>/<source and profile>``)."""

    cohort: Cohort
    recipe: Recipe
    results: Path
    device: str = "cpu"
    unlabelled: "Study | None" = None  # where pre-training finds more windows than have labels
    permutations: int = 499  # of segment labels among participants, for differences in CKA

    def with_labels(self, people: int) -> labels.Labelled:
        """The same study with so many labelled people a group."""
        return labels.Labelled(self, people)

    @property
    def label_sizes(self) -> tuple[int, ...]:
        """Numbers of labelled people a group that are kept unasked: none, they are trained on demand."""
        return ()

    @cached_property
    def fingerprint(self) -> str:
        return self.cohort.fingerprint()

    def folder(self, name: str, seed: int) -> Path:
        """Where the result of a strategy (or "pretraining") lies."""
        return self.results / self.recipe.folder / name / f"seed-{seed}"

    def windows(self, split: str) -> Windows:
        """Windows and labels of a split."""
        rows = self.cohort.rows(split)
        return Windows(rows_of(self.cohort.x, rows), self.cohort.y[rows])

    def encoder(self, seed: int) -> tuple[Encoder, np.ndarray]:
        """The pre-trained encoder and the loss of each step; trained on the training windows, labels unused."""
        if self.unlabelled:
            return self.unlabelled.encoder(seed)
        folder, key = self.folder("pretraining", seed), self._encoder_key(seed)
        if not fresh(folder, key):
            start = time.perf_counter()
            train = rows_of(self.cohort.x, self.cohort.rows("train"))
            encoder, losses = pretrain(train, self.recipe, seed, self.device)
            curve = pd.DataFrame({"loss": losses})
            files = {"weights.safetensors": _weights(encoder), "losses.parquet": _parquet(curve)}
            save(folder, key, files, _timings(start))
        encoder = Encoder(len(self.cohort.channels), self.recipe.padding)
        encoder.load_state_dict(load_file(folder / "weights.safetensors"))
        return encoder.eval(), pd.read_parquet(folder / "losses.parquet")["loss"].to_numpy()

    def trained(self, strategy: str, seed: int) -> bool:
        """Whether a fresh trained model lies in the results; nothing is trained."""
        return fresh(self.folder(strategy, seed), self._model_key(strategy, seed))

    def has(self, strategy: str, seeds: tuple[int, ...]) -> bool:
        """Whether its results can be had for all seeds: always, since it can be trained."""
        return True

    def train(self, strategy: str, seed: int) -> Path:
        """The folder of a trained model; trains it where no fresh result is found."""
        if strategy == mitigation.POST_PROCESSED:
            return self._post_process(seed)
        folder, key = self.folder(strategy, seed), self._model_key(strategy, seed)
        if fresh(folder, key):
            return folder
        start = time.perf_counter()
        if strategy == LOGISTIC:
            weights, predict = baselines.fit(self.windows("train"))
            history, write = [], _tensors(weights)
        else:
            encoder = self.encoder(seed)[0] if _pretrained(strategy) else None
            start = time.perf_counter()
            train, validation = self.windows("train"), self.windows("val")
            objective, like = None, strategy
            if strategy in mitigation.TRAINED:
                group = groups.crossed(self.cohort)[self.cohort.rows("train")]
                objective, like = mitigation.TRAINED[strategy](train.y, group), "supervised"
            model, history = fit(train, validation, like, self.recipe, seed, encoder, self.device, objective)
            write, predict = _weights(model), lambda x: scores(model, x)
        rows = np.concatenate([self.cohort.rows("val"), self.cohort.rows("test")])
        files = {
            "weights.safetensors": write,
            "predictions.parquet": _predictions(rows, predict(rows_of(self.cohort.x, rows))),
            "history.json": lambda path: path.write_text(json.dumps(history, indent=1)),
        }
        save(folder, key, files, _timings(start))
        return folder

    def _post_process(self, seed: int) -> Path:
        """The folder with the decisions of the supervised model after post-processing; nothing is trained."""
        folder, key = self.folder(mitigation.POST_PROCESSED, seed), self._model_key(mitigation.POST_PROCESSED, seed)
        if not fresh(folder, key):
            decision = mitigation.post_process(
                self.cohort.y, self.scores("supervised", seed), groups.crossed(self.cohort), self.cohort.rows("val")
            )
            rows = np.flatnonzero(np.isfinite(decision))
            save(folder, key, {"predictions.parquet": _predictions(rows, decision[rows])})
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
        """Stage 1's evidence; made once, since every page names its test people."""
        return self._cohort_tables

    @cached_property
    def _cohort_tables(self) -> dict[str, pd.DataFrame]:
        return describe.cohort_tables(self.cohort)

    def losses(self, seed: int) -> np.ndarray:
        """Pre-training loss of each step, (steps,)."""
        return self.encoder(seed)[1]

    def history(self, strategy: str, seed: int) -> pd.DataFrame:
        """Training and monitored loss of each epoch."""
        return pd.DataFrame(json.loads((self.train(strategy, seed) / "history.json").read_text()))

    def evaluation(self, strategy: str, seed: int, threshold: float, draws: int) -> dict[str, pd.DataFrame]:
        """Stage 3 and 5's evidence for one model: the tables of ``EVALUATION``, or ``metrics`` only of mitigations and
        models with few labels."""
        brief = strategy in mitigation.MITIGATIONS or self.unlabelled is not None
        names = ("metrics",) if brief else EVALUATION
        folder = self.train(strategy, seed) / "evaluation"
        code = closure_hash("fairlib.measures.performance")
        key = {"model": key_hash(self._model_key(strategy, seed)), "threshold": threshold, "draws": draws, "code": code}
        key |= {"access": describe.access(self.cohort), "card": describe.card_key(self.cohort)}
        if not fresh(folder, key):
            score = self.scores(strategy, seed)
            if brief:
                decision = score if strategy == mitigation.POST_PROCESSED else score >= threshold
                table = performance.decision_metrics(self.cohort, score, decision, draws)
                if strategy == mitigation.POST_PROCESSED:  # decisions rank nobody: no area under a curve
                    table = table[~table["metric"].isin(["auc", "auprc"]) | (table["note"] != "")]
                tables = {"metrics": table.reset_index(drop=True)}
            else:
                tables = performance.evaluation_tables(self.cohort, score, threshold, draws)
            save(folder, key, {f"{name}.parquet": _parquet(table) for name, table in tables.items()})
        return {name: pd.read_parquet(folder / f"{name}.parquet") for name in names}

    def similarity(self, strategy: str, seed: int) -> pd.DataFrame:
        """Stage 4's evidence: the supervised model of this seed against another."""
        return self._compared(("supervised", seed), (strategy, seed))[0]

    def similarity_draws(self, strategy: str, seed: int) -> pd.DataFrame:
        """The same on half-samples and under permuted segment labels, as ``cka_gaps`` takes it."""
        return self._compared(("supervised", seed), (strategy, seed))[1]

    def similarity_released(self, strategy: str, seed: int) -> pd.DataFrame:
        """CKA with the supervised model as the release took it, for comparison: the first training windows of each
        segment (``first_windows``). Columns: attribute, segment, windows and people (of restricted data
        missing), layer_supervised, layer_other, cka."""
        folder, models = self.train(strategy, seed) / "similarity-released", (("supervised", seed), (strategy, seed))
        rule = describe.access(self.cohort)
        key = {"models": [key_hash(self._model_key(*model)) for model in models]}
        key |= {
            "code": closure_hash("fairlib.measures.cka"),
            "access": rule,
            "card": describe.card_key(self.cohort),
        }
        if not fresh(folder, key):
            chosen, records = first_windows(self.cohort), []
            every = np.unique(np.concatenate([*chosen.values()]))  # segments overlap: each window goes through once
            outputs = [self._activations(*model, every) for model in models]
            for (attribute, segment), rows in chosen.items():
                row = {"attribute": attribute, "segment": segment, "windows": np.nan, "people": np.nan}
                if rule != "restricted":
                    row |= {"windows": len(rows), "people": len(np.unique(self.cohort.person[rows]))}
                place = np.searchsorted(every, rows)
                values = cka_table(*([gram(layer[place]) for layer in layers] for layers in outputs))
                for (i, j), value in np.ndenumerate(values):
                    records.append(row | {"layer_supervised": i + 1, "layer_other": j + 1, "cka": value})
            save(folder, key, {"cka.parquet": _parquet(pd.DataFrame(records))})
        return pd.read_parquet(folder / "cka.parquet")

    def between_seeds(self, strategy: str, seeds: tuple[int, ...]) -> pd.DataFrame:
        """CKA of each seed's model with that of the seed before: how different training runs alone make models."""
        tables = [
            self._compared((strategy, a), (strategy, b))[0].assign(seed=b, other_seed=a) for a, b in pairwise(seeds)
        ]
        return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()

    def representation(self, strategy: str, seed: int) -> dict[str, pd.DataFrame]:
        """Stage 4's evidence on the 96 features of one network: ``probes``, ``tests`` and ``distances``."""
        return self._of_features(strategy, seed, REPRESENTATION)

    def embedding(self, strategy: str, seed: int) -> pd.DataFrame:
        """Where each group lies in two principal components and in t-SNE of the 96 features."""
        return self._of_features(strategy, seed, ("embedding",))["embedding"]

    def _of_features(self, strategy: str, seed: int, names: tuple[str, ...]) -> dict[str, pd.DataFrame]:
        folder = self.train(strategy, seed) / (names[0] if len(names) == 1 else "representation")
        key = {"model": key_hash(self._model_key(strategy, seed)), "card": describe.card_key(self.cohort)}
        key |= {"access": describe.access(self.cohort), "code": closure_hash("fairlib.measures.features")}
        if not fresh(folder, key):
            splits = {}
            for split in ("val", "test"):
                rows = self.cohort.rows(split)
                rows = rows[one_window_each(self.cohort.person[rows], seed=0)]
                splits[split] = (rows, self._features(strategy, seed, rows))
            make = {name: getattr(probes if name == "probes" else features, name) for name in names}
            tables = {
                name: of(self.cohort, splits["val"], splits["test"])
                if name == "probes"
                else of(self.cohort, *splits["test"])
                for name, of in make.items()
            }
            save(folder, key, {f"{name}.parquet": _parquet(table) for name, table in tables.items()})
        return {name: pd.read_parquet(folder / f"{name}.parquet") for name in names}

    def _compared(self, one: tuple[str, int], other: tuple[str, int]) -> tuple[pd.DataFrame, pd.DataFrame]:
        """CKA of two models (strategy, seed), and its draws, kept in the folder of the second."""
        name = "similarity" if one[0] != other[0] else f"similarity-seed-{one[1]}"
        folder, permutations = self.train(*other) / name, self.permutations if one[0] != other[0] else 0
        key = {"models": [key_hash(self._model_key(*model)) for model in (one, other)]}
        key |= {"code": closure_hash("fairlib.measures.cka"), "permutations": permutations}
        key |= {"access": describe.access(self.cohort), "card": describe.card_key(self.cohort)}
        if not fresh(folder, key):
            test = self.cohort.rows("test")
            people = self.cohort.person[test]
            draws = 1 if len(np.unique(people)) == len(people) else 5  # nothing to draw where a person has one window
            tables = []
            for draw in range(draws):
                rows = test[one_window_each(people, seed=0, draw=draw)]
                grams = [self._grams(*model, rows) for model in (one, other)]
                if conditioned.need_float64(self.cohort, [*grams[0], *grams[1]], rows):
                    grams = [self._grams(*model, rows, np.float64) for model in (one, other)]
                tables.append(conditioned.similarity_table(self.cohort, *grams, rows, permutations=permutations))
            table = conditioned.average_draws(tables)
            drawn = table[conditioned.DRAWN]
            table = table.drop(columns=conditioned.DRAWS)
            save(folder, key, {"cka.parquet": _parquet(table), "draws.parquet": _parquet(drawn)})
        return pd.read_parquet(folder / "cka.parquet"), pd.read_parquet(folder / "draws.parquet")

    def _features(self, strategy: str, seed: int, rows: np.ndarray) -> np.ndarray:
        """(n, 96) features of these windows, before the classifier."""
        encoder = self.model(strategy, seed).encoder  # may train it: not in inference mode
        with torch.inference_mode():
            return encoder(torch.from_numpy(self.cohort.x[rows])).numpy()

    def _grams(self, strategy: str, seed: int, rows: np.ndarray, kind: type = np.float32) -> list[np.ndarray]:
        return [gram(output.astype(kind, copy=False)) for output in self._activations(strategy, seed, rows)]

    def _activations(self, strategy: str, seed: int, rows: np.ndarray) -> list[np.ndarray]:
        """Outputs of the three convolutions on these windows, each (n, timesteps', filters)."""
        encoder = self.model(strategy, seed).encoder  # may train it: not in inference mode
        with torch.inference_mode():
            return [output.numpy() for output in encoder.activations(torch.from_numpy(self.cohort.x[rows]))]

    def _encoder_key(self, seed: int) -> dict:
        if self.unlabelled:
            return self.unlabelled._encoder_key(seed)
        return {
            "pretraining": self.recipe.as_dict()["pretraining"],
            "padding": self.recipe.padding,
            "precision": self.recipe.precision,
            "seed": seed,
            "data": self.fingerprint,
            "code": closure_hash("fairlib.pretraining"),
        }

    def _model_key(self, strategy: str, seed: int) -> dict:
        key = {"strategy": strategy, "seed": seed, "data": self.fingerprint}
        if strategy == LOGISTIC:
            return key | {"code": closure_hash("fairlib.baselines")}
        if strategy in mitigation.MITIGATIONS:
            key |= {"mitigation": closure_hash("fairlib.mitigation"), "groups": describe.card_key(self.cohort)}
        if strategy == mitigation.POST_PROCESSED:
            return key | {"of": key_hash(self._model_key("supervised", seed))}
        recipe, supervised = self.recipe.as_dict(), ("supervised", *mitigation.TRAINED)
        key |= {
            "training": recipe["supervised" if strategy in supervised else "finetuning"],
            "padding": self.recipe.padding,
            "precision": self.recipe.precision,
            "evaluate_frozen": self.recipe.evaluate_frozen,
            "code": closure_hash("fairlib.finetuning"),
        }
        return key | ({"encoder": key_hash(self._encoder_key(seed))} if _pretrained(strategy) else {})


def _pretrained(strategy: str) -> bool:
    return strategy in STRATEGIES and STRATEGIES[strategy].pretrained


def _weights(module: torch.nn.Module):
    return _tensors({name: value.contiguous() for name, value in module.state_dict().items()})


def _tensors(state: dict[str, torch.Tensor]):
    return lambda path: path.write_bytes(serialise(state))  # so that a full disk is an OSError like any other


def _predictions(rows: np.ndarray, score: np.ndarray):
    return _parquet(pd.DataFrame({"row": rows.astype(np.int32), "score": score}))


def _parquet(table: pd.DataFrame):
    return lambda path: table.to_parquet(path, index=False)


def _timings(start: float) -> dict:
    return {"seconds": round(time.perf_counter() - start, 2), "threads": torch.get_num_threads()}
