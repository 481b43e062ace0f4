import json
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

import caloforge
from caloforge.detector import Detector
from caloforge.errors import RunError
from caloforge.export import export
from caloforge.export import onnx as export_onnx
from caloforge.export.graph import check_graph
from caloforge.models import Batch, build
from caloforge.models.config_types import FlowConfig
from caloforge.models.coupling_flow.config import CouplingFlowConfig
from caloforge.showers.domain import Domain
from caloforge.simulators.cell_table import CellTable
from caloforge.simulators.learned import LearnedSimulator
from caloforge.training import load_model


@pytest.fixture(scope="module")
def graph(toy_onnx):
    return onnx.load(toy_onnx)


def test_inputs_outputs_and_opset(graph, toy_run, small):
    model = load_model(toy_run)
    assert [i.name for i in graph.graph.input] == ["noise", "energy"]
    assert [o.name for o in graph.graph.output] == ["showers"]
    assert next(o.version for o in graph.opset_import if o.domain == "") >= 20
    shapes = {i.name: i.type.tensor_type.shape.dim for i in [*graph.graph.input, *graph.graph.output]}
    assert shapes["noise"][1].dim_value == model.noise_size
    assert shapes["showers"][1].dim_value == small.n_cells
    assert all(shape[0].dim_param for shape in shapes.values())


def test_metadata(graph, small):
    (entry,) = graph.metadata_props
    assert entry.key == "caloforge"
    card = json.loads(entry.value)
    assert card["schema"] == "caloforge-model-2"
    assert card["detector"] == {"name": "small", "hash": small.hash, "toml": small.toml}
    assert card["n_cells"] == small.n_cells
    assert card["noise"] == small.n_cells + 8 * len(small.layers) + 1
    assert card["pdgs"] == [-11]
    assert card["threshold"] == 0.01
    assert 1000 <= card["ranges"]["energy"][0] < card["ranges"]["energy"][1] <= 20000
    assert set(card["ranges"]) == {"energy", "theta", "phi", "position"}
    assert card["training"]["n_showers"] == 300
    assert card["training"]["record"]["losses"][-1][0] == 20
    assert card["units"] == {"energy": "MeV", "length": "mm", "angle": "rad"}
    low, high = card["ranges"]["energy"]
    assert card["limits"]["energy"] == [low * (1 - 1e-6), high * (1 + 1e-6)]
    cells = CellTable.build(card["cells"], "cells")
    assert cells == CellTable.of(small)
    centres = [np.array(cells.planes[plane].centres).reshape(-1, 2) for plane in cells.layers]
    np.testing.assert_array_equal(np.concatenate(centres), small.cell_centres[:, :2])


def test_a_matched_response_is_told_with_what_it_was(tiny_onnx, toy_onnx):
    """In the metadata, and so in the provenance of every shower."""
    model = LearnedSimulator(tiny_onnx("vae"))
    match = model.card.response_match
    assert len(match.ranges) == len(match.unmatched_mean_ratio) == len(match.unmatched_width_ratio) == 1
    assert match.unmatched_width_ratio[0] > 0
    assert model.provenance()["response_match"]["unmatched_mean_ratio"] == list(match.unmatched_mean_ratio)
    assert model.card.training["steps"] == 2
    other = LearnedSimulator(toy_onnx)
    assert other.card.response_match is None
    assert "response_match" not in other.provenance()


@pytest.mark.parametrize("n", [1, 3, 64])
def test_graph_equals_torch_at_any_batch(toy_onnx, toy_run, n):
    model = load_model(toy_run)
    noise = torch.randn(n, model.noise_size, generator=torch.Generator().manual_seed(n))
    energy = torch.linspace(1500.0, 19000.0, n)[:, None]
    session = onnxruntime.InferenceSession(str(toy_onnx), providers=["CPUExecutionProvider"])
    (ours,) = session.run(None, {"noise": noise.numpy(), "energy": energy.numpy()})
    with torch.no_grad():
        theirs = model.sample(noise, energy=energy).numpy()
    same_side = (ours > 0) == (theirs > 0)
    assert same_side.mean() > 0.999
    assert (np.abs(ours - theirs) <= 1e-4 * theirs + 1e-3)[same_side].all()


