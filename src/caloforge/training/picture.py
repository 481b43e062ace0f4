"""A small PNG picture of profiles (Geant4's as grey bars, a model's as a line), drawn without matplotlib."""

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

from caloforge.detector import Detector
from caloforge.showers.profile import along_axes

Picture = NDArray[np.uint8]
"""Red, green and blue (height, width, 3)."""
Floats = NDArray[np.float64]

HEIGHT, WIDTH, GAP = 160, 240, 12  # pixels of a panel, and between panels
PAPER, BAND, LINE = (255, 255, 255), (200, 204, 210), (42, 120, 214)


def profiles_picture(detector: Detector, reference: Floats, drawn: Floats) -> Picture:
    """Picture of the mean energy along depth, x and y, in one panel each.

    Args:
        detector: detector that has the cells.
        reference: Geant4's mean cells (n_cells,) [MeV].
        drawn: the model's mean cells (n_cells,) [MeV].
    """
    pairs = zip(along_axes(detector, reference), along_axes(detector, drawn), strict=True)
    panels = [_panel(ours, theirs) for ours, theirs in pairs]
    gap = np.full((HEIGHT, GAP, 3), PAPER, np.uint8)
    return np.concatenate([panels[0], gap, panels[1], gap, panels[2]], axis=1)


def _panel(reference: Floats, drawn: Floats) -> Picture:
    """Panel with bars of the reference and a stepped line of the model, on one scale."""
    picture = np.full((HEIGHT, WIDTH, 3), PAPER, np.uint8)
    highest = max(float(reference.max()), float(np.nan_to_num(drawn, posinf=0.0).max()), 1e-12)
    bins = np.arange(WIDTH) * len(reference) // WIDTH
    full, line = _rows(reference, highest)[bins], _rows(drawn, highest)[bins]
    rows = np.arange(HEIGHT)[:, None]
    picture[rows >= full] = BAND
    before = np.concatenate([line[:1], line[:-1]])
    low, high = np.minimum(line, before), np.maximum(line, before)
    picture[(rows >= low - 1) & (rows <= high)] = LINE
    return picture


def _rows(values: Floats, highest: float) -> NDArray[np.int64]:
    """Pixel row of each value; the highest value is near the top."""
    share = np.clip(np.nan_to_num(values, posinf=highest) / highest, 0, 1)
    return (HEIGHT - 1 - share * (HEIGHT - 8)).astype(np.int64)


def png(picture: Picture) -> bytes:
    """Encode a picture as PNG."""
    height, width, _ = picture.shape
    rows = b"".join(b"\0" + row.tobytes() for row in picture)
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunks((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))


def _chunks(*parts: tuple[bytes, bytes]) -> bytes:
    return b"".join(struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
                    for kind, data in parts)  # fmt: skip
