"""NT-Xent by hand, the two views, and pre-training: its steps, its loss factor, its determinism."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlib import pretexts
from fairlib.channels import masks_of
from fairlib.pretraining import nt_xent, pretrain
from fairlib.recipes import RECIPES
from fairlib.schedules import Schedule
from fairlib.views import VIEWS, channel_mask, compose, jitter, negation, scaling, time_mask

RELEASED, DESCRIBED = RECIPES["paper_code"], RECIPES["paper_text"]


def by_hand(z1, z2, temperature):
    """METHOD equation 1 in loops and float64, averaged over all 2N anchors."""
    z, n = [*z1.tolist(), *z2.tolist()], len(z1)

    def similar(a, b):
        return math.fsum(p * q for p, q in zip(a, b, strict=True)) / (math.hypot(*a) * math.hypot(*b) * temperature)

    losses = []
    for i in range(2 * n):
        others = math.fsum(math.exp(similar(z[i], z[k])) for k in range(2 * n) if k != i)
        losses.append(-math.log(math.exp(similar(z[i], z[(i + n) % (2 * n)])) / others))
    return math.fsum(losses) / (2 * n)


def projections(n, width, seed):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(2, n, width)))


@settings(max_examples=30)
@given(n=st.integers(1, 7), width=st.integers(2, 9), seed=st.integers(0, 10**6), temperature=st.floats(0.1, 3))
def test_nt_xent_by_hand(n, width, seed, temperature):
    z1, z2 = projections(n, width, seed)
    assert float(nt_xent(z1, z2, temperature)) == pytest.approx(by_hand(z1, z2, temperature), rel=1e-9, abs=1e-9)
    assert float(nt_xent(z1.float(), z2.float(), temperature)) == pytest.approx(
        by_hand(z1, z2, temperature), rel=1e-4, abs=1e-4
    )


def test_nt_xent_of_two_windows():
    a = torch.eye(2)
    assert float(nt_xent(a, a, 1.0)) == pytest.approx(math.log(1 + 2 / math.e))  # partner 1, the two others 0
    assert float(nt_xent(a, a.flip(0), 1.0)) == pytest.approx(math.log(2 + math.e))  # partner 0, others 1 and 0
    assert float(nt_xent(a, a)) == pytest.approx(math.log(1 + 2 * math.exp(-10)), rel=1e-2)  # T = 0.1


def test_nt_xent_is_symmetric_and_blind_to_scale():
    z1, z2 = projections(6, 5, 0)
    sizes = torch.rand(2, 6, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) + 0.1
    assert float(nt_xent(z2, z1)) == pytest.approx(float(nt_xent(z1, z2)), rel=1e-12)
    assert float(nt_xent(z1 * sizes[0], z2 * sizes[1])) == pytest.approx(float(nt_xent(z1, z2)), rel=1e-12)
    assert float(nt_xent(z1, z2.flip(0))) != pytest.approx(float(nt_xent(z1, z2)), rel=1e-3)


def test_nt_xent_refuses():
    z = torch.ones(4, 3)
    for other in (torch.ones(5, 3), torch.ones(4, 2)):
        with pytest.raises(ValueError, match=r"same shape \(N, d\), got"):
            nt_xent(z, other)
    with pytest.raises(ValueError, match="same shape"):
        nt_xent(z[None], z[None])
    for temperature in (0, -1):
        with pytest.raises(ValueError, match=f"temperature must be positive, got {temperature}"):
            nt_xent(z, z, temperature)


# ------------------------------------------------------------------------------------------------------------- views

WINDOWS = np.random.default_rng(0).normal(size=(2000, 6, 4)).astype(np.float32)
WINDOWS[np.abs(WINDOWS) < 0.1] = 1


@pytest.mark.parametrize("sd", [0.1, 0.5])
def test_scaling(sd):
    factors = scaling(WINDOWS, np.random.default_rng(1), sd) / WINDOWS
    np.testing.assert_allclose(factors, np.broadcast_to(factors[:, :1], factors.shape), rtol=1e-5)  # constant in time
    drawn = factors[:, 0]
    assert drawn.mean() == pytest.approx(1, abs=4 * sd / drawn.size**0.5)
    assert drawn.std() == pytest.approx(sd, rel=0.05)
    assert abs(np.corrcoef(drawn.T) - np.eye(4)).max() < 0.1  # a factor for each channel
    assert scaling(WINDOWS, np.random.default_rng(1)).dtype == np.float32


@pytest.mark.parametrize("probability", [0, 0.5, 1])
def test_negation_flips_whole_windows(probability):
    signs = negation(WINDOWS, np.random.default_rng(2), probability) / WINDOWS
    whole = signs[:, 0, 0]
    assert np.isin(whole, (-1, 1)).all()
    np.testing.assert_array_equal(signs, np.broadcast_to(whole[:, None, None], signs.shape))
    spread = 4 * (probability * (1 - probability) / len(whole)) ** 0.5
    assert (whole == -1).mean() == pytest.approx(probability, abs=spread + 1e-9)


def test_jitter_adds_independent_noise():
    noise = jitter(WINDOWS, np.random.default_rng(4), 0.3) - WINDOWS
    assert noise.std() == pytest.approx(0.3, rel=0.02)
    assert noise.mean() == pytest.approx(0, abs=4 * 0.3 / noise.size**0.5)
    assert abs(np.corrcoef(noise.reshape(len(noise), -1).T) - np.eye(24)).max() < 0.12


@pytest.mark.parametrize("share", [0, 0.2, 1])
def test_channel_mask_takes_whole_channels(share):
    gone = channel_mask(WINDOWS, np.random.default_rng(5), share) == 0
    np.testing.assert_array_equal(gone, np.broadcast_to(gone[:, :1], gone.shape))
    assert gone[:, 0].mean() == pytest.approx(share, abs=4 * (share * (1 - share) / gone[:, 0].size) ** 0.5 + 1e-9)


def test_time_mask_takes_one_stretch_of_all_channels():
    gone = time_mask(WINDOWS, np.random.default_rng(6), shortest=1 / 3, longest=2 / 3) == 0
    np.testing.assert_array_equal(gone, np.broadcast_to(gone[:, :, :1], gone.shape))
    gone = gone[:, :, 0]
    assert set(gone.sum(axis=1)) == {2, 3, 4}
    starts = gone & ~np.roll(gone, 1, axis=1) | (gone & (np.arange(6) == 0))
    assert (starts.sum(axis=1) == 1).all()
    assert gone.any(axis=0).all()  # it may reach both ends
    assert (time_mask(WINDOWS, np.random.default_rng(6), 1, 1) == 0).all()


@pytest.mark.parametrize(("steps", "lengths"), [(48, (8, 20)), (24, (4, 10)), (12, (2, 5)), (1, (1, 1))])
def test_time_mask_takes_shares_of_the_window(steps, lengths):
    gone = time_mask(np.ones((500, steps, 1), np.float32), np.random.default_rng(6)).sum(axis=(1, 2))
    assert (steps - gone.max(), steps - gone.min()) == lengths


@pytest.mark.parametrize(("shortest", "longest"), [(8, 20), (0, 0.5), (0.5, 0.4), (0.5, 1.1), (-0.1, 0.5)])
def test_time_mask_refuses_steps(shortest, longest):
    with pytest.raises(ValueError, match=f"shares of the window, .*: {shortest}, {longest}"):
        time_mask(WINDOWS, np.random.default_rng(6), shortest, longest)


# Two values of one mask, a value of another, a value without: the first two lie before their mask.
MASK_OF = masks_of(("Eyes->open", "Eyes->shut", "age", "mask HR", "HR", "mask->Eyes"))
OBSERVED = WINDOWS[:, :, [0, 1, 2, 3, 0, 1]].copy()
OBSERVED[:, :, [3, 5]] = np.random.default_rng(8).random((2000, 6, 2)) < 0.5
MASKS, VALUES = [3, 5], [0, 1, 2, 4]


@pytest.mark.parametrize(("name", "options"), [("scaling", {}), ("jitter", {}), ("negation", {"probability": 1})])
def test_views_of_values_leave_masks_alone_unless_asked(name, options):
    def view(**more):
        return VIEWS[name](OBSERVED, np.random.default_rng(9), **options, **more)

    seen, everything = view(mask_of=MASK_OF), view()
    np.testing.assert_array_equal(seen[:, :, MASKS], OBSERVED[:, :, MASKS])
    np.testing.assert_array_equal(seen[:, :, VALUES], everything[:, :, VALUES])  # the same draws
    assert (everything[:, :, MASKS] != OBSERVED[:, :, MASKS])[OBSERVED[:, :, MASKS] == 1].all()
    np.testing.assert_array_equal(view(mask_of=MASK_OF, masks=True), everything)


def test_views_that_hide_take_a_variable_with_its_mask():
    ones = np.ones_like(OBSERVED)
    gone = channel_mask(ones, np.random.default_rng(5), 0.3, mask_of=MASK_OF)[:, 0] == 0
    for together in ([0, 1, 5], [3, 4]):
        assert (gone[:, together] == gone[:, together[:1]]).all()
    assert abs(np.corrcoef(gone[:, [0, 2, 4]].T) - np.eye(3)).max() < 0.1
    assert gone.mean(axis=0) == pytest.approx(0.3, abs=0.05)
    whole = time_mask(ones, np.random.default_rng(5), mask_of=MASK_OF) == 0
    np.testing.assert_array_equal(whole, np.broadcast_to(whole[:, :, :1], whole.shape))


def test_views_keep_type_and_input():
    before = WINDOWS.copy()
    for name, view in VIEWS.items():
        assert view(WINDOWS, np.random.default_rng(7)).dtype == np.float32, name
    np.testing.assert_array_equal(WINDOWS, before)


def test_the_recipes_views_are_the_published_ones():
    for recipe, probability in ((RELEASED, 1.0), (DESCRIBED, 0.5)):
        scaled, negated = recipe.pretraining.views
        assert scaled == ("scaling", {"sd": 0.1, "masks": True})  # the scripts and the text know no masks
        assert negated == ("negation", {"probability": probability, "masks": True})
    before, draw = WINDOWS.copy(), np.random.default_rng(3)
    first, second = (compose(WINDOWS, DESCRIBED.pretraining.views, draw) for _ in range(2))
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(WINDOWS, before)
    with pytest.raises(KeyError, match="turning"):
        compose(WINDOWS, (("turning", {}),), draw)


# ------------------------------------------------------------------------------------------------------ pre-training


def small(recipe=RELEASED, **changes):
    return replace(recipe, pretraining=replace(recipe.pretraining, **changes))


def bits(encoder):
    return [value.contiguous().numpy().tobytes() for value in encoder.state_dict().values()]


X = np.random.default_rng(4).normal(size=(40, 8, 3)).astype(np.float32)


def test_released_settings_are_the_published_ones(shared):
    rows = pd.read_csv(shared / "published" / "hyperparameters.csv")
    rows = rows[(rows["stage"] == "pre-training") & (rows["dataset"] == "all")].set_index("parameter")["value"]
    settings = RELEASED.pretraining
    found = (settings.schedule.epochs, settings.schedule.batch_size, settings.schedule.decay_steps)
    assert found == tuple(int(rows[name]) for name in ("epochs", "batch_size", "decay_steps"))
    assert settings.schedule.learning_rate == float(rows["learning_rate"])
    assert settings.temperature == float(rows["temperature"])


@pytest.mark.parametrize(("windows", "steps"), [(15_000, 1000), (1000, 1000), (256, 400), (100, 200)])
def test_released_stops_where_its_rate_is_zero(windows, steps):
    schedule = RELEASED.pretraining.schedule  # 200 epochs, if that is fewer than 1,000 steps
    assert min(schedule.run_epochs(windows) * schedule.steps_per_epoch(windows), schedule.decay_steps) == steps


@pytest.mark.parametrize(
    ("schedule", "steps"),
    [(Schedule(200, 16, 0.1, decay_steps=7), 7), (Schedule(2, 16, 0.1, decay_steps=7), 6), (Schedule(2, 16, 0.1), 6)],
)
def test_number_of_steps(schedule, steps):
    losses = pretrain(X, small(schedule=schedule), 1)[1]
    assert losses.shape == (steps,)
    assert losses.dtype == np.float32
    assert np.isfinite(losses).all()


def test_released_scaled():
    many = np.tile(X, (26, 1, 1))[:1024]
    assert len(pretrain(many, RELEASED.scaled(0.005), 1)[1]) == 5  # 1,000 · 0.005


def test_same_seed_same_bytes():
    recipe = small(DESCRIBED, schedule=Schedule(2, 16, 0.1))
    (one, losses), (same, _), (other, _) = (pretrain(X, recipe, seed) for seed in (1, 1, 2))
    assert bits(one) == bits(same)
    assert all(a != b for a, b in zip(bits(one)[::2], bits(other)[::2], strict=True))
    np.testing.assert_array_equal(losses, pretrain(X, recipe, 1)[1])
    assert not one.training
    assert one(torch.from_numpy(X)).shape == (40, 96)


def test_released_loss_is_twice_nt_xent():
    schedule = Schedule(1, 40, 0.0)
    twice, once = (pretrain(X, small(schedule=schedule, loss_factor=factor), 1)[1] for factor in (2.0, 1.0))
    np.testing.assert_allclose(twice, 2 * once, rtol=1e-6)
    assert (RELEASED.pretraining.loss_factor, DESCRIBED.pretraining.loss_factor) == (2, 1)


def test_two_views_of_each_window_in_each_step(monkeypatch):
    seen = []
    monkeypatch.setattr(pretexts, "compose", lambda *given: seen.append((given[0], compose(*given))) or seen[-1][1])
    pretrain(X, small(schedule=Schedule(1, 16, 0.1)), 1)
    assert [len(batch) for batch, _ in seen] == [16, 16, 16, 16, 8, 8]  # the last, partial batch is kept
    for (batch, first), (again, second) in zip(seen[::2], seen[1::2], strict=True):
        assert batch is again
        assert not np.array_equal(first, second)
        assert (np.sign(first) == -np.sign(batch)).all()  # released: both views are negated, always
    order = np.concatenate([batch for batch, _ in seen[::2]])
    assert sorted(map(bytes, order)) == sorted(map(bytes, X))  # each window once an epoch
    assert not np.array_equal(order, X)


def test_a_loss_that_is_not_finite_stops():
    with pytest.raises(FloatingPointError, match=r"pre-training loss became nan at step 0 \(seed 3\)"):
        pretrain(np.full_like(X, np.nan), small(schedule=Schedule(1, 16, 0.1)), 3)
