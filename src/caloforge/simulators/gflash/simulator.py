"""GFlash: energy spots around the axis of each electromagnetic cascade, gathered into cells."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

import caloforge
from caloforge import seeds
from caloforge.detector import Detector
from caloforge.detector.window import window_offsets
from caloforge.errors import InputError
from caloforge.particles import ELECTROMAGNETIC, particle_name
from caloforge.showers import Incidents, Showers
from caloforge.simulators.base import Simulator
from caloforge.simulators.gflash.cascade import draw, start_points
from caloforge.simulators.gflash.cells import Axis, CellFinder
from caloforge.simulators.gflash.profiles import ALPHA_RISE, EQUAL_LN_Y, T_RISE
from caloforge.simulators.gflash.stack import GAP_SPREAD, Floats, effective_medium, nodes


class GFlash(Simulator):
    """Parametrised electromagnetic showers (Grindhammer and Peters, hep-ex/0001020) in any detector of known materials.

    Electrons and positrons shower from their entry point; a photon converts at an exponential depth of mean 9/7 X0 into
    two electron cascades. Detectors whose main layer counts every plate get the deposited energy less leakage, others
    the visible energy. The number of spots is the published one, at most 10 000 per cascade (from about 40 GeV in PbWO4
    on), where a spot then carries E / 10 000.

    Raises:
        InputError: a material of unknown properties, or no matter at all.
    """

    name = "gflash"

    def __init__(self, detector: Detector) -> None:
        self.detector = detector
        self.medium = effective_medium(detector)
        self._nodes = nodes(detector, self.medium)
        self._cells = CellFinder(detector, self._nodes)

    def simulate(self, incidents: Incidents, seed: int) -> Showers:
        """Simulate showers, each from its own random stream.

        Raises:
            InputError: particles other than e-, e+, gamma; a start inside a detector whose cells do not follow;
            a window that leaves its grid.
        """
        seeds.check_seed(seed)
        self._check(incidents)
        energies = np.zeros((len(incidents), self.detector.n_cells), np.float32)
        first = self._windows(incidents)
        for row in range(len(incidents)):
            energies[row] = self._shower(incidents, row, first[row], seed)
        return Showers(self.detector, incidents, energies, self.provenance() | {"seed": seed})

    def _check(self, incidents: Incidents) -> None:
        for pdg in np.unique(incidents.pdg):
            if int(pdg) not in ELECTROMAGNETIC:
                raise InputError(f"gflash simulates e-, e+ and gamma, not {particle_name(int(pdg))}; use geant4")
        frame = self.detector.readout.frame
        if frame != "shower" and (np.abs(incidents.position[:, 2]) > 0.1).any():
            raise InputError(f"a shower that starts inside needs frame 'shower'; {self.detector.name} has '{frame}'")

    def _windows(self, incidents: Incidents) -> NDArray[np.int64]:
        """First cells of each layer's window (N, n_layers, 2); 0 where the cells do not move."""
        if self.detector.readout.frame == "window":
            return window_offsets(self.detector, incidents.theta, incidents.phi, incidents.position)
        return np.broadcast_to(np.int64(0), (len(incidents), len(self.detector.layers), 2))

    def _shower(self, incidents: Incidents, row: int, first: NDArray[np.int64], seed: int) -> Floats:
        """Cell energies (n_cells,) [MeV] of one shower.

        One shower at a time: its spots are summed in the order they were drawn, whatever batch it is in.
        """
        rng = seeds.generator(seed, int(incidents.shower_id[row]), "gflash")
        x, y, z = (float(value) for value in incidents.position[row])
        inside = max(z, 0.0) if self.detector.readout.frame == "shower" else 0.0
        axis = Axis(x, y, inside, float(incidents.theta[row]), float(incidents.phi[row]), first)
        t_entry = np.interp(axis.z, self._nodes.z_max, self._nodes.t_max, left=0.0)
        cells = np.zeros(self.detector.n_cells)
        for energy, start in start_points(int(incidents.pdg[row]), float(incidents.energy[row]), rng):
            t_min, t_max = ((t - t_entry) / axis.cosine - start for t in (self._nodes.t_min, self._nodes.t_max))
            spots = draw(self.medium, self._nodes, energy, t_min, t_max, rng)
            cells += self._cells.gather(spots, axis, rng)
        return cells

    def provenance(self) -> dict[str, Any]:
        """The parametrisation, and the effective medium it used."""
        medium = self.medium
        return {
            "simulator": "gflash",
            "physics": "hep-ex/0001020",
            "ours": {"t_rise": T_RISE, "alpha_rise": ALPHA_RISE, "equal_ln_y": EQUAL_LN_Y, "gap_spread": GAP_SPREAD},
            "versions": {"caloforge": caloforge.__version__, "numpy": np.__version__},
            "medium": {"z_eff": medium.z_eff, "x0_mm": medium.x0, "moliere_mm": medium.moliere,
                       "critical_energy_MeV": medium.critical_energy, "resolution": medium.resolution},
        }  # fmt: skip

    def close(self) -> None:
        """Nothing to release."""
