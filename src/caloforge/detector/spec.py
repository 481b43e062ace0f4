"""Form of a detector file: read from TOML, written as canonical TOML."""

import math
from typing import Annotated, Literal, Self

import tomli_w
from pydantic import BeforeValidator, Field, PlainSerializer, field_validator, model_validator

from caloforge.config import Strict
from caloforge.detector.cells import Cells, Count
from caloforge.detector.threshold import Threshold
from caloforge.units import Birks, Density, Energy, Length, MagneticField, Time, length

MAX_CELLS = 10_000_000
MAX_PLATES = 100_000
Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_.+-]{0,63}$")]
Fraction = Annotated[float, Field(gt=0, le=1)]


def _read_widths(value: object) -> float | tuple[float, float]:
    """Read one length or two [mm]; two equal ones become one."""
    words = value if isinstance(value, list | tuple) else [value]
    lengths = [float(word) if isinstance(word, float) else length(str(word)) for word in words]
    if len(lengths) not in (1, 2) or not all(0 < width <= 1e6 for width in lengths):
        raise ValueError("half_width is one length, or two for x and y, above 0 and up to 1 km")
    return lengths[0] if len(set(lengths)) == 1 else (lengths[0], lengths[1])


def _show_widths(value: float | tuple[float, float]) -> str | list[str]:
    return [f"{width!r} mm" for width in value] if isinstance(value, tuple) else f"{value!r} mm"


HalfWidth = Annotated[float | tuple[float, float], BeforeValidator(_read_widths), PlainSerializer(_show_widths)]

Component = Annotated[MagneticField, Field(ge=-100, le=100)]


class Material(Strict):
    """A mixture of elements.

    Attributes:
        density: density [g/cm3].
        elements: element symbol -> mass fraction; fractions sum to 1.
    """

    density: Annotated[Density, Field(gt=0, le=100)]
    elements: dict[str, Fraction]

    @field_validator("elements")
    @classmethod
    def _sum_to_one(cls, elements: dict[str, float]) -> dict[str, float]:
        if not elements or abs(sum(elements.values()) - 1) > 1e-3:
            raise ValueError(f"mass fractions must sum to 1, they sum to {sum(elements.values()):.4g}")
        return elements


class Plate(Strict):
    """A plate of one material across the whole volume.

    Attributes:
        material: a NIST name of Geant4, or a name of `[material.NAME]`.
        thickness: thickness in depth [mm].
    """

    material: Name
    thickness: Annotated[Length, Field(gt=0, le=1e5)]


class LayerSpec(Strict):
    """One `[[layer]]` table: `copies` readout layers, each with `repeat` times the plates in order.

    Attributes:
        copies: readout layers that are alike.
        repeat: times that the plates follow each other within one readout layer.
        plates: plates in order of depth.
        counts: materials whose deposited energy is recorded.
        cells: the transverse grid, the same for each copy.
        birks: Birks' constant kB [mm/MeV] of the counted material, whose light saturates; none if it is linear.
        time_gate: deposits later than this [ns] after light reaches the front face do not count.
        weight: factor on what the plates record, for example a sampling weight.
        threshold: threshold of the layer's cells in place of the readout's, in energy or in MIP.
        id: number of the first copy, if a data set does not number its layers 0, 1, 2, ...
    """

    copies: Count = 1
    repeat: Count = 1
    plates: Annotated[tuple[Plate, ...], Field(min_length=1, max_length=100)]
    counts: Annotated[tuple[Name, ...], Field(min_length=1)]
    cells: Cells
    birks: Annotated[Birks, Field(gt=0, le=1000)] | None = None
    time_gate: Annotated[Time, Field(gt=0, le=1e12)] | None = None
    weight: Annotated[float, Field(gt=0, le=1e9)] = 1.0
    threshold: Threshold | None = None
    id: Annotated[int, Field(ge=0, le=10_000)] | None = None

    @model_validator(mode="after")
    def _counts_exist(self) -> Self:
        absent = set(self.counts) - {plate.material for plate in self.plates}
        if absent:
            raise ValueError(f"counts names '{min(absent)}', which is not the material of any plate of the layer")
        return self

    @model_validator(mode="after")
    def _one_scintillator(self) -> Self:
        if self.birks is not None and len(set(self.counts)) > 1:
            raise ValueError(f"birks belongs to one material, but the layer counts {', '.join(self.counts)}")
        return self

    @property
    def holds_signal(self) -> bool:
        """Whether its cells hold a signal (saturated, gated or weighted) rather than the deposited energy."""
        return self.birks is not None or self.time_gate is not None or self.weight != 1.0

    @property
    def thickness(self) -> float:
        """Thickness of one readout layer [mm]."""
        return self.repeat * sum(plate.thickness for plate in self.plates)


