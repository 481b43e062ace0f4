"""One electromagnetic cascade as energy spots around its axis."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from caloforge.simulators.gflash.profiles import Longitudinal, Medium, fluctuated, n_spots, radial, spot_profile
from caloforge.simulators.gflash.stack import Floats, Nodes
from caloforge.units import ELECTRON_MASS

MAX_SPOTS = 10_000
CONVERSION_DEPTH = 9 / 7  # X0, PDG eq. 34.32
MIN_ENERGY = 1e-3  # MeV


@dataclass(frozen=True)
class Spots:
    """Energy spots (n,) in the order of their nodes.

    Attributes:
        energy: visible energy [MeV].
        node: index of the depth node.
        radius: distance to the axis [mm].
    """

    energy: Floats
    node: NDArray[np.int64]
    radius: Floats


def start_points(pdg: int, energy: float, rng: np.random.Generator) -> list[tuple[float, float]]:
    """Energies [MeV] and depths [X0] at which the electron cascades of an incident start.

    The annihilation of a positron adds 2 m_e. A photon converts at an exponential depth of mean 9/7 X0 (PDG eq. 34.32).
    The pair shares its energy as 1 - 4/3 x (1 - x) (PDG eq. 34.31), which is 6/7 of 1 plus 1/7 of 3 (1 - 2x)^2.

    Args:
        pdg: PDG code of the incident.
        energy: kinetic energy of the incident [MeV].
        rng: the shower's random stream.
    """
    if pdg != 22:
        return [(energy + (2 * ELECTRON_MASS if pdg == -11 else 0.0), 0.0)]
    depth = CONVERSION_DEPTH * rng.standard_exponential()
    flat, u = rng.random(2)
    x = u if flat < 6 / 7 else (1 + np.cbrt(2 * u - 1)) / 2
    return [(max(energy * float(part), MIN_ENERGY), depth) for part in (x, 1 - x)]


def draw(medium: Medium, nodes: Nodes, energy: float, t_min: Floats, t_max: Floats, rng: np.random.Generator) -> Spots:
    """Draw the spots of an electron cascade of `energy` [MeV].

    Args:
        medium: the effective medium.
        nodes: depth nodes at which energy is deposited (n,).
        energy: energy of the electron [MeV].
        t_min: depth of the begin of each node along the axis, from the start of the cascade (n,) [X0].
        t_max: depth of the end of each node (n,) [X0].
        rng: the shower's random stream.
    """
    shower = fluctuated(medium, energy, tuple(rng.standard_normal(2)))
    visible = nodes.share * _deposits(medium, shower, energy, t_min, t_max, rng)
    middle = np.maximum((t_min + t_max) / 2, 0.0)
    expected = min(n_spots(medium, energy), MAX_SPOTS) * spot_profile(medium, shower).density(middle) * (t_max - t_min)
    counts = np.floor(expected + rng.random(len(middle)))
    counts = np.where(visible > 0, np.maximum(counts, 1), 0).astype(np.int64)
    shares = visible / np.maximum(counts, 1)
    core, tail, weight = radial(medium, energy, shower.tau(middle))
    node = np.repeat(np.arange(len(counts)), counts)
    return Spots(shares[node], node, medium.moliere * _radii(core[node], tail[node], weight[node], rng))


def _deposits(
    medium: Medium, shower: Longitudinal, energy: float, t_min: Floats, t_max: Floats, rng: np.random.Generator
) -> Floats:
    """Energy [MeV] of the profile between t_min and t_max, by Simpson's rule, with sampling fluctuations.

    Sampling fluctuations follow a gamma distribution of variance c^2 GeV dE (section 3.3), so that
    sigma / E = c / sqrt(E).
    """
    ends = shower.density(t_min) + shower.density(t_max)
    mean = energy * (t_max - t_min) / 6 * (ends + 4 * shower.density((t_min + t_max) / 2))
    if not medium.sampling:
        return mean
    scale = 1000 * medium.resolution**2
    return scale * rng.standard_gamma(mean / scale)


def _radii(core: Floats, tail: Floats, weight: Floats, rng: np.random.Generator) -> Floats:
    """Draw radii from the two-component profile by inversion, r = R sqrt(u / (1 - u)) (section 4)."""
    choice, u = rng.random((2, len(core)))
    radii: Floats = np.where(choice < weight, core, tail) * np.sqrt(u / (1 - u))
    return radii
