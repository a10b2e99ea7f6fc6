"""The controls without a neural network, on simple statistics of each window, tuned inside the fold.

Logistic regression and gradient boosting see the same statistics. Their settings are chosen among the training people
alone, by AUC in three folds that keep a person together; validation and test people play no part.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from .finetuning import Windows

FOLDS = 3
#: What is tried; boosting that learns more slowly takes more iterations.
PENALTIES = {"logisticregression__C": [10 ** (power / 2) for power in range(-8, 1)]}
TREES = {"max_leaf_nodes": [4, 16], "l2_regularization": [1, 30]}
PACES = [{"learning_rate": [0.1], "max_iter": [100]}, {"learning_rate": [0.05], "max_iter": [200]}]


@dataclass(frozen=True)
class Fitted:
    """A fitted control.

    Attributes
    ----------
    weights: the coefficients of logistic regression. None for boosting: sklearn saves trees only as a pickle, which
        runs code when opened and ends with the version; to fit it again gives the same trees.
    predict: windows (n, T, C) → (n,) float32, predicted probabilities under balanced classes.
    chosen: the settings that won, by sklearn's names; empty where there was too little data to choose.
    """

    weights: dict[str, torch.Tensor] | None
    predict: Callable[[np.ndarray], np.ndarray]
    chosen: dict[str, float]


def window_statistics(x) -> np.ndarray:
    """Mean, standard deviation, minimum, maximum and last value of each channel: (n, T, C) or lazy → (n, 5C)."""
    parts = []
    for start in range(0, len(x), 512):
        part = x[start : start + 512]
        parts.append(np.hstack([part.mean(axis=1), part.std(axis=1), part.min(axis=1), part.max(axis=1), part[:, -1]]))
    return np.concatenate(parts)


def fit(name: str, train: Windows, person: np.ndarray, seed: int) -> Fitted:
    """Tune and fit a control.

    Both are deterministic for up to 200,000 windows; of more, ``seed`` draws those whose quantiles bin boosting's
    inputs.

    Parameters
    ----------
    name: "logistic_regression" (L2-regularised, class-weighted, standardised statistics) or "gradient_boosting".
    person: (n,) the participant of each training window.
    """
    logistic = name == "logistic_regression"
    if logistic:
        regression = LogisticRegression(C=0.01, class_weight="balanced", max_iter=2000)
        model, grid = make_pipeline(StandardScaler(), regression), PENALTIES
    else:
        # 32 bins: the AUC of 255 on Challenge 2012, and a fifth of the time with GLOBEM's 6,950 statistics.
        model = HistGradientBoostingClassifier(max_leaf_nodes=4, max_bins=32, early_stopping=False, random_state=seed)
        grid = [TREES | pace for pace in PACES]
    statistics, chosen = window_statistics(train.x), {}
    if folds := inner_folds(train.y, person):
        search = GridSearchCV(model, grid, scoring="roc_auc", cv=folds, refit=False).fit(statistics, train.y)
        chosen = search.best_params_
    model.set_params(**chosen).fit(statistics, train.y)
    if logistic:
        weights = {"coefficients": model[-1].coef_[0], "intercept": model[-1].intercept_}
        weights = {key: torch.from_numpy(value.astype(np.float32)) for key, value in weights.items()}
        return Fitted(weights, lambda x: _probability(model, x).astype(np.float32), chosen)
    negative, positive = np.bincount(train.y)

    def predict(x) -> np.ndarray:
        """Balanced class weights multiply the odds by n₀ / n₁ (Elkan 2001); weights in the fit slow sklearn's binning
        a hundredfold."""
        probability = _probability(model, x)
        return (probability * negative / (probability * negative + (1 - probability) * positive)).astype(np.float32)

    return Fitted(None, predict, chosen)


def inner_folds(y: np.ndarray, person: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Rows to fit on and rows to score, three times at most: all windows of a person in one, both classes in both."""
    if np.bincount(y).min() < FOLDS:
        return []
    split = StratifiedGroupKFold(FOLDS).split(y, y, pd.factorize(person)[0])  # their order, not their names
    return [fold for fold in split if all(len(np.unique(y[rows])) == 2 for rows in fold)]


def _probability(model, x) -> np.ndarray:
    return model.predict_proba(window_statistics(x))[:, 1]
