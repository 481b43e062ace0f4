"""The graph form of the coupling flow's local networks, in a detector of hexagons before hexagons and rectangles."""

import math

import numpy as np
import pytest
import torch

from caloforge.detector import Detector
from caloforge.detector.graph import graph
from caloforge.errors import InputError
from caloforge.export import export
from caloforge.models import build
from caloforge.models.config_types import FlowConfig
from caloforge.models.coupling_flow.config import CouplingFlowConfig, DistilledConfig
from caloforge.models.coupling_flow.student import PairNetwork
from caloforge.models.flows.coupling import CouplingFlow
from caloforge.models.flows.local import LocalNetwork
from caloforge.models.flows.neighbourhoods import layout
from caloforge.showers.domain import Domain
from caloforge.training import TrainingConfig, train

LAYER = """
[[layer]]
copies = {copies}
plates = [{{material = "G4_PbWO4", thickness = "40 mm"}}]
counts = ["G4_PbWO4"]
cells = {{{cells}}}
"""
HEXAGONS = 'kind = "hexagonal", size = "{size} mm", width = "{width} mm"'
FLOWER = HEXAGONS.format(size=10, width=30)  # 7 pads
TINY = FlowConfig(blocks=3, hidden=8, bins=4)


def detector_of(*layers, copies=1):
    text = "".join(LAYER.format(copies=copies, cells=cells) for cells in layers)
    return Detector.from_toml('name = "pads"\n[readout]\nthreshold = "0.01 MeV"\n' + text)


@pytest.fixture(scope="module")
def pads():
    """Pads of 10 mm, pads of 14 mm, and 3 x 3 rectangles: 35 cells."""
    rectangles = 'kind = "cartesian", n = [3, 3], size = ["15 mm", "15 mm"]'
    return detector_of(FLOWER, HEXAGONS.format(size=14, width=60), rectangles)


def flow_of(detector, dtype=torch.float32, blocks=5, **more):
    torch.manual_seed(3)
    flow = CouplingFlow(detector.n_cells, 2, blocks=blocks, hidden=8, depth=2, bins=4, local=6,
                        layout=layout(detector, "graph"), **more)  # fmt: skip
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter.mul_(2.0)
        for block in flow.couplings:
            block.local.cells.normal_()
    return flow.to(dtype)


def test_the_graph_is_the_form_of_cells_without_rows_and_columns(pads, small):
    assert layout(pads).means is not None
    assert layout(small).means is None
    assert layout(small, "graph").means is not None


def test_a_colouring_of_equal_rectangles_is_a_checkerboard_in_three_dimensions(uniform):
    layer, x, y = np.indices((4, 4, 4)).reshape(3, -1)
    first, second = layout(uniform, "graph").splits[0]
    assert first.tolist() == np.flatnonzero((layer + x + y) % 2 == 0).tolist()
    assert second.tolist() == np.flatnonzero((layer + x + y) % 2 == 1).tolist()


def test_splits_divide_the_cells_and_part_most_hexagons_in_contact(pads):
    splits = layout(pads).splits
    assert len(splits) == 3
    for split in splits:
        assert torch.cat(split).sort().values.tolist() == list(range(pads.n_cells))
        assert abs(len(split[0]) - len(split[1])) <= 5
    side = np.zeros(pads.n_cells)
    side[splits[0][0].numpy()] = 1
    cells, columns = np.nonzero(graph(pads).contact.cells < pads.n_cells)
    assert (side[cells] != side[graph(pads).contact.cells[cells, columns]]).mean() > 0.6
    assert len({tuple(first.tolist()) for first, _ in splits}) == 3


def test_density_is_that_of_the_map(pads):
    flow = flow_of(pads, torch.float64)
    x, conditions = torch.randn(4, pads.n_cells).double(), torch.randn(4, 2).double()
    z, log_slope = flow(x, conditions)
    torch.testing.assert_close(flow.inverse(z, conditions), x)
    jacobian = torch.autograd.functional.jacobian(lambda v: flow(v[None], conditions[:1])[0][0], x[0])
    torch.testing.assert_close(torch.linalg.slogdet(jacobian)[1], log_slope[0].detach())


