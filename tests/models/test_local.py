"""Local networks of the coupling flow: neighbourhoods, splits, densities, and the hits they start from."""

import numpy as np
import pytest
import torch

from caloforge.detector import Detector
from caloforge.models import build
from caloforge.models.config_types import FlowConfig
from caloforge.models.coupling_flow.config import CouplingFlowConfig
from caloforge.models.flows.coupling import CouplingFlow
from caloforge.models.flows.neighbourhoods import layout
from caloforge.showers.domain import Domain

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


@pytest.mark.parametrize("name", ["calogan-ecal", "clic-ecal", "pbwo4-cylinder"])
def test_splits_divide_the_cells_and_walls_of_the_checkerboard_lead_to_the_other_half(name):
    detector = Detector.load(name)
    neighbours, splits, _ = layout(detector)
    for split in splits:
        assert torch.cat(split).sort().values.tolist() == list(range(detector.n_cells))
    half = torch.full((detector.n_cells + 1,), 2)
    half[splits[0][0]], half[splits[0][1]] = 0, 1
    walls = half[neighbours[:, :4]]
    assert (walls != half[:-1, None]).all()


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
    block.local(kept, torch.zeros(1, 8))[0, :, cell].sum().backward()
    seen = set(first[kept.grad[0] != 0].tolist())
    neighbours = set(layout(small).neighbours[second[cell]].tolist())
    assert seen
    assert seen == neighbours & set(first.tolist())


def test_indicators_start_at_the_scores_of_the_threshold(small, toy):
    showers = toy(small, 300, seed=11)
    model = build(CouplingFlowConfig(layers=TINY, cells=TINY, local=4), small, Domain.of(showers.incidents))
    model.fit(showers)
    for block, (first, second) in zip(model.cell_flow.blocks[:2], 2 * layout(small).splits[:1], strict=True):
        kept = second if block is model.cell_flow.blocks[0] else first
        torch.testing.assert_close(block.local.levels.detach(), model.hits.edge[kept])