def test_nothing_is_written_where_parity_fails(toy_run, toy_onnx, tmp_path, monkeypatch):
    """A graph whose largest weight is off by 5 % must not pass for the model."""
    graph = onnx.load(toy_onnx)
    weight = max(graph.graph.initializer, key=lambda tensor: len(tensor.raw_data))
    values = onnx.numpy_helper.to_array(weight) * np.float32(1.05)
    weight.CopyFrom(onnx.numpy_helper.from_array(values, weight.name))
    monkeypatch.setattr(export_onnx, "to_onnx", lambda _: graph)
    with pytest.raises(RunError, match="differ"):
        export(toy_run, tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


def test_few_wrong_showers_are_no_rounding(toy_run, toy_onnx, tmp_path, monkeypatch):
    """Where one number of the noise is large, in six showers of a thousand, the graph gives 5 % too much energy."""
    graph = onnx.load(toy_onnx)
    maker = next(node for node in graph.graph.node if "showers" in node.output)
    maker.output[list(maker.output).index("showers")] = "raw"
    made = {"column": np.array([0]), "edge": np.float32([2.5]), "one": np.float32([1.0]), "more": np.float32([0.05])}
    graph.graph.initializer.extend(onnx.numpy_helper.from_array(value, name) for name, value in made.items())
    graph.graph.node.extend([
        NODE("Gather", ["noise", "column"], ["first"], axis=1), NODE("Greater", ["first", "edge"], ["large"]),
        NODE("Cast", ["large"], ["number"], to=onnx.TensorProto.FLOAT), NODE("Mul", ["number", "more"], ["part"]),
        NODE("Add", ["part", "one"], ["factor"]), NODE("Mul", ["raw", "factor"], ["showers"]),
    ])  # fmt: skip
    monkeypatch.setattr(export_onnx, "to_onnx", lambda _: graph)
    with pytest.raises(RunError, match="differ by up to"):
        export(toy_run, tmp_path / "model.onnx")


def test_rounding_that_a_model_amplifies(toy_run):
    model = load_model(toy_run).requires_grad_(False)
    noise, incidents = export_onnx._arguments(model, 200)
    with torch.no_grad():
        cells = export_onnx.Sampler(model)(noise[:2], *(part[:2] for part in incidents)).numpy()
    difference = np.zeros((200, cells.shape[1]), np.float32)
    assert export_onnx.amplified(model, noise, incidents, difference)
    difference[:2] = 1e-9 * cells  # smaller than what rounding does to hits
    assert export_onnx.amplified(model, noise, incidents, difference)
    difference[0, cells[0].argmax()] = 1.0
    assert not export_onnx.amplified(model, noise, incidents, difference)
    difference[:] = 1e-9
    assert not export_onnx.amplified(model, noise, incidents, difference)


def test_a_graph_that_gives_nothing_is_not_the_model(toy_run, toy_onnx, tmp_path, monkeypatch):
    """Cells on the other side of the threshold are forgiven one by one, not all of them."""
    graph = onnx.load(toy_onnx)
    maker = next(node for node in graph.graph.node if "showers" in node.output)
    maker.output[list(maker.output).index("showers")] = "raw"
    graph.graph.initializer.append(onnx.numpy_helper.from_array(np.zeros(1, np.float32), "nothing"))
    graph.graph.node.append(NODE("Mul", ["raw", "nothing"], ["showers"]))
    monkeypatch.setattr(export_onnx, "to_onnx", lambda _: graph)
    with pytest.raises(RunError, match=r"disagree on .* of the hits"):
        export(toy_run, tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


def tiny_graph(nodes, initialisers=()):
    value = lambda name: onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [2])  # noqa: E731
    tensors = [onnx.numpy_helper.from_array(np.ones(2, np.float32), name) for name in initialisers]
    graph = onnx.helper.make_graph(nodes, "g", [value("x")], [value("y")], tensors)
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 20)], ir_version=10)


