"""The simulations of the chapter on the released analysis, against closed forms, other code and the release."""

import numpy as np
import pytest

from book.release import published, simulations
from fairlib.fairness import ratio_metrics
from fairlib.similarity import cka
from tests.release import release_numbers


def test_views():
    found = simulations.view_agreement(300).groupby("recipe", sort=False)
    (_, released), (_, described) = found
    assert released["flipped"].all()
    assert released["correlation"].min() > 0.9
    assert described["flipped"].mean() == pytest.approx(0.5, abs=0.1)
    assert (described["correlation"] < -0.9).mean() == pytest.approx(0.5, abs=0.1)


def test_a_coin_has_the_ratios_of_ratio_metrics():
    """A coin that always says yes leaves nothing to chance; with a random one, the mean is that of the oracle."""
    pair = [(400, 100), (600, 300)]
    ours = simulations.coin_deviation([pair], 0.5, 400).mean()
    draw = np.random.default_rng(1)
    y = np.concatenate([np.arange(n) < positive for n, positive in pair]).astype(int)
    privileged = np.arange(1000) < 400
    oracle = []
    for _ in range(400):
        found = ratio_metrics(y, (draw.random(1000) < 0.5).astype(int), privileged)
        oracle.append(np.mean([abs(1 - found[name]) for name in release_numbers.RATIOS]))
    assert ours == pytest.approx(np.mean(oracle), rel=0.05)


def test_published_mean_of_globem_follows_from_its_ratios():
    """The coin averages what the release averages: the printed mean is that of the printed ratios."""
    rows = published.table("parity_deviation").query("dataset == 'GLOBEM' and model == 'ssl_frozen1_first'")
    ratios = rows[rows["metric"].isin(release_numbers.RATIOS)]["parity_deviation"]
    assert len(ratios) == 18
    assert ratios.mean() == pytest.approx(rows.query("attribute == '(all 3)'")["parity_deviation"].item(), abs=1e-5)


def test_extremes_of_a_model_that_serves_everybody_alike():
    found, again = simulations.extremes_by_chance((400, 400), 0.3, 0.8, 2000)
    # Two segments: the mean absolute difference of two AUC, √(2/π) times its standard deviation.
    draw = np.random.default_rng(0)
    scores = draw.normal(size=(2000, 400)) + np.sqrt(2) * 0.8416 * (np.arange(400) < 120)
    ranks = scores.argsort(axis=1).argsort(axis=1)[:, :120] + 1
    sd = ((ranks.sum(axis=1) - 120 * 121 / 2) / (120 * 280)).std()
    assert found.mean() == pytest.approx(2 / np.sqrt(np.pi) * sd, rel=0.06)
    assert (found >= 0).all()
    assert abs(again.mean()) < 3 * np.sqrt(2) * sd / np.sqrt(2000)
    many = simulations.extremes_by_chance((400,) * 6, 0.3, 0.8, 200)[0]
    assert many.mean() > found.mean()


def test_windows_of_one_person_make_intervals_of_windows_too_narrow():
    found = simulations.interval_widths((1, 60), 120, 60).set_index("each")
    assert found.loc[1, "people"] == pytest.approx(found.loc[1, "windows"])  # the same draws
    assert found.loc[60, "people"] > 2 * found.loc[60, "windows"]
    assert found.loc[60, "people"] == pytest.approx(found.loc[60, "true"], rel=0.5)


def test_false_stars_keep_their_level():
    mean, some = release_numbers.false_stars(draws=3000)
    assert mean == pytest.approx(21 * 0.05, rel=0.1)
    assert 0.05 < some < 1 - 0.95**21  # the tests share models, so they are not independent


def test_biased_cka_is_its_definition():
    draw = np.random.default_rng(0)
    x, y = draw.normal(size=(20, 4)), draw.normal(size=(20, 3))
    centre = np.eye(20) - 1 / 20
    k, l = centre @ x @ x.T @ centre, centre @ y @ y.T @ centre  # noqa: E741
    expected = np.trace(k @ l) / np.sqrt(np.trace(k @ k) * np.trace(l @ l))
    assert simulations.biased_cka(x, y) == pytest.approx(expected)
    assert simulations.biased_cka(x, x) == pytest.approx(1)


def test_cka_traps():
    sizes = simulations.cka_by_size((60, 600), (30, 6)).groupby("rows").mean()
    assert sizes.loc[60, "biased"] > sizes.loc[600, "biased"] + 0.05
    assert sizes["unbiased"].diff().abs().max() < 0.04
    people = simulations.cka_by_windows((1, 8), 60, 10).groupby("each")["cka"].mean()
    assert abs(people[1]) < 0.03
    assert people[8] > 0.1
    repeats = simulations.cka_of_repeats(100, 10).mean()
    assert abs(repeats["each row once"]) < 0.02
    assert repeats["row bootstrap"] > repeats["each row twice"] > 0.15
    draw = np.random.default_rng(0)
    x = draw.normal(size=(30, 5))
    assert cka(np.tile(x, (2, 1)), np.tile(x, (2, 1))) == pytest.approx(1)
