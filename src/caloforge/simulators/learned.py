"""Simulator of an exported network in ONNX Runtime, which needs neither PyTorch nor Geant4."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from caloforge import __version__
from caloforge.detector import Detector
from caloforge.errors import InputError, RunError, nearest
from caloforge.seeds import check_seed, normal_noise
from caloforge.showers import Incidents, Showers
from caloforge.showers.domain import UNKNOWN_PARTICLE, Inputs, network_inputs
from caloforge.simulators.base import Simulator
from caloforge.simulators.onnx_file import OnnxFile, Session

CHUNK = 100  # showers per call of the network; larger batches are not faster and need more memory
NOISE_STREAM = "noise"
OUTPUT = "showers"
LOG = logging.getLogger("caloforge")
INPUT_NAMES = ("energy", "theta", "phi", "position", "pdg", NOISE_STREAM)


class LearnedSimulator(Simulator):
    """A trained network that maps incidents and noise to cells.

    The noise of a shower depends on the seed and its shower_id only.

    Args:
        path: exported model.
        detector: the expected detector; by default the model's.
        outside: whether to simulate incidents outside the model's domain, too.
        threads: threads of one call of the network.

    Raises:
        InputError: the file does not exist, is not an exported model, or belongs to another detector.
    """

    def __init__(
        self, path: Path | str, detector: Detector | None = None, *, outside: bool = False, threads: int = 1
    ) -> None:
        self._path = Path(path)
        file = OnnxFile.read(self._path)
        self.card = file.card
        self.detector = self.card.built_detector(str(self._path))
        if detector is not None and detector != self.detector:
            own, other = (f"'{d.name}' (hash {d.hash[:12]})" for d in (self.detector, detector))
            raise InputError(f"{self._path} is a model of detector {own}, not of {other}")
        if self.card.digest is None:
            LOG.warning("%s holds no digest, so that damage cannot be detected; export it again", self._path)
        file.try_out()
        self._domain = None if outside else self.card.domain
        if self._domain is not None:
            self.particles = None if self._domain.pdgs == UNKNOWN_PARTICLE else self._domain.pdgs
            self.energies = self._domain.energy
        self._session: Session | None = _session(file, threads)
        self._inputs = self._checked_inputs()
        self.name = self._path.stem

    def _checked_inputs(self) -> tuple[str, ...]:
        assert self._session is not None
        asked, given = self._session.inputs, self._session.outputs
        unknown = [name for name in asked if name not in INPUT_NAMES]
        if unknown:
            raise InputError(f"{self._path} has the unknown input '{unknown[0]}'; {nearest(unknown[0], INPUT_NAMES)}")
        if given != (OUTPUT,):
            raise InputError(f"{self._path} has the outputs {', '.join(given)}, not only '{OUTPUT}'")
        for name, shape in asked.items():
            check_batch(str(self._path), name, shape)
        return tuple(asked)

    def simulate(self, incidents: Incidents, seed: int) -> Showers:
        """Simulate showers.

        Raises:
            InputError: incidents are outside the model's domain, or the seed is invalid.
            RunError: the network fails, or its output is negative or not finite.
        """
        check_seed(seed)
        known = self._known(incidents)
        if self._domain is not None:
            self._domain.check(known)
        inputs = {name: v for name, v in network_inputs(known).items() if name in self._inputs}
        cells = np.empty((len(incidents), self.detector.n_cells), np.float32)
        for start in range(0, len(incidents), CHUNK):
            rows = slice(start, start + CHUNK)
            cells[rows] = self._run({name: v[rows] for name, v in inputs.items()}, incidents.shower_id[rows], seed)
        return Showers(self.detector, incidents, cells, self.provenance() | {"seed": seed})

    def check(self, incidents: Incidents) -> None:
        """Check that incidents are inside the model's domain; with `outside` all are accepted.

        Raises:
            InputError: incidents are outside; the message gives the value and the range.
        """
        if self._domain is not None:
            self._domain.check(self._known(incidents))

    def accepts(self, incidents: Incidents) -> NDArray[np.bool_]:
        """Mask (N,) of the incidents inside the model's domain; with `outside` all are accepted."""
        if self._domain is None:
            return np.ones(len(incidents), bool)
        return self._domain.holds(incidents)

    def accepts_one(self, pdg: int, energy: float, theta: float, phi: float, position: Sequence[float]) -> bool:
        """Whether one particle is accepted, in plain numbers [MeV, rad, mm]."""
        return self._domain is None or self._domain.admits(pdg, energy, theta, phi, position[0], position[1])

    def _known(self, incidents: Incidents) -> Incidents:
        """Incidents with azimuths in the range of the model's domain."""
        return self.card.domain.with_wrapped_phi(incidents)

    def _run(self, feeds: Inputs, shower_id: NDArray[np.int64], seed: int) -> NDArray[np.float32]:
        if NOISE_STREAM in self._inputs:
            feeds[NOISE_STREAM] = normal_noise(seed, shower_id, self.card.noise, NOISE_STREAM)
        if self._session is None:
            raise RunError(f"simulator '{self.name}' is closed")
        try:
            cells: NDArray[np.float32] = self._session.run(OUTPUT, feeds)
        except Exception as error:
            raise RunError(f"the network of {self._path} fails: {str(error).splitlines()[0]}") from None
        shape = (len(shower_id), self.detector.n_cells)
        if cells.shape != shape:
            raise RunError(f"the network of {self._path} gives cells of shape {cells.shape}, not {shape}")
        if not (cells.min() >= 0 and cells.max() < np.inf):
            raise RunError(f"the network of {self._path} gives cell energies that are negative or not finite")
        return cells

    def provenance(self) -> dict[str, Any]:
        """The exported file, its training and its versions."""
        match = self.card.response_match
        matched = {"response_match": match.model_dump(mode="json")} if match else {}
        return matched | {
            "simulator": "learned",
            "file": self._path.name,
            "model": self.card.name,
            "digest": self.card.digest,
            "caloforge": __version__,
            "versions": self.card.versions,
            "training": self.card.training,
        }

    def close(self) -> None:
        """Release the network, and stop calls of other threads."""
        if self._session is not None:
            self._session.close()
        self._session = None


def check_batch(source: str, name: str, shape: Sequence[Any]) -> None:
    """Reject an input whose first axis, the number of showers, is fixed.

    Raises:
        InputError: the first axis is fixed; the message names `source`, the input and the number.
    """
    if shape and isinstance(shape[0], int):
        raise InputError(f"{source}: input '{name}' has a fixed batch of {shape[0]}: export with a free batch axis")


def _session(file: OnnxFile, threads: int) -> Session:
    try:
        return Session(file.content, threads)
    except Exception as error:
        raise InputError(f"{file.path} is not a readable ONNX model: {str(error).splitlines()[0][:200]}") from None
