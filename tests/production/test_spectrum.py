import numpy as np
import pytest

from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.production import Source, SourceConfig


def source(small, **values):
    return Source.from_config(SourceConfig.build({"particle": "e+", **values}, "incidents"), small)


def test_incidents_depend_on_seed_and_id_only(small):
    beam = source(small, energy="1 GeV:100 GeV", theta="0 rad:0.2 rad", phi="0 rad:3 rad", position="0 mm:9 mm, 1 mm")
    whole, part = beam.draw(0, 50, seed=3), beam.draw(30, 10, seed=3)
    for name in ("pdg", "energy", "theta", "phi", "position", "shower_id"):
        np.testing.assert_array_equal(getattr(whole, name)[30:40], getattr(part, name))
    assert not np.intersect1d(whole.energy, beam.draw(0, 50, seed=4).energy).size


def test_ranges_are_filled_uniformly(small):
    beam = source(small, energy="1 GeV:100 GeV", theta="0.1 rad:0.3 rad", position="-5 mm:5 mm, 2 mm")
    drawn = beam.draw(0, 4000, seed=1)
    # each mean within 4 standard errors: false alarm below 2e-4
    for values, low, high in ((drawn.energy, 1e3, 1e5), (drawn.theta, 0.1, 0.3), (drawn.position[:, 0], -5, 5)):
        assert low <= values.min() < values.max() <= high
        assert abs(values.mean() - (low + high) / 2) < 4 * (high - low) / np.sqrt(12 * 4000)
    assert (drawn.position[:, 1] == 2).all()


def test_log_spectrum(small):
    energies = source(small, energy="1 GeV:100 GeV", spectrum="log").draw(0, 4000, seed=1).energy
    assert abs(np.log10(energies).mean() - 4) < 4 * 2 / np.sqrt(12 * 4000)


def test_labels_are_exact_and_in_turn(small):
    beam = source(small, labels="10 GeV:14 GeV:0.1 GeV", per_label=3)
    energies = beam.draw(0, 41 * 3 + 1, seed=1).energy
    np.testing.assert_array_equal(energies[:6], [10000] * 3 + [10100] * 3)
    assert energies[-2] == 14000
    assert energies[-1] == 10000


def test_labels_are_left_out(small):
    beam = source(small, labels="10 GeV:14 GeV:0.1 GeV", per_label=1, leave_out="10.5 GeV:13.5 GeV:0.5 GeV")
    energies = beam.draw(0, 68, seed=1).energy
    assert not set(energies) & {10500, 11000, 11500, 12000, 12500, 13000, 13500}
    assert set(energies) >= {10000, 10400, 10600, 11400, 13400, 14000}
    np.testing.assert_array_equal(energies[34:], energies[:34])


def test_default_entry_points_avoid_cell_edges(small):
    position = source(small, energy="1 GeV").draw(0, 100, seed=1).position
    assert 0 < np.abs(position[:, :2]).max() <= 0.01


