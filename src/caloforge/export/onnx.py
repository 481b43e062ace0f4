"""Export a trained model as one ONNX file in physical units, checked against PyTorch before it is written."""

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from caloforge.errors import RunError
from caloforge.export.folding import folded
from caloforge.export.graph import check_graph, check_terms, forget_sources, name_by_part
from caloforge.export.indices import narrow_indices
from caloforge.files import replacing
from caloforge.models import Model
from caloforge.seeds import generator
from caloforge.showers.domain import network_inputs
from caloforge.showers.incidents import Incidents
from caloforge.simulators import onnx_rules
from caloforge.simulators.model_card import DetectorCard, ModelCard, Ranges, ResponseCard
from caloforge.simulators.onnx_file import sealed
from caloforge.training.record import training_record
from caloforge.training.response import match_of
from caloforge.training.run import TrainingFolder, load_model

OPSET = 20
PARITY_SHOWERS = 1000
RELATIVE = 1e-4
ABSOLUTE = 1e-3  # MeV
STRAY, STRAYS = 1e-2, 1e-4  # bound in place of RELATIVE for a share of at most STRAYS of the cells
ROUNDING = 1e-6  # relative change of the noise
UNSTEADY, TRIES = 1e-2, 64  # largest share of showers that amplify rounding, and changes of the noise that show it
FLIPS = 1e-3  # share of the cells that rounding may move across the threshold


@dataclass(frozen=True)
class ExportSummary:
    """Outcome of an export.

    Attributes:
        nodes: nodes of the graph.
        bytes: size of the file.
        parity: largest |onnx - torch| [MeV] over the parity showers, without threshold flips.
        flips: number of cells above the threshold on one side only.
    """

    nodes: int
    bytes: int
    parity: float
    flips: int

    def __str__(self) -> str:
        """The outcome in one line."""
        size = f"{self.bytes / 2**20:.1f} MiB, {self.nodes} nodes"
        return f"{size}; ONNX Runtime and PyTorch differ by at most {self.parity:.2g} MeV, {self.flips} threshold flips"


class Sampler(nn.Module):
    """`Model.sample` with the noise and the named inputs as positional arguments, as the exporter needs.

    Models cut at the lowest threshold. If layers have their own thresholds, this module applies them.
    """

    thresholds: Tensor

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model
        self.register_buffer("thresholds", torch.from_numpy(model.detector.thresholds), persistent=False)

    def forward(self, noise: Tensor, *incidents: Tensor) -> Tensor:
        """Cells (N, n_cells) [MeV]."""
        cells: Tensor = self.model.sample(noise, **dict(zip(self.model.inputs, incidents, strict=True)))
        return cells if self.model.detector.has_one_threshold else torch.where(cells >= self.thresholds, cells, 0.0)


def export(run: Path, output: Path) -> ExportSummary:
    """Write the trained model of a run directory as one ONNX file.

    Raises:
        InputError: not the folder of a training, or an output that cannot be written.
        RunError: the graph breaks a rule or disagrees with PyTorch; nothing is written.
    """
    folder = TrainingFolder(run)
    model = load_model(run).requires_grad_(False)
    graph = to_onnx(model)
    check_graph(graph)
    content = sealed(graph.SerializeToString(), card(model, folder))
    onnx_rules.check(content)
    parity, flips = check_parity(content, model)
    with replacing(output) as beside:
        beside.write_bytes(content)
    return ExportSummary(len(graph.graph.node), len(content), parity, flips)


def card(model: Model, folder: TrainingFolder) -> ModelCard:
    """Metadata of a trained model."""
    detector, domain, provenance = model.detector, model.domain, folder.provenance
    versions = {"onnx": onnx.__version__, "onnxruntime": onnxruntime.__version__, "opset": str(OPSET)}
    whole = ModelCard(
        name=folder.config.model.kind,
        detector=DetectorCard(name=detector.name, hash=detector.hash, toml=detector.toml),
        n_cells=detector.n_cells,
        pdgs=domain.pdgs,
        noise=model.noise_size,
        threshold=detector.threshold,
        ranges=Ranges(energy=domain.energy, theta=domain.theta, phi=domain.phi, position=domain.position),
        versions=provenance["versions"] | versions,
        response_match=_response(model, folder),
        training=provenance["training"] | folder.pace | {"record": training_record(folder, model)},
    )
    return whole.completed(detector)


def _response(model: Model, folder: TrainingFolder) -> ResponseCard | None:
    """Response calibration of the graph, with the response measured without it; None if there is none."""
    if match_of(model) is None:
        return None
    return ResponseCard.build(folder.response or {}, str(folder.response_file))


def to_onnx(model: Model) -> onnx.ModelProto:
    """Graph of `model.sample` for any number of showers.

    Raises:
        RunError: the optimiser would leave out a small number of the model.
    """
    noise, incidents = _arguments(model, 3)
    batch = torch.export.Dim("N", min=1, max=2**31 - 1)
    with _silent():
        program = torch.onnx.export(
            Sampler(folded(model).eval().requires_grad_(False)),
            (noise, *incidents),
            input_names=["noise", *model.inputs],
            output_names=["showers"],
            dynamic_shapes=({0: batch}, tuple({0: batch} for _ in incidents)),
            opset_version=OPSET,
            dynamo=True,
            optimize=False,
        )
        assert program is not None
        check_terms(program.model_proto)
        program.optimize()
    proto: onnx.ModelProto = program.model_proto
    name_by_part(proto)
    forget_sources(proto)
    narrow_indices(proto)
    return proto


