"""Quantities with units, read into MeV, mm, rad and g/cm3."""

import math

import pytest

from caloforge import units
from caloforge.errors import InputError


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (units.energy, "10 GeV", 1e4),
        (units.energy, "10GeV", 1e4),
        (units.energy, " 1.5e2 keV ", 0.15),
        (units.energy, "-.5 MeV", -0.5),
        (units.energy, "1 TeV", 1e6),
        (units.length, "5 cm", 50.0),
        (units.length, "3 um", 0.003),
        (units.angle, "180 deg", math.pi),
        (units.angle, "20 mrad", 0.02),
        (units.density, "8280 kg/m3", 8.28),
    ],
)
def test_reads(read, text, value):
    assert read(text) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    ("read", "text", "message"),
    [
        (units.energy, "10", "energy '10' has no unit; known: eV, keV, MeV, GeV, TeV"),
        (units.energy, "10 Gev", "unit 'Gev' of energy '10 Gev' is unknown; did you mean '.eV'"),
        (units.energy, "10 mm", "unit 'mm' of energy"),
        (units.energy, "ten GeV", "not a number with a unit, for example '10 GeV'"),
        (units.length, "", "for example '10 m"),
        (units.energy, "1e400 GeV", "is not finite"),
        (units.energy, "nan GeV", "is not finite"),
        (units.energy, "inf GeV", "is not finite"),
        (units.energy, "1 2 GeV", "not a number"),
    ],
)
def test_refuses(read, text, message):
    with pytest.raises(InputError, match=message):
        read(text)


@pytest.mark.parametrize(
    ("value", "text"), [(12_500.0, "12.5 GeV"), (0.01, "10 keV"), (5e-4, "500 eV"), (2e6, "2 TeV"), (0.0, "0 eV")]
)
def test_shows_energies_as_a_physicist_would(value, text):
    assert units.show_energy(value) == text


@pytest.mark.parametrize(
    ("mean", "spread", "texts"),
    [
        (0.99357, 0.00612, ("0.9936", "0.0061")),
        (0.0, 0.0, ("0.0000", "0.0000")),
        (3.1249e-5, 1.06e-5, ("3.12e-05", "1.06e-05")),
    ],
)
def test_shows_shares_of_gases_too(mean, spread, texts):
    assert units.show_shares(mean, spread) == texts
