"""The frame "detector": cells are fixed."""

import numpy as np

from caloforge.detector.frames.base import Bools, Floats, Frame, Indices, Lines


class FixedFrame(Frame):
    """Cells that stay where they are, whatever the particle."""

    def axes(self, lines: Lines) -> tuple[Floats, Floats]:
        """The detector's own coordinates."""
        n = len(lines.theta)
        return np.zeros((n, 3)), np.broadcast_to(np.eye(3), (n, 3, 3))

    def centres(self, lines: Lines, cells: Indices) -> Floats:  # noqa: ARG002
        """Centres (n, 3) [mm] of readout cells (n,)."""
        return np.asarray(self._detector.cell_centres[cells])

    def locate(self, lines: Lines, points: Floats) -> Indices:  # noqa: ARG002
        """Readout cells (n,) of points (n, 3) [mm]; -1 outside."""
        return self._detector.locate(points)

    def are_same(self, one: Lines, other: Lines) -> Bools:  # noqa: ARG002
        """Whether the cells of two showers lie in the same places (N,): always."""
        return np.ones(len(one.theta), bool)
