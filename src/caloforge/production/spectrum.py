"""Sources of incidents: particle, energy, direction and entry point, drawn from each shower's own stream."""

from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from caloforge import seeds, units
from caloforge.config import Strict
from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.limits import MAX_LABELS, MAX_SHOWERS, check_angle, check_energy
from caloforge.particles import kinetic_energy, pdg_code
from caloforge.showers import Incidents

DEFAULT_POSITION = "-0.01 mm:0.01 mm, -0.01 mm:0.01 mm"  # a beam exactly on a cell edge would break symmetries


class SourceConfig(Strict):
    """Incidents as text, as on the command line.

    Attributes:
        particle: Geant4 name or PDG code, or several with commas between, "e-, e+, gamma": as many showers of each.
        energy: kinetic energy, "10 GeV" or a range "1 GeV:100 GeV".
        momentum: "10 GeV/c" or a range; replaces `energy`.
        spectrum: distribution of energies in a range.
        labels: "10 GeV:14 GeV:0.1 GeV", first, last and step of fixed kinetic energies; replaces `energy`.
        per_label: showers per label.
        leave_out: labels to leave out, written like `labels`; a run leaves them out of training, not of the test.
        theta, phi: angle or range; ranges are uniform.
        position: entry point "x, y", each a length or a range; ranges are uniform.
    """

    particle: str
    energy: str | None = None
    momentum: str | None = None
    spectrum: Literal["uniform", "log"] = "uniform"
    labels: str | None = None
    per_label: int | None = Field(default=None, ge=1, le=MAX_SHOWERS)
    leave_out: str | None = None
    theta: str | None = None
    phi: str | None = None
    position: str | None = None

    def complete(self) -> Self:
        """Config that includes the labels that are left out."""
        return self.model_copy(update={"leave_out": None})

    def at(self, energy: str) -> Self:
        """Config of the same particles at one energy."""
        update = {"energy": energy, "spectrum": "uniform"} | dict.fromkeys(
            ("momentum", "labels", "per_label", "leave_out")
        )
        return self.model_copy(update=update)


class IncidentSource(Protocol):
    """Source of incidents: row i is always the same incident with the same shower_id."""

    @property
    def fingerprint(self) -> dict[str, Any]:
        """All that the incidents depend on besides the seed; JSON values."""
        ...

    @property
    def ranges(self) -> dict[str, Any]:
        """Ranges that incidents are drawn from, by name; empty if they are given one by one."""
        ...

    @property
    def pdgs(self) -> list[int]:
        """Different PDG codes of the incidents."""
        ...

    def check(self, first: int, n: int) -> None:
        """Check that the source has the rows.

        Raises:
            InputError: the source does not have the rows.
        """
        ...

    def draw(self, first: int, n: int, seed: int) -> Incidents:
        """Incidents of rows first .. first + n - 1."""
        ...

    def ids(self, first: int, n: int) -> NDArray[np.int64]:
        """Ids of the showers of rows first .. first + n - 1."""
        ...


