"""Training in bfloat16 (8 bits of mantissa): an option, used only where the machine multiplies it faster than float32.

Weights, losses, optimiser and everything that is evaluated stay in float32; only the products of a training step are
rounded. What it saves, and what it does to the AUC, is measured by ``make bench``.
"""

import warnings
from contextlib import AbstractContextManager

import torch

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