NODE = onnx.helper.make_node


def test_what_only_a_choice_hides_is_refused():
    """0 / 0 is selected away here, but OpenVINO lets it through."""
    nodes = [NODE("Div", ["x", "x"], ["ratio"]), NODE("Cast", ["x"], ["hit"], to=onnx.TensorProto.BOOL),
             NODE("Where", ["hit", "ratio", "x"], ["y"])]  # fmt: skip
    graph = tiny_graph(nodes).SerializeToString()
    export_onnx.check_choices(graph, {"x": np.full(2, 5, np.float32)})
    with pytest.raises(RunError, match="'ratio' in the exported graph is not a number"):
        export_onnx.check_choices(graph, {"x": np.zeros(2, np.float32)})


def test_choices_within_loops_are_looked_at():
    """The same 0 / 0 in the second step of a loop, whose first step has 5 / 5."""
    tensor = onnx.helper.make_tensor_value_info
    body = onnx.helper.make_graph(
        [NODE("Div", ["step", "step"], ["ratio"]), NODE("Cast", ["step"], ["hit"], to=onnx.TensorProto.BOOL),
         NODE("Where", ["hit", "ratio", "step"], ["chosen"]), NODE("Add", ["state", "chosen"], ["sum"])],
        "body", [tensor("state", 1, []), tensor("step", 1, [])], [tensor("sum", 1, [])],
    )  # fmt: skip
    graph = tiny_graph([NODE("Scan", ["start", "x"], ["y"], body=body, num_scan_inputs=1)])
    graph.graph.initializer.append(onnx.numpy_helper.from_array(np.float32(0), "start"))
    graph.graph.output[0].type.tensor_type.shape.ClearField("dim")
    content = graph.SerializeToString()
    export_onnx.check_choices(content, {"x": np.full(2, 5, np.float32)})
    with pytest.raises(RunError, match="'ratio_of_y' in the exported graph is not a number"):
        export_onnx.check_choices(content, {"x": np.array([5, 0], np.float32)})


def refusal(model):
    """What the rules say against a graph."""
    try:
        check_graph(model)
    except RunError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("nodes", "initialisers", "message"),
    [
        ([NODE("RandomNormalLike", ["x"], ["y"])], [], "RandomNormalLike"),
        ([NODE("Dropout", ["x"], ["y"])], [], "Dropout"),
        ([NODE("Neg", ["x"], ["z"]), NODE("Abs", ["x"], ["y"])], [], "reaches no output"),
        ([NODE("Abs", ["x"], ["y"])], ["w"], "'w'"),
        ([NODE("Add", ["x", "w"], ["y"])], ["w"], ""),
    ],
)
def test_rules_of_the_graph(nodes, initialisers, message):
    said = refusal(tiny_graph(nodes, initialisers))
    assert message in said
    assert bool(said) == bool(message)


class WithTerm(torch.nn.Module):
    """A part whose denominator rests on a constant."""

    def __init__(self, change):
        super().__init__()
        self.change = change

    def forward(self, x):
        return x / self.change(x)


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        (lambda x: x + 1e-12, True),
        (lambda x: x - 1e-9, True),
        (lambda x: x * 1.000001, False),
        (lambda x: x.clamp(min=1e-12), False),
        (lambda x: 1e-3 + x * 1e-12, False),
        (lambda x: 1e-12 - x * 0.5, False),
    ],
)
def test_terms_that_the_exporter_leaves_out_are_refused(toy_run, monkeypatch, change, refused):
    model = load_model(toy_run).requires_grad_(False)
    sample, part = type(model).sample, WithTerm(change)
    monkeypatch.setattr(type(model), "sample", lambda self, *args, **incidents: part(sample(self, *args, **incidents)))
    with pytest.raises(RunError, match="would leave out the term") if refused else nullcontext():
        export_onnx.to_onnx(model)


