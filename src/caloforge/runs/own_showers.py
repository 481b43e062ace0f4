"""Showers of a run from the user's files: they are split, copied, and compared when the run is resumed."""

import math
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.files import digest
from caloforge.particles import particle_name
from caloforge.production import SourceConfig
from caloforge.runs.config import NAMES, RunConfig, ShowerCounts
from caloforge.showers import Incidents, foreign
from caloforge.showers.domain import Domain
from caloforge.showers.foreign import Table
from caloforge.showers.foreign.layout import Layout
from caloforge.showers.incidents import concatenate
from caloforge.showers.lineage import SOURCE_FILE
from caloforge.showers.share import in_share
from caloforge.simulators import create
from caloforge.units import counted

LEAST_TEST = 400  # showers: a reference and a floor half


@dataclass(frozen=True)
class Part:
    """Showers of one role: a file, and the range of the hash of shower ids that belongs to it."""

    path: Path
    share: tuple[float, float] = (0.0, 1.0)

    def has(self, ids: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which showers (N,) belong to the part."""
        return in_share(ids, self.share)


class OwnShowers:
    """The files of a run's `[showers]`.

    Raises:
        InputError: a file that cannot be read, or does not fit detector or particle.
    """

    def __init__(self, config: ShowerCounts, detector: Detector) -> None:
        self._config, self._detector = config, detector
        self.parts = _parts(config)

    def _open(self, path: Path) -> AbstractContextManager[tuple[Layout, Table]]:
        return foreign.opened(path, self._detector, self._config.particle, self._config.format)

    @cached_property
    def _incidents(self) -> dict[str, Incidents]:
        """Incidents of each part."""
        found = {}
        for name, part in self.parts.items():
            with self._open(part.path) as (_, table):
                found[name] = table.incidents[part.has(table.incidents.shower_id)]
            if not len(found[name]):
                raise InputError(f"{part.path} leaves no showers for [showers] {name}")
        if len(found["test"]) < LEAST_TEST:
            raise InputError(f"[showers] test has {counted(len(found['test']), 'shower')}; {LEAST_TEST} are needed, "
                             "half of them for the floor")  # fmt: skip
        return found

    def complete(self, config: RunConfig) -> RunConfig:
        """Config of the run with the numbers of showers and the incidents of the files.

        The model is timed at an energy in the middle of the range if the config names none.

        Raises:
            InputError: files that cannot be used, or GFlash as a competitor in a detector without matter.
        """
        if "gflash" in config.validation.competitors:
            create("gflash", self._detector).close()
        found = {name: len(incidents) for name, incidents in self._incidents.items()}
        beam = self._source()
        low, high = Domain.of(self._all).energy
        middle = f"{math.sqrt(low * high)!r} MeV"
        inside = config.inside.model_copy(update={"energy": middle})
        bench = config.bench
        if "bench" not in config.model_fields_set:
            bench = bench.model_copy(update={"energies": (middle,)})
        counts = config.showers.model_copy(update=found)
        return config.model_copy(update={"showers": counts, "incidents": beam, "inside": inside, "bench": bench})

    @cached_property
    def _all(self) -> Incidents:
        return concatenate(list(self._incidents.values()))

    @cached_property
    def _ranges(self) -> dict[str, list[float]]:
        """Ranges of all files, since a model learns from a part and is meant for the whole."""
        domain = Domain.of(self._all)
        x, y, _ = domain.position
        found = {"energy": domain.energy, "theta": domain.theta, "phi": domain.phi, "x": x, "y": y}
        return {name: list(side) for name, side in found.items()}

    def _source(self) -> SourceConfig:
        """Source with the particles and the ranges of all files.

        Raises:
            InputError: the files do not tell their particle.
        """
        domain = Domain.of(self._all)
        if 0 in domain.pdgs:
            raise InputError('[showers] the files do not tell their particle; add particle = "e-", or what it is')
        x, y = (_range(side, "mm") for side in domain.position[:2])
        return SourceConfig(
            particle=", ".join(map(particle_name, domain.pdgs)), energy=_range(domain.energy, "MeV"),
            theta=_range(domain.theta, "rad"), phi=_range(domain.phi, "rad"), position=f"{x}, {y}",
        )  # fmt: skip

    def copy(self, name: str, output: Path) -> None:
        """Copy the showers of a part block by block; an existing copy must be of the same file.

        Raises:
            InputError: the file has changed since, or holds impossible energies.
        """
        part = self.parts[name]
        made = {"file": part.path.name, "sha256": digest(part.path), "share": list(part.share), "ranges": self._ranges}
        if output.exists():
            if self._made_from(output) != made:
                raise InputError(f"{part.path} has changed since this run began; give another folder with --out, or "
                                 "start again with --force")  # fmt: skip
            return
        writer = foreign.LAYOUTS["caloforge"].writer
        assert writer is not None
        with self._open(part.path) as (_, table):
            kept = part.has(table.incidents.shower_id)
            with writer(output, table.detector, int(kept.sum())) as put:
                done = 0
                for block in table.chunks():
                    rows = kept[done : done + len(block)]
                    done += len(block)
                    put(replace(block[rows], provenance=block.provenance | {SOURCE_FILE: made}))

    @staticmethod
    def _made_from(output: Path) -> Any:
        with foreign.opened(output) as (_, table):
            return table.provenance.get(SOURCE_FILE)


def _range(side: tuple[float, float], unit: str) -> str:
    low, high = side
    return f"{low!r} {unit}" if low == high else f"{low!r} {unit}:{high!r} {unit}"


def _parts(config: ShowerCounts) -> dict[str, Part]:
    if config.select is not None:
        return {name: Part(Path(str(getattr(config, name)))) for name in NAMES}
    ends = np.cumsum([0.0, *config.shares])
    ends[-1] = 1.0
    path = Path(str(config.train))
    return {name: Part(path, (float(a), float(b))) for name, a, b in zip(NAMES, ends[:-1], ends[1:], strict=True)}