def check_parity(content: bytes, model: Model) -> tuple[float, int]:
    """Largest difference [MeV] and number of threshold flips between ONNX Runtime and PyTorch.

    Raises:
        RunError: the graph does not run; of the cells on the same side of the threshold, more than one in ten thousand
            has |a - b| > 1e-4 a + 1e-3 MeV, or any has 1e-2 a + 1e-3 MeV and is not `amplified`; more than one cell in
            a thousand is on the other side; or an input of a `Where` is NaN.
    """
    noise, incidents = _arguments(model, PARITY_SHOWERS)
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    feeds = {"noise": noise.numpy()} | {n: v.numpy() for n, v in zip(model.inputs, incidents, strict=True)}
    try:
        ours: NDArray[np.float32] = session.run(None, feeds)[0]
    except Exception as error:
        raise RunError(f"ONNX Runtime cannot run the exported graph: {str(error).splitlines()[0]}") from None
    with torch.no_grad():
        theirs = Sampler(model)(noise, *incidents).numpy()
    flipped = (ours > 0) != (theirs > 0)
    difference = np.where(flipped, 0.0, np.abs(ours - theirs))
    strays = (difference > RELATIVE * np.abs(theirs) + ABSOLUTE).mean()
    far = difference > STRAY * np.abs(theirs) + ABSOLUTE
    if not np.isfinite(ours).all() or strays > STRAYS or not amplified(model, noise, incidents, difference * far):
        raise RunError(
            f"ONNX Runtime and PyTorch differ by up to {difference.max():g} MeV in a cell; nothing is written"
        )
    if flipped.mean() > FLIPS:
        raise RunError(f"ONNX Runtime and PyTorch disagree on {flipped.mean():.2%} of the hits; nothing is written")
    check_choices(content, feeds)
    return float(difference.max()), int(flipped.sum())


def amplified(model: Model, noise: Tensor, incidents: tuple[Tensor, ...], difference: NDArray[np.float32]) -> bool:
    """Whether differences (N, n_cells) [MeV] are rounding that the model amplifies, which flows do to few showers.

    PyTorch's own cells then move as far when the noise changes by rounding.
    """
    rows = np.flatnonzero(difference.any(1))
    if len(rows) > UNSTEADY * len(difference):
        return False
    for row in rows.tolist():
        change = generator(0, row, "rounding").standard_normal((TRIES, noise.shape[1]), dtype=np.float32)
        same = (part[row : row + 1].repeat(TRIES, 1) for part in incidents)
        with torch.no_grad():
            cells = Sampler(model)(noise[row] * (1 + ROUNDING * torch.from_numpy(change)), *same)
        if (difference[row] > (cells.amax(0) - cells.amin(0)).numpy()).any():
            return False
    return True


def check_choices(content: bytes, feeds: dict[str, Any]) -> None:
    """Reject graphs in which a `Where` masks a NaN; some runtimes let it through.

    Raises:
        RunError: an input of a `Where` is NaN for some shower.
    """
    graph = onnx.load_from_string(content)
    made = _offered(graph.graph)
    del graph.graph.output[:]
    graph.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in made)
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    for name, values in zip(made, session.run(made, feeds) if made else [], strict=True):
        if values.dtype.kind == "f" and np.isnan(values).any():
            raise RunError(f"'{name}' in the exported graph is not a number for some showers; nothing is written")


def _offered(graph: onnx.GraphProto) -> list[str]:
    """Names of all inputs of `Where` nodes, also those within loops, which become outputs of the loops."""
    offered = {name for node in graph.node if node.op_type == "Where" for name in node.input[1:]}
    made = [name for node in graph.node for name in node.output if name in offered]
    for node in graph.node:
        for body in (a.g for a in node.attribute if node.op_type in ("Scan", "Loop") and a.name == "body"):
            for name in _offered(body):
                given = f"{name}_of_{node.output[0]}"
                body.node.append(onnx.helper.make_node("Identity", [name], [given]))
                body.output.append(onnx.helper.make_empty_tensor_value_info(given))
                node.output.append(given)
                made.append(given)
                for attribute in node.attribute:
                    if attribute.name in ("scan_output_directions", "scan_output_axes"):
                        attribute.ints.append(0)
    return made


def _arguments(model: Model, n: int) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Noise and incidents drawn evenly from the model's domain."""
    random = generator(0, n, "parity")
    domain = model.domain
    incidents = Incidents.make(
        random.choice(domain.pdgs, n),
        random.uniform(*domain.energy, n),
        theta=random.uniform(*domain.theta, n),
        phi=random.uniform(*domain.phi, n),
        position=np.stack([random.uniform(low, high, n) for low, high in domain.position], 1),
    )
    named: dict[str, Any] = network_inputs(incidents)
    noise = random.standard_normal((n, model.noise_size), dtype=np.float32)
    return torch.from_numpy(noise), tuple(torch.from_numpy(named[name]) for name in model.inputs)


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Silence the exporter's progress lines and its libraries' deprecation warnings."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
