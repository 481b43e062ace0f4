import pytest
import torch


def kolmogorov_smirnov(scores, fitted_to):
    """Distances of columns (N, D) from a standard normal in units of what chance gives; the fit has its chance, too."""
    n = len(scores)
    probability = torch.special.ndtr(scores.double()).sort(0).values
    steps = torch.arange(n + 1, dtype=torch.float64)[:, None] / n
    distance = torch.maximum(probability - steps[:-1], steps[1:] - probability).max(0).values
    return (distance * (n * fitted_to / (n + fitted_to)) ** 0.5).numpy()


@pytest.fixture(scope="session")
def distances():
    """Kolmogorov-Smirnov distances of scores from what they promise."""
    return kolmogorov_smirnov
