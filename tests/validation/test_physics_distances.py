import numpy as np
import pytest

from caloforge.validation import physics_distances as physics


def test_frechet_of_known_gaussians():
    """Commuting covariances: |m|^2 + sum (sqrt a - sqrt b)^2."""
    a, b, shift = np.array([1.0, 4.0, 9.0]), np.array([4.0, 1.0, 9.0]), np.array([1.0, 0.0, 2.0])
    rotation = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    covariances = [rotation @ np.diag(x) @ rotation.T for x in (a, b)]
    found = physics.frechet(np.zeros(3), covariances[0], shift, covariances[1])
    assert found == pytest.approx(5 + ((np.sqrt(a) - np.sqrt(b)) ** 2).sum())


def test_frechet_distance_of_samples_is_extrapolated():
    """A shift of 0.5 in one of three Gaussian features, scaled by the largest value of the reference."""
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(2, 4000, 3))
    y[:, 0] += 0.5
    expected = (0.5 / np.abs(x[:, 0]).max()) ** 2
    value, error = physics.frechet_distance(x, y, 4000, 20000, 0)
    assert value == pytest.approx(expected, rel=0.15)
    assert 0 <= error < 0.1 * expected


def slow_kernel_distance(x, y):
    kernel = lambda a, b: (sum(p * q for p, q in zip(a, b, strict=True)) / len(a) + 1) ** 4  # noqa: E731
    n = len(x)
    within = [sum(kernel(s[i], s[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1)) for s in (x, y)]
    return sum(within) - 2 * sum(kernel(a, b) for a in x for b in y) / n**2


def test_kernel_sums_equal_the_definition():
    x, y = np.random.default_rng(2).normal(size=(2, 15, 3))
    assert physics._mmd(x, y) == pytest.approx(slow_kernel_distance(x.tolist(), y.tolist()), rel=1e-9)


def test_kernel_distance_is_zero_within_error_for_equal_samples():
    """Five errors of the median of ten draws: below 1e-4 false alarms."""
    x, y = np.random.default_rng(3).normal(size=(2, 3000, 4))
    value, error = physics.kernel_distance(x, y, 800, 0)
    assert abs(value) < 5 * error
    shifted, _ = physics.kernel_distance(x, y + 0.5, 800, 0)
    assert shifted > 10 * error


@pytest.mark.parametrize("noise", [0.0, 1e-13])
@pytest.mark.parametrize("level", [0.0, 5.0])
def test_constant_features_are_left_out(noise, level):
    """A feature that is rounding noise has no scale: the distance is that of the others, not 1e17."""
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(2, 2000, 3))
    flat = np.column_stack([x, level + noise * rng.normal(size=2000)])
    other = np.column_stack([y, level + 0.1 * rng.normal(size=2000)])
    assert physics.frechet_distance(flat, other, 1000, 2000, 0) == physics.frechet_distance(x, y, 1000, 2000, 0)
    assert physics.kernel_distance(flat, other, 500, 0) == physics.kernel_distance(x, y, 500, 0)


def test_nothing_but_constant_features_has_no_distance():
    x = np.ones((100, 2))
    assert np.isnan(physics.frechet_distance(x, x + 1, 50, 100, 0)).all()
    assert np.isnan(physics.kernel_distance(x, x + 1, 50, 0)).all()
