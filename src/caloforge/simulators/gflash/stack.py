"""The detector's plates for GFlash: an effective medium, and depth nodes at which visible energy is deposited."""

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

MAX_STEP = 0.25  # largest thickness of a node [X0]
GAP_SPREAD = 0.15  # fitted to Geant4 in Pb / LAr for caloforge; the publication has no such term


@dataclass(frozen=True)
class Nodes:
    """Depth nodes at which energy is deposited, in order; each is in one readout layer.

    Attributes:
        z_min, z_max: depth range of each node (n,) [mm].
        t_min, t_max: depth range over which the profile is integrated (n,) [X0].
        share: visible energy over the integral of the profile (n,); 0 in plates that do not count.
        layer: readout layer (n,).
    """

    z_min: Floats
    z_max: Floats
    t_min: Floats
    t_max: Floats
    share: Floats
    layer: NDArray[np.int64]


def effective_medium(detector: Detector) -> Medium:
    """Effective medium of the main layer, which is the deepest in radiation lengths.

    Raises:
        InputError: a material has unknown properties, or the detector has no matter.
    """
    unit = Unit.of(detector, main_layer(detector))
    whole = mixture(unit.all)
    x0, critical, moliere = _effective(unit.all)
    medium = Medium(whole.z_eff, x0, moliere, critical)
    if not unit.passive:
        return medium
    thickness = sum(d for _, d in unit.all)
    resolution = _resolution(unit.all, critical)
    return replace(medium, sampling=True, inverse_fs=thickness / x0, e_mip=unit.relative_response,
                   visible=unit.visible_fraction(), resolution=resolution)  # fmt: skip


def _effective(plates: Plates) -> tuple[float, float, float]:
    """X0 [mm], critical energy Ec [MeV] and Moliere radius [mm] of a stack of plates (section 3).

    Each material has Ec = 2.66 (X0 Z / A)^1.1 MeV with X0 in g/cm2 (section 2). In Geant4, showers in stacks with light
    gaps are wider than published, so the Moliere radius grows by GAP_SPREAD times the gaps' share of the volume.
    """
    depths = [(d / m.x0_mm, 2.66 * (m.x0 * m.z_eff / m.a_eff) ** 1.1) for m, d in plates]
    t = sum(depth for depth, _ in depths)
    thickness = sum(d for _, d in plates)
    x0, critical = thickness / t, sum(depth * ec for depth, ec in depths) / t
    density = mixture(plates).density
    gaps = sum(d for m, d in plates if m.density < density * (1 - 1e-9)) / thickness
    return x0, critical, SCALE_ENERGY * x0 / critical * (1 + GAP_SPREAD * gaps)


def _resolution(plates: Plates, critical: float) -> float:
    """Sampling term c of sigma / E = c / sqrt(E / GeV).

    It is c = 3.2 % sqrt(dE / (MeV <cos theta>)). dE is the energy loss of a minimum-ionising particle in one sampling
    unit, and <cos theta> = cos(E_s / (pi Ec)). The factor F(xi) for the lowest detectable energy is 1. Source:
    U. Amaldi, Phys. Scripta 23 (1981) 409.
    """
    return 0.032 * math.sqrt(minimum_loss(plates) / math.cos(min(SCALE_ENERGY / (math.pi * critical), 1.4)))


def nodes(detector: Detector, medium: Medium) -> Nodes:
    """Depth nodes of all plates.

    If every plate of the main layer counts, a node of at most MAX_STEP holds the integral of the profile over itself.
    Otherwise each active plate is a node. It holds its part of the visible energy, times the integral of the profile
    over the sampling unit that ends with the plate, since the published profile is that of whole units (section 3).
    """
    rows = _visible(detector, medium) if medium.sampling else _deposited(detector)
    z_min, z_max, t_min, t_max, share, layer = np.array(rows, np.float64).T
    return Nodes(z_min, z_max, t_min, t_max, share, layer.astype(np.int64))


def _plates(detector: Detector) -> list[tuple[Matter, float, float, bool, int]]:
    """Every plate in depth: matter, thickness [mm], z [mm], whether it counts, and layer."""
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
