"""Matter against the figures of the Particle Data Group."""

import pytest

from caloforge.detector import Detector
from caloforge.detector.materials import ATOMIC_MASS, ATOMIC_NUMBER, NIST, Matter, matter, mixture
from caloforge.errors import InputError

# X0 [g/cm2], nuclear interaction length [g/cm2], minimum ionisation [MeV cm2/g], critical energy [MeV]:
# PDG, Atomic and nuclear properties of materials (2024)
PDG = {
    "G4_Pb": (6.37, 199.6, 1.122, 7.43),
    "G4_W": (6.76, 191.9, 1.145, 7.97),
    "G4_Fe": (13.84, 132.1, 1.451, 21.68),
    "G4_Cu": (12.86, 137.3, 1.403, 19.42),
    "G4_Al": (24.01, 107.2, 1.615, 42.70),
    "G4_Si": (21.82, 108.4, 1.664, 40.19),
    "G4_lAr": (19.55, 119.7, 1.519, 32.84),
    "G4_PbWO4": (7.39, 168.3, 1.229, 9.64),
    "G4_BGO": (7.97, 159.1, 1.251, 10.11),
    "G4_WATER": (36.08, 83.3, 1.992, 78.33),
    "G4_POLYSTYRENE": (43.79, 81.7, 1.936, 93.11),
    "G4_CESIUM_IODIDE": (8.39, 171.5, 1.243, 11.17),
    "G4_AIR": (36.62, 90.1, 1.815, 87.92),
}


@pytest.mark.parametrize(("name", "figures"), PDG.items())
def test_agrees_with_the_particle_data_group(name, figures):
    m, (x0, interaction, loss, critical) = NIST[name], figures
    assert m.x0 == pytest.approx(x0, rel=0.003)
    assert m.interaction_mm * m.density / 10 == pytest.approx(interaction, rel=0.02)
    assert m.min_loss * 10 / m.density == pytest.approx(loss, rel=0.04)
    assert m.critical_energy == pytest.approx(critical, rel=0.07)


def test_moliere_radius_of_lead_tungstate():
    assert NIST["G4_PbWO4"].moliere_mm == pytest.approx(19.59, rel=0.03)


def test_mass_fractions_sum_to_one():
    for name, m in NIST.items():
        assert sum(w for _, w in m.elements) == pytest.approx(1, abs=2e-4), name


def test_elements_are_in_order_of_z():
    assert [ATOMIC_NUMBER[s] for s in ("H", "C", "Fe", "Xe", "W", "Pb", "U")] == [1, 6, 26, 54, 74, 82, 92]
    assert ATOMIC_MASS["W"] == 183.84


def test_mixture_of_plates_keeps_radiation_lengths_and_mass():
    lead, argon = NIST["G4_Pb"], NIST["G4_lAr"]
    both = mixture([(lead, 2.0), (argon, 4.0)])
    assert 6 / both.x0_mm == pytest.approx(2 / lead.x0_mm + 4 / argon.x0_mm)
    assert both.density == pytest.approx((2 * 11.35 + 4 * 1.396) / 6)
    assert both.min_loss * 6 == pytest.approx(2 * lead.min_loss + 4 * argon.min_loss)


OWN = """
name = "own"
[material.alloy]
density = "10 g/cm3"
elements = {ELEMENTS}
[[layer]]
plates = [{material = "alloy", thickness = "1 mm"}, {material = "MATERIAL", thickness = "1 mm"}]
counts = ["alloy"]
cells = {kind = "cartesian", n = [1, 1], size = ["10 mm", "10 mm"]}
"""


def own(elements="Pb = 0.9, Sb = 0.1", material="G4_Pb"):
    return Detector.from_toml(OWN.replace("ELEMENTS", elements).replace("MATERIAL", material))


def test_own_mixture():
    alloy = matter("alloy", own())
    assert alloy == Matter(10.0, (("Pb", 0.9), ("Sb", 0.1)))
    assert alloy.x0 == pytest.approx(1 / (0.9 / 6.37 + 0.1 / 8.73), rel=1e-3)
    assert alloy.z_eff == pytest.approx(0.9 * 82 + 0.1 * 51)


def test_unknown_material_names_the_nearest():
    with pytest.raises(InputError, match="material 'G4_PbW04' are unknown here; did you mean 'G4_PbWO4'"):
        matter("G4_PbW04", own(material="G4_PbW04"))


def test_unknown_element_is_named():
    with pytest.raises(InputError, match="unknown element 'Pbb'"):
        matter("alloy", own("Pbb = 1.0"))
