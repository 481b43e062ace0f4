"""Local networks of the coupling flow: neighbourhoods, splits, densities, and the hits they start from."""

import numpy as np
import pytest
import torch

from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.export import export
from caloforge.models import Batch, build
from caloforge.models.config_types import FlowConfig
from caloforge.models.coupling_flow.config import CouplingFlowConfig
from caloforge.models.flows.coupling import CouplingFlow
from caloforge.models.flows.neighbourhoods import layout
from caloforge.models.parts.transforms import layer_sums
from caloforge.showers import Showers
from caloforge.showers.domain import Domain
from caloforge.simulators.learned import LearnedSimulator
from caloforge.training import TrainingConfig, train

TINY = FlowConfig(blocks=5, hidden=8, bins=4)


def flow_of(detector, dtype=torch.float32):
    torch.manual_seed(3)
    flow = CouplingFlow(detector.n_cells, 2, blocks=5, hidden=8, depth=2, bins=4, local=6, layout=layout(detector))
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter.mul_(2.0)
    return flow.to(dtype)


def test_neighbourhood_of_a_cell_in_the_middle():
    detector = Detector.load("calogan-ecal")  # 3 x 96, 12 x 12, 12 x 6 cells
    neighbours = layout(detector).neighbours
    start = detector.layers[1].start
    own = start + 12 * 5 + 7
    steps = (neighbours[own] - own).tolist()
    assert steps[:4] == [-12, 12, -1, 1]
    assert steps[4:8] == [-24, 24, -2, 2]
    assert sorted(steps[8:12]) == [-13, -11, 11, 13]
    before, after = neighbours[own, 12:].tolist()
    for k, found in ((0, before), (2, after)):
        centres = detector.layers[k].cells.centres
        distances = np.linalg.norm(centres - detector.layers[1].cells.centres[own - start], axis=1)
        assert distances[found - detector.layers[k].start] == pytest.approx(distances.min())


def test_nothing_lies_beyond_a_corner():
    neighbours = layout(Detector.load("calogan-ecal")).neighbours
    assert neighbours[0, [0, 2, 4, 6, 8, 9, 10, 12]].tolist() == [504] * 8


@pytest.mark.parametrize("name", ["calogan-ecal", "clic-ecal", "par04-siw", "pbwo4-cylinder"])
def test_splits_divide_the_cells_and_walls_of_the_checkerboard_lead_to_the_other_half(name):
    detector = Detector.load(name)
    neighbours, splits = layout(detector)[:2]
    for split in splits:
        assert torch.cat(split).sort().values.tolist() == list(range(detector.n_cells))
    half = torch.full((detector.n_cells + 1,), 2)
    half[splits[0][0]], half[splits[0][1]] = 0, 1
    walls = half[neighbours[:, :4]]
    assert (walls != half[:-1, None]).all()
    if len({layer.cells for layer in detector.layers}) == 1:
        assert (half[neighbours[:, 12:]] != half[:-1, None]).all()


def test_density_is_that_of_the_map(small):
    flow = flow_of(small, torch.float64)
    x, conditions = torch.randn(4, small.n_cells).double(), torch.randn(4, 2).double()
    z, log_slope = flow(x, conditions)
    torch.testing.assert_close(flow.inverse(z, conditions), x)
    jacobian = torch.autograd.functional.jacobian(lambda v: flow(v[None], conditions[:1])[0][0], x[0])
    torch.testing.assert_close(torch.linalg.slogdet(jacobian)[1], log_slope[0].detach())


def test_local_networks_see_the_cells_around_and_no_others(small):
    flow = flow_of(small)
    block = flow.blocks[0]
    second, first = layout(small).splits[0]  # of block 0: cells that are bent, and kept
    kept = torch.randn(1, len(first), requires_grad=True)
    cell = len(second) // 2
    block.local(kept, torch.zeros(1, 8), torch.zeros(1, 2))[0, :, cell].sum().backward()
    seen = set(first[kept.grad[0] != 0].tolist())
    neighbours = set(layout(small).neighbours[second[cell]].tolist())
    assert seen
    assert seen == neighbours & set(first.tolist())


def test_indicators_start_at_the_scores_of_the_threshold(small, toy):
    showers = toy(small, 300, seed=11)
    model = build(CouplingFlowConfig(layers=TINY, cells=TINY, local=4), small, Domain.of(showers.incidents))
    model.fit(showers)
    near, next_one = model.cell_flow.blocks[:2]
    first, second = layout(small).splits[0]
    torch.testing.assert_close(near.hits.level, model.hits.edge[second])
    torch.testing.assert_close(next_one.local.levels.detach(), model.hits.edge[first])
    assert near.local.levels is None
    assert next_one.hits is None