def test_dropout_inside_a_branch_is_found():
    branch = onnx.helper.make_graph(
        [NODE("Dropout", ["x"], ["b"])], "b", [], [onnx.helper.make_tensor_value_info("b", 1, [2])]
    )
    nodes = [
        NODE("Constant", [], ["c"], value=onnx.helper.make_tensor("c", onnx.TensorProto.BOOL, [], [True])),
        NODE("If", ["c"], ["y"], then_branch=branch, else_branch=branch),
    ]
    assert "Dropout" in refusal(tiny_graph(nodes))


def test_the_exporter_is_silent_and_tells_its_parity(toy_export):
    path, summary, said = toy_export
    assert said == ""
    assert summary.bytes == path.stat().st_size
    assert summary.nodes == len(onnx.load(path).graph.node)
    assert summary.flips < 1e-3 * 26 * 1000
    assert summary.parity < 1.0


def test_the_graph_has_few_nodes_and_tells_the_part_of_each(toy_export, graph):
    """Every node costs time for each call; searches, softmax and gathers of columns cost the most."""
    _, summary, _ = toy_export
    assert summary.nodes <= 510
    kinds = [node.op_type for node in graph.graph.node]
    assert not {"Softmax", "Gather", "GatherND", "ScatterElements"} & set(kinds)
    assert kinds.count("Softplus") == 1
    parts = {node.name.rpartition("/")[0] for node in graph.graph.node}
    assert {"layer_flow.blocks.1.spline", "cell_flow.blocks.0.ranges", "cell_flow.blocks.1.local"} <= parts


def test_a_flow_without_splines_is_exported(tiny_training, tmp_path):
    """The export compares its showers with those of PyTorch."""
    cells = {"blocks": 4, "plain": 4, "hidden": 8, "depth": 1}
    run = tiny_training("coupling-flow", model={"kind": "coupling-flow", "cells": cells, "local": 4, "seeing": 2,
                                                "slim": True, "edges": [1, 10]})  # fmt: skip
    summary = export_onnx.export(run, tmp_path / "slim.onnx")
    parts = {node.name.rpartition("/")[0] for node in onnx.load(tmp_path / "slim.onnx").graph.node}
    assert {"cell_flow.blocks.0.local", "cell_flow.blocks.1.local", "cell_flow.blocks.1.ranges"} <= parts
    assert not {part for part in parts if part.startswith("cell_flow") and part.endswith("spline")}
    assert summary.parity < 1.0


def test_the_exported_graph_keeps_the_rules(graph):
    assert refusal(graph) == ""


def test_a_model_says_nothing_of_the_machine_that_made_it(toy_onnx):
    assert str(Path(caloforge.__file__).parent).encode() not in toy_onnx.read_bytes()


def test_cells_of_each_layer_are_cut_at_its_threshold(small, toy):
    """Models cut at the lowest threshold; the exported graph at each layer's own."""
    text = small.toml.replace("[layer.cells]", 'threshold = "20 MeV"\n\n[layer.cells]', 1)
    detector = Detector.from_toml(text)
    showers = toy(detector, 300, seed=2)
    sizes = FlowConfig(blocks=2, hidden=8, bins=4)
    model = build(CouplingFlowConfig(layers=sizes, cells=sizes), detector, Domain.of_showers(showers)).eval()
    model.fit(showers)
    noise = torch.randn(5000, model.noise_size, generator=torch.Generator().manual_seed(1))
    energy = torch.full((5000, 1), 1e4)
    with torch.no_grad():
        raw, cut = model.sample(noise, energy=energy).numpy(), export_onnx.Sampler(model)(noise, energy).numpy()
    np.testing.assert_array_equal(cut, np.where(raw >= detector.thresholds, raw, 0))
    assert (cut != raw).any()
    seen = Batch.of(showers).cells.numpy()
    np.testing.assert_array_equal(seen, showers.thresholded())
    assert (seen != showers.energies).any()
