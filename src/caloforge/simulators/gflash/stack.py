"""The detector's plates as GFlash needs them: an effective medium and depth nodes where visible energy is left."""

import itertools
import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from caloforge.detector import Detector
from caloforge.detector.materials import SCALE_ENERGY, Matter, matter, mixture
from caloforge.detector.sampling import Plates, Unit, main_layer, minimum_loss
from caloforge.simulators.gflash.profiles import Medium

Floats = NDArray[np.float64]

MAX_STEP = 0.25  # X0 between nodes
GAP_SPREAD = 0.15  # ours, fitted to Geant4 in Pb / LAr; 0 in the publication


@dataclass(frozen=True)
class Nodes:
    """Depths where energy is left, in order; each lies in one readout layer.

    Attributes:
        z_min, z_max: depth range of each node (n,) [mm].
        t_min, t_max: depth range over which the profile is integrated (n,) [X0].
        share: visible energy over the profile's integral (n,); 0 in plates that do not count.
        layer: readout layer (n,).
    """

    z_min: Floats
    z_max: Floats
    t_min: Floats
    t_max: Floats
    share: Floats
    layer: NDArray[np.int64]


def effective_medium(detector: Detector) -> Medium:
    """Medium of the layers that are deepest in radiation lengths: the calorimeter proper, without dead material.

    Raises:
        InputError: a material whose properties are unknown, or a detector without matter.
    """
    unit = Unit.of(detector, main_layer(detector))
    whole = mixture(unit.all)
    x0, critical, moliere = _effective(unit.all)
    medium = Medium(whole.z_eff, x0, moliere, critical)
    if not unit.dead:
        return medium
    thickness = sum(d for _, d in unit.all)
    resolution = _resolution(unit.all, critical)
    return replace(medium, sampling=True, inverse_fs=thickness / x0, e_mip=unit.relative_response,
                   visible=unit.visible_fraction(), resolution=resolution)  # fmt: skip


def _effective(plates: Plates) -> tuple[float, float, float]:
    """X0 [mm], Ec [MeV] and Moliere radius [mm] of plates: sums of thickness in X0 and of Ec in X0 (section 3).

    Each material has Ec = 2.66 (X0 Z / A)^1.1 MeV with X0 in g/cm2 (section 2). Showers in stacks with light gaps are
    wider in Geant4 than published: the Moliere radius grows by GAP_SPREAD times the gaps' share of the volume.
    """
    depths = [(d / m.x0_mm, 2.66 * (m.x0 * m.z_eff / m.a_eff) ** 1.1) for m, d in plates]
    t = sum(depth for depth, _ in depths)
    thickness = sum(d for _, d in plates)
    x0, critical = thickness / t, sum(depth * ec for depth, ec in depths) / t
    density = mixture(plates).density
    gaps = sum(d for m, d in plates if m.density < density * (1 - 1e-9)) / thickness
    return x0, critical, SCALE_ENERGY * x0 / critical * (1 + GAP_SPREAD * gaps)


def _resolution(plates: Plates, critical: float) -> float:
    """Sampling term c of sigma / E = c / sqrt(E / GeV), U. Amaldi, Phys. Scripta 23 (1981) 409.

    c = 3.2 % sqrt(dE / (MeV <cos theta>)), dE the loss of a minimum-ionising particle in one unit and the mean angle
    <cos theta> = cos(E_s / (pi Ec)); its factor F(xi) for the lowest detectable energy is taken as 1.
    """
    return 0.032 * math.sqrt(minimum_loss(plates) / math.cos(min(SCALE_ENERGY / (math.pi * critical), 1.4)))


def nodes(detector: Detector, medium: Medium) -> Nodes:
    """Depth nodes of all plates, at most MAX_STEP apart.

    Where every plate of the main layer counts, a node holds the integral of the profile over itself. Where not, an
    active plate holds its part of the visible share of the energy, times the density of the profile half a sampling
    unit before its end: the published profile is that of whole units (section 3).
    """
    rows = _visible(detector, medium) if medium.sampling else _deposited(detector)
    z_min, z_max, t_min, t_max, share, layer = np.array(rows, np.float64).T
    return Nodes(z_min, z_max, t_min, t_max, share, layer.astype(np.int64))


def _plates(detector: Detector) -> list[tuple[Matter, float, float, bool, int]]:
    """Matter, thickness [mm], z [mm], whether it counts, and layer of every plate in depth."""
    plates = []
    for index, layer in enumerate(detector.layers):
        z = layer.z_min
        for plate in layer.spec.plates * layer.spec.repeat:
            counts = plate.material in layer.spec.counts
            plates.append((matter(plate.material, detector), plate.thickness, z, counts, index))
            z += plate.thickness
    return plates


def _deposited(detector: Detector) -> list[tuple[float, ...]]:
    rows: list[tuple[float, ...]] = []
    t = 0.0
    for m, thickness, z, counts, layer in _plates(detector):
        depth = thickness / m.x0_mm
        edges = np.linspace(0, 1, math.ceil(depth / MAX_STEP) + 1)
        for a, b in itertools.pairwise(edges):
            rows.append((z + a * thickness, z + b * thickness, t + a * depth, t + b * depth, float(counts), layer))
        t += depth
    return rows


def _visible(detector: Detector, medium: Medium) -> list[tuple[float, ...]]:
    mip = minimum_loss(Unit.of(detector, main_layer(detector)).counted)
    rows: list[tuple[float, ...]] = []
    t = 0.0
    for m, thickness, z, counts, layer in _plates(detector):
        end = t + thickness / m.x0_mm
        if counts:
            start = max(end - medium.inverse_fs, 0.0)
            rows.append((z, z + thickness, start, end, medium.visible * m.min_loss * thickness / mip, layer))
        t = end
    return rows
