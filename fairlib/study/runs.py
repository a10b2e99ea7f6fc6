"""A study of one cohort: find a trained model or a table in the results, or make it and put it there.

The notebooks call this; so stage 3 run for one strategy and one seed trains just that model, and a full run finds it.
"""

import hashlib
import json
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from safetensors.torch import load_file
from safetensors.torch import save as serialise

from .. import __version__, baselines, mitigation
from ..cohort import Cohort
from ..encoder import LAYERS, Classifier, Encoder, freeze, trainable_parameters
from ..finetuning import Windows, fit, scores
from ..measures import describe, groups, scored
from ..measures.compared import Compared
from ..measures.evaluated import Evaluated
from ..pretraining import pretrain
from ..recipes import Recipe
from ..similarity import one_window_each
from ..strategies import BASELINES, MITIGATIONS, MODELS, NETWORKS, POST_PROCESSED, SUPERVISED
from ..windows import rows_of
from . import model_inputs, pretraining_people, tables
from .labels import labelled
from .results import closure_hash, code_hash, fresh, key_hash, parquet, save
from .tables import TABLES, Table

#: How often a model is trained again whose loss is no longer finite.
HALVINGS = 6


@dataclass(frozen=True)
class Study:
    """One cohort, one recipe, one results folder (``results/<dataset>/<source and profile>``).

    Attributes
    ----------
    unlabelled: where pre-training finds more windows than have labels.
    permutations: of segment labels among participants, for differences in CKA.
    threshold, draws: of decisions, and bootstrap draws of participants.
    runs: seeds of the training runs, in order: a run is compared with the one before.
    pretrain_on: who is in the pre-training, see ``pretraining_people.conditions``.
    inputs: which channels are in the cohort; whole: the study of all, where some are left out (``model_inputs``).
    place: where a fold of a cross-fitted study keeps its results; "": each seed has a folder.
    """

    cohort: Cohort
    recipe: Recipe
    results: Path
    device: str = "cpu"
    unlabelled: "Study | None" = None
    permutations: int = 499
    threshold: float = 0.5
    draws: int = 200
    runs: tuple[int, ...] = ()
    profile: str = ""
    pretrain_on: str = pretraining_people.EVERYONE
    inputs: str = model_inputs.BOTH
    whole: "Study | None" = None
    place: str = ""
    _kept: dict = field(default_factory=dict, compare=False, repr=False)

    #: Numbers of labelled people a group that are kept unasked: none, they are trained on demand.
    label_sizes: tuple[int, ...] = ()

    @cached_property
    def fingerprint(self) -> str:
        return self.cohort.fingerprint()

    @property
    def manifest(self) -> dict:
        """What was, or will be, run: whose data, which recipe, which networks, which code."""
        some = {model_inputs.KEY: self.inputs} if self.inputs != model_inputs.BOTH else {}
        if self.pretrain_on != pretraining_people.EVERYONE:
            some |= {pretraining_people.KEY: pretraining_people.counts(self.cohort, self.pretrain_on)}
        return some | {
            "origin": self.cohort.origin,
            "access": describe.access(self.cohort),
            "profile": self.profile,
            "recipe": self.recipe.as_dict(),
            "models": trained_models(len(self.cohort.channels), self.recipe.padding),
            "data": self.fingerprint,
            "sealed": list(self.cohort.sealed),
            "code": code_hash(),
            "version": __version__,
            "threshold": self.threshold,
            "draws": self.draws,
        }

    @property
    def entry(self) -> str:
        """The name of the recipe, of what models see and of who is in the pre-training, in folders and manifests."""
        return pretraining_people.named(model_inputs.named(self.recipe.folder, self.inputs), self.pretrain_on)

    def groups(self) -> set[str]:
        """The groups that explicit mitigations look after."""
        return set(groups.crossed(self.cohort))

    def seeds(self, strategy: str = SUPERVISED) -> tuple[int, ...]:
        """Seeds of the training runs."""
        return self.runs

    def has(self, strategy: str, seeds: tuple[int, ...], labels: int | None = None) -> bool:
        """Whether results can be had for all these seeds: frozen ones may lack some, a study can always train them."""
        return True

    def people(self) -> pd.DataFrame:
        """Who is scored, with random numbers for people; never shown, and kept of open data only."""
        return scored.rows(self.cohort)

    # Tables -----------------------------------------------------------------------------------------------------------

    def table(self, name: str, strategy: str = "", seed: int = 0, labels: int | None = None) -> pd.DataFrame:
        """A table of results by its name in ``tables.TABLES``; made, and the model trained, where it is not found.

        labels: of a model trained with so many labelled people a group.
        """
        table = TABLES[name]
        if labels:
            return self.with_labels(labels, seed).table(name, strategy, seed)
        if table.of == tables.COHORT:
            return self._once((name,), lambda: table.make(self.cohort)).copy()
        if table.of == tables.RUNS and seed not in self.runs[1:]:
            return pd.DataFrame()
        strategy = tables.PRETRAINED if table.of == tables.PRETRAINING else strategy
        if not fresh(*self._place(table, strategy, seed)):
            self._make(table, strategy, seed)
        return pd.read_parquet(self._place(table, strategy, seed)[0] / f"{name}.parquet")

    def _make(self, asked: Table, strategy: str, seed: int) -> None:
        """The table that was asked for, and what else of its kind is kept of this model and not found: most are asked
        for together, and share what they are made of."""
        handed = self._handed(asked.of, strategy, seed)
        for table in TABLES.values():
            if table is not asked and (table.of != asked.of or strategy not in table.models):
                continue
            folder, key = self._place(table, strategy, seed)
            if fresh(folder, key):
                continue
            made = table.make(*handed)
            if table.of == tables.RUNS:
                made = made.assign(other_seed=self._before(seed))
            save(folder, key, {f"{table.name}.parquet": parquet(made)})

    def _place(self, table: Table, strategy: str, seed: int) -> tuple[Path, dict]:
        """The folder of a table, and the key of its manifest."""
        return self.folder(strategy, seed) / "tables" / table.name, self._table_key(table, strategy, seed)

    def _handed(self, kind: str, strategy: str, seed: int) -> tuple:
        """What the function of a table of this kind is handed, see ``tables.Table``."""
        if kind == tables.PRETRAINING:
            return self.cohort, self.recipe, self.encoder(seed)[1]
        if kind in (tables.MODEL, tables.FOLD):
            decided = strategy == POST_PROCESSED
            return (Evaluated(self.cohort, self.scores(strategy, seed), self.threshold, self.draws, decided),)
        if kind == tables.FEATURES:
            return self.cohort, *self._features(strategy, seed, "test")
        if kind == tables.FITTED:
            return self.cohort, *(self._features(strategy, seed, split) for split in ("val", "test"))
        one = (strategy, self._before(seed)) if kind == tables.RUNS else (SUPERVISED, seed)
        permutations = 0 if kind == tables.RUNS else self.permutations
        outputs = (lambda rows, model=model: self.activations(*model, rows) for model in (one, (strategy, seed)))
        return (Compared(self.cohort, *outputs, permutations),)

    def _table_key(self, table: Table, strategy: str, seed: int) -> dict:
        key = {"code": closure_hash(table.make.__module__)}
        key |= self.shown_key()
        if table.of == tables.PRETRAINING:
            return key | {"model": key_hash(self._encoder_key(seed))}
        key |= {"model": key_hash(self.model_key(strategy, seed))}
        if table.of == tables.MODEL:
            key |= {"threshold": self.threshold, "draws": self.draws}
        if table.of == tables.PAIR:
            key |= {"other": key_hash(self.model_key(SUPERVISED, seed)), "permutations": self.permutations}
        if table.of == tables.RUNS:
            key |= {"other": key_hash(self.model_key(strategy, self._before(seed)))}
        return key

    def shown_key(self) -> dict:
        """What every table of people depends on beside its code: who may see what."""
        return {"access": describe.access(self.cohort), "card": describe.card_key(self.cohort)}

    def _before(self, seed: int) -> int:
        return self.runs[self.runs.index(seed) - 1]

    def _once(self, what: tuple, make):
        """Made when first asked for, and kept."""
        if what not in self._kept:
            self._kept[what] = make()
        return self._kept[what]

    # Models -----------------------------------------------------------------------------------------------------------

    def with_labels(self, people: int, seed: int) -> "Study":
        """The study of one run in which ``people`` of each group have labels, other people for each seed."""

        def few() -> Study:
            cohort = labelled(self.cohort, people, seed)
            return replace(self, cohort=cohort, results=self.results / f"labels-{people}", unlabelled=self, _kept={})

        return self._once((people, seed), few)

    def folder(self, name: str, seed: int) -> Path:
        """Where the result of a strategy (or "pretraining") lies; of one without pre-training it is the same whoever is
        in the pre-training."""
        alone = name in MODELS and not MODELS[name].pretrained
        recipe = model_inputs.named(self.recipe.folder, self.inputs) if alone else self.entry
        return self.results / recipe / name / (self.place or f"seed-{seed}")

    def windows(self, split: str) -> Windows:
        """Windows and labels of a split."""
        rows = self.cohort.rows(split)
        return Windows(rows_of(self.cohort.x, rows), self.cohort.y[rows])

    def encoder(self, seed: int) -> tuple[Encoder, np.ndarray]:
        """The pre-trained encoder and the loss of each step; trained on the training windows of the people chosen by
        ``pretrain_on``, labels unused."""
        if self.unlabelled:
            return self.unlabelled.encoder(seed)
        folder, key = self.folder("pretraining", seed), self._encoder_key(seed)
        if not fresh(folder, key):
            start = time.perf_counter()
            rows, recipe = pretraining_people.selected(self.cohort, self.recipe, self.pretrain_on)
            train = rows_of(self.cohort.x, rows)
            encoder, losses = _steady(
                lambda recipe: pretrain(train, recipe, seed, self.device, self.cohort.channels), recipe
            )
            curve = pd.DataFrame({"loss": losses})
            files = {"weights.safetensors": _weights(encoder), "losses.parquet": parquet(curve)}
            save(folder, key, files, _timings(start))
        encoder = Encoder(len(self.cohort.channels), self.recipe.padding)
        encoder.load_state_dict(load_file(folder / "weights.safetensors"))
        return encoder.eval(), pd.read_parquet(folder / "losses.parquet")["loss"].to_numpy()

    def trained(self, strategy: str, seed: int, labels: int | None = None) -> bool:
        """Whether a fresh trained model lies in the results; nothing is trained."""
        if labels:
            return self.with_labels(labels, seed).trained(strategy, seed)
        return fresh(self.folder(strategy, seed), self.model_key(strategy, seed))

    def train(self, strategy: str, seed: int) -> Path:
        """The folder of a trained model; trains it where no fresh result is found."""
        if strategy == POST_PROCESSED:
            return self._post_process(seed)
        folder, key = self.folder(strategy, seed), self.model_key(strategy, seed)
        if fresh(folder, key):
            return folder
        start = time.perf_counter()
        if strategy in BASELINES:
            person = self.cohort.person[self.cohort.rows("train")]
            fitted = baselines.fit(strategy, self.windows("train"), person, seed)
            history, predict = fitted.chosen, fitted.predict
            write = _tensors(fitted.weights) if fitted.weights else None
        else:
            encoder = self.encoder(seed)[0] if MODELS[strategy].pretrained else None
            start = time.perf_counter()
            train, validation = self.windows("train"), self.windows("val")
            objective, like = None, strategy
            if strategy in mitigation.TRAINED:
                group = groups.crossed(self.cohort)[self.cohort.rows("train")]
                objective, like = mitigation.TRAINED[strategy](train.y, group), SUPERVISED
            model, history = _steady(
                lambda recipe: fit(train, validation, MODELS[like], recipe, seed, encoder, self.device, objective),
                self.recipe,
            )
            write, predict = _weights(model), lambda x: scores(model, x)
        rows = np.concatenate([self.cohort.rows("val"), self.cohort.rows("test")])
        files = {
            "predictions.parquet": _predictions(rows, predict(rows_of(self.cohort.x, rows))),
            "history.json": lambda path: path.write_text(json.dumps(history, indent=1)),
        } | ({"weights.safetensors": write} if write else {})
        save(folder, key, files, _timings(start))
        return folder

    def _post_process(self, seed: int) -> Path:
        """The folder with the decisions of the supervised model after post-processing; nothing is trained."""
        folder, key = self.folder(POST_PROCESSED, seed), self.model_key(POST_PROCESSED, seed)
        if not fresh(folder, key):
            score, group = self.scores(SUPERVISED, seed), groups.crossed(self.cohort)
            decision = mitigation.post_process(self.cohort.y, score, group, self.cohort.rows("val"))
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

    def _features(self, strategy: str, seed: int, split: str) -> tuple[np.ndarray, np.ndarray]:
        """Rows of one window of each participant of a split, and their features (n, 96) before the classifier."""
        rows = self.cohort.rows(split)
        rows = rows[one_window_each(self.cohort.person[rows], seed=0)]
        encoder = self.model(strategy, seed).encoder  # may train it: not in inference mode
        with torch.inference_mode():
            return rows, encoder(torch.from_numpy(self.cohort.x[rows])).numpy()

    def activations(self, strategy: str, seed: int, rows: np.ndarray) -> list[np.ndarray]:
        """Outputs of the three convolutions on these windows, each (n, timesteps', filters)."""
        encoder = self.model(strategy, seed).encoder  # may train it: not in inference mode
        with torch.inference_mode():
            return [output.numpy() for output in encoder.activations(torch.from_numpy(self.cohort.x[rows]))]

    def _encoder_key(self, seed: int) -> dict:
        if self.unlabelled:
            return self.unlabelled._encoder_key(seed)
        rows, recipe = pretraining_people.selected(self.cohort, self.recipe, self.pretrain_on)
        some = {}
        if self.pretrain_on != pretraining_people.EVERYONE:
            some = {pretraining_people.KEY: self.pretrain_on, "rows": hashlib.sha256(rows).hexdigest()}
        return some | {
            "pretraining": recipe.as_dict()["pretraining"],
            "padding": self.recipe.padding,
            "precision": self.recipe.precision,
            "seed": seed,
            "data": self.fingerprint,
            "code": closure_hash("fairlib.pretraining"),
        }

    def model_key(self, strategy: str, seed: int) -> dict:
        """What decides a trained model: data, settings, seed, and the code that trains."""
        key = {"strategy": strategy, "seed": seed, "data": self.fingerprint}
        if strategy in BASELINES:
            return key | {"code": closure_hash("fairlib.baselines")}
        if strategy in MITIGATIONS:
            key |= {"mitigation": closure_hash("fairlib.mitigation"), "groups": describe.card_key(self.cohort)}
        if strategy == POST_PROCESSED:
            return key | {"of": key_hash(self.model_key(SUPERVISED, seed))}
        recipe, supervised = self.recipe.as_dict(), (SUPERVISED, *mitigation.TRAINED)
        key |= {
            "training": recipe["supervised" if strategy in supervised else "finetuning"],
            "padding": self.recipe.padding,
            "precision": self.recipe.precision,
            "evaluate_frozen": self.recipe.evaluate_frozen,
            "trains": MODELS[strategy].trains,
            "code": closure_hash("fairlib.finetuning"),
        }
        return key | ({"encoder": key_hash(self._encoder_key(seed))} if MODELS[strategy].pretrained else {})


