"""Networks trained elsewhere become models that every verb takes."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from scipy.stats import norm

from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.export.foreign_model import import_model
from caloforge.seeds import normal_noise
from caloforge.showers import Incidents
from caloforge.simulators.learned import LearnedSimulator

LATENT, LABELS = 6, 4
DETECTOR = """
name = "cube"
[readout]
threshold = "0.01 MeV"
[[layer]]
copies = 2
plates = [{material = "G4_Pb", thickness = "2 mm"}]
counts = ["G4_Pb"]
cells = {kind = "cartesian", n = [3, 4], size = ["10 mm", "10 mm"]}
"""
SPEC = """
name = "stranger"
detector = "cube.toml"
particles = ["e-", "gamma"]
[ranges]
energy = ["10 GeV", "13 GeV"]
[[input]]
name = "z"
from = "noise"
distribution = "uniform"
shape = [2, 3]
[[input]]
name = "label"
from = "energy"
labels = ["10 GeV", "11 GeV", "12 GeV", "13 GeV"]
one_hot = true
[[input]]
name = "log_energy"
from = "energy"
function = "log10"
scale = 0.25
offset = -1.0
[[input]]
name = "kind"
from = "pdg"
labels = ["gamma", "e-"]
[output]
name = "image"
shape = [3, 4, 2]
axes = [2, 0, 1]
scale = 1e-3
per_energy = true
"""
rng = np.random.default_rng(4)
WEIGHTS = {name: rng.standard_normal((n, 24)).astype(np.float32) for name, n in {"z": LATENT, "label": LABELS}.items()}


def write_network(path: Path, opset: int = 13, extra: tuple[onnx.NodeProto, ...] = ()) -> Path:
    """image (N, x, y, layer) = flat z W + label V + log_energy - kind, with a second output that is not used."""
    nodes = [
        helper.make_node("Flatten", ["z"], ["flat"], axis=1),
        helper.make_node("MatMul", ["flat", "z_w"], ["a"]),
        helper.make_node("MatMul", ["label", "label_w"], ["b"]),
        helper.make_node("Cast", ["kind"], ["kind_f"], to=1),
        helper.make_node("Sum", ["a", "b", "log_energy"], ["sum"]),
        helper.make_node("Sub", ["sum", "kind_f"], ["flat_image"]),
        helper.make_node("Reshape", ["flat_image", "shape"], ["image"]),
        helper.make_node("Add", ["a", "unused"], ["debug"]),
        *extra,
    ]
    constants = {f"{n}_w": w for n, w in WEIGHTS.items()}
    constants |= {"shape": np.array([-1, 3, 4, 2]), "unused": np.ones(24, np.float32)}
    port = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes, "net",
        [port("z", 1, ["B", 2, 3]), port("label", 1, ["B", LABELS]), port("log_energy", 1, ["B", 1]),
         port("kind", TensorProto.INT32, ["B", 1])],
        [port("image", 1, ["B", 3, 4, 2]), port("debug", 1, ["B", 24])],
        [numpy_helper.from_array(v, n) for n, v in constants.items()],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "cube.toml").write_text(DETECTOR)
    write_network(tmp_path / "net.onnx")
    return tmp_path


def wrapped(folder: Path, spec: str) -> LearnedSimulator:
    (folder / "spec.toml").write_text(spec)
    import_model(folder / "net.onnx", folder / "spec.toml", folder / "out.onnx")
    return LearnedSimulator(folder / "out.onnx")


def reference(incidents: Incidents) -> np.ndarray:
    """The network and its translation in numpy: cells (N, layer * x * y) [MeV]."""
    z = norm.cdf(normal_noise(7, incidents.shower_id, LATENT, "noise"))
    nearest = np.abs(incidents.energy[:, None] - np.array([10e3, 11e3, 12e3, 13e3])).argmin(1)
    log_energy = 0.25 * np.log10(incidents.energy[:, None]) - 1
    kind = (incidents.pdg == 11)[:, None]
    image = z @ WEIGHTS["z"] + np.eye(LABELS)[nearest] @ WEIGHTS["label"] + log_energy - kind
    cells = image.reshape(-1, 3, 4, 2).transpose(0, 3, 1, 2).reshape(-1, 24) * 1e-3 * incidents.energy[:, None]
    return np.where(cells >= 0.01, cells, 0)


def test_wrapped_network_is_the_network_with_its_translation(folder: Path) -> None:
    simulator = wrapped(folder, SPEC)
    incidents = Incidents.make(np.tile([11, 22], 25), np.linspace(10e3, 13e3, 50))
    ours = simulator.simulate(incidents, 7).energies
    np.testing.assert_allclose(ours, reference(incidents), rtol=1e-4, atol=1e-3)
    assert (ours > 0).mean() > 0.3
    assert simulator.detector == Detector.from_toml(DETECTOR)
    assert simulator.card.pdgs == (11, 22)


def test_cells_may_be_picked_one_by_one(folder: Path) -> None:
    """A reversed output with an unknown first cell."""
    places = [-1, *range(22, -1, -1)]
    plain, picked = (wrapped(folder, spec) for spec in (SPEC, SPEC.replace("axes =", f"cells = {places}\naxes =")))
    incidents = Incidents.make("gamma", [10e3, 12.4e3])
    ours, theirs = (s.simulate(incidents, 7).energies for s in (picked, plain))
    np.testing.assert_array_equal(ours[:, 0], 0)
    np.testing.assert_allclose(ours[:, 1:], theirs[:, 22::-1], rtol=1e-5)


def test_outside_its_range_it_is_refused(folder: Path) -> None:
    with pytest.raises(InputError, match="9 GeV"):
        wrapped(folder, SPEC).simulate(Incidents.make("gamma", 9e3), 7)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('name = "z"', 'name = "zz"'), "did you mean 'z'"),
        (('name = "image"', 'name = "imag"'), "did you mean 'image'"),
        (("shape = [3, 4, 2]", "shape = [3, 4, 3]"), "36 cells"),
        (("axes = [2, 0, 1]", "axes = [2, 0, 2]"), "axes"),
        (("axes = [2, 0, 1]", "cells = [99]"), "place 99"),
        (("shape = [2, 3]", ""), "noise needs the shape"),
        (("shape = [2, 3]", "shape = [2, 4]"), "does not work as described"),
        (('function = "log10"', 'function = "lg"'), "function"),
        (('labels = ["gamma", "e-"]', ""), "need labels"),
        (('labels = ["gamma", "e-"]', 'labels = ["gama"]'), "did you mean 'gamma'"),
        (("per_energy", "per_enrgy"), "did you mean 'per_energy'"),
        (('detector = "cube.toml"', 'detector = "cubes"'), "unknown detector"),
        (('from = "noise"', 'from = "nose"'), "from"),
    ],
)
def test_wrong_spec_is_named_and_nothing_written(change: tuple[str, str], said: str, folder: Path) -> None:
    with pytest.raises(InputError, match=said):
        wrapped(folder, SPEC.replace(*change))
    assert sorted(p.name for p in folder.iterdir()) == ["cube.toml", "net.onnx", "spec.toml"]


def test_every_input_must_be_described(folder: Path) -> None:
    head, tail = SPEC.split('[[input]]\nname = "kind"')
    with pytest.raises(InputError, match="'kind'"):
        wrapped(folder, head + "[output]" + tail.split("[output]")[1])


def test_nan_is_refused_and_is_no_empty_cell(folder: Path) -> None:
    """The network takes the logarithm of negative numbers; the threshold must not hide the NaN."""
    model = onnx.load(folder / "net.onnx")
    place = next(k for k, node in enumerate(model.graph.node) if node.op_type == "Reshape")
    model.graph.node[place].input[0] = "logged"
    model.graph.node.insert(place, helper.make_node("Log", ["flat_image"], ["logged"]))
    (folder / "net.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(InputError, match="negative or not finite"):
        wrapped(folder, SPEC)


def test_a_fixed_batch_is_refused(folder: Path) -> None:
    model = onnx.load(folder / "net.onnx")
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    (folder / "net.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(InputError, match="has a fixed batch of 1: export with a free batch axis"):
        wrapped(folder, SPEC)


@pytest.mark.parametrize("damage", ["random", "half", "external", "domain", "dice", "missing"])
def test_strange_files_are_refused(damage: str, folder: Path) -> None:
    path = folder / "net.onnx"
    whole = path.read_bytes()
    model = onnx.load(path)
    if damage == "external":
        tensor = model.graph.initializer[0]
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="../../etc/passwd")
    if damage == "domain":
        model.opset_import.append(helper.make_opsetid("com.stranger", 1))
    contents = {"random": np.random.default_rng(0).bytes(300), "half": whole[: len(whole) // 2]}
    if damage == "dice":
        dice = helper.make_node("RandomNormalLike", ["log_energy"], ["dice"])
        model.graph.node.insert(0, dice)
        for node in model.graph.node:
            node.input[:] = ["dice" if n == "log_energy" and node.op_type == "Sum" else n for n in node.input]
    path.write_bytes(contents.get(damage, model.SerializeToString()))
    if damage == "missing":
        path.unlink()
    with pytest.raises(InputError):
        wrapped(folder, SPEC)
    assert not (folder / "out.onnx").exists()


def test_layers_have_their_own_thresholds(folder: Path) -> None:
    """The second layer's is 3 GeV."""
    layer = DETECTOR.partition("[[layer]]")[2].replace("copies = 2", "")
    text = f'{DETECTOR.replace("copies = 2", "")}[[layer]]{layer}threshold = "3 GeV"\n'.replace(
        'cells = {kind = "cartesian", n = [3, 4], size = ["10 mm", "10 mm"]}\nthreshold = "3 GeV"',
        'threshold = "3 GeV"\ncells = {kind = "cartesian", n = [3, 4], size = ["10 mm", "10 mm"]}',
    )
    incidents = Incidents.make("gamma", np.linspace(10e3, 13e3, 20))
    plain = wrapped(folder, SPEC).simulate(incidents, 7).energies
    (folder / "cube.toml").write_text(text)
    simulator = wrapped(folder, SPEC)
    own = simulator.simulate(incidents, 7).energies
    limits = np.repeat(np.float32([0.01, 3e3]), 12)
    assert ((plain > 0) & (plain < limits)).any()
    np.testing.assert_array_equal(own, np.where(plain >= limits, plain, 0))
    assert simulator.card.threshold == 0.01


