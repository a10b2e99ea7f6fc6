"""Training in bfloat16: the same model up to rounding, float32 where it does not pay, a folder of its own."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch

from fairlib import optimisation
from fairlib.convolution import WIDE, Convolution
from fairlib.encoder import Encoder
from fairlib.finetuning import Windows, fit, scores
from fairlib.optimisation import products, usable
from fairlib.pretraining import pretrain
from fairlib.strategies import MODELS
from fairlib.study import sources
from fairlib.study.parameters import ParameterError

DEVICE = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"


def windows(n: int, seed: int) -> Windows:
    """Windows whose label shows in their first channel."""
    draw = np.random.default_rng(seed)
    y = np.arange(n) % 2
    x = draw.standard_normal((n, 24, 3), dtype=np.float32)
    x[:, :, 0] += y[:, None]
    return Windows(x, y)


def test_float32_is_left_alone():
    with products("float32", "cpu"):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32


def test_products_are_rounded_and_nothing_else():
    with products("bf16", "cpu"):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.bfloat16
        assert torch.ones(2).sum().dtype == torch.float32


@pytest.mark.parametrize(("fast", "warned"), [(True, 0), (False, 1)])
def test_only_where_it_pays(fast, warned, monkeypatch):
    monkeypatch.setattr(optimisation, "_fast", lambda device: fast)
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        assert usable("bf16", "cpu") == ("bf16" if fast else "float32")
        assert usable("float32", "cpu") == "float32"
    assert len(found) == warned
    assert all("not faster on this machine" in str(warning.message) for warning in found)


def test_gradients_are_the_same_up_to_rounding():
    found, x = {}, torch.from_numpy(windows(64, 1).x)
    for name in ("float32", "bf16"):
        encoder = Encoder(3, dropout=0.0, generator=np.random.default_rng(1))
        with products(name, "cpu"):
            features = encoder(x)
        features.float().square().mean().backward()
        found[name] = torch.cat([parameter.grad.ravel() for parameter in encoder.parameters()])
    error = (found["bf16"] - found["float32"]).norm() / found["float32"].norm()
    assert 1e-5 < error < 0.02


def test_wide_windows_over_frequencies_are_the_same_up_to_rounding():
    draw, found = torch.Generator().manual_seed(0), {}
    convolution = Convolution(WIDE, 7, 24, "same")
    torch.nn.init.normal_(convolution.weight, generator=draw)
    x = torch.randn(5, 28, WIDE, generator=draw, requires_grad=True)
    for name in ("float32", "bf16"):
        with products(name, "cpu"):
            y = convolution(x)
        found[name] = torch.cat([part.ravel() for part in (y, *torch.autograd.grad(y.float().square().mean(), x))])
    error = (found["bf16"] - found["float32"]).norm() / found["float32"].norm()
    assert 1e-5 < error < 0.02


@pytest.mark.parametrize("strategy", ["supervised", "frozen_3"])
def test_whole_training(strategy, tiny):
    found = {}
    for name in ("float32", "bf16"):
        recipe = replace(tiny(epochs=20), precision=name)
        encoder = pretrain(windows(64, 1).x, recipe, seed=1)[0] if strategy != "supervised" else None
        model, _ = fit(windows(64, 1), windows(32, 2), MODELS[strategy], recipe, 1, encoder)
        assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
        found[name], y = scores(model, windows(200, 3).x), windows(200, 3).y
        assert found[name][y == 1].mean() > found[name][y == 0].mean() + 0.02
    assert not np.array_equal(*found.values())


def test_the_folder_names_the_precision(tiny):
    recipe = tiny()
    assert recipe.folder == "paper_text"
    assert replace(recipe, precision="bf16").folder == "paper_text-bf16"


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_a_device_that_is_not_there_is_refused_in_words(device, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(
        ParameterError, match=rf"'device' is '{device}': this machine, .* has none \(usable: cpu\); give"
    ):
        sources._device(device)
    assert sources._device("auto") == sources._device("cpu") == "cpu"
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert sources._device("auto") == sources._device("mps") == "mps"


def test_every_device_trains_alike(tiny):
    """On the fastest device there is; the same weights as on the CPU up to rounding."""
    if DEVICE == "cpu":
        pytest.skip("no CUDA or MPS device on this machine")
    recipe = tiny(epochs=1, conv_dropout=0.0, head_dropout=0.0)
    here, there = (
        fit(windows(64, 1), windows(32, 2), MODELS["supervised"], recipe, 1, device=device)[0]
        for device in ("cpu", DEVICE)
    )
    for one, other in zip(here.parameters(), there.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)
    encoder, _ = pretrain(windows(64, 1).x, recipe, 1, DEVICE)
    assert isinstance(encoder, Encoder)
