"""Draw a detector's plates from the side as a small SVG picture for notebooks."""

from html import escape

from caloforge.detector.detector import Detector

WIDTH, HEIGHT = 420, 70
MOST = 400  # plates that are drawn one by one; more are drawn as their layers
COUNTED, DEAD = "#2a78d6", "#b9bec7"


def side_view(detector: Detector) -> str:
    """Draw the plates in depth: counted ones blue, others grey; thin lines separate the readout layers.

    Args:
        detector: N layers of plates [mm].

    Returns:
        Self-contained SVG text.
    """
    scale = WIDTH / detector.depth
    bars = [f'<rect x="{x * scale:.2f}" y="8" width="{max(d * scale, 0.2):.2f}" height="{HEIGHT - 24}" fill="{colour}">'
            f"<title>{escape(name)}</title></rect>" for x, d, colour, name in _plates(detector)]  # fmt: skip
    lines = [f'<path d="M{layer.z_min * scale:.2f} 4v{HEIGHT - 16}" stroke="#555" stroke-width="0.5"/>'
             for layer in detector.layers]  # fmt: skip
    label = f'<text x="0" y="{HEIGHT - 3}" font-size="11" fill="#777">z = 0 to {detector.depth:g} mm</text>'
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" role="img" '
            f'aria-label="plates of {escape(detector.name)}">{"".join(bars + lines)}{label}</svg>')  # fmt: skip


def _plates(detector: Detector) -> list[tuple[float, float, str, str]]:
    """Depth, thickness [mm], colour and material of each plate, or of each layer if there are many plates."""
    found = []
    many = sum(len(layer.spec.plates) * layer.spec.repeat for layer in detector.layers) > MOST
    for layer in detector.layers:
        if many:
            found.append((layer.z_min, layer.z_max - layer.z_min, COUNTED, "layer"))
            continue
        z = layer.z_min
        for plate in layer.spec.plates * layer.spec.repeat:
            counted = plate.material in layer.spec.counts
            found.append((z, plate.thickness, COUNTED if counted else DEAD, plate.material))
            z += plate.thickness
    return found
