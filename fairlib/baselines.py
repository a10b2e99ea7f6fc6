"""The control without a neural network: logistic regression on simple statistics of each window."""

from collections.abc import Callable

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from .finetuning import Windows


def window_statistics(x) -> np.ndarray:
    """Mean, standard deviation, minimum, maximum and last value of each channel: (n, T, C) or lazy → (n, 5C)."""
    parts = []
    for start in range(0, len(x), 512):
        part = x[start : start + 512]
        parts.append(np.hstack([part.mean(axis=1), part.std(axis=1), part.min(axis=1), part.max(axis=1), part[:, -1]]))
    return np.concatenate(parts)


def fit(train: Windows) -> tuple[dict[str, torch.Tensor], Callable[[np.ndarray], np.ndarray]]:
    """Class-weighted, L2-regularised (C = 0.01) logistic regression on standardised statistics; deterministic.

    Returns its coefficients and a function (n, T, C) → (n,) predicted probabilities.
    """
    regression = LogisticRegression(C=0.01, class_weight="balanced", max_iter=2000)
    pipeline = make_pipeline(StandardScaler(), regression)
    pipeline.fit(window_statistics(train.x), train.y)
    weights = {
        "coefficients": torch.from_numpy(regression.coef_[0].astype(np.float32)),
        "intercept": torch.from_numpy(regression.intercept_.astype(np.float32)),
    }
    return weights, lambda x: pipeline.predict_proba(window_statistics(x))[:, 1].astype(np.float32)
