"""Read events of HepMC files: stable particles, moved along their lines to the calorimeter's front face."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.extras import check_installed
from caloforge.production.tables import rounded
from caloforge.showers import Incidents
from caloforge.showers.events import ids_of
from caloforge.trial import attempt
from caloforge.units import counted

SUFFIXES = (".hepmc", ".hepmc2", ".hepmc3")
SECONDS, MEMORY = 60, 2**30  # limits of reading a file
STABLE = 1
INVISIBLE = {12, 14, 16}  # neutrinos
MAX_PARTICLES = 10_000_000


def is_hepmc(path: Path) -> bool:
    """Whether a file has the suffix of HepMC events."""
    return path.suffix.lower() in SUFFIXES


def read_hepmc(path: Path, detector: Detector, distance: float = 0.0) -> tuple[Incidents, list[str]]:
    """Stable particles of all events that fly into the calorimeter, as incidents at its front face.

    Args:
        path: HepMC2 or HepMC3 as text.
        detector: the calorimeter; z points into it.
        distance: distance of its front face from the origin of the events along z [mm].

    Returns:
        Incidents, whose shower ids tell event and particle, and sentences on particles that were left out.

    Raises:
        InputError: pyhepmc is not installed, the file is damaged, or no particle reaches the calorimeter.
    """
    check_installed("pyhepmc")
    attempt("caloforge.production.hepmc:check", path, seconds=SECONDS, memory=MEMORY)
    table = np.array(read_particles(path), np.float64).reshape(-1, 9)
    event, pdg, energy, momentum, vertex = table[:, 0], table[:, 1], table[:, 2], table[:, 3:6], table[:, 6:9]
    gap = distance - vertex[:, 2]
    with np.errstate(divide="ignore", invalid="ignore"):
        at_face = vertex[:, :2] + gap[:, None] * momentum[:, :2] / momentum[:, 2:]
    reasons = {
        "neutrinos": np.isin(np.abs(pdg), list(INVISIBLE)),
        "at rest or of no energy": energy <= 0,
        "flying away from the face": momentum[:, 2] <= 0,
        "born behind the face": gap < 0,
    }
    kept, notes = np.ones(len(table), bool), []
    reasons["missing the face"] = ~(detector.distance_to_side(at_face[:, 0], at_face[:, 1]) > 0)
    for reason, out in reasons.items():
        if n := int((kept & out).sum()):
            notes.append(f"{counted(n, 'particle')} left out: {reason}")
        kept &= ~out
    if not kept.any():
        raise InputError(f"{path}: none of {len(table)} stable particles reaches {detector.name}"
                         + f" ({'; '.join(notes)})" * bool(notes))  # fmt: skip
    momentum, at_face = momentum[kept], at_face[kept]
    theta = np.arctan2(np.hypot(momentum[:, 0], momentum[:, 1]), momentum[:, 2])
    incidents = Incidents.make(
        pdg[kept].astype(np.int32), rounded(energy[kept]), theta=rounded(theta),
        phi=rounded(np.arctan2(momentum[:, 1], momentum[:, 0])),
        position=np.column_stack([rounded(at_face[:, 0]), rounded(at_face[:, 1]), np.zeros(len(at_face))]),
        shower_id=ids_of(event[kept].astype(np.int64)),
    )  # fmt: skip
    return incidents, notes


def check(path: Path) -> int:
    """Number of stable particles; run in a child process.

    Raises:
        InputError: no events, or not HepMC.
    """
    return len(read_particles(path))


def read_particles(path: Path) -> list[list[float]]:
    """Event, PDG code, kinetic energy, momentum (3) [MeV] and vertex (3) [mm] of every stable particle.

    Raises:
        InputError: no events, or not HepMC.
    """
    import pyhepmc

    rows: list[list[float]] = []
    numbers: list[int] = []
    try:
        with pyhepmc.open(str(path)) as file:
            for index, event in enumerate(file):
                numbers.append(int(event.event_number))
                rows.extend([float(index), *row] for row in _stable(event))
                if len(rows) > MAX_PARTICLES:
                    raise InputError(f"{path} holds over {MAX_PARTICLES} particles; split the file")
    except InputError:
        raise
    except Exception as error:
        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(f"{path} is not a readable HepMC file: {said[:200]}") from None
    if not numbers:
        raise InputError(f"{path} holds no HepMC events")
    if max(Counter(numbers).values()) == 1 and min(numbers) >= 0:  # otherwise events are counted
        for row in rows:
            row[0] = float(numbers[int(row[0])])
    return rows


def _stable(event: Any) -> list[list[float]]:
    import pyhepmc

    energy_unit = 1.0 if event.momentum_unit == pyhepmc.Units.MEV else 1000.0
    length_unit = 1.0 if event.length_unit == pyhepmc.Units.MM else 10.0
    rows = []
    for particle in event.particles:
        if particle.status != STABLE:
            continue
        p, vertex = particle.momentum, particle.production_vertex
        place = vertex.position if vertex is not None else None
        mass = particle.generated_mass if particle.is_generated_mass_set() else max(p.m(), 0.0)
        kinetic = p.e - mass if mass > 0 else p.e
        xyz = [length_unit * v for v in (place.x, place.y, place.z)] if place is not None else [0.0] * 3
        rows.append([float(particle.pid), energy_unit * kinetic, *(energy_unit * v for v in (p.px, p.py, p.pz)), *xyz])
    return rows
