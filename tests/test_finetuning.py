"""Fine-tuning against independent arithmetic: loss reduction, L2, Keras's Adadelta, schedules, the kept epoch."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from sklearn.utils.class_weight import compute_class_weight

from fairlib import finetuning
from fairlib.encoder import LAYERS, Classifier, Encoder
from fairlib.finetuning import Windows, class_weights, fit, logits, monitored_loss, scores
from fairlib.recipes import RECIPES
from fairlib.seeds import generator
from fairlib.strategies import MODELS

RELEASED, DESCRIBED = RECIPES["paper_code"], RECIPES["paper_text"]
DRAW = np.random.default_rng(0)
TRAIN = Windows(DRAW.normal(size=(40, 9, 3)).astype(np.float32), (DRAW.random(40) < 0.3).astype(np.int8))
VALIDATION = Windows(DRAW.normal(size=(20, 9, 3)).astype(np.float32), (np.arange(20) % 4 == 0).astype(np.int8))
ENCODER = Encoder(3, generator=np.random.default_rng(1))
NO_DROPOUT = {"conv_dropout": 0.0, "head_dropout": 0.0}


def trained(strategy, recipe, seed=1, encoder=ENCODER, train=TRAIN, validation=VALIDATION):
    return fit(train, validation, MODELS[strategy], recipe, seed, None if strategy == "supervised" else encoder)


def state(model):
    return {name: value.numpy().copy() for name, value in model.state_dict().items()}


def bits(model):
    return [value.tobytes() for value in state(model).values()]


def test_class_weights_are_balanced():
    for share in (0.05, 0.3, 0.5, 0.9):
        y = (np.random.default_rng(1).random(200) < share).astype(np.int8)
        wanted = compute_class_weight("balanced", classes=np.array([0, 1]), y=y)
        np.testing.assert_allclose(class_weights(y), wanted, rtol=1e-6)


@pytest.mark.parametrize("only", [0, 1])
def test_one_class_of_labels_is_refused(only, tiny):
    y = np.full(40, only, dtype=np.int8)
    with pytest.raises(ValueError, match=f"training labels hold only class {only}: a classifier needs both"):
        trained("supervised", tiny(), train=Windows(TRAIN.x, y))


# --------------------------------------------------------------------------------- an independent re-implementation


def network(p, x):
    """The classifier in float64, from plain functions of torch."""
    x = x.transpose(1, 2)
    for i, (_, k) in enumerate(LAYERS):
        name = f"encoder.convolutions.{i}"
        x = F.relu(F.conv1d(F.pad(x, ((k - 1) // 2, k // 2)), p[f"{name}.weight"].squeeze(2), p[f"{name}.bias"]))
    hidden = F.relu(F.linear(x.amax(2), p["head.0.weight"], p["head.0.bias"]))
    return F.linear(hidden, p["head.3.weight"], p["head.3.bias"])


def penalty(p, conv_l2, head_l2):
    """λΣw² of the kernels of the convolutions and of the hidden layer."""
    kernels = sum(p[f"encoder.convolutions.{i}.weight"].square().sum() for i in range(3))
    return conv_l2 * kernels + head_l2 * p["head.0.weight"].square().sum()


def by_hand(start, moving, conv_l2, head_l2, batches, rates):
    """Keras: Σwᵢℓᵢ / batch size + λΣw², Adadelta with ρ 0.95 and ε 1e-7 on what is not frozen; float64."""
    p = {name: torch.tensor(value, dtype=torch.float64, requires_grad=name in moving) for name, value in start.items()}
    grads2, steps2 = ({name: np.zeros(start[name].shape) for name in moving} for _ in range(2))
    weights = len(TRAIN) / (2 * np.bincount(TRAIN.y))
    for rows, rate in zip(batches, rates, strict=True):
        target = torch.from_numpy(TRAIN.y[rows].astype(np.int64))
        logp = F.log_softmax(network(p, torch.from_numpy(TRAIN.x[rows]).double()), dim=1)
        losses = -logp[torch.arange(len(rows)), target] * torch.from_numpy(weights)[target]
        total = losses.sum() / len(rows) + penalty(p, conv_l2, head_l2)
        for name, gradient in zip(moving, torch.autograd.grad(total, [p[name] for name in moving]), strict=True):
            g = gradient.numpy()
            grads2[name] = 0.95 * grads2[name] + 0.05 * g**2
            step = np.sqrt(steps2[name] + 1e-7) / np.sqrt(grads2[name] + 1e-7) * g
            steps2[name] = 0.95 * steps2[name] + 0.05 * step**2
            p[name] = (p[name].detach() - rate * torch.from_numpy(step)).requires_grad_()
    return {name: value.detach().numpy() for name, value in p.items()}


@pytest.mark.parametrize(
    ("strategy", "name", "conv_l2", "head_l2"),
    [
        ("supervised", "paper_text", 1e-4, 1e-2),
        ("supervised", "paper_code", 1e-4, 0),
        ("frozen_0", "paper_code", 1e-4, 1e-2),
        ("frozen_1_middle", "paper_text", 1e-4, 1e-2),
        ("frozen_3", "paper_code", 1e-4, 1e-2),
    ],
)
def test_training_steps(strategy, name, conv_l2, head_l2, tiny):
    start = state(trained(strategy, tiny(name, rate=0.0, **NO_DROPOUT))[0])
    model, history = trained(strategy, tiny(name, rate=0.1, **NO_DROPOUT))
    order = generator(1, "fine-tuning", "batches").permutation(40)
    rates = [0.1 * (1 + np.cos(np.pi * step / 3)) / 2 for step in range(3)]
    moving = [key for key, value in model.named_parameters() if value.requires_grad]
    wanted = by_hand(start, moving, conv_l2, head_l2, [order[:16], order[16:32], order[32:]], rates)
    for key, value in state(model).items():
        np.testing.assert_allclose(value, wanted[key], rtol=0, atol=1e-6, err_msg=key)
        assert key not in moving or np.abs(value - start[key]).max() > 1e-5
    assert history[0]["steps"] == 3


@pytest.mark.parametrize(("name", "head_l2"), [("paper_text", 1e-2), ("paper_code", 0)])
def test_monitored_loss_is_unweighted_and_has_the_l2_terms(name, head_l2, tiny):
    model, history = trained("supervised", tiny(name))
    p = {key: value.double() for key, value in model.state_dict().items()}
    logp = F.log_softmax(network(p, torch.from_numpy(VALIDATION.x).double()), dim=1).numpy()
    wanted = -logp[np.arange(20), VALIDATION.y].mean() + float(penalty(p, 1e-4, head_l2))
    assert monitored_loss(model, VALIDATION, tiny(name).supervised) == pytest.approx(wanted, rel=1e-5)
    assert history[0]["monitored"] == pytest.approx(wanted, rel=1e-5)
    np.testing.assert_allclose(scores(model, VALIDATION.x), np.exp(logp[:, 1]), rtol=1e-4)
    assert torch.allclose(logits(model, VALIDATION.x, batch_size=7), logits(model, VALIDATION.x), atol=1e-6)


# --------------------------------------------------------------------------------------------------------- schedules


@pytest.mark.parametrize("schedule", [RELEASED.finetuning.schedule, RELEASED.supervised.schedule])
def test_rate_falls_on_a_cosine_and_stays_at_zero(schedule):
    steps = schedule.decay_steps
    wanted = {0: 0.1, steps // 4: 0.05 * (1 + 0.5**0.5), steps // 2: 0.05, steps: 0, steps + 1: 0, 2 * steps: 0}
    for step, rate in wanted.items():
        assert schedule.rate(step, 10_000) == pytest.approx(rate, abs=1e-15)


@pytest.mark.parametrize(("windows", "epochs"), [(14_681, 30), (8_533, 30), (8_500, 30), (1_000, 250), (100, 2000)])
def test_described_runs_30_epochs_and_2000_steps(windows, epochs):
    schedule = DESCRIBED.finetuning.schedule
    assert schedule.run_epochs(windows) == epochs
    steps = epochs * schedule.steps_per_epoch(windows)
    assert steps >= 2000
    assert schedule.rate(steps, windows) == 0 < schedule.rate(steps - 1, windows)  # exactly the run
    assert DESCRIBED.supervised == DESCRIBED.finetuning
    assert DESCRIBED.finetuning.patience is None


@pytest.mark.parametrize(
    ("part", "windows", "epochs"),
    [("finetuning", 14_681, 18), ("supervised", 14_681, 5), ("finetuning", 5_970, 43), ("finetuning", 400, 200)],
)
def test_released_stops_when_its_rate_is_zero(part, windows, epochs):
    assert getattr(RELEASED, part).schedule.run_epochs(windows) == epochs


def test_released_settings_are_the_published_ones(shared):
    rows = pd.read_csv(shared / "published" / "hyperparameters.csv")
    of = {
        stage: part.drop_duplicates("parameter").set_index("parameter")["value"]
        for stage, part in rows.groupby("stage")
    }
    ssl, supervised = of["fine-tuning (freezing strategies)"], of["supervised, GLOBEM variant"]
    found = RELEASED.finetuning
    assert (found.schedule.epochs, found.schedule.batch_size) == (int(ssl["max_epochs"]), int(ssl["batch_size"]))
    assert (found.head_dropout, found.head_l2) == (float(ssl["head_dropout"]), float(ssl["head_l2"]))
    assert found.patience == int(ssl["early_stopping_patience"])
    found = RELEASED.supervised
    assert found.schedule.batch_size == int(of["supervised, GLOBEM script"]["batch_size"])
    assert found.head_dropout == float(supervised["head_dropout"])
    assert (found.conv_l2, found.head_l2, supervised["head_l2"]) == (float(supervised["conv_l2"]), 0, "none")


def test_released_supervised_model(tiny):
    assert RELEASED.supervised.schedule.batch_size == 64
    model = trained("supervised", tiny("paper_code", rate=0.0))[0]
    assert (model.encoder.dropout.rate, model.head[2].rate) == (0.5, 0.5)
    hidden = state(model)["head.0.weight"]
    assert hidden.std() == pytest.approx(0.01, rel=0.05)
    assert np.abs(hidden).max() > 0.03  # normal: beyond the limit that a uniform one would have (0.0173)
    ssl = trained("frozen_0", tiny("paper_code", rate=0.0))[0]
    assert (ssl.encoder.dropout.rate, ssl.head[2].rate) == (0.1, 0.6)
    assert np.abs(state(ssl)["head.0.weight"]).max() <= (6 / (96 + 128)) ** 0.5 + 1e-6


# --------------------------------------------------------------------------------------------------- the kept epoch


@pytest.fixture
def script(monkeypatch):
    """Replace the monitored loss by a script; the weights of each epoch are returned as they were."""

    def scripted(*values):
        seen = []

        def monitored(model, *_):
            seen.append(bits(model))
            return values[len(seen) - 1]

        monkeypatch.setattr(finetuning, "monitored_loss", monitored)
        return seen

    return scripted


@pytest.mark.parametrize(
    ("values", "patience", "epochs", "best"),
    [
        ((3.0, 1.0, 2.0, 1.0, 5.0), None, 5, 1),  # the first of two equal epochs
        ((3.0, 1.0, 2.0, 1.0, 0.5), 2, 4, 1),  # equal is not better: waited twice
        ((3.0, 1.0, 2.0, 0.9, 0.95), 2, 5, 3),
        ((1.0, 2.0, 3.0, 4.0, 5.0), 1, 2, 0),
        ((5.0, 4.0, 3.0, 2.0, 1.0), 1, 5, 4),
    ],
)
def test_the_first_best_epoch_is_kept(values, patience, epochs, best, script, tiny):
    seen = script(*values)
    model, history = trained("supervised", tiny(epochs=5, patience=patience))
    assert [row["monitored"] for row in history] == list(values[:epochs])
    assert [row["steps"] for row in history] == [3 * (i + 1) for i in range(epochs)]
    assert bits(model) == seen[best]
    assert len({tuple(weights) for weights in seen}) == epochs


def test_a_loss_that_is_not_finite_stops(script, tiny):
    script(1.0, float("nan"))
    with pytest.raises(FloatingPointError, match="supervised, seed 1: validation loss became nan in epoch 1"):
        trained("supervised", tiny(epochs=3))


# ------------------------------------------------------------------------------------------- reuse of frozen layers


@pytest.mark.parametrize("evaluate_frozen", [False, True])
@pytest.mark.parametrize("strategy", ["frozen_1_first", "frozen_2_first_middle", "frozen_2_first_last", "frozen_3"])
def test_reusing_frozen_layers_changes_nothing(strategy, evaluate_frozen, tiny, monkeypatch):
    recipe = tiny(epochs=2, evaluate_frozen=evaluate_frozen)
    calls, prefix = [], Encoder.prefix
    monkeypatch.setattr(Encoder, "prefix", lambda *given: calls.append(given[2]) or prefix(*given))
    reused = state(trained(strategy, recipe)[0])
    whole = {"frozen_2_first_middle": 2, "frozen_3": 3}.get(strategy, 1)
    depths = [whole if evaluate_frozen else 1, whole]  # of training and validation windows
    assert calls == depths
    monkeypatch.setattr(finetuning, "CACHE_BYTES", 0)
    again = state(trained(strategy, recipe)[0])
    assert calls == depths
    for name, value in again.items():
        np.testing.assert_allclose(value, reused[name], rtol=0, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("strategy", ["supervised", "frozen_1_middle", "random_frozen_3"])
def test_same_seed_same_bytes(strategy, tiny):
    encoder = None if strategy == "random_frozen_3" else ENCODER
    one, same, other = (trained(strategy, tiny(), seed, encoder)[0] for seed in (1, 1, 2))
    assert bits(one) == bits(same) != bits(other)


def test_the_random_encoder_is_not_the_one_from_which_the_supervised_model_starts():
    """All else is drawn as it was: the encoder and then the head from one stream, the head of the control too."""

    def start(strategy, seed=1):
        given = ENCODER if MODELS[strategy].pretrained else None
        return finetuning._build(3, MODELS[strategy], DESCRIBED.finetuning, DESCRIBED, seed, given)

    weights = generator(1, "fine-tuning", "weights")
    before = Classifier(Encoder(3, generator=weights), generator=weights)
    supervised, control = start("supervised"), start("random_frozen_3")
    assert bits(supervised) == bits(before)
    assert bits(control.head) == bits(start("frozen_3").head) == bits(before.head)
    assert bits(start("frozen_3").encoder) == bits(ENCODER)
    for one, other in zip(control.encoder.convolutions, supervised.encoder.convolutions, strict=True):
        assert abs(np.corrcoef(one.weight.detach().flatten(), other.weight.detach().flatten())[0, 1]) < 0.1
    assert bits(control.encoder) == bits(Encoder(3, generator=generator(1, "random encoder", "weights")))
    assert bits(control) == bits(start("random_frozen_3")) != bits(start("random_frozen_3", 2))


def test_a_pretrained_encoder_where_it_belongs(tiny):
    for strategy in ("supervised", "random_frozen_3"):
        with pytest.raises(ValueError, match="from scratch"):
            fit(TRAIN, VALIDATION, MODELS[strategy], tiny(), 1, ENCODER)
    with pytest.raises(ValueError, match="needs a pre-trained encoder"):
        fit(TRAIN, VALIDATION, MODELS["frozen_2_first_last"], tiny(), 1)
    with pytest.raises(KeyError):
        fit(TRAIN, VALIDATION, MODELS["frozen_4"], tiny(), 1)


def test_the_given_encoder_is_left_alone(tiny):
    before = bits(ENCODER)
    trained("frozen_0", tiny())
    assert bits(ENCODER) == before


def test_scaled_recipes_keep_their_shape():
    half = RELEASED.scaled(0.5)
    assert (half.finetuning.schedule.epochs, half.finetuning.schedule.decay_steps) == (100, 1000)
    assert half.pretraining.schedule.decay_steps == 500
    assert DESCRIBED.scaled(0.01).finetuning.schedule == replace(
        DESCRIBED.finetuning.schedule, epochs=1, minimum_steps=20
    )
    assert RELEASED.scaled(1) == RELEASED
