"""What of a shower's energy the counted plates see: sampling units, the calorimeter proper, e / mip."""

from caloforge.detector.detector import Detector
from caloforge.detector.materials import Matter, matter, mixture
from caloforge.detector.spec import LayerSpec
from caloforge.errors import InputError

Plates = list[tuple[Matter, float]]  # material and thickness [mm]


def main_layer(detector: Detector) -> LayerSpec:
    """The `[[layer]]` table with the most radiation lengths: the calorimeter proper, without dead material.

    Raises:
        InputError: a material of unknown properties, or no matter at all.
    """
    deepest = max(detector.spec.layer, key=lambda spec: spec.copies * depth_x0(detector, spec))
    if deepest.copies * depth_x0(detector, deepest) < 1e-3:
        raise InputError(f"detector '{detector.name}' holds no matter in which particles shower")
    return deepest


def depth_x0(detector: Detector, spec: LayerSpec) -> float:
    """Depth of one readout layer [X0]."""
    return spec.repeat * sum(plate.thickness / matter(plate.material, detector).x0_mm for plate in spec.plates)


def split_plates(detector: Detector, spec: LayerSpec) -> tuple[Plates, Plates]:
    """Plates of one sampling unit whose energy counts, and the others."""
    plates = [(p.material in spec.counts, matter(p.material, detector), p.thickness) for p in spec.plates]
    return [(m, d) for counts, m, d in plates if counts], [(m, d) for counts, m, d in plates if not counts]


def minimum_loss(plates: Plates) -> float:
    """Energy loss of a minimum-ionising particle [MeV]."""
    return sum(m.min_loss * d for m, d in plates)


def mip_fraction(counted: Plates, dead: Plates) -> float:
    """Share of a minimum-ionising particle's loss that counts."""
    return minimum_loss(counted) / minimum_loss(counted + dead)


def e_over_mip(counted: Plates, dead: Plates) -> float:
    """Response to electrons over that to minimum-ionising particles, 1 / (1 + 0.007 (Z_p - Z_a)).

    Soft photons are absorbed in the plates of high Z, which do not count (hep-ex/0001020, section 3).
    """
    return 1 / (1 + 0.007 * (mixture(dead).z_eff - mixture(counted).z_eff)) if dead else 1.0
