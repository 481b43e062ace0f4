"""Spec of a foreign network: the meaning of its inputs, and the cells of its outputs."""

import math
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from caloforge.config import Strict
from caloforge.detector.spec import MAX_CELLS, Name
from caloforge.units import Angle, Energy, Length

Size = Annotated[int, Field(ge=1, le=MAX_CELLS)]
Shape = Annotated[tuple[Size, ...], Field(min_length=1, max_length=8)]


class RangesSpec(Strict):
    """Incidents that the network was trained on.

    Attributes:
        energy: lowest and highest kinetic energy.
        theta: lowest and highest angle to +z.
        phi: lowest and highest azimuth.
        position: lowest and highest x, y and z of the entry point.
    """

    energy: tuple[Energy, Energy]
    theta: tuple[Angle, Angle] = (0.0, 0.0)
    phi: tuple[Angle, Angle] = (0.0, 0.0)
    position: tuple[tuple[Length, Length], tuple[Length, Length], tuple[Length, Length]] = ((-0.01, 0.01),) * 2 + (
        (0.0, 0.0),
    )


class InputSpec(Strict):
    """One input of the network: scale * function(source) + offset, in MeV, mm and rad, or the number of a label.

    Attributes:
        name: the network's own name; entries of one name are columns of one packed row, in their order.
        source: quantity that it is made from (key `from`).
        function: applied first.
        scale: factor on the function's value.
        offset: added to the product.
        labels: energies or particles; the network then gets the number of the nearest one, counted from 0.
        one_hot: the network gets a 1 at the label's place of a row of zeros instead.
        distribution: distribution of noise; uniform numbers lie between 0 and 1.
        shape: shape of one row; by default its number of values.
        values: values of a constant, the same in every row.
    """

    name: str
    source: Annotated[Literal["energy", "theta", "phi", "position", "pdg", "noise", "constant"], Field(alias="from")]
    function: Literal["identity", "log", "log10", "sqrt", "sin", "cos"] = "identity"
    scale: float = 1.0
    offset: float = 0.0
    values: Annotated[tuple[float, ...], Field(min_length=1, max_length=10_000)] | None = None
    labels: Annotated[tuple[str, ...], Field(min_length=1, max_length=10_000)] | None = None
    one_hot: bool = False
    distribution: Literal["normal", "uniform"] = "normal"
    shape: Shape | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.source == "noise" and self.shape is None:
            raise ValueError("noise needs the shape of one row, for example shape = [64]")
        if (self.source == "constant") != (self.values is not None):
            raise ValueError("a constant needs values, for example values = [0, 1]; other inputs have none")
        if self.labels is not None and self.source not in {"energy", "pdg"}:
            raise ValueError("labels are for energy and pdg only")
        if self.labels is None and (self.one_hot or self.source == "pdg"):
            raise ValueError("pdg and one_hot need labels")
        return self

    @property
    def noise(self) -> int:
        """Number of noise values per shower."""
        return math.prod(self.shape or ()) if self.source == "noise" else 0


class OutputSpec(Strict):
    """The network's cells: scale * function(output) + offset [MeV], times the incident energy with `per_energy`.

    Attributes:
        name: the network's own name.
        shape: shape of one row of the output.
        axes: order of these axes that gives the detector's (layer; then x, y or phi, r).
        cells: place of each of the detector's cells on the output, flattened after `axes`; -1 for a cell that the
            network lacks, which stays empty.
        function: applied first.
        scale: factor on the function's value.
        offset: added to the product [MeV].
        per_energy: multiply by the incident energy.
    """

    name: str
    shape: Shape
    axes: tuple[Annotated[int, Field(ge=0, lt=8)], ...] | None = None
    cells: tuple[Annotated[int, Field(ge=-1)], ...] | None = None
    function: Literal["identity", "exp", "square"] = "identity"
    scale: float = 1.0
    offset: float = 0.0
    per_energy: bool = False

    @model_validator(mode="after")
    def _places_exist(self) -> Self:
        if self.axes is not None and sorted(self.axes) != list(range(len(self.shape))):
            raise ValueError(f"axes must order the {len(self.shape)} axes of the shape")
        if self.cells is not None and max(self.cells) >= self.size:
            raise ValueError(f"cells names place {max(self.cells)} of an output of {self.size}")
        return self

    @property
    def size(self) -> int:
        """Number of values of one row."""
        return math.prod(self.shape)


class ForeignSpec(Strict):
    """A foreign network as a simulator.

    Attributes:
        name: name of the model.
        detector: preset, or TOML file beside the spec.
        particles: particles of its training.
        ranges: incidents that it was trained on.
        input: inputs of the network.
        output: its cells.
    """

    name: Name
    detector: str
    particles: Annotated[tuple[str, ...], Field(min_length=1)]
    ranges: RangesSpec
    input: Annotated[tuple[InputSpec, ...], Field(min_length=1)]
    output: OutputSpec

    @property
    def packed(self) -> dict[str, tuple[InputSpec, ...]]:
        """Entries of each of the network's inputs, by its name."""
        names = dict.fromkeys(entry.name for entry in self.input)
        return {name: tuple(entry for entry in self.input if entry.name == name) for name in names}

    @model_validator(mode="after")
    def _rows_vary(self) -> Self:
        for name, entries in self.packed.items():
            if all(entry.source == "constant" for entry in entries):
                raise ValueError(f"input '{name}' is constant; one of its columns must be an incident's or noise")
        return self

    @property
    def noise(self) -> int:
        """Number of noise values of all inputs."""
        return sum(entry.noise for entry in self.input)