@pytest.mark.parametrize("heads", ["own", "shared"])
def test_what_a_block_gives_for_a_shower(small, heads):
    """With shared heads, cells have biases alone, and a shower changes the splines through the shared network."""
    torch.manual_seed(4)
    numbers = torch.tensor([[1]] * len(small.layers)) if heads == "shared" else None
    flow = CouplingFlow(
        small.n_cells, 2, blocks=2, hidden=8, depth=2, bins=4, local=6, layout=layout(small), numbers=numbers
    )
    block, kept = flow.couplings[0], torch.randn(2, flow.halves[0][1])
    with torch.no_grad():
        block.network[-1].bias.normal_()
        block.local.last.weight.zero_()
    first, second = block._network_outputs(kept, torch.randn(2, 2))[0].detach()
    assert first.std() > 0.1
    assert torch.equal(first, second) == (heads == "shared")


def test_shared_heads_see_the_numbers_of_their_own_layer(small):
    """A condition of one layer changes the cells of this layer alone, if the dense network sees no condition."""
    torch.manual_seed(4)
    n_layers = len(small.layers)
    flow = CouplingFlow(
        small.n_cells, n_layers, blocks=2, hidden=8, depth=2, bins=4, local=6, layout=layout(small),
        numbers=torch.arange(n_layers)[:, None],
    )  # fmt: skip
    block, (first, _) = flow.couplings[0], layout(small).splits[0]
    with torch.no_grad():
        block.network[0].weight.zero_()
    kept, conditions = torch.randn(1, flow.halves[0][1]), torch.zeros(2, n_layers)
    conditions[1, 1] = 1.0
    before, after = block._network_outputs(kept.expand(2, -1), conditions)[0].detach()
    changed = (before != after).any(0)
    assert torch.equal(changed, torch.from_numpy(small.cell_layer)[first] == 1)


def test_a_layers_numbers_are_its_share_shape_energy_and_whether_it_is_hit(small, toy):
    showers = toy(small, 300, seed=11)
    energies = showers.energies.copy()
    energies[::3, small.layers[-1].slice] = 0.0
    config = CouplingFlowConfig(layers=TINY, cells=TINY, local=4, heads="shared")
    model = build(config, small, Domain.of(showers.incidents))
    model.fit(Showers(small, showers.incidents, energies))
    batch = Batch.of(Showers(small, showers.incidents, energies))
    layers = layer_sums(batch.cells, small)
    torch.manual_seed(0)
    numbers = model._known(batch)[:, model.layer_numbers]
    torch.manual_seed(0)
    shares = model.shares(layers, batch.incidents["energy"])
    shapes = model.shapes(batch.cells).view(len(batch), len(small.layers), -1)
    logs = (1 + layers / small.threshold).log() / 5
    for k, share in enumerate(shares.T[1:]):
        expected = torch.cat([share[:, None], shapes[:, k], logs[:, k, None], (layers[:, k, None] > 0).float()], 1)
        torch.testing.assert_close(numbers[:, k], expected)
    assert (numbers[::3, -1, -2:] == 0).all()


def test_shared_heads_need_a_network_that_cells_share():
    model = {"kind": "coupling-flow", "heads": "shared"}
    with pytest.raises(InputError, match="heads = 'shared' needs local, the width of the network that cells share"):
        TrainingConfig.build({"model": model, "training": {"steps": 1}}, "run.toml")
    TrainingConfig.build({"model": model | {"local": 4}, "training": {"steps": 1}}, "run.toml")


def test_a_model_with_shared_heads_and_empty_layers_is_trained_and_exported(small, toy, tmp_path):
    """The export compares its showers with PyTorch's; the file draws empty layers, too."""
    showers = toy(small, 200, seed=2)
    energies = showers.energies.copy()
    energies[::3, small.layers[-1].slice] = 0.0
    showers = Showers(small, showers.incidents, energies)
    model = CouplingFlowConfig(layers=TINY, cells=TINY, local=4, heads="shared").model_dump()
    config = {"model": model, "training": {"steps": 4, "batch": 32, "evaluate_every": 2}}
    train(TrainingConfig.build(config, "shared"), showers[:150], showers[150:], tmp_path / "run", quiet=True)
    assert export(tmp_path / "run", tmp_path / "shared.onnx").flips == 0
    drawn = LearnedSimulator(tmp_path / "shared.onnx").simulate(showers.incidents, 1).energies
    empty = (drawn[:, small.layers[-1].slice] == 0).all(1).mean()
    assert 0.15 < empty < 0.55
