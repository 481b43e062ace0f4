import itertools

import h5py
import numpy as np
import pytest
import torch
from scipy.stats import kstwobign, norm

from caloforge.detector import Detector, symmetries
from caloforge.models.parts.hit_cells import HitCells
from caloforge.models.parts.transforms import layer_sums

FALSE_ALARM = 1e-5  # of a test below in all
FAINT = (0.01, 0.03, 0.1, 0.3)  # MeV


@pytest.fixture(scope="module")
def cells(small, toy):
    return torch.from_numpy(toy(small, 3000, seed=3).energies)


def faint(detector, n, seed):
    """Cells (n, n_cells) [MeV] with spectra that rise steeply from the threshold, 5 to 95 per cent of them empty."""
    random = np.random.default_rng(seed)
    hit = random.random((n, detector.n_cells)) < np.linspace(0.05, 0.95, detector.n_cells)
    energies = 0.01 * np.exp(random.gamma(4.0, 1.0, (n, detector.n_cells)))
    return torch.from_numpy(np.where(hit, energies, 0.0).astype(np.float32))


def fitted(detector, cells):
    transform = HitCells(detector, 0.01)
    transform.fit(cells, torch.arange(detector.n_cells))
    return transform


def deviations(detector, transform, real, n_fitted):
    """Hits per shower in bands of faint cells: normal numbers turned into cells minus showers, in standard errors."""
    drawn = transform.inverse(torch.randn(20_000, detector.n_cells, generator=torch.Generator().manual_seed(5)))
    found = []
    for layer, (low, high) in itertools.product(detector.layers, itertools.pairwise(FAINT)):
        theirs, ours = (((x >= low) & (x < high))[:, layer.slice].sum(1).double() for x in (real, drawn))
        error = (theirs.var() * (1 / len(real) + 1 / n_fitted) + ours.var() / len(ours)).sqrt()
        found.append(abs(float((ours.mean() - theirs.mean()) / error)))
    return np.array(found)


def largest(n):
    """Largest deviation of n, in standard errors, that chance exceeds with the probability FALSE_ALARM."""
    return norm.isf(FALSE_ALARM / n / 2)


def test_scores_of_unseen_cells_are_normal(small, distances):
    """Cell by cell by Kolmogorov and Smirnov, as well as the fitted sample's size allows; false alarms: 1e-5."""
    transform, unseen = fitted(small, faint(small, 4000, 1)), faint(small, 4000, 2)
    scores = transform(unseen, torch.rand(unseen.shape, generator=torch.Generator().manual_seed(3)))
    assert distances(scores, 4000).max() < kstwobign.isf(FALSE_ALARM / small.n_cells)


def test_scores_of_layers_with_hits_are_normal_by_themselves(small, distances):
    """Nine of ten showers have an empty last layer; its cells are normal over the tenth. False alarms: 1e-5."""
    samples = faint(small, 8000, 1), faint(small, 8000, 2)
    last = small.layers[-1].slice
    for sample in samples:
        sample[torch.arange(8000) % 10 > 0, last] = 0.0
    transform = HitCells(small, 0.01, hit_only=True)
    transform.fit(samples[0], torch.arange(small.n_cells))
    scores = transform(samples[1], torch.rand(samples[1].shape, generator=torch.Generator().manual_seed(3)))
    filled = (samples[1][:, last] > 0).any(1)
    found, n = scores[filled][:, last], int((samples[0][:, last] > 0).any(1).sum())
    assert 700 < n < 850
    assert distances(found, n).max() < kstwobign.isf(FALSE_ALARM / found.shape[1])


def test_normal_numbers_become_faint_cells_as_often(small):
    """False alarms: 1e-5."""
    found = deviations(small, fitted(small, faint(small, 4000, 1)), faint(small, 4000, 2), 4000)
    assert len(found) == 9  # three layers, three bands of energy
    assert found.max() < largest(9)


def test_faint_cells_of_geant4(shared, distances):
    """Both on 3000 + 8000 positrons of 1 to 100 GeV, one cell of each symmetry class; false alarms: 2e-5."""
    detector = Detector.load("calogan-ecal")
    with h5py.File(shared / "data" / "calogan_eplus.h5") as file:
        showers = torch.from_numpy(file["showers"][:].astype(np.float32))
    showers = torch.where(showers >= 0.01, showers, 0.0)
    symmetry_classes = torch.from_numpy(symmetries(detector)).min(0).values
    transform = HitCells(detector, 0.01)
    transform.fit(showers[:3000], symmetry_classes)
    unseen = showers[3000:]
    scores = transform(unseen, torch.rand(unseen.shape, generator=torch.Generator().manual_seed(3)))
    known = symmetry_classes.unique()
    assert distances(scores[:, known], 3000).max() < kstwobign.isf(FALSE_ALARM / len(known))
    found = deviations(detector, transform, unseen, 3000)
    assert found.max() < largest(len(found))


