"""Readout frames: where the cells of a shower lie in the detector; one file per frame."""

from typing import TYPE_CHECKING

from caloforge.detector.frames.base import Frame, Lines
from caloforge.detector.frames.fixed import FixedFrame
from caloforge.detector.frames.mesh import MeshFrame
from caloforge.detector.frames.window import WindowFrame

if TYPE_CHECKING:
    from caloforge.detector.detector import Detector

__all__ = ["FRAMES", "FixedFrame", "Frame", "Lines", "MeshFrame", "WindowFrame", "frame_of"]

FRAMES: dict[str, type[Frame]] = {"detector": FixedFrame, "shower": MeshFrame, "window": WindowFrame}


def frame_of(detector: "Detector") -> Frame:
    """The frame that a detector's readout names."""
    return FRAMES[detector.readout.frame](detector)
