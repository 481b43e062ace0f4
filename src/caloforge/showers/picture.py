"""Pictures of showers: a small SVG for notebooks, and a figure of the energy along and across the axis."""

from html import escape
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.showers.profile import Profile
from caloforge.units import show_energy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]
WIDTH, HEIGHT = 420, 90
MOST_MAPS = 4
SPECTRUM_BINS = 40


def small(profile: Profile, title: str) -> str:
    """Draw the longitudinal profile as bars, in self-contained SVG."""
    return bars(profile.energy, f"mean energy by layer, up to {profile.energy.max():.4g} MeV", title)


def energies(values: Floats, title: str) -> str:
    """Incident energies (N,) [MeV] as a histogram, in SVG that stands alone."""
    low, high = float(values.min()), float(values.max())
    counts = np.histogram(values, SPECTRUM_BINS, (low, high) if low < high else None)[0]
    return bars(counts.astype(np.float64), f"incident energies, {show_energy(low)} to {show_energy(high)}", title)


def bars(values: Floats, text: str, title: str) -> str:
    """Values (N,) as bars above a line of text, in SVG that stands alone."""
    highest = float(values.max()) or 1.0
    step = WIDTH / len(values)
    heights = (HEIGHT - 18) * values / highest
    drawn = [f'<rect x="{k * step:.2f}" y="{HEIGHT - 16 - h:.2f}" width="{max(step - 0.6, 0.3):.2f}" height="{h:.2f}" '
            'fill="#2a78d6"/>' for k, h in enumerate(heights)]  # fmt: skip
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" role="img" '
            f'aria-label="{escape(title)}">{"".join(drawn)}<text x="0" y="{HEIGHT - 3}" font-size="11" fill="#777">'
            f"{escape(text)}</text></svg>")  # fmt: skip


def figure(detector: Detector, cells: Floats, profile: Profile, title: str) -> "Figure":
    """Draw the longitudinal profile, and the energy per area in up to four layers.

    Args:
        detector: the detector.
        cells: mean energies (n_cells,) [MeV].
        profile: longitudinal profile of the same showers.
        title: title of the figure.

    Raises:
        InputError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise InputError("drawing needs matplotlib; install caloforge[report]") from None
    hottest = np.sort(np.argsort(profile.energy)[-MOST_MAPS:])
    drawn = Figure(figsize=(3.2 * (1 + len(hottest)), 3.4), layout="constrained")
    axes = drawn.subplots(1, 1 + len(hottest), squeeze=False)[0]
    axes[0].errorbar(profile.depth, profile.energy, yerr=profile.error, fmt="o-", markersize=3)
    axes[0].set(xlabel="depth [mm]", ylabel="mean energy [MeV]")
    for axis, k in zip(axes[1:], hottest, strict=True):
        _paint(axis, detector, int(k), cells)
    drawn.suptitle(title)
    return drawn


def _paint(axes: "Axes", detector: Detector, k: int, cells: Floats) -> None:
    from matplotlib.collections import PolyCollection
    from matplotlib.colors import LogNorm

    layer = detector.layers[k]
    density = cells[layer.slice] / layer.cells.areas
    highest = float(density.max()) or 1.0
    norm = LogNorm(1e-4 * highest, highest, clip=True)
    painted = PolyCollection(layer.cells.corners(), array=np.maximum(density, 1e-4 * highest), norm=norm, cmap="magma",
                             linewidth=0, antialiased=False, rasterized=True)  # fmt: skip
    axes.add_collection(painted)
    axes.autoscale_view()
    axes.set(title=f"layer {k}", xlabel="x [mm]", ylabel="y [mm]", aspect="equal")
    axes.figure.colorbar(painted, ax=axes, label="MeV / mm²", shrink=0.8)
