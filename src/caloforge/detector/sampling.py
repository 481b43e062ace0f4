"""Share of a shower's energy in the counted plates: sampling units, the main calorimeter, e / mip."""

import math
from dataclasses import dataclass

from caloforge.detector.detector import Detector
from caloforge.detector.materials import Matter, matter, mixture, periodic_table
from caloforge.detector.spec import LayerSpec
from caloforge.errors import InputError

Plates = list[tuple[Matter, float]]  # material and thickness [mm]
RISE_ENERGY = 3.0  # MeV, energy of electrons that cross thin plates
PLATE, DENSITY = 10.0, 11.35  # g/cm2, g/cm3, where `Fit.plate` and `Fit.dense` have no effect


@dataclass(frozen=True)
class Fit:
    """Parameters of `response`, fitted to Geant4 by benchmarks/sampling.py.

    Attributes:
        z0, power: scale and power of the atomic number in the energy that soft photons deposit (`_soft`).
        depth, steepness: thickness [g/cm2] of a counted plate between thin and thick, and steepness of the change.
        thin_loss, thin_soft: in thin plates, powers of the electrons' loss and of the soft photons' part.
        compton: in thick plates, power of the electrons per loss.
        mutual: in thick plates, growth of the soft photons' part where both materials are heavy.
        plate: change of the difference with the thickness of the other plates, per ln(thickness).
        dense: share of the soft photons' energy that denser plates absorb, per ln(density).
    """

    z0: float = 63.83
    power: float = 1.035
    depth: float = 0.4941
    steepness: float = 1.127
    thin_loss: float = -0.6765
    thin_soft: float = 0.299
    compton: float = -0.2743
    mutual: float = 0.6555
    plate: float = 0.07941
    dense: float = 0.1008


FIT = Fit()


@dataclass(frozen=True)
class Unit:
    """One sampling unit: plates that repeat in depth.

    Attributes:
        plates: matter, thickness [mm] and whether its energy counts, in order.
    """

    plates: tuple[tuple[Matter, float, bool], ...]

    @classmethod
    def of(cls, detector: Detector, spec: LayerSpec) -> "Unit":
        """The sampling unit of a layer."""
        return cls(tuple((matter(p.material, detector), p.thickness, p.material in spec.counts) for p in spec.plates))

    @property
    def all(self) -> Plates:
        """All plates."""
        return [(m, d) for m, d, _ in self.plates]

    @property
    def counted(self) -> Plates:
        """Plates whose energy counts."""
        return [(m, d) for m, d, counts in self.plates if counts]

    @property
    def passive(self) -> Plates:
        """Plates whose energy does not count."""
        return [(m, d) for m, d, counts in self.plates if not counts]

    @property
    def mip_fraction(self) -> float:
        """Share of a minimum-ionising particle's loss that counts."""
        return minimum_loss(self.counted) / minimum_loss(self.all)

    @property
    def e_over_mip(self) -> float:
        """Response to electrons over that to minimum-ionising particles."""
        return self.visible_fraction() / self.mip_fraction

    @property
    def relative_response(self) -> float:
        """Ratio of e / mip in the counted plates to e / mip in the others; 1 if all plates count."""
        if not self.passive:
            return 1.0
        visible = self.visible_fraction()
        return visible / (1 - visible) * minimum_loss(self.passive) / minimum_loss(self.counted)

    def visible_fraction(self, fit: Fit = FIT) -> float:
        """Share of the energy of an electron's shower that counts, leakage not included.

        Plates share the energy in proportion to a minimum-ionising particle's loss, times a response that was fitted to
        Geant4. The absorber shares first with everything between its plates. The counted plates then share with the
        other light matter there.
        """
        if not self.passive:
            return 1.0
        active = _soft(mixture(self.counted), fit)
        distance = [0.0 if counts else abs(_soft(m, fit) - active) for m, _, counts in self.plates]
        absorber = [d > max(distance) / 2 for d in distance]
        between = [not far for far in absorber]
        counts = [counted for _, _, counted in self.plates]
        light = [inside and not counted for inside, counted in zip(between, counts, strict=True)]
        return self._share(between, absorber, fit) * self._share(counts, light, fit)

    def _share(self, ours: list[bool], others: list[bool], fit: Fit) -> float:
        """Share of the energy that some plates take from others."""
        a, p = ([(m, d) for (m, d, _), has in zip(self.plates, which, strict=True) if has] for which in (ours, others))
        if not p:
            return 1.0
        runs = sum(now and not before for before, now in zip([ours[-1], *ours], ours, strict=False))
        counted = response(a, p, max(runs, 1), fit) * minimum_loss(a)
        return counted / (counted + minimum_loss(p))


def response(a: Plates, p: Plates, runs: int, fit: Fit) -> float:
    """Ratio of e / mip in plates to e / mip in the plates between them.

    Thick plates absorb the energy of soft photons: Compton electrons in proportion to the plate's electrons,
    photoelectrons depending on its atomic number. Electrons of neighbouring plates cross thin plates. In between, the
    logarithms are interpolated. The published 1 / (1 + 0.007 (Z_p - Z_a)) (hep-ex/0001020, section 3) does not depend
    on thickness.

    Args:
        a: the plates.
        p: those between them.
        runs: how many times they alternate in a unit.
        fit: parameters.
    """
    ours, theirs = mixture(a), mixture(p)
    soft_a, soft_p = _soft(ours, fit), _soft(theirs, fit)
    soft, gap, plate = soft_a - soft_p, _mass(a) / runs, _mass(p) / runs
    crossing = fit.thin_loss * math.log(_rise(ours) / _rise(theirs)) + fit.thin_soft * soft
    absorbed = fit.compton * math.log(_electrons_per_loss(ours) / _electrons_per_loss(theirs))
    absorbed += soft * (1 + fit.mutual * soft_a * soft_p + fit.plate * math.log(plate / PLATE))
    thick = 1 / (1 + (fit.depth / gap) ** fit.steepness)
    kept = fit.dense * math.log(_own_density(p) / DENSITY) * soft_p
    return math.exp((1 - thick) * crossing + thick * absorbed - kept)


def _soft(m: Matter, fit: Fit) -> float:
    """Logarithm of the energy that soft photons deposit per electron: 1 by Compton scattering, more for larger Z."""
    return math.log(1 + sum(w * (periodic_table()[s].z / fit.z0) ** fit.power for s, w in m.elements))


def _rise(m: Matter) -> float:
    """Loss of an electron of RISE_ENERGY over that of a minimum-ionising particle."""
    return m.electron_loss(RISE_ENERGY) / (10 * m.min_loss / m.density)


def _electrons_per_loss(m: Matter) -> float:
    """Electrons per mass over the loss of a minimum-ionising particle [mol/MeV/cm2]."""
    electrons = sum(w * periodic_table()[s].z / periodic_table()[s].mass for s, w in m.elements)
    return electrons / (10 * m.min_loss / m.density)


def _mass(plates: Plates) -> float:
    """Thickness [g/cm2]."""
    return sum(m.density * d for m, d in plates) / 10


def _own_density(plates: Plates) -> float:
    """Density of the matter of plates [g/cm3], mean by mass, without the gaps between them."""
    return sum(m.density**2 * d for m, d in plates) / sum(m.density * d for m, d in plates)


def main_layer(detector: Detector) -> LayerSpec:
    """The `[[layer]]` table with the most radiation lengths: the main calorimeter, without dead material.

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


def minimum_loss(plates: Plates) -> float:
    """Energy loss of a minimum-ionising particle [MeV]."""
    return sum(m.min_loss * d for m, d in plates)
