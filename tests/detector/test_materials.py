"""Matter against the figures of the Particle Data Group."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from caloforge.detector import Detector
from caloforge.detector.materials import TABLES, Matter, matter, mixture, nist, periodic_table
from caloforge.errors import InputError

# X0 [g/cm2], minimum ionisation [MeV cm2/g], critical energy [MeV] of electrons:
# PDG, Atomic and nuclear properties of materials (2024)
PDG = {
    "G4_H": (63.04, 4.103, 344.80),
    "G4_He": (94.32, 1.937, 257.13),
    "G4_Li": (82.78, 1.639, 149.06),
    "G4_Be": (65.19, 1.595, 113.70),
    "G4_GRAPHITE": (42.70, 1.742, 81.74),
    "G4_N": (37.99, 1.825, 91.73),
    "G4_O": (34.24, 1.801, 81.45),
    "G4_Ne": (28.93, 1.724, 67.02),
    "G4_Al": (24.01, 1.615, 42.70),
    "G4_Si": (21.82, 1.664, 40.19),
    "G4_Ar": (19.55, 1.519, 38.03),
    "G4_Ti": (16.16, 1.477, 26.01),
    "G4_Fe": (13.84, 1.451, 21.68),
    "G4_Cu": (12.86, 1.403, 19.42),
    "G4_Ge": (12.25, 1.370, 18.16),
    "G4_Sn": (8.82, 1.263, 11.86),
    "G4_W": (6.76, 1.145, 7.97),
    "G4_Pt": (6.54, 1.128, 7.59),
    "G4_Au": (6.46, 1.134, 7.53),
    "G4_Pb": (6.37, 1.122, 7.43),
    "G4_U": (6.00, 1.081, 6.65),
    "G4_lAr": (19.55, 1.508, 32.84),
    "G4_lKr": (11.37, 1.357, 17.03),
    "G4_lXe": (8.48, 1.255, 11.66),
    "G4_AIR": (36.62, 1.815, 87.92),
    "G4_WATER": (36.08, 1.992, 78.33),
    "G4_POLYSTYRENE": (43.79, 1.936, 93.11),
    "G4_PbWO4": (7.39, 1.229, 9.64),
    "G4_BGO": (7.97, 1.251, 10.50),
    "G4_SODIUM_IODIDE": (9.49, 1.305, 13.37),
    "G4_CESIUM_IODIDE": (8.39, 1.243, 11.17),
    "G4_BARIUM_FLUORIDE": (9.91, 1.303, 13.78),
}
# Moliere radius [cm], nuclear interaction length [g/cm2], same source
MOLIERE = {"G4_Al": 4.419, "G4_Fe": 1.719, "G4_Cu": 1.568, "G4_W": 0.9327, "G4_Pb": 1.602, "G4_U": 1.009,
           "G4_lAr": 9.043, "G4_lKr": 5.857, "G4_lXe": 5.224, "G4_PbWO4": 1.959, "G4_BGO": 2.259,
           "G4_CESIUM_IODIDE": 3.531, "G4_SODIUM_IODIDE": 4.105, "G4_BARIUM_FLUORIDE": 3.117}  # fmt: skip
INTERACTION = {"G4_Pb": 199.6, "G4_W": 191.9, "G4_Fe": 132.1, "G4_Cu": 137.3, "G4_Al": 107.2, "G4_Si": 108.4,
               "G4_lAr": 119.7, "G4_PbWO4": 168.3, "G4_BGO": 159.1, "G4_WATER": 83.3, "G4_POLYSTYRENE": 81.7,
               "G4_CESIUM_IODIDE": 171.5, "G4_AIR": 90.1}  # fmt: skip


@pytest.mark.parametrize(("name", "figures"), PDG.items())
def test_agrees_with_the_particle_data_group(name, figures):
    m, (x0, loss, critical) = nist()[name], figures
    assert m.x0 == pytest.approx(x0, rel=0.001)
    assert m.min_loss * 10 / m.density == pytest.approx(loss, rel=0.01)
    assert m.critical_energy == pytest.approx(critical, rel=0.006)


@pytest.mark.parametrize(("name", "radius"), MOLIERE.items())
def test_moliere_radius_of_the_particle_data_group(name, radius):
    assert nist()[name].moliere_mm == pytest.approx(10 * radius, rel=0.002)


@pytest.mark.parametrize(("name", "length"), INTERACTION.items())
def test_interaction_length_of_the_particle_data_group(name, length):
    assert nist()[name].interaction_mm * nist()[name].density / 10 == pytest.approx(length, rel=0.02)


@pytest.mark.parametrize(
    ("name", "energy", "loss"),
    [("G4_WATER", 10.0, 1.968), ("G4_Al", 1.0, 1.465), ("G4_AIR", 1.0, 1.661)],
)
def test_electrons_lose_what_estar_says(name, energy, loss):
    """Collision losses [MeV cm2/g] of NIST's ESTAR data base."""
    assert nist()[name].electron_loss(energy) == pytest.approx(loss, rel=0.005)


