"""The counted share of an electron's energy against Geant4's, and against what plates have in common."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from caloforge.detector import Detector
from caloforge.detector.describe import summarise
from caloforge.detector.materials import nist
from caloforge.detector.sampling import Unit

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results" / "sampling.json"
STACKS = [stack for stack in json.loads(RESULTS.read_text()) if "counted" in stack]


def unit(*plates):
    """Plates as (name, thickness [mm], counts)."""
    return Unit(tuple((nist()["G4_" + name], thickness, counts) for name, thickness, counts in plates))


LEAD, ARGON = ("Pb", 2.0, False), ("lAr", 4.0, True)


def deviations(use):
    """Formula over Geant4 less one, and Geant4's relative error, for the stacks of a use."""
    found = []
    for stack in STACKS:
        if stack["use"] == use:
            ours = unit((stack["passive"][3:], stack["plate"], False), (stack["active"][3:], stack["gap"], True))
            found.append((ours.visible_fraction() / stack["counted"] - 1, stack["error"] / stack["counted"]))
    return np.array(found).T


@pytest.mark.parametrize(("use", "n"), [("fit", 80), ("held out", 10)])
def test_share_agrees_with_geant4(use, n):
    off, error = deviations(use)
    assert len(off) >= n
    assert math.sqrt(np.mean(off**2)) < 0.018
    assert (np.abs(off) < 0.04 + 2 * error).all()


def test_lead_and_polystyrene():
    """66 x (Pb 2 mm, polystyrene 4 mm), electrons of 10 GeV: 0.1760 +- 0.0007 with Geant4."""
    plates = '[{material = "G4_Pb", thickness = "2 mm"}, {material = "G4_POLYSTYRENE", thickness = "4 mm"}]'
    cells = '{kind = "cartesian", n = [1, 1], size = ["1 m", "1 m"]}'
    layer = f'copies = 66\nplates = {plates}\ncounts = ["G4_POLYSTYRENE"]\ncells = {cells}\n'
    text = f'name = "stack"\n[[layer]]\n{layer}'
    assert summarise(Detector.from_toml(text)).sampling_fraction == pytest.approx(0.1760, rel=0.02)


@pytest.mark.parametrize(
    "plates",
    [
        [("Pb", 0.5, False), ("Pb", 1.5, False), ARGON],
        [("lAr", 1.0, True), LEAD, ("lAr", 3.0, True)],
        [LEAD, ARGON, LEAD, ARGON],
        [ARGON, LEAD],
    ],
)
def test_the_same_plates_written_otherwise_share_the_same(plates):
    assert unit(*plates).visible_fraction() == pytest.approx(unit(LEAD, ARGON).visible_fraction())
    assert unit(*plates).relative_response == pytest.approx(unit(LEAD, ARGON).relative_response)


def test_two_thin_gaps_see_more_than_a_thick_one():
    split = unit(("Pb", 2.0, False), ("lAr", 2.0, True), ("Pb", 2.0, False), ("lAr", 2.0, True))
    thick = unit(("Pb", 4.0, False), ("lAr", 4.0, True))
    assert split.mip_fraction == pytest.approx(thick.mip_fraction)
    assert split.visible_fraction() > 1.02 * thick.visible_fraction()


def test_light_dead_matter_shares_with_the_gap_it_stands_in():
    """A plate of carbon beside the argon takes energy from the argon about as a minimum-ionising particle leaves it."""
    board = unit(("Pb", 2.0, False), ("lAr", 2.0, True), ("GRAPHITE", 1.0, False), ("lAr", 2.0, True))
    plain = unit(LEAD, ARGON)
    ratio = board.visible_fraction() / plain.visible_fraction()
    assert ratio == pytest.approx(board.mip_fraction / plain.mip_fraction, rel=0.03)


def test_all_plates_count():
    both = unit(("Pb", 2.0, True), ARGON)
    assert both.visible_fraction() == both.relative_response == both.e_over_mip == 1