@dataclass(frozen=True)
class Source:
    """Source of random incidents; row i is shower i.

    Attributes:
        pdg: PDG code, or those of several particles: showers take them in turn, or one round of labels after the other.
        energy: range [MeV], equal ends for a fixed energy.
        log: whether the logarithm of the energy is uniform.
        labels: fixed energies [MeV], each for `per_label` showers in a row, starting again after the last; or empty.
        theta, phi: ranges [rad]; x, y: ranges [mm].
    """

    pdg: int | tuple[int, ...]
    energy: tuple[float, float]
    log: bool
    labels: tuple[float, ...]
    per_label: int
    theta: tuple[float, float]
    phi: tuple[float, float]
    x: tuple[float, float]
    y: tuple[float, float]

    @classmethod
    def from_config(cls, config: SourceConfig, detector: Detector) -> Self:
        """Build from text; the detector's own defaults replace missing values.

        Raises:
            InputError: an invalid quantity, range or particle.
        """
        defaults = detector.spec.incidents
        labels = _kept_labels(config)
        if sum(map(bool, (labels, config.energy, config.momentum))) != 1:
            raise InputError("give one of energy, momentum and labels")
        if bool(labels) != bool(config.per_label):
            raise InputError("labels and per_label belong together")
        pdgs = _pdg_codes(config)
        energy = _energy_range(config, pdgs[0]) or (labels[0], labels[-1])
        if energy[0] <= 0:
            said = config.energy or config.momentum or config.labels
            raise InputError(f"{'momentum' if config.momentum else 'energy'} must be positive, '{said}' is not")
        for end in energy:
            check_energy(end)
        theta = parse_range(config.theta or defaults.theta or "0 rad", "angle")
        if max(map(abs, theta)) >= np.pi / 2:
            raise InputError("theta must be below pi/2, the particle must fly into the calorimeter")
        x, y = parse_position(config.position or defaults.position or DEFAULT_POSITION)
        if detector.distance_to_side(max(map(abs, x)), max(map(abs, y))) <= 0:
            raise InputError(f"position reaches outside the face of {detector.name}, {detector.face}")
        phi = parse_range(config.phi or defaults.phi or "0 rad", "angle")
        for end in phi:
            check_angle(end)
        return cls(
            pdgs if pdgs[1:] else pdgs[0], energy, config.spectrum == "log", labels, config.per_label or 1,
            theta, phi, x, y
        )  # fmt: skip

    @property
    def fingerprint(self) -> dict[str, Any]:
        """All fields."""
        return asdict(self)

    @property
    def ranges(self) -> dict[str, Any]:
        """Ranges of energy, direction and entry point."""
        return {name: getattr(self, name) for name in ("energy", "theta", "phi", "x", "y")}

    @property
    def pdgs(self) -> list[int]:
        """Its particles, in the order of the config."""
        return [self.pdg] if isinstance(self.pdg, int) else list(self.pdg)

    def check(self, first: int, n: int) -> None:
        """Check that the ids are possible.

        Raises:
            InputError: ids are negative or too large.
        """
        if first < 0 or first + n > 2**62:
            raise InputError(f"--first-id {first} is outside 0 .. 2**62")

    def ids(self, first: int, n: int) -> NDArray[np.int64]:
        """Ids first .. first + n - 1."""
        return np.arange(first, first + n)

    def draw(self, first: int, n: int, seed: int) -> Incidents:
        """Incidents of showers first .. first + n - 1: each depends on (seed, shower_id) only."""
        ids = self.ids(first, n)
        uniform = np.array([seeds.generator(seed, i, "incident").random(5) for i in ids.tolist()]).reshape(n, 5)
        x, y = (low + (high - low) * u for (low, high), u in zip((self.x, self.y), uniform.T[3:], strict=True))
        theta, phi = (a + (b - a) * u for (a, b), u in zip((self.theta, self.phi), uniform.T[1:3], strict=True))
        position = np.column_stack([x, y, np.zeros(n)])
        energy = self._energies(ids, uniform[:, 0])
        pdg = np.array(self.pdgs)[ids // (self.per_label * max(len(self.labels), 1)) % len(self.pdgs)]
        return Incidents.make(pdg, energy, theta=theta, phi=phi, position=position, shower_id=ids)

    def _energies(self, ids: NDArray[np.int64], uniform: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.labels:
            return np.array(self.labels)[ids // self.per_label % len(self.labels)]
        low, high = self.energy
        if low == high:
            return np.full(len(ids), low)
        if self.log:
            return np.clip(low * (high / low) ** uniform, low, high)
        return low + (high - low) * uniform


def _pdg_codes(config: SourceConfig) -> tuple[int, ...]:
    """PDG codes of a config's particles, each once."""
    pdgs = tuple(pdg_code(name.strip()) for name in config.particle.split(","))
    if len(set(pdgs)) < len(pdgs):
        raise InputError(f"particle '{config.particle}' names one particle twice")
    if len(pdgs) > 1 and config.momentum:
        raise InputError("momentum is of one particle, since masses differ; give the energy of several")
    return pdgs


def _energy_range(config: SourceConfig, pdg: int) -> tuple[float, float] | None:
    """Range of kinetic energies [MeV] from a config's energy or momentum."""
    if config.energy:
        return parse_range(config.energy, "energy")
    if not config.momentum:
        return None
    low, high = parse_range(config.momentum, "momentum")
    return kinetic_energy(low, pdg), kinetic_energy(high, pdg)


def parse_range(text: str, kind: Literal["energy", "momentum", "length", "angle"]) -> tuple[float, float]:
    """Read "a" or "a:b" into base units.

    Raises:
        InputError: not a quantity, or an empty range.
    """
    read = {"energy": units.energy, "momentum": units.momentum, "length": units.length, "angle": units.angle}[kind]
    parts = [read(part) for part in text.split(":")]
    if len(parts) > 2:
        raise InputError(f"{kind} range '{text}' must read 'low:high'")
    if len(parts) == 2 and parts[0] >= parts[1]:
        raise InputError(f"{kind} range '{text}' is empty: the second value must exceed the first")
    return parts[0], parts[-1]


def _kept_labels(config: SourceConfig) -> tuple[float, ...]:
    labels = parse_labels(config.labels) if config.labels else ()
    left_out = parse_labels(config.leave_out) if config.leave_out else ()
    unknown = set(left_out) - set(labels)
    if unknown:
        raise InputError(f"leave_out: {units.show_energy(min(unknown))} is none of the labels '{config.labels or ''}'")
    if labels and not set(labels) - set(left_out):
        raise InputError("leave_out leaves no label")
    return tuple(label for label in labels if label not in left_out)


def parse_labels(text: str) -> tuple[float, ...]:
    """Read "10 GeV:14 GeV:0.1 GeV" into energies [MeV], both ends included.

    Raises:
        InputError: not three quantities, or an empty list.
    """
    parts = [units.energy(part) for part in text.split(":")]
    if len(parts) != 3 or parts[2] <= 0 or parts[1] < parts[0]:
        raise InputError(f"labels '{text}' must read 'first:last:step', for example '10 GeV:14 GeV:0.1 GeV'")
    first, last, step = parts
    steps = (last - first) / check_energy(step)
    if steps >= MAX_LABELS:
        raise InputError(f"labels '{text}' are {steps:.6g} energies; at most {MAX_LABELS} make sense")
    count = int(np.floor(steps + 1e-9)) + 1
    return tuple(round(first + i * step, 9) for i in range(count))


def parse_position(text: str) -> tuple[tuple[float, float], tuple[float, float]]:
    """Read "x, y", each "a" or "a:b" with units, into ranges [mm].

    Raises:
        InputError: not two lengths or ranges of length.
    """
    parts = text.split(",")
    if len(parts) != 2:
        raise InputError(f"position '{text}' must read 'x, y', for example '0 mm, -5 mm:5 mm'")
    x, y = (parse_range(part, "length") for part in parts)
    return x, y
