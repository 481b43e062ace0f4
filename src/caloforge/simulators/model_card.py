"""The card of an exported model, which is JSON under the ONNX metadata key `caloforge`."""

import json
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import Field

from caloforge.config import Strict
from caloforge.detector import Detector
from caloforge.detector.spec import MAX_CELLS
from caloforge.errors import InputError
from caloforge.showers.domain import Domain, Limits, Range
from caloforge.simulators.cell_table import CellTable

METADATA_KEY = "caloforge"
OLD_SCHEMA = "caloforge-model-1"
MAX_TEXT = 64 * 2**20  # enough for a table of two million different cells
NO_DIGEST = "0" * 64


class DetectorCard(Strict):
    """The detector whose cells a model fills."""

    name: str
    hash: str
    toml: str


class Ranges(Strict):
    """Ranges of the training incidents [MeV, rad, mm]."""

    energy: Range
    theta: Range
    phi: Range
    position: tuple[Range, Range, Range]


class Units(Strict):
    """Units of all numbers in the card and of the graph's inputs and outputs."""

    energy: Literal["MeV"] = "MeV"
    length: Literal["mm"] = "mm"
    angle: Literal["rad"] = "rad"


class ResponseCard(Strict):
    """Response without the response match on the validation sample, over Geant4's; empty if it was not measured.

    Attributes:
        ranges: ranges of incident energy [MeV].
        unmatched_mean_ratio, unmatched_width_ratio: mean and width of E_tot / E_inc over Geant4's, in each range.
        n_showers, n_drawn: Geant4 and generated showers in each range.
    """

    ranges: tuple[Range, ...] = ()
    unmatched_mean_ratio: tuple[float, ...] = ()
    unmatched_width_ratio: tuple[float, ...] = ()
    n_showers: tuple[int, ...] = ()
    n_drawn: tuple[int, ...] = ()


class ModelCard(Strict):
    """Metadata of an exported model.

    Attributes:
        noise: standard normal numbers per shower.
        threshold: energy below which cells read zero [MeV]; the lowest if layers have different thresholds.
        units: units of all numbers; None in files of schema 1.
        limits: bounds of accepted incidents, with tolerances; None in files of schema 1.
        cells: flat table of the readout cells; None in files of schema 1.
        digest: SHA-256 of the file with 64 zeros in the place of the digest; None in older files.
        response_match: response before the response match; None for models without one.
    """

    schema_: Annotated[Literal["caloforge-model-1", "caloforge-model-2"], Field(alias="schema")] = "caloforge-model-1"
    name: str
    detector: DetectorCard
    n_cells: Annotated[int, Field(ge=1, le=MAX_CELLS)]
    pdgs: Annotated[tuple[int, ...], Field(min_length=1, max_length=1000)]
    noise: Annotated[int, Field(ge=1, le=2 * MAX_CELLS)]
    threshold: Annotated[float, Field(ge=0)]
    ranges: Ranges
    units: Units | None = None
    limits: Limits | None = None
    cells: CellTable | None = None
    digest: Annotated[str | None, Field(pattern="^[0-9a-f]{64}$")] = None
    response_match: ResponseCard | None = None
    versions: dict[str, str] = Field(default_factory=dict)
    training: dict[str, Any] = Field(default_factory=dict)

    @classmethod
    def parse(cls, text: str | None, source: str) -> Self:
        """Read the card from the metadata of an ONNX file.

        Raises:
            InputError: the metadata are absent, too long, or not a model card; the message names `source`.
        """
        if text is None:
            raise InputError(f"{source} has no metadata '{METADATA_KEY}'; it was not exported by caloforge")
        if len(text) > MAX_TEXT:
            raise InputError(f"{source}: its metadata are longer than {MAX_TEXT >> 20} MiB")
        try:
            values = json.loads(text)
        except (ValueError, RecursionError):
            raise InputError(f"{source}: metadata '{METADATA_KEY}' are not JSON") from None
        if not isinstance(values, dict):
            raise InputError(f"{source}: metadata '{METADATA_KEY}' are not a JSON object")
        if values.get("schema") == OLD_SCHEMA:
            values.pop("python_only", None)  # always false in old files
        return cls.build(values, f"metadata of {source}")

    def completed(self, detector: Detector) -> Self:
        """The card in the current schema, with the parts that C++ reads: units, limits and the table of cells."""
        given = {"units": Units(), "limits": self.domain.limits, "cells": CellTable.of(detector)}
        return self.model_copy(update={"schema_": "caloforge-model-2"} | given)

    def to_json(self) -> str:
        """Text of the card in the ONNX file."""
        return self.model_dump_json(by_alias=True)

    @cached_property
    def domain(self) -> Domain:
        """The domain: particles and ranges of the training incidents."""
        return Domain(pdgs=self.pdgs, **self.ranges.model_dump())

    def built_detector(self, source: str) -> Detector:
        """The detector, checked against its hash and number of cells.

        Raises:
            InputError: the hash or the number of cells does not agree.
        """
        detector = Detector.from_toml(self.detector.toml, f"detector of {source}")
        if detector.hash != self.detector.hash or detector.n_cells != self.n_cells:
            raise InputError(f"{source}: its detector '{detector.name}' does not fit the hash or cells in its metadata")
        return detector
