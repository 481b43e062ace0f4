"""Full simulation: Geant4 tracks every particle of a shower, in a child process."""

from collections.abc import Iterator
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from caloforge.detector import Detector
from caloforge.errors import InputError, RunError
from caloforge.particles import ELECTROMAGNETIC, particle_name
from caloforge.seeds import check_seed
from caloforge.showers import Incidents, Showers
from caloforge.simulators.base import Simulator
from caloforge.simulators.geant4 import physics as lists
from caloforge.simulators.geant4.process import wire
from caloforge.simulators.geant4.process.parent import Process

ON_AXIS = 0.02  # [mm] distance from the axis within which volumes serve as a mesh along the particle


class Geant4Simulator(Simulator):
    """Full simulation with Geant4, whose cells are scored in C++.

    Each shower depends on its incident, its shower_id and the seed only. Processes start with the first call of
    simulate, live until close(), and are replaced if they die. Source: Nucl. Instrum. Meth. A 506 (2003) 250.

    Args:
        detector: the detector.
        physics: physics list and cuts, or the name of a list; "em", without nuclear reactions and decays, is for e-, e+
            and photons.

    Raises:
        InputError: geant4_pybind is not installed, or the physics does not fit the data or the detector.
    """

    name = "geant4"
    _module = "caloforge.simulators.geant4.process.worker"

    def __init__(self, detector: Detector, physics: lists.Physics | str = lists.DEFAULT) -> None:
        if find_spec("geant4_pybind") is None:
            raise InputError("Geant4 is not installed: pip install caloforge[geant4]")
        self.detector = detector
        self.physics = lists.Physics.build({"list": physics}, "physics") if isinstance(physics, str) else physics
        self.physics.check(detector)
        self.particles = tuple(sorted(ELECTROMAGNETIC)) if self.physics.list == lists.EM else None
        self._msc = lists.multiple_scattering(detector)
        self._processes: dict[bool, Process] = {}

    def simulate(self, incidents: Incidents, seed: int) -> Showers:
        """Simulate showers; energies have no threshold.

        Raises:
            InputError: Geant4 does not accept the incidents, or a material is unknown or has no tables.
            RunError: the Geant4 process died; the next call starts a new one.
        """
        check_seed(seed)
        self.check(incidents)
        energies = np.empty((len(incidents), self.detector.n_cells), np.float32)
        on_axis = self._on_axis(incidents)
        for kind in (False, True):
            rows = np.flatnonzero(on_axis == kind)
            done = 0
            for part in self._run(incidents[rows], seed) if rows.size else ():
                energies[rows[done : done + len(part)]] = part
                done += len(part)
        return Showers(self.detector, incidents, energies, self.provenance())

    def _run(self, incidents: Incidents, seed: int) -> Iterator[NDArray[np.float32]]:
        """Yield rows of energies in chunks."""
        done = 0
        try:
            process = self._process(cells=bool(self._on_axis(incidents).all()))
            for _, data in process.ask({"run": len(incidents)}, wire.pack(incidents, seed)):
                part = np.frombuffer(data, np.float32).reshape(-1, self.detector.n_cells)
                yield part
                done += len(part)
        except RunError as error:
            first = incidents.shower_id[min(done, len(incidents) - 1)]
            raise RunError(f"{error} (at or after shower {first} of seed {seed})") from None

    def _process(self, *, cells: bool) -> Process:
        """The process whose cells are volumes, or the one with whole plates."""
        process = self._processes.get(cells)
        if process is None or not process.alive:
            if process:
                process.close()
            process = self._processes[cells] = Process(self._module, self._setup(cells=cells))
        return process

    def _setup(self, *, cells: bool) -> dict[str, Any]:
        """First message to a process."""
        physics = self.physics.identity
        return {"detector": self.detector.toml, "physics": physics, "msc": self._msc, "cells": cells}

    def _on_axis(self, incidents: Incidents) -> NDArray[np.bool_]:
        """Mask (N,) of incidents whose cells can be Geant4 volumes; a mesh along an inclined particle cannot."""
        if any(spec.cells.cuts() is None for spec in self.detector.spec.layer):
            return np.zeros(len(incidents), bool)
        if not self.detector.frame.follows:
            return np.ones(len(incidents), bool)
        return np.asarray((incidents.theta == 0) & (np.abs(incidents.position[:, :2]).max(axis=1) <= ON_AXIS))

    def check(self, incidents: Incidents) -> None:
        """Check that incidents enter the front face, and that the physics list is for their particles.

        Raises:
            InputError: a particle or entry point does not fit; the message names the first.
        """
        if others := set(incidents.pdg.tolist()) - set(self.particles or incidents.pdg.tolist()):
            name = particle_name(min(others))
            raise InputError(f"physics 'em' is for e-, e+ and gamma, not {name}; use {lists.DEFAULT}")
        x, y, z = incidents.position.T
        outside = self.detector.distance_to_side(x, y) < 0
        if outside.any():
            first = outside.argmax()
            raise InputError(f"entry point outside the front face: x = {x[first]:g} mm, y = {y[first]:g} mm; "
                             f"the face is {self.detector.face}")  # fmt: skip
        if np.any(z != 0):
            raise InputError("entry points must lie on the front face, z = 0")
        self.detector.frame.check(incidents)

    def accepts(self, incidents: Incidents) -> NDArray[np.bool_]:
        """Mask (N,) of incidents that enter the front face and whose particles are in the physics list."""
        x, y, z = incidents.position.T
        return np.asarray(super().accepts(incidents) & (self.detector.distance_to_side(x, y) >= 0) & (z == 0))

    def provenance(self) -> dict[str, Any]:
        """Version, physics list, settings, and origin of the tables."""
        return {
            "simulator": self.name,
            "geant4_pybind": version("geant4_pybind"),
            "physics": [lists.provenance(self.physics, self._msc)],
        }

    def close(self) -> None:
        """End the Geant4 processes."""
        for process in self._processes.values():
            process.close()
        self._processes.clear()