@pytest.mark.parametrize("k", [0, 2, 4])
def test_a_moved_cell_depends_on_its_relations_and_on_the_dense_network_alone(pads, k):
    block, (second, first) = flow_of(pads).blocks[k], layout(pads).splits[k // 2]
    related = [set(row[row < pads.n_cells].tolist()) for row in np.concatenate([r.cells for r in graph(pads)], 1)]
    for cell in range(len(second)):
        kept, context = torch.randn(1, len(first), requires_grad=True), torch.randn(1, 8, requires_grad=True)
        block.local(kept, context, context)[0, :, cell].sum().backward()
        assert set(first[kept.grad[0] != 0].tolist()) == related[second[cell]] & set(first.tolist())
        assert (context.grad != 0).all()


def test_means_take_shares_of_the_kept_cells_alone():
    """A rectangle before pads: its following cells count by the area of the overlap."""
    detector = detector_of('kind = "cartesian", n = [1, 1], size = ["26 mm", "20 mm"]', FLOWER)
    kept, moved = torch.tensor([1, 4, 7]), torch.tensor([0, 2, 3, 5, 6])
    network = LocalNetwork(layout(detector, "graph"), kept, moved, 4, 2, 3)
    shares = graph(detector).following.weights[0, [0, 3, 6]]
    found = dict(zip(network.places.view(5, -1)[0].tolist(), network.shares[0].tolist(), strict=True))
    assert [found[k] for k in range(3)] == pytest.approx((shares / shares.sum()).tolist())


def test_contacts_may_change_places(uniform):
    """Cells that are related in the same way only count by their mean."""
    block, (second, first) = flow_of(uniform).blocks[0], layout(uniform, "graph").splits[0]
    cell = 16 + 6  # it touches 18, 21, 23 and 26
    column, contacts = second.tolist().index(cell), [first.tolist().index(k) for k in (18, 21, 23, 26)]
    kept, context = torch.randn(1, len(first)), torch.randn(1, 8)
    moved = kept.clone()
    moved[:, contacts] = kept[:, contacts[1:] + contacts[:1]]
    before, after = (block.local(values, context, context)[0] for values in (kept, moved))
    torch.testing.assert_close(after[:, column], before[:, column])
    assert (after - before).abs().max() > 0.01


def test_a_turn_of_the_pads_turns_the_outputs():
    """By 60 degrees, which maps seven pads onto themselves, with the halves turned as well."""
    detector = detector_of(FLOWER, copies=2)
    found, grid = layout(detector), detector.layers[0].cells
    turn = np.array([[math.cos(math.pi / 3), -math.sin(math.pi / 3)], [math.sin(math.pi / 3), math.cos(math.pi / 3)]])
    one = grid.locate(*(grid.centres @ turn.T).T)
    turned = torch.from_numpy(np.concatenate([one, 7 + one]))
    assert turned.tolist() != list(range(14))
    kept, moved = found.splits[0]
    torch.manual_seed(4)
    first, second = LocalNetwork(found, kept, moved, 6, 8, 5), LocalNetwork(found, turned[kept], turned[moved], 6, 8, 5)
    second.load_state_dict(first.state_dict())
    scores, context = torch.randn(3, len(kept)), torch.randn(3, 8)
    torch.testing.assert_close(second(scores, context, context), first(scores, context, context))


def test_a_folded_graph_network_gives_the_same_data(pads):
    flow = flow_of(pads, edges=3).requires_grad_(False)
    z, conditions = torch.randn(50, pads.n_cells), torch.randn(50, 2)
    x = flow.inverse(z, conditions)
    torch.testing.assert_close(flow.folded().inverse(z, conditions), x, rtol=0, atol=3e-4)
    for block in flow.couplings:
        block.local.first.weight.zero_()
    assert (flow.inverse(z, conditions) - x).abs().max() > 0.05


def test_a_student_sees_the_graph_too(pads):
    torch.manual_seed(5)
    network = PairNetwork(DistilledConfig(hidden=8, blocks=1, local=4), pads, 3).requires_grad_(False)
    network.local.last.weight.mul_(20.0)
    noise, conditions = torch.randn(20, pads.n_cells), torch.randn(20, 3)
    scores = network(noise, conditions)
    torch.testing.assert_close(network.folded()(noise, conditions), scores, rtol=0, atol=1e-4)
    network.local.first.weight.zero_()
    assert (network(noise, conditions) - scores).abs().max() > 0.05


def test_a_model_of_pads_is_trained_and_exported(pads, toy, tmp_path):
    """The export compares its showers with PyTorch's."""
    showers = toy(pads, 200, seed=2)
    brief = FlowConfig(blocks=1, hidden=4, bins=2)
    config = {"model": CouplingFlowConfig(layers=brief, cells=brief, local=4).model_dump(),
              "training": {"steps": 4, "batch": 32, "evaluate_every": 2}}  # fmt: skip
    train(TrainingConfig.build(config, "pads"), showers[:150], showers[150:], tmp_path / "run", quiet=True)
    summary = export(tmp_path / "run", tmp_path / "pads.onnx")
    assert summary.flips == 0


def test_the_config_chooses_the_form(small, toy):
    domain = Domain.of(toy(small, 20, seed=1).incidents)
    forms = [build(CouplingFlowConfig(layers=TINY, cells=TINY, local=4, neighbourhood=word), small, domain)
             for word in (None, "directions", "graph")]  # fmt: skip
    assert [model.cell_flow.couplings[0].local.shares is None for model in forms] == [True, True, False]


def test_what_cannot_be_is_refused_in_one_line(pads):
    model = {"kind": "coupling-flow", "neighbourhood": "graph"}
    with pytest.raises(InputError, match="neighbourhood = 'graph' needs local, the width of the network"):
        TrainingConfig.build({"model": model}, "run.toml")
    with pytest.raises(InputError, match="neighbourhood"):
        TrainingConfig.build({"model": model | {"local": 4, "neighbourhood": "ring"}}, "run.toml")
    with pytest.raises(InputError, match="cells of pads have no rows and columns"):
        layout(pads, "directions")
    lonely = detector_of('kind = "cartesian", n = [1, 1], size = ["26 mm", "20 mm"]')
    for neighbourhood in ("directions", "graph"):
        with pytest.raises(InputError, match="local needs cells with neighbours, which pads does not have"):
            layout(lonely, neighbourhood)
