"""GFlash: energy spots around the axis of each electromagnetic cascade, gathered into cells."""

import math
import warnings
from collections.abc import Iterable, Sequence
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

import caloforge
from caloforge import seeds
from caloforge.detector import Detector
from caloforge.detector.mip import electron_signal
from caloforge.errors import AccuracyWarning, InputError
from caloforge.particles import ELECTROMAGNETIC, particle_name
from caloforge.showers import Incidents, Showers
from caloforge.simulators.base import Simulator
from caloforge.simulators.gflash.cascade import draw, start_points
from caloforge.simulators.gflash.cells import Axis, CellFinder
from caloforge.simulators.gflash.profiles import ALPHA_RISE, EQUAL_LN_Y, T_RISE
from caloforge.simulators.gflash.stack import GAP_SPREAD, Floats, effective_medium, nodes
from caloforge.units import show_energy

LEAST_ENERGY = 200.0  # MeV; showers of less energy have the wrong shape
MEANT_FROM = 1000.0  # MeV; at less energy, R90 in lead and argon is too large by 18 % and more (docs/gflash.md)
NOT_WARNED = Lock()  # never released by the thread that warns first


def check_incidents(pdgs: Iterable[int], least_energy: float) -> None:
    """Reject particles and energies that the parametrisation does not describe.

    Args:
        pdgs: PDG codes.
        least_energy: lowest kinetic energy [MeV].

    Raises:
        InputError: a particle is not e-, e+ or gamma, or the energy is below 200 MeV.
    """
    for pdg in pdgs:
        if pdg not in ELECTROMAGNETIC:
            raise InputError(f"gflash simulates e-, e+ and gamma, not {particle_name(pdg)}; use geant4")
    if least_energy < LEAST_ENERGY:
        raise InputError(
            f"gflash simulates {show_energy(LEAST_ENERGY)} and more, not {show_energy(least_energy)}; use geant4"
        )


def _warn_of_low_energies() -> None:
    """Warn, once in a process, that showers below 1 GeV are too wide."""
    if NOT_WARNED.acquire(blocking=False):
        said = f"gflash is meant for {show_energy(MEANT_FROM)} and more; below, its showers are too wide"
        warnings.warn(said, AccuracyWarning, stacklevel=4)


def check_field(detector: Detector) -> None:
    """Reject a magnetic field, since the parametrisation does not describe how it deflects and widens cascades.

    Raises:
        InputError: the detector has a magnetic field.
    """
    if any(detector.field):
        raise InputError(f"gflash simulates no magnetic field, and {detector.name} has one; use geant4")


class GFlash(Simulator):
    """Parametrised electromagnetic showers (Grindhammer and Peters, hep-ex/0001020) in any detector of known materials.

    Electrons and positrons shower from their entry point. A photon converts at an exponential depth of mean 9/7 X0 into
    two electron cascades. Cells hold the deposited energy if every plate of the main layer counts, else the visible
    energy; leakage is lost. The number of spots is the published one, but at most 10 000 per cascade, which PbWO4
    reaches at about 40 GeV. If cells hold a signal, deposits are scaled by the weight of their layer and by the
    saturation of minimum-ionising electrons.

    Raises:
        InputError: a material has unknown properties, or the detector has no matter or a magnetic field.
    """

    name = "gflash"
    particles = tuple(sorted(ELECTROMAGNETIC))
    energies = (LEAST_ENERGY, math.inf)

    def __init__(self, detector: Detector) -> None:
        check_field(detector)
        self.detector = detector
        self.medium = effective_medium(detector)
        self._nodes = nodes(detector, self.medium)
        self._cells = CellFinder(detector, self._nodes)
        self._signal = electron_signal(detector)

    def simulate(self, incidents: Incidents, seed: int) -> Showers:
        """Simulate showers, each from its own random stream.

        Raises:
            InputError: a particle is not e-, e+ or gamma, an energy is below 200 MeV, a shower starts inside a detector
                whose cells do not follow the particle, or a window leaves its grid.
        """
        seeds.check_seed(seed)
        self.check(incidents)
        energies = np.zeros((len(incidents), self.detector.n_cells), np.float32)
        first = self.detector.frame.first_cells(incidents)
        for row in range(len(incidents)):
            energies[row] = self._signal * self._shower(incidents, row, first[row], seed)
        return Showers(self.detector, incidents, energies, self.provenance() | {"seed": seed})

    def check(self, incidents: Incidents) -> None:
        """Check that the parametrisation describes incidents; warn once of energies at which showers are too wide.

        Raises:
            InputError: a particle is not e-, e+ or gamma, an energy is below 200 MeV, or an entry point does not fit.
        """
        if not len(incidents):
            return
        least = float(incidents.energy.min())
        check_incidents(np.unique(incidents.pdg).tolist(), least)
        if least < MEANT_FROM:
            _warn_of_low_energies()
        if not self.detector.frame.follows and (np.abs(incidents.position[:, 2]) > 0.1).any():
            frame = self.detector.readout.frame
            raise InputError(f"a shower that starts inside needs frame 'shower'; {self.detector.name} has '{frame}'")
        self.detector.frame.check(incidents)

    def accepts_one(self, pdg: int, energy: float, theta: float, phi: float, position: Sequence[float]) -> bool:  # noqa: ARG002
        """Whether one particle is accepted, in plain numbers [MeV, rad, mm]."""
        return pdg in ELECTROMAGNETIC and energy >= LEAST_ENERGY

    def _shower(self, incidents: Incidents, row: int, first: NDArray[np.int64], seed: int) -> Floats:
        """Cell energies (n_cells,) [MeV] of one shower.

        Spots are summed in the order in which they were drawn, so that the batch does not matter.
        """
        rng = seeds.generator(seed, int(incidents.shower_id[row]), "gflash")
        x, y, z = (float(value) for value in incidents.position[row])
        inside = max(z, 0.0) if self.detector.frame.follows else 0.0
        axis = Axis(x, y, inside, float(incidents.theta[row]), float(incidents.phi[row]), first)
        t_entry = np.interp(axis.z, self._nodes.z_max, self._nodes.t_max, left=0.0)
        cells = np.zeros(self.detector.n_cells)
        for energy, start in start_points(int(incidents.pdg[row]), float(incidents.energy[row]), rng):
            t_min, t_max = ((t - t_entry) / axis.cosine - start for t in (self._nodes.t_min, self._nodes.t_max))
            spots = draw(self.medium, self._nodes, energy, t_min, t_max, rng)
            cells += self._cells.gather(spots, axis, rng)
        return cells

    def provenance(self) -> dict[str, Any]:
        """The parametrisation and its effective medium."""
        medium = self.medium
        return {
            "simulator": "gflash",
            "physics": "hep-ex/0001020",
            "energies": {"refused_below_MeV": LEAST_ENERGY, "too_wide_below_MeV": MEANT_FROM},
            "ours": {"t_rise": T_RISE, "alpha_rise": ALPHA_RISE, "equal_ln_y": EQUAL_LN_Y, "gap_spread": GAP_SPREAD},
            "versions": {"caloforge": caloforge.__version__, "numpy": np.__version__},
            "medium": {"z_eff": medium.z_eff, "x0_mm": medium.x0, "moliere_mm": medium.moliere,
                       "critical_energy_MeV": medium.critical_energy, "resolution": medium.resolution},
        }  # fmt: skip

    def close(self) -> None:
        """Do nothing, since there is nothing to release."""
