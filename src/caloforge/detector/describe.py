"""Describe a detector: depth, Moliere radius, sampling fraction, cells, and deposit or signal."""

from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from caloforge.detector.detector import Detector
from caloforge.detector.materials import matter, mixture
from caloforge.detector.mip import mip_signal
from caloforge.detector.sampling import Unit, main_layer
from caloforge.detector.spec import LayerSpec
from caloforge.detector.symmetry import count_symmetries
from caloforge.errors import InputError
from caloforge.units import counted, show_energy


@dataclass(frozen=True)
class Summary:
    """Properties of a detector as a calorimeter; the medium is that of the layers with most X0.

    Attributes:
        depth_x0, depth_interaction: total depth in radiation lengths and in nuclear interaction lengths.
        x0, moliere: radiation length and Moliere radius of the medium [mm].
        critical_energy: critical energy of the medium [MeV].
        mip_fraction: counted share of a minimum-ionising particle's loss.
        sampling_fraction: estimate of the counted share of an electron's energy, leakage not included.
    """

    depth_x0: float
    depth_interaction: float
    x0: float
    moliere: float
    critical_energy: float
    mip_fraction: float
    sampling_fraction: float


def summarise(detector: Detector) -> Summary:
    """Compute the properties of a detector.

    Raises:
        InputError: a material whose properties are unknown, or a detector without matter.
    """
    plates = [(matter(plate.material, detector), plate.thickness * spec.copies * spec.repeat)
              for spec in detector.spec.layer for plate in spec.plates]  # fmt: skip
    unit = Unit.of(detector, main_layer(detector))
    medium = mixture(unit.all)
    return Summary(
        depth_x0=sum(thickness / m.x0_mm for m, thickness in plates),
        depth_interaction=sum(thickness / m.interaction_mm for m, thickness in plates),
        x0=medium.x0_mm,
        moliere=medium.moliere_mm,
        critical_energy=medium.critical_energy,
        mip_fraction=unit.mip_fraction,
        sampling_fraction=unit.visible_fraction(),
    )


def describe(detector: Detector) -> RenderableType:
    """Three tables for the terminal: the calorimeter, its layers of cells, and their deposits or signals."""
    title = Text(detector.name, style="bold")
    return Group(title, Text(detector.spec.description), _numbers(detector), _cells(detector), _contents(detector))


def _numbers(detector: Detector) -> Table:
    table = Table(show_header=False, box=None)
    readout = detector.readout
    rows = [
        ("size", f"depth {detector.depth:.6g} mm, face {detector.face}"),
        *_matter_rows(detector),
        *_field_row(detector),
        ("readout", f"frame {readout.frame}, "
                    f"sampling fraction of the response {readout.sampling_fraction:g}"),
        ("cells", f"{detector.n_cells} in {counted(len(detector.layers), 'layer')}, "
                  f"{count_symmetries(detector)} exact symmetries"),
    ]  # fmt: skip
    for row in rows:
        table.add_row(*row)
    return table


def _field_row(detector: Detector) -> list[tuple[str, str]]:
    x, y, z = detector.field
    return [("magnetic field", f"{x:g}, {y:g}, {z:g} T along x, y, z")] if any(detector.field) else []


def _matter_rows(detector: Detector) -> list[tuple[str, str]]:
    try:
        s = summarise(detector)
    except InputError as error:
        return [("matter", str(error))]
    return [
        ("depth", f"{s.depth_x0:.1f} X0, {s.depth_interaction:.2f} interaction lengths"),
        ("medium", f"X0 {s.x0:.2f} mm, Moliere radius {s.moliere:.1f} mm, critical energy {s.critical_energy:.2f} MeV"),
        ("counted", f"{100 * s.mip_fraction:.3g} % of a minimum-ionising particle's loss, "
                    f"about {100 * s.sampling_fraction:.3g} % of an electron's energy"),
    ]  # fmt: skip


def _cells(detector: Detector) -> Table:
    table = Table("layers", "z [mm]", "plates", "counts", "grid", "cell size")
    for name, spec, first in _tables(detector):
        z_min, z_max = detector.layers[first].z_min, detector.layers[first + spec.copies - 1].z_max
        table.add_row(name, f"{z_min:.6g} - {z_max:.6g}", _plates(spec), ", ".join(spec.counts), *spec.cells.in_words())
    return table


def _contents(detector: Detector) -> Table:
    table = Table("layers", "cells hold", "a muon of 10 GeV leaves", "threshold")
    for name, spec, first in _tables(detector):
        energy = show_energy(detector.layer_thresholds[first])
        own = f"{spec.threshold.value:g} MIP = " if spec.threshold and spec.threshold.in_mip else ""
        table.add_row(name, _signal(spec), _muon(spec, detector), own + energy)
    return table


def _tables(detector: Detector) -> Iterator[tuple[str, LayerSpec, int]]:
    """For each `[[layer]]` table: its layer numbers as text, the table, and its first layer."""
    first = 0
    for spec in detector.spec.layer:
        last = first + spec.copies - 1
        yield (str(first) if first == last else f"{first} - {last}"), spec, first
        first = last + 1


def _signal(spec: LayerSpec) -> str:
    if not spec.holds_signal:
        return "deposited energy"
    saturated = "" if spec.birks is None else f"saturated with kB = {spec.birks:g} mm/MeV"
    gated = "" if spec.time_gate is None else f"within {spec.time_gate:g} ns"
    weighted = "" if spec.weight == 1.0 else f"times {spec.weight:g}"
    return "signal: deposits " + ", ".join(filter(None, (saturated, gated, weighted)))


def _muon(spec: LayerSpec, detector: Detector) -> str:
    """Most probable signal of a muon: one MIP."""
    try:
        return show_energy(float(f"{mip_signal(spec, detector):.4g}"))
    except InputError:
        return "unknown"


def _plates(spec: LayerSpec) -> str:
    unit = " + ".join(f"{plate.material} {plate.thickness:g} mm" for plate in spec.plates)
    return f"{spec.repeat} x ({unit})" if spec.repeat > 1 else unit
