"""What is timed computes the same thing in every variant; nothing here is timed."""

import numpy as np
import pandas as pd
import pytest
import torch

from fairlib.strategies import STRATEGIES

from . import __main__ as bench
from . import auc_bootstrap, cka, finetuning, mesa_windows, pretraining
from .turns import in_turns


@pytest.mark.parametrize("shape", [(28, 5), (28, 140)])
def test_encoders_are_the_same(shape):
    from fairlib.encoder import Encoder

    ours, plain = Encoder(shape[1], generator=np.random.default_rng(0)).eval(), pretraining.Naive(shape[1]).eval()
    with torch.no_grad():
        for one, other in zip(ours.convolutions, plain.convolutions, strict=True):
            other.weight.copy_(one.weight.squeeze(2))
            other.bias.copy_(one.bias)
    x = torch.randn(3, *shape, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(ours(x), plain(x), rtol=1e-4, atol=1e-4)


def test_every_step_of_pretraining_runs():
    for step in pretraining.variants(24, 3).values():
        step()


def test_flop_of_a_step_are_those_of_the_measured_table():
    """70.5 MFLOP a sample and step at (48, 76) by hand, with the products of NT-Xent, which are left out here."""
    products = 3 * 2 * 4 * pretraining.BATCH * 50
    assert pretraining.flop(48, 76) / pretraining.BATCH + products == pytest.approx(70.5e6, rel=1e-3)


def test_the_naive_classifier_is_as_large_as_ours():
    from fairlib.encoder import Classifier, Encoder, trainable_parameters

    ours = trainable_parameters(Classifier(Encoder(finetuning.SHAPE[1])))
    assert trainable_parameters(finetuning.Naive(STRATEGIES["supervised"].trains)) == ours


def test_windows_are_the_same():
    given = mesa_windows.nights(2)
    np.testing.assert_array_equal(mesa_windows.lazy(given)[:], mesa_windows.shifted(given))
    assert mesa_windows.every_window(given) == 2 * mesa_windows.EPOCHS


def test_cka_is_the_same():
    both = [[x.astype(float) for x in side] for side in cka.layers(40)]
    np.testing.assert_allclose(cka.ours(*both), cka.definition(*both), atol=1e-9)


def test_the_loop_estimates_what_ours_does():
    y, score = auc_bootstrap.sample(400)
    loop, ours = auc_bootstrap.loop(y, score, 200, 1), auc_bootstrap.ours(y, score, 200)
    assert abs(np.mean(loop) - ours.mean()) < 4 * ours.std() / 10
    assert np.std(loop) == pytest.approx(ours.std(), rel=0.3)


def test_turns():
    calls = []
    found = in_turns({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, 2)
    assert calls == list("ababab")
    assert {name: len(spent) for name, spent in found.items()} == {"a": 2, "b": 2}


def test_other_topics_keep_their_rows(tmp_path):
    path = tmp_path / "bench.csv"
    bench._keep(path, "CKA", pd.DataFrame({"best": [1.0]}))
    bench._keep(path, "AUC", pd.DataFrame({"best": [2.0]}))
    bench._keep(path, "CKA", pd.DataFrame({"best": [3.0]}))
    assert pd.read_csv(path)["best"].tolist() == [3.0, 2.0]
