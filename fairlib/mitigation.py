"""Explicit mitigations, beside the implicit one that the paper sees in SSL: the supervised model, trained or used in a
way that looks after groups.

Groups cross all protected attributes. Three mitigations train with another objective than
``finetuning.ClassWeighted``, one changes only decisions.
"""

import numpy as np
import torch
from fairlearn.postprocessing import ThresholdOptimizer
from sklearn.base import BaseEstimator
from torch import Tensor

from .finetuning import ClassWeighted


class Reweighed(ClassWeighted):
    """Weights that make group and outcome independent: P(g) P(y) / P(g, y) (Kamiran and Calders 2012), and balance the
    classes as every model of the study does."""

    def __init__(self, y: np.ndarray, group: np.ndarray):
        super().__init__(y)
        _, codes = np.unique(group, return_inverse=True)
        joint = np.zeros((codes.max() + 1, 2))
        np.add.at(joint, (codes, y), 1 / len(y))
        independent = np.outer(joint.sum(1), joint.sum(0))
        self.weights = self.weights * torch.from_numpy((independent[codes, y] / joint[codes, y]).astype(np.float32))


class GroupBalanced(ClassWeighted):
    """Every group is drawn equally often, with replacement; classes are balanced within what is drawn."""

    def __init__(self, y: np.ndarray, group: np.ndarray):
        _, codes, sizes = np.unique(group, return_inverse=True, return_counts=True)
        self.chance = 1 / (len(sizes) * sizes[codes])
        positive = float(self.chance @ y)
        self.weights = torch.from_numpy((0.5 / np.where(y == 1, positive, 1 - positive)).astype(np.float32))

    def order(self, batches: np.random.Generator) -> np.ndarray:
        return batches.choice(len(self.chance), len(self.chance), p=self.chance)


class GroupDRO(GroupBalanced):
    """Weights the groups (group × outcome) by how badly they are served, after every batch (Sagawa et al. 2020,
    *Distributionally Robust Neural Networks*, algorithm 1); they are drawn equally often."""

    STEP = 0.01  # of the weights, as in the paper

    def __init__(self, y: np.ndarray, group: np.ndarray):
        _, self.cells = np.unique([f"{g} {label}" for g, label in zip(group, y, strict=True)], return_inverse=True)
        super().__init__(y, self.cells)
        self.q = torch.full((self.cells.max() + 1,), 1 / (self.cells.max() + 1))

    def loss(self, losses: Tensor, rows: np.ndarray) -> Tensor:
        cells = torch.from_numpy(self.cells[rows]).to(losses.device)
        present, codes = torch.unique(cells, return_inverse=True)
        mean = torch.zeros(len(present), device=losses.device).index_add(0, codes, losses) / torch.bincount(codes)
        self.q = self.q.to(losses.device)
        self.q[present] *= torch.exp(self.STEP * mean.detach())
        self.q /= self.q.sum()
        return (self.q[present] * mean).sum()


#: Trained like the supervised model, but for its objective.
TRAINED = {"reweighed": Reweighed, "group_balanced": GroupBalanced, "group_dro": GroupDRO}


class _Given(BaseEstimator):
    """fairlearn wants an estimator; ours has already spoken: its scores are the only feature."""

    def fit(self, x, y):
        self.fitted_ = True
        return self

    def predict(self, x):
        return np.asarray(x)[:, 0]


def post_process(y: np.ndarray, score: np.ndarray, group: np.ndarray, val: np.ndarray) -> np.ndarray:
    """Decisions with (near) equal true and false positive rates in all groups (Hardt, Price and Srebro 2016).

    Thresholds are chosen on validation windows by fairlearn, for balanced accuracy. Where they are randomised, a
    decision is its probability. ``y``, ``score`` and ``group``: (n,), scores NaN for training windows, and so is what
    returns; ``val``: rows of the validation windows.
    """
    score = score.astype(np.float64)
    chosen = ThresholdOptimizer(
        estimator=_Given(),
        constraints="equalized_odds",
        objective="balanced_accuracy_score",
        predict_method="predict",
    ).fit(score[val, None], y[val].astype(int), sensitive_features=group[val])
    out, rows = np.full(len(score), np.nan, dtype=np.float32), np.flatnonzero(np.isfinite(score))
    out[rows] = chosen._pmf_predict(score[rows, None], sensitive_features=group[rows])[:, 1]
    return out