def test_hits_round_trip(small, cells):
    transform = fitted(small, cells)
    uniform = torch.rand(cells.shape, generator=torch.Generator().manual_seed(2))
    scores = transform(cells, uniform)
    expected = torch.where(cells >= 0.01, cells, 0.0)
    back = transform.inverse(scores)
    assert ((back > 0) == (expected > 0)).all()
    assert ((back - expected).abs() <= 1e-4 * expected).all()
    hit = back > 0
    again = transform(back, uniform)
    assert (again - scores)[hit].abs().max() < 1e-3
    assert (again - scores)[~hit].abs().max() < 1e-6


def test_symmetric_cells_share_their_scores(small, cells):
    permutations = torch.from_numpy(symmetries(small))
    transform = HitCells(small, 0.01)
    transform.fit(cells, permutations.min(0).values)
    normal = torch.randn(20, small.n_cells, generator=torch.Generator().manual_seed(4))
    for permutation in permutations:
        assert torch.equal(transform.inverse(normal[:, permutation]), transform.inverse(normal)[:, permutation])
    assert len(transform.quantiles.values) == len(permutations.min(0).values.unique())


def test_cells_that_are_never_hit_stay_empty(small):
    cells = torch.tensor([[0.0, 5.0], [0.0, 7.0], [0.0, 0.0]]).repeat(200, small.n_cells // 2)
    drawn = fitted(small, cells).inverse(torch.randn(2000, small.n_cells, generator=torch.Generator().manual_seed(3)))
    hit = (drawn > 0).float().mean(0)
    assert (hit[::2] < 0.01).all()
    assert hit[1::2].numpy() == pytest.approx(2 / 3, abs=0.06)


def test_hits_stay_hits_where_their_layer_has_another_energy(small):
    """Scaled up or down, no hit falls below the threshold and none opens a gap above it."""
    transform = fitted(small, faint(small, 4000, 1))
    scores = torch.randn(4000, small.n_cells, generator=torch.Generator().manual_seed(6))
    drawn = transform.inverse(scores)
    layers = layer_sums(drawn, small)
    for factor in (0.8, 1.3):
        wanted = factor * layers
        cells = transform.distribute(scores, wanted)
        roomy = wanted > 0.02 * layer_sums((drawn > 0).float(), small)
        same = layer_sums(((cells > 0) != (drawn > 0)).float(), small) == 0
        assert same[roomy].all()
        assert roomy.float().mean() > 0.9
        torch.testing.assert_close(layer_sums(cells, small)[roomy], wanted[roomy], rtol=1e-5, atol=1e-5)
        just = ((cells >= 0.01) & (cells < 0.0105)).sum() / ((drawn >= 0.01) & (drawn < 0.0105)).sum()
        assert 0.5 < float(just) < 2


def test_a_layer_with_too_little_energy_loses_its_faintest_hits(small):
    transform = fitted(small, faint(small, 4000, 1))
    scores = torch.full((3, small.n_cells), -6.0)
    scores[:, :8] = transform(torch.full((1, small.n_cells), 0.02), torch.zeros(1, 1))[:, :8]
    scores[:, 3] = 3.0
    cells = transform.distribute(scores, torch.tensor([[0.05, 0.0, 0.0], [0.004, 0.0, 0.0], [0.9, 0.0, 0.0]]))
    assert cells[0, 3] == pytest.approx(0.05, rel=1e-4)
    assert (cells[1] == 0).all()
    assert (cells[2] > 0).sum() == 8
    assert ((cells > 0).sum(1) == torch.tensor([1, 0, 8])).all()


def test_a_layer_without_hits_gives_its_energy_to_one_cell(small):
    transform = fitted(small, faint(small, 4000, 1))
    scores = torch.full((1, small.n_cells), -4.0)
    scores[0, 3] = -2.5
    cells = transform.distribute(torch.minimum(scores, transform.edge - 0.1), torch.tensor([[5.0, 0.0, 2.0]]))
    assert float(cells[0, 3]) == pytest.approx(5.0, rel=1e-5)
    assert (cells[0] > 0).sum() == 2
    assert float(cells[0, 17:].sum()) == pytest.approx(2.0, rel=1e-5)
    assert (cells[0, 8:17] == 0).all()
    assert torch.isfinite(cells).all()
