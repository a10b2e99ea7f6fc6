"""The network against published parameter counts and plain torch; initial weights, dropout, pooling, freezing."""

import re

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F

from fairlib.convolution import LONG, WIDE, Convolution
from fairlib.encoder import (
    LAYERS,
    Classifier,
    Dropout,
    Encoder,
    ProjectionHead,
    freeze,
    maximum_over_time,
    seed_dropout,
    trainable_parameters,
)
from fairlib.finetuning import Windows, fit
from fairlib.strategies import MODELS, NETWORKS, STRATEGIES

#: METHOD §3, table of gradual unfreezing: trainable parameters for 76 channels.
METHOD = {
    "supervised": 153_154,
    "frozen_0": 153_154,
    "frozen_1_middle": 120_322,
    "frozen_1_first": 94_754,
    "frozen_2_first_middle": 61_922,
    "frozen_2_first_last": 45_506,
    "frozen_3": 12_674,
}
#: Layer counts printed by the paper's code release (published/parameter_counts.csv): conv1 by dataset, the rest alike.
CONV1 = {76: 58_400, 5: 3_872, 1390: 1_067_552}
CONV2, CONV3, HEAD = 32_832, 49_248, 12_416 + 258
DATASETS = {"MIMIC": 76, "MESA": 5, "GLOBEM": 1390}


def trainable(channels: int, strategy: str) -> int:
    model = Classifier(Encoder(channels, generator=np.random.default_rng(0)))
    freeze(model, MODELS[strategy])
    return trainable_parameters(model)


@pytest.mark.parametrize("channels", CONV1)
def test_parameter_counts(channels):
    for name, strategy in ((name, MODELS[name]) for name in NETWORKS):
        trained = zip(strategy.trains, (CONV1[channels], CONV2, CONV3), strict=True)
        assert trainable(channels, name) == HEAD + sum(size for trains, size in trained if trains), name


def test_parameter_counts_of_the_method():
    assert {name: trainable(76, name) for name in STRATEGIES} == METHOD


def test_parameter_counts_as_published(shared):
    rows = pd.read_csv(shared / "published" / "parameter_counts.csv")
    rows = rows[rows["strategy"].str.fullmatch(r"supervised|ssl_frozen\d\w*")]
    assert len(rows) == 7 * len(DATASETS)
    for row in rows.itertuples():
        name = re.sub(r"ssl_frozen(\d)", r"frozen_\1", row.strategy).removesuffix("_all")
        assert trainable(DATASETS[row.dataset], name) == row.trainable, (row.dataset, name)
        assert trainable(DATASETS[row.dataset], "supervised") == row.total


