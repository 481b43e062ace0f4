"""Bremsstrahlung cross sections against the tables of Seltzer and Berger."""

import numpy as np
import pytest

from caloforge.simulators.geant4.tables.bremsstrahlung import coulomb_correction, scaled_cross_section


def seltzer_berger(folder, z):
    """Electron energies [MeV], reduced photon energies, beta^2 / Z^2 k dsigma/dk [mb]."""
    grid = np.array((folder / "nist_brems_grid").read_text().split(), float)
    _, n, m = grid[:3].astype(int)
    values = np.array((folder / f"nist_brems_{z}").read_text().split(), float)
    return grid[3 : 3 + n], grid[3 + n :], values.reshape(n, m)


@pytest.mark.parametrize("z", [6, 8, 14, 18, 74, 82])
@pytest.mark.parametrize(("low", "high", "tolerance"), [(0.1, 0.999, 0.05), (1.0, 1.0e4, 0.02)])
def test_radiated_energy(shared, z, low, high, tolerance):
    energies, k, table = seltzer_berger(shared / "reference" / "nist_bremsstrahlung", z)
    rows = (energies > low * 0.999) & (energies < high * 1.001)
    ours = np.trapezoid(scaled_cross_section(z, energies[rows], k), k)
    assert rows.sum() > 5
    np.testing.assert_allclose(ours, np.trapezoid(table[rows], k), rtol=tolerance)


def test_coulomb_correction_of_lead():
    # Davies, Bethe and Maximon, from the sum a^2 sum 1 / (n (n^2 + a^2))
    a2, n = (82 / 137.036) ** 2, np.arange(1.0, 1e5)
    assert coulomb_correction(82) == pytest.approx(a2 * np.sum(1 / (n * (n**2 + a2))), rel=2e-4)


def test_positive_and_smooth_at_the_seams():
    k = np.linspace(0, 1, 41)
    energies = np.array([0.0999, 0.1001, 49.99, 50.01])
    for z in (1, 26, 92):
        chi = scaled_cross_section(z, energies, k)
        assert (chi[:, :-1] > 0).all()
        np.testing.assert_allclose(chi[0, :38], chi[1, :38], rtol=0.02)
        np.testing.assert_allclose(chi[2, :38], chi[3, :38], rtol=0.002)