class Readout(Strict):
    """Readout: how deposited energies become cell energies.

    Attributes:
        frame: "detector": cells fixed; "shower": mesh along the particle; "window": a window around the hit cell.
        threshold: cells below it [MeV] read zero in validation and exported models, unless a layer has its own.
        sampling_fraction: response = E / (sampling_fraction * E_inc).
        centre_layer: for "window": the layer whose hit cell centres the windows of all layers.
    """

    frame: Literal["detector", "shower", "window"] = "detector"
    threshold: Annotated[Energy, Field(ge=0)] = 0.0
    sampling_fraction: Annotated[float, Field(gt=0, le=1)] = 1.0
    centre_layer: Annotated[int, Field(ge=0)] | None = None


class MagneticFieldSpec(Strict):
    """A uniform magnetic field in the whole world of the simulation.

    Attributes:
        vector: components along x, y, z [T].
    """

    vector: tuple[Component, Component, Component]


class IncidentDefaults(Strict):
    """Directions and entry points that the detector is meant for, as on the command line of `produce`.

    Attributes:
        theta: angle to +z, or a range.
        phi: azimuth from +x, or a range.
        position: entry point "x, y", each a length or a range.
    """

    theta: str | None = None
    phi: str | None = None
    position: str | None = None


class DetectorSpec(Strict):
    """A whole detector file.

    Attributes:
        name: name of the detector.
        description: one line for listings.
        readout: frame, threshold and sampling fraction.
        incidents: directions and entry points that it is meant for.
        field: uniform magnetic field.
        material: mixtures of elements, by name.
        layer: readout layers in depth.
        half_width: half the size of the plates in x and y [mm], one number if both are equal; by default the plates are
            as wide as the widest layer of cells in x and in y. The radius, if every layer is cylindrical.
    """

    name: Name
    description: str = ""
    readout: Readout = Readout()
    half_width: HalfWidth | None = None
    incidents: IncidentDefaults = IncidentDefaults()
    field: MagneticFieldSpec | None = None
    material: dict[Name, Material] = Field(default_factory=dict)
    layer: Annotated[tuple[LayerSpec, ...], Field(min_length=1, max_length=1000)]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        self._check_widths()
        cells = sum(layer.copies * math.prod(layer.cells.fixed_shape) for layer in self.layer)
        if cells > MAX_CELLS:
            raise ValueError(f"{cells} cells are more than the {MAX_CELLS} allowed")
        plates = sum(layer.copies * layer.repeat * len(layer.plates) for layer in self.layer)
        if plates > MAX_PLATES:
            raise ValueError(f"{plates} plates are more than the {MAX_PLATES} allowed")
        self._check_frame()
        return self

    @property
    def is_cylinder(self) -> bool:
        """Whether the plates are discs (every layer has cylindrical cells) or rectangles."""
        return all(layer.cells.is_round for layer in self.layer)

    @property
    def half_widths(self) -> tuple[float, float]:
        """Half the size of the plates in x and y [mm]; the radius in both for discs."""
        if self.half_width is None:
            return self._widest
        return self.half_width if isinstance(self.half_width, tuple) else (self.half_width, self.half_width)

    @property
    def _widest(self) -> tuple[float, float]:
        """Half widths of the widest layers of cells in x and y [mm]."""
        x, y = zip(*(layer.cells.half_widths for layer in self.layer), strict=True)
        return max(x), max(y)

    def _check_widths(self) -> None:
        if self.is_cylinder and isinstance(self.half_width, tuple):
            raise ValueError("plates with cylindrical cells only are discs: half_width is their radius, one length")
        for axis, width, cells in zip("xy", self.half_widths, self._widest, strict=True):
            if width < cells * (1 - 1e-9):
                raise ValueError(f"half_width {width:g} mm is less than the cells' {cells:g} mm in {axis}")

    def _check_frame(self) -> None:
        slides = all(layer.cells.slides for layer in self.layer)
        layers = sum(layer.copies for layer in self.layer)
        centre = self.readout.centre_layer
        if self.readout.frame == "window" and (not slides or centre is None or centre >= layers):
            raise ValueError(f"frame 'window' needs cartesian cells and centre_layer between 0 and {layers - 1}")
        if self.readout.frame != "window" and any(layer.cells.is_window for layer in self.layer):
            raise ValueError("cells.grid is for frame 'window' only")

    def to_toml(self) -> str:
        """Canonical TOML: the same detector always gives the same text."""
        return tomli_w.dumps(self.model_dump(mode="json", exclude_none=True, exclude_defaults=True))
