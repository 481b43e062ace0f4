"""The detector has plates in depth and readout cells on one flat axis (layer slowest; then x, y or phi, r)."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from html import escape
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from caloforge.config import read_file
from caloforge.detector.cells import Grid
from caloforge.detector.frames import Frame, frame_of
from caloforge.detector.mip import mip_signal
from caloforge.detector.spec import DetectorSpec, IncidentDefaults, LayerSpec, Readout
from caloforge.errors import InputError, nearest
from caloforge.plugins import plugins
from caloforge.units import counted

PRESETS = files("caloforge.detector") / "presets"


@dataclass(frozen=True)
class Layer:
    """One readout layer.

    Attributes:
        spec: plates, counted materials, cells.
        z_min, z_max: depth range [mm].
        start, stop: range on the flat cell axis.
    """

    spec: LayerSpec
    z_min: float
    z_max: float
    start: int
    stop: int

    @property
    def cells(self) -> Grid:
        """The layer's grid."""
        return self.spec.cells

    @property
    def z(self) -> float:
        """Depth of the middle of the layer [mm]."""
        return (self.z_min + self.z_max) / 2

    @property
    def slice(self) -> slice:
        """Slice of the flat cell axis."""
        return slice(self.start, self.stop)


class Detector:
    """A detector: absorber and active plates in depth, and readout cells. It is immutable and equal by content.

    Examples:
        >>> Detector.load("calogan-ecal")
        Detector('calogan-ecal', 3 layers, 504 cells)
    """

    def __init__(self, spec: DetectorSpec) -> None:
        if not isinstance(spec, DetectorSpec):
            raise InputError(
                f"a detector comes from Detector.load, as in Detector.load('calogan-ecal'), not from {spec!r}"
            )
        self.spec = spec

    @classmethod
    def from_toml(cls, text: str, source: str = "detector") -> "Detector":
        """Build from TOML text.

        Raises:
            InputError: not a valid detector; the message names `source`.
        """
        return cls(DetectorSpec.read(text, source))

    @classmethod
    def load(cls, name: str | Path) -> "Detector":
        """Build from a preset's or a package's name, or the path of a TOML file or of a CaloChallenge binning XML.

        Raises:
            InputError: no such preset or file, or an invalid file.
        """
        name = str(name)
        if name.endswith(".xml"):
            from caloforge.detector.binning import read_binning

            return read_binning(Path(name))
        if name.endswith(".toml"):
            return cls(read_file(DetectorSpec, Path(name)))
        if name in preset_names():
            return cls.from_toml((PRESETS / f"{name}.toml").read_text(encoding="utf-8"), name)
        if name in (added := plugins("detectors")):
            return cls.from_toml(str(added[name].load()), f"plugin '{name}' of {added[name].origin}")
        known = [*preset_names(), *added]
        raise InputError(f"unknown detector '{name}'; {nearest(name, known)} (or a path ending in .toml)")

    @property
    def name(self) -> str:
        """The detector's name."""
        return self.spec.name

    @property
    def readout(self) -> Readout:
        """Frame, threshold [MeV] and sampling fraction."""
        return self.spec.readout

    @cached_property
    def frame(self) -> Frame:
        """Readout frame: where the cells of a shower lie."""
        return frame_of(self)

    @cached_property
    def toml(self) -> str:
        """Canonical TOML."""
        return self.spec.to_toml()

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the canonical TOML without description and default incidents, hexadecimal."""
        bare = self.spec.model_copy(update={"description": "", "incidents": IncidentDefaults()})
        return hashlib.sha256(bare.to_toml().encode()).hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Detector) and self.hash == other.hash

    def __hash__(self) -> int:
        return hash(self.hash)

    def __repr__(self) -> str:
        return f"Detector({self.name!r}, {counted(len(self.layers), 'layer')}, {counted(self.n_cells, 'cell')})"

    def _repr_html_(self) -> str:
        """One line and the plates from the side, for notebooks."""
        from caloforge.detector.side import side_view

        return f"<div><code>{escape(repr(self))}</code><br>{side_view(self)}</div>"

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """Readout layers in depth."""
        layers: list[Layer] = []
        z, start = 0.0, 0
        for spec in self.spec.layer:
            for _ in range(spec.copies):
                stop = start + spec.cells.n_cells
                layers.append(Layer(spec, z, z + spec.thickness, start, stop))
                z, start = z + spec.thickness, stop
        return tuple(layers)

    @property
    def field(self) -> tuple[float, float, float]:
        """Uniform magnetic field [T] along x, y, z."""
        return self.spec.field.vector if self.spec.field else (0.0, 0.0, 0.0)

    @cached_property
    def n_cells(self) -> int:
        """Number of cells."""
        return self.layers[-1].stop

    @property
    def depth(self) -> float:
        """Total depth [mm]."""
        return self.layers[-1].z_max

    @cached_property
    def half_widths(self) -> tuple[float, float]:
        """Half the size of the plates in x and y [mm]; the radius in both for discs."""
        return self.spec.half_widths

    @property
    def is_cylinder(self) -> bool:
        """Whether the plates are discs (every layer has cylindrical cells) or rectangles."""
        return self.spec.is_cylinder

    @property
    def face(self) -> str:
        """Shape and size of the front face in words."""
        x, y = self.half_widths
        if self.is_cylinder:
            return f"a disc of radius {x:g} mm"
        return f"+-{x:g} mm" if x == y else f"+-{x:g} mm in x, +-{y:g} mm in y"

    def distance_to_side(self, x: ArrayLike, y: ArrayLike) -> NDArray[np.float64]:
        """Distance of points from the nearest side of the plates [mm], negative outside."""
        half_x, half_y = self.half_widths
        if self.is_cylinder:
            return np.asarray(half_x - np.hypot(x, y))
        return np.minimum(half_x - np.abs(x), half_y - np.abs(y))

    @cached_property
    def cell_layer(self) -> NDArray[np.int64]:
        """Layer of each cell (n_cells,)."""
        return np.repeat(np.arange(len(self.layers)), [layer.stop - layer.start for layer in self.layers])

    @cached_property
    def cell_centres(self) -> NDArray[np.float64]:
        """Cell centres (n_cells, 3) in x, y, z [mm]."""
        z = np.array([layer.z for layer in self.layers])[self.cell_layer]
        return np.column_stack([np.concatenate([layer.cells.centres for layer in self.layers]), z])

    def locate(self, points: NDArray[np.float64], first: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
        """Cell (n,) of each point (n, 3) [mm] in the coordinates of `cell_centres`; -1 outside every cell.

        Args:
            points: x, y, z (n, 3) [mm].
            first: first fixed cells of each layer's window (n, n_layers, 2), in the frame "window".
        """
        edges = np.array([0.0, *(layer.z_max for layer in self.layers)])
        depth = np.searchsorted(edges, points[:, 2], side="right") - 1
        cell = np.full(len(points), -1, np.int64)
        for index, layer in enumerate(self.layers):
            rows = np.flatnonzero(depth == index)
            if rows.size:
                x, y = points[rows, :2].T
                place = layer.cells.locate(x, y, 0 if first is None else first[rows, index])
                cell[rows] = np.where(place >= 0, layer.start + place, -1)
        return cell

    @cached_property
    def cell_volumes(self) -> NDArray[np.float64]:
        """Cell volumes (n_cells,) [mm3], including all plates of the layer."""
        return np.concatenate([layer.cells.areas * (layer.z_max - layer.z_min) for layer in self.layers])

    @cached_property
    def layer_thresholds(self) -> NDArray[np.float64]:
        """Energy [MeV] below which the cells of each layer (n_layers,) read zero: the layer's own, or the readout's.

        Raises:
            InputError: a threshold in MIP in a material of unknown properties.
        """
        return np.repeat([self._threshold(spec) for spec in self.spec.layer], [spec.copies for spec in self.spec.layer])

    def _threshold(self, spec: LayerSpec) -> float:
        own = spec.threshold
        if own is None:
            return self.readout.threshold
        return own.energy(mip_signal(spec, self) if own.in_mip else 0.0)

    @cached_property
    def thresholds(self) -> NDArray[np.float32]:
        """Energy [MeV] below which each cell (n_cells,) reads zero, in validation and in exported models."""
        return self.layer_thresholds.astype(np.float32)[self.cell_layer]

    @property
    def threshold(self) -> float:
        """The lowest threshold of all cells [MeV]."""
        return float(self.layer_thresholds.min())

    @property
    def has_one_threshold(self) -> bool:
        """Whether all cells have the same threshold."""
        return bool((self.layer_thresholds == self.threshold).all())

    @property
    def quantity(self) -> str:
        """What cells hold: "signal" if any layer is saturated, time-gated or weighted, else "deposit"."""
        return "signal" if any(spec.holds_signal for spec in self.spec.layer) else "deposit"

    @cached_property
    def materials(self) -> tuple[str, ...]:
        """Names of all materials, sorted."""
        return tuple(sorted({plate.material for layer in self.spec.layer for plate in layer.plates}))

    def response(self, energies: NDArray[np.floating], incident: NDArray[np.floating]) -> NDArray[np.float64]:
        """Energy in all cells over sampling fraction times incident kinetic energy (N,).

        Args:
            energies: cell energies (N, n_cells) [MeV], thresholded by the caller.
            incident: kinetic energies (N,) [MeV].
        """
        return np.asarray(self.sum_layers(energies).sum(axis=1) / (self.readout.sampling_fraction * incident))

    def sum_layers(self, energies: NDArray[np.floating]) -> NDArray[np.float64]:
        """Energy per layer (N, n_layers) [MeV] of cell energies (N, n_cells) [MeV]."""
        starts = [layer.start for layer in self.layers]
        return np.add.reduceat(energies, starts, axis=1, dtype=np.float64)


def preset_names() -> list[str]:
    """Names of the presets."""
    return sorted(entry.name.removesuffix(".toml") for entry in PRESETS.iterdir() if entry.name.endswith(".toml"))


def template(name: str) -> str:
    """TOML text of a preset with its comments; of a file, its canonical TOML.

    Raises:
        InputError: no such preset or file, or an invalid file.
    """
    return (
        (PRESETS / f"{name}.toml").read_text(encoding="utf-8") if name in preset_names() else Detector.load(name).toml
    )
