"""Random streams belong to (seed, shower id, stream name) and to nothing else."""

import numpy as np
import pytest

from caloforge import seeds
from caloforge.errors import InputError
from caloforge.seed_hash import hashed


def first(seed, shower_id, stream):
    return seeds.generator(seed, shower_id, stream).random()


def test_same_names_same_numbers():
    assert first(1, 2, "gflash") == first(1, 2, "gflash")


def test_every_part_of_the_name_counts():
    names = [(s, i, n) for s in range(6) for i in range(50) for n in ("energy", "gflash", "noise")]
    assert len({first(*name) for name in names}) == len(names)


def test_the_next_seed_is_not_a_shifted_copy():
    one, two = ([first(seed, i, "energy") for i in range(200)] for seed in (1, 2))
    assert not set(one) & set(two)


def test_known_value_guards_against_a_change_of_the_hash():
    assert seeds.engine_seed(1, 0, "geant4") == 1719328419529844242


def test_engine_seeds_are_positive():
    values = [seeds.engine_seed(0, i, "geant4") for i in range(1000)]
    assert min(values) > 0
    assert max(values) < 2**62
    assert len(set(values)) == 1000


def test_noise_of_a_row_depends_on_its_shower_only():
    ids = np.array([5, 9, 2], np.int64)
    noise = seeds.normal_noise(3, ids, 100, "noise")
    assert noise.dtype == np.float32
    np.testing.assert_array_equal(seeds.normal_noise(3, ids[::-1].copy(), 100, "noise"), noise[::-1])
    np.testing.assert_array_equal(seeds.normal_noise(3, ids[1:2], 100, "noise")[0], noise[1])


def test_noise_is_that_of_the_generator_of_its_shower():
    ids = [0, 7, 2**32 - 1, 2**32, 2**40 + 3]
    for row, shower_id in zip(seeds.normal_noise(3, np.array(ids), 20, "noise"), ids, strict=True):
        wanted = seeds.generator(3, shower_id, "noise").standard_normal(20, dtype=np.float32)
        np.testing.assert_array_equal(row, wanted)


@pytest.mark.parametrize("first_id", [0, 2**32 - 3, 2**32, 2**40 + 3, 2**63 - 40])
@pytest.mark.parametrize("stream", ["noise", "a stream of a longer name"])
def test_noise_of_many_showers_is_that_of_each(first_id, stream):
    ids = first_id + np.random.default_rng(1).permutation(2 * seeds.MANY)
    noise = seeds.normal_noise(2**32 - 1, ids, 5, stream)
    for row, shower_id in zip(noise, ids.tolist(), strict=True):
        wanted = seeds.generator(2**32 - 1, shower_id, stream).standard_normal(5, dtype=np.float32)
        np.testing.assert_array_equal(row, wanted)


def test_hashes_of_many_are_numpys():
    entropy = np.random.default_rng(2).integers(0, 2**32, (9, 100), np.uint32)
    for words, own in zip(entropy.T, hashed(entropy), strict=True):
        wanted = np.random.SeedSequence(words).generate_state(4, np.uint64)
        np.testing.assert_array_equal(own.generate_state(4, np.uint64), wanted)
        with pytest.raises(ValueError, match="only 4 of 64 bits"):
            own.generate_state(4)


def test_noise_is_standard_normal():
    """100 000 numbers: mean 0 and width 1 within 5 sigma, false alarm under 1e-5."""
    noise = seeds.normal_noise(7, np.arange(1000), 100, "noise")
    assert abs(noise.mean()) < 5 / np.sqrt(noise.size)
    assert abs(noise.std() - 1) < 5 / np.sqrt(2 * noise.size)


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_refuses_seeds_that_do_not_fit(seed):
    with pytest.raises(InputError, match=r"outside 0 \.\. 2\*\*32 - 1"):
        seeds.check_seed(seed)


def test_takes_the_largest_seed():
    assert seeds.check_seed(2**32 - 1) == 2**32 - 1
    assert 0 <= first(2**32 - 1, 2**62, "energy") < 1
    assert seeds.next_seed(2**32 - 1) == 0
