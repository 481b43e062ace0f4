"""The frame "shower": a mesh of cells along the particle."""

import numpy as np

from caloforge.detector.frames.base import Floats, Frame, Indices, Lines


class MeshFrame(Frame):
    """Cells that start at the entry point and follow the particle's direction (Geant4's example Par04)."""

    follows = True

    def axes(self, lines: Lines) -> tuple[Floats, Floats]:
        """The entry points, and axes along the directions."""
        return lines.position, frames_along(lines.theta, lines.phi)

    def centres(self, lines: Lines, cells: Indices) -> Floats:
        """Centres (n, 3) [mm] of readout cells (n,) of showers along lines (n)."""
        origins, axes = self.axes(lines)
        points: Floats = origins + np.einsum("nij,nj->ni", axes, self._detector.cell_centres[cells])
        return points

    def locate(self, lines: Lines, points: Floats) -> Indices:
        """Readout cells (n,) of points (n, 3) [mm] in the meshes of lines (n); -1 outside."""
        origins, axes = self.axes(lines)
        return self._detector.locate(np.einsum("nij,ni->nj", axes, points - origins))


def frames_along(theta: Floats, phi: Floats) -> Floats:
    """Axes (N, 3, 3) of the shower frame, in columns: z turned into the direction by the shortest rotation."""
    azimuthal, polar = _about_z(phi), np.zeros((len(theta), 3, 3))
    polar[:, 0, 0] = polar[:, 2, 2] = np.cos(theta)
    polar[:, 0, 2], polar[:, 2, 0], polar[:, 1, 1] = np.sin(theta), -np.sin(theta), 1
    axes: Floats = azimuthal @ polar @ azimuthal.transpose(0, 2, 1)
    return axes


def _about_z(phi: Floats) -> Floats:
    rotation = np.zeros((len(phi), 3, 3))
    rotation[:, 0, 0] = rotation[:, 1, 1] = np.cos(phi)
    rotation[:, 1, 0], rotation[:, 0, 1], rotation[:, 2, 2] = np.sin(phi), -np.sin(phi), 1
    return rotation
