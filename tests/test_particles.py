"""Particles by the names that people give them."""

import subprocess
import sys

import pytest

from caloforge.errors import InputError
from caloforge.particles import NAMES, particle_name, pdg_code


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("e-", 11),
        ("electron", 11),
        ("positron", -11),
        ("photon", 22),
        ("gamma", 22),
        ("K+", 321),
        ("kaon+", 321),
        ("pi+", 211),
        ("K(L)0", 130),
        ("p", 2212),
        ("D0", 421),
        ("-13", -13),
        ("1000020040", 1000020040),
    ],
)
def test_finds_particles(name, code):
    assert pdg_code(name) == code


@pytest.mark.parametrize(
    ("name", "nearest"), [("electorn", "electron"), ("phton", "photon"), ("kaon", "kaon"), ("protn", "proton")]
)
def test_names_the_nearest(name, nearest):
    with pytest.raises(InputError, match=f"unknown particle '{name}'; did you mean '{nearest}"):
        pdg_code(name)


@pytest.mark.parametrize("code", ["0", "99999999999", "-0", "1.5"])
def test_refuses_what_is_no_code(code):
    with pytest.raises(InputError, match="unknown particle"):
        pdg_code(code)


def test_names_lead_back_to_their_codes():
    assert all(pdg_code(name) == code for code, name in NAMES.items())
    assert particle_name(421) == "421"


def test_tables_of_particles_are_read_only_where_needed():
    code = "import sys; from caloforge.particles import pdg_code; pdg_code('e-'); sys.exit('particle' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
