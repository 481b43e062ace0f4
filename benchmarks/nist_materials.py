"""Write caloforge's tables of every NIST material and every element, as Geant4 defines them.

python benchmarks/nist_materials.py [FOLDER] writes nist.csv and elements.csv, by default into the package. Nuclear
interaction lengths, which Geant4 does not tabulate, are the PDG's (Review of Particle Physics 2024, section 6).
"""

import os
import re
import sys
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "src" / "caloforge" / "detector" / "matter"

# Nuclear interaction length [g/cm2], PDG 2024, Atomic and nuclear properties of materials
INTERACTION = {1: 52.0, 2: 71.0, 3: 71.3, 4: 77.8, 6: 85.8, 7: 89.7, 8: 90.2, 9: 97.4, 10: 99.0, 13: 107.2, 14: 108.4,
               17: 115.7, 18: 119.7, 22: 126.2, 26: 132.1, 29: 137.3, 50: 166.7, 54: 172.1, 74: 191.9, 78: 195.7,
               79: 196.3, 82: 199.6, 92: 209.0}  # fmt: skip

MATERIALS_HEAD = """\
# NIST materials as {version} has them (G4NistManager), written by benchmarks/nist_materials.py.
# density [g/cm3]; mean excitation energy I [eV]; density-effect parameters C, x0, x1, a, m, delta0 (R. M. Sternheimer,
# M. J. Berger, S. M. Seltzer, At. Data Nucl. Data Tables 30 (1984) 261); elements and their mass fractions
name,density,I,C,x0,x1,a,m,delta0,elements
"""
ELEMENTS_HEAD = """\
# Elements as {version} has them; nuclear interaction length [g/cm2] of the PDG (2024) where it lists one.
# Z, atomic mass of the natural mixture of isotopes [g/mol], mean excitation energy I [eV]
symbol,Z,A,I,interaction
"""


def version(g4: Any) -> str:
    """Geant4's version, as in its banner."""
    found = re.search(r"geant4-(\d+)-(\d+)-patch-(\d+)", str(g4.G4Version))
    assert found, g4.G4Version
    return "Geant4 {}.{}.{}".format(*(int(number) for number in found.groups()))


def material_row(g4: Any, name: str) -> str:
    """One line of nist.csv."""
    material = g4.G4NistManager.Instance().FindOrBuildMaterial(name)
    loss = material.GetIonisation()
    numbers = [
        material.GetDensity() / (g4.g / g4.cm3), loss.GetMeanExcitationEnergy() / g4.eV, loss.GetCdensity(),
        loss.GetX0density(), loss.GetX1density(), loss.GetAdensity(), loss.GetMdensity(), loss.GetD0density(),
    ]  # fmt: skip
    elements = zip(material.GetElementVector(), material.GetFractionVector(), strict=True)
    parts = " ".join(f"{element.GetName()} {fraction:.6g}" for element, fraction in elements)
    return ",".join([f'"{name}"' if "," in name else name, *(f"{number:.6g}" for number in numbers), parts])


def element_row(g4: Any, z: int) -> str:
    """One line of elements.csv."""
    nist = g4.G4NistManager.Instance()
    element = nist.FindOrBuildElement(z)
    mass, energy = element.GetA() / (g4.g / g4.mole), nist.GetMeanIonisationEnergy(z) / g4.eV
    return f"{element.GetName()},{z},{mass:.6g},{energy:.5g},{INTERACTION.get(z, '')}"


def main() -> None:
    """Write both files, and end without Geant4's clean-up, which may crash."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    os.environ.setdefault("GEANT4_DATA_DIR", str(FOLDER))  # any folder: no data are read
    import geant4_pybind as g4

    names = [str(name) for name in g4.G4NistManager.Instance().GetNistMaterialNames()]
    known = {"version": version(g4)}
    folder.mkdir(exist_ok=True)
    materials = [material_row(g4, name) for name in names]
    (folder / "nist.csv").write_text(MATERIALS_HEAD.format(**known) + "\n".join(materials) + "\n")
    elements = [element_row(g4, z) for z in range(1, 99)]
    (folder / "elements.csv").write_text(ELEMENTS_HEAD.format(**known) + "\n".join(elements) + "\n")
    print(f"{known['version']}: {len(materials)} materials, {len(elements)} elements")
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