@pytest.mark.parametrize(
    ("padding", "pads"), [("same", ((11, 12), (7, 8), (3, 4))), ("valid", ((0, 0), (0, 0), (0, 0)))]
)
def test_forward_is_conv1d(padding, pads):
    encoder = Encoder(5, padding, generator=np.random.default_rng(1)).eval()
    for convolution in encoder.convolutions:
        torch.nn.init.normal_(convolution.bias, generator=torch.Generator().manual_seed(3))
    x = torch.randn(7, 50, 5, generator=torch.Generator().manual_seed(2))
    ours, expected, reference = encoder.activations(x), x.transpose(1, 2), []
    for convolution, pad in zip(encoder.convolutions, pads, strict=True):
        expected = F.relu(F.conv1d(F.pad(expected, pad), convolution.weight.squeeze(2), convolution.bias))
        reference.append(expected.transpose(1, 2))
    for found, wanted in zip(ours, reference, strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(encoder(x), reference[-1].amax(1), rtol=1e-5, atol=1e-5)
    for done in (1, 2, 3):
        torch.testing.assert_close(encoder(encoder.prefix(x, done), done), encoder(x))
    assert encoder(encoder(x), 4).equal(encoder(x))


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(("kernel", "timesteps"), [(1, 3), (2, 5), (5, 5), (8, 9), (23, 28), (24, 28), (24, 24)])
def test_over_frequencies_is_the_same_convolution(kernel, timesteps, padding, monkeypatch):
    """Wide inputs: outputs and all gradients in float64 as conv2d's, for odd and even kernels and numbers of steps."""
    draw = torch.Generator().manual_seed(kernel)
    convolution = Convolution(WIDE, 7, kernel, padding).double()
    for parameter in convolution.parameters():
        torch.nn.init.normal_(parameter, generator=draw)
    x = torch.randn(5, timesteps, WIDE, dtype=torch.float64, generator=draw, requires_grad=True)
    found = []
    for wide in (WIDE, WIDE + 1):
        monkeypatch.setattr("fairlib.convolution.WIDE", wide)
        y = convolution(x)
        found.append((y, *torch.autograd.grad(y.square().sum(), (x, *convolution.parameters()))))
    for ours, expected in zip(*found, strict=True):
        torch.testing.assert_close(ours, expected, rtol=1e-11, atol=1e-9)


def test_inputs_of_128_channels_and_256_steps_are_the_last_to_go_over_frequencies(monkeypatch):
    taken = []
    monkeypatch.setattr(Convolution, "_over_frequencies", lambda self, x: taken.append(tuple(x.shape[1:])) or x)
    for shape in ((256, 128), (257, 128), (256, 127)):
        Convolution(shape[1], 4, 24, "same")(torch.zeros(1, *shape))
    assert taken == [(256, 128)]


def test_only_wide_and_short_inputs_go_over_frequencies(monkeypatch):
    """MIMIC's 76 channels, Challenge 2012's 72 and MESA's 5 keep the path that their frozen results came from."""
    taken = []
    monkeypatch.setattr(Convolution, "_over_frequencies", lambda self, x: taken.append(tuple(x.shape)) or x[..., :32])
    for shape in ((2, 48, 76), (2, 48, 72), (2, 101, 5), (2, 28, WIDE - 1), (2, LONG + 1, WIDE)):
        Convolution(shape[2], 32, 24, "same")(torch.zeros(shape))
    assert not taken
    for shape in ((2, 28, 1390), (2, LONG, WIDE)):
        Convolution(shape[2], 32, 24, "same")(torch.zeros(shape))
    assert taken == [(2, 28, 1390), (2, LONG, WIDE)]


def test_over_frequencies_is_as_precise_as_conv2d():
    """In float32 at GLOBEM's shape, against the same weights and windows in float64."""
    x = torch.randn(4, 28, 1390, generator=torch.Generator().manual_seed(0))
    encoder = Encoder(1390, generator=np.random.default_rng(0)).eval()
    single = encoder.convolutions[0](x)
    exact = encoder.double().convolutions[0](x.double())
    torch.testing.assert_close(single.double(), exact, rtol=0, atol=1e-5 * float(exact.detach().abs().max()))


@pytest.mark.parametrize("shape", [(2, 48, 76), (3, 101, 5), (1, 28, 1390), (4, 1, 2)])
def test_shapes(shape):
    model = Classifier(Encoder(shape[2])).eval()
    assert model.encoder(torch.zeros(shape)).shape == (shape[0], 96)
    assert model(torch.zeros(shape)).shape == (shape[0], 2)
    assert ProjectionHead()(torch.zeros(6, 96)).shape == (6, 50)


def test_valid_padding_needs_46_steps():
    encoder = Encoder(3, "valid").eval()
    assert encoder(torch.zeros(2, 46, 3)).shape == (2, 96)
    for call in (encoder, encoder.activations, lambda x: encoder.prefix(x, 1)):
        for steps in (45, 10):
            with pytest.raises(ValueError, match=f"at least 46 timesteps, these have {steps}: use 'same'"):
                call(torch.zeros(2, steps, 3))
    with pytest.raises(ValueError, match="padding must be 'same' or 'valid', got 'full'"):
        Encoder(3, "full")


def test_glorot_uniform_and_zero_biases():
    model = Classifier(Encoder(20, generator=np.random.default_rng(0)), generator=np.random.default_rng(1))
    head = ProjectionHead(np.random.default_rng(2))
    fans = [(before, after, k) for (after, k), before in zip(LAYERS, (20, 32, 64), strict=True)]
    fans += [(96, 128, 1), (128, 2, 1), (96, 256, 1), (256, 128, 1), (128, 50, 1)]
    kernels = [p for m in (model, head) for n, p in m.named_parameters() if n.endswith("weight")]
    biases = [p for m in (model, head) for n, p in m.named_parameters() if n.endswith("bias")]
    assert len(kernels) == len(biases) == len(fans)
    assert not any(bias.any() for bias in biases)
    for kernel, (before, after, width) in zip(kernels, fans, strict=True):
        limit = (6 / (width * (before + after))) ** 0.5
        assert 0.95 * limit < float(kernel.detach().abs().max()) <= limit * 1.000001
        assert float(kernel.detach().std()) == pytest.approx(limit / 3**0.5, rel=0.1)
        assert abs(float(kernel.detach().mean())) < 4 * limit / (3 * kernel.numel()) ** 0.5


def test_same_generator_same_weights():
    def bits(seed):
        weights = Encoder(4, generator=np.random.default_rng(seed)).parameters()
        return [w.detach().contiguous().numpy().tobytes() for w in weights]

    assert bits(5) == bits(5)
    assert bits(5) != bits(6)


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.6])
def test_dropout(rate):
    layer, ones = Dropout(rate), torch.ones(1000, 300)
    with pytest.raises(RuntimeError, match="seed_dropout"):
        layer(ones)
    seed_dropout(layer, np.random.default_rng(0))
    first, second = layer(ones), layer(ones)
    spread = 4 * (rate * (1 - rate) / ones.numel()) ** 0.5
    assert float((first == 0).float().mean()) == pytest.approx(rate, abs=spread + 1 / 65536)
    np.testing.assert_allclose(first[first != 0].numpy(), 1 / (1 - rate), rtol=1e-4)  # inverted scaling
    assert float(first.mean()) == pytest.approx(1, abs=spread / (1 - rate) + 1e-4)
    assert not torch.equal(first, second)
    seed_dropout(layer, np.random.default_rng(0))
    assert torch.equal(layer(ones), first)
    assert torch.equal(layer.eval()(ones), ones)


