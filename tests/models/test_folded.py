"""Folded parts of exported graphs give the samples of the parts that they are made from."""

import pytest
import torch

from caloforge.detector import Detector
from caloforge.models.flows import folded, splines
from caloforge.models.flows.coupling import CouplingFlow
from caloforge.models.flows.edges import KAPPA, masses_between, with_masses
from caloforge.models.flows.neighbourhoods import layout
from caloforge.models.parts import folded_tables
from caloforge.models.parts.folded_tables import LayerMap
from caloforge.models.parts.hit_cells import HitCells
from caloforge.models.parts.normal_scores import NormalScores
from caloforge.models.parts.transforms import LayerShares, layer_sums


def flow_of(size, *, strength=2.0, **sizes):
    torch.manual_seed(5)
    flow = CouplingFlow(size, 2, **({"blocks": 4, "hidden": 16, "depth": 2, "bins": 6} | sizes))
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter.mul_(strength)
    if sizes.get("edges"):
        flow.set_edges(torch.linspace(-4.0, 4.0, size) + torch.linspace(0.0, 2.0, sizes["edges"])[:, None])
    return flow.requires_grad_(False)


@pytest.mark.parametrize(
    ("size", "sizes"),
    [
        (7, {}),
        (1, {}),
        (2, {"blocks": 1, "bins": 2}),
        (6, {"blocks": 3, "depth": 1, "bins": 9}),
        (8, {"edges": 1}),
        (8, {"edges": 5}),
        (8, {"plain": 2, "edges": 3}),
        (7, {"plain": 3, "blocks": 5}),
        (8, {"plain": 4, "edges": 3}),
        (8, {"edges": 2, "data": True}),
        (7, {"plain": 3, "blocks": 3, "edges": 1}),
    ],
)
def test_a_folded_flow_gives_the_same_data(size, sizes):
    flow = flow_of(size, **sizes)
    z, conditions = 1.5 * torch.randn(500, size), torch.randn(500, 2)
    x = flow.inverse(z, conditions)
    assert (x - flow_of(size, strength=0.0, **sizes).inverse(z, conditions)).abs().max() > 0.3
    found, clear = flow.folded().inverse(z, conditions), x > -4.0  # edges know what lies far below to 1e-7 of all
    torch.testing.assert_close(found[clear], x[clear], rtol=0, atol=4e-4)
    torch.testing.assert_close(found, x, rtol=0, atol=4e-3)


@pytest.mark.parametrize("plain", [0, 2, 5])
@pytest.mark.parametrize("slim", [False, True])
@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("name", ["small", "calogan-ecal", "par04-siw"])
def test_a_folded_flow_sees_the_same_neighbours(small, name, shared, slim, plain):
    detector = small if name == "small" else Detector.load(name)
    numbers = torch.randint(2, (len(detector.layers), 3)) if shared else None
    one = plain == 5 and slim and not shared
    flow = flow_of(detector.n_cells, local=6, layout=layout(detector), edges=3, blocks=5, plain=plain,
                   numbers=numbers, slim=slim, data=slim, seeing=1 if one else None)  # fmt: skip
    seeing = [block for block in flow.couplings if block.local is not None]
    assert len(seeing) == (5 if shared else max(5 - plain, 1 if slim else 2))
    for block in seeing:
        block.local.cells.normal_()
        if slim:
            block.local.mixed.normal_(1.0)
        if shared:
            block.local.gates.normal_(1.0)
    z, conditions = torch.randn(50, detector.n_cells), torch.randn(50, 2)
    x = flow.inverse(z, conditions)
    torch.testing.assert_close(flow.folded().inverse(z, conditions), x, rtol=5e-3, atol=3e-3)
    for block in seeing:
        block.local.first.weight.zero_()
    assert (flow.inverse(z, conditions) - x).abs().max() > 0.05


def test_places_that_hold_no_kept_cell_are_left_out():
    """Of a checkerboard the four neighbours and both layers remain, of stripes the six neighbours in other stripes."""
    detector = Detector.load("calogan-ecal")
    flow = flow_of(detector.n_cells, local=6, layout=layout(detector), blocks=6)
    assert [block.local.shape[0] for block in flow.folded().blocks] == [2 * k + 1 for k in (6, 6, 8, 7, 8, 8)]


def test_a_folded_spline_is_the_spline():
    torch.manual_seed(6)
    z, raw = torch.linspace(-6.0, 6.0, 4001)[:, None], 2 * torch.randn(4001, 17, 1)
    raw[:, 12:] *= 3
    biased = raw + folded.folded_bias(torch.zeros(17, 1), 6)
    found = folded.FoldedSpline(6, 6.0)(z, *biased.exp().split([12, 5], 1))
    torch.testing.assert_close(found, splines.spline(z, raw, 6.0), rtol=0, atol=3e-4)


