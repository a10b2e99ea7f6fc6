"""Which channels are masks of which: by their names, as the readers write them."""

import numpy as np

from fairlib.channels import are_masks, masks_of, measured
from fairlib.readers import benchmark_episodes, challenge2012, globem_features


def test_challenge_2012_has_a_mask_a_variable():
    names = (*challenge2012.VARIABLES, *(f"mask {name}" for name in challenge2012.VARIABLES))
    n = len(challenge2012.VARIABLES)
    found = masks_of(names)
    np.testing.assert_array_equal(found, [*range(n, 2 * n), *[-1] * n])
    np.testing.assert_array_equal(are_masks(found), [False] * n + [True] * n)


def test_mimic_has_a_mask_for_all_categories_of_a_variable():
    names = benchmark_episodes.CHANNELS
    found = masks_of(names)
    assert are_masks(found).sum() == 17
    assert (found[:-17] >= 59).all()
    assert (found[-17:] == -1).all()
    for name, mask in zip(names[:-17], found, strict=False):
        assert names[mask] == f"mask->{name.split('->')[0]}"


def test_other_data_have_none():
    for names in (globem_features.channels(), ("activity", "white"), ("mask", "mask X", "masked"), ()):
        found = masks_of(names)
        assert found.shape == (len(names),)
        assert found.dtype == np.int64
        assert (found == -1).all()
        assert not are_masks(found).any()


def test_measured():
    mask_of = masks_of(("a", "mask a", "b"))
    x = np.array([[[5, 1, 0], [5, 0, 7], [5, -0.4, 7]]], np.float32)
    np.testing.assert_array_equal(measured(x, mask_of)[0], [[1, 0, 1], [0, 0, 1], [0, 0, 1]])