def test_general_density_effect_stands_in_for_measured_parameters():
    """Custom mixtures have no parameters of their own: within 3 % of the table in critical energy and minimum loss."""
    for name in ("G4_WATER", "G4_POLYSTYRENE", "G4_BGO", "G4_SODIUM_IODIDE", "G4_AIR", "G4_BRASS", "G4_Pb"):
        table = nist()[name]
        own = Matter.of_elements(table.density, table.elements)
        assert own.critical_energy == pytest.approx(table.critical_energy, rel=0.03), name
        assert own.min_loss == pytest.approx(table.min_loss, rel=0.03), name


def test_every_nist_name_is_known():
    assert len(nist()) == 309
    for name, m in nist().items():
        assert m.x0 > 0, name
        assert 0 < m.critical_energy < 400, name


def test_tables_are_what_geant4_says(tmp_path):
    if find_spec("geant4_pybind") is None:
        pytest.skip("geant4_pybind is not installed")
    script = Path(__file__).parents[2] / "benchmarks" / "nist_materials.py"
    subprocess.run([sys.executable, str(script), str(tmp_path)], check=True, capture_output=True)
    for name in ("nist.csv", "elements.csv"):
        ours, theirs = ((folder / name).read_text(encoding="utf-8") for folder in (TABLES, tmp_path))
        assert without_head(ours) == without_head(theirs)


def without_head(text):
    return [line for line in text.splitlines() if not line.startswith("#")]


def test_mass_fractions_sum_to_one():
    for name, m in nist().items():
        assert sum(w for _, w in m.elements) == pytest.approx(1, abs=2e-4), name


def test_elements_are_in_order_of_z():
    assert [e.z for e in periodic_table().values()] == list(range(1, 99))
    assert [periodic_table()[s].z for s in ("H", "C", "Fe", "Xe", "W", "Pb", "U")] == [1, 6, 26, 54, 74, 82, 92]
    assert periodic_table()["W"].mass == pytest.approx(183.84, abs=0.01)


def test_mixture_of_plates_keeps_radiation_lengths_and_mass():
    lead, argon = nist()["G4_Pb"], nist()["G4_lAr"]
    both = mixture([(lead, 2.0), (argon, 4.0)])
    assert 6 / both.x0_mm == pytest.approx(2 / lead.x0_mm + 4 / argon.x0_mm)
    assert both.density == pytest.approx((2 * 11.35 + 4 * 1.396) / 6)
    assert both.min_loss * 6 == pytest.approx(2 * lead.min_loss + 4 * argon.min_loss)
    depths = 2 / lead.x0_mm, 4 / argon.x0_mm
    mean = (depths[0] * lead.critical_energy + depths[1] * argon.critical_energy) / sum(depths)
    assert both.critical_energy == pytest.approx(mean, rel=0.01)


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
    assert (alloy.density, alloy.elements) == (10.0, (("Pb", 0.9), ("Sb", 0.1)))
    assert alloy.x0 == pytest.approx(1 / (0.9 / 6.37 + 0.1 / 8.73), rel=1e-3)
    assert alloy.z_eff == pytest.approx(0.9 * 82 + 0.1 * 51)


def test_unknown_material_names_the_nearest():
    with pytest.raises(InputError, match="material 'G4_PbW04' are unknown here; did you mean 'G4_PbWO4'"):
        matter("G4_PbW04", own(material="G4_PbW04"))


def test_unknown_element_is_named():
    with pytest.raises(InputError, match="unknown element 'Pbb'"):
        matter("alloy", own("Pbb = 1.0"))
