import pytest
import torch

from caloforge.models.caloflow.cells import CellLogits, CellScores
from caloforge.models.parts.transforms import layer_sums


@pytest.fixture(scope="module")
def cells(small, toy):
    return torch.from_numpy(toy(small, 500, seed=21).energies)


def shares(cells, detector):
    return torch.cat(
        [cells[:, layer.slice] / cells[:, layer.slice].sum(1, keepdim=True) for layer in detector.layers], 1
    )


def test_logits_hold_the_shares_of_layers(small, cells):
    transform = CellLogits(small, 1e-3)
    weights = transform.weights(transform(cells))
    assert (weights - shares(cells, small)).abs().max() < 1e-3
    assert (weights > 0).all()


def test_logits_of_empty_layers_are_finite(small, cells):
    empty = cells.clone()
    empty[:, 17:] = 0.0
    logits = CellLogits(small, 1e-3)(empty)
    assert torch.isfinite(logits).all()
    assert logits.abs().max() < 14.0


def test_noise_fills_empty_cells_up_to_its_end(small):
    cells = torch.zeros(2000, small.n_cells)
    cells[:, [0, 8, 17]] = 10.0
    torch.manual_seed(1)
    transform = CellLogits(small, 0.1)
    empty = 10.0 * transform.weights(transform(cells))[:, 1:8]
    assert float(empty.max()) == pytest.approx(0.1, rel=0.1)
    assert float(empty.mean()) == pytest.approx(0.05, rel=0.05)


def test_scores_come_back_as_cells(small, cells):
    transform = CellScores(small)
    transform.fit(cells, torch.arange(small.n_cells))
    cells = torch.where(cells >= small.readout.threshold, cells, 0.0)
    back = transform.distribute(transform(cells), layer_sums(cells, small))
    assert ((back - cells).abs() <= 1e-4 * cells).all()
