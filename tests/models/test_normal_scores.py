import numpy as np
import pytest
import torch
from scipy.stats import kstwobign

from caloforge.models.parts.normal_scores import NormalScores, interpolated, strictly_increasing, to_normal

FALSE_ALARM = 1e-5  # of a test below in all


def columns(n, seed):
    """A log-normal, a uniform, a heavy-tailed and a bimodal column."""
    random = np.random.default_rng(seed)
    two = np.where(random.random(n) < 0.3, random.normal(-5, 0.1, n), random.normal(2, 1, n))
    values = [random.lognormal(size=n), 1e-3 * random.random(n), random.standard_t(3, n), two]
    return torch.from_numpy(np.stack(values, 1))


def test_scores_of_unseen_values_are_normal(distances):
    """By Kolmogorov and Smirnov, as well as the fitted sample's size allows; false alarms: 1e-5."""
    transform = NormalScores(4)
    transform.fit(list(columns(4000, 1).T), torch.zeros(4))
    scores = transform(columns(4000, 2).float())
    assert distances(scores, 4000).max() < kstwobign.isf(FALSE_ALARM / 4)


def test_both_directions_are_inverse():
    transform = NormalScores(4)
    fitted = columns(4000, 1)
    transform.fit(list(fitted.T), torch.zeros(4))
    values = columns(4000, 2).float()
    scores = transform(values)
    off = ((transform.inverse(scores) - values).abs() / values.std(0))[scores.abs() < 5.2]
    assert off.max() < 1e-4
    wide = torch.linspace(-5, 5, 1001)[:, None].expand(-1, 4)
    assert (transform(transform.inverse(wide)) - wide).abs().max() < 1e-2
    assert (torch.diff(transform.inverse(wide), dim=0) > 0).all()


def test_slopes_are_those_of_the_map():
    """What a likelihood of values would need, and what losses through the inverse follow."""
    transform = NormalScores(4)
    transform.fit(list(columns(4000, 1).T), torch.tensor([0.0, 0.3, 0.9, 0.0]), None)
    transform = transform.double()
    scores = torch.linspace(-4, 4, 400, dtype=torch.float64)[:, None].repeat(1, 4).requires_grad_()
    values = transform.inverse(scores)
    (slopes,) = torch.autograd.grad(values.sum(), scores)
    step = 1e-7
    with torch.no_grad():
        numeric = (transform.inverse(scores + step) - transform.inverse(scores - step)) / (2 * step)
    close = (slopes / numeric - 1).abs() < 1e-3
    assert close.float().mean() > 0.99  # but where the step spans a knot
    assert (slopes > 0).all()


def test_scores_grow_through_ties():
    transform = NormalScores(1)
    transform.fit([torch.cat([torch.zeros(500), torch.ones(500)])], torch.zeros(1))
    grid = torch.linspace(-4, 4, 401)[:, None]
    assert (torch.diff(transform.inverse(grid), dim=0) > 0).all()


def test_growing_knots_stay_where_they_grew():
    knots = torch.tensor([0.0, 0.0, 0.0, 5.0, 10.0])
    grown = strictly_increasing(knots)
    assert (torch.diff(grown) > 0).all()
    torch.testing.assert_close(grown[3:], knots[3:])


def test_normal_quantiles():
    assert float(to_normal(torch.tensor(0.975))) == pytest.approx(1.95996, abs=1e-4)
    assert torch.isfinite(to_normal(torch.tensor([0.0, 1.0]))).all()


def test_interpolation_is_numpys():
    table, places = torch.rand(101, dtype=torch.float64), torch.linspace(-2, 103, 37, dtype=torch.float64)
    np.testing.assert_allclose(interpolated(table, places), np.interp(places, np.arange(101), table))
    assert interpolated(table[:1], places).tolist() == [float(table[0])] * 37


def test_samples_beyond_the_limit_of_torch():
    """torch.quantile refuses more than 16 777 216 values."""
    sample = torch.linspace(0.0, 1.0, 17_000_000)
    transform = NormalScores(1)
    transform.fit([sample], torch.zeros(1))
    assert float(transform.inverse(torch.zeros(1, 1))) == pytest.approx(0.5, abs=1e-3)


def test_tails_go_on_as_the_sample_ends():
    """Not with the slope that the last two values of the sample happen to have."""
    transform = NormalScores(200)
    random = torch.Generator().manual_seed(4)
    transform.fit(list(torch.randn(200, 2000, generator=random)), torch.zeros(200))
    for end in (-4.5, 4.5):
        values = transform.inverse(torch.full((1, 200), end))
        assert float(values.mean()) == pytest.approx(end, abs=0.3)
        assert float(values.std()) < 1.0


def test_tables_of_any_length_are_read():
    short = NormalScores(2)
    short.values = torch.tensor([[0.0, 1.0, 4.0], [1.0, 2.0, 3.0]])
    short.rows.copy_(torch.tensor([1, 0]))
    transform = NormalScores(2)
    transform.load_state_dict(short.state_dict())
    np.testing.assert_allclose(transform.inverse(torch.tensor([[-3.0, 3.0], [0.0, 1.5]])), [[1.0, 4.0], [2.0, 2.5]])


def test_what_is_not_a_number_stays_so():
    transform = NormalScores(1)
    assert transform.inverse(torch.tensor([[torch.nan]])).isnan().all()
