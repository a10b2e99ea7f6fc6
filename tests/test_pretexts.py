"""Pretexts: each loss by hand and its gradient by finite differences, what is hidden, and small training runs."""

import math
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.autograd import gradcheck

from fairlib import simclr
from fairlib.channels import masks_of
from fairlib.encoder import Encoder
from fairlib.pretexts import HIDING, PRETEXTS, collapsed, hidden, hidden_error, nt_xent, spread, vicreg
from fairlib.pretraining import pretrain
from fairlib.recipes import RECIPES, PreTraining
from fairlib.schedules import Schedule

TUNED = RECIPES["tuned"]
CHANNELS = ("a", "b->x", "b->y", "c", "mask a", "mask b")
MASK_OF = masks_of(CHANNELS)


def windows(n=64, steps=24, seed=0):
    """Smooth values that resemble each other across channels, and masks."""
    draw = np.random.default_rng(seed)
    course = np.sin(np.arange(steps) / 4 + draw.uniform(0, 6, (n, 1)))[:, :, None] * draw.normal(1, 0.3, (n, 1, 1))
    values = course + 0.1 * draw.normal(size=(n, steps, 4))
    return np.concatenate([values, draw.random((n, steps, 2)) < 0.7], axis=2).astype(np.float32)


def short(pretext, steps=40, rate=1e-3):
    """A few steps of AdamW."""
    recipe = TUNED.with_pretext(pretext)
    schedule = Schedule(1, 32, rate, decay_steps=steps, minimum_steps=steps)
    return replace(recipe, pretraining=replace(recipe.pretraining, schedule=schedule, optimiser="adamw"))


def projections(n=5, width=4, seed=0, **options):
    values = torch.from_numpy(np.random.default_rng(seed).normal(size=(2, n, width)))
    return [part.clone().requires_grad_(**options) if options else part for part in values]


# -------------------------------------------------------------------------------------------------------------- losses


def vicreg_by_hand(z1, z2):
    """Bardes 2022 in float64 loops."""
    (n, d), total = z1.shape, 0.0
    total += 25 * sum((z1[i, j] - z2[i, j]) ** 2 for i in range(n) for j in range(d)) / (n * d)
    for z in (z1, z2):
        mean = [sum(z[i, j] for i in range(n)) / n for j in range(d)]
        cov = [
            [sum((z[i, j] - mean[j]) * (z[i, k] - mean[k]) for i in range(n)) / (n - 1) for k in range(d)]
            for j in range(d)
        ]
        total += 25 * sum(max(0.0, 1 - math.sqrt(cov[j][j] + 1e-4)) for j in range(d)) / d
        total += sum(cov[j][k] ** 2 for j in range(d) for k in range(d) if j != k) / d
    return total


@pytest.mark.parametrize(("n", "width", "scale"), [(5, 4, 1.0), (2, 3, 0.1), (9, 2, 3.0)])
def test_vicreg_by_hand(n, width, scale):
    z1, z2 = (scale * z for z in projections(n, width))
    assert float(vicreg(z1, z2)) == pytest.approx(vicreg_by_hand(z1.numpy(), z2.numpy()), rel=1e-12)


def test_vicreg_of_simple_projections():
    same = torch.full((4, 3), 2.0, dtype=torch.float64)
    assert float(vicreg(same, same)) == pytest.approx(2 * 25 * (1 - 0.01))  # collapse: no variance, ε = 1e-4
    spread_out = torch.tensor([[3.0, 3], [3, -3], [-3, 3], [-3, -3]], dtype=torch.float64)
    assert float(vicreg(spread_out, spread_out)) == pytest.approx(0)  # alike, spread, uncorrelated
    one = torch.tensor([[1.0, 3]])
    assert float(vicreg(one, one + 1)) == pytest.approx(25)  # of a single window only invariance is known


def test_vicreg_refuses_other_shapes():
    with pytest.raises(ValueError, match=r"same shape \(N, d\), got \(5, 4\) and \(4, 4\)"):
        vicreg(projections()[0], projections(4)[1])


def test_the_error_of_hidden_cells_by_hand():
    draw = np.random.default_rng(1)
    predicted, x, counts = draw.normal(size=(2, 3, 4)), draw.normal(size=(2, 3, 4)), draw.random((2, 3, 4)) < 0.4
    found = float(hidden_error(*map(torch.from_numpy, (predicted, x, counts))))
    assert found == pytest.approx(np.mean((predicted[counts] - x[counts]) ** 2), rel=1e-12)
    nothing = torch.zeros(2, 3, 4, dtype=torch.bool)
    assert float(hidden_error(torch.from_numpy(predicted), torch.from_numpy(x), nothing)) == 0


