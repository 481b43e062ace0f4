"""Draw the readout: the plates from the side, and the transverse grid of each kind of layer."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from caloforge.detector.cells import Grid
from caloforge.detector.detector import Detector
from caloforge.errors import InputError
from caloforge.files import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.patches import Patch

MAX_GRIDS = 6
FAR = 2.5  # plates that are wider than the cells by a larger factor are cropped
FORMATS = (".png", ".pdf", ".svg")


def draw(detector: Detector, path: Path) -> None:
    """Draw the plates in depth and the cells across, as PNG, PDF or SVG by the suffix of `path`.

    Raises:
        InputError: another suffix, or matplotlib is not installed.
    """
    if path.suffix.lower() not in FORMATS:
        raise InputError(f"cannot draw into '{path.name}'; the suffix may be {', '.join(FORMATS)}")
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise InputError("drawing needs matplotlib: pip install caloforge[report]") from None
    grids = _different_grids(detector)
    figure = Figure(figsize=(3.4 * max(len(grids), 2), 6.4), layout="constrained")
    parts = figure.subfigures(2, 1, height_ratios=(1, 1.3), squeeze=False)
    _draw_side(parts[0, 0].add_subplot(), detector)
    axes = parts[1, 0].subplots(1, len(grids), squeeze=False)[0]
    for axis, (title, cells) in zip(axes, grids, strict=True):
        _draw_grid(axis, title, cells, detector)
    with replacing(path) as beside:
        figure.savefig(beside, dpi=150, format=path.suffix[1:].lower())


def _different_grids(detector: Detector) -> list[tuple[str, Grid]]:
    """The different grids, with the layers that have them."""
    found: dict[str, tuple[list[int], Grid]] = {}
    for index, layer in enumerate(detector.layers):
        found.setdefault(layer.cells.model_dump_json(), ([], layer.cells))[0].append(index)
    named = [(f"layers {i[0]} - {i[-1]}" if len(i) > 1 else f"layer {i[0]}", cells) for i, cells in found.values()]
    return named[:MAX_GRIDS]


def _draw_side(axis: "Axes", detector: Detector) -> None:
    colours = {name: f"C{i}" for i, name in enumerate(detector.materials)}
    bars: dict[str, list[tuple[float, float]]] = {name: [] for name in colours}
    for layer in detector.layers:
        z = layer.z_min
        for plate in layer.spec.plates * layer.spec.repeat:
            bars[plate.material].append((z, plate.thickness))
            z += plate.thickness
    half = detector.half_widths[0]
    for name, pieces in bars.items():
        counted = any(name in spec.counts for spec in detector.spec.layer)
        axis.broken_barh(pieces, (-half, 2 * half), color=colours[name], alpha=0.5 if counted else 0.9,
                         label=f"{name} (counts)" if counted else name)  # fmt: skip
    for layer in detector.layers:
        axis.axvline(layer.z_min, color="black", linewidth=0.3)
    axis.set(xlim=(0, detector.depth), ylim=(-half, half), xlabel="z [mm]", ylabel="x [mm]", title=detector.name)
    axis.legend(fontsize="small", loc="upper right")


def _draw_grid(axis: "Axes", title: str, cells: Grid, detector: Detector) -> None:
    from matplotlib.collections import LineCollection

    axis.add_patch(_outline(detector.half_widths, round_=detector.is_cylinder, facecolor="0.85", edgecolor="C3"))
    axis.add_patch(_outline(cells.half_window, round_=cells.is_round, facecolor="white"))
    axis.add_collection(LineCollection(cells.walls(), colors="black", linewidths=0.4))
    x, y = (_reach(width, plate) for width, plate in zip(cells.half_window, detector.half_widths, strict=True))
    axis.set(xlim=(-x, x), ylim=(-y, y), xlabel="x [mm]", aspect="equal")
    axis.set_title(f"{title}: {cells.shape[0]} x {cells.shape[1]}\nplates: {detector.face}", fontsize="small")


def _outline(half_widths: tuple[float, float], *, round_: bool, **style: Any) -> "Patch":
    """Draw a rectangle or disc around the axis: the plates (grey outside the cells) or the cells."""
    from matplotlib.patches import Ellipse, Rectangle

    x, y = half_widths
    style = {"edgecolor": "none"} | style
    return Ellipse((0, 0), 2 * x, 2 * y, **style) if round_ else Rectangle((-x, -y), 2 * x, 2 * y, **style)


def _reach(cells: float, plate: float) -> float:
    """Half the size of a picture [mm]: the plates, or only the cells if the plates are much wider."""
    return 1.05 * (plate if plate <= FAR * cells else cells)
