"""Signals of muons and electrons in the cells of a layer: Landau's most probable loss, saturated and weighted."""

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from caloforge.detector.ionisation import MUON_MASS, K
from caloforge.detector.materials import Matter, matter
from caloforge.detector.spec import LayerSpec
from caloforge.units import ELECTRON_MASS

if TYPE_CHECKING:
    from caloforge.detector.detector import Detector

MUON_ENERGY = 10_000.0  # MeV, kinetic
J = 0.200


def most_probable_loss(plates: list[tuple[Matter, float]], energy: float = MUON_ENERGY) -> float:
    """Most probable ionisation loss of a muon that crosses plates at right angles.

    The widths xi of the plates add up, so the loss of thin plates grows faster than their thickness.

    Args:
        plates: matter and thickness [mm] of each plate.
        energy: kinetic energy of the muon [MeV].

    Returns:
        Loss [MeV].

    Source: PDG, Review of Particle Physics (2024), eq. 34.12; L. Landau, J. Phys. (USSR) 8 (1944) 201.
    """
    gamma = 1 + energy / MUON_MASS
    beta_gamma, beta2 = math.sqrt(gamma**2 - 1), 1 - 1 / gamma**2
    parts = [(K / 2 * part.z_over_a * share * m.density * thickness / 10 / beta2, part)
             for m, thickness in plates for share, part in m.ionisation]  # fmt: skip
    width = sum(xi for xi, _ in parts)
    return sum(
        xi * (math.log(2 * ELECTRON_MASS * beta_gamma**2 * width) - 2 * math.log(part.mean_energy * 1e-6)
              + J - beta2 - part.density_effect(beta_gamma))
        for xi, part in parts
    )  # fmt: skip


def mip_signal(spec: LayerSpec, detector: "Detector") -> float:
    """Most probable signal [MeV] of a muon of 10 GeV in the cells of a layer, with saturation and weight.

    Raises:
        InputError: a material of unknown properties.
    """
    plates = [
        (matter(p.material, detector), spec.repeat * p.thickness) for p in spec.plates if p.material in spec.counts
    ]
    loss = most_probable_loss(plates)
    quenching = 1 + (spec.birks or 0.0) * loss / sum(thickness for _, thickness in plates)
    return spec.weight * loss / quenching


def electron_signal(detector: "Detector") -> NDArray[np.float64]:
    """Ratio of signal to deposit of electromagnetic showers in each cell (n_cells,): weight and saturation.

    Electrons count as minimum-ionising; those near the end of their range saturate more. Nearly all arrive within
    nanoseconds, so a time gate changes nothing.

    Raises:
        InputError: a layer that saturates has a material of unknown properties.
    """
    factors = []
    for spec in detector.spec.layer:
        loss = 0.0 if spec.birks is None else matter(spec.counts[0], detector).min_loss
        factors += spec.copies * [spec.weight / (1 + (spec.birks or 0.0) * loss)]
    return np.array(factors)[detector.cell_layer]