def test_gradients_by_finite_differences():
    pair = projections(requires_grad=True)
    assert gradcheck(nt_xent, (*pair, 0.5))
    assert gradcheck(vicreg, pair)
    assert gradcheck(vicreg, [0.1 * z for z in pair])  # below the hinge
    counts = torch.rand(5, 4, generator=torch.Generator().manual_seed(0)) < 0.5
    assert gradcheck(lambda z: hidden_error(z, pair[1].detach(), counts), pair[:1])


def test_losses_as_lightly_has_them():
    loss = pytest.importorskip("lightly.loss")
    z1, z2 = projections(6, 5)
    assert float(nt_xent(z1, z2, 0.2)) == pytest.approx(float(loss.NTXentLoss(0.2)(z1, z2)), rel=1e-6)


def test_nt_xent_has_its_old_homes():
    from fairlib import pretraining

    assert simclr.nt_xent is pretraining.nt_xent is nt_xent


# -------------------------------------------------------------------------------------------------------------- masked


def test_hidden_cells_count_where_they_were_measured():
    x = windows(400)
    inputs, truth, counts = hidden(x, PreTraining(Schedule(1, 8, 0.1), HIDING), np.random.default_rng(3), MASK_OF)
    np.testing.assert_array_equal(truth, x)
    away = (inputs == 0) & (x != 0)
    assert not counts[:, :, 4:].any()  # masks are never predicted
    for value, mask in ((0, 4), (1, 5), (2, 5)):
        np.testing.assert_array_equal(counts[:, :, value], away[:, :, value] & (x[:, :, mask] == 1))
        np.testing.assert_array_equal(away[:, :, value] & (x[:, :, mask] == 1), away[:, :, mask])  # hidden together
    np.testing.assert_array_equal(counts[:, :, 3], away[:, :, 3])  # without a mask always measured
    np.testing.assert_array_equal(inputs[~away], x[~away])
    share = away[:, :, 3].mean()
    assert share == pytest.approx(1 - 0.8 * (1 - 7 / 24), abs=0.04)  # a fifth of the channels, 4 to 10 steps of 24
    stretches = away[:, :, :4].all(axis=2)
    assert stretches.sum(axis=1).min() >= 4
    assert np.median(stretches.sum(axis=1)) <= 10


def test_views_that_hide_nothing_change_no_input():
    x = windows(8)
    views = (("scaling", {}), ("jitter", {}), ("negation", {"probability": 1}))
    inputs, _, counts = hidden(x, PreTraining(Schedule(1, 8, 0.1), views), np.random.default_rng(3), MASK_OF)
    np.testing.assert_array_equal(inputs, x)
    assert not counts.any()


def test_the_decoder_predicts_each_timestep():
    row = PRETEXTS["masked"]
    encoder, head = Encoder(6).eval(), row.head(6, np.random.default_rng(0))
    x = torch.from_numpy(windows(3))
    output = row.predict(encoder, head, x)
    assert output.shape == x.shape
    last = encoder.activations(x)[-1]
    by_hand = last @ head.weight.T + head.bias
    torch.testing.assert_close(output, by_hand)
    with pytest.raises(ValueError, match="the pretext 'masked' predicts every timestep: it needs padding 'same', not"):
        row.predict(Encoder(6, "valid"), head, torch.zeros(1, 48, 6))


# ------------------------------------------------------------------------------------------------------------ training


@pytest.mark.parametrize("pretext", PRETEXTS)
def test_training_lowers_the_loss_and_is_the_same_again(pretext):
    recipe, x = short(pretext, steps=25), windows()
    encoder, losses = pretrain(x, recipe, 1, channels=CHANNELS)
    assert len(losses) == 25
    assert losses[-10:].mean() < losses[:5].mean()
    again, same = pretrain(x, recipe, 1, channels=CHANNELS)
    np.testing.assert_array_equal(losses, same)
    for one, other in zip(encoder.state_dict().values(), again.state_dict().values(), strict=True):
        assert one.numpy().tobytes() == other.numpy().tobytes()
    assert not np.array_equal(losses, pretrain(x, recipe, 2, channels=CHANNELS)[1])
    features = encoder(torch.from_numpy(x)).detach().numpy()
    assert features.shape == (64, 96)
    assert not collapsed(features)


