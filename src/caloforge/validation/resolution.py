"""The energy resolution of a sample, and its three terms."""

from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np

from caloforge.validation.moments import Floats

Statistic = Callable[[Floats], tuple[float, float]]
Bins = list[tuple[float, float]]

FEWEST = 4  # least number of energies for a fit of three terms
DRAWS = 200  # bootstrap draws of the points


@dataclass(frozen=True)
class Resolution:
    """Terms of sigma / E = a / sqrt(E) + b / E + c, added in quadrature, with E in GeV, and their errors.

    Attributes:
        a: stochastic term [sqrt(GeV)].
        b: noise term [GeV].
        c: constant term.
        a_error, b_error, c_error: standard errors.
    """

    a: float
    b: float
    c: float
    a_error: float
    b_error: float
    c_error: float

    def __call__(self, energy: Floats) -> Floats:
        """Resolution at energies [GeV]."""
        squares = self.a**2 / energy + self.b**2 / energy**2 + self.c**2
        return np.asarray(np.sqrt(squares))


def mean_of(values: Floats) -> tuple[float, float]:
    """Mean of values (n,) and its statistical error."""
    return float(values.mean()), float(values.std() / len(values) ** 0.5)


def width_over_mean(values: Floats) -> tuple[float, float]:
    """Standard deviation over mean of values (n,), and its error from the fourth moment."""
    spread, centre = float(values.std()), float(values.mean())
    if spread == 0 or centre == 0:
        return 0.0, 0.0
    fourth = float((((values - centre) / spread) ** 4).mean())
    return spread / centre, spread / centre * (max(fourth - 1, 0.0) / (4 * len(values))) ** 0.5


def binned(values: Floats, at: Floats, bins: Bins, statistic: Statistic) -> tuple[Floats, Floats]:
    """A statistic of values (n,) and its error, in bins of another quantity (n,); NaN in bins with fewer than two."""
    found = []
    for low, high in bins:
        chosen = values[(at >= low) & (at <= high) & np.isfinite(values)]
        found.append(statistic(chosen) if len(chosen) > 1 else (np.nan, np.nan))
    value, error = np.array(found, np.float64).T
    return value, error


def resolution_terms(response: Floats, energy: Floats, bins: Bins) -> dict[str, float] | None:
    """Terms of the resolution of responses (n,) at incident energies (n,) [MeV]; None if there are too few bins."""
    value, error = binned(response, energy, bins, width_over_mean)
    middles = np.array([(low + high) / 2e3 for low, high in bins])
    fit = fit_resolution(middles, value, error)
    return None if fit is None else asdict(fit)


def fit_resolution(energy: Floats, value: Floats, error: Floats) -> Resolution | None:
    """Fit the three terms to resolutions by weighted least squares of their squares; no term is negative.

    Args:
        energy: incident energies (n,) [GeV].
        value: resolutions (n,).
        error: standard errors of the resolutions (n,).

    Returns:
        The terms with errors from a parametric bootstrap of the points; None with fewer than four points.
    """
    good = np.isfinite(value) & np.isfinite(error) & (error > 0) & (value > 0)
    if good.sum() < FEWEST:
        return None
    energy, value, error = energy[good], value[good], error[good]
    random = np.random.default_rng(0)
    draws = value + error * random.standard_normal((DRAWS, len(value)))
    spread = np.std([_terms(energy, drawn, error) for drawn in draws], axis=0)
    a, b, c = _terms(energy, value, error)
    return Resolution(a, b, c, *(float(s) for s in spread))


def _terms(energy: Floats, value: Floats, error: Floats) -> tuple[float, float, float]:
    from scipy.optimize import nnls

    width = 2 * np.abs(value).clip(min=error) * error  # error of the square of a resolution
    design = np.column_stack([1 / energy, 1 / energy**2, np.ones_like(energy)]) / width[:, None]
    squares, _ = nnls(design, value**2 / width)
    a, b, c = np.sqrt(squares).tolist()
    return a, b, c
