"""The two optimisers with the constants of the study, and the precision of their products."""

import warnings
from contextlib import AbstractContextManager

import torch


def sgd(parameters, rate: float) -> torch.optim.Optimizer:
    """Plain SGD, no momentum."""
    return torch.optim.SGD(parameters, lr=rate)


def adadelta(groups: list[dict], rate: float) -> torch.optim.Optimizer:
    """Adadelta with Keras's constants (ρ 0.95, ε 1e-7; torch's own defaults differ)."""
    return torch.optim.Adadelta(groups, lr=rate, rho=0.95, eps=1e-7)


def adam(groups, rate: float) -> torch.optim.Optimizer:
    """Adam with torch's defaults; an L2 in ``groups`` is part of the gradient, as for the others."""
    return torch.optim.Adam(groups, lr=rate)


def adamw(groups, rate: float) -> torch.optim.Optimizer:
    """Adam with decoupled weight decay: 1e-2 where ``groups`` name none."""
    return torch.optim.AdamW(groups, lr=rate)


OPTIMISERS = {"sgd": sgd, "adadelta": adadelta, "adam": adam, "adamw": adamw}


FLOAT32, BF16 = "float32", "bf16"


def usable(precision: str, device: str) -> str:
    """``precision`` where this machine gains from it; else "float32", with a warning that says why."""
    if precision == BF16 and not _fast(device):
        warnings.warn(
            f"precision 'bf16' is not faster on this machine ({device}: no AMX, no bfloat16 tensor cores): training in"
            " float32",
            stacklevel=2,
        )
        return FLOAT32
    return precision


def products(precision: str, device: str) -> AbstractContextManager:
    """Context in which matrix products and convolutions are made in ``precision``."""
    return torch.autocast(torch.device(device).type, torch.bfloat16, enabled=precision == BF16)


def _fast(device: str) -> bool:
    kind = torch.device(device).type
    if kind == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return kind == "cpu" and torch.cpu.get_capabilities().get("amx_bf16", False)
