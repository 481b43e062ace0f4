from dataclasses import replace

import numpy as np
import pytest

from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.showers import Incidents, Showers, concatenate
from caloforge.validation.samples import check_apart, kolmogorov_smirnov, prepare


def prepared(reference, candidate, floor=None, *, reweight=False):
    return prepare(reference, {"model": candidate}, floor, reweight=reweight, seed=0)


def test_without_floor_the_reference_is_halved_by_position(samples):
    reference, _, candidate, _ = samples
    found = prepared(reference, candidate)
    assert found.split
    np.testing.assert_array_equal(found.reference.energies, reference.energies[:400])
    np.testing.assert_array_equal(found.floor.energies, reference.energies[400:])
    np.testing.assert_array_equal(found.candidates["model"].energies, candidate.energies[:400])


def test_all_are_cut_to_the_smallest_and_few_are_noted(samples):
    found = prepared(samples[0], samples[2][:300], samples[1])
    assert {len(s) for s in (found.reference, found.floor, *found.candidates.values())} == {300}
    assert "300 showers of 'model'" in found.notes[0]
    assert "few" in found.notes[-1]


def test_too_few_showers(samples):
    with pytest.raises(InputError, match="'reference' has 150 showers, a half of the sample; at least 200"):
        prepared(samples[0][:300], samples[2])
    with pytest.raises(InputError, match="'model' has 199 showers; at least 200"):
        prepared(samples[0], samples[2][:199], samples[1])


@pytest.mark.parametrize(("value", "said"), [(np.nan, "not finite"), (np.inf, "not finite"), (-1.0, "negative")])
def test_bad_energies(samples, with_energies, value, said):
    energies = samples[2].energies.copy()
    energies[77, 3] = value
    with pytest.raises(InputError, match=rf"'model' holds .*{said}.*shower 77"):
        prepared(samples[0], with_energies(samples[2], energies))


def test_other_detector_is_named(samples):
    other = Detector.load("calogan-ecal")
    showers = Showers(other, samples[2].incidents, np.zeros((800, 504), np.float32))
    with pytest.raises(InputError, match=r"'model' is of detector 'calogan-ecal' \(504 cells.*'small' \(26 cells"):
        prepared(samples[0], showers)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"energy": np.linspace(1e3, 1e5, 800)}, "incident energy"),
        ({"theta": np.full(800, 0.1)}, "incident theta"),
        ({"position": np.full((800, 3), 5.0)}, "entry point x"),
        ({"pdg": np.full(800, 22, np.int32)}, "showers of gamma, the reference of e-"),
    ],
)
def test_other_incidents_are_named(samples, change, said):
    showers = replace(samples[2], incidents=replace(samples[2].incidents, **change))
    with pytest.raises(InputError, match=said):
        prepared(samples[0], showers, samples[1])


def test_unnamed_particles_fit_all(samples):
    showers = replace(samples[2], incidents=replace(samples[2].incidents, pdg=np.zeros(800, np.int32)))
    assert prepared(samples[0], showers, samples[1])


def test_false_alarms_of_the_spectrum_test_are_as_stated():
    """300 pairs of one spectrum at 1e-2: 3 expected, over 12 has probability 3e-5; a real shift is always seen."""
    rng = np.random.default_rng(5)
    alarms = sum(kolmogorov_smirnov(rng.random(400), rng.random(400))[1] < 0.01 for _ in range(300))
    assert alarms <= 12
    assert kolmogorov_smirnov(rng.random(400), rng.random(400) ** 1.5)[1] < 1e-4


def test_kolmogorov_smirnov_is_the_largest_gap_with_the_probability_of_the_series():
    """Slow twin: the gap point by point; the asymptotic series of Numerical Recipes (14.3.18) within 10 %."""
    rng = np.random.default_rng(6)
    a, b = rng.random(800), rng.random(900) ** 1.1
    distance, probability = kolmogorov_smirnov(a, b)
    assert distance == pytest.approx(max(abs((a <= x).mean() - (b <= x).mean()) for x in (*a, *b)))
    k, scaled = np.arange(1, 101), np.sqrt(800 * 900 / 1700) * distance
    assert probability == pytest.approx(2 * ((-1.0) ** (k - 1) * np.exp(-2 * (k * scaled) ** 2)).sum(), rel=0.1)


def log_uniform(showers, rng):
    energy = np.exp(rng.uniform(np.log(1e3), np.log(1e4), len(showers)))
    return replace(showers, incidents=Incidents.make("e-", energy))


def test_reweighting_thins_to_the_spectrum(samples):
    rng = np.random.default_rng(7)
    other = log_uniform(samples[2], rng)
    with pytest.raises(InputError, match="reweight"):
        prepared(samples[0], other, samples[1])
    found = prepared(samples[0], other, samples[1], reweight=True)
    kept = found.candidates["model"].incidents.energy
    assert 200 <= len(kept) < 800
    assert kolmogorov_smirnov(samples[0].incidents.energy, kept)[1] > 1e-4


def test_reweighting_needs_cover(samples):
    showers = replace(samples[2], incidents=Incidents.make("e-", np.linspace(1e3, 4e3, 800)))
    with pytest.raises(InputError, match="'model' has no showers near"):
        prepared(samples[0], showers, samples[1], reweight=True)


@pytest.mark.parametrize("name", ["floor", "reference"])
def test_taken_names(samples, name):
    with pytest.raises(InputError, match=f"cannot be called '{name}'"):
        prepare(samples[0], {name: samples[2]}, None, reweight=False, seed=0)


def test_no_candidates(samples):
    with pytest.raises(InputError, match="no candidates"):
        prepare(samples[0], {}, None, reweight=False, seed=0)


def test_samples_in_order_of_their_labels_are_split_and_cut_to_one_spectrum(samples):
    def labelled(showers, n):
        energy = np.repeat(np.linspace(1e3, 2e3, 10), n // 10)
        return replace(showers[:n], incidents=replace(showers.incidents[:n], energy=energy))

    for floor in (None, labelled(samples[1], 800)):
        found = prepared(labelled(samples[0], 500), labelled(samples[2], 800), floor)
        means = [s.incidents.energy.mean() for s in (found.reference, found.floor, found.candidates["model"])]
        assert means == pytest.approx([1500] * 3, abs=5 * 320 / 250**0.5)  # 5 standard errors


def test_a_reference_that_shares_showers_is_refused(samples):
    reference, floor, _, training = samples
    empty = replace(training[:5], energies=np.zeros_like(training.energies[:5]))
    check_apart(concatenate([reference, empty]), {"floor": concatenate([floor, empty]), "training": training})
    with pytest.raises(InputError, match="the reference and the training sample share 30 showers"):
        check_apart(reference, {"floor": None, "training": concatenate([training, reference[100:130]])})