def _steady(train: Callable, recipe: Recipe):
    """What ``train`` makes of the recipe. Where the loss is no longer finite: of half the learning rates, with a
    warning, ``HALVINGS`` times at most. Settings that were searched on one dataset may be too fast for another."""
    for _ in range(HALVINGS):
        try:
            return train(recipe)
        except FloatingPointError as error:
            warnings.warn(f"{error}; trained again with half the learning rate", stacklevel=2)
        for name in ("pretraining", "finetuning", "supervised"):
            part = getattr(recipe, name)
            schedule = replace(part.schedule, learning_rate=part.schedule.learning_rate / 2)
            recipe = replace(recipe, **{name: replace(part, schedule=schedule)})
    return train(recipe)


def trained_models(channels: int, padding: str) -> dict:
    """Layers of the encoder, and for each network which convolutions train, what it starts from, and how many
    parameters an optimiser changes."""
    found = {}
    for name in NETWORKS:
        model, strategy = Classifier(Encoder(channels, padding)), MODELS[name]
        freeze(model, strategy)
        found[name] = {"trains": list(strategy.trains), "pretrained": strategy.pretrained}
        found[name]["trainable"] = trainable_parameters(model)
    return {"layers": [list(layer) for layer in LAYERS], "networks": found}


def _weights(module: torch.nn.Module):
    return _tensors({name: value.contiguous() for name, value in module.state_dict().items()})


def _tensors(state: dict[str, torch.Tensor]):
    return lambda path: path.write_bytes(serialise(state))  # so that a full disk is an OSError like any other


def _predictions(rows: np.ndarray, score: np.ndarray):
    return parquet(pd.DataFrame({"row": rows.astype(np.int32), "score": score}))


def _timings(start: float) -> dict:
    return {"seconds": round(time.perf_counter() - start, 2), "threads": torch.get_num_threads()}