def test_networks_without_bounds_give_finite_data():
    flow = flow_of(6, strength=300.0)
    x = flow.folded().inverse(torch.randn(200, 6), torch.randn(200, 2))
    assert x.isfinite().all()
    assert x.abs().max() < 6.01


def test_folded_ranges_are_the_ranges():
    """Down to probabilities below a score that are the rounding of single precision."""
    torch.manual_seed(11)
    masses = masses_between(torch.tensor([[-4.0, 0.0, 3.0], [-1.0, 0.1, 3.5]]))
    x = torch.linspace(-5.2, 5.2, 2001)[:, None].expand(-1, 3)
    changed = masses * (3 * torch.randn(1, 3, 3)).exp().expand(2001, -1, -1)
    expected = with_masses(x.double(), changed.double(), masses.double()).float()
    found = folded.FoldedRanges(masses)(KAPPA * x, list(changed.unbind(1)))
    clear = expected > -4.0
    torch.testing.assert_close(found[clear], expected[clear], rtol=0, atol=1e-3)
    torch.testing.assert_close(found.clamp(min=-5.0), expected.clamp(min=-5.0), rtol=0, atol=0.1)


def scores_of(bent):
    torch.manual_seed(7)
    samples = [torch.randn(400).exp() * (k + 1) for k in range(3)]
    scores = NormalScores(5)
    below = torch.tensor([0.3, 0.6, 0.9]) if bent else torch.zeros(3)
    scores.fit(samples, below, 0.0 if bent else None, torch.tensor([0, 1, 2, 1, 0]))
    assert bool((scores.bend < 1).any()) == bent
    return scores


@pytest.mark.parametrize("bent", [True, False])
def test_folded_scores_give_the_same_values(bent):
    scores = scores_of(bent)
    places = torch.linspace(-7.0, 7.0, 3001)[:, None].expand(-1, 5)
    torch.testing.assert_close(scores.folded().inverse(places), scores.inverse(places), rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("n", [1, 2, 30])
def test_folded_shares_give_the_same_layers(n):
    torch.manual_seed(8)
    shares = LayerShares(n, 0.7, 0.01)
    energy = 1e4 * torch.rand(200, 1) + 1e3
    shares.fit(energy * torch.rand(200, n) ** 3 / n, energy)
    scores = 2 * torch.randn(200, n)
    torch.testing.assert_close(
        shares.folded().inverse(scores, energy), shares.inverse(scores, energy), rtol=3e-5, atol=0
    )


@pytest.mark.parametrize(("kind", "largest"), [("small", 2**16), ("small", 0), ("uniform", 2**16)])
def test_folded_cells_distribute_alike(request, toy, monkeypatch, kind, largest):
    """Also in layers with less energy than one threshold per hit, and in layers without hits."""
    monkeypatch.setattr(folded_tables, "LARGEST_MATRIX", largest)
    detector = request.getfixturevalue(kind)
    hits = HitCells(detector, detector.threshold)
    cells = torch.from_numpy(toy(detector, 300, seed=9).thresholded())
    hits.fit(cells, torch.arange(detector.n_cells))
    torch.manual_seed(10)
    scores = torch.randn(300, detector.n_cells)
    scores[::7] -= 6.0
    layers = layer_sums(cells, detector)
    layers[::3] *= 1e-5
    layers[1::3, 0] = 0.0
    expected, found = hits.distribute(scores, layers), hits.folded().distribute(scores, layers)
    assert ((found > 0) == (expected > 0)).all()
    torch.testing.assert_close(found, expected, rtol=3e-5, atol=1e-6)
    torch.testing.assert_close(hits.folded().inverse(scores), hits.inverse(scores), rtol=3e-5, atol=0)
    assert ((expected > 0) & (expected < 2 * detector.threshold)).any()


@pytest.mark.parametrize("largest", [2**16, 0])
def test_layers_of_any_sizes(monkeypatch, largest):
    monkeypatch.setattr(folded_tables, "LARGEST_MATRIX", largest)
    layers = LayerMap(torch.tensor([0, 0, 0, 1, 2, 2]), 3)
    cells = torch.tensor([[1.0, 5.0, 2.0, -3.0, 0.5, 0.25]])
    assert layers.sums(cells).tolist() == [[8.0, -3.0, 0.75]]
    assert layers.largest(cells).tolist() == [[5.0, -3.0, 0.5]]
    assert layers.spread(torch.tensor([[1.0, 2.0, 3.0]])).tolist() == [[1, 1, 1, 2, 3, 3]]
