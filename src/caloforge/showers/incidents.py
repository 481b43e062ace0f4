"""Incidents: the particles that hit the detector."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from html import escape
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from caloforge import units
from caloforge.errors import InputError
from caloforge.particles import particle_name, pdg_code


@dataclass(frozen=True, eq=False)
class Incidents:
    """N incident particles.

    Attributes:
        pdg: PDG codes int32 (N,).
        energy: kinetic energies float64 (N,) [MeV].
        theta: angles to +z float64 (N,) [rad].
        phi: azimuths from +x float64 (N,) [rad].
        position: entry points float64 (N, 3) [mm]; the front face is z = 0.
        shower_id: ids of the showers within a run's seed, int64 (N,).
    """

    pdg: NDArray[np.int32]
    energy: NDArray[np.float64]
    theta: NDArray[np.float64]
    phi: NDArray[np.float64]
    position: NDArray[np.float64]
    shower_id: NDArray[np.int64]

    @classmethod
    def make(
        cls,
        particle: str | ArrayLike,
        energy: ArrayLike,
        *,
        theta: ArrayLike = 0.0,
        phi: ArrayLike = 0.0,
        position: ArrayLike = (0.0, 0.0, 0.0),
        shower_id: ArrayLike | None = None,
    ) -> Self:
        """Build from scalars or arrays, broadcast to the length of `energy`; shower ids count from 0.

        Args:
            particle: Geant4 name or PDG code, or N of them.
            energy: kinetic energies (N,) [MeV], or text such as "5 GeV", alone or in a list.
            theta: angles to +z (N,) [rad], or text such as "0.2 rad".
            phi: azimuths from +x (N,) [rad], or text.
            position: entry points (N, 3) or (3,) [mm], or text such as ("2 mm", "0 mm", "0 mm").
            shower_id: names of the showers within a run's seed (N,).

        Raises:
            InputError: shapes that do not fit, or values outside their range.

        Examples:
            >>> Incidents.make("e+", ["5 GeV", "10 GeV"]).energy.tolist()
            [5000.0, 10000.0]
        """
        e = np.atleast_1d(_numbers(energy, units.energy))
        n = len(e)
        code = _codes(particle)
        if np.size(code) not in (1, n):
            said = f"{np.size(code)} particles do not fit {n} energies"
            raise InputError(f"incidents: {said}; give one, or one for each energy")
        places = np.atleast_1d(_numbers(position, units.length))
        if places.shape not in ((3,), (1, 3), (n, 3)):
            raise InputError(f"incidents: position has shape {places.shape}, not (3,) or ({n}, 3): x, y, z [mm]")
        ids = np.arange(n) if shower_id is None else shower_id
        try:
            return cls(
                np.broadcast_to(np.asarray(code, np.int32), n),
                e,
                np.broadcast_to(_numbers(theta, units.angle), n),
                np.broadcast_to(_numbers(phi, units.angle), n),
                np.broadcast_to(places, (n, 3)),
                np.broadcast_to(np.asarray(ids, np.int64), n),
            )
        except InputError:
            raise
        except ValueError as error:
            raise InputError(f"incidents: {error}") from None

    def __post_init__(self) -> None:
        n = len(self.energy)
        for field in fields(self):
            shape = (n, 3) if field.name == "position" else (n,)
            if getattr(self, field.name).shape != shape:
                raise InputError(f"incidents: {field.name} has shape {getattr(self, field.name).shape}, not {shape}")
        for name in ("energy", "theta", "phi", "position"):
            if not np.isfinite(getattr(self, name)).all():
                raise InputError(f"incidents: {name} is not finite")
        if (self.energy <= 0).any():
            raise InputError(f"incidents: energy must be positive, found {self.energy.min():g} MeV")
        if (np.abs(self.theta) >= np.pi / 2).any():
            raise InputError("incidents: theta must be below pi/2, the particle must fly into the calorimeter")
        if (self.shower_id < 0).any():
            raise InputError("incidents: shower_id must not be negative")

    def __len__(self) -> int:
        return len(self.energy)

    def compact(self) -> "Incidents":
        """The same incidents; a column of equal values takes the memory of one value."""
        columns = (getattr(self, field.name) for field in fields(self))
        return Incidents(
            *(_as_one(column) if len(self) and (column == column[0]).all() else column for column in columns)
        )

    def __getitem__(self, rows: Any) -> "Incidents":
        """Select incidents by an index, a slice, indices or a mask; one index gives N = 1 incident."""
        rows = as_rows(rows)
        return Incidents(*(getattr(self, field.name)[rows] for field in fields(self)))

    def __eq__(self, other: object) -> bool:
        """Whether all fields are equal to the bit."""
        if not isinstance(other, Incidents):
            return NotImplemented
        return all(np.array_equal(getattr(self, f.name), getattr(other, f.name)) for f in fields(self))

    def __repr__(self) -> str:
        if not len(self):
            return "Incidents(none)"
        low, high = (units.show_energy(float(f"{e:.4g}")) for e in (self.energy.min(), self.energy.max()))
        energies = low if low == high else f"{low} to {high}"
        return f"Incidents({len(self)} of {', '.join(self.particles)}, {energies})"

    def _repr_html_(self) -> str:
        """One line and the energies, for notebooks."""
        from caloforge.showers.picture import energies

        picture = energies(self.energy, repr(self)) if len(self) else ""
        return f"<div><code>{escape(repr(self))}</code><br>{picture}</div>"

    @property
    def direction(self) -> NDArray[np.float64]:
        """Unit vectors of the directions (N, 3)."""
        sin = np.sin(self.theta)
        return np.column_stack([sin * np.cos(self.phi), sin * np.sin(self.phi), np.cos(self.theta)])

    @property
    def particles(self) -> list[str]:
        """Names of the particles in the sample."""
        return [particle_name(int(code)) for code in np.unique(self.pdg)]


def as_rows(rows: Any) -> Any:
    """Index that keeps the row axis: a whole number becomes an array of one index."""
    return np.array([rows]) if isinstance(rows, int | np.integer) and not isinstance(rows, bool) else rows


def _numbers(values: Any, read: Callable[[str], float]) -> NDArray[np.float64]:
    """Numbers in the base unit; text has its own unit."""
    if isinstance(values, str):
        values = read(values)
    if isinstance(values, list | tuple) and any(isinstance(value, str) for value in values):
        values = [read(value) if isinstance(value, str) else value for value in values]
    return np.asarray(values, np.float64)


def _as_one(column: NDArray[Any]) -> NDArray[Any]:
    return np.broadcast_to(column[0].copy(), column.shape)


def _codes(particle: Any) -> Any:
    """PDG codes of names or of codes."""
    if isinstance(particle, str):
        return pdg_code(particle)
    named = isinstance(particle, list | tuple) and any(isinstance(one, str) for one in particle)
    return [pdg_code(str(one)) for one in particle] if named else particle


def concatenate(parts: Sequence[Incidents]) -> Incidents:
    """Join incidents in order.

    Raises:
        InputError: there is nothing to join.
    """
    if not parts:
        raise InputError("no incidents to concatenate; give one sample at least")
    return Incidents(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Incidents)))