def test_dropout_rates():
    assert torch.equal(Dropout(0)(torch.ones(3)), torch.ones(3))  # in training mode, without a generator
    for rate in (-0.1, 1, 2):
        with pytest.raises(ValueError, match=rf"dropout rate must lie in \[0, 1\), got {rate}"):
            Dropout(rate)


def test_dropout_follows_each_convolution_in_training_only():
    encoder, x = Encoder(3, dropout=0.5, generator=np.random.default_rng(0)), torch.randn(4, 30, 3)
    calls = []
    encoder.dropout.register_forward_hook(lambda module, given, out: calls.append(tuple(given[0].shape)))
    seed_dropout(encoder, np.random.default_rng(0))
    encoder(x)
    assert calls == [(4, 30, 32), (4, 30, 64), (4, 30, 96)]
    calls.clear()
    encoder.evaluated = 2  # a frozen prefix in evaluation mode
    encoder(x)
    assert calls == [(4, 30, 96)]
    assert torch.equal(encoder.eval()(x), encoder(x))


def test_maximum_over_time_sends_the_gradient_to_one_step():
    x = torch.tensor([[[1.0, 2.0], [1.0, 0.0], [1.0, 2.0]]], requires_grad=True)
    maximum_over_time(x).sum().backward()
    assert sorted(x.grad[0, :, 0].tolist()) == sorted(x.grad[0, :, 1].tolist()) == [0, 0, 1]  # ties too
    assert x.grad[0, 1, 1] == 0


def test_the_order_of_the_last_relu_and_the_maximum_changes_no_bit():
    """Dropout on, and windows that stand still, so that many timesteps tie: features and gradients."""
    found, x = [], torch.randn(40, 1, 3, generator=torch.Generator().manual_seed(0)).repeat(1, 30, 1)
    for ours in (True, False):
        encoder = Encoder(3, dropout=0.3, generator=np.random.default_rng(1))
        seed_dropout(encoder, np.random.default_rng(2))
        out = x
        for i, convolution in enumerate(() if ours else encoder.convolutions):
            out = F.relu(convolution(encoder._drop(out, i)))
        out = encoder(x) if ours else encoder._drop(out, 3).max(dim=1).values
        out.square().sum().backward()
        found.append([out, *(parameter.grad for parameter in encoder.parameters())])
    assert (found[0][0] == 0).any()
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))


@pytest.mark.parametrize("name", NETWORKS)
def test_training_moves_exactly_what_is_not_frozen(name, tiny):
    draw, strategy = np.random.default_rng(0), MODELS[name]
    windows = Windows(draw.normal(size=(32, 9, 3)).astype(np.float32), np.arange(32) % 2)
    encoder = Encoder(3, generator=draw) if strategy.pretrained else None
    still, moved = (fit(windows, windows, MODELS[name], tiny(rate=rate), 1, encoder)[0] for rate in (0.0, 0.1))
    before = still.state_dict()
    if encoder is not None:
        assert all(torch.equal(before[f"encoder.{k}"], v) for k, v in encoder.state_dict().items())
    changed = {key for key, value in moved.state_dict().items() if not torch.equal(value, before[key])}
    trains = [f"encoder.convolutions.{i}" for i, trained in enumerate(strategy.trains) if trained]
    assert changed == {f"{part}.{kind}" for part in [*trains, "head.0", "head.3"] for kind in ("weight", "bias")}
    assert changed == {key for key, value in moved.named_parameters() if value.requires_grad}