def test_vicreg_bears_the_rates_of_plain_sgd():
    """As the paper writes it, the loss diverges within five steps; as a weighted mean of its terms it does not."""
    recipe = short("vicreg", steps=12, rate=0.3)
    recipe = replace(recipe, pretraining=replace(recipe.pretraining, optimiser="sgd"))
    losses = pretrain(windows(), recipe, 1, channels=CHANNELS)[1]
    assert losses[0] <= 2
    assert losses[-3:].mean() < losses[0]


def test_a_last_batch_of_one_window_does_no_harm():
    for pretext in PRETEXTS:
        assert np.isfinite(pretrain(windows(33), short(pretext, steps=4), 1, channels=CHANNELS)[1]).all()


def test_names_of_channels_matter_only_where_some_are_masks():
    x, recipe = windows(32), short("simclr", steps=2)
    unnamed, named, masked = (pretrain(x, recipe, 1, channels=c)[1] for c in ((), tuple("abcdef"), CHANNELS))
    np.testing.assert_array_equal(unnamed, named)
    assert not np.array_equal(unnamed, masked)


def test_the_papers_recipes_know_no_masks():
    for name in ("paper_text", "paper_code"):
        recipe = RECIPES[name]
        recipe = replace(recipe, pretraining=replace(recipe.pretraining, schedule=Schedule(1, 32, 0.1)))
        plain, named = (pretrain(windows(), recipe, 1, channels=c)[1] for c in ((), CHANNELS))
        np.testing.assert_array_equal(plain, named)


def test_refusals_before_training():
    x = windows(32)
    with pytest.raises(ValueError, match="5 names of channels were given for windows of 6 channels"):
        pretrain(x, short("simclr"), 1, channels=CHANNELS[:5])
    with pytest.raises(ValueError, match="at least 46 timesteps, these have 24: use 'same'"):
        pretrain(x, replace(short("simclr"), padding="valid"), 1)
    with pytest.raises(ValueError, match="predicts every timestep"):
        pretrain(windows(32, 48), replace(short("masked"), padding="valid"), 1)
    with pytest.raises(ValueError, match="unknown pretext 'byol', expected one of simclr, vicreg, masked"):
        TUNED.with_pretext("byol")


# ------------------------------------------------------------------------------------------------------------ collapse


def test_collapse():
    draw = np.random.default_rng(0)
    features = 5 + draw.normal(0, 1, (1000, 96))
    assert spread(features) == pytest.approx(1 / math.sqrt(26), rel=0.01)
    assert spread(7 * features) == pytest.approx(spread(features))  # of any unit
    assert not collapsed(features)
    assert collapsed(5 + draw.normal(0, 0.01, (1000, 96)))
    assert collapsed(np.full((10, 96), 3.0, np.float32))
    assert collapsed(np.zeros((10, 96), np.float32))


def test_a_collapsed_encoder_is_reported():
    x = np.repeat(windows(1), 8, axis=0)  # one window again and again: whatever is learned, they are alike
    with pytest.warns(UserWarning, match=r"pre-training by simclr, seed 1 has collapsed: the features of 8 windows"):
        pretrain(x, short("simclr", steps=1), 1)


# ------------------------------------------------------------------------------------------------------------- recipes


def test_a_pretext_is_one_row_beside_the_recipe():
    assert TUNED.with_pretext("simclr") == TUNED
    for name, row in PRETEXTS.items():
        recipe = TUNED.with_pretext(name)
        assert recipe.folder == ("tuned" if name == "simclr" else f"tuned-{name}")
        assert replace(recipe.pretraining, pretext="simclr", views=TUNED.pretraining.views) == TUNED.pretraining
        assert (recipe.finetuning, recipe.supervised, recipe.name) == (TUNED.finetuning, TUNED.supervised, "tuned")
        assert row.title
    assert TUNED.with_pretext("vicreg").pretraining.views == TUNED.pretraining.views
    assert TUNED.with_pretext("masked").pretraining.views == HIDING
    assert replace(TUNED.with_pretext("vicreg"), precision="bf16").folder == "tuned-vicreg-bf16"
    assert TUNED.with_pretext("vicreg").as_dict()["pretraining"]["pretext"] == "vicreg"


def test_titles_are_read_without_pytorch():
    code = "import sys; from fairlib import pretexts, recipes; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