ROWS = Path(__file__).parents[2] / "examples" / "par04"


def par04_network(path: Path) -> np.ndarray:
    """One input row of 14 numbers, as Geant4's Par04 feeds it: image (N, r * phi * z) = |row W|; W."""
    weights = rng.standard_normal((14, 18 * 50 * 45)).astype(np.float32) * 1e-3
    nodes = [helper.make_node("MatMul", ["input", "w"], ["a"]), helper.make_node("Abs", ["a"], ["output"])]
    port = helper.make_tensor_value_info
    graph = helper.make_graph(nodes, "net", [port("input", 1, ["B", 14])], [port("output", 1, ["B", 40500])],
                              [numpy_helper.from_array(weights, "w")])  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return weights


def test_one_packed_row_with_constants_and_derived_columns(tmp_path: Path) -> None:
    """The spec of Geant4's example Par04: 10 latent numbers, energy, angle, two constants; axes r, phi, z."""
    weights = par04_network(tmp_path / "net.onnx")
    import_model(tmp_path / "net.onnx", ROWS / "import.toml", tmp_path / "out.onnx")
    simulator = LearnedSimulator(tmp_path / "out.onnx")
    incidents = Incidents.make("e-", [1e3, 64e3, 1e6], theta=[0.0, 0.3, 0.7])
    ours = simulator.simulate(incidents, 7).energies
    columns = [normal_noise(7, incidents.shower_id, 10, "noise"), incidents.energy[:, None] / 1_024_000,
               (np.pi / 2 - incidents.theta[:, None]) / 1.5708, np.tile([0.0, 1.0], (3, 1))]  # fmt: skip
    image = np.abs(np.hstack(columns) @ weights).reshape(3, 18, 50, 45) * incidents.energy[:, None, None, None]
    cells = image.transpose(0, 3, 2, 1).reshape(3, -1)
    np.testing.assert_allclose(ours, np.where(cells >= 0.0005, cells, 0), rtol=1e-5, atol=1e-3)
    assert simulator.detector.layers[0].cells.shape == (50, 18)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("values = [0, 1]", "values = [0, 1, 0]", "does not work as described"),
        ("values = [0, 1]", "", "a constant needs values"),
        ('from = "theta"', 'from = "theta"\nvalues = [1]', "other inputs have none"),
    ],
)
def test_packed_rows_that_do_not_fit(tmp_path: Path, old: str, new: str, said: str) -> None:
    par04_network(tmp_path / "net.onnx")
    text = (ROWS / "import.toml").read_text()
    assert old in text
    (tmp_path / "import.toml").write_text(text.replace(old, new))
    (tmp_path / "detector.toml").write_text((ROWS / "detector.toml").read_text())
    with pytest.raises(InputError, match=said):
        import_model(tmp_path / "net.onnx", tmp_path / "import.toml", tmp_path / "out.onnx")
