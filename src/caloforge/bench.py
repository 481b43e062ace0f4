"""Time every simulator and Geant4 in the same run: milliseconds per shower on one thread."""

import json
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from caloforge import provenance, units
from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.extras import GEANT4 as GEANT4_PACKAGES
from caloforge.extras import absent
from caloforge.files import read_text, write_text
from caloforge.particles import particle_name
from caloforge.production import Source, SourceConfig
from caloforge.simulators import GEANT4, Simulator, create
from caloforge.simulators.geant4 import Physics

BATCHES = (1, 10, 100, 1000)
SECONDS_PER_BATCH = 1.0
CALLS = 4  # least number of calls; the first one does not count
LONGEST = 120.0  # [s] that the calls of a batch may take
GEANT4_SECONDS = 10.0
SEED = 2026

Report = dict[str, Any]


def bench(
    detector: Detector,
    simulators: dict[str, Simulator],
    incidents: SourceConfig,
    energies: Sequence[str],
    say: Callable[[str], None],
    batches: Sequence[int] | None = None,
    physics: Physics | None = None,
    *,
    with_geant4: bool = True,
) -> Report:
    """Time simulators on incidents of the first energy, and Geant4, unless excluded or not installed, at every energy.

    By default the batches have 1 to 1000 showers. The smallest is timed first. Batches whose four calls would take over
    two minutes are left out.

    Returns:
        bench.json's content: threads, cpu, ms per shower and its spread over repeated calls per simulator and batch,
        Geant4's ms per shower per energy.

    Raises:
        InputError: no such incidents, or a simulator refuses them.
    """
    sources = {units.show_energy(units.energy(e)): Source.from_config(incidents.at(e), detector) for e in energies}
    first = next(iter(sources))
    physics = physics or Physics()
    times = {n: _time_batches(s, sources[first], batches or BATCHES, say) for n, s in simulators.items()}
    full: Report = {}
    if with_geant4 and (lacking := absent(*GEANT4_PACKAGES)):
        say(f"Geant4 is not timed: {lacking}")
    elif with_geant4:
        with create(GEANT4, detector, physics) as geant4:
            full = {energy: _time_geant4(geant4, source, energy, say) for energy, source in sources.items()}
    return {
        "threads": 1, "cpu": provenance.cpu(), "particle": ", ".join(map(particle_name, sources[first].pdgs)),
        "energy": first, "detector": detector.name, "simulators": times,
        "geant4_ms": {e: t["ms"] for e, t in full.items()}, "geant4": full,
        "physics": physics.identity, "versions": provenance.versions(),
    }  # fmt: skip


class _Time(BaseModel):
    model_config = ConfigDict(allow_inf_nan=False)
    ms: Annotated[float, Field(ge=0)]
    std: Annotated[float | None, Field(ge=0)] = None


class _Times(BaseModel):
    """Keys of bench.json that caloforge reads; a file may have others."""

    model_config = ConfigDict(allow_inf_nan=False)
    simulators: dict[str, dict[Annotated[str, Field(pattern=r"^[1-9][0-9]{0,8}$")], _Time]]
    geant4_ms: dict[str, float]
    cpu: str = ""
    threads: int = 1


def write_report(report: Report, path: Path) -> None:
    """Write bench.json completely or not at all."""
    write_text(path, json.dumps(report, indent=1))


def read_report(path: Path) -> Report:
    """The content of a bench.json.

    Raises:
        InputError: it cannot be read, or is not a bench.json.
    """
    text = read_text(path)
    try:
        report: Report = json.loads(text)
        _Times.model_validate(report)
    except (ValueError, RecursionError):
        raise InputError(f"{path} is not what `caloforge bench` writes") from None
    return report


def _time_batches(simulator: Simulator, source: Source, batches: Sequence[int], say: Callable[[str], None]) -> Report:
    results: Report = {}
    for batch in batches:
        say(f"{simulator.name}, batch {batch}")
        expected = min(row["ms"] for row in results.values()) * batch / 1e3 if results else 0.0
        if CALLS * expected > LONGEST:
            break
        results[str(batch)] = _repeat(simulator, source, batch)
    return results


def _repeat(simulator: Simulator, source: Source, batch: int) -> Report:
    """Time calls for a second, at least three of them, after one that does not count; `cpu_min` is processor time."""
    seconds: list[float] = []
    worked: list[float] = []
    calls = 0
    while calls < CALLS or (sum(seconds) < SECONDS_PER_BATCH and calls < 1000):
        incidents = source.draw(calls * batch, batch, SEED)
        begin, idle = time.perf_counter(), time.process_time()
        simulator.simulate(incidents, SEED)
        if calls:
            worked.append(time.process_time() - idle)
            seconds.append(time.perf_counter() - begin)
        calls += 1
        if sum(seconds) > LONGEST:
            break
    ms = 1e3 * np.array(seconds) / batch
    return {"ms": float(ms.mean()), "std": float(ms.std()), "min": float(ms.min()), "calls": len(seconds),
            "cpu_min": 1e3 * min(worked) / batch}  # fmt: skip


def _time_geant4(geant4: Simulator, source: Source, energy: str, say: Callable[[str], None]) -> Report:
    """Time showers one after the other in one Geant4 process, without its start."""
    say(f"geant4, {energy}")
    geant4.simulate(source.draw(0, 1, SEED), SEED)
    begin = time.perf_counter()
    geant4.simulate(source.draw(1, 2, SEED), SEED)
    one = (time.perf_counter() - begin) / 2
    n = int(np.clip(GEANT4_SECONDS / one, 2, 200))
    chunks = [c for c in np.array_split(np.arange(3, 3 + n), min(n, 5)) if len(c)]
    ms = []
    for ids in chunks:
        incidents = source.draw(int(ids[0]), len(ids), SEED)
        begin = time.perf_counter()
        geant4.simulate(incidents, SEED)
        ms.append(1e3 * (time.perf_counter() - begin) / len(ids))
    return {"ms": float(np.mean(ms)), "std": float(np.std(ms) / math.sqrt(len(ms))), "showers": n}