def test_the_face_of_a_cylinder_is_a_disc():
    cylinder = Detector.load("pbwo4-cylinder")
    with pytest.raises(InputError, match="outside the face of pbwo4-cylinder, a disc of radius 120 mm"):
        source(cylinder, energy="1 GeV", position="-90 mm:10 mm, 0 mm:90 mm")
    source(cylinder, energy="1 GeV", position="-90 mm:10 mm, 0 mm:70 mm")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"energy": "-1 GeV"}, "positive"),
        ({"energy": "0 GeV"}, "positive"),
        ({"energy": "nan GeV"}, "finite"),
        ({"energy": "10"}, "no unit"),
        ({"energy": "10 Gev"}, "did you mean 'GeV'"),
        ({"energy": "10 mm"}, "known"),
        ({"energy": "5 GeV:5 GeV"}, "empty"),
        ({"energy": "9 GeV:5 GeV"}, "empty"),
        ({}, "one of energy, momentum and labels"),
        ({"energy": "1 GeV", "labels": "1 GeV:2 GeV:1 GeV"}, "one of energy"),
        ({"labels": "1 GeV:2 GeV:1 GeV"}, "belong together"),
        ({"energy": "1 GeV", "leave_out": "1 GeV:1 GeV:1 GeV"}, "none of the labels"),
        ({"labels": "1 GeV:2 GeV:1 GeV", "per_label": 1, "leave_out": "1.5 GeV:2 GeV:1 GeV"}, "none of the labels"),
        ({"labels": "1 GeV:2 GeV:1 GeV", "per_label": 1, "leave_out": "1 GeV:2 GeV:1 GeV"}, "leaves no label"),
        ({"energy": "1 GeV", "particle": "electorn"}, "unknown particle"),
        ({"energy": "1 GeV", "theta": "2 rad"}, "pi/2"),
        ({"energy": "1 GeV", "position": "1 m, 0 mm"}, "outside the face"),
        ({"energy": "1 GeV", "position": "1 mm"}, "x, y"),
    ],
)
def test_bad_incidents_are_refused_in_words(small, values, words):
    with pytest.raises(InputError, match=words):
        source(small, **values)


def test_several_particles_take_turns(small):
    """As many showers of each, at all labels; everything else of shower i is as with one particle."""
    several, one = (source(small, particle=name, energy="1 GeV:9 GeV") for name in ("e-, e+, gamma", "e-"))
    drawn, alone = several.draw(5, 30, seed=3), one.draw(5, 30, seed=3)
    np.testing.assert_array_equal(drawn.pdg, np.resize([22, 11, -11], 30))
    np.testing.assert_array_equal(drawn.energy, alone.energy)
    assert several.pdgs == [11, -11, 22]
    labels = source(small, particle="e-, e+", labels="1 GeV:2 GeV:1 GeV", per_label=1).draw(0, 8, seed=1)
    pairs = set(zip(labels.pdg.tolist(), labels.energy.tolist(), strict=True))
    assert pairs == {(11, 1000.0), (11, 2000.0), (-11, 1000.0), (-11, 2000.0)}
    for values, words in (
        ({"particle": "e-, 11", "energy": "1 GeV"}, "names one particle twice"),
        ({"particle": "e-, pi+", "momentum": "1 GeV/c"}, "momentum is of one particle"),
    ):
        with pytest.raises(InputError, match=words):
            source(small, **values)


def test_momentum_becomes_kinetic_energy(small):
    """T = sqrt(p^2 + m^2) - m: 5.486 MeV of an alpha particle is 202.2 MeV/c, 800 MeV of a proton 1.4633 GeV/c."""
    for particle, momentum, energy in (
        ("gamma", "3 GeV/c", 3000.0),
        ("alpha", "202.2 MeV/c", 5.486),
        ("proton", "1.4633 GeV/c", 800.0),
        ("mu-", "10 GeV", 9894.9),
    ):
        source = Source.from_config(SourceConfig(particle=particle, momentum=momentum), small)
        assert source.energy == pytest.approx((energy, energy), rel=2e-3 if particle == "alpha" else 1e-4)
    low, high = Source.from_config(SourceConfig(particle="pi+", momentum="1 GeV/c:2 GeV/c"), small).energy
    assert (low, high) == pytest.approx((np.hypot(1e3, 139.57) - 139.57, np.hypot(2e3, 139.57) - 139.57))


def test_refused_momenta(small):
    for settings, message in (
        ({"particle": "e-", "momentum": "1 GeV/c", "energy": "1 GeV"}, "one of energy, momentum and labels"),
        ({"particle": "e-", "momentum": "0 GeV/c"}, "momentum must be positive, '0 GeV/c' is not"),
        ({"particle": "1000060120", "momentum": "1 GeV/c"}, "mass of particle 1000060120 is not known"),
        ({"particle": "e-", "momentum": "1 mm"}, "unit 'mm' of momentum '1 mm' is unknown"),
    ):
        with pytest.raises(InputError, match=message):
            Source.from_config(SourceConfig(**settings), small)
