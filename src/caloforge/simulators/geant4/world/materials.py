"""Materials by name, from Geant4's NIST data base or as mixtures of the detector file; for child processes only."""

import geant4_pybind as g4

from caloforge.detector.spec import Material
from caloforge.errors import InputError, nearest
from caloforge.simulators.geant4.process.kernel import keep


def find_material(name: str, mixtures: dict[str, Material]) -> g4.G4Material:
    """Geant4 material: a mixture of the detector file, or a NIST material.

    Raises:
        InputError: the material or an element is unknown.
    """
    if name in mixtures:
        known = g4.G4Material.GetMaterial(_own(name), False)
        return known if known is not None else _mix(name, mixtures[name])
    nist = g4.G4NistManager.Instance()
    names = {str(known) for known in nist.GetNistMaterialNames()}
    if name not in names:
        raise InputError(f"unknown material '{name}'; {nearest(name, names | set(mixtures))}")
    return nist.FindOrBuildMaterial(name)


def _own(name: str) -> str:
    return f"caloforge/{name}"


def _mix(name: str, mixture: Material) -> g4.G4Material:
    nist = g4.G4NistManager.Instance()
    material = g4.G4Material(_own(name), mixture.density * g4.g / g4.cm3, len(mixture.elements))
    total = sum(mixture.elements.values())
    for symbol, fraction in mixture.elements.items():
        element = nist.FindOrBuildElement(symbol)
        if element is None:
            known = [str(known) for known in nist.GetNistElementNames()]
            raise InputError(f"material '{name}': unknown element '{symbol}'; {nearest(symbol, known)}")
        material.AddElement(element, fraction / total)
    keep(material)
    return material
